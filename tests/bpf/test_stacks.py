#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_stacks.py: whole stacks, frame by frame, in code without frame pointers."""
import json
import os
import re
import subprocess
import time

import harness
import perf
from harness import Lines, Watch, check, equal, main, scratch, skip, start

TESTS = {}
# What the C library calls the first function of a thread and of the program.
ROOTS = ("_start", "clone3", "__clone3", "__GI___clone3", "clone", "__clone", "thread_start")


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def names(site):
    """A part that the compiler put elsewhere is its function's."""
    return ["[jit]" if f["module"] == "[jit]" else
            f["function"] and f["function"].removesuffix(".cold") for f in site["frames"]]


def match(got, want):
    """want may have * for frames of libraries, as many as there are."""
    if not want:
        return True
    if want[0] == "*":
        return any(match(got[i:], want[1:]) for i in range(len(got) + 1))
    return bool(got) and got[0] == want[0] and match(got[1:], want[1:])


class Chains:
    """A fixture that says chains: SIZE FUNCTION..., `?` where it ends too early, and why."""

    def __init__(self, name, *args, path=None):
        self.p = start([path or os.path.join(harness.BUILD, "fixtures/nofp", name), *args],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.p.stdout)
        equal(self.lines.next("ready"), "ready", "the fixture's line")

    def tell(self, word=""):
        self.p.stdin.write(word + "\n")
        self.p.stdin.flush()

    def all(self):
        self.tell()
        wanted = []
        while True:
            line = self.lines.next("chain")
            check(line, "the fixture ended")
            if line == "done":
                return wanted
            wanted.append(line)


def check_chain(sites, line, names=names):
    chain, _, reason = line.partition(" ? ")
    size, *want = chain.split()
    found = [s for s in sites if s["bytes"] == int(size) and s["kind"] == "heap"]
    equal(len(found), 1, "sites of %s bytes" % size)
    got = names(found[0])
    if reason:
        equal(got[:len(want)], want, "chain of " + size)
        equal((found[0]["truncated"], found[0]["truncated_reason"]), (True, reason),
              "truncated and its reason, chain of %s: %s" % (size, got))
        return
    check(match(got, want + ["*"]), "chain of %s is %s, not %s" % (size, got, want))
    # None: of a C library without debug symbols, as a bare machine has it.
    last = found[0]["frames"][-1]
    check(not found[0]["truncated"] and (got[-1] in ROOTS or (
        got[-1] is None and os.path.basename(last["module"]).startswith("libc."))),
          "chain of %s does not reach the start: %s" % (size, got))


def chains(name, *options):
    c = Chains(name)
    w = Watch(c.p.pid, *options)
    wanted = c.all()
    p = w.process()
    for line in wanted:
        check_chain(p["sites"], line)
    check(len(wanted) > 2, "only %d chains" % len(wanted))
    w.end_exactly()
    return p, wanted


def built(name):
    if not os.path.exists(os.path.join(harness.BUILD, "fixtures/nofp", name)):
        skip("%s is for another machine" % name)


def fixture():
    return os.path.join(harness.BUILD, "fixtures/nofp/chains")


for kind in ("session", "multi", "perf"):
    def by_kind(kind=kind):
        harness.kind_works(kind)
        p, wanted = chains("chains", "--user-probes", kind)
        # What is cut off is counted, of all that was allocated.
        cut = {c["reason"]: (c["stacks"], c["allocated_blocks"]) for c in p["incomplete_stacks"]}
        equal(cut, {"no frame pointer": (1, 1), "too many frames": (1, 1)}, "incomplete stacks")
        check(p["allocated_blocks"] >= len(wanted), "allocated_blocks is too small")
    TESTS["test_chains[%s]" % kind] = by_kind


@test
def test_static():
    chains("chains-static")


@test
def test_exceptions():
    chains("throws")


@test
def test_plt():
    built("plt")
    chains("plt")


@test
def test_signed():
    """Return addresses that the CPU has signed, where it can."""
    built("chains-signed")
    with open("/proc/cpuinfo") as f:
        if " paca" not in f.read():
            skip("this CPU does not sign pointers")
    chains("chains-signed")


@test
def test_return_probes():
    """Somebody else's probes on the returns of functions that call malloc, or that one which does:
    the stack has the trampoline's address there."""
    said = subprocess.run(["nm", fixture()], check=True, stdout=subprocess.PIPE, text=True).stdout
    # Its segments are at the same offsets and addresses.
    at = {f[2]: int(f[0], 16) for f in map(str.split, said.splitlines()) if len(f) == 3}
    c = Chains("chains")
    probes = [perf.return_probe(c.p.pid, fixture(), at[name]) for name in ("plain", "leaf", "compare")]
    w = Watch(c.p.pid)
    wanted = c.all()
    sites = w.process()["sites"]
    for line in wanted:
        check_chain(sites, line)
    # Of this thread: all lines with plain, and with leaf, but in_thread's; three numbers are sorted.
    equal([p.count() for p in probes], [7, 10, 3], "returns that somebody else saw")
    w.end_exactly()


@test
def test_jit():
    """Generated code is one frame, and what called it is found where it keeps a frame pointer."""
    c = Chains("jit")
    w = Watch(c.p.pid)
    for line in c.all():
        check_chain(w.process()["sites"], line)
    # Made executable behind our backs: nothing is wrong, and it is known soon after.
    first = [s for s in w.process()["sites"] if s["bytes"] == 1019][0]
    equal((names(first)[:2], first["truncated_reason"]), (["leaf", "[jit]"], "unknown code"),
          "code that was not known yet")
    time.sleep(0.6)
    w.settled()
    for line in c.all():
        check_chain(w.process()["sites"], line)
    w.end_exactly()


@test
def test_stripped():
    """The names are gone, the functions are the same: by those of the file that it is made from."""
    whole = os.path.join(harness.BUILD, "fixtures/nofp/chains")
    said = subprocess.run(["nm", "-S", whole], check=True, stdout=subprocess.PIPE, text=True).stdout
    functions = [(int(f[0], 16), int(f[1], 16), f[3]) for f in map(str.split, said.splitlines())
                 if len(f) == 4 and f[2] in "tT"]

    def by_offset(site):
        # Its segments are at the same offsets and addresses.
        return [f["function"] or next((n for at, size, n in functions
                                       if at < f["offset"] <= at + size), None)
                for f in site["frames"]]

    c = Chains("chains-stripped")
    w = Watch(c.p.pid)
    wanted = c.all()
    sites = w.process()["sites"]
    for line in wanted:
        check_chain(sites, line, by_offset)
    own = [f for s in sites for f in s["frames"] if (f["module"] or "").endswith("chains-stripped")]
    check(len(own) > 50 and all(f["function"] in (None, "_start") for f in own),
          "a stripped file has names: %s" % own[:3])
    w.end_exactly()


@test
def test_loaded_late():
    """A library that comes after the attach: nothing is wrong before its table is there, all is
    right after."""
    c = Chains("late")
    w = Watch(c.p.pid)
    c.tell()
    equal(c.lines.next("loaded"), "loaded", "the fixture's line")
    size, early = 2003, 0
    while True:
        c.tell(str(size))
        line = c.lines.next("chain")
        site = [s for s in w.process()["sites"] if s["bytes"] == size][0]
        if not site["truncated"]:
            break
        equal((names(site)[:1], site["truncated_reason"]), (["leaf"], "unknown code"),
              "what is recorded before the table is ready")
        early += 1
        size += 1
        check(early < 50, "the library's table never came")
    check_chain(w.process()["sites"], line)
    w.end_exactly()


@test
def test_many_rows():
    """A file whose table needs an array of its own."""
    chains("many")


@test
def test_ahead():
    """What a command maps is known before it starts, but for the copies that probes are on; and what
    constructors allocate has whole stacks too: nobody calls the dynamic loader."""
    program = os.path.join(harness.BUILD, "fixtures/nofp/many")
    said = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    files = 1 + len([line for line in said.splitlines() if "/" in line])
    out = os.path.join(scratch(), "report")
    p = start([harness.heapwatch(), "-v", "--exact", "--json", "-o", out, "--", program, "early"],
              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines, read = Lines(p.stderr), 0
    known = re.compile(r"code in %d of %d ranges, (\d+) files read" % (files, files))
    while not (found := known.search(line := lines.next("tables") or "")):
        check(line, "heapwatch ended: " + "\n".join(lines.seen))
    for line in lines.seen:
        m = re.search(r" (\d+) files read in", line)
        read += int(m[1]) if m else 0
    ahead = [m[1] for line in lines.seen if (m := re.search(r"tables of (\d+) files made ahead", line))]
    copied = [line for line in lines.seen if re.search(r"/libc\.so\.6: glibc .*, copied", line)]
    equal((ahead, read), ([str(files)], len(copied)), "files made ahead, and read once mapped")
    p.stdin.write("\n\n")
    p.stdin.close()
    lines.rest()
    equal(p.wait(), 0, "exit code")
    with open(out) as f:
        process = json.loads(f.read().splitlines()[-1])["processes"][0]
    found = [s for s in process["sites"] if s["bytes"] == 4001]
    equal([(names(s)[:2], s["truncated"]) for s in found], [(["leaf", "early"], False)],
          "what a constructor allocated")


@test
def test_ahead_of_attach():
    """What a process maps is looked at while the probes are loaded, and not again."""
    c = Chains("chains")
    w = Watch(c.p.pid)
    wanted = c.all()
    sites = w.process()["sites"]
    for line in wanted:
        check_chain(sites, line)
    w.end_exactly()
    said = "\n".join(w.err.seen)
    files = re.findall(r"tables of (\d+) files made ahead", said)
    known = re.findall(r"code in (\d+) of \1 ranges, (\d+) files read", said)
    equal((len(files), known[0]), (1, (files[0], "0")), "files made ahead; known and read at the attach")


@test
def test_deleted():
    copy = os.path.join(scratch(), "chains")
    subprocess.run(["cp", fixture(), copy], check=True)
    c = Chains(None, path=copy)
    os.unlink(copy)
    w = Watch(c.p.pid)
    c.all()
    found = [s for s in w.process()["sites"] if s["bytes"] == 1009]
    check(match(names(found[0]), ["leaf", "plain", "main", "*"]), "chain is %s" % names(found[0]))
    w.end_exactly()


if __name__ == "__main__":
    main(TESTS)
