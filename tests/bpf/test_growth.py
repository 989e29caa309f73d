#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_growth.py: which callsite grows is told, and nothing where none does: where every call is
seen, none, or some, in windows; tests/unit/test_leak.c has the latter in simulated time."""
import os
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, Watch, check, equal  # noqa: E402

SIZE = 57


def growing(process):
    """Those that are said to grow, what they surely do first."""
    return sorted((s for s in process["sites"] if s["growing"]),
                  key=lambda s: s["growth_error_bytes_per_minute"] - s["growth_bytes_per_minute"])


def leaf(site):
    return site["frames"][0]["function"]


def test_exact():
    """1,009 blocks a second are lost, and so it is told; in the end their number is exact."""
    harness.real_time("bytes a second are compared")
    f = Fixture("leak")
    w = Watch(f.pid, "--interval", "500ms")
    lost = f.run("1009 15000")["lost"]
    equal(lost, 15 * 1009, "lost blocks")
    p = w.process()
    w.end()
    equal([leaf(s) for s in growing(p)], ["lose"], "what grows")
    s, all_of_it = growing(p)[0], harness.of_site(p, "lose")
    equal((all_of_it["blocks"], all_of_it["bytes"]), (lost, lost * SIZE), "blocks and bytes")
    equal((s["kind"], s["estimated"]), ("heap", False), "kind, estimated")
    want = 60 * 1009 * SIZE
    got, error = s["growth_bytes_per_minute"], s["growth_error_bytes_per_minute"]
    check(abs(got - want) <= 0.05 * want and 0 <= error <= 0.1 * want,
          "grows by %.0f +- %.0f, really %d a minute" % (got, error, want))
    check(p["heap_growth_bytes_per_minute"] >= 0.9 * want, "the heap grows by %s a minute" %
          p["heap_growth_bytes_per_minute"])


def test_steady():
    """Callsites that give and take, and lose nothing."""
    f = Fixture("leak")
    w = Watch(f.pid, "--interval", "500ms")
    f.run("0 15000")
    p = w.process()
    w.end()
    known = [leaf(s) for s in p["sites"] if s["growth_bytes_per_minute"] is not None]
    equal(sorted(known), ["larger", "largest", "same_size"], "callsites whose growth is told")
    equal([leaf(s) for s in growing(p)], [], "what grows")


def test_passive():
    """No call is seen, but what the heap grows by, and for whom: the sizes of his blocks, of 57 bytes,
    are known to the chunk, which 57 to 72 bytes have."""
    harness.real_time("bytes a second are compared")
    f = Fixture("leak")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "500ms")
    f.run("1009 20000")
    p = w.process()
    w.end()
    equal((p["mode"], [leaf(s) for s in growing(p)]), ("passive", ["lose"]),
          "mode and callsites that grow")
    s = growing(p)[0]
    got, error = s["growth_bytes_per_minute"], s["growth_error_bytes_per_minute"]
    check(60 * 1009 * 57 - 2 * error <= got <= 60 * 1009 * 72 + 2 * error,
          "grows by %.0f +- %.0f, really %d" % (got, error, 60 * 1009 * 57))
    # A block of 57 bytes takes 80.
    want, got = 60 * 1009 * 80, p["heap_growth_bytes_per_minute"]
    check(abs(got - want) <= 0.1 * want, "the heap grows by %.0f, really %d a minute" % (got, want))


def test_passive_scratch():
    """The heap grows for blocks that are gone right away, and what is lost fills the place: who asked
    for them is not named, and may hold nothing."""
    f = Fixture("leak")
    w = Watch(f.pid, "--max-overhead", "0", "--interval", "500ms")
    f.run("10007 8000 8009")
    p = w.process()
    w.end()
    equal(p["mode"], "passive", "mode")
    names = [leaf(s) for s in growing(p)]
    check(names in ([], ["lose"]), "what grows: %s" % names)
    equal([s["bytes_low"] for s in p["sites"] if s["kind"] == "heap" and leaf(s) == "scratch" and
           s["bytes_low"]], [], "what scratch holds at least")


LOST = 104
REPORTS = 240  # at most: how many windows there are in a second is the machine's
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"


def sampled_leak(env, overhead):
    """A callsite of a storm is named, alone, however few of its calls are seen; what it loses is the
    fixture's truth, within twice the bar, which is to hold it nine times in ten."""
    harness.real_time("bytes a second are compared")
    f = Fixture("storm", env=dict(os.environ, **env))
    w = Watch(f.pid, "--max-overhead", overhead, "--interval", "1s")
    f.tell("leak 20011")
    named, looks, p = None, set(), None
    for _ in range(REPORTS):
        p = w.next_report()["processes"][0]
        names = [leaf(s) for s in growing(p)]
        check(names in ([], ["lose"]), "what grows: %s" % names)
        if names:
            named = growing(p)[0]
            looks.add(named["growth_seconds"])
        if len(looks) == 3:
            break
    w.end()
    want = 60 * LOST * f.run("pairs 1 1")["lost_a_second"]
    check(named, "nothing was said to grow; really %.0f bytes a minute" % want)
    equal(p["mode"] in ("sampled", "large", "passive"), True, "not every call was seen: " + p["mode"])
    got, error = named["growth_bytes_per_minute"], named["growth_error_bytes_per_minute"]
    check(abs(got - want) <= 2 * error, "grows by %.0f +- %.0f, really %.0f a minute" % (
        got, error, want))


def test_sampled_glibc():
    sampled_leak({}, "20")


def test_sampled_jemalloc():
    if not os.path.exists(JEMALLOC):
        harness.skip("%s is not installed" % JEMALLOC)
    # All that it holds is one class, to which all callsites belong: that takes more samples.
    sampled_leak({"LD_PRELOAD": JEMALLOC}, "20")


def test_sampled_steady():
    """A storm that loses nothing: in no report anything is named."""
    f = Fixture("storm")
    w = Watch(f.pid, "--max-overhead", "1", "--interval", "1s")
    f.run("mix 20000")
    p = w.process()
    w.end()
    equal([leaf(s) for s in growing(p)], [], "what grows")
    check(p["windows"] > 0, "no window")


TESTS = {fn.__name__: fn for fn in (test_exact, test_steady, test_passive, test_passive_scratch,
                                    test_sampled_glibc, test_sampled_jemalloc,
                                    test_sampled_steady)}

if __name__ == "__main__":
    harness.main(TESTS)
