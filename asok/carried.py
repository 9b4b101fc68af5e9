"""What msgspec does not bring back as it was by itself: models of pydantic, and moments in another zone than UTC."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

__all__ = [
    "accepted",
    "as_written",
    "brought_back",
    "dissolve",
    "holds_anything",
    "holds_classes",
    "holds_moments",
    "loses_fields",
    "uncarried",
]

CLASSES = (msgspec.inspect.CustomType, msgspec.inspect.DataclassType, msgspec.inspect.StructType)


def uncarried(kind: Any) -> str:
    """What within a type nothing carries; "" where all is carried. Raises TypeError where msgspec knows no such."""
    for node in _types_within(kind):
        if isinstance(node, msgspec.inspect.CustomType):
            if not hasattr(node.cls, "model_validate"):
                return str(node.cls.__name__)
            if secret := _secret(node.cls, set()):
                return secret
    return ""


def holds_anything(kind: Any) -> bool:
    """Whether a value of this type may hold what is of another type when it is back."""
    return any(isinstance(node, msgspec.inspect.AnyType) for node in _types_within(kind))


def holds_moments(kind: Any) -> bool:
    """Whether a value of this type may hold a datetime, and nothing that could be anything."""
    moments = any(isinstance(node, msgspec.inspect.DateTimeType) for node in _types_within(kind))
    return moments and not holds_anything(kind)


def holds_classes(kind: Any) -> bool:
    """Whether a value of this type may hold objects with fields."""
    return any(isinstance(node, CLASSES) for node in _types_within(kind))


def loses_fields(value: Any, back: Any) -> bool:
    """Whether an object in the value has come back as one of a base, which has not all of its fields."""
    was, now = _classes(value), _classes(back)
    lost = ((kind, base) for kind in was - now for base in now - was if issubclass(kind, base))
    return was != now and any(0 < len(_names(base)) < len(_names(kind)) for kind, base in lost)


def _classes(value: Any) -> set[type]:
    """The class of a value, and those of what it holds."""
    kind: type = type(value)
    if kind in (list, tuple, set, frozenset):
        return {kind, *map(type, value)}
    return {kind, *map(type, value.values())} if kind is dict else {kind}


def _names(kind: Any) -> Sequence[Any]:
    """The fields of a class that has declared some."""
    ways = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__", "model_fields")
    return next((tuple(found) for way in ways if (found := getattr(kind, way, ()))), ())


def as_written(value: Any) -> Any:
    """The value with its moments as texts, which keep their offset; those of MessagePack itself have none."""
    if value is None or (type(value) is datetime and value.tzinfo in (None, UTC)):
        return value
    return msgspec.to_builtins(value, builtin_types=(bytes, bytearray), enc_hook=dissolve)


def dissolve(value: Any) -> Any:
    """A model as plain values. Raises TypeError for what is none."""
    model: Any = type(value)
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"nothing carries a {type(value).__name__}")
    # Without round_trip there are fields that are computed, which not every model takes.
    return dump(mode="json", round_trip=True, by_alias=not _goes_by_names(model))


def brought_back(wanted: Any, value: Any) -> Any:
    """The model that `dissolve` has taken apart."""
    return _made(wanted, value, by_alias=False)


def accepted(wanted: Any, value: Any) -> Any:
    """A model of plain values, by the names of its fields or by their aliases."""
    return _made(wanted, value, by_alias=True)


def _made(wanted: Any, value: Any, *, by_alias: bool) -> Any:
    validate: Callable[..., Any] | None = getattr(wanted, "model_validate", None)
    if validate is None:
        raise TypeError(f"nothing revives a {wanted}")
    return validate(value, by_name=True, by_alias=by_alias) if _goes_by_names(wanted) else validate(value)


@cache
def _goes_by_names(model: Any) -> bool:
    """Whether fields with an alias may go by their names; before its release 2.11 pydantic has no way for that."""
    return "by_name" in inspect.signature(model.model_validate).parameters


def _secret(kind: Any, seen: set[Any]) -> str:
    """A field, however deep inside a model, that would come back as the asterisks which it shows."""
    fields = getattr(kind, "model_fields", {}) if isinstance(kind, type) and kind not in seen else {}
    seen.update([kind] if fields else [])
    for name, info in fields.items():
        if any(hasattr(each, "get_secret_value") for each in _parts(info.annotation)):
            return f"secret such as {kind.__name__}.{name}"
        if deeper := next(filter(None, (_secret(each, seen) for each in _parts(info.annotation))), ""):
            return deeper
    return ""


def _parts(annotation: Any) -> list[Any]:
    """The classes that an annotation is made of."""
    inside = typing.get_args(annotation)
    return [part for each in inside for part in _parts(each)] if inside else [annotation]


def _types_within(kind: Any) -> list[Any]:
    """What msgspec knows of a type and of all types in it."""
    found: dict[int, Any] = {}
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += node
        elif isinstance(node, Struct) and id(node) not in found:
            found[id(node)] = node
            waiting += [getattr(node, name) for name in node.__struct_fields__]
    return list(found.values())
