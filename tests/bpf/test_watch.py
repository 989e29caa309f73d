#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_watch.py: what heapwatch says of a running program against what that program did."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import (Failed, Fixture, Watch, check, compare, consistent,  # noqa: E402
                     equal, of_site)

# Scenario of a fixture, and which totals it knows besides the heap's.
SCENARIOS = {
    "family": ("churn",), "realloc_fail": ("churn",), "failing": ("churn",),
    "threads": ("churn",), "cross": ("churn",), "older": ("churn",), "depth": ("churn",),
    "storm 20011": ("churn",),
    "maps": ("maps", "reserved_bytes", "advised_bytes"),
    "nested": ("maps", "allocator_bytes"),
    "brk": ("maps",),
}
TESTS = {}
each_kind = harness.each_kind(TESTS)


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def watched(scenario, *options):
    fixture, *more = SCENARIOS[scenario]
    f = Fixture(fixture)
    w = Watch(f.pid, *options)
    truth = f.run(scenario)
    p = w.process()
    compare(p, truth, *more)
    consistent(p)
    last = w.end_exactly()["processes"][0]
    compare(last, truth, *more)
    return p


def scenario_tests():
    for kind in harness.KINDS:
        for scenario in SCENARIOS:
            def run(kind=kind, scenario=scenario):
                harness.kind_works(kind)
                p = watched(scenario, "--user-probes", kind)
                equal(p["user_probes"], harness.KINDS[kind], "user_probes")
            TESTS["test_%s[%s]" % (scenario.split()[0], kind)] = run
    for kind in ("fentry", "kprobe", "tracepoint"):
        for scenario in ("maps", "nested", "brk"):
            def run(kind=kind, scenario=scenario):
                harness.kind_works(kind)
                p = watched(scenario, "--kernel-probes", kind)
                equal(p["kernel_probes"], kind, "kernel_probes")
            TESTS["test_%s[%s]" % (scenario, kind)] = run


@test
def test_frames():
    f = Fixture()
    w = Watch(f.pid)
    f.run("family")
    f.run("depth")
    p = w.process()
    equal((p["pid"], p["comm"], p["exited"]), (f.pid, "churn", False), "pid, comm and exited")
    equal(p["exe"], os.readlink("/proc/%d/exe" % f.pid), "exe")
    equal(os.path.basename(p["exe"]), "churn", "name of exe")
    with open("/proc/%d/stat" % f.pid) as stat:
        equal(p["start_time"], int(stat.read().rsplit(")", 1)[1].split()[19]), "start_time")
    equal(p["allocator"]["name"], "glibc", "allocator")
    site = next(s for s in p["sites"] if s["frames"][0]["function"] == "site_calloc")
    names = [x["function"] for x in site["frames"]]
    check(names[-1] is None or "main" in names, "no main in the stack: %s" % names)
    check("run_family" in names and "obey" in names, "callers are missing: %s" % names)
    leaf = site["frames"][0]
    equal(os.path.basename(leaf["file"] or ""), "churn.c", "file of site_calloc")
    with open(os.path.join(os.path.dirname(__file__), "../fixtures/churn.c")) as source:
        line = source.read().split("\n")[leaf["line"] - 1]
    check("site_calloc" in line, "line %d of site_calloc is %r" % (leaf["line"], line))
    check(leaf["module"].endswith("/churn") and leaf["offset"] and leaf["pc"], "%s" % leaf)
    deep = next(s for s in p["sites"] if s["frames"][0]["function"] == "site_deep")
    equal((deep["truncated"], len(deep["frames"])), (True, 128), "truncated and frames of depth")
    equal({x["function"] for x in deep["frames"][1:]}, {"deeper"}, "the frames of depth")
    w.end_exactly()


@each_kind
def test_exec(kind):
    f = Fixture()
    w = Watch(f.pid, "--user-probes", kind)
    truth = f.run("realloc_fail")
    compare(w.process(), truth)
    f.tell("exec")
    f.ready()
    # Probes are put on the new program's files by now or soon.
    before = w.process()
    equal(of_site(before, "site_old")["blocks"], 0, "blocks of the program before the exec")
    truth = f.run("family")
    p = w.process()
    compare(p, truth, totals=False)
    consistent(p)
    for total in ("outstanding_bytes", "outstanding_blocks"):
        equal(p[total] - before[total], truth[total], total + " since the exec")
    check(not p["exited"], "exited after an exec")
    w.end_exactly()


@each_kind
def test_exit(kind):
    f = Fixture()
    w = Watch(f.pid, "--user-probes", kind)
    f.run("realloc_fail")
    truth = f.run("exit 7")
    equal(f.p.wait(harness.TIMEOUT), 7, "exit code of the target")
    p = w.end_exactly(None)["processes"][0]
    check(p["exited"], "exited is false")
    compare(p, truth, totals=False)
    equal(of_site(p, "site_old")["blocks"], 7, "blocks of site_old")
    consistent(p)


@each_kind
def test_ring_too_small(kind):
    f = Fixture()
    w = Watch(f.pid, "--ring-size", "4096", "--user-probes", kind)
    f.run("storm 200000")
    w.settled()
    p = w.end()["processes"][0]
    produced, received, lost = w.counters(f.pid)
    equal(received + lost, produced, "received %d + lost %d, against produced," % (received, lost))
    check(lost > 0, "nothing was lost in a ring of 4096 bytes")
    check(produced >= 400000, "only %d records of 200000 pairs were produced" % produced)
    equal(p["mode"], "degraded", "mode")
    check(p["lost_events"] >= lost, "lost_events %d < lost %d" % (p["lost_events"], lost))
    consistent(p)


@test
def test_several_processes():
    fixtures = [Fixture(), Fixture(), Fixture("maps"), Fixture()]
    scenarios = ["family", "threads", "maps", "older"]
    w = Watch([f.pid for f in fixtures], "--rings", "2")
    truths = [f.run(s) for f, s in zip(fixtures, scenarios)]
    processes = w.settled()["processes"]
    equal([p["pid"] for p in processes], [f.pid for f in fixtures], "pids")
    for p, truth in zip(processes, truths):
        compare(p, truth)
        consistent(p)
    # One ends, the others go on.
    fixtures[1].p.stdin.close()
    fixtures[1].p.wait(harness.TIMEOUT)
    truth = fixtures[0].run("realloc_fail")
    processes = w.settled()["processes"]
    equal([p["exited"] for p in processes], [False, True, False, False], "exited")
    compare(processes[0], truth, totals=False)
    compare(processes[1], truths[1])
    w.end_exactly()


@test
def test_text():
    f = Fixture()
    w = Watch(f.pid, "--top", "0", "--interval", "100ms", as_json=False)
    truth = f.run("family")
    time.sleep(0.5)
    w.p.send_signal(signal.SIGINT)
    equal(w.p.wait(harness.TIMEOUT), 0, "exit code")
    last = "\n".join(w.out.rest()).split("heapwatch: ")[-1]
    check("last report" in last.split("\n")[0], "no last report: " + last[:200])
    for site in truth["sites"]:
        check(site["function"] in last, "%s is not in the text:\n%s" % (site["function"], last))
    check("%d (churn)" % f.pid in last and "glibc" in last, "no header:\n" + last)
    check("\033" not in last, "escape sequences in what is no terminal")


@test
def test_signals():
    f = Fixture()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        w = Watch(f.pid)
        truth = f.run("realloc_fail")
        compare(w.end_exactly(sig)["processes"][0], truth)


@test
def test_one_document():
    f = Fixture()
    w = Watch(f.pid, "--once", "--duration", "700ms")
    truth = f.run("realloc_fail")
    r = w.end_exactly(None)
    equal(len(w.out.seen), 1, "number of documents")
    check(r["elapsed_seconds"] >= 0.7, "it took %.2f s" % r["elapsed_seconds"])
    check(abs(r["time"] - time.time()) < 60, "time is %r" % r["time"])
    equal(r["version"], 1, "version")
    compare(r["processes"][0], truth)
    w = Watch(f.pid, "--duration", "500ms")
    w.end(None)
    docs = [json.loads(line) for line in w.out.seen]
    check(len(docs) > 2, "%d documents in 500 ms, one each 50 ms" % len(docs))
    equal([d["last"] for d in docs], [False] * (len(docs) - 1) + [True], "last")
    elapsed = [d["elapsed_seconds"] for d in docs]
    equal(elapsed, sorted(elapsed), "elapsed_seconds")


@test
def test_hidden_sites():
    f = Fixture()
    truth = f.run("family")  # before the attach: is not seen
    w = Watch(f.pid, "--top", "3")
    truth = f.run("family")
    p = w.process()
    consistent(p)
    equal(len(p["sites"]), 3, "sites with --top 3")
    check(p["sites_total"] >= len(truth["sites"]), "sites_total is %d" % p["sites_total"])
    check(p["hidden_bytes"] > 0, "nothing is hidden")
    equal(p["sites"][0]["frames"][0]["function"], "site_reallocarray", "the largest site")
    equal(p["outstanding_bytes"], truth["outstanding_bytes"], "outstanding_bytes")
    w.end_exactly()
    w = Watch(f.pid, "--min-size", "150K")
    f.run("family")
    p = w.process()
    consistent(p)
    check(p["sites"] and all(s["bytes"] >= 150 << 10 for s in p["sites"]), "small sites shown")
    check(p["hidden_bytes"] > 0, "nothing is hidden")
    w.end_exactly()


@test
def test_no_kernel_probes():
    f = Fixture("maps")
    w = Watch(f.pid, "--kernel-probes", "none")
    f.run("maps")
    truth = f.run("nested")
    p = w.process()
    equal((p["kernel_probes"], p["mapped_bytes"], p["advised_bytes"]), ("none", 0, 0),
          "kernel_probes, mapped_bytes, advised_bytes")
    compare(p, truth)
    w.end_exactly()


# ---- programs that nobody here wrote ----

PYTHON = """
import sys
print("ready", flush=True)
sys.stdin.readline()
kept = [bytearray(10007) for _ in range(5000)]
print("done", flush=True)
sys.stdin.readline()
del kept
print("done", flush=True)
sys.stdin.readline()
"""


@test
def test_python():
    program = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else harness.need("python3")
    p = harness.start([program, "-c", PYTHON], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      text=True)
    equal(p.stdout.readline(), "ready\n", "python's first line")
    w = Watch(p.pid)

    def step():
        p.stdin.write("\n")
        p.stdin.flush()
        equal(p.stdout.readline(), "done\n", "python's answer")
        return w.process()

    before = w.process()
    full = step()
    grown = full["outstanding_bytes"] - before["outstanding_bytes"]
    check(5000 * 10007 <= grown < 5000 * 10007 * 1.1, "outstanding grew by %d" % grown)
    heap = sum(s["bytes"] for s in full["sites"] if s["kind"] == "heap")
    check(heap >= 5000 * 10007, "the heap sites hold %d" % heap)
    equal(full["mode"], "exact", "mode")
    check(step()["outstanding_bytes"] < 5000 * 10007 / 10, "what was freed is still shown")
    w.end_exactly()


class Redis:
    def __init__(self):
        self.dir = harness.scratch()
        path = os.path.join(self.dir, "sock")
        self.p = harness.start([harness.need("redis-server"), "--port", "0", "--unixsocket", path,
                                "--save", "", "--dir", self.dir], stdout=subprocess.DEVNULL)
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.answers = self.sock.makefile("rb")

    def call(self, *words):
        words = [w.encode() for w in words]
        self.sock.sendall(b"*%d\r\n" % len(words) +
                          b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        answer = self.answers.readline()
        if not answer.startswith(b"+"):
            raise Failed("redis says %r" % answer)


@test
def test_redis():
    r = Redis()
    r.call("PING")
    w = Watch(r.p.pid)
    check("jemalloc" in w.process()["allocator"]["name"], "no jemalloc")
    for i in range(2003):
        r.call("SET", "key%d" % i, "v" * 10007)
    held = w.process()["outstanding_bytes"]
    check(2003 * 10007 <= held < 2003 * 10007 * 1.5, "%d held after SETs" % held)
    r.call("FLUSHALL", "SYNC")
    held = w.process()["outstanding_bytes"]
    check(held < 2003 * 10007 / 10, "%d held after FLUSHALL" % held)
    w.end_exactly()
    r.call("PING")


scenario_tests()
if __name__ == "__main__":
    harness.main(TESTS)
