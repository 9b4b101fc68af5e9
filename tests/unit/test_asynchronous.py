"""Values that come later: side by side, anew, instead of each other; and what becomes of them when a page goes."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asok import Async, Component, Denied, async_, exposed
from asok.errors import ComponentError, FieldError
from asok.testing import LiveClient, Page, Refused
from tests.rig import asok_app, rig
from tests.unit.waiting import Refusing, until


class Gates:
    """What a value waits for, by its name; tests open them one after the other."""

    def __init__(self) -> None:
        self.events: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.ended: list[str] = []

    async def through(self, name: str) -> None:
        self.begun.append(name)
        try:
            await self.events.setdefault(name, asyncio.Event()).wait()
        finally:
            self.ended.append(name)

    def open(self, name: str) -> None:
        self.events.setdefault(name, asyncio.Event()).set()


gates = Gates()


class Reading(msgspec.Struct):
    degrees: float
    at: str = "noon"


class Forecast(Component):
    city: str = "Oslo"
    template = """<section>{% for each in (warm, wind, air) %}<p>{{ "…" if each.loading }}{{ each.value.degrees
        if each.value.degrees is defined else each.value if each.ready }}{{ " !" ~ each.error if each.error }}</p>
        {% endfor %}<form ws-submit="choose"><input name="city"></form>
        <button id="again" ws-click="again">Again</button><button id="move" ws-click="move">Move</button>
        <i>{{ city }}</i></section>"""

    @async_
    async def warm(self) -> Reading:
        await gates.through(f"warm {self.city}")
        return Reading(3.5)

    @async_
    async def wind(self) -> str:
        await gates.through(f"wind {self.city}")
        return f"west of {self.city}"

    async def find_air(self) -> int:
        await gates.through("air")
        raise ConnectionError("no answer")

    air: Async[int] = async_(find_air)

    @exposed
    def choose(self, city: str) -> None:
        self.city = city
        self.wind.reload()

    @exposed
    async def move(self) -> None:
        await gates.through("move")
        self.choose("Rome")

    @exposed
    def again(self) -> None:
        self.air.reload()


@pytest.fixture(autouse=True)
def new_gates() -> None:
    gates.events.clear()
    gates.begun.clear()
    gates.ended.clear()


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveClient]:
    pages = {"/": "{{ component('Forecast') }}", "/none": "none"}
    async with LiveClient(asok_app(tmp_path, pages, debug=True)) as live:
        yield live


@pytest.fixture
async def tab(live: LiveClient) -> Page:
    return await live.open("/")


AIR = "!Forecast.air raised ConnectionError: no answer"

# ---- how they come


async def test_values_begin_together_and_each_is_shown_when_it_is_there(tab: Page) -> None:
    await tab.shows("p", "…", "…", "…")
    await until(lambda: len(gates.begun) == 3)
    gates.open("wind Oslo")
    await tab.shows("p", "…", "west of Oslo", "…")
    gates.open("air")
    await tab.shows("p", "…", "west of Oslo", AIR)
    gates.open("warm Oslo")
    await tab.shows("p", "3.5", "west of Oslo", AIR)


async def test_a_value_that_has_come_is_state_and_is_not_asked_for_again(tab: Page) -> None:
    for name in ("warm Oslo", "wind Oslo", "air"):
        gates.open(name)
    await tab.shows("p", "3.5", "west of Oslo", AIR)
    gates.begun.clear()
    await tab.reload()
    assert tab.all("p")[:2] == ["3.5", "west of Oslo"]
    await tab.reconnect()
    await tab.settled()
    assert not {"warm Oslo", "wind Oslo"} & set(gates.begun)


async def test_what_failed_is_tried_again_when_the_page_is_loaded_again(tab: Page) -> None:
    gates.open("air")
    await tab.shows("p", "…", "…", AIR)
    gates.events.clear()
    await tab.reload()
    await until(lambda: gates.begun.count("air") == 2)


async def test_in_production_an_error_is_a_code(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gates.open("air")
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Forecast') }}"})) as live:
        page = await live.open("/")
        await page.shows("p", "…", "…", "!failed")
    assert "Forecast.air raised ConnectionError: no answer" in caplog.text


async def test_a_plain_def_runs_in_a_thread_and_a_refusal_keeps_its_code(live: LiveClient) -> None:
    class Both(Component):
        template = "<div><p>{{ where.value }}</p><p>{{ secret.error }}</p></div>"

        @async_
        def where(self) -> bool:
            return threading.current_thread() is threading.main_thread()

        @async_(timeout=5)
        async def secret(self) -> str:
            raise Denied("the vault is closed")

    page = await live.mount(Both)
    await page.shows("p", "False", "the vault is closed")


async def test_one_that_takes_too_long_says_so(live: LiveClient) -> None:
    class Slow(Component):
        template = "<p>{{ report.error }}</p>"

        @async_(timeout=0.01)
        async def report(self) -> str:
            await asyncio.Event().wait()
            return ""

    page = await live.mount(Slow)
    await page.shows("p", "Slow.report ran longer than 0.01 s and was cut; allow more with @async_(timeout=0.02)")


async def test_load_reads_values_and_they_read_what_load_has_set(live: LiveClient) -> None:
    class Loaded(Component):
        template = "<p>{{ word.value }} {{ loud }}</p>"

        @async_
        async def word(self) -> str:
            return f"quiet {self.base}"

        def load(self) -> None:
            self.base = "word"
            self.loud = (self.word.value or "").upper()

    page = await live.mount(Loaded)
    await page.shows("p", "quiet word QUIET WORD")


async def test_a_stateless_component_has_them_too(live: LiveClient) -> None:
    class Free(Component):
        stateless = True
        template = "<p>{{ n.value }}</p>"

        @async_
        async def n(self) -> int:
            return 7

    page = await live.mount(Free)
    await page.shows("p", "7")


async def test_updated_hears_of_a_value(live: LiveClient) -> None:
    class Watching(Component):
        seen: list[str] = []
        template = "<p>{{ seen | join }}</p>"

        @async_
        async def n(self) -> int:
            return 7

        def updated(self, changed: frozenset[str]) -> None:
            self.seen = [*self.seen, *sorted(changed)]

    page = await live.mount(Watching)
    await page.shows("p", "n")


# ---- anew


async def test_the_old_value_stays_while_a_new_one_is_found(tab: Page) -> None:
    gates.open("wind Oslo")
    await tab.shows("p", "…", "west of Oslo", "…")
    await tab.fill("input", "Rome")
    await tab.submit()
    await tab.shows("p", "…", "…west of Oslo", "…")
    gates.open("wind Rome")
    await tab.shows("p", "…", "west of Rome", "…")


async def test_what_was_on_its_way_is_ended_and_never_shown(tab: Page) -> None:
    await until(lambda: "wind Oslo" in gates.begun)
    await tab.fill("input", "Rome")
    await tab.submit()
    await until(lambda: gates.ended == ["wind Oslo"])
    gates.open("wind Oslo")
    gates.open("wind Rome")
    await tab.shows("p", "…", "west of Rome", "…")
    assert gates.begun.count("warm Oslo") == 1


async def test_what_came_while_a_method_asked_for_something_else_is_never_shown(tab: Page) -> None:
    moving = asyncio.create_task(tab.click("#move"))
    await until(lambda: {"move", "wind Oslo"} <= set(gates.begun))
    gates.open("wind Oslo")
    await until(lambda: "wind Oslo" in gates.ended)
    gates.open("move")
    await moving
    gates.open("wind Rome")
    await tab.shows("p", "…", "west of Rome", "…")
    assert not [patch for patch in tab.patches if "west of Oslo" in str(patch.html)]


async def test_an_error_goes_when_it_is_tried_again(tab: Page) -> None:
    gates.open("air")
    await tab.shows("p", "…", "…", AIR)
    gates.events.clear()
    await tab.click("#again")
    await tab.until(lambda: tab.all("p")[2].startswith("…"))
    gates.open("air")
    await tab.shows("p", "…", "…", AIR)


async def test_an_event_meanwhile_is_answered_and_begins_nothing_twice(tab: Page) -> None:
    await until(lambda: len(gates.begun) == 3)
    await tab.fill("input", "Oslo")
    await tab.submit()
    await tab.submit()
    await until(lambda: gates.begun.count("wind Oslo") == 3)
    assert (gates.begun.count("warm Oslo"), gates.begun.count("air")) == (1, 1)


async def test_a_method_that_fails_begins_nothing_anew(live: LiveClient) -> None:
    class Failing(Component):
        template = "<div><p>{{ n.loading }} {{ n.value }}</p><button ws-click='fail'>Fail</button></div>"

        @async_
        async def n(self) -> int:
            gates.begun.append("n")
            return 7

        @exposed
        def fail(self) -> None:
            self.n.reload()
            raise RuntimeError

    page = await live.mount(Failing)
    await page.shows("p", "False 7")
    with pytest.raises(Refused):
        await page.click("button")
    await page.settled()
    assert gates.begun == ["n"]


# ---- what comes between


async def test_when_the_page_goes_the_work_is_cancelled(tab: Page) -> None:
    await until(lambda: len(gates.begun) == 3)
    await tab.close()
    await until(lambda: sorted(gates.ended) == ["air", "warm Oslo", "wind Oslo"])


async def test_loading_begins_again_after_a_lost_connection(tab: Page) -> None:
    await until(lambda: len(gates.begun) == 3)
    await tab.reconnect()
    gates.open("wind Oslo")
    await tab.shows("p", "…", "west of Oslo", "…")


async def test_loading_begins_again_in_another_process_and_after_a_reload(tmp_path: Path) -> None:
    database = str(tmp_path / "sessions.db")
    apps = [asok_app(tmp_path, {"/": "{{ component('Forecast') }}"}, database=database) for _ in range(2)]
    async with rig(apps[0]) as first:
        visitor = await first.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        assert ">…<" in await tab.text_after("choose('Rome')")
        await until(lambda: gates.begun.count("wind Rome") == 1)
    async with rig(apps[1]) as second:
        again = await second.visitor()
        again.http.cookies = visitor.http.cookies
        back = await again.connect()
        back.shown = tab.shown
        await back.join([tab.shown[tab.only].token], page.csrf)
        await until(lambda: gates.begun.count("wind Rome") == 2)
        gates.open("wind Rome")
        await back.shows("west of Rome")
        assert "west of Rome" in (await again.open()).text


async def test_a_value_that_met_a_busy_store_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.lines.AGAIN", 0.05)
    backend = Refusing(1, busy=True)
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Forecast') }}"}, backend=backend)) as live:
        page = await live.open("/")
        backend.armed = True
        gates.open("wind Oslo")
        await page.shows("p", "…", "west of Oslo", "…")
        assert backend.refused == 1


async def test_a_child_with_new_arguments_finds_its_values_anew(live: LiveClient) -> None:
    class Atlas(Component):
        city: str = "Oslo"
        template = """<main><button id="go" ws-click="go">Go</button>{{ component('Forecast', city=city) }}</main>"""

        @exposed
        def go(self) -> None:
            self.city = "Rome"

    gates.open("wind Oslo")
    page = await live.mount(Atlas)
    await page.until(lambda: page.all("p")[1] == "west of Oslo")
    await page.click("#go")
    await page.until(lambda: page.all("p")[1] == "…west of Oslo" and page.text("i") == "Rome")
    gates.open("wind Rome")
    await page.until(lambda: page.all("p")[1] == "west of Rome")


async def test_what_is_lazy_finds_nothing_before_it_is_there(live: LiveClient) -> None:
    class Later(Component):
        template = "<main>{{ component('Slow', lazy='visible') }}</main>"

    class Slow(Component):
        template = "<p>{{ n.value }}</p>"

        @async_
        async def n(self) -> int:
            gates.begun.append("n")
            return 7

    page = await live.mount(Later)
    await page.settled()
    assert not gates.begun
    await page.join()
    await page.shows("p", "7")
    assert gates.begun == ["n"]


async def test_a_component_joins_without_an_event_only_while_it_waits_for_something(live: LiveClient) -> None:
    class One(Component):
        template = "<p>{{ n.value }}</p>"

        @async_
        async def n(self) -> int:
            return 7

    page = await live.mount(One)
    await page.shows("p", "7")
    path = page.url.removeprefix("http://localhost")
    assert "data-live=" not in (await live.http.get(path)).text.partition("<body>")[2]
    assert "data-live=" in (await live.another().http.get(path)).text.partition("<body>")[2]


# ---- what cannot be


class Odd(Component):
    kind: str = ""
    template = "<p>{{ n.error }}</p>"

    @async_
    async def n(self) -> int:
        match self.kind:
            case "sets":
                self.kind = "other"
            case "asks":
                self.focus("p")
            case "emits":
                self.emit("x")
            case "pushes":
                await self.push()
        return "seven" if self.kind == "type" else 7  # type: ignore[return-value]  # that is what is tried


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("sets", "Odd.n has set or asked for something, which nobody would keep"),
        ("asks", "Odd.n has set or asked for something"),
        ("emits", "Odd.emit in what finds an async_ value would reach no open page"),
        ("pushes", "in what finds an async_ value would reach no open page"),
        ("type", "Odd.n is declared as Async[int] and cannot hold"),
    ],
)
async def test_one_that_does_more_than_find_a_value_says_so(live: LiveClient, kind: str, said: str) -> None:
    page = await live.mount(Odd, kind=kind)
    await page.until(lambda: said in page.text("p"))


async def test_a_value_that_cannot_be_shown_becomes_an_error(live: LiveClient) -> None:
    class Huge(Component):
        template = "<p>{{ 'error' if big.error }}{{ '…' if big.loading }} {{ small.value }}</p>"

        @async_
        async def big(self) -> str:
            return "x" * 100_000

        @async_
        async def small(self) -> int:
            return 7

    page = await live.mount(Huge)
    await page.shows("p", "error 7")
    assert "makes a token of" in str(page.errors)


def test_a_field_says_what_it_holds() -> None:
    with pytest.raises(FieldError, match="say what it returns, as in async def untyped"):

        class A(Component):
            @async_
            async def untyped(self): ...  # type: ignore[no-untyped-def]  # that is what is tried

    async def find(self: Any) -> int:
        return 7

    with pytest.raises(FieldError, match=re.escape("async_(find) makes an Async[int], and is declared as int")):

        class B(Component):
            n: int = async_(find)  # type: ignore[assignment]  # that is what is tried

    with pytest.raises(FieldError, match=re.escape("C.n is an Async that nothing finds; make it with async_(")):

        class C(Component):
            n: Async[int] = Async(value=3)


def test_only_a_method_that_takes_nothing_and_returns_can_find_a_value() -> None:
    def steps(self: Any) -> Any:
        yield 1

    def two(self: Any, other: int) -> int:
        return other

    for function, said in ((steps, "it yields"), (two, "is called with the component alone"), (7, "a plain method")):
        with pytest.raises(ComponentError, match=said):
            async_(function)  # type: ignore[arg-type]  # that is what is tried


class Forger(Component):
    template = "<p>{{ found.error }}</p>"

    @async_
    async def found(self) -> str:
        raise ValueError("no\nwarning: all is lost")


async def test_what_it_raises_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Forger') }}"})) as live:
        await (await live.open("/")).shows("p", "failed")
    assert [each for each in caplog.messages if "all is lost" in each and "\n" not in each]
