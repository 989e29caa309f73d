#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""tree.py BUILD: what a whole tree pays to be watched, and to be recorded; needs root.

A git clone of a generated Mercurial repository through git-remote-hg (Python, deep stacks, several
processes) bare, under `heapwatch --`, and recorded at 1 s and at 100 ms; the recording's size, and
heapwatch's own highest RSS.  The kinds take turns; each figure is the median of the rounds."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
HW = os.path.abspath(os.path.join(BUILD, "heapwatch"))
ROUNDS, REVISIONS = 3, 211


def run(where, env, number, prefix):
    """Seconds, and the highest RSS of the first process, bytes."""
    copy = os.path.join(where, "copy%d" % number)
    began = time.monotonic()
    p = subprocess.Popen([*prefix, "git", "clone", "-q", "hg::" + os.path.join(where, "repo"), copy],
                         env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    seconds = time.monotonic() - began
    if status:
        sys.exit("tree: the clone ended with %d under %s" % (status, prefix))
    shutil.rmtree(copy)
    return seconds, usage.ru_maxrss * 1024


def main():
    for program in ("hg", "git", "git-remote-hg"):
        if not shutil.which(program):
            print("tree: not measured, %s is not installed" % program)
            return
    where = tempfile.mkdtemp(prefix="heapwatch-bench-")
    env = dict(os.environ, HGRCPATH="", HOME=where)
    file = os.path.join(where, "a.hw")
    record = [HW, "record", "--exact", "--quiet", "--force", "-o", file]
    kinds = {"bare": [], "heapwatch --": [HW, "--exact", "-o", os.path.join(where, "report"), "--"],
             "record -i 1s": [*record, "-i", "1s", "--"],
             "record -i 100ms": [*record, "-i", "100ms", "--"]}
    seconds, rss, size = ({k: [] for k in kinds} for _ in range(3))
    try:
        subprocess.run(["hg", "init", os.path.join(where, "repo")], env=env, check=True)
        subprocess.run(["hg", "-R", os.path.join(where, "repo"), "debugbuilddag",
                        "--mergeable-file", "--new-file", "+%d" % REVISIONS], env=env, check=True,
                       stdout=subprocess.DEVNULL)
        number = 0
        for _ in range(ROUNDS):
            for kind, prefix in kinds.items():
                number += 1
                s, peak = run(where, env, number, prefix)
                seconds[kind].append(s)
                rss[kind].append(peak)
                size[kind].append(os.path.getsize(file) if os.path.exists(file) else 0)
        bare = statistics.median(seconds["bare"])
        for kind in kinds:
            s = statistics.median(seconds[kind])
            print("clone, %-16s %6.2f s  %5.2f of bare%s" % (
                kind, s, s / bare, "" if kind == "bare" else "  RSS %.0f MiB" % (
                    statistics.median(rss[kind]) / 2**20)) + (
                "  file %.2f MiB" % (statistics.median(size[kind]) / 2**20)
                if kind.startswith("record") else ""))
    finally:
        shutil.rmtree(where)


if __name__ == "__main__":
    main()
