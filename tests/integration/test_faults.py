# SPDX-License-Identifier: Apache-2.0
"""What a provider does wrong is told as what it is, and costs nothing it should not."""

import json

import pytest
from conftest import CLIENTS, PYTHON
from expect import COST, INPUT, OUTPUT, STATUS, check_calls

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def ask(bench, mode, path, body, *headers, **env):
    bench.provider.calls()
    ran = bench.run(
        mode, [PYTHON, CLIENTS / "raw.py", path, json.dumps(body)] + list(headers), env
    ).ok()
    log = bench.provider.calls()
    pairs = check_calls(ran.calls, log, mode, bench.provider.port)
    return pairs[0][0], log[0], ran


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_refused(bench, mode, path, status):
    call, _, ran = ask(
        bench, mode, path, {"model": "gpt-4o", "messages": []}, "x-mock-fault:%d" % status
    )
    assert call["http.response.status_code"] == status
    assert (call[COST], call[STATUS]) == (0, "priced")
    assert call["error.type"]
    assert ran.summary["totals"]["errors"] == 1


def test_error_within_a_stream(bench, mode):
    call, _, _ = ask(
        bench, mode, MESSAGES, {"model": "claude-haiku-4-5", "stream": True}, "x-mock-fault:inband"
    )
    assert call["http.response.status_code"] == 200
    assert call["error.type"] == "overloaded_error"
    assert (call[COST], call[STATUS]) == (0, "priced")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path,model", [(CHAT, "gpt-4o"), (MESSAGES, "claude-haiku-4-5")])
def test_cut_within_the_body(bench, mode, path, model, stream):
    body = {"model": model, "stream": stream, "stream_options": {"include_usage": True}}
    call, entry, ran = ask(bench, mode, path, body, "x-mock-fault:drop")
    assert not entry["complete"]
    assert call["tollspan.completeness"] == "partial"
    if path == CHAT:
        assert INPUT not in call and call[STATUS] == "unpriced" and COST not in call
        assert ran.summary["totals"].get("unpriced_calls", 1) == 1


def test_stream_without_usage(bench, mode):
    call, _, _ = ask(bench, mode, CHAT, {"model": "gpt-4o", "stream": True})
    assert INPUT not in call and OUTPUT not in call and COST not in call
    assert (call["tollspan.completeness"], call[STATUS]) == ("partial", "unpriced")


def test_time_to_first_token(bench, mode):
    call, entry, ran = ask(
        bench, mode, CHAT, {"model": "gpt-4o", "stream": True}, "x-mock-fault:slow=400"
    )
    assert entry["delay_ms"] == 400
    seen_by_the_client = float(ran.stdout.split()[-1])  # with the handshake
    assert 400 <= call["duration_ms"] <= seen_by_the_client
    assert 0 <= call["tollspan.time_to_first_token_ms"] <= call["duration_ms"]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_huge_body(bench, mode, encoding):
    """Nine megabytes at once: read whole, or the loss is told; the shim may drop, never block."""
    bench.provider.calls()
    headers = ["x-mock-fault:huge=9000000", "accept-encoding:gzip", "x-mock-encoding:" + encoding]
    command = [PYTHON, CLIENTS / "raw.py", CHAT, '{"model":"gpt-4o"}'] + headers
    ran = bench.run(mode, command).ok()
    log = bench.provider.calls()
    assert log[0]["encoding"] == encoding and len(ran.calls) == 1
    if mode == "preload" and ran.summary["lost"]:
        assert ran.calls[0]["tollspan.completeness"] == "partial"
        assert all(lost["records"] and lost["bytes"] for lost in ran.summary["lost"].values())
    else:
        check_calls(ran.calls, log, mode, bench.provider.port)


def test_huge_request(bench, mode):
    """What the process sends may be large: only its model is read."""
    huge = {
        "messages": [{"role": "user", "content": '"model":"gpt-0-fake" ' * 20000}],
        "model": "gpt-4o-mini",
    }
    env_body = json.dumps(huge)
    bench.provider.calls()
    script = bench.folder / "body.json"
    script.write_text(env_body)
    ran = bench.run(
        mode,
        [
            "/bin/sh",
            "-c",
            'curl -sS --cacert "$SSL_CERT_FILE" --data-binary @"$0" '
            '-H "authorization: Bearer sk-fake" "$OPENAI_BASE_URL/chat/completions" >/dev/null',
            script,
        ],
    ).ok()
    check_calls(ran.calls, bench.provider.calls(), mode, bench.provider.port)
    assert ran.calls[0]["gen_ai.request.model"] == "gpt-4o-mini"


def test_traceparent_is_adopted(bench, mode):
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    call, _, _ = ask(
        bench, mode, CHAT, {"model": "gpt-4o"}, "traceparent:00-%s-%s-01" % (trace, span)
    )
    assert (call["trace_id"], call["parent_span_id"]) == (trace, span)


def test_unknown_model(bench):
    """An unknown model is unpriced, not free."""
    call, _, ran = ask(bench, "preload", CHAT, {"model": "acme-9000", "messages": []})
    assert call[STATUS] == "unpriced" and COST not in call
    assert call[INPUT] > 0
    assert ran.summary["totals"]


def test_paid_and_not_read(bench, mode):
    """An API that is not read is told by name, on a connection that is let go as well; what failed
    there is not."""
    body = '{"model":"text-embedding-3-small","input":"%s"}' % ("a" * 100000)
    command = [PYTHON, CLIENTS / "raw.py", "/v1/embeddings", body]
    ran = bench.run(mode, command, {"CALLS": "6"}).ok()
    lost = ran.summary["lost"]
    assert ran.calls == [] and list(lost) == ["protocol"]
    assert lost["protocol"]["records"] == 6 and lost["protocol"]["bytes"] > len(body)
    shown = bench.run(mode, command, summary="text").text
    assert "localhost POST /v1/embeddings" in shown
    assert bench.run(mode, command + ["x-mock-fault:429"]).ok().summary["lost"] == {}
    bench.provider.calls()
