"""Rows that look frozen and are not: what may change in them, or is asked of somebody else, is shown as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from tests.unit.test_remembering import PAIRS, TABLE, Changing, Frozen, Loose, Named, Roomy, Twins, as_dict

now = "before"


@dataclass(frozen=True, slots=True)
class Asking:
    name: str

    @property
    def x(self) -> str:
        return now


@dataclass(frozen=True, slots=True)
class Classy:
    name: str

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return now


@dataclass(frozen=True, slots=True)
class Listed:
    name: str

    def __getitem__(self, name: object) -> str:
        return now


class Tupled(Named):
    @property
    def x(self) -> str:
        return now


class Sub(Frozen):
    pass


@dataclass(frozen=True, slots=True)
class Titled:
    name: str
    x: int = 0

    def __str__(self) -> str:
        return now

    def __bool__(self) -> bool:
        return now == "before"


@dataclass(frozen=True)
class Later:
    name: str
    x: str = field(default="", init=False)


class Zone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=len(now))

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> str:
        return now


class OwnList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter([Frozen(now, 1)])


def roomy() -> Roomy:
    row = Roomy("a")
    object.__setattr__(row, "gone", "before")
    return row


def unsettled() -> Sub:
    row = Sub("a", 1)
    row.__dict__["gone"] = "before"
    return row


WHOLE = "{% for row in rows %}{{ row }}{{ row }}{{ row }}{% endfor %}"
GONE = "{% for row in rows %}{{ row.name }}{{ row.gone }}{{ row.gone }}{% endfor %}"
INSIDE = "{% for row in rows %}{{ row.name }}{{ row.x }}{% if row.x %}1{% endif %}{{ row.x }}{% endfor %}"
EACH = "{% for row in rows %}{% for cell in row.x %}{{ cell }}{{ cell.name }}{% endfor %}{{ row.name }}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (TABLE, Asking("a")),
        (GONE, Classy("a")),
        (GONE, Listed("a")),
        (TABLE, Tupled("a")),
        (WHOLE, Titled("a")),
        (INSIDE, Frozen("a", Titled("b"))),
        (EACH, Frozen("a", (Titled("b"),))),
        (INSIDE, Frozen("a", datetime(2026, 1, 1, tzinfo=Zone()))),
        (INSIDE, Frozen("a", (datetime(2026, 1, 1, tzinfo=Zone()),))),
        (PAIRS, ("a", Titled("b"))),
        (INSIDE, (datetime(2026, 1, 1, tzinfo=UTC), Zone())),
    ],
)
def test_a_row_that_asks_something_else_is_asked_each_time(
    source: str, row: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = Twins(source)
    for value in ("before", "after", "before"):
        monkeypatch.setitem(globals(), "now", value)
        for _ in range(2):
            twins.show(rows=[row] * 20)


@pytest.mark.parametrize(
    ("source", "row", "change"),
    [
        (TABLE, Changing("a"), lambda row: setattr(row, "x", row.name)),
        (TABLE, Loose("a"), lambda row: setattr(row, "x", row.name)),
        (TABLE, as_dict("a", 1), lambda row: row.update(x=2)),
        (TABLE, Frozen("a", [1]), lambda row: row.x.append(2)),
        (TABLE, Frozen("a", {1: [1]}), lambda row: row.x[1].append(2)),
        (TABLE, Frozen("a", (1, ([],))), lambda row: row.x[1][0].append(2)),
        ("{% for row in rows %}{{ row.name }}{{ row }}{{ row.name }}{% endfor %}", as_dict("a", 1),
         lambda row: row.update(x=2)),
        (PAIRS, ("a", [1]), lambda row: row[1].append(2)),
        (WHOLE, ("a", [1]), lambda row: row[1].append(2)),
        ("{% for row in rows %}{{ row.x.x }}{{ row.name }}{{ row.x.x }}{% endfor %}", Frozen("a", Changing("b")),
         lambda row: setattr(row.x, "x", 3)),
        (GONE, roomy(), lambda row: object.__setattr__(row, "gone", "after")),
        (GONE, unsettled(), lambda row: row.__dict__.update(gone="after")),
        (TABLE, Later("a"), lambda row: object.__setattr__(row, "x", "after")),
        (INSIDE, Frozen("a", bytearray(b"1")), lambda row: row.x.append(2)),
    ],
)  # fmt: skip
def test_a_row_changed_in_place_is_rendered_anew(source: str, row: Any, change: Callable[[Any], object]) -> None:
    twins = Twins(source)
    for _ in range(3):
        twins.show(rows=[row] * 20)
    before = twins.show(rows=[row] * 20)
    change(row)
    assert twins.show(rows=[row] * 20) != before


def test_a_property_is_read_as_often_as_the_template_says() -> None:
    def counting() -> Any:
        class Counting:
            name, read = "a", 0

            @property
            def x(self) -> int:
                self.read += 1
                return self.read

        return Counting()

    stock, ours = (env.get_template("page") for env in Twins(TABLE).environments)
    for others in ([], [Frozen("a", 1)], [as_dict("a", 1)]) * 8:
        expected = stock.render(rows=[*others, counting()] * 20)
        assert ours.render(rows=[*others, counting()] * 20) == expected
