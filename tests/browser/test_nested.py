"""Components in components, in a real browser: what a person has begun survives whatever the components around do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, expect
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asok import Component, exposed
from asok.component import registry
from asok.pages import session_of
from tests.browser.conftest import Serve
from tests.rig import asok_app


@pytest.fixture(autouse=True)
def classes() -> Iterator[None]:
    """Forget the classes of each test."""
    with registry.isolated():
        define()
        yield


def define() -> None:
    class Row(Component):
        name: str
        rank: int = 0
        stars: int = 0
        template = """<li class="row" id="row-{{ name }}"><b>{{ name }} {{ rank }}</b>
        <button ws-click="star">{{ stars }}</button><input aria-label="{{ name }}"></li>"""

        @exposed
        def star(self) -> None:
            self.stars += 1

    class Fold(Component):
        title: str = ""
        shut: bool = False
        template = """<section class="fold"><button class="shut" ws-click="turn">{{ title }}</button>
        {% if not shut %}<div class="inside">{{ slot }}</div>{% if slots.footer %}<footer>{{ slots.footer }}</footer>
        {% endif %}{% endif %}</section>"""

        @exposed
        def turn(self) -> None:
            self.shut = not self.shut

    class Board(Component):
        names: list[str] = ["a", "b", "c"]
        hits: int = 0
        template = """<main><h1>{{ hits }}</h1>{% component 'Fold', title='fold' %}
          <ul>{% for name in names %}{{ component('Row', key=name, name=name, rank=loop.index) }}{% endfor %}</ul>
          <input id="in-slot" aria-label="in slot">
          {% slot 'footer' %}<button id="hit" ws-click="hit">{{ hits }}</button>{% endslot %}
        {% endcomponent %}
        <button id="turn" ws-click="turn">turn</button><button id="drop" ws-click="drop">drop</button></main>"""

        @exposed
        def hit(self) -> None:
            self.hits += 1

        @exposed
        def turn(self) -> None:
            self.names = self.names[::-1]

        @exposed
        def drop(self) -> None:
            self.names = self.names[1:] or ["a", "b", "c"]


BOARD = "{{ component('Board') }}"


async def opened(page: Page, serve: Serve, tmp_path: Path, body: str = BOARD, **options: Any) -> None:
    await page.goto(await serve(asok_app(tmp_path, {"/": body}, **options)))
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")


async def press(page: Page, selector: str) -> None:
    """Click as a script does: the focus stays where it is."""
    await page.locator(selector).dispatch_event("click")


async def test_focus_and_typed_text_in_a_child_survive_its_parents_rendering_and_a_new_order(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, tmp_path)
    await page.locator("#row-b button").click()
    typed = page.get_by_label("b", exact=True)
    await typed.click()
    await typed.press_sequentially("hello")
    await typed.evaluate("input => { input.setSelectionRange(1, 3); input.mine = input.closest('li').mine = 1 }")
    for selector, names in (("#turn", "cba"), ("#drop", "ba"), ("#turn", "ab"), ("#hit", "ab")):
        await press(page, selector)
        await expect(page.locator(".row b")).to_have_text([f"{name} {rank}" for rank, name in enumerate(names, 1)])
        await expect(typed).to_be_focused()
        await expect(typed).to_have_value("hello")
        assert await typed.evaluate("i => [i.selectionStart, i.selectionEnd, i.mine, i.closest('li').mine]") == [
            1,
            3,
            1,
            1,
        ]
        await expect(page.locator("#row-b button")).to_have_text("1")
    await expect(page.locator("h1")).to_have_text("1")


async def test_a_button_in_a_slot_calls_its_writer_and_the_content_survives_what_the_child_does(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, tmp_path)
    await page.locator("#in-slot").fill("mine")
    await page.locator("#row-a button").click()
    await page.locator("#hit").click()
    await expect(page.locator("#hit")).to_have_text("1")
    await expect(page.locator("h1")).to_have_text("1")
    await expect(page.locator("#in-slot")).to_have_value("mine")
    await page.locator(".shut").click()
    await expect(page.locator(".inside, footer")).to_have_count(0)
    await page.locator(".shut").click()
    await expect(page.locator("#hit")).to_have_text("1")
    await expect(page.locator("#row-a button")).to_have_text("1")
    await page.locator("#row-a button").click()  # it has been away, and hears its first click
    await expect(page.locator("#row-a button")).to_have_text("2")
    await page.locator("#hit").click()
    await expect(page.locator("h1")).to_have_text("2")
    assert await page.locator("slot").first.evaluate("slot => getComputedStyle(slot).display") == "contents"


async def test_only_what_has_changed_is_sent(page: Page, serve: Serve, tmp_path: Path) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sent.append(str(frame))))
    await opened(page, serve, tmp_path)
    await page.locator("#row-b button").click()
    await page.locator(".shut").click()
    await page.locator(".shut").click()
    await page.locator("#hit").click()
    await expect(page.locator("h1")).to_have_text("1")
    sent.clear()
    await page.locator("#hit").click()
    await expect(page.locator("h1")).to_have_text("2")
    assert not [frame for frame in sent if "row" in frame]
    sent.clear()
    await page.locator("#row-b button").click()
    await expect(page.locator("#row-b button")).to_have_text("2")
    assert len([frame for frame in sent if frame.startswith('["update"')]) == 1
    assert "fold" not in "".join(sent)


async def test_events_of_a_child_and_its_parent_at_once_are_all_done(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, tmp_path)
    await page.evaluate(
        """() => { for (let n = 0; n < 10; n++) {
            document.querySelector("#row-b button").click();
            document.querySelector("#turn").click();
            document.querySelector("#hit").click(); } }"""
    )
    await expect(page.locator("#row-b button")).to_have_text("10")
    await expect(page.locator("h1")).to_have_text("10")
    await expect(page.locator("#hit")).to_have_text("10")
    await expect(page.locator(".row b")).to_have_text(["a 1", "b 2", "c 3"])


async def test_a_boundary_stands_where_a_child_fails_and_goes_when_it_recovers(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Share(Component):
        among: int
        count: int = 0
        template = "<p class='share'>{{ 12 // among }} <button class='up' ws-click='up'>{{ count }}</button></p>"

        @exposed
        def up(self) -> None:
            self.count += 1

    class Feast(Component):
        guests: int = 2
        template = """<div>{{ component('Share', among=guests) }}
        <button id="less" ws-click="less">{{ guests }}</button><input id="text"></div>"""

        @exposed
        def less(self) -> None:
            self.guests = (self.guests - 1) % 3

    assert {Share, Feast}
    await opened(page, serve, tmp_path, "{{ component('Feast') }}", debug=True)
    await page.locator(".up").click()
    await expect(page.locator(".up")).to_have_text("1")
    await page.locator("#text").fill("mine")
    await page.locator("#less").click()
    await page.locator("#less").click()
    await expect(page.locator(".asok-error")).to_contain_text("Share.render raised ZeroDivisionError")
    await expect(page.locator("#less")).to_have_text("0")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".asok-error")).to_contain_text("ZeroDivisionError")
    await page.locator("#less").click()
    await expect(page.locator(".share")).to_have_text("6 1")
    await page.locator(".up").click()
    await expect(page.locator(".up")).to_have_text("2")
    await expect(page.locator("#text")).to_have_value("mine")


# ---- the example


async def test_the_example_keeps_notes_stars_and_places_apart(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/nested")
    card = page.locator("article")
    porto = card.filter(has_text="Porto")
    await porto.get_by_label("Note").fill("tram 28")
    await porto.get_by_role("button", name="A star for Porto").click()
    await expect(porto.get_by_role("button", name="A star for Porto")).to_have_text("★ 1")
    await page.get_by_role("button", name="Move Porto up").click()
    await expect(card.locator("h2")).to_have_text(["Porto", "Oslo", "Atlantis", "Kyoto"])
    await expect(porto.get_by_label("Note")).to_have_value("tram 28")
    await porto.get_by_role("button", name="Seen").click()
    await expect(porto.get_by_role("button", name="Seen")).to_have_attribute("aria-pressed", "true")
    await expect(card.filter(has_text="Atlantis")).to_contain_text("Place cannot be shown")
    await porto.get_by_role("button", name="Porto", exact=True).click()
    await expect(porto.locator("footer")).to_have_count(0)
    await page.get_by_role("navigation", name="View").get_by_role("button", name="Seen").click()
    await expect(page.locator(".nested slot[name=Seen] > p")).to_have_text("Porto")
    await page.get_by_role("navigation", name="View").get_by_role("button", name="Places").click()
    await expect(card.locator("h2")).to_have_text(["Porto", "Oslo", "Atlantis", "Kyoto"])
    await porto.get_by_role("button", name="Porto", exact=True).click()
    await porto.get_by_role("button", name="A star for Porto").click()
    await expect(porto.get_by_role("button", name="A star for Porto")).to_have_text("★ 2")


# --- content of a component that begins anew


@pytest.mark.parametrize("anew", ["all of the page", "the component with the content"])
async def test_content_with_a_form_stands_where_it_was_when_a_component_begins_anew(
    page: Page, serve: Serve, tmp_path: Path, anew: str
) -> None:
    class Framed(Component):
        shut: bool = False
        template = """<div class="framed"><button id="shut" ws-click="turn">{{ shut }}</button>
            <i>{{ slot }}</i></div>"""

        @exposed
        def turn(self) -> None:
            self.shut = not self.shut

    class Letterbox(Component):
        said: list[str] = []
        template = """<section><h2>{{ said | join(" ") }}</h2>{% component 'Framed' %}
          <form ws-submit="say"><input name="text"><button>Say</button></form>{% endcomponent %}
          <button id="shout" ws-click="say('!')">!</button></section>"""

        @exposed
        def say(self, text: str) -> None:
            self.said = [*self.said, text]

    async def enter(request: Request) -> PlainTextResponse:
        session_of(request).regenerate()
        return PlainTextResponse("")

    def carry(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    sockets: list[WebSocketRoute] = []
    await page.route_web_socket("**/live", carry)
    await opened(page, serve, tmp_path, "{{ component('Letterbox') }}", routes=[Route("/enter", enter)])
    await page.click("#shout")
    await page.click("#shut")
    await expect(page.locator("#shut")).to_have_text("True")
    await page.fill("input", "typed")
    before = await page.locator(".framed").get_attribute("data-asok-state")
    if anew == "all of the page":
        tab = await page.context.new_page()
        await tab.goto(page.url + "enter")
    else:
        sockets[-1].send(json.dumps(["reset", str(before)[:12]]))
    await expect(page.locator(".framed")).not_to_have_attribute("data-asok-state", before or "")
    await page.click("form button")
    await expect(page.locator("h2")).to_have_text("! typed")
    await page.click("#shut")
    await page.click("#shout")
    await expect(page.locator("h2")).to_have_text("! typed !")
    await expect(page.locator("section > .framed > i > slot > form input")).to_have_value("typed")
    await expect(page.locator("section > *")).to_have_count(3)
