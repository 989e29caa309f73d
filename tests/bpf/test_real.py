#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_real.py: programs as the distribution builds them: over 95 % of all allocations have stacks
that reach the thread's first function."""
import os
import socket
import subprocess
import time

import harness
from harness import Lines, Watch, check, equal, main, need, scratch, skip, start

TESTS = {}
ROOTS = ("_start", "clone3", "__clone3", "__GI___clone3", "clone", "__clone", "start_thread")


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def is_root(site):
    """Of a stripped file the first function has no name, but is in the program or the C library."""
    last = site["frames"][-1]
    return last["function"] in ROOTS or (
        last["function"] is None and last["module"] and not last["module"].startswith("["))


def reach_the_start(p, allocations, least):
    """Weighted by allocations: those of all stacks, then those of what is still held by frames."""
    check(p["allocated_blocks"] >= allocations, "only %d allocations" % p["allocated_blocks"])
    cut = {c["reason"]: c["allocated_blocks"] for c in p["incomplete_stacks"]}
    # Deeper than we look: cut off, but honest.
    wrong = sum(n for reason, n in cut.items() if reason != "too many frames")
    check(wrong < 0.05 * p["allocated_blocks"], "of %d allocations: %s; such as %s" % (
        p["allocated_blocks"], cut,
        [[f["function"] for f in s["frames"]] for s in p["sites"] if s["truncated"]][:3]))
    sites = [s for s in p["sites"] if s["kind"] == "heap" and not s["truncated"]]
    check(len(sites) >= least, "only %d sites" % len(sites))
    # What ended as if it were whole, where no thread begins.
    lost = sum(s["allocated_blocks"] for s in sites if not is_root(s))
    check(lost < 0.05 * sum(s["allocated_blocks"] for s in sites), "not at the start: %s" % [
        [f["function"] for f in s["frames"]] for s in sites if not is_root(s)][:3])


@test
def test_python():
    code = """
import json, sys
kept = []
print('ready', flush=True)
sys.stdin.readline()
for i in range(300):
    kept.append((json.loads('{"a": [1, 2, {"b": "%d"}]}' % i), bytearray(3001), ('x%d' % i).encode() * 99))
print('done', flush=True)
sys.stdin.readline()
"""
    p = start([need("/usr/bin/python3"), "-c", code], stdout=subprocess.PIPE, text=True,
              stdin=subprocess.PIPE, env={**os.environ, "PYTHONMALLOC": "malloc"})
    lines = Lines(p.stdout)
    equal(lines.next("ready"), "ready", "python's line")
    w = Watch(p.pid, "--top", "0")
    p.stdin.write("\n")
    p.stdin.flush()
    equal(lines.next("done"), "done", "python's line")
    reach_the_start(w.process(), 3000, 10)
    w.end_exactly()


@test
def test_dlopen():
    """A library that comes after the attach is stepped through as any other."""
    code = """
input()
import sqlite3
print('loaded', flush=True)
input()
c = sqlite3.connect(':memory:')
c.execute('create table t (a, b)')
c.executemany('insert into t values (?, ?)', [(i, 'x' * 1009) for i in range(2003)])
print('ready', flush=True)
input()
"""
    p = start([need("/usr/bin/python3"), "-c", code], stdin=subprocess.PIPE,
              stdout=subprocess.PIPE, text=True)
    lines = Lines(p.stdout)
    w = Watch(p.pid)
    p.stdin.write("\n")
    p.stdin.flush()
    if lines.next("loaded") != "loaded":
        skip("this python3 has no sqlite3")
    w.settled()
    p.stdin.write("\n")
    p.stdin.flush()
    equal(lines.next("ready"), "ready", "python's line")
    sites = [s for s in w.process()["sites"] if s["kind"] == "heap" and
             any("libsqlite3" in (f["module"] or "") for f in s["frames"])]
    held = sum(s["bytes"] for s in sites)
    check(held > 2003 * 1009, "only %d bytes are held by way of libsqlite3" % held)
    whole = sum(s["bytes"] for s in sites if not s["truncated"] and is_root(s))
    check(whole > held * 0.95, "of %d bytes only %d reach the start" % (held, whole))


@test
def test_git():
    d = scratch()
    need("git")
    subprocess.run(["git", "-C", d, "init", "-q"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    p = start(["git", "-C", d, "fast-import", "--quiet"], stdin=subprocess.PIPE,
              stdout=subprocess.PIPE)
    time.sleep(0.3)
    w = Watch(p.pid, "--top", "0")
    for i in range(307):
        data = b"%d\n" % i * 99
        p.stdin.write(b"blob\nmark :%d\ndata %d\n%s\n" % (i + 1, len(data), data))
    for i in range(101):
        p.stdin.write(b"commit refs/heads/b%d\ncommitter a <a@b> %d +0000\ndata 1\nx\n"
                      b"M 644 :%d d%d/file\n\n" % (i, i, i + 1, i))
    p.stdin.write(b"checkpoint\nprogress done\n")
    p.stdin.flush()
    equal(p.stdout.readline(), b"progress done\n", "git's word")
    reach_the_start(w.process(), 500, 8)
    w.end_exactly()


def connect(path):
    deadline = time.time() + harness.TIMEOUT
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            check(time.time() < deadline, "no server at " + path)
            time.sleep(0.05)


@test
def test_redis():
    d = scratch()
    path = os.path.join(d, "s")
    p = start([need("redis-server"), "--port", "0", "--unixsocket", path, "--save", "",
               "--dir", d], stdout=subprocess.DEVNULL)
    connect(path).close()
    w = Watch(p.pid, "--top", "0")
    clients = [connect(path) for _ in range(7)]
    for i in range(503):
        s = clients[i % 7]
        command = ["SET key%d %s" % (i, "x" * (i + 1)), "LPUSH list%d a b c" % (i % 17),
                   "HSET hash%d f%d v" % (i % 13, i), "ZADD set%d %d m%d" % (i % 11, i, i),
                   "EVAL return{redis.call('get','key%d')} 0" % i][i % 5].split()
        s.sendall(b"*%d\r\n" % len(command) + b"".join(
            b"$%d\r\n%s\r\n" % (len(x), x.encode()) for x in command))
        check(not s.recv(65536).startswith(b"-"), "redis refuses " + command[0])
    reach_the_start(w.process(), 2000, 20)
    w.end_exactly()


@test
def test_nginx():
    d = scratch()
    path = os.path.join(d, "s")
    conf = os.path.join(d, "nginx.conf")
    for name in ("logs", "body", "fastcgi", "proxy", "scgi", "uwsgi"):
        os.mkdir(os.path.join(d, name))
    with open(conf, "w") as f:
        f.write("daemon off; master_process off; error_log %s/logs/e; pid %s/pid;\n"
                "events { worker_connections 64; }\nhttp { access_log off; \n%s\n"
                "server { listen unix:%s; root %s; autoindex on; } }\n" % (
                    d, d, "".join("%s_temp_path %s/%s; " % (
                        {"body": "client_body"}.get(n, n), d, n)
                                  for n in ("body", "fastcgi", "proxy", "scgi", "uwsgi")), path, d))
    p = start([need("nginx"), "-p", d, "-c", conf], stderr=subprocess.DEVNULL)
    connect(path).close()
    w = Watch(p.pid, "--top", "0")
    # They stay open, with one more request that is not whole: what they took is still there.
    clients = [connect(path) for _ in range(41)]
    for i, s in enumerate(clients):
        s.sendall(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"", b"nginx.conf", b"none")[i % 3])
        check(s.recv(65536).startswith(b"HTTP/1.1 "), "nginx does not answer")
        s.sendall(b"POST /nginx.conf HTTP/1.1\r\nHost: x\r\nX: %s" % (b"y" * 3000))
    reach_the_start(w.process(), 100, 2)
    w.end_exactly()


if __name__ == "__main__":
    main(TESTS)
