"""What a process has read of the session database is read again only after somebody else has written."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok.backends.copies import Copies
from asok.backends.sqlite import SQLiteBackend
from asok.sessions import Cell, Commit
from asok.writing import at_once

Asked = tuple[str, list[str], str | None]

OWNERS, NAMES = "st", ["meta", "record/1", "session/x", "session/y"]
owners, names = st.sampled_from(OWNERS), st.sampled_from(NAMES)
asked = st.tuples(owners, st.lists(names, unique=True), st.none() | st.sampled_from(["session/", "record/"]))
written = st.dictionaries(names, st.none() | st.binary(max_size=3), min_size=1, max_size=2)
steps = st.one_of(
    st.tuples(st.just("commit"), owners, written, st.booleans()),
    st.tuples(st.just("commit"), owners, written, st.booleans()),
    st.tuples(st.just("move"), owners),
    st.tuples(st.just("delete"), owners),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("reopen")),
)


@pytest.fixture
def statements(tmp_path: Path) -> Iterator[tuple[SQLiteBackend, list[str]]]:
    """A backend, and what it says to SQLite."""
    backend, said = SQLiteBackend(tmp_path / "sessions.db"), list[str]()
    at_once(backend.open())
    assert backend._connection is not None
    backend._connection.set_trace_callback(said.append)
    yield backend, said
    at_once(backend.close())


def stored(path: Path, asked: Asked) -> dict[str, Cell]:
    """What somebody finds who has never looked before."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT key, version, value FROM cells WHERE owner = ?", (asked[0],)).fetchall()
    connection.close()
    wanted, prefix = asked[1:]
    return {
        name: Cell(version, value)
        for name, version, value in rows
        if name in wanted or (prefix is not None and name.startswith(prefix))
    }


def look(backend: SQLiteBackend, asked: Asked) -> dict[str, Cell]:
    return at_once(backend.read(*asked))


def do(backend: SQLiteBackend, step: tuple[object, ...]) -> None:
    match step:
        case ("commit", str(owner), dict(values), bool(checked)):
            keys = {(owner, name): value for name, value in values.items()}
            before = look(backend, (owner, list(values), None)) if checked else {}
            checks = {key: before[key[1]].version if key[1] in before else 0 for key in keys} if checked else {}
            assert at_once(backend.commit(Commit(checks, keys)))
        case ("move", str(owner)):
            at_once(backend.commit(Commit({}, {}, move=(owner, OWNERS[OWNERS[0] == owner]))))
        case ("delete", str(owner)):
            at_once(backend.delete(owner))
        case ("sweep",):
            at_once(backend.sweep(float("inf")))
        case _:
            at_once(backend.close())


@settings(max_examples=150, deadline=None)
@given(history=st.lists(st.tuples(st.booleans(), steps, st.lists(asked, max_size=2)), max_size=12))
def test_two_processes_on_one_file_find_what_is_stored(
    history: list[tuple[bool, tuple[object, ...], list[Asked]]],
) -> None:
    everything: list[Asked] = [(owner, NAMES, "session/") for owner in OWNERS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.db"
        backends = SQLiteBackend(path), SQLiteBackend(path)
        for which, step, questions in history:
            do(backends[which], step)
            for question in [*questions, *everything]:
                found = stored(path, question) if path.exists() else {}
                assert [look(backend, question) for backend in backends] == [found, found]
        for backend in backends:
            at_once(backend.close())


def test_what_nobody_else_has_written_is_not_read_again(statements: tuple[SQLiteBackend, list[str]]) -> None:
    backend, said = statements
    assert at_once(backend.commit(Commit({}, {("s", "meta"): b"m", ("s", "record/1"): b"0"})))
    for version in range(1, 4):  # what is known is known from the second look on
        assert look(backend, ("s", ["meta", "record/1"], "session/"))["record/1"].version == version
        assert at_once(backend.commit(Commit({("s", "record/1"): version}, {("s", "record/1"): b"1"})))
    said.clear()
    assert look(backend, ("s", ["meta", "record/1"], "session/"))["record/1"] == Cell(4, b"1")
    assert said == ["PRAGMA data_version"]


def test_who_gets_cells_may_change_the_dict_that_they_came_in(statements: tuple[SQLiteBackend, list[str]]) -> None:
    backend, _ = statements
    assert at_once(backend.commit(Commit({}, {("s", "meta"): b"m"})))
    for _ in range(3):
        look(backend, ("s", ["meta"], None)).clear()
    assert look(backend, ("s", ["meta"], None)) == {"meta": Cell(1, b"m")}


def test_nothing_is_believed_after_a_commit_that_failed(statements: tuple[SQLiteBackend, list[str]]) -> None:
    backend, said = statements
    assert at_once(backend.commit(Commit({}, {("s", "meta"): b"m"})))
    for _ in range(2):
        look(backend, ("s", ["meta"], None))
    with pytest.raises(sqlite3.Error):
        at_once(backend.commit(Commit({("s", "meta"): 1}, {("s", "meta"): None, ("s", "other"): object()})))  # type: ignore[dict-item]
    said.clear()
    assert look(backend, ("s", ["meta"], None)) == {"meta": Cell(1, b"m")}
    assert any(each.startswith("SELECT") for each in said)


async def test_nothing_is_believed_after_several_commits_that_failed_as_one(tmp_path: Path) -> None:
    backend, said = SQLiteBackend(tmp_path / "sessions.db"), list[str]()
    await backend.open()
    assert backend._connection is not None
    for _ in range(2):
        assert await backend.read("s", ["meta"]) == {}
    backend._connection.set_trace_callback(said.append)
    values: list[Any] = [b"m", object()]
    commits = [
        Commit({(owner, "meta"): 0}, {(owner, "meta"): value}) for owner, value in zip("st", values, strict=True)
    ]
    failed = await asyncio.gather(*map(backend.commit, commits), return_exceptions=True)
    assert all(isinstance(each, sqlite3.Error) for each in failed)
    said.clear()
    assert await backend.read("s", ["meta"]) == {}
    assert any(each.startswith("SELECT") for each in said)
    await backend.close()


def test_the_copies_take_no_more_than_their_limit() -> None:
    copies = Copies(limit=10_000)
    for n in range(100):
        copies.keep(f"owner {n}", ["record/1"], None, {"record/1": Cell(1, bytes(1000))})
    kept = [n for n in range(100) if copies.find(f"owner {n}", ["record/1"], None)]
    assert kept
    assert len(kept) <= 10
    assert kept[-1] == 99


def test_what_is_known_to_be_missing_counts() -> None:
    copies = Copies(limit=10_000)
    for n in range(100):
        copies.keep("s", [f"slot/{n}"], None, {})
    kept = [n for n in range(100) if copies.find("s", [f"slot/{n}"], None) is not None]
    assert kept
    assert len(kept) <= 50


def test_what_a_commit_makes_long_counts() -> None:
    copies = Copies(limit=10_000)
    copies.keep("s", ["record/1"], None, {"record/1": Cell(1, b"")})
    copies.follow(Commit({("s", "record/1"): 1}, {("s", "record/1"): bytes(20_000)}))
    copies.keep("t", [], None, {})
    assert copies.find("s", ["record/1"], None) is None
