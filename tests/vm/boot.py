# SPDX-License-Identifier: GPL-2.0
"""boot.py: run a command as root under another kernel, in a virtual machine whose files are this
machine's.

Debian's kernels, unpacked from their packages and never installed; this machine's / is the guest's,
over virtiofs and under an overlay, so that what the guest writes is lost; the command's output and
exit code come out through serial ports.  Emulated where KVM cannot run a stock kernel: times mean
nothing there, counts do."""
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time

CACHE = os.environ.get("HEAPWATCH_VM_CACHE", os.path.expanduser("~/.cache/heapwatch-vm"))
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "xz": "xz-utils"}
# Those others depend on first; one that is not found is built in.
MODULES = ("virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci "
           "virtio_console fuse virtiofs overlay").split()
MEMORY = "2G"

# What the initramfs does: the share becomes /.
INIT = """#!/busybox sh
mount() { /busybox mount "$@"; }
mount -t proc proc /proc
for m in /mod/*; do /busybox insmod $m; done
mount -t virtiofs -o ro host /host
mount -t tmpfs -o size=90% mem /mem
/busybox mkdir /mem/upper /mem/work
mount -t overlay -o lowerdir=/host,upperdir=/mem/upper,workdir=/mem/work overlay /new
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


class Missing(Exception):
    """Something that it needs is not here; the reason."""


def tools():
    wanted = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if not os.access(VIRTIOFSD, os.X_OK):
        wanted.append("qemu-system-common")
    if wanted:
        raise Missing("not installed: " + " ".join(wanted))
    if os.uname().machine != "x86_64":
        raise Missing("only for x86-64")


def cpio(files):
    """An archive of (name, mode, content)."""
    out = b""
    for i, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")]):
        fields = (i + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        entry = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        entry += b"\0" * (-len(entry) % 4) + data
        out += entry + b"\0" * (-len(entry) % 4)
    return out


def elf_kernel(bzimage):
    """The ELF file inside, so that nothing need be unpacked under emulation
    (Documentation/arch/x86/boot.rst has the offsets)."""
    with open(bzimage, "rb") as f:
        image = f.read()
    offset, length = (int.from_bytes(image[at:at + 4], "little") for at in (0x248, 0x24c))
    payload = image[(image[0x1f1] + 1) * 512 + offset:][:length - 4]
    unpack = {b"\xfd7": "xz", b"(\xb5": "zstd", b"\x02!": "lz4"}.get(payload[:2])
    if not unpack or not shutil.which(unpack):
        raise Missing("no program for the kernel's compression")
    return subprocess.run([unpack, "-dc"], input=payload, stdout=subprocess.PIPE).stdout


def initramfs(root):
    files = [(d, 0o040755, b"") for d in ("mod", "proc", "host", "mem", "new")]
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            m = re.match(r"(\w[\w-]*)\.ko(\.xz)?$", name)
            if m and m[1] in MODULES:
                found[m[1]] = os.path.join(folder, name)
    for i, name in enumerate(n for n in MODULES if n in found):
        cmd = ["xz", "-dc"] if found[name].endswith(".xz") else ["cat"]
        data = subprocess.run([*cmd, found[name]], stdout=subprocess.PIPE).stdout
        files.append(("mod/%02d" % i, 0o100644, data))
    with open(shutil.which("busybox"), "rb") as f:
        files.append(("busybox", 0o100755, f.read()))
    files += [("init", 0o100755, INIT.encode()), ("main", 0o100755, MAIN.encode())]
    return cpio(files)


def apt(*args, **options):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if r.returncode:
        raise Missing("%s: %s" % (" ".join(args), r.stdout.strip().split("\n")[-1]))
    return r.stdout


def prepare(kernel):
    """The folder with vmlinux and initramfs of a Debian kernel: what follows linux-image- in its
    package's name."""
    tools()
    folder = os.path.join(CACHE, kernel)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = os.path.join(folder, "initramfs")
        if os.path.exists(made) and os.path.getmtime(made) > os.path.getmtime(__file__):
            return folder
        package = "linux-image-" + kernel
        m = re.search(r"^ *Depends: (linux-image-\S+)$", apt("apt-cache", "depends", package), re.M)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            apt("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
                m[1] if m else package, cwd=work)
            deb = next(n for n in os.listdir(work) if n.endswith(".deb"))
            apt("dpkg-deb", "-x", deb, "root", cwd=work)
            root = os.path.join(work, "root")
            boot = next(n for n in os.listdir(root + "/boot") if n.startswith("vmlinuz"))
            os.makedirs(folder, exist_ok=True)
            for name, data in (("vmlinux", elf_kernel(os.path.join(root, "boot", boot))),
                               ("initramfs", initramfs(root))):
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(data)
    return folder


def accelerator():
    """A host with KVM but neither vmx nor svm runs only guests made for it.  Emulated, one thread
    is all the guest's CPUs: qemu 7.2 with more breaks kernels that patch their own code."""
    with open("/proc/cpuinfo") as f:
        capable = re.search(r"\b(vmx|svm)\b", f.read())
    return "kvm" if capable and os.access("/dev/kvm", os.W_OK) else "tcg,thread=single"


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


def run(kernel, command, append="", timeout=600):
    """(exit code, output) of a shell command.  -1: the machine ended before the command; the output
    is its console then."""
    folder = prepare(kernel)
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        at = {n: os.path.join(work, n) for n in ("fs", "out", "status", "console", "initrd")}
        script = "cd %s\n%s\n" % (shlex.quote(os.getcwd()), command)
        exports = subprocess.run(["bash", "-c", "export -p"], stdout=subprocess.PIPE).stdout
        with open(os.path.join(folder, "initramfs"), "rb") as f, open(at["initrd"], "wb") as to:
            to.write(f.read() + cpio([("cmd", 0o100644, exports + script.encode())]))
        for name in ("out", "status", "console"):
            open(at[name], "w").close()
        share = subprocess.Popen([VIRTIOFSD, "--socket-path=" + at["fs"], "-o", "source=/", "-o",
                                  "cache=always", "-o", "sandbox=chroot"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(end, share)
        wait_for(at["fs"], share)
        ports = []
        for i, name in enumerate(("out", "status")):
            ports += ["-chardev", "file,id=%s,path=%s" % (name, at[name]), "-device",
                      "virtserialport,chardev=%s,nr=%d" % (name, i + 1)]
        machine = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
             "-no-reboot", "-M", "q35,smm=off,vmport=off,sata=off,smbus=off,usb=off,graphics=off,"
             "memory-backend=mem", "-object",
             "memory-backend-memfd,id=mem,size=%s,share=on" % MEMORY, "-m", MEMORY, "-accel",
             accelerator(), "-cpu", "max", "-smp", "2", "-chardev",
             "socket,id=fs,path=" + at["fs"], "-device", "vhost-user-fs-pci,chardev=fs,tag=host",
             "-device", "virtio-serial-pci,max_ports=3", *ports, "-serial",
             "file:" + at["console"], "-kernel", os.path.join(folder, "vmlinux"), "-initrd",
             at["initrd"], "-append", "console=ttyS0 quiet panic=-1 oops=panic no_timer_check "
             "mitigations=off cryptomgr.notests=1 rcupdate.rcu_expedited=1 " + append],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(end, machine)
        watchdog = threading.Timer(timeout, machine.kill)
        watchdog.start()
        machine.wait()
        watchdog.cancel()
        said = {n: open(at[n], errors="replace").read() for n in ("out", "status", "console")}
        if said["status"].strip():
            return int(said["status"]), said["out"]
        return -1, said["out"] + "\n".join(said["console"].splitlines()[-40:])
