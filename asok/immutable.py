"""Which rows can never change, down to the last value in them.

A frozen class promises that its fields stay; but a field may hold a list, and an attribute may be a property that
reads the clock. So both are looked at: the class once, the values of each row that somebody wants to rely on.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from inspect import getattr_static
from itertools import chain
from operator import attrgetter
from sys import getsizeof
from types import MemberDescriptorType, NoneType
from typing import Any, Generic, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from asok.frozen import FrozenDict, FrozenList

__all__ = ["PLAIN", "Immutable", "is_frozen", "plain_fields"]

# Exact types, whose values hold nothing that could change, and whose text and comparisons run nobody's code.
PLAIN = frozenset(
    {str, Markup, int, float, bool, NoneType, complex, bytes, date, timedelta, timezone, ZoneInfo, uuid.UUID}
)

Parts = Callable[[Any], Iterable[Any]]

# Built-in containers that stay as they are, and what they hold.
_HOLDERS: dict[type, Parts] = {
    tuple: iter,
    FrozenList: iter,
    FrozenDict: dict.values,
    datetime: lambda moment: (moment.tzinfo,),
    time: lambda moment: (moment.tzinfo,),
}
# The text of such a Decimal depends on the decimal context; `...` is no value of a plain type.
_DECIMAL: Parts = lambda number: (...,) if "e" in str(number).lower() else ()  # noqa: E731  # one of the functions above

_BASES = frozenset({object, tuple, msgspec.Struct, Generic, Protocol})
_OWN_WAYS = ("__getattr__", "__getattribute__", "__getitem__")
_TUPLE_FIELD = type(NamedTuple("_Pair", [("first", int)]).first)  # type: ignore[attr-defined]  # of the class
_DEEPEST = 8


class Immutable:
    """Says whether a template that reads this and no more of rows will always read the same.

    names: every attribute that it asks for, of rows or of what is in them. values: the dotted ones, from the row on,
    whose values it uses. whole: it uses the row itself. computes: it does more than to write values and test them.
    """

    def __init__(self, names: frozenset[str], values: tuple[str, ...], *, whole: bool, computes: bool) -> None:
        self._names, self._values, self._whole = names, values, whole
        self._holders = _HOLDERS if computes else {**_HOLDERS, Decimal: _DECIMAL}
        self._classes: dict[type, Parts | None] = {}

    def weight(self, rows: Iterable[Any]) -> int | None:
        """Bytes of these rows with all that is in them; None if one of them may change."""
        size, depth, classes_inside = 0, 0, False
        level = rows = list(rows)
        while level:
            size += sum(map(getsizeof, level))
            inside: list[Any] = []
            for kind in set(map(type, level)) - PLAIN:
                parts = self._holders.get(kind)
                if parts is None:
                    parts = self._of_class(kind)
                    classes_inside |= depth > 0
                if parts is None or depth == _DEEPEST:
                    return None
                inside += chain.from_iterable(map(parts, [value for value in level if type(value) is kind]))
            level, depth = inside, depth + 1
        return size if not classes_inside or self._leads_to_plain(rows) else None

    def _of_class(self, kind: type) -> Parts | None:
        """What instances of a frozen class hold; None if it is not frozen, or what is asked of it is no field."""
        if kind not in self._classes:
            if len(self._classes) == 64:  # classes that are made anew all the time are not kept alive
                self._classes.clear()
            fields = None if self._whole or not is_frozen(kind) else plain_fields(kind, self._names)
            self._classes[kind] = None if fields is None else _getter(fields)
        return self._classes[kind]

    def _leads_to_plain(self, rows: list[Any]) -> bool:
        """Whether no value that is used is an instance of a class, whose methods could be anything."""
        try:
            level = list(chain.from_iterable(map(_getter(self._values), rows)))
        except AttributeError:
            return False
        for _ in range(_DEEPEST):
            kinds = set(map(type, level)) - PLAIN
            if not kinds <= self._holders.keys():
                return False
            held = [value for value in level if type(value) in kinds]
            level = [part for value in held for part in self._holders[type(value)](value)]
        return not level


def plain_fields(kind: type, names: frozenset[str]) -> tuple[str, ...] | None:
    """The fields of a Struct, dataclass or NamedTuple, if all these names are fields or surely absent; else None."""
    fields = _fields(kind)
    own_ways = any(way in vars(base) for base in kind.__mro__ if base not in _BASES for way in _OWN_WAYS)
    if fields is None or own_ways:
        return None
    # In an instance's own dict there may be more than the fields.
    anything = kind.__dictoffset__ != 0
    if any(name not in fields and (anything or hasattr(kind, name)) for name in names):
        return None
    return fields if all(_is_stored(kind, name) for name in fields) else None


def _fields(kind: type) -> tuple[str, ...] | None:
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    if dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(kind)
        return tuple(field.name for field in fields) if all(field.init for field in fields) else None
    if issubclass(kind, tuple) and isinstance(names := getattr(kind, "_fields", None), tuple):
        return names
    return None


def is_frozen(kind: type) -> bool:
    """Whether a class says that its fields cannot be set."""
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.frozen)
    params = vars(kind).get("__dataclass_params__")
    return bool(params.frozen) if params else issubclass(kind, tuple)


def _is_stored(kind: type, name: str) -> bool:
    """Whether the attribute is a slot, the item of a tuple, or in the instance's dict: nothing that runs code."""
    found = getattr_static(kind, name, None)
    return type(found) in (MemberDescriptorType, _TUPLE_FIELD) or not hasattr(type(found), "__get__")


def _getter(names: tuple[str, ...]) -> Parts:
    """Like attrgetter, but always with a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda owner: tuple(attrgetter(name)(owner) for name in names)
