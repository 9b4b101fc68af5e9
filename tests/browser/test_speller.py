"""A misspelt attribute is one error in the console while one develops, and does no harm to the page, in Chromium."""

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
