"""Cells in one SQLite file, which several processes of one machine may use at the same time.

Every call goes straight to SQLite on the event loop: with a write-ahead log a commit takes microseconds,
less than the hop to a thread. It never waits there. While another process holds the file a call fails at
once, sleeps off the loop, and tries again, for five seconds at most.

`synchronous=NORMAL` survives the death of any process; after a loss of power the last commits may be
missing, but the file is sound.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import time
from asyncio import get_running_loop
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from itertools import compress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from asok.backends.copies import Copies
from asok.backends.gathering import Gathering, is_new
from asok.backends.sqlite_file import REPLACED, DatabaseFile
from asok.bus import Listeners
from asok.driven import driven
from asok.errors import Busy, ConfigurationError
from asok.forks import in_each_child
from asok.sessions import STORES, Cell, Commit

__all__ = ["SQLiteBackend"]

_log = logging.getLogger("asok")
_T = TypeVar("_T")

_STARTING = "owner = ? AND key >= ? AND key < ?"
_COUNT = f"SELECT count(*) FROM cells WHERE {_STARTING}"
_OLDEST = f"SELECT key FROM cells WHERE {_STARTING} ORDER BY touched, key LIMIT ?"
_VERSION = "SELECT version FROM cells WHERE owner = ? AND key = ?"
_EXISTS = "SELECT 1 FROM cells WHERE owner = ? LIMIT 1"
_MOVE = "UPDATE cells SET owner = ? WHERE owner = ?"
_WRITE = """
INSERT INTO cells (owner, key, version, touched, value) VALUES (?, ?, 1, ?, ?)
ON CONFLICT (owner, key) DO UPDATE SET version = version + 1, touched = excluded.touched, value = excluded.value
"""
_RENEW = "UPDATE cells SET version = version + 1, touched = ?, value = ? WHERE owner = ? AND key = ? AND version = ?"
_BEGIN = "INSERT INTO cells (owner, key, version, touched, value) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING"
_ERASE = "DELETE FROM cells WHERE owner = ? AND key = ?"
_DELETE = "DELETE FROM cells WHERE owner = ?"
_AGES = f"""
SELECT owner, max(touched) FROM cells WHERE owner > ? AND owner NOT GLOB '{STORES}*'
GROUP BY owner ORDER BY owner LIMIT ?
"""

_FEW = 8  # checks in one statement; SQLite refuses one that nests a thousand
_PAGE = 64  # owners that are swept before others get the file again
_LONGEST_PAUSE = 0.05
_LOG_SECONDS = 30.0
_HELD_BY_OTHERS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


class SQLiteBackend:
    """Keeps cells in the SQLite file at `path`; the file and its folders are made when they are missing.

    patience: for how many seconds a held file is tried again before `Busy` is raised.
    clock: tells the Unix time of a write; a test may turn it by hand.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, patience: float = 5.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._file = Path(path), DatabaseFile(Path(path).absolute())
        self._patience, self._clock = patience, clock
        self._connection: sqlite3.Connection | None = None
        # The loop and worker threads may call alike; the connection serves one at a time.
        self._lock = Lock()
        self._copies = Copies()
        self._gathering: Gathering | None = None
        self._told = "", 0.0
        self._replaced: Listeners[[]] = Listeners()
        in_each_child(self, SQLiteBackend._start_in_child)

    async def open(self) -> None:
        with suppress(RuntimeError):  # nobody waits where no loop runs
            self._gathering = Gathering(self._commit_new)
        try:
            await self._when_free(_try_to_write)
        except (OSError, sqlite3.DatabaseError) as error:
            raise ConfigurationError(
                f"the session database {self._path} cannot be opened: {error}; "
                "set ASOK_DATABASE to a SQLite file that this process may write, on a disk that has room"
            ) from error

    async def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        if not names and prefix is None:
            return {}
        return await self._run(partial(self._read, owner, names, prefix))

    async def commit(self, commit: Commit) -> bool:
        gathering = self._gathering
        if gathering is None or not is_new(commit) or driven.at_once or gathering.loop is not get_running_loop():
            return (await self._run(partial(self._commit_one, commit, self._connection)))[0]
        return await gathering.commit(commit)

    async def count(self, owner: str, prefix: str) -> int:
        values = owner, prefix, _after(prefix)
        rows = await self._run(lambda connection: connection.execute(_COUNT, values).fetchall())
        return int(rows[0][0])

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        values = owner, prefix, _after(prefix), count
        rows = await self._run(lambda connection: connection.execute(_OLDEST, values).fetchall())
        return [name for (name,) in rows]

    async def delete(self, owner: str) -> None:
        await self._run(partial(self._delete, owner))

    async def sweep(self, before: float) -> int:
        swept, last, more = 0, "", True
        while more:
            ages = await self._run(partial(self._sweep_page, last, before))
            swept += sum(touched < before for _, touched in ages)
            if more := len(ages) == _PAGE:
                last = ages[-1][0]
                await asyncio.sleep(0)
        return swept

    def on_replaced(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener, in any thread, when the file was found replaced by another."""
        return self._replaced.add(listener)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await self._when_free(work)
        except sqlite3.ProgrammingError:
            raise
        except (OSError, sqlite3.DatabaseError) as error:
            # A full disk, a file that has become read-only or unreadable: the operator must act, the browser can wait.
            self._tell(error)
            raise Busy(f"the session database fails: {error}") from error

    def _tell(self, error: Exception) -> None:
        # Every event may meet it, and the log may lie on the disk that is full.
        now = time.monotonic()
        if str(error) != self._told[0] or now >= self._told[1] + _LOG_SECONDS:
            self._told = str(error), now
            _log.error("the session database %s fails: %s", self._path, error)

    async def _when_free(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `work` returns, at once if nobody else holds the file; it runs again until it could have it."""
        give_up, pause = None, 0.001
        while True:
            try:
                return self._once(work)
            except sqlite3.OperationalError as error:
                if not _is_held(error):
                    raise
                now = time.monotonic()
                give_up = now + self._patience if give_up is None else give_up
                if now >= give_up:
                    raise Busy(f"other processes held the session database for {self._patience:g} s") from error
            # Random, so that two processes do not keep meeting each other.
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _once(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            connection = self._connection
            if connection is not None and self._file.was_replaced():
                _log.error(REPLACED, self._path)
                self._file.clear()
                connection.close()
                connection = self._connection = None
                self._replaced.tell()
            if connection is None:
                connection = self._connection = self._file.connect()
                self._copies = Copies()  # a connection counts the commits of others from its own beginning
            try:
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _read(
        self, owner: str, names: Sequence[str], prefix: str | None, connection: sqlite3.Connection
    ) -> dict[str, Cell]:
        found = self._copies.find(owner, names, prefix)
        if found is not None and self._copies.valid(*connection.execute("PRAGMA data_version").fetchone()):
            return found
        query = _reading(len(names), prefix is not None)
        named = (owner, *names) if names else ()
        values = named if prefix is None else (*named, owner, prefix, _after(prefix))
        found = {name: Cell(version, value) for name, version, value in connection.execute(query, values)}
        self._copies.keep(owner, names, prefix, found)
        return found

    def _commit_one(
        self, commit: Commit, read: sqlite3.Connection | None, connection: sqlite3.Connection
    ) -> Sequence[bool]:
        if read not in (None, connection) and any(commit.checks.values()):
            return (False,)  # what it checks was read from a database that has been replaced since
        return self._commit_all((commit,), connection)

    def _commit_all(self, commits: Sequence[Commit], connection: sqlite3.Connection) -> Sequence[bool]:
        """Which of them were done. Several make one new cell each: see `is_new`."""
        try:
            if len(commits) == 1:
                done = [_commit(connection, commits[0], self._clock)]
            else:
                done = _begin_all(connection, commits, self._clock())
        except BaseException:
            self._copies.void()
            raise
        for commit in compress(commits, done):
            self._copies.follow(commit)
        return done

    async def _commit_new(self, commits: Sequence[Commit]) -> Sequence[bool]:
        return await self._run(partial(self._commit_all, commits))

    def _delete(self, owner: str, connection: sqlite3.Connection) -> None:
        self._copies.void()
        connection.execute(_DELETE, (owner,))

    def _sweep_page(self, after: str, before: float, connection: sqlite3.Connection) -> list[tuple[str, float]]:
        """The newest write of the owners that follow, those deleted that are older than `before`."""
        ages = connection.execute(_AGES, (after, _PAGE)).fetchall()
        if all(touched >= before for _, touched in ages):
            return ages  # a million sessions are looked at for seconds, in which others may write
        connection.execute("BEGIN IMMEDIATE")
        ages = connection.execute(_AGES, (after, _PAGE)).fetchall()
        self._copies.void()
        connection.executemany(_DELETE, [(owner,) for owner, touched in ages if touched < before])
        connection.execute("COMMIT")
        return ages

    def _start_in_child(self) -> None:
        """Open anew after a fork: SQLite's connections must not cross it, not even to be closed."""
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection, self._lock = None, Lock()


_inherited: list[sqlite3.Connection] = []


def _is_held(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _HELD_BY_OTHERS


# ---- the work; a transaction that is left open is rolled back by `_once`


def _try_to_write(connection: sqlite3.Connection) -> None:
    """A file that may only be read is opened without a word. Where somebody else writes, it may be written."""
    try:
        connection.execute(_DELETE, ("",))  # of which there is none
    except sqlite3.OperationalError as error:
        if not _is_held(error):
            raise


def _commit(connection: sqlite3.Connection, commit: Commit, clock: Callable[[], float]) -> bool:
    execute = connection.execute
    if len(commit.writes) == 1 and commit.move is None and len(commit.checks) <= _FEW:
        ((key, value),) = commit.writes.items()
        if value is not None and commit.checks.get(key):
            # What nearly every event comes to: one statement is a transaction of its own, for 18 µs instead of 20.
            others = [part for other in commit.checks.items() if other[0] != key for part in (*other[0], other[1])]
            given = (clock(), value, *key, commit.checks[key], *others)
            return execute(_renewing(len(commit.checks) - 1), given).rowcount == 1
        if is_new(commit):
            return execute(_BEGIN, (*key, clock(), value)).rowcount == 1
    execute("BEGIN IMMEDIATE")
    if commit.move is not None:
        old, new = commit.move
        if execute(_EXISTS, (new,)).fetchone():
            return False
        execute(_MOVE, (new, old))
    for key, version in commit.checks.items():
        found = execute(_VERSION, key).fetchone()
        if version != (found[0] if found else 0):
            return False
    now = clock()
    for (owner, name), value in commit.writes.items():
        if value is None:
            execute(_ERASE, (owner, name))
        else:
            execute(_WRITE, (owner, name, now, value))
    execute("COMMIT")
    return True


def _begin_all(connection: sqlite3.Connection, commits: Sequence[Commit], now: float) -> list[bool]:
    """Several new cells in one transaction: with 8 visitors at a time, a first page takes a quarter less."""
    connection.execute("BEGIN IMMEDIATE")
    rows = [(*key, now, value) for commit in commits for key, value in commit.writes.items()]
    done = [connection.execute(_BEGIN, row).rowcount == 1 for row in rows]
    connection.execute("COMMIT")
    return done


@lru_cache(maxsize=256)
def _reading(names: int, prefixed: bool) -> str:
    """The query for this many names: each part is a look-up or a range of the primary key, never a scan."""
    named = f"owner = ? AND key IN ({', '.join('?' * names)})"
    parts = [named] * (names > 0) + [_STARTING] * prefixed
    return " UNION ALL ".join(f"SELECT key, version, value FROM cells WHERE {part}" for part in parts)


@lru_cache(maxsize=_FEW)
def _renewing(others: int) -> str:
    """Write a cell anew if it has the version, and if so many others have theirs; one that is missing has 0."""
    return _RENEW + " AND ifnull((SELECT version FROM cells WHERE owner = ? AND key = ?), 0) = ?" * others


def _after(prefix: str) -> str | bytes:
    """The least value above every name that starts with `prefix`; a blob is above any text."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return b""
    following = ord(head[-1]) + 1
    # The surrogates are no characters: what follows U+D7FF is U+E000.
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
