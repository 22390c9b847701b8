# SPDX-License-Identifier: Apache-2.0
"""What can not be captured is said, with the remedy; what is outside the tree is left alone."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import CLIENTS, NODE, clean_env, need_root, node_command, python_client, wait_until

GO = """package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	pem, _ := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for i := 0; i < 20; i++ {
		answer, err := client.Post(os.Getenv("OPENAI_BASE_URL")+"/chat/completions", "application/json",
			strings.NewReader(`{"model":"fault-slow=30/gpt-4o","messages":[]}`))
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}
"""


GO_SHORT = """package main

import (
	"crypto/tls"
	"os"
	"strings"
)

func main() {
	host := strings.Split(strings.TrimPrefix(os.Getenv("OPENAI_BASE_URL"), "https://"), "/")[0]
	if connection, err := tls.Dial("tcp", host, nil); err == nil {
		connection.Close()
	}
}
"""


def entry_of(summary, name):
    found = [entry for entry in summary["unseen"] if name in json.dumps(entry)]
    assert found, summary["unseen"]
    return found[0]


def test_official_node_by_preload(bench):
    """It calls its own OpenSSL directly: the shim sees nothing, and says so."""
    command, env = node_command("node-official")
    ran = bench.run("preload", command, env).ok()
    assert bench.provider.calls()
    assert ran.calls == []
    entry = entry_of(ran.summary, "node")
    assert entry["reason"] and entry["remedy"]


def test_program_that_is_gone_at_once(bench):
    """The shim counts its connection: none of the looks at /proc has to meet it."""
    _, env = node_command("node-official")
    code = "fetch(process.env.OPENAI_BASE_URL + '/models').then(() => process.exit(0))"
    for _ in range(5):
        ran = bench.run("preload", [NODE, "-e", code], env).ok()
        entry = entry_of(ran.summary, "node")
        assert "OpenSSL" in entry["reason"]


def go_build(folder, source):
    """A static program with a TLS library of its own."""
    (folder / "main.go").write_text(source)
    try:
        built = subprocess.run(
            ["go", "build", "-o", "unseen", "main.go"],
            cwd=str(folder),
            check=False,
            env=dict(os.environ, CGO_ENABLED="0", GO111MODULE="off", GOFLAGS=""),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    except FileNotFoundError:
        pytest.skip("there is no Go compiler")
    if built.returncode:
        pytest.skip("Go does not build here: " + built.stderr[:200])
    return folder / "unseen"


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    """It makes some calls."""
    return go_build(tmp_path_factory.mktemp("go"), GO)


@pytest.fixture(scope="module")
def go_short(tmp_path_factory):
    """It lives for some milliseconds, between two looks at /proc."""
    return go_build(tmp_path_factory.mktemp("go_short"), GO_SHORT)


def test_static_program(bench, mode, go_program):
    bench.provider.calls()
    ran = bench.run(mode, [go_program]).ok()
    assert len(bench.provider.calls()) == 20
    assert ran.calls == []
    entry = entry_of(ran.summary, "unseen")
    assert entry["reason"] and entry["remedy"]


@pytest.mark.parametrize("command", ["exec {0}", "{0}; exit 0"])
def test_static_program_that_is_gone_at_once(bench, go_short, command):
    """Under eBPF its connection is told, and its file: once, and always."""
    need_root()
    for _ in range(5):
        ran = bench.run("ebpf", ["/bin/sh", "-c", command.format(go_short)]).ok()
        assert len(ran.summary["unseen"]) == 1, ran.summary["unseen"]
        assert "Go's crypto/tls" in ran.summary["unseen"][0]["reason"]


def test_plain_tcp_is_no_unseen_call(bench, mode):
    """A program without any TLS library connects: nothing of it can be missing."""
    code = "exec 2>/dev/null; exec 3<>/dev/tcp/127.0.0.1/%d; sleep 0.2; exit 0"
    ran = bench.run(mode, ["/bin/bash", "-c", code % bench.provider.port]).ok()
    assert ran.summary["unseen"] == []
    assert ran.summary["totals"]["complete"] is True


def test_check_says_so_before(bench, go_program):
    done = bench.tollspan("check", go_program)
    assert done.returncode == 1 and "unseen" in done.stdout + done.stderr


def test_text_summary_names_it(bench, go_program):
    ran = bench.run("preload", [go_program], summary="text").ok()
    assert "unseen" in ran.text.lower()


def test_process_outside_the_tree_adds_nothing(bench):
    """Another process on the same library, busy throughout, is not in the summary."""
    need_root()
    env = clean_env(bench.provider, bench.home, CALLS="1000000")
    bench.provider.calls()
    other = subprocess.Popen(
        [str(part) for part in python_client("http_client")], env=env, stdin=subprocess.DEVNULL
    )
    try:
        bench.provider.wait(1)
        ran = bench.run("ebpf", ["/bin/sh", CLIENTS / "curl.sh"]).ok()
        outside_was_busy = other.poll() is None
    finally:
        other.terminate()
        other.wait()
    assert outside_was_busy
    assert len(ran.calls) == 5
    assert {call["process.executable.name"] for call in ran.calls} == {"curl"}
    assert ran.summary["lost"] == {}


def test_attach_to_a_running_process(bench):
    """run -p: what runs, and its children."""
    need_root()
    python, script = python_client("http_client")
    code = (
        "import sys, runpy; sys.stdin.read(); sys.argv = [sys.argv[1]]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    child = subprocess.Popen(
        [str(python), "-c", code, str(script)],
        env=clean_env(bench.provider, bench.home),
        stdin=subprocess.PIPE,
    )
    path = bench.folder / "summary"
    options = ["--summary=json", "--summary-file=%s" % path, "--ledger=%s" % bench.ledger]
    try:
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(
                bench.tollspan, "run", "-p", child.pid, *options, "--endpoint", bench.endpoint()
            )
            # it opens the ledger once it follows the process
            wait_until(lambda: run.done() or bench.ledger.exists())
            child.stdin.close()
            done = run.result()
    finally:
        child.terminate()
        status = child.wait()
    assert done.returncode == 0, done.stderr
    assert status == 0, "the process was disturbed"
    assert len(json.loads(path.read_text())["calls"]) == 6


def test_exported_tls_in_an_executable_is_seen(bench):
    need_root()
    assert NODE.exists()
    done = bench.tollspan("check", NODE)
    assert done.returncode == 0 and "SSL_" in done.stdout
