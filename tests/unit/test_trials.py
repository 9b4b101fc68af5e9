"""Events that end their process, and retries that are innocent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from msgspec.msgpack import decode

from asok import Component, Denied, exposed
from asok.backends.memory import MemoryBackend
from asok.bus import LocalBus
from asok.errors import Busy
from asok.evicting import evicted
from asok.sessions import TRIED, Backend, Commit, Meta, Record, owner_of, pack
from asok.trials import FOLLOWED, SILENT, Found, Note, Trials
from tests.rig import Tab, Visitor, asok_app, rig
from tests.unit.clicking import RETRY, Clicking
from tests.unit.commands import GOOD_KEY, Running, running
from tests.unit.waiting import Refusing, until

gate = asyncio.Event()
runs = list[str]()


class Tried(Component):
    count = 0
    attempt = 0
    template = "<p>{{ count }} at attempt {{ attempt }}</p>"

    @exposed
    async def add(self) -> None:
        self.count += 1
        self.attempt = self.event.attempt

    @exposed
    async def wait(self) -> None:
        self.count += 1
        runs.append(self.event.id)
        await gate.wait()

    @exposed
    async def fail(self) -> None:
        raise RuntimeError("no")

    @exposed
    async def deny(self) -> None:
        raise Denied("this")


class TriedStateless(Tried):
    stateless = True


def notes_of(backend: Backend, owner: str) -> Any:
    return backend.read(owner, [], TRIED)


async def no_notes(backend: Backend, owner: str) -> None:
    """Wait until there are none: an answer goes out before its event's note."""
    async with asyncio.timeout(10):
        while await notes_of(backend, owner):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def tried(tmp_path: Path, component: str = "Tried") -> AsyncIterator[tuple[Visitor, Tab, Backend]]:
    backend = MemoryBackend()
    app = asok_app(tmp_path, {"/": f"{{{{ component('{component}') }}}}"}, backend=backend)
    async with rig(app) as served:
        visitor = await served.visitor()
        yield visitor, await visitor.tab(), backend


async def leave_note(tab: Tab, visitor: Visitor, backend: Backend, seq: int, *, age: float = 60) -> None:
    """As a process leaves it that has died while the event ran, so long ago."""
    note = [tab.name, seq, "a process that is gone", time.time() - age, False]
    key = owner_of(visitor.cookie), TRIED + tab.only
    assert await backend.commit(Commit({}, {key: pack([note])}))


# --- innocent retries


@pytest.mark.parametrize(("call", "answer"), [("add", "update"), ("fail", "refused"), ("deny", "refused")])
async def test_a_retry_that_ends_leaves_no_note_behind(tmp_path: Path, call: str, answer: str) -> None:
    async with tried(tmp_path) as (visitor, tab, backend):
        assert (await tab.event(call, RETRY))[0] == answer
        await no_notes(backend, owner_of(visitor.cookie))


async def test_a_first_delivery_writes_no_note_and_a_retry_is_a_second_attempt(tmp_path: Path) -> None:
    async with tried(tmp_path) as (visitor, tab, backend):
        gate.clear()
        await tab.send("event", tab.only, 1, "wait")
        await tab.send("ping")
        await tab.until("pong")
        assert await notes_of(backend, owner_of(visitor.cookie)) == {}
        gate.set()
        await tab.settled(tab.only, 1)
        tab.shown[tab.only].last = 1
        assert "2 at attempt 1" in await tab.text_after("add")
        assert "3 at attempt 2" in await tab.text_after("add", RETRY)


async def test_a_retry_while_the_first_delivery_runs_on_elsewhere_is_applied_once(tmp_path: Path) -> None:
    gate.clear()
    runs.clear()
    async with tried(tmp_path) as (visitor, tab, backend):
        token = tab.shown[tab.only].token
        others = []
        for _ in range(3):  # the network was cut so often, and each time the event was sent again
            other = await visitor.connect()
            other.name = tab.name
            others.append(other)
            await other.join([token], tab.csrf)
            await other.send("event", other.only, 1, "wait", RETRY)
            await other.send("ping")
            await other.until("pong")
        await others[-1].until("busy")
        assert len(runs) == 1, "it does not run side by side with itself"
        gate.set()
        await others[0].settled(tab.only, 1)
        frame = await others[-1].event("wait", RETRY, seq=1)
        assert frame[:3] == ["update", tab.only, 1] and "<p>1 " in others[-1].text()
        await no_notes(backend, owner_of(visitor.cookie))


async def test_the_note_of_an_event_that_runs_for_long_says_that_it_still_does(tmp_path: Path) -> None:
    gate.clear()
    async with tried(tmp_path) as (visitor, tab, backend):
        await tab.send("event", tab.only, 1, "wait", RETRY)
        owner = owner_of(visitor.cookie)
        versions = set[int]()
        async with asyncio.timeout(10):
            while len(versions) < 2:
                versions |= {cell.version for cell in (await notes_of(backend, owner)).values()}
                await asyncio.sleep(0.02)
        gate.set()
        await tab.settled(tab.only, 1)
        await no_notes(backend, owner)


class Answerless(MemoryBackend):
    """Its commits are done, and nobody ever hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: asyncio.Queue[Commit] = asyncio.Queue()

    async def commit(self, commit: Commit) -> bool:
        await super().commit(commit)
        self.done.put_nowait(commit)
        return await asyncio.Event().wait()


async def test_a_retry_that_is_cancelled_while_its_note_is_written_leaves_none() -> None:
    backend = Answerless()
    trial = Trials(backend, LocalBus()).of("somebody", "instance", "tab", 1)
    task = asyncio.create_task(trial.begin(settled=False))
    await backend.done.get()
    assert await notes_of(backend, "somebody")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ending = asyncio.create_task(trial.end())
    await backend.done.get()
    ending.cancel()
    assert not await notes_of(backend, "somebody")


async def test_a_stateless_component_has_nowhere_to_note_and_simply_runs(tmp_path: Path) -> None:
    async with tried(tmp_path, "TriedStateless") as (_, tab, _backend):
        assert "1 at attempt 2" in await tab.text_after("add", RETRY)


# --- events that end their process


async def test_a_retry_of_what_has_died_is_parked_once_and_for_all(tmp_path: Path) -> None:
    async with tried(tmp_path) as (visitor, tab, backend):
        await leave_note(tab, visitor, backend, 1)
        for _ in range(2):  # as when the first answer was lost
            assert (await tab.event("add", RETRY, seq=1))[:4] == ["refused", tab.only, 1, "parked"]
        assert "<p>1 at attempt 1" in await tab.text_after("add"), "the next event goes on"
        assert (await tab.event("add", RETRY))[0] == "update"
        await no_notes(backend, owner_of(visitor.cookie))  # the retry has taken the old one along


async def test_an_event_that_was_parked_is_not_applied_by_a_process_that_lives_after_all(tmp_path: Path) -> None:
    gate.clear()
    async with tried(tmp_path) as (visitor, tab, backend):
        await tab.send("event", tab.only, 1, "wait")
        await tab.send("ping")
        await tab.until("pong")
        await leave_note(tab, visitor, backend, 1)
        other = await visitor.connect()
        other.name = tab.name
        await other.join([tab.shown[tab.only].token], tab.csrf)
        assert (await other.event("wait", RETRY, seq=1))[3] == "parked"
        gate.set()
        assert (await tab.settled(tab.only, 1))[3] == "parked"
        await tab.until("update")
        assert "<p>0 " in tab.text()


async def test_an_event_that_was_applied_just_before_it_would_have_been_parked_is_not_refused(tmp_path: Path) -> None:
    async with tried(tmp_path) as (visitor, tab, backend):
        await leave_note(tab, visitor, backend, 1)
        (name,) = await notes_of(backend, owner := owner_of(visitor.cookie))
        await tab.event("add")
        note = (await notes_of(backend, owner))[name]
        parked = [structs.replace(each, parked=True) for each in decode(note.value, type=list[Note])]
        assert await backend.commit(Commit({(owner, name): note.version}, {(owner, name): pack(parked)}))
        assert (await tab.event("add", RETRY, seq=1))[0] == "update"
        assert "<p>1 " in tab.text()


async def test_a_process_that_has_only_just_gone_out_of_sight_is_given_a_moment(tmp_path: Path) -> None:
    async with tried(tmp_path) as (visitor, tab, backend):
        await leave_note(tab, visitor, backend, 1, age=0)
        assert (await tab.event("add", RETRY, seq=1))[0] == "busy"


class Blind:
    """A bus whose processes do not see each other."""

    def __init__(self) -> None:
        bus = LocalBus()
        self.open, self.close, self.publish = bus.open, bus.close, bus.publish
        self.subscribe, self.on_gap = bus.subscribe, bus.on_gap


async def test_where_processes_do_not_see_each_other_only_a_note_that_stays_as_it_is_tells_of_a_death(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("asok.trials.time.monotonic", lambda: now)
    trials = Trials(MemoryBackend(), Blind())
    old = Note("tab", 1, "another process", time.time() - 3600)
    for at, seconds in [(old.at, 0.0), (old.at, 3.9), (old.at + 1, 0.1), (old.at + 1, 3.9)]:
        now += seconds
        with pytest.raises(Busy):
            trials.died("tried/instance", structs.replace(old, at=at))
    now += 0.2
    assert trials.died("tried/instance", structs.replace(old, at=old.at + 1))


async def test_of_notes_looked_at_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("asok.trials.time.monotonic", lambda: now)
    monkeypatch.setattr("asok.trials.MOST_LOOKED", 2)
    trials, old = Trials(MemoryBackend(), Blind()), Note("tab", 1, "another process", 0.0)
    for name in "abc":
        with pytest.raises(Busy):
            trials.died(name, old)
    now += SILENT
    assert trials.died("c", old)
    with pytest.raises(Busy):
        trials.died("a", old)


class Sighted(Blind):
    """A bus whose processes see each other; this one sees one."""

    id, peers = "this process", frozenset({"another process"})

    def on_peer_gone(self, listener: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None


async def test_a_process_that_lives_and_is_silent_about_an_event_has_not_died_at_it() -> None:
    trials = Trials(MemoryBackend(), Sighted())
    old = Note("tab", 1, "another process", time.time() - 60)
    assert not trials.died("tried/instance", old)
    assert trials.died("tried/instance", structs.replace(old, worker="one that is gone"))
    with pytest.raises(Busy):
        trials.died("tried/instance", structs.replace(old, at=time.time() - SILENT / 2))


async def test_who_ends_an_event_takes_no_note_away_that_another_process_has_left() -> None:
    backend = MemoryBackend()
    trial = Trials(backend, LocalBus()).of("somebody", "instance", "tab", 1)
    await trial.begin(settled=False)
    (name, cell), *_ = (await notes_of(backend, "somebody")).items()
    note = ["tab", 1, "another process", time.time(), False]
    assert await backend.commit(Commit({("somebody", name): cell.version}, {("somebody", name): pack([note])}))
    await trial.end()
    assert await notes_of(backend, "somebody")


async def test_a_note_that_could_not_be_taken_away_goes_as_soon_as_the_store_is_back() -> None:
    gone, away = asyncio.Event(), False

    class Leaving(MemoryBackend):
        async def commit(self, commit: Commit) -> bool:
            if away:
                raise Busy("the store is away")
            done = await super().commit(commit)
            if None in commit.writes.values():
                gone.set()
            return done

    backend = Leaving()
    trials = Trials(backend, LocalBus())
    trial = trials.of("somebody", "instance", "tab", 1)
    await trial.begin(settled=False)
    away = True
    await trial.end()
    assert await notes_of(backend, "somebody")
    away = False
    async with asyncio.timeout(10):
        await gone.wait()
    assert not await notes_of(backend, "somebody")
    await trials.close()


async def test_who_closes_while_the_store_is_away_waits_for_no_note() -> None:
    backend = Refusing(1000, busy=True)
    trials = Trials(backend, LocalBus())
    trial = trials.of("somebody", "instance", "tab", 1)
    await trial.begin(settled=False)
    backend.armed = True
    await trial.end()
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await trials.close()


async def test_a_note_that_could_not_be_taken_away_stays_where_its_event_runs_again() -> None:
    backend = Refusing(1, busy=True)
    trials = Trials(backend, LocalBus())
    before, again = (trials.of("somebody", "instance", "tab", 1) for _ in range(2))
    await before.begin(settled=False)
    backend.armed = True
    await before.end()
    await again.begin(settled=False)
    for _ in range(3):
        await asyncio.sleep(0)
    assert await notes_of(backend, "somebody")
    await again.end()
    assert not await notes_of(backend, "somebody")


async def test_r32_of_retries_that_ran_together_the_death_is_laid_to_the_last_that_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok.company.APART", 0.0)
    monkeypatch.setattr("asok.trials.SILENT", 0.0)
    backend, bus = MemoryBackend(), Blind()
    for deaths in range(1, FOLLOWED + 1):
        worker = Trials(backend, bus)  # what it leaves stays as a kill leaves it
        slow, last = worker.of("ann", "slow", "tab", 1), worker.of("bob", "last", "tab", deaths)
        assert await slow.begin(settled=False) is Found.NOTHING
        assert await last.begin(settled=False) is Found.NOTHING
        next_one = Trials(backend, bus)
        assert await next_one.of("bob", "last", "tab", deaths).begin(settled=False) is Found.KILLS
    assert await Trials(backend, bus).of("ann", "slow", "tab", 1).begin(settled=False) is Found.KILLS


@pytest.mark.parametrize("begun", ["before", "after"])
async def test_r06_what_a_process_that_was_told_to_end_leaves_behind_is_not_to_blame(
    monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    monkeypatch.setattr("asok.trials.SILENT", 0.0)
    backend, bus = MemoryBackend(), Blind()
    draining = Trials(backend, bus)
    if begun == "after":
        await draining.company.acquit()
    await draining.of("ann", "slow", "tab", 1).begin(settled=False)
    if begun == "before":
        await draining.company.acquit()
    assert await Trials(backend, bus).of("ann", "slow", "tab", 1).begin(settled=False) is Found.NOTHING


async def test_r06_who_drains_says_of_each_retry_that_still_runs_that_it_is_not_to_blame(tmp_path: Path) -> None:
    gate.clear()
    runs.clear()
    async with tried(tmp_path) as (visitor, tab, backend):
        await tab.send("event", tab.only, 1, "wait", RETRY)
        await until(lambda: runs)
        draining = asyncio.create_task(visitor.rig.app.drain(10))
        followed = 0
        async with asyncio.timeout(20):
            while not followed:
                await asyncio.sleep(0)
                (cell,) = (await notes_of(backend, owner_of(visitor.cookie))).values()
                followed = decode(cell.value, type=list[Note])[0].followed
        gate.set()
        await draining


async def test_the_note_of_a_dead_process_goes_with_the_record_of_its_instance() -> None:
    backend, owner = MemoryBackend(), "someone"
    record = Record(1, b"", b"", b"", b"", 0.0, {})
    await backend.commit(Commit({}, {(owner, "record/one"): pack(record), (owner, TRIED + "one"): b"note"}))
    assert (await evicted(backend, owner, Meta(0), 1))[owner, TRIED + "one"] is None


# --- real processes

APP = """\
import os
from asok import Asok, Component, exposed

class Poisoned(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self):
        self.count += 1

    @exposed
    async def kill(self):
        self.count += 1000
        os._exit(1)

app = Asok()
app.page("/", Poisoned)
"""


@contextlib.asynccontextmanager
async def poisoned(tmp_path: Path, **env: str) -> AsyncIterator[tuple[Running, AsyncExitStack]]:
    (tmp_path / "app.py").write_text(APP)
    settings = {"SECRET_KEY": GOOD_KEY, **env}
    async with running("run", "--workers", "2", cwd=tmp_path, env=settings) as server, AsyncExitStack() as closing:
        await server.announces()
        yield server, closing


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_r32_an_event_that_ends_its_process_is_parked_and_everybody_else_goes_on(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    env = {"ASOK_REDIS": f"{request.getfixturevalue('redis').url}?prefix=poison"} if store == "redis" else {}
    async with poisoned(tmp_path, **env) as (server, closing):
        killer, other = await Clicking.at(server, closing), await Clicking.at(server, closing)
        assert (await killer.click("add"))[0] == "update"
        killing = asyncio.create_task(killer.click("kill"))
        clicks = 0
        while not killing.done() or clicks < 10:
            assert (await other.click("add"))[0] == "update"
            clicks += 1
        assert (await killing)[:4] == ["refused", killer.tokens[0][:12], 2, "parked"]
        assert server.said.count("a worker died") == 2
        await until(lambda: "Poisoned.kill was under way twice" in server.said)
        assert f"event {killer.tokens[0][:12]}-{killer.name}-2" in server.said
        assert f"<p>{clicks}</p>" in other.text, "no event of others was lost or doubled"
        assert (await killer.click("add"))[0] == "update" and "<p>2</p>" in killer.text
