#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_export_limits.py: heapwatch export against mistakes, bad clients and too few privileges."""
import base64
import concurrent.futures
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error

sys.dont_write_bytecode = True
import harness  # noqa: E402
from exporting import (NOT_LIMITED, Exporter, Named, certificate, named,  # noqa: E402
                       of_group, trusting, watched)
from harness import check, equal, need  # noqa: E402

TESTS = {}
# "swordfish", cost 4.
HASH = "$2b$04$abcdefghijklmnopqrstuugIEnm3ZbWF6xb2GcoE3L1CoGJFMKtu."
# What contrib/heapwatch.service gives.
CAPABILITIES = ["bpf", "perfmon", "sys_ptrace", "dac_read_search", "checkpoint_restore"]


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def refused(code, pattern, *options, target=None):
    """It ends with that exit code, after one line, with nothing attached."""
    r = subprocess.run([harness.heapwatch(), "export", *options], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=harness.TIMEOUT)
    # What it says first is not of mistakes: which capabilities it keeps.
    lines = [l for l in r.stderr.splitlines() if "which is kept" not in l]
    equal((r.returncode, r.stdout, len(lines)), (code, "", 1), "code, output, lines (%s)" % lines)
    check(re.search(pattern, lines[0]), "it says: %s" % lines[0])
    if target:
        equal(harness.traps(target.pid, "libc.so.6"), 0, "breakpoints in libc")


@test
def mistakes():
    f = Named("hw-mistake")
    d = harness.scratch()
    cert, key = certificate(d)
    other_cert, other_key = certificate(d, "other")

    def config(name, text):
        path = os.path.join(d, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def tls(name, c, k):
        return config(name, "tls_server_config: {cert_file: %s, key_file: %s}\n" % (c, k))

    watch = ("--watch", "comm=hw-mistake")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        taken = "127.0.0.1:%d" % s.getsockname()[1]
        refused(1, "cannot listen at %s: Address already in use" % taken, "--listen", taken,
                *watch, target=f)
    any = ("--listen", "127.0.0.1:0")
    for code, pattern, options in (
            (1, "--listen takes ADDRESS:PORT, .* not 'nonsense'", ("--listen", "nonsense")),
            (1, "cannot listen at 192.0.2.1:9753: Cannot assign", ("--listen", "192.0.2.1:9753")),
            (1, "cannot read the web config file /nowhere: No such", ("--web-config", "/nowhere")),
            (1, "web: line 2: the file has a key that is not supported: 'tls'",
             ("--web-config", config("web", "tls:\n  cert: a\n"))),
            (1, "cannot read the certificate .*/missing: No such file",
             ("--web-config", tls("a", "missing", key))),
            (1, "cannot read the key .*/missing: No such file",
             ("--web-config", tls("b", cert, "missing"))),
            (1, "the certificate .* with the key .*: .*key.*match",
             ("--web-config", tls("c", cert, other_key))),
            (1, "the certificate .*: .*", ("--web-config", tls("d", config("x", "no PEM"), key))),
            (1, "cannot read the rule file /nowhere: No such", ("--rules", "/nowhere")),
            (1, "rules: line 1: a rule starts with group, ignore or watch, not 'wach'",
             ("--rules", config("rules", "wach comm=a\n"))),
            (1, "--watch 'redis': KEY=PATTERN was expected, not 'redis'", ("--watch", "redis")),
            (2, "--interval takes a time of at least 100ms", ("--interval", "5ms")),
            (2, "--group-by takes comm, cgroup or pid, not 'user'", ("--group-by", "user")),
            (2, "--max-overhead takes a percentage above 0", ("--max-overhead", "0")),
            (2, "--max-overhead takes a percentage above 0", ("--max-overhead", "1%x")),
            (2, "--max-watched takes a number from 1 to 256", ("--max-watched", "257")),
            (2, "'more' is not an option", ("more",))):
        refused(code, pattern, *any, *watch, *options, target=f)
    equal(harness.traps(f.pid, "libc.so.6"), 0, "breakpoints in libc")


@test
def users_and_tls():
    d = harness.scratch()
    cert, key = certificate(d)
    client = certificate(d, "client")
    stranger = certificate(d, "stranger")
    path = os.path.join(d, "web.yml")

    def write(*extra):
        with open(path, "w") as f:
            f.write("tls_server_config:\n  cert_file: localhost.crt\n  key_file: localhost.key\n"
                    + "".join("  %s\n" % e for e in extra)
                    + "basic_auth_users:\n  alice: %s\n" % HASH)

    def auth(word):
        return {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}

    write()
    e = Exporter("--web-config", path)
    check(e.url.startswith("https://"), e.url)
    good = trusting(cert)
    equal(e.get("/metrics", auth("alice:swordfish"), good)[0], 200, "with the password")
    status, headers, body = e.get("/metrics", {}, good)
    equal((status, headers["WWW-Authenticate"].split()[0]), (401, "Basic"), "without one")
    check(b"heapwatch_" not in body, "a figure for nobody")
    equal(e.get("/healthz", auth("alice:wrong"), good)[0], 401, "with a wrong one")
    try:
        e.get("/metrics", {}, ssl.create_default_context())
        check(False, "a certificate of nobody's was trusted")
    except urllib.error.URLError as err:
        check("CERTIFICATE_VERIFY_FAILED" in str(err), str(err))
    with socket.create_connection(e.url.split("//")[1].split(":")) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        equal(b"heapwatch" in s.recv(65536), False, "plain HTTP at the TLS port")
    # Clients that never shake hands do not hold up others.
    idle = [socket.create_connection(e.url.split("//")[1].split(":")) for _ in range(100)]
    equal(e.get("/metrics", auth("alice:swordfish"), good)[0], 200, "beside 100 silent clients")
    for s in idle:
        s.close()
    # From now on with client certificates; a config with an error changes nothing.
    write("client_auth_type: Maybe")
    e.p.send_signal(signal.SIGHUP)
    e.wait_for("web.yml: line 4: client_auth_type is .* not 'Maybe'")
    e.wait_for("the web config before stays in force")
    equal(e.get("/metrics", auth("alice:swordfish"), good)[0], 200, "as before")
    write("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: client.crt",
          "min_version: TLS13")
    e.p.send_signal(signal.SIGHUP)
    e.wait_for("configuration read again")
    equal(e.get("/metrics", auth("alice:swordfish"), good)[0], 403, "without a certificate")
    equal(e.get("/metrics", auth("alice:swordfish"), trusting(cert, client))[0], 200, "with one")
    equal(e.get("/metrics", auth("alice:swordfish"), trusting(cert, stranger))[0], 403,
          "with a stranger's")
    old = trusting(cert, client)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        e.get("/metrics", auth("alice:swordfish"), old)
        check(False, "TLS 1.2 was spoken")
    except urllib.error.URLError:
        pass  # an alert, or the end of the connection where that was faster
    e.end()


def memory_and_threads(pid):
    with open("/proc/%d/status" % pid) as f:
        said = dict(line.split(":", 1) for line in f)
    return int(said["VmRSS"].split()[0]) * 1024, int(said["Threads"])


@test
def two_hundred_scrapers():
    """200 at once, 10 scrapes each, while a watched process works: all are answered, nothing is
    lost, and neither memory nor threads grow with them."""
    f = Named("hw-load")
    e = Exporter("--watch", "comm=hw-load", *NOT_LIMITED)
    watched(e, "hw-load")
    before, threads = memory_and_threads(e.p.pid)
    at = e.url.split("//")[1].split(":")
    ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

    def scrape(_):
        with socket.create_connection(at, timeout=harness.TIMEOUT) as s:
            for _ in range(10):
                s.sendall(ask)
                got = b""
                while b"\r\n\r\n" not in got:
                    got += s.recv(65536)
                head, body = got.split(b"\r\n\r\n", 1)
                check(head.startswith(b"HTTP/1.1 200 "), "answered %r" % head[:50])
                n = int(re.search(rb"Content-Length: (\d+)", head)[1])
                while len(body) < n:
                    body += s.recv(65536)
                check(body.startswith(b"# HELP heapwatch_") and len(body) == n, "a wrong body")
        return 10

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        futures = [pool.submit(scrape, i) for i in range(200)]
        truth = f.run("storm 20011")
        equal(sum(x.result() for x in futures), 2000, "scrapes")
    after, more = memory_and_threads(e.p.pid)
    # One that detaches the trials of the start ends by itself.
    check(more <= threads, "%d threads, of %d before" % (more, threads))
    check(after - before < 32 << 20, "RSS grew from %d to %d" % (before, after))
    m = e.settled()
    equal(of_group(m, "heapwatch_group_lost_events_total", "hw-load"), 0, "lost events")
    equal(of_group(m, "heapwatch_group_outstanding_bytes", "hw-load"),
          truth["outstanding_bytes"], "outstanding bytes")
    e.end()


@test
def bad_clients():
    """Half-open ones, more than there is room for, huge headers, nonsense: others are served."""
    e = Exporter()
    e.settled()
    before, threads = memory_and_threads(e.p.pid)
    at = e.url.split("//")[1].split(":")
    idle = [socket.create_connection(at) for _ in range(230)]
    for i, s in enumerate(idle):
        if i % 2:
            s.sendall(b"GET /metrics HTTP/1.1\r\nX")  # and no more
    equal(e.text("/healthz"), "ok\n", "/healthz beside 230 half-open connections")
    for junk in (b"\0" * 4096, b"GET " + b"/x" * 20000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
                 b"GET /metrics HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
        with socket.create_connection(at, timeout=2) as s:
            try:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass  # cut off in the middle of it: as good
        equal(e.text("/healthz"), "ok\n", "/healthz after %r" % junk[:20])
    # One that asks and does not read.
    with socket.create_connection(at) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        equal(e.text("/healthz"), "ok\n", "/healthz beside one that does not read")
    after, more = memory_and_threads(e.p.pid)
    # One that detaches the trials of the start ends by itself.
    check(more <= threads, "%d threads, of %d before" % (more, threads))
    check(after - before < 16 << 20, "RSS grew from %d to %d" % (before, after))
    for s in idle:
        s.close()
    e.end()


def with_capabilities(names):
    """A command's beginning: root, with just these."""
    sets = "+".join([""] + names).replace("+", ",+")
    return [need("setpriv"), "--bounding-set", "-all" + sets, "--inh-caps", "-all",
            "--ambient-caps", "-all", "--no-new-privs"]


def enough():
    """Capabilities with which allocators can be watched: uprobes by perf events, which are all that
    there is before Linux 6.6, take CAP_SYS_ADMIN."""
    try:
        harness.kind_works("multi")
        return CAPABILITIES
    except harness.Skip:
        return [*CAPABILITIES, "sys_admin"]


@test
def capabilities_enough():
    """Root with the unit's capabilities: passive, watching and pprof work."""
    f = Named("hw-caps")
    e = Exporter("--watch", "comm=hw-caps", *NOT_LIMITED, prefix=with_capabilities(enough()))
    watched(e, "hw-caps")
    truth = f.run("family")
    m = e.settled()
    equal(of_group(m, "heapwatch_group_outstanding_bytes", "hw-caps"),
          truth["outstanding_bytes"], "outstanding bytes")
    with open("/proc/%d/status" % e.p.pid) as s:
        said = dict(line.rstrip("\n").split(":\t", 1) for line in s)
    equal(said["CapEff"], said["CapPrm"], "what is effective, and permitted,")
    equal(said["NoNewPrivs"], "1", "no_new_privs")
    e.end()


@test
def capabilities_given_up():
    """Started with all of them, it keeps no more than the unit gives; without probes, less."""
    for options, want in ((("--watch", "comm=hw-nobody"), enough()), ((), CAPABILITIES),
                          (("--system-probes", "none"), CAPABILITIES[2:])):
        e = Exporter(*options)
        with open("/proc/%d/status" % e.p.pid) as s:
            said = dict(line.rstrip("\n").split(":\t", 1) for line in s)
        r = subprocess.run([need("capsh"), "--decode=" + said["CapPrm"]], stdout=subprocess.PIPE,
                           text=True, check=True)
        kept = sorted(r.stdout.strip().split("=")[1].replace("cap_", "").split(","))
        equal(kept, sorted(want), "capabilities with %s" % (options,))
        equal(said["CapBnd"], said["CapPrm"], "the bounding set")
        e.end()


@test
def capabilities_not_more():
    """Without any one of them, a process of another user can not be watched."""
    path = named(os.path.join(harness.BUILD, "fixtures", "churn"), "hw-nocap")
    os.chmod(os.path.dirname(path), 0o711)
    p = harness.start([need("setpriv"), "--reuid", "65534", "--regid", "65534", "--clear-groups",
                       path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines = harness.Lines(p.stdout)
    equal(lines.next("ready"), "ready", "the fixture's first line")
    e = Exporter("--watch", "comm=hw-nocap", *NOT_LIMITED,
                 prefix=with_capabilities(enough()))
    watched(e, "hw-nocap")
    e.end()
    # CAP_SYS_ADMIN contains the others.
    contained = [] if enough() == CAPABILITIES else ["bpf", "perfmon", "checkpoint_restore"]
    for less in set(enough()) - set(contained):
        e = Exporter("--watch", "comm=hw-nocap", *NOT_LIMITED, wait=False,
                     prefix=with_capabilities([c for c in enough() if c != less]))
        while True:
            line = e.log.next("line")
            if line is None:  # it ended, and said why
                equal(e.p.wait(), 1, "exit code without " + less)
                break
            m = re.search("serving (https?://[0-9.:]+)/metrics", line)
            if m:
                e.url = m[1]
                m = e.settled()
                equal(of_group(m, "heapwatch_group_watched_processes", "hw-nocap"), 0,
                      "watched processes without cap_" + less)
                e.end()
                break


if __name__ == "__main__":
    harness.main(TESTS)
