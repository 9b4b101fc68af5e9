"""Which child is which, from one rendering to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from asok import Component, exposed
from asok.errors import RenderError
from asok.testing import LiveClient
from tests.rig import asok_app


class SeatedItem(Component):
    """An item, and the form for a new one."""

    text = ""
    count = 0
    template = "<li>{{ text }}{{ count }}<button ws-click='add'>{{ text or 'new' }}</button></li>"

    @exposed
    def add(self) -> None:
        """One more."""
        self.count += 1


class SeatedList(Component):
    """Items with keys, and one without after them."""

    items: list[str] = ["a"]
    template = """<ul>
        {% for item in items %}{{ component('SeatedItem', key=item, text=item) }}{% endfor %}
        {{ component('SeatedItem') }}<button ws-click="more">more</button></ul>"""

    @exposed
    def more(self) -> None:
        """One item more."""
        self.items.append("b")


async def test_a_child_without_a_key_stays_the_same_while_those_with_keys_become_more() -> None:
    async with LiveClient() as live:
        page = await live.mount(SeatedList)
        await page.click("button", text="new")
        await page.click("button", text="more")
        assert page.text("li:last-of-type") == "1new"


TWICE = "{% set item = component('SeatedItem') %}<p>{{ item }}</p><p>{{ item }}</p>"


class ShownTwice(Component):
    """Shows in two places what is one element."""

    template = f"<div>{TWICE}</div>"


async def test_a_component_that_was_called_once_and_stands_in_two_places_is_refused(tmp_path: Path) -> None:
    async with LiveClient() as live:
        with pytest.raises(RenderError, match=r"ShownTwice shows what one component\('SeatedItem'\) has given in two"):
            await live.mount(ShownTwice)
    async with LiveClient(asok_app(tmp_path, {"/": TWICE}, debug=True)) as live:
        with pytest.raises(RenderError, match=r"the page page0\.html shows what one .* call it once for each"):
            await live.open("/")


async def test_a_block_that_is_shown_twice_has_two_components(tmp_path: Path) -> None:
    source = "{% block menu %}{{ component('SeatedItem') }}{% endblock %}{{ self.menu() }}"
    async with LiveClient(asok_app(tmp_path, {"/": source}, debug=True)) as live:
        page = await live.open("/")
        assert page.html().count("<li") == 2
