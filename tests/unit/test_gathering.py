"""New sessions that come at once are written at once, each as if it had come alone."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from asok.backends.sqlite import SQLiteBackend
from asok.errors import Busy
from asok.sessions import META, Commit
from asok.writing import at_once

MANY = 50
PAGE = 4096


def beginning(owner: str, value: bytes = b"new") -> Commit:
    return Commit({(owner, META): 0}, {(owner, META): value})


@pytest.fixture
async def backend(tmp_path: Path) -> SQLiteBackend:
    backend = SQLiteBackend(tmp_path / "app.db", patience=0.2)
    await backend.open()
    return backend


async def test_many_are_one_transaction(tmp_path: Path, backend: SQLiteBackend) -> None:
    log = tmp_path / "app.db-wal"
    before = log.stat().st_size
    assert all(await asyncio.gather(*(backend.commit(beginning(f"{n}", b"%d" % n)) for n in range(MANY))))
    assert log.stat().st_size - before < MANY * PAGE / 4
    for other in (backend, SQLiteBackend(tmp_path / "app.db")):
        found = [await other.read(f"{n}", [META]) for n in range(MANY)]
        assert [each[META] for each in found] == [(1, b"%d" % n) for n in range(MANY)]
        await other.close()


async def test_one_that_is_there_is_refused_and_the_others_are_not(backend: SQLiteBackend) -> None:
    assert await backend.commit(beginning("b", b"first"))
    done = await asyncio.gather(*(backend.commit(beginning(owner)) for owner in ("a", "b", "c", "c")))
    assert done == [True, False, True, False]
    assert not await backend.commit(beginning("a"))
    assert (await backend.read("b", [META]))[META] == (1, b"first")
    assert (await backend.read("c", [META]))[META] == (1, b"new")


async def test_what_is_more_than_a_new_cell_is_done_as_ever(backend: SQLiteBackend) -> None:
    await asyncio.gather(*(backend.commit(beginning(owner)) for owner in ("old", "a", "b")))
    key, moved = ("none", META), ("moved", META)
    assert await backend.commit(Commit({key: 0}, {key: None}))
    assert META not in await backend.read("none", [META])
    moving = Commit({moved: 0}, {moved: b"more"}, move=("old", "moved"))
    moves, begins = await asyncio.gather(backend.commit(moving), backend.commit(beginning("c")))
    assert begins
    assert not moves
    assert META in await backend.read("old", [META])
    renewals = [Commit({(owner, META): 1}, {(owner, META): b"newer"}) for owner in ("a", "b")]
    assert await asyncio.gather(*map(backend.commit, renewals)) == [True, True]


async def test_who_does_not_wait_for_the_answer_keeps_it_from_nobody(backend: SQLiteBackend) -> None:
    gone, stays = (asyncio.create_task(backend.commit(beginning(owner))) for owner in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays
    assert META in await backend.read("stays", [META])
    assert gone.cancelled()


async def test_while_another_process_holds_the_file_all_wait_and_in_the_end_all_are_told(
    tmp_path: Path, backend: SQLiteBackend
) -> None:
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told = await asyncio.gather(*(backend.commit(beginning(f"{n}")) for n in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [Busy] * 3
    waiting = [asyncio.create_task(backend.commit(beginning(f"{n}"))) for n in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    other.execute("ROLLBACK")
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_who_cannot_wait_is_answered_at_once(backend: SQLiteBackend) -> None:
    waiting = asyncio.create_task(backend.commit(beginning("later")))
    await asyncio.sleep(0)
    assert at_once(backend.commit(beginning("now")))
    assert META in await backend.read("now", [META])
    assert await waiting


def test_another_loop_does_not_wait_for_the_first(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path / "app.db")
    asyncio.run(backend.open())
    assert asyncio.run(backend.commit(beginning("a")))
    assert not asyncio.run(backend.commit(beginning("a")))
