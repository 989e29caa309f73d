#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_vm.py [--whole]: heapwatch on kernels that have what this machine's has not, and lack what
it has; and on broken ones.  Each kernel is booted with this machine's files (boot.py).

The fast part asks doctor, counts exactly with each kind of probe, and breaks things; the whole runs
all tests with real probes on each kernel."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../bpf")]
sys.dont_write_bytecode = True
import boot  # noqa: E402
import harness  # noqa: E402
from harness import check, equal, skip  # noqa: E402

SECCOMP = "under a seccomp filter"
FAULTS = "perf event of faults"
# What doctor has to say.  6.1: the last without uprobe_multi in Debian; 6.12: sessions came with
# 6.13.  The first that works is used.
KERNELS = {
    "cloud-amd64": ("6.1", {"session": "no: Invalid argument",
                            "uprobe_multi": "no: Invalid argument", "perf_event": "yes",
                            SECCOMP: "yes", "fentry": "yes", "kprobe": "yes",
                            "tracepoint": "yes", FAULTS: "yes"}),
    "6.12-cloud-amd64": ("6.12", {"session": "no: Invalid argument", "uprobe_multi": "yes",
                                  "perf_event": "yes", SECCOMP: "yes", "fentry": "yes",
                                  "kprobe": "yes", "tracepoint": "yes", FAULTS: "yes"}),
}
CORE = ("test_family,test_cross[,test_realloc_fail,test_threads,test_exec,test_maps,test_nested,"
        "test_brk")
# Scripts of tests/bpf that are not run there, and why; of all others each test is.
DENIED = {
    "test_contrib": "systemd, dpkg and man are asked, of the machine and not of its kernel",
    "test_export_tools": "prometheus and others look at the page: nothing of it is the kernel's",
}
PART = "==== "
TESTS = {}
said = {}

# Faults last: they stay.  With ftrace off, fentry and kprobes attach and see nothing.
FAST = """
hw=%(build)s/heapwatch
part() { echo; echo "==== $1"; }
%(how)s
part doctor; $hw doctor; echo exit $?
part core; %(python)s tests/bpf/test_watch.py --build %(build)s --only '%(core)s'
part arenas; %(python)s tests/bpf/test_arenas.py --build %(build)s --only 'test_held['
part large; %(python)s tests/bpf/test_large.py --build %(build)s --only test_large
part ftrace; echo 0 >/proc/sys/kernel/ftrace_enabled; $hw doctor
sleep 60 & pid=$!
part watch; $hw -p $pid --once --duration 300ms; echo exit $?
part btf; mount -t tmpfs none /sys/kernel/btf; $hw doctor; echo exit $?
part nobtf; $hw -p $pid; echo exit $?
"""


def emulated(kernel):
    try:
        return boot.machine_of(kernel).accelerator != "kvm"
    except boot.Missing as e:
        skip(str(e))


def how(kernel):
    """What the tests are told of the machine that they run in."""
    return "export HEAPWATCH_TIMEOUT=600" + (" HEAPWATCH_EMULATED=1" if emulated(kernel) else "")


def run(kernel, command, append=""):
    """Output of a command in a machine, which must end well."""
    try:
        code, out = boot.run(kernel, command, append, timeout=3000)
    except boot.Missing as e:
        skip(str(e))
    check(code >= 0, "the machine ended:\n" + out)
    return code, out


def part(kernel, name):
    """What that part of FAST printed; one boot is all of it."""
    if kernel not in said:
        said[kernel] = run(kernel, FAST % {"build": harness.BUILD, "core": CORE,
                                           "how": how(kernel), "python": sys.executable})[1]
    parts = dict(p.split("\n", 1) for p in said[kernel].split(PART)[1:])
    check(name in parts, "no part %s in:\n%s" % (name, said[kernel]))
    return parts[name]


def answers(doctor):
    return dict(re.findall(r"^  ([a-z_]+(?: [a-z]+)*) +((?:yes|no).*)$", doctor, re.M))


def test_doctor(kernel):
    version, want = KERNELS[kernel]
    doctor = part(kernel, "doctor")
    check(doctor.startswith("Linux %s." % version), "it is not %s: %s" % (version, doctor[:40]))
    check("exit 0" in doctor, doctor)
    equal({k: v for k, v in answers(doctor).items() if k in want}, want, "doctor's answers")


def test_core(kernel):
    """Exact counts, with every kind of probe that this kernel has."""
    out = part(kernel, "core")
    sums = harness.TALLY.findall(out)
    check(sums and sums[-1][1] == "0", out)
    kinds = [k for k, name in harness.KINDS.items() if KERNELS[kernel][1][name] == "yes"]
    for kind in [*kinds, "fentry", "kprobe", "tracepoint"]:
        check("ok test_maps[%s]" % kind in out, "nothing was counted with %s:\n%s" % (kind, out))


def test_arenas(kernel):
    """Callsites of threads' heaps without a probe on malloc, with every kind of kernel-side probe."""
    out = part(kernel, "arenas")
    for kind in ("fentry", "kprobe", "tracepoint"):
        check("ok test_held[%s]" % kind in out, "nothing was told with %s:\n%s" % (kind, out))
    check(harness.TALLY.findall(out) == [("3", "0", "0")], out)


def test_large(kernel):
    """Places behind the thread cache, with every kind of probe that this kernel has."""
    out = part(kernel, "large")
    sums = harness.TALLY.findall(out)
    check(sums and sums[-1][1] == "0", out)
    if "ok test_large" not in out:
        skip("level large was not kept here: " + " ".join(out.split()))


def test_ftrace_off(kernel):
    """A probe that attaches and sees nothing does not work; the next kind is taken."""
    a = answers(part(kernel, "ftrace"))
    dead = "no: attaches, but sees nothing"
    equal((a["fentry"], a["kprobe"], a["tracepoint"]), (dead, dead, "yes"), "doctor's answers")
    out = part(kernel, "watch")
    check("mappings by tracepoint" in out and "exit 0" in out, out)


def test_no_btf(kernel):
    out = part(kernel, "btf")
    check(re.search(r"kernel types \(BTF\) +no\n +-> a kernel with CONFIG_DEBUG_INFO_BTF", out) and
          "exit 1" in out, out)
    out = part(kernel, "nobtf")
    check("this kernel has no BTF" in out and "exit 1" in out, out)


def test_lockdown(kernel):
    """lockdown=confidentiality: nothing may read memory, so nothing can be watched."""
    hw = os.path.join(harness.BUILD, "heapwatch")
    _, out = run(kernel, "%s doctor; echo exit $?; %s -p 1; echo exit $?" % (hw, hw),
                 "lockdown=confidentiality")
    equal(out.count("exit 1"), 2, "failures of doctor and -p (%s)" % out)
    check("lockdown" in out, "lockdown is not named:\n" + out)


def here_doctor():
    """The third kernel is this machine's: what it can do is what its symbols say."""
    with open("/proc/kallsyms") as f:
        symbols = set(re.findall(r" [tT] (\w+)$", f.read(), re.M))
    said = subprocess.run([harness.heapwatch(), "doctor"], stdout=subprocess.PIPE, text=True)
    a = {name: text.startswith("yes") for name, text in answers(said.stdout).items()}
    equal(a["perf_event"], "perf_uprobe_init" in symbols, "perf_event")
    equal(a[FAULTS], "perf_swevent_init" in symbols, FAULTS)
    if "__x64_sys_uretprobe" not in symbols:
        equal(a[SECCOMP], True, "return probes that make no system call")
    equal(a["uprobe_multi"], "bpf_uprobe_multi_link_attach" in symbols, "uprobe_multi")
    equal(a["session"], "uprobe_multi_link_handler_ret" in symbols or
          "bpf_session_is_return" in symbols, "session")
    if "register_kprobe" not in symbols:
        equal(a["kprobe"], False, "kprobe, with no register_kprobe")
    if "register_ftrace_direct" not in symbols:
        equal(a["fentry"], False, "fentry, with no register_ftrace_direct")
    check(a["kprobe"] or a["fentry"] or a["tracepoint"], "no kind of kernel-side probe works")


def here_cache():
    """What is kept from run to run is unpacked packages, by version and hash; what another version
    of boot.py would boot with them is never taken for what this one does."""
    kernel = min(KERNELS)
    try:
        machine = boot.machine_of(kernel)
    except boot.Missing as e:
        skip(str(e))
    name = os.path.basename(machine.root)
    check(re.fullmatch(r"linux-image-\S+_\S+_amd64-[0-9a-f]{12}", name), "the folder is " + name)
    ours = boot.INIT
    try:
        boot.INIT = ours + "# another version\n"
        theirs = machine.initramfs(boot.scripts("true", ""))
    finally:
        boot.INIT = ours
    here = machine.initramfs(boot.scripts("true", ""))
    mark = b"# another version"
    equal([mark in theirs, mark in here], [True, False], "whose init it is")


def scripts():
    """Those of tests/bpf: a new one is run, until somebody says why not."""
    found = sorted(n[:-3] for n in os.listdir(os.path.join(HERE, "../bpf"))
                   if n.startswith("test_") and n.endswith(".py"))
    gone = set(DENIED) - set(found)
    check(not gone, "reasons for what is not there: %s" % gone)
    return found


def whole(kernel, script):
    if script in DENIED:
        skip(DENIED[script])
    code, out = run(kernel, "%s\n%s tests/bpf/%s.py --build %s" % (
        how(kernel), sys.executable, script, harness.BUILD))
    sums = harness.TALLY.findall(out)
    check(sums and sums[-1][1] == "0" and not code, out)
    # What it skips of itself is no secret.
    for name, why in re.findall(r"^skip (\S+): (.+)$", out, re.M):
        print("     %s does not run %s: %s" % (script, name, why), flush=True)
    if sums[-1][0] == "0":
        skip("; ".join(sorted(set(re.findall(r"^skip [^:]+: (.+)$", out, re.M)))))


def collect(everything):
    TESTS["test_doctor[this machine]"] = here_doctor
    TESTS["test_cache[this machine]"] = here_cache
    for kernel, (version, _) in KERNELS.items():
        for fn in (test_doctor, test_core, test_arenas, test_large, test_ftrace_off, test_no_btf,
                   test_lockdown):
            TESTS["%s[%s]" % (fn.__name__, version)] = lambda fn=fn, k=kernel: fn(k)
        # Named by their files: a part here may have the same name.
        for script in scripts() if everything else ():
            TESTS["%s.py[%s]" % (script, version)] = lambda s=script, k=kernel: whole(k, s)


if __name__ == "__main__":
    collect("--whole" in sys.argv)
    sys.argv = [a for a in sys.argv if a != "--whole"]
    os.chdir(os.path.join(HERE, "../.."))
    harness.main(TESTS)
