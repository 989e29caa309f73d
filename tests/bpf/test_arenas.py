#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_arenas.py: without a probe on malloc, callsites of threads, by their heaps' page faults."""
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal  # noqa: E402

THREADS, FEW, MANY = 3, 3001, 30011
REPORTS = 200  # at most, until a look at the heap was later than all that happened
# An emulated machine takes so long for a sample that it takes few, which are sure of nothing.
SURE = 0 if harness.EMULATED else 0.95
TESTS = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def told(p):
    """Of each callsite of the fixture: bytes and blocks."""
    equal((p["mode"], p["probe_hits"], p["user_probes"]), ("passive", 0, "none"),
          "mode, hits and user probes")
    sites = {}
    for s in p["sites"]:
        names = [f["function"] for f in s["frames"]]
        if s["kind"] == "heap" and names[:1] and names[0].startswith("take_"):
            equal(names[1], "hold", "who calls " + names[0])
            check(names[0] not in sites, "%s is there twice" % names[0])
            sites[names[0]] = s
    return sites


def when(w, what, why):
    """The first report of which that is true."""
    p = None
    for _ in range(REPORTS):
        p = w.next_report()["processes"][0]
        if what(p):
            return p
    raise harness.Failed("%s; sites: %s" % (why, harness.leaves(p)))


def watch(f, *options):
    return Watch(f.pid, "--max-overhead", "0", "--interval", "200ms", "--depth", "0", *options)


def sizes(p):
    return {name: s["bytes"] for name, s in told(p).items()}


def held(*options):
    """Callsites of a size of their own: all of that size is theirs, and its sum is the heap's.  They
    hold it until they are told to drop it, and then a heap of a few free pages is all there is."""
    f = Fixture("arenas")
    w = watch(f, *options)
    truth = f.run("hold %d %d %d" % (THREADS, FEW, MANY))["sites"]
    # Where a block was looked at twice, and was the same, it is sure to be its callsite's.
    p = when(w, lambda p: sizes(p) == truth and
             all(s["bytes_low"] >= SURE * s["bytes"] for s in told(p).values()),
             "not what is held, or not surely: %s" % truth)
    sites = told(p)
    equal({name: s["blocks"] for name, s in sites.items()},
          {"take_few": THREADS * FEW, "take_many": THREADS * MANY}, "blocks")
    for name, s in sites.items():
        check(s["bytes_low"] <= truth[name] <= s["bytes_high"], "%s has %d to %d, really %d" % (
            name, s["bytes_low"], s["bytes_high"], truth[name]))
    f.run("drop")
    when(w, lambda p: not told(p), "callsites of what was freed")
    w.end()
    return p


@test
def test_held():
    held()


for kind in ("fentry", "kprobe", "tracepoint"):
    def run(kind=kind):
        harness.kind_works(kind)
        equal(held("--kernel-probes", kind)["kernel_probes"], kind, "kernel_probes")
    TESTS["test_held[%s]" % kind] = run


def shared():
    f = Fixture("arenas")
    w = watch(f)
    truth = f.run("share %d %d %d" % (THREADS, FEW, MANY))["sites"]
    p = when(w, lambda p: sum(sizes(p).values()) == sum(truth.values()),
             "they do not sum to %d" % sum(truth.values()))
    w.end()
    for name, s in told(p).items():
        check(s["bytes_low"] <= truth[name] <= s["bytes_high"], "%s has %d to %d, really %d" % (
            name, s["bytes_low"], s["bytes_high"], truth[name]))
        # A block in eleven is one's: of 360 samples, and there are more, 33, give or take six.
        check(harness.EMULATED or abs(s["bytes"] - truth[name]) <= 4 * 6 / 33 * truth["take_few"],
              "%s has %d, really %d" % (name, s["bytes"], truth[name]))


@test
def test_shared():
    """Two callsites of one size: their sum is the heap's, and whose is what the samples say; bars
    hold nine times in ten, not three times in a row not."""
    for left in (2, 1, 0):
        try:
            return shared()
        except harness.Failed:
            if not left:
                raise


@test
def test_leak():
    """A thread that loses blocks is named by what its heap grows by."""
    harness.real_time("bytes a second are compared")
    f = Fixture("arenas")
    w = watch(f, "--interval", "500ms")
    equal(f.run("lose 2003 20000")["n"], 40060, "lost blocks")
    p = w.process()
    w.end()
    growing = [s for s in p["sites"] if s["growing"]]
    equal([s["frames"][0]["function"] for s in growing], ["lose"], "what grows")
    got, error = (growing[0]["growth_bytes_per_minute"],
                  growing[0]["growth_error_bytes_per_minute"])
    want = 60 * 2003 * 196
    check(abs(got - want) <= 2 * error <= 0.2 * want, "grows by %.0f +- %.0f, really %d" % (
        got, error, want))


if __name__ == "__main__":
    harness.main(TESTS)
