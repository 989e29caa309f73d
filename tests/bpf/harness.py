# SPDX-License-Identifier: GPL-2.0
"""harness.py: start targets and heapwatch, read what they say, compare, sum up.

A test is a function test_*; it fails by check() or any exception, and ends by skip() where
something that it needs is missing.  What a test starts is killed when it ends; nothing else is."""
import argparse
import atexit
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TIMEOUT = int(os.environ.get("HEAPWATCH_TIMEOUT", "60"))  # seconds; emulated machines need more
EMULATED = bool(os.environ.get("HEAPWATCH_EMULATED"))
TALLY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
KINDS = {"session": "session", "multi": "uprobe_multi", "perf": "perf_event"}
BUILD = "build"
children = []
doctor_says = {}


class Skip(Exception):
    pass


class Failed(Exception):
    pass


def skip(reason):
    raise Skip(reason)


def check(what, why):
    if not what:
        raise Failed(why)


def equal(got, want, what):
    check(got == want, "%s is %r, not %r" % (what, got, want))


def heapwatch():
    return os.path.join(BUILD, "heapwatch")


def need(program):
    found = shutil.which(program)
    return found or skip("%s is not installed" % program)


def start(cmd, **options):
    p = subprocess.Popen(cmd, **options)
    children.append(p)
    return p


def kill(p):
    if p.poll() is None:
        p.kill()
    p.wait()


def kill_children():
    while children:
        kill(children.pop())


class Lines:
    """What a pipe says, line by line, read by a thread so that nobody waits for us."""

    def __init__(self, pipe):
        self.pipe, self.queue, self.seen = pipe, queue.Queue(), []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.pipe:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def next(self, what, timeout=TIMEOUT):
        """The next line; None at the end."""
        try:
            line = self.queue.get(timeout=timeout)
        except queue.Empty:
            raise Failed("no %s within %d s" % (what, timeout)) from None
        if line is None:
            self.queue.put(None)
        else:
            self.seen.append(line)
        return line

    def until(self, last):
        """The lines before this one, which must come."""
        before = len(self.seen)
        while self.next(last) not in (last, None):
            pass
        equal(self.seen[-1], last, "the last line")
        return self.seen[before:-1]

    def rest(self, what="end of output"):
        while self.next(what) is not None:
            pass
        return self.seen


class Fixture:
    """A program of tests/fixtures that is told scenarios and answers with the truth."""

    def __init__(self, name="churn", path=None, args=(), **options):
        self.p = start([path or os.path.join(BUILD, "fixtures", name), *args], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True, **options)
        self.pid = self.p.pid
        self.lines = Lines(self.p.stdout)
        self.ready()

    def ready(self):
        equal(self.lines.next("ready"), "ready", "the fixture's first line")

    def tell(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()

    def run(self, line):
        self.tell(line)
        said = self.lines.next("truth of " + line)
        check(said, "the fixture ended in " + line)
        return json.loads(said)


class Watch:
    """heapwatch on some processes."""

    def __init__(self, pids, *options, as_json=True, wait=True):
        self.pids = [pids] if isinstance(pids, int) else list(pids)
        # Every call, unless a test says otherwise: what is compared is exact.
        cmd = [heapwatch(), "-v", "--exact", "-p", ",".join(map(str, self.pids))]
        cmd += ["--json", "--interval", "50ms"] if as_json else []
        # The last of an option counts: a test's own come behind.
        self.p = start(cmd + list(options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, errors="replace")
        self.out, self.err = Lines(self.p.stdout), Lines(self.p.stderr)
        for pid in self.pids if wait else []:
            self.wait_watching(pid)

    def wait_watching(self, pid):
        while True:
            line = self.err.next("line 'watching %d'" % pid)
            if line is None:
                raise Failed("heapwatch ended: " + self.complaint())
            if line.startswith("heapwatch: watching %d (" % pid):
                return

    def complaint(self):
        said = [l for l in self.err.seen if l.startswith("heapwatch:") and " debug: " not in l]
        return " | ".join(said[-5:] or self.err.seen[-5:]) or "it said nothing"

    def next_report(self):
        line = self.out.next("report")
        if line is None:
            self.err.rest()
            raise Failed("heapwatch ended: " + self.complaint())
        return json.loads(line)

    def settled(self, but=None):
        """A report that has everything that happened before this call; but: of who is not this."""
        now, before, tries = time.time(), None, 0
        while True:
            r = self.next_report()
            if r["time"] <= now:
                continue
            # The first one later may have looked at the rings earlier.
            events = [p["events"] for p in r["processes"] if p["pid"] != but]
            if before and events == before:
                return r
            before, tries = events, tries + 1
            check(tries < 400, "the events never came to rest: %s" % events)

    def process(self):
        return self.settled()["processes"][0]

    def end(self, sig=signal.SIGINT):
        """End it; exit code and last report."""
        if sig:
            self.p.send_signal(sig)
        code = self.p.wait(TIMEOUT)
        said = self.out.rest()
        self.err.rest()
        equal(code, 0, "heapwatch's exit code (%s)" % self.complaint())
        return json.loads(said[-1]) if said else None

    def counters(self, pid):
        """produced, received, lost: as the last report logged them."""
        m = re.findall(r"^heapwatch: debug: %d: produced (\d+), received (\d+), lost (\d+)$" % pid,
                       "\n".join(self.err.seen), re.M)
        check(m, "no line 'produced, received, lost' of %d" % pid)
        return tuple(map(int, m[-1]))

    def end_exactly(self, sig=signal.SIGINT):
        """End it and see that nothing was lost; the last report."""
        r = self.end(sig)
        check(r, "no report at all")
        equal(r["last"], True, "last of the last report")
        for p in r["processes"]:
            produced, received, lost = self.counters(p["pid"])
            equal((lost, p["lost_events"]), (0, 0), "lost and lost_events")
            equal(p["mode"], "exact", "mode")
            equal(received, produced, "received of %d, with none lost," % p["pid"])
            check(produced > 0, "not one event")
            equal(p["events"], received, "events")
        return r


FIELDS = ("bytes", "blocks", "allocated_bytes", "allocated_blocks")


def of_site(process, name, kind="heap"):
    """The sum of the sites whose leaf is that function; of a mapping, the system call's caller."""
    total = dict.fromkeys(FIELDS, 0)
    for s in process["sites"]:
        frames = [f["function"] for f in s["frames"][:1 if kind == "heap" else 2]]
        if s["kind"] == kind and name in frames:
            for field in FIELDS:
                total[field] += s[field]
    return total


def leaves(process):
    return {s["kind"] + " " + " < ".join(str(f["function"]) for f in s["frames"][:3]): s["bytes"]
            for s in process["sites"]}


def compare(process, truth, *more, totals=True):
    """Every callsite as the fixture says; more: keys of the truth that are totals of the report."""
    name = truth["scenario"]
    for want in truth["sites"]:
        got = of_site(process, want["function"], want["kind"])
        if not want["blocks"]:
            # What holds nothing is not shown, and so neither is what it ever did.
            equal((got["bytes"], got["blocks"]), (0, 0), "%s: %s" % (name, want["function"]))
            continue
        check(got == {f: want[f] for f in FIELDS}, "%s: %s has %s, not %s; sites: %s" % (
            name, want["function"], list(got.values()), [want[f] for f in FIELDS],
            leaves(process)))
    if not totals:
        return
    keys = ["outstanding_bytes", "outstanding_blocks", "mapped_bytes", *more]
    if truth["older_freed_blocks"] >= 0:
        keys.append("older_freed_blocks")
    as_here = {"reserved_bytes": "mapped_reserved_bytes",
               "allocator_bytes": "mapped_allocator_bytes"}
    for key in keys:
        check(process[as_here.get(key, key)] == truth[key], "%s: %s is %d, not %d; sites: %s" % (
            name, key, process[as_here.get(key, key)], truth[key], leaves(process)))


def consistent(p):
    """What must hold in any report."""
    shown = sum(s["bytes"] for s in p["sites"])
    equal(shown + p["hidden_bytes"], p["outstanding_bytes"] + p["mapped_bytes"],
          "the sites' bytes and the hidden ones, against the totals,")
    check(p["sites_total"] >= len(p["sites"]), "sites_total is less than the sites")
    check([s["bytes"] for s in p["sites"]] == sorted((s["bytes"] for s in p["sites"]),
                                                     reverse=True), "sites are not sorted")
    # What a fork's child had from its parent is no allocation of its own.
    for s in p["sites"] if p["seen_from"] not in ("fork", "late") else ():
        check(s["bytes"] <= s["allocated_bytes"], "more bytes held than allocated: %s" % s)


def kind_works(kind):
    """Skip unless `heapwatch doctor` says that these probes work here."""
    name = KINDS.get(kind, kind)
    if not doctor_says:
        r = subprocess.run([heapwatch(), "doctor"], stdout=subprocess.PIPE, text=True,
                           timeout=TIMEOUT)
        for line in r.stdout.splitlines():
            words = line.split(None, 1)
            if len(words) == 2 and line.startswith("  "):
                doctor_says[words[0]] = words[1]
    said = doctor_says.get(name, "nothing")
    if not said.startswith("yes"):
        skip("heapwatch doctor says of %s: %s" % (name, said))


def real_time(why):
    """Skip where a machine is emulated: what takes how much time says nothing there."""
    if EMULATED:
        skip("this machine is emulated: " + why)


def each_kind(tests):
    """A decorator: has tests have the function once for each kind of user probe that works."""
    def decorate(fn):
        for kind in KINDS:
            def run(kind=kind):
                kind_works(kind)
                fn(kind)
            tests["%s[%s]" % (fn.__name__, kind)] = run
        return fn
    return decorate


def children_of(pid):
    """Those of its main thread."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(w) for w in f.read().split()]


def scratch():
    path = tempfile.mkdtemp(prefix="heapwatch-test-")
    atexit.register(shutil.rmtree, path, True)
    os.chmod(path, 0o755)
    return path


def stop(pid):
    """SIGSTOP, and wait until no thread of it runs any more."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + TIMEOUT
    for task in os.listdir("/proc/%d/task" % pid):
        while True:
            with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "T":
                    break
            check(time.monotonic() < deadline, "%d does not stop" % pid)
            time.sleep(0.001)


def traps(pid, path):
    """How many bytes of a file's mapped code are not the file's: the breakpoints that are set."""
    changed = 0
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            m = re.match(r"(\w+)-(\w+) r-x. (\w+) \S+ \d+ +(/.*)$", line.strip())
            if not m or os.path.basename(m[4]) != path:
                continue
            first, end, offset = (int(m[i], 16) for i in (1, 2, 3))
            mem.seek(first)
            here = mem.read(end - first)
            with open(m[4], "rb") as f:
                f.seek(offset)
                there = f.read(end - first)
            changed += sum(a != b for a, b in zip(here, there))
    return changed


def run_one(name, fn):
    began = time.monotonic()
    try:
        if os.geteuid():
            skip("needs root")
        fn()
        print("ok %s (%.1f s)" % (name, time.monotonic() - began), flush=True)
        return 0
    except Skip as e:
        print("skip %s: %s" % (name, e), flush=True)
        return 2
    except Failed as e:
        print("FAIL %s: %s" % (name, e), flush=True)
    except Exception:  # a defect of the test, or a surprise: with all there is to know
        print("FAIL %s: %s" % (name, traceback.format_exc()), flush=True)
    finally:
        kill_children()
    return 1


def main(tests):
    """tests: name -> function.  --only WORD[,WORD] runs those whose name has one."""
    global BUILD
    a = argparse.ArgumentParser()
    a.add_argument("--build", default="build")
    a.add_argument("--only", default="")
    args = a.parse_args()
    BUILD = os.path.abspath(args.build)
    atexit.register(kill_children)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    results = [run_one(n, fn) for n, fn in tests.items() if any(word in n for word in args.only.split(","))]
    print("%d passed, %d failed, %d skipped" % tuple(results.count(i) for i in range(3)))
    sys.exit(1 if results.count(1) else 0)
