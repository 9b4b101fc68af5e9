"""What SQLite's file holds, as it was last read: valid until somebody else writes to the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asok.sessions import Cell, Commit

__all__ = ["Copies"]

_BESIDE = 256  # bytes that a cell takes in memory beside its value


@dataclass(slots=True)
class _Owned:
    """cells: by name, None for one that is not there. ranges: prefix -> all names that start so."""

    cells: dict[str, Cell | None] = field(default_factory=dict)
    ranges: dict[str, list[str]] = field(default_factory=dict)


class Copies:
    """The cells that this process has read, each followed through its own commits.

    Whoever finds something asks SQLite whether another connection has written since (`valid`). The copies take
    about `limit` bytes at most; then they begin anew.
    """

    def __init__(self, limit: int = 16 * 1024 * 1024) -> None:
        self._limit, self._size = limit, 0
        self._owned: dict[str, _Owned] = {}
        self._version = -1

    def valid(self, version: int) -> bool:
        """Whether the file is the one that was read. version: SQLite's `data_version`, another one after a commit
        of any other connection."""
        if version == self._version:
            return True
        self.void()
        self._version = version
        return False

    def void(self) -> None:
        """Forget everything."""
        self._owned.clear()
        self._size = 0

    def find(self, owner: str, names: Sequence[str], prefix: str | None) -> dict[str, Cell] | None:
        """What a read would find, or None where not all of it has been read."""
        owned = self._owned.get(owner)
        if owned is None:
            return None
        cells, found = owned.cells, dict[str, Cell]()
        try:
            for name in names if prefix is None else (*names, *owned.ranges[prefix]):
                cell = cells[name]
                if cell is not None:
                    found[name] = cell
        except KeyError:
            return None
        return found

    def keep(self, owner: str, names: Sequence[str], prefix: str | None, found: dict[str, Cell]) -> None:
        """Keep what a read has found."""
        if self._size > self._limit:
            self.void()
        owned = self._owned.setdefault(owner, _Owned())
        owned.cells.update(dict.fromkeys(names), **found)
        if prefix is not None:
            owned.ranges[prefix] = [name for name in found if name.startswith(prefix)]
        self._size += _BESIDE * len(names) + sum(len(cell.value) + _BESIDE for cell in found.values())

    def follow(self, commit: Commit) -> None:
        """This connection has done the commit: what it has written is known, unless `valid` says no anyway."""
        for owner in commit.move or ():
            self._owned.pop(owner, None)
        for key, value in commit.writes.items():
            owned = self._owned.get(key[0])
            if owned is None:
                continue
            name, before = key[1], owned.cells.get(key[1])
            if before is not None and value is not None:
                owned.cells[name] = Cell(before.version + 1, value)
                self._size += len(value) - len(before.value)
            else:
                owned.cells.pop(name, None)
                for prefix in [each for each in owned.ranges if name.startswith(each)]:
                    del owned.ranges[prefix]
