"""Slots: what a template puts into a component, as the component's own template shows it, and as a record keeps it.

The content is rendered by whoever gives it, with its variables and components, and is wrapped in a `<slot>` that
names the giver's instance: so events in it belong to the giver, wherever the component shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import msgspec
from markupsafe import Markup, escape

from asok.component import registry
from asok.errors import RenderError, ResetNeeded, UnknownComponent, nearest
from asok.frames import NO_CONTENT, Child, Content, Frame, rendering_into

__all__ = ["Slots", "fill_slot", "given", "pack_content", "unasked", "unpack_content"]

OWNER = "data-asok-slot"

_filling: ContextVar[dict[str, str] | None] = ContextVar("asok_filling", default=None)


# ---- given


def fill_slot(name: str, *, caller: Callable[[], str]) -> str:
    """`{% slot 'footer' %}…{% endslot %}`: what stands in it goes into that slot of the component around it."""
    texts = _filling.get()
    if texts is None:
        raise RenderError(f"{{% slot {name!r} %}} stands outside of {{% component … %}}; put it into one")
    texts[name] = texts.get(name, "") + caller()
    return ""


def given(caller: Callable[[], str], frame: Frame, child: str, limit: int) -> Content:
    """What stands between `{% component … %}` and its end, rendered in the place of this frame. Raises RenderError."""
    inner = frame.inside(child)
    with rendering_into(inner):
        texts = _filled(caller)
    size = sum(map(len, texts.values()))
    if size > limit:
        raise RenderError(f"the content of a component has {size} characters; {limit} are allowed: page the list")
    return inner.content_of({name: _wrapped(name, html, frame.instance) for name, html in texts.items()})


def _filled(caller: Callable[[], str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    token = _filling.set(texts)
    try:
        rest = caller()
    finally:
        _filling.reset(token)
    return {name: html for name, html in {"": rest, **texts}.items() if html.strip()}


def _wrapped(name: str, html: str, instance: str) -> str:
    named = f' name="{escape(name)}"' if name else ""
    owner = f' {OWNER}="{instance}"' if instance else ""
    return f"<slot{named}{owner}>{html}</slot>"


# ---- shown


class Slots:
    """`slots` in a component's template: `{{ slots.footer }}` is what was put there, and false where nothing was."""

    def __init__(self, content: Content) -> None:
        self._texts = content.texts

    def __getattr__(self, name: str) -> Markup:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Markup:
        return Markup(self._texts.get(name, ""))

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(name for name in self._texts if name)


def unasked(component: str, content: Content, asked: Iterable[str]) -> str:
    """What is wrong with the content: a slot that the component's template never shows; empty where nothing is."""
    known = sorted(asked)
    for name in content.texts:
        if name not in known:
            what = f"the slot {name!r}" if name else "content outside of slots"
            shows = ", ".join(f"{{{{ slots.{each} }}}}" if each else "{{ slot }}" for each in known) or "none at all"
            close = nearest(name, known) if name else ""
            return f"{component} was given {what}, which its template does not show{close}; it shows {shows}"
    return ""


# ---- kept


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A component in a content, so that it can be mounted again when the content is shown again."""

    instance: str
    component: str
    arguments: bytes
    digest: str
    slot: str
    path: str
    content: bytes
    lazy: str
    placeholder: str


class _KeptContent(msgspec.Struct, array_like=True, frozen=True):
    texts: dict[str, str]
    children: list[_Kept]


_decoder = msgspec.msgpack.Decoder(_KeptContent)


def pack_content(content: Content) -> bytes:
    """The content as a record keeps it; nothing where there is none. Raises FieldError."""
    if not content.texts:
        return b""
    return msgspec.msgpack.encode(_KeptContent(content.texts, [_keep(each) for each in content.children.values()]))


def _keep(child: Child) -> _Kept:
    arguments, content = child.definition.fields.pack_arguments(child.arguments), pack_content(child.content)
    return _Kept(
        child.instance,
        child.definition.name,
        arguments,
        child.digest,
        child.slot,
        child.path,
        content,
        child.lazy,
        child.placeholder,
    )


def unpack_content(packed: bytes) -> Content:
    """The content of a record. Raises ResetNeeded where a class in it is gone."""
    if not packed:
        return NO_CONTENT
    try:
        kept = _decoder.decode(packed)
    except msgspec.MsgspecError as error:
        raise ResetNeeded(f"the content of another release: {error}") from None
    return Content(kept.texts, {each.instance: _child(each) for each in kept.children})


def _child(kept: _Kept) -> Child:
    try:
        definition = registry.find(kept.component)
    except UnknownComponent as error:
        raise ResetNeeded(str(error)) from None
    arguments: dict[str, Any] = definition.fields.unpack_arguments(kept.arguments)
    content = unpack_content(kept.content)
    return Child(
        kept.instance,
        definition,
        arguments,
        kept.digest,
        kept.slot,
        kept.path,
        content,
        kept.lazy,
        kept.placeholder,
    )
