#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""bench.py BUILD: what heapwatch costs, as ratios within one run; needs root.

The pair loop bare, under empty programs at heapwatch's places, under heapwatch, and under heaptrack
where it is installed; the daemon's CPU and memory while it runs; the time from start to the first
figure; the drain rate.  Machines are noisy: each figure is the median of five rounds, the kinds
taken in turn."""
import json
import os
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
HW, PAIR, EMPTY = (os.path.join(BUILD, p) for p in ("heapwatch", "bench/pair", "bench/empty"))
ROUNDS = 5


class Loop:
    def __init__(self, prefix=()):
        self.p = subprocess.Popen([*prefix, PAIR], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.run(1000, 3)

    def run(self, pairs, depth, size=64):
        self.p.stdin.write("%d %d %d\n" % (pairs, depth, size))
        self.p.stdin.flush()
        while True:
            line = self.p.stdout.readline()
            try:
                return float(line)
            except ValueError:
                if not line:
                    sys.exit("bench: the loop ended: %s" % self.p.wait())

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def under_empty(loop, pairs, depth):
    e = subprocess.Popen([EMPTY, str(loop.p.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
    if e.stdout.readline() != "ready\n":
        sys.exit("bench: no empty probes here (root, Linux 6.13 needed)")
    ns = loop.run(pairs, depth)
    e.stdin.close()
    e.wait()
    return ns


def start_heapwatch(pid, *more):
    t = time.monotonic()
    h = subprocess.Popen([HW, "--exact", "-p", str(pid), "--json", "--interval", "50ms", "-v", *more],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in h.stderr:
        if "watching" in line:
            break
    else:
        sys.exit("bench: heapwatch did not start")
    attached = time.monotonic() - t
    h.stdout.readline()
    return h, attached, time.monotonic() - t - 0.05


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def end_heapwatch(h):
    h.send_signal(signal.SIGINT)
    out, _ = h.communicate()
    return json.loads(out.strip().splitlines()[-1])["processes"][0]


def under_heapwatch(loop, pairs, depth, seen):
    h, attached, first = start_heapwatch(loop.p.pid)
    c = cpu(h.pid)
    t = time.monotonic()
    ns = loop.run(pairs, depth)
    wall = time.monotonic() - t
    c = cpu(h.pid) - c
    m = rss(h.pid)
    p = end_heapwatch(h)
    seen.append(dict(attached=attached, first=first, cpu=c / wall, rss=m, lost=p["lost_events"],
                     rate=p["events"] / wall, us_per_event=1e6 * c / max(1, p["events"])))
    return ns


PYTHON = """
import sys, time
def calls(depth, n):
    if depth > 1:
        return calls(depth - 1, n)
    t = time.perf_counter()
    for i in range(n):
        bytearray(600)
    return (time.perf_counter() - t) / n * 1e9
for line in sys.stdin:
    n, depth, _ = map(int, line.split())
    print(calls(depth, n), flush=True)
"""


class PythonLoop(Loop):
    """Allocates and frees a bytearray under so many Python functions."""

    def __init__(self):
        self.p = subprocess.Popen(["/usr/bin/python3", "-c", PYTHON], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.run(1000, 1)


def python():
    for depth in (1, 10, 30):
        loop, empty, hw, seen = PythonLoop(), [], [], []
        for _ in range(ROUNDS):
            empty.append(under_empty(loop, 30000, depth))
            hw.append(under_heapwatch(loop, 30000, depth, seen))
        loop.end()
        print("python3, %2d functions deep: %.0f ns a pair under empty probes, %.0f under heapwatch: %.2f"
              % (depth, statistics.median(empty), statistics.median(hw),
                 statistics.median(h / e for h, e in zip(hw, empty))))


MODULES = """
import ctypes, glob, sys
sys.stdin.readline()
for name in %s:
    try:
        ctypes.CDLL(name)
    except OSError:
        pass
print('ready', flush=True)
sys.stdin.readline()
"""


def tables():
    """How long the tables take for python3 itself, for a large library and for many that it loads:
    until then stacks that lead through them are marked as incomplete."""
    for what, names in (("libLLVM", "glob.glob('/usr/lib/x86_64-linux-gnu/libLLVM-*.so.1')[:1]"),
                        ("100 libraries", "sorted(glob.glob('/usr/lib/x86_64-linux-gnu/lib*.so.*'),"
                                          " key=len)[:200:2]")):
        p = subprocess.Popen(["/usr/bin/python3", "-c", MODULES % names], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(0.5)
        h = subprocess.Popen([HW, "--exact", "-p", str(p.pid), "-v", "--json", "--interval", "100ms"], text=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = []
        for line in h.stderr:
            said += [line.split("debug: ")[1].strip()] if "code in " in line else []
            if "watching" in line:
                break
        p.stdin.write("\n")
        p.stdin.flush()
        p.stdout.readline()
        time.sleep(1)
        h.send_signal(signal.SIGINT)
        said += [line.split("debug: ")[1].strip() for line in h.stderr if "code in " in line]
        print("tables, %s: %s" % (what, "; then ".join(
            s.split(": ", 1)[1] for s in said if ", 0 files" not in s)))
        p.kill()
        p.wait()


def explain(pid):
    r = subprocess.run([HW, "explain", "-p", str(pid), "--json"], stdout=subprocess.PIPE, text=True)
    return json.loads(r.stdout)["processes"][0]


def walk(p, what):
    seen, work = [], []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen.append(explain(p.pid))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        work.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    size = seen[0]["allocator"]["system_bytes"]
    took = statistics.median(x["inspection_seconds"] for x in seen)
    print("explain a heap of %d MiB, %s: %.0f ms, %.0f ms a GiB; CPU, with the start, %.0f ms a GiB "
          "(%s)" % (size >> 20, what, 1e3 * took, 1e3 * took * 2**30 / size,
                    1e3 * statistics.median(work) * 2**30 / size,
                    seen[0]["allocator"]["confidence"]))
    p.kill()
    p.wait()


def walks():
    """How long a full look takes, by the heap's size and the blocks', and what the target feels."""
    for mib, phase in ((512, "full"), (512, "freed")):
        p = subprocess.Popen([os.path.join(BUILD, "fixtures/frag"), str(mib)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for line in p.stdout:
            if line == "phase %s\n" % phase:
                break
            if line == "end\n":
                p.stdin.write("\n")
                p.stdin.flush()
        walk(p, "chunks of 56 KB" if phase == "full" else "blocks of 220 bytes in what was freed")
    p = subprocess.Popen([os.path.join(BUILD, "fixtures/heaps"), "dense"], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdout.readline()
    walk(p, "blocks of 220 bytes and nothing else")
    loop, bare, read = Loop(), [], []
    for _ in range(ROUNDS):
        bare.append(loop.run(100000000, 3))
        loop.p.stdin.write("100000000 3 64\n")
        loop.p.stdin.flush()
        for _ in range(100):
            # Once a second while the loop runs; its line is the answer.
            if select.select([loop.p.stdout], [], [], 1)[0]:
                break
            explain(loop.p.pid)
        read.append(float(loop.p.stdout.readline()))
    loop.end()
    print("a loop read once a second, against the same alone: %.3f" % statistics.median(
        r / b for r, b in zip(read, bare)))


def main():
    if os.geteuid():
        sys.exit("bench: needs root")
    print("depth     bare    empty  heapwatch  heapwatch/empty   (ns a pair, median of %d)" % ROUNDS)
    seen = []
    for depth in (3, 20, 60):
        loop, ns = Loop(), {"bare": [], "empty": [], "heapwatch": []}
        for _ in range(ROUNDS):
            ns["bare"].append(loop.run(2000000, depth))
            ns["empty"].append(under_empty(loop, 200000, depth))
            ns["heapwatch"].append(under_heapwatch(loop, 200000, depth, seen))
        loop.end()
        m = {k: statistics.median(v) for k, v in ns.items()}
        ratio = statistics.median(h / e for h, e in zip(ns["heapwatch"], ns["empty"]))
        print("%5d %8.1f %8.1f %10.1f %16.2f" % (depth, m["bare"], m["empty"], m["heapwatch"], ratio))
    if shutil.which("heaptrack"):
        with tempfile.TemporaryDirectory() as d:
            loop = Loop(("heaptrack", "-o", os.path.join(d, "trace")))
            print("heaptrack at depth 3: %.1f ns a pair" %
                  statistics.median(loop.run(200000, 3) for _ in range(ROUNDS)))
            loop.end()
    else:
        print("heaptrack: not installed")
    med = lambda k: statistics.median(s[k] for s in seen)
    print("start to attached: %.0f ms; to the first figure, the interval taken off: %.0f ms" %
          (1e3 * med("attached"), 1e3 * med("first")))
    print("daemon under the loop: %.0f %% of a core at %.2f M events/s (%.2f us an event), RSS %.1f MiB" %
          (100 * med("cpu"), med("rate") / 1e6, med("us_per_event"), med("rss") / 2**20))
    print("lost events over all rounds: %d" % sum(s["lost"] for s in seen))
    python()
    tables()
    walks()


main()
