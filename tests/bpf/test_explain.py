#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_explain.py: what heapwatch says of a heap, against what malloc_info says of itself."""
import json
import os
import re
import subprocess
import sys
import time

import harness
from harness import (Lines, Watch, check, equal, heapwatch, main, need, of_site, scratch, start)

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def explain(pid):
    r = subprocess.run([heapwatch(), "explain", "-p", str(pid), "--json"], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT)
    equal((r.returncode, r.stderr), (0, ""), "exit code and complaint")
    p = json.loads(r.stdout)["processes"][0]
    sums(p)
    return p


def sums(p):
    """The lines sum to RSS, and RSS is what the kernel says."""
    equal(sum(l["bytes"] for l in p["waterfall"]), p["rss_bytes"], "the sum of the waterfall")
    equal(p["waterfall"][-1]["what"], "unexplained", "the last line")


def looked_at(w):
    """A report whose waterfall is of now: its look began, and did not only end, since then."""
    now = time.time()
    while True:
        r = w.settled()
        p = r["processes"][0]
        if r["time"] - p["inspection_age_seconds"] - p["inspection_seconds"] > now + 0.05:
            return p


def line_of(p, what):
    return sum(l["bytes"] for l in p["waterfall"] if l["what"] == what)


def explained(p, pid):
    """Unexplained is under 1 %, and RSS is that of smaps_rollup to 1 %."""
    rest = line_of(p, "unexplained")
    check(abs(rest) < max(p["rss_bytes"] / 100, 256 << 10),
          "%d of %d are unexplained" % (rest, p["rss_bytes"]))
    with open("/proc/%d/smaps_rollup" % pid) as f:
        rss = int(re.search(r"^Rss: +(\d+) kB", f.read(), re.M)[1]) * 1024
    check(abs(p["rss_bytes"] - rss) < max(rss / 100, 512 << 10),
          "RSS is %d, in smaps_rollup %d" % (p["rss_bytes"], rss))


class Frag:
    """The fixture that fragments its heap, phase by phase."""

    def __init__(self, mib, threads):
        self.p = start([os.path.join(harness.BUILD, "fixtures/frag"), str(mib), str(threads)],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid, self.lines = self.p.pid, Lines(self.p.stdout)

    def phase(self, name):
        """Wait for this phase; malloc_info's heaps and its totals."""
        equal(self.lines.next("phase"), "phase " + name, "the phase")
        xml = []
        while True:
            line = self.lines.next("malloc_info")
            if line == "end":
                break
            xml.append(line)
        text = "\n".join(xml)
        heaps = [figures(h) for h in re.findall(r"<heap nr=.*?</heap>", text, re.S)]
        return heaps, figures(text[text.rindex("</heap>"):])

    def go(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()


def figures(xml):
    out = {}
    for kind in ("fast", "rest", "mmap"):
        m = re.search(r'<total type="%s" count="(\d+)" size="(\d+)"/>' % kind, xml)
        out[kind] = (int(m[1]), int(m[2])) if m else (0, 0)
    for kind in ("current", "max"):
        out[kind] = int(re.search(r'<system type="%s" size="(\d+)"/>' % kind, xml)[1])
    return out


def free_of(heap):
    """malloc_info adds the chunks' flags to their sizes: one byte a binned chunk; not for top."""
    return heap["fast"][1] + heap["rest"][1] - (heap["rest"][0] - 1)


def as_malloc_says(p, heaps, total):
    a = p["allocator"]
    equal((a["name"], a["confidence"]), ("glibc", "exact"), "allocator and confidence")
    equal(len(a["arenas"]), len(heaps), "number of arenas")
    for got, want in zip(a["arenas"], heaps):
        equal(got["system_bytes"], want["current"], "system")
        equal(got["max_system_bytes"], want["max"], "max system")
        equal(got["free_bytes"], free_of(want), "free")
        equal(got["in_use_bytes"], want["current"] - free_of(want), "in use")
    equal(a["system_bytes"], total["current"], "system of all")
    equal(a["free_bytes"], sum(map(free_of, heaps)), "free of all")
    equal((a["mmapped_blocks"], a["mmapped_bytes"]), total["mmap"], "mmapped")


def phases(mib, threads):
    f = Frag(mib, threads)
    seen = {}
    for name in ("start", "full", "half", "freed", "idle", "trim"):
        heaps, total = f.phase(name)
        # A thread that ran last may still be on its way into the barrier's futex.
        time.sleep(0.1)
        p = seen[name] = explain(f.pid)
        as_malloc_says(p, heaps, total)
        explained(p, f.pid)
        f.go()
    return seen


@test
def test_phases():
    seen = phases(64, 1)
    a = seen["idle"]["allocator"]
    check(a["system_bytes"] >= 3 * a["in_use_bytes"], "it is not fragmented: %s" % a)
    # What malloc_trim was said to give back is what it gave back.
    gave = seen["idle"]["rss_bytes"] - seen["trim"]["rss_bytes"]
    check(abs(gave - a["trimmable_bytes"]) < gave / 50, "trim gave %d, not %d" % (
        gave, a["trimmable_bytes"]))
    first = seen["idle"]["advice"][0]
    check(first["what"].startswith("malloc_trim(0)"), "advice is %s" % first)
    equal(first["gives_back_bytes"], a["trimmable_bytes"], "the advice's figure")
    # Held is as before, resident is not: two figures.
    after = seen["trim"]["allocator"]
    check(after["free_bytes"] > 2 * after["resident_free_bytes"], "after the trim: %s" % after)
    check(not [x for x in seen["trim"]["advice"] if x["what"].startswith("malloc_trim")],
          "it is told to trim again")


@test
def test_phases_of_threads():
    seen = phases(96, 5)
    idle = seen["idle"]
    equal(len(idle["allocator"]["arenas"]), 5, "arenas")
    check(line_of(idle, "thread stacks") > 0, "no thread stacks")
    check([x for x in idle["advice"] if x["what"].startswith("MALLOC_ARENA_MAX")],
          "no advice on arenas: %s" % idle["advice"])


@test
def test_pinned_by_callsite():
    # Beside probes a heap is read for a second at most.
    f = Frag(8 if harness.EMULATED else 64, 1)
    f.phase("start")
    w = Watch(f.pid)
    f.go()
    for name in ("full", "half", "freed"):
        f.phase(name)
        f.go()
    heaps, total = f.phase("idle")
    p = looked_at(w)
    sums(p)
    as_malloc_says(p, heaps, total)
    equal(p["mode"], "exact", "mode")
    records, chunks = of_site(p, "keep_record"), of_site(p, "read_chunk")
    equal(chunks["blocks"], 0, "chunks held")
    # Every block was written to, so what is seen live is resident to the byte.
    equal(line_of(p, "live blocks seen, by callsite"), p["outstanding_bytes"], "seen")
    check(records["bytes"] > p["outstanding_bytes"] * 0.9, "records are %s" % records)
    top = p["pinned"][0]
    equal(top["frames"][0]["function"], "keep_record", "who pins most")
    check(top["bytes"] > p["sparse_free_bytes"] / 2, "it pins %d of %d" % (
        top["bytes"], p["sparse_free_bytes"]))
    equal(sum(x["bytes"] for x in p["pinned"]) <= p["sparse_free_bytes"], True, "sum of pinned")
    # Without probes the same pages are told by the sizes of the blocks on them.
    blind = explain(f.pid)
    equal(blind["sparse_pages"], p["sparse_pages"], "sparse pages without probes")
    check(re.match(r"live blocks of up to \d+ B$", blind["pinned"][0]["blocks"]), "by size: %s" %
          blind["pinned"][0])
    w.end_exactly()


@test
def test_older_blocks():
    f = Frag(64, 1)
    f.phase("start")
    f.go()
    f.phase("full")
    w = Watch(f.pid)
    p = looked_at(w)
    older = line_of(p, "live blocks from before the attach")
    a = p["allocator"]
    in_use = a["in_use_bytes"] - a["tcache_bytes"] + a["mmapped_bytes"]
    check(0 <= in_use - older < max(in_use / 1000, 8192), "%d of %d in use are older" % (
        older, in_use))
    f.go()
    f.phase("half")
    p = looked_at(w)
    now = line_of(p, "live blocks from before the attach")
    check(older * 0.4 < now < older * 0.6, "%d of %d are left after half were freed" % (now, older))
    w.end_exactly()


class Python:
    def __init__(self, code, **env):
        self.p = start([need("python3"), "-c", code + "\nprint('ready', flush=True)\ninput()"],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                       env={**os.environ, **env})
        self.pid = self.p.pid
        equal(Lines(self.p.stdout).next("ready"), "ready", "python's line")


OBJECTS = "kept = [(i, str(i)) for i in range(300007)]"


@test
def test_python_arenas():
    p = Python(OBJECTS)
    r = explain(p.pid)
    explained(r, p.pid)
    arenas = line_of(r, "python's object arenas (pymalloc)")
    # A tuple of 56 + 8, an int of 28 and a str of 49 + 6 bytes, in multiples of 16.
    check(300007 * (64 + 32 + 64) * 0.95 < arenas, "only %d in arenas: %s" % (
        arenas, r["waterfall"]))


@test
def test_python_malloc():
    p = Python(OBJECTS, PYTHONMALLOC="malloc")
    r = explain(p.pid)
    explained(r, p.pid)
    equal(line_of(r, "python's object arenas (pymalloc)"), 0, "arenas")
    check(300007 * (64 + 32 + 64) * 0.95 < line_of(r, "live blocks"), "%s" % r["waterfall"])


@test
def test_refused():
    for pid, words in ((2, "kernel thread"), (1 << 22, "no process")):
        r = subprocess.run([heapwatch(), "explain", "-p", str(pid)], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
        equal((r.returncode, r.stdout, len(r.stderr.splitlines())), (1, "", 1), "refusal of %d" % pid)
        check(words in r.stderr, "it says %r" % r.stderr)
    # setpriv keeps the file readable: the binary may lie in root's home.
    d = scratch()
    copy = os.path.join(d, "heapwatch")
    subprocess.run(["cp", heapwatch(), copy], check=True)
    r = subprocess.run([need("setpriv"), "--reuid", "65534", "--clear-groups", copy, "explain", "-p",
                        str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal((r.returncode, r.stdout), (1, ""), "refusal of another's process")
    check("root" in r.stderr, "it says %r" % r.stderr)


@test
def test_text():
    f = Frag(64, 1)
    f.phase("start")
    r = subprocess.run([heapwatch(), "explain", "-p", str(f.pid)], stdout=subprocess.PIPE, text=True)
    for words in ("RSS ", "live blocks", "unexplained", "glibc holds", "files and shared memory"):
        check(words in r.stdout, "no %r in %s" % (words, r.stdout))


if __name__ == "__main__":
    main(TESTS)
