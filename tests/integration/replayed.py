# SPDX-License-Identifier: Apache-2.0
"""Runs `tollspan replay` on captures that are made while it reads them, and measures it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "corpus"))

import capture as cap  # noqa: E402

KEY = "sk-planted-" + "fedcba9876543210" * 2
TIMEOUT = 240

# A small parent of its own: what wait4 tells of a child counts its parent's memory at the fork.
LAUNCH = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
os.write(3, b"%d %d" % (os.waitstatus_to_exitcode(status), usage.ru_maxrss))
"""


class Replay:
    """What became of one run: status, calls, stderr, and the peak of resident memory in bytes."""

    def __init__(self, binary, write, arguments=()):
        """`write(out)` writes the capture file; it may be more than memory or disk would hold."""
        with tempfile.TemporaryDirectory() as home:
            self.run(binary, write, arguments, home)
        self.calls = [json.loads(line) for line in self.stdout.splitlines()]
        for text in (self.stdout, self.stderr):
            assert KEY not in text

    def run(self, binary, write, arguments, home):
        reports, report = os.pipe()
        os.set_inheritable(report, True)
        command = [
            sys.executable,
            "-IS",
            "-c",
            LAUNCH,
            str(binary),
            "replay",
            "--json=lines",
            *arguments,
            "-",
        ]
        environment = {"HOME": home, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
        with (
            open(os.path.join(home, "out"), "w+b") as out,
            open(os.path.join(home, "err"), "w+b") as err,
        ):
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=environment,
                preexec_fn=lambda: os.dup2(report, 3),
                pass_fds=(3, report),
                start_new_session=True,
            )
            os.close(report)
            feed(child, write)
            child.wait()
            reported = os.read(reports, 64)
            os.close(reports)
            assert reported, f"ran over {TIMEOUT} s"
            status, peak = reported.split()
            self.status, self.peak = int(status), int(peak) * 1024
            self.stdout, self.stderr = read(out), read(err)


def read(file):
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def feed(child, write):
    timer = threading.Timer(TIMEOUT, os.killpg, (child.pid, signal.SIGKILL))
    timer.start()
    try:
        with child.stdin as out:
            write(out)
    except BrokenPipeError:
        pass  # it has seen enough; its status tells
    finally:
        child.wait()
        timer.cancel()


class Exchange:
    """One connection to api.openai.com on which bytes are sent and received as they are given."""

    def __init__(self, out, capture=None, host="api.openai.com"):
        self.capture = capture or cap.Capture(out)
        if not capture:
            self.capture.main = self.capture.process(4242)
        self.connection = cap.Connection(self.capture, self.capture.main, host)

    def send(self, data, cuts=()):
        self.capture.advance(1000)
        self.connection.operation(cap.SEND, data, cuts)

    def recv(self, data, cuts=()):
        self.capture.advance(1000)
        self.connection.operation(cap.RECV, data, cuts)

    def end(self):
        self.capture.advance(1000)
        self.connection.end()


def request(body=b'{"model":"gpt-4o-mini","messages":[]}', path="/v1/chat/completions", headers=()):
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: api.openai.com",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def response_head(*headers, status="200 OK", kind="application/json"):
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers, "", ""]).encode()


def response(body, *headers, kind="application/json"):
    return response_head(f"Content-Length: {len(body)}", *headers, kind=kind) + body
