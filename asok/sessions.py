"""The session: a set of versioned cells that change together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["Backend", "Cell", "CellKey", "Commit"]

CellKey = tuple[str, str]


class Cell(NamedTuple):
    """A stored value and its version, which counts its writes from 1."""

    version: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """Writes that happen together, and only if what was read has not changed.

    checks: (owner, name) -> the version that was read, 0 for a cell that was not there.
    writes: (owner, name) -> the new value, None to delete; a write makes the version one more.
    move: (old owner, new owner): every cell changes its owner first; checks and writes name the new one.
    """

    checks: Mapping[CellKey, int]
    writes: Mapping[CellKey, bytes | None]
    move: tuple[str, str] | None = None


class Backend(Protocol):
    """Where cells are kept. An owner is a session or a store; a name is unique within it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        """The cells of `owner` with these names, and those whose name starts with `prefix`."""
        ...

    async def commit(self, commit: Commit) -> bool:
        """Apply all of it, or nothing and return False. Raises `Busy` after 5 s without the store."""
        ...

    async def count(self, owner: str, prefix: str) -> int: ...

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        """The names of at most `count` cells, least recently written first."""
        ...

    async def delete(self, owner: str) -> None: ...

    async def sweep(self, before: float) -> int:
        """Forget the owners whose newest write is older than this Unix time; return how many."""
        ...
