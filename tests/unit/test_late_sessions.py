"""What tasks and threads set in the session after their method was committed is kept, key by key."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from asok import Component, async_, exposed
from asok.backends.memory import MemoryBackend
from asok.late_sessions import is_late, settle, tell
from asok.lines import Line
from asok.sessions import Commit, Session
from tests.rig import asok_app, rig
from tests.unit.test_background import living
from tests.unit.waiting import until


@pytest.mark.parametrize("how", ["push", "end", "thread", "inside"])
async def test_a_key_that_is_set_late_is_kept(tmp_path: Path, how: str) -> None:
    go_on, later = asyncio.Event(), threading.Event()

    class LateKey(Component):
        template = "<p>{{ session.get('list') }} {{ session.get('gone') }} {{ session.get('click') }}</p>"

        @exposed
        def begin(self) -> None:
            self.session["list"], self.session["gone"] = [1], 1

        @exposed
        def start(self) -> None:
            if how == "thread":
                threading.Thread(target=self.in_a_thread).start()
            else:
                self.run(self.work())

        @exposed
        def press(self) -> None:
            self.session["click"] = "clicked"

        async def work(self) -> None:
            await go_on.wait()
            self.change()
            if how == "push":
                await self.push()

        def in_a_thread(self) -> None:
            later.wait(10)
            self.change()

        def change(self) -> None:
            if how == "inside":
                self.session["list"].append(2)
                self.session.modified = True
            else:
                self.session["list"] = [1, 2]
            del self.session["gone"]

    async with rig(asok_app(tmp_path, {"/": "{{ component('LateKey') }}"})) as served, asyncio.timeout(20):
        tab = await served.tab()
        await tab.event("begin")
        await tab.event("start")
        assert "[1] 1 clicked" in await tab.text_after("press")
        go_on.set()
        later.set()
        await tab.shows("[1, 2] None clicked")
        assert "[1, 2] None clicked" in await tab.text_after("press")


async def test_tasks_that_push_count_in_the_session_one_after_the_other(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    class LateCount(Component):
        template = "<p>n{{ session.get('n', 0) }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.count())

        @exposed
        def count_once(self) -> None:
            self.session["n"] = self.session.get("n", 0) + 1

        async def count(self) -> None:
            await go_on.wait()
            for _ in range(5):
                await self.push()
                self.session["n"] = self.session.get("n", 0) + 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('LateCount') }}"})) as served, asyncio.timeout(20):
        tab = await served.tab()
        for _ in range(3):
            await tab.event("start")
        go_on.set()
        for _ in range(5):
            await tab.event("count_once")
        await until(lambda: not any(line.tasks or line.changed for line in living(Line)))
        await tab.shows("n20<")


class Gated(MemoryBackend):
    """Lets its commits wait."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def commit(self, commit: Commit) -> bool:
        if self.gate is not None:
            self.reached.set()
            await self.gate.wait()
        return await super().commit(commit)


async def test_what_a_thread_sets_while_its_method_is_committed_is_kept(tmp_path: Path) -> None:
    backend, shown = Gated(), list[Any]()

    class LateThread(Component):
        template = "<p>{{ session.get('who') }}</p>"

        @exposed
        def start(self) -> None:
            shown.append(self)
            self.session["who"] = "method"

    app = asok_app(tmp_path, {"/": "{{ component('LateThread') }}"}, backend=backend)
    async with rig(app) as served, asyncio.timeout(20):
        tab = await served.tab()
        backend.gate = gate = asyncio.Event()
        await tab.send("event", tab.only, 1, "start")
        await backend.reached.wait()
        thread = threading.Thread(target=lambda: shown[0].session.__setitem__("who", "thread"))
        thread.start()
        thread.join()
        backend.gate = None
        gate.set()
        await tab.shows("thread")


def test_what_a_thread_sets_just_before_the_commit_is_late() -> None:
    session = Session()
    session["who"] = "method"
    changes = session.changes()
    session["who"] = "thread"
    settle(session, changes)
    assert is_late(session)
    settle(session, session.changes())
    assert not is_late(session)


def test_a_session_that_is_kept_keeps_no_component() -> None:
    class LateNowhere(Component):
        template = "<p></p>"

    session, component = Session(), LateNowhere()
    known = ref(component)
    tell(session, component)
    del component
    gc.collect()
    assert known() is None
    session["who"] = "nobody hears of it"


async def test_what_cannot_be_stored_is_told_and_the_rest_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class LateObject(Component):
        value = 0
        template = "<p>{{ value }} {{ session.get('good') }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.work())

        async def work(self) -> None:
            self.session["bad"] = object()
            await self.push()
            self.session["good"], self.value = "good", 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('LateObject') }}"})) as served, asyncio.timeout(20):
        tab = await served.tab()
        await tab.event("start")
        await tab.shows("1 good")
        assert "session['bad'] cannot be stored" in caplog.text


async def test_what_finds_a_value_sets_nothing_in_the_session(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class FindsAndSets(Component):
        template = "<p>{{ 'failed' if found.error else found.value }} {{ session.get('x') }}</p>"

        @async_
        async def found(self) -> int:
            self.session["x"] = 1
            return 5

    async with rig(asok_app(tmp_path, {"/": "{{ component('FindsAndSets') }}"})) as served, asyncio.timeout(20):
        tab = await served.tab()
        await tab.shows("failed None")
        assert "which nobody would keep" in caplog.text
