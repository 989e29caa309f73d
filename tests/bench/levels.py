#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""levels.py BUILD [PROGRAM ...]: what each way to look at a program costs it, in one run: bare, each
level (large without a limit, sampled within one percent), one percent, and heaptrack; on a storm of
pairs, on a random mix, and on sqlite3, clang and python3; of `long`, a clang of 15 s, only where it
is named.  Slowdown is CPU time over that of the bare run; error is that of the ten largest callsites' bytes against the run that saw every call;
daemon is heapwatch's own CPU time, of one core.  Needs root."""
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
HW, STORM = os.path.join(BUILD, "heapwatch"), os.path.join(BUILD, "fixtures/storm")
WHERE = tempfile.mkdtemp(prefix="heapwatch-bench-")
REPORT, TRACE = os.path.join(WHERE, "report"), os.path.join(WHERE, "trace")
WAYS = {
    "bare": [],
    "passive": [HW, "--max-overhead", "0"],
    "large": [HW, "--level", "large", "--max-overhead", "1000"],
    "sampled": [HW, "--level", "sampled", "--max-overhead", "1"],
    "1 %": [HW, "--max-overhead", "1"],
    "exact": [HW, "--exact"],
    "heaptrack": ["heaptrack", "-o", TRACE],
}
ESTIMATED = ("passive", "sampled", "1 %")
# Each keeps what it made for three seconds, so that there is something to compare, and frees nothing
# of it: where every call is seen that would be most of the reports.
LINGER = {"LD_PRELOAD": os.path.join(BUILD, "bench/linger.so")}
SQL = """
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
INSERT INTO t SELECT i, hex(randomblob(20)), 'row ' || i FROM n;
CREATE INDEX x ON t(b);
SELECT count(*) FROM t AS u JOIN t AS v ON u.b = v.b;
SELECT count(DISTINCT substr(c, 5, 3)) FROM t;
.shell sleep 3; kill -KILL $PPID
"""
PYTHON = """
import json, os, time
class Node:
    def __init__(self, i):
        self.name, self.tags, self.next = 'node %d' % i, [i, i + 1], {'i': i}
keep = []
for turn in range(3):
    keep += [Node(i) for i in range(20000)]
    text = json.dumps([{'a': i, 'b': str(i)} for i in range(40000)])
    keep.append(json.loads(text)[:2000])
time.sleep(3)
os._exit(0)
"""
CXX = "#include <regex>\n#include <map>\n#include <iostream>\n" \
      "int main() { std::regex r(\"a+b\"); std::map<int, std::regex> m; m[1] = r; " \
      "return std::regex_match(\"aab\", m[1]); }\n"
# Eight times <regex>, each with traits of its own, and containers of a type of their own.
LONG = "#include <regex>\n#include <map>\n#include <string>\n#include <vector>\n#include <algorithm>\n" + \
       "".join("""
struct traits%(i)d : std::regex_traits<char> { int more[%(i)d + 1]; };
struct key%(i)d { int a; std::string b; bool operator<(const key%(i)d &o) const { return b < o.b; } };
bool f%(i)d(const std::string &s) {
  std::basic_regex<char, traits%(i)d> r("a+b");
  std::map<key%(i)d, std::vector<key%(i)d>> m;
  std::vector<key%(i)d> v;
  m[key%(i)d{1, s}].push_back(key%(i)d{2, s});
  for (auto &p : m) v.insert(v.end(), p.second.begin(), p.second.end());
  std::sort(v.begin(), v.end());
  return std::regex_match(s, r);
}""" % {"i": i} for i in range(8))


def programs():
    source, script, long = (os.path.join(WHERE, name) for name in ("a.cpp", "a.py", "long.cpp"))
    for path, text in ((source, CXX), (script, PYTHON), (long, LONG)):
        with open(path, "w") as f:
            f.write(text)
    yield "pairs", [STORM], "pairs 1 8000\n", {}
    yield "mix", [STORM], "mix 8000\n", {}
    yield "sqlite3", ["sqlite3", ":memory:"], SQL, {}
    yield "clang", ["clang", "-O2", "-c", "-x", "c++", source, "-o", os.path.join(WHERE, "a.o")], "", LINGER
    yield "long", ["clang", "-O2", "-c", long, "-o", os.path.join(WHERE, "a.o")], "", LINGER
    yield "python3", ["/usr/bin/python3", script], "", {"PYTHONMALLOC": "malloc"}


def own_cpu(pid):
    """CPU seconds of this process alone, or 0 where it has gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0


def run(way, command, text, env):
    """CPU seconds of the program, heapwatch's own, what the program said."""
    options = ["--json", "--top", "300", "--depth", "8", "-i", "1s", "-o", REPORT, "--"] if way[:1] == [HW] else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    p = subprocess.Popen([*way, *options, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, env=dict(os.environ, **env))
    p.stdin.write(text)
    p.stdin.close()
    daemon = 0
    while p.poll() is None:
        if options:
            daemon = own_cpu(p.pid) or daemon
        time.sleep(0.05)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu - daemon, daemon, time.monotonic() - began, p.stdout.read()


def last_alive():
    """What the last report says in which it had not ended of the process that was the largest."""
    last, most = {}, {}
    with open(REPORT) as f:
        for line in f:
            for p in json.loads(line)["processes"]:
                if not p["exited"]:
                    last[p["pid"]] = p
                    most[p["pid"]] = max(most.get(p["pid"], 0), p["rss_bytes"])
    return last[max(most, key=most.get)] if most else None


def callsites(process):
    total = {}
    for s in process["sites"] if process else []:
        if s["kind"] == "heap":
            key = tuple(str(f["function"]) for f in s["frames"][:8])
            total[key] = total.get(key, 0) + s["bytes"]
    return total


def error(told, truth):
    largest = sorted(truth, key=truth.get, reverse=True)[:10]
    whole = sum(truth[k] for k in largest)
    return 100 * sum(abs(told.get(k, 0) - truth[k]) for k in largest) / whole if whole else None


def main():
    print("%-9s %-10s %9s %8s %9s  %s" % ("program", "way", "slowdown", "error", "daemon", "mode"))
    for name, command, text, env in programs():
        if name not in (sys.argv[2:] or ("pairs", "mix", "sqlite3", "clang", "python3")):
            continue
        if not shutil.which(command[0]):
            print("%-9s skipped: %s is not installed" % (name, command[0]))
            continue
        bare, rows, told, truth = 0, [], {}, {}
        for way, prefix in WAYS.items():
            if prefix and not shutil.which(prefix[0]):
                rows.append((way, None, 0, "%s is not installed" % prefix[0]))
                continue
            cpu, daemon, wall, said = run(prefix, command, text, env)
            # The storms say what a call cost them, for they run as long as they are told to.
            m = re.search(r'"cpu_ns":([0-9.]+)', said)
            cost = float(m[1]) if m else cpu
            bare = bare or cost
            mode = ""
            if prefix[:1] == [HW]:
                p = last_alive()
                mode = "%s, %.2f %% over ten seconds" % (p["mode"], p["overhead_percent"]) if p else ""
                told[way] = callsites(p)
            rows.append((way, cost / bare, daemon / wall, mode))
        truth = told.get("exact", {})
        for way, ratio, daemon, mode in rows:
            off = error(told[way], truth) if way in ESTIMATED and name != "pairs" else None
            print("%-9s %-10s %9s %8s %8.1f%%  %s" % (
                name, way, "%.2f" % ratio if ratio else "-",
                "-" if off is None else "%.0f %%" % off, 100 * daemon, mode))
    shutil.rmtree(WHERE)


if __name__ == "__main__":
    main()
