# SPDX-License-Identifier: Apache-2.0
"""A real OpenTelemetry Collector (tests/collector) that writes what it takes into a file."""

import json
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import DEPS
from otlp import spans_of

OTELCOL = DEPS / "collector" / "otelcol"
NEEDS_COLLECTOR = "there is no Go 1.26"

# With rotation the exporter writes before it answers, and a restarted one appends.
CONFIG = """\
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:%(port)d
%(tls)s
exporters:
  file:
    path: %(path)s
    rotation: {max_megabytes: 1000}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
"""
TLS = "        tls: {cert_file: %s, key_file: %s}"


def need_collector():
    if not OTELCOL.exists():
        pytest.skip(NEEDS_COLLECTOR)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Collector:
    """On a free port of the loopback; with `tls` = (certificate, key) by HTTPS."""

    def __init__(self, folder, tls=None, start=True):
        need_collector()
        self.folder = Path(folder)
        self.port = free_port()
        self.path = self.folder / "collector.jsonl"
        self.config = self.folder / "collector.yaml"
        self.config.write_text(
            CONFIG % {"port": self.port, "path": self.path, "tls": TLS % tls if tls else ""}
        )
        self.endpoint = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        self.child = None
        if start:
            self.start()

    def start(self):
        """Also again, after kill(), on the same port and file."""
        with open(str(self.folder / "collector.err"), "ab") as errors:
            self.child = subprocess.Popen(
                [str(OTELCOL), "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        until = time.monotonic() + 60
        while not self.listens():
            assert self.child.poll() is None and time.monotonic() < until, (
                "the collector does not start:\n" + (self.folder / "collector.err").read_text()
            )
            time.sleep(0.02)

    def listens(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        """As a crash."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def environment(self, **more):
        """What has tollspan export to it."""
        return dict({"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint}, **more)

    def spans(self):
        """All that it has written; a line that a kill cut short was not acknowledged."""
        text = self.path.read_text() if self.path.exists() else ""
        decoder, spans = json.JSONDecoder(), []
        starts = [found.start() for found in re.finditer(r'\{"resourceSpans":', text)]
        for batch, start in enumerate(starts):
            try:
                data, _ = decoder.raw_decode(text, start)
            except ValueError:
                continue
            spans += spans_of(data, batch)
        return spans

    def wait(self, n, seconds=60):
        """Its spans, once there are `n` of different ids."""
        until = time.monotonic() + seconds
        while True:
            spans = self.spans()
            found = len({(span["trace_id"], span["span_id"]) for span in spans})
            if found >= n:
                return spans
            assert time.monotonic() < until, "%d spans of %d after %g s" % (found, n, seconds)
            time.sleep(0.2)
