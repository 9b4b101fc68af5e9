"""While values are packed: what is in a field without a full type, or in a session, and comes back as something else.

A field's annotation says what its bytes become. Without one, or where it says no more than `list`, they become what
MessagePack knows: a dataclass comes back as a dict, a datetime or a Decimal as text, a tuple as a list. The method
that puts it there goes well, and the next one fails, or shows something else. So this is told, once for each field.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct

from asok.duplicating import UNCHANGING
from asok.errors import AsokError

__all__ = ["equals", "packed_key", "tell_of_other_kinds"]

log = logging.getLogger("asok")

PLAIN = "store numbers, text, lists and dicts"
MOST = 1000  # names of which is known that they were told
_told = set[str]()


def tell_of_other_kinds(holder: str, value: Any, back: Any, instead: str) -> bool:
    """Log it where something in the value is of another type when it is back; whether that is so."""
    found = None if type(value) is type(back) and equals(value, back) else _other_kind(value, back)
    if found is None:
        return False
    given, made = (type(each).__name__ for each in found)
    log.warning("%s holds a %s, and has a %s in its place at the next event: %s", holder, given, made, instead)
    return True


def packed_key(name: str, value: Any) -> bytes:
    """The bytes of a session's key, and the same told of it. Raises AsokError where nothing stores the value."""
    try:
        packed = msgspec.msgpack.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise AsokError(f"session[{name!r}] cannot be stored: {error}; {PLAIN}") from None
    if type(value) in UNCHANGING or name in _told or len(_told) >= MOST:
        return packed
    if tell_of_other_kinds(f"session[{name!r}]", value, msgspec.msgpack.decode(packed), PLAIN):
        _told.add(name)
    return packed


def equals(value: Any, back: Any) -> bool:
    """Whether both are equal; in C for all that is plain, which most of it is."""
    try:
        return bool(value == back)
    except Exception:  # an `__eq__` of somebody's, which has never met a dict
        return False


def _other_kind(value: Any, back: Any) -> tuple[Any, Any] | None:
    if type(value) is not type(back):
        return value, back
    pairs = (_other_kind(one, other) for one, other in zip(_inside(value), _inside(back), strict=False))
    return next((pair for pair in pairs if pair is not None), None)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return chain.from_iterable(value.items())
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return ()
