"""Without a WebSocket, with one again, and without any connection: nothing is lost, and the page stays as it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import BrowserContext, Dialog, Page, Route, expect
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from asok import Asok, Component, Store, bind, exposed, posting
from tests.browser.conftest import Serve
from tests.browser.gate import Gate
from tests.browser.small import live, small_app, until, while_time_passes

BODY = "{{ component('Carried') }}"
# How often a WebSocket was made, what has carried the newest frame, and what `data-alive` has been.
WATCH = """
window.sockets = 0;
window.seen = [];
const { fetch } = window;
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (frame) { window.carrier = "socket"; send.call(this, frame); };
window.WebSocket = new Proxy(WebSocket, { construct(of, args) { sockets++; return new of(...args); } });
window.fetch = (url, options) => {
  if (/ /.test(options?.headers?.["Asok-Line"])) window.carrier = "post";
  return fetch(url, options);
};
new MutationObserver(() => seen.push(document.documentElement.dataset.alive)).observe(document, {
  attributeFilter: ["data-alive"], subtree: true });
"""

carried_votes = Store({"count": 0}, name="carried_votes", readable=True, writable={"count": int})


class Carried(Component):
    """Something of each kind of message."""

    count = 0
    said = ""
    template = """<div>
      <output>{{ count }}</output> <b>{{ votes }}</b> <i>{{ said }}</i>
      <button id="add" ws-click="add">Add</button> <button id="vote" ws-click="vote">Vote</button>
      <button id="ask" ws-click="ask">Ask</button>
      <form ws-submit="say"><input name="text" autocomplete="off"><button id="say">Say</button></form></div>"""

    @property
    def votes(self) -> Any:
        return carried_votes.read("count")

    @exposed
    def add(self) -> None:
        self.count += 1

    @exposed
    def vote(self) -> None:
        carried_votes.update("count", 1)

    @exposed
    async def ask(self) -> None:
        self.said = "yes" if await self.window.confirm("Sure?") else "no"

    @exposed
    def say(self, text: str) -> None:
        self.said = text


@pytest.fixture
def app(tmp_path: Path) -> Asok:
    return small_app(tmp_path, BODY)


@pytest.fixture
async def gate(serve: Serve, app: Asok) -> AsyncIterator[Gate]:
    async with Gate(await serve(app)) as gate:
        yield gate


async def show(page: Page, gate: Gate) -> float:
    """The page, live; after how many seconds."""
    await page.add_init_script(WATCH)
    await page.goto(gate.url)
    began = time.monotonic()
    await live(page)
    return time.monotonic() - began


async def click_fast(page: Page, times: int) -> None:
    await page.evaluate(f"for (let n = 0; n < {times}; n++) document.querySelector('#add').click()")


@pytest.mark.parametrize("upgrades", [403, 502, "swallow"])
async def test_r25_without_a_websocket_all_goes_over_post(
    page: Page, context: BrowserContext, gate: Gate, upgrades: Literal[403, 502, "swallow"]
) -> None:
    gate.upgrades = upgrades
    assert await show(page, gate) < 20
    assert await page.evaluate("carrier") == "post"
    await page.type("input", "half wri")
    await page.press("input", "ArrowLeft")
    await click_fast(page, 50)
    await expect(page.locator("output")).to_have_text("50")
    assert await page.evaluate("[document.activeElement.value, document.activeElement.selectionStart]") == [
        "half wri",
        7,
    ]

    async def on_dialog(dialog: Dialog) -> None:
        await dialog.accept()

    page.on("dialog", on_dialog)
    await page.click("#ask")
    await expect(page.locator("i")).to_have_text("yes")
    await page.click("#say")
    await expect(page.locator("i")).to_have_text("half wri")

    other = await context.new_page()
    gate.upgrades = 403  # the next one need not hang, too
    await show(other, gate)
    before = int(await page.locator("b").inner_text())
    await other.click("#vote")
    await expect(page.locator("b")).to_have_text(str(before + 1))
    await page.evaluate("import(document.querySelector('script[data-live]').src.replace('alive.js', 'store.js'))")
    await page.evaluate(f"alive.store('carried_votes').set('count', {before + 9})")
    await expect(other.locator("b")).to_have_text(str(before + 9))
    assert await page.evaluate("alive.store('carried_votes').get('count')") == before + 9


async def test_r25_where_answers_are_kept_back_they_are_fetched(page: Page, gate: Gate) -> None:
    gate.upgrades, gate.streams = 403, "keep"
    assert await show(page, gate) < 10
    await click_fast(page, 50)
    await expect(page.locator("output")).to_have_text("50")
    await page.click("#vote")
    await until(page, "+document.querySelector('b').textContent > 0")


async def test_where_answers_are_kept_back_after_their_first_bytes_they_are_fetched(page: Page, gate: Gate) -> None:
    gate.upgrades, gate.streams = 403, "first"
    await show(page, gate)
    await click_fast(page, 5)
    await expect(page.locator("output")).to_have_text("5")


async def test_r25_a_websocket_that_can_be_had_again_takes_over(page: Page, gate: Gate) -> None:
    gate.upgrades = 502
    await show(page, gate)
    await click_fast(page, 20)
    gate.upgrades = "pass"
    await page.evaluate("seen.length = 0; dispatchEvent(new Event('online'))")
    await click_fast(page, 20)
    await until(page, "carrier === 'socket'")
    await click_fast(page, 20)
    await expect(page.locator("output")).to_have_text("60")
    assert set(await page.evaluate("seen")) <= {"live"}
    # And away again.
    gate.upgrades = 403
    await gate.cut()
    await click_fast(page, 20)
    await until(page, "carrier === 'post'")
    await expect(page.locator("output")).to_have_text("80")


async def test_a_page_that_is_to_do_without_never_makes_a_websocket(page: Page, serve: Serve, tmp_path: Path) -> None:
    app = small_app(tmp_path, BODY, websocket=False)
    async with Gate(await serve(app)) as gate:
        await show(page, gate)
        await click_fast(page, 5)
        await expect(page.locator("output")).to_have_text("5")
        await gate.cut()
        await page.evaluate("dispatchEvent(new Event('online'))")
        await click_fast(page, 5)
        await expect(page.locator("output")).to_have_text("10")
        assert (gate.tried, await page.evaluate("[sockets, carrier]")) == (0, [0, "post"])


async def test_text_that_waits_for_a_pause_is_sent_when_the_page_is_left(
    page: Page, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = asyncio.Event()
    monkeypatch.setattr(posting, "LAST_POST", 60.0)

    class LeftDraft(Component):
        text: str = bind("")
        template = """<p><input ws-model.debounce.60000="text"> <a href="/next">Next</a></p>"""

        def updated(self, changed: frozenset[str]) -> None:
            if self.text == "half wri":
                heard.set()

    app = small_app(tmp_path, "{{ component('LeftDraft') }}", websocket=False)
    app.add_route("/next", lambda request: PlainTextResponse("next"))
    await page.goto(await serve(app))
    await live(page)
    await page.fill("input", "half wri")
    await page.click("a")
    async with asyncio.timeout(20):
        await heard.wait()


async def test_a_page_of_the_proxys_own_in_place_of_news_is_asked_for_no_more_than_now_and_then(
    page: Page, gate: Gate
) -> None:
    gate.upgrades, gate.streams = 403, "keep"
    await show(page, gate)
    asked = 0

    async def instead(route: Route) -> None:
        nonlocal asked
        if "event-stream" not in route.request.headers["accept"]:
            return await route.continue_()
        asked += 1
        await route.fulfill(status=200, content_type="text/html", body="<h1>Log in</h1>")

    await page.route("**/live", instead)
    await page.click("#add")
    await expect(page.locator("output")).to_have_text("1")
    await page.wait_for_selector('html[data-alive="offline"]', state="attached", timeout=30_000)
    assert asked < 20


async def test_a_login_in_another_tab_is_kept_though_its_answer_is_late(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    app, may_go, has_gone = small_app(tmp_path, BODY, websocket=False), asyncio.Event(), asyncio.Event()
    entering = False

    async def login(request: Request) -> PlainTextResponse:
        nonlocal entering
        entering = True
        request.scope["session"].regenerate()
        request.session["user"] = "ada"
        return PlainTextResponse("")

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.session.get("user", "nobody"))

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            path = scope["path"]
            if entering and path in ("/login", "/"):
                await (may_go if path == "/login" else has_gone).wait()
            await send(message)

        await app(scope, receive, say)

    app.add_route("/login", login)
    app.add_route("/who", who)
    await page.clock.install(time=0)
    other = await page.context.new_page()
    url = await serve(slow)
    for tab in (page, other):
        await tab.goto(url)
        await live(tab)
    await page.clock.pause_at(60)
    entered = asyncio.create_task(page.evaluate("fetch('/login').then((answer) => answer.text())"))
    for tab in (page, other):
        await tab.wait_for_selector('html[data-alive="offline"]', state="attached")
        await tab.evaluate("1")
    may_go.set()
    await entered
    has_gone.set()
    await while_time_passes(other, live(other))
    assert await page.evaluate("fetch('/who').then((answer) => answer.text())") == "ada"
