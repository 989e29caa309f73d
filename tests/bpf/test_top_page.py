#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_top_page.py: the page of one process, with real keys: what it says, and that the probes of w
are gone when it is left, however it is left."""
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
import harness
from harness import Fixture, Lines, check, equal, kill, main, start, traps
from screen import Pty, Screen
from test_explain import Frag

TESTS = {}
LIBC = "libc.so.6"


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def open_page(pid, *args, **options):
    """The cursor goes to the process by its number, which no other row's number is."""
    options.setdefault("width", 120)
    s = Screen("--interval", "100ms", "--sort", "pid", *args, **options)
    s.search(str(pid))
    s.keys("Enter")
    s.wait(r"^%d " % pid)
    return s


def until(what, why):
    end = time.monotonic() + harness.TIMEOUT
    while not what():
        check(time.monotonic() < end, why)
        time.sleep(0.05)


def detached(pid):
    until(lambda: traps(pid, LIBC) == 0, "probes are left in process %d" % pid)


def size_of(text):
    number, unit = re.fullmatch(r"([\d.]+)([BKMG]?)", text).groups()
    return float(number) * 1024 ** "BKMG".index(unit or "B")


def is_about(shown, want, what):
    got = size_of(shown)
    check(abs(got - want) <= want * 0.006 + 1, "%s is %s, not %d" % (what, shown, want))


@test
def test_waterfall_and_arenas():
    f = Frag(64, 1)
    for name in ("start", "full", "half", "freed"):
        f.phase(name)
        f.go()
    _, total = f.phase("idle")
    s = open_page(f.pid)
    m = s.wait(r"^ free but resident in the allocator +(\S+) +[\d.]+% exact")
    free = size_of(m[1])
    m = s.wait(r"glibc's malloc holds (\S+) in 1 arena: (\S+) in use, (\S+) free and resident \(exact\)")
    is_about(m[1], total["current"], "what glibc holds")
    check(abs(size_of(m[3]) - free) < 0.01 * free, "two figures of what is free and resident")
    s.wait("no probes")
    s.wait(r"unexplained +0 ")
    s.type("4")
    m = s.wait(r"^0x[0-9a-f]+ main +1 +(\S+) ")
    is_about(m[1], total["current"], "the arena's size")
    s.wait(r"^RSS +[▁▂▃▄▅▆▇█]+ \d+ s, up to ")
    s.keys("Escape")
    s.wait("COMMAND")
    s.keys("q")
    s.ended(0)


@test
def test_watching():
    f = Fixture()
    s = open_page(f.pid)
    equal(traps(f.pid, LIBC), 0, "traps before")
    s.type("w")
    s.wait(r"watched \d+ s: .* hits/s")
    check(traps(f.pid, LIBC) > 0, "watched without a trap")
    truth = f.run("family")
    s.wait(r"outstanding since the attach: \S+ in %d blocks  exact" % truth["outstanding_blocks"])
    sites = sorted((t for t in truth["sites"] if t["kind"] == "heap"), key=lambda t: -t["bytes"])
    # The first has its stack unfolded, as far as there is room.
    # What it grows by stands before its blocks, once that has a column.
    s.wait(r"^ +\S+( +\S+)? +%d  heap  %s < " % (sites[0]["blocks"], sites[0]["function"]))
    s.wait(r"^ {24}%s  \S+/churn.c:\d+" % sites[0]["function"])
    s.wait(r"%s < " % sites[1]["function"])
    # The mark: nothing has changed since; then as much again.
    s.type("d")
    s.wait(r"blocks, since the mark: 0  exact")
    s.type("D")
    s.wait("since the mark", gone=True)
    s.type("w")
    s.wait("no probes")
    detached(f.pid)
    s.type("w")
    s.wait(r"watched \d+ s")
    s.keys("Escape")
    s.wait("COMMAND")
    detached(f.pid)
    s.keys("q")
    s.ended(0)


@test
def test_the_list_says_who_is_watched():
    f = Fixture()
    s = open_page(f.pid, "--columns", "pid,watched,command")
    s.type("w")
    s.wait(r"watched \d+ s")
    s.keys("F1")
    s.wait("this help")
    check(traps(f.pid, LIBC) > 0, "help ends the watching")
    s.type("x")
    s.wait(r"watched \d+ s")
    s.keys("q")
    s.wait(r"^ *%d {3}\S*/churn" % f.pid)
    s.keys("q")
    s.ended(0)


@test
def test_a_watched_process_that_dies_keeps_its_page():
    f = Fixture()
    s = open_page(f.pid)
    s.type("w")
    s.wait(r"watched \d+ s")
    truth = f.run("family")
    blocks = r"outstanding since the attach: \S+ in %d blocks" % truth["outstanding_blocks"]
    s.wait(blocks)
    kill(f.p)
    s.wait("ENDED: its last figures")
    time.sleep(1.5)
    s.wait(blocks)
    s.type("1")
    s.wait("^ files and shared memory")
    s.keys("Escape")
    s.wait("COMMAND")
    s.keys("q")
    s.ended(0)


@test
def test_ends_that_leave_no_probe():
    for how in ("q", signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV):
        f = Fixture()
        s = open_page(f.pid)
        s.type("w")
        s.wait(r"watched \d+ s")
        check(traps(f.pid, LIBC) > 0, "watched without a trap")
        if how == "q":
            s.keys("q")
            s.wait("COMMAND")
            s.keys("q")
        else:
            os.kill(s.pid(), how)
        s.wait("^after$") if how != signal.SIGKILL else s.wait("Killed|after")
        detached(f.pid)
        f.run("family")


@test
def test_the_terminal_vanishes_while_watching():
    f = Fixture()
    p = Pty("--interval", "100ms", "--sort", "pid")
    p.read_until(b"COMMAND")
    os.write(p.fd, b"/%d\r" % f.pid)
    time.sleep(0.3)
    os.write(p.fd, b"w")
    p.read_until(b"hits/s")
    check(traps(f.pid, LIBC) > 0, "watched without a trap")
    p.close()
    equal(p.wait(), 0, "exit code")
    detached(f.pid)


@test
def test_mappings():
    source = os.path.join(harness.scratch(), "mapper.py")
    with open(source, "w") as f:
        f.write("import mmap, sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"
                "kept = [mmap.mmap(-1, 1009 * 4096) for i in range(7)]\n"
                "print('done', flush=True)\nsys.stdin.readline()\n")
    p = start([sys.executable, source], stdin=-1, stdout=-1, text=True)
    lines = Lines(p.stdout)
    lines.next("ready")
    s = Screen("--sort", "pid", "--interval", "100ms", width=120)
    if s.wait(r"kernel side: (fentry|kprobe|tracepoint|none, (?!starting))")[1].startswith("none"):
        harness.skip("no kernel-side probes work here")
    s.search(str(p.pid))
    s.keys("Enter")
    s.type("3")
    s.wait("it has not mapped any memory|anonymous memory mapped")
    p.stdin.write("\n")
    p.stdin.flush()
    lines.next("done")
    m = s.wait(r"^ +(\S+) +7  _*mmap\S* < ")
    is_about(m[1], 7 * 1009 * 4096, "what the callsite mapped")
    s.keys("Escape")
    s.keys("q")
    s.ended(0)


if __name__ == "__main__":
    main(TESTS)
