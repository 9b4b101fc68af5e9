"""Documents in several processes: commits, notices, and who is told."""

from __future__ import annotations

import asyncio
import logging
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asok.backends.memory import MemoryBackend
from asok.backends.sqlite import SQLiteBackend
from asok.bus import LocalBus
from asok.documents import Change, Document, Work
from asok.errors import Busy, PathError, ValueTooLarge
from asok.frozen import frozen_dict
from asok.replicas import UNSURE, Replicas
from asok.sessions import Backend, Cell, Commit, pack
from asok.trees import Write, freeze, parse_path
from tests.unit.store_processes import children

KEY = ("store/x", "doc")
DEFAULT = freeze({"a": 1, "b": 1, "list": []})
PATIENCE = 30


def write(verb: str, path: str, value: Any = None) -> Write:
    return Write(verb, parse_path(path), value)


def get(replicas: Replicas) -> Document:
    return replicas.get(KEY, DEFAULT)


class Ear:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[Change] = []
        self.told = asyncio.Event()

    def changed(self, change: Change) -> None:
        self.heard.append(change)
        self.told.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                self.told.clear()
                await self.told.wait()

    @property
    def paths(self) -> list[list[str]]:
        return [["/".join(path) for path in change.touched] for change in self.heard]


class DeafBus(LocalBus):
    """A bus that loses the messages that the test says; the gap is told when it says."""

    def __init__(self) -> None:
        super().__init__()
        self.loses = False
        self.gaps: list[Callable[[], None]] = []

    def publish(self, channel: str, message: bytes) -> None:
        if not self.loses:
            super().publish(channel, message)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.gaps.append(listener)
        return lambda: self.gaps.remove(listener)


@pytest.fixture(params=["memory", "sqlite"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    made: Backend = MemoryBackend() if request.param == "memory" else SQLiteBackend(tmp_path / "db")
    await made.open()
    yield made
    await made.close()


@asynccontextmanager
async def opened(backend: Backend, count: int = 1, bus: LocalBus | None = None) -> AsyncIterator[list[Replicas]]:
    """So many replicas, as of so many processes, over one bus."""
    bus = bus or LocalBus()
    made = [Replicas(backend, bus, 1 << 20) for _ in range(count)]
    await bus.open()
    for each in made:
        await each.open()
    yield made
    for each in made:
        await each.close()
    await bus.close()


# ---- reading


class Key(str):
    """Counts with how many others it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Key.compared += 1
        return str.__eq__(self, other)


async def test_reading_a_store_compares_each_key_of_its_default_with_few_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"key{number}" for number in range(300)]
    async with opened(MemoryBackend(), 2) as [mine, other]:
        await mine.write(mine.get(KEY, freeze(dict.fromkeys(names, 0))), write("set", "key7", 1))
        monkeypatch.setattr("asok.documents.pack", lambda names: pack([]))  # else nothing but plain text can be one
        document = other.get(KEY, frozen_dict({Key(name): 0 for name in names}))
        assert document.tree["key7"] == 1
        assert Key.compared < 10 * len(names)


async def test_the_keys_of_a_default_are_made_ready_once_for_all_writes(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        had = get(replicas).had
        for value in range(2, 5):
            await replicas.write(get(replicas), write("set", "a", value))
        assert get(replicas).had is had


# ---- direct writes


async def test_a_write_is_seen_at_once_and_stored_when_it_was_awaited(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        done = replicas.write(get(replicas), write("update", "a", 1))
        assert get(replicas).newest["a"] == 2
        assert get(replicas).version == 0
        assert await done == 1
    assert get(Replicas(backend, LocalBus(), 1 << 20)).tree["a"] == 2


async def test_a_write_that_nobody_awaits_is_stored_when_the_app_ends(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        replicas.write(get(replicas), write("update", "a", 1))
    assert get(Replicas(backend, LocalBus(), 1 << 20)).tree["a"] == 2


async def test_writes_of_one_moment_are_one_commit(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        versions = await asyncio.gather(
            *(replicas.write(get(replicas), write("append", "list", number)) for number in range(100))
        )
        assert set(versions) == {1}
        assert get(replicas).tree["list"] == list(range(100))


async def test_a_refused_write_of_many_takes_none_of_the_others_with_it(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(backend, 2) as [mine, other]:
        document = get(mine)
        ours = [mine.write(document, write("append", "list", number)) for number in range(5)]
        gone = mine.write(document, write("delete", "b"))
        ours += [mine.write(document, write("append", "list", number)) for number in range(5, 9)]
        work = Work()
        work.write(get(other), write("delete", "b"))
        assert await other.commit(work)
        await asyncio.gather(*ours)
        with pytest.raises(PathError):
            await gone
        assert document.newest == {"a": 1, "list": list(range(9))}
    assert "delete of store/x was not stored" in caplog.text


async def test_a_write_beyond_the_limit_is_refused_as_who_has_read_it_is_told_and_the_next_one_goes_on(
    backend: Backend,
) -> None:
    bus = LocalBus()
    await bus.open()
    replicas = Replicas(backend, bus, 1000)
    await replicas.open()
    document, ear = get(replicas), Ear()
    replicas.watch(KEY, ("b",), ear)
    good = replicas.write(document, write("update", "a", 1))
    bad = replicas.write(document, write("set", "b", "x" * 2000))
    later = replicas.write(document, write("update", "a", 1))
    await good
    with pytest.raises(ValueTooLarge):
        await bad
    await later
    assert document.tree == {"a": 3, "b": 1, "list": []}
    assert ear.paths == [["b"]]
    await replicas.close()
    await bus.close()


class PatientBackend(MemoryBackend):
    """Commits when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def commit(self, commit: Commit) -> bool:
        self.asked.set()
        await self.may.wait()
        return await super().commit(commit)


class Unclear(MemoryBackend):
    """Does so many commits that it then says nothing of; of one that comes again it knows that it has done it."""

    times = 0

    def __init__(self) -> None:
        super().__init__()
        self.done: set[str] = set()

    async def commit(self, commit: Commit) -> bool:
        if commit.id in self.done:
            return True
        done = await super().commit(commit)
        if done and self.times:
            self.times -= 1
            self.done |= {commit.id} - {""}
            raise Busy("it does not answer")
        return done


async def test_writes_of_one_moment_count_once_though_the_backend_did_not_say_that_it_had_done_them() -> None:
    async with opened(backend := Unclear(), 2) as [here, there]:
        document = get(here)
        await here.write(document, write("update", "a", 1))
        assert get(there).tree["a"] == 2
        backend.times = 1
        writes = [here.write(document, write("update", "a", 1)) for _ in range(8)]
        assert await asyncio.gather(*writes) == [2] * 8
        assert document.tree["a"] == 10
        await there.write(get(there), write("update", "a", 1))
        assert get(there).tree["a"] == 11


async def test_writes_are_not_sent_again_when_the_backend_may_not_know_any_more_what_it_has_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok.writing.KNOWN", -1)
    async with opened(backend := Unclear()) as [replicas]:
        backend.times = 1
        writes = [replicas.write(get(replicas), write("update", "a", 1)) for _ in range(8)]
        told = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(each) for each in told] == [Busy] * 8
        assert await replicas.write(get(replicas), write("update", "a", 1)) == 2
        assert get(replicas).tree["a"] == 10


async def test_what_another_database_has_is_not_written_over_by_what_was_on_its_way_to_the_one_before() -> None:
    async with opened(backend := Unclear()) as [replicas]:
        document = get(replicas)
        await replicas.write(document, write("update", "a", 1))
        work = Work()
        work.write(document, write("update", "a", 1))
        backend.times = 1
        with pytest.raises(Busy):
            await replicas.commit(work)
        backend.done.clear()
        await backend.delete(KEY[0])
        assert await backend.commit(Commit({}, {KEY: pack([{"a": 100}, ["a"]])}))
        document.mark = UNSURE  # as where a backend says that it was replaced
        while not await replicas.commit(work):
            pass
        assert document.tree["a"] == 101


async def test_who_is_cancelled_while_a_write_is_stored_stops_no_other_write() -> None:
    backend = PatientBackend()
    async with opened(backend) as (replicas,):
        document = get(replicas)

        async def impatient() -> int:
            return await replicas.write(document, write("update", "a", 1))

        waits = asyncio.create_task(impatient())
        await backend.asked.wait()
        waits.cancel()
        later = replicas.write(document, write("update", "a", 1))
        backend.may.set()
        async with asyncio.timeout(PATIENCE):
            await later
        assert waits.cancelled() and document.tree["a"] == 3


async def test_a_thread_writes_and_reads_what_it_wrote(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        document = get(replicas)

        def work() -> tuple[int, int]:
            for _ in range(50):
                replicas.write(document, write("update", "a", 1))
            return document.tree["a"], threading.get_ident()

        found = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))
        assert max(value for value, _ in found) == document.tree["a"] == 201
        assert all(ident != threading.get_ident() for _, ident in found)


def test_a_write_without_a_running_app_is_stored_on_return(tmp_path: Path) -> None:
    replicas = Replicas(SQLiteBackend(tmp_path / "db"), LocalBus(), 1 << 20)
    replicas.write(get(replicas), write("update", "a", 1))
    assert get(replicas).tree["a"] == 2


async def test_a_write_without_a_running_app_that_others_have_made_impossible_is_refused(backend: Backend) -> None:
    mine, other = (Replicas(backend, LocalBus(), 1 << 20) for _ in range(2))
    document = get(mine)
    await other.write(get(other), write("delete", "list"))
    with pytest.raises(PathError):
        await mine.write(document, write("append", "list", 1))


async def test_a_write_before_the_app_runs_may_stand_in_async_code() -> None:
    replicas = Replicas(MemoryBackend(), LocalBus(), 1 << 20)
    assert await replicas.write(get(replicas), write("update", "a", 1)) == 1
    assert get(replicas).tree["a"] == 2


# ---- commits


async def test_a_unit_that_read_what_another_changed_has_to_run_again(backend: Backend) -> None:
    async with opened(backend, 2) as [mine, other]:
        work = Work()
        work.saw(get(mine), ("a",))
        work.write(get(mine), write("set", "b", 5))
        await other.write(get(other), write("update", "a", 1))
        assert not await mine.commit(work)
        assert get(mine).tree == {"a": 2, "b": 1, "list": []}


async def test_a_unit_that_read_what_was_written_a_moment_ago_waits_until_that_is_stored(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        replicas.write(get(replicas), write("update", "a", 1))
        work = Work()
        work.saw(get(replicas), ("a",))
        work.write(get(replicas), write("set", "b", 5))
        assert await replicas.commit(work)
        assert get(replicas).tree == {"a": 2, "b": 5, "list": []}


async def test_a_unit_that_read_what_cannot_be_stored_has_to_run_again(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        replicas.write(get(replicas), write("set", "a", "x" * (1 << 20)))
        work = Work()
        work.saw(get(replicas), ("a",))
        work.write(get(replicas), write("set", "b", 5))
        assert not await replicas.commit(work)
        assert get(replicas).newest == DEFAULT


async def test_a_unit_that_read_another_path_is_not_disturbed_by_a_hot_one(backend: Backend) -> None:
    async with opened(backend, 2) as [mine, other]:
        for _ in range(20):
            work = Work()
            work.saw(get(mine), ("b",))
            work.write(get(mine), write("update", "b", 1))
            await other.write(get(other), write("update", "a", 1))
            assert await mine.commit(work)
        assert get(mine).tree == {"a": 21, "b": 21, "list": []}


async def test_units_of_two_processes_that_only_count_never_run_again(backend: Backend) -> None:
    async with opened(backend, 2) as both:

        async def count(replicas: Replicas) -> None:
            for _ in range(200):
                work = Work()
                work.write(get(replicas), write("update", "a", 1))
                assert await replicas.commit(work)
                await asyncio.sleep(0)

        await asyncio.gather(*map(count, both))
        assert [get(each).tree["a"] for each in both] == [401, 401]


class ContestedBackend(MemoryBackend):
    """Somebody else is faster in each of the first commits."""

    lost = 3
    rival: Callable[[], Awaitable[object]]

    async def commit(self, commit: Commit) -> bool:
        if self.lost:
            self.lost -= 1
            await self.rival()
        return await super().commit(commit)


async def test_who_has_lost_a_commit_reads_after_its_pause_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = ContestedBackend()
    async with opened(backend) as [mine], opened(backend) as [other]:

        async def rival(seconds: float = 0) -> None:
            lost, backend.lost = backend.lost, 0
            await other.write(get(other), write("update", "b", 1))
            backend.lost = lost

        backend.rival = rival
        monkeypatch.setattr("asok.replicas.asyncio.sleep", rival)  # whoever pauses lets another write
        await mine.write(get(mine), write("update", "a", 1))
    assert get(Replicas(backend, LocalBus(), 1 << 20)).tree["a"] == 2


async def test_a_unit_commits_all_its_documents_and_cells_or_none(backend: Backend) -> None:
    second = ("store/y", "doc")
    async with opened(backend) as [replicas]:
        for stale, expected in ((7, 1), (0, 2)):
            work = Work()
            for key in (KEY, second):
                work.write(replicas.get(key, DEFAULT), write("update", "a", 1))
            done = await replicas.commit(work, {("s", "cell"): stale}, {("s", "cell"): b"1"})
            assert done is (expected == 2)
            assert [replicas.get(key, DEFAULT).tree["a"] for key in (KEY, second)] == [expected] * 2
            assert bool(await backend.read("s", ["cell"])) is done


async def test_a_unit_that_changes_nothing_makes_no_version(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        work = Work()
        work.write(get(replicas), write("set", "a", 1))
        assert await replicas.commit(work)
        assert get(replicas).version == 0
        assert await backend.read(KEY[0], [KEY[1]]) == {}


class FailingBackend(MemoryBackend):
    """Busy for so many commits or reads."""

    failures = 0

    async def commit(self, commit: Commit) -> bool:
        self._fail()
        return await super().commit(commit)

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        self._fail()
        return await super().read(owner, names, prefix)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Busy("held")


async def test_after_a_failed_commit_the_document_is_written_again() -> None:
    backend = FailingBackend()
    async with opened(backend) as [replicas]:
        document = get(replicas)
        backend.failures = 1
        with pytest.raises(Busy):
            await replicas.write(document, write("update", "a", 1))
        assert await replicas.write(document, write("update", "a", 1)) == 1
        assert document.newest["a"] == 2


async def test_a_document_that_was_moved_away_begins_anew(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        key = ("session", "state")
        await replicas.write(replicas.get(key, DEFAULT), write("update", "a", 1))
        assert await backend.commit(Commit({}, {}, move=("session", "renewed")))
        async with asyncio.timeout(PATIENCE):
            assert await replicas.write(replicas.get(key, DEFAULT), write("update", "b", 1)) == 1
        assert replicas.get(key, DEFAULT).tree == {"a": 1, "b": 2, "list": []}
        assert replicas.get(("renewed", "state"), DEFAULT).tree["a"] == 2


# ---- notices


async def test_a_change_in_one_process_is_heard_in_another(backend: Backend) -> None:
    async with opened(backend, 2) as [mine, other]:
        ear = Ear()
        get(mine)
        mine.watch(KEY, ("a",), ear)
        await other.write(get(other), write("set", "b", 5))
        await other.write(get(other), write("set", "a", 5))
        await ear.until(lambda: bool(ear.heard))
        assert ear.paths == [["a"]]
        assert get(mine).tree == get(other).tree
        assert get(mine).version == 2


@pytest.mark.parametrize("gap", [True, False])
async def test_a_lost_notice_is_made_good(backend: Backend, gap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.glancing.SECONDS", 3600)  # which would make it good, too, and later
    bus = DeafBus()
    async with opened(backend, 2, bus) as [mine, other]:
        ear = Ear()
        get(mine)
        mine.watch(KEY, (), ear)
        bus.loses = True
        await other.write(get(other), write("set", "a", 5))
        bus.loses = False
        if gap:
            for listener in list(bus.gaps):
                listener()
        else:
            await other.write(get(other), write("set", "b", 5))
        await ear.until(lambda: bool(ear.heard))
        assert ear.paths == [["a"] if gap else ["a", "b"]]
        assert get(mine).tree == get(other).tree
        assert get(mine).version == get(other).version


async def put_back(backend: Backend, cell: Cell | None) -> None:
    """The database is as it was once, and tells nobody."""
    await backend.commit(Commit({}, {KEY: None}))
    for _ in range(cell.version if cell else 0):
        await backend.commit(Commit({}, {KEY: cell.value if cell else None}))


@pytest.mark.parametrize("kept", [0, 2])
async def test_after_the_database_was_put_back_nobody_writes_over_what_others_have_written_since(
    backend: Backend, caplog: pytest.LogCaptureFixture, kept: int
) -> None:
    async with opened(backend, 2) as [mine, other]:
        ear, backup = Ear(), None
        get(other)
        other.watch(KEY, ("list",), ear)
        for number in range(4):
            await mine.write(get(mine), write("append", "list", f"lost {number}"))
            if number + 1 == kept:
                backup = (await backend.read(KEY[0], [KEY[1]]))[KEY[1]]
        await ear.until(lambda: get(other).version == 4)
        await put_back(backend, backup)
        left = [f"lost {number}" for number in range(kept)]
        for number in range(kept, 4):  # as far as it was before
            await mine.write(get(mine), write("append", "list", f"new {number}"))
            left.append(f"new {number}")
        await ear.until(lambda: get(other).tree["list"] == left)
        await other.write(get(other), write("append", "list", "the other's"))
        assert (await backend.read(KEY[0], [KEY[1]]))[KEY[1]].version == 5
        assert get(Replicas(backend, LocalBus(), 1 << 20)).tree["list"] == [*left, "the other's"]
        told = [record.getMessage() for record in caplog.records if "put back from a backup" in record.getMessage()]
        assert told[0].startswith(f"store/x is of version {kept} in the database, and was of 4 here: ")


async def test_a_notice_of_another_past_makes_the_document_be_read(backend: Backend) -> None:
    bus = DeafBus()
    async with opened(backend, 2, bus) as [mine, other]:
        ear = Ear()
        await mine.write(get(mine), write("append", "list", "lost"))
        mine.watch(KEY, ("list",), ear)
        await put_back(backend, None)
        bus.loses = True
        await other.write(get(other), write("append", "list", "kept"))
        bus.loses = False
        await other.write(get(other), write("append", "list", "new"))
        await ear.until(lambda: get(mine).version == 2)
        assert get(mine).tree["list"] == ["kept", "new"]


async def test_who_has_missed_something_notices_another_document_of_the_same_version(backend: Backend) -> None:
    bus = DeafBus()
    async with opened(backend, 2, bus) as [mine, other]:
        ear = Ear()
        await mine.write(get(mine), write("append", "list", "lost"))
        mine.watch(KEY, ("list",), ear)
        await put_back(backend, None)
        bus.loses = True
        await other.write(get(other), write("append", "list", "kept"))
        for listener in list(bus.gaps):
            listener()
        await ear.until(lambda: get(mine).tree["list"] == ["kept"])


async def test_an_emptied_database_is_noticed_though_nobody_writes_to_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.glancing.SECONDS", 0)
    async with opened(backend) as [mine]:
        keys = [(f"store/{number}", "doc") for number in range(100)]
        ears = [Ear() for _ in keys]
        for key, ear in zip(keys, ears, strict=True):
            await mine.write(mine.get(key, DEFAULT), write("append", "list", "lost"))
            mine.watch(key, ("list",), ear)
        assert await backend.commit(Commit({}, dict.fromkeys(keys)))
        for key, ear in zip(keys, ears, strict=True):
            await ear.until(lambda key=key: mine.get(key, DEFAULT).tree["list"] == [])  # type: ignore[misc]  # bound now


class ReplacedBackend(MemoryBackend):
    """It tells when another takes its place."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: list[Callable[[], None]] = []

    def on_replaced(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.tell.append(listener)
        return lambda: self.tell.remove(listener)


async def test_nothing_is_written_over_another_database_before_it_was_read() -> None:
    backend, bus = ReplacedBackend(), DeafBus()
    bus.loses = True
    async with opened(backend, 2, bus) as [mine, other]:
        await mine.write(get(mine), write("append", "list", "lost"))
        await put_back(backend, None)
        await other.write(get(other), write("append", "list", "kept"))
        backend.tell[0]()
        assert await mine.write(get(mine), write("append", "list", "new")) == 2
        assert get(mine).tree["list"] == ["kept", "new"]
    assert backend.tell == []
    assert get(Replicas(backend, LocalBus(), 1 << 20)).tree["list"] == ["kept", "new"]


async def test_a_large_change_is_read_instead_of_told_and_keeps_its_origin(backend: Backend) -> None:
    async with opened(backend, 2) as [mine, other]:
        ear = Ear()
        get(mine)
        mine.watch(KEY, (), ear)
        work = Work("js")
        work.write(get(other), write("set", "a", "x" * 100_000))
        await other.commit(work)
        await ear.until(lambda: bool(ear.heard))
        assert (ear.heard[0].origin, ear.paths) == ("js", [["a"]])
        assert len(get(mine).tree["a"]) == 100_000


async def test_what_was_read_before_newer_news_came_does_not_win_over_them() -> None:
    go = asyncio.Event()

    class SlowBackend(MemoryBackend):
        slow = False

        async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
            found = await super().read(owner, names, prefix)
            if self.slow:
                await go.wait()
            return found

    backend, bus = SlowBackend(), DeafBus()
    async with opened(backend, 2, bus) as [mine, other]:
        ear = Ear()
        await other.write(get(other), write("set", "a", 5))
        get(mine)
        mine.watch(KEY, ("a",), ear)
        backend.slow = True
        for listener in list(bus.gaps):
            listener()
        await asyncio.sleep(0)
        await other.write(get(other), write("set", "a", 6))
        await ear.until(lambda: bool(ear.heard))
        go.set()
        backend.slow = False
        await other.write(get(other), write("set", "a", 7))
        await ear.until(lambda: len(ear.heard) > 1)
        assert ear.paths == [["a"], ["a"]]
        assert (get(mine).version, get(mine).tree["a"]) == (3, 7)


async def test_a_notice_that_does_not_fit_makes_the_document_be_read() -> None:
    backend, bus = MemoryBackend(), LocalBus()
    async with opened(backend, 1, bus) as [mine]:
        ear = Ear()
        get(mine)
        mine.watch(KEY, ("a",), ear)
        await backend.commit(Commit({}, {KEY: pack([{**DEFAULT, "a": 9}, sorted(DEFAULT)])}))
        checksum = zlib.crc32(pack(sorted(DEFAULT)))
        bus.publish("store", pack([KEY, 1, [["delete", ["nothing"], None]], "py", checksum]))
        await ear.until(lambda: bool(ear.heard))
        assert get(mine).tree["a"] == 9


async def test_a_document_that_cannot_be_read_now_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.rereading.PAUSE", 0)
    backend, bus = FailingBackend(), DeafBus()
    async with opened(backend, 2, bus) as [mine, other]:
        ear = Ear()
        get(mine)
        mine.watch(KEY, ("a",), ear)
        bus.loses = True
        await other.write(get(other), write("set", "a", 5))
        backend.failures = 3
        for listener in list(bus.gaps):
            listener()
        await ear.until(lambda: bool(ear.heard))
        assert get(mine).tree["a"] == 5


async def test_what_a_thread_was_slow_to_read_is_read_again(backend: Backend) -> None:
    read, told = threading.Event(), threading.Event()

    class Slow(Document):
        """The reading thread is held up between its look at the backend and its taking part."""

        def become(self, version: int, tree: Any, done: Any = (), mark: int = 0) -> None:
            super().become(version, tree, done, mark)
            if threading.current_thread() is not threading.main_thread() and not read.is_set():
                read.set()
                assert told.wait(PATIENCE)

    async with opened(backend, 2) as [mine, other]:
        await other.write(get(other), write("set", "a", 5))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("asok.replicas.Document", Slow)
            reading = asyncio.create_task(asyncio.to_thread(get, mine))
            await asyncio.to_thread(read.wait, PATIENCE)
            await other.write(get(other), write("set", "a", 6))
            await asyncio.sleep(0)
            told.set()
            document = await reading
        ear = Ear()
        mine.watch(KEY, ("a",), ear)
        if document.tree["a"] != 6:
            await ear.until(lambda: bool(ear.heard))
        assert document.tree["a"] == 6


async def test_processes_of_two_releases_do_not_spoil_each_others_data(backend: Backend) -> None:
    old, new = freeze({"a": 1}), freeze({"a": 1, "b": 5})
    async with opened(backend, 2) as [older, newer]:
        ear = Ear()
        older.get(KEY, old)
        older.watch(KEY, ("a",), ear)
        await newer.write(newer.get(KEY, new), write("update", "b", 1))
        await newer.write(newer.get(KEY, new), write("update", "a", 1))
        await ear.until(lambda: older.get(KEY, old).version == 2)
        assert older.get(KEY, old).tree == {"a": 2, "b": 6}
        await older.write(older.get(KEY, old), write("delete", "b"))
    assert Replicas(backend, LocalBus(), 1 << 20).get(KEY, new).tree == {"a": 2}


async def test_a_newer_release_adds_what_its_default_has(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        await replicas.write(get(replicas), write("delete", "b"))
    found = Replicas(backend, LocalBus(), 1 << 20).get(KEY, freeze({"a": 7, "b": 7, "c": 7}))
    assert found.tree == {"c": 7, "a": 1, "list": []}


# ---- watching


async def test_only_who_watches_a_path_at_above_or_below_is_told(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        ears = {path: Ear() for path in ("", "list", "list/0", "list/1", "a")}
        document = get(replicas)
        for path, ear in ears.items():
            replicas.watch(KEY, parse_path(path), ear)
        await replicas.write(document, write("append", "list", {"x": 1}))
        assert {path for path, ear in ears.items() if ear.heard} == {"", "list", "list/0"}


async def test_a_watcher_that_raises_keeps_nobody_from_being_told(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def changed(self, change: Change) -> None:
            raise RuntimeError("no")

    async with opened(backend) as [replicas]:
        ear = Ear()
        for watcher in (Broken(), ear):
            get(replicas)
            replicas.watch(KEY, ("a",), watcher)
        await replicas.write(get(replicas), write("update", "a", 1))
        assert ear.paths == [["a"]]
    assert "the others are told" in caplog.text


async def test_who_watches_no_more_is_not_told_and_leaves_nothing_behind(backend: Backend) -> None:
    async with opened(backend) as [replicas]:
        ear, document = Ear(), get(replicas)
        replicas.watch(KEY, ("a",), ear)
        replicas.unwatch(KEY, ("a",), ear)
        replicas.unwatch(KEY, ("a",), ear)
        await replicas.write(document, write("update", "a", 1))
        assert not ear.heard
        assert not document.watchers


async def test_unwatched_documents_are_forgotten_and_watched_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.replicas.MOST_KEPT", 16)
    async with opened(MemoryBackend()) as [replicas]:
        document, ear = get(replicas), Ear()
        replicas.watch(KEY, (), ear)
        first = replicas.get(("store/0", "doc"), DEFAULT)
        for number in range(100):
            replicas.get((f"store/{number}", "doc"), DEFAULT)
        assert get(replicas) is document
        assert replicas.get(("store/0", "doc"), DEFAULT) is not first


async def test_documents_that_nobody_watches_take_no_more_memory_together_than_they_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok.replicas.HEAVIEST", 1_000_000)
    large = freeze({"lists": [[] for _ in range(1000)]})
    async with opened(MemoryBackend()) as [replicas]:
        watched = replicas.get(("store/watched", "doc"), large)
        replicas.watch(watched.key, (), Ear())
        for number in range(300):
            replicas.get((f"store/{number}", "doc"), large)
        kept = [number for number in range(300) if replicas.known((f"store/{number}", "doc"))]
        assert len(kept) <= 128
        assert kept == list(range(300 - len(kept), 300))
        assert replicas.known(watched.key) is watched


async def test_a_document_that_was_read_of_late_is_forgotten_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.replicas.MOST_KEPT", 16)
    async with opened(MemoryBackend()) as [replicas]:
        first = get(replicas)
        for number in range(100):
            replicas.get((f"store/{number}", "doc"), DEFAULT)
            assert get(replicas) is first


async def test_who_reads_anew_what_was_forgotten_is_told_of_a_unit_that_has_begun_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(known: Any, refresh: Any) -> None: ...

    monkeypatch.setattr("asok.replicas.MOST_KEPT", 16)
    monkeypatch.setattr("asok.rereading.look_again", never)
    async with opened(MemoryBackend()) as [replicas]:
        work, ear = Work(), Ear()
        work.write(get(replicas), write("update", "a", 1))
        for number in range(100):
            replicas.get((f"store/{number}", "doc"), DEFAULT)
        assert not replicas.watch(KEY, (), ear)
        anew = get(replicas)
        assert replicas.watch(KEY, (), ear)
        assert await replicas.commit(work)
        await ear.until(lambda: bool(ear.heard))
        assert (anew.version, anew.tree["a"]) == (1, 2)


async def test_a_store_that_is_made_again_has_its_new_check_and_default(backend: Backend) -> None:
    def check(before: Any, tree: Any) -> None: ...

    async with opened(backend) as [replicas]:
        assert get(replicas).check is None
        assert replicas.get(KEY, DEFAULT, check).check is check


# ---- processes


async def test_a_change_in_one_real_process_is_seen_in_the_other(tmp_path: Path) -> None:
    async with children(tmp_path, 2) as [one, two]:
        await one.ask("add n 3")
        assert await two.until("changed") == ["changed", 1, ["n"], "py"]
        assert await two.ask("read n 0") == ["read", "n", 3]


@pytest.mark.parametrize("verb", ["add", "count"])
async def test_a_thousand_increments_in_each_of_two_processes_are_two_thousand(tmp_path: Path, verb: str) -> None:
    async with children(tmp_path, 2) as both:
        await asyncio.gather(*(each.ask(f"{verb} n 1000") for each in both))
    async with children(tmp_path, 1) as [third]:
        assert await third.ask("read n 0") == ["read", "n", 2000]


def test_what_was_stored_by_hand_is_read(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path / "db")
    asyncio.run(backend.commit(Commit({}, {KEY: pack([{"a": 9}, ["a"]])})))
    assert get(Replicas(backend, LocalBus(), 1 << 20)).tree == {"a": 9, "b": 1, "list": []}


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asok")
