"""Python that speaks first: messages, the clock, tasks and threads reach the pages that show what depends on them."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import Asok, Component, Store, every, exposed, on
from asok.lines import Line
from tests.rig import asok_app, rig
from tests.unit.waiting import Refusing, until


class Order(msgspec.Struct):
    id: int
    lines: list[str] = []


@pytest.fixture(autouse=True)
def ears() -> type[Component]:
    class Ear(Component):
        heard: list[str] = []
        count = 0
        template = "<p>{{ heard | join(',') }} {{ count }}</p>"

        @on("news", "room:*")
        def hear(self, message: str) -> None:
            self.heard = [*self.heard, message]

        @exposed
        def add(self) -> None:
            self.count += 1

        @exposed
        def enter(self, room: str) -> None:
            self.subscribe(f"room:{room}")

        @exposed
        def leave(self, room: str) -> None:
            self.unsubscribe(f"room:{room}")

    return Ear


ONE = {"/": "{{ component('Ear') }}"}


# ---- messages


async def test_a_push_from_a_task_a_thread_and_a_route_is_shown(tmp_path: Path) -> None:
    async def route(request: Request) -> PlainTextResponse:
        app.push("news", "route")
        return PlainTextResponse("")

    app = asok_app(tmp_path, ONE)
    app.add_route("/push", route)
    async with rig(app) as served:
        tab = await served.tab()

        async def task() -> None:
            app.push("news", "task")

        await asyncio.create_task(task())
        await tab.shows("task")
        thread = threading.Thread(target=app.push, args=("news", "thread"))
        thread.start()
        await tab.shows("task,thread")
        await (await served.visitor()).http.get("/push")
        await tab.shows("task,thread,route 0")


async def test_a_push_from_another_process_is_shown(tmp_path: Path) -> None:
    database = str(tmp_path / "sessions.db")
    async with rig(asok_app(tmp_path, ONE, database=database)) as served:
        tab = await served.tab()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.unit.push_child", str(tmp_path), database, "news", "from afar"
        )
        await tab.shows("from afar")
        assert await child.wait() == 0


async def test_every_page_of_every_person_hears_and_what_it_did_stays(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    async with rig(app) as served:
        visitor = await served.visitor()
        tabs = [await visitor.tab(), await served.tab()]
        app.push("news", "all")
        for tab in tabs:
            await tab.shows("all")
        assert "all 0" in (await visitor.open()).text


async def test_a_message_is_given_as_the_type_that_the_method_names(tmp_path: Path) -> None:
    class Kitchen(Component):
        orders: list[int] = []
        template = "<p>{{ orders | join(',') }}</p>"

        @on("orders")
        def order(self, message: Order) -> None:
            message.lines.append("mine")
            self.orders = [*self.orders, message.id * 10 + len(message.lines)]

        @on("orders")
        async def _count(self) -> None: ...

    app = asok_app(tmp_path, {"/": "{{ component('Kitchen') }}"})
    async with rig(app) as served:
        tabs = [await served.tab() for _ in range(2)]
        app.push("orders", Order(1, ["tea"]))
        app.push("orders", {"id": 2})
        for tab in tabs:
            await tab.shows("12,21")


async def test_a_message_of_another_type_is_logged_and_the_next_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = asok_app(tmp_path, ONE)
    async with rig(app) as served:
        tab = await served.tab()
        app.push("news", {"not": "text"})
        app.push("news", "good")
        await tab.shows("good")
    assert "Ear.hear does not take the message {'not': 'text'}" in caplog.text


async def test_a_handler_that_raises_harms_no_other_message_and_no_other_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Shaky(Component):
        heard: list[str] = []
        template = "<p>{{ heard | join(',') }}</p>"

        @on("news")
        def hear(self, message: str) -> None:
            self.heard.append(message)
            if message == "bad":
                raise RuntimeError("mine")

    app = asok_app(tmp_path, {"/": "{{ component('Shaky') }}{{ component('Ear') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        shaky, ear = tab.shown
        for message in ("a", "bad", "c"):
            app.push("news", message)
        await tab.shows("a,c", shaky)
        assert "bad" not in tab.text(shaky)
        await tab.shows("a,bad,c", ear)
        assert ["refused", shaky, 0, "failed", ""] in tab.frames
    assert "Shaky.hear raised RuntimeError: mine" in caplog.text


async def test_what_a_message_changes_in_place_is_not_changed_twice_by_a_second_attempt(tmp_path: Path) -> None:
    class Growing(Component):
        seen: list[list[int]] = []
        template = "<p>{{ seen }}</p>"

        @on("grow")
        def grow(self, message: list[int]) -> None:
            message.append(len(message))
            self.seen = [*self.seen, message]

    backend = Refusing(2)
    app = asok_app(tmp_path, {"/": "{{ component('Growing') }}"}, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        backend.armed = True
        app.push("grow", [7])
        await tab.shows("[[7, 1]]")
        assert backend.refused == 2


@pytest.mark.parametrize("more", [False, True])
async def test_a_message_that_met_a_busy_store_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: bool
) -> None:
    monkeypatch.setattr("asok.lines.AGAIN", 0.05)
    backend = Refusing(1, busy=True)
    app = asok_app(tmp_path, ONE, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        backend.armed = True
        app.push("news", "first")
        await until(lambda: backend.refused)
        if more:
            app.push("news", "second")
        await tab.shows("first,second" if more else "first 0")


async def test_a_message_that_waits_behind_a_busy_event_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.lines.AGAIN", 0.05)
    runs, goes_on = asyncio.Event(), asyncio.Event()

    class Behind(Component):
        heard = ""
        template = "<p>{{ heard }}</p>"

        @exposed
        async def wait(self) -> None:
            runs.set()
            await goes_on.wait()

        @on("news")
        def hear(self, message: str) -> None:
            self.heard += message

    backend = Refusing(1, busy=True)
    app = asok_app(tmp_path, {"/": "{{ component('Behind') }}"}, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "wait")
        await runs.wait()
        app.push("news", "late")
        backend.armed = True
        goes_on.set()
        assert (await tab.until("busy"))[1] == tab.only
        await tab.shows("late")


async def test_a_push_while_an_event_runs_loses_neither(tmp_path: Path) -> None:
    runs, goes_on = asyncio.Event(), asyncio.Event()

    class Both(Component):
        heard = ""
        count = 0
        template = "<p>{{ heard }} {{ count }}</p>"

        @exposed
        async def add(self) -> None:
            runs.set()
            await goes_on.wait()
            self.count += 1

        @on("news")
        def hear(self, message: str) -> None:
            self.heard += message

    app = asok_app(tmp_path, {"/": "{{ component('Both') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "add")
        await runs.wait()
        app.push("news", "x")
        goes_on.set()
        await tab.shows("x 1")


async def test_events_and_pushes_at_once_are_all_counted(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    async with rig(app) as served:
        tab = await served.tab()

        async def push() -> None:
            for number in range(40):
                app.push("news", str(number))
                await asyncio.sleep(0)

        pushing = asyncio.create_task(push())
        for _ in range(20):
            assert (await tab.event("add"))[0] == "update"
        await pushing
        await tab.shows(",".join(map(str, range(40))) + " 20")


async def test_a_burst_is_shown_with_few_renderings(tmp_path: Path) -> None:
    shown: list[int] = []

    class Busy100(Component):
        total = 0
        template = "<p>{{ this.text }}</p>"

        @property
        def text(self) -> str:
            shown.append(self.total)
            return str(self.total)

        @on("n")
        async def add(self, message: int) -> None:
            self.total += message

    app = asok_app(tmp_path, {"/": "{{ component('Busy100') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        for _ in range(100):
            app.push("n", 1)
        await tab.shows("100")
    assert len(shown) < 20


# ---- subscribing


class Followed:
    """What the components of a test show beside their state."""

    prices = 3


async def test_a_subscription_of_mount_stays_after_a_reload_a_lost_connection_and_in_another_worker(
    tmp_path: Path,
) -> None:
    class Numbered(Component):
        heard = ""
        template = "<p>{{ heard }}</p>"

        def mount(self) -> None:
            self.subscribe("order:7")

        @on("order:*")
        def hear(self, message: str) -> None:
            self.heard += message

    def make() -> Asok:
        return asok_app(tmp_path, {"/": "{{ component('Numbered') }}"}, database=str(tmp_path / "sessions.db"))

    app = make()
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        app.push("order:8", "-")
        app.push("order:7", "a")
        await tab.shows(">a<")
        await tab.socket.close()
        again = await visitor.connect()
        again.name, again.shown, again.csrf = tab.name, tab.shown, tab.csrf
        await again.rejoin(tab.only)
        app.push("order:7", "b")
        await again.shows(">ab<")
        reloaded = await visitor.tab()
        app.push("order:7", "c")
        await reloaded.shows(">abc<")
        cookie = visitor.cookie
        async with rig(make()) as other:
            stranger = await other.visitor()
            elsewhere = await stranger.connect(cookie=cookie)
            elsewhere.name, elsewhere.shown, elsewhere.csrf = reloaded.name, reloaded.shown, reloaded.csrf
            await elsewhere.rejoin(reloaded.only)
            app.push("order:7", "d")
            await elsewhere.shows("d<")


async def test_a_method_subscribes_and_unsubscribes(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    async with rig(app) as served:
        tab = await served.tab()
        await tab.event("enter('a')")
        app.push("room:a", "one")
        app.push("room:b", "not")
        await tab.shows("one 0")
        await tab.event("leave('a')")
        app.push("room:a", "gone")
        app.push("news", "still")
        await tab.shows("one,still 0")


async def test_a_subscription_of_load_is_of_what_is_shown_then(tmp_path: Path) -> None:
    class Room(Component):
        room = "a"
        heard = ""
        template = "<p>{{ room }}:{{ heard }}</p>"

        def load(self) -> None:
            self.subscribe(f"talk:{self.room}")

        @exposed
        def go(self, room: str) -> None:
            self.room = room

        @on("talk:*")
        def hear(self, message: str) -> None:
            self.heard += message

    app = asok_app(tmp_path, {"/": "{{ component('Room') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        app.push("talk:a", "1")
        await tab.shows("a:1")
        await tab.event("go('b')")
        app.push("talk:a", "-")
        app.push("talk:b", "2")
        await tab.shows("b:12")


async def test_a_topic_without_a_method_shows_what_load_finds(tmp_path: Path) -> None:
    class Price(Component):
        template = "<p>{{ price }}</p>"

        def load(self) -> None:
            self.subscribe("prices")
            self.price = Followed.prices

    app = asok_app(tmp_path, {"/": "{{ component('Price') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        Followed.prices = 4
        app.push("prices")
        await tab.shows("4")


async def test_a_stateless_component_listens_too(tmp_path: Path) -> None:
    class Board(Component):
        stateless = True
        told = ""
        template = "<p>{{ told }} {{ price }}</p>"

        def load(self) -> None:
            self.subscribe("prices")
            self.price = Followed.prices

        @on("news")
        def hear(self, message: str) -> None:
            self.told += message

    app = asok_app(tmp_path, {"/": "{{ component('Board') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        app.push("news", "a")
        await tab.shows(">a ")
        app.push("news", "b")
        await tab.shows(">ab ")
        Followed.prices = 99
        app.push("prices")
        await tab.shows("ab 99")


# ---- the clock


async def test_the_clock_calls_as_long_as_the_page_is_there_and_never_twice_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "asok")
    running, most, calls = 0, 0, 0

    class Clock(Component):
        ticks = 0
        template = "<p>{{ ticks }}.</p>"

        @every(0.05)
        async def tick(self) -> None:
            nonlocal running, most, calls
            calls += 1
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.12)
            running -= 1
            self.ticks += 1

    app = asok_app(tmp_path, {"/": "{{ component('Clock') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        await tab.shows("3.")
        await tab.socket.close()
        await until(lambda: ": ended" in caplog.text)
        before = calls
        await asyncio.sleep(0.2)
        assert calls == before
        assert most == 1


async def test_a_call_of_the_clock_that_had_no_turn_yet_is_not_made_twice(tmp_path: Path) -> None:
    runs, goes_on = asyncio.Event(), asyncio.Event()

    class Held(Component):
        ticks = 0
        template = "<p>.{{ ticks }}.</p>"

        @exposed
        async def hold(self) -> None:
            self.ticks = 0
            runs.set()
            await goes_on.wait()

        @every(0.05)
        def tick(self) -> None:
            self.ticks += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Held') }}"})) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "hold")
        await runs.wait()
        await asyncio.sleep(0.4)  # several periods of the clock
        goes_on.set()
        await tab.settled(tab.only, 1)
        while ".0." in tab.text():
            await tab.receive()
        assert ".1." in tab.text()


async def test_the_clock_of_a_socket_that_has_not_noticed_its_end_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers: list[Line] = []
    due = Line.due

    def noted(line: Line, method: Any) -> None:
        callers.append(line)
        due(line, method)

    monkeypatch.setattr(Line, "due", noted)

    class HalfOpenClock(Component):
        ticks = 0
        template = "<p>{{ ticks }}</p>"

        @every(0.05)
        def tick(self) -> None:
            self.ticks += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('HalfOpenClock') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await until(lambda: len(callers) > 1)
        old, again = callers[0], await visitor.connect()
        again.name, again.shown, again.csrf = tab.name, tab.shown, tab.csrf
        await again.rejoin(again.only)
        await until(lambda: callers[-1] is not old)
        callers.clear()
        await until(lambda: len(callers) > 6)
        assert old not in callers
        await again.socket.close()
        await until(lambda: old in callers)


async def test_a_clock_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    class Watch(Component):
        template = "<p>{{ n }}.</p>"

        def load(self) -> None:
            Followed.prices += 1
            self.n = Followed.prices

        @every(0.05)
        def tick(self) -> None: ...

    backend = Refusing(0)
    app = asok_app(tmp_path, {"/": "{{ component('Watch') }}"}, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        before = backend.commits
        for _ in range(5):
            await tab.until("update")
        assert backend.commits == before


# ---- what is read


async def test_a_change_that_came_while_a_page_was_being_rendered_is_not_missed(tmp_path: Path) -> None:
    gate: dict[int, tuple[asyncio.Event, asyncio.Event]] = {2: (asyncio.Event(), asyncio.Event())}
    loads = 0
    votes = Store({"n": 0}, name="missed_votes")

    class Slow(Component):
        template = "<p>{{ n }}</p>"

        async def load(self) -> None:
            nonlocal loads
            self.n = votes.read("n")
            loads += 1
            if loads in gate:
                began, goes_on = gate[loads]
                began.set()
                await goes_on.wait()

    async with rig(asok_app(tmp_path, {"/": "{{ component('Slow') }}"})) as served:
        tab = await served.tab()
        began, goes_on = gate[2]  # the first was for the page
        await began.wait()
        await votes.update("n", 1)
        goes_on.set()
        await tab.shows("1")


@pytest.mark.parametrize("forgets", [False, True], ids=["middle keeps a record", "middle is stateless"])
@pytest.mark.parametrize("leaf_forgets", [False, True], ids=["leaf keeps a record", "leaf is stateless"])
async def test_what_two_show_anew_at_once_is_shown_as_the_newer_says(
    tmp_path: Path, forgets: bool, leaf_forgets: bool
) -> None:
    votes, began, goes_on = Store({"n": 0, "wakes": 0}, name="nested_votes"), asyncio.Event(), asyncio.Event()

    class NestedLeaf(Component):
        stateless = leaf_forgets
        n: int
        template = "<i>{{ n }}</i>"

    class NestedMiddle(Component):
        stateless = forgets
        n: int
        template = "<b>{{ n }} {{ component('NestedLeaf', n=n * 10 + wakes) }}</b>"

        async def load(self) -> None:
            self.wakes = votes.read("wakes")
            if self.wakes and not self.n:
                began.set()
                await goes_on.wait()

        @exposed
        def look(self) -> None:
            """Nothing."""

    class NestedTop(Component):
        template = "<p>{{ component('NestedMiddle', n=n) }}</p>"

        def load(self) -> None:
            self.n = votes.read("n")

    async with rig(asok_app(tmp_path, {"/": "{{ component('NestedTop') }}"})) as served:
        tab = await served.tab()
        _, middle, leaf = tab.shown
        await votes.set("wakes", 1)
        await began.wait()
        await votes.set("n", 1)
        await tab.shows("1 <template", middle)
        # What was begun before is outdated, with what it says of the leaf.
        goes_on.set()
        await tab.event("look", instance=middle)
        assert "1 <template" in tab.text(middle)
        assert tab.text(leaf) == "<i>11</i>"


async def test_what_is_shown_anew_while_it_gets_other_arguments_is_shown_with_these(tmp_path: Path) -> None:
    votes, began, goes_on = Store({"n": 0}, name="deep_votes"), asyncio.Event(), asyncio.Event()

    class DeepLeaf(Component):
        a: int
        template = "<i>{{ a }} {{ n }}</i>"

        async def load(self) -> None:
            self.n = votes.read("n")
            if self.n and not self.a:
                began.set()
                await goes_on.wait()

        @exposed
        def look(self) -> None:
            """Nothing."""

    class DeepMiddle(Component):
        a: int
        template = "<b>{{ component('DeepLeaf', a=a) }}</b>"

    class DeepTop(Component):
        a: int = 0
        template = "<p>{{ component('DeepMiddle', a=a) }}</p>"

        @exposed
        def turn(self) -> None:
            self.a += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('DeepTop') }}"})) as served:
        visitor = await served.visitor()
        page, tab = await visitor.open(), await visitor.connect()
        # A page joins what listens, and what is clicked.
        top, _, leaf = page.tokens
        await tab.join([top, leaf], page.csrf)
        await votes.set("n", 1)
        await began.wait()
        await tab.event("turn")
        goes_on.set()
        leaf = leaf.partition(".")[0]
        await tab.event("look", instance=leaf)
        assert tab.text(leaf) == '<i data-live="0">1 1</i>'


async def test_what_is_not_shown_any_more_is_not_followed_any_more(tmp_path: Path) -> None:
    votes = Store({"a": 0, "b": 0}, name="left_votes")
    rendered: list[str] = []

    class Choice(Component):
        name = "a"
        template = "<p>{{ name }}={{ n }}</p>"

        def load(self) -> None:
            self.n = votes.read(self.name)
            rendered.append(self.name)

        @exposed
        def choose(self, name: str) -> None:
            self.name = name

    async with rig(asok_app(tmp_path, {"/": "{{ component('Choice') }}"})) as served:
        tab = await served.tab()
        await votes.update("a", 1)
        await tab.shows("a=1")
        await tab.event("choose('b')")
        rendered.clear()
        await votes.update("a", 1)
        assert rendered == []
        await votes.update("b", 5)
        await tab.shows("b=5")
        assert set(rendered) == {"b"}


# ---- who is slow


async def test_a_tab_that_does_not_read_is_shown_the_end_and_nobody_waits_for_it(tmp_path: Path) -> None:
    class Wall(Component):
        n = 0
        template = "<p>{{ ('%05d,' % n) * 150000 }}</p>"  # nothing of it stays, so that each text goes whole

        @on("wall")
        async def grow(self, message: int) -> None:
            self.n = message

    app = asok_app(tmp_path, {"/": "{{ component('Wall') }}"})
    async with rig(app) as served:
        slow, quick = await served.tab(), await served.tab()
        slow.socket.transport.pause_reading()
        for number in range(1, 31):
            app.push("wall", number)
            await quick.shows(f"{number:05},")
        slow.socket.transport.resume_reading()
        await slow.shows("00030,")
        assert len(slow.frames) < 25


async def test_a_line_that_is_far_behind_says_once_that_it_loses_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("asok.lines.MOST_NEWS", 3)
    runs, goes_on = asyncio.Event(), asyncio.Event()

    class Behind(Component):
        heard = ""
        template = "<p>{{ heard }}</p>"

        @exposed
        async def wait(self) -> None:
            runs.set()
            await goes_on.wait()

        @on("news", "more")
        def hear(self, message: str) -> None:
            self.heard += message

    app = asok_app(tmp_path, {"/": "{{ component('Behind') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "wait")
        await runs.wait()
        for letter in "abcdefgh":
            app.push("news", letter)
        await until(lambda: "behind by 3 messages" in caplog.text)
        goes_on.set()
        await tab.shows("abc")
        app.push("news", "!")
        await tab.shows("abc!")
    assert caplog.text.count("behind by") == 1


class Looking(Component):
    told: str = ""
    template = "<p>{{ told }}</p>"

    @exposed
    def look(self) -> None:
        data = self.event.data
        self.told = f"{data['value']} at {data['x']},{data['y']} on {self.event.target.id}"
        self.app.push("looked", self.told)

    @on("looked")
    def looked(self, told: str) -> None:
        self.told = f"heard {told}"


async def test_a_method_sees_all_the_data_of_its_event_and_its_app(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Looking') }}"})) as served:
        tab = await served.tab()
        await tab.event("look", {"value": "v", "type": "click", "target": {"tag": "p", "id": "a"}, "x": 3, "y": 0})
        await tab.shows("heard v at 3,0 on a")


async def test_a_message_settles_no_event_whose_effects_are_still_on_their_way(tmp_path: Path) -> None:
    began, go, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Outrun(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        async def add(self) -> None:
            began.set()
            await go.wait()
            self.count += 1
            self.announce("added")

        @on("outrun")
        def hear(self) -> None:
            heard.set()

    app = asok_app(tmp_path, {"/": "{{ component('Outrun') }}"})
    async with rig(app) as served:
        person = await served.visitor()
        lost = await person.tab()
        await lost.send("event", lost.only, 1, "add")
        await began.wait()
        back = await person.connect()
        back.name = lost.name
        await back.join([lost.shown[lost.only].token], lost.csrf)
        app.push("outrun")
        await heard.wait()
        go.set()
        await lost.settled(lost.only, 1)
        app.push("outrun")
        while back.text() != '<p data-live="0">1</p>':
            await back.receive()
        assert back.shown[back.only].settled == 0
        for seq in (1, 2):  # what it was not told of, the browser sends again
            answer = await back.event("add", seq=seq)
            assert (answer[0], answer[2], answer[5]) == ("update", seq, [["announce", "added", False]])
        assert back.text() == '<p data-live="0">2</p>'


async def test_who_was_told_that_more_is_settled_goes_on_behind_that(tmp_path: Path) -> None:
    class Ahead(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def add(self) -> None:
            self.count += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Ahead') }}"})) as served:
        person = await served.visitor()
        lost = await person.tab()
        back = await person.connect()
        back.name = lost.name
        await back.join([lost.shown[lost.only].token], lost.csrf)
        assert (await back.event("add", seq=1))[2] == 1
        for seq in (1, 2, 3):  # the server has taken them all, and no answer has come
            await lost.event("add", seq=seq)
        assert (await back.event("add", seq=2))[2] == 3
        assert (await back.event("add", seq=4))[0] == "update"
        assert back.text() == "<p>4</p>"


async def test_a_message_counts_once_though_the_old_connection_has_not_noticed_its_end(tmp_path: Path) -> None:
    class Doubled(Component):
        words: list[str] = []
        long: list[str] = []
        template = "<p>{{ words|join(' ') }}, {{ long|join(' ') }}</p>"

        @on("said")
        def hear(self, word: str) -> None:
            self.words = [*self.words, word]

        @on("said", "sung")
        def hear_long(self, word: str) -> None:
            if word == "no":
                raise ValueError(word)
            self.long = [*self.long, word]

    app = asok_app(tmp_path, {"/": "{{ component('Doubled') }}"})
    async with rig(app) as served:
        person = await served.visitor()
        lost = await person.tab()
        back = await person.connect()
        back.name = lost.name
        await back.join([lost.shown[lost.only].token], lost.csrf)
        for topic, word in (("said", "one"), ("said", "no"), ("sung", "two"), ("said", "three")):
            app.push(topic, word)
        for tab in (back, lost):
            await tab.shows("three, one two three")
        assert "one no three, one two three" in (await person.open()).text
        assert back.text() == '<p data-live="0">one no three, one two three</p>'
