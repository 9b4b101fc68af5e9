"""What is met while a template is rendered: the children in it, each in a place of its own.

A component in a template leaves `<template data-asok="INSTANCE.ARGUMENTS"></template>`, which may stand
anywhere in HTML. So a parent's text never holds a child's: each is rendered, compared and sent alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from asok.component import Definition
from asok.errors import FieldError, RenderError
from asok.inside import Inside
from asok.markup import children_in
from asok.state import Token, random_id, urlsafe
from asok.steady import steady_bytes

__all__ = [
    "NO_CONTENT",
    "Child",
    "Content",
    "Frame",
    "current_frame",
    "having_key",
    "page_slot",
    "placeholder",
    "rendering_into",
]


class Content(Struct, frozen=True):
    """What a template puts into a child: HTML by slot ("" for what stands in none), and the components in it."""

    texts: dict[str, str] = {}
    children: dict[str, Child] = {}

    def __bool__(self) -> bool:
        return bool(self.texts)


NO_CONTENT = Content()


class Child(Struct, frozen=True):
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
        return _digest(msgspec.msgpack.encode((self.digest, self.content.texts))) if self.content.texts else self.digest


class Frame(Struct):
    """One template being rendered: a page (no instance) or an instance with its path, and the children met so far.

    content: what the template itself was given. streams: what renders a row of each stream met so far. met: how
    often each class stands in it without a key; places: all that are taken. asked: the slots that its templates show;
    None where that cannot be told. within: the children, one in the other, whose content is being rendered.
    """

    slot: str
    instance: str = ""
    path: str = ""
    content: Content = NO_CONTENT
    children: dict[str, Child] = {}
    streams: dict[str, Callable[[Any], str]] = {}
    met: dict[str, int] = {}
    places: set[str] = set()
    asked: set[str] | None = set()
    within: str = ""

    def seat(self, definition: Definition, key: Any) -> tuple[str, str]:
        """Instance and slot of a child in the next place of its class, or in that of its key. Raises RenderError."""
        name = definition.name
        met = self.met.get(name, 0)
        place = _place(name, f"#{met}" if key is None else f"={key}")
        slot = _short(f"{self.slot}\x00{place}")
        if slot in self.places:
            raise RenderError(f"two {name} have key={key!r} here; give each a key of its own")
        self.met[name] = met + (key is None)
        self.places.add(slot)
        return _short(f"{self.instance}\x00{place}") if self.instance else random_id(9), slot

    def add(self, seat: tuple[str, str], definition: Definition, arguments: dict[str, Any], *rest: Any) -> Child:
        """The child that takes this seat. rest: of a `Child`. Raises FieldError."""
        instance, slot = seat
        path, digest = self.path + self.instance + self.within, _arguments_digest(definition, arguments)
        child = self.children[instance] = Child(instance, definition, arguments, digest, slot, path, *rest)
        return child

    def inside(self, child: str) -> Frame:
        """For the content of a child: its places are those of this template, but what stands in it is the child's."""
        return msgspec.structs.replace(self, children={}, within=self.within + child)

    def content_of(self, texts: dict[str, str]) -> Content:
        """These texts, which were rendered inside of this frame, with the components in them."""
        known = {**self.content.children, **self.children}
        names = [name for text in texts.values() for name in children_in(text)]
        return Content(texts, {name: known[name] for name in names if name in known})


_frame: ContextVar[Frame | None] = ContextVar("asok_frame", default=None)


def current_frame() -> Frame | None:
    """What is being rendered; None in a template that is not rendered by us."""
    return _frame.get()


class rendering_into(Inside[Frame]):  # used as a function
    """Let `component()` put what it meets into this frame."""

    __slots__ = ()
    _variable = _frame


def page_slot(path: str, definition: Definition) -> str:
    """The slot of the first component of its class on a page."""
    return _short(f"{path}\x00{definition.name}\x00#0")


def having_key(component: str, key: Any) -> Callable[[Token], bool]:
    """Tells which instances of a class were given this key: their own name, or on a page that of their slot, is made
    of it. Siblings are compared with the same names, which are made once."""
    place = _place(component, f"={key}")
    named = cache(lambda around: _short(f"{around}\x00{place}"))
    return lambda token: token.instance in map(named, token.around) or token.slot == named(token.mount.path)


def _place(name: str, mark: str) -> str:
    return f"{name}\x00{mark}"


def _short(text: str) -> str:
    return urlsafe(hashlib.blake2b(text.encode(), digest_size=9).digest())


def _arguments_digest(definition: Definition, arguments: dict[str, Any]) -> str:
    if not arguments:
        return NONE_GIVEN
    try:
        return _digest(steady_bytes(arguments))
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(f"component('{definition.name}', {_at_fault(arguments)}=…): {error}") from None


def _at_fault(arguments: dict[str, Any]) -> str:
    for name, value in arguments.items():
        try:
            steady_bytes({name: value})
        except (TypeError, ValueError, OverflowError):
            return name
    return "…"


def _digest(packed: bytes) -> str:
    return hashlib.blake2b(packed, digest_size=4).hexdigest()


NONE_GIVEN = _digest(steady_bytes({}))


def placeholder(child: Child) -> str:
    """What stands for the child in its parent's text."""
    return f'<template data-asok="{child.instance}.{child.mark}"></template>'
