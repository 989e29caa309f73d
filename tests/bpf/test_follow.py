#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_follow.py: children of a process that runs, and processes that come later."""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, check, equal, heapwatch  # noqa: E402
from test_tree import held  # noqa: E402

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


@test
def test_follow():
    """-p: children that are made later are watched, those of an exec exactly, and all are there."""
    f = Fixture("family", args=["wait"])
    w = harness.Watch(f.pid, "--interval", "20ms")
    f.tell("go")
    f.p.wait(harness.TIMEOUT)
    report = w.end(None)
    equal(len(report["processes"]), 8, "processes")
    first = report["processes"][0]
    equal((first["pid"], first["seen_from"], first["mode"]), (f.pid, "attach", "exact"), "first")
    equal(held(first), (("site_parent", 211), ("site_thread", 31)), "what the first holds")
    for p in report["processes"][1:]:
        check(p["seen_from"] in ("late", "fork"), "seen_from is " + p["seen_from"])
        # What was inherited is known whatever came later.
        if p["seen_from"] == "late" and any(n == "site_parent" for n, _ in held(p)):
            equal(p["mode"], "degraded", "mode of one whose first steps were not seen")
        # One that is over in a millisecond has no probes before its end.
        if not p["probe_hits"]:
            equal((p["mode"], p["exited"]), ("degraded", True), "one none of whose calls was seen")
            check(p["late_seconds"] > 0, "not late")


# A program without an allocator, for its functions have no names, becomes one that is over at once.
BECOMES = """read go
%s sh -c 'read go; exec /bin/true'
read end"""


@test
def test_over_before_it_was_looked_at():
    """What was looked through is the program before: nothing is known of this one."""
    f = harness.start(["sh", "-c", BECOMES % harness.need("busybox")], stdin=subprocess.PIPE,
                      text=True)
    w = harness.Watch(f.pid, "--interval", "20ms")

    def tell():
        f.stdin.write("go\n")
        f.stdin.flush()

    def child():
        """Wait until it is there, and was looked through."""
        while True:
            for p in w.next_report()["processes"][1:]:
                if "busybox (stripped" in p["allocator"].get("searched", ""):
                    return

    tell()
    child()
    tell()
    while not (p := w.next_report()["processes"][1])["exited"]:
        pass
    equal((p["comm"], p["exit_code"], p["probe_hits"]), ("true", 0, 0), "name, exit code and hits")
    equal((p["mode"], p["seen_from"]), ("degraded", "late"), "mode, and since when it was seen")
    equal(p["allocator"].get("searched"), None, "what was searched of it")
    tell()
    w.end(None)


@test
def test_no_follow():
    f = Fixture("family", args=["wait"])
    w = harness.Watch(f.pid, "--no-follow")
    f.tell("go")
    f.p.wait(harness.TIMEOUT)
    equal([p["pid"] for p in w.end(None)["processes"]], [f.pid], "processes with --no-follow")


@test
def test_comm():
    """--comm: those of that name that are there, and those to come."""
    name = "hw%d" % os.getpid()
    path = os.path.join(harness.scratch(), name)
    os.symlink("/usr/bin/sleep", path)
    copy = os.path.join(harness.scratch(), name)
    with open("/usr/bin/sleep", "rb") as a, open(copy, "wb") as b:
        b.write(a.read())
    os.chmod(copy, 0o755)
    one = harness.start([copy, "30"])
    while open("/proc/%d/comm" % one.pid).read().strip() != name:
        time.sleep(0.01)
    p = harness.start([heapwatch(), "--exact", "--json", "--interval", "100ms", "--comm", name],
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = harness.Lines(p.stdout)
    pids = {x["pid"] for x in json.loads(lines.next("report"))["processes"]}
    equal(pids, {one.pid}, "pids")
    two = harness.start([copy, "30"])
    limit = time.monotonic() + harness.TIMEOUT
    while pids != {one.pid, two.pid} and time.monotonic() < limit:
        pids = {x["pid"] for x in json.loads(lines.next("report"))["processes"]}
    equal(pids, {one.pid, two.pid}, "pids after a second one was started")
    p.send_signal(signal.SIGINT)
    equal(p.wait(harness.TIMEOUT), 0, "exit code")
    r = subprocess.run([heapwatch(), "--comm", "no-such-name"], stderr=subprocess.PIPE, text=True)
    equal(r.returncode, 1, "exit code for a name that nobody has")
    check("no process named no-such-name" in r.stderr, r.stderr)


if __name__ == "__main__":
    harness.main(TESTS)
