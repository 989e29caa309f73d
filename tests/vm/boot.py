# SPDX-License-Identifier: GPL-2.0
"""boot.py: run a command as root under another kernel, in a virtual machine whose files are this
machine's.

This machine's / is the guest's, over virtiofs and under an overlay, so that what the guest writes
is lost; the command's output and exit code come out through serial ports.  Emulated where KVM does
not run the kernel: times mean nothing there, counts do.

An arm64 kernel's / is a cross build's system root, and this folder is shared beside it."""
import atexit
import contextlib
import ctypes
import functools
import mmap
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time

import kernels
from kernels import Missing

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
MEMORY = "2G"
KVM_SECONDS = 20

# What the initramfs does: the share becomes /.
INIT = """#!/busybox sh
mount() { /busybox mount "$@"; }
mount -t proc proc /proc
for m in /mod/*; do /busybox insmod $m; done
mount -t tmpfs -o size=90% mem /mem
# share TAG FOLDER: what is written there is lost.
share() {
	/busybox mkdir -p /$1 /mem/$1/upper /mem/$1/work $2
	mount -t virtiofs -o ro $1 /$1
	mount -t overlay -o lowerdir=/$1,upperdir=/mem/$1/upper,workdir=/mem/$1/work overlay $2
}
share host /new
. /shares
mount --move /proc /new/proc
mount -t sysfs sys /new/sys
mount -t tracefs tracefs /new/sys/kernel/tracing
mount -t debugfs debugfs /new/sys/kernel/debug
mount -t bpf bpf /new/sys/fs/bpf
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
mount -t securityfs securityfs /new/sys/kernel/security
mount -t devtmpfs dev /new/dev
/busybox mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs shm /new/dev/shm
mount -t tmpfs run /new/run
/busybox ln -s /proc/self/fd /new/dev/fd
for n in 0:stdin 1:stdout 2:stderr; do /busybox ln -s /proc/self/fd/${n%:*} /new/dev/${n#*:}; done
/busybox cp /busybox /cmd /main /new/run
exec /busybox switch_root /new /run/busybox sh /run/main
"""

# And then.  A port can be opened once only: the command gets a pipe.
MAIN = """b=/run/busybox
$b ifconfig lo up
until [ -c /dev/vport*p2 ]; do $b usleep 20000; done
port=$(echo /dev/vport*p2); port=${port%2}
$b mkfifo /run/out
$b cat /run/out >${port}1 & out=$!
$b setsid /bin/bash /run/cmd </dev/null >/run/out 2>&1
status=$?
# End what it left running, which would hold the pipe open.
kill -9 $($b ls /proc | $b grep '^[0-9]' | $b grep -vxE "1|$out") 2>/dev/null
wait $out
echo $status >${port}2
exec $b poweroff -f
"""

# All that a kernel is asked for to see whether KVM runs it.
RUNS = "it runs"
TRIAL = "#!/busybox sh\necho %s\n/busybox poweroff -f\n" % RUNS

QEMU = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
QUIET = "quiet panic=-1 oops=panic cryptomgr.notests=1 rcupdate.rcu_expedited=1 "


@functools.cache
def tsc_khz():
    """How fast this machine's time stamp counter counts."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0f31 48c1e220 4809d0 c3"))  # rdtsc, its halves in one register
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def reading():
        """Time and counter: of some tries the one that was held up least."""
        tries = []
        for _ in range(100):
            began, ticks, ended = time.monotonic_ns(), rdtsc(), time.monotonic_ns()
            tries.append((ended - began, began, ticks))
        return min(tries)[1:]

    began, first = reading()
    time.sleep(0.2)
    ended, last = reading()
    return round((last - first) * 10**6 / (ended - began))


def clock():
    """An emulated CPU has this machine's counter.  The kernel would measure it, and be wrong by any
    factor where other programs run; or else read a clock that is no part of the CPU, dearly, for CPUs
    in one thread look as if their counters were apart."""
    return "tsc=reliable tsc_early_khz=%d " % tsc_khz()


class Machine:
    """What a kernel is booted with.  On x86-64 the ELF file inside needs no unpacking, and a CPU
    without vector extensions is emulated in two thirds of the time."""
    emulated_cpu, has_tsc = "qemu64", True
    qemu, package, architecture = "qemu-system-x86_64", "qemu-system-x86", None
    options = ["-M", "q35,smm=off,vmport=off,sata=off,smbus=off,usb=off,graphics=off,"
               "memory-backend=mem"]
    append = "console=ttyS0 no_timer_check mitigations=off "

    def __init__(self, kernel):
        self.check()
        self.root = kernels.unpacked_kernel(kernel, self.architecture)
        self.folder = tempfile.mkdtemp(prefix="heapwatch-vm-")
        atexit.register(shutil.rmtree, self.folder, True)
        self.vmlinux = os.path.join(self.folder, "vmlinux")
        with open(self.vmlinux, "wb") as f:
            f.write(self.kernel())
        self.program = self.found()
        self.accelerator = "kvm" if self.kvm_runs() else self.emulated

    # All of a guest's CPUs in one thread: qemu 7.2 with more breaks kernels that patch their own
    # code.
    emulated = "tcg,thread=single"

    def check(self):
        if os.uname().machine != "x86_64":
            raise Missing("only on x86-64")
        kernels.need(kernels.TOOLS)
        if not os.access(VIRTIOFSD, os.X_OK):
            raise Missing("not installed: apt-get install qemu-system-common")

    def found(self):
        kernels.need({self.qemu: self.package})
        return self.qemu

    def kernel(self):
        return kernels.elf_kernel(kernels.image(self.root))

    def busybox(self):
        return shutil.which("busybox")

    def initramfs(self, scripts):
        return kernels.initramfs(self.root, self.busybox(), scripts)

    def kvm_runs(self):
        """Tried, for some hosts have the device for guests alone that are made for it."""
        if not os.access("/dev/kvm", os.W_OK):
            return False
        initrd, console = (os.path.join(self.folder, n) for n in ("trial", "console"))
        with open(initrd, "wb") as f:
            f.write(self.initramfs({"init": TRIAL}))
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(self.command("kvm", initrd, console, ""), stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=KVM_SECONDS)
        with open(console, "a+") as f:
            f.seek(0)
            return RUNS in f.read()

    def command(self, accelerator, initrd, console, append):
        cpu = "max" if accelerator == "kvm" else self.emulated_cpu
        append = self.append + QUIET + append
        if self.has_tsc and accelerator != "kvm":
            append = clock() + append
        return [self.program, *QEMU, *self.options, "-cpu", cpu, "-object",
                "memory-backend-memfd,id=mem,size=%s,share=on" % MEMORY, "-m", MEMORY,
                "-accel", accelerator, "-smp", "2", "-serial", "file:" + console,
                "-kernel", self.vmlinux, "-initrd", initrd, "-append", append]


class Arm64(Machine):
    """Its packages are another architecture's than this machine's."""
    qemu, package, architecture = "qemu-system-aarch64", "qemu-system-arm", "arm64"
    # Signed return addresses, by a hash that is cheap to emulate.
    options = ["-M", "virt,gic-version=3,memory-backend=mem"]
    emulated_cpu, has_tsc = "max,pauth-impdef=on", False
    append = "console=ttyAMA0 "
    emulated = "tcg,thread=multi"

    def found(self):
        return kernels.program(self.qemu, self.package)

    def kernel(self):
        with open(kernels.image(self.root), "rb") as f:
            return f.read()

    def busybox(self):
        return os.path.join(kernels.unpacked("busybox-static", self.architecture), "bin/busybox")

    def kvm_runs(self):
        return False


@functools.cache
def machine_of(kernel):
    return (Arm64 if kernel.endswith("arm64") else Machine)(kernel)


def wait_for(path, process):
    for _ in range(1000):
        if os.path.exists(path):
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise Missing("virtiofsd does not start")


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()


def share(stack, work, tag, source):
    """Options for qemu: a folder of this machine's."""
    path = os.path.join(work, tag)
    server = subprocess.Popen([VIRTIOFSD, "--socket-path=" + path, "-o", "source=" + source, "-o",
                               "cache=always", "-o", "sandbox=chroot"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(end, server)
    wait_for(path, server)
    return ["-chardev", "socket,id=%s,path=%s" % (tag, path), "-device",
            "vhost-user-fs-pci,chardev=%s,tag=%s" % (tag, tag)]


def scripts(command, more):
    """What is run in the initramfs and after it; more: shares that the init makes."""
    script = "cd %s\n%s\n" % (shlex.quote(os.getcwd()), command)
    exports = subprocess.run(["bash", "-c", "export -p"], stdout=subprocess.PIPE, text=True).stdout
    return {"init": INIT, "main": MAIN, "cmd": exports + script, "shares": more}


def run(kernel, command, append="", timeout=600, root="/"):
    """(exit code, output) of a shell command.  -1: the machine ended before the command; the output
    is its console then."""
    machine = machine_of(kernel)
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        at = {n: os.path.join(work, n) for n in ("out", "status", "console", "initrd")}
        shares = share(stack, work, "host", root)
        more = ""
        if root != "/":
            shares += share(stack, work, "here", os.getcwd())
            more = "share here /new%s\n" % shlex.quote(os.getcwd())
        with open(at["initrd"], "wb") as f:
            f.write(machine.initramfs(scripts(command, more)))
        for name in ("out", "status", "console"):
            open(at[name], "w").close()
        ports = []
        for i, name in enumerate(("out", "status")):
            ports += ["-chardev", "file,id=%s,path=%s" % (name, at[name]), "-device",
                      "virtserialport,chardev=%s,nr=%d" % (name, i + 1)]
        guest = subprocess.Popen(
            [*machine.command(machine.accelerator, at["initrd"], at["console"], append), *shares,
             "-device", "virtio-serial-pci,max_ports=3", *ports],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(end, guest)
        watchdog = threading.Timer(timeout, guest.kill)
        # Its thread would keep us from ending, where something ends us.
        stack.callback(watchdog.cancel)
        watchdog.start()
        guest.wait()
        said = {n: open(at[n], errors="replace").read() for n in ("out", "status", "console")}
        if said["status"].strip():
            return int(said["status"]), said["out"]
        return -1, said["out"] + "\n".join(said["console"].splitlines()[-40:])
