"""The declared fields of a component class: their types, their defaults, and the bytes they become."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from asok.carried import (
    accepted,
    as_written,
    brought_back,
    classes_in,
    dissolve,
    holds_anything,
    holds_moments,
    loses_fields,
    uncarried,
    works_things_out,
)
from asok.duplicating import own_copy
from asok.entered import as_entered, holds_nul, kinds_of
from asok.errors import FieldError
from asok.roundtrip import equals, tell_of_other_kinds
from asok.shape import inexact

__all__ = ["MISSING", "NO_PART", "Apart", "Declared", "Field", "Fields", "bind", "private"]

MISSING: Any = object()
NO_PART = (
    "a browser writes whole fields; what is in one is for a method, as in ws-change='rename({{ loop.index0 }})', "
    "or for a form with rows"
)
SCALARS = frozenset({str, int, float})
INSTEAD = "its annotation does not say what it carries; write one that does, such as list[Item] or date | None"
ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
MODULES = re.compile(r"(?<![\w.'\"])(?:\w+\.)+(?=\w+[\[\],| ]|\w+$)")
NO_FIELDS = msgspec.msgpack.encode({})


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. bound: the browser may write it. private: it never leaves the server.

    source: what finds its value in the background.
    """

    name: str
    type: Any
    default: Any = MISSING
    bound: bool = False
    private: bool = False
    source: Any = None

    def fresh(self) -> Any:
        """The default for one more instance: a copy of what could be changed."""
        return own_copy(self.default)


class Apart:
    """The base of what a class declares like a field and is none: it says itself what an instance has of it."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A default with a property, as `bind` and `private` leave it in a class body."""

    default: Any
    bound: bool = False
    private: bool = False

    @property
    def source(self) -> Any:
        """What finds the value in the background; None where nothing does."""
        return None

    def annotated(self, annotation: Any) -> Any:
        """The field's type, where this says more than the class."""
        return annotation


def bind(default: Any) -> Any:
    """Declare a field that the browser may write: `draft: str = bind("")`."""
    return Declared(default, bound=True)


def private(default: Any) -> Any:
    """Declare a field that never leaves the server: it lives in the instance's record, not in the token."""
    return Declared(default, private=True)


class Fields:
    """The fields of one class, in order, with their codec.

    Raises FieldError where a field cannot be state.
    """

    def __init__(self, owner: str, fields: Iterable[Field]) -> None:
        self.owner = owner
        self.by_name = {field.name: field for field in fields}
        for field in self.by_name.values():
            _check_carried(owner, field)
        self.public = _Packing(owner, [field for field in self.by_name.values() if not field.private])
        self.secret = _Packing(owner, [field for field in self.by_name.values() if field.private])
        self.bound = frozenset(field.name for field in self.by_name.values() if field.bound)
        kinds = {name: kinds_of(field.type) for name, field in self.by_name.items()}
        self._scalar = {name: each for name, each in kinds.items() if not each.isdisjoint(SCALARS)}
        self.schema = hashlib.blake2b(
            repr([(field.name, _spelt(field.type), field.private) for field in self.by_name.values()]).encode(),
            digest_size=4,
        ).digest()

    def initial(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A value for every field: copies of the given ones, checked, and of the defaults."""
        values = {}
        for name, field in self.by_name.items():
            if name in given:
                values[name] = self.settled(name, self.convert(name, given[name]))
            elif field.default is MISSING:
                example = f"component('{self.owner}', {name}=…)"
                raise FieldError(f"{self.owner}.{name} has no default: give it, as in {example}")
            else:
                values[name] = self.settled(name, field.fresh())
        return values

    def settled(self, name: str, value: Any) -> Any:
        """A number or text as it is at the next event: 2 is 2.0 where a float is declared, and a member of an Enum its
        value where that is. So nothing else is shown now than then."""
        wanted = self._scalar.get(name)
        if wanted is None or type(value) in wanted:
            return value
        if isinstance(value, Enum) and type(value.value) in wanted | ({int} if float in wanted else set()):
            return self.settled(name, value.value)
        if type(value) is int and float in wanted:
            with contextlib.suppress(OverflowError):
                return float(value)
        return value

    def pack_arguments(self, given: Mapping[str, Any]) -> bytes:
        """Values for some fields, as they were given, to be checked where they are used. Raises FieldError."""
        try:
            return msgspec.msgpack.encode(given, enc_hook=dissolve)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise FieldError(f"component('{self.owner}', …): an argument cannot be state: {error}") from None

    def unpack_arguments(self, packed: bytes) -> dict[str, Any]:
        """The values in the bytes; those of fields that the class does not have any more are left out."""
        found: dict[str, Any] = msgspec.msgpack.decode(packed) if packed else {}
        return {name: value for name, value in found.items() if name in self.by_name}

    def defaults(self) -> dict[str, Any]:
        """Fresh copies of the defaults; None for a field that has none."""
        fields = self.by_name.values()
        return {field.name: None if field.default is MISSING else field.fresh() for field in fields}

    def convert(self, name: str, value: Any, *, strict: bool = True) -> Any:
        """A copy of the value as the field's declared type; not strict: as somebody has entered it. Raises FieldError.

        Whoever gave it may show it to others, or give it once more when the method has to run again.
        """
        field = self.by_name[name]
        try:
            value = own_copy(value)
            given = value if strict else as_entered(value, field.type)
            converted = msgspec.convert(given, field.type, strict=strict, dec_hook=accepted)
            if strict or (inexact(converted) is None and not holds_nul(given)):
                return converted
        except (msgspec.ValidationError, TypeError, ValueError, RecursionError, copy.Error):
            if strict and isinstance(field.type, type) and isinstance(value, field.type) and type(value) is not bool:
                return value
        raise FieldError(_misfit(self.owner, field, value, told=strict))


class _Packing:
    """Some fields of a class as one map of MessagePack, in the order of their declaration."""

    def __init__(self, owner: str, fields: list[Field]) -> None:
        self.owner, self.fields = owner, fields
        self.names = tuple(field.name for field in fields)
        shape = [(field.name, field.type) for field in fields]
        self._struct = msgspec.defstruct("State", shape)
        classes = [(field, classes_in(field.type)) for field in fields]
        self._classed = [each for each in classes if each[1]]
        self._working = [field for field, kinds in classes if any(map(works_things_out, kinds))]
        self._declared = [field for field in fields if not holds_anything(field.type)]
        self._loose = [field.name for field in fields if holds_anything(field.type)]
        self._moments = frozenset(field.name for field in fields if holds_moments(field.type))
        self._encoder = msgspec.msgpack.Encoder(enc_hook=dissolve)
        self._decoder = msgspec.msgpack.Decoder(self._struct, dec_hook=brought_back)

    def pack(self, values: Mapping[str, Any]) -> bytes:
        """The bytes of the fields, proved to read back. Raises FieldError naming the field that does not fit."""
        if not self.names:
            return NO_FIELDS
        try:
            packed = self._encoder.encode(self._written(values))
            back = self._decoder.decode(packed)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise FieldError(self._blame(values) or str(error)) from None
        for field, kinds in self._classed:
            inherited = any(kind.__subclasses__() for kind in kinds)
            if inherited and loses_fields(values[field.name], getattr(back, field.name)):
                raise FieldError(_misfit(self.owner, field, values[field.name]))
        for field in self._working:
            self._check_made(field, values[field.name], getattr(back, field.name))
        self._compare(values, back)
        return packed

    def _check_made(self, field: Field, value: Any, back: Any) -> None:
        """Raises FieldError for an object that becomes another one whenever it is read."""
        if not equals(value, back) and self._encoder.encode(value) != self._encoder.encode(back):
            shown = "" if field.private else f": {value!r:.100} is then {back!r:.100}"
            raise FieldError(
                f"{self.owner}.{field.name} is made anew at each event, and what its class works out by __post_init__ "
                f"or a validator is another thing then{shown}; work it out where a default does, as "
                f"field(default_factory=…), or where it was not given"
            )

    def _compare(self, values: Mapping[str, Any], back: Any) -> None:
        """Tell of what is not what it was, once for each field."""
        for field in tuple(self._declared):
            value, found = values[field.name], getattr(back, field.name)
            if type(value) is not type(found):
                instead = f"it is declared as {_named(field.type)}"
                tell_of_other_kinds(f"{self.owner}.{field.name}", value, found, instead)
                self._declared.remove(field)
        for name in tuple(self._loose):
            value, found = values[name], getattr(back, name)
            if tell_of_other_kinds(f"{self.owner}.{name}", value, found, INSTEAD):
                self._loose.remove(name)

    def unpack(self, packed: bytes) -> dict[str, Any]:
        """The values in the bytes. Raises msgspec.MsgspecError where they are of another schema."""
        struct = self._decoder.decode(packed)
        return {name: getattr(struct, name) for name in self.names}

    def _written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if not self._moments:
            return {name: values[name] for name in self.names}
        return {name: as_written(values[name]) if name in self._moments else values[name] for name in self.names}

    def _blame(self, values: Mapping[str, Any]) -> str:
        for field in self.fields:
            value = values[field.name]
            try:
                msgspec.msgpack.decode(self._encoder.encode(value), type=field.type, dec_hook=brought_back)
            except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
                return _misfit(self.owner, field, value)
        return ""


def _spelt(kind: Any) -> str:
    """A type as every process writes it: what is annotated with a function is shown with its address."""
    return ADDRESS.sub("", str(kind))


def _misfit(owner: str, field: Field, value: Any, *, told: bool = True) -> str:
    """told: whether the value may be, as what somebody has entered may not, since it may be a password."""
    shown = repr(value)[:60] if told and not field.private else "its value" if told else "what was entered"
    large = type(value) is int and not -(2**63) <= value < 2**64
    return (
        f"{owner}.{field.name} is declared as {_named(field.type)} and cannot hold {shown} ({type(value).__name__}); "
        + ("keep numbers of more than 64 bits as texts" if large else "annotate it with the type that it should carry")
    )


def _named(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else MODULES.sub("", str(kind))


def _check_carried(owner: str, field: Field) -> None:
    try:
        strange = uncarried(field.type)
    except TypeError as error:
        problem = str(error)
    else:
        problem = f"nothing carries a {strange} to the browser and back" if strange else ""
    if problem:
        raise FieldError(
            f"{owner}.{field.name} cannot be state: {problem}; name it _{field.name} to keep it out of the state, "
            f"fetch it in load(), or annotate it ClassVar"
        )
