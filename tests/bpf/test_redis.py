#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_redis.py: redis-server as the distribution builds it, with jemalloc: what is read from outside
against what redis says of itself, at rest and under redis-benchmark."""
import re
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Failed, check, equal, main, need, start  # noqa: E402
from test_explain import explain, explained  # noqa: E402
from test_heaps import looked_at  # noqa: E402

TESTS = {}
KEYS, SIZE, CLIENTS = 20011, 1009, 50
# What a connection may have for itself at one moment and not have at the next: its query buffer
# (PROTO_IOBUF_LEN is 16 KiB, and it grows by halves), its reply buffer of 16 KiB, a new value.
PER_CLIENT = 40 << 10
# In this time the server lets go of a client that has gone, and then counts anew.
TICKS = 0.3


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


class Redis:
    """One without a file to write to, on a free port of 127.0.0.1."""

    def __init__(self):
        server, self.cli, self.bench = map(need, ("redis-server", "redis-cli", "redis-benchmark"))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = str(s.getsockname()[1])
        self.p = start([server, "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                        "--appendonly", "no", "--dir", harness.scratch()],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + harness.TIMEOUT
        while self.say("ping") != "PONG\n":
            check(time.monotonic() < end and self.p.poll() is None, "redis does not answer")
            time.sleep(0.05)
        if "jemalloc-5.3.0" not in self.say("info", "memory"):
            harness.skip("redis is built with %s" % self.info()["mem_allocator"])

    def say(self, *words):
        return subprocess.run([self.cli, "-p", self.port, *words], stdout=subprocess.PIPE, text=True,
                              timeout=harness.TIMEOUT, stderr=subprocess.DEVNULL, check=False).stdout

    def info(self):
        pairs = (line.split(":", 1) for line in self.say("info", "memory").splitlines()
                 if ":" in line)
        return {k: int(v) if v.strip().isdigit() else v.strip() for k, v in pairs}

    def figures(self):
        """What changes only with its heap; mapped is on jemalloc's own page of statistics.  INFO says
        what was so at the server's last tick, ten a second: of a moment without a client."""
        mapped = re.search(r"mapped: (\d+)", self.say("memory", "malloc-stats"))[1]
        time.sleep(TICKS)
        said = self.info()
        time.sleep(TICKS)
        return {"mapped": int(mapped),
                **{k: said[k] for k in ("used_memory", "allocator_allocated", "allocator_active",
                                        "allocator_resident")}}

    def load(self, requests):
        return start([self.bench, "-p", self.port, "-t", "set", "-n", str(requests),
                      "-r", str(KEYS), "-d", str(SIZE), "-c", str(CLIENTS), "-q"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def at_rest(redis, look):
    """What look() gave while nothing changed: redis said the same before and after it."""
    for _ in range(50):
        before, got, after = redis.figures(), look(), redis.figures()
        # By its own count it also changes with who asks; what it has of its allocator does not.
        if all(before[k] == after[k] for k in before if k != "used_memory"):
            return before, got
        time.sleep(0.2)
    raise Failed("redis never came to rest: %s, then %s" % (before, after))


def agrees(said, r):
    """Of one at rest: to the byte."""
    own = r["allocator"]["own"]
    equal(own, {"name": "jemalloc", "quality": "exact", "held_bytes": said["mapped"],
                "in_use_bytes": said["allocator_allocated"]}, "its own figures")
    # Redis has its blocks rounded up too, but not those of its libraries and of thread caches.
    check(said["used_memory"] <= own["in_use_bytes"] <= said["allocator_active"], "%s of %s" % (
        own, said))
    # What jemalloc calls resident is so if each page was touched: we ask the kernel.  Where that
    # gives huge pages, what is around them is resident too.
    there = sum(w["bytes"] for w in r["waterfall"] if w["what"].endswith(", in jemalloc"))
    most = said["mapped"] if huge_pages() else said["allocator_resident"]
    check(said["used_memory"] <= there <= most, "%d resident, of %s" % (there, said))


def huge_pages():
    with open("/sys/kernel/mm/transparent_hugepage/enabled") as f:
        return "[always]" in f.read()


@test
def test_at_rest():
    redis = Redis()
    redis.load(3 * KEYS).wait(harness.TIMEOUT)
    said, r = at_rest(redis, lambda: explain(redis.p.pid))
    check(said["used_memory"] > KEYS * SIZE * 0.9, "only %d bytes in redis" % said["used_memory"])
    explained(r, redis.p.pid)
    agrees(said, r)
    # Half of it is free, and not given back yet.
    redis.say("eval", "for i = 0, %d, 2 do redis.call('del', string.format('key:%%012d', i)) end"
              % KEYS, "0")
    less, r = at_rest(redis, lambda: explain(redis.p.pid))
    check(less["used_memory"] < said["used_memory"] * 0.6, "nothing was deleted: %s" % less)
    agrees(less, r)


@test
def test_under_load():
    """While requests come in: what may change meanwhile is what its clients have; then, at rest,
    to the byte with probes on it."""
    redis = Redis()
    redis.load(3 * KEYS).wait(harness.TIMEOUT)
    load = redis.load(10 ** 9)
    time.sleep(1)
    for _ in range(5):
        before = redis.info()
        own = explain(redis.p.pid)["allocator"]["own"]
        both = [x["allocator_allocated"] for x in (before, redis.info())]
        check(min(both) - CLIENTS * PER_CLIENT <= own["in_use_bytes"] <=
              max(both) + CLIENTS * PER_CLIENT, "%s in use between %s" % (own, both))
        check(own["held_bytes"] >= before["allocator_active"], "%s, active %d" % (
            own, before["allocator_active"]))
        check(own["quality"] in ("exact", "estimated"), "quality is " + own["quality"])
    w = harness.Watch(redis.p.pid)
    time.sleep(1)
    harness.kill(load)
    said, r = at_rest(redis, lambda: looked_at(w))
    agrees(said, r)
    # Each block that the probes know is in jemalloc, rounded up.
    check(0 < r["outstanding_bytes"] <= r["allocator"]["own"]["in_use_bytes"], "%d seen of %s" % (
        r["outstanding_bytes"], r["allocator"]["own"]))
    w.end_exactly()


if __name__ == "__main__":
    main(TESTS)
