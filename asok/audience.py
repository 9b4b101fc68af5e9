"""Who is interested in what: by key, in the order in which they came, each once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["Audience"]

Key = TypeVar("Key", bound=Hashable)
One = TypeVar("One")


class Audience(Generic[Key, One]):
    """The interested, by key; a key in which nobody is interested any more is forgotten."""

    def __init__(self) -> None:
        self._by_key: dict[Key, dict[One, None]] = {}

    def add(self, key: Key, one: One) -> None:
        """From now on, this one is interested."""
        self._by_key.setdefault(key, {})[one] = None

    def remove(self, key: Key, one: One) -> None:
        """This one is interested no more."""
        there = self._by_key.get(key, {})
        there.pop(one, None)
        if not there:
            self._by_key.pop(key, None)

    def of(self, key: Key) -> list[One]:
        """All who are interested in the key."""
        return list(self._by_key.get(key, ()))

    def __iter__(self) -> Iterator[Key]:
        """What somebody is interested in, as it is now."""
        return iter(list(self._by_key))

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._by_key)
