# SPDX-License-Identifier: GPL-2.0
"""kernels.py: Debian's kernels, out of their packages and never installed.

What is kept from run to run is unpacked packages, each in a folder that is named by its version
and by the hash that Debian's index has of it.  All that we make of them is made anew, so that what
another version of these files made is never taken for ours."""
import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import tempfile
import time

CACHE = os.environ.get("HEAPWATCH_VM_CACHE", os.path.expanduser("~/.cache/heapwatch-vm"))
TOOLS = {"busybox": "busybox-static", "xz": "xz-utils"}
# Those others depend on first; one that is not found is built in.
MODULES = ("virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci "
           "virtio_console fuse virtiofs overlay").split()
DAY = 24 * 3600


class Missing(Exception):
    """Something that it needs is not here; the reason."""


def need(tools):
    """tools: program -> the package that has it."""
    wanted = [package for tool, package in tools.items() if not shutil.which(tool)]
    if wanted:
        raise Missing("not installed: apt-get install " + " ".join(wanted))


def apt(*args, **options):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if r.returncode:
        raise Missing("%s: %s" % (" ".join(args), r.stdout.strip().split("\n")[-1]))
    return r.stdout


@contextlib.contextmanager
def locked():
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@functools.cache
def foreign(architecture):
    """Options for apt to know another architecture's packages; this machine's own state stays as it
    is."""
    if not architecture:
        return []
    at = os.path.join(CACHE, "apt-" + architecture)
    for folder in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(at, folder), exist_ok=True)
    open(os.path.join(at, "status"), "a").close()
    settings = {"APT::Architecture": architecture, "APT::Architectures": architecture,
                "Dir::State::Lists": at + "/lists", "Dir::State::status": at + "/status",
                "Dir::Cache": at + "/cache"}
    options = [word for name, value in settings.items() for word in ("-o", name + "=" + value)]
    fresh = os.path.join(at, "updated")
    if not os.path.exists(fresh) or os.path.getmtime(fresh) < time.time() - DAY:
        apt("apt-get", "-qq", "-o", "APT::Sandbox::User=root", *options, "update")
        open(fresh, "w").close()
    return options


@functools.cache
def unpacked(package, architecture=None):
    """The folder with a package's files."""
    with locked():
        options = foreign(architecture)
        said = apt("apt-get", "-qq", *options, "--print-uris", "download", package)
        m = re.search(r"^'\S+' (\S+)\.deb \d+ \w+:(\w+)$", said, re.M)
        if not m:
            raise Missing("apt-get has no %s: apt-get update" % package)
        folder = os.path.join(CACHE, "%s-%s" % (m[1], m[2][:12]))
        if os.path.isdir(folder):
            return folder
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            apt("apt-get", "-qq", "-o", "APT::Sandbox::User=root", *options, "download", package,
                cwd=work)
            deb = next(n for n in os.listdir(work) if n.endswith(".deb"))
            apt("dpkg-deb", "-x", deb, "root", cwd=work)
            os.rename(os.path.join(work, "root"), folder)
        return folder


@functools.cache
def unpacked_kernel(kernel, architecture=None):
    """kernel: what follows linux-image- in its package's name, or in that of one that asks for the
    newest."""
    package = "linux-image-" + kernel
    with locked():
        said = apt("apt-cache", *foreign(architecture), "depends", package)
    m = re.search(r"^ *Depends: (linux-image-\S+)$", said, re.M)
    return unpacked(m[1] if m else package, architecture)


def program(name, package):
    """Its path: of an installed one, else out of its package, for that may not go together with
    what is installed."""
    path = shutil.which(name)
    if path:
        return path
    path = os.path.join(unpacked(package), "usr/bin", name)
    r = subprocess.run([path, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       text=True)
    if r.returncode:
        raise Missing("%s does not run (%s): apt-get install %s" % (path, r.stderr.strip(),
                                                                    package))
    return path


def image(root):
    """The kernel's file."""
    return os.path.join(root, "boot", next(n for n in os.listdir(root + "/boot")
                                           if n.startswith("vmlinuz")))


def elf_kernel(bzimage):
    """The ELF file inside, so that nothing need be unpacked under emulation
    (Documentation/arch/x86/boot.rst has the offsets)."""
    with open(bzimage, "rb") as f:
        data = f.read()
    offset, length = (int.from_bytes(data[at:at + 4], "little") for at in (0x248, 0x24c))
    payload = data[(data[0x1f1] + 1) * 512 + offset:][:length - 4]
    unpack = {b"\xfd7": "xz", b"(\xb5": "zstd", b"\x02!": "lz4"}.get(payload[:2])
    if not unpack or not shutil.which(unpack):
        raise Missing("no program for the kernel's compression (%s)" % (unpack or "unknown"))
    return subprocess.run([unpack, "-dc"], input=payload, stdout=subprocess.PIPE).stdout


def cpio(files):
    """An archive of (name, mode, content)."""
    out = b""
    for i, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")]):
        fields = (i + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        entry = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        entry += b"\0" * (-len(entry) % 4) + data
        out += entry + b"\0" * (-len(entry) % 4)
    return out


@functools.cache
def modules(root):
    """Those of MODULES that a kernel has, in that order."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            m = re.match(r"(\w[\w-]*)\.ko(\.xz)?$", name)
            if m and m[1] in MODULES:
                found[m[1]] = os.path.join(folder, name)
    return [subprocess.run([*(["xz", "-dc"] if path.endswith(".xz") else ["cat"]), path],
                           stdout=subprocess.PIPE, check=True).stdout
            for path in (found[n] for n in MODULES if n in found)]


def initramfs(root, busybox, scripts):
    """scripts: name -> text; the kernel runs init."""
    files = [(d, 0o040755, b"") for d in ("mod", "proc", "mem", "new")]
    files += [("mod/%02d" % i, 0o100644, data) for i, data in enumerate(modules(root))]
    with open(busybox, "rb") as f:
        files.append(("busybox", 0o100755, f.read()))
    files += [(name, 0o100755, text.encode()) for name, text in scripts.items()]
    return cpio(files)
