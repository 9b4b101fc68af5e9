"""The protocol against plain lists: whatever is lost, repeated, late or busy, each event counts once, in its turn."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.faults.modelled import Event, Instance, Person, Window, Workers, numbers_in
from tests.redis_server import RedisServer

T = TypeVar("T")
FULL = bool(os.environ.get("ASOK_FAULTS_FULL"))
EXAMPLES = {"memory": 500, "sqlite": 200, "redis": 200} if FULL else {"memory": 30, "sqlite": 10, "redis": 10}
STEPS = 60 if FULL else 30
PEOPLE = 2
MOST_WINDOWS = 4
PATIENCE = 60

workers = st.integers(0, 1)
choices = st.integers(0, 1000)


class Protocol(RuleBasedStateMachine):
    """Two people, a few windows each, two workers, one store.

    What is evicted depends on names and times that differ from run to run, so no rule is left out for what it would
    meet: hypothesis takes that for a mistake.
    """

    store: ClassVar[str] = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="model")
        self.workers = Workers(Path(self.folder.name), self.store)
        self.run(self.workers.start())
        self.people = [Person(self.workers) for _ in range(PEOPLE)]
        self.windows: list[Window] = []
        self.opened: list[Window] = []
        self.numbers, self.names = itertools.count(1), itertools.count(1)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def in_time() -> T:
            async with asyncio.timeout(PATIENCE):
                return await work

        return self.loop.run_until_complete(in_time())

    def window(self, choice: int) -> Window:
        return self.windows[choice % len(self.windows)]

    def instance(self, window: Window, choice: int) -> str:
        """One that the window shows; empty where it shows none."""
        names = [name for name in list(window.tab.shown) if window.is_alive(name)]
        return names[choice % len(names)] if names else ""

    # ---- what people do

    @initialize(worker=workers)
    def somebody_is_there(self, worker: int) -> None:
        self._open(self.people[0], worker)

    @rule(person=st.integers(0, PEOPLE - 1), worker=workers)
    def open_a_window(self, person: int, worker: int) -> None:
        if len(self.windows) < MOST_WINDOWS:
            self._open(self.people[person], worker)

    def _open(self, person: Person, worker: int) -> None:
        window = Window(person, f"tab{next(self.names)}")
        before = [each for each in person.instances.values()]
        self.run(window.load(worker))
        for name in window.tab.shown:
            self._was_restored(person.instances[name], before)
        self.run(window.connect(worker))
        self._shown(window)

    def _shown(self, window: Window) -> None:
        self.windows.append(window)
        self.opened.append(window)

    def _was_restored(self, fresh: Instance, before: list[Instance]) -> None:
        """A new instance begins with what one of its slot has come to, or with nothing."""
        others = [each for each in before if each.slot == fresh.slot]
        committed = [each for each in others if each.acknowledged]
        unsure = any(event.sure is None for each in others for events in each.events.values() for event in events)
        if not fresh.base:
            evictions = fresh.owner.resets or len(fresh.owner.instances) > 4
            assert not committed or evictions or len(committed) > 1, "what was acknowledged is not restored"
            return
        fitting = [each for each in others if set(fresh.base) <= set(each.base) | each.sent]
        assert fitting, f"{fresh.base} is of nobody here"
        if len(others) == len(committed) == 1 and not unsure:
            assert set(committed[0].acknowledged) <= set(fresh.base)

    @rule(choice=choices, which=choices, worker=workers)
    def show_an_instance_twice(self, choice: int, which: int, worker: int) -> None:
        """Another tab with the same page, as after duplicating it in the browser."""
        first = self.window(choice)
        instance = self.instance(first, which)
        if not instance or len(self.windows) >= MOST_WINDOWS:
            return
        second = Window(first.person, f"tab{next(self.names)}")
        second.tab.csrf = first.tab.csrf
        tokens = first.old_tokens[instance]
        second.take(tokens[which % len(tokens)])
        self.run(second.connect(worker))
        self._shown(second)

    @rule(choice=choices, which=choices, count=st.integers(1, 4), fails=st.booleans())
    def click(self, choice: int, which: int, count: int, fails: bool) -> None:
        window = self.window(choice)
        if instance := self.instance(window, which):
            for number in range(count):
                window.add(instance, next(self.numbers), "fail" if fails and not number else "add")
            self.run(window.deliver())

    @rule(choice=choices, which=choices, count=st.integers(1, 6))
    def click_faster_than_answers_come(self, choice: int, which: int, count: int) -> None:
        window = self.window(choice)
        if instance := self.instance(window, which):
            self.run(self._burst(window, instance, [window.add(instance, next(self.numbers)) for _ in range(count)]))

    async def _burst(self, window: Window, instance: str, events: list[Event]) -> None:
        for event in events:
            await window.send(instance, event)
        await window.deliver()

    @rule(count=st.integers(1, 3))
    def all_click_at_once(self, count: int) -> None:
        for window in self.windows:
            for instance in filter(window.is_alive, list(window.tab.shown)):
                for _ in range(count):
                    window.add(instance, next(self.numbers))

        async def all_of_them() -> None:
            await asyncio.gather(*(window.deliver() for window in self.windows))

        self.run(all_of_them())

    # ---- what goes wrong

    @rule(choice=choices, which=choices, worker=workers, heard=st.booleans())
    def lose_the_answer(self, choice: int, which: int, worker: int, heard: bool) -> None:
        """The connection breaks after an event was sent; heard: once it has been answered, which nobody reads."""
        window = self.window(choice)
        if instance := self.instance(window, which):
            event = window.add(instance, next(self.numbers))

            async def cut() -> None:
                await window.send(instance, event)
                if heard:
                    await window.connection.heard.get()
                await window.connection.cut()
                await window.connect(worker)
                await window.deliver()

            self.run(cut())

    @rule(choice=choices, which=choices)
    def send_again_what_is_settled(self, choice: int, which: int) -> None:
        window = self.window(choice)
        for instance in filter(window.is_alive, list(window.tab.shown)):
            done = [event for event in window.person.instances[instance].events[window.tab.name] if event.sure]
            if done:
                self.run(self._again(window, instance, done[which % len(done)]))

    async def _again(self, window: Window, instance: str, event: Event) -> None:
        await window.send(instance, event)
        frame = await window.answer(instance, event)
        assert frame[0] in ("update", "reset", "need_token"), frame
        if frame[0] == "update":
            window.look(instance)

    @rule(choice=choices, which=choices, by=st.integers(1, 5))
    def leave_a_gap(self, choice: int, which: int, by: int) -> None:
        window = self.window(choice)
        if instance := self.instance(window, which):
            expected = len(window.person.instances[instance].events[window.tab.name]) + 1

            async def jump() -> None:
                await window.tab.send("event", instance, expected + by, f"add({-expected})", {})
                while True:
                    frame = await window.tab.until("slow_down", "need_token", "reset")
                    if frame[1] == instance:
                        break
                assert frame[0] != "slow_down" or frame[2] <= expected, frame

            self.run(jump())

    @rule(choice=choices, worker=workers, hangs=st.booleans())
    def connect_again(self, choice: int, worker: int, hangs: bool) -> None:
        """hangs: the server does not know yet that the old connection is gone."""
        window = self.window(choice)

        async def again() -> None:
            if not hangs:
                await window.connection.cut()
            await window.connect(worker)

        self.run(again())

    @rule(choice=choices, which=choices, worker=workers)
    def come_back_with_an_old_token(self, choice: int, which: int, worker: int) -> None:
        window = self.window(choice)
        for instance in filter(window.is_alive, list(window.tab.shown)):
            tokens, shown = window.old_tokens[instance], window.tab.shown[instance]
            shown.token, shown.held = tokens[which % len(tokens)], False
        self.run(window.connect(worker))

    @rule(choice=choices, which=choices)
    def leave_and_come_back(self, choice: int, which: int) -> None:
        window = self.window(choice)
        if instance := self.instance(window, which):

            async def away() -> None:
                await window.tab.send("leave", instance)
                window.tab.shown[instance].held = False
                await window.join(instance)

            self.run(away())

    @rule(worker=workers, count=st.integers(1, 7))
    def keep_the_store_busy(self, worker: int, count: int) -> None:
        self.workers.backends[worker].busy = count

    @rule(choice=choices)
    def close_a_window(self, choice: int) -> None:
        if len(self.windows) > 1:
            window = self.window(choice)
            self.windows.remove(window)
            self.run(window.close())

    # ---- what must hold

    @invariant()
    def nobody_is_thrown_out(self) -> None:
        for window in self.windows:
            assert not window.connection.close_code, window.connection.close_code

    def teardown(self) -> None:
        try:
            self._all_is_exact()
        finally:
            for window in self.opened:
                self.run(window.close())
            for person in self.people:
                self.run(person.close())
            self.run(self.workers.stop())
            self.loop.close()
            self.folder.cleanup()

    def _all_is_exact(self) -> None:
        """Every event that is settled counts, exactly once, on both workers."""
        for backend in self.workers.backends:
            backend.busy = 0
        for window in self.windows:
            self.run(window.deliver())
        for worker, window in itertools.product((0, 1), self.windows):
            self.run(window.connect(worker))
            for name in filter(window.is_alive, list(window.tab.shown)):
                self.run(self._is_exact(window, name))

    async def _is_exact(self, window: Window, name: str) -> None:
        known = window.person.instances[name]
        window.tab.shown[name].held = False
        await window.join(name)
        event = window.add(name, next(self.numbers))
        await window.deliver()
        if not known.gone:
            shown = numbers_in(window.tab.text(name))
            assert shown[-1] == event.number
            known.allows(shown, all_of=[each for events in known.events.values() for each in events])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("store", ["memory", "sqlite", "redis"])
def test_the_protocol_is_exact_whatever_happens(store: str, request: pytest.FixtureRequest) -> None:
    where = store
    if store == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        where = server.url
    machine = type("ProtocolOn" + store.title(), (Protocol,), {"store": where})
    limits = settings(
        max_examples=EXAMPLES[store],
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)
