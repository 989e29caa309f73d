#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_symbols.py: names from wherever they are: separate debug files, minidebuginfo, debuginfod
servers, files that are gone, replaced or of another mount namespace."""
import http.server
import os
import re
import subprocess
import threading

import harness
from harness import Lines, Watch, check, equal, main, need, scratch, skip, start

TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def whole():
    return os.path.join(harness.BUILD, "fixtures/nofp/chains")


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", run("readelf", "-n", path))[1]


def frames_of(command, env={}, before=lambda: None):
    """The first frames of the fixture's first chain."""
    p = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines = Lines(p.stdout)
    equal(lines.next("ready"), "ready", "the fixture's line")
    before()
    os.environ.update(env)
    try:
        w = Watch(p.pid, "--top", "0")
    finally:
        for key in env:
            del os.environ[key]
    p.stdin.write("\n")
    p.stdin.flush()
    while lines.next("chain") != "done":
        pass
    found = [s for s in w.process()["sites"] if s["bytes"] == 1009]
    w.end_exactly()
    return found[0]["frames"][:3]


def check_names(frames, lines):
    equal([f["function"] for f in frames], ["leaf", "plain", "main"], "functions")
    for f in frames:
        if lines:
            check(f["file"].endswith("/chains.c") and f["line"] > 1, "no line: %s" % f)
        else:
            equal((f["file"], f["line"]), (None, None), "file and line")


def stripped(d, *options):
    path = os.path.join(d, "program")
    run("strip", *options, "-o", path, whole())
    return path


@test
def test_nothing():
    """What the rest is compared with: without any, there are no names."""
    frames = frames_of([stripped(scratch())])
    equal([f["function"] for f in frames], [None, None, None], "functions")
    check(all(f["module"].endswith("/program") and f["offset"] for f in frames),
          "module and offset: %s" % frames)


@test
def test_beside_it():
    """A debug file that .gnu_debuglink names, in .debug beside the program."""
    d = scratch()
    path = stripped(d)
    os.mkdir(os.path.join(d, ".debug"))
    debug = os.path.join(d, ".debug/program.debug")
    run("objcopy", "--only-keep-debug", whole(), debug)
    run("objcopy", "--add-gnu-debuglink=" + debug, path)
    check_names(frames_of([path]), lines=True)


@test
def test_minidebuginfo():
    """Fedora's .gnu_debugdata: a symbol table, packed, without lines."""
    d = scratch()
    path, mini = stripped(d), os.path.join(d, "mini")
    need("xz")
    run("strip", "--strip-debug", "-o", mini, whole())
    run("xz", "-9", mini)
    run("objcopy", "--add-section", ".gnu_debugdata=" + mini + ".xz", path)
    check_names(frames_of([path]), lines=False)


class Server:
    """As debuginfod answers: /buildid/ID/debuginfo, or not at all."""

    def __init__(self, files, silent=False):
        asked = self.asked = []
        self.release = release = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                if silent:
                    release.wait(harness.TIMEOUT)
                    return
                path = files.get(self.path)
                if not path:
                    self.send_error(404)
                    return
                with open(path, "rb") as f:
                    data = f.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def env(self, **more):
        return {"DEBUGINFOD_URLS": "http://127.0.0.1:%d" % self.http.server_port,
                "DEBUGINFOD_CACHE_PATH": scratch(), "no_proxy": "127.0.0.1", **more}

    def end(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


def need_debuginfod():
    if "libdebuginfod.so.1" not in run("/sbin/ldconfig", "-p"):
        skip("libdebuginfod is not installed")


@test
def test_debuginfod():
    need_debuginfod()
    d = scratch()
    path, debug = stripped(d), os.path.join(d, "debug")
    run("objcopy", "--only-keep-debug", whole(), debug)
    where = "/buildid/%s/debuginfo" % build_id(path)
    server = Server({where: debug})
    try:
        check_names(frames_of([path], server.env()), lines=True)
        check(where in server.asked, "it was not asked for: %s" % server.asked)
    finally:
        server.end()


@test
def test_debuginfod_silent():
    """A server that takes the question and never answers costs names, and no event."""
    need_debuginfod()
    server = Server({}, silent=True)
    try:
        frames = frames_of([stripped(scratch())], server.env(DEBUGINFOD_TIMEOUT="1"))
        equal([f["function"] for f in frames], [None, None, None], "functions")
        check(server.asked, "it was not asked")
    finally:
        server.end()


@test
def test_deleted():
    path = os.path.join(scratch(), "program")
    run("cp", whole(), path)
    check_names(frames_of([path], before=lambda: os.unlink(path)), lines=True)


@test
def test_replaced():
    """At its path there is another program by now: names are those of what runs."""
    d = scratch()
    path, other = os.path.join(d, "program"), os.path.join(d, "other")
    run("cp", whole(), path)
    run("cp", os.path.join(harness.BUILD, "fixtures/nofp/jit"), other)
    check_names(frames_of([path], before=lambda: os.replace(other, path)), lines=True)


@test
def test_other_namespace():
    """Its path is nowhere here."""
    d = scratch()
    script = "mount -t tmpfs none %s && cp %s %s/program && exec %s/program" % (
        d, os.path.abspath(whole()), d, d)
    check_names(frames_of([need("unshare"), "-m", "--propagation", "private", "sh", "-c", script]),
                lines=True)
    equal(os.listdir(d), [], "what is in the folder here")


if __name__ == "__main__":
    main(TESTS)
