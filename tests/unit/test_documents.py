"""What a unit of work reads and writes, and what it sees while others commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok.backends.memory import MemoryBackend
from asok.bus import LocalBus
from asok.documents import Document, Had, Work, current_work, note, noting, reading_into, working
from asok.errors import StoreError
from asok.replicas import Replicas
from asok.trees import Write, freeze, parse_path, read_at
from tests.unit.effort import lines_run

KEY = ("store/x", "doc")


def document(**tree: Any) -> Document:
    return Document(KEY, freeze(tree))


def put(path: str, value: Any) -> Write:
    return Write("set", parse_path(path), value)


def add(path: str, value: Any = 1) -> Write:
    return Write("update", parse_path(path), value)


# ---- a document


def test_a_commit_of_the_write_that_waited_longest_looks_at_none_of_the_others() -> None:
    def effort(others: int) -> int:
        doc, first = document(a=1), add("a")
        for write in (first, *(add("a") for _ in range(others))):
            doc.wait(write)
        return lines_run(lambda: doc.become(1, doc.tree, [first]))

    assert effort(500) == effort(5)


def test_the_names_that_defaults_had_are_made_ready_once_and_again_where_one_is_new() -> None:
    had = Had(["b", "a"])
    assert had.union(["a"]) is had
    assert had.union(["c"]).packed == Had("abc").packed != had.packed


def test_pending_writes_are_read_at_once_and_committed_later() -> None:
    doc = document(a=1)
    doc.wait(add("a"))
    doc.wait(add("a"))
    assert (doc.newest["a"], doc.tree["a"], len(doc.pending)) == (3, 1, 2)


def test_a_pending_write_that_cannot_be_is_none() -> None:
    doc = document(a=1)
    with pytest.raises(StoreError):
        doc.wait(put("a/b", 1))
    assert doc.pending == ()


def test_a_dropped_write_is_not_mistaken_for_the_one_after_it() -> None:
    doc = document(a=1)
    refused, later = put("a", 5), put("b", 7)
    doc.wait(refused)
    assert doc.newest == {"a": 5}
    doc.drop([refused])
    doc.wait(later)
    assert doc.newest == {"a": 1, "b": 7}


def test_of_two_equal_writes_only_the_committed_one_is_pending_no_more() -> None:
    doc = document(a=1)
    first, second = add("a"), add("a")
    doc.wait(first)
    doc.wait(second)
    doc.become(1, freeze({"a": 2}), [first])
    assert doc.newest == {"a": 3}
    assert [write is second for write in doc.pending] == [True]


def test_a_check_keeps_a_tree_from_being_what_it_must_not_be() -> None:
    def check(before: Any, tree: Any) -> None:
        if tree["a"] > 2:
            raise StoreError("too much")

    doc = Document(KEY, freeze({"a": 2}), check)
    with pytest.raises(StoreError, match="too much"):
        doc.wait(add("a"))


# ---- a unit of work


def test_a_unit_sees_its_own_writes_and_nobody_else_does() -> None:
    doc, work = document(a=1), Work()
    work.write(doc, add("a"))
    assert (work.tree(doc)["a"], doc.newest["a"]) == (2, 1)


def test_a_unit_sees_a_document_as_it_was_at_its_first_look() -> None:
    doc, work = document(a=1, b=1), Work()
    work.write(doc, put("a", 5))
    doc.become(1, freeze({"a": 1, "b": 2}))
    work.saw(doc, ("b",))
    assert work.tree(doc)["b"] == 1
    assert not work.still_stands()


def test_what_was_only_written_may_change_meanwhile() -> None:
    doc, work = document(a=1, b=1), Work()
    work.write(doc, add("a"))
    doc.become(1, freeze({"a": 9, "b": 2}))
    assert work.still_stands()


@pytest.mark.parametrize("stored", [True, False])
def test_who_has_seen_a_pending_write_depends_on_it(stored: bool) -> None:
    doc, work, pending = document(a=1), Work(), put("a", 5)
    doc.wait(pending)
    work.saw(doc, ("a",))
    assert work.tree(doc)["a"] == 5
    doc.become(1, freeze({"a": 5 if stored else 1}), [pending])
    assert work.still_stands() is stored


def test_who_was_refused_a_write_has_looked_at_the_tree() -> None:
    doc, work = document(a=1), Work()
    with pytest.raises(StoreError):
        work.write(doc, Write("delete", ("b",)))
    doc.become(1, freeze({"a": 1, "b": 2}))
    assert not work.still_stands()


def test_a_unit_is_current_only_while_it_runs() -> None:
    work = Work()
    with working(work):
        assert current_work() is work
    assert current_work() is None


async def test_a_task_that_outlives_its_method_is_in_no_unit() -> None:
    over = asyncio.Event()

    async def later() -> Work | None:
        await over.wait()
        return current_work()

    with working(Work()):
        task = asyncio.create_task(later())
    over.set()
    assert await task is None


async def test_what_goes_on_after_its_method_was_cut_writes_nothing() -> None:
    cut = asyncio.Event()

    async def later() -> Work | None:
        await cut.wait()
        return current_work()

    with pytest.raises(TimeoutError), working(Work()):
        task = asyncio.create_task(later())
        raise TimeoutError
    cut.set()
    with pytest.raises(StoreError, match="was ended"):
        await task


def test_reads_are_noted_only_where_something_is_about_to_be_shown() -> None:
    reads: dict[Any, Any] = {}
    note(KEY, ("a",))
    with reading_into(reads):
        assert noting()
        note(KEY, ("b",))
        note(KEY, ("c",))
    assert not noting()
    assert reads == {KEY: {("b",), ("c",)}}


# ---- units side by side, against a serial oracle

PATHS = ["a", "b", "c", "d/x", "list"]
VERBS = ["set", "update", "append", "delete"]
# read: put what was read, plus one, at another path. Others: a verb, a path and a number.
STEPS = st.one_of(
    st.tuples(st.just("copy"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
    st.tuples(st.sampled_from(VERBS), st.sampled_from(PATHS), st.integers(-3, 3)),
)
UNITS = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=2, max_size=4)
BEGINNING = {"a": 1, "b": 2, "d": {"x": 0}, "list": [0]}


def step(work: Work, doc: Document, verb: str, path: str, last: Any) -> Any:
    """One step of a unit, whose outcome goes into what it writes next; so a stale look would show."""
    try:
        if verb != "copy":
            return work.write(doc, Write(verb, parse_path(path), last))
        work.saw(doc, parse_path(path))
        seen = read_at(work.tree(doc), parse_path(path))
        work.write(doc, put(last, seen + 1 if isinstance(seen, int) else len(str(seen))))
    except StoreError as error:
        work.write(doc, put("failed", f"{verb} {path} {type(error).__name__}"))


def serial(units: list[Any], order: list[int]) -> Any:
    doc = Document(KEY, freeze(BEGINNING))
    for number in order:
        work = Work()
        for each in units[number]:
            step(work, doc, *each)
        doc.become(doc.version + 1, work.tree(doc))
    return doc.tree


@settings(max_examples=150, deadline=None)
@given(units=UNITS, schedule=st.lists(st.integers(0, 3), max_size=30))
def test_units_that_interleave_end_as_in_some_serial_order(units: list[Any], schedule: list[int]) -> None:
    committed: list[int] = []

    async def run() -> Any:
        backend, bus = MemoryBackend(), LocalBus()
        replicas = [Replicas(backend, bus, 1 << 20) for _ in range(2)]
        await bus.open()
        for each in replicas:
            await each.open()

        async def unit(number: int) -> AsyncIterator[None]:
            mine = replicas[number % 2]
            while True:
                work, doc = Work(), mine.get(KEY, freeze(BEGINNING))
                for each in units[number]:
                    step(work, doc, *each)
                    yield
                if await mine.commit(work):
                    committed.append(number)
                    return

        running = {number: unit(number) for number in range(len(units))}
        for number in [*schedule, *(each for _ in range(60) for each in range(len(units)))]:
            if number in running:
                try:
                    await anext(running[number])
                except StopAsyncIteration:
                    del running[number]
        assert not running
        found = replicas[0].get(KEY, freeze(BEGINNING))
        fresh = Replicas(backend, bus, 1 << 20).get(KEY, freeze(BEGINNING))
        for each in replicas:
            await each.close()
        await bus.close()
        return found, fresh.tree

    _, stored = asyncio.run(run())
    assert stored == serial(units, committed)
