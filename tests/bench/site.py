"""The pages that are measured, each with its component."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from asok import Component, Store, exposed
from tests.bench import rows
from tests.bench.making import made

__all__ = ["KILOBYTES", "app"]

KILOBYTES = (0, 1, 2, 4, 8, 16)
TABLE = (
    "<table>{% for row in rows %}<tr ws-key='{{ row.id }}'><td>{{ row.id }}</td><td>{{ row.name }}</td>"
    "<td>{{ row.city }}</td><td>{{ row.count }}</td></tr>{% endfor %}</table>"
)

shown = Store({"price": 1}, name="bench")


class BenchCounter(Component):
    """One number."""

    count = 0
    template = "<div><h3>Count: {{ count }}</h3><button ws-click='up'>Add 1</button></div>"

    @exposed
    async def up(self) -> None:
        """One more."""
        self.count += 1


class BenchThreaded(BenchCounter):
    """The same in the thread pool."""

    @exposed
    def up(self) -> None:  # type: ignore[override]
        """One more."""
        self.count += 1


class BenchForm(Component):
    """Twenty fields, one of which is bound to the state at a time."""

    values: list[str] = ["value"] * 20
    template = (
        "<form ws-input='change'>{% for value in values %}<label>Field {{ loop.index }} "
        "<input name='f{{ loop.index0 }}' value='{{ value }}'></label>{% endfor %}</form>"
    )

    @exposed
    async def change(self, f0: str = "") -> None:
        """Take the first field."""
        self.values[0] = f0


class BenchTable(Component):
    """Rows that are no state: they are loaded for each rendering."""

    size = 100
    changed = 0
    template = TABLE

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows.frozen(self.size, self.changed)

    @exposed
    async def change(self, number: int) -> None:
        """One cell has another number."""
        self.changed = number


class BenchDicts(BenchTable):
    """The same with rows that could change at any time."""

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows.dicts(self.size, self.changed)  # type: ignore[assignment]


class BenchEdits(Component):
    """A thousand rows, of which one goes and one comes."""

    edits = 0
    template = TABLE

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows.frozen_edited(self.edits)

    @exposed
    async def edit(self) -> None:
        """A row on top, and one less in the middle; after a hundred of both, from the beginning."""
        self.edits = self.edits % 100 + 1


class BenchDictEdits(BenchEdits):
    """The same with rows that could change at any time."""

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows.dicts_edited(self.edits)  # type: ignore[assignment]


class BenchRow(Component):
    """One row of a table that has a component for each."""

    number = 0
    count = 0
    template = "<tr><td>{{ number }}</td><td>Person {{ number }}</td><td>{{ count }}</td></tr>"

    @exposed
    async def change(self) -> None:
        """One more."""
        self.count += 1


class BenchShown(Component):
    """A component that reads the store."""

    template = "<p>It costs {{ price }}.</p>"

    def load(self) -> None:
        """Read the price."""
        self.price = shown.read("price")


class BenchState(Component):
    """A state of so many bytes."""

    text = ""
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def up(self) -> None:
        """One more."""
        self.count += 1


PAGES = {
    "/counter": "{{ component('BenchCounter') }}",
    "/threaded": "{{ component('BenchThreaded') }}",
    "/form": "{{ component('BenchForm') }}",
    "/edits": "{{ component('BenchEdits') }}",
    "/edits/dicts": "{{ component('BenchDictEdits') }}",
    "/rows": "<table>{% for n in range(1000) %}{{ component('BenchRow', number=n, key=n) }}{% endfor %}</table>",
    "/react": "<p>{{ shown.react('price') }}</p>",
    "/reader": "{{ component('BenchShown') }}",
    **{f"/table/{size}": f"{{{{ component('BenchTable', size={size}) }}}}" for size in rows.SIZES},
    **{f"/table/{size}/dicts": f"{{{{ component('BenchDicts', size={size}) }}}}" for size in rows.SIZES},
    **{f"/state/{kb}": f"{{{{ component('BenchState', text='x' * {kb * 1024}) }}}}" for kb in KILOBYTES},
}


async def price(request: Request) -> HTMLResponse:
    """Change what the store shows."""
    await shown.update("price", 1)
    return HTMLResponse("changed")


app = made(PAGES, shown=shown)
if app is not None:
    app.add_route("/price", price)
