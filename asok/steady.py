"""Bytes of arguments that are the same in every process, whatever order their sets have there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

__all__ = ["steady_bytes"]

SIMPLE = frozenset({str, int, float, bool, NoneType, bytes, date, datetime, Decimal, UUID})
DEEPEST = 8


def steady_bytes(arguments: Mapping[str, Any]) -> bytes:
    """Bytes that tell these arguments from others. Raises TypeError, ValueError, OverflowError, RecursionError."""
    items, values = sorted(arguments.items()), arguments.values()
    packed = _packed(items)
    return packed if SIMPLE.issuperset(map(type, values)) or not _may_hold_sets(values) else _packed(_steady(items))


def _packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=_told)


def _told(value: Any) -> str:
    if not hasattr(value, "model_dump"):
        raise TypeError(
            f"nothing carries a {type(value).__name__} to the browser and back; give plain values, or what tells "
            f"load() of the component where to fetch it"
        )
    return repr(value)


def _may_hold_sets(level: Iterable[Any]) -> bool:
    """Whether sets, or what may have some inside, are among values; looked at in C, since rows are many."""
    for _ in range(DEEPEST):
        kinds = set(map(type, level)) - SIMPLE
        if not kinds:
            return False
        if not kinds <= {list, tuple, dict}:
            return True
        dicts = [each for each in level if type(each) is dict]
        lists = [each for each in level if type(each) in (list, tuple)]
        level = [
            *chain.from_iterable(lists),
            *chain.from_iterable(dicts),
            *chain.from_iterable(map(dict.values, dicts)),
        ]
    return True


def _steady(value: Any) -> Any:
    """What is in the value, in its order; of sets, as whose order differs from process to process, in one of ours."""
    if isinstance(value, (set, frozenset)):
        return sorted(_packed(_steady(item)) for item in value)
    if isinstance(value, dict):
        return [(_steady(key), _steady(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return list(map(_steady, value))
    if isinstance(value, Struct):
        return [_steady(getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_steady(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return value
