# SPDX-License-Identifier: GPL-2.0
"""screen.py: a program on a terminal, with real keys, by tmux; and on a bare pty that goes away."""
import atexit
import os
import pty
import re
import shlex
import subprocess
import time

import harness
from harness import Failed, check, need

SOCKET = "heapwatch-test-%d" % os.getpid()


def tmux(*args, **options):
    return subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT,
                          **options)


def end_server():
    tmux("kill-server")


class Screen:
    """A command in a window of its own.  before, after: stty's settings around it."""

    number = 0

    def __init__(self, *args, width=100, height=30, env=None, prefix=(), wait=True):
        need("tmux")
        if not Screen.number:
            atexit.register(end_server)
        Screen.number += 1
        self.name, self.dir = "s%d" % Screen.number, harness.scratch()
        command = shlex.join([*prefix, harness.heapwatch(), *map(str, args)])
        script = ("echo before; stty -g >%s/before; %s %s; echo $? >%s/code; stty -g >%s/after; "
                  "echo after; exec sleep 1000" % (
                      self.dir, " ".join("%s=%s" % i for i in (env or {}).items()), command,
                      self.dir, self.dir))
        r = tmux("new-session", "-d", "-s", self.name, "-x", str(width), "-y", str(height),
                 "/bin/sh", "-c", script, env=dict(os.environ, LC_ALL="C.UTF-8"))
        check(not r.returncode, "tmux: " + r.stderr)
        if wait:
            self.wait("COMMAND")

    def keys(self, *keys):
        check(not tmux("send-keys", "-t", self.name, *keys).returncode, "send-keys failed")

    def type(self, text):
        check(not tmux("send-keys", "-t", self.name, "-l", text).returncode, "send-keys failed")

    def search(self, text):
        """One character at a time: what types is in the list, too, with its command line."""
        self.type("/")
        for character in text:
            self.type(character)
        self.keys("Enter")

    def click(self, x, y):
        """X10's report, as the terminfo entries of tmux say."""
        self.type("\033[M" + "".join(chr(32 + n) for n in (0, x + 1, y + 1)))

    def resize(self, width, height):
        tmux("resize-window", "-t", self.name, "-x", str(width), "-y", str(height))

    def lines(self, colors=False):
        return tmux("capture-pane", "-p", "-t", self.name,
                    *(["-e"] if colors else [])).stdout.split("\n")

    def text(self, colors=False):
        return "\n".join(self.lines(colors))

    def wait(self, pattern, gone=False, timeout=harness.TIMEOUT):
        """Until the screen has it, or not any more: the match."""
        end = time.monotonic() + timeout
        while True:
            text = self.text()
            m = re.search(pattern, text, re.M)
            if bool(m) != gone:
                return m or text
            if time.monotonic() > end:
                raise Failed("the screen %s %r:\n%s" % ("keeps" if gone else "never has", pattern,
                                                        text))
            time.sleep(0.05)

    def wait_for(self, what):
        """Until what(lines) is true."""
        end = time.monotonic() + harness.TIMEOUT
        while not what(self.lines()):
            check(time.monotonic() < end, "the screen never is as it should be:\n" + self.text())
            time.sleep(0.05)

    def pid(self):
        """Of heapwatch: the newest child of the window's shell that is one."""
        shell = tmux("display", "-p", "-t", self.name, "#{pane_pid}").stdout.strip()
        end = time.monotonic() + harness.TIMEOUT
        while time.monotonic() < end:
            with open("/proc/%s/task/%s/children" % (shell, shell)) as f:
                for child in f.read().split():
                    with open("/proc/%s/comm" % child) as comm:
                        if comm.read().strip() == "heapwatch":
                            return int(child)
            time.sleep(0.05)
        raise Failed("heapwatch does not run in the window: " + self.text())

    def ended(self, code):
        """It has ended with this code, and the terminal is as it was."""
        self.wait("^after$")
        with open(self.dir + "/code") as f:
            harness.equal(int(f.read()), code, "exit code")
        with open(self.dir + "/before") as a, open(self.dir + "/after") as b:
            harness.equal(b.read(), a.read(), "the terminal's settings")
        # The screen from before is there again, and nothing of the list.
        text = self.text()
        check("before" in text and "COMMAND" not in text, "the screen is not restored:\n" + text)

    def kill(self):
        tmux("kill-session", "-t", self.name)


class Pty:
    """heapwatch on a pty of ours; what it writes is read, so that it never waits for us."""

    def __init__(self, *args):
        pid, self.fd = pty.fork()
        if not pid:
            os.environ["TERM"] = "xterm-256color"
            os.environ["LC_ALL"] = "C.UTF-8"
            os.execv(harness.heapwatch(), [harness.heapwatch(), *args])
        self.pid, self.seen = pid, b""

    def read_until(self, what, timeout=harness.TIMEOUT):
        end = time.monotonic() + timeout
        while what not in self.seen:
            check(time.monotonic() < end, "never wrote %r" % what)
            self.seen += os.read(self.fd, 65536)

    def close(self):
        """The terminal goes away."""
        os.close(self.fd)

    def wait(self, timeout=harness.TIMEOUT):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(self.pid, 9)
        raise Failed("it did not end")
