"""What components were rendered to, and a cache of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Struct

from asok.frames import Child
from asok.rows import Container
from asok.state import digest

__all__ = ["Rendering", "Renderings"]

BESIDE = 400  # bytes that a short text takes beside its characters


class Rendering(Struct, frozen=True):
    """A component's text, the digest of that, the children whose placeholders it holds, and its streams' containers."""

    html: str
    digest: bytes
    children: dict[str, Child]
    containers: Mapping[str, Container] = {}


class Renderings:
    """The texts sent last, by their digest: a bounded cache that saves rendering the old state again.

    Those that a connected page shows are kept first; of the others, which a page may come back with, an eighth of the
    bound. limit: bytes of all together.
    """

    def __init__(self, limit: int) -> None:
        self._shown, self._others = _Texts(limit), _Texts(limit // 8)
        self._pages: dict[bytes, int] = {}

    def __len__(self) -> int:
        """How many different ones connected pages show."""
        return len(self._pages)

    def get(self, key: bytes) -> str | None:
        """The text of a digest, if it is still kept."""
        return self._shown.get(key) or self._others.get(key)

    def add(self, text: str) -> bytes:
        """Keep a text; its digest."""
        key = digest(text)
        (self._shown if key in self._pages else self._others).keep(key, text)
        return key

    def hold(self, key: bytes) -> None:
        """One more connected page shows it."""
        pages = self._pages.get(key, 0)
        self._pages[key] = pages + 1
        if not pages:
            self._others.give(key, self._shown)

    def release(self, key: bytes) -> None:
        """One page less shows it."""
        pages = self._pages.pop(key) - 1
        if pages:
            self._pages[key] = pages
        else:
            self._shown.give(key, self._others)


class _Texts:
    """Texts up to so many bytes; those that were not asked for go first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._texts: OrderedDict[bytes, str] = OrderedDict()

    def get(self, key: bytes) -> str | None:
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
        return text

    def keep(self, key: bytes, text: str) -> None:
        if key in self._texts:
            return
        self._texts[key] = text
        self._size += len(text) + BESIDE
        while self._size > self._limit and len(self._texts) > 1:
            self._size -= len(self._texts.popitem(last=False)[1]) + BESIDE

    def give(self, key: bytes, others: _Texts) -> None:
        text = self._texts.pop(key, None)
        if text is not None:
            self._size -= len(text) + BESIDE
            others.keep(key, text)
