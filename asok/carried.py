"""What msgspec does not bring back as it was by itself: models of pydantic, and moments in another zone than UTC."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from asok.duplicating import UNCHANGING

__all__ = [
    "accepted",
    "as_written",
    "brought_back",
    "classes_in",
    "dissolve",
    "holds_anything",
    "holds_moments",
    "loses_fields",
    "uncarried",
    "unmade",
    "works_things_out",
]

CLASSES = (msgspec.inspect.CustomType, msgspec.inspect.DataclassType, msgspec.inspect.StructType)


def uncarried(kind: Any) -> str:
    """What within a type nothing carries; "" where all is carried. Raises TypeError where msgspec knows no such."""
    if strange := unmade(kind):
        return strange
    for node in _types_within(kind):
        if isinstance(node, msgspec.inspect.CustomType) and (secret := _secret(node.cls, set())):
            return secret
        for each in getattr(getattr(node, "cls", None), "__attrs_attrs__", ()):
            if each.name.startswith("_"):
                return f"private attribute of attrs such as {node.cls.__name__}.{each.name}"
    return ""


def unmade(kind: Any) -> str:
    """What within a type nothing makes of plain values. Raises TypeError where msgspec knows no such type."""
    custom = (node for node in _types_within(kind) if isinstance(node, msgspec.inspect.CustomType))
    return next((str(node.cls.__name__) for node in custom if not hasattr(node.cls, "model_validate")), "")


def holds_anything(kind: Any) -> bool:
    """Whether a value of this type may hold what is of another type when it is back."""
    return any(isinstance(node, msgspec.inspect.AnyType) for node in _types_within(kind))


def holds_moments(kind: Any) -> bool:
    """Whether a value of this type may hold a datetime, and nothing that could be anything."""
    moments = any(isinstance(node, msgspec.inspect.DateTimeType) for node in _types_within(kind))
    return moments and not holds_anything(kind)


def classes_in(kind: Any) -> frozenset[type]:
    """The classes of objects with fields that a value of this type may hold."""
    found: set[type] = set()
    waiting = [typing.get_origin(each.cls) or each.cls for each in _types_within(kind) if isinstance(each, CLASSES)]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            models = [info.annotation for info in getattr(each, "model_fields", {}).values()]
            waiting += [part for model in models for part in _parts(model) if hasattr(part, "model_fields")]
    return frozenset(found)


def works_things_out(kind: type) -> bool:
    """Whether a class does more than to take its values when one is made."""
    validators = getattr(kind, "__pydantic_decorators__", None)
    ways = ("validators", "field_validators", "root_validators", "model_validators")
    return (
        hasattr(kind, "__post_init__")
        or hasattr(kind, "__attrs_post_init__")
        or any(getattr(validators, way, None) for way in ways)
    )


def loses_fields(value: Any, back: Any) -> bool:
    """Whether an object in the value has come back as one of a base, which has not all of its fields."""
    was, now = type(value), type(back)
    if was is not now:
        return issubclass(was, now) and 0 < len(_names(now)) < len(_names(was))
    if was in (set, frozenset):  # in another order, maybe
        kinds = set(map(type, back))
        return any(loses_fields(each, other) for each in value for other in back if type(each) not in kinds)
    pairs = zip(_held(value), _held(back), strict=False)
    return any(type(one) not in UNCHANGING and loses_fields(one, other) for one, other in pairs)


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        return value
    return value.values() if isinstance(value, dict) else [getattr(value, name, None) for name in _names(type(value))]


def _names(kind: Any) -> Sequence[Any]:
    """The fields of a class that has declared some."""
    ways = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__", "model_fields")
    found = next((tuple(found) for way in ways if (found := getattr(kind, way, ()))), ())
    return [getattr(each, "name", each) for each in found]


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
    """A model of plain values, by the names of its fields or their aliases. Raises ValueError, which tells no value."""
    try:
        return _made(wanted, value, by_alias=True)
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        wrong = [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        raise ValueError("; ".join(f"{place}: {problem}" for place, problem in wrong)) from None


def _made(wanted: Any, value: Any, *, by_alias: bool) -> Any:
    validate: Callable[..., Any] | None = getattr(wanted, "model_validate", None)
    if validate is None:
        raise TypeError(f"nothing revives a {wanted}")
    options = {"by_name": True, "by_alias": by_alias} if _goes_by_names(wanted) else {}
    if not by_alias and "strict" in _options(wanted):  # a strict model takes no date from a text, and that it was
        options["strict"] = False
    return validate(value, **options)


def _goes_by_names(model: Any) -> bool:
    """Whether fields with an alias may go by their names; before its release 2.11 pydantic has no way for that."""
    return "by_name" in _options(model)


@cache
def _options(model: Any) -> Set[str]:
    return inspect.signature(model.model_validate).parameters.keys()


def _secret(kind: Any, seen: set[Any]) -> str:
    """A field, however deep inside a model, that would come back as the asterisks which it shows, or not at all."""
    fields = getattr(kind, "model_fields", {}) if isinstance(kind, type) and kind not in seen else {}
    seen.update([kind] if fields else [])
    for name, info in fields.items():
        if any(hasattr(each, "get_secret_value") for each in _parts(info.annotation)):
            return f"secret such as {kind.__name__}.{name}"
        if info.exclude:
            return f"field that is excluded such as {kind.__name__}.{name}"
        if deeper := next(filter(None, (_secret(each, seen) for each in _parts(info.annotation))), ""):
            return deeper
    return ""


def _parts(annotation: Any) -> list[Any]:
    """The classes that an annotation is made of."""
    inside = typing.get_args(annotation)
    return [part for each in inside for part in _parts(each)] if inside else [annotation]


def _types_within(kind: Any) -> list[Any]:
    """What msgspec knows of a type and of all types in it. Raises TypeError where it knows no such type."""
    found: dict[int, Any] = {}
    try:
        waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    except RecursionError:
        raise TypeError(f"the alias {kind} holds itself, which only a class can; make a dataclass of it") from None
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += node
        elif isinstance(node, Struct) and id(node) not in found:
            found[id(node)] = node
            waiting += [getattr(node, name) for name in node.__struct_fields__]
    return list(found.values())
