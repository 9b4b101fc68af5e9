"""What is met while a template is rendered: the children in it, each in a place of its own.

A component in a template leaves `<template data-asok="INSTANCE.ARGUMENTS"></template>`, which may stand
anywhere in HTML. So a parent's text never holds a child's: each is rendered, compared and sent alone.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from asok.component import Definition
from asok.errors import FieldError, RenderError
from asok.markup import children_in
from asok.state import Token

__all__ = [
    "NO_CONTENT",
    "Child",
    "Content",
    "Frame",
    "current_frame",
    "has_key",
    "page_slot",
    "placeholder",
    "rendering_into",
]


@dataclass(frozen=True, slots=True)
class Content:
    """What a template puts into a child: HTML by slot ("" for what stands in none), and the components in it."""

    texts: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts)


NO_CONTENT = Content()


@dataclass(frozen=True, slots=True)
class Child:
    """A `component()` met while rendering: which class, with which arguments, in which place, inside of which.

    lazy: "now", "visible" or "idle" where its mounting is put off until then; placeholder: what stands there meanwhile.
    """

    instance: str
    definition: Definition
    arguments: dict[str, Any]
    digest: str
    slot: str
    path: str = ""
    content: Content = NO_CONTENT
    lazy: str = ""
    placeholder: str = ""

    @property
    def mark(self) -> str:
        """Changes with what its parent gives it: arguments and content."""
        return _digest((self.digest, self.content.texts)) if self.content else self.digest


@dataclass(slots=True)
class Frame:
    """One template being rendered: a page (no instance) or an instance with its path, and the children met so far.

    content: what the template itself was given. streams: what renders a row of each stream met so far. met: how
    often each class stands in it; places: all that are taken. asked: the slots that its templates show; None where
    that cannot be told. within: the children, one in the other, whose content is being rendered.
    """

    slot: str
    instance: str = ""
    path: str = ""
    content: Content = NO_CONTENT
    children: dict[str, Child] = field(default_factory=dict)
    streams: dict[str, Callable[[Any], str]] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)
    places: set[str] = field(default_factory=set)
    asked: set[str] | None = field(default_factory=set)
    within: str = ""

    def seat(self, definition: Definition, key: Any) -> tuple[str, str]:
        """Instance and slot of a child in the next place of its class, or in that of its key. Raises RenderError."""
        place = _place(definition.name, f"#{self.met[definition.name]}" if key is None else f"={key}")
        slot = _short(f"{self.slot}\x00{place}")
        if slot in self.places:
            raise RenderError(f"two {definition.name} have key={key!r} here; give each a key of its own")
        self.met[definition.name] += 1
        self.places.add(slot)
        return _short(f"{self.instance}\x00{place}") if self.instance else secrets.token_urlsafe(9), slot

    def add(self, seat: tuple[str, str], definition: Definition, arguments: dict[str, Any], **options: Any) -> Child:
        """The child that takes this seat. options: the rest of a `Child`. Raises FieldError."""
        instance, slot = seat
        path, digest = self.path + self.instance + self.within, _arguments_digest(definition, arguments)
        child = self.children[instance] = Child(instance, definition, arguments, digest, slot, path, **options)
        return child

    def inside(self, child: str) -> Frame:
        """For the content of a child: its places are those of this template, but what stands in it is the child's."""
        return replace(self, children={}, within=self.within + child)

    def content_of(self, texts: dict[str, str]) -> Content:
        """These texts, which were rendered inside of this frame, with the components in them."""
        known = {**self.content.children, **self.children}
        names = [name for text in texts.values() for name in children_in(text)]
        return Content(texts, {name: known[name] for name in names if name in known})


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


def has_key(token: Token, key: Any) -> bool:
    """Whether the instance was given this key: its own name, or on a page that of its slot, is made of it."""
    place = _place(token.component, f"={key}")
    named = any(token.instance == _short(f"{around}\x00{place}") for around in token.around)
    return named or token.slot == _short(f"{token.mount.path}\x00{place}")


def _place(name: str, mark: str) -> str:
    return f"{name}\x00{mark}"


def _short(text: str) -> str:
    return urlsafe_b64encode(hashlib.blake2b(text.encode(), digest_size=9).digest()).decode()


def _arguments_digest(definition: Definition, arguments: dict[str, Any]) -> str:
    try:
        return _digest(sorted(arguments.items()))
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(f"component('{definition.name}', …): an argument cannot be state: {error}") from None


def _digest(value: Any) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(value, enc_hook=repr), digest_size=4).hexdigest()


def placeholder(child: Child) -> str:
    """What stands for the child in its parent's text."""
    return f'<template data-asok="{child.instance}.{child.mark}"></template>'
