"""Whether a value of a store fits a type, strictly: a bool is no int, and no key is there that the type has not."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from asok.entered import unaliased

__all__ = ["is_type", "misfit", "type_fault"]


def is_type(validator: Any) -> bool:
    """Whether it is written as a type: `int`, `str | None`, `Literal[…]`, `Annotated[…]`, a dataclass, a Struct."""
    validator = unaliased(validator)
    named = (type, types.UnionType)
    return (
        validator is None
        or validator is Any
        or isinstance(validator, named)
        or typing.get_origin(validator) is not None
    )


def type_fault(validator: Any) -> str:
    """What keeps a type from describing the value of a store; "" when nothing does."""
    try:
        known = msgspec.inspect.type_info(validator)
    except (TypeError, NameError) as error:
        return str(error)
    if isinstance(known, msgspec.inspect.CustomType):
        return f"no value of a store is ever {validator!r}"
    return ""


def misfit(kind: Any, value: Any) -> str:
    """What keeps a value from being of a type, "" when nothing does. A name that the type does not know is such."""
    try:
        fitted = msgspec.convert(value, kind, strict=True)
    except (msgspec.ValidationError, TypeError) as error:  # a set holds no list and no dict
        return f"{error}; expected {getattr(kind, '__name__', kind)}"
    stranger = _stranger(value, fitted)
    return f"{getattr(kind, '__name__', kind)} has no {stranger!r}" if stranger else ""


def _stranger(value: Any, fitted: Any) -> str:
    """The first key of a value that its converted form has left out."""
    if isinstance(value, dict):
        known = _known(value, fitted)
        for key, item in value.items():
            if key not in known:
                return str(key)
            inner = _stranger(item, known[key])
            if inner:
                return inner
    elif isinstance(value, list) and isinstance(fitted, (list, tuple)):
        return next(filter(None, map(_stranger, value, fitted)), "")
    return ""


def _known(value: dict[str, Any], fitted: Any) -> Mapping[Any, Any]:
    """What a converted dict took up, by the names that it had in the dict."""
    if isinstance(fitted, msgspec.Struct):
        named = {each.encode_name: getattr(fitted, each.name) for each in msgspec.structs.fields(fitted)}
        tag = fitted.__struct_config__.tag_field
        return {**named, tag: None} if tag else named
    if is_dataclass(fitted):
        return {each.name: getattr(fitted, each.name) for each in fields(fitted)}
    if isinstance(fitted, Mapping):
        return fitted if len(fitted) < len(value) else dict(zip(value, fitted.values(), strict=True))
    return {}
