"""What is met while a template is rendered: the children in it, each in a place of its own.

A component in a template leaves `<template data-asok="INSTANCE.ARGUMENTS"></template>`, which may stand
anywhere in HTML. So a parent's text never holds a child's: each is rendered, compared and sent alone.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asok.component import Definition
from asok.errors import FieldError, RenderError

__all__ = ["Child", "Frame", "current_frame", "page_slot", "placeholder", "rendering_into"]


@dataclass(frozen=True, slots=True)
class Child:
    """A `component()` met while rendering: which class, with which arguments, in which place, inside of which."""

    instance: str
    definition: Definition
    arguments: dict[str, Any]
    digest: str
    slot: str
    path: str = ""


@dataclass(slots=True)
class Frame:
    """One template being rendered: a page (no instance) or an instance with its path, and the children met so far."""

    slot: str
    instance: str = ""
    path: str = ""
    children: dict[str, Child] = field(default_factory=dict)

    def add(self, definition: Definition, key: Any, arguments: dict[str, Any]) -> Child:
        """The child in the next place of its class, or in that of its key. Raises RenderError, FieldError."""
        ordinal = sum(child.definition is definition for child in self.children.values())
        place = f"{definition.name}\x00{f'#{ordinal}' if key is None else f'={key}'}"
        slot = _short(f"{self.slot}\x00{place}")
        if any(child.slot == slot for child in self.children.values()):
            raise RenderError(f"two {definition.name} have key={key!r} here; give each a key of its own")
        instance = _short(f"{self.instance}\x00{place}") if self.instance else secrets.token_urlsafe(9)
        digest = _arguments_digest(definition, arguments)
        child = Child(instance, definition, arguments, digest, slot, self.path + self.instance)
        self.children[instance] = child
        return child


_frame: ContextVar[Frame | None] = ContextVar("asok_frame", default=None)


def current_frame() -> Frame | None:
    """What is being rendered; None in a template that is not rendered by us."""
    return _frame.get()


@contextmanager
def rendering_into(frame: Frame) -> Iterator[None]:
    """Let `component()` put what it meets into this frame."""
    before = _frame.set(frame)
    try:
        yield
    finally:
        _frame.reset(before)


def page_slot(path: str, definition: Definition) -> str:
    """The slot of the first component of its class on a page."""
    return _short(f"{path}\x00{definition.name}\x00#0")


def _short(text: str) -> str:
    return urlsafe_b64encode(hashlib.blake2b(text.encode(), digest_size=9).digest()).decode()


def _arguments_digest(definition: Definition, arguments: dict[str, Any]) -> str:
    try:
        packed = msgspec.msgpack.encode(sorted(arguments.items()), enc_hook=repr)
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(f"component('{definition.name}', …): an argument cannot be state: {error}") from None
    return hashlib.blake2b(packed, digest_size=4).hexdigest()


def placeholder(child: Child) -> str:
    """What stands for the child in its parent's text."""
    return f'<template data-asok="{child.instance}.{child.digest}"></template>'
