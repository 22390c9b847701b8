# SPDX-License-Identifier: Apache-2.0
"""The clients of test_clients.py, each followed by one agent that was there before."""

import pytest
from agent_bench import AgentBench
from conftest import CLIENTS, KEY, node_command, old_pythons, python_client
from spans import check_resources, id_of
from test_clients import PYTHONS, SDKS


@pytest.fixture(scope="module")
def followed(host, host_provider, tmp_path_factory):
    with AgentBench(host, host_provider, tmp_path_factory.mktemp("agent")) as bench:
        bench.start()
        yield bench


def run_and_check(bench, command, env=None):
    bench.provider.calls()
    bench.client(command, env).ok()
    log = bench.provider.calls()
    spans = bench.check(log)
    ids = set(map(id_of, spans))
    check_resources([span for span in bench.collector.spans() if id_of(span) in ids])
    assert KEY not in str(spans)
    return spans, log


@pytest.mark.parametrize("client", SDKS)
def test_sdk(followed, client):
    run_and_check(followed, python_client(client))


def test_agent_with_a_child(followed):
    spans, _ = run_and_check(followed, python_client("agent"))
    assert len({span["resource"]["process.pid"] for span in spans}) == 2


def test_curl(followed):
    spans, _ = run_and_check(followed, ["/bin/sh", CLIENTS / "curl.sh"])
    assert {span["resource"]["service.name"] for span in spans} == {"curl"}


@pytest.mark.parametrize("python", PYTHONS)
def test_http_client(followed, python):
    found = old_pythons()
    if python not in found:
        pytest.skip("%s is not on this machine" % python)
    run_and_check(followed, [found[python], CLIENTS / "http_client.py"])


@pytest.mark.parametrize("node", ["node-debian", "node-official"])
def test_node(followed, node):
    run_and_check(followed, *node_command(node))


def test_pool_of_8_connections(followed):
    assert len(run_and_check(followed, python_client("pool"))[0]) == 64


def test_burst_of_64_connections(followed):
    assert len(run_and_check(followed, python_client("burst"))[0]) == 64


def test_the_ledger_has_what_was_exported(followed):
    """The last one: nothing came late, nothing is lost, nobody unseen."""
    followed.end()
    report = followed.host.report()
    exported = set(map(id_of, followed.collector.spans()))
    assert {(call["trace_id"], call["span_id"]) for call in report["calls"]} == exported
    assert (report["lost"], report["unseen"]) == ({}, [])
