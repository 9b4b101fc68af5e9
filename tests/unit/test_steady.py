"""Arguments are known again whatever order their sets have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asok import Component, exposed
from asok.steady import steady_bytes
from tests.rig import asok_app, rig

# Each process has an order of its own for texts; for these two numbers it is that in which they were put in.
ONE, OTHER = {8, 0}, {0, 8}


@dataclass
class Wanted:
    numbers: Any


class Asked(msgspec.Struct):
    numbers: Any


class ChosenNumbers(Component):
    """Numbers of which one can be dropped."""

    numbers: set[int] = set()
    template = "<i>{{ numbers|sort }}</i>"

    @exposed
    def drop(self) -> None:
        """Drop the eight."""
        self.numbers.discard(8)


@pytest.mark.parametrize(
    "holding",
    [
        lambda numbers: numbers,
        frozenset,
        lambda numbers: {frozenset(numbers), "text"},
        lambda numbers: [1, (numbers,)],
        lambda numbers: {"a": {"b": numbers}},
        lambda numbers: {frozenset(numbers): 1},
        Wanted,
        lambda numbers: [Asked(numbers)],
    ],
)
def test_sets_that_are_equal_have_the_same_bytes_whatever_their_order(holding: Any) -> None:
    assert list(ONE) != list(OTHER)
    assert steady_bytes({"value": holding(ONE)}) == steady_bytes({"value": holding(OTHER)})
    assert steady_bytes({"value": holding(ONE)}) != steady_bytes({"value": holding({0, 8, 1})})


def test_arguments_in_another_order_are_the_same_and_a_dict_in_another_order_is_not() -> None:
    assert steady_bytes({"a": 1, "b": 2}) == steady_bytes({"b": 2, "a": 1})
    assert steady_bytes({"value": {"a": ONE, "b": 2}}) != steady_bytes({"value": {"b": 2, "a": ONE}})


async def test_what_was_done_to_a_set_is_kept_though_the_page_gives_it_in_another_order(tmp_path: Path) -> None:
    given = [ONE, OTHER]
    app = asok_app(tmp_path, templates={"p.html": "{{ alive() }}{{ component('ChosenNumbers', numbers=numbers) }}"})

    async def page(request: Any) -> Any:
        return {"numbers": given.pop(0)}

    app.page("/", "p.html")(page)
    async with rig(app) as served:
        visitor = await served.visitor()
        await (await visitor.tab()).event("drop")
        assert ">[0]</i>" in (await visitor.open()).text
