# SPDX-License-Identifier: Apache-2.0
"""A key that a program sends stands in no file that tollspan writes, nor in what it prints."""

import pytest
from conftest import python_client

PLANTED = "sk-planted-7f3a9c51d2e84b60aa17"


def files_with(folder, text):
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("provider."):
            data = path.read_bytes()
            if text.encode() in data or text.encode("utf-16-le") in data:
                found.append(path.name)
    return found


@pytest.mark.parametrize("verb", ["run", "record"])
@pytest.mark.parametrize("summary", ["json", "text"])
def test_planted_key(bench, mode, verb, summary):
    options = ["-v"] + (["-o", bench.capture_file] if verb == "record" else [])
    ran = bench.run(
        mode, python_client("http_client"), {"PLANT": PLANTED}, options, verb, summary
    ).ok()
    assert bench.ledger.exists() and ran.text
    assert PLANTED not in ran.text + ran.stderr + ran.stdout
    assert files_with(bench.folder, PLANTED) == []
    if verb == "record":
        replayed = bench.tollspan(
            "replay", bench.capture_file, "--json", "--endpoint", bench.endpoint()
        )
        dumped = bench.tollspan(
            "replay", bench.capture_file, "--dump", "--endpoint", bench.endpoint()
        )
        assert PLANTED not in replayed.stdout + replayed.stderr + dumped.stdout + dumped.stderr
    for command in (["report"], ["trace"], ["report", "--json"], ["trace", "--json"]):
        done = bench.tollspan(*command, "--ledger=%s" % bench.ledger)
        assert PLANTED not in done.stdout + done.stderr


def test_key_as_an_argument(bench, mode):
    """A key on the command line is redacted in process.command_args."""
    script = (
        'curl -sS --cacert "$SSL_CERT_FILE" -o /dev/null -H "authorization: Bearer %s" '
        '-d "{\\"model\\":\\"gpt-4o\\"}" "$OPENAI_BASE_URL/chat/completions"; exit $?' % PLANTED
    )
    ran = bench.run(mode, ["/bin/sh", "-c", script]).ok()
    assert len(ran.calls) == 1
    assert PLANTED not in ran.text
    assert files_with(bench.folder, PLANTED) == []


def test_fingerprint(bench, mode):
    """One key, one fingerprint; another key, another."""
    first = bench.run(mode, python_client("http_client"), {"PLANT": PLANTED}).ok()
    second = bench.run(mode, python_client("http_client"), {"PLANT": PLANTED + "x"}).ok()
    prints = [{call["tollspan.key.fingerprint"] for call in ran.calls} for ran in (first, second)]
    assert len(prints[0]) == len(prints[1]) == 1 and prints[0] != prints[1]


def test_no_prompt_is_stored(bench, mode):
    marker = "an-unlikely-prompt-83412"
    script = (
        'curl -sS --cacert "$SSL_CERT_FILE" -o /dev/null -H "authorization: Bearer sk-fake" '
        '--data-binary @"$0" "$OPENAI_BASE_URL/chat/completions"'
    )
    body = bench.folder / "provider.body"
    body.write_text('{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}' % marker)
    bench.run(mode, ["/bin/sh", "-c", script, body]).ok()
    assert files_with(bench.folder, marker) == []
