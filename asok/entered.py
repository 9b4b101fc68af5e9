"""What a person has entered into a control, as a declared type takes it: browsers send text, or what a box says."""

from __future__ import annotations

import types
import typing
from datetime import datetime, time
from typing import Annotated, Any

__all__ = ["as_entered", "holds_nul", "is_flag", "kinds_of", "takes_several", "unaliased"]

SEQUENCES = (list, set, tuple, frozenset)
ALIASES = frozenset({"NewType", "TypeAliasType"})  # the second came with Python 3.12
BOXES = {"on": True, "off": False, "": False}


def as_entered(value: Any, wanted: Any) -> Any:
    """The value, closer to the wanted type; what does not fit stays as it is, to be refused.

    An empty text is None where the type has None and no text; a list of boxes that are checked is whether one is,
    where a bool is wanted; one text is a list of one, where a list is; and a time needs no seconds.
    """
    if type(value) is wanted:  # as most are
        return value
    kinds = kinds_of(wanted)
    if isinstance(value, list):
        return bool(value) if bool in kinds and not takes_several(wanted) else value
    if not isinstance(value, str) or str in kinds or Any in kinds:
        return value
    if not value and type(None) in kinds:
        return None
    if bool in kinds:
        return BOXES.get(value.lower(), value)
    if takes_several(wanted):
        return [value]
    return value + ":00" if value.count(":") == 1 and {datetime, time} & kinds else value


def holds_nul(value: Any) -> bool:
    """Whether a text, however deep inside, holds a NUL character, which no person enters and some databases refuse."""
    match value:
        case str():
            return "\x00" in value
        case list():
            return any(map(holds_nul, value))
        case dict():
            return any(map(holds_nul, value)) or any(map(holds_nul, value.values()))
    return False


def takes_several(wanted: Any) -> bool:
    """Whether it is a list or the like."""
    if type(wanted) is type:
        return wanted in SEQUENCES
    return any((typing.get_origin(kind) or kind) in SEQUENCES for kind in kinds_of(wanted))


def is_flag(wanted: Any) -> bool:
    """Whether it is bool, by whatever name."""
    return wanted is bool or kinds_of(wanted) == {bool}


def unaliased(wanted: Any) -> Any:
    """What `type Name = …` and `NewType` have given a name to."""
    while type(wanted).__name__ in ALIASES:
        wanted = wanted.__supertype__ if isinstance(wanted, typing.NewType) else wanted.__value__
    return wanted


def kinds_of(wanted: Any) -> set[Any]:
    """The members of a union, or the type itself."""
    wanted = unaliased(wanted)
    origin = typing.get_origin(wanted)
    if origin is Annotated:
        return kinds_of(typing.get_args(wanted)[0])
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(kinds_of, typing.get_args(wanted)))
    return {wanted}
