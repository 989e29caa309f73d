#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_heaps.py: heaps that are hard to read: large, torn, not in one piece, hostile; and a ledger
that is mended from its heap."""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Lines, Watch, check, equal, main, start  # noqa: E402
from test_explain import explain, explained, figures, free_of, line_of, looked_at  # noqa: E402

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


class Heaps:
    """A fixture with a heap that is hard to read; xml: what it says before it is ready."""

    def __init__(self, mode, **options):
        self.p = start([os.path.join(harness.BUILD, "fixtures/heaps"), mode],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.pid, self.lines = self.p.pid, Lines(self.p.stdout)
        self.xml = "\n".join(self.lines.until("ready"))

    def tell(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()


@test
def test_over_4_gib():
    p = Heaps("big")
    r = explain(p.pid)
    a = r["allocator"]
    explained(r, p.pid)
    equal(a["confidence"], "exact", "confidence")
    # 47009 blocks of 100016 bytes with their headers; each third is free.
    equal(a["in_use_bytes"] // 100016, 47009 - 15670, "blocks in use")
    check(a["system_bytes"] > 47009 * 100016, "system is %d" % a["system_bytes"])
    check(r["rss_bytes"] < 1 << 30, "looking at it made it resident: %d" % r["rss_bytes"])


@test
def test_large_and_aligned():
    """Blocks with a mapping each are known by address, also where they were moved within it."""
    p = Heaps("aligned")
    w = Watch(p.pid)
    p.tell()
    equal(p.lines.next("full"), "full", "the fixture's line")
    r = looked_at(w)
    equal((r["outstanding_blocks"], r["outstanding_bytes"]), (7, 7 * 1000003), "outstanding")
    equal(line_of(r, "live blocks seen, by callsite"), 7 * 1000003, "live blocks seen")
    equal(r["allocator"]["mmapped_blocks"], 7, "blocks with a mapping each")
    w.end_exactly()


@test
def test_foreign_sbrk():
    """The sums are right; what no chunk told has a line of its own."""
    p = Heaps("foreign")
    r = explain(p.pid)
    heap = figures(re.search(r"<heap nr=.*?</heap>", p.xml, re.S)[0])
    a = r["allocator"]
    equal((a["system_bytes"], a["free_bytes"]), (heap["current"], free_of(heap)), "system and free")
    explained(r, p.pid)
    check(line_of(r, "malloc's heaps, where no walk went") > 1998 // 2 * 1009, "%s" % r["waterfall"])
    check(line_of(r, "allocator overhead") < 64 << 10, "%s" % r["waterfall"])


@test
def test_torn():
    p = Heaps("busy")
    seen = {"exact": 0, "estimated": 0, "unknown": 0}
    # Emulated, each takes 5 s: the walk is tried again until its time is over.
    runs = 10 if harness.EMULATED else 50
    for _ in range(runs):
        r = explain(p.pid)
        a = r["allocator"]
        seen[a["confidence"]] += 1
        check(0 <= a["in_use_bytes"] <= a["system_bytes"] < 256 << 20, "%s" % a)
        equal(a["in_use_bytes"] + a["free_bytes"], a["system_bytes"], "in use and free")
        if a["confidence"] != "unknown":
            # 4 * 1009 blocks of 2,060 bytes on average, and of 4,096 at most.
            check(4 * 1009 * 1500 < a["in_use_bytes"] < 4 * 1009 * 4500, "%s" % a)
    check(seen["unknown"] < runs / 2, "confidences are %s" % seen)
    equal(p.p.poll(), None, "the target's exit code")


def hostile(mode):
    p = Heaps(mode)
    began = time.monotonic()
    r = explain(p.pid)
    took = time.monotonic() - began
    check(took < 5, "it took %.1f s" % took)
    equal(r["allocator"]["confidence"], "unknown", "confidence of a broken heap")
    a = r["allocator"]
    equal(a["free_bytes"] + a["in_use_bytes"], a["system_bytes"], "in use and free")
    check(line_of(r, "malloc's heaps, in use or free") > 0, "%s" % r["waterfall"])


for name in ("cycle", "wild", "absurd"):
    TESTS["test_hostile[%s]" % name] = lambda name=name: hostile(name)


@test
def test_hostile_caches():
    """What only looks like threads' caches takes no time, and is what it is: blocks in use."""
    p = Heaps("caches")
    began = time.monotonic()
    r = explain(p.pid)
    check(time.monotonic() - began < 5, "it took %.1f s" % (time.monotonic() - began))
    equal((r["allocator"]["confidence"], r["allocator"]["tcache_bytes"]), ("exact", 0), "confidence "
          "and bytes in caches")
    check(line_of(r, "live blocks") > 20011 * 656, "%s" % r["waterfall"])


@test
def test_repair():
    """Frees that were lost are not leaks for long."""
    p = Heaps("burst")
    w = Watch(p.pid, "--ring-size", "64K")
    p.tell()
    equal(p.lines.next("full"), "full", "the fixture's line")
    r = w.process()
    equal((r["outstanding_blocks"], r["lost_events"]), (10007, 0), "blocks, and events lost")
    # While heapwatch stands still its ring of 64 KiB takes 2,048 frees of 32 bytes at most.
    harness.stop(w.p.pid)
    p.tell()
    equal(p.lines.next("freed"), "freed", "the fixture's line")
    w.p.send_signal(signal.SIGCONT)
    r = w.process()
    lost = r["lost_events"]
    check(lost >= 10007 - 2048, "only %d were lost" % lost)
    deadline = time.monotonic() + 20
    while r["outstanding_blocks"]:
        check(time.monotonic() < deadline, "after 20 s %d blocks are still held, %d mended" % (
            r["outstanding_blocks"], r["repaired_blocks"]))
        r = w.process()
    equal((r["outstanding_bytes"], r["mode"]), (0, "degraded"), "bytes and mode")
    # What was lost are frees, and the few times that the heap shrank.
    check(lost - 5 <= r["repaired_blocks"] <= lost, "%d mended of %d" % (
        r["repaired_blocks"], lost))
    w.end()


def own(library):
    """What an allocator says of itself, preloaded, and what is read of it from outside."""
    found = glob.glob("/usr/lib/*/" + library) + glob.glob("/usr/lib64/" + library)
    if not found:
        harness.skip("%s is not installed" % library)
    env = dict(os.environ, LD_PRELOAD=found[0], MIMALLOC_ALLOW_DECOMMIT="0")
    p = start([os.path.join(harness.BUILD, "fixtures/own")], stdin=subprocess.PIPE,
              stdout=subprocess.PIPE, text=True, env=env)
    said = {k: int(v) for k, v in (l.split("=") for l in Lines(p.stdout).until("ready"))}
    r = explain(p.pid)
    explained(r, p.pid)
    return said, r["allocator"].get("own")


@test
def test_own_tcmalloc():
    said, a = own("libtcmalloc_minimal.so.4")
    equal(a, {"name": "tcmalloc", "quality": "exact",
              "held_bytes": said["generic.heap_size"] -
              said["tcmalloc.pageheap_unmapped_bytes"],
              "in_use_bytes": said["generic.current_allocated_bytes"]}, "its own figures")


@test
def test_own_mimalloc():
    said, a = own("libmimalloc.so.2*")
    equal((a["name"], a["quality"], a["in_use_bytes"]), ("mimalloc", "exact", said["in_use"]),
          "its own figures")


@test
def test_own_jemalloc():
    said, a = own("libjemalloc.so.2")
    equal(a, {"name": "jemalloc", "quality": "exact", "held_bytes": said["stats.mapped"],
              "in_use_bytes": said["stats.allocated"]}, "its own figures")


def own_waterfall(name, library):
    """Its memory is told from other mappings; what the probes saw of it is a line to the byte."""
    found = glob.glob("/usr/lib/*/" + library) + glob.glob("/usr/lib64/" + library)
    if not found:
        harness.skip("%s is not installed" % library)
    p = Heaps("aligned", env=dict(os.environ, LD_PRELOAD=found[0]))
    w = Watch(p.pid)
    p.tell()
    equal(p.lines.next("full"), "full", "the fixture's line")
    r = looked_at(w)
    w.end_exactly()
    explained(r, p.pid)
    seen, a = 7 * 1000003, r["allocator"]["own"]
    equal((a["name"], r["outstanding_bytes"]), (name, seen), "name, and bytes outstanding")
    equal(line_of(r, "live blocks seen, in " + name), seen, "of them live")
    older = line_of(r, "older blocks, rounding, in " + name)
    check(seen + older <= a["in_use_bytes"] <= a["held_bytes"], "%s %s" % (a, r["waterfall"]))
    # And without probes: nothing has moved since, for there are no huge pages (fixtures/heaps.c).
    r = explain(p.pid)
    equal((r["allocator"]["own"], line_of(r, "live blocks, in " + name)), (a, seen + older),
          "without probes")
    # tcmalloc's own tables; with huge pages up to three of them more, where they come before main().
    check(line_of(r, "other anonymous mappings") < 3 << 20, "%s" % r["waterfall"])


for name, library in (("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4"),
                      ("mimalloc", "libmimalloc.so.2")):
    TESTS["test_own_waterfall[%s]" % name] = \
        lambda name=name, library=library: own_waterfall(name, library)


@test
def test_own_by_ledger():
    """Of a build whose layout is not known: what it maps and gives is seen, and called that."""
    found = glob.glob("/usr/lib/*/libjemalloc.so.2") + glob.glob("/usr/lib64/libjemalloc.so.2")
    if not found:
        harness.skip("libjemalloc.so.2 is not installed")
    library = os.path.join(harness.scratch(), "libjemalloc.so.2")
    with open(found[0], "rb") as f:
        image = f.read()
    # The note's name and its kind, and the first byte of the build-id behind them.
    at = image.index(b"\x03\0\0\0GNU\0") + 8
    with open(library, "wb") as f:
        f.write(image[:at] + bytes([image[at] ^ 1]) + image[at + 1:])
    env = dict(os.environ, LD_PRELOAD=library)
    f = harness.Fixture("storm", env=env)
    equal(explain(f.pid)["allocator"].get("own"), None, "figures without probes")
    out = os.path.join(harness.scratch(), "report")
    r = subprocess.run([harness.heapwatch(), "--exact", "--json", "-o", out, "--as-root", "--",
                        os.path.join(harness.BUILD, "fixtures/storm")], input="pairs 1 50\n",
                       env=env, text=True, timeout=harness.TIMEOUT, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, check=False)
    equal(r.returncode, 0, "exit code (%s)" % r.stderr)
    with open(out) as f:
        p = json.loads(f.readlines()[-1])["processes"][0]
    a = p["allocator"]
    equal((a["own"]["name"], a["own"]["quality"]), (a["name"], "ledger"), "name and quality")
    equal((a["own"]["held_bytes"], a["own"]["in_use_bytes"]),
          (p["mapped_allocator_bytes"], p["outstanding_bytes"]), "held and in use")
    check(a["own"]["held_bytes"] >= a["own"]["in_use_bytes"] > 0, "no memory: %s" % a)


if __name__ == "__main__":
    main(TESTS)
