#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_containers.py: targets with another root, another libc, another pid namespace; and /proc
that hides.  What containers are made of, without their programs (and test_seccomp.py)."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, compare, equal, skip  # noqa: E402

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def need_tools(*names):
    return [harness.need(n) for n in names]


def make_root():
    """A folder to chroot into: the fixture, its loader and a libc of its own (another inode)."""
    root = harness.scratch()
    fixture = os.path.join(harness.BUILD, "fixtures/churn")
    shutil.copy(fixture, root)
    r = subprocess.run(["ldd", fixture], stdout=subprocess.PIPE, text=True)
    for path in re.findall(r"(/\S+)", r.stdout):
        to = root + path
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.realpath(path), to)
    return root


def libc_of(root):
    for folder, _, names in os.walk(root):
        if "libc.so.6" in names:
            return os.path.join(folder, "libc.so.6")
    raise harness.Failed("no libc in " + root)


class Contained(Fixture):
    """A fixture started through `unshare`: its own pid is that of the program, not of unshare."""

    def __init__(self, cmd):
        self.p = harness.start(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = harness.Lines(self.p.stdout)
        self.ready()
        self.pid = self.p.pid
        while True:
            with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as f:
                children = f.read().split()
            if not children:
                break
            self.pid = int(children[0])
        harness.children.append(Process(self.pid))


class Process:
    """What harness ends: of a pid that is not our child."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait(self):
        return 0


def counted(f, name="glibc", **options):
    w = Watch(f.pid, **options)
    truth = f.run("family")
    p = w.process()
    compare(p, truth)
    check(name in p["allocator"]["name"], "the allocator is called " + p["allocator"]["name"])
    w.end_exactly()
    return p


@test
def test_own_root_and_pids():
    need_tools("unshare", "chroot", "ldd")
    root = make_root()
    f = Contained(["unshare", "--mount", "--pid", "--fork", "chroot", root, "/churn"])
    with open("/proc/%d/status" % f.pid) as status:
        pids = re.search(r"^NSpid:\s+(\d+)\s+(\d+)$", status.read(), re.M)
    check(pids and pids[2] == "1", "it is not the first of a pid namespace")
    p = counted(f)
    leaf = next(s for s in p["sites"] if s["frames"][0]["function"] == "site_malloc")["frames"][0]
    check(leaf["module"].endswith("/churn"), "its module is %s" % leaf["module"])


@test
def test_overlay():
    """Device numbers of files on an overlay are not those that /proc/PID/maps tells."""
    need_tools("unshare", "chroot", "ldd", "mount")
    root, top = make_root(), harness.scratch()
    script = ("mount -t tmpfs none %s && mkdir %s/up %s/work %s/all && mount -t overlay -o "
              "lowerdir=%s,upperdir=%s/up,workdir=%s/work none %s/all && "
              "exec chroot %s/all /churn" % (top, top, top, top, root, top, top, top, top))
    r = subprocess.run(["unshare", "--mount", "sh", "-c", script], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if "ready" not in r.stdout:
        skip("no overlay can be mounted here: " + r.stderr.strip().split("\n")[-1])
    f = Contained(["unshare", "--mount", "sh", "-c", script])
    counted(f)


@test
def test_libc_upgraded():
    """The libc that it runs on is deleted, and another has its name."""
    need_tools("chroot", "ldd")
    root = make_root()
    f = Contained(["chroot", root, "/churn"])
    libc = libc_of(root)
    shutil.copy(libc, libc + ".new")
    with open(libc + ".new", "r+b") as new:  # what is probed by mistake is not even an ELF file
        new.write(b"\0" * 65536)
    os.rename(libc + ".new", libc)
    with open("/proc/%d/maps" % f.pid) as maps:
        check("libc.so.6 (deleted)" in maps.read(), "libc is not deleted")
    counted(f)


@test
def test_musl_root():
    need_tools("unshare", "chroot", "musl-gcc")
    root = harness.scratch()
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/grid/grid.c")
    subprocess.run(["musl-gcc", "-std=gnu11", "-D_GNU_SOURCE=", "-O1", "-g", "-fno-builtin",
                    "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", source, "-o",
                    root + "/grid"], check=True)
    with open(root + "/grid", "rb") as program:
        loader = re.search(rb"/lib/ld-musl-[\w-]+\.so\.1", program.read())[0].decode()
    os.mkdir(root + "/lib")
    shutil.copy(os.path.realpath(loader), root + loader)
    f = Contained(["unshare", "--mount", "--pid", "--fork", "chroot", root, "/grid"])
    w = Watch(f.pid)
    truth = f.run("grid")
    p = w.process()
    compare(p, truth)
    equal(p["allocator"]["name"], "musl", "allocator")
    w.end_exactly()


@test
def test_hidepid():
    """heapwatch itself, where /proc shows a user only his own processes."""
    need_tools("unshare", "mount", "sh")
    f = Fixture()
    r = subprocess.run(["unshare", "--mount", "sh", "-c",
                        "mount -t proc -o hidepid=invisible proc /proc && exec %s -p %d --once "
                        "--duration 300ms" % (harness.heapwatch(), f.pid)],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=harness.TIMEOUT)
    equal(r.returncode, 0, "exit code (%s)" % r.stderr)
    check("%d (churn)" % f.pid in r.stdout, "it is not in the report:\n" + r.stdout)


if __name__ == "__main__":
    harness.main(TESTS)
