"""The list of threats and the tests: none is without one that names it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
THREATS = {f"t{number:02}" for number in range(1, 61)}


def test_every_threat_has_a_test() -> None:
    texts = [file.read_text("utf-8") for file in TESTS.rglob("test_*.py")]
    named = {name for text in texts for name in re.findall(r"def test_(t\d\d)_", text)}
    assert sorted(THREATS - named) == [], "these threats have no test that names them"
    assert sorted(named - THREATS) == [], "there are no such threats"
