"""What a class body declares, and the bodies of its bases and mixins: fields with their types and defaults."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from asok.carried import brought_back
from asok.errors import FieldError
from asok.fields import MISSING, Apart, Declared, Field

__all__ = ["collect"]

OF_OTHERS = {"attr": ("_CountingAttr",), "msgspec": ("Field",), "pydantic": ("FieldInfo",)}
SHARED = re.compile(r"\s*(?:\w+\.)*ClassVar\b")
Given = Mapping[Any, Any]


def collect(cls: type, stop: type, options: frozenset[str], taken: frozenset[str]) -> list[Field]:
    """The fields that a class body, its bases and its mixins declare, bases first.

    stop: the base class that declares none, nor do its bases. options: names that are settings of the class. taken:
    names that a field cannot have. Raises FieldError.
    """
    bases = [base for base in reversed(cls.__mro__) if base not in stop.__mro__]
    hints = _hints(cls, bases)
    found: dict[str, Field] = {}
    for base in bases:
        own = inspect.get_annotations(base)
        for name in dict.fromkeys([*own, *vars(base)]):
            _check_default(cls, name, vars(base).get(name))
            if (name in options and not _looks_like_a_field(base, name, taken)) or name.startswith("_"):
                continue
            if name in own and inspect.isfunction(vars(base).get(name)):
                raise FieldError(f"{cls.__name__}.{name} is declared as a field and as a method; rename one of them")
            field = _field(name, hints.get(name, MISSING), vars(base).get(name, MISSING), found.get(name), name in own)
            if field is not None and name in taken:
                raise FieldError(
                    f"{cls.__name__}.{name} cannot be a field: every component has its own {name}; rename it"
                )
            if field is not None:
                found[name] = field
            elif name in found:
                del found[name]
    return list(found.values())


def _check_default(cls: type, name: str, value: Any) -> None:
    """Raises FieldError where a default is written as other libraries have it."""
    library = type(value).__module__.partition(".")[0]
    if isinstance(value, dataclasses.Field) or type(value).__name__ in OF_OTHERS.get(library, ()):
        word = "Field(…)" if library == "pydantic" else "field(…)"
        problem = f"{cls.__name__}.{name} has {word} of {library} as its default"
        raise FieldError(f"{problem}; write the value itself, such as []: each instance gets a copy")


def _looks_like_a_field(cls: type, name: str, taken: frozenset[str]) -> bool:
    declared = name in inspect.get_annotations(cls) or isinstance(vars(cls).get(name), Declared)
    return name in taken and declared


def _hints(cls: type, bases: list[type]) -> dict[str, Any]:
    """The types of all that may be a field, with what generic bases were given for their type variables."""
    hints: dict[str, Any] = {}
    given = _given_to_bases(cls)
    for base in bases:
        own = {name: kind for name, kind in inspect.get_annotations(base).items() if not name.startswith("_")}
        # What is the same for all need not be read: its type may be imported for type checkers only.
        shared = [name for name, kind in own.items() if isinstance(kind, str) and SHARED.match(kind)]
        try:
            read = _read(base, {name: kind for name, kind in own.items() if name not in shared})
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            problem = f"an annotation of {cls.__qualname__} cannot be read: {error}"
            raise FieldError(
                f"{problem}; import that name, and call no method like a type that is used there"
            ) from None
        hints.update(dict.fromkeys(shared, ClassVar))
        hints.update({name: _filled_in(kind, given.get(base, {})) for name, kind in read.items()})
    return hints


def _read(base: type, annotations: dict[str, Any]) -> dict[str, Any]:
    """Annotations of a class body as types. Of two things of one name, the module's is meant."""
    variables = {each.__name__: each for each in getattr(base, "__type_params__", ())}
    module = getattr(sys.modules.get(base.__module__), "__dict__", {})
    body = type(base.__name__, (), {"__annotations__": annotations, "__module__": base.__module__})
    return typing.get_type_hints(body, {**variables, **vars(base)}, module, include_extras=True)


def _given_to_bases(cls: type) -> dict[type, Given]:
    """What each generic base was given for its type variables: `Rows[Item]` tells Rows what its T is."""
    found: dict[type, Given] = {cls: {}}
    waiting = [cls]
    while waiting:
        each = waiting.pop()
        for base in vars(each).get("__orig_bases__", each.__bases__):
            origin = typing.get_origin(base) or base
            variables = getattr(origin, "__parameters__", ()) if origin is not base else ()
            if origin not in found or variables:
                given = [_filled_in(kind, found[each]) for kind in typing.get_args(base)]
                found[origin] = dict(zip(variables, given, strict=False))
                waiting.append(origin)
    return found


def _filled_in(kind: Any, given: Given) -> Any:
    """A type with what is known of its type variables."""
    if isinstance(kind, typing.TypeVar):
        return given.get(kind, kind)
    variables = () if isinstance(kind, type) else getattr(kind, "__parameters__", ())
    if not any(each in given for each in variables):
        return kind
    return kind[tuple(given.get(each, each) for each in variables)]


def _field(name: str, annotation: Any, value: Any, older: Field | None, annotated: bool) -> Field | None:
    """What a class declares by this name. older: the field of a base. annotated: by the class itself."""
    if typing.get_origin(annotation) is ClassVar or annotation is ClassVar or isinstance(value, Apart):
        return None
    if value is MISSING and older is not None:
        return older if older.source is not None else replace(older, type=annotation)
    # Another default makes nothing public that a base keeps private.
    plain = Declared(value, private=older is not None and older.private)
    declared = value if isinstance(value, Declared) else plain
    default, annotation = declared.default, declared.annotated(annotation)
    if declared is plain and (annotation is MISSING or not annotated) and _is_no_value(default):
        return None
    if annotation is MISSING:
        annotation = Any if default is None else type(default)
    if type(default) is int:  # 0 is 0.0 where a float is declared, at once and not only when it is back from the page
        with contextlib.suppress(msgspec.ValidationError, TypeError, ValueError):
            default = msgspec.convert(default, annotation, dec_hook=brought_back)
    return Field(name, annotation, default, declared.bound, declared.private, declared.source)


def _is_no_value(default: Any) -> bool:
    """Whether it is a method, a property or the like, or nothing at all."""
    return default is MISSING or isinstance(default, type) or callable(default) or hasattr(type(default), "__get__")
