"""An event on its way: what is kept, what is shown, and what the next one runs on."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import Component, Limits, exposed, private
from asok.backends.memory import MemoryBackend
from asok.errors import Busy
from asok.places import page_request
from asok.sessions import META, Commit, Meta, Session, owner_of, pack
from asok.state import Mount
from tests.rig import Tab, asok_app, rig


class Base(Component):
    """A counter with what most tests need; each test gets a class of its own by subclassing."""

    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    def add(self, by: int = 1) -> None:
        self.count += by


@pytest.fixture(autouse=True)
def counter() -> type[Component]:
    class Counter(Base):
        count = 0

    return Counter


ONE = {"/": "{{ component('Counter') }}"}


async def test_a_click_changes_what_is_shown(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert await tab.text_after("add") == "<p>1</p>"
        assert await tab.text_after("add(41)") == "<p>42</p>"


async def test_the_first_answer_is_the_whole_text_and_later_ones_what_changed(tmp_path: Path) -> None:
    rows = "<ul>" + "<li>a row that stays as it is</li>" * 100 + "<li>{{ count }}</li></ul>"

    class Rows(Base):
        template = rows

    async with rig(asok_app(tmp_path, {"/": "{{ component('Rows') }}"})) as served:
        tab = await served.tab()
        assert isinstance((await tab.event("add"))[3], str)
        second = await tab.event("add")
        assert isinstance(second[3], list)
        assert len(str(second)) < 400
        assert tab.text() == rows.replace("{{ count }}", "2")


async def test_an_event_sent_twice_is_applied_once_and_answered_twice(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.event("add")
        for _ in range(3):
            again = await tab.event("add", seq=1)
            assert (again[0], again[2]) == ("update", 1)
        assert tab.text() == "<p>1</p>"
        assert await tab.text_after("add") == "<p>2</p>"


async def test_an_event_sent_again_on_another_connection_is_applied_once(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        first = await visitor.tab()
        token, name = first.shown[first.only].token, first.name
        await first.event("add")
        await first.socket.close()
        page_csrf = first.csrf
        second = await visitor.connect()
        second.name = name
        await second.join([token], page_csrf)
        again = await second.event("add", seq=1)
        assert again[0] == "update"
        assert second.text() == "<p>1</p>"


async def test_an_event_that_met_a_newer_state_runs_on_that(tmp_path: Path) -> None:
    begun, may, runs = asyncio.Event(), asyncio.Event(), list[int]()

    class Overtaken(Base):
        count = 0

        @exposed
        async def add_slowly(self) -> None:
            runs.append(self.count)
            begun.set()
            await may.wait()
            self.count += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Overtaken') }}"})) as served:
        visitor = await served.visitor()
        slow, other = await visitor.tab(), await visitor.connect()
        await other.join([slow.shown[slow.only].token], slow.csrf)
        await slow.send("event", slow.only, 1, "add_slowly")
        await begun.wait()
        assert await other.text_after("add(10)") == "<p>10</p>"
        may.set()
        await slow.shows("<p>11</p>")
        assert runs == [0, 10]


async def test_one_event_on_many_connections_at_once_is_applied_once(tmp_path: Path) -> None:
    calls: list[int] = []
    all_run = asyncio.Event()

    class Coupon(Component):
        used = 0
        template = "<p>{{ used }}</p>"

        @exposed
        async def use(self) -> None:
            calls.append(1)
            if len(calls) == 8:
                all_run.set()
            await all_run.wait()
            self.used += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Coupon') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect() for _ in range(8)]
        for tab in tabs:
            tab.name = "one"
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("use", seq=1) for tab in tabs))
        assert {tab.text() for tab in tabs} == {"<p>1</p>"}


async def test_events_of_many_tabs_for_one_instance_all_count(tmp_path: Path) -> None:
    began: list[int] = []
    all_run = asyncio.Event()

    class Tally8(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        async def add(self) -> None:
            began.append(1)
            if len(began) == 4:
                all_run.set()
            await all_run.wait()
            self.count += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Tally8') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect() for _ in range(4)]
        for tab in tabs:
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("add") for tab in tabs))
        assert sorted(tab.text() for tab in tabs) == [f"<p>{n}</p>" for n in (1, 2, 3, 4)]


async def test_an_old_token_rolls_nothing_back(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        first = await visitor.tab()
        tokens = [first.shown[first.only].token]
        for _ in range(3):
            await first.event("add")
            tokens.append(first.shown[first.only].token)
        for token in tokens:
            later = await visitor.connect()
            await later.join([token], first.csrf)
            assert int(re.findall(r"\d+", await later.text_after("add"))[0]) == 4 + tokens.index(token)


async def test_what_another_connection_applied_counts_as_taken_after_a_join(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        first = await visitor.tab()
        old = first.shown[first.only].token
        for _ in range(3):
            await first.event("add")
        second = await visitor.connect()
        second.name = first.name
        await second.join([old], first.csrf)
        renewed = await second.until("update")
        assert renewed[2] == 3
        fourth = await second.event("add", seq=4)
        assert fourth[0] == "update"
        assert second.text() == "<p>4</p>"


@pytest.mark.parametrize("database", [":memory:", "sessions.db"])
async def test_two_tabs_that_add_one_to_the_session_make_the_exact_sum(tmp_path: Path, database: str) -> None:
    class Shared(Component):
        template = "<p>{{ session.get('n', 0) }}</p>"

        @exposed
        async def add(self) -> None:
            before = self.session.get("n", 0)
            await asyncio.sleep(0)
            self.session["n"] = before + 1

    where = database if database == ":memory:" else str(tmp_path / database)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Shared') }}"}, database=where)) as served:
        visitor = await served.visitor()
        first = await visitor.tab()
        second = await visitor.tab()

        async def clicks(tab: Tab) -> int:
            done = 0
            while done < 100:
                answer = await tab.event("add", seq=done + 1)
                done += answer[0] == "update"
            return done

        assert list(await asyncio.gather(clicks(first), clicks(second))) == [100, 100]
        page = await visitor.open()
        assert "<p data-asok-state" in page.text and ">200</p>" in page.text


async def test_two_tabs_never_overwrite_each_others_live_state(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        first, second = await visitor.tab(), await visitor.tab()
        for _ in range(3):
            await first.event("add")
        assert await second.text_after("add(100)") == "<p>100</p>"
        assert await first.text_after("add") == "<p>4</p>"


async def test_a_reload_shows_the_last_commit_of_either_tab(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        first, second = await visitor.tab(), await visitor.tab()
        await first.event("add")
        await second.event("add(7)")
        assert ">7</p>" in (await visitor.open()).text
        await first.event("add")
        assert ">2</p>" in (await visitor.open()).text


async def test_another_person_has_a_state_of_their_own(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        await (await served.tab()).event("add")
        assert ">0</p>" in (await (await served.visitor()).open()).text


async def test_a_restarted_server_goes_on_where_the_last_answer_ended(tmp_path: Path) -> None:
    where = str(tmp_path / "sessions.db")
    async with rig(asok_app(tmp_path, ONE, database=where)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        cookie = visitor.cookie
        await tab.event("add(5)")
        left = tab.shown[tab.only]
    async with rig(asok_app(tmp_path, ONE, database=where)) as served:
        visitor = await served.visitor()
        again = await visitor.connect(cookie=cookie)
        again.name, again.shown[tab.only] = tab.name, left
        again.csrf = tab.csrf
        await again.rejoin(tab.only)
        assert await again.text_after("add") == "<p>6</p>"


async def test_changed_arguments_of_the_template_win_over_what_was_stored(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"n.html": "{{ alive() }}{{ component('Counter', count=n) }}"})

    async def numbered(request: Any) -> Any:
        return {"n": int(request.query_params["n"])}

    app.page("/n", "n.html")(numbered)
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab("/n?n=10")
        await tab.event("add")
        assert ">11</p>" in (await visitor.open("/n?n=10")).text
        assert ">20</p>" in (await visitor.open("/n?n=20")).text


async def test_a_raising_method_keeps_nothing_and_a_retry_works(tmp_path: Path) -> None:
    class Shaky(Base):
        @exposed
        def fail(self) -> None:
            self.count = 99
            self.session["x"] = 1
            raise RuntimeError("secret text")

    async with rig(asok_app(tmp_path, {"/": "{{ component('Shaky') }}"})) as served:
        tab = await served.tab()
        await tab.event("add")
        assert await tab.event("fail") == ["refused", tab.only, 2, "failed", ""]
        assert await tab.text_after("add") == "<p>2</p>"


@pytest.mark.parametrize("template", ["<p>{{ 1 // (1 - count) }}</p>", "<p>{{ nothing.at.all }}</p>{{ count }}"])
async def test_a_rendering_that_raises_keeps_nothing(tmp_path: Path, template: str) -> None:
    class Fragile(Base):
        template = "<p>{{ 1 // (1 - count) }}</p>"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Fragile') }}"})) as served:
        tab = await served.tab()
        assert (await tab.event("add"))[0:4] == ["refused", tab.only, 1, "failed"]
        assert (await tab.event("add(2)"))[0] == "update"


async def test_a_value_that_is_no_state_keeps_nothing(tmp_path: Path) -> None:
    class Odd(Base):
        @exposed
        def spoil(self) -> None:
            setattr(self, "count", "many")  # noqa: B010  # a type checker would see it

        @exposed
        def unstorable(self) -> None:
            self.session["x"] = object()

        @exposed
        def tell(self) -> None:
            self.count = 50
            self.dispatch("told", {(1, 2): 3})

        @exposed
        def surrogate(self) -> None:
            self.count = 60
            self.set_title("\ud800")

    async with rig(asok_app(tmp_path, {"/": "{{ component('Odd') }}"})) as served:
        tab = await served.tab()
        for call in ("spoil", "unstorable", "tell", "surrogate"):
            assert (await tab.event(call))[0] == "refused", call
        assert await tab.text_after("add") == "<p>1</p>"


async def test_text_that_no_browser_can_be_sent_keeps_nothing(tmp_path: Path) -> None:
    class Files(Base):
        def load(self) -> None:
            self.name = "caf\udce9" if self.count else "x"  # what os.listdir gives for a name that is no UTF-8

        template = "<p>{{ count }}{{ name }}</p>"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Files') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert (await tab.event("add"))[:4] == ["refused", tab.only, 1, "failed"]
        page = await visitor.open()
        assert ">0x</p>" in page.text


async def test_an_async_generator_shows_each_step_and_commits_the_end(tmp_path: Path) -> None:
    class Saving(Component):
        status = ""
        template = "<p>{{ status }}</p>"

        @exposed
        async def save(self) -> AsyncIterator[None]:
            self.status = "Saving"
            yield
            self.status = "Still"
            yield
            self.status = "Saved"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Saving') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        seen = []
        await tab.send("event", tab.only, 1, "save")
        for _ in range(3):
            frame = await tab.receive()
            seen.append((frame[2], tab.text()))
        assert seen == [(0, "<p>Saving</p>"), (0, "<p>Still</p>"), (1, "<p>Saved</p>")]
        assert "Saved" in (await visitor.open()).text


async def test_a_step_before_a_failure_does_not_stay_on_the_page(tmp_path: Path) -> None:
    class Saving(Component):
        status = "idle"
        template = "<p>{{ status }}</p>"

        @exposed
        async def save(self) -> AsyncIterator[None]:
            self.status = "Saving"
            yield
            raise RuntimeError

    async with rig(asok_app(tmp_path, {"/": "{{ component('Saving') }}"})) as served:
        tab = await served.tab()
        answer = await tab.event("save")
        while answer[0] != "refused":
            answer = await tab.receive()
        assert tab.text() == "<p>idle</p>"


async def test_a_method_is_cut_at_its_limit_and_the_next_one_runs(tmp_path: Path) -> None:
    class Slow(Base):
        @exposed(timeout=0.2)
        async def sleep(self) -> None:
            await asyncio.sleep(60)

        @exposed(timeout=0.2)
        def spin(self) -> None:
            while True:
                pass

        @exposed(timeout=0.2)
        async def drip(self) -> AsyncIterator[None]:
            while True:
                self.count += 1
                yield
                await asyncio.sleep(0.05)

    async with rig(asok_app(tmp_path, {"/": "{{ component('Slow') }}"})) as served:
        tab = await served.tab()
        for call in ("sleep", "spin", "drip"):
            answer = await tab.event(call)
            while answer[0] != "refused":
                answer = await tab.receive()
            assert answer[3] == "timeout", call
        assert await tab.text_after("add") == "<p>1</p>"


async def test_events_of_one_instance_run_in_order_and_others_beside_them(tmp_path: Path) -> None:
    order: list[str] = []
    gate = asyncio.Event()

    class Waits(Component):
        name = ""
        template = "<p>{{ name }}</p>"

        @exposed
        async def wait(self) -> None:
            await gate.wait()
            order.append("waited")

        @exposed
        def note(self, what: str) -> None:
            order.append(what)

        @exposed
        async def open(self) -> None:
            order.append("opened")
            gate.set()

    body = "{{ component('Waits', key=1) }}{{ component('Waits', key=2) }}"
    async with rig(asok_app(tmp_path, {"/": body})) as served:
        tab = await served.tab()
        first, second = tab.shown
        await tab.send("event", first, 1, "wait")
        for number in range(2, 8):
            await tab.send("event", first, number, f"note('{number}')")
        await tab.send("event", second, 1, "open")
        await tab.settled(first, 7)
        assert order == ["opened", "waited", *"234567"]


async def test_a_gap_is_not_run(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 5, "add")
        assert (await tab.receive())[:3] == ["slow_down", tab.only, 1]
        assert await tab.text_after("add") == "<p>1</p>"


async def test_what_an_effect_asks_arrives_once_and_again_only_if_it_may_be_lost(tmp_path: Path) -> None:
    class Polite(Base):
        @exposed
        def greet(self) -> None:
            self.set_title("Hello")
            self.redirect("/next")

    async with rig(asok_app(tmp_path, {"/": "{{ component('Polite') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        old, name = tab.shown[tab.only].token, tab.name
        effects = [["title", "Hello"], ["redirect", "/next"]]
        assert (await tab.event("greet"))[5] == effects
        assert len(await tab.event("add")) < 6
        lost = await visitor.connect()
        lost.name = name
        await lost.join([old], tab.csrf)
        assert (await lost.until("update"))[5] == effects
        settled = await visitor.connect()
        settled.name = name
        await settled.send("join", 1, tab.csrf, name, [[tab.shown[tab.only].token, 2, 0]])
        assert len(await settled.until("update")) < 6


async def test_an_event_that_fails_where_it_is_sent_again_is_done_if_it_was_done_before(tmp_path: Path) -> None:
    begun, ends, again, fails = (asyncio.Event() for _ in range(4))

    class Inserts(Base):
        @exposed
        async def insert(self) -> None:
            self.count += 1
            if begun.is_set():
                again.set()
                await fails.wait()
                raise RuntimeError("there is such a row")
            begun.set()
            await ends.wait()

    async with rig(asok_app(tmp_path, {"/": "{{ component('Inserts') }}"})) as served, asyncio.timeout(20):
        visitor = await served.visitor()
        first = await visitor.tab()
        await first.send("event", first.only, 1, "insert")
        await begun.wait()
        second = await visitor.again(first)
        await second.rejoin(second.only)
        await second.send("event", second.only, 1, "insert", {"retry": 1})
        await again.wait()
        ends.set()
        await first.settled(first.only, 1)
        fails.set()
        assert (await second.settled(second.only, 1))[0] == "update"
        assert second.text() == "<p>1</p>"
        await second.event("add", seq=2)
        assert second.text() == "<p>2</p>"


async def test_effects_arrive_though_the_store_was_busy_when_they_were_to_be_sent_again(tmp_path: Path) -> None:
    class BusyOnce(MemoryBackend):
        busy = False

        async def commit(self, commit: Commit) -> bool:
            if self.busy:
                self.busy = False
                raise Busy("once")
            return await super().commit(commit)

    class ToldChild(Component):
        label: str
        template = "<i>{{ label }}</i>"

    class ToldParent(Base):
        template = "<p>{{ component('ToldChild', label=count) }}</p>"

        @exposed
        def tell(self) -> None:
            self.count += 1
            self.announce("done")

    backend = BusyOnce()
    app = asok_app(tmp_path, {"/": "{{ component('ToldParent') }}"}, backend=backend)
    async with rig(app) as served:
        visitor = await served.visitor()
        page, lost, tab = await visitor.open(), await visitor.connect(), await visitor.connect()
        tab.name, tab.csrf = lost.name, page.csrf
        await lost.join(page.tokens[:1], page.csrf)
        tab.shown = {lost.only: copy(lost.shown[lost.only])}
        await lost.event("tell")
        backend.busy = True
        await tab.rejoin(tab.only)
        assert await tab.until("busy", "update") == ["busy", tab.only, 1, 1000]
        assert (await tab.event("tell", seq=1))[5] == [["announce", "done", False]]


async def test_what_was_done_before_a_refusal_is_told_before_it(tmp_path: Path) -> None:
    class Tells(Base):
        @exposed
        def tell(self) -> None:
            self.announce("done")

        @exposed
        def fail(self) -> None:
            raise RuntimeError("no")

    async with rig(asok_app(tmp_path, {"/": "{{ component('Tells') }}"})) as served:
        visitor = await served.visitor()
        lost = await visitor.tab()
        tab = await visitor.again(lost)
        for call in ("tell", "fail", "add"):
            await lost.event(call)
        await tab.rejoin(tab.only)
        # The line may end behind each of them.
        frames = [await tab.until("update", "refused") for _ in range(3)]
        assert [(frame[0], frame[2]) for frame in frames] == [("update", 1), ("refused", 2), ("update", 3)]
        assert frames[0][5] == [["announce", "done", False]]
        assert tab.text() == "<p>1</p>"


async def test_an_event_that_was_refused_where_it_was_sent_again_is_not_done_afterwards(tmp_path: Path) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    class InsertsLate(Base):
        @exposed
        async def insert(self) -> None:
            self.count += 1
            if begun.is_set():
                raise RuntimeError("there is such a row")
            begun.set()
            await ends.wait()

    async with rig(asok_app(tmp_path, {"/": "{{ component('InsertsLate') }}"})) as served, asyncio.timeout(20):
        visitor = await served.visitor()
        first = await visitor.tab()
        await first.send("event", first.only, 1, "insert")
        await begun.wait()
        second = await visitor.again(first)
        await second.rejoin(second.only)
        assert (await second.event("insert", {"retry": 1}, seq=1))[:4] == ["refused", second.only, 1, "failed"]
        ends.set()
        assert (await first.settled(first.only, 1))[:4] == ["refused", first.only, 1, "failed"]
        await second.event("add", seq=2)
        assert second.text() == "<p>1</p>"


async def test_a_full_session_forgets_its_oldest_records_and_takes_none_of_them_again(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(records=4))) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        oldest = await visitor.connect()
        await oldest.join(page.tokens, page.csrf)
        await oldest.event("add")
        for _ in range(4):
            await (await visitor.tab()).event("add")
        assert (await oldest.event("add"))[0] == "reset"
        again = await visitor.connect()
        await again.join(page.tokens, page.csrf)
        assert (await again.event("add"))[0] == "reset"


async def test_a_step_that_shows_a_child_in_a_full_session_does_not_end_its_own_method(tmp_path: Path) -> None:
    class Inner(Component):
        secret: int = private(0)
        template = "<i></i>"

    class Outer(Base):
        template = "<p>{{ count }}{% if count > 1 %}{{ component('Inner') }}{% endif %}</p>"

        @exposed
        async def in_steps(self) -> AsyncIterator[None]:
            self.count += 1
            yield
            self.count += 1

    pages = {"/": "{{ component('Outer') }}", "/other": ONE["/"]}
    async with rig(asok_app(tmp_path, pages, limits=Limits(records=4))) as served:
        visitor = await served.visitor()
        oldest = await visitor.tab()
        await oldest.event("add")
        for _ in range(3):
            await (await visitor.tab("/other")).event("add")
        assert (await oldest.event("in_steps"))[0] == "update"


async def test_a_page_that_comes_back_with_one_more_child_in_a_full_session_goes_on(tmp_path: Path) -> None:
    grown = [False]

    class Guest(Component):
        secret: int = private(0)
        template = "<i></i>"

    class Family(Base):
        template = "<p>{{ count }}{% if more %}{{ component('Guest') }}{% endif %}</p>"

        async def load(self) -> None:
            self.more = grown[0]

    pages = {"/": "{{ component('Family') }}", "/other": ONE["/"]}
    async with rig(asok_app(tmp_path, pages, limits=Limits(records=4))) as served:
        visitor = await served.visitor()
        page, oldest, again = await visitor.open(), await visitor.connect(), await visitor.connect()
        await oldest.join(page.tokens, page.csrf)
        await oldest.event("add")
        for _ in range(3):
            await (await visitor.tab("/other")).event("add")
        grown[0] = True
        await again.join(page.tokens, page.csrf)
        await again.shows("<p>1<template")
        assert (await again.event("add"))[0] == "update"


async def test_a_method_that_takes_a_key_from_a_full_session_does_not_bring_back_what_that_forgets(
    tmp_path: Path,
) -> None:
    class TakesAKey(Base):
        @exposed
        def drop(self) -> None:
            del self.session["noted"]

    async with rig(asok_app(tmp_path, {"/": "{{ component('TakesAKey') }}"}, limits=Limits(records=4))) as served:
        visitor = await served.visitor()
        oldest = await visitor.tab()
        await oldest.event("add")
        for _ in range(3):
            await (await visitor.tab()).event("add")
        owner, backend = owner_of(visitor.cookie), served.app.backend
        await backend.commit(Commit({}, {(owner, "session/noted"): pack(1)}))
        assert (await (await visitor.tab()).event("drop"))[0] == "update"
        cells = await backend.read(owner, [META, "session/noted"])
        assert msgspec.msgpack.decode(cells[META].value, type=Meta).watermark > 0
        assert "session/noted" not in cells


async def test_a_page_that_is_opened_after_the_clock_was_turned_back_is_not_taken_for_a_forgotten_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(records=4))) as served:
        visitor = await served.visitor()
        for _ in range(5):
            await (await visitor.tab()).event("add")
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() - 3600)
        for _ in range(5):
            assert (await (await visitor.tab()).event("add"))[0] == "update"


async def test_an_updated_hook_hears_what_changed(tmp_path: Path) -> None:
    heard: list[Any] = []

    class Watching(Component):
        a = 0
        b: list[int] = []
        secret: int = private(0)
        template = "<p></p>"

        def updated(self, changed: frozenset[str]) -> None:
            heard.append(sorted(changed))

        @exposed
        def change(self) -> None:
            self.a = 1
            self.b.append(1)

        @exposed
        def nothing(self) -> None:
            self.a = self.a

    async with rig(asok_app(tmp_path, {"/": "{{ component('Watching') }}"})) as served:
        tab = await served.tab()
        await tab.event("change")
        await tab.event("nothing")
        assert heard == [["a", "b"]]


@pytest.mark.parametrize("waits", [False, True])
async def test_hooks_are_called_when_they_should_be(tmp_path: Path, waits: bool) -> None:
    calls: Tally[str] = Tally()
    gone = asyncio.Event()

    class Sync(Base):
        def mount(self) -> None:
            calls["mount"] += 1

        def load(self) -> None:
            calls["load"] += 1
            self.rows = [1]

        def unmount(self) -> None:
            calls["unmount"] += 1
            gone.set()

        template = "<p>{{ count }}{{ rows }}</p>"

    class Async(Base):
        async def mount(self) -> None:
            await asyncio.sleep(0)
            calls["mount"] += 1

        async def load(self) -> None:
            await asyncio.sleep(0)
            calls["load"] += 1
            self.rows = [1]

        async def unmount(self) -> None:
            await asyncio.sleep(0)
            calls["unmount"] += 1
            gone.set()

        template = "<p>{{ count }}{{ rows }}</p>"

    name = "Async" if waits else "Sync"
    async with rig(asok_app(tmp_path, {"/": "{{ component('" + name + "') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert await tab.text_after("add") == "<p>1[1]</p>"
        loads = calls["load"]
        assert await tab.text_after("add") == "<p>2[1]</p>"
        assert calls["load"] == loads + 2
        await visitor.open()
        assert calls["mount"] == 1
        await tab.send("leave", tab.only)
        async with asyncio.timeout(20):
            await gone.wait()
        assert calls["unmount"] == 1
        gone.clear()
        other = await visitor.tab()
        await other.event("add")
        await other.socket.close(code=1001)
        async with asyncio.timeout(20):
            await gone.wait()


async def test_hooks_run_in_children_that_only_rendering_discovers(tmp_path: Path) -> None:
    class Leaf(Component):
        name = ""
        template = "<i>{{ name }}:{{ mounted }}:{{ fetched }}</i>"
        mounted = False

        async def mount(self) -> None:
            await asyncio.sleep(0)
            self.mounted = True

        async def load(self) -> None:
            await asyncio.sleep(0)
            self.fetched = 1

    class Tree(Component):
        names: list[str] = ["a"]
        template = "<div>{% for n in names %}{{ component('Leaf', key=n, name=n) }}{% endfor %}</div>"

        @exposed
        def grow(self, name: str) -> None:
            self.names.append(name)

    async with rig(asok_app(tmp_path, {"/": "{{ component('Tree') }}"})) as served:
        page = await (await served.visitor()).open()
        assert "a:True:1</i>" in page.text
        tab = await served.tab()
        await tab.event("grow('b')")
        [child] = [frame for frame in tab.frames if frame[0] == "update" and frame[1] != tab.only]
        assert child[3] == "<i>b:True:1</i>"
        assert tab.frames.index(child) < len(tab.frames) - 1
        assert tab.text().count("<template data-asok=") == 2
        assert "<i>" not in tab.text()


class LiveRow(Component):
    label = ""
    clicks = 0
    template = "<li>{{ label }} {{ clicks }}</li>"

    @exposed
    def press(self) -> None:
        self.clicks += 1


@pytest.fixture
def table(tmp_path: Path) -> Any:
    class Item(LiveRow):
        label = ""

    class Table(Component):
        labels: list[str] = ["a", "b", "c"]
        title = ""
        template = """<ul><b>{{ title }}</b>
            {%- for label in labels %}{{ component('Item', key=loop.index, label=label) }}{% endfor %}</ul>"""

        @exposed
        def relabel(self, place: int, label: str) -> None:
            self.labels[place] = label

        @exposed
        def rename(self, title: str) -> None:
            self.title = title

        @exposed
        async def flash(self) -> AsyncIterator[None]:
            self.labels[0] = "flash"
            yield
            self.title = "done"

    return asok_app(tmp_path, {"/": "{{ component('Table') }}"})


async def test_only_the_child_whose_arguments_changed_is_rendered_again(table: Any) -> None:
    async with rig(table) as served:
        tab = await served.tab()
        parent, _, second, _ = tab.shown
        tab.frames.clear()
        await tab.event("relabel(1, 'B')", instance=parent)
        assert [frame[1] for frame in tab.frames] == [second, parent]
        assert tab.text(second) == "<li>B 0</li>"
        tab.frames.clear()
        await tab.event("rename('T')", instance=parent)
        assert [frame[1] for frame in tab.frames] == [parent]


async def test_a_child_keeps_its_state_when_its_arguments_change_and_goes_on(table: Any) -> None:
    async with rig(table) as served:
        tab = await served.tab()
        parent, child, *_ = tab.shown
        assert await tab.text_after("press", instance=child) == "<li>a 1</li>"
        await tab.event("relabel(0, 'A')", instance=parent)
        assert tab.text(child) == "<li>A 1</li>"
        for clicks in (2, 3):
            assert await tab.text_after("press", instance=child) == f"<li>A {clicks}</li>"
        shown = tab.text(child)
        tab.shown[child].held = False
        await tab.rejoin(child)
        await tab.until("update")
        assert tab.text(child) == shown


async def test_a_child_that_a_step_renewed_goes_on(table: Any) -> None:
    async with rig(table) as served:
        tab = await served.tab()
        parent, child, *_ = tab.shown
        await tab.event("flash", instance=parent)
        assert tab.text(child) == "<li>flash 0</li>"
        assert await tab.text_after("press", instance=child) == "<li>flash 1</li>"
        assert await tab.text_after("press", instance=child) == "<li>flash 2</li>"


async def test_a_child_that_joins_while_it_is_shown_with_other_arguments_is_changed_from_there(table: Any) -> None:
    async with rig(table) as served:
        visitor = await served.visitor()
        page, tab = await visitor.open(), await visitor.connect()
        await tab.join(page.tokens[:1], page.csrf)
        await tab.event("relabel(0, 'one')")
        child = next(name for name in tab.shown if name != tab.only)
        older = tab.shown[child].token
        await tab.event("relabel(0, 'another')")
        # It was on its way before the page heard of the other one.
        await tab.send("join", 1, tab.csrf, tab.name, [[older, 0, 1]])
        for clicks in (1, 2):
            assert await tab.text_after("press", instance=child) == f"<li>another {clicks}</li>"
        await tab.rejoin(child)
        assert await tab.text_after("press", instance=child) == "<li>another 3</li>"


async def test_a_child_that_has_left_and_is_back_before_that_is_heard_is_changed_from_what_it_shows(table: Any) -> None:
    async with rig(table) as served:
        visitor = await served.visitor()
        page, tab = await visitor.open(), await visitor.connect()
        await tab.join(page.tokens[:1], page.csrf)
        await tab.event("relabel(0, 'one')")
        child = next(name for name in tab.shown if name != tab.only)
        older = tab.shown[child].token
        await tab.event("relabel(0, 'another')")
        # The page had let go of it, and taken it anew, before it was sent the other one.
        await tab.send("leave", child)
        await tab.send("join", 1, tab.csrf, tab.name, [[older, 0, 1]])
        for clicks in (1, 2):
            assert await tab.text_after("press", instance=child) == f"<li>another {clicks}</li>"
        await tab.send("leave", child)
        await tab.rejoin(child)
        assert await tab.text_after("press", instance=child) == "<li>another 3</li>"


async def test_a_reloaded_child_keeps_its_state_when_its_arguments_change(table: Any) -> None:
    async with rig(table) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        _, child, *_ = tab.shown
        await tab.event("press", instance=child)
        reloaded = await visitor.tab()
        parent, child, *_ = reloaded.shown
        await reloaded.event("relabel(0, 'A')", instance=parent)
        assert reloaded.text(child) == "<li>A 1</li>"


async def test_a_child_that_nobody_has_touched_is_mounted_once_though_its_arguments_change(tmp_path: Path) -> None:
    mounted: list[str] = []

    class Kid(Component):
        label = ""
        template = "<i>{{ label }}</i>"

        def mount(self) -> None:
            mounted.append(self.label)

    class Parent(Component):
        label = "a"
        template = "<div>{{ component('Kid', label=label) }}</div>"

        @exposed
        def relabel(self, label: str) -> None:
            self.label = label

    async with rig(asok_app(tmp_path, {"/": "{{ component('Parent') }}"})) as served:
        tab = await served.tab()
        await tab.event("relabel('b')")
        assert ">b</i>" in tab.text(list(tab.shown)[1])
        assert mounted == ["a"]


async def test_a_page_with_stateless_components_is_live_for_who_has_a_session_too(tmp_path: Path) -> None:
    class Filters(Component):
        stateless = True
        open = 1
        template = "<p>{{ open }}</p>"

        @exposed
        def show(self, number: int) -> None:
            self.open = number

        @exposed
        def greet(self) -> None:
            self.open = self.request.session["visits"]

    async def visit(request: Request) -> PlainTextResponse:
        request.session["visits"] = 7
        return PlainTextResponse("")

    app = asok_app(tmp_path, {"/": "{{ component('Filters') }}"})
    app.add_route("/visit", visit)
    async with rig(app) as served:
        visitor = await served.visitor()
        stranger = (await visitor.open()).response.headers
        assert (stranger["vary"], "cache-control" in stranger) == ("Cookie", False)
        await visitor.open("/visit")
        assert (await visitor.open()).response.headers["cache-control"] == "no-store"
        tab = await visitor.tab()
        assert await tab.text_after("show(3)") == "<p>3</p>"
        assert await tab.text_after("greet") == "<p>7</p>"


async def test_a_stateless_page_goes_on_though_its_visitor_has_a_session_meanwhile(tmp_path: Path) -> None:
    class Steps(Component):
        stateless = True
        n = 0
        template = "<p>{{ n }}</p>"

        @exposed
        def step(self) -> None:
            self.n += 1

        @exposed
        def who(self) -> None:
            self.n = 100 + len(self.request.session)

    async def visit(request: Request) -> PlainTextResponse:
        request.session["visits"] = 7
        return PlainTextResponse("")

    app = asok_app(tmp_path, {"/": "{{ component('Steps') }}"})
    app.add_route("/visit", visit)
    async with rig(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        await visitor.open("/visit")
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        assert await tab.text_after("step") == "<p>1</p>"
        assert await tab.text_after("who") == "<p>100</p>", "it speaks for nobody"
        await tab.send("write", 1, "set", "~", "a", 1, "")
        assert (await tab.until("store"))[1] == "refused"


async def test_a_stateful_child_of_a_stateless_parent_goes_on(tmp_path: Path) -> None:
    class Kid(LiveRow):
        label = ""

    class Frame(Component):
        stateless = True
        label = "a"
        template = "<div>{{ component('Kid', label=label) }}</div>"

        @exposed
        def relabel(self, label: str) -> None:
            self.label = label

    async with rig(asok_app(tmp_path, {"/": "{{ component('Frame') }}"})) as served:
        tab = await served.tab()
        parent, child = tab.shown
        assert (await tab.event("relabel('b')", instance=parent))[0] == "update"
        assert tab.text(child) == "<li>b 0</li>"
        assert await tab.text_after("press", instance=child) == "<li>b 1</li>"


async def test_a_stateless_component_needs_no_session_and_writes_none(tmp_path: Path) -> None:
    class Tabs(Component):
        stateless = True
        open = 1
        template = "<p>{{ open }}</p>"

        @exposed
        def show(self, number: int) -> None:
            self.open = number

        @exposed
        def write(self) -> None:
            self.request.session["x"] = 1

        @exposed
        def ask(self) -> None:
            self.session["x"] = 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Tabs') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert await tab.text_after("show(3)") == "<p>3</p>"
        assert (await tab.event("write"))[:4] == ["refused", tab.only, 2, "failed"]
        assert (await tab.event("ask"))[:4] == ["refused", tab.only, 3, "failed"]
        assert await tab.text_after("show(4)") == "<p>4</p>"
        assert visitor.cookie == ""


@exposed
def rename(self: Any, name: str) -> None:
    self.name = name


def first_and_last(self: Any, old: dict[str, Any]) -> dict[str, Any]:
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last}


async def test_an_older_schema_goes_through_migrate(tmp_path: Path) -> None:
    where = str(tmp_path / "s.db")
    type("Profile", (Component,), {"name": "Ann", "template": "<p>{{ name }}</p>", "rename": rename})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Profile') }}"}, database=where)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.event("rename('Bob Ray')")
        cookie, left = visitor.cookie, tab.shown[tab.only]
    newer = {"__annotations__": {"first": str}, "last": "", "migrate": first_and_last}
    type("Profile", (Component,), {**newer, "template": "<p>{{ last }}, {{ first }}</p>"})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Profile', first='') }}"}, database=where)) as served:
        again = await (await served.visitor()).connect(cookie=cookie)
        again.shown[tab.only], again.csrf = left, tab.csrf
        await again.rejoin(tab.only)
        assert (await again.until("update", "reset"))[0] == "update"
        assert again.text() == "<p>Ray, Bob</p>"


@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ({"count": 0, "step": 5}, "<p>3 5</p>"),
        ({"count": "none", "step": 5}, "<p>none 5</p>"),
        ({"__annotations__": {"count": int, "step": int}}, None),
    ],
    ids=["a field more", "a field of another type", "a required field that the old state lacks"],
)
async def test_without_migrate_the_fields_that_fit_go_on(
    tmp_path: Path, newer: dict[str, Any], expected: str | None
) -> None:
    where = str(tmp_path / "s.db")
    type("Old", (Base,), {"count": 3, "template": "<p>{{ count }}</p>"})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Old') }}"}, database=where)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        cookie = visitor.cookie
    type("Old", (Base,), {**newer, "template": "<p>{{ count }} {{ step }}</p>"})
    async with rig(asok_app(tmp_path, {"/": "<p></p>"}, database=where)) as served:
        tab = await (await served.visitor()).connect(cookie=cookie)
        await tab.join(page.tokens, page.csrf)
        kind, *items = await tab.until("update", "reset")
        assert (kind, items[2] if expected else None) == (("update", expected) if expected else ("reset", None))


async def test_a_session_that_ends_ends_the_socket(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await app.backend.delete(owner_of(visitor.cookie))
        await tab.send("event", tab.only, 1, "add")
        assert await tab.closed() == 4401


async def test_the_request_of_an_event_is_that_of_the_page(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Asks(Component):
        template = "<p></p>"

        @exposed
        async def look(self) -> None:
            request = self.request
            seen.append((request.url.scheme, request.url.path, request.query_params["q"], request.path_params))
            seen.append(str(request.url_for("person", name="é b", number=3)))

    app = asok_app(tmp_path, templates={"p.html": "{{ alive() }}{{ component('Asks') }}"})

    async def person(request: Any) -> Any:
        return {}

    app.page("/u/{name}/{number:int}", "p.html", name="person")(person)
    async with rig(app) as served:
        tab = await served.tab("/u/%C3%A9%20b/3?q=1")
        assert (await tab.event("look"))[0] == "update"
        assert seen[0][0] == "http"
        assert seen[0][2:] == ("1", {"name": "é b", "number": 3})
        assert seen[1].startswith(f"{served.base}/u/")


def test_a_copy_of_a_page_request_that_nobody_has_looked_at_is_one() -> None:
    handshake = {"type": "websocket", "scheme": "wss", "headers": [], "server": ("localhost", 443)}
    request = page_request(handshake, Mount("person", "/u/3"), Session())
    assert str(copy(request).url) == str(request.url) == str(copy(request).url) == "https://localhost/u/3"


async def test_event_ids_are_the_same_for_every_attempt_and_else_unique(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    class Paying(Component):
        template = "<p>{{ session.get('n', 0) }}</p>"

        @exposed
        async def pay(self) -> None:
            seen.append((self.event.id, self.event.attempt))
            n = self.session.get("n", 0)
            if self.event.attempt == 1 and len(seen) == 1:
                await other.event("pay", instance=other.only)
            self.session["n"] = n + 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Paying') }}"})) as served:
        visitor = await served.visitor()
        tab, other = await visitor.tab(), await visitor.tab()
        assert await tab.text_after("pay") == "<p>2</p>"
        (first, one), (second, _), (again, two) = seen
        assert first == again != second
        assert (one, two) == (1, 2)


async def test_a_stateless_child_with_new_arguments_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    class Badge(Component):
        stateless = True
        label = ""
        secret: int = private(1)
        template = "<i>{{ label }}</i>"

    class Holder(Component):
        stateless = True
        label = "a"
        template = "<div>{{ component('Badge', label=label) }}</div>"

        @exposed
        def relabel(self, label: str) -> None:
            self.label = label

    app = asok_app(tmp_path, {"/": "{{ component('Holder') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert (await tab.event("relabel('b')"))[0] == "update"
        assert visitor.cookie == ""
        assert await app.backend.count("", "") == 0
