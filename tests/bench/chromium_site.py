"""The pages whose changes are timed in Chromium: keyed tables of 1,000 and 10,000 rows."""

from __future__ import annotations

from typing import Any

from asok import Component, exposed
from tests.bench.making import made

__all__ = ["SIZES", "app"]

SIZES = (1000, 10_000)
SHOWN = 37


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


app = made({f"/{size}": f"{{{{ component('ChromiumTable', size={size}) }}}}" for size in SIZES})
