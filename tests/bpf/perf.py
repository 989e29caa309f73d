# SPDX-License-Identifier: GPL-2.0
"""perf.py: somebody else's probes: of perf_event_open(), which need neither BPF nor tracefs."""
import ctypes
import os
import platform

# __NR_perf_event_open
NUMBER = {"x86_64": 298, "aarch64": 241}
PMU = "/sys/bus/event_source/devices/uprobe/"
libc = ctypes.CDLL(None, use_errno=True)


class Attr(ctypes.Structure):
    """struct perf_event_attr, as it was when it got config2 (include/uapi/linux/perf_event.h)."""
    _fields_ = [("type", ctypes.c_uint32), ("size", ctypes.c_uint32), ("config", ctypes.c_uint64),
                ("sample_period", ctypes.c_uint64), ("sample_type", ctypes.c_uint64),
                ("read_format", ctypes.c_uint64), ("flags", ctypes.c_uint64),
                ("wakeup", ctypes.c_uint32), ("bp_type", ctypes.c_uint32),
                ("config1", ctypes.c_uint64), ("config2", ctypes.c_uint64)]


class Probe:
    def __init__(self, fd):
        self.fd = fd

    def count(self):
        return int.from_bytes(os.read(self.fd, 8), "little")

    def __del__(self):
        os.close(self.fd)


def said(name):
    with open(PMU + name) as f:
        return f.read().strip()


def return_probe(pid, path, offset):
    """On the returns of the function at that offset of the file, in this process."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    bit = int(said("format/retprobe").split(":")[1])
    attr = Attr(type=int(said("type")), size=ctypes.sizeof(Attr), config=1 << bit,
                config1=ctypes.addressof(name), config2=offset)
    fd = libc.syscall(NUMBER[platform.machine()], ctypes.byref(attr), pid, -1, -1, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return Probe(fd)
