"""What a person does reaches the app from the test client as from Chromium: the same events with the same data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from asok import Component, bind, exposed
from asok.testing import LiveClient
from asok.testing import Page as Client
from tests.browser.conftest import Serve
from tests.browser.small import opened, small_app
from tests.unit.test_testing_values import SENT

ALL = "pointerdown mousedown pointerup mouseup click dblclick keydown keyup input change focusin focusout submit sorted"
WIRES = " ".join(f"ws-{event}=\"note('all')\"" for event in ALL.split())
INSIDE = """
  <form id="form"><input id="text" name="text"><input id="box" type="checkbox" name="box" value="1">
    <input id="one" type="radio" name="r" value="1"><input id="two" type="radio" name="r" value="2" checked>
    <textarea id="lines" name="lines"></textarea><button id="send" name="how" value="now">Send</button></form>
  <select id="choice"><option>a</option><option value="B">b</option></select>
  <p id="out" tabindex="0" data-row-id="7">Out</p><a id="link" href="#here">Link</a>
  <div ws-click.self="note('self')" ws-click.capture="note('capture')">
    <button id="in" ws-click.stop="note('in')">In</button></div>
  <i ws-click.outside="note('outside')" ws-keydown.window.ctrl.enter="note('sent')"
    ws-keydown.up.document="note('up')"></i>
  <input id="model" ws-model.trim.number="number"><input id="lazy" ws-model.lazy="later">
  <p id="rich" contenteditable ws-model="later"></p>
  <details id="more" ws-toggle="note('toggled')"><summary id="sum">More</summary></details>
  <label id="label">Named <input id="named" type="checkbox" ws-change="note('named')"></label>
  <button id="ask" command="show-modal" commandfor="asked">Ask</button><dialog id="asked" ws-close="note('closed')">
    <a id="why" href="#why">Why</a><button id="no" command="close" commandfor="asked">No</button></dialog>
"""

Act = Callable[[Page], Awaitable[Any]]
Same = Callable[[Client], Awaitable[Any]]


async def left(page: Page | Client) -> None:
    await page.press("#text", "x")
    await page.click("#out")


async def typed(page: Page, selector: str, key: str) -> None:
    await page.focus(selector)
    await page.keyboard.press(key)
    await page.locator(selector).blur()


async def unfolded(page: Page, selector: str, key: str = "") -> None:
    """A click on a summary, or a key, until its toggle has been heard, which comes in a task of its own."""
    heard = "new Promise((done) => summary.parentElement.addEventListener('toggle', () => done(0)))"
    await page.eval_on_selector(selector, f"(summary) => {{ window.toggled = {heard}; }}")
    await (page.press(selector, key) if key else page.click(selector))
    await page.evaluate("window.toggled")


async def asked(page: Page) -> None:
    await page.click("#ask")
    heard = "new Promise((done) => dialog.addEventListener('close', () => done(0)))"
    await page.eval_on_selector("#asked", f"(dialog) => {{ window.answered = {heard}; }}")
    await page.click("#no")
    await page.evaluate("window.answered")


async def asked_in_a_test(page: Client) -> None:
    await page.click("#ask")
    await page.click("#no")


# What is done in Chromium, and the same in a test.
STEPS: dict[str, tuple[Act, Same]] = {
    "a click": (lambda page: page.click("#in"), lambda test: test.click("#in")),
    "a click on what can have the focus": (lambda page: page.click("#out"), lambda test: test.click("#out")),
    "a click on a link": (lambda page: page.click("#link"), lambda test: test.click("#link")),
    "a click with a key held": (
        lambda page: page.click("#out", modifiers=["Shift"]),
        lambda test: test.click("#out", keys="shift"),
    ),
    "typing": (lambda page: typed(page, "#text", "x"), lambda test: test.fill("#text", "x")),
    "typing into many lines": (lambda page: typed(page, "#lines", "y"), lambda test: test.fill("#lines", "y")),
    "ticking": (lambda page: page.check("#box"), lambda test: test.check("#box")),
    "ticking one of several": (lambda page: page.check("#one"), lambda test: test.check("#one")),
    "a label": (lambda page: page.click("#label", position={"x": 5, "y": 5}), lambda test: test.click("#label")),
    "sending": (lambda page: page.click("#send"), lambda test: test.click("#send")),
    "enter in a field": (lambda page: page.press("#text", "Enter"), lambda test: test.press("#text", "Enter")),
    "a key anywhere": (lambda page: page.press("#out", "ArrowUp"), lambda test: test.press("#out", "ArrowUp")),
    "opening a summary": (lambda page: unfolded(page, "#sum"), lambda test: test.click("#sum")),
    "a dialog": (asked, asked_in_a_test),
    "any event": (
        lambda page: page.dispatch_event("#out", "dblclick"),
        lambda test: test.trigger("#out", "dblclick"),
    ),
    "an event of ones own": (
        lambda page: page.dispatch_event("#out", "sorted"),
        lambda test: test.trigger("#out", "sorted"),
    ),
    "leaving by a click": (left, left),
    "enter on a button": (lambda page: page.press("#in", "Enter"), lambda test: test.press("#in", "Enter")),
    "space on a button": (lambda page: page.press("#in", " "), lambda test: test.press("#in", " ")),
    "space on a box": (lambda page: page.press("#box", " "), lambda test: test.press("#box", " ")),
    "enter on a link": (lambda page: page.press("#link", "Enter"), lambda test: test.press("#link", "Enter")),
    "enter on a summary": (lambda page: unfolded(page, "#sum", "Enter"), lambda test: test.press("#sum", "Enter")),
    "writing into an element": (lambda page: typed(page, "#rich", "r"), lambda test: test.fill("#rich", "r")),
    "a model": (lambda page: typed(page, "#model", "5"), lambda test: test.fill("#model", "5")),
    "a lazy model": (lambda page: typed(page, "#lazy", "z"), lambda test: test.fill("#lazy", "z")),
}


class Notes(list[Any]):
    """What the app was told, and whether that was all."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()


def stage(notes: Notes) -> type[Component]:
    class TriedStage(Component):
        template = (
            f'<section><div id="all" {WIRES}>{INSIDE}</div><button id="end" ws-finish="end">End</button></section>'
        )
        number: float = bind(0.0)
        later: str = bind("")

        @exposed
        def note(self, what: str) -> None:
            target, current = self.event.target, self.event.current_target
            where = (target.tag, target.id, target.value, target.checked, dict(target.dataset), current.tag, current.id)
            said = (self.event.type, self.event.keys, self.event.key, self.event.value, dict(self.event.form))
            notes.append((what, *said, *where, self.number, self.later))

        @exposed
        async def end(self) -> None:
            notes.ended.set()

    return TriedStage


def told(notes: Notes) -> list[Any]:
    """All but the focus of the button that is disabled until the answer comes, and has it again then."""
    return [note for note in notes if not (note[1].startswith("focus") and note[7] == "send")]


@pytest.mark.parametrize("step", STEPS)
async def test_the_app_hears_the_same(step: str, page: Page, serve: Serve, tmp_path: Path) -> None:
    act, same = STEPS[step]
    heard = Notes()
    shown = f"{{{{ component('{stage(heard).__name__}') }}}}"
    await opened(page, serve, small_app(tmp_path, shown))
    await act(page)
    await page.dispatch_event("#end", "finish")
    async with asyncio.timeout(10):
        await heard.ended.wait()
    # It also tells of the key that is held itself.
    chromium = [note for note in told(heard) if note[3] != "Shift"]

    heard.clear()
    (tmp_path / "other").mkdir()
    async with LiveClient(small_app(tmp_path / "other", shown)) as live:
        test = await live.open("/")
        await same(test)
    # A toggle comes in a task of its own, before or after the key is up.
    if "summary" in step:
        heard.sort(key=repr)
        chromium.sort(key=repr)
    assert told(heard) == chromium
    assert heard


async def test_an_untouched_form_sends_in_chromium_what_it_sends_in_a_test(page: Page) -> None:
    entries = "[...new FormData(document.querySelector('form'))]"
    sent = {}
    for html in SENT:
        await page.set_content(f"<!doctype html><form>{html}</form>")
        sent[html] = await page.evaluate(entries)
    assert sent == SENT
