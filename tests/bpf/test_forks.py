#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_forks.py: what is left in the forks of a process that is watched alone."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, children_of, equal  # noqa: E402


def unwatched(kind):
    """A fork copies its parent's breakpoints: one that is not watched gets rid of them, while its
    parent keeps them."""
    harness.kind_works(kind)
    f = Fixture("storm")
    w = Watch(f.pid, "--exact", "--no-follow", "--user-probes", kind)
    before = harness.traps(f.pid, "libc.so.6")
    check(before > 0, "no breakpoint in the parent")
    f.run("child 200")
    child = children_of(f.pid)[0]
    until = time.monotonic() + harness.TIMEOUT
    while harness.traps(child, "libc.so.6"):
        check(time.monotonic() < until, "the child keeps its parent's breakpoints")
        time.sleep(0.02)
    equal(harness.traps(f.pid, "libc.so.6"), before, "the parent's breakpoints")
    os.kill(child, signal.SIGKILL)
    w.end()


# Perf events take each one out where a fork hits it.
TESTS = {"test_unwatched[%s]" % k: lambda k=k: unwatched(k) for k in ("session", "multi")}

if __name__ == "__main__":
    harness.main(TESTS)
