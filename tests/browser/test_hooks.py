"""Scripts of the page's own beside Alive, in Chromium: hooks, what they inject, and view transitions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Locator, Page, expect

from asok import Component, Stream, exposed, on
from tests.browser.conftest import Serve
from tests.browser.small import opened, small_app, until

# A hook that writes down what it is told, and shows it.
LOG = """
const log = (window.log = []);
const hook = {
  mounted: (element) => { element.textContent = "drawn"; log.push("mounted " + element.dataset.points); },
  updated: (element) => log.push("updated " + element.dataset.points + " " + element.textContent),
  destroyed: (element) => log.push("destroyed " + element.isConnected),
};
"""


class Charting(Component):
    points: list[int] = [1]
    shown = True
    name = "Chart"
    said = ""
    template = """<div>{% if shown %}
        <p ws-hook="{{ name }}" ws-ignore data-points="{{ points | join(',') }}"></p>{% endif %}
        <button ws-click="more">more</button><button ws-click="toggle">toggle</button>
        <button ws-click="tell">tell</button><button ws-click="become('Other')">other</button>
        <output>{{ points | length }} {{ said }}</output></div>"""

    @exposed
    def more(self) -> None:
        self.points.append(self.points[-1] + 1)

    @exposed
    def toggle(self) -> None:
        self.shown = not self.shown

    @exposed
    def become(self, name: str) -> None:
        self.name = name

    @exposed
    def tell(self) -> None:
        self.dispatch("zoom", {"to": 3})

    @exposed
    def measure(self, width: int, unit: str = "px") -> dict[str, Any]:
        self.said = f"{width}{unit}"
        return {"width": width * 2}


class Fetching(Component):
    count = 0
    template = """<section><b>{{ count }}</b><button ws-click="add">add</button><i ws-loading>…</i></section>"""

    @exposed
    def add(self) -> None:
        self.count += 1

    @on("news")
    def hear(self, news: str) -> None:
        """It listens."""


class Forgetful(Fetching):
    stateless = True


async def press(page: Page | Locator, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def expect_log(page: Page, *entries: str) -> None:
    await until(page, f"window.log?.length === {len(entries)}")
    assert await page.evaluate("window.log") == list(entries)


@pytest.mark.parametrize("order", ["after", "long after"])
async def test_a_hook_is_told_when_its_element_comes_changes_and_goes(
    page: Page, serve: Serve, tmp_path: Path, order: str
) -> None:
    late = "setTimeout(() => { %s }, 300)" if order == "long after" else "%s"
    scripts = late % (LOG + "alive.hooks.Chart = hook;")
    await opened(page, serve, small_app(tmp_path, "{{ component('Charting') }}", scripts=scripts))
    await expect_log(page, "mounted 1")
    await press(page, "more")
    await expect_log(page, "mounted 1", "updated 1,2 drawn")
    await press(page, "toggle")
    await expect_log(page, "mounted 1", "updated 1,2 drawn", "destroyed false")
    await press(page, "toggle")
    await expect_log(page, "mounted 1", "updated 1,2 drawn", "destroyed false", "mounted 1,2")


async def test_a_script_before_alive_says_its_hooks_as_well(page: Page, serve: Serve, tmp_path: Path) -> None:
    first = LOG + "(window.alive ??= {}).hooks = { Chart: hook };"
    await opened(page, serve, small_app(tmp_path, "{{ component('Charting') }}", first=first))
    await expect_log(page, "mounted 1")


async def test_an_element_that_becomes_another_hooks_is_handed_over(page: Page, serve: Serve, tmp_path: Path) -> None:
    scripts = (
        LOG
        + """alive.hooks.Chart = hook;
        alive.hooks.Other = { mounted: () => log.push("the other") };"""
    )
    await opened(page, serve, small_app(tmp_path, "{{ component('Charting') }}", scripts=scripts))
    await press(page, "other")
    await expect_log(page, "mounted 1", "destroyed true", "the other")


async def test_a_hook_calls_methods_and_hears_what_its_component_dispatches(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    scripts = """window.heard = [];
        alive.hooks.Chart = { mounted: async (element, hook) => {
          hook.handle("zoom", (detail) => heard.push(detail.to));
          window.answer = await hook.call("measure", 320);
          await hook.call("measure", "wide").catch((error) => { window.refused = error.code; });
        } };"""
    body = "{{ component('Charting', key=1) }}<hr>{{ component('Charting', key=2, shown=False) }}"
    await opened(page, serve, small_app(tmp_path, body, scripts=scripts))
    await expect(page.locator("output").first).to_have_text("1 320px")
    await until(page, "window.refused")
    assert await page.evaluate("[window.answer, window.refused]") == [{"width": 640}, "bad_args"]
    await page.get_by_role("button", name="tell").nth(1).click()
    await page.get_by_role("button", name="more").nth(1).click()
    await expect(page.locator("output").nth(1)).to_have_text("2")
    await page.get_by_role("button", name="tell").first.click()
    await until(page, "window.heard[0]")
    assert await page.evaluate("window.heard") == [3]


async def test_a_hook_that_throws_is_said_once_and_disturbs_nobody(page: Page, serve: Serve, tmp_path: Path) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "alive" in message.text else None)
    scripts = """alive.hooks.Chart = { mounted: () => { throw Error("broken"); },
        updated: async () => { throw Error("late"); }, destroyed: () => null.x };"""
    await opened(page, serve, small_app(tmp_path, "{{ component('Charting') }}", scripts=scripts))
    for count in (2, 3):
        await press(page, "more")
        await expect(page.locator("output")).to_have_text(str(count))
    await press(page, "toggle")
    await expect(page.locator("[ws-hook]")).to_have_count(0)
    await until(page, "true")
    assert [text.split("\n")[0] for text in said] == [
        "alive: hook Chart.mounted failed: Error: broken",
        "alive: hook Chart.updated failed: Error: late",
        "alive: hook Chart.destroyed failed: TypeError: Cannot read properties of null (reading 'x')",
    ]


async def test_an_unknown_hook_is_one_error_that_names_the_known(page: Page, serve: Serve, tmp_path: Path) -> None:
    body = "{{ component('Charting', name='Chrat', key=1) }}{{ component('Charting', name='Chrat', key=2) }}"
    async with page.expect_console_message(lambda message: "hook" in message.text) as said:
        await opened(page, serve, small_app(tmp_path, body, scripts="alive.hooks.Chart = {}; alive.hooks.Map = {};"))
    assert (await said.value).text.strip() == 'alive: no hook "Chrat"; known: Chart,Map'
    await press_all(page)


async def press_all(page: Page) -> None:
    for number in range(2):
        await page.get_by_role("button", name="more").nth(number).click()
        await expect(page.locator("output").nth(number)).to_have_text("2")


# --- what scripts change by themselves


class Unhooked(Component):
    count = 0
    template = """<section><b>{{ count }}</b><button ws-click="add">add</button>
        <input value="x"><div id="foreign" ws-ignore></div></section>"""

    @exposed
    def add(self) -> None:
        self.count += 1
        self.dispatch("added")


async def test_what_a_script_has_changed_in_a_component_is_as_the_server_says_after_a_resync(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Unhooked') }}"))
    await press(page, "add")
    await expect(page.locator("b")).to_have_text("1")
    await page.locator("input").fill("typed")
    await page.evaluate("""() => {
        document.querySelector("b").textContent = "wrong";
        document.querySelector("button").remove();
        document.querySelector("section").append("foreign");
        document.querySelector("#foreign").innerHTML = "<i>mine</i>";
        alive.resync(document.querySelector("b"));
    }""")
    await expect(page.locator("b")).to_have_text("1")
    await expect(page.get_by_role("button", name="add")).to_be_visible()
    await expect(page.get_by_text("foreign")).to_have_count(0)
    await expect(page.locator("#foreign i")).to_have_text("mine")
    await expect(page.locator("input")).to_have_value("typed")
    await press(page, "add")
    await expect(page.locator("b")).to_have_text("2")


async def test_a_resync_while_events_are_under_way_does_nothing_twice(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Unhooked') }}"))
    await page.evaluate("""() => {
        window.added = 0;
        document.addEventListener("added", () => added++);
    }""")
    await press(page, "add")
    await until(page, "window.added === 1")
    await page.evaluate("""() => {
        for (let i = 0; i < 5; i++) {
          document.querySelector("button").click();
          document.querySelector("b").textContent = "wrong";
          alive.resync(document.querySelector("section"));
        }
    }""")
    await expect(page.locator("b")).to_have_text("6")
    await press(page, "add")
    await expect(page.locator("b")).to_have_text("7")
    await until(page, "window.added >= 7")
    assert await page.evaluate("window.added") == 7


async def test_markup_that_a_script_fetches_calls_methods_and_its_components_live(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    app = small_app(tmp_path, "{{ component('Unhooked') }}<div id='more'></div>")

    class Listener(Component):
        template = "<em>{{ heard }} {{ loaded }}</em>"

        def load(self) -> None:
            self.subscribe("news")
            loads.append(1)
            self.heard, self.loaded = heard[-1] if heard else "nothing", len(loads)

    heard: list[str] = []
    loads: list[int] = []
    app.page("/part", Listener)
    await opened(page, serve, app)
    await page.evaluate("""async () => {
        document.querySelector("#foreign").innerHTML = '<button ws-click="add">foreign</button>';
        const part = new DOMParser().parseFromString(await (await fetch("/part")).text(), "text/html");
        const more = document.querySelector("#more");
        more.append(document.importNode(part.querySelector("em"), true));
        alive.resync(more);
    }""")
    await press(page, "foreign")
    await expect(page.locator("b")).to_have_text("1")
    await expect(page.locator("em")).to_have_text(re.compile(r"nothing ([2-9])"))
    heard.append("it lives")
    app.push("news", 1)
    await expect(page.locator("em")).to_contain_text("it lives")


async def test_a_component_that_a_script_takes_out_and_puts_back_goes_on(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    app = small_app(tmp_path, "{{ component('Unhooked') }}{{ component('Unhooked', key='other') }}")
    await opened(page, serve, app)
    await press(page.locator("section").first, "add")
    await press(page.locator("section").first, "add")
    await expect(page.locator("b").first).to_have_text("2")
    await page.evaluate("(window.out = document.querySelector('section')).remove()")
    await press(page, "add")  # with its answer, what has left is signed off
    await expect(page.locator("b")).to_have_text("1")
    await page.evaluate("document.body.prepend(out)")
    await press(page.locator("section").first, "add")
    await expect(page.locator("b").first).to_have_text("3")


@pytest.mark.parametrize("name", ["Fetching", "Forgetful"])
async def test_a_component_that_was_put_back_before_the_line_was_lost_goes_on(
    page: Page, serve: Serve, tmp_path: Path, name: str
) -> None:
    app = small_app(tmp_path, f"{{{{ component('{name}') }}}}{{{{ component('Unhooked') }}}}")
    await opened(page, serve, app)
    await press(page.locator("section").first, "add")
    await expect(page.locator("b").first).to_have_text("1")
    await page.evaluate("(window.out = document.querySelector('section')).remove()")
    await press(page, "add")  # with its answer, what has left is signed off
    await expect(page.locator("b")).to_have_text("1")
    await page.evaluate("document.body.prepend(out)")
    await press(page.locator("section").last, "add")  # and with this one, all are asked whether they wait
    await expect(page.locator("b").last).to_have_text("2")
    await page.evaluate("""new Promise((done) => {
        document.addEventListener("alive:connected", done, { once: true });
        dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));  // loses the line
    })""")
    await press(page.locator("section").first, "add")
    await expect(page.locator("b").first).to_have_text("2")


# --- transitions


class Rows(Component):
    names: list[str] = ["a", "b", "c"]
    text = ""
    template = """<div><input ws-input="say" aria-label="Text"><output>{{ text }}</output>
        <ul>{% for name in names %}
          <li ws-key="{{ name }}" ws-transition="row-{{ name }}">{{ name }}</li>{% endfor %}</ul>
        <p ws-transition>{{ names | first }}</p><button ws-click="turn">turn</button></div>"""

    @exposed
    def turn(self) -> None:
        self.names.append(self.names.pop(0))

    @exposed
    def say(self, value: str) -> None:
        self.text = value


COUNT = """window.begun = 0;
    const { startViewTransition } = Document.prototype;
    Document.prototype.startViewTransition = function (callback) {
      begun++;
      window.moving = startViewTransition.call(this, callback);
      return moving;
    };"""


@pytest.fixture
async def rows(page: Page, serve: Serve, tmp_path: Path) -> AsyncIterator[Page]:
    await opened(page, serve, small_app(tmp_path, "{{ component('Rows') }}", first=COUNT))
    yield page


async def test_an_update_is_shown_as_a_view_transition_of_the_named_rows(rows: Page) -> None:
    await press(rows, "turn")
    await until(rows, "window.moving?.ready.then(() => true)")
    moved = await rows.evaluate("""() => document.getAnimations()
        .map(({ effect }) => effect.pseudoElement).filter((each) => each?.startsWith("::view-transition-group"))""")
    assert {"::view-transition-group(row-a)", "::view-transition-group(row-b)"} <= {*moved}
    assert not any("root" in each for each in moved)
    await expect(rows.locator("li")).to_have_text(["b", "c", "a"])
    assert await rows.locator("[style]").count() == 0


async def test_the_page_is_used_as_ever_while_rows_move(rows: Page) -> None:
    await rows.evaluate("""() => {
        const slow = new CSSStyleSheet();
        slow.replaceSync("::view-transition-group(*) { animation-duration: 60s; }");
        document.adoptedStyleSheets.push(slow);
    }""")
    await press(rows, "turn")
    await until(rows, "window.moving?.ready.then(() => true)")
    await press(rows, "turn")
    await press(rows, "turn")
    await press(rows, "turn")
    await expect(rows.locator("li")).to_have_text(["b", "c", "a"])


async def test_what_is_typed_during_transitions_is_neither_lost_nor_out_of_order(rows: Page) -> None:
    field = rows.get_by_label("Text")
    await field.press_sequentially("the quick brown fox", delay=20)
    await expect(rows.locator("output")).to_have_text("the quick brown fox")
    await expect(field).to_have_value("the quick brown fox")
    await expect(field).to_be_focused()
    await field.press("Home")
    await rows.evaluate("document.querySelector('button').click()")
    await expect(rows.locator("li").first).to_have_text("b")
    assert await field.evaluate("(input) => input.selectionStart") == 0
    assert await rows.evaluate("window.begun") > 1


async def test_updates_come_once_and_in_order_through_transitions(rows: Page) -> None:
    await rows.evaluate("""() => {
        window.shown = [];
        document.addEventListener("alive:updated", () =>
          shown.push([...document.querySelectorAll("li")].map((row) => row.textContent).join("")));
        for (let i = 0; i < 10; i++) document.querySelector("button").click();
    }""")
    await until(rows, "window.shown.length === 10")
    turns = ["bca", "cab", "abc"]
    assert await rows.evaluate("window.shown") == [turns[place % 3] for place in range(10)]


class Turned(NamedTuple):
    id: int
    text: str


class TurnTally(Component):
    rows: Stream[Turned] = Stream()
    count = 0
    template = """<div ws-transition><ul ws-stream="rows">{% stream rows as row %}
        <li ws-key="{{ row.id }}">{{ row.text }}</li>{% endstream %}</ul>
        <output>{{ count }}</output><button ws-click="turn">turn</button></div>"""

    @exposed
    def turn(self) -> None:
        self.count += 1
        self.rows.append(Turned(1, f"turn {self.count}"))


async def test_rows_of_a_stream_change_within_what_is_moved_and_while_a_picture_is_taken(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('TurnTally') }}"))
    for count in (1, 2):
        await press(page, "turn")
        await expect(page.locator("output")).to_have_text(str(count))
        await expect(page.locator("li")).to_have_text([f"turn {count}"])
    await page.evaluate("() => { for (let i = 0; i < 8; i++) document.querySelector('button').click(); }")
    await expect(page.locator("output")).to_have_text("10")
    await expect(page.locator("li")).to_have_text(["turn 10"])


async def test_who_wants_no_motion_gets_none(rows: Page) -> None:
    await rows.emulate_media(reduced_motion="reduce")
    await press(rows, "turn")
    await expect(rows.locator("li")).to_have_text(["b", "c", "a"])
    assert await rows.evaluate("window.begun") == 0


async def test_a_browser_without_view_transitions_shows_the_update_all_the_same(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    first = "delete Document.prototype.startViewTransition;"
    await opened(page, serve, small_app(tmp_path, "{{ component('Rows') }}", first=first))
    await press(page, "turn")
    await expect(page.locator("li")).to_have_text(["b", "c", "a"])


async def test_a_browser_that_draws_no_frame_shows_the_update_all_the_same(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    # As for an embedded page of another origin that is out of sight: no picture is taken.
    first = """Document.prototype.startViewTransition = (callback) =>
        ({ ready: new Promise(() => {}), skipTransition: callback });"""
    await opened(page, serve, small_app(tmp_path, "{{ component('Rows') }}", first=first))
    await press(page, "turn")
    await expect(page.locator("li")).to_have_text(["b", "c", "a"])


async def test_two_elements_of_one_name_are_shown_without_a_transition(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Rows', names=['a', 'b', 'a']) }}", first=COUNT))
    await press(page, "turn")
    await expect(page.locator("p")).to_have_text("b")
    await press(page, "turn")
    await expect(page.locator("p")).to_have_text("a")


# --- the examples


async def test_the_library_of_the_example_draws_and_tells_what_one_looks_at(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/hooks")
    await expect(page.locator(".chart canvas").first).to_be_visible()
    points = await page.locator(".chart").get_attribute("data-points")
    await page.get_by_role("button", name="Half a minute").click()
    await expect(page.locator("p[role=status]")).to_have_text(re.compile(r"^31 values, from \d\.\d\d to \d\.\d\d m$"))
    await expect(page.locator(".chart")).to_have_attribute("title", re.compile("m on average$"))
    await expect(page.locator(".chart")).not_to_have_attribute("data-points", points or "")
    await expect(page.locator(".chart canvas").first).to_be_visible()


async def test_the_charts_of_the_example_follow_the_clock(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/charts")
    paths = page.locator("figure.line .stroke")
    await expect(paths).to_have_count(3)
    before = await paths.first.get_attribute("d")
    await page.get_by_text("The values as a table", exact=True).click()
    await expect(paths.first).not_to_have_attribute("d", before or "")
    await expect(page.get_by_role("rowheader", name=re.compile(r"^\d\d:\d\d:\d\d$"))).to_have_count(60)
    await expect(page.get_by_role("row", name="Studio").get_by_role("img")).to_be_visible()
