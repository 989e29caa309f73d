#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_errors.py: what heapwatch refuses, and that it says why in one line."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, check, equal, skip  # noqa: E402

TESTS = {}
NO_LIBC = """
static volatile int stop;
%s
void _start(void)
{
	while (!stop)
%s;
}
"""
PAUSE = {
    "x86_64": '\t\t__asm__ volatile("syscall" : : "a"(34L) : "rcx", "r11", "memory")',
    "aarch64": '\t\t__asm__ volatile("wfe")',
    "i386": '\t\t__asm__ volatile("int $0x80" : : "a"(29) : "memory")',
}
GO = ('__attribute__((section(".go.buildinfo"), used))\n'
      'static const char go[64] = "\\xff Go buildinf:";')


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def run(*args, program=None, **options):
    """Exit code, output, and what heapwatch itself said on stderr."""
    options.setdefault("stdout", subprocess.PIPE)
    r = subprocess.run([*(program or [harness.heapwatch()]), *map(str, args)],
                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                       errors="replace", timeout=harness.TIMEOUT, **options)
    return r.returncode, r.stdout, r.stderr.splitlines()


def refused(code, words, *args, **options):
    got, out, err = run(*args, **options)
    what = "heapwatch " + " ".join(map(str, args))
    equal(got, code, "exit code of %s (%s)" % (what, err))
    equal(len(err), 1, "number of lines that %s says (%s)" % (what, err))
    equal(out or "", "", "what %s prints" % what)
    for word in words:
        check(str(word) in err[0], "%s says %r, nothing of %r" % (what, err[0], word))
    return err[0]


@test
def test_no_such_process():
    p = subprocess.Popen(["true"])
    p.wait()
    refused(1, ["heapwatch: ", "no process %d" % p.pid], "-p", p.pid)


@test
def test_one_of_several_is_missing():
    f = Fixture()
    p = subprocess.Popen(["true"])
    p.wait()
    refused(1, ["no process %d" % p.pid], "-p", "%d,%d" % (f.pid, p.pid))
    f.run("realloc_fail")


@test
def test_kernel_thread():
    with open("/proc/2/stat") as f:
        if not int(f.read().rsplit(")", 1)[1].split()[6]) & 0x200000:
            skip("process 2 is not a kernel thread here (a container?)")
    refused(1, ["process 2 (", "is a kernel thread"], "-p", 2)
    refused(1, ["process 2 (", "is a kernel thread"], "explain", "-p", 2)


@test
def test_thread():
    end, ids = threading.Event(), []
    t = threading.Thread(target=lambda: (ids.append(threading.get_native_id()), end.wait()))
    t.start()
    try:
        while not ids:
            pass
        refused(1, ["%d is a thread, not a process" % ids[0]], "-p", ids[0])
    finally:
        end.set()
        t.join()


@test
def test_zombie():
    p = harness.start(["true"])
    os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
    refused(1, ["process %d (true) has ended" % p.pid], "-p", p.pid)
    refused(1, ["process %d (true) has ended" % p.pid], "explain", "-p", p.pid)


BAD_OPTIONS = [
    (["--once"], ["which process", "-p"]),
    (["-p"], ["'p'"]),
    (["-p", ""], ["-p"]),
    (["-p", "0"], ["-p", "'0'"]),
    (["-p", "-1"], ["-p", "'-1'"]),
    (["-p", "1x"], ["-p", "'1x'"]),
    (["-p", "1,,2"], ["-p"]),
    (["-p", "1,"], ["-p"]),
    (["-p", "99999999999"], ["-p", "'99999999999'"]),
    (["-p", "7,7"], ["7", "twice"]),
    (["-p", "7", "-p", "7"], ["7", "twice"]),
    (["--nonsense"], ["--nonsense"]),
    (["-p", "1", "stray"], ["'stray'"]),
    (["frobnicate"], ["'frobnicate'"]),
    (["-p", "1", "--interval", "soon"], ["--interval", "'soon'"]),
    (["-p", "1", "--interval", "1ms"], ["--interval", "10ms"]),
    (["-p", "1", "--interval", "-1s"], ["--interval"]),
    (["-p", "1", "--duration", "0"], ["--duration"]),
    (["-p", "1", "--top", "many"], ["--top", "'many'"]),
    (["-p", "1", "--top", "-1"], ["--top", "'-1'"]),
    (["-p", "1", "--min-size", "huge"], ["--min-size", "'huge'"]),
    (["-p", "1", "--depth", "129"], ["--depth", "128", "'129'"]),
    (["-p", "1", "--user-probes", "magic"], ["--user-probes", "'magic'"]),
    (["-p", "1", "--kernel-probes", "magic"], ["--kernel-probes", "'magic'"]),
    (["-p", "1", "--ring-size", "5000"], ["--ring-size", "'5000'"]),
    (["-p", "1", "--ring-size", "1K"], ["--ring-size", "'1K'"]),
    (["-p", "1", "--ring-size", "2G"], ["--ring-size", "'2G'"]),
    (["-p", "1", "--rings", "0"], ["--rings", "'0'"]),
    (["-p", "1", "--rings", "17"], ["--rings", "'17'"]),
    (["-p", "1", "--max-threads", "0"], ["--max-threads", "'0'"]),
    (["doctor", "--nonsense"], ["doctor"]),
]


@test
def test_bad_options():
    for args, words in BAD_OPTIONS:
        refused(2, words, *args)


@test
def test_help_and_version():
    for option, word in (("--help", "--pid"), ("-h", "doctor"), ("--version", "heapwatch "),
                         ("-V", "heapwatch ")):
        code, out, err = run(option)
        equal((code, err), (0, []), "exit code and complaints of " + option)
        check(word in out, "%s prints %r" % (option, out))


@test
def test_doctor():
    code, out, err = run("doctor")
    equal((code, err), (0, []), "exit code and complaints of doctor")
    for word in ("needed", "session", "uprobe_multi", "perf_event", "fentry", "kprobe",
                 "tracepoint", "perf event of faults", "cost of one probe hit"):
        check(word in out, "doctor says nothing of %s:\n%s" % (word, out))


def compile_and_start(machine, before="", options=()):
    """A static program without a libc that sleeps for ever."""
    path = os.path.join(harness.scratch(), "nolibc")
    r = subprocess.run([harness.need("gcc"), *options, "-xc", "-", "-static", "-nostdlib",
                        "-nostartfiles", "-ffreestanding", "-fno-pie", "-no-pie",
                        "-fno-stack-protector", "-o", path],
                       input=NO_LIBC % (before, PAUSE[machine]), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        skip("gcc cannot make such a program here: " + r.stdout.strip().split("\n")[-1])
    return harness.start([path]), path


def this_machine():
    machine = os.uname().machine
    return machine if machine in PAUSE else skip("no such program for " + machine)


def refused_program(words, machine, *args):
    p, path = compile_and_start(machine, *args)
    said = refused(1, ["process %d (nolibc)" % p.pid, *words], "-p", p.pid)
    equal(p.poll(), None, "the program's end")
    return said, path


@test
def test_no_allocator():
    """Its mappings are watched; the report's first line names what was searched."""
    p, path = compile_and_start(this_machine())
    code, out, _ = run("-p", p.pid, "--once", "--duration", "100ms")
    equal(code, 0, "exit code")
    first = [l for l in out.splitlines() if "(nolibc)" in l][0]
    check("no known allocator in " + path in first, "the first line is %r" % first)
    code, out, _ = run("explain", "-p", p.pid, "--json")
    allocator = json.loads(out)["processes"][0]["allocator"]
    equal((code, allocator["name"], allocator["searched"]), (0, "none found", path), "explain")
    equal(p.poll(), None, "the program's end")


@test
def test_stripped():
    """Where nothing has a name, that is why no allocator was found; of the second process of a file
    too, for which it is not looked through again."""
    p, path = compile_and_start(this_machine(), options=("-s",))
    again = harness.start([path])
    code, out, _ = run("-p", "%d,%d" % (p.pid, again.pid), "--once", "--duration", "100ms")
    equal(code, 0, "exit code")
    first = [l for l in out.splitlines() if "(nolibc)" in l]
    equal(len(first), 2, "lines of its processes")
    for line in first:
        check("no known allocator in %s (stripped: its functions have no names): only its mappings "
              "are seen" % path in line, "the first line is %r" % line)


@test
def test_go_program():
    refused_program(["Go program"], this_machine(), GO)


@test
def test_32_bit_program():
    if this_machine() != "x86_64":
        skip("this machine's 32-bit programs need another compiler")
    refused_program(["32-bit"], "i386", "", ["-m32"])
    p, _ = compile_and_start("i386", "", ["-m32"])
    refused(1, ["process %d (nolibc)" % p.pid, "32-bit"], "explain", "-p", p.pid)


@test
def test_ends_meanwhile():
    """One that ends while it is looked at: a last report, or one line that says so."""
    for i in range(24):
        p = harness.start([os.path.join(harness.BUILD, "fixtures", "churn")],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        equal(p.stdout.readline(), b"ready\n", "the fixture's first line")
        h = harness.start([harness.heapwatch(), *(["explain"] if i % 3 == 0 else []), "-p",
                           str(p.pid), "--json"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(i * 0.007 if i % 3 else i * 0.001)
        p.kill()
        if i % 2:
            p.wait()
        out, err = h.communicate(timeout=harness.TIMEOUT)
        said = [l for l in err.splitlines() if not l.startswith("heapwatch: watching ")]
        if h.returncode == 0:
            equal(said, [], "complaints of one that exits with 0")
            equal(json.loads(out)["processes"][0]["pid"], p.pid, "pid of the report")
            continue
        equal((h.returncode, out, len(said)), (1, "", 1), "exit code, output, number of %s" % said)
        check("has ended" in said[0] or "no process" in said[0], "it says %r" % said[0])


def as_nobody():
    """How to run heapwatch without privileges: the build may lie where nobody may look."""
    path = os.path.join(harness.scratch(), "heapwatch")
    shutil.copy(harness.heapwatch(), path)
    os.chmod(path, 0o755)
    return [harness.need("setpriv"), "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all", path]


@test
def test_not_root():
    f = Fixture()
    refused(1, ["root", "sudo"], "-p", f.pid, program=as_nobody())
    f.run("realloc_fail")


@test
def test_doctor_not_root():
    code, out, _ = run("doctor", program=as_nobody())
    equal(code, 1, "exit code")
    check("sudo" in out, "doctor says nothing of sudo:\n" + out)


@test
def test_names_are_not_obeyed():
    """A process may call itself what it likes; our terminal does nothing of it."""
    d = os.path.join(harness.scratch(), "exe\x1b[2J\n")
    os.mkdir(d)
    program = os.path.join(d, "\x1b]0;evil\a\n(7)")
    shutil.copy(os.path.join(harness.BUILD, "fixtures", "churn"), program)
    p = harness.start([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    equal(p.stdout.readline(), b"ready\n", "the fixture's first line")
    for args in (["-p", p.pid, "--once", "--duration", "50ms", "-v"], ["explain", "-p", p.pid],
                 ["-p", p.pid, "--once", "--duration", "50ms", "--json"]):
        code, out, err = run(*args)
        equal(code, 0, "exit code of %s (%s)" % (args, err))
        for said in [out, *err]:
            bad = [c for c in said if ord(c) < 32 and c != "\n"]
            equal(bad, [], "control characters in what %s says, %r," % (args, said))
        if "--json" in args:
            equal(json.loads(out)["processes"][0]["comm"], "?]0;evil??(7)", "comm")


@test
def test_install():
    d = harness.scratch()
    r = subprocess.run([harness.need("make"), "-s", "install", "BUILD=" + harness.BUILD,
                        "DESTDIR=" + d, "PREFIX=/opt/hw"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True,
                       cwd=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    equal(r.returncode, 0, "exit code of make install (%s)" % r.stdout)
    code, out, err = run("--version", program=[os.path.join(d, "opt/hw/bin/heapwatch")])
    equal((code, err), (0, []), "exit code and complaints of what was installed")
    check(out.startswith("heapwatch "), "it prints %r" % out)


@test
def test_full_disk():
    f = Fixture()
    with open("/dev/full", "w") as full:
        for options in ([], ["--json"]):
            code, _, err = run("-p", f.pid, "--interval", "50ms", *options, stdout=full)
            equal(code, 1, "exit code on a full disk with %s (%s)" % (options, err))
            check("cannot write the report" in err[-1], "it says %s" % err)
    f.run("realloc_fail")


@test
def test_reader_gone():
    f = Fixture()
    reading, writing = os.pipe()
    os.close(reading)
    code, _, err = run("-p", f.pid, "--interval", "50ms", "--json", stdout=writing)
    os.close(writing)
    equal(code, 1, "exit code with no reader (%s)" % err)
    check("cannot write the report" in err[-1], "it says %s" % err)
    f.run("realloc_fail")


if __name__ == "__main__":
    harness.main(TESTS)
