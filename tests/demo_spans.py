# SPDX-License-Identifier: Apache-2.0
"""Show the spans in a collector's file, once there are as many as the provider had calls."""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "integration"))

from otlp import spans_of  # noqa: E402

WAIT = 20  # seconds


def read(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return [span for n, line in enumerate(lines) for span in spans_of(json.loads(line), n)]


def show(spans):
    last = None
    for span in sorted(spans, key=lambda s: (s["resource"]["process.pid"], s["start_ns"])):
        resource, told = span["resource"], span["attributes"]
        if resource != last:
            print(
                "%s  pid %d  %s"
                % (
                    resource["service.name"],
                    resource["process.pid"],
                    " ".join(resource["process.command_args"]),
                )
            )
            last = resource
        print(
            "   %-26s %5d ms  %6s in  %5s out  %12s %s  trace %s"
            % (
                span["name"],
                (span["end_ns"] - span["start_ns"]) // 1000000,
                told.get("gen_ai.usage.input_tokens", "-"),
                told.get("gen_ai.usage.output_tokens", "-"),
                told.get("tollspan.cost.amount", told["tollspan.cost.status"]),
                told.get("tollspan.cost.currency", ""),
                span["trace_id"][:8],
            )
        )


def main():
    path, log = (Path(name) for name in sys.argv[1:3])
    calls = sum(1 for line in log.read_text().splitlines() if json.loads(line).get("open"))
    until = time.monotonic() + WAIT
    while len(read(path)) < calls and time.monotonic() < until:
        time.sleep(0.2)
    spans = read(path)
    show(spans)
    total = sum(Decimal(s["attributes"].get("tollspan.cost.amount", 0)) for s in spans)
    print("\n%d spans, %s USD; the provider had %d calls\n" % (len(spans), total, calls))
    print("The first of them, whole:")
    for part in ("resource", "attributes"):
        for name, value in sorted(spans[0][part].items()) if spans else []:
            print("   %-10s %s = %s" % (part, name, json.dumps(value)))
    return 0 if spans and len(spans) == calls else 1


sys.exit(main())
