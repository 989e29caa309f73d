#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_detach.py: probes that go, by themselves, with a kill, while others have theirs at the same
places: none stays, and nobody loses a call."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import FIELDS, Fixture, Watch, check, compare, equal, of_site  # noqa: E402

TESTS = {}
each_kind = harness.each_kind(TESTS)


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def links_of(pid):
    """Ids of the BPF links that a process holds."""
    ids = set()
    for fd in os.listdir("/proc/%d/fdinfo" % pid):
        with contextlib.suppress(OSError), open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
            ids |= {int(line.split()[1]) for line in f if line.startswith("link_id:")}
    return ids


def links():
    tool = "/usr/sbin/bpftool" if os.access("/usr/sbin/bpftool", os.X_OK) else "bpftool"
    r = subprocess.run([harness.need(tool), "-j", "link", "show"], stdout=-1, text=True)
    return {link["id"] for link in json.loads(r.stdout or "[]")}


def libc_path(pid):
    with open("/proc/%d/maps" % pid) as maps:
        return next(line.split()[-1] for line in maps if "/libc" in line)


@each_kind
def test_kill_9(kind):
    f = Fixture()
    truth = f.run("realloc_fail")
    libc = os.path.basename(libc_path(f.pid))
    equal(harness.traps(f.pid, libc), 0, "traps before")
    w = Watch(f.pid, "--user-probes", kind)
    # Those that time a trap on itself come and go meanwhile.
    held = links_of(w.p.pid) & links()
    check(len(held) > 4, "its links are %s, all links %s" % (held, links()))
    check(harness.traps(f.pid, libc) > 4, "no trap is in the target's code while it is watched")
    f.run("family")
    harness.kill(w.p)
    f.run("threads")  # at once: the target meets whatever is left
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        left = held & links()
        if not left and not harness.traps(f.pid, libc):
            break
        time.sleep(0.1)
    equal(left, set(), "links left behind")
    equal(harness.traps(f.pid, libc), 0, "traps left behind")
    for scenario in ("family", "cross", "realloc_fail"):
        f.run(scenario)
    w = Watch(f.pid, "--user-probes", kind)
    truth = f.run("family")
    compare(w.process(), truth)
    w.end_exactly()


@test
def test_kill_9_at_its_end():
    """While it takes its probes away: the kernel would leave those that are not away yet."""
    harness.kind_works("perf")
    own = harness.scratch()
    # A file of its own: the end of anybody's probes at the same place of it takes these too.
    shutil.copy(libc_path(os.getpid()), own)
    f = Fixture(env=dict(os.environ, LD_LIBRARY_PATH=own))
    libc = os.path.basename(libc_path(f.pid))
    w = Watch(f.pid, "--user-probes", "perf")
    there = left = harness.traps(f.pid, libc)
    w.p.send_signal(signal.SIGINT)
    while left == there:
        left = harness.traps(f.pid, libc)
    if not left:
        harness.real_time("a look at the probes takes as long as they do to go")
    check(left, "all are gone at once: nothing to see here")
    harness.kill(w.p)
    deadline = time.monotonic() + 20
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = harness.traps(f.pid, libc)
    equal(left, 0, "traps left behind")


@test
def test_two_watchers():
    f = Fixture()
    a, b = Watch(f.pid), Watch(f.pid)
    truth = f.run("family")
    compare(a.process(), truth)
    compare(b.process(), truth)
    a.end_exactly()
    more = f.run("realloc_fail")
    compare(b.process(), truth, totals=False)
    compare(b.process(), more, totals=False)
    b.end_exactly()


@each_kind
def test_others_come_and_go(kind):
    """Probes that others put on the same functions and take away again cost us no call."""
    f = Fixture()
    a, truths = Watch(f.pid, "--user-probes", kind), []
    b = Watch(f.pid, "--user-probes", kind)
    truths.append(f.run("family"))
    b.p.send_signal(signal.SIGINT)
    while b.p.poll() is None:
        truths.append(f.run("family"))
        time.sleep(0.02)
    p = a.process()
    for want in truths[0]["sites"]:
        got = of_site(p, want["function"], want["kind"])
        if want["blocks"]:
            equal(got, {field: len(truths) * want[field] for field in FIELDS},
                  "%s, %d times," % (want["function"], len(truths)))
    equal(p["outstanding_blocks"], sum(t["outstanding_blocks"] for t in truths), "blocks in all")
    a.end_exactly()


if __name__ == "__main__":
    harness.main(TESTS)
