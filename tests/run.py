#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""run.py [--build DIR] [--fuzz-seconds N] SUITE...: run test suites, sum up what they say.

Suites: check (style, layers, headers, warnings), unit (no root), fuzz, bpf (real probes, root), vm
(the same on other kernels: the fast part), vm-whole, vm-arm64 (a cross build on arm64's).
Prints every failure and every skip with its reason, and closes with "N passed, N failed, N
skipped".  The exit code is 1 where something failed."""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402

TALLY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, name):
        self.passed += 1
        print("ok   %s" % name, flush=True)

    def fail(self, name, why):
        self.failed += 1
        print("FAIL %s\n%s" % (name, "\n".join("     " + l for l in why.splitlines()[-60:])),
              flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print("skip %s: %s" % (name, why), flush=True)


def check(tally, args):
    for name, fn in lint.CHECKS:
        why = fn(args.build)
        if why:
            tally.fail("check: " + name, why)
        else:
            tally.ok("check: " + name)


def unit(tally, args):
    env = {**os.environ, **({"HEAPWATCH_EMULATED": "1"} if args.emulator else {})}
    if args.emulator and not shutil.which(args.emulator.split()[0]):
        tally.fail("unit", "no %s: apt-get install qemu-user-static" % args.emulator.split()[0])
        return
    programs = sorted(glob.glob(os.path.join(args.build, "unit", "test_*")))
    programs = [p for p in programs if os.access(p, os.X_OK) and not p.endswith(".d")]
    sources = {os.path.basename(p)[:-2] for p in glob.glob("tests/unit/test_*.c")}
    for p in programs:
        name = os.path.basename(p)
        if name not in sources:
            continue
        sources.discard(name)
        r = subprocess.run([*args.emulator.split(), p], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", timeout=600, env=env)
        count(tally, "unit: " + name, r)
    for name in sorted(sources):
        tally.fail("unit: " + name, "it was not built")


def count(tally, name, r):
    """cmocka: one line "[ OK ] name" for each test, and a sum on stderr."""
    ok = len(re.findall(r"^\[       OK \]", r.stdout, re.M))
    bad = set(re.findall(r"^\[  FAILED  \] (?!\d+ test)(?:tests?: )?(\S+)$", r.stdout, re.M))
    skipped = set(re.findall(r"^\[  SKIPPED \] (?!\d+ test)(\S+)$", r.stdout, re.M))
    tally.passed += ok
    for test in sorted(skipped):
        tally.skip("%s %s" % (name, test), "it says: " + reason(r.stdout))
    if r.returncode or bad:
        tally.fail(name, r.stdout)
        tally.failed += max(len(bad) - 1, 0)
    elif not ok and not skipped:
        tally.fail(name, "no test ran\n" + r.stdout)
    else:
        print("ok   %s (%d tests)" % (name, ok), flush=True)


def reason(out):
    said = re.findall(r"^skip: (.*)$", out, re.M)
    return "; ".join(said) if said else "nothing"


def fuzz(tally, args):
    for source in sorted(glob.glob("tests/fuzz/fuzz_*.c")):
        name = os.path.basename(source)[:-2]
        program = os.path.join(args.build, "fuzz", name)
        if not os.access(program, os.X_OK):
            tally.fail("fuzz: " + name, "it was not built")
            continue
        corpus = os.path.join("tests/fuzz/corpus", name[len("fuzz_"):])
        with tempfile.TemporaryDirectory() as grown:
            r = subprocess.run([program, "-max_total_time=%d" % args.fuzz_seconds, "-timeout=10",
                                "-print_final_stats=1", "-artifact_prefix=%s/" % args.build,
                                grown, corpus],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace")
        runs = re.search(r"number_of_executed_units: *(\d+)", r.stdout)
        if r.returncode or not runs:
            tally.fail("fuzz: " + name, r.stdout)
        else:
            tally.ok("fuzz: %s (%s inputs)" % (name, runs.group(1)))


def bpf(tally, args):
    scripts(tally, args, sorted(glob.glob("tests/bpf/test_*.py")), [])


# A machine's CPUs are one of ours where it is emulated.
VM_PARTS = [["--only", "this machine"], ["--only", "[6.1]"], ["--only", "[6.12]"]]


def vm(tally, args):
    at_once(tally, args, "tests/vm/test_vm.py", VM_PARTS)


def vm_whole(tally, args):
    at_once(tally, args, "tests/vm/test_vm.py", [["--whole", *part] for part in VM_PARTS])


def vm_arm64(tally, args):
    at_once(tally, args, "tests/vm/test_arm64.py", [["--only", "[6.1]"], ["--only", "[6.12]"]])


def scripts(tally, args, paths, options):
    for script in paths:
        ended(tally, script, started(args, script, options))


def at_once(tally, args, script, each):
    for p in [started(args, script, options) for options in each]:
        ended(tally, script, p)


def started(args, script, options):
    # Into a file: a pipe that nobody reads yet would be full some time.
    out = tempfile.TemporaryFile("w+", errors="replace")
    return out, subprocess.Popen([sys.executable, script, "--build", args.build, *options],
                                 stdout=out, stderr=subprocess.STDOUT)


def ended(tally, script, running):
    out, process = running
    name = "%s: %s" % (script.split("/")[1], os.path.basename(script)[:-3])
    try:
        process.wait(timeout=7200)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
    out.seek(0)
    text = out.read()
    print(text, end="", flush=True)
    sums = TALLY.findall(text)
    if not sums:
        tally.fail(name, "it ended without a sum, with exit code %d" % process.returncode)
        return
    passed, failed, skipped = map(int, sums[-1])
    tally.passed += passed
    tally.failed += failed
    tally.skipped += skipped
    if process.returncode and not failed:
        tally.fail(name, "exit code %d" % process.returncode)


SUITES = {"check": check, "unit": unit, "fuzz": fuzz, "bpf": bpf, "vm": vm, "vm-whole": vm_whole,
          "vm-arm64": vm_arm64}


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--build", default="build")
    a.add_argument("--emulator", default="", help="what runs the unit tests' programs")
    a.add_argument("--fuzz-seconds", type=int, default=10)
    a.add_argument("suites", nargs="+", choices=sorted(SUITES), metavar="SUITE")
    args = a.parse_args()
    tally = Tally()
    for s in args.suites:
        start = time.monotonic()
        SUITES[s](tally, args)
        print("---- %s took %.0f s" % (s, time.monotonic() - start), flush=True)
    print("%d passed, %d failed, %d skipped" % (tally.passed, tally.failed, tally.skipped))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
