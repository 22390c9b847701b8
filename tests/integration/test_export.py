# SPDX-License-Identifier: Apache-2.0
"""`tollspan run --export`: what collectors get, whatever they do, and what is kept for later."""

import json
import subprocess
from decimal import Decimal

import pytest
from collector import Collector, free_port
from conftest import (
    CLIENTS,
    PYTHON,
    RUN_TIMEOUT,
    TOLLSPAN,
    Bench,
    Provider,
    Tls,
    clean_env,
    fewest,
    python_client,
    took,
)
from expect import COST, check_calls
from otlp_server import RESET, OtlpServer, garbage, partial, silent, slow, status
from spans import assert_bill, call_of, check_resources, check_spans, cost, id_of, unique

CURL = ["/bin/sh", CLIENTS / "curl.sh"]  # its calls are 5
CALLS = 5
FLUSH = 2  # seconds, by default
SLACK = 1.5
PATIENT = ["--flush-timeout=20"]  # it waits for what is missing only


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path) as real:
        yield real


@pytest.fixture
def server():
    with OtlpServer() as fake:
        yield fake


def export(bench, target, command=CURL, mode="preload", options=PATIENT, **env):
    """A run that exports, and the calls that the provider had from it."""
    bench.provider.calls()
    ran = bench.run(mode, command, target.environment(**env), ["--export", *options]).ok()
    return ran, bench.provider.calls()


def check(bench, spans, log, mode="preload", once=True):
    return check_spans(spans, log, mode, bench.provider.port, once)


def lost(bench):
    """Calls that the ledger counts as not exported."""
    done = bench.tollspan("report", "--json", "--ledger=%s" % bench.ledger)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["lost"].get("export", {}).get("records", 0)


def test_real_collector(bench, mode, collector):
    ran, log = export(bench, collector, python_client("openai_sync"), mode)
    spans = check(bench, collector.wait(len(log)), log, mode)
    check_resources(collector.spans())
    calls = {(call["trace_id"], call["span_id"]): call for call in ran.calls}
    assert set(calls) == set(map(id_of, spans))
    for span in spans:
        same(call_of(span), calls[id_of(span)])


def same(told, call):
    """A span's attributes are the fields of `--json`."""
    for name, value in call.items():
        if name in ("start_time", "end_time", "tollspan.charges"):
            assert name in told
        elif name == COST:
            assert told[name] == Decimal(str(value)).quantize(Decimal("1e-12"))
        elif isinstance(value, float):
            assert told[name] == pytest.approx(value, abs=1e-6), name
        else:
            assert told[name] == value, name


def test_processes_are_resources(bench, collector):
    """Two processes, each its own; what names a service is its own variable, not the agent's."""
    attributes = "team=a%20b,deployment.environment.name=test,process.pid=1,host.name=elsewhere"
    _, log = export(bench, collector, python_client("agent"), OTEL_RESOURCE_ATTRIBUTES=attributes)
    spans = collector.wait(len(log))
    check_resources(spans, None, {"team": "a b", "deployment.environment.name": "test"})
    assert len({span["resource"]["process.pid"] for span in spans}) == 2
    _, more = export(bench, collector, OTEL_SERVICE_NAME="my service")
    named = [span for span in collector.wait(len(log) + len(more)) if span not in spans]
    check_resources(named, "my service")


def test_bill(tmp_path, collector):
    """To the last decimal."""
    with Provider(tmp_path, "--usual") as provider:
        bench = Bench(tmp_path, provider)
        ran, log = export(bench, collector, python_client("http_client"))
        spans = check(bench, collector.wait(len(log)), log)
        assert assert_bill(spans, log), "the oracle does not know it"
        total = Decimal(str(ran.summary["totals"]["cost"]["USD"])).quantize(Decimal("1e-12"))
        assert cost(spans) == {"USD": total}


def test_only_when_asked(bench, server):
    """The variables are often the program's own."""
    bench.run("preload", CURL, server.environment()).ok()
    assert server.requests == []
    _, log = export(bench, server)
    check(bench, server.spans(), log)


@pytest.mark.parametrize(
    "variable,value",
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")],
)
def test_switched_off(bench, server, variable, value):
    ran, log = export(bench, server, **{variable: value})
    assert len(ran.calls) == len(log) == CALLS
    assert server.requests == []


def test_console(bench, server):
    ran, log = export(bench, server, OTEL_TRACES_EXPORTER="console")
    assert len(log) == CALLS and server.requests == []
    for call in ran.calls:
        assert (ran.stdout + ran.stderr).count(call["span_id"]) == 1


@pytest.mark.parametrize("variable", ["", "TRACES_"])
def test_grpc_is_refused(bench, server, variable):
    name = "OTEL_EXPORTER_OTLP_%sPROTOCOL" % variable
    ran = bench.run(
        "preload", ["/bin/echo", "ran"], server.environment(**{name: "grpc"}), ["--export"]
    )
    assert (ran.status, ran.stdout) == (125, "")
    assert "grpc" in ran.stderr and "http/protobuf" in ran.stderr


def test_a_request(bench, server):
    secret = "s3cret-0123456789"
    export(
        bench, server, OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a%2Cb,authorization=Bearer%20" + secret
    )
    request = server.requests[0]
    assert request.path == "/v1/traces"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert (request.headers["x-tenant"], request.headers["authorization"]) == (
        "a,b",
        "Bearer " + secret,
    )
    assert "tollspan" in request.headers["user-agent"].lower()
    assert request.encoding == "zstd" and request.length < request.raw_length
    for path in bench.folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("compression", ["gzip", "none", "zstd"])
def test_compression(bench, server, compression):
    _, log = export(bench, server, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    check(bench, server.spans(), log)
    wanted = "identity" if compression == "none" else compression
    assert {request.encoding for request in server.requests} == {wanted}


@pytest.mark.parametrize(
    "variable,path,wanted",
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/base", "/base/v1/traces"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/base/", "/base/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/as/is", "/as/is"),
    ],
)
def test_endpoint(bench, server, variable, path, wanted):
    export(bench, server, **{variable: server.endpoint + path})
    assert {request.path for request in server.requests} == {wanted}


class Nowhere:
    """A port on which nobody listens."""

    def __init__(self):
        self.port = free_port()

    def environment(self, **more):
        return dict({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:%d" % self.port}, **more)


@pytest.mark.parametrize("which", ["closed", "silent"])
def test_dead_collector_delays_the_end_a_little(bench, server, which):
    usual = took(lambda: bench.run("preload", CURL).ok())

    def run(options):
        server.script(*[silent()] * 4)
        ran, log = export(bench, Nowhere() if which == "closed" else server, options=options)
        assert len(ran.calls) == len(log) == CALLS
        assert ran.stderr, "nobody was told"

    for options, limit in ([], FLUSH), (["--flush-timeout=1"], 1):
        fewest(lambda options=options: run(options), usual + limit + SLACK)


def test_kept_for_the_next_run(bench, collector):
    collector.kill()
    _, first = export(bench, collector, options=[])
    assert lost(bench) == 0
    collector.start()
    _, second = export(bench, collector)
    check(bench, collector.wait(2 * CALLS), first + second)


def test_no_call_no_request(bench, server):
    fewest(lambda: export(bench, server, ["/bin/true"]), FLUSH)
    assert server.requests == []


def test_tls(bench, tmp_path):
    tls = Tls(tmp_path)
    with Collector(tmp_path, tls=tls.pair) as collector:
        _, first = export(bench, collector, options=[])
        assert collector.spans() == []
        _, second = export(bench, collector, OTEL_EXPORTER_OTLP_CERTIFICATE=tls.ca)
        check(bench, collector.wait(2 * CALLS), first + second)


def test_redirect_is_refused(bench, server):
    """Headers may hold a secret: they go where they were told to go."""
    with OtlpServer() as other:
        server.script(*[status(307, location=other.endpoint + "/v1/traces")] * 9)
        _, first = export(bench, server, options=[])
        assert other.requests == [] and server.spans() == []
        server.steps.clear()
        _, second = export(bench, server)
        assert other.requests == []
        settle(bench, server, first + second)


def settle(bench, server, log, once=True):
    """Every span is at the collector, or counted as one that is not."""
    spans = unique(server.spans(), once)
    gone = lost(bench)
    assert len(spans) + gone == len(log)
    if not gone:
        check(bench, server.spans(), log, once=once)
    else:
        known = {entry["response_id"] for entry in log}
        assert {span["attributes"].get("gen_ai.response.id") for span in spans} <= known


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_trouble_that_passes(bench, server, code):
    server.script(status(code))
    _, log = export(bench, server)
    check(bench, server.spans(), log)
    assert [request.status for request in server.requests][:2] == [code, 200]


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after(bench, server, code):
    server.script(status(code, retry_after=2))
    _, log = export(bench, server)
    check(bench, server.spans(), log)
    assert server.requests[1].at - server.requests[0].at >= 2


@pytest.mark.parametrize(
    "steps",
    [[RESET], [garbage()], [garbage(b"")], [RESET, garbage()]],
    ids=["reset", "garbage", "nothing", "both"],
)
def test_broken_connection(bench, server, steps):
    server.script(*steps)
    _, log = export(bench, server)
    check(bench, server.spans(), log)


def test_slow_answer(bench, server):
    server.script(slow(1))
    _, log = export(bench, server)
    check(bench, server.spans(), log)


def test_answer_that_comes_too_late(bench, server):
    """It was taken, and is sent again: the same spans."""
    server.script(slow(1.5), silent())
    _, log = export(bench, server, OTEL_EXPORTER_OTLP_TIMEOUT="500")
    check(bench, server.spans(), log, once=False)
    assert len(server.requests) >= 3


@pytest.mark.parametrize("code", [400, 415])
def test_collector_without_zstd(bench, server, code):
    """The batch goes again as gzip, at once."""
    server.refused["zstd"] = code
    _, log = export(bench, server)
    check(bench, server.spans(), log)
    first, second, *more = server.requests
    assert [first.encoding, second.encoding] == ["zstd", "gzip"]
    assert list(map(id_of, first.spans)) == list(map(id_of, second.spans))
    assert all(request.encoding == "gzip" for request in more)  # calls that took their time


def test_partial_success(bench, server):
    """What the collector would not have is counted, and not sent again."""
    server.script(*[status(503, retry_after=60)] * CALLS)
    _, first = export(bench, server, options=["--flush-timeout=100ms"])
    server.steps[:] = [partial(2)]
    export(bench, server, ["/bin/true"])  # all in one batch
    assert len(server.spans()) == CALLS
    assert lost(bench) == 2
    _, second = export(bench, server)
    unique(server.spans())
    assert len(server.spans()) == len(first + second)
    assert lost(bench) == 2


def test_partial_success_with_a_warning_only(bench, server):
    server.script(partial(0, "take care"))
    _, log = export(bench, server)
    check(bench, server.spans(), log)
    assert lost(bench) == 0


@pytest.mark.parametrize("code", [400, 401, 404, 413, 500, 501])
def test_refusal(bench, server, code):
    """For good or for a time: each call is delivered later, or counted."""
    server.script(status(code), status(code))
    _, first = export(bench, server)
    server.steps.clear()
    _, second = export(bench, server)
    settle(bench, server, first + second)


def test_two_that_export_at_once(bench, server):
    """One of them has the lease: no span goes twice, and none stays behind."""
    command = [TOLLSPAN, "run", "--capture=preload", "--export", *PATIENT]
    command += ["--ledger=%s" % bench.ledger, "--endpoint", bench.endpoint(), "--"]
    command += [PYTHON, CLIENTS / "http_client.py"]
    env = clean_env(bench.provider, bench.home, **server.environment())
    bench.provider.calls()
    children = [
        subprocess.Popen([str(part) for part in command], env=env, stdin=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [child.wait(RUN_TIMEOUT) for child in children] == [0, 0, 0]
    log = bench.provider.calls()
    _, more = export(bench, server)
    check_calls(
        [call_of(span) for span in unique(server.spans())],
        log + more,
        "preload",
        bench.provider.port,
    )
