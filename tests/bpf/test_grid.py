#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_grid.py: every allocator, by every way into a program, from every language.

README.md has the table of what is watched; this runs each of its cells: a program of
tests/fixtures/grid, built as the cell says, keeps prime numbers of blocks of prime sizes, and every
callsite must have them exactly.  --programs: build them, run none."""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal, skip  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SOURCES = os.path.join(ROOT, "tests/fixtures/grid")
LIBS = "/usr/lib/%s-linux-gnu" % os.uname().machine
HEAD = "| allocator |"
COLUMNS = ["preloaded", "linked", "static", "own names", "by dlopen, after the attach"]
TESTS = {}

# What a row needs: shared and static library, what the static one needs, the prefix of its names.
# Every jemalloc function is renamed for "own names", as a program does that has its own copy.
ALLOCATORS = {
    "glibc 2.36": {},
    "musl 1.2.3": {"cc": "musl-gcc"},
    "jemalloc 5.3": {"so": "libjemalloc.so.2", "a": "libjemalloc.a", "prefix": "je_",
                     "symbols": "", "defines": ["-DEXTENDED"]},
    "tcmalloc 2.10": {"so": "libtcmalloc.so.4", "a": "libtcmalloc.a", "prefix": "tc_",
                      "needs": ["-lunwind", "-llzma"], "defines": ["-DALIGNED_MISSING"]},
    "tcmalloc_minimal 2.10": {"so": "libtcmalloc_minimal.so.4", "a": "libtcmalloc_minimal.a",
                              "prefix": "tc_", "defines": ["-DALIGNED_MISSING"]},
    "mimalloc 2.0.9": {"so": "libmimalloc.so.2", "prefix": "mi_", "defines": ["-DSTRINGS"]},
    "a Rust program's own": {"cfg": "mapped"},
    "a Rust program's, around malloc": {"cfg": "wrapped"},
}
JEMALLOC_NAMES = ("malloc calloc realloc posix_memalign aligned_alloc memalign valloc free mallocx "
                  "rallocx xallocx sallocx dallocx sdallocx nallocx malloc_usable_size mallctl "
                  "mallctlnametomib mallctlbymib malloc_stats_print malloc_conf malloc_message")
C_FLAGS = ["-O1", "-g", "-Wall", "-Wextra", "-fno-builtin", "-fno-omit-frame-pointer",
           "-fno-optimize-sibling-calls"]


def library(a, kind):
    path = os.path.join(LIBS, a[kind])
    return path if os.path.exists(path) else skip("%s is not installed" % path)


def renamed(a, out):
    """The command for a copy of the static library with prefixed names."""
    args = []
    for name in JEMALLOC_NAMES.split():
        args += ["--redefine-sym", "%s=%s%s" % (name, a["prefix"], name)]
    # Its operators call free by the old name: they are the C library's business here.
    strip = ["--wildcard", "--weaken-symbol=_Z*"]
    return [harness.need("objcopy"), *args, *strip, library(a, "a"), out]


def c_commands(a, column, cpp, out):
    cc = harness.need(a.get("cc", "g++" if cpp else "gcc"))
    source = os.path.join(SOURCES, "grid.cc" if cpp else "grid.c")
    cmd = [cc, "-std=gnu++17" if cpp else "-std=gnu11", "-D_GNU_SOURCE=", *C_FLAGS, source, "-o",
           out]
    first, defines = [], a.get("defines", [])
    if column == "static":
        static = [library(a, "a")] if "a" in a else []
        cmd += ["-static", *static, *(["-lstdc++", *a.get("needs", []), "-lm", "-lpthread"]
                                      if static else [])]
    elif column == "linked" and "so" in a:
        cmd += ["-Wl,--no-as-needed", library(a, "so")]
    elif column == "own names":
        cmd += ["-DALLOCATOR=" + a["prefix"], *defines]
        if a["prefix"] == "je_":
            first = [renamed(a, out + ".a")]
            cmd += [out + ".a", "-lstdc++", "-lm"]
        else:
            cmd += ["-Wl,--no-as-needed", library(a, "so")]
    elif column == COLUMNS[4]:
        cmd += ["-DALLOCATOR=" + a["prefix"], "-DDLOPENED=\"%s\"" % library(a, "so"),
                "-DSYMBOLS=" + a.get("symbols", a["prefix"]), *defines]
    return [*first, cmd]


def rust_commands(a, column, out):
    cmd = [harness.need("rustc"), "--edition", "2021", "-g", "-C", "opt-level=1",
           os.path.join(SOURCES, "grid.rs"), "-o", out]
    if column == "static":
        cmd += ["-C", "target-feature=+crt-static"]
        if "a" in a:
            library(a, "a")
            cmd += ["-C", "relocation-model=static"]
            stdcpp = subprocess.run(["g++", "-print-file-name=libstdc++.a"], text=True,
                                    stdout=subprocess.PIPE).stdout.strip()
            cmd += ["-L", "native=" + LIBS, "-L", "native=" + os.path.dirname(stdcpp),
                    "-l", "static:+whole-archive=" + a["a"][3:-2]]
            for lib in ["-lstdc++", *a.get("needs", [])]:
                cmd += ["-l", "static=" + lib[2:]]
    elif column == "linked" and "so" in a:
        cmd += ["-C", "link-arg=-Wl,--no-as-needed", "-C", "link-arg=" + library(a, "so")]
    if "cfg" in a:
        cmd += ["--cfg", a["cfg"], "-C", "lto=off", "-C", "codegen-units=16"]
    return [cmd]


def made_of(a, commands):
    """A name for what these commands make: another one as soon as anything in it is another."""
    text = hashlib.sha256(repr(commands).encode())
    for path in sorted(glob.glob(SOURCES + "/*")):
        with open(path, "rb") as f:
            text.update(f.read())
    for path in (commands[-1][0], *(os.path.join(LIBS, a[k]) for k in ("so", "a") if k in a)):
        if os.path.exists(path):
            about = os.stat(path)
            text.update(b"%d %d" % (about.st_size, about.st_mtime_ns))
    return text.hexdigest()[:16]


def program(row, column, language):
    """The path of a cell's program.  It is kept: where a machine is emulated a compiler takes so long
    that the programs are made before it is booted."""
    a = ALLOCATORS[row]

    def commands(out):
        if language == "Rust":
            return rust_commands(a, column, out)
        return c_commands(a, column, language == "C++", out)

    path = os.path.join(harness.BUILD, "grid", made_of(a, commands("")))
    if os.path.exists(path):
        return path
    out = os.path.join(harness.scratch(), "grid")
    for cmd in commands(out):
        r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(not r.returncode, "%s failed:\n%s" % (" ".join(cmd), r.stdout))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(out, path + ".new")
    os.rename(path + ".new", path)
    return path


def of_site(process, name):
    """The sum of the sites with that function anywhere on the stack: languages have layers."""
    total = dict.fromkeys(harness.FIELDS, 0)
    for s in process["sites"]:
        if name in [f["function"] for f in s["frames"]]:
            for field in harness.FIELDS:
                total[field] += s[field]
    return total


def run_cell(row, column, language):
    a = ALLOCATORS[row]
    first = "rust" if "cfg" in a else re.split("[ _]", row)[0]
    env = dict(os.environ)
    if column == "preloaded":
        env["LD_PRELOAD"] = library(a, "so")
    # jemalloc's thread-local storage is larger than what a dlopen gets by default.
    env["GLIBC_TUNABLES"] = "glibc.rtld.optional_static_tls=16384"
    f = Fixture(path=program(row, column, language), env=env)
    w = Watch(f.pid)
    if column == COLUMNS[4]:
        f.run("load")
        # Its probes are put on when the mapping of its code is seen.
        name = ""
        for _ in range(200):
            name = w.next_report()["processes"][0]["allocator"]["name"]
            if name.startswith(first):
                break
        check(name.startswith(first), "after the dlopen the allocator is still " + name)
    before = w.process()
    truth = f.run("grid")
    p = w.process()
    name = p["allocator"]["name"]
    check(name.startswith(first), "the allocator is called " + name)
    for want in truth["sites"]:
        got = of_site(p, want["function"])
        check(got == {k: want[k] for k in harness.FIELDS}, "%s has %s, not %s; sites: %s" % (
            want["function"], list(got.values()), [want[k] for k in harness.FIELDS],
            harness.leaves(p)))
    for key in ("outstanding_bytes", "outstanding_blocks", "older_freed_blocks"):
        equal(p[key] - before[key], truth[key], key)
    harness.consistent(p)
    w.end_exactly()


def table():
    """The README's: row, column, languages."""
    with open(os.path.join(ROOT, "README.md")) as readme:
        lines = readme.read().split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(HEAD))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    equal(rows[0][1:], COLUMNS, "the columns of the table in README.md")
    equal({r[0] for r in rows[2:]}, set(ALLOCATORS), "the rows of the table in README.md")
    return rows[2:]


def cells(fn):
    """A function of each cell, by the cell's name."""
    return {"[%s, %s, %s]" % (row[0], column.split(",")[0], language):
            lambda row=row[0], column=column, language=language: fn(row, column, language)
            for row in table() for column, cell in zip(COLUMNS, row[1:])
            for language in re.findall(r"C\+\+|C|Rust", cell)}


def of_mimalloc():
    f = Fixture(path=program("mimalloc 2.0.9", "own names", "C"))
    return f, Watch(f.pid)


def known(w):
    p = w.process()
    return p["mode"], p["lost_events"], p["outstanding_blocks"], p["outstanding_bytes"]


def heap_destroy():
    """Blocks that go with their heap: nobody says which, and the report says that."""
    f, w = of_mimalloc()
    truth = f.run("grid")
    blocks, size = truth["outstanding_blocks"], truth["outstanding_bytes"]
    equal(known(w), ("exact", 0, blocks, size), "what is known before")
    f.run("destroy 19")
    equal(known(w), ("degraded", 1, blocks + 19, size + 19 * 131), "with 19 that are gone")
    # Which the next ones take the place of.
    f.run("destroy 23")
    equal(known(w), ("degraded", 2, blocks + 23, size + 23 * 131), "with 23 that are gone")
    w.end()


def long_strings():
    """Strings are read in parts of 1,023 bytes, and up to 64 KiB."""
    f, w = of_mimalloc()
    size = blocks = 0
    for n in 1, 1022, 1023, 1024, 1025, 2046, 2047, 2048, 65003, 65472:
        f.run("string %d" % n)
        size, blocks = size + n, blocks + 1
        equal(known(w), ("exact", 0, blocks, size), "after a string of %d bytes" % n)
    f.run("string 99991")
    equal(known(w), ("degraded", 1, blocks + 1, size + 65472), "after a longer one")
    w.end()


TESTS.update({"test_grid" + name: fn for name, fn in cells(run_cell).items()})
TESTS["test_heap_destroy"] = heap_destroy
TESTS["test_long_strings"] = long_strings
if __name__ == "__main__":
    making = "--programs" in sys.argv
    sys.argv = [a for a in sys.argv if a != "--programs"]
    harness.main({"made" + n: fn for n, fn in cells(program).items()} if making else TESTS)
