"""Error boundaries: where a component fails, the rest of the page lives."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from starlette.exceptions import HTTPException

from asok import Component, Denied, Limits, exposed, on, private
from asok.component import definition_of, registry
from asok.testing import LiveClient
from tests.rig import asok_app, rig

BODY = "<h1>page</h1>{{ component('Fails') }}{{ component('Fine') }}"


class Fine(Component):
    count: int = 0
    template = '<button class="fine" ws-click="add">{{ count }}</button>'

    @exposed
    def add(self) -> None:
        self.count += 1


def raising(error: BaseException) -> Callable[..., Any]:
    def hook(self: Any, *args: Any) -> Any:
        raise error

    return hook


async def raising_later(self: Any) -> None:
    await asyncio.sleep(0)
    raise ValueError("no such thing")


WAYS: dict[str, dict[str, Any]] = {
    "mount": {"mount": raising(ValueError("no such thing"))},
    "in two lines": {"mount": raising(ValueError("no such thing\nwarning: all is lost"))},
    "exit": {"mount": raising(SystemExit(1))},
    "a task of somebody else": {"mount": raising(asyncio.CancelledError())},
    "load": {"load": raising(ValueError("no such thing"))},
    "load later": {"load": raising_later},
    "render": {"render": raising(ValueError("no such thing"))},
    "template": {"template": "<p>{{ this.nothing.at_all }}</p>"},
    "no template": {"template": None},
    "no text": {"render": lambda self: 3},
    "property": {"template": "<p>{{ broken }}</p>", "broken": property(raising(ValueError("no such thing")))},
    "state": {"load": lambda self: setattr(self, "number", object()), "number": 0},
    "missing argument": {"__annotations__": {"number": int}},
    "key": {"template": "<p>{{ component('Fine', key=1) }}{{ component('Fine', key=1) }}</p>"},
    "unknown child": {"template": "<p>{{ component('Fien') }}</p>"},
    "recursion": {"load": lambda self: self.load()},
}


@pytest.fixture(autouse=True)
def fine() -> None:
    registry.add(definition_of(Fine))


def fails(way: str) -> None:
    type("Fails", (Component,), {"template": "<p>shown</p>", "__module__": __name__, **WAYS[way]})


@pytest.mark.parametrize("way", WAYS)
async def test_wherever_a_component_fails_the_page_lives(tmp_path: Path, way: str, caplog: Any) -> None:
    fails(way)
    async with LiveClient(asok_app(tmp_path, {"/": BODY})) as live:
        page = await live.open("/")
        assert page.text("h1") == "page"
        assert page.text(".asok-error p") == "This part of the page cannot be shown just now."
        await page.click(".fine")
        assert page.text(".fine") == "1"
    lines = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(lines) == 1 and "Fails" in lines[0].message and "\n" not in lines[0].message
    assert not lines[0].exc_info


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("mount", "Fails.mount raised ValueError: no such thing"),
        ("load later", "Fails.load raised ValueError: no such thing"),
        ("template", "Fails.render raised UndefinedError"),
        ("missing argument", "Fails.number has no default"),
        ("unknown child", "did you mean 'Fine'"),
        ("state", "declared as int and cannot hold"),
    ],
)
async def test_in_development_it_says_what_was_raised_and_where(
    tmp_path: Path, way: str, words: str, caplog: Any
) -> None:
    fails(way)
    async with LiveClient(asok_app(tmp_path, {"/": BODY}, debug=True)) as live:
        told = (await live.open("/")).text(".asok-error")
    assert words in told
    if way in ("mount", "load later"):
        assert f"{Path(__file__).name}:" in told
    assert [each for each in caplog.records if each.exc_info and words in each.message]


async def test_what_is_shown_of_an_error_is_text(tmp_path: Path) -> None:
    type("Fails", (Component,), {"template": "<p></p>", "load": raising(ValueError("<script>alert(1)</script>"))})
    async with LiveClient(asok_app(tmp_path, {"/": BODY}, debug=True)) as live:
        page = await live.open("/")
        assert not page.exists("script:not([src])")
        assert "<script>alert(1)" in page.text("pre")


async def test_a_class_and_a_project_may_say_it_in_their_own_words(tmp_path: Path) -> None:
    own = {
        "template": "<p></p>",
        "load": raising(ValueError("x")),
        "error_template": "<p class=own>sorry {{ error }}</p>",
    }
    type("Fails", (Component,), own)
    type("Broken", (Component,), {**own, "error_template": "{{ nothing.at_all }}"})
    (tmp_path / "templates" / "asok").mkdir(parents=True)
    (tmp_path / "templates" / "asok" / "error.html").write_text("<p class=project>the project is sorry</p>")
    async with LiveClient(asok_app(tmp_path, {"/": BODY + "{{ component('Broken') }}"})) as live:
        page = await live.open("/")
        assert page.text(".own") == "sorry"
        assert page.text(".project") == "the project is sorry"


async def test_a_page_of_one_component_has_nothing_that_could_live_on(tmp_path: Path) -> None:
    fails("load")
    app = asok_app(tmp_path)
    app.page("/", registry.find("Fails").cls)
    async with rig(app) as served:
        assert (await (await served.visitor()).http.get("/")).status_code == 500


@pytest.mark.parametrize(("error", "status"), [(Denied("this"), 403), (HTTPException(404), 404)])
async def test_a_component_of_the_page_may_answer_for_it_and_one_inside_of_another_may_not(
    tmp_path: Path, error: Exception, status: int
) -> None:
    type("Fails", (Component,), {"template": "<p></p>", "guard": raising(error)})
    type("Around", (Component,), {"template": "<div>{{ component('Fails') }}</div>"})
    app = asok_app(tmp_path, {"/": BODY, "/inside": "{{ component('Around') }}{{ component('Fine') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        assert (await visitor.http.get("/")).status_code == status
        answer = await visitor.http.get("/inside")
        assert answer.status_code == 200
        assert "cannot be shown" in answer.text


# ---- live


class Kid(Component):
    value: int = 0
    clicks: int = 0
    secret: int = private(0)
    template = '<p class="kid">{{ 6 // value }} <button id="hit" ws-click="hit">{{ clicks }}</button></p>'

    @exposed
    def hit(self) -> None:
        self.clicks += 1


class Parent(Component):
    value: int = 3
    template = """<div>{{ component('Kid', value=value) }}{{ component('Fine') }}
    <button id="down" ws-click="down">{{ value }}</button></div>"""

    @exposed
    def down(self) -> None:
        self.value -= 1
        if self.value < 0:
            self.value = 2


@pytest.fixture
def parent() -> type[Component]:
    registry.add(definition_of(Kid))
    registry.add(definition_of(Parent))
    return Parent


async def test_a_child_that_fails_in_a_live_rendering_recovers_with_other_arguments_and_its_state(
    parent: type[Component],
) -> None:
    async with LiveClient() as live:
        page = await live.mount(parent)
        await page.click("#hit")
        await page.click(".fine")
        for _ in range(3):
            await page.click("#down")
        assert "ZeroDivisionError" in page.text(".asok-error")
        assert (page.text("#down"), page.text(".fine")) == ("0", "1")
        await page.click(".fine")
        await page.click("#down")
        assert (page.text(".kid"), page.text(".fine")) == ("3 1", "2")
        await page.click("#hit")
        assert page.text("#hit") == "2"


async def test_an_argument_that_nothing_carries_takes_nobody_along_and_is_named() -> None:
    class GivesAnObject(Component):
        template = "<p>{{ component('Fine', count=this.row) }}</p>"
        row = property(lambda self: object())

    class AroundIt(Component):
        template = "<main><h1>page</h1>{{ component('GivesAnObject') }}</main>"

    async with LiveClient() as live:
        page = await live.mount(AroundIt)
        assert page.text("h1") == "page"
        said = "component('Fine', count=…): nothing carries a object to the browser and back; give plain values"
        assert said in page.text(".asok-error")


async def test_a_child_that_failed_hears_again_once_it_has_recovered(parent: type[Component]) -> None:
    class Hears(Component):
        good: bool = True
        heard: int = 0
        template = "<p class='heard'>{{ 1 // good }} {{ heard }}</p>"

        @on("tick")
        def tick(self) -> None:
            self.heard += 1

    class Around(Component):
        good: bool = True
        template = """<div>{{ component('Hears', good=good) }}
        <button id="turn" ws-click="turn">turn</button><button id="tell" ws-click="tell">tell</button></div>"""

        @exposed
        def turn(self) -> None:
            self.good = not self.good

        @exposed
        def tell(self) -> None:
            self.app.push("tick")

    assert issubclass(Hears, Component)
    async with LiveClient() as live:
        page = await live.mount(Around)
        await page.click("#tell")
        await page.shows(".heard", "1 1")
        await page.click("#turn")
        await page.click("#tell")
        await page.settled()
        assert page.exists(".asok-error")
        await page.click("#turn")
        await page.click("#tell")
        await page.until(lambda: page.text(".heard") in ("1 2", "1 3"))


async def test_the_button_in_it_tries_again(parent: type[Component]) -> None:
    async with LiveClient() as live:
        page = await live.mount(parent, value=1)
        await page.click("#hit")
        await page.click("#down")
        await page.click(".asok-error button")
        assert "ZeroDivisionError" in page.text(".asok-error")
        source, Kid.template = Kid.template, "<p class='kid'>mended {{ clicks }}</p>"
        try:
            await page.click(".asok-error button")
        finally:
            Kid.template = source
        assert page.text(".kid") == "mended 1"


async def test_what_failed_on_the_page_is_tried_again_without_a_complaint(tmp_path: Path) -> None:
    broken, loads = [True], [0]

    def load(self: Any) -> None:
        loads[0] += 1
        if broken[0]:
            raise ValueError("not yet")

    type("Fails", (Component,), {"template": "<p class='mended'>fine</p>", "load": load})
    async with LiveClient(asok_app(tmp_path, {"/": BODY})) as live:
        page = await live.open("/")
        await page.join()
        assert loads == [1]  # a connection alone is no reason
        for _ in range(2):
            await page.click(".asok-error button")
        assert loads == [3]
        broken[0] = False
        page = await live.open("/")
        assert page.exists(".mended")
        broken[0] = True
        page = await live.open("/")
        broken[0] = False
        await page.click(".asok-error button")
        assert page.text(".mended") == "fine"
        assert not page.errors


async def test_a_child_that_fails_at_its_own_event_keeps_what_it_showed(parent: type[Component]) -> None:
    class Moody(Component):
        good: bool = True
        template = '<p><button ws-click="sulk">{{ 1 // good }}</button></p>'

        @exposed
        def sulk(self) -> None:
            self.good = False

    async with LiveClient(raise_refused=False) as live:
        page = await live.mount(Moody)
        await page.click("button")
        assert page.text("button") == "1"
        assert "ZeroDivisionError" in str(page.errors[-1])


async def test_a_parent_that_shows_a_child_that_fails_is_shown_and_counts(parent: type[Component]) -> None:
    async with LiveClient() as live:
        page = await live.mount(parent, value=1)
        await page.click("#down")
        assert page.text("#down") == "0"
        await page.reload()
        assert page.text("#down") == "0"
        assert page.exists(".asok-error")


async def test_a_child_that_hangs_does_not_hold_the_page(tmp_path: Path) -> None:
    class Hangs(Component):
        template = "<p></p>"

        async def load(self) -> None:
            await asyncio.Event().wait()

    class Opens(Component):
        there: bool = False
        template = """<div><button id="open" ws-click="open">{{ there }}</button>
        {% if there %}{{ component('Hangs') }}{% endif %}</div>"""

        @exposed
        def open(self) -> None:
            self.there = True

    assert issubclass(Hangs, Component)
    app = asok_app(tmp_path, limits=Limits(handler_timeout=0.05))
    async with LiveClient(app) as live:
        page = await live.mount(Opens)
        await page.click("#open")
        assert page.text("#open") == "True"
        assert page.exists(".asok-error")


@pytest.mark.parametrize(
    ("template", "stands"),
    [
        ("<tr><td>{{ 1 // zero }}</td></tr>", "<tr><td>{}</td></tr>"),
        (
            "{# a row #}\n{% if zero %}{% endif %}<!-- of many --><TR><td>{{ 1 // zero }}</td></TR>",
            "<tr><td>{}</td></tr>",
        ),
        ("<th>{{ 1 // zero }}</th>", "<td>{}</td>"),
        ("<tbody><tr><td>{{ 1 // zero }}</td></tr></tbody>", "<tbody><tr><td>{}</td></tr></tbody>"),
        ("<track>{{ 1 // zero }}", "{}"),
        ("{% set a = 1 %}" * 50 + "<li>{{ 1 // zero }}</li>", "{}"),
        ("<li>{{ 1 // zero }}</li>", "{}"),
    ],
)
async def test_what_stands_in_for_a_row_is_one(template: str, stands: str, tmp_path: Path) -> None:
    class Divides(Component):
        zero: int = 0
        template = "<p></p>"

    Divides.template = template
    Divides.error_template = "<b>no</b>"
    async with LiveClient(asok_app(tmp_path, {"/": "<i>{{ component('Divides') }}</i>"})) as live:
        page = await live.open("/")
        assert stands.format("<b>no</b>") in re.sub(' data-asok-state="[^"]*"', "", page.html())
        Divides.error_template = "<tr><td>a row</td></tr>"
        page = await live.open("/")
        assert "<b>" not in page.html() and "<td>a row</td></tr>" in page.html()


async def test_what_stands_in_for_a_row_that_is_a_file_is_one(tmp_path: Path) -> None:
    from_file = tmp_path / "src/components"
    from_file.mkdir(parents=True)
    (from_file / "FiledRow.py").write_text("from asok import Component\n\n\nclass FiledRow(Component):\n    pass\n")
    (from_file / "filed_row.html").write_text("<tr><td>later</td></tr>")
    app = asok_app(tmp_path, {"/": "<table>{{ component('FiledRow', lazy='visible') }}</table>"})
    async with LiveClient(app) as live:
        page = await live.open("/")
        assert page.text("table > tr > td") == "Loading…"


class Portion(Component):
    """Fails without guests, and can be asked to take a while."""

    guests: int
    done: int = 0
    template = "<p>{{ 12 // guests }} {{ done }}{% if done > 9 %}{{ component('Fine') }}{% endif %}</p>"
    gate: ClassVar[asyncio.Event]

    @exposed
    async def eat(self) -> None:
        await self.gate.wait()
        self.done += 1

    @exposed
    async def eat_slowly(self) -> AsyncIterator[None]:
        await self.gate.wait()
        self.done += 1
        yield
        self.done += 1

    @exposed
    async def eat_all(self) -> AsyncIterator[None]:
        await self.gate.wait()
        self.done = 10
        yield


class Meal(Component):
    guests: int = 1
    template = "<div>{% if guests < 9 %}{{ component('Portion', guests=guests) }}{% endif %}</div>"

    @exposed
    def have(self, guests: int) -> None:
        self.guests = guests


@pytest.mark.parametrize("call", ["eat", "eat_slowly"])
@pytest.mark.parametrize("first", [True, False])
async def test_a_boundary_that_comes_while_an_event_runs_stays_until_there_are_other_arguments(
    tmp_path: Path, call: str, first: bool
) -> None:
    Portion.gate = asyncio.Event()
    async with rig(asok_app(tmp_path, {"/": "{{ component('Meal') }}"})) as served:
        tab = await served.tab()
        parent, child = tab.shown
        if not first:
            Portion.gate.set()
            assert await tab.text_after("eat", instance=child) == "<p>12 1</p>"
            Portion.gate.clear()
        seq, done = tab.shown[child].last + 1, 1 + (not first) + (call == "eat_slowly")
        await tab.send("event", child, seq, call)
        tab.shown[child].last = seq
        await tab.event("have(0)", instance=parent)
        Portion.gate.set()
        await tab.settled(child, seq)
        assert "cannot be shown" in tab.text(child)
        await tab.event("have(2)", instance=parent)
        assert tab.text(child) == f"<p>6 {done}</p>"
        assert await tab.text_after("eat", instance=child) == f"<p>6 {done + 1}</p>"


@pytest.mark.parametrize("guests", [0, 9], ids=["fails", "leaves"])
async def test_no_children_come_for_what_is_not_shown_when_its_event_has_run(tmp_path: Path, guests: int) -> None:
    Portion.gate = asyncio.Event()
    async with rig(asok_app(tmp_path, {"/": "{{ component('Meal') }}"})) as served:
        tab = await served.tab()
        parent, child = tab.shown
        await tab.send("event", child, 1, "eat_all")
        await tab.event(f"have({guests})", instance=parent)
        if guests:
            await tab.send("leave", child)
            await tab.event("have(9)", instance=parent)
        Portion.gate.set()
        if not guests:
            await tab.settled(child, 1)
        for _ in range(5):  # of one that has left, nothing tells when its method has ended
            await tab.event(f"have({guests})", instance=parent)
        assert {frame[1] for frame in tab.frames if frame[0] == "update"} <= {parent, child}
