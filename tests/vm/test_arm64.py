#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_arm64.py: the cross build under Debian's arm64 kernels, emulated: exact counts with each
kind of probe, whole stacks, and the unit tests that qemu-user is too little for.  Each kernel is
booted with the cross build's system root (boot.py)."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../bpf")]
sys.dont_write_bytecode = True
import boot  # noqa: E402
import harness  # noqa: E402
from harness import check, equal, skip  # noqa: E402

# What doctor has to say.  fentry needs ftrace's direct calls, which arm64 has since 6.4.
KERNELS = {
    "cloud-arm64": ("6.1", {"session": "no: Invalid argument",
                            "uprobe_multi": "no: Invalid argument", "perf_event": "yes",
                            "fentry": "no: Unknown error 524", "kprobe": "yes",
                            "tracepoint": "yes"}),
    "6.12-cloud-arm64": ("6.12", {"session": "no: Invalid argument", "uprobe_multi": "yes",
                                  "perf_event": "yes", "fentry": "yes", "kprobe": "yes",
                                  "tracepoint": "yes"}),
}
CORE = ("test_family,test_cross[,test_realloc_fail,test_threads,test_exec,test_maps,test_nested,"
        "test_brk")
STACKS = ("test_chains[perf], test_static, test_exceptions, test_jit, test_signed, test_stripped, "
          "test_loaded_late, test_deleted, test_return_probes").split(", ")
# They read their own process through /proc.
UNIT = {"test_names": 5, "test_names_files": 3, "test_rows": 8, "test_mimalloc": None}
PART = "==== "
TESTS = {}
said = {}

ALL = """
export HEAPWATCH_TIMEOUT=600
part() { echo; echo "==== $1"; }
part doctor; %(build)s/heapwatch doctor; echo exit $?
part core; python3 tests/bpf/test_watch.py --build %(build)s --only '%(core)s'
part stacks; python3 tests/bpf/test_stacks.py --build %(build)s --only '%(stacks)s'
for t in %(unit)s; do part $t; %(build)s/unit/$t; echo exit $?; done
%(build)s/fixtures/nofp/chains </dev/zero >/dev/null & pid=$!
sleep 2
part explain; %(build)s/heapwatch explain --json -p $pid; echo exit $?
"""


def part(kernel, name):
    """What that part printed; one boot is all of it."""
    if kernel not in said:
        command = ALL % {"build": harness.BUILD, "core": CORE, "stacks": ",".join(STACKS),
                         "unit": " ".join(UNIT)}
        try:
            code, said[kernel] = boot.run(kernel, command, timeout=3000,
                                          root=os.path.join(harness.BUILD, "sysroot"))
        except boot.Missing as e:
            skip(str(e))
        check(code >= 0, "the machine ended:\n" + said[kernel])
    parts = dict(p.split("\n", 1) for p in said[kernel].split(PART)[1:])
    check(name in parts, "no part %s in:\n%s" % (name, said[kernel]))
    return parts[name]


def test_doctor(kernel):
    version, want = KERNELS[kernel]
    doctor = part(kernel, "doctor")
    check(re.match(r"Linux %s\.\S+ on aarch64\n" % re.escape(version), doctor),
          "it is not %s: %s" % (version, doctor[:60]))
    check("exit 0" in doctor, doctor)
    answers = dict(re.findall(r"^  ([a-z_]+) +((?:yes|no).*)$", doctor, re.M))
    equal({k: v for k, v in answers.items() if k in want}, want, "doctor's answers")


def test_core(kernel):
    """Exact counts, with every kind of probe that this kernel has."""
    out = part(kernel, "core")
    sums = harness.TALLY.findall(out)
    check(sums and sums[-1][1] == "0", out)
    works = KERNELS[kernel][1]
    kinds = [k for k, name in harness.KINDS.items() if works[name] == "yes"]
    kinds += [k for k in ("fentry", "kprobe", "tracepoint") if works[k] == "yes"]
    for kind in kinds:
        check("ok test_maps[%s]" % kind in out, "nothing was counted with %s:\n%s" % (kind, out))


def test_stacks(kernel):
    out = part(kernel, "stacks")
    for name in STACKS:
        check("ok %s " % name in out, "%s did not pass:\n%s" % (name, out))


def test_unit(kernel):
    for name, n in UNIT.items():
        out = part(kernel, name)
        check("exit 0" in out, out)
        passed = len(re.findall(r"^\[       OK \]", out, re.M))
        check(passed == n or n is None and passed, "%s: %d passed:\n%s" % (name, passed, out))


def test_explain(kernel):
    """The whole of it is told: its mappings are above 2^47."""
    out = part(kernel, "explain")
    check("exit 0" in out, out)
    lines = dict(re.findall(r'"what":"([^"]+)","bytes":(-?\d+)', out))
    equal(lines.get("unexplained"), "0", "unexplained bytes of " + out)
    check(int(lines.get("main stack", 0)) > 0, "no stack in " + out)


def collect():
    for kernel, (version, _) in KERNELS.items():
        for fn in (test_doctor, test_core, test_stacks, test_unit, test_explain):
            TESTS["%s[%s]" % (fn.__name__, version)] = lambda fn=fn, k=kernel: fn(k)


if __name__ == "__main__":
    collect()
    os.chdir(os.path.join(HERE, "../.."))
    harness.main(TESTS)
