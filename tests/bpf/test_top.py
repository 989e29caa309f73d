#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_top.py: the system-wide view: its batch form, and the list on a terminal with real keys."""
import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness
from harness import check, equal, heapwatch, kill, main, need, scratch, skip, start
from screen import Pty, Screen
from test_explain import Frag, free_of

TESTS = {}
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def run(*args, prefix=()):
    r = subprocess.run([*prefix, heapwatch(), *map(str, args)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=harness.TIMEOUT)
    equal((r.returncode, r.stderr), (0, ""), "exit code and complaint of %s" % (args,))
    return r.stdout


def batch(*args, prefix=()):
    return [json.loads(l) for l in run("--batch", "--json", *args, prefix=prefix).splitlines()]


def unique(name, program="/bin/sleep"):
    """A program of a name that nobody else has."""
    path = os.path.join(scratch(), "%s%d" % (name, os.getpid()))
    shutil.copy(program, path)
    return path


def one(machine, pid):
    found = [p for p in machine["processes"] if p["pid"] == pid]
    equal(len(found), 1, "rows of %d" % pid)
    return found[0]


# ---- batch ----


@test
def test_batch_says_what_malloc_says():
    # On a slow machine there is no time to walk it at once, and none at all to walk a large one.
    f = Frag(8 if harness.EMULATED else 64, 1)
    for name in ("start", "full", "half", "freed"):
        f.phase(name)
        f.go()
    heaps, total = f.phase("idle")
    n = 80 if harness.EMULATED else 8
    looks = [one(m, f.pid) for m in batch("-n", n, "-i", "500ms", "--filter", f.pid)]
    # The last one: on its way to its rest it may still touch pages of libc.
    p = next((p for p in reversed(looks) if p["heap"]["quality"] == "exact"), looks[-1])
    h = p["heap"]
    equal((h["held"], h["quality"]), ("exact", "exact"), "qualities")
    equal(h["system_bytes"], total["current"], "system bytes")
    equal(h["arenas"], len(heaps), "arenas")
    free = sum(free_of(h) for h in heaps)
    equal(h["free_bytes"], free, "free bytes")
    equal(h["in_use_bytes"], total["current"] + total["mmap"][1] - free, "in-use bytes")
    check(h["free_resident_bytes"] <= free, "more is resident than free")
    with open("/proc/%d/statm" % f.pid) as s:
        pages = [int(w) for w in s.read().split()]
    equal(p["rss_bytes"], pages[1] * 4096, "RSS")
    equal(p["shared_bytes"], pages[2] * 4096, "shared")
    equal((p["comm"], p["allocator"], p["user"]), ("frag", "glibc 2.36", "root"), "who it is")
    with open("/proc/%d/stat" % f.pid) as s:
        equal(p["start_time"], int(s.read().split()[21]), "start time")


@test
def test_batch_forms():
    p = start([unique("forms"), "1000"])
    got = batch("-n", 3, "-i", "50ms", "--filter", p.pid)
    equal([m["tick"] for m in got], [2, 3, 4], "ticks")
    for m in got:
        one(m, p.pid)
    rows = list(csv.reader(io.StringIO(run("--batch", "-n", 2, "-i", "50ms", "--csv", "--columns",
                                           "pid,command,rss", "--filter", p.pid))))
    equal(rows[0], ["time", "pid", "command", "rss"], "the heading")
    # heapwatch's own arguments have the filter's word, too.
    equal([r[2] for r in rows[1:] if r[1] == str(p.pid)], 2 * [" ".join(p.args)], "the rows")
    text = run("--batch", "text", "-n", 1, "--columns", "pid,command", "--filter", p.pid)
    check([str(p.pid), *p.args] in [l.split() for l in text.splitlines()], "no row: " + text)
    # No terminal and nothing else said: one look, as text.
    check(run("--filter", p.pid).startswith("heapwatch: "), "no text without a terminal")


@test
def test_batch_counts_system_calls():
    if batch("-n", 1)[0]["events"] == "":
        skip("no kernel-side probes work here")
    source = os.path.join(scratch(), "maps.py")
    with open(source, "w") as f:
        f.write("import ctypes, sys\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = "
                "ctypes.c_void_p\nlibc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]\n"
                "print('ready', flush=True)\nsys.stdin.readline()\n"
                "p = [libc.mmap(None, 69632, 3, 0x22, -1, 0) for i in range(1009)]\n"
                "for a in p[:503]: libc.munmap(a, 69632)\n"
                "print('done', flush=True)\nsys.stdin.readline()\n")
    p = start([sys.executable, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    top = start([heapwatch(), "--batch", "--json", "-i", "100ms", "--filter", str(p.pid)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    before = one(json.loads(top.stdout.readline()), p.pid)["events"]
    p.stdin.write("\n")
    p.stdin.flush()
    p.stdout.readline()
    now, later = time.time(), 0
    # The first one later may have read the counters earlier.
    while later < 2:
        m = json.loads(top.stdout.readline())
        later += m["time"] > now
    seen = one(m, p.pid)
    after = seen["events"]
    # Python itself may map an arena meanwhile.
    check(1009 <= after["mmaps"] - before["mmaps"] <= 1019, "mmaps: %s %s" % (before, after))
    check(503 <= after["munmaps"] - before["munmaps"] <= 513, "munmaps: %s %s" % (before, after))
    equal(seen["callsite_bytes"], 506 * 69632, "what its largest callsite holds")
    kill(top)
    # Another process of that pid, or none: nothing is left of it.
    kill(p)


@test
def test_batch_of_another_user():
    p = start([unique("rootly"), "1000"])
    m = batch("-n", 1, "--filter", p.pid, prefix=NOBODY)[0]
    got = one(m, p.pid)
    equal((got["unreadable"], got["heap"]["held"], got["exe"]), (True, "unknown", ""),
          "what is told of root's process")
    check(got["rss_bytes"] > 0, "RSS is not told")
    equal((m["events"], m["events_reason"]), ("", "needs root"), "the kernel side")
    mine = start([*NOBODY, unique("nobodys"), "1000"])
    time.sleep(0.3)
    got = one(batch("-n", 1, "--filter", mine.pid, prefix=NOBODY)[0], mine.pid)
    equal((got["unreadable"], got["heap"]["held"]), (False, "exact"), "its own process")


@test
def test_hidepid():
    need("unshare")
    p = start([unique("hidden"), "1000"])
    inside = ["unshare", "-m", "sh", "-c",
              'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh", *NOBODY]
    m = batch("-n", 1, prefix=inside)[0]
    equal(m["hidden"], True, "hidden")
    check(all(q["pid"] != p.pid for q in m["processes"]), "the hidden process is shown")
    inside[4] = 'mount -t proc -o hidepid=1 proc /proc && exec "$@"'
    equal(batch("-n", 1, prefix=inside)[0]["hidden"], True, "hidden, with names shown")
    equal(batch("-n", 1)[0]["hidden"], False, "hidden, without hidepid")


# ---- the list ----


@test
def test_appears_execs_dies():
    first, second = unique("alpha"), unique("omega")
    s = Screen("--filter", "alpha%d|omega%d" % (os.getpid(), os.getpid()), "--interval", "100ms",
               "--columns", "pid,rss,command", width=160)
    p = start(["/bin/sh", "-c", "%s 0.5; read x; exec %s 1000" % (first, second)],
              stdin=subprocess.PIPE, text=True)
    s.wait(r"^ *%d .* /bin/sh -c" % p.pid)
    p.stdin.write("\n")
    p.stdin.flush()
    s.wait(r"^ *%d .* %s 1000" % (p.pid, second))
    kill(p)
    s.wait(r"^ *%d " % p.pid, gone=True)
    s.keys("q")
    s.ended(0)


@test
def test_sizes():
    name = unique("sized")
    p = start([name, "1000"])
    s = Screen("--interval", "100ms", "--filter", "sized%d" % os.getpid(), width=80, height=24)
    for width, height in ((80, 24), (120, 40), (200, 50), (40, 10), (20, 5), (300, 60)):
        s.resize(width, height)
        s.wait_for(lambda ls: len(ls) > height and ls[height - 1].startswith("F1Help") and
                   any(re.match(" +PID .*RSS", l) for l in ls) and
                   (height < 6 or any(l.lstrip().startswith("%d " % p.pid) for l in ls)))
        check(max(map(len, s.lines())) <= width, "a line is too long")
    equal("BRK/s" in s.text() or "kernel side: none" in s.text(), True, "a wide screen has rates")
    s.keys("q")
    s.ended(0)


@test
def test_resize_storm():
    s = Screen("--interval", "50ms", width=80, height=24)
    rng = random.Random(7)
    for _ in range(80):
        s.resize(rng.randrange(1, 250), rng.randrange(1, 70))
    s.resize(90, 20)
    s.wait(r"^F1Help.*F10Quit")
    os.kill(s.pid(), signal.SIGWINCH)
    s.keys("q")
    s.ended(0)


@test
def test_keys():
    tag = "keys%d" % os.getpid()
    parent = start(["/bin/sh", "-c", "%s 1000; :" % unique("keys")])
    time.sleep(0.3)
    child = int(open("/proc/%d/task/%d/children" % (parent.pid, parent.pid)).read())
    s = Screen("--interval", "200ms", "--filter", tag, "--sort", "pid", "--columns",
               "pid,rss,command", width=140)
    s.wait(r"^ *%d .*\n *%d " % (parent.pid, child))
    s.type("I")
    s.wait(r"^ *%d .*\n *%d " % (child, parent.pid))
    s.keys("F5")
    s.wait(r"^ *%d .*\n *%d .* └─ " % (parent.pid, child))
    s.search(str(parent.pid))
    s.type("-")
    s.wait(r"^ *%d .* \+1$" % parent.pid)
    s.type("-t")
    s.keys("F6")
    s.wait("^Sort by")
    s.keys("Escape")
    s.wait("^Sort by", gone=True)
    s.type("g")
    s.wait(r"\+ root \(\d+\)")
    s.type("gg")
    s.keys("F1")
    s.wait("this help")
    s.type("x")
    s.wait("COMMAND")
    # A click on a row, then Enter: its page; titles are on the line above the rows.
    row = next(i for i, l in enumerate(s.lines()) if l.lstrip().startswith("%d " % child))
    s.click(10, row)
    s.keys("Enter")
    s.wait(r"^%d keys" % child)
    s.keys("Escape")
    s.wait("COMMAND")
    s.type("z")
    s.wait("FROZEN")
    kill(parent)
    os.kill(child, signal.SIGKILL)
    time.sleep(0.8)
    check(str(child) in s.text(), "a frozen list goes on")
    s.type("z")
    s.wait(r"^ *%d " % child, gone=True)
    s.keys("F4")
    s.wait("^Filter: " + tag)
    s.keys("Escape")
    s.wait("filter:", gone=True)
    s.keys("F10")
    s.ended(0)


@test
def test_colors():
    for env, colored in (({}, True), ({"NO_COLOR": "1"}, False)):
        s = Screen("--no-bpf", env=env)
        codes = [c.split("m")[0].split(";") for l in s.lines(colors=True)
                 for c in l.split("\033[")[1:]]
        # 39 and 49 are the terminal's own.
        seen = any(re.fullmatch("[34][0-8]|9[0-7]", n) for c in codes for n in c)
        equal(seen, colored, "colours with %s (%s)" % (env, codes[:5]))
        s.keys("q")
        s.ended(0)


@test
def test_ascii_terminal():
    start([unique("ascii"), "1000"])
    s = Screen("--tree", "--filter", "ascii%d" % os.getpid(), env={"LC_ALL": "C"})
    check(all(ord(c) < 128 for c in s.text()), "more than ASCII: " + s.text())
    s.keys("q")
    s.ended(0)


@test
def test_signals_restore_the_terminal():
    for sig, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 0),
                      (signal.SIGSEGV, 139), (signal.SIGABRT, 134)):
        s = Screen("--no-bpf")
        os.kill(s.pid(), sig)
        s.ended(code)


@test
def test_unknown_terminal():
    s = Screen("--no-bpf", env={"TERM": "nosuch"}, wait=False)
    s.wait("the terminal 'nosuch' is not known")
    s.ended(1)


@test
def test_terminal_vanishes():
    p = Pty("--interval", "50ms")
    p.read_until(b"COMMAND")
    p.close()
    equal(p.wait(), 0, "exit code")


@test
def test_as_another_user():
    p = start([unique("others"), "1000"])
    s = Screen("--filter", "others%d" % os.getpid(), prefix=NOBODY, width=120)
    s.wait(r"^ *%d .* ! " % p.pid)
    s.wait("kernel side: none, needs root")
    s.search(str(p.pid))
    s.keys("Enter")
    s.wait("its memory may not be read")
    s.type("w")
    s.wait(" not watched$")
    s.keys("Escape")
    s.keys("q")
    s.ended(0)


if __name__ == "__main__":
    main(TESTS)
