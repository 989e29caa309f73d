# SPDX-License-Identifier: GPL-2.0
"""exporting.py: heapwatch export and Prometheus, started for a test on ports of their own."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import Failed, Fixture, check, equal

NOT_LIMITED = ("--exact",)
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Exporter:
    """heapwatch export on a port of the kernel's choice."""

    def __init__(self, *options, wait=True, env=None, prefix=()):
        cmd = [*prefix, harness.heapwatch(), "export", "--listen", "127.0.0.1:0", "--interval",
               "200ms", *options]
        self.p = harness.start(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, errors="replace",
                               env={**os.environ, **(env or {})})
        self.log = harness.Lines(self.p.stderr)
        self.url = wait and self.wait_for("serving (https?://[0-9.:]+)/metrics")[1]

    def wait_for(self, pattern):
        """The next line of the log that has it."""
        while True:
            line = self.log.next("line '%s'" % pattern)
            check(line is not None, "heapwatch ended: %s" % self.log.seen[-3:])
            check(re.match(r'ts=[-0-9]{10}T[0-9:]{8}\.\d{3}Z level=(error|warn|info|debug) '
                           r'msg="(\\.|[^"\\])*"$', line), "no logfmt: %r" % line)
            m = re.search(pattern, line)
            if m:
                return m

    def get(self, path, headers=None, context=None):
        """Status, headers, body."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, context=context, timeout=harness.TIMEOUT) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def text(self, path="/metrics", **headers):
        status, _, body = self.get(path, headers)
        equal(status, 200, "the status of " + path)
        return body.decode()

    def metrics(self):
        return parse(self.text())

    def settled(self, what=lambda m: True):
        """Metrics of a tick that began after this call, in which `what` is true."""
        now, limit = time.time(), time.monotonic() + harness.TIMEOUT
        while True:
            m = self.metrics()
            if m["heapwatch_last_tick_timestamp_seconds", ()] > now + 0.25 and what(m):
                return m
            check(time.monotonic() < limit, "it never came to be; log: %s" % self.log.seen[-5:])
            time.sleep(0.05)

    def end(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        equal(self.p.wait(harness.TIMEOUT), 0, "the exporter's exit code")
        return self.log.rest()


def parse(text):
    """{(name, ((label, value), ...)): number}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        m = re.match(r'([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)$', line)
        check(m, "no sample: %r" % line)
        labels = tuple(re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', m[2] or ""))
        check((m[1], labels) not in found, "it stands there twice: %r" % line)
        found[m[1], labels] = float(m[3])
    return found


def of_group(metrics, name, group, *more):
    key = (name, (("group", group), *more))
    check(key in metrics, "no %s of %s; there are: %s" % (
        name, group, sorted({k[1][0][1] for k in metrics if k[0] == name})))
    return metrics[key]


def named(binary, name, **options):
    """Start a program under a name of its own, so that its group is of this test alone."""
    path = os.path.join(harness.scratch(), name)
    with open(binary, "rb") as f, open(path, "wb") as g:
        g.write(f.read())
    os.chmod(path, 0o755)
    return path


class Named(Fixture):
    """A churn of a name of its own."""

    def __init__(self, name):
        self.p = harness.start([named(os.path.join(harness.BUILD, "fixtures", "churn"), name)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.p.pid
        self.lines = harness.Lines(self.p.stdout)
        self.ready()


def watched(e, group, n=1):
    return e.settled(lambda m: m.get(("heapwatch_group_watched_processes",
                                      (("group", group),))) == n)


class Prometheus:
    """Debian's, with a directory and a port of its own."""

    def __init__(self, targets, interval="200ms"):
        self.dir = harness.scratch()
        config = os.path.join(self.dir, "prometheus.yml")
        with open(config, "w") as f:
            json.dump({"global": {"scrape_interval": interval, "scrape_timeout": interval},
                       "scrape_configs": [{"job_name": "heapwatch", "static_configs": [
                           {"targets": [t.split("//")[1] for t in targets]}]}]}, f)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % port
        self.p = harness.start([harness.need("prometheus"), "--config.file", config,
                                "--storage.tsdb.path", os.path.join(self.dir, "data"),
                                "--web.listen-address", "127.0.0.1:%d" % port,
                                "--log.level", "error"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        self.wait(lambda: self.ask("up") is not None)

    def wait(self, what):
        for _ in range(300):
            try:
                got = what()
                if got:
                    return got
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise Failed("Prometheus never said so")

    def ask(self, query):
        """[(labels, value)] of an instant query, sorted."""
        with urllib.request.urlopen(self.url + "/api/v1/query?" + urllib.parse.urlencode(
                {"query": query}), timeout=30) as r:
            said = json.load(r)
        equal(said["status"], "success", query)
        return sorted(((e["metric"], float(e["value"][1])) for e in said["data"]["result"]),
                      key=str)


def promtool(*args, stdin=None):
    r = subprocess.run([harness.need("promtool"), *args], input=stdin, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=harness.TIMEOUT)
    equal((r.returncode, r.stdout if args[1] == "metrics" else ""), (0, ""),
          "what promtool %s says (%s)" % (" ".join(args), r.stdout))
    return r.stdout


def certificate(directory, name="localhost", days="2"):
    """A certificate that signs itself, and its key: paths."""
    cert, key = (os.path.join(directory, name + end) for end in (".crt", ".key"))
    subprocess.run([harness.need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", days, "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
    return cert, key


def trusting(cert, client=None):
    context = ssl.create_default_context(cafile=cert)
    if client:
        context.load_cert_chain(*client)
    return context
