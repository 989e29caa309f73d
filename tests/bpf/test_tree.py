#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_tree.py: a command's whole tree, from its first instruction."""
import collections
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, check, children_of, equal, heapwatch, skip  # noqa: E402

TESTS = {}
SIZES = {"site_parent": 101, "site_child": 103, "site_leaf": 107, "site_thread": 109,
         "site_daemon": 113, "site_last": 127}
# What each process of the family holds at its end: blocks by site; and its exit code.
FAMILY = collections.Counter({
    (("site_parent", 211), ("site_thread", 31)): 1,                       # the first
    (("site_child", 67), ("site_parent", 170)): 1,                        # by fork
    (("site_child", 67), ("site_parent", 170), ("site_thread", 31)): 1,   # by fork in a thread
    (("site_leaf", 83),): 2,                                              # by vfork, by spawn
    (("site_parent", 211),): 1,                                           # the daemon's parent
    (("site_daemon", 53), ("site_parent", 211)): 1,                       # the daemon
    (("site_last", 61),): 1,                                              # after two execs
})
CODES = collections.Counter({7: 1, 3: 2, 5: 2, 0: 3})


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def family():
    return os.path.join(harness.BUILD, "fixtures", "family")


def launch(command, *options, **more):
    """heapwatch -- COMMAND; exit code and what it wrote to -o."""
    out = os.path.join(harness.scratch(), "report")
    cmd = [heapwatch(), "--exact", "--json", "-o", out, *options, "--", *command]
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, **more)
    with open(out) as f:
        text = f.read()
    return r, json.loads(text.splitlines()[-1]) if text else None


def held(process):
    """Blocks by site; their bytes are checked on the way."""
    blocks = collections.Counter()
    for s in process["sites"]:
        name = s["frames"][0]["function"] if s["frames"] else None
        if s["kind"] == "heap" and name in SIZES:
            equal(s["bytes"], s["blocks"] * SIZES[name], "bytes of " + name)
            blocks[name] += s["blocks"]
    return tuple(sorted(blocks.items()))


def exactly_the_family(report):
    processes = report["processes"]
    got = collections.Counter(held(p) for p in processes)
    check(got == FAMILY, "the tree holds %s; missing %s, too many %s" % (
        dict(got), dict(FAMILY - got), dict(got - FAMILY)))
    equal(collections.Counter(p["exit_code"] for p in processes), CODES, "exit codes")
    for p in processes:
        equal((p["mode"], p["lost_events"], p["exited"]), ("exact", 0, True),
              "mode, lost_events and exited of %d" % p["pid"])
    first = processes[0]
    equal((first["seen_from"], first["ppid"]), ("start", 0), "seen_from and ppid of the first")
    equal({p["seen_from"] for p in processes[1:]}, {"fork"}, "seen_from of the others")
    equal(sum(p["ppid"] == first["pid"] for p in processes), 6, "children of the first")


@test
def test_family():
    r, report = launch([family(), "all"])
    equal(r.returncode, 7, "exit code")
    exactly_the_family(report)


# Without a C library: exits with 9, or is another program from then on.
PROGRAM_32_BIT = """
__asm__(".globl _start\\n_start: mov %esp, %eax\\n push %eax\\n call begin");

static long call(long n, long a, const void *b, const void *c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

void begin(long *stack)
{
	char **argv = (char **)(stack + 1);

	if (*stack > 1)
		call(11, (long)argv[1], argv + 1, stack + *stack + 2);
	call(1, 9, 0, 0);
}
"""


@test
def test_32_bit_child():
    """It is told that it is not seen; what it starts, and all others, are seen as ever."""
    if os.uname().machine != "x86_64":
        skip("this machine's 32-bit programs need another compiler")
    path = os.path.join(harness.scratch(), "small")
    r = subprocess.run([harness.need("gcc"), "-m32", "-O1", "-xc", "-", "-static", "-nostdlib",
                        "-ffreestanding", "-fno-pie", "-no-pie", "-fno-stack-protector", "-o",
                        path], input=PROGRAM_32_BIT, stderr=subprocess.PIPE, text=True, check=False)
    if r.returncode:
        skip("gcc makes no 32-bit program here: " + r.stderr.strip().split("\n")[-1])
    script = "for i in 1 2 3; do %s || echo $?; done; %s %s all; exit 5" % (path, path, family())
    r, report = launch(["sh", "-c", script])
    equal((r.returncode, r.stdout), (5, "9\n9\n9\n"), "exit code and output of the command")
    never = [p for p in report["processes"] if p["seen_from"] == "never"]
    for p in never:
        equal((p["comm"], p["exit_code"], p["mode"], p["user_probes"], p["kernel_probes"]),
              ("small", 9, "passive", "none", "none"), "what is told of it")
        equal((p["sites"], p["outstanding_bytes"], p["mapped_bytes"]), ([], 0, 0), "what it holds")
    equal(len(never), 3, "processes that are not seen")
    said = [l for l in r.stderr.splitlines() if "32-bit" in l]
    equal(len(said), 1, "lines on stderr (%s)" % r.stderr)
    check("(small) is a 32-bit program" in said[0], "it says %s" % said)
    others = [p for p in report["processes"] if p["seen_from"] != "never"]
    equal((others[0]["comm"], others[0]["mode"], len(others)), ("sh", "exact", 9), "the others")
    got = collections.Counter(held(p) for p in others[1:])
    check(got == FAMILY, "what the 32-bit program became holds %s" % dict(got))
    text = subprocess.run([heapwatch(), "--exact", "--", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, check=False)
    equal(text.returncode, 9, "exit code")
    check("a 32-bit program: nothing that it allocates or maps is seen" in text.stdout, text.stdout)


@test
def test_family_many_times():
    for i in range(20):
        r, report = launch([family(), "all"])
        equal(r.returncode, 7, "exit code of run %d" % i)
        exactly_the_family(report)


@test
def test_nobody_else_pays():
    """A program outside of the tree maps the original: no breakpoint in it, not one event."""
    f = Fixture()
    p = harness.start([heapwatch(), "--exact", "--json", "-o", os.path.join(harness.scratch(), "r"), "--",
                       "sleep", "60"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    err = harness.Lines(p.stderr)
    while "watching" not in (err.next("line 'watching'") or "the end"):
        pass
    equal(harness.traps(f.pid, "libc.so.6"), 0, "breakpoints in a libc outside of the tree")
    child = children_of(p.pid)[0]
    check(harness.traps(child, "libc.so.6") > 0, "no breakpoint in the tree's libc")
    check(mapped(child, "libc.so.6") != mapped(f.pid, "libc.so.6"), "the tree has the same libc")
    p.kill()
    p.wait()
    # The copy is still mapped; nothing of it is left but that, once what was on its way when the
    # kill came is done.
    limit = time.monotonic() + 20
    while harness.traps(child, "libc.so.6") and time.monotonic() < limit:
        time.sleep(0.05)
    equal(harness.traps(child, "libc.so.6"), 0, "breakpoints after kill -9 of heapwatch")
    with open("/proc/self/mounts") as m:
        check("heapwatch" not in m.read(), "a mount outside of the tree")
    os.kill(child, signal.SIGTERM)


def mapped(pid, base):
    with open("/proc/%d/maps" % pid) as maps:
        return {tuple(l.split()[3:5]) for l in maps if l.rstrip().endswith("/" + base)}


@test
def test_exit_codes():
    for command, code in ((["true"], 0), (["sh", "-c", "exit 41"], 41),
                          (["sh", "-c", "kill -9 $$"], 137)):
        equal(launch(command)[0].returncode, code, "exit code of %s" % command)


@test
def test_no_such_command():
    for command, word in ((["/nonexistent/x"], "No such file"), (["/etc/passwd"], "denied")):
        r = launch(command)[0]
        equal(r.returncode, 1, "exit code of %s" % command)
        check(word in r.stderr, "stderr of %s: %s" % (command, r.stderr))
    r = subprocess.run([heapwatch(), "ls"], stderr=subprocess.PIPE, text=True)
    equal(r.returncode, 2, "exit code of heapwatch ls")
    check("heapwatch -- ls" in r.stderr, "no remedy: " + r.stderr)


@test
def test_environment():
    """The command has the terminal's streams, the folder, the arguments and variables as given."""
    folder = harness.scratch()
    r, _ = launch(["sh", "-c", 'pwd; echo "$X $1 $2"; cat; echo oops >&2', "sh", "a b", "--json"],
                  cwd=folder, env=dict(os.environ, X="y z"))
    equal(r.stdout, "%s\ny z a b --json\n" % folder, "what the command printed")
    check("oops\n" in r.stderr, "its stderr")


@test
def test_as_caller():
    env = dict(os.environ, SUDO_UID="65534", SUDO_GID="65534", SUDO_USER="nobody")
    os.chmod(harness.scratch(), 0o777)
    r, report = launch(["sh", "-c", "id -u; id -g; echo $HOME$SUDO_UID"], env=env)
    equal(r.stdout.split()[:2], ["65534", "65534"], "uid and gid of the command")
    check(r.stdout.split()[2].startswith("/nonexistent"), "HOME of the command: " + r.stdout)
    equal(report["processes"][0]["mode"], "exact", "mode")
    r, _ = launch(["id", "-u"], "--as-root", env=env)
    equal(r.stdout, "0\n", "uid with --as-root")


@test
def test_signals():
    """What is asked of heapwatch is asked of the command; a second time it is heapwatch that ends."""
    out = os.path.join(harness.scratch(), "r")
    p = harness.start([heapwatch(), "--exact", "--json", "-o", out, "--", "sh", "-c",
                       "trap 'exit 43' TERM; echo up; while :; do sleep 0.05; done"],
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    harness.Lines(p.stdout).next("up")
    p.send_signal(signal.SIGTERM)
    equal(p.wait(harness.TIMEOUT), 43, "exit code of a command that ends on SIGTERM")
    with open(out) as f:
        equal(json.loads(f.read())["processes"][0]["exit_code"], 43, "exit_code in the report")


@test
def test_peak():
    """Two children hold 40 MB each at once, later one 50 MB, and is over at once, so that only the
    kernel knows: the peak is that of the two."""
    hold = "b = b'x' * (%d << 20); import time; time.sleep(%s)"
    py = "/usr/bin/python3"
    script = "%s -c \"%s\" & %s -c \"%s\"; wait; %s -c \"%s\"" % (
        py, hold % (40, "2.5"), py, hold % (40, "2.5"), py, hold % (50, "0"))
    _, report = launch(["sh", "-c", script])
    peak = report["tree"]["peak"]
    check(80 << 20 <= peak["private_bytes"] < 110 << 20, "the peak is %d" % peak["private_bytes"])
    check(80 << 20 <= peak["pss_bytes"] < 120 << 20, "its PSS is %s" % peak["pss_bytes"])
    two = [p for p in peak["processes"] if p["private_bytes"] >= 40 << 20]
    equal(len(two), 2, "processes of over 40 MiB at the peak")
    third = [p for p in report["processes"] if p["peak_rss_bytes"] >= 50 << 20]
    equal(len(third), 1, "processes whose own peak is over 50 MiB")
    ended = {p["pid"]: p["ended_seconds"] for p in report["processes"]}
    check(all(peak["seconds"] <= ended[p["pid"]] for p in two), "the peak is after their end")


@test
def test_many_ended():
    """Those that held least at their end are sums; together nothing is missing."""
    n, leaf = 113, (("site_leaf", 83),)
    script = "for i in %s; do %s leaf; done; %s last" % (" 1" * n, family(), family())
    seen = {}
    # The first is one of them, and is kept whatever it holds.
    for options, kept in (((), 99), (("--detail", "7"), 6), (("--detail", "0"), n + 1)):
        _, report = launch(["sh", "-c", script], *options)
        tree, ended = report["tree"], report["processes"][1:]
        equal((len(ended), tree["ended"], tree["forgotten"]), (kept, kept + 1, n + 1 - kept),
              "processes, ended and forgotten with %s" % (options,))
        blocks = [p["outstanding_blocks"] for p in ended]
        seen[kept] = (sum(blocks) + tree["forgotten_outstanding_blocks"],
                      sum(p["outstanding_bytes"] for p in ended) +
                      tree["forgotten_outstanding_bytes"])
        # 61 blocks of 127 bytes are less than 83 of 107.
        equal(collections.Counter(held(p) for p in ended)[leaf], min(kept, n), "leaves kept")
        equal((tree["forgotten_lost_events"], {p["lost_events"] for p in ended}), (0, {0}), "lost")
    equal(len(set(seen.values())), 1, "sums: %s" % seen)
    check(seen[6][0] >= 83 * n + 61, "blocks in all: %s" % seen)


@test
def test_cgroup():
    with open("/proc/self/mounts") as f:
        roots = [l.split()[1] for l in f if l.split()[2] == "cgroup2"]
    if not roots:
        harness.skip("no cgroup2 file system is mounted")
    group = "%s/hw-test-%d" % (roots[0], os.getpid())
    try:
        os.mkdir(group)
    except OSError as e:
        harness.skip("no control group can be made: %s" % e)
    try:
        one = harness.start(["sleep", "30"])
        with open(group + "/cgroup.procs", "w") as f:
            f.write(str(one.pid))
        r = subprocess.run([heapwatch(), "--exact", "--json", "--once", "--duration", "300ms", "--cgroup",
                            os.path.basename(group)], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
        equal([p["pid"] for p in json.loads(r.stdout)["processes"]], [one.pid], "pids")
        r = subprocess.run([heapwatch(), "--cgroup", "no/such"], stderr=subprocess.PIPE, text=True)
        equal(r.returncode, 1, "exit code for a group that is not there")
        check("no control group" in r.stderr, r.stderr)
        harness.kill(one)
    finally:
        os.rmdir(group)


@test
def test_pid_namespace():
    """Processes in a pid namespace of their own, started by the command."""
    r, report = launch(["unshare", "--pid", "--fork", family(), "all"])
    equal(r.returncode, 7, "exit code")
    got = collections.Counter(held(p) for p in report["processes"])
    check(not FAMILY - got, "missing: %s" % dict(FAMILY - got))


@test
def test_no_namespace():
    """Where no mount namespace can be had it says so, and the first process is exact."""
    drop = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    r = subprocess.run(drop + ["true"], stderr=subprocess.PIPE)
    if r.returncode:
        harness.skip("setpriv: " + r.stderr.decode())
    out = os.path.join(harness.scratch(), "r")
    r = subprocess.run([*drop, heapwatch(), "--exact", "--json", "-o", out, "--", family(), "leaf"],
                       stderr=subprocess.PIPE, text=True)
    if any(words in r.stderr for words in ("BPF", "root", "no uprobe of any kind")):
        harness.skip("without CAP_SYS_ADMIN nothing can be watched here: " + r.stderr.strip())
    equal(r.returncode, 5, "exit code: " + r.stderr)
    check("no mount namespace" in r.stderr, r.stderr)
    with open(out) as f:
        p = json.loads(f.read())["processes"][0]
    equal(held(p), (("site_leaf", 83),), "what it holds")


if __name__ == "__main__":
    harness.main(TESTS)
