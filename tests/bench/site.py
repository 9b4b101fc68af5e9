"""The pages that are measured, each with its component, and a page of stock Starlette beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from asok import Asok, Component, Limits, Settings, Store, exposed

__all__ = ["app"]

KEY = "k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz"
ROWS = (10, 100, 1000, 10_000)
KILOBYTES = (0, 1, 4, 16)

shown = Store({"price": 1}, name="bench")


def rows_of(count: int, changed: int = 0) -> list[dict[str, Any]]:
    """Fresh rows, as a database gives them; the one in the middle has been changed so many times."""
    middle = count // 2
    return [
        {"id": n, "name": f"Person {n}", "city": f"City {n % 97}", "count": changed if n == middle else n * 7 % 1000}
        for n in range(count)
    ]


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
    template = (
        "<table>{% for row in rows %}<tr ws-key='{{ row.id }}'><td>{{ row.id }}</td><td>{{ row.name }}</td>"
        "<td>{{ row.city }}</td><td>{{ row.count }}</td></tr>{% endfor %}</table>"
    )

    async def load(self) -> None:
        """Fetch the rows."""
        self.rows = rows_of(self.size, self.changed)

    @exposed
    async def change(self) -> None:
        """One cell has another number."""
        self.changed += 1


class BenchEdits(Component):
    """A thousand rows, of which one goes and one comes."""

    first = 0
    removed = 0
    template = BenchTable.template

    async def load(self) -> None:
        """Fetch the rows."""
        rows = rows_of(1000)
        new = [{"id": -n, "name": f"New {n}", "city": "Here", "count": n} for n in range(self.first, 0, -1)]
        self.rows = new + [row for row in rows if not 500 <= row["id"] < 500 + self.removed]

    @exposed
    async def edit(self) -> None:
        """A row on top, and one less in the middle; after a hundred of both, from the beginning."""
        self.first = self.first % 100 + 1
        self.removed = self.first


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

    template = "<p>It costs {{ stores.bench.read('price') }}.</p>"

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
    "/rows": "<table>{% for n in range(1000) %}{{ component('BenchRow', number=n, key=n) }}{% endfor %}</table>",
    "/react": "<p>{{ stores.bench.react('price') }}</p>",
    "/reader": "{{ component('BenchShown') }}",
    "/set": "",
    **{f"/table/{count}": f"{{{{ component('BenchTable', size={count}) }}}}" for count in ROWS},
    **{f"/state/{kb}": f"{{{{ component('BenchState', text='x' * {kb * 1024}) }}}}" for kb in KILOBYTES},
}
PAGE = "<!doctype html><html lang='en'><head><title>Bench</title>{{ alive() }}</head><body>%s</body></html>"


def made(folder: Path) -> Asok:
    """The app, with its sessions in this folder."""
    env = jinja2.Environment(loader=jinja2.DictLoader({path: PAGE % body for path, body in PAGES.items()}))
    plenty = Limits(events_per_second=1e9, burst=10**9, handler_timeout=60)
    made = Asok(root=folder, settings=Settings(folder, keys=(KEY,), limits=plenty), env=env)
    for path in PAGES:
        made.page(path, path)
    made.add_route("/stock", stock)
    made.add_route("/price", price)
    return made


async def price(request: Request) -> HTMLResponse:
    """Change what the store shows."""
    await shown.update("price", 1)
    return HTMLResponse("changed")


stock_page: dict[str, jinja2.Template] = {}


async def stock(request: Request) -> HTMLResponse:
    """A page of the same HTML as `/counter`, by Starlette and Jinja alone."""
    if not stock_page:
        text = PAGE.replace("{{ alive() }}", "<script src='/live/x/alive.js' defer></script>")
        body = "<div data-asok-state='" + "x" * 300 + "'><h3>Count: {{ count }}</h3><button>Add 1</button></div>"
        stock_page["it"] = jinja2.Environment(autoescape=True).from_string(text % body)
    return HTMLResponse(stock_page["it"].render(count=0))


app = made(Path(os.environ["ASOK_BENCH"])) if "ASOK_BENCH" in os.environ else None
