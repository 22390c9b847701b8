# SPDX-License-Identifier: Apache-2.0
"""Real clients in both modes: every call is what the provider's log says."""

import pytest
from conftest import (
    CLIENTS,
    KEY,
    Bench,
    Provider,
    need_root,
    node_command,
    old_pythons,
    python_client,
)
from expect import check_calls, loss_of, stable

SDKS = ["openai_sync", "openai_async", "anthropic_sync", "anthropic_async"]
PYTHONS = ["python3.%d" % minor for minor in range(6, 14)]


def run_and_check(bench, mode, command, env=None):
    bench.provider.calls()
    ran = bench.run(mode, command, env).ok()
    log = bench.provider.calls()
    assert log, "the client made no call"
    assert loss_of(ran.summary) == {"lost": {}, "unseen": []}
    pairs = check_calls(ran.calls, log, mode, bench.provider.port)
    assert ran.summary["totals"]["calls"] == len(log)
    return ran, pairs


@pytest.mark.parametrize("client", SDKS)
def test_sdk(bench, mode, client):
    ran, pairs = run_and_check(bench, mode, python_client(client))
    for call, entry in pairs:
        assert KEY not in str(call)
        assert call["process.executable.name"].startswith("python")
        if entry["stream"] and entry["status"] == 200 and not entry.get("error"):
            assert 0 <= call["tollspan.time_to_first_token_ms"] <= call["duration_ms"]
    assert ran.stderr == ""


def test_agent_with_a_child(bench, mode):
    ran, pairs = run_and_check(bench, mode, python_client("agent"))
    assert ran.stdout == "the ferry sails\n"
    assert len({call["process.pid"] for call, _ in pairs}) == 2
    assert len({call["trace_id"] for call, _ in pairs}) == 1


def test_curl(bench, mode):
    run_and_check(bench, mode, ["/bin/sh", CLIENTS / "curl.sh"])


@pytest.mark.parametrize("python", PYTHONS)
def test_http_client(bench, mode, python):
    found = old_pythons()
    if python not in found:
        pytest.skip("%s is not on this machine" % python)
    run_and_check(bench, mode, [found[python], CLIENTS / "http_client.py"])


def test_node_debian(bench, mode):
    run_and_check(bench, mode, *node_command("node-debian"))


def test_node_official(bench):
    need_root()
    run_and_check(bench, "ebpf", *node_command("node-official"))


def test_pool_of_8_connections(bench, mode):
    _, pairs = run_and_check(bench, mode, python_client("pool"))
    assert len(pairs) == 64
    assert 1 < len({entry["connection"] for _, entry in pairs}) <= 8


def test_burst_of_64_connections(bench, mode):
    _, pairs = run_and_check(bench, mode, python_client("burst"))
    assert len({entry["connection"] for _, entry in pairs}) == 64


@pytest.mark.parametrize(
    "client", ["openai_sync", "anthropic_sync", "http_client", "curl", "node-debian"]
)
def test_both_modes_see_the_same(tmp_path, client):
    need_root()
    if client == "curl":
        command, env = ["/bin/sh", CLIENTS / "curl.sh"], {}
    elif client == "node-debian":
        command, env = node_command(client)
    else:
        command, env = python_client(client), {}
    seen = {}
    for mode in ("preload", "ebpf"):
        folder = tmp_path / mode
        folder.mkdir()
        server = Provider(folder, "--seed", "7")
        try:
            bench = Bench(folder, server)
            bench.home.rmdir()
            bench.home = tmp_path  # one salt, so that fingerprints are alike
            seen[mode] = bench.run(mode, command, env).ok().calls
        finally:
            server.stop()
    assert seen["preload"]
    assert stable(seen["preload"]) == stable(seen["ebpf"])


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "br", "zstd"])
def test_content_encoding(tmp_path, encoding):
    server = Provider(tmp_path, "--encoding", encoding)
    try:
        bench = Bench(tmp_path, server)
        for command in (python_client("openai_sync"), ["/bin/sh", CLIENTS / "curl.sh"]):
            ran = bench.run("preload", command).ok()
            log = server.calls()
            if encoding != "zstd" or command[0] == "/bin/sh":  # not every client takes zstd
                assert encoding in {entry["encoding"] for entry in log}
            check_calls(ran.calls, log, "preload", server.port)
    finally:
        server.stop()
