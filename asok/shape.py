"""What a browser's JSON may look like before anything is built from it, and which numbers both sides hold exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from asok.errors import ProtocolError
from asok.settings import Limits

__all__ = ["MAX_EXACT_INTEGER", "check_shape", "inexact"]

MAX_EXACT_INTEGER = 2**53 - 1
# 1e999999999 is a short text, and a gigabyte once it is written out. Beyond a float's digits nothing is meant.
LARGEST = 308


def check_shape(frame: str, limits: Limits) -> None:
    """Refuse deep or wide JSON before anything is built from it."""
    opened = frame.count("[") + frame.count("{")
    if opened + frame.count(",") > limits.json_nodes and "," in frame and nodes(frame) > limits.json_nodes:
        raise ProtocolError(f"more than {limits.json_nodes} values in one message")
    if opened > limits.json_depth and depth(frame) > limits.json_depth:
        raise ProtocolError(f"nested deeper than {limits.json_depth}")


def outside_strings(frame: str) -> str:
    """The frame without its strings. Linear: a quote toggles, and an escaped one was cut out before."""
    return "".join(frame.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def nodes(frame: str) -> int:
    bare = outside_strings(frame)
    return bare.count(",") + bare.count("[") + bare.count("{")


def depth(frame: str) -> int:
    deepest = level = 0
    for character in outside_strings(frame):
        if character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def inexact(value: Any) -> Any:
    """The first number in a value that JavaScript cannot hold exactly, or None."""
    if value is None or type(value) is str:  # as most are
        return None
    match value:
        case bool():
            return None
        case int():
            return value if abs(value) > MAX_EXACT_INTEGER else None
        case float():
            return None if math.isfinite(value) else value
        case Decimal():
            return None if value.is_finite() and abs(value.adjusted()) <= LARGEST else value
        case dict():
            parts: Iterable[Any] = [*value.keys(), *value.values()]
        case list() | tuple() | set() | frozenset():
            parts = value
        case Struct():
            parts = msgspec.structs.asdict(value).values()
        case _ if is_dataclass(value):
            parts = [getattr(value, each.name) for each in fields(value)]
        case _:
            return None
    return next((found for part in parts if (found := inexact(part)) is not None), None)
