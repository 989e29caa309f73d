#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""top.py BUILD: what the system-wide view costs: its own CPU and memory beside 500 and 1,000
ordinary processes, the time to its first screen, what others pay.  Others' share is a ratio: the same
loop with the view and without, in turn; the median of the rounds."""
import atexit
import fcntl
import glob
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
HW, CROWD, PAIR, SYSCALLS = (os.path.join(BUILD, p) for p in (
    "heapwatch", "bench/crowd", "bench/pair", "bench/syscalls"))


class Top:
    """The view on a terminal of 120x40, whose output is read."""

    def __init__(self, *args):
        began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.environ["TERM"] = "xterm-256color"
            os.execv(HW, [HW, *args])
        seen = b""
        while b"COMMAND" not in seen and time.monotonic() < began + 20:
            seen += os.read(self.fd, 65536)
        self.first, self.first_cpu = time.monotonic() - began, self.cpu()

    def cpu(self):
        total = 0
        for t in glob.glob("/proc/%d/task/*/schedstat" % self.pid):
            with open(t) as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def rss(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * 4096

    def run(self, seconds):
        """Read what it draws, so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:  # it has ended
                    time.sleep(0.02)

    def share(self, seconds):
        before, began = self.cpu(), time.monotonic()
        self.run(seconds)
        return (self.cpu() - before) / (time.monotonic() - began)

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0 and time.monotonic() < end:
            self.run(0.05)
        os.close(self.fd)


class Crowd:
    def __init__(self, n):
        self.p = subprocess.Popen([CROWD, str(n)], stdout=subprocess.PIPE, text=True)
        atexit.register(self.p.kill)
        self.p.stdout.readline()

    def end(self):
        self.p.kill()
        self.p.wait()
        time.sleep(1)


class Loop:
    def __init__(self, program, line):
        self.line = line
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)

    def run(self):
        self.p.stdin.write(self.line + "\n")
        self.p.stdin.flush()
        while True:
            try:
                return float(self.p.stdout.readline())
            except ValueError:
                pass

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def beside(name, program, line, rounds, *args):
    loop, ratios, bare = Loop(program, line), [], []
    loop.run()
    for _ in range(rounds):
        alone = loop.run()
        top = Top(*args)
        top.run(1)
        ratios.append(loop.run() / alone)
        top.end()
        top = None
        bare.append(loop.run() / alone)
    loop.end()
    print("%-48s %.3f  (alone, twice: %.3f)" % (name, statistics.median(ratios),
                                                statistics.median(bare)), flush=True)


def main():
    crowd = Crowd(500)
    for name, args in (("", ()), (" --no-bpf", ("--no-bpf",))):
        top = Top(*args)
        top.run(8)
        print("beside %d processes, each second%s: %.2f %% of a core, RSS %.1f MiB" % (
            len(glob.glob("/proc/[0-9]*")), name, 100 * top.share(20), top.rss() / 2**20),
            flush=True)
        top.end()
    beside("malloc and free, beside the view / alone", PAIR, "20000000 1 64", 9)
    beside("mmap, touch, munmap, likewise", SYSCALLS, "map 60000", 9)
    beside("getppid, likewise", SYSCALLS, "ask 3000000", 9)
    beside("getppid, beside the view with --no-bpf / alone", SYSCALLS, "ask 3000000", 5, "--no-bpf")
    crowd.end()
    crowd = Crowd(1000)
    first, cpu = [], []
    for _ in range(7):
        top = Top()
        first.append(top.first)
        cpu.append(top.first_cpu)
        top.end()
    print("beside %d processes: first screen after %.0f ms, with %.0f ms of CPU" % (
        len(glob.glob("/proc/[0-9]*")), 1000 * statistics.median(first),
        1000 * statistics.median(cpu)), flush=True)
    crowd.end()
    crowd = Crowd(50)
    top = Top("--interval", "10ms")
    top.run(10)
    sizes = [top.rss()]
    for _ in range(4):
        top.run(10)
        sizes.append(top.rss())
    print("RSS every 10 s at 100 refreshes a second: %s KiB" % " ".join(
        str(s // 1024) for s in sizes), flush=True)
    top.end()
    crowd.end()


main()
