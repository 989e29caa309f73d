#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_crossings.py: without a probe on malloc, callsites of a heap that grows, by the page faults
that it grows by."""
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal, heapwatch  # noqa: E402

BLOCKS = 300007
SIZES = {"site_1": 40, "site_2": 40, "site_3": 104, "site_4": 104, "site_5": 264, "site_6": 264}


def tells(p, truth):
    """Of two sites of a size each has some 100 to 600 crossings: what both have is right, who has how
    much of it is within its bars, of which one in ten may miss."""
    equal((p["mode"], p["probe_hits"], p["user_probes"]), ("passive", 0, "none"),
          "mode, hits and user probes")
    told, inside = {}, 0
    for name, want in truth.items():
        sites = [s for s in p["sites"] if s["kind"] == "heap" and s["frames"] and
                 s["frames"][0]["function"] == name]
        equal([s["frames"][1]["function"] for s in sites], ["grow"], "who calls " + name)
        equal(sites[0]["estimated"], True, name + " is an estimate")
        told[SIZES[name]] = told.get(SIZES[name], 0) + sites[0]["bytes"]
        inside += sites[0]["bytes_low"] <= want <= sites[0]["bytes_high"]
        # How much is sure depends on how soon the daemon looks.
        check(sites[0]["bytes_low"] >= want / 4, "%s may have as little as %d, really %d" % (
            name, sites[0]["bytes_low"], want))
    for size, bytes_told in told.items():
        want = sum(truth[n] for n in truth if SIZES[n] == size)
        # What the chunks have over what was asked for is known to 8 bytes.
        check(abs(bytes_told - want) <= want * 8 / size, "%d bytes of size %d, not %d" % (
            bytes_told, size, want))
    check(inside >= 5, "%d of 6 are within their error bars" % inside)


def again(fn):
    """Each bar holds nine times in ten, five of six together eight times in nine: not three times in
    a row."""
    for left in (2, 1, 0):
        try:
            return fn()
        except harness.Failed:
            if not left:
                raise


def looked_at(w):
    """A report whose look began after this call: an emulated machine looks late."""
    now, limit = time.time(), time.monotonic() + harness.TIMEOUT
    while True:
        r = w.settled()
        p = r["processes"][0]
        if p["estimates"] == "fresh" and r["time"] - p["estimates_age_seconds"] > now:
            return p
        check(time.monotonic() < limit, "no look: estimates are %s, of %s s ago" % (
            p["estimates"], p["estimates_age_seconds"]))


def attached():
    f = Fixture("storm")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "300ms", "--depth", "0")
    truth = f.run("grow %d" % BLOCKS)["sites"]
    p = looked_at(w)
    last = w.end()["processes"][0]
    equal(last["mode"], p["mode"], "mode")
    tells(last, truth)


def command():
    """Nothing but its growth tells when it is to be looked at, and there is no report but the last."""
    report = os.path.join(harness.scratch(), "report")
    p = subprocess.Popen([heapwatch(), "--max-overhead", "0", "--json", "--depth", "0", "-o",
                          report, "--",
                          os.path.join(harness.BUILD, "fixtures", "storm")],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    # Until its code is known its stacks end early: commands of some ms are over by then.
    # An emulated machine takes longer for that, and for the look at what has grown.
    slow = 10 if harness.EMULATED else 1
    p.stdin.write("pairs 1 %d\ngrow %d\npairs 1 %d\n" % (1500 * slow, BLOCKS, 3000 * slow))
    p.stdin.close()
    lines = [json.loads(line) for line in p.stdout if line.startswith("{")]
    equal(p.wait(harness.TIMEOUT), 0, "exit code")
    with open(report) as f:
        tells(json.loads(f.readlines()[-1])["processes"][0], lines[1]["sites"])


def enough_samples():
    if harness.EMULATED:
        harness.skip("a sample takes an emulated machine so long that it takes too few")


def test_attached():
    enough_samples()
    again(attached)


def test_command():
    enough_samples()
    again(command)


def test_small_heap():
    """Nothing is said where nothing is known: no callsites of no bytes."""
    f = Fixture("storm")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "300ms")
    f.run("pairs 1 1000")
    last = w.end()["processes"][0]
    equal([s for s in last["sites"] if s["kind"] == "heap"], [], "callsites of malloc")


def test_used_again():
    """Blocks that reached into new pages are gone, and others have their addresses, of the same size: who
    is told to hold how much is unsure then, and the bars say so."""
    f = Fixture("storm")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "300ms", "--depth", "0")
    truth = f.run("mix 3000")["sites"]
    p = looked_at(w)
    w.end()
    told = 0
    for name, want in truth.items():
        for s in p["sites"]:
            if s["kind"] == "heap" and s["frames"] and s["frames"][0]["function"] == name:
                told += 1
                # What was asked for is known to 8 bytes of the chunk's.
                check(s["bytes_low"] <= want <= 1.01 * s["bytes_high"],
                      "%s has %d to %d, really %d" % (name, s["bytes_low"], s["bytes_high"], want))
    check(told, "no site is told")


def mapped(size):
    """What malloc can use of a mapping of its own (malloc/malloc.c: sysmalloc_mmap)."""
    chunk = (size + 8 + 15) // 16 * 16 + 8
    return (chunk + 4095) // 4096 * 4096 - 16


def test_mapped():
    """Large blocks have a mapping each, which tells whose each is: all of them, to a page, which the
    bar says; whose it is after a realloc, which moves it; and that it is gone."""
    f = Fixture("large")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "300ms", "--depth", "0")

    def of(name):
        return [(s["bytes"], s["blocks"], s["bytes_low"]) for s in looked_at(w)["sites"]
                if s["kind"] == "heap" and s["frames"] and s["frames"][0]["function"] == name]
    f.run("blocks")
    pages = sum(mapped(1048583 + 100000 * i) for i in range(7))
    want = [(pages, 7, pages - 7 * 4095)]
    equal(of("mapping"), want, "7 blocks that are mapped")
    small = sum(b for b, _, _ in of("by_realloc"))
    f.run("slow")
    equal(of("mapping"), want, "... and what was reallocated since")
    grown = sum(b for b, _, _ in of("by_realloc")) - small
    check(abs(grown - 5 * mapped(131 << 20)) <= 107 * 3017, "5 blocks of realloc: %d" % grown)
    f.run("unblock")
    equal(of("mapping"), [], "what was freed")
    w.end()


TESTS = {fn.__name__: fn for fn in (test_attached, test_command, test_small_heap,
                                    test_used_again, test_mapped)}

if __name__ == "__main__":
    harness.main(TESTS)
