#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_export.py: what heapwatch export serves, against what the programs did."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from exporting import NOT_LIMITED, Exporter, Named, named, of_group, watched  # noqa: E402
from harness import check, equal  # noqa: E402
from test_explain import explain  # noqa: E402

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def compare(metrics, group, truth):
    got = lambda name: of_group(metrics, "heapwatch_group_" + name, group)
    equal(got("outstanding_bytes"), truth["outstanding_bytes"], "outstanding bytes")
    equal(got("outstanding_blocks"), truth["outstanding_blocks"], "outstanding blocks")
    equal(got("outstanding_mapped_bytes"), truth["mapped_bytes"], "mapped bytes")
    equal(got("lost_events_total"), 0, "lost events")
    for want in truth["sites"]:
        sums = {"bytes": 0, "blocks": 0}
        for (name, labels), value in metrics.items():
            m = re.match("heapwatch_callsite_outstanding_(bytes|blocks)$", name)
            labels = dict(labels)
            if m and labels["group"] == group and \
                    labels["function"].split(" < ")[0] == want["function"]:
                sums[m[1]] += value
                check(re.match("[0-9a-f]{16}$", labels["site"]), "site is %(site)s" % labels)
        equal(sums, {k: want[k] for k in sums}, want["function"])


@test
def passive_figures():
    """Without --watch: RSS as the kernel says, and nobody has a probe."""
    f = Named("hw-passive")
    e = Exporter()
    m = e.settled()
    with open("/proc/%d/statm" % f.pid) as statm:
        size, rss, shared = (int(n) * 4096 for n in statm.read().split()[:3])
    equal(of_group(m, "heapwatch_group_processes", "hw-passive"), 1, "processes")
    equal(of_group(m, "heapwatch_group_resident_bytes", "hw-passive"), rss, "RSS")
    equal(of_group(m, "heapwatch_group_unshared_bytes", "hw-passive"), rss - shared, "unshared")
    equal(of_group(m, "heapwatch_group_watched_processes", "hw-passive"), 0, "watched")
    equal(harness.traps(f.pid, "libc.so.6"), 0, "breakpoints in libc")
    check(not [k for k in m if "pid" in dict(k[1])], "a label is called pid")
    said = e.end()
    check("stopping" in said[-1], "the last line is %r" % said[-1])


@test
def group_of_many_processes():
    """Counts follow processes that come and go; RSS is their sum; a group expires."""
    path = named("/bin/sleep", "hw-sleeper")
    e = Exporter("--expire", "700ms")
    all = [harness.start([path, "1009"]) for _ in range(7)]

    def rss():
        total = 0
        for p in all:
            with open("/proc/%d/statm" % p.pid) as f:
                total += int(f.read().split()[1]) * 4096
        return total

    # Where a machine is slow they are still about to begin.
    of = lambda m, name: m.get((name, (("group", "hw-sleeper"),)))
    e.settled(lambda m: (of(m, "heapwatch_group_processes"),
                         of(m, "heapwatch_group_resident_bytes")) == (7, rss()))
    for p in all[:4]:
        harness.kill(p)
    equal(of_group(e.settled(), "heapwatch_group_processes", "hw-sleeper"), 3, "processes")
    for p in all[4:]:
        harness.kill(p)
    e.settled(lambda m: ("heapwatch_group_processes", (("group", "hw-sleeper"),)) not in m)
    e.end()


@test
def figures_of_other_allocators():
    """What they say of themselves; of one whose symbols are gone nothing, not glibc's emptiness."""
    harness.real_time("its CPU time has what its host did meanwhile, and a look at each of seven heaps "
                      "has 0.2 % of that")
    said = {}
    fixture = lambda name: os.path.join(harness.BUILD, "fixtures", name)
    for name, library in (("own-tcmalloc", None), ("own-jemalloc", None), ("own-mimalloc", None),
                          ("own", "libjemalloc.so.2"), ("own", "libtcmalloc_minimal.so.4"),
                          ("own", "libmimalloc.so.2")):
        if not os.access(fixture(name), os.X_OK):
            harness.skip("%s was not built" % name)
        group = "hw-%s-%d" % ((library or name)[:9], len(said))
        p = harness.start([named(fixture(name), group)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, LD_PRELOAD=library or "",
                                   MIMALLOC_ALLOW_DECOMMIT="0"))
        lines = harness.Lines(p.stdout).until("ready")
        said[group] = {k: int(v) for k, v in (l.split("=") for l in lines)}
        check(said[group], "there is no %s" % library)
        # mimalloc does not say what it holds: the waterfall of one process does.
        own = explain(p.pid)["allocator"]["own"]
        equal(own["quality"], "exact", "quality of %s" % group)
        said[group]["held"] = own["held_bytes"]
    stripped = named(fixture("own-jemalloc"), "hw-stripped")
    subprocess.run(["strip", stripped], check=True)
    p = harness.start([stripped], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    harness.Lines(p.stdout).until("ready")
    known = lambda m, g: ("heapwatch_group_allocator_system_bytes", (("group", g),)) in m
    missing = []

    def all_known(m):
        missing[:] = [g for g in said if not known(m, g)]
        return not missing

    e = Exporter()
    try:
        m = e.settled(all_known)
    except harness.Failed as why:
        raise harness.Failed("%s; without figures: %s" % (why, missing)) from None
    for group, figures in said.items():
        if "stats.mapped" in figures:
            held, used = figures["stats.mapped"], figures["stats.allocated"]
        elif "generic.heap_size" in figures:
            held = figures["generic.heap_size"] - figures["tcmalloc.pageheap_unmapped_bytes"]
            used = figures["generic.current_allocated_bytes"]
        else:
            held, used = figures["held"], figures["in_use"]
        got = lambda name: of_group(m, "heapwatch_group_" + name, group)
        equal((got("allocator_system_bytes"), got("allocator_in_use_bytes"),
               got("allocator_free_bytes")), (held, used, held - used), group)
        # All its private memory fits in what its malloc holds.
        equal(got("mapped_bytes"), 0, "mapped by others in %s" % group)
    equal((known(m, "hw-stripped"),
           of_group(m, "heapwatch_group_heaps", "hw-stripped", ("quality", "unknown"))),
          (False, 1), "figures of one without symbols")
    # Exact in the ticks in which they were read and stood still, which come every 5 s; estimated,
    # for they are some ticks old, in between.
    seen = {group: set() for group in said}
    end = time.monotonic() + harness.TIMEOUT
    while any(s != {(1, 0, 0), (0, 1, 0)} for s in seen.values()) and time.monotonic() < end:
        m = e.metrics()
        for group in said:
            seen[group].add(tuple(of_group(m, "heapwatch_group_heaps", group, ("quality", q))
                                  for q in ("exact", "estimated", "unknown")))
        time.sleep(0.05)
    equal(seen, {group: {(1, 0, 0), (0, 1, 0)} for group in said}, "heaps by quality")
    e.end()


@test
def watched_exact():
    f = Named("hw-exact")
    e = Exporter("--watch", "comm=hw-exact", "--top", "40", *NOT_LIMITED)
    watched(e, "hw-exact")
    truth = f.run("family")
    compare(e.settled(), "hw-exact", truth)
    # What is ended stays in the counters; the gauges end.
    events = of_group(e.settled(), "heapwatch_group_events_total", "hw-exact")
    f.tell("quit")
    m = watched(e, "hw-exact", 0)  # as a zombie: nobody has waited for it yet
    f.p.wait()
    check(of_group(m, "heapwatch_group_events_total", "hw-exact") >= events, "events fell")
    check(("heapwatch_group_outstanding_bytes", (("group", "hw-exact"),)) not in m,
          "outstanding bytes of nobody")
    e.end()


@test
def processes_that_come_later():
    """--watch is about those to come as well; detached they run on without a breakpoint."""
    e = Exporter("--watch", "comm=hw-later", *NOT_LIMITED)
    e.settled()
    f, g = Named("hw-later"), Named("hw-later")
    watched(e, "hw-later", 2)
    f.run("family")
    one, other = (p.run("family") for p in (f, g))
    m = e.settled()
    # f did it twice: what a scenario keeps it keeps.
    total = 2 * one["outstanding_bytes"] + other["outstanding_bytes"]
    equal(of_group(m, "heapwatch_group_outstanding_bytes", "hw-later"), total, "outstanding")
    check(harness.traps(f.pid, "libc.so.6") > 0, "no breakpoint in libc while watched")
    e.end()
    for p in (f, g):
        equal(harness.traps(p.pid, "libc.so.6"), 0, "breakpoints in libc afterwards")
        p.run("family")


@test
def at_most_so_many():
    all = [Named("hw-many") for _ in range(3)]
    e = Exporter("--watch", "comm=hw-many", "--max-watched", "2", *NOT_LIMITED)
    m = watched(e, "hw-many", 2)
    equal(m["heapwatch_watch_failed_processes", ()], 1, "processes that wait")
    # At the first look, which comes before it serves.
    said = [l for l in e.log.seen if "2 processes are watched, as many as --max-watched" in l]
    equal(len(said), 1, "lines that say so")
    equal(sum(harness.traps(f.pid, "libc.so.6") > 0 for f in all), 2, "processes with probes")
    e.end()


@test
def too_dear():
    """A storm over the limit loses probes, and that is said; passive figures go on."""
    f = Named("hw-storm")
    e = Exporter("--watch", "comm=hw-storm", "--max-overhead", "0.1%")
    watched(e, "hw-storm")
    modes = lambda m: {k[1][1][1]: v for k, v in m.items()
                       if k[0] == "heapwatch_group_watch_modes" and ("group", "hw-storm") in k[1]}
    f.run("storm 200003")
    m = e.settled(lambda m: m["heapwatch_watch_withdrawals_total", ()] >= 1)
    e.wait_for(r"probes withdrawn from %d \(hw-storm\), .* (large|sampled|passive);" % f.pid)
    equal(sum(modes(m).values()), 1, "the modes of one process: %s" % modes(m))
    equal(of_group(m, "heapwatch_group_processes", "hw-storm"), 1, "processes")
    check(of_group(m, "heapwatch_group_resident_bytes", "hw-storm") > 1 << 20, "no RSS")
    check(of_group(m, "heapwatch_group_probe_seconds_total", "hw-storm") > 0, "no probe time")
    equal(m["heapwatch_overhead_limit_ratio", ()], 0.001, "the limit")
    e.end()
    equal(harness.traps(f.pid, "libc.so.6"), 0, "breakpoints in libc")


MAPPER = """
import mmap, sys
def work(n, keep):
    for i in range(n):
        m = mmap.mmap(-1, 8192)
        if i >= keep:
            m.close()
        else:
            kept.append(m)
kept = [None] * 100
kept.clear()
work(200, 0)
print("ready", flush=True)
for line in sys.stdin:
    work(1009, 506)
    print("done", flush=True)
"""


@test
def mapping_calls_counted():
    """Of a process that nobody watches, by probes in the kernel."""
    python = named("/usr/bin/python3", "hw-mapper")
    p = harness.start([python, "-c", MAPPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      text=True)
    lines = harness.Lines(p.stdout)
    equal(lines.next("ready"), "ready", "the mapper's first line")
    for kind in ("fentry", "kprobe", "tracepoint"):
        try:
            harness.kind_works(kind)
            break
        except harness.Skip as why:
            last = why
    else:
        raise last
    e = Exporter("--system-probes", kind)
    before = e.settled()
    p.stdin.write("go\n")
    p.stdin.flush()
    equal(lines.next("done"), "done", "the mapper's answer")
    after = e.settled()
    for name, want in (("mmap_calls_total", 1009), ("munmap_calls_total", 503),
                       ("mmap_bytes_total", 1009 * 8192), ("munmap_bytes_total", 503 * 8192)):
        name = "heapwatch_group_" + name
        was = before.get((name, (("group", "hw-mapper"),)), 0)
        equal(of_group(after, name, "hw-mapper") - was, want, name)
    e.end()


@test
def pages():
    e = Exporter()
    equal(e.text("/healthz"), "ok\n", "/healthz")
    page = e.text("/")
    for word in ("<h1>heapwatch", 'href="/metrics"', 'href="/api/report.json"', "pprof/heap"):
        check(word in page, "/ lacks " + word)
    report = json.loads(e.text("/api/report.json"))
    equal(report["version"], 1, "version")
    equal(report["processes"], [], "processes, with nobody watched,")
    check({"name", "processes", "rss_bytes"} <= set(report["groups"][0]), "groups[0]")
    for path, status in (("/nothing", 404), ("/pid/1/debug/pprof/heap", 404),
                         ("/pid/0/debug/pprof/heap", 404), ("/pid/x/debug/pprof/heap", 404),
                         ("/group//debug/pprof/heap", 404), ("/group/a%2Fb/debug/pprof/heap", 404),
                         ("/pid/1/debug/pprof/heap?seconds=x", 400), ("/metrics/", 404),
                         ("/group/" + "x" * 5000 + "/debug/pprof/heap", 404)):
        equal(e.get(path)[0], status, path[:60])
    e.end()


@test
def rules_are_read_again():
    f = Named("hw-ruled")
    rules = os.path.join(harness.scratch(), "rules")

    def write(text):
        with open(rules, "w") as out:
            out.write(text)

    write('group "my {comm}" comm=hw-ruled\nignore comm=kthreadd\n')
    e = Exporter("--rules", rules, *NOT_LIMITED)
    m = e.settled()
    equal(of_group(m, "heapwatch_group_processes", "my hw-ruled"), 1, "processes")
    equal(m["heapwatch_config_last_reload_successful", ()], 1, "reload")
    # An error is told with its line, and the rules before stay in force.
    write("group a comm=hw-ruled\nwatch hw-ruled\n")
    e.p.send_signal(signal.SIGHUP)
    e.wait_for(re.escape(rules) + ": line 2: KEY=PATTERN was expected, not 'hw-ruled'")
    e.wait_for("the rules before stay in force")
    m = e.settled()
    equal(of_group(m, "heapwatch_group_processes", "my hw-ruled"), 1, "processes")
    equal(m["heapwatch_config_last_reload_successful", ()], 0, "reload")
    # A rule that watches, where none did: programs are loaded now, with what privileges are left.
    write("group b comm=hw-ruled\nwatch comm=hw-ruled\n")
    e.p.send_signal(signal.SIGHUP)
    e.wait_for("configuration read again")
    watched(e, "b")
    truth = f.run("family")
    m = e.settled()
    equal(of_group(m, "heapwatch_group_outstanding_bytes", "b"), truth["outstanding_bytes"],
          "outstanding bytes")
    equal(m["heapwatch_config_last_reload_successful", ()], 1, "reload")
    # And away again.
    write("")
    e.p.send_signal(signal.SIGHUP)
    watched(e, "hw-ruled", 0)
    equal(harness.traps(f.pid, "libc.so.6"), 0, "breakpoints in libc")
    e.end()


@test
def tells_systemd():
    """READY, STATUS, WATCHDOG, RELOADING and STOPPING, as sd_notify(3) has them."""
    path = os.path.join(harness.scratch(), "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(harness.TIMEOUT)
        e = Exporter(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})

        def wait_for(word):
            while True:
                said = s.recv(4096).decode()
                if said.startswith(word):
                    return said

        wait_for("READY=1")
        wait_for("STATUS=")
        before = time.monotonic()
        for _ in range(5):
            equal(wait_for("WATCHDOG="), "WATCHDOG=1", "watchdog")
        check(time.monotonic() - before < (60 if harness.EMULATED else 5),
              "the watchdog is told too seldom")
        e.p.send_signal(signal.SIGHUP)
        check("MONOTONIC_USEC=" in wait_for("RELOADING=1"), "no time of the reload")
        wait_for("READY=1")
        e.p.send_signal(signal.SIGTERM)
        wait_for("STOPPING=1")
        equal(e.p.wait(harness.TIMEOUT), 0, "exit code")


if __name__ == "__main__":
    harness.main(TESTS)
