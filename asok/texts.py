"""What components were rendered to, and a cache of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from asok.frames import Child
from asok.rows import Container
from asok.state import digest

__all__ = ["Rendering", "Renderings"]


class Rendering(NamedTuple):
    """A component's text, the digest of that, the children whose placeholders it holds, and its streams' containers."""

    html: str
    digest: bytes
    children: dict[str, Child]
    containers: Mapping[str, Container] = {}


class Renderings:
    """The texts sent last, by their digest: a bounded cache that saves rendering the old state again."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._texts: OrderedDict[bytes, str] = OrderedDict()

    def get(self, key: bytes) -> str | None:
        """The text of a digest, if it is still kept."""
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
        return text

    def add(self, text: str) -> bytes:
        """Keep a text; its digest."""
        key = digest(text)
        if key not in self._texts:
            self._texts[key] = text
            self._size += len(text)
            while self._size > self._limit and len(self._texts) > 1:
                self._size -= len(self._texts.popitem(last=False)[1])
        return key
