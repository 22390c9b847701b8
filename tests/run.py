#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the unit test programs and the integration suite; say what failed and what was skipped.

With CI=true the names of the executed cases must be those of tests/cases.txt. A line of that list
is a name, and after a `?` why a machine may have to skip the case. Arguments pick cases by
a part of their name; the list is then not compared.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases.txt"
UNIT_TIMEOUT = 900
NEEDS_ROOT = "eBPF needs root"
NEEDS_COLLECTOR = "there is no Go 1.26"  # to build an OpenTelemetry Collector
COLLECTOR_USERS = {"collector", "Collector", "AgentBench", "agent_bench", "followed", "roles"}
ROOT_USERS = {"host", "Host", "need_root", "roles"}
# What measures times, or is answered within some: each has the machine for itself.
ALONE = re.compile(
    r"/(agent/test_(agent_socket|export_rows)|exporter/.*|ledger/test_kill|preload/.*"
    r"|pricing/test_(builtin|table)|source/test_(ebpf|preload)|util/test_redact)$"
)
PRIVILEGED = re.compile(r"ebpf|sandbox|test_(attach_cycles|files|kernel)$")
LINE = re.compile(r"^(ok|FAIL|skip) ([A-Za-z0-9_]+)(?:: (.*))?$")


class Results:
    """Case name → (verdict, why)."""

    def __init__(self):
        self.cases = {}
        self.lock = threading.Lock()

    def add(self, name, verdict, why=""):
        with self.lock:
            self.cases[name] = (verdict, why)
        if verdict == "failed":
            print("FAIL %s: %s" % (name, why), flush=True)

    def of(self, verdict):
        return sorted(name for name, (was, _) in self.cases.items() if was == verdict)


def unit_programs(build):
    return sorted(
        path
        for path in (ROOT / build / "tests" / "unit").glob("*/test_*")
        if path.suffix == "" and os.access(path, os.X_OK)
    )


def run_units(programs, results):
    alone = [program for program in programs if ALONE.search(str(program))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda p: run_unit(p, results), [p for p in programs if p not in alone]))
    for program in alone:
        run_unit(program, results)


def run_unit(program, results):
    """A program that dies or hangs fails the case that was running."""
    where = "%s/%s" % (program.parent.name, program.name)
    listed = subprocess.run(
        [str(program), "--list"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=UNIT_TIMEOUT,
        check=False,
        cwd=str(ROOT),
    )
    waiting = listed.stdout.split()
    try:
        ran = subprocess.run(
            [str(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=UNIT_TIMEOUT,
            check=False,
            cwd=str(ROOT),
        )
        output, status = ran.stdout, ran.returncode
    except subprocess.TimeoutExpired as error:
        output, status = error.stdout or b"", "timeout"
    other = []
    for line in output.decode("utf-8", "replace").splitlines():
        match = LINE.match(line)
        if not match or match.group(2) not in waiting:
            other.append(line)
            continue
        verdict = {"ok": "passed", "FAIL": "failed", "skip": "skipped"}[match.group(1)]
        results.add("%s:%s" % (where, match.group(2)), verdict, match.group(3) or "")
        waiting.remove(match.group(2))
    if waiting or not listed.stdout:
        how = (
            "ran over %d s" % UNIT_TIMEOUT
            if status == "timeout"
            else "the program ended with %s" % status
        )
        for name in waiting[:1] or ["(no case)"]:
            results.add("%s:%s" % (where, name), "failed", "\n  ".join([how] + other[-20:]))
        for name in waiting[1:]:
            results.add("%s:%s" % (where, name), "failed", "did not run: %s" % how)
    elif status not in (0, 1) or (
        status == 1 and not any(name.startswith(where + ":") for name in results.of("failed"))
    ):
        results.add(
            "%s:(exit)" % where, "failed", "\n  ".join(["status %s" % status] + other[-20:])
        )


class Collector:
    """A pytest plugin that hands each case's outcome to the results."""

    def __init__(self, results):
        self.results = results
        self.module = None

    def pytest_collectreport(self, report):
        if report.failed:
            self.results.add(short(report.nodeid), "failed", report.longreprtext)

    def pytest_runtest_logstart(self, nodeid):
        module = short(nodeid).split("::")[0]
        if module != self.module:
            self.module = module
            print("  TEST  %s" % module, flush=True)

    def pytest_runtest_logreport(self, report):
        name = short(report.nodeid)
        if report.failed:
            why = "%s\n%s\n%s" % (report.when, report.longreprtext, report.capstdout[-2000:])
            self.results.add(name, "failed", why)
        elif report.skipped:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.results.add(name, "skipped", why.replace("Skipped: ", ""))
        elif report.when == "call":
            self.results.add(name, "passed")


def short(nodeid):
    return nodeid.replace("tests/integration/", "integration/")


def pytest_arguments():
    return [str(ROOT / "tests" / "integration"), "--rootdir", str(ROOT)] + [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
    ]


def run_integration(results, patterns):
    import pytest

    arguments = pytest_arguments()
    if patterns:
        arguments += ["-k", " or ".join(patterns)]
    os.chdir(str(ROOT))
    status = pytest.main(arguments, plugins=[Collector(results)])
    if status not in (0, 1, 5):
        results.add("integration:(pytest)", "failed", "pytest ended with %d" % status)


def read_cases():
    """Name → reason why it may be skipped, or None."""
    cases = {}
    for line in CASES.read_text().splitlines() if CASES.exists() else []:
        name, mark, reason = line.partition(" ?")
        if name and not line.startswith("#"):
            cases[name] = reason.strip() if mark else None
    return cases


def may_hold(reason):
    """Whether this may be why the machine skips a case; nothing is no reason."""
    if not reason:
        return False
    if reason == NEEDS_ROOT:
        return os.geteuid() != 0
    if reason == NEEDS_COLLECTOR:
        return not (ROOT / ".deps" / "collector" / "otelcol").exists() and not have_go()
    return True


def have_go():
    try:
        told = subprocess.run(
            ["go", "env", "GOVERSION"],
            env=dict(os.environ, GOTOOLCHAIN="local"),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        ).stdout
    except FileNotFoundError:
        return False
    version = re.match(r"go1\.(\d+)", told)
    return bool(version) and int(version.group(1)) >= 26


def compare_cases(results):
    listed, bad = read_cases(), []
    for name, reason in sorted(listed.items()):
        verdict, why = results.cases.get(name, (None, ""))
        if verdict is None and reason is None:
            bad.append("%s is in tests/cases.txt and did not run" % name)
        elif verdict == "skipped" and not any(map(may_hold, (reason or "").split("; "))):
            bad.append("%s was skipped (%s), which tests/cases.txt does not allow" % (name, why))
    bad += [
        "%s is not in tests/cases.txt: make cases" % name
        for name in sorted(results.cases)
        if name not in listed and "(" not in name
    ]
    for line in bad:
        print("FAIL cases: %s" % line)
    return len(bad)


class Lister:
    """A pytest plugin that collects the cases, and why a machine may skip one."""

    def __init__(self):
        self.cases = {}

    def pytest_collection_finish(self, session):
        for item in session.items:
            name, reasons = short(item.nodeid), []
            version = re.search(r"python3\.\d+", name)
            if version:
                reasons.append("%s is not on this machine" % version.group())
            if "go_program" in item.fixturenames:
                reasons.append("there is no Go compiler")
            needs = set(item.fixturenames) | set(item.function.__code__.co_names)
            if needs & COLLECTOR_USERS:
                reasons.append(NEEDS_COLLECTOR)
            if "ebpf" in name or needs & ROOT_USERS:
                reasons.append(NEEDS_ROOT)
            if "cgroup" in item.fixturenames:
                reasons.append("there is no cgroup v2")
            self.cases[name] = "; ".join(reasons)


def write_cases(build):
    """List the cases without running them; a reason that the list has already stays."""
    import pytest

    lister = Lister()
    os.chdir(str(ROOT))
    pytest.main(pytest_arguments() + ["--collect-only"], plugins=[lister])
    for program in unit_programs(build):
        names = subprocess.run(
            [str(program), "--list"], stdout=subprocess.PIPE, text=True, check=True
        )
        for name in names.stdout.split():
            reason = NEEDS_ROOT if PRIVILEGED.search(program.name) else ""
            lister.cases["%s/%s:%s" % (program.parent.name, program.name, name)] = reason
    listed = read_cases()
    with open(str(CASES), "w") as file:
        for name, reason in sorted(lister.cases.items()):
            reason = listed.get(name) or reason
            file.write(name + (" ?" + reason if reason else "") + "\n")


def main():
    parser = argparse.ArgumentParser(description="run the tests")
    parser.add_argument("--build", default="build")
    parser.add_argument("--unit", action="store_true", help="only these")
    parser.add_argument("--integration", action="store_true", help="only these")
    parser.add_argument(
        "--sanitized", action="store_true", help="unit tests only, of a build with sanitizers"
    )
    parser.add_argument("--write-cases", action="store_true", help="write tests/cases.txt")
    parser.add_argument("pattern", nargs="*")
    options = parser.parse_args()
    if options.write_cases:
        write_cases(options.build)
        return 0
    results = Results()
    options.unit = options.unit or options.sanitized
    if options.sanitized:
        os.environ.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1")
        os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    both = options.unit == options.integration
    if options.unit or both:
        programs = [
            p
            for p in unit_programs(options.build)
            if not options.pattern or any(word in str(p) for word in options.pattern)
        ]
        run_units(programs, results)
    if options.integration or both:
        run_integration(results, options.pattern)
    passed, failed, skipped = (len(results.of(v)) for v in ("passed", "failed", "skipped"))
    for name in results.of("skipped"):
        print("skip %s: %s" % (name, results.cases[name][1]))
    if os.environ.get("CI") == "true" and both and not options.pattern:
        failed += compare_cases(results)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
