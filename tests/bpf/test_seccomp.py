#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_seccomp.py: targets with a seccomp filter, from before and from after the attach; and no
probe on anybody's malloc where a return probe kills under one.

Kernels that do so are no longer in Debian's archive.  What heapwatch sees of one is how its trial
ends, and that can be had from outside: by a library whose system calls end so."""
import contextlib
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, compare, equal, skip  # noqa: E402

TESTS = {}
LIBC = "libc.so.6"
SYS_URETPROBE = 335  # arch/x86/entry/syscalls/syscall_64.tbl, Linux 6.11

# As Docker's default profile does: what the list does not know, like the call that a return probe
# makes, fails.
FILTER = """
import ctypes, os, struct, sys
def install():
    libc = ctypes.CDLL(None, use_errno=True)
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, %d), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
    filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
    prog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filter)))
    assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, prog, 0, 0)
""" % SYS_URETPROBE
EXEC = FILTER + "install()\nos.execv(sys.argv[1], sys.argv[1:])\n"
LATER = FILTER + """
print("ready", flush=True)
input()
install()
kept = [bytes(5000 + i) for i in range(997)]
print("done", flush=True)
input()
"""

# What a kernel does that has the call and filters it: it kills who makes it otherwise than by a
# return probe, and where there is a filter the call returns.
DEADLY = """
#include <asm/unistd.h>
#include <linux/prctl.h>

int raise(int), *__errno_location(void);
void _exit(int);

long syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	if (n == %d)
		raise(4);
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			 "r"(r9) : "rcx", "r11", "memory");
	if (r >= 0 || r < -4095)
		return r;
	*__errno_location() = -r;
	return -1;
}

int prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	if (op == PR_SET_SECCOMP)
		_exit(0);
	return syscall(__NR_prctl, op, a, b, c, d, 0);
}
""" % SYS_URETPROBE


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def need_trampoline():
    if os.uname().machine != "x86_64":
        skip("return probes make no system call on this machine")


def filtered(pid):
    with open("/proc/%d/status" % pid) as status:
        return "\nSeccomp:\t2\n" in status.read()


@contextlib.contextmanager
def heapwatch_by(lines):
    """heapwatch as a shell script starts it."""
    path, real = os.path.join(harness.scratch(), "heapwatch"), harness.heapwatch
    with open(path, "w") as f:
        f.write("#!/bin/sh\n%s\nexec %s \"$@\"\n" % (lines, real()))
    os.chmod(path, 0o755)
    harness.heapwatch = lambda: path
    try:
        yield
    finally:
        harness.heapwatch = real


def deadly():
    """On a kernel whose return probes kill under a filter."""
    path = os.path.join(harness.scratch(), "deadly.so")
    subprocess.run([harness.need("gcc"), "-xc", "-", "-shared", "-fPIC", "-o", path], input=DEADLY,
                   text=True, check=True)
    return heapwatch_by("export LD_PRELOAD=" + path)


def run(*args):
    r = subprocess.run([harness.heapwatch(), *args], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=harness.TIMEOUT, check=False)
    return r.returncode, r.stdout, r.stderr


@test
def test_filtered():
    """It lives on, and is counted; or nothing is on its malloc, and heapwatch says why."""
    need_trampoline()
    f = Fixture(path=sys.executable,
                args=["-c", EXEC, os.path.join(harness.BUILD, "fixtures/churn")])
    check(filtered(f.pid), "it has no filter")
    w = Watch(f.pid)
    truth = f.run("family")
    time.sleep(0.1)
    equal(f.p.poll(), None, "the target's end")
    p = w.process()
    if p["user_probes"] == "unsafe":
        equal(p["probe_hits"], 0, "hits")
    else:
        compare(p, truth)
    w.end()


@test
def test_filter_later():
    """One that comes while the probes are there."""
    need_trampoline()
    p = harness.start([sys.executable, "-c", LATER], stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, text=True)
    lines = harness.Lines(p.stdout)
    equal(lines.next("ready"), "ready", "its first line")
    w = Watch(p.pid)
    p.stdin.write("\n")
    p.stdin.flush()
    equal(lines.next("done"), "done", "its second line")
    check(filtered(p.pid), "it has no filter")
    time.sleep(0.1)
    equal(p.poll(), None, "the target's end")
    seen = w.process()
    if seen["user_probes"] != "unsafe":
        # sys.getsizeof(bytes(n)) is n + 33.
        sizes = {s["bytes"] for s in seen["sites"] if s["blocks"] == 997}
        check(sum(range(5033, 5033 + 997)) in sizes, "997 strings are not among %s" % sizes)
    w.end()


@test
def test_filter_in_tree():
    """A filter that a child of a command's tree installs."""
    need_trampoline()
    code, out, err = run("--json", "--", "sh", "-c", '"$@" <&-; echo code $?', "sh",
                         sys.executable, "-c", EXEC, os.path.join(harness.BUILD, "fixtures/churn"))
    equal(code, 0, "exit code (%s)" % err)
    check("ready\ncode 0\n" in out, "the child ended badly: %s" % out[:200])


@test
def test_own_filter():
    """heapwatch's own filter answers for the kernel, and does not count as its answer."""
    need_trampoline()
    wants = [l.split()[-1] for l in run("doctor")[1].splitlines() if "seccomp filter" in l]
    r = subprocess.run([sys.executable, "-c", EXEC, harness.heapwatch(), "doctor"],
                       stdout=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, check=False)
    says = [l.split()[-1] for l in r.stdout.splitlines() if "seccomp filter" in l]
    equal((says, len(says)), (wants, 1), "doctor's answer under a filter")


def nothing_on_malloc(doctor_says, warning):
    f = Fixture()
    code, out, _ = run("doctor")
    check("under a seccomp filter     " + doctor_says in out, "doctor says %s" % out)
    equal(code, 1, "doctor's exit code")
    w = Watch(f.pid)
    equal(harness.traps(f.pid, LIBC), 0, "traps")
    f.run("family")
    p = w.process()
    equal((p["mode"], p["user_probes"], p["probe_hits"]), ("passive", "unsafe", 0),
          "mode, user probes and hits")
    check(p["allocator"]["in_use_bytes"] > 0, "malloc's own figures are missing")
    w.end()
    check([l for l in w.err.seen if "warning: no probe is put on malloc: " + warning in l],
          "it says %s" % w.err.seen)
    code, out, err = run("-p", str(f.pid), "--once", "--duration", "50ms")
    equal(code, 0, "exit code (%s)" % err)
    check("no probe is put on malloc here" in out, "the report is %s" % out)
    code, out, err = run("--json", "--", os.path.join(harness.BUILD, "fixtures/family"))
    equal(code, 7, "exit code of the tree (%s)" % err)
    tree = json.loads(out.splitlines()[-1])["processes"]
    # Children that are late have nothing that they could be late for.
    f = Fixture("family", args=["wait"])
    w = Watch(f.pid)
    f.tell("go")
    f.p.wait(harness.TIMEOUT)
    for every in (tree, w.end(None)["processes"]):
        equal({(p["mode"], p["user_probes"], p["probe_hits"]) for p in every},
              {("passive", "unsafe", 0)}, "modes, user probes and hits")
        equal(len(every), 8, "processes")


@test
def test_deadly():
    with deadly():
        nothing_on_malloc("no: it kills (CVE-2025-21834)\n", "on this kernel a return probe kills")


if __name__ == "__main__":
    harness.main(TESTS)
