"""Cells in the memory of one process: for tests, and for apps that may forget everything at a restart."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from asok.sessions import STORES, Cell, CellKey, Commit

__all__ = ["MemoryBackend"]


class _Kept(NamedTuple):
    cell: Cell
    touched: float


class _Cells(dict[str, _Kept]):
    """The cells of one owner by their names, which are also sorted, so that a prefix is found without a look at all."""

    def __init__(self) -> None:
        super().__init__()
        self._sorted: list[str] = []

    def put(self, name: str, kept: _Kept) -> None:
        if name not in self:
            insort(self._sorted, name)
        self[name] = kept

    def drop(self, name: str) -> None:
        if self.pop(name, None) is not None:
            del self._sorted[bisect_left(self._sorted, name)]

    def starting(self, prefix: str) -> list[str]:
        size, names = len(prefix), self._sorted
        return names[bisect_left(names, prefix) : bisect_right(names, prefix, key=lambda name: name[:size])]


_NOTHING = _Cells()


class MemoryBackend:
    """Keeps cells in a dict; what a commit does is seen at once, by all threads, or not at all.

    clock: tells the Unix time of a write; a test may turn it by hand.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._owners: dict[str, _Cells] = {}
        self._lock = Lock()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def forget(self) -> None:
        """Forget everything, as between two tests."""
        with self._lock:
            self._owners.clear()

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        with self._lock:
            kept = self._owners.get(owner, _NOTHING)
            wanted = names if prefix is None else (*names, *kept.starting(prefix))
            return {name: kept[name].cell for name in wanted if name in kept}

    async def commit(self, commit: Commit) -> bool:
        with self._lock:
            if commit.move and not self._move(*commit.move):
                return False
            if any(self._version(key) != version for key, version in commit.checks.items()):
                if commit.move:
                    self._move(*reversed(commit.move))
                return False
            self._write(commit.writes)
            return True

    async def count(self, owner: str, prefix: str) -> int:
        with self._lock:
            return len(self._owners.get(owner, _NOTHING).starting(prefix))

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        with self._lock:
            kept = self._owners.get(owner, _NOTHING)
            return sorted(kept.starting(prefix), key=lambda name: (kept[name].touched, name))[:count]

    async def delete(self, owner: str) -> None:
        with self._lock:
            self._owners.pop(owner, None)

    async def sweep(self, before: float) -> int:
        with self._lock:
            stale = [
                owner
                for owner, kept in self._owners.items()
                if not owner.startswith(STORES) and max(each.touched for each in kept.values()) < before
            ]
            for owner in stale:
                del self._owners[owner]
        return len(stale)

    def _move(self, old: str, new: str) -> bool:
        if new in self._owners:
            return False
        if old in self._owners:
            self._owners[new] = self._owners.pop(old)
        return True

    def _version(self, key: CellKey) -> int:
        owner, name = key
        kept = self._owners.get(owner, _NOTHING).get(name)
        return kept.cell.version if kept else 0

    def _write(self, writes: Mapping[CellKey, bytes | None]) -> None:
        now = self._clock()
        for (owner, name), value in writes.items():
            if value is not None:
                cell = Cell(self._version((owner, name)) + 1, value)
                self._owners.setdefault(owner, _Cells()).put(name, _Kept(cell, now))
            elif owner in self._owners:
                self._owners[owner].drop(name)
                if not self._owners[owner]:
                    del self._owners[owner]
