"""What a page shows while an answer is awaited, and what its scripts get of it, in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from asok import Component, exposed
from tests.browser.alive_rig import ONE, TWO, Line, Rig, root, token
from tests.browser.conftest import Serve
from tests.browser.latency import Line as SlowLine
from tests.browser.small import live, opened, small_app, until

INSIDE = """<button id="save" ws-click="save">save</button><button id="drop" ws-click="drop(1)">drop</button>
<p id="shown" ws-loading hidden>…</p><p id="hidden" ws-loading.hide>ready</p>
<p id="dressed" class="calm" ws-loading.class="busy very">x</p>
<p id="disabled" ws-loading.attr="data-on">x</p>
<p id="drops" ws-loading ws-target="drop, move" hidden>dropping</p>
<p id="late" ws-loading.delay.3600000 hidden>x</p>"""


async def begin(page: Page, server: Rig, inside: str = INSIDE, *, clock: bool = True) -> Line:
    if clock:
        await page.clock.install()
    server.body = root(inside)
    await page.goto(server.url)
    await live(page)
    if clock:
        await page.clock.pause_at(await page.evaluate("Date.now() / 1000") + 2)
    return await server.line()


async def states(page: Page) -> dict[str, Any]:
    """What each element with `ws-loading` shows."""
    found: dict[str, Any] = await page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("p")].map((each) =>
            [each.id, [each.checkVisibility(), each.className, each.hasAttribute("data-on")]]))"""
    )
    return found


AT_REST = {
    "shown": [False, "", False],
    "hidden": [True, "", False],
    "dressed": [True, "calm", False],
    "disabled": [True, "", False],
    "drops": [False, "", False],
    "late": [False, "", False],
}
WAITING = AT_REST | {
    "shown": [True, "", False],
    "hidden": [False, "", False],
    "dressed": [True, "calm busy very", False],
    "disabled": [True, "", True],
}


# --- ws-loading


async def test_waiting_is_shown_after_150_ms_until_the_answer_is_there(page: Page, server: Rig) -> None:
    line = await begin(page, server)
    await page.evaluate("document.querySelector('#save').click()")
    await page.clock.run_for(149)
    assert await states(page) == AT_REST
    await page.clock.run_for(1)
    assert await states(page) == WAITING
    await line.event()
    await line.update(1, f"<div>{INSIDE}</div>")
    await expect(page.locator("#shown")).to_be_hidden()
    assert await states(page) == AT_REST


async def test_what_stands_for_some_methods_waits_for_these_only(page: Page, server: Rig) -> None:
    line = await begin(page, server)
    await page.evaluate("document.querySelector('#drop').click()")
    await page.clock.run_for(150)
    assert await states(page) == WAITING | {"drops": [True, "", False]}
    await line.event()
    await line.say("refused", ONE, 1, "denied", "")
    await expect(page.locator("#drops")).to_be_hidden()
    assert await states(page) == AT_REST


async def test_another_answer_on_the_way_does_not_end_the_waiting(page: Page, server: Rig) -> None:
    line = await begin(page, server)
    await page.evaluate("document.querySelector('#save').click(), document.querySelector('#drop').click()")
    await page.clock.run_for(150)
    await line.event()
    changed = INSIDE.replace('class="calm"', 'class="quiet"')
    await line.update(1, f"<div>{changed}</div>")
    await expect(page.locator("#dressed")).to_contain_class("quiet")
    wanted = WAITING | {"drops": [True, "", False], "dressed": [True, "quiet busy very", False]}
    assert await states(page) == wanted
    await line.update(2, f"<div>{changed}</div>")
    await expect(page.locator("#drops")).to_be_hidden()
    assert await states(page) == AT_REST | {"dressed": [True, "quiet", False]}


async def test_an_attribute_that_the_answer_brings_stays(page: Page, server: Rig) -> None:
    inside = '<button ws-click="save" ws-loading.attr="disabled"{}>save</button>'
    line = await begin(page, server, inside.format(""))
    await page.evaluate("document.querySelector('button').click()")
    await page.clock.run_for(150)
    await expect(page.locator("button")).to_be_disabled()
    await line.event()
    await line.update(1, f"<div id='new'>{inside.format(' disabled')}</div>")
    await expect(page.locator("#new button")).to_be_disabled()
    await line.update(0, f"<div id='newer'>{inside.format('')}</div>")
    await expect(page.locator("#newer button")).to_be_enabled()


async def test_the_component_is_busy_and_a_bar_shows_longer_waits(page: Page, server: Rig) -> None:
    line = await begin(page, server)
    box = page.locator(f"[data-asok-state^='{ONE}']")
    await page.evaluate("document.querySelector('#save').click()")
    await page.clock.run_for(150)
    await expect(box).to_have_attribute("aria-busy", "true")
    await expect(box).to_have_class("ws-loading")
    await expect(page.locator(".ws-progress")).to_have_count(0)
    await page.clock.run_for(250)
    await expect(page.locator(".ws-progress")).to_be_visible()
    await line.event()
    await line.update(1, f"<div>{INSIDE}</div>")
    await expect(page.locator(".ws-progress")).to_have_count(0)
    await expect(box).not_to_have_attribute("aria-busy", "true")


async def begin_with_a_child_that_leaves(page: Page, server: Rig) -> Line:
    """A component with a child whose method runs when the parent's update takes it away."""
    line = await begin(page, server, root('<b id="row" ws-click="save" ws-loading.class="busy">row</b>', TWO))
    await page.evaluate("document.querySelector('#row').click()")
    assert (await line.event())[0] == TWO
    await line.update(0, "<div><p ws-click='go' id='rest' ws-loading.class='busy'>rest</p></div>")
    await expect(page.locator("#rest")).to_be_visible()
    return line


async def test_the_bar_goes_with_a_component_that_leaves_before_its_answer(page: Page, server: Rig) -> None:
    line = await begin_with_a_child_that_leaves(page, server)
    await page.evaluate("document.querySelector('#rest').click()")
    await page.clock.run_for(500)
    await expect(page.locator(".ws-progress")).to_be_visible()
    await line.message("leave")
    assert (await line.event())[0] == ONE
    await line.update(1, "<div></div>")
    await expect(page.locator(".ws-progress")).to_have_count(0)


async def test_the_answer_of_a_component_that_has_left_is_passed_over(page: Page, server: Rig) -> None:
    line = await begin_with_a_child_that_leaves(page, server)
    assert (await line.message("leave"))[1] == TWO
    await page.clock.run_for(500)  # what shows the waiting looks at all elements that it knows
    await line.update(1, [3, "x"], [0, "token"], instance=TWO)
    await line.update(0, "<div>done</div>")
    await expect(page.get_by_text("done")).to_be_visible()


# --- ws-optimistic


MARKUP = """document.body.innerHTML.replace(/ data-asok-state="[^"]*"| class=""/g, "").replaceAll(" >", ">")"""
HINTS = """<ul><li id="row" class="{}"><button id="mark" ws-click="mark" ws-optimistic="toggle:done @li">{}</button>
<button id="drop" ws-click="drop" ws-optimistic="remove @li">x</button></li></ul>
<button id="like" ws-click="like" ws-optimistic="text:Liked | class:on off">{}</button>"""


async def test_hints_are_shown_at_once_and_taken_back_when_the_method_fails(page: Page, server: Rig) -> None:
    line = await begin(page, server, HINTS.format("", "mark", "<b>Like</b>"), clock=False)
    await page.evaluate("addEventListener('alive:error', (event) => event.preventDefault())")
    before = await page.evaluate(MARKUP)
    for name in ("mark", "like", "drop"):
        await page.click(f"#{name}")
    assert await page.evaluate("[row.className, row.hidden, like.textContent, like.className]") == [
        "done",
        True,
        "Liked",
        "on off",
    ]
    for seq in (1, 2, 3):
        await line.event()
        await line.say("refused", ONE, seq, "failed", "")
    await until(page, "!document.querySelector('#row').hidden")
    assert await page.evaluate(MARKUP) == before


async def test_a_hint_that_comes_true_never_flickers(page: Page, server: Rig) -> None:
    line = await begin(page, server, HINTS.format("", "mark", "Like"), clock=False)
    await page.evaluate(
        """window.seen = new Set();
        (function look() { seen.add(row.className + "/" + like.textContent); requestAnimationFrame(look); })();"""
    )
    await page.evaluate(
        """const sheet = new CSSStyleSheet();
        sheet.replaceSync("li { transition: opacity 50ms } .done { opacity: 0.5 }");
        document.adoptedStyleSheets.push(sheet);
        row.addEventListener("transitionrun", () => seen.add("moves"));"""
    )
    await page.click("#mark")
    await page.click("#like")
    await until(page, "seen.has('done/Liked') && seen.has('moves')")
    await page.evaluate("seen.clear()")
    await line.event()
    await line.update(1, f"<div>{HINTS.format('done', 'mark', 'Like')}</div>")
    await until(page, "document.querySelector('[data-asok-state]').dataset.asokState.includes('version-1')")
    await line.event()
    await line.update(2, f"<div>{HINTS.format('done', 'mark', 'Liked')}</div>")
    await until(page, "document.querySelector('[data-asok-state]').dataset.asokState.includes('version-2')")
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert await page.evaluate("[...seen]") == ["done/Liked"]


async def test_a_hint_for_a_form_stands_at_its_button(page: Page, server: Rig) -> None:
    inside = '<form ws-submit="send"><button ws-optimistic="text:Sending">Send</button></form>'
    line = await begin(page, server, inside, clock=False)
    await page.click("button")
    await expect(page.locator("button")).to_have_text("Sending")
    await line.event()
    await line.say("refused", ONE, 1, "failed", "")
    await expect(page.locator("button")).to_have_text("Send")


@pytest.mark.parametrize("hint", ["", "remove @.nobody", "sing:a song", "text:", "class:", " | "])
async def test_a_hint_that_means_nothing_does_nothing(page: Page, server: Rig, hint: str) -> None:
    inside = f'<button ws-click.stop="save" ws-optimistic="{hint}">Send</button>'
    line = await begin(page, server, inside, clock=False)
    await page.click("button")
    assert (await line.event())[2] == "save"
    await line.update(1, f"<div>{inside}!</div>")
    await expect(page.locator("button")).to_have_text("Send")


# --- without a connection


async def back(page: Page) -> None:
    """Lets time pass until there is a connection; what is tried without a WebSocket takes time of its own."""
    async with asyncio.timeout(10):
        while await page.get_attribute("html", "data-alive") != "live":
            await page.clock.run_for(1000)


async def test_a_line_tells_how_many_events_wait_while_there_is_no_connection(page: Page, server: Rig) -> None:
    line = await begin(page, server)
    await page.evaluate("import('/live/build/messages.js').then(() => 0)")
    server.refusing = True
    await line.close(1012)
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    await page.clock.run_for(900)
    await expect(page.get_by_role("status")).to_have_count(0)
    await page.clock.run_for(100)
    await expect(page.get_by_role("status")).to_have_text("No connection")
    await page.evaluate("document.querySelector('#save').click(), document.querySelector('#drop').click()")
    await page.clock.run_for(1000)
    await expect(page.get_by_role("status")).to_have_text("No connection · 2 waiting")
    server.refusing = False
    await back(page)
    await expect(page.get_by_role("status")).to_have_count(0)
    again = await server.line()
    assert [(await again.event())[1] for _ in range(2)] == [1, 2]


async def test_the_pages_own_element_stands_in_for_the_line(page: Page, server: Rig) -> None:
    inside = '<button ws-click="save">x</button><p ws-offline hidden>Gone: <b ws-waiting></b></p>'
    line = await begin(page, server, inside)
    await page.evaluate("import('/live/build/messages.js').then(() => 0)")
    server.refusing = True
    await line.close(1012)
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    await page.evaluate("document.querySelector('button').click()")
    await page.clock.run_for(1000)
    await expect(page.locator("p")).to_have_text("Gone: 1")
    await expect(page.locator("p")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_count(0)
    server.refusing = False
    await back(page)
    await expect(page.locator("p")).to_be_hidden()


# --- ws-cancel


async def test_a_click_stops_the_running_method(page: Page, serve: Serve, tmp_path: Path) -> None:
    class Work(Component):
        done = "nothing"
        template = """<div><button id="go" ws-click="work">go</button><button id="stop" ws-cancel>stop</button>
            <output>{{ done }}</output></div>"""

        @exposed
        async def work(self) -> AsyncIterator[None]:
            self.done = "half"
            yield
            await asyncio.Event().wait()

    await opened(page, serve, small_app(tmp_path, "{{ component('Work') }}"))
    await page.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail.code))")
    await page.click("#go")
    await expect(page.locator("output")).to_have_text("half")
    await page.click("#stop")
    await expect(page.locator("output")).to_have_text("nothing")
    assert await page.evaluate("told") == ["cancelled"]


async def test_a_click_with_nothing_to_stop_says_nothing(page: Page, server: Rig) -> None:
    server.body = "<button id='lost' ws-cancel>stop</button>" + root("<button id='go' ws-click='save'>go</button>")
    await page.goto(server.url)
    await live(page)
    line = await server.line()
    await page.click("#lost")
    await page.click("#go")
    assert (await line.event())[2] == "save"


async def test_a_button_that_stops_what_runs_does_not_send_its_form(page: Page, server: Rig) -> None:
    inside = "<form ws-submit='save'><button id='stop' ws-cancel>stop</button></form><b ws-click='go'>go</b>"
    line = await begin(page, server, inside, clock=False)
    await page.click("#stop")
    await page.click("b")
    assert await line.message("cancel") == ["cancel", ONE]
    assert (await line.event())[2] == "go"


# --- what was not done


REFUSED = {
    "failed": "This was not done: something went wrong.",
    "refused": "This was not done: something went wrong.",
    "timeout": "This was not done: it took too long.",
    "denied": "This was not done: it is not allowed.",
}


@pytest.mark.parametrize("code", REFUSED)
async def test_who_has_asked_for_what_was_not_done_is_told_for_a_while(page: Page, server: Rig, code: str) -> None:
    line = await begin(page, server, "<button id='go' ws-click='save'>go</button>")
    await page.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail))")
    await page.click("#go")
    await line.event()
    await line.say("refused", ONE, 1, code, "")
    await expect(page.get_by_role("status")).to_have_text(REFUSED[code])
    assert await page.evaluate("told") == [{"code": code, "text": REFUSED[code]}]
    await page.clock.run_for(7000)
    await page.click("#go")
    await line.event()
    await line.say("refused", ONE, 2, code, "told by the server")
    await expect(page.get_by_role("status")).to_have_text("told by the server")
    await page.clock.run_for(7000)
    await expect(page.get_by_role("status")).to_have_text("told by the server")
    await page.clock.run_for(2000)
    await expect(page.get_by_role("status")).to_have_count(0)


async def test_a_page_can_say_it_itself_and_what_no_person_did_says_nothing(page: Page, server: Rig) -> None:
    line = await begin(page, server, "<button id='go' ws-click='save' ws-loading.class='busy'>go</button>", clock=False)
    await page.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail.text))")
    await page.evaluate("addEventListener('alive:error', (event) => event.preventDefault(), { once: true })")
    await page.click("#go")
    await line.event()
    await line.say("refused", ONE, 1, "failed", "")
    await until(page, "told.length === 1")
    await page.evaluate("document.querySelector('#go').click()")
    await line.event()
    await line.say("refused", ONE, 2, "failed", "")
    await line.say("refused", ONE, 0, "failed", "")
    await page.evaluate("void alive.call(document.querySelector('#go'), 'save').catch(({ code }) => told.push(code))")
    await line.event()
    await line.say("refused", ONE, 3, "failed", "")
    await until(page, "told.length === 5")
    assert await page.evaluate("told") == [REFUSED["failed"], "", "", "", "failed"]
    assert await page.get_by_role("status").count() == 0


# --- alive.call


class Frontdesk(Component):
    """What scripts call."""

    count = 0
    template = """<div id="desk">{{ count }}</div>"""

    @exposed
    def add(self, by: int, *, why: str = "") -> dict[str, Any]:
        self.count += by
        return {"count": self.count, "list": [1, "two", None, True]}

    @exposed
    def fail(self) -> None:
        raise ValueError("no")

    @exposed
    def echo(self, it: Any) -> Any:
        return it

    @exposed(render=False)
    def quiet(self) -> int:
        self.count += 1
        return self.count


@pytest.fixture
async def desk(page: Page, serve: Serve, tmp_path: Path) -> Page:
    await opened(page, serve, small_app(tmp_path, "{{ component('Frontdesk') }}"))
    return page


async def test_a_script_gets_what_the_method_returns(desk: Page) -> None:
    assert await desk.evaluate("alive.call(document.querySelector('#desk'), 'add', 2)") == {
        "count": 2,
        "list": [1, "two", None, True],
    }
    await expect(desk.locator("#desk")).to_have_text("2")
    assert await desk.evaluate("alive.call(desk, 'add(40)').then(({ count }) => count)") == 42
    assert await desk.evaluate("alive.call(desk, 'quiet')") == 43
    await expect(desk.locator("#desk")).to_have_text("42")


async def test_what_the_server_can_just_read_arrives(desk: Page) -> None:
    for value in (
        "2 ** 53 - 1",
        "1e300",
        "'12345678901234567890'",
        "JSON.parse('['.repeat(29) + ']'.repeat(29))",
        "Array(9980).fill(0)",
        "'[,{'.repeat(20000)",
    ):
        assert await desk.evaluate(f"alive.call(desk, 'echo', {value}).then((it) => JSON.stringify(it))") == (
            await desk.evaluate(f"JSON.stringify({value})")
        )


async def test_calls_side_by_side_get_their_own_results(desk: Page) -> None:
    counts = (
        "Promise.all([1, 2, 3].map((by) => alive.call(desk, 'add', by))).then((all) => all.map(({ count }) => count))"
    )
    assert await desk.evaluate(counts) == [1, 3, 6]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("alive.call(desk, 'fail')", "failed"),
        ("alive.call(desk, 'unknown')", "refused"),
        ("alive.call(desk, 'add', 'many')", "bad_args"),
        ("alive.call(desk, 'add', 'x'.repeat(100000))", "too_big"),
        ("alive.call(desk, 'add', Array(10001).fill(0))", "too_big"),
        ("alive.call(document.head, 'add', 1)", None),
        ("alive.call(desk, 'add', 2 ** 53)", None),
        ("alive.call(desk, 'add', { list: [-(2 ** 60)] })", None),
        ("alive.call(desk, 'add', JSON.parse('['.repeat(31) + ']'.repeat(31)))", None),
    ],
)
async def test_a_call_that_is_refused_rejects_with_the_code(desk: Page, call: str, code: str | None) -> None:
    assert await desk.evaluate(f"{call}.then(() => 'resolved', (error) => [error instanceof Error, error.code])") == [
        True,
        code,
    ]
    assert (await desk.evaluate("alive.call(desk, 'add', 1)"))["count"] == 1


async def test_a_call_runs_once_and_resolves_once_though_its_answer_was_lost(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    base = await serve(small_app(tmp_path, "{{ component('Frontdesk') }}"))
    async with SlowLine(base) as line:
        await page.goto(line.url)
        await live(page)
        assert (await page.evaluate("alive.call(desk, 'add', 1)"))["count"] == 1
        line.deaf = True
        await page.evaluate("window.counts = []; alive.call(desk, 'add', 1).then(({ count }) => counts.push(count)); 0")
        await page.wait_for_timeout(300)
        await line.cut()
        line.restore()
        await until(page, "counts[0]")
        assert (await page.evaluate("alive.call(desk, 'add', 1)"))["count"] == 3
        assert await page.evaluate("counts") == [2]


async def test_a_call_of_a_component_that_has_gone_rejects(page: Page, server: Rig) -> None:
    child = root("<i ws-dblclick='x'>child</i>", "component002", tag="section")
    server.body = root(child)
    await page.goto(server.url)
    await live(page)
    line = await server.line()
    await page.evaluate(
        """window.told = ""; alive.call(document.querySelector("section"), "work").catch(({ code }) => (told = code));
        alive.call(document.querySelector("div"), "drop").catch(() => {}); 0"""
    )
    await line.update(1, "<div>alone</div>")
    await until(page, "told")
    assert await page.evaluate("told") == "gone"


async def test_a_call_before_a_reset_goes_again_unless_a_lost_connection_may_have_done_it(
    page: Page, server: Rig
) -> None:
    line = await begin(page, server, '<i ws-dblclick="x">x</i>', clock=False)
    call = "window.told = []; const i = document.querySelector('i');"
    call += (
        "for (const n of [1, 2]) alive.call(i, 'x', n).then((value) => told.push(value), ({ code }) => told.push(code))"
    )
    await page.evaluate(f"{{ {call}; 0 }}")
    assert [(await line.event())[1] for _ in range(2)] == [1, 2]
    await line.update(1, [], token(ONE, 1), [["result", 1, "done"]])
    await until(page, "told.length === 1")
    await line.close(1012)
    line = await server.line()
    assert (await line.event())[1:] == [2, "x", {"result": 1, "args": [2], "retry": 1}]
    await page.evaluate("alive.call(document.querySelector('i'), 'x', 3).then((value) => told.push(value)); 0")
    assert (await line.event())[1] == 3
    server.body = root('<i ws-dblclick="x">x</i>', "component009")
    await line.say("reset", ONE)
    assert (await line.event())[:2] == ["component009", 1]
    await line.update(1, [], token("component009", 1), [["result", 1, "again"]], instance="component009")
    await until(page, "told.length === 3")
    assert await page.evaluate("told") == ["done", "reset", "again"]
