#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""export.py BUILD: what heapwatch export costs; needs root.

With 1,000 processes more on the machine, each a group of its own: the time of a look, of writing
the pages, of a scrape, its size, and of one of 200 scrapes at once; the daemon's CPU and memory at
its default interval; and the malloc loop beside the daemon against the same while the daemon is
stopped (SIGSTOP), in turns."""
import concurrent.futures
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
HW, PAIR = (os.path.join(BUILD, p) for p in ("heapwatch", "bench/pair"))
ROUNDS = 30
SECONDS = 20


def start(*options):
    p = subprocess.Popen([HW, "export", "--listen", "127.0.0.1:0", *options],
                         stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        m = re.search("serving (http://[0-9.:]+)/metrics", line)
        if m:
            return p, m[1]
    sys.exit("bench: the exporter did not start")


def stop(p):
    p.terminate()
    p.communicate()


def scrape(url):
    begun = time.monotonic()
    with urllib.request.urlopen(url + "/metrics", timeout=60) as r:
        body = r.read().decode()
    return time.monotonic() - begun, body


def value(body, name):
    return float(re.search(r"^%s (\S+)$" % name, body, re.M)[1])


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def of_scrapes():
    sleepers = [subprocess.Popen(["sleep", "3600"]) for _ in range(1000)]
    try:
        p, url = start("--interval", "1s", "--group-by", "pid", "--max-groups", "5000")
        time.sleep(5)
        looks, pages, times, sizes = [], [], [], []
        for _ in range(10):
            took, body = scrape(url)
            times.append(took)
            sizes.append(len(body))
            looks.append(value(body, "heapwatch_tick_duration_seconds"))
            pages.append(value(body, "heapwatch_render_duration_seconds"))
            time.sleep(1)
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            many = [t for t, _ in pool.map(lambda _: scrape(url), range(200))]
        print("scrape, 1,000 processes in a group each: look %.1f ms, pages %.1f ms, scrape %.1f "
              "ms, %.0f KiB" % tuple(statistics.median(x) * k for x, k in (
                  (looks, 1e3), (pages, 1e3), (times, 1e3), (sizes, 1 / 1024))))
        print("200 scrapes at once: median %.0f ms, slowest %.0f ms" % (
            statistics.median(many) * 1e3, max(many) * 1e3))
        stop(p)
        p, url = start()
        time.sleep(5)
        before, begun = cpu(p.pid), time.monotonic()
        time.sleep(SECONDS)
        share = (cpu(p.pid) - before) / (time.monotonic() - begun)
        print("daemon at its default interval, 1,000 processes: %.2f %% of a core, RSS %.0f MiB" % (
            share * 100, rss(p.pid) / 1048576))
        stop(p)
    finally:
        for s in sleepers:
            s.kill()
        for s in sleepers:
            s.wait()


def beside():
    p, _ = start()
    loop = subprocess.Popen([PAIR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(pairs):
        loop.stdin.write("%d 3 64\n" % pairs)
        loop.stdin.flush()
        return float(loop.stdout.readline())

    pairs = int(0.5e9 / run(1000000))
    beside, alone = [], []
    for _ in range(ROUNDS):
        beside.append(run(pairs))
        p.send_signal(signal.SIGSTOP)
        alone.append(run(pairs))
        p.send_signal(signal.SIGCONT)
    ratios = [a / b for a, b in zip(beside, alone)]
    print("malloc loop beside the passive daemon / beside a stopped one: %.4f (medians %.2f, %.2f "
          "ns; of the ratios half are from %.4f to %.4f)" % (
              statistics.median(beside) / statistics.median(alone), statistics.median(beside),
              statistics.median(alone), *statistics.quantiles(ratios, n=4)[::2]))
    loop.stdin.close()
    loop.wait()
    stop(p)


if __name__ == "__main__":
    of_scrapes()
    beside()
