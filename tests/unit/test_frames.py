"""Which child is which, from one rendering to the next."""

from __future__ import annotations

from asok import Component, exposed
from asok.testing import LiveClient


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
