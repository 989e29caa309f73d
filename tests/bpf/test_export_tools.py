#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_export_tools.py: what heapwatch export serves, as Debian's Prometheus, promtool and pprof
read it, against what the programs did."""
import gzip
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from exporting import (NOT_LIMITED, OPENMETRICS, Exporter, Named, Prometheus,  # noqa: E402
                       promtool, watched)
from harness import check, equal, need  # noqa: E402

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


@test
def prometheus_scrapes_two():
    need("prometheus")
    f = Named("hw-prom")
    a = Exporter("--watch", "comm=hw-prom", "--top", "40", *NOT_LIMITED)
    b = Exporter("--group-by", "pid")
    watched(a, "hw-prom")
    truth = f.run("family")
    a.settled()
    b.settled()
    prometheus = Prometheus([a.url, b.url])
    prometheus.wait(lambda: [v for _, v in prometheus.ask("up")] == [1, 1])
    ask = lambda q: [v for _, v in prometheus.ask(q)]
    equal(ask('heapwatch_group_outstanding_bytes{group="hw-prom"}'),
          [truth["outstanding_bytes"]], "PromQL's outstanding bytes")
    equal(ask('sum(heapwatch_callsite_outstanding_bytes{group="hw-prom",kind="heap"})'),
          [truth["outstanding_bytes"]], "the sum of the callsites")
    for want in truth["sites"]:
        equal(ask('sum(heapwatch_callsite_outstanding_blocks{group="hw-prom",'
                  'function=~"%s( .*)?"}) or vector(0)' % want["function"]), [want["blocks"]],
              want["function"])
    equal(ask('heapwatch_group_processes{group="hw-prom %d"}' % f.pid), [1], "the group by pid")
    equal(ask('count(heapwatch_build_info)'), [2], "the targets with build_info")
    equal(ask('sum(heapwatch_group_lost_events_total) > 0'), [], "lost events")
    a.end()
    b.end()


@test
def promtool_accepts_both_formats():
    need("promtool")
    f = Named("hw-tool")
    e = Exporter("--watch", "comm=hw-tool", *NOT_LIMITED)
    watched(e, "hw-tool")
    f.run("family")
    e.settled()
    promtool("check", "metrics", stdin=e.text())
    status, headers, body = e.get("/metrics", {"Accept": OPENMETRICS})
    equal(headers["Content-Type"],
          "application/openmetrics-text; version=1.0.0; charset=utf-8", "Content-Type")
    check(body.endswith(b"\n# EOF\n"), "it ends with %r" % body[-20:])
    check(b"# TYPE heapwatch_build info\n" in body, "no info family")
    status, headers, packed = e.get("/metrics", {"Accept-Encoding": "gzip"})
    equal(headers["Content-Encoding"], "gzip", "Content-Encoding")
    check(gzip.decompress(packed).startswith(b"# HELP "), "it unpacks to something else")
    e.end()


@test
def pprof_reads_profiles():
    go = need("go")
    f, other = Named("hw-pprof"), Named("hw-other")
    e = Exporter("--watch", "comm=hw-pprof", "--watch", "comm=hw-other", *NOT_LIMITED)
    watched(e, "hw-pprof")
    watched(e, "hw-other")
    truth = f.run("family")
    other.run("threads")
    e.settled()
    at = os.path.join(harness.scratch(), "profile")

    def flat(path, *sample):
        """Function -> value, as `go tool pprof -top` says."""
        status, headers, body = e.get(path)
        equal((status, headers["Content-Type"]), (200, "application/octet-stream"), path)
        with open(at, "wb") as out:
            out.write(body)
        r = subprocess.run([go, "tool", "pprof", "-top", "-unit=B", "-nodecount=1000",
                            "-nodefraction=0", *sample, at], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT,
                           env={**os.environ, "HOME": os.path.dirname(at)})
        equal(r.returncode, 0, "go tool pprof: " + r.stderr)
        rows = re.findall(r"^ *(-?\d+)B? +\S+ +\S+ +\S+ +\S+ +(\S+)", r.stdout, re.M)
        return {name: int(value) for value, name in rows}

    for path in ("/pid/%d/debug/pprof/heap" % f.pid, "/group/hw-pprof/debug/pprof/allocs"):
        held, made = (flat(path, "-sample_index=" + s) for s in ("inuse_space", "alloc_space"))
        equal(flat(path), made if path.endswith("allocs") else held, "what is shown first")
        for want in truth["sites"]:
            if want["blocks"]:
                equal(held.get(want["function"], 0), want["bytes"], want["function"])
                equal(made.get(want["function"], 0), want["allocated_bytes"], want["function"])
    # Only what changed meanwhile.
    query = subprocess.Popen([sys.executable, "-c", "import sys, urllib.request as u\n"
                              "open(sys.argv[2], 'wb').write(u.urlopen(sys.argv[1]).read())",
                              "%s/pid/%d/debug/pprof/allocs?seconds=2" % (e.url, f.pid),
                              at + ".delta"])
    time.sleep(0.7)
    second = f.run("family")
    equal(query.wait(harness.TIMEOUT), 0, "the one that waits")
    e.get = lambda path: (200, {"Content-Type": "application/octet-stream"},
                          open(path, "rb").read())
    # Another process that is watched is none of its business.
    held = flat(at + ".delta", "-sample_index=inuse_space")
    check(min(held.values()) >= 0, "somebody holds less: %s" % held)
    made = flat(at + ".delta", "-sample_index=alloc_space")
    for want in second["sites"]:
        if want["blocks"]:
            equal(made.get(want["function"], 0), want["allocated_bytes"], "what changed")
    e.end()


if __name__ == "__main__":
    harness.main(TESTS)
