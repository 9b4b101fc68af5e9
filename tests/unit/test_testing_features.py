"""All that a page can do, tried without a browser: events, models, questions, what comes into view, results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from asok import Component, Stream, async_, bind, exposed, on
from asok.testing import LiveClient, MissingElement, NotWired, Page, Refused, Unanswered, Unusable

LOG = "<output>{{ log | join(' ') }}</output>"


@pytest.fixture
async def live() -> AsyncIterator[LiveClient]:
    async with LiveClient() as client:
        yield client


class FeatureNotes(Component):
    """Writes down what was called."""

    log: list[str] = []

    @exposed
    def note(self, word: str) -> None:
        self.log = [*self.log, word]


class FeatureEvents(FeatureNotes):
    """Is called by events of many kinds."""

    template = (
        """<section>
      <div id="around" ws-click.capture="note('first')" ws-click.self="note('self')" ws-saved="note('saved')">
        <button id="in" ws-click="note('in')" ws-dblclick="note('double')">In</button>
      </div>
      <p id="out">Out</p>
      <i ws-click.outside="note('outside')" ws-resize.window="note('resized')"
        ws-keydown.document.escape="note('esc')"></i>
      <textarea ws-keydown.ctrl.enter="note('sent')" ws-focus="note('focus')" ws-blur="note('blur')"></textarea>
      <ul ws-shown.bs.modal="note('shown')" ws-focusin="note('came')"><li tabindex="0">Row</li></ul>
      <ol ws-pointerdown.once="note('down')"><li>Item</li></ol>
      """
        + LOG
        + "</section>"
    )

    @exposed
    def tell(self) -> None:
        self.dispatch("saved")


async def heard(page: Page) -> list[str]:
    return page.text("output").split()


@pytest.fixture
async def events(live: LiveClient) -> Page:
    return await live.mount(FeatureEvents)


async def test_an_event_goes_in_and_out_again_past_self_capture_and_outside(events: Page) -> None:
    await events.click("#in")
    assert await heard(events) == ["first", "in", "outside"]
    await events.click("#around")
    assert await heard(events) == ["first", "in", "outside", "first", "self", "outside"]


async def test_a_click_on_something_else_is_one_outside(events: Page) -> None:
    await events.click("#out")
    assert await heard(events) == ["outside"]


async def test_a_click_inside_is_not_one_outside(events: Page) -> None:
    with pytest.raises(NotWired, match=r"had a click, but ws-click\.outside did not hear it"):
        await events.click("i")


async def test_any_event_can_be_set_off_also_at_the_window(events: Page) -> None:
    await events.trigger("#in", "dblclick")
    await events.trigger("ul", "shown.bs.modal")
    await events.trigger("window", "resize")
    await events.trigger("#out", "keydown", key="Escape")
    assert await heard(events) == ["double", "shown", "resized", "esc"]
    with pytest.raises(NotWired, match="not wired for mouseover"):
        await events.trigger("#in", "mouseover")


async def test_keys_that_are_to_be_held_are(events: Page) -> None:
    await events.press("textarea", "Enter", keys="ctrl")
    assert (await heard(events))[-1] == "sent"


async def test_the_focus_comes_before_what_is_typed_and_goes_after_it(events: Page) -> None:
    await events.fill("textarea", "x")
    assert await heard(events) == ["focus", "blur"]
    await events.press("textarea", "y")
    assert events.has_focus("textarea")
    await events.click("ul li")
    assert await heard(events) == ["focus", "blur", "focus", "blur", "came", "outside"]
    assert events.has_focus("ul li")


async def test_a_mouse_button_goes_down_before_it_clicks(events: Page) -> None:
    await events.click("ol li")
    await events.click("ol li")
    assert await heard(events) == ["down", "outside", "outside"]


class FeatureModels(Component):
    """One bound field for each kind of control."""

    name: str = bind("Ada")
    age: int = bind(3)
    born: str = bind("")
    wanted: bool = bind(False)
    size: str = bind("S")
    colours: list[str] = bind([])
    extras: list[str] = bind([])
    kind: str = bind("a")
    note: str = bind("")
    later: str = bind("")
    secret: str = "no"
    template = """<form>
      <input id="name" ws-model.trim="name" value="{{ name }}">
      <input id="age" ws-model.number.debounce.200="age" value="{{ age }}">
      <input id="born" type="date" ws-model="born"><input id="wanted" type="checkbox" ws-model="wanted">
      <select id="size" ws-model="size"><option>S</option><option>M</option></select>
      <select id="colours" multiple ws-model="colours"><option>red</option><option>blue</option></select>
      <input class="x" type="checkbox" value="salt" ws-model="extras">
      <input class="x" type="checkbox" value="oil" ws-model="extras">
      <input type="radio" name="kind" value="a" ws-model="kind">
      <input type="radio" name="kind" value="b" ws-model="kind">
      <p id="note" contenteditable ws-model="note"></p><input id="later" ws-model.lazy="later">
      <input id="secret" ws-model="secret">
      <output>{{ [name, age, born, wanted, size, colours, extras, kind, note, later] }}</output>
      <button type="button" ws-click="clear">Clear</button></form>"""

    @exposed
    def clear(self) -> None:
        self.name = ""
        self.reset("name")


async def test_every_kind_of_control_keeps_its_field(live: LiveClient) -> None:
    page = await live.mount(FeatureModels)
    await page.fill("#name", "  Grace ")
    await page.fill("#age", "41")
    await page.fill("#born", "2026-01-02")
    await page.check("#wanted")
    await page.select("#size", "M")
    await page.select("#colours", "blue", "red")
    await page.check(".x[value=oil]")
    await page.check(".x[value=salt]")
    await page.check("[value=b]")
    await page.fill("#note", "Hello")
    await page.fill("#later", "soon")
    shown = ["Grace", 41, "2026-01-02", True, "M", ["red", "blue"], ["salt", "oil"], "b", "Hello", "soon"]
    assert page.text("output") == str(shown)
    assert page.value("#note") == "Hello"


async def test_a_lazy_model_waits_until_the_field_is_left(live: LiveClient) -> None:
    page = await live.mount(FeatureModels)
    await page.press("#later", "x")
    assert "'x'" not in page.text("output")
    await page.press("#later", "Tab")
    assert "'x'" in page.text("output")


async def test_a_field_that_is_not_bound_is_refused_and_what_was_typed_stays(live: LiveClient) -> None:
    page = await live.mount(FeatureModels)
    with pytest.raises(Refused, match="secret"):
        await page.fill("#secret", "yes")
    assert page.value("#secret") == "yes"


async def test_a_reset_clears_a_modelled_control(live: LiveClient) -> None:
    page = await live.mount(FeatureModels)
    await page.fill("#name", "Grace")
    await page.click("button")
    assert page.value("#name") == ""


class FeatureQuestions(Component):
    """Asks before it does something, and does something that can be stopped."""

    log: list[str] = []
    template = (
        """<section><button id="delete" ws-click="delete" ws-confirm="Delete it?">Delete</button>
      <form ws-submit="delete"><button ws-confirm="Send it?" ws-disable-with="Sending">Send</button>
        <button id="halt" ws-cancel>Halt</button></form>
      <button id="run" ws-click="start" ws-optimistic="class:busy">Run</button><button id="stop" ws-cancel>Stop</button>
      <p ws-loading hidden>Wait</p>"""
        + LOG
        + "</section>"
    )

    @exposed
    def delete(self) -> None:
        self.log = [*self.log, "deleted"]

    @exposed
    async def start(self) -> AsyncIterator[None]:
        self.log = ["running"]
        yield
        await asyncio.Event().wait()


async def test_what_asks_first_is_called_after_a_yes_only(live: LiveClient) -> None:
    page = await live.mount(FeatureQuestions)
    page.answers(confirm=lambda question: question == "Send it?")
    await page.click("#delete")
    assert page.text("output") == ""
    await page.click("[ws-disable-with]")
    assert page.text("output") == "deleted"
    assert page.asked == [["confirm", "Delete it?"], ["confirm", "Send it?"]]


async def test_a_question_that_nobody_answers_is_told(live: LiveClient) -> None:
    page = await live.mount(FeatureQuestions)
    with pytest.raises(Unanswered, match=r"nobody answers confirm\('Delete it\?'\); write page.answers\(confirm=…\)"):
        await page.click("#delete")


async def test_what_runs_is_stopped_and_nothing_of_it_is_kept(live: LiveClient) -> None:
    page = await live.mount(FeatureQuestions)
    running = asyncio.create_task(page.click("#run"))
    await page.shows("output", "running")
    await page.click("#stop")
    with pytest.raises(Refused, match="cancelled"):
        await running
    await page.shows("output", "")


async def test_a_button_that_stops_what_runs_does_not_send_its_form(live: LiveClient) -> None:
    page = await live.mount(FeatureQuestions)
    page.answers(confirm=True)
    await page.click("#halt")
    assert (page.text("output"), page.asked) == ("", [])


class FeatureTriggers(FeatureNotes):
    """Is called without a gesture."""

    rows: list[int] = []
    first: int = 0
    template = (
        """<section><p ws-init="note('init')"></p>{% if log|length == 2 %}<p ws-init="note('later')"></p>{% endif %}
      <i ws-poll="5s note('polled')"></i><b ws-poll="1m"></b>
      <ul>{% for row in rows %}<li>{{ row }}</li>{% endfor %}</ul>
      <button id="more" ws-visible="more">More</button><em ws-visible.once="note('seen')"></em>
      <ol ws-virtual="show" data-first="{{ first }}" data-total="500"><li>{{ first }}</li></ol>
      """
        + LOG
        + "</section>"
    )

    @exposed
    def more(self) -> None:
        self.rows = [*self.rows, len(self.rows)]

    @exposed
    def show(self, first: int) -> None:
        self.first = first


async def test_what_comes_is_called_with_the_page_and_later(live: LiveClient) -> None:
    page = await live.mount(FeatureTriggers)
    assert page.text("output") == "init"
    await page.poll("i")
    assert page.text("output") == "init polled later"
    await page.poll("b")


async def test_what_comes_into_view_is_called_each_time_or_once(live: LiveClient) -> None:
    page = await live.mount(FeatureTriggers)
    await page.scroll_to("#more")
    await page.scroll_to("#more")
    assert page.all("ul li") == ["0", "1"]
    await page.scroll_to("em")
    assert page.text("output") == "init seen later"
    with pytest.raises(NotWired, match="not wired for visible"):
        await page.scroll_to("em")


async def test_a_virtual_list_is_scrolled_to_a_row(live: LiveClient) -> None:
    page = await live.mount(FeatureTriggers)
    await page.scroll_to("ol", row=120)
    assert page.all("ol li") == ["120"]
    with pytest.raises(Unusable, match="has no row 500; it has 500"):
        await page.scroll_to("ol", row=500)
    with pytest.raises(Unusable, match="a virtual list has ws-virtual"):
        await page.scroll_to("ul", row=1)


class FeatureEffects(FeatureNotes):
    """Asks much of its page."""

    template = (
        """<section><input id="name" ws-focus="note('focus')" ws-blur="note('blur')"><b ws-visible="note('seen')">B</b>
      <button id="a" ws-click="go">Go</button><button id="c" ws-click="note('clicked')">C</button>
      <u ws-done.window="note('done')"></u><button id="lost" ws-click="lose">Lost</button>"""
        + LOG
        + "</section>"
    )

    @exposed
    def go(self) -> None:
        self.focus("#name")
        self.blur()
        self.click("#c")
        self.scroll_into_view("b")
        self.dispatch("done", {"id": 1})
        self.announce("All done")
        self.copy("text")
        self.download(b"1,2", "a.csv")
        self.set_title("Done")

    @exposed
    def lose(self) -> None:
        self.focus("#nobody")
        self.set_title("Lost")

    @exposed
    def double(self, number: int) -> dict[str, int]:
        return {"twice": number * 2}


async def test_what_a_method_asks_of_the_page_is_done_and_heard(live: LiveClient) -> None:
    page = await live.mount(FeatureEffects)
    await page.click("#a")
    assert page.text("output") == "focus blur clicked seen done"
    assert [name for name, *_ in page.effects][:5] == ["focus", "blur", "click", "scroll_into_view", "dispatch"]
    assert (page.announced, page.clipboard, page.title) == (["All done"], "text", "Done")
    assert page.downloads == [("a.csv", b"1,2")]
    assert page.errors == []


async def test_an_effect_on_what_is_not_there_is_an_error_and_the_others_go_on(live: LiveClient) -> None:
    page = await live.mount(FeatureEffects)
    await page.click("#lost")
    assert page.title == "Lost"
    assert "no element is '#nobody'" in str(page.errors[0])


async def test_a_method_called_by_a_script_returns_its_result(live: LiveClient) -> None:
    page = await live.mount(FeatureEffects)
    assert await page.call("section", "double", 21) == {"twice": 42}
    with pytest.raises(Refused, match="bad_args"):
        await page.call("b", "double", "many")
    with pytest.raises(MissingElement):
        await page.call("nothing", "double", 1)


class FeatureRows(Component):
    """Shows rows that the server does not keep."""

    lines: Stream[str] = Stream(key=str)
    template = """<section><ul ws-stream="lines">{% stream lines as line %}<li ws-key="{{ line }}">{{ line }}</li>
      {% endstream %}</ul><button ws-click="add">Add</button></section>"""

    @exposed
    def add(self) -> None:
        self.lines.append("new")
        self.lines.insert("first", at=0)


class FeatureHouse(Component):
    """Holds others, one of which is seen late, one fails, and one tells what happens."""

    heard: str = ""
    template = """<main>{{ component("FeatureLate", lazy="visible") }}{{ component("FeatureBroken") }}
      {{ component("FeatureBell") }}{% component "FeatureFrame" %}<button id="slot" ws-click="hear('slot')">In</button>
      {% endcomponent %}<output>{{ heard }}</output><u>{{ lamp.value or "dark" }}</u></main>"""

    @async_
    def lamp(self) -> str:
        return "bright"

    @exposed
    @on("rung")
    def hear(self, word: str) -> None:
        self.heard = word


class FeatureLate(Component):
    """Is mounted when it is seen."""

    placeholder = "<p class='late'>soon</p>"
    template = "<p class='late'>here</p>"


class FeatureBroken(Component):
    """Cannot be shown."""

    template = "<p>{{ 1 / 0 }}</p>"
    error_template = "<p class='broken'>Sorry</p>"


class FeatureBell(Component):
    """Tells those around."""

    template = "<i><button id='bell' ws-click='ring'>Ring</button></i>"

    @exposed
    def ring(self) -> None:
        self.emit("rung", "bell")


class FeatureFrame(Component):
    """Shows what another one puts into it."""

    template = "<div>{{ slot }}</div>"


async def test_rows_of_a_stream_are_shown(live: LiveClient) -> None:
    page = await live.mount(FeatureRows)
    await page.click("button")
    assert page.all("li") == ["first", "new"]


async def test_components_in_components_are_there_each_in_its_own_way(live: LiveClient) -> None:
    page = await live.mount(FeatureHouse)
    await page.shows("u", "bright")
    assert page.text(".broken") == "Sorry"
    assert page.text(".late") == "soon"
    await page.scroll_to(".late")
    assert page.text(".late") == "here"
    await page.click("#bell")
    await page.shows("output", "bell")
    await page.click("#slot")
    assert page.text("output") == "slot"


class FeatureForms(Component):
    """A form, a button in one, and a button alone."""

    names: list[str] = []
    count: int = 0
    template = """<section><form ws-submit="add"><input name="name"><button>Add</button></form>
      <form><button id="up" ws-click="up(2)">Up</button></form><button id="alone" ws-click="up(1)">Alone</button>
      <ul>{% for name in names %}<li>{{ name }}</li>{% endfor %}</ul><output>{{ count }}</output>
      <noscript>No script</noscript><i ws-init="up(100)"></i></section>"""

    @exposed
    def add(self, name: str) -> None:
        self.names = [*self.names, name]

    @exposed
    def up(self, by: int) -> None:
        self.count += by

    @exposed
    def fail(self, by: int) -> None:
        raise RuntimeError


@pytest.mark.parametrize("javascript", [True, False])
async def test_the_same_test_runs_with_and_without_javascript(javascript: bool) -> None:
    async with LiveClient(javascript=javascript) as live:
        page = await live.mount(FeatureForms)
        await page.fill("input", "Ada")
        await page.submit("[ws-submit]")
        await page.fill("input", "Grace")
        await page.click("button", text="Add")
        await page.click("#up")
        assert page.all("li") == ["Ada", "Grace"]
        assert page.text("output") == ("102" if javascript else "2")
        assert page.text("noscript") == ("" if javascript else "No script")
        await page.reload()
        assert page.all("li") == ["Ada", "Grace"]


async def test_without_javascript_nothing_connects_and_buttons_without_a_form_do_nothing() -> None:
    async with LiveClient(javascript=False) as live:
        page = await live.mount(FeatureForms)
        with pytest.raises(NotWired, match=r"does nothing on click without JavaScript.*put a form around it"):
            await page.click("#alone")
        with pytest.raises(TimeoutError, match="without JavaScript nothing comes by itself"):
            await page.shows("output", "7")
        with pytest.raises(Exception, match="is open without JavaScript, so there is no connection"):
            await page.call("section", "up", 1)


async def test_a_form_that_is_refused_without_javascript_says_why() -> None:
    async with LiveClient(javascript=False, raise_refused=False) as live:
        page = await live.mount(FeatureForms)
        tampered = page._dom.one("#up")  # as somebody who writes their own request
        tampered["formaction"] = str(tampered["formaction"]).replace("up", "fail")
        await page.click("#up")
        assert page.status == 500
        assert [str(error).partition(":")[0] for error in page.errors] == ["failed"]


class FeatureHidden(Component):
    """Has elements that nobody can see."""

    template = """<form ws-submit="go"><input type="hidden" name="id" value="1"><input name="q">
      <template><input></template>
      <p hidden><button>Go</button></p><button>Go</button></form>"""

    @exposed
    def go(self, q: str, id: int) -> None:
        self.set_title(f"{q}{id}")


async def test_what_nobody_can_see_is_not_meant(live: LiveClient) -> None:
    page = await live.mount(FeatureHidden)
    await page.fill("input", "x")
    await page.click("button")
    assert page.title == "x1"


class FeatureShut(Component):
    """Has buttons of one name, of which one can be seen at a time."""

    shown: str = ""
    said: str = ""
    template = """<section><output>{{ said }}</output>
      <dialog {{ "open" if shown == "dialog" }}><p><button ws-click="say('in the dialog')">Go</button></p></dialog>
      <details {{ "open" if shown == "details" }}><summary><b ws-click="say('summary')">Go on</b></summary>
        <button ws-click="say('in the details')">Go</button></details>
      {% if not shown %}<button ws-click="say('outside')">Go</button>{% endif %}</section>"""

    @exposed
    def say(self, what: str) -> None:
        self.said = what


@pytest.mark.parametrize("shown", ["dialog", "details", ""])
async def test_what_is_shut_is_not_meant_while_something_else_is_there(live: LiveClient, shown: str) -> None:
    page = await live.mount(FeatureShut, shown=shown)
    await page.click("button", text="Go")
    assert page.text("output") == (f"in the {shown}" if shown else "outside")
    await page.click("b")
    assert page.text("output") == "summary"


class FeatureInner(Component):
    template = """<p><input id="inner" name="text"></p>"""


class FeatureOuter(Component):
    template = """<div><input id="outer" name="text"><button ws-click="clear">Clear</button>
      {{ component('FeatureInner') }}</div>"""

    @exposed
    def clear(self) -> None:
        self.reset("text")


async def test_a_reset_leaves_what_was_typed_in_a_child(live: LiveClient) -> None:
    page = await live.mount(FeatureOuter)
    await page.fill("#outer", "mine")
    await page.fill("#inner", "yours")
    await page.click("button")
    assert (page.value("#outer"), page.value("#inner")) == ("", "yours")
