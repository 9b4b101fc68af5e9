"""What a field without a full type holds, and what comes back of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import pytest

from asok import Component
from asok.component import definition_of
from asok.fields import Field, Fields
from asok.sessions import Session


class PricedByHand(Component):
    """Defaults that are written as plain numbers."""

    price: float = 0
    discount: float | None = 1
    total: Decimal = 2  # type: ignore[assignment]  # as people write it
    count: int = 3
    wrong: bool = 4  # type: ignore[assignment]  # told where it is packed


@dataclass
class Chore:
    text: str


@dataclass
class Numbered:
    number: int

    def __eq__(self, other: object) -> bool:
        return bool(self.number == other.number)  # type: ignore[attr-defined]  # as people write it


class Place(NamedTuple):
    row: int


class State(Enum):
    DONE = "done"


def packed(kind: Any, *values: Any) -> None:
    fields = Fields("Board", [Field("chosen", kind)])
    for value in values:
        fields.public.pack({"chosen": value})


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (list, [Chore("a")], "a Chore, and has a dict"),
        (list, [Numbered(1)], "a Numbered, and has a dict"),
        (dict, {"a": [Decimal(1)]}, "a Decimal, and has a str"),
        (Any, datetime(2026, 1, 2), "a datetime, and has a str"),
        (Any, (1, 2), "a tuple, and has a list"),
        (Any, {1}, "a set, and has a list"),
        (Any, State.DONE, "a State, and has a str"),
        (list[Any], [math.nan, Place(1)], "a Place, and has a list"),
        (dict[str, Any], {"a": date(2026, 1, 2)}, "a date, and has a str"),
        (dict[str, int], Counter("aab"), "a Counter, and has a dict"),
        (Any, Counter("aab"), "a Counter, and has a dict"),
    ],
)
def test_what_comes_back_as_something_else_is_told_once(
    kind: Any, value: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    packed(kind, value, value)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Board.chosen holds {told} in its place at the next event")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Any, {"a": [1, 1.5, "b", None, True, b"c", math.nan]}),
        (list, [[]]),
        (list[Chore], [Chore("a")]),
        (tuple[int, int], (1, 2)),
        (dict[str, date | None], {"a": date(2026, 1, 2)}),
    ],
)
def test_what_comes_back_as_it_was_is_not_told(kind: Any, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    packed(kind, value)
    assert not caplog.records


def test_a_default_is_of_the_declared_type_from_the_beginning() -> None:
    defaults = definition_of(PricedByHand).fields.defaults()
    assert [repr(value) for value in defaults.values()] == ["0.0", "1.0", "Decimal('2')", "3", "4"]


@pytest.mark.parametrize(("value", "told"), [({"total": Decimal(1)}, "a Decimal"), ([Chore("a")], "a Chore")])
def test_what_a_session_gives_back_as_something_else_is_told_once(
    value: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        session = Session()
        session[told] = value
        session["plain"] = [1, {"a": None}]
        session.changes()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"session[{told!r}] holds {told}, and has a ")
    assert "store numbers, text, lists and dicts" in record.getMessage()
