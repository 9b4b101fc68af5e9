"""The table of `make mutants` fits the sources: each text stands there once, and what is left is Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.defences import DEFENCES, Defence

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_a_defence_can_be_taken_out(defence: Defence) -> None:
    source = (ROOT / defence.file).read_text("utf-8")
    assert ast.dump(ast.parse(defence.taken_out(source))) != ast.dump(ast.parse(source))
    told = (ROOT / defence.tests[0]).read_text("utf-8")
    names = defence.tests[2].split(" or ") if len(defence.tests) > 1 else ["test_"]
    assert any(name in told for name in names), f"{defence.tests[0]} has no test of {names}"


def test_no_defence_stands_there_twice() -> None:
    names = [defence.name for defence in DEFENCES]
    assert sorted(set(names)) == sorted(names)
    assert len(names) >= 35
