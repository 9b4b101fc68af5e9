"""What is written from asok/attributes.py: the tables of docs/attributes.md, and the names that Alive's speller knows.

`python -m tests.unit.written` writes both; a test compares. A table of the page stands between `<!-- table NAME -->`
and `<!-- end of table -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from asok.attributes import ATTRIBUTES, DOM_EVENTS, EVENT, EVENTS, KEYS, Modifier

__all__ = ["NAMES", "PAGE", "names_module", "tables", "with_tables"]

ROOT = Path(__file__).parents[2]
PAGE, NAMES = ROOT / "docs" / "attributes.md", ROOT / "alive-js" / "src" / "names.js"
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


def names_module() -> str:
    """The module with the names that templates may use."""
    own = {each.name.removeprefix("ws-"): [modifier.name for modifier in each.modifiers] for each in ATTRIBUTES}
    return f"""\
/** The names that templates may use, written from asok/attributes.py by `python -m tests.unit.written`. */

/** Attributes that are no events, with their modifiers. @type {{Record<string, string[]>}} */
export const ATTRIBUTES = {json.dumps(own)};
/** What may follow the name of an event. @type {{string[]}} */
export const MODIFIERS = {json.dumps([modifier.name for modifier in EVENT.modifiers])};
/** The browsers' own events. @type {{string[]}} */
export const EVENTS = {json.dumps(sorted(DOM_EVENTS))};
"""


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
    NAMES.write_text(names_module(), "utf-8")
