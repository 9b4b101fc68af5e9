"""Who is interested in what: by key, in the order in which they came, each once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from asok.paths import Path

__all__ = ["Audience", "PathAudience"]

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

    def __contains__(self, key: Key) -> bool:
        """Whether anybody is interested in the key."""
        return key in self._by_key

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._by_key)


class PathAudience(Audience[Path, One]):
    """The interested in paths of a tree, found from a path without a look at all the others."""

    def __init__(self) -> None:
        super().__init__()
        self._below = Audience[Path, Path]()

    def add(self, key: Path, one: One) -> None:
        """From now on, this one is interested."""
        if key not in self:
            for length in range(len(key)):
                self._below.add(key[:length], key)
        super().add(key, one)

    def remove(self, key: Path, one: One) -> None:
        """This one is interested no more."""
        super().remove(key, one)
        if key not in self:
            for length in range(len(key)):
                self._below.remove(key[:length], key)

    def meeting(self, paths: Iterable[Path]) -> dict[Path, list[Path]]:
        """The paths of interest that these meet, since one is the beginning of the other; with those that meet them."""
        met: dict[Path, list[Path]] = {}
        for path in paths:
            above = (path[:length] for length in range(len(path) + 1))
            for key in (*filter(self.__contains__, above), *self._below.of(path)):
                met.setdefault(key, []).append(path)
        return met
