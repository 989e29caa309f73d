# SPDX-License-Identifier: GPL-2.0
"""lint.py: what `make check` asks of the sources.  Each check returns "" or what is wrong."""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess

MAX_LINES = 400
# What a layer may include, besides itself and include/.  app sees everything.
BELOW = {
    "base": set(),
    "wire": {"base"},
    "model": {"base", "wire"},
    "inspect": {"base", "wire", "model"},
    "symbol": {"base", "wire", "model"},
    "out": {"base", "wire", "model", "inspect", "symbol"},
    "tui": {"base", "wire", "model", "inspect", "symbol"},
    "store": {"base", "wire", "model", "inspect", "symbol"},
    "probe": {"base", "wire"},
    "unwind": {"base", "wire"},
}
# Calls that pure code must not make: it has no I/O and no clock.
IMPURE = re.compile(r"\b(open|fopen|read|write|printf|fprintf|clock_gettime|time|malloc_info)\s*\(")
WARN = ["-std=gnu11", "-D_GNU_SOURCE=", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes",
        "-Wmissing-prototypes", "-Werror"]


def c_files():
    found = []
    for pattern in ("src/**/*.[ch]", "include/**/*.h", "tests/**/*.[ch]", "vmlinux/*.h", "bpf/*"):
        found += glob.glob(pattern, recursive=True)
    return sorted(found)


def run(cmd):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return r.stdout if r.returncode else ""


def many(cmds):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return "".join(pool.map(run, cmds))


def formatting(_build):
    if not shutil.which("clang-format"):
        return "clang-format is not installed (see tests/deps.sh)"
    return run(["clang-format", "--dry-run", "-Werror", *c_files()])


def layers(_build):
    wrong = []
    for path in glob.glob("src/*/*.[ch]"):
        layer = path.split("/")[1]
        if layer != "app" and layer not in BELOW:
            wrong.append("%s: layer '%s' is not in tests/lint.py" % (path, layer))
            continue
        with open(path) as f:
            text = f.read()
        for seen in re.findall(r'^#include "([^"]+)"', text, re.M):
            other = seen.split("/")[0]
            if layer == "app" or other in ("heapwatch", layer) or "/" not in seen:
                continue
            if other not in BELOW[layer]:
                wrong.append("%s: %s may not include %s" % (path, layer, seen))
        if layer == "model" and IMPURE.search(re.sub(r"/\*.*?\*/", "", text, flags=re.S)):
            wrong.append("%s: the model does no I/O and has no clock" % path)
    return "\n".join(wrong)


def lengths(_build):
    wrong = []
    for path in c_files() + glob.glob("tests/**/*.py", recursive=True):
        with open(path) as f:
            n = sum(1 for _ in f)
        limit = 80 if path == "src/main.c" else MAX_LINES
        if n > limit:
            wrong.append("%s has %d lines, more than %d: split it by noun" % (path, n, limit))
    return "\n".join(wrong)


def flags(build):
    return ["-Iinclude", "-Isrc", "-I%s/skel" % build]


def headers(build):
    """Each header compiles alone, and twice."""
    wrong = ""
    for path in sorted(glob.glob("src/*/*.h") + glob.glob("include/heapwatch/*.h")):
        line = '#include "%s"\n' % os.path.abspath(path)
        r = subprocess.run(["gcc", *WARN, *flags(build), "-fsyntax-only", "-xc", "-"],
                           input=line + line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True)
        wrong += r.stdout if r.returncode else ""
    return wrong


def warnings(compiler):
    def fn(build):
        if not shutil.which(compiler):
            return "%s is not installed (see tests/deps.sh)" % compiler
        files = sorted(glob.glob("src/*.c") + glob.glob("src/*/*.c"))
        return many([[compiler, *WARN, *flags(build), "-c", "-o", "/dev/null", f] for f in files])
    return fn


CHECKS = [
    ("formatting", formatting),
    ("layers", layers),
    ("length of files", lengths),
    ("headers alone", headers),
    ("gcc without warnings", warnings("gcc")),
    ("clang without warnings", warnings("clang")),
]
