"""What is misspelt, or of no use, is one error in the console while one develops, and does no harm, in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from asok import Component, exposed
from tests.browser.conftest import Serve
from tests.rig import asok_app


class Misspeller(Component):
    times = 0

    @exposed
    def add(self) -> None:
        self.times += 1

    def render(self) -> str:
        slip = '<i ws-clik="add">' + '<b ws-click.prevnt="add">no</b>' * 2 + "</i>"
        return f'<div><button ws-click="add" ws-my-event="add">{self.times}</button>{slip * self.times}</div>'


@pytest.mark.parametrize("debug", [True, False])
async def test_each_misspelt_name_is_said_once_in_development(
    page: Page, serve: Serve, tmp_path: Path, debug: bool
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.text.startswith("alive:") else None)
    app = asok_app(tmp_path, {"/": "{{ component('Misspeller') }}"}, debug=debug)
    await page.goto(await serve(app))
    for times in ("1", "2"):
        await page.click("button")
        await expect(page.locator("button")).to_have_text(times)
    await page.evaluate("new Promise((done) => setTimeout(done))")
    expected = ["alive: there is no ws-clik; did you mean ws-click?", "alive: ws-click has no modifier prevnt"]
    assert [text.rpartition(" ")[0] for text in said] == (expected if debug else [])  # the element comes last


class FileSender(Component):
    rows = 1
    template = """<form ws-submit="send">{% for row in range(rows) %}<input type="file" name="file">{% endfor %}
        <button>{{ rows }}</button></form>"""

    @exposed
    def send(self) -> None:
        self.rows += 1


async def test_a_file_in_a_form_that_sends_none_is_told_of_once(page: Page, serve: Serve, tmp_path: Path) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.text.startswith("alive:") else None)
    await page.goto(await serve(asok_app(tmp_path, {"/": "{{ component('FileSender') }}"}, debug=True)))
    await page.click("button")
    await expect(page.locator("button")).to_have_text("2")
    await page.evaluate("new Promise((done) => setTimeout(done))")
    assert [text.partition(";")[0] for text in said] == ["alive: a method gets no files"]


class Shadowing(Component):
    rows = 1
    template = """<form ws-submit="send">{% for row in range(rows) %}<input name="nodeName"><input name="attributes">
        <input name="id"><input name="firstName">{% endfor %}</form>"""


async def test_a_field_that_stands_in_the_place_of_what_a_form_has_is_told_of_once(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.text.startswith("alive:") else None)
    app = asok_app(tmp_path, {"/": "{{ component('Shadowing') }}{{ component('Shadowing', rows=2) }}"}, debug=True)
    async with page.expect_console_message(lambda message: message.text.startswith("alive:")):
        await page.goto(await serve(app))
    await page.evaluate("new Promise((done) => setTimeout(done))")
    assert [text.partition(",")[0] for text in said] == [
        "alive: a field called nodeName stands in the place of its form's own nodeName"
    ]
