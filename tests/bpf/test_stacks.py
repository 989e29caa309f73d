#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_stacks.py: whole stacks, frame by frame, in code without frame pointers."""
import os
import subprocess
import time

import harness
from harness import Lines, Watch, check, equal, main, need, scratch, skip, start

TESTS = {}
# What the C library calls the first function of a thread and of the program.
ROOTS = ("_start", "clone3", "__clone3", "__GI___clone3", "clone", "__clone")


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def names(site):
    return [f["function"] for f in site["frames"]]


def match(got, want):
    """want may have * for frames of libraries, as many as there are."""
    if not want:
        return True
    if want[0] == "*":
        return any(match(got[i:], want[1:]) for i in range(len(got) + 1))
    return bool(got) and got[0] == want[0] and match(got[1:], want[1:])


def chains(program, *options):
    p = start([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines = Lines(p.stdout)
    equal(lines.next("ready"), "ready", "the fixture's line")
    w = Watch(p.pid, *options)
    p.stdin.write("\n")
    p.stdin.flush()
    wanted = []
    while True:
        line = lines.next("chain")
        if line == "done":
            break
        wanted.append(line.split())
    sites = w.process()["sites"]
    for size, *want in wanted:
        found = [s for s in sites if s["bytes"] == int(size) and s["kind"] == "heap"]
        equal(len(found), 1, "sites of %s bytes" % size)
        got = names(found[0])
        if want[-1] == "?":
            equal(got[:len(want) - 1], want[:-1], "chain of " + size)
            check(found[0]["truncated"], "%s is not marked as cut off: %s" % (size, got))
            continue
        check(match(got, want), "chain of %s is %s, not %s" % (size, got, want))
        check(not found[0]["truncated"] and got[-1] in ROOTS,
              "chain of %s does not reach the start: %s" % (size, got))
    w.end_exactly()


def fixture():
    return os.path.join(harness.BUILD, "fixtures/nofp/chains")


for kind in ("session", "multi", "perf"):
    def by_kind(kind=kind):
        harness.kind_works(kind)
        chains(fixture(), "--user-probes", kind)
    TESTS["test_chains[%s]" % kind] = by_kind


@test
def test_deleted():
    copy = os.path.join(scratch(), "chains")
    subprocess.run(["cp", fixture(), copy], check=True)
    p = start([copy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines = Lines(p.stdout)
    equal(lines.next("ready"), "ready", "the fixture's line")
    os.unlink(copy)
    w = Watch(p.pid)
    p.stdin.write("\n")
    p.stdin.flush()
    while lines.next("chain") != "done":
        pass
    found = [s for s in w.process()["sites"] if s["bytes"] == 1009]
    check(match(names(found[0]), ["leaf", "plain", "main"]), "chain is %s" % names(found[0]))
    w.end_exactly()


def reach_the_start(w, least, seconds=2):
    """Over 95 % of what is held by sites whose stacks reach the start, by sites too."""
    time.sleep(seconds)
    sites = [s for s in w.process()["sites"] if s["kind"] == "heap"]
    check(len(sites) >= least, "only %d sites" % len(sites))
    # A stripped program's _start has no name, but who it called has.
    whole = [s for s in sites if not s["truncated"] and
             (names(s)[-1] in ROOTS or "__libc_start_main" in names(s)[-2:-1] or
              len(s["frames"]) == 64)]
    cut = [names(s) for s in sites if s not in whole]
    check(len(whole) > 0.95 * len(sites), "%d of %d sites do not reach the start: %s" % (
        len(cut), len(sites), cut[:5]))


@test
def test_python():
    code = """
import json, time
kept = []
time.sleep(0.7)
for i in range(3000):
    kept.append((json.loads('{"a": [1, 2, {"b": "%d"}]}' % i), bytearray(3001), ('x%d' % i).encode() * 99))
print('ready', flush=True)
time.sleep(60)
"""
    p = start([need("python3"), "-c", code], stdout=subprocess.PIPE, text=True,
              env={**os.environ, "PYTHONMALLOC": "malloc"})
    w = Watch(p.pid)
    equal(Lines(p.stdout).next("ready"), "ready", "python's line")
    reach_the_start(w, 10)


@test
def test_git():
    d = scratch()
    need("git")
    run = lambda *a: subprocess.run(["git", "-C", d, *a], check=True, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
    run("init", "-q")
    p = start(["git", "-C", d, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    time.sleep(0.3)
    w = Watch(p.pid)
    for i in range(2003):
        data = b"%d\n" % i * 99
        p.stdin.write(b"blob\nmark :%d\ndata %d\n%s\n" % (i + 1, len(data), data))
    p.stdin.flush()
    reach_the_start(w, 5)


if __name__ == "__main__":
    main(TESTS)
