"""The four pages of `tests/bench/handwritten` as they are written with asok."""

from __future__ import annotations

from asok import Component, Store, exposed
from tests.bench import rows
from tests.bench.making import made

__all__ = ["app"]

counted = Store({"count": 0}, name="counted")


class BrowserCounter(Component):
    """One number."""

    count = 0
    template = (
        "<div><h3>Count: <output id='shown'>{{ count }}</output></h3><button id='go' ws-click='up'>Add 1</button></div>"
    )

    @exposed
    async def up(self) -> None:
        """One more."""
        self.count += 1


class BrowserTable(Component):
    """A thousand rows."""

    changed = 0
    template = (
        "<div><button id='go' ws-click='change'>Change</button><table>{% for row in rows %}"
        "<tr id='r{{ row.id }}' ws-key='{{ row.id }}'><td>{{ row.id }}</td><td>{{ row.name }}</td>"
        "<td>{{ row.city }}</td><td>{{ row.count }}</td></tr>{% endfor %}</table></div>"
    )

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows.frozen(1000, self.changed)

    @exposed
    async def change(self) -> None:
        """Another number in the row in the middle."""
        self.changed += 1


class BrowserSearch(Component):
    """What is found of a thousand names."""

    query = ""
    template = (
        "<div><input id='query' aria-label='Search' ws-input='search'><p id='shown'>{{ found | length }} found</p>"
        "<ul>{% for row in found %}<li ws-key='{{ row.id }}'>{{ row.name }}</li>{% endfor %}</ul></div>"
    )

    async def load(self) -> None:
        """Look for it."""
        self.found = [row for row in rows.PEOPLE[1000] if self.query in row.name]

    @exposed
    async def search(self, query: str) -> None:
        """Take what was typed."""
        self.query = query


PAGES = {
    "/counter": "{{ component('BrowserCounter') }}",
    "/table": "{{ component('BrowserTable') }}",
    "/search": "{{ component('BrowserSearch') }}",
    "/shared": "<h3>Count: <b id='shown'>{{ counted.react('count', tag='output') }}</b></h3>"
    "<button id='go' {{ counted.do.update('count', 1) }}>Add 1</button>",
}

app = made(PAGES, counted=counted)
