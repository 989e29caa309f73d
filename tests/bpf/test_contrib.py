#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""test_contrib.py: what is installed beside the program: that it is right, complete, and works."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
from exporting import Exporter, promtool  # noqa: E402
from harness import check, equal, need  # noqa: E402

TESTS = {}
COMMANDS = ["", "doctor", "explain", "export", "mark", "record", "report", "top"]
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def test(fn):
    TESTS[fn.__name__] = fn
    return fn


def read(name):
    with open(os.path.join(ROOT, name)) as f:
        return f.read()


def run(*cmd, code=0, **options):
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=600, **options)
    equal(r.returncode, code, "exit code of %s (%s)" % (" ".join(cmd), r.stdout[-2000:]))
    return r.stdout


def metrics():
    said = run(harness.heapwatch(), "export", "--list-metrics")
    return said, set(re.findall(r"^\| `(\w+)`", said, re.M))


@test
def documentation_of_metrics():
    said, names = metrics()
    equal(read("contrib/metrics.md"), said, "contrib/metrics.md, against --list-metrics,")
    check(len(names) == said.count("\n| `"), "a metric stands there twice")
    # What is served is documented.
    e = Exporter()
    for name, _ in e.settled():
        check(name in names, "%s is not documented" % name)
    e.end()


@test
def every_option_in_the_manual():
    page = read("contrib/heapwatch.1").replace("\\-", "-")
    for command in COMMANDS:
        if command == "doctor":
            continue
        for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]",
                                     run(harness.heapwatch(), *[command][:bool(command)],
                                         "--help"))):
            check(re.search(re.escape(option) + r"(?![a-z-])", page),
                  "heapwatch.1 lacks %s of '%s'" % (option, command))
    table = read("src/main.c").split("commands[] = {")[1].split("};")[0]
    # trial is not for users: heapwatch starts itself as that.
    equal(sorted(set(re.findall(r'\{"(\w+)"', table)) - {"trial"}), COMMANDS[1:],
          "the commands of main.c")
    for command in COMMANDS[1:]:
        check(re.search(r"(^\.B heapwatch %s\b|\[ %s \])" % (command, command), page, re.M),
              "heapwatch.1 lacks the command " + command)
        for file in ("contrib/heapwatch.bash", "contrib/_heapwatch"):
            check(re.search(r"\b%s\b" % command, read(file)), "%s lacks %s" % (file, command))


@test
def manual_is_well_formed():
    equal(run(need("man"), "-l", "--warnings=w", os.path.join(ROOT, "contrib/heapwatch.1"),
              env={**os.environ, "MANPAGER": "cat >/dev/null", "PAGER": "cat"}).count("warning"),
          0, "warnings of man")


@test
def bash_completes():
    library = "/usr/share/bash-completion/bash_completion"
    if not os.path.exists(library):
        harness.skip("bash-completion is not installed")
    script = """source %s; source %s/contrib/heapwatch.bash
COMP_LINE="%s"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_heapwatch; printf '%%s\\n' "${COMPREPLY[@]}" """
    for words, want in (("heapwatch ex", ["explain", "export"]),
                        ("heapwatch export --lis", ["--list-metrics", "--listen"]),
                        ("heapwatch report --di", ["--diff"]),
                        ("heapwatch export --group-by c", ["comm", "cgroup"])):
        said = run("bash", "-c", script % (library, ROOT, words, words),
                   env={**os.environ, "PATH": os.path.abspath(harness.BUILD) + ":" +
                        os.environ["PATH"]})
        equal(said.split(), want, "completions of '%s'" % words)


@test
def alert_rules():
    rules = os.path.join(ROOT, "contrib/alerts.yml")
    promtool("check", "rules", rules)
    promtool("test", "rules", os.path.join(ROOT, "contrib/alerts_test.yml"))
    _, names = metrics()
    used = set(re.findall(r"\bheapwatch_\w+", read("contrib/alerts.yml")))
    check(used and used <= names, "alerts.yml uses %s" % (used - names))


@test
def dashboard():
    board = json.loads(read("contrib/grafana.json"))
    _, names = metrics()
    asked = [t["expr"] for p in board["panels"] for t in p["targets"]]
    asked += [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    for expr in asked:
        for name in re.findall(r"\b(?:heapwatch|process)_\w+", expr):
            check(name in names, "grafana.json asks for %s" % name)
    equal(len({p["id"] for p in board["panels"]}), len(board["panels"]), "panels' ids")


def verify(unit):
    """What systemd-analyze says against it; what it says of other units is not our business."""
    r = subprocess.run([need("systemd-analyze"), "verify", "--man=no", unit],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=harness.TIMEOUT)
    return [l for l in r.stdout.splitlines() if "heapwatch" in l], r.returncode


@test
def systemd_unit():
    d = harness.scratch()
    unit = os.path.join(d, "heapwatch.service")
    os.mkdir(os.path.join(d, "bin"))
    os.symlink(os.path.abspath(harness.heapwatch()), os.path.join(d, "bin", "heapwatch"))
    text = read("contrib/heapwatch.service.in").replace("@PREFIX@", d)
    with open(unit, "w") as f:
        f.write(text)
    equal(verify(unit), ([], 0), "what systemd-analyze says")
    with open(unit, "w") as f:
        f.write(text.replace("ProtectClock", "ProtectClck"))
    check(verify(unit)[0], "systemd-analyze takes anything")
    # Its capabilities are those that tests/bpf/test_export_limits.py runs with.
    from test_export_limits import CAPABILITIES
    given = re.search(r"^CapabilityBoundingSet=(.*)$", text, re.M)[1].split()
    equal(sorted(given), sorted("CAP_" + c.upper() for c in CAPABILITIES), "capabilities")
    added = re.search(r"add: \[(.*)\]", read("contrib/kubernetes.yaml"))[1].split(", ")
    equal(sorted(added), sorted(c.upper() for c in CAPABILITIES), "capabilities in Kubernetes")


@test
def kubernetes_manifest():
    text = read("contrib/kubernetes.yaml")
    python = subprocess.run([sys.executable, "-c", "import yaml"], stderr=subprocess.DEVNULL)
    if python.returncode:
        harness.skip("python3-yaml is not installed")
    import yaml
    kinds = {d["kind"]: d for d in yaml.safe_load_all(text)}
    equal(sorted(kinds), ["ConfigMap", "DaemonSet", "Namespace"], "kinds")
    pod = kinds["DaemonSet"]["spec"]["template"]["spec"]
    args = pod["containers"][0]["args"]
    equal(pod["hostPID"], True, "hostPID")
    mounted = {m["name"] for m in pod["containers"][0]["volumeMounts"]}
    equal(mounted, {v["name"] for v in pod["volumes"]}, "volumes and mounts")
    # The options are ones, and the rules are ones.
    rules = os.path.join(harness.scratch(), "rules")
    with open(rules, "w") as f:
        f.write(kinds["ConfigMap"]["data"]["rules"])
    args = [a for a in args[1:] if not a.startswith(("--listen", "--rules"))]
    Exporter("--rules", rules, *args).end()


@test
def example_rules():
    """As they are, and with what stands there commented out."""
    text = read("contrib/rules.example")
    path = os.path.join(harness.scratch(), "rules")
    examples = text.split("# Without")[1].split("\n", 1)[1]
    with open(path, "w") as f:
        f.write(text + re.sub(r"^# (?=(group|ignore|watch) +\S)", "", examples, flags=re.M))
    Exporter("--rules", path).end()


@test
def installed():
    d = harness.scratch()
    run("make", "-C", ROOT, "BUILD=" + os.path.abspath(harness.BUILD), "install",
        "DESTDIR=" + d, "PREFIX=/opt/hw")
    found = sorted(os.path.relpath(f, d) for f in glob.glob(d + "/**", recursive=True)
                   if os.path.isfile(f))
    for name in ("bin/heapwatch", "share/man/man1/heapwatch.1",
                 "share/bash-completion/completions/heapwatch",
                 "share/zsh/site-functions/_heapwatch", "lib/systemd/system/heapwatch.service",
                 "share/doc/heapwatch/metrics.md", "share/doc/heapwatch/alerts.yml",
                 "share/doc/heapwatch/grafana.json", "share/doc/heapwatch/kubernetes.yaml"):
        check("opt/hw/" + name in found, "%s is not among %s" % (name, found))
    with open(d + "/opt/hw/lib/systemd/system/heapwatch.service") as f:
        check("ExecStart=/opt/hw/bin/heapwatch export" in f.read(), "ExecStart is elsewhere")


@test
def debian_package():
    """Built, installed into a directory by dpkg itself, run from there, and removed again."""
    need("dpkg-shlibdeps")
    d = harness.scratch()
    build = os.path.join(d, "build")
    os.mkdir(build)
    shutil.copy2(harness.heapwatch(), build)
    run("make", "-C", ROOT, "-o", "all", "BUILD=" + build, "deb")
    package, = glob.glob(build + "/deb/*.deb")
    root = os.path.join(d, "root")
    os.makedirs(root + "/var/lib/dpkg/info")
    os.makedirs(root + "/var/lib/dpkg/updates")
    for name in ("status", "available"):
        open(root + "/var/lib/dpkg/" + name, "w").close()
    dpkg = ["dpkg", "--root=" + root, "--force-not-root", "--force-script-chrootless",
            "--force-depends"]
    run(*dpkg, "--install", package)
    check("install ok installed" in run("dpkg-query", "--admindir=" + root + "/var/lib/dpkg",
                                        "-W", "-f=${Status}", "heapwatch"), "not installed")
    installed = os.path.join(root, "usr/bin/heapwatch")
    equal(run(installed, "export", "--list-metrics"), read("contrib/metrics.md"), "metrics")
    mine, harness.heapwatch = harness.heapwatch, lambda: installed
    try:
        e = Exporter("--rules", root + "/etc/heapwatch/rules")
        check(e.settled()["heapwatch_groups", ()] > 0, "no group")
        e.end()
    finally:
        harness.heapwatch = mine
    run(*dpkg, "--purge", "heapwatch")
    left = [f for f in glob.glob(root + "/**", recursive=True)
            if os.path.isfile(f) and "/var/lib/dpkg/" not in f]
    equal(left, [], "files that are left")


if __name__ == "__main__":
    harness.main(TESTS)
