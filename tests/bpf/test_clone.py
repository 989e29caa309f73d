#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_clone.py: the case that heapwatch is for: `git clone` of a Mercurial repository, a tree of
git, a Python remote helper and fast-import, recorded whole; who held how much at its peak."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import check, consistent, equal, heapwatch, need, scratch  # noqa: E402
from test_html import dom, table  # noqa: E402
from test_record import as_json, report, run  # noqa: E402

# An emulated machine takes minutes for few.
REVISIONS = 11 if harness.EMULATED else 211
TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


@test
def clone():
    for program in ("hg", "git", "git-remote-hg"):
        need(program)
    where = scratch()
    env = dict(os.environ, HGRCPATH="", HOME=where)
    repo, copy, file = (os.path.join(where, n) for n in ("repo", "copy", "a.hw"))
    run("hg", "init", repo, env=env)
    run("hg", "-R", repo, "debugbuilddag", "--mergeable-file", "--new-file",
        "+%d" % REVISIONS, env=env)
    r = subprocess.run([heapwatch(), "record", "--exact", "-o", file, "-i", "200ms", "--", "git", "clone",
                        "-q", "hg::" + repo, copy], env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=600)
    equal(r.returncode, 0, "exit code of the clone (%s)" % r.stderr[-300:])
    log = run("git", "-C", copy, "rev-list", "--count", "HEAD").stdout
    equal(int(log), REVISIONS, "commits in the clone")
    end = as_json(file)
    names = [p["comm"] for p in end["processes"]]
    check("git" in names and "git-remote-hg" in names, "processes: %s" % names)
    for name in ("git", "git-remote-hg"):
        check(any(p["exited"] for p in end["processes"] if p["comm"] == name),
              "no %s has ended: %s" % (name, [(p["pid"], p["comm"], p["exited"])
                                              for p in end["processes"]]))
    info = report(file, "--info")
    check(re.search(r" exec \S*python3", info), "no mark of the helper's exec: " + info)
    peak = as_json(file, "--at", "peak")
    for p in peak["processes"]:
        consistent(p)
    live = {p["pid"]: p["rss_bytes"] - p["shared_bytes"] for p in peak["processes"]
            if not p["exited"]}
    most = max(live, key=live.get)
    equal(next(p["comm"] for p in peak["processes"] if p["pid"] == most), "git-remote-hg",
          "who held most at the peak")
    page = os.path.join(where, "a.html")
    run(heapwatch(), "report", file, "--html", "-o", page)
    if harness.EMULATED:
        return  # no browser comes up in time: see dom()
    drawn = dom(page)
    check(drawn.count("<polygon") >= 2, "fewer than two processes are drawn")
    check("(the peak)" in drawn, "the page does not open at the peak")
    equal(len(table(drawn, "processes")), len(peak["processes"]) + 1, "rows of processes")


if __name__ == "__main__":
    harness.main(TESTS)
