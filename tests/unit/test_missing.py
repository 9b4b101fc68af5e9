"""What is said, once, of what a template shows and is not there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from asok import Component, exposed
from asok.missing import told
from asok.testing import LiveClient
from tests.rig import asok_app


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    told.clear()
    yield
    told.clear()


class Misspelt(Component):
    count = 0
    template = """
        <p>{{ cuont }} {{ totl }}
        {{ self.count }}{% for row in rwos %}{% endfor %}
        <button ws-click="add">+</button></p>
    """

    @property
    def total(self) -> int:
        return 1

    def load(self) -> None:
        self.rows = [1]

    @exposed
    def add(self) -> None:
        self.count += 1


class Wondering(Component):
    errors: dict[str, str] = {}
    template = """<p>{{ x is defined }}{{ x | default("") }}{% if x %}x{% endif %}{{ x or "y" }}{{ errors.name }}
        {% set y = 1 %}{{ y }}{% macro m(z) %}{{ z }}{{ caller }}{% endmacro %}</p>"""


async def shown(component: Any, root: Path, caplog: pytest.LogCaptureFixture, *, debug: bool = True) -> list[str]:
    app = asok_app(root, debug=debug)
    app.page("/", component)
    with caplog.at_level(logging.WARNING, "asok"):
        async with LiveClient(app) as client:
            page = await client.open("/")
            if "ws-click" in page.html():
                await page.click("button")
    return [record.getMessage() for record in caplog.records if "shows nothing" in record.getMessage()]


async def test_a_name_that_is_not_there_is_told_once_with_its_line_and_the_nearest_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await shown(Misspelt, tmp_path, caplog) == [
        "the template of Misspelt:2: there is no 'cuont'; did you mean 'count'?, and shows nothing",
        "the template of Misspelt:2: there is no 'totl'; did you mean 'total'?, and shows nothing",
        "the template of Misspelt:3: there is no block 'count'; a field stands without self, as in {{ count }}, "
        "and shows nothing",
        "the template of Misspelt:3: there is no 'rwos'; did you mean 'rows'?, and shows nothing",
    ]


async def test_whoever_asks_whether_it_is_there_is_told_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await shown(Wondering, tmp_path, caplog) == []


async def test_production_is_told_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await shown(Misspelt, tmp_path, caplog, debug=False) == []


class Priced(Component):
    euros: list[int] = [3, 5]
    template = "<p>{{ most }} {{ sum }} <button ws-click='add'>+</button></p>"

    @cached_property
    def most(self) -> int:
        return max(self.euros)

    @property
    def sum(self) -> int:
        return sum(self.euros)

    @exposed
    def add(self) -> None:
        self.euros.append(9)


class Discounted(Priced):
    off = 0

    def mount(self) -> None:
        self.off = self.most - 5

    @exposed
    def add(self) -> None:
        self.off = self.most
        self.euros.append(9)


class Reduced(Discounted):
    template = "<p>{{ half }} <button ws-click='add'>+</button></p>"

    def load(self) -> None:
        self.half = self.most / 2


async def test_a_cached_property_shows_what_a_method_has_changed_after_it_was_read() -> None:
    async with LiveClient() as live:
        page = await live.mount(Discounted)
        await page.click("button")
        assert page.text("p") == "9 17 +"
        page = await live.mount(Reduced)
        await page.click("button")
        assert page.text("p") == "4.5 +"


async def test_a_cached_property_is_shown_as_a_property_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = asok_app(tmp_path)
    app.page("/", Priced)
    async with LiveClient(app) as client:
        page = await client.open("/")
        assert page.text("p") == "5 8 +"
        await page.click("button")
        assert page.text("p") == "9 17 +"
    assert caplog.messages == []
