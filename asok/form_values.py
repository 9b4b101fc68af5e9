"""One field of a form: the text in it as a value of the field's type, or the rule that it does not keep."""

from __future__ import annotations

import datetime
import enum
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import NODEFAULT

from asok.entered import unaliased
from asok.form_shapes import Kind, Shape, Text
from asok.form_words import broken
from asok.paths import encodes
from asok.shape import inexact

__all__ = ["SEQUENCES", "Entry", "Wrong", "keep", "text_of", "value_of"]

SEQUENCES = (list, tuple, set, frozenset)
NAMES: Mapping[Any, str] = {
    int: "integer",
    float: "number",
    datetime.date: "date",
    datetime.time: "time",
    datetime.datetime: "datetime",
}
TRUE = frozenset({"on", "true", "1", "yes"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a Form: what its text is turned into. form: of a group or of rows."""

    name: str
    type: Any
    shape: Shape
    limits: Mapping[str, Any]
    default: Any
    optional: bool
    strip: bool
    own: str
    form: Kind | None = None
    rules: tuple[Callable[[Any, Any], Any], ...] = ()


class Wrong(Exception):
    """The text of a field does not keep a rule."""

    def __init__(self, rule: str, limit: Any = None, length: int = 0) -> None:
        super().__init__(rule)
        self.rule, self.values = rule, {"limit": limit, "length": length}


def text_of(value: Any, *, many: bool = False) -> Text:
    """A value as a control shows it."""
    if many:
        return [str(text_of(each)) for each in value or ()]
    match value:
        case None | False:
            return ""
        case True:
            return "on"
        case enum.Enum():
            return str(value.value)
        case datetime.datetime():
            return value.isoformat(timespec="minutes" if not value.second else "seconds")
        case datetime.date() | datetime.time():
            return value.isoformat()
    return str(value)


def value_of(entry: Entry, given: Any) -> Any:
    """What the text of a field means. Raises Wrong."""
    kind = entry.shape.kind
    if kind == "many":
        texts = [given] if isinstance(given, str) else list(given)
        return keep(_converted([_checked(text) for text in texts if text != ""], entry), entry.limits)
    text = _checked(given if isinstance(given, str) else next(reversed(given), ""))
    if kind == "flag":
        if text.lower() not in TRUE and entry.default is NODEFAULT:
            raise Wrong("tick")
        return text.lower() in TRUE
    text = text.strip() if entry.strip else text
    if not text:
        return _empty(entry)
    return keep(_converted(text, entry), entry.limits)


def _empty(entry: Entry) -> Any:
    if entry.optional:
        return None
    if entry.default is NODEFAULT:
        raise Wrong("choose" if _choices(entry.type) else "required")
    return "" if entry.type is str else entry.default


def _checked(text: str) -> str:
    if "\x00" in text or not (text.isascii() or encodes(text)):
        raise Wrong("characters")
    return text


def _converted(given: Any, entry: Entry) -> Any:
    if entry.type in (datetime.datetime, datetime.time) and given.count(":") == 1:
        given += ":00"
    try:
        value = msgspec.convert(given, entry.type, strict=False)
    except (msgspec.ValidationError, ValueError, TypeError, ArithmeticError):
        raise Wrong("choice" if _choices(entry.type) else NAMES.get(entry.type, _number(entry.type))) from None
    if inexact(value) is not None:
        raise Wrong(NAMES.get(entry.type, _number(entry.type)))
    return value


def keep(value: Any, limits: Mapping[str, Any]) -> Any:
    """The value, if it keeps its limits. Raises Wrong."""
    found = broken(value, limits)
    if found is not None:
        raise Wrong(*found, length=len(value) if hasattr(value, "__len__") else 0)
    return value


def _number(wanted: Any) -> str:
    return "number" if getattr(wanted, "__name__", "") == "Decimal" else "other"


def _choices(wanted: Any) -> bool:
    inner = unaliased(typing.get_args(wanted)[0] if typing.get_origin(wanted) in SEQUENCES else wanted)
    return typing.get_origin(inner) is Literal or (isinstance(inner, type) and issubclass(inner, enum.Enum))
