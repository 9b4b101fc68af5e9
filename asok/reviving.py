"""Between an instance and its bytes: the record that is kept of it, and the values read back, of whatever release."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from asok.component import Component, Definition, definition_of, surroundings_of
from asok.errors import ComponentError, FieldError, ResetNeeded
from asok.sessions import Record

__all__ = ["record_of", "restore", "revive", "take_part", "values_of"]

log = logging.getLogger("asok")

NOTHING: Mapping[str, int] = MappingProxyType({})


def record_of(
    component: Component,
    arguments: bytes,
    version: int,
    born: float,
    applied: Mapping[str, int] = NOTHING,
    effects: Sequence[tuple[str, int, list[list[Any]]]] = (),
    heard: Mapping[str, int] = NOTHING,
) -> Record:
    """What the session keeps of an instance as it is now. arguments: the digest of those it was made with."""
    definition, around = definition_of(component), surroundings_of(component)
    return Record(
        version=version,
        schema=definition.fields.schema,
        state=definition.fields.public.pack(component.__dict__),
        private=definition.fields.secret.pack(component.__dict__),
        arguments=arguments,
        born=born,
        applied=dict(applied),
        effects=list(effects),
        topics=sorted(around.topics),
        rooms=around.rooms,
        content=around.content,
        heard=dict(heard),
        foreign=around.foreign,
    )


def restore(component: Component, definition: Definition, record: Record) -> bool:
    """Give a component the state of a record; False where that is of another schema and nothing migrates it."""
    try:
        component.__dict__.update(values_of(definition, record))
    except ResetNeeded:
        return False
    take_part(component, record)
    return True


def take_part(component: Component, record: Record) -> None:
    """Let a component take part in what the record says, with the content that it was given."""
    around = surroundings_of(component)
    around.content = record.content
    around.topics, around.rooms = set(record.topics), dict(record.rooms)
    around.foreign = _foreign(definition_of(component), record)


def _foreign(definition: Definition, record: Record) -> bytes:
    """What a record has for other releases of the class: a worker of the one before must not drop what the next one
    keeps there, while both serve."""
    fields = definition.fields
    if record.schema == fields.schema:
        return record.foreign
    kept = {**_decoded(record.foreign), **_decoded(record.state), **_decoded(record.private)}
    others = {name: value for name, value in kept.items() if name not in fields.by_name}
    return msgspec.msgpack.encode(others) if others else b""


def _decoded(packed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.msgpack.decode(packed) if packed else {}
    return found


def values_of(definition: Definition, record: Record) -> dict[str, Any]:
    """The field values in a record, private ones too. Raises ResetNeeded."""
    values, fields = revive(definition, record.schema, record.state, record.foreign), definition.fields
    if fields.secret.names and record.private:
        if record.schema == fields.schema:
            with contextlib.suppress(msgspec.MsgspecError):
                return {**values, **fields.secret.unpack(record.private)}
        for name, value in {**_decoded(record.foreign), **_decoded(record.private)}.items():
            if name in fields.secret.names and _fits(definition, name, value):
                values[name] = fields.convert(name, value)
    return values


def revive(definition: Definition, schema: bytes, state: bytes, foreign: bytes = b"") -> dict[str, Any]:
    """The field values in a state. Raises ResetNeeded. foreign: fields that the release which wrote it did not have.

    Those of another release of the class go through its `migrate`; where it has none, each field that still
    has its name and fits its type is kept, and the others take their defaults.
    """
    fields = definition.fields
    try:
        if schema == fields.schema:
            # What is inside of a dataclass may be of another release all the same.
            with contextlib.suppress(msgspec.MsgspecError):
                return fields.public.unpack(state)
        old = {**_decoded(foreign), **msgspec.msgpack.decode(state)}
        if "migrate" not in definition.overrides:
            fitting = (name for name in fields.public.names if name in old and _fits(definition, name, old[name]))
            return fields.initial({name: old[name] for name in fitting})
        migrated = _migrated(definition, old)
        return fields.initial({name: migrated[name] for name in fields.public.names if name in migrated})
    except (msgspec.MsgspecError, ComponentError) as error:
        raise ResetNeeded(f"{definition.name}: the state does not fit the class: {error}") from None


def _migrated(definition: Definition, old: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(definition.rebuild(definition.fields.defaults()).migrate(old))
    except Exception as error:
        # A page must not fail for ever because of what it once showed.
        log.error("%s.migrate raised %r; the component starts afresh", definition.name, error)
        raise ResetNeeded(f"{definition.name}.migrate raised {type(error).__name__}") from error


def _fits(definition: Definition, name: str, value: Any) -> bool:
    try:
        definition.fields.convert(name, value)
    except FieldError:
        return False
    return True
