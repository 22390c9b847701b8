# SPDX-License-Identifier: Apache-2.0
"""The format of a card: its schema, its manual and the program say the same."""

import json
import re
import subprocess

import pytest
from conftest import DEPS, ROOT, TOLLSPAN

PACKAGES = DEPS / "ratecard" / "bin" / "python"


def test_the_schema_takes_what_the_program_takes():
    """The built-in card, and hundreds with one thing wrong; the seed is new in each run."""
    if not PACKAGES.exists():
        pytest.skip("no jsonschema: make deps-ratecard")
    script = ROOT / "tests" / "pricing" / "schema_check.py"
    done = subprocess.run(
        [str(PACKAGES), str(script), "--tollspan", str(TOLLSPAN), "--cards", "600"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manual_s_examples_are_valid(bench):
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "card.md").read_text(), re.S)
    rows, whole, hours = [], [], []
    for block in blocks:
        value = json.loads(block)
        (whole if "rows" in value else hours if "zone" in value else rows).append(value)
    assert rows and whole and hours
    for row in rows:
        whole.append({"schema": 1, "version": "2026-11-23", "rows": [row]})
    for rule in hours:
        row = {**whole[0]["rows"][0], "hours": [rule]}
        whole.append({"schema": 1, "version": "2026-11-23", "rows": [row]})
    path = bench.folder / "card.json"
    for card in whole:
        path.write_text(json.dumps(card))
        done = bench.tollspan("price", "--validate", path)
        assert done.returncode == 0, (card, done.stderr)
