#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the compiler's own dependency output (BUILD/**/*.d) against the edges of the design.

usage: check_deps.py BUILD
"""
import glob
import os
import re
import sys

COMMON = {"agent/event.h", "agent/limits.h", "bpf/capture_record.h", "pricing/pricing.h"}
# Folders whose headers a program file (agent/*.c) may include; pipeline.c joins the stages.
PROGRAM = {"util", "attach", "source", "ledger", "record"}
PIPELINE = {"util", "conn", "http", "record", "provider", "trace"}
EVENT_H = {"bpf/capture_record.h", "pricing/pricing.h"}


def read(path):
    """The project's own headers that one object was made from, and its source."""
    text = open(path).read().replace("\\\n", " ")
    rule = text.split("\n", 1)[0].split(":", 1)[1].split()
    own = [os.path.normpath(word) for word in rule]
    own = [word for word in own if re.match(r"(agent|bpf|pricing|preload|exporter|tests)/", word)]
    return own[0] if own else "", own[1:]


def allowed(source, header):
    """May this source file include this header, directly or through another?"""
    if header in COMMON or header.startswith("agent/util/"):
        return source.startswith("agent/") and (
            not source.startswith("agent/util/") or header.startswith("agent/util/")
            or header in ("bpf/capture_record.h", "agent/limits.h"))
    # The programs and their loader share the layout of their maps.
    if header == "bpf/capture.h":
        return source.startswith("agent/source/ebpf")
    parts, of = source.split("/"), header.split("/")
    if source == "agent/pipeline.c":
        return header == "agent/pipeline.h" or of[0] == "agent" and of[1] in PIPELINE
    if parts[0] == "agent" and len(parts) == 2:
        if header == "exporter/exporter.h":
            return True
        return of[0] == "agent" and (len(of) == 2 or of[1] in PROGRAM)
    if parts[0] == "agent":
        return of[:2] == parts[:2]
    return False


def check(source, headers):
    if source.startswith("pricing/") or source.startswith("exporter/"):
        return [h for h in headers if h.split("/")[0] != source.split("/")[0]]
    if source.startswith("preload/"):
        return [h for h in headers if not h.startswith("preload/") and h != "bpf/capture_record.h"]
    if source.startswith("bpf/"):
        return [h for h in headers if not h.startswith("bpf/")]
    if source.startswith("agent/"):
        return [h for h in headers if not allowed(source, h)]
    return []


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    files = glob.glob(os.path.join(build, "**", "*.d"), recursive=True)
    bad, seen = [], 0
    for path in sorted(files):
        source, headers = read(path)
        if not source or not os.path.exists(source):
            continue
        seen += 1
        bad += [f"{source} includes {header}" for header in check(source, headers)]
    event = open("agent/event.h").read()
    for header in re.findall(r'#include "([^"]+)"', event):
        if header not in EVENT_H:
            bad.append(f"agent/event.h includes {header}")
    for line in bad:
        print(f"check-deps: {line}")
    if not seen:
        print("check-deps: nothing is built: run make first")
        return 1
    print(f"check-deps: {seen} objects, {len(bad)} edges that the design does not draw")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
