#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_record.py: recordings of real programs: what is kept against what the programs did."""
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import (TIMEOUT, Fixture, Lines, check, compare, consistent,  # noqa: E402
                     equal, heapwatch, need, scratch, skip, start)

NOBODY = 65534
TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def run(*cmd, code=0, **options):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       errors="replace", timeout=TIMEOUT, **options)
    check(code is None or r.returncode == code,
          "%s: exit code %d, not %s: %s" % (" ".join(cmd), r.returncode, code, r.stderr))
    return r


def report(file, *options, **kw):
    return run(heapwatch(), "report", file, *options, **kw).stdout


def as_json(file, *options):
    return json.loads(report(file, "--json", *options))


def as_nobody(*cmd, **kw):
    need("setpriv")
    return run("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *cmd,
               **kw)


class Recorder:
    """heapwatch record -p PID, once it watches."""

    def __init__(self, pid, *options, file=None, env=None):
        self.file = file or os.path.join(scratch(), "a.hw")
        self.p = start([heapwatch(), "record", "--exact", "-p", str(pid), "-o", self.file, "-i", "100ms",
                        *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, errors="replace",
                       env=dict(os.environ, **(env or {})))
        self.err = Lines(self.p.stderr)
        while True:
            line = self.err.next("line 'watching'")
            check(line is not None, "the recorder ended: %s" % self.err.seen)
            if "watching %d" % pid in line:
                break

    def ticks(self, n=3):
        """Wait until n more ticks are in the file."""
        first, end = self.count(), time.monotonic() + TIMEOUT
        while self.count() < first + n:
            check(time.monotonic() < end, "no more ticks")
            time.sleep(0.05)

    def count(self):
        r = run(heapwatch(), "report", self.file, "--info", code=None)
        return int(re.search(r": (\d+) tick", r.stdout)[1]) if r.returncode == 0 else 0

    def end(self, sig=signal.SIGINT, code=0):
        self.p.send_signal(sig)
        equal(self.p.wait(TIMEOUT), code, "the recorder's exit code")
        return self.err.rest()


@test
def exact():
    f = Fixture()
    r = Recorder(f.pid)
    r.ticks(1)
    truth = f.run("family")
    r.ticks()
    r.end()
    p = as_json(r.file)["processes"][0]
    compare(p, truth)
    consistent(p)
    # Before anything was done there was nothing; what came since is all there is.
    d = as_json(r.file, "--diff", "0s", "end")["changes"][0]
    equal(d["outstanding_bytes"], truth["outstanding_bytes"], "growth of outstanding_bytes")
    for want in truth["sites"]:
        if want["blocks"]:
            got = harness.of_site(d, want["function"], want["kind"])
            equal((got["bytes"], got["blocks"]), (want["bytes"], want["blocks"]),
                  "growth of " + want["function"])


@test
def live_report_is_the_same():
    """The last tick, as text and as JSON, is what heapwatch -p says of the same instant."""
    f = Fixture()
    r = Recorder(f.pid)
    f.run("family")
    w = harness.Watch(f.pid)
    seen = {str(s["frames"][:2]): (s["bytes"], s["blocks"]) for s in w.process()["sites"]}
    w.end()
    r.ticks()
    r.end()
    # What was allocated before -p came is not in its view: there nothing is held since.
    equal(seen, {}, "sites of the later attach")
    p = as_json(r.file)["processes"][0]
    text = report(r.file, "--top", "0")
    for s in p["sites"]:
        check(s["frames"][0]["function"] in text, "%s is not in the text" % s["frames"][0])


@test
def folded_and_pprof():
    f = Fixture()
    r = Recorder(f.pid)
    truth = f.run("family")
    r.ticks()
    r.end()
    want = truth["outstanding_bytes"] + truth["mapped_bytes"]
    lines = report(r.file, "--folded").splitlines()
    equal(sum(int(line.rsplit(" ", 1)[1]) for line in lines), want, "sum of the folded lines")
    check(all(line.startswith("churn-%d;" % f.pid) for line in lines), lines[0])
    profile = os.path.join(scratch(), "p.pb.gz")
    run(heapwatch(), "report", r.file, "--pprof", "-o", profile)
    go = shutil.which("go") or skip("go is not installed: no `go tool pprof`")
    top = run(go, "tool", "pprof", "-top", "-unit=B", "-nodefraction=0", profile).stdout
    equal(re.search(r"Total samples = (\d+)B", top)[1], str(want), "pprof's total")
    sizes = dict(re.findall(r"^ *(\d+)B +\S+ +\S+ +\d+B +\S+ +(\w+)$", top, re.M)[::-1])
    by_name = {name: int(size) for size, name in sizes.items()}
    for site in truth["sites"]:
        if site["kind"] == "heap" and site["bytes"] and site["function"] in by_name:
            equal(by_name[site["function"]], site["bytes"], "pprof's " + site["function"])
    raw = run(go, "tool", "pprof", "-raw", profile).stdout
    check("alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes" in raw,
          raw.splitlines()[:6])


@test
def marks():
    f = Fixture()
    r = Recorder(f.pid)
    run(heapwatch(), "mark", "-o", r.file, "Import \x1b[2Jmanifests")
    r.ticks()
    run(heapwatch(), "mark", "-o", r.file, "second")
    # The file is root's: nobody else may.
    os.chmod(r.file, 0o644)
    denied = as_nobody(heapwatch(), "mark", "-o", r.file, "third", code=1)
    check("somebody else's" in denied.stderr, denied.stderr)
    run(heapwatch(), "mark", "-o", "/nonexistent", "x", code=1)
    run(heapwatch(), "mark", "-o", r.file, code=2)
    r.end()
    gone = run(heapwatch(), "mark", "-o", r.file, "too late", code=1)
    check("is not being recorded" in gone.stderr, gone.stderr)
    info = report(r.file, "--info")
    equal(re.findall(r"^ +[\d.]+ s  (\D.*)$", info, re.M), ["Import ?[2Jmanifests", "second"],
          "marks")


@test
def exec_marks_by_itself():
    p = start(["/bin/sh", "-c", "read x; exec /usr/bin/env sleep 60"], stdin=subprocess.PIPE,
              text=True)
    r = Recorder(p.pid)
    r.ticks()
    p.stdin.write("\n")
    p.stdin.flush()
    r.ticks(5)
    r.end()
    info = report(r.file, "--info")
    check(re.search(r"s  %d exec \S*sleep$" % p.pid, info, re.M), info)


@test
def killed_at_random():
    """Whenever the recorder is killed, who has no right to write there can read the file."""
    need("setpriv")
    rng = random.Random(7)
    f = Fixture()
    for i in range(10):
        r = Recorder(f.pid)
        f.run("family")
        r.ticks(1)
        time.sleep(rng.random() / 4)
        r.end(signal.SIGKILL, code=-signal.SIGKILL)
        where = os.path.dirname(r.file)
        os.chmod(where, 0o555)
        got = json.loads(as_nobody(heapwatch(), "report", r.file, "--json").stdout)
        equal(len(got["processes"]), 1, "processes in round %d" % i)
        consistent(got["processes"][0])
        os.chmod(where, 0o755)


@test
def full_disk():
    """A tmpfs of its own that is soon full: an error, and all that was kept before can be read."""
    need("unshare")
    f = Fixture()
    where = scratch()
    out = os.path.join(where, "copy.hw")
    p = start(["unshare", "-m", "sh", "-c",
               "mount -t tmpfs -o size=80k none %s && mkdir %s/d && "
               "%s record --exact -p %d -i 100ms -o %s/a.hw; code=$?; cp %s/a.hw /tmp/hw-full-%d; "
               "exit $code" % (where, where, heapwatch(), f.pid, where, where, f.pid)],
              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said, end = [], time.monotonic() + TIMEOUT
    lines = Lines(p.stderr)
    while p.poll() is None:
        check(time.monotonic() < end, "the disk never was full")
        f.run("family")
        time.sleep(0.05)
    said = " ".join(lines.rest())
    copy = "/tmp/hw-full-%d" % f.pid
    try:
        equal(p.returncode, 1, "exit code on a full disk (%s)" % said)
        check("No space left on device; it holds " in said, said)
        held = int(re.search(r"it holds (\d+) ticks", said)[1])
        check("%d ticks, " % held in report(copy, "--info"), report(copy, "--info"))
        consistent(as_json(copy)["processes"][0])
    finally:
        os.unlink(copy)
    check(not os.path.exists(out), "the tmpfs was not its own")


@test
def owner():
    """The file is that of who called sudo, also where only root can make one."""
    f = Fixture()
    env = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}
    for mode, uid in ((0o755, NOBODY), (0o755, 0)):
        where = scratch()
        os.chown(where, uid, uid)
        os.chmod(where, mode)
        r = Recorder(f.pid, file=os.path.join(where, "a.hw"), env=env)
        r.ticks()
        st = os.stat(r.file)
        equal((st.st_uid, st.st_gid), (NOBODY, NOBODY), "owner in a directory of %d" % uid)
        check(stat.S_ISREG(st.st_mode), "no file")
        as_nobody(heapwatch(), "mark", "-o", r.file, "mine")
        r.end()
        equal(os.listdir(where), ["a.hw"], "files that are left")
        check("mine" in report(r.file, "--info"), "the owner's mark")


@test
def no_link_is_followed():
    """The caller's links do not lead root to other files."""
    f = Fixture()
    where, other = scratch(), os.path.join(scratch(), "other")
    with open(other, "w") as o:
        o.write("precious")
    os.symlink(other, os.path.join(where, "a.hw"))
    os.symlink(other, os.path.join(where, "b.hw-journal"))
    os.chown(where, NOBODY, NOBODY)
    env = dict(os.environ, SUDO_UID=str(NOBODY), SUDO_GID=str(NOBODY))
    for name in ("a.hw", "b.hw"):
        for force in ([], ["--force"]):
            run(heapwatch(), "record", "--exact", "-p", str(f.pid), "-o", os.path.join(where, name), *force,
                "-d", "300ms", code=1 if name == "a.hw" else None, env=env)
            with open(other) as o:
                equal(o.read(), "precious", "the other file")


@test
def nothing_is_overwritten():
    f = Fixture()
    r = Recorder(f.pid)
    r.ticks()
    r.end()
    with open(r.file, "rb") as o:
        before = o.read()
    again = run(heapwatch(), "record", "--exact", "-p", str(f.pid), "-o", r.file, code=1)
    check("--force" in again.stderr, again.stderr)
    out = run(heapwatch(), "report", r.file, "--folded", "-o", r.file, code=1)
    check("--force" in out.stderr, out.stderr)
    with open(r.file, "rb") as o:
        check(o.read() == before, "the recording has changed")
    run(heapwatch(), "record", "--exact", "-p", str(f.pid), "-o", r.file, "--force", "-d", "300ms")


@test
def wrong_command_lines():
    for line in (["record"], ["record", "-p", "1", "-i", "50ms"], ["record", "-o"], ["report"],
                 ["report", "a", "b"], ["report", "a", "--at", "yesterday"],
                 ["report", "a", "--diff", "1s"], ["report", "a", "--min-age", "old"],
                 ["mark"], ["mark", ""]):
        run(heapwatch(), *line, code=2)
    missing = run(heapwatch(), "report", "/nonexistent", code=1)
    check("No such file" in missing.stderr, missing.stderr)
    for command in ("record", "report", "mark"):
        text = run(heapwatch(), command, "--help").stdout
        check(len(text.splitlines()) <= 36, "%s --help is longer than a screen" % command)


@test
def suppressed_and_old():
    f = Fixture()
    r = Recorder(f.pid)
    truth = f.run("family")
    r.ticks(4)
    r.end()
    name = next(s["function"] for s in truth["sites"] if s["kind"] == "heap" and s["bytes"])
    file = os.path.join(scratch(), "suppressions")
    with open(file, "w") as o:
        o.write("# known\nleak:^%s$\n" % name)
    p = as_json(r.file, "--suppressions", file)["processes"][0]
    equal(harness.of_site(p, name)["blocks"], 0, "blocks of what is suppressed")
    consistent(p)
    # All was allocated once and never again: held throughout the last two ticks.
    end = as_json(r.file)["elapsed_seconds"]
    old = as_json(r.file, "--min-age", "150ms")["processes"][0]
    compare(old, truth)
    none = run(heapwatch(), "report", r.file, "--min-age", "%ds" % (end + 5), code=1)
    check("no block is that old" in none.stderr, none.stderr)


if __name__ == "__main__":
    harness.main(TESTS)
