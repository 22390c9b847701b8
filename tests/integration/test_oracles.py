# SPDX-License-Identifier: Apache-2.0
"""The card that is compiled in, beside the two packages that it is made of."""

import os
import subprocess

import pytest

from conftest import DEPS, ROOT, TOLLSPAN

PACKAGES = DEPS / "ratecard" / "bin" / "python"


def run(script, *options):
    if not PACKAGES.exists():
        pytest.skip("no genai-prices and litellm: make deps-ratecard")
    return subprocess.run(
        [str(PACKAGES), str(ROOT / "tests" / "pricing" / script), *map(str, options)],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_random_usages_cost_what_the_packages_say():
    """The seed is new in each run, and in the output."""
    done = run("differ.py", "--tollspan", TOLLSPAN, "--usages", 5000)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_card_is_made_again_as_it_is(tmp_path):
    made = tmp_path / "card.json"
    done = run("ratecard.py", "--out", made, "--report", tmp_path / "report.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_bytes() == (ROOT / "pricing" / "card.json").read_bytes()


def test_what_nothing_settles_is_an_error(tmp_path):
    """Without one of the overrides: its disagreements are printed, and no card is written."""
    overrides = tmp_path / "overrides.json"
    text = (ROOT / "pricing" / "overrides.json").read_text()
    lines = [line for line in text.splitlines() if '"provider": "zhipuai"' not in line]
    # the line before the end has no comma
    lines[-2] = lines[-2].rstrip(",")
    overrides.write_text("\n".join(lines))
    made = tmp_path / "card.json"
    report = tmp_path / "report.txt"
    done = run("ratecard.py", "--overrides", overrides, "--out", made, "--report", report)
    assert done.returncode == 1, done.stderr
    assert "not settled: zhipuai/glm-5.3 standard/input" in done.stdout
    assert not made.exists()


def test_an_override_that_settles_nothing_is_an_error(tmp_path):
    overrides = tmp_path / "overrides.json"
    text = (ROOT / "pricing" / "overrides.json").read_text()
    overrides.write_text(text.replace('"provider": "ovhcloud"', '"provider": "no-such"'))
    report = tmp_path / "report.txt"
    done = run("ratecard.py", "--overrides", overrides, "--out", tmp_path / "c", "--report", report)
    assert done.returncode == 1, done.stderr
    assert 'settles 0, not any: {"provider": "no-such"' in done.stdout
