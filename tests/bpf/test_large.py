#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_large.py: places behind glibc's thread cache: found, remembered, and what level large sees by
them while a storm of small blocks goes on."""
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal, heapwatch, of_site, skip  # noqa: E402

SITES = ("by_malloc", "by_calloc", "by_realloc", "by_aligned_alloc", "by_posix_memalign", "mapping",
         "smallest")


def doctor(cache):
    """What doctor says of the places, and what is remembered."""
    r = subprocess.run([heapwatch(), "doctor"], stdout=subprocess.PIPE, text=True, check=False,
                       env=dict(os.environ, CACHE_DIRECTORY=cache))
    part = r.stdout[r.stdout.index("places behind"):]
    files = sorted(os.listdir(cache))
    return part, [os.path.join(cache, f) for f in files]


def places():
    """Skips where there are none: another C library than glibc, another machine than x86-64."""
    part, files = doctor(harness.scratch())
    if "not glibc for x86-64" in part:
        skip(" ".join(part.split()))
    check("proven" in part, part)
    return part, files


def test_remembered():
    """Proven once, taken from the file from then on; what was tampered with is not."""
    cache = harness.scratch()
    part, files = doctor(cache)
    if "not glibc for x86-64" in part:
        skip(" ".join(part.split()))
    check("proven now" in part, part)
    equal(len(files), 1, "files remembered")
    with open(files[0]) as f:
        text = f.read()
    lines = text.splitlines()
    equal(lines[0], "heapwatch places 2", "the file's first line")
    equal("this system's C library    %d," % (len(lines) - 2) in part, True,
          "as many as in the file: %s" % part)
    equal("requests for large chunks  0x%s\n" % lines[-1].split()[0] in part, True,
          "the file's last: %s" % part)
    equal("proven earlier" in doctor(cache)[0], True, "remembered")
    offset, cookie = lines[1].split()
    wrong = {
        "a place that is no jump": text.replace(offset, "%x" % (int(offset, 16) + 1)),
        "a register that there is not": text.replace(cookie, "%x" % (int(cookie, 16) | 0xff0000)),
        "a version to come": text.replace("places 2", "places 3"),
        "half a file": "\n".join(lines[:2]) + "\n",
        "nothing": "",
    }
    for what, said in wrong.items():
        with open(files[0], "w") as f:
            f.write(said)
        equal("proven now" in doctor(cache)[0], True, what)
        with open(files[0]) as f:
            equal(f.read(), text, "remembered after " + what)
    os.chmod(files[0], 0o666)
    equal("proven now" in doctor(cache)[0], True, "what anybody can write")


def test_same_each_time():
    """Three trials choose the same places."""
    said = set()
    for _ in range(3):
        _, files = places()
        with open(files[0]) as f:
            said.add(f.read())
    equal(len(said), 1, "different choices")


def test_trial_alone():
    """Who starts it by hand is told."""
    r = subprocess.run([heapwatch(), "trial"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, check=False)
    equal(r.returncode, 2, "exit code")
    check("doctor" in r.stderr, r.stderr)


def told(p):
    sites = {name: of_site(p, name) for name in SITES}
    return {name: (s["bytes"], s["blocks"]) for name, s in sites.items()}


def wanted(*truths):
    """Bytes and blocks of each site after these scenarios."""
    sums = {name: [0, 0] for name in SITES}
    for t in truths:
        for s in t["sites"]:
            sums[s["function"]][0] += s["bytes"]
            sums[s["function"]][1] += s["blocks"]
    return {name: tuple(both) for name, both in sums.items()}


def wait_for(w, text):
    """Until heapwatch has said so."""
    while True:
        line = w.err.next(text)
        check(line is not None, "heapwatch ended: " + w.complaint())
        if text in line:
            return


def holding(w, want, what, level="no call is seen"):
    """The process in a report that tells just that.  Where not all is seen, what a report tells is as
    old as the last look at the heap, which a slow machine seldom has the time for."""
    began = time.time()
    while True:
        r = w.next_report()
        p = r["processes"][0]
        if told(p) == want:
            return p
        looked = r["time"] - (p["inspection_age_seconds"] or 0)
        if looked > began + 20 or time.time() > began + 20 + harness.TIMEOUT:
            traps = harness.traps(p["pid"], "libc.so.6")
            w.end()
            if any(level in line for line in w.err.seen):
                raise GivenUp
            check(told(p) == want, "%s is %s, not %s; mode %s, %d windows, %d hits, %d traps" % (
                what, told(p), want, p["mode"], p["windows"], p["probe_hits"], traps))


class GivenUp(Exception):
    """Even large blocks were beyond the budget: a slow machine's traps are dear."""


def large(*options):
    """A machine that is slow, or busy with others, may change the level earlier than it should."""
    places()
    for _ in range(5):
        try:
            return kept(*options)
        except GivenUp:
            harness.kill_children()
    return skip("a fifth of its run time did not suffice five times: this machine's traps are dear")


def kept(*options):
    """What was there when all was seen, what came when only large blocks were, and its end."""
    f = Fixture("large")
    w = Watch(f.pid, "--max-overhead", "20", "--interval", "200ms", *options)
    before = f.run("blocks")
    holding(w, wanted(before), "while all is seen", "large blocks are seen")
    f.run("storm 2")
    wait_for(w, "large blocks are seen")
    time.sleep(1)
    holding(w, wanted(before), "after the level changed")
    for _ in range(3):
        more = f.run("blocks")
        before["sites"] += more["sites"]
        time.sleep(0.3)
    # Windows come and go while these are under way.
    before["sites"] += f.run("slow")["sites"]
    p = holding(w, wanted(before), "what came since")
    equal([s for s in p["sites"] if s["estimated"] and s["frames"][0]["function"] in SITES], [],
          "called estimates")
    # What malloc mapped while its calls were not seen is told by the stacks.
    equal(p["mapped_bytes"], 0, "bytes mapped by the program")
    check(p["mapped_allocator_bytes"] >= sum(n for n, _ in wanted(before).values()),
          "the allocator mapped %d" % p["mapped_allocator_bytes"])
    f.run("unblock")
    p = holding(w, {n: (0, 0) for n in SITES}, "after all was freed")
    pairs = of_site(p, "large_pair")["blocks"]
    check(pairs <= 2, "%d blocks of a pair that each of two threads has one of at most" % pairs)
    equal(p["lost_events"], 0, "lost events")
    check(p["mode"] != "exact", "mode is exact in a storm")
    w.end()


def test_large():
    large("--ring-size", "64M")


def test_large_multi():
    harness.kind_works("multi")
    large("--user-probes", "multi")


def test_large_perf():
    harness.kind_works("perf")
    # These probes take so long to go that a window of a storm is full of records.
    large("--user-probes", "perf", "--ring-size", "64M")


def test_tunable():
    """Where a thread's cache has larger blocks no place sees them: the level is left out."""
    places()
    f = Fixture("large", env=dict(os.environ, GLIBC_TUNABLES="glibc.malloc.check=0:"
                                                             "glibc.malloc.tcache_max=4096"))
    w = Watch(f.pid, "--max-overhead", "1", "--interval", "200ms")
    f.run("storm 1")
    wait_for(w, "no call is seen")
    w.end()
    said = w.err.seen
    check(any("tcache_max" in line for line in said), "nothing said of the tunable")
    equal([line for line in said if re.search("large blocks are seen", line)], [], "level large")


TESTS = {f.__name__: f for f in (test_remembered, test_same_each_time, test_trial_alone, test_large,
                                 test_large_multi, test_large_perf, test_tunable)}

if __name__ == "__main__":
    harness.main(TESTS)
