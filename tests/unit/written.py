"""The tables of docs/attributes.md, which are written from asok/attributes.py.

`python -m tests.unit.written` writes them into the page; a test compares. A table stands between
`<!-- table NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from asok.attributes import ATTRIBUTES, EVENT, EVENTS, KEYS, Modifier

__all__ = ["PAGE", "tables", "with_tables"]

PAGE = Path(__file__).parents[2] / "docs" / "attributes.md"
TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with its tables as they should be."""
    known = tables()
    return TABLE.sub(lambda found: f"{found[1]}{known[found[2]]}\n{found[3]}", page)


def tables() -> dict[str, str]:
    """The tables by name; one for each attribute with modifiers is named like it."""
    events = [(f"`ws-{each.name}`", each.tells) for each in EVENTS]
    keys = [(f"`.{name}`", f"`{key}`" if key.strip() else "the space bar") for name, key in KEYS.items()]
    everything = [(f"`{each.name}`", each.value.value, each.tells) for each in ATTRIBUTES]
    return {
        "events": table(("attribute", "calls the method when"), events),
        "keys": table(("name", "`KeyboardEvent.key`"), keys),
        "modifiers": table(("modifier", "does"), map(row, EVENT.modifiers)),
        "attributes": table(("attribute", "its text", "does"), everything),
        **{each.name: table(("modifier", "does"), map(row, each.modifiers)) for each in ATTRIBUTES if each.modifiers},
    }


def row(modifier: Modifier) -> tuple[str, str]:
    alone, timed = f"`.{modifier.name}`", f"`.{modifier.name}.400`"
    return {"never": alone, "optional": f"{alone}, {timed}", "required": timed}[modifier.milliseconds], modifier.tells


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(line, [header, ["---"] * len(header), *rows]))


def line(cells: Sequence[str]) -> str:
    inside = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {inside} |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
