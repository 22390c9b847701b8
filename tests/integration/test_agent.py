# SPDX-License-Identifier: Apache-2.0
"""`tollspan agent`: what it follows, what it tells, and how it ends."""

import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from agent_bench import AgentBench, Load
from collector import Collector
from conftest import CLIENTS, PYTHON, Tls, clean_env, python_client
from expect import check_calls
from host import LEDGER, SOCKET, HostProvider
from otlp_server import OtlpServer
from spans import assert_bill, call_of, check_resources, id_of, unique

NOBODY, OTHER = 65534, 65533
INSIDE, OUTSIDE = "gpt-4o-mini", "gpt-4o"  # models: of calls that a scope holds, and of others
CHAT = "/v1/chat/completions"
CURL_SH = ["/bin/sh", CLIENTS / "curl.sh"]


def body(model):
    return json.dumps({"model": model, "messages": []})


def curl(bench, model, **how):
    """One call by curl; any user can."""
    ca = Path(bench.provider.ca).read_text()
    bench.host.ask("write", "/run/ca.pem", ca, 0o644)
    command = ["/usr/bin/curl", "-q", "-sS", "--fail", "--cacert", "/run/ca.pem", "-o", "/dev/null"]
    command += ["-H", "authorization: Bearer sk-fake", "-d", body(model)]
    bench.client([*command, bench.provider.base + CHAT], **how).ok()


def python(bench, model, **how):
    """The same by the system's Python."""
    code = (CLIENTS / "raw.py").read_text()
    command = ["/usr/bin/python3", "-c", code, CHAT, body(model)]
    bench.client(command, {"SSL_CERT_FILE": "/run/ca.pem"}, **how).ok()


def check_scope(bench, inside):
    """The agent told of the calls with the model INSIDE, and of no others."""
    log = bench.provider.calls()
    wanted = [entry for entry in log if entry["model_asked"] == INSIDE]
    assert len(wanted) == inside and len(log) > inside
    spans = bench.check(wanted)
    bench.end()
    return spans


@pytest.fixture
def cgroup():
    """A control group: its folder, and its path within the hierarchy."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    tops = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    if not tops or not os.access(tops[0], os.W_OK):
        pytest.skip("there is no cgroup v2")
    folder = tops[0] / ("tollspan-test-%d" % os.getpid())
    folder.mkdir()
    yield folder, "/" + folder.name
    until = time.monotonic() + 60
    while (folder / "cgroup.procs").read_text():
        assert time.monotonic() < until
    folder.rmdir()


# ---- what is followed ----


def test_before_and_after(host, tmp_path):
    """Programs that ran before, one of them with an open connection, and one that comes later."""
    with HostProvider(host, tmp_path, "--usual") as provider, AgentBench(
        host, provider, tmp_path
    ) as bench:
        open_before, idle = bench.held(), bench.held()
        open_before.call()
        provider.calls()
        agent = bench.start()
        assert "ready" in agent.errors()
        for held in (open_before, idle, bench.held()):
            held.call(2)
            held.end()
        log = provider.calls()
        spans = bench.check(log)
        assert len(spans) == 6 and assert_bill(spans, log)
        check_resources(bench.collector.spans())
        assert len({span["trace_id"] for span in spans}) == 3  # a trace is a process
        check_report(bench, log)
        bench.end()


def check_report(bench, log):
    """The ledger, by default the agent's, has the same calls; the server's side is none of them."""
    report = bench.host.report()
    check_calls(report["calls"], log, "ebpf", bench.provider.port)
    assert (report["lost"], report["unseen"]) == ({}, [])
    assert bench.provider.child.pid not in {call["process.pid"] for call in report["calls"]}
    call = report["calls"][0]
    tree = bench.host.tollspan("trace", call["trace_id"]).ok().output()
    assert call["trace_id"] in tree and str(call["process.pid"]) in tree


def test_scope_uid(agent_bench):
    agent_bench.start("--uid", NOBODY, "--uid", OTHER)
    for uid in (NOBODY, OTHER):
        curl(agent_bench, INSIDE, uid=uid)
    curl(agent_bench, OUTSIDE)
    check_scope(agent_bench, 2)


def test_scope_pid(agent_bench):
    """With descendants, of before and after."""
    bench, go = agent_bench, agent_bench.host.name("go")
    script = '(until [ -e "$1" ]; do sleep 0.02; done; sh "$0") & ' * 2 + "wait; sh $0"
    tree = bench.client(["/bin/sh", "-c", script, CLIENTS / "curl.sh", go])
    bench.start("--pid", tree.pid)
    curl(bench, OUTSIDE)
    other = bench.provider.calls()
    go.touch()
    tree.ok()
    log = bench.provider.calls()
    assert len(other) == 1 and len(log) == 15
    bench.check(log)
    bench.end()


def test_scope_cgroup(agent_bench, cgroup):
    folder, path = cgroup
    agent_bench.start("--cgroup", path)
    curl(agent_bench, INSIDE, cgroup=str(folder))
    curl(agent_bench, OUTSIDE)
    check_scope(agent_bench, 1)


def test_scope_exe(agent_bench):
    agent_bench.start("--exe", "/usr/bin/curl")
    curl(agent_bench, INSIDE)
    python(agent_bench, OUTSIDE)
    check_scope(agent_bench, 1)


def test_scopes_of_two_kinds_are_and(agent_bench):
    agent_bench.start("--uid", NOBODY, "--exe", "/usr/bin/curl")
    curl(agent_bench, INSIDE, uid=NOBODY)
    curl(agent_bench, OUTSIDE)
    python(agent_bench, OUTSIDE, uid=NOBODY)
    check_scope(agent_bench, 1)


def test_what_leaves_the_scope_is_told_to_end(agent_bench):
    """Its end, though it is another program by then."""
    bench = agent_bench
    bench.start("--exe", os.path.realpath("/usr/bin/python3"))
    bench.host.ask("write", "/run/ca.pem", Path(bench.provider.ca).read_text(), 0o644)
    code = (CLIENTS / "raw.py").read_text() + "\nimport os\nos.execv('/bin/sleep', ['sleep', '1'])"
    command = ["/usr/bin/python3", "-c", code, CHAT, body(INSIDE)]
    bench.client(command, {"SSL_CERT_FILE": "/run/ca.pem"}).ok()
    bench.check()
    bench.end()
    copy = bench.host.name("ledger")
    bench.host.run("/bin/cp", LEDGER, copy).ok()
    with sqlite3.connect(str(copy)) as ledger:
        assert [bool(row[0]) for row in ledger.execute("SELECT exit_ns FROM process")] == [True]


ZOMBIES = """
import os, socket, struct, sys, time
pids = []
for _ in range(20):
    pid = os.fork()
    if not pid:
        os.execv("/bin/true", ["true"])
    pids.append(pid)
while any(open("/proc/%d/stat" % pid).read().rsplit(") ", 1)[1][0] != "Z" for pid in pids):
    time.sleep(0.01)
open(sys.argv[1], "w").close()
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
for pid in pids + [os.getpid()]:
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    agent.connect(sys.argv[3])
    agent.send(struct.pack("=II", 1, pid))
    print(struct.unpack("=Ii", agent.recv(8))[1])
"""


def test_what_has_ended_is_not_followed(agent_bench):
    """Programs that end before the agent has seen them begin; nobody has waited for them yet."""
    host, agent = agent_bench.host, agent_bench.start()
    mark, go = host.name("mark"), host.name("go")
    agent.signal(signal.SIGSTOP)
    parent = host.spawn(PYTHON, "-c", ZOMBIES, mark, go, SOCKET)
    until = time.monotonic() + 20
    while not mark.exists():
        assert time.monotonic() < until, parent.told()
        time.sleep(0.02)
    agent.signal(signal.SIGCONT)
    go.touch()
    assert parent.ok().output().split() == ["0"] * 20 + ["1"]
    agent_bench.end()


# ---- run under an agent ----


def run_under(bench, mode, *options, **env):
    """A run in the host: its summary."""
    summary, ledger = bench.host.name("summary"), bench.host.name("ledger")
    bench.host.tollspan(
        "run",
        "--capture=" + mode,
        "--summary=json",
        "--summary-file=%s" % summary,
        "--ledger=%s" % ledger,
        "--endpoint",
        "localhost:%d=openai,anthropic" % bench.provider.port,
        *options,
        "--",
        *CURL_SH,
        env=clean_env(bench.provider, bench.host.home, **env),
    ).ok()
    return json.loads(summary.read_text()), ledger


@pytest.mark.parametrize("captured", ["preload", "ebpf"])
def test_run_under_an_agent(agent_bench, captured):
    """Both tell of it, each in its ledger; the agent alone exports."""
    agent_bench.start()
    with OtlpServer() as other:
        told, ledger = run_under(agent_bench, captured, "--export", **other.environment())
        log = agent_bench.provider.calls()
        check_calls(told["calls"], log, captured, agent_bench.provider.port)
        assert (told["lost"], told["unseen"]) == ({}, [])
        agent_bench.check(log)
        report = agent_bench.host.report("--ledger=%s" % ledger)
        assert len(report["calls"]) == len(log)
        agent_bench.end()
        assert other.requests == []


def test_run_that_no_agent_follows_exports(agent_bench):
    agent_bench.start("--uid", NOBODY)
    with OtlpServer() as other:
        run_under(agent_bench, "preload", "--export", **other.environment())
        log = agent_bench.provider.calls()
        calls = [call_of(span) for span in unique(other.spans())]
        check_calls(calls, log, "preload", agent_bench.provider.port)
    agent_bench.end()
    assert agent_bench.collector.spans() == []


# ---- the collector comes and goes ----


def test_collector_comes_later(host, host_provider, tmp_path):
    with AgentBench(host, host_provider, tmp_path, Collector(tmp_path, start=False)) as bench:
        bench.start()
        bench.client(CURL_SH).ok()
        time.sleep(1)
        bench.collector.start()
        bench.check()
        bench.end()


def test_collector_is_killed_under_load(agent_bench):
    agent_bench.start()
    load = Load(agent_bench)
    for _ in range(2):
        agent_bench.provider.wait(20)
        agent_bench.collector.kill()
        agent_bench.provider.wait(20)
        agent_bench.collector.start()
    assert load.end() > 20
    agent_bench.check(once=False)
    agent_bench.end()


def test_collector_by_tls(host, host_provider, tmp_path):
    """The certificate is read by a process that may read no more than any user."""
    tls = Tls(tmp_path)
    host.ask("write", "/run/collector-ca.pem", tls.ca.read_text(), 0o644)
    collector = Collector(tmp_path, tls=tls.pair)
    with AgentBench(host, host_provider, tmp_path, collector) as bench:
        bench.start(OTEL_EXPORTER_OTLP_CERTIFICATE="/run/collector-ca.pem")
        bench.client(CURL_SH).ok()
        bench.check()
        bench.end()


def test_collector_without_zstd(host, host_provider, tmp_path):
    """It is asked once, and never again."""
    with OtlpServer() as server:
        server.refused["zstd"] = 415
        with AgentBench(host, host_provider, tmp_path, server) as bench:
            bench.start()
            for _ in range(2):
                bench.client(CURL_SH).ok()
                bench.check()
            bench.end()
        encodings = [request.encoding for request in server.requests]
        assert encodings[0] == "zstd" and set(encodings[1:]) == {"gzip"} and len(encodings) > 2


# ---- the end ----


def test_end_delivers(agent_bench):
    """What was just over is delivered."""
    agent = agent_bench.start()
    agent_bench.client(python_client("burst")).ok()
    assert agent.stop() == 0
    log = agent_bench.provider.calls()
    spans = unique(agent_bench.collector.spans())
    check_calls([call_of(span) for span in spans], log, "ebpf", agent_bench.provider.port)


def test_end_without_a_collector_keeps(agent_bench):
    """The next agent delivers it."""
    agent = agent_bench.start(flush=None)
    agent_bench.client(CURL_SH).ok()
    log = agent_bench.provider.calls()
    agent_bench.collector.kill()
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 10
    check_calls(agent_bench.host.report()["calls"], log, "ebpf", agent_bench.provider.port)
    agent_bench.collector.start()
    agent_bench.start()
    agent_bench.check(log, once=False)
    agent_bench.end()


def test_end_under_load(agent_bench):
    """Each call that the ledger holds is delivered, with its one id, and is the provider's."""
    agent = agent_bench.start()
    load = Load(agent_bench, pace=20)
    agent_bench.provider.wait(100)
    assert agent.stop() == 0
    load.end()
    known = {entry["response_id"]: entry for entry in agent_bench.provider.calls()}
    spans = unique(agent_bench.collector.spans())
    report = agent_bench.host.report()
    assert len(spans) > 20
    assert {(call["trace_id"], call["span_id"]) for call in report["calls"]} == set(
        map(id_of, spans)
    )
    whole = [span for span in spans if span["attributes"]["tollspan.completeness"] == "exact"]
    assert len(whole) > len(spans) / 2
    entries = [known[span["attributes"]["gen_ai.response.id"]] for span in whole]
    check_calls([call_of(span) for span in whole], entries, "ebpf", agent_bench.provider.port)


# ---- configuration ----


def test_without_an_endpoint(agent_bench):
    """The ledger alone."""
    bench = agent_bench
    endpoint = "localhost:%d=openai,anthropic" % bench.provider.port
    agent = bench.host.agent("--endpoint", endpoint)
    bench.client([PYTHON, CLIENTS / "http_client.py"]).ok()
    assert agent.stop() == 0
    log = bench.provider.calls()
    check_calls(bench.host.report()["calls"], log, "ebpf", bench.provider.port)


def test_resource_attributes_only_add(agent_bench):
    agent_bench.start(
        OTEL_RESOURCE_ATTRIBUTES="team=a%20b,service.name=agent,process.pid=1",
        OTEL_SERVICE_NAME="agent",
    )
    agent_bench.client(CURL_SH).ok()
    agent_bench.client(CURL_SH, {"OTEL_SERVICE_NAME": "its own"}).ok()
    agent_bench.check()
    spans = agent_bench.collector.spans()
    own = [span for span in spans if span["resource"]["service.name"] == "its own"]
    assert len(own) == len(spans) / 2
    check_resources(own, "its own", {"team": "a b"})
    check_resources([span for span in spans if span not in own], None, {"team": "a b"})
    agent_bench.end()


@pytest.mark.parametrize(
    "options,env,word",
    [
        ([], {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
        (["--no-such-option"], {}, "no-such-option"),
        (["--user", "no-such-user"], {}, "no-such-user"),
        (["--uid", "nobody-of-this-name"], {}, "nobody-of-this-name"),
        (["--pid", "4194303"], {}, "4194303"),
    ],
)
def test_does_not_start(host, options, env, word):
    env = clean_env(home=host.home, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:1", **env)
    done = host.tollspan("agent", *options, env=env)
    assert done.poll() in (1, 2) and word in done.errors()
