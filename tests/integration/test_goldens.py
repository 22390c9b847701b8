# SPDX-License-Identifier: Apache-2.0
"""Captures in, calls out: exchanges of tests/replay, whose right answers are written by hand."""

import gzip
import io
import json
import os
import subprocess
import sys

import pytest

from replayed import KEY, ROOT, Exchange, Replay, cap, request, response

sys.path.insert(0, str(ROOT / "tests" / "replay"))

import goldens  # noqa: E402

TOLLSPAN = os.environ.get("TOLLSPAN", str(ROOT / "build" / "tollspan"))
FINGERPRINT = b"0123456789abcdef"  # as a recorder leaves it: replay then needs no salt
IN, WHOLE = goldens.IN, goldens.WHOLE
BODY = b'{"id":"x","model":"gpt-4o","usage":{"prompt_tokens":12,"completion_tokens":3}}'


def write_golden(exchange, golden, cuts=lambda data: (), coding=None):
    _, path, sent, received, _ = golden
    data = request(json.dumps(sent).encode(), path).replace(KEY.encode(), FINGERPRINT)
    exchange.send(data.replace(b"api.openai.com", goldens.host_of(path).encode()), cuts(data))
    status, kind, body = goldens.body_of(received)
    headers = []
    if coding == "gzip":
        headers, body = ["Content-Encoding: gzip"], gzip.compress(body, mtime=0)
    data = response(body, *headers, kind=kind).replace(b"200 OK", b"%d Status" % status, 1)
    exchange.recv(data, cuts(data))


def replay(write, *arguments):
    result = Replay(TOLLSPAN, write, arguments)
    assert (result.status, result.stderr) == (0, "")
    return result


def one(golden, **options):
    def write(out):
        exchange = Exchange(out, host=goldens.host_of(golden[1]))
        exchange.capture.data_flags = cap.FLAG_REDACTED
        write_golden(exchange, golden, **options)
        exchange.end()
    return write


@pytest.mark.parametrize("golden", goldens.GOLDENS, ids=[g[0] for g in goldens.GOLDENS])
def test_golden(golden):
    calls = replay(one(golden)).calls
    assert len(calls) == 1
    for name, value in golden[4].items():
        if value is any:
            assert name in calls[0]
        else:
            assert calls[0].get(name) == value, name
    assert calls[0]["url.path"] == golden[1]
    assert calls[0]["server.address"] == goldens.host_of(golden[1])
    assert calls[0]["process.pid"] == 4242
    assert calls[0]["tollspan.key.fingerprint"] == FINGERPRINT.decode()


def test_iterations_are_charges():
    golden = next(g for g in goldens.GOLDENS if g[0] == "iterations")
    charges = replay(one(golden)).calls[0]["tollspan.charges"]
    assert [(c["model"], c["usage"], c["cost"]) for c in charges] == [
        ("claude-sonnet-4-5-20250929", {"input": 40, "output": 10}, 0.00027),
        ("claude-haiku-4-5", {"input": 1000, "output": 100}, 0.0015),
        ("claude-sonnet-4-5-20250929", {"input": 60, "output": 20}, 0.00048)]


def test_records_and_encodings_change_nothing():
    """The same operations in other records, or compressed, are the same calls."""
    for golden in goldens.GOLDENS:
        plain = replay(one(golden)).calls
        assert replay(one(golden, cuts=lambda data: range(0, len(data), 7))).calls == plain
        assert replay(one(golden, coding="gzip")).calls == plain


def test_replay_twice_gives_the_same_bytes(tmp_path):
    path = tmp_path / "a.capture"
    with open(path, "wb") as out:
        capture = None
        for golden in goldens.GOLDENS:
            exchange = Exchange(out, capture, goldens.host_of(golden[1]))
            capture = exchange.capture
            capture.data_flags = cap.FLAG_REDACTED
            write_golden(exchange, golden)
    outputs = set()
    for home in ("one", "two"):
        (tmp_path / home).mkdir()
        for form in ("--json", "--json=lines"):
            done = subprocess.run([TOLLSPAN, "replay", form, str(path)], capture_output=True,
                                  check=True, env={"HOME": str(tmp_path / home)}, timeout=60)
            outputs.add((form, done.stdout))
    assert len(outputs) == 2
    calls = json.loads(dict(outputs)["--json"])["calls"]
    assert len(calls) == len(goldens.GOLDENS)
    assert len({call["span_id"] for call in calls}) == len(calls)


def test_traceparent_is_adopted():
    """W3C Trace Context: the caller's span is the parent."""
    def write(out):
        exchange = Exchange(out)
        exchange.send(request(headers=[
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]))
        exchange.recv(response(BODY))
    call = replay(write).calls[0]
    assert call["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert call["parent_span_id"] == "b7ad6b7169203331"


def three_calls_with_a_gap(at):
    """The second response is lost from byte `at` on."""
    def write(out):
        exchange, data = Exchange(out), response(BODY)
        for lost in (False, True, False):
            exchange.send(request())
            exchange.recv(data[:at])
            if lost:
                exchange.connection.lose(cap.RECV, len(data) - at)
            else:
                exchange.recv(data[at:])
        exchange.end()
    return write


def test_gap_in_a_body_makes_one_call_partial():
    at = len(response(BODY)) - len(BODY) + 20
    calls = replay(three_calls_with_a_gap(at)).calls
    assert [call[WHOLE] for call in calls] == ["exact", "partial", "exact"]
    assert [call.get(IN) for call in calls] == [12, None, 12]


@pytest.mark.parametrize("at", [1, 10, 40])
def test_gap_in_a_head_takes_no_answer_for_another(at):
    calls = replay(three_calls_with_a_gap(at)).calls
    assert [call[WHOLE] for call in calls[:2]] == ["exact", "partial"]
    assert [call.get(IN) for call in calls[:2]] == [12, None]
    assert calls[2].get(IN) == (12 if calls[2][WHOLE] == "exact" else None)


def test_requests_that_are_read_are_not_calls():
    """On a server's connection the process receives the request; it pays for nothing."""
    def write(out):
        exchange = Exchange(out)
        exchange.recv(request())
        exchange.send(response(BODY))
        exchange.end()
    assert replay(write).calls == []


def test_other_traffic_is_no_call():
    def write(out):
        exchange = Exchange(out, host="example.com")
        sent = b"GET /index.html?q=chat/completions HTTP/1.1\r\nHost: example.com\r\n\r\n"
        exchange.send(sent)
        exchange.recv(response(b"<html></html>", kind="text/html"))
        exchange.end()
    assert replay(write).calls == []


def test_joined_late():
    """The first bytes seen are the middle of a response; the next exchange is whole."""
    def write(out):
        exchange = Exchange(out)
        exchange.recv(response(BODY)[30:])
        exchange.send(request())
        exchange.recv(response(BODY))
        exchange.end()
    calls = replay(write).calls
    assert [call.get(IN) for call in calls if call[WHOLE] == "exact"] == [12]


def test_interim_responses_and_pipelining():
    def write(out):
        exchange = Exchange(out)
        exchange.send(request() + request(b'{"model":"second"}'))
        exchange.recv(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                      b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.recv(response(BODY) + response(BODY.replace(b"12", b"34")))
        exchange.end()
    calls = replay(write).calls
    assert [(c["gen_ai.request.model"], c[IN]) for c in calls] == [("gpt-4o-mini", 12),
                                                                  ("second", 34)]


def test_unknown_records_are_passed_over():
    def write(out):
        whole = io.BytesIO()
        exchange = Exchange(whole)
        unknown = cap.HEAD_LAYOUT.pack(24, 4711, cap.VERSION, 0, 5) + b"\xff" * 8
        whole.write(unknown)
        exchange.send(request())
        whole.write(unknown)
        exchange.recv(response(BODY))
        out.write(whole.getvalue())
    assert [call[IN] for call in replay(write).calls] == [12]


def test_dump_lists_every_record(tmp_path):
    path = tmp_path / "a.capture"
    with open(path, "wb") as out:
        one(goldens.GOLDENS[0])(out)
    data = path.read_bytes()
    done = subprocess.run([TOLLSPAN, "replay", "--dump", str(path)], capture_output=True, text=True,
                          check=True, env={"HOME": str(tmp_path)}, timeout=60)
    lines = [line for line in done.stdout.splitlines() if line.split()[:1] and
             line.split()[0].isdigit()]
    at = 0
    for kind, _, _, _, _ in cap.read_records(data):
        length = int.from_bytes(data[at:at + 4], "little")
        names = {cap.DATA: "data", cap.CONN: "conn", cap.END: "end", cap.PROC: "proc",
                 cap.CLOCK: "clock", cap.FILE: "file", cap.TICK: "tick"}
        assert any(line.split()[0] == str(at) and line.split()[2] == names[kind] for line in lines)
        at += length
