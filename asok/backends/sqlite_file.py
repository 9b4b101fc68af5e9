"""The file of an SQLite database: made, opened, and told from another that was put in its place."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["REPLACED", "DatabaseFile"]

# `value` stands last: who reads only versions and times does not read the pages that a long value fills.
_SETUP = """
CREATE TABLE IF NOT EXISTS cells (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    touched REAL NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID
"""
LONGEST_LOG = 16 * 1024 * 1024  # bytes
LOOK = 1.0  # seconds between two looks at what stands at the path
REPLACED = (
    "the session database %s was moved, deleted or replaced while it was in use: the one at this path counts from now "
    "on, and what the other holds is not seen any more; stop the app before, or use SQLite's .restore"
)
_Identity = tuple[int, int]


class DatabaseFile:
    """path: an absolute one, since the process may change its folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: _Identity | None = None
        self._real, self._own = path, dict[Path, _Identity | None]()
        self._looked = 0.0

    def connect(self) -> sqlite3.Connection:
        """A connection to it; it and its folders are made when they are missing. Raises OSError, DatabaseError."""
        _make_file(self._path)
        self._opened, self._own, self._looked = self._at_path(), {}, time.monotonic()
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise sqlite3.OperationalError(f"its file system allows no write-ahead log, only {mode!r}")
            connection.execute("PRAGMA synchronous = NORMAL")
            # A log that grew while somebody read for long gives its room back when it begins anew.
            connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG}")
            connection.execute(_SETUP)
        except BaseException:
            connection.close()
            raise
        self._real = self._path.resolve()  # SQLite keeps its log beside what a link leads to
        if _identity(self._real) == self._opened:
            beside = (self._real.with_name(f"{self._real.name}-{name}") for name in ("wal", "shm"))
            self._own = {file: _identity(file) for file in beside}
        return connection

    def clear(self) -> None:
        """Take the log and its index away that the connection had and which were left beside another database: SQLite
        would write the pages of the old one into it. The connection must be open, so that nothing else has become
        these files since."""
        with suppress(OSError):
            if _identity(self._real) == self._opened:
                return  # it is in its place, and a link leads elsewhere now
            for file, own in self._own.items():
                if own is not None and _identity(file) == own:
                    file.unlink()

    def was_replaced(self) -> bool:
        """Whether another file, or none, stands where the connected one stood. SQLite itself would go on writing
        to a file that nobody can open any more."""
        now = time.monotonic()
        if now < self._looked + LOOK:
            return False
        self._looked = now
        return self._at_path() != self._opened

    def _at_path(self) -> _Identity | None:
        try:
            return _identity(self._path)
        except OSError:  # it cannot be looked at now
            return self._opened


def _identity(path: Path) -> _Identity | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _make_file(path: Path) -> None:
    """Make the file and its folders, for this user's eyes only; what exists keeps its mode."""
    if path.exists():
        return
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # An existing file must not be opened and closed here: that would drop the locks this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
