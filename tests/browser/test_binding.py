"""`ws-model` in Chromium: every control, what the server makes of it, and what the person goes on typing meanwhile."""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from asok import Component, bind, exposed
from tests.browser.alive_rig import ONE, Rig, root, token
from tests.browser.conftest import Serve
from tests.browser.latency import Line
from tests.browser.small import live, opened, small_app, until
from tests.rig import asok_app

CONTROLS = """<div>
  <input id="name" ws-model="name" value="{{ name }}">
  <input id="age" type="number" ws-model.number="age" value="{{ age }}">
  <input id="price" ws-model="price" value="{{ price }}">
  <input id="born" type="date" ws-model="born" value="{{ born or '' }}">
  <input id="volume" type="range" ws-model="volume" value="{{ volume }}">
  <textarea id="text" ws-model.debounce.50="text">{{ text }}</textarea>
  <input id="sure" type="checkbox" ws-model="sure" {{ "checked" if sure }}>
  {% for each in ["a", "b", "c"] %}
  <input id="tag-{{ each }}" type="checkbox" ws-model="tags" value="{{ each }}"
    {{ "checked" if each in tags }}>
  <input id="size-{{ each }}" type="radio" name="size" ws-model="size" value="{{ each }}"
    {{ "checked" if size == each }}>
  {% endfor %}
  <select id="one" ws-model="one">
    {% for each in "xyz" %}<option {{ "selected" if one == each }}>{{ each }}</option>{% endfor %}</select>
  <select id="many" multiple ws-model="many">
    {% for each in "xyz" %}<option {{ "selected" if each in many }}>{{ each }}</option>{% endfor %}</select>
  <div id="rich" contenteditable ws-model="rich"></div>
  <input id="trimmed" ws-model.trim="trimmed" value="{{ trimmed }}">
  <input id="after" ws-model.lazy="after" value="{{ after }}">
  <input id="left" ws-model.blur="left" value="{{ left }}">
  <button ws-click="clear">clear</button>
  <output>{{ shown|tojson }}</output>
</div>"""


class Controls(Component):
    """Every kind of control, and what Python has of it."""

    name: str = bind("")
    age: int | None = bind(None)
    price: Decimal = bind(Decimal("0"))
    born: date | None = bind(None)
    volume: int = bind(50)
    text: str = bind("")
    sure: bool = bind(False)
    tags: list[str] = bind([])
    size: str = bind("a")
    one: str = bind("x")
    many: list[str] = bind([])
    rich: str = bind("")
    trimmed: str = bind("")
    after: str = bind("")
    left: str = bind("")
    template = CONTROLS

    def load(self) -> None:
        values = {name: getattr(self, name) for name in Controls.__annotations__}
        self.shown = {**values, "price": str(self.price), "born": str(self.born)}

    @exposed
    async def clear(self) -> None:
        self.name = self.text = ""
        self.reset("name", "text")


@pytest.fixture
async def controls(page: Page, serve: Serve, tmp_path: Path) -> Page:
    await opened(page, serve, small_app(tmp_path, "{{ component('Controls') }}"))
    return page


async def expect_field(page: Page, name: str, value: object) -> None:
    """Python has this value, and the page shows it."""
    shown = f"JSON.parse(document.querySelector('output').textContent).{name}"
    await until(page, f"JSON.stringify({shown}) === JSON.stringify({json.dumps(value)})")


async def test_texts_numbers_and_dates_become_fields(controls: Page) -> None:
    await controls.fill("#name", 'Ada <b> & "Grace" 🐍')
    await expect_field(controls, "name", 'Ada <b> & "Grace" 🐍')
    await controls.fill("#age", "36")
    await expect_field(controls, "age", 36)
    await controls.fill("#price", "2.50")
    await expect_field(controls, "price", "2.50")
    await controls.fill("#born", "1815-12-10")
    await expect_field(controls, "born", "1815-12-10")
    await controls.fill("#born", "")
    await expect_field(controls, "born", "None")
    await controls.fill("#age", "")
    await expect_field(controls, "age", None)
    await controls.fill("#volume", "75")
    await expect_field(controls, "volume", 75)
    await controls.fill("#text", "a word")
    await expect_field(controls, "text", "a word")


async def test_boxes_buttons_and_lists_become_fields(controls: Page) -> None:
    await controls.check("#sure")
    await expect_field(controls, "sure", True)
    await controls.uncheck("#sure")
    await expect_field(controls, "sure", False)
    await controls.check("#tag-c")
    await controls.check("#tag-a")
    await expect_field(controls, "tags", ["a", "c"])
    await controls.uncheck("#tag-c")
    await expect_field(controls, "tags", ["a"])
    await controls.uncheck("#tag-a")
    await expect_field(controls, "tags", [])
    await controls.check("#size-b")
    await expect_field(controls, "size", "b")
    await controls.select_option("#one", "z")
    await expect_field(controls, "one", "z")
    await controls.select_option("#many", ["x", "z"])
    await expect_field(controls, "many", ["x", "z"])


async def test_what_is_edited_in_place_becomes_a_field(controls: Page) -> None:
    await controls.locator("#rich").press_sequentially("rich")
    await expect_field(controls, "rich", "rich")


async def test_trimmed_lazy_and_left(controls: Page) -> None:
    await controls.fill("#trimmed", "  a b ")
    await expect_field(controls, "trimmed", "a b")
    await controls.locator("#after").press_sequentially("lazy")
    await controls.locator("#left").press_sequentially("left")
    await expect_field(controls, "after", "lazy")
    await expect_field(controls, "left", "")
    await controls.locator("#name").press("x")
    await expect_field(controls, "name", "x")
    await expect_field(controls, "left", "left")


async def test_a_composition_is_one_change(controls: Page) -> None:
    await controls.locator("#name").evaluate(
        """field => {
          field.value = "に";
          field.dispatchEvent(new InputEvent("input", { bubbles: true, isComposing: true }));
          field.value = "日";
          field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }));
        }"""
    )
    await expect_field(controls, "name", "日")


async def test_a_value_that_does_not_fit_is_marked_until_one_is_taken(controls: Page) -> None:
    await controls.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail))")
    await controls.fill("#price", "cheap")
    await expect(controls.locator("#price")).to_have_attribute("aria-invalid", "true")
    assert await controls.evaluate("told.map(({ code, field }) => [code, field])") == [["bad_args", "price"]]
    await controls.fill("#name", "goes on")
    await expect_field(controls, "name", "goes on")
    await expect(controls.locator("#price")).to_have_value("cheap")
    await expect(controls.locator("#price")).to_have_attribute("aria-invalid", "true")
    await controls.fill("#price", "3")
    await expect(controls.locator("#price")).not_to_have_attribute("aria-invalid", "true")
    await expect_field(controls, "price", "3")


@pytest.mark.parametrize("field", ["name", "rich"])
async def test_five_megabytes_are_told_and_kept_and_nothing_else_is_disturbed(controls: Page, field: str) -> None:
    await controls.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail))")
    await controls.evaluate(
        """id => { const field = document.getElementById(id); field.focus();
            field["value" in field ? "value" : "textContent"] = "ü".repeat(2_500_000);
            field.dispatchEvent(new InputEvent("input", { bubbles: true })); }""",
        field,
    )
    await expect(controls.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    assert await controls.evaluate("told.map(({ code, field }) => [code, field])") == [["too_big", field]]
    assert "64" in await controls.evaluate("told[0].text")
    await controls.fill("#age", "7")
    await expect_field(controls, "age", 7)
    length = f"((field) => (field.value ?? field.textContent).length)(document.getElementById('{field}'))"
    assert await controls.evaluate(length) == 2_500_000
    assert await controls.evaluate("document.documentElement.dataset.alive") == "live"
    await expect(controls.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    if field == "name":
        assert "64" in await controls.locator("#name").evaluate("field => field.validationMessage")
        await controls.fill("#name", "short")
        await expect_field(controls, "name", "short")
        assert await controls.locator("#name").evaluate("field => field.validationMessage") == ""
        await expect(controls.locator("#name")).not_to_have_attribute("aria-invalid", "true")


PLAIN = "<!doctype html><html><head>{{ alive(features=False) }}</head><body>{{ component('Plain') }}</body></html>"


async def test_without_the_features_too_much_text_ends_the_connection_and_the_page_lives_on(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Plain(Component):
        said = ""
        template = """<div><input ws-input="say"><button ws-click="say('after')">x</button>
            <output>{{ said[:9] }}</output></div>"""

        @exposed
        def say(self, value: str) -> None:
            self.said = value

    app = asok_app(tmp_path, templates={"plain.html": PLAIN})
    app.page("/", "plain.html")
    await opened(page, serve, app)
    await page.evaluate("window.told = []; addEventListener('alive:error', (event) => told.push(event.detail.code))")
    await page.evaluate(
        """() => { const field = document.querySelector("input"); field.value = "x".repeat(5_000_000);
            field.dispatchEvent(new InputEvent("input", { bubbles: true })); }"""
    )
    await until(page, "told[0]")
    await page.click("button")
    await expect(page.locator("output")).to_have_text("after", timeout=20_000)
    assert await page.evaluate("told") == ["too_big"]
    assert await page.evaluate("document.querySelector('input').value.length") == 5_000_000


async def test_half_a_character_costs_no_connection_and_no_other_event(controls: Page) -> None:
    await controls.evaluate("document.addEventListener('alive:disconnected', () => window.cut = true)")
    await controls.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    await controls.evaluate("""() => {
        const type = (id, text) => {
            const control = document.getElementById(id);
            control.value = text;
            control.dispatchEvent(new Event("input", { bubbles: true }));
        };
        type("price", "7.5");
        type("name", "half \\ud83d");
    }""")
    await expect_field(controls, "name", "half \ufffd")
    await expect_field(controls, "price", "7.5")
    assert await controls.evaluate("window.cut") is None


# --- while an answer is on its way


async def test_typing_on_a_slow_line_loses_nothing(page: Page, serve: Serve, tmp_path: Path) -> None:
    words = "the quick brown fox jumps over the lazy dog " * (5 if os.environ.get("ASOK_LONG") else 1)
    base = await serve(small_app(tmp_path, "{{ component('Controls') }}"))
    async with Line(base, delay=0.1) as line:
        await page.goto(line.url)
        await live(page)
        await page.locator("#name").press_sequentially(words, delay=50)
        await expect(page.locator("#name")).to_have_value(words)
        await expect_field(page, "name", words)


async def test_two_fields_that_are_edited_during_one_slow_answer_both_survive(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    base = await serve(small_app(tmp_path, "{{ component('Controls') }}"))
    async with Line(base, delay=0.3) as line:
        await page.goto(line.url)
        await live(page)
        await page.fill("#name", "first")
        await page.fill("#text", "second")
        await page.fill("#after", "third")
        await expect_field(page, "text", "second")
        await expect(page.locator("#name")).to_have_value("first")
        await expect(page.locator("#text")).to_have_value("second")
        await expect(page.locator("#after")).to_have_value("third")
        await expect_field(page, "name", "first")


async def test_reset_clears_a_field_and_not_what_was_typed_since(page: Page, serve: Serve, tmp_path: Path) -> None:
    base = await serve(small_app(tmp_path, "{{ component('Controls') }}"))
    async with Line(base, delay=0.2) as line:
        await page.goto(line.url)
        await live(page)
        await page.fill("#name", "gone")
        await page.fill("#text", "gone too")
        await expect_field(page, "text", "gone too")
        await page.click("button")
        await page.locator("#name").fill("typed since")
        await expect(page.locator("#text")).to_have_value("")
        await expect_field(page, "name", "typed since")
        await expect(page.locator("#name")).to_have_value("typed since")


FIELD = '<input ws-model="draft" value="{}"><input class="other">'
RADIO = '<input id="{0}" type="radio" name="r" ws-model="r" value="{0}"{{}}>'
RADIOS = "".join(map(RADIO.format, "abc"))


async def open_rig(page: Page, server: Rig, inside: str) -> None:
    server.body = root(inside)
    await page.goto(server.url)
    await live(page)


async def test_a_value_changed_back_after_the_event_left_is_not_overwritten(page: Page, server: Rig) -> None:
    await open_rig(page, server, FIELD.format(""))
    line = await server.line()
    field = page.locator("[ws-model]")
    await field.press("a")
    await field.press("Backspace")
    await page.locator(".other").focus()
    assert [(await line.event())[3]["fields"] for _ in range(2)] == [{"draft": "a"}, {"draft": ""}]
    await line.update(1, f"<div>{FIELD.format('a')}</div>")
    await until(page, "document.querySelector('[ws-model]').defaultValue === 'a'")
    await expect(field).to_have_value("")
    await line.update(2, f"<div>{FIELD.format('')}</div>")
    await until(page, "document.querySelector('[ws-model]').defaultValue === ''")
    await expect(field).to_have_value("")


async def test_a_choice_changed_after_the_event_left_is_not_overwritten(page: Page, server: Rig) -> None:
    await open_rig(page, server, RADIOS.format("", "", " checked"))
    line = await server.line()
    await page.check("#a")
    await page.check("#b")
    assert [(await line.event())[3]["fields"] for _ in range(2)] == [{"r": "a"}, {"r": "b"}]
    await line.update(1, f"<div>{RADIOS.format(' checked', '', '')}</div>")
    await until(page, "document.querySelector('#a').defaultChecked")
    await expect(page.locator("#b")).to_be_checked()
    await line.update(2, f"<div>{RADIOS.format('', ' checked', '')}</div>")
    await until(page, "document.querySelector('#b').defaultChecked")
    await expect(page.locator("#b")).to_be_checked()


async def test_the_field_is_shown_as_the_server_has_it_when_nobody_has_changed_it(page: Page, server: Rig) -> None:
    await open_rig(page, server, FIELD.format(""))
    line = await server.line()
    await page.locator("[ws-model]").fill("a")
    await page.locator(".other").focus()
    await line.event()
    await line.update(1, f"<div>{FIELD.format('a')}</div>")
    await until(page, "document.querySelector('[ws-model]').defaultValue === 'a'")
    await line.update(0, f"<div>{FIELD.format('by another')}</div>", token(ONE, 5))
    await expect(page.locator("[ws-model]")).to_have_value("by another")


async def test_what_the_person_entered_last_goes_before_the_click(page: Page, server: Rig) -> None:
    await open_rig(page, server, '<input ws-model.debounce.60000="draft"><button ws-click="send">x</button>')
    line = await server.line()
    await page.locator("[ws-model\\.debounce\\.60000]").press_sequentially("abc")
    await page.click("button")
    first, second = await line.event(), await line.event()
    assert (first[2], first[3]) == ("", {"fields": {"draft": "abc"}})
    assert second[2] == "send"


async def test_an_input_of_many_keys_is_one_event_after_a_pause(page: Page, server: Rig) -> None:
    await open_rig(page, server, '<input ws-model.debounce.200="draft">')
    line = await server.line()
    await page.locator("input").press_sequentially("abc")
    assert (await line.event())[3] == {"fields": {"draft": "abc"}}


async def test_what_waits_for_a_pause_goes_when_the_page_is_left(page: Page, server: Rig) -> None:
    await open_rig(page, server, '<input ws-model.debounce.60000="draft">')
    line = await server.line()
    line.silent = True  # nobody is there any more to hear that the join was taken
    await page.fill("input", "abc")
    await page.goto("about:blank")
    assert (await line.event())[3] == {"fields": {"draft": "abc"}}


async def test_what_waits_for_a_pause_goes_before_the_line_of_a_page_that_is_put_into_the_cache(
    page: Page, server: Rig
) -> None:
    await open_rig(page, server, '<input ws-model.debounce.60000="draft">')
    line = await server.line()
    line.silent = True
    await page.fill("input", "abc")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert (await line.event())[3] == {"fields": {"draft": "abc"}}


@pytest.mark.parametrize(
    ("text", "sent"), [("7", 7), ("-2.5", -2.5), ("9007199254740992", "9007199254740992"), ("1e999", "1e999"), ("", "")]
)
async def test_a_number_goes_as_one_where_both_sides_mean_the_same(
    page: Page, server: Rig, text: str, sent: object
) -> None:
    await open_rig(page, server, '<input ws-model.number="n" value="x">')
    line = await server.line()
    await page.fill("input", text)
    assert (await line.event())[3] == {"fields": {"n": sent}}
