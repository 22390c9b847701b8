# SPDX-License-Identifier: Apache-2.0
"""Record and replay: the same calls; damage is named by its offset, what came before is kept."""

import json
import os
import re
import sqlite3
import struct

import pytest
from conftest import python_client
from expect import VARYING, check_calls

HEAD = struct.Struct("<IHBBQ")


@pytest.fixture
def recorded(bench, mode):
    """A capture file of http_client, with its live calls and the provider's log."""
    bench.provider.calls()
    live = bench.run(
        mode, python_client("http_client"), verb="record", options=["-o", bench.capture_file]
    ).ok()
    return live, bench.provider.calls(), mode


def replay(bench, *args):
    done = bench.tollspan(
        "replay", *args, "--json=lines", "--endpoint", bench.endpoint(), "--ledger=none"
    )
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_replay_gives_the_same_calls(bench, recorded):
    live, log, mode = recorded
    check_calls(live.calls, log, mode, bench.provider.port)
    done, calls = replay(bench, bench.capture_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(calls) == len(log)
    for call in calls + live.calls:
        del call["tollspan.capture"]
    by_start = lambda call: call["start_time"]
    assert sorted(calls, key=by_start) == sorted(live.calls, key=by_start)


def test_replay_into_a_ledger(bench, recorded):
    ledger = bench.folder / "replayed.db"
    done = bench.tollspan(
        "replay",
        bench.capture_file,
        "--json",
        "--endpoint",
        bench.endpoint(),
        "--ledger=%s" % ledger,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["calls"]) == len(recorded[1])
    again = json.loads(bench.tollspan("trace", "--json", "--ledger=%s" % ledger).stdout)
    assert again


def test_file_is_private(bench, recorded):
    assert os.stat(str(bench.capture_file)).st_mode & 0o777 == 0o600


def test_dump_lists_records(bench, recorded):
    done = bench.tollspan("replay", bench.capture_file, "--dump", "--endpoint", bench.endpoint())
    assert done.returncode == 0, done.stderr
    assert "chat/completions" in done.stdout


def record_offsets(data):
    offset = 0
    while offset < len(data):
        yield offset
        offset += HEAD.unpack_from(data, offset)[0]


def named_offset(text):
    numbers = [int(number) for number in re.findall(r"\b\d+\b", text)]
    assert numbers, "no offset in %r" % text
    return numbers


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_truncated(bench, recorded, share):
    data = bench.capture_file.read_bytes()
    starts = list(record_offsets(data))
    bounds = [
        (a, b) for a, b in zip(starts, starts[1:] + [len(data)]) if a >= len(data) * share - 1
    ]
    start, _ = bounds[0] if bounds else (starts[-1], None)
    cut = bench.folder / "cut"
    cut.write_bytes(data[: start + 9])
    done, calls = replay(bench, cut)
    assert done.returncode == 1
    assert start in named_offset(done.stderr) or start + 9 in named_offset(done.stderr)
    assert_earlier_calls(calls, recorded[0].calls)


@pytest.mark.parametrize("length", [0, 3, 17, 0x7FFFFFF8])
def test_damaged(bench, recorded, length):
    data = bytearray(bench.capture_file.read_bytes())
    starts = list(record_offsets(data))
    start = starts[len(starts) * 3 // 4]
    struct.pack_into("<I", data, start, length)
    damaged = bench.folder / "damaged"
    damaged.write_bytes(data)
    done, calls = replay(bench, damaged)
    assert done.returncode == 1
    assert start in named_offset(done.stderr)
    assert_earlier_calls(calls, recorded[0].calls)


def assert_earlier_calls(calls, live):
    """Whole calls before the damage are there and unchanged; one may be cut."""
    assert calls
    known = {call["span_id"]: call for call in live}
    exact = [call for call in calls if call["tollspan.completeness"] == "exact"]
    for call in exact:
        same = known[call["span_id"]]
        for name in set(call) - VARYING:
            assert call[name] == same[name], name


def test_not_a_capture_file(bench, provider):
    for content in (b"", b"hello, world, this is text\n" * 9, os.urandom(4096)):
        path = bench.folder / "other"
        path.write_bytes(content)
        done, calls = replay(bench, path)
        assert (done.returncode, calls) == (1, [])
        assert done.stderr.startswith("tollspan: ")
    done, _ = replay(bench, bench.folder / "missing")
    assert done.returncode == 1 and "missing" in done.stderr


def test_priors_tell_what_an_earlier_run_began(bench, mode):
    """A response begun in the background in one run is billed by its poll in the next, once."""
    curl = ["/usr/bin/curl", "-sS", "-H", "authorization: Bearer sk-fake"]
    body = '{"model":"gpt-5","input":"x","background":true}'
    bench.provider.calls()
    begun = bench.run(mode, curl + ["-d", body, bench.provider.base + "/v1/responses"]).ok()
    response = json.loads(begun.stdout)["id"]
    priors = bench.folder / "priors.db"
    with sqlite3.connect(str(bench.ledger)) as live, sqlite3.connect(str(priors)) as copy:
        live.backup(copy)
    polls = curl + 3 * [bench.provider.base + "/v1/responses/" + response]
    polled = bench.run(mode, polls, verb="record", options=["-o", bench.capture_file]).ok()
    log = [entry for entry in bench.provider.calls() if entry["usage"]]
    assert len(log) == 1
    billed = lambda calls: [
        call["gen_ai.usage.output_tokens"]
        for call in calls
        if "gen_ai.usage.output_tokens" in call
    ]
    expected = [log[0]["usage"]["gen_ai.usage.output_tokens"]]
    assert billed(polled.calls) == expected
    assert billed(replay(bench, bench.capture_file)[1]) == []
    assert billed(replay(bench, bench.capture_file, "--priors=%s" % priors)[1]) == expected
    done, _ = replay(bench, bench.capture_file, "--priors=/nonexistent")
    assert done.returncode == 1
