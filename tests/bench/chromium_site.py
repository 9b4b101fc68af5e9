"""The pages whose changes are timed in Chromium: keyed tables of 1,000 and 10,000 rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2

from asok import Asok, Component, Limits, Settings, exposed

__all__ = ["SIZES", "app"]

KEY = "k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz"
SIZES = (1000, 10_000)
SHOWN = 37
PAGE = "<!doctype html><html lang='en'><head><title>Rows</title>{{ alive() }}</head><body>%s</body></html>"


def _rows(count: int, changed: int) -> list[dict[str, Any]]:
    """Fresh rows; the one in the middle has been changed so many times."""
    counts = [n * 7 % 1000 for n in range(count)]
    counts[count // 2] = changed
    return [{"id": n, "name": f"Person {n}", "city": f"City {n % 97}", "count": each} for n, each in enumerate(counts)]


class ChromiumTable(Component):
    """Rows in an order, some of them or all, and as many on top as were put there."""

    size = 1000
    changed = 0
    on_top = 0
    backwards = False
    few = False
    template = (
        "<div>{% for call in ('cell', 'insert', 'reverse', 'filter') %}"
        "<button ws-click='{{ call }}'>{{ call }}</button>{% endfor %}"
        "<table>{% for row in rows %}<tr ws-key='{{ row.id }}'><td>{{ row.id }}</td><td>{{ row.name }}</td>"
        "<td>{{ row.city }}</td><td>{{ row.count }}</td></tr>{% endfor %}</table></div>"
    )

    def load(self) -> None:
        """Make the rows."""
        rows = _rows(self.size, self.changed)
        if self.few:
            rows = rows[:: self.size // SHOWN + 1]
        top: list[dict[str, Any]] = [
            {"id": -n, "name": f"New {n}", "city": "Here", "count": n} for n in range(self.on_top, 0, -1)
        ]
        self.rows = (top + rows)[:: -1 if self.backwards else 1]

    @exposed
    async def cell(self) -> None:
        """One cell in the middle has another number."""
        self.changed += 1

    @exposed
    async def insert(self) -> None:
        """One more row on top."""
        self.on_top += 1

    @exposed
    async def reverse(self) -> None:
        """The other way round."""
        self.backwards = not self.backwards

    @exposed
    async def filter(self) -> None:
        """Few rows instead of all, or all instead of few."""
        self.few = not self.few


def made(folder: Path) -> Asok:
    """The app, with its sessions in this folder."""
    pages = {f"/{size}": PAGE % f"{{{{ component('ChromiumTable', size={size}) }}}}" for size in SIZES}
    plenty = Limits(events_per_second=1e9, burst=10**9, handler_timeout=60, html=8 * 1024 * 1024)
    settings = Settings(folder, keys=(KEY,), limits=plenty)
    made = Asok(root=folder, settings=settings, env=jinja2.Environment(loader=jinja2.DictLoader(pages)))
    for path in pages:
        made.page(path, path)
    return made


app = made(Path(os.environ["ASOK_BENCH"])) if "ASOK_BENCH" in os.environ else None
