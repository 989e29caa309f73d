#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_requests.py: large blocks are known, each with its callsite, while a storm's calls are not
seen: in memory that was in use before, where no page fault tells of them."""
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal, heapwatch, of_site, skip  # noqa: E402

ON = "no call is seen, but requests for large chunks"


def doctor():
    return subprocess.run([heapwatch(), "doctor"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False).stdout


def chunk(size):
    """Of glibc's malloc, for so many bytes."""
    return (size + 8 + 15) // 16 * 16


def bars(p, name):
    of = [s for s in p["sites"] if s["kind"] == "heap" and s["frames"][0]["function"] == name]
    return sum(s["bytes_low"] for s in of), sum(s["bytes_high"] for s in of)


def told(p, truth):
    sites = {name: of_site(p, name) for name in truth}
    return {name: (s["blocks"], s["bytes"]) for name, s in sites.items()}


def holding(w, truth):
    """The process in a report that tells of just these."""
    want = {name: (n, n * (chunk(size) - 8)) for name, (n, size) in truth.items()}
    end = time.time() + harness.TIMEOUT
    while True:
        p = w.next_report()["processes"][0]
        if told(p, truth) == want:
            return p
        check(time.time() < end, "%s is told, not %s; mode %s, %d windows" % (
            told(p, truth), want, p["mode"], p["windows"]))


def storm(*options):
    """The fixture, and heapwatch when nothing but requests is seen of it."""
    if "requests for large chunks  0x" not in doctor():
        skip("this C library has no place that large requests alone come by")
    f = Fixture("requests")
    w = Watch(f.pid, "--max-overhead", "1", "--interval", "200ms", "--ring-size", "64M", *options)
    f.run("storm")
    while True:
        line = w.err.next(ON)
        check(line is not None, "heapwatch ended: " + w.complaint())
        if ON in line:
            return f, w


def requests(*options):
    f, w = storm(*options)
    for command in "hold", "drop":
        truth = f.run(command)
        p = holding(w, truth)
        check(p["mode"] != "exact", "mode is exact in a storm")
        for name, (n, size) in truth.items():
            if not n:
                continue
            # What was asked for is known to a chunk.
            low, high = bars(p, name)
            check(low <= n * size <= high, "%s: %d to %d, not %d" % (name, low, high, n * size))
            told_bytes = of_site(p, name)["bytes"]
            equal(told_bytes - low, 15 * n, name + "'s lower bar")
            # One that no window saw may have blocks of the storm's size.
            check(high <= 1.01 * told_bytes, "%s: %d, and at most %d" % (name, told_bytes, high))
    w.end()


def test_requests():
    requests()


def test_requests_multi():
    harness.kind_works("multi")
    requests("--user-probes", "multi")


def test_requests_perf():
    harness.kind_works("perf")
    requests("--user-probes", "perf")


def test_fork():
    """A child that is not watched loses the breakpoint that it has from its parent."""
    f, w = storm("--no-follow")
    child = f.run("fork")["child"]
    end = time.time() + harness.TIMEOUT
    while harness.traps(child, "libc.so.6") and time.time() < end:
        time.sleep(0.1)
    equal(harness.traps(child, "libc.so.6"), 0, "breakpoints of the child")
    check(harness.traps(f.pid, "libc.so.6") > 0, "its parent has none either")
    w.end()


TESTS = {f.__name__: f for f in (test_requests, test_requests_multi, test_requests_perf, test_fork)}

if __name__ == "__main__":
    harness.main(TESTS)
