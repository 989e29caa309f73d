#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_python.py: the frames of Python functions, against what the interpreter says itself."""
import json
import os
import re
import subprocess

import harness
from harness import Lines, Watch, check, equal, main, need, scratch, skip, start

TESTS = {}
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/py")
ROOTS = ("_start", "clone3", "__clone3", "__GI___clone3", "clone", "__clone")


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


class Script:
    """A script that says `ready`, waits for a line, says what it has to and `done`."""

    def __init__(self, interpreter, script, *args, env={}, **options):
        # `{}` in a word of the command is where the script's path goes; else it is the last one.
        path = os.path.join(FIXTURES, script)
        command = [word.replace("{}", path) for word in interpreter]
        command += [path] if command == list(interpreter) else []
        self.p = start([*command, *args], text=True,
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       env={**os.environ, **env}, **options)
        self.lines = Lines(self.p.stdout)
        equal(self.lines.next("ready"), "ready", "the script's first line")

    def go(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()

    def truth(self):
        self.go()
        said = []
        while True:
            line = self.lines.next("done")
            check(line is not None, "the script ended")
            if line == "done":
                return said
            said.append(json.loads(line))


def python_frames(site):
    return [[f["function"], f["file"], f["line"]] for f in site["frames"]
            if f["module"] == "[python]"]


def native(site):
    return [f["function"] for f in site["frames"] if f["module"] != "[python]"]


def compare_chains(w, truth, extra=0):
    """Bytes and blocks of each chain; extra: what the interpreter adds to each block."""
    want, got = {}, {}
    for size, chain in truth:
        sizes = want.setdefault(json.dumps(chain), [0, 0])
        sizes[0] += size + extra
        sizes[1] += 1
    for site in w.process()["sites"]:
        chain = json.dumps(python_frames(site))
        # On the same lines there are allocations of small objects too.
        if site["kind"] != "heap" or site["bytes"] < 20000 * site["blocks"] or chain not in want:
            continue
        sizes = got.setdefault(chain, [0, 0])
        sizes[0] += site["bytes"]
        sizes[1] += site["blocks"]
        names = native(site)
        check("_PyEval_EvalFrameDefault" not in names, "an eval frame stays: %s" % names)
        # None: a stripped C library.
        check(not site["truncated"] and names[-1] in (*ROOTS, None),
              "%s does not reach the start: %s" % (chain, names))
    for chain, sizes in want.items():
        equal(got.get(chain), sizes, "bytes and blocks of " + chain)
    check(len(want) > 50, "only %d chains" % len(want))


def frames(interpreter, extra=0, **options):
    s = Script(interpreter, "frames.py", **options)
    w = Watch(s.p.pid, "--top", "0")
    compare_chains(w, s.truth(), extra)
    w.end_exactly()


@test
def test_frames():
    frames([need("/usr/bin/python3")])


@test
def test_libpython():
    """A program that has the interpreter in a library, and C functions of its own above it."""
    said = subprocess.run(["ldd", need("gdb")], stdout=subprocess.PIPE, text=True).stdout
    if "libpython" not in said:
        skip("this gdb has no libpython")
    frames(["gdb", "-q", "-nx", "-batch", "-ex",
            "python exec(compile(open('{}').read(), '{}', 'exec'))"])


@test
def test_frames_malloc():
    frames([need("/usr/bin/python3")], env={"PYTHONMALLOC": "malloc"})


@test
def test_frames_debug_allocator():
    """Each object is a little further behind the start of its block: two words before it, and one
    behind."""
    frames([need("/usr/bin/python3")], extra=24, env={"PYTHONMALLOC": "malloc_debug"})


@test
def test_names_outlive_the_process():
    s = Script([need("/usr/bin/python3")], "frames.py")
    w = Watch(s.p.pid, "--top", "0")
    truth = s.truth()
    s.go()
    equal(s.p.wait(harness.TIMEOUT), 0, "the script's exit code")
    r = w.end(None)
    p = r["processes"][0]
    equal(p["exited"], True, "exited")
    # What it took is freed at its end, but not the code's names: those of what is left are there.
    for site in p["sites"]:
        for f in site["frames"]:
            if f["module"] == "[python]":
                check(f["function"] and f["file"], "a frame has no name: %s" % f)
    check(len(truth) > 50, "only %d chains" % len(truth))


def of_line(process, kind, function, line):
    """Sites whose innermost Python frame is there."""
    return [s for s in process["sites"] if s["kind"] == kind and
            [[f[0], f[2]] for f in python_frames(s)][:1] == [[function, line]]]


def hoard(malloc):
    """What the script hoards, by its line: (the report's process, the line, what the script said)."""
    s = Script([need("/usr/bin/python3")], "hoard.py", env={"PYTHONMALLOC": malloc})
    w = Watch(s.p.pid, "--top", "0")
    said = s.truth()[0]
    p = w.process()
    w.end_exactly()
    return p, said


@test
def test_every_object():
    """With PYTHONMALLOC=malloc each object is a block of its own."""
    p, said = hoard("malloc")
    sites = of_line(p, "heap", "hoard", said["line"])
    equal(sum(s["blocks"] for s in sites), said["objects"], "objects of the line")
    equal(sum(s["bytes"] for s in sites), said["bytes"], "bytes of the line")


@test
def test_arenas():
    """Python's own allocator maps arenas: each is the line's that needed it."""
    p, said = hoard("pymalloc")
    sites = [s for s in p["sites"] if s["kind"] == "map" and python_frames(s)]
    equal(sum(s["blocks"] for s in of_line(p, "map", "hoard", said["line"])) > 0, True,
          "some arenas are the line's")
    equal(sum(s["bytes"] for s in sites), said["arenas"] * said["arena_size"], "bytes of arenas")
    check(all(s["frames"][0]["function"] in ("mmap", "__mmap", "mmap64", "__mmap64") for s in sites),
          "an arena is not mapped by mmap")


def forks(kind):
    """A command's children, from their first instruction: their own functions, and those that their
    parent had taken blocks in."""
    need("/usr/bin/python3")
    w = start([harness.heapwatch(), "--exact", "--json", "--top", "0", "--interval", "100ms",
               "--user-probes", kind, "--", "/usr/bin/python3",
               os.path.join(FIXTURES, "forks.py")], stdin=subprocess.PIPE, text=True,
              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = Lines(w.stdout)

    def held(p, function, size):
        """Blocks of that size or a byte more whose innermost Python function is that one."""
        return sum(s["blocks"] for s in p["sites"] if s["kind"] == "heap" and s["blocks"] and
                   s["bytes"] == size * s["blocks"] and
                   [f[0] for f in python_frames(s)][:1] == [function])

    while True:
        line = lines.next("report")
        check(line is not None, "heapwatch ended")
        if not line.startswith("{"):
            continue
        processes = json.loads(line)["processes"]
        ready = [i for i in range(3) if any(held(p, "child", 20011 + i) == 101 for p in processes)]
        if len(ready) == 3:
            break
    for i in range(3):
        p = [p for p in processes if held(p, "child", 20011 + i)][0]
        equal(held(p, "parent", 30011), 53, "blocks that child %d has from its parent" % i)
    for p in processes:
        check(not [c for c in p["incomplete_stacks"] if c["reason"] == "Python frames missing"],
              "frames are missing: %s" % p["incomplete_stacks"])
    w.stdin.close()
    # To take a perf event away costs a tenth of a second, and there is one for each function.
    equal(w.wait(5 * harness.TIMEOUT), 0, "heapwatch's exit code")


for user in ("session", "multi", "perf"):
    def by_kind(user=user):
        harness.kind_works(user)
        forks(user)
    TESTS["test_forks[%s]" % user] = by_kind


@test
def test_others():
    """Those that HEAPWATCH_PYTHONS names: commands with ':' between."""
    said = os.environ.get("HEAPWATCH_PYTHONS")
    if not said:
        skip("HEAPWATCH_PYTHONS names no other interpreter")
    for command in said.split(":"):
        frames(command.split())


if __name__ == "__main__":
    main(TESTS)
