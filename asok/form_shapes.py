"""What a form looks like from outside: its fields as a tree, their names on the page, and the text in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = ["MOST_ROWS", "Errors", "Kind", "Path", "Shape", "Text", "nested", "place_of", "spread"]

Text = str | list[str]
Path = tuple[str | int, ...]
Errors = dict[Path, str]

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """A field: `text`, `flag` (a checkbox), `many` (several values), `group` (a form in the form) or `rows` (a list
    of forms). default: the text that it begins with. fewest: the rows that it begins with. most: that it may have.
    secret: not kept, and never shown again."""

    kind: Literal["text", "flag", "many", "group", "rows"]
    label: str = ""
    required: bool = False
    default: Text = ""
    inside: Mapping[str, Shape] = field(default_factory=dict)
    fewest: int = 0
    most: int = MOST_ROWS
    secret: bool = False


class Kind(Protocol):
    """What is known of a class whose objects a form makes. slow: its rules may wait for something."""

    form: type
    shape: Shape
    slow: bool

    def check(self, data: Mapping[str, Any]) -> tuple[Any, Errors]:
        """The object that the text makes, or None and what is wrong with each field, in words for a person."""
        ...

    def texts(self, value: Any) -> dict[str, Any]:
        """The text of an object's fields, nested as they are."""
        ...


def place_of(shape: Shape, name: str) -> tuple[Shape, dict[str, int]] | None:
    """The field that a name such as `lines-3-price` means, and the rows on the way: `{"lines": 3}`."""
    rows: dict[str, int] = {}
    parts = name.split("-")
    position = 0
    while position < len(parts):
        found = shape.inside.get(parts[position])
        position += 1
        if found is None:
            return None
        shape = found
        if shape.kind == "rows" and position < len(parts):
            number = parts[position]
            if not (number.isascii() and number.isdecimal() and len(number) < 7 and str(int(number)) == number):
                return None
            rows["-".join(parts[:position])] = int(number)
            position += 1
    return shape, rows


def nested(shape: Shape, typed: Mapping[str, Text], rows: Mapping[str, list[int]], prefix: str = "") -> dict[str, Any]:
    """The text as a tree of dicts and lists, in the shape's order; what nobody has touched has its default."""
    found: dict[str, Any] = {}
    for key, each in shape.inside.items():
        name = prefix + key
        if each.kind == "group":
            found[key] = nested(each, typed, rows, f"{name}-")
        elif each.kind == "rows":
            found[key] = [nested(each, typed, rows, f"{name}-{number}-") for number in rows.get(name, ())]
        else:
            found[key] = typed.get(name, each.default)
    return found


def spread(
    shape: Shape, data: Mapping[str, Any], numbers: Iterator[int]
) -> tuple[dict[str, Text], dict[str, list[int]]]:
    """The other way round: names with their text, and the numbers that rows were given."""
    typed: dict[str, Text] = {}
    rows: dict[str, list[int]] = {}

    def walk(shape: Shape, data: Mapping[str, Any], prefix: str) -> None:
        for key, each in shape.inside.items():
            name, value = prefix + key, data.get(key)
            if each.kind == "group":
                walk(each, value or {}, f"{name}-")
            elif each.kind == "rows":
                given = list(value or []) + [{}] * (each.fewest - len(value or []))
                rows[name] = [next(numbers) for _ in given]
                for number, row in zip(rows[name], given, strict=True):
                    walk(each, row, f"{name}-{number}-")
            elif value is not None and value != each.default and not each.secret:
                typed[name] = value

    walk(shape, data, "")
    return typed, rows
