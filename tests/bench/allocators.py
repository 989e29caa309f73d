#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""allocators.py BUILD: what a malloc/free pair costs under heapwatch, per allocator; needs root.

The pair loop with each library preloaded, all by turns in each round, bare and watched, in CPU time, so
that a busy machine is busy for all of them: against glibc's is the median of the rounds' ratios.  And which
of the functions it calls are probed at an instruction that the kernel must single-step."""
import os
import re
import signal
import statistics
import subprocess
import sys

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
HW, PAIR = os.path.join(BUILD, "heapwatch"), os.path.join(BUILD, "bench/pair")
LIBS = "/usr/lib/%s-linux-gnu/" % os.uname().machine
ALLOCATORS = {"glibc": "", "jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc.so.4",
              "tcmalloc_minimal": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}
ROUNDS = 11


def run(loop, pairs):
    loop.stdin.write("%d 3 64\n" % pairs)
    loop.stdin.flush()
    return float(loop.stdout.readline())


def watch(loop, options):
    h = subprocess.Popen([HW, "-v", "--exact", "-p", str(loop.pid), "--once", *options],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = ""
    for line in h.stderr:
        said += line
        if "watching" in line:
            return h, said
    sys.exit("bench: heapwatch did not start:\n" + said)


def both(loop, options):
    """ns a pair, bare and watched, and what heapwatch said."""
    bare = run(loop, 2000000)
    h, said = watch(loop, options)
    watched = run(loop, 100000)
    h.send_signal(signal.SIGINT)
    h.stderr.read()
    h.wait()
    return bare, watched, said


def main():
    if os.geteuid():
        sys.exit("bench: needs root")
    usage = subprocess.run([HW, "--help"], stdout=subprocess.PIPE, text=True).stdout
    options = ["--exact"] if "--exact" in usage else []
    loops = {}
    for name, lib in ALLOCATORS.items():
        if lib and not os.path.exists(LIBS + lib):
            print("%-20s not installed" % name)
            continue
        env = dict(os.environ, **({"LD_PRELOAD": LIBS + lib} if lib else {}))
        loops[name] = subprocess.Popen([PAIR, "cpu"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True, env=env)
    rounds = [{name: both(loop, options) for name, loop in loops.items()} for _ in range(ROUNDS)]
    print("a pair at depth 3, ns:     bare   watched   of glibc's   malloc        free")
    for name, loop in loops.items():
        loop.stdin.close()
        loop.wait()
        maker = name.split("_")[0]
        cost = {f: re.search(r": %s[^:]*: %s at .*, (\S+)$" % (maker, f), rounds[-1][name][2], re.M)
                for f in ("malloc", "free")}
        print("%-20s %10.1f %9.0f %12.2f   %-13s %s" % (
            name, statistics.median(r[name][0] for r in rounds),
            statistics.median(r[name][1] for r in rounds),
            statistics.median(r[name][1] / r["glibc"][1] for r in rounds),
            *(c[1] if c else "?" for c in cost.values())))


main()
