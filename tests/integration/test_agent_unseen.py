# SPDX-License-Identifier: Apache-2.0
"""What the agent can not capture is said, with the remedy: what lives on, and what is gone at once."""

import json
import shutil
import time

import pytest
from agent_bench import AgentBench
from test_unseen import GO, GO_SHORT, entry_of, go_build

REPEATS = 3


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    return go_build(tmp_path_factory.mktemp("go"), GO)


@pytest.fixture(scope="module")
def go_short(tmp_path_factory):
    return go_build(tmp_path_factory.mktemp("go_short"), GO_SHORT)


@pytest.fixture(scope="module")
def followed(host, host_provider, tmp_path_factory):
    with AgentBench(host, host_provider, tmp_path_factory.mktemp("agent")) as bench:
        bench.start()
        yield bench


def told(bench, program, seconds=60):
    """What the report says of it, as soon as it says so."""
    until = time.monotonic() + seconds
    while True:
        report = bench.host.report()
        if program.parent.name in json.dumps(report["unseen"]):
            return report, entry_of(report, program.parent.name)
        assert time.monotonic() < until, report["unseen"]
        time.sleep(0.2)


def check_reason(entry):
    assert "Go" in entry["reason"] and "inside the executable" in entry["reason"], entry
    assert entry["remedy"]


def test_static_program(followed, go_program):
    """While it lives: an agent has no end to wait for."""
    program = followed.client([go_program])
    report, entry = told(followed, go_program)
    check_reason(entry)
    assert not report["totals"]["complete"]
    program.ok()
    assert len(followed.provider.calls()) == 20


def test_program_that_is_gone_at_once(followed, go_short):
    for _ in range(REPEATS):
        followed.client([go_short]).wait()
    report, entry = told(followed, go_short)
    check_reason(entry)
    found = [one for one in report["unseen"] if go_short.parent.name in json.dumps(one)]
    assert len({one["process.pid"] for one in found}) == len(found)


def test_what_uses_no_tls_is_not_told(followed, go_short, tmp_path):
    """A connection alone is nothing: it is passed over before what comes after it is told."""
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
    silent = followed.host.run("/usr/bin/python3", "-c", code, followed.provider.port).ok()
    after = tmp_path / "unseen"  # a file that was not searched yet
    shutil.copy(go_short, after)
    followed.client([after]).wait()
    report, _ = told(followed, after)
    assert "/usr/bin/python3" not in json.dumps(report["unseen"])
    assert silent.pid not in {entry["process.pid"] for entry in report["unseen"]}
