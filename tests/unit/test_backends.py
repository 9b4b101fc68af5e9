"""Every backend keeps cells alike, whatever happens to them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok.backends.memory import MemoryBackend
from asok.backends.redis import RedisBackend
from asok.backends.redis_address import Address
from asok.backends.redis_calls import BlockingLine
from asok.backends.resp import command
from asok.backends.sqlite import SQLiteBackend
from asok.driven import driven
from asok.sessions import Backend, Cell, CellKey, Commit
from tests.redis_server import redis_server
from tests.unit.effort import lines_run

T = TypeVar("T")
Making = Callable[[Path, Callable[[], float]], Backend]

# The loop on which a backend waits for a Redis, and the servers that run, until the last test of this module.
aside = asyncio.new_event_loop()
running = ExitStack()
urls: dict[str, str] = {}


def empty_redis(program: str, clock: Callable[[], float]) -> RedisBackend:
    if program not in urls:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        urls[program] = running.enter_context(redis_server(folder, program=program)).url
    line = BlockingLine(Address.of(urls[program]), 5)
    line.call(command(["FLUSHALL"]))
    line.close()
    return RedisBackend(urls[program], clock=clock)


class Aside:
    """A backend on a loop of its own, so that its calls are done when they return."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*args: Any, **named: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(getattr(self.backend, name)(*args, **named), aside).result()

        return call


MAKINGS: dict[str, Making] = {
    "memory": lambda folder, clock: MemoryBackend(clock=clock),
    "sqlite": lambda folder, clock: SQLiteBackend(folder / "cells.db", clock=clock),
    "redis": lambda folder, clock: cast(Backend, Aside(empty_redis("redis", clock))),
    "redis at once": lambda folder, clock: empty_redis("redis", clock),
    "valkey": lambda folder, clock: cast(Backend, Aside(empty_redis("valkey", clock))),
}


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    thread = Thread(target=aside.run_forever)
    thread.start()
    with running:
        yield
    aside.call_soon_threadsafe(aside.stop)
    thread.join()
    aside.close()


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """The result of a call that must not wait for anything."""
    driven.at_once = True
    try:
        call.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        driven.at_once = False
    call.close()
    pytest.fail("the backend waited although nobody else uses it")


def writing(writes: Mapping[CellKey, bytes | None], checks: dict[CellKey, int] | None = None) -> Commit:
    return Commit(checks=checks or {}, writes=writes)


class Clock:
    """Unix time that moves only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=MAKINGS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Backend]:
    made = MAKINGS[request.param](tmp_path, clock)
    at_once(made.open())
    yield made
    at_once(made.close())


# ---- what both promise


def test_a_cell_counts_its_writes_from_one(backend: Backend) -> None:
    for value in (b"first", b"second", b""):
        assert at_once(backend.commit(writing({("s", "a"): value})))
    assert at_once(backend.read("s", ["a", "missing"])) == {"a": Cell(3, b"")}


def test_nothing_is_read_where_nothing_is_asked(backend: Backend) -> None:
    at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert at_once(backend.read("s", [])) == {}
    assert at_once(backend.read("other", ["a"], prefix="")) == {}


def test_a_read_takes_names_and_a_prefix_together(backend: Backend) -> None:
    names = ["record/1", "record/2", "session/a", "session/b", "session0", "session", "auth"]
    at_once(backend.commit(writing({("s", name): name.encode() for name in names} | {("t", "session/c"): b""})))
    found = at_once(backend.read("s", ["record/2", "session/a"], prefix="session/"))
    assert found == {name: Cell(1, name.encode()) for name in ("record/2", "session/a", "session/b")}


@pytest.mark.parametrize("prefix", ["", "é", "\ud7ff", "\U0010ffff", "a\U0010ffff", "100%_"])
def test_a_prefix_means_exactly_the_names_that_start_with_it(backend: Backend, prefix: str) -> None:
    tails = ["", "a", "é", "\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffz", "%", "_"]
    names = {start + tail for start in tails for tail in tails} | {prefix + tail for tail in tails}
    at_once(backend.commit(writing({("s", name): b"" for name in names})))
    expected = {name for name in names if name.startswith(prefix)}
    assert set(at_once(backend.read("s", [], prefix=prefix))) == expected
    assert at_once(backend.count("s", prefix)) == len(expected)


def test_reading_a_prefix_from_memory_looks_at_no_other_cells() -> None:
    def effort(others: int) -> int:
        backend = MemoryBackend()
        at_once(backend.commit(writing({("s", f"record/{number}"): b"" for number in range(others)})))
        at_once(backend.commit(writing({("s", "session/a"): b""})))
        return lines_run(lambda: asyncio.run(backend.read("s", ["meta"], prefix="session/")))

    assert effort(2000) < effort(10) + 50


@pytest.mark.parametrize("checks", [{("s", "a"): 2}, {("s", "a"): 0}, {("s", "b"): 1}, {("s", "a"): 1, ("t", "a"): 3}])
def test_a_failed_check_writes_nothing(backend: Backend, checks: dict[CellKey, int]) -> None:
    at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert not at_once(backend.commit(writing({("s", "a"): b"2", ("s", "c"): b"2", ("t", "a"): b"2"}, checks)))
    assert at_once(backend.read("s", [], prefix="")) == {"a": Cell(1, b"1")}
    assert at_once(backend.count("t", "")) == 0


@pytest.mark.parametrize(
    ("others", "done"),
    [
        ({}, True),
        ({("s", "b"): 1}, True),
        ({("s", "b"): 2}, False),
        ({("s", "b"): 0}, False),
        ({("s", "c"): 0}, True),
        ({("s", "c"): 1}, False),
        ({("t", "b"): 2}, True),
        ({("t", "b"): 1}, False),
    ],
)
def test_one_cell_is_written_anew_if_all_checks_hold(backend: Backend, others: dict[CellKey, int], done: bool) -> None:
    at_once(backend.commit(writing({("s", "a"): b"1", ("s", "b"): b"1", ("t", "a"): b"1", ("t", "b"): b"1"})))
    at_once(backend.commit(writing({("t", "b"): b"2"})))
    assert not at_once(backend.commit(writing({("s", "a"): b"2"}, {("s", "a"): 2, **others})))
    assert at_once(backend.commit(writing({("s", "a"): b"2"}, {**others, ("s", "a"): 1}))) is done
    assert at_once(backend.read("s", ["a", "c"])) == {"a": Cell(2, b"2") if done else Cell(1, b"1")}
    assert at_once(backend.read("t", ["a"])) == {"a": Cell(1, b"1")}


def test_a_cell_that_is_to_be_new_is_written_once(backend: Backend) -> None:
    assert at_once(backend.commit(writing({("s", "a"): b"1"}, {("s", "a"): 0})))
    assert not at_once(backend.commit(writing({("s", "a"): b"2"}, {("s", "a"): 0})))
    assert at_once(backend.read("s", ["a"])) == {"a": Cell(1, b"1")}


def test_a_commit_checks_any_number_of_cells(backend: Backend) -> None:
    names = [f"session/{number}" for number in range(1500)]
    at_once(backend.commit(writing({("s", name): b"" for name in ["record", *names]})))
    checks = {("s", name): 1 for name in ["record", *names]}
    assert at_once(backend.commit(writing({("s", "record"): b"2"}, checks)))
    assert not at_once(
        backend.commit(writing({("s", "record"): b"3"}, {**checks, ("s", "record"): 2, ("s", names[-1]): 2}))
    )


@pytest.mark.parametrize("prefix", [None, "nothing/"])
def test_a_read_takes_any_number_of_names(backend: Backend, prefix: str | None) -> None:
    at_once(backend.commit(writing({("s", "first"): b"1", ("s", "last"): b"2"})))
    found = at_once(backend.read("s", ["first", *map(str, range(9000)), "last"], prefix))
    assert found == {"first": Cell(1, b"1"), "last": Cell(1, b"2")}


@pytest.mark.parametrize("beside", [{}, {("s", "b"): None}])
def test_a_deleted_cell_is_as_if_it_had_never_been(backend: Backend, beside: dict[CellKey, None]) -> None:
    at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert at_once(backend.commit(writing({("s", "a"): None, **beside}, {("s", "a"): 1})))
    assert at_once(backend.commit(writing({("s", "a"): b"2"}, {("s", "a"): 0})))
    assert at_once(backend.read("s", ["a"])) == {"a": Cell(1, b"2")}


def test_a_move_takes_all_cells_along_before_the_checks(backend: Backend) -> None:
    at_once(backend.commit(writing({("old", "a"): b"1", ("old", "b"): b"1"})))
    commit = Commit(checks={("new", "a"): 1}, writes={("new", "a"): b"2"}, move=("old", "new"))
    assert at_once(backend.commit(commit))
    assert at_once(backend.read("new", [], prefix="")) == {"a": Cell(2, b"2"), "b": Cell(1, b"1")}
    assert at_once(backend.count("old", "")) == 0


def test_a_move_with_a_failed_check_moves_nothing(backend: Backend) -> None:
    at_once(backend.commit(writing({("old", "a"): b"1"})))
    assert not at_once(backend.commit(Commit(checks={("new", "a"): 2}, writes={}, move=("old", "new"))))
    assert at_once(backend.count("old", "")) == 1
    assert at_once(backend.count("new", "")) == 0


def test_a_move_never_overwrites_an_owner(backend: Backend) -> None:
    at_once(backend.commit(writing({("old", "a"): b"1", ("new", "b"): b"1"})))
    assert not at_once(backend.commit(Commit(checks={}, writes={("new", "a"): b"2"}, move=("old", "new"))))
    assert at_once(backend.read("new", [], prefix="")) == {"b": Cell(1, b"1")}


def test_the_oldest_are_those_least_recently_written(backend: Backend, clock: Clock) -> None:
    for name in ("record/c", "record/a", "record/b", "other", "record/c"):
        clock.now += 1
        at_once(backend.commit(writing({("s", name): b""})))
    assert at_once(backend.oldest("s", "record/", 2)) == ["record/a", "record/b"]
    assert at_once(backend.oldest("s", "record/", 9)) == ["record/a", "record/b", "record/c"]
    assert at_once(backend.oldest("s", "record/", 0)) == []


def test_deleting_an_owner_leaves_the_others(backend: Backend) -> None:
    at_once(backend.commit(writing({("s", "a"): b"", ("s", "b"): b"", ("t", "a"): b""})))
    at_once(backend.delete("s"))
    at_once(backend.delete("never was"))
    assert at_once(backend.count("s", "")) == 0
    assert at_once(backend.count("t", "")) == 1


def test_a_sweep_forgets_owners_whose_newest_write_is_old(backend: Backend, clock: Clock) -> None:
    at_once(backend.commit(writing({("gone", "a"): b"", ("gone", "b"): b"", ("kept", "a"): b""})))
    clock.now = 2000.0
    at_once(backend.commit(writing({("kept", "b"): b"", ("new", "a"): b""})))
    assert at_once(backend.sweep(1000.0)) == 0
    assert at_once(backend.sweep(2000.0)) == 1
    assert at_once(backend.count("gone", "")) == 0
    assert at_once(backend.count("kept", "")) == 2


def test_a_sweep_leaves_stores_however_old_they_are(backend: Backend, clock: Clock) -> None:
    at_once(backend.commit(writing({("store/votes", "doc"): b"", ("s", "a"): b""})))
    clock.now = 5000.0
    assert at_once(backend.sweep(4000.0)) == 1
    assert at_once(backend.count("store/votes", "")) == 1


async def test_a_sweep_goes_through_any_number_of_owners(backend: Backend, clock: Clock) -> None:
    await backend.commit(writing({(f"old {n}", "a"): b"" for n in range(300)}))
    clock.now = 2000.0
    await backend.commit(writing({(f"old {n}", "b"): b"" for n in range(0, 300, 3)}))
    assert await backend.sweep(1500.0) == 200
    assert await backend.sweep(1500.0) == 0
    assert await backend.sweep(3000.0) == 100


def test_threads_may_share_a_backend(backend: Backend) -> None:
    def work() -> None:
        for _ in range(200):
            while True:
                cell = at_once(backend.read("s", ["n"])).get("n", Cell(0, b"0"))
                value = b"%d" % (int(cell.value) + 1)
                if at_once(backend.commit(writing({("s", "n"): value}, {("s", "n"): cell.version}))):
                    break

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once(backend.read("s", ["n"])) == {"n": Cell(600, b"600")}


# ---- any history


owners, names = st.sampled_from("stu"), st.sampled_from(["record/1", "record/2", "session/x", "record", "é"])
keys = st.tuples(owners, names)
commits = st.builds(
    Commit,
    checks=st.dictionaries(keys, st.integers(0, 2), max_size=1),
    writes=st.dictionaries(keys, st.none() | st.binary(max_size=4), max_size=3),
    move=st.none() | st.none() | st.tuples(owners, owners),
)
steps = st.lists(commits | st.tuples(st.just("delete"), owners) | st.tuples(st.just("sweep"), st.integers(0, 40)))


class Model:
    """The protocol in the plainest words: key -> (version, value, time)."""

    def __init__(self) -> None:
        self.cells: dict[CellKey, tuple[int, bytes, float]] = {}

    def commit(self, commit: Commit, now: float) -> bool:
        cells = dict(self.cells)
        if commit.move:
            old, new = commit.move
            if any(owner == new for owner, _ in cells):
                return False
            cells = {(new if owner == old else owner, name): cell for (owner, name), cell in cells.items()}
        if any(cells.get(key, (0,))[0] != version for key, version in commit.checks.items()):
            return False
        for key, value in commit.writes.items():
            if value is None:
                cells.pop(key, None)
            else:
                cells[key] = (cells.get(key, (0,))[0] + 1, value, now)
        self.cells = cells
        return True

    def forget(self, stale: set[str]) -> None:
        self.cells = {key: cell for key, cell in self.cells.items() if key[0] not in stale}

    def stale(self, before: float) -> set[str]:
        return {owner for owner, _ in self.cells} - {
            owner for (owner, _), cell in self.cells.items() if cell[2] >= before
        }

    def oldest(self, owner: str) -> list[str]:
        mine = [(cell[2], name) for (each, name), cell in self.cells.items() if each == owner]
        return [name for _, name in sorted(mine) if name.startswith("record/")]


@pytest.mark.parametrize("making", MAKINGS.values(), ids=MAKINGS)
@settings(max_examples=60, deadline=None)
@given(history=steps)
def test_any_history_ends_as_the_plain_model_says(making: Making, history: list[Any]) -> None:
    clock, model = Clock(), Model()
    with tempfile.TemporaryDirectory() as folder:
        backend = making(Path(folder), clock)
        for clock.now, step in zip(count(1.0), history, strict=False):
            if isinstance(step, Commit):
                assert at_once(backend.commit(step)) == model.commit(step, clock.now)
            elif step[0] == "delete":
                at_once(backend.delete(step[1]))
                model.forget({step[1]})
            else:
                stale = model.stale(step[1])
                assert at_once(backend.sweep(step[1])) == len(stale)
                model.forget(stale)
        for owner in "stu":
            expected = {name: Cell(*cell[:2]) for (each, name), cell in model.cells.items() if each == owner}
            assert at_once(backend.read(owner, [], prefix="")) == expected
            assert at_once(backend.oldest(owner, "record/", 9)) == model.oldest(owner)
        at_once(backend.close())
