"""A component that stands on a page and is not mounted yet: what its token and its record keep until then."""

from __future__ import annotations

import msgspec

from asok.component import Component, Definition, definition_of, surroundings_of
from asok.errors import ResetNeeded
from asok.frames import NO_CONTENT, Child
from asok.sessions import Record
from asok.slots import pack_content, unpack_content
from asok.state import Token

__all__ = ["must_be_kept", "pending_child", "pending_record", "pending_state"]


def must_be_kept(component: Component, child: Child) -> bool:
    """Whether a new instance needs a record at once: what it is cannot be had again from arguments and token."""
    definition, around = definition_of(component), surroundings_of(component)
    mounts = child.path and "mount" in definition.overrides
    told = around.topics or around.rooms or around.content or around.foreign
    return bool(definition.fields.secret.names or told or mounts)


def pending_state(child: Child) -> bytes:
    """The state in the token of a pending child: its arguments, without those of private fields."""
    return _arguments(child, private=False)


def pending_record(child: Child, own: Record | None, born: float) -> Record | None:
    """What the session has to keep of a pending child that a browser must not see, where that is news."""
    content, private = pack_content(child.content), _arguments(child, private=True)
    if own is not None:
        news = {"content": content} if own.state else {"content": content, "private": private}
        made = msgspec.structs.replace(own, **news)
        return None if made == own else msgspec.structs.replace(made, version=own.version + 1)
    if not content and not private:
        return None
    digest, schema = bytes.fromhex(child.digest), child.definition.fields.schema
    return Record(1, schema, b"", private, digest, born, {}, content=content)


def pending_child(token: Token, definition: Definition, record: Record | None) -> Child:
    """The child that a pending token and its record speak of, to be mounted now. Raises ResetNeeded."""
    fields = definition.fields
    if token.schema != fields.schema:
        raise ResetNeeded(f"{definition.name} was not mounted before its class changed")
    hidden = record.private if record is not None and not record.state else b""
    arguments = {**fields.unpack_arguments(token.state), **fields.unpack_arguments(hidden)}
    content = unpack_content(record.content) if record is not None else NO_CONTENT
    return Child(token.instance, definition, arguments, token.arguments.hex(), token.slot, token.path, content)


def _arguments(child: Child, *, private: bool) -> bytes:
    fields = child.definition.fields
    found = {name: value for name, value in child.arguments.items() if (name in fields.secret.names) is private}
    return fields.pack_arguments(found) if found else b""
