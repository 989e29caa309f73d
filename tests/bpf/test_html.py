#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_html.py: the page of a recording in headless Chromium: what it shows is what the recording
says, at any instant, by mouse-free means, whatever names say."""
import html
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from harness import Fixture, check, equal, heapwatch, need, scratch, skip  # noqa: E402
from test_record import Recorder, as_json, run  # noqa: E402

HOSTILE = "</script><b id=x>&\"'"
TESTS = {}
made = {}


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def size(n):
    names, value, i = ["B", "KiB", "MiB", "GiB"], float(n), 0
    while value >= 999.5:
        value, i = value / 1024, i + 1
    digits = 0 if not i else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return "%.*f %s" % (digits, value, names[i])


def recording():
    """Of a program whose path, function and marks are hostile; made once for all tests."""
    if made:
        return made
    where = os.path.join(scratch(), "<img src=x onerror=document.title=1>")
    os.mkdir(where)
    program = os.path.join(where, "churn")
    run(need("objcopy"), "--redefine-sym", "site_malloc=" + HOSTILE, "--strip-debug",
        os.path.join(harness.BUILD, "fixtures", "churn"), program)
    f = Fixture(program)
    r = Recorder(f.pid)
    r.ticks(2)
    run(heapwatch(), "mark", "-o", r.file, "before " + HOSTILE)
    r.ticks(1)
    made.update(file=r.file, pid=f.pid, truth=f.run("family"))
    r.ticks(3)
    r.end()
    made["page"] = os.path.join(os.path.dirname(r.file), "a.html")
    run(heapwatch(), "report", r.file, "--html", "-o", made["page"])
    return made


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    skip("no chromium here")


def dom(page, fragment="", script=None):
    """The page as it is once it has drawn itself; script: run then, sets document.title."""
    harness.real_time("a browser needs minutes for a page")
    if script:
        with open(page) as f:
            text = f.read()
        page = os.path.join(scratch(), "scripted.html")
        with open(page, "w") as f:
            f.write(text.replace("</body>", "<script>(async () => { while (!document."
                                 "documentElement.dataset.ready) await new Promise(r => setTimeout"
                                 "(r, 20)); document.title = await (async () => { %s })(); })()"
                                 "</script></body>" % script))
    r = subprocess.run([browser(), "--headless", "--no-sandbox", "--disable-gpu",
                        "--user-data-dir=" + scratch(), "--window-size=1300,1400",
                        "--virtual-time-budget=10000", "--dump-dom",
                        "file://%s%s" % (page, fragment)], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, errors="replace", timeout=180)
    check('data-ready="yes"' in r.stdout, "the page is not ready: %s" % (
        re.findall(r'id="problem"[^>]*>[^<]*', r.stdout) or r.stderr[-500:]))
    return r.stdout


def words(text):
    """What a reader sees of a piece of the page."""
    return html.unescape(re.sub(r"<[^>]*>", "\x1f", text))


def table(page, name):
    body = re.search(r'<table id="%s">.*?<tbody>(.*?)</tbody>' % name, page, re.S)[1]
    return [[words(cell).replace("\x1f", "") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row,
                                                                    re.S)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)]


@test
def no_network():
    """Nothing in the file leads out of it, and the browser is told to follow nothing."""
    with open(recording()["page"]) as f:
        text = f.read()
    check("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\""
          in text, "no Content-Security-Policy")
    code = re.sub(r'<script type="text/plain" id="data">[A-Za-z0-9+/=]*</script>', "", text)
    check(len(code) < len(text), "the data is not plain base64")
    # The one address is the name of SVG's namespace.
    equal(re.findall(r"https?://[^'\"]*", code), ["http://www.w3.org/2000/svg"], "addresses")
    equal(re.findall(r"\b(?:src|href)\s*=\s*[\"'a-z/]", code), [], "references")


@test
def as_the_recording_says():
    r = recording()
    want = as_json(r["file"], "--at", "end")["processes"][0]
    page = dom(r["page"], "#t=100000")
    rows = table(page, "processes")
    equal(len(rows), 1, "processes")
    equal(rows[0][1:4], [size(want["rss_bytes"] - want["shared_bytes"]), size(want["rss_bytes"]),
                         size(want["shared_bytes"])], "private, RSS, shared")
    equal(rows[0][6:8], [size(want["outstanding_bytes"]), size(want["mapped_bytes"])],
          "outstanding and mapped")
    sites = table(page, "sites")
    equal([(s[0], s[1]) for s in sites[:10]],
          [(size(s["bytes"]), "{:,}".format(s["blocks"])) for s in want["sites"][:10]],
          "bytes and blocks of the first callsites")
    for got, site in zip(sites[:10], want["sites"]):
        check(got[-1].startswith(site["frames"][0]["function"]), "%s is not %s" % (
            got[-1], site["frames"][0]["function"]))
    total = want["outstanding_bytes"] + want["mapped_bytes"]
    check("all  %s (100.0 %%)" % size(total) in words(page), "the flame graph's root")


@test
def other_instants():
    r = recording()
    first = as_json(r["file"], "--at", "0s")["elapsed_seconds"]
    page = dom(r["page"], "#t=%f" % first)
    equal(table(page, "sites"), [], "callsites before anything was allocated")
    check("Nothing that was allocated since the attach is held." in page, "it does not say so")
    diff = as_json(r["file"], "--diff", "0s", "end")["changes"][0]["sites"]
    want = sorted((s["bytes"] for s in diff if s["bytes"] or s["blocks"]), key=abs, reverse=True)
    page = dom(r["page"], "#t=100000&b=%f" % first)
    equal([s[0] for s in table(page, "sites")], ["+" + size(b) if b else size(b) for b in want],
          "what changed")


@test
def hostile_names():
    r = recording()
    page = dom(r["page"])
    equal(page.count("<script"), 2, "scripts in the page")
    check('<b id="x"' not in page and "<img" not in page, "a name became markup")
    check("<title>heapwatch recording</title>" in page, "a name ran as a script")
    text = words(page)
    check(HOSTILE in text, "the function's name is not shown as it is")
    check("before " + HOSTILE in text, "the mark is not shown as it is")
    check("<img src=x onerror=document.title=1>" in text, "the path is not shown as it is")


@test
def by_keyboard():
    """The chart and the flame graph are reached and driven without a mouse."""
    r = recording()
    script = """
      const key = (e, k) => e.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true }));
      const chart = document.getElementById('chart'), said = [];
      const now = () => chart.getAttribute('aria-valuenow');
      const last = +chart.getAttribute('aria-valuemax');
      key(chart, 'Home'); said.push(now() == 0);
      key(chart, 'ArrowRight'); said.push(now() == 1);
      key(chart, 'End'); said.push(now() == last);
      key(chart, 'm'); said.push(now() > 0 && now() < last);
      key(chart, 'p'); said.push(document.getElementById('when').textContent.includes('the peak'));
      key(chart, 'End'); key(chart, 'Home'); key(chart, 'c'); key(chart, 'End');
      said.push(/ to /.test(document.getElementById('when').textContent));
      key(chart, 'c');
      const flame = document.getElementById('flame'), tops = () => flame.querySelectorAll('.above').length;
      const first = flame.querySelector('[tabindex="0"]');
      first.focus(); key(first, 'ArrowDown');
      const below = document.activeElement;
      said.push(below !== first && below.getAttribute('aria-level') == 2);
      key(below, 'Enter'); said.push(tops() == 1);
      key(document.activeElement, 'Escape'); said.push(tops() == 0);
      const box = document.getElementById('search');
      box.value = 'main'; box.dispatchEvent(new Event('input'));
      said.push(flame.querySelectorAll('.hit').length > 0);
      said.push(document.querySelectorAll('#chart[tabindex="0"][role="slider"]').length == 1);
      return said.join(' ');
    """
    page = dom(r["page"], script=script)
    equal(re.search(r"<title>(.*?)</title>", page)[1], " ".join(["true"] * 11), "what keys did")


@test
def same_every_time():
    r = recording()
    again = os.path.join(scratch(), "b.html")
    run(heapwatch(), "report", r["file"], "--html", "-o", again)
    with open(again, "rb") as a, open(r["page"], "rb") as b:
        check(a.read() == b.read(), "two pages of one recording differ")


if __name__ == "__main__":
    harness.main(TESTS)
