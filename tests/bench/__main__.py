"""`python -m tests.bench [TABLE …]`: all figures of docs/performance.md, or some; see `make bench`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from tests.bench import browser, chromium, events, growth, many, pages, words
from tests.bench.report import Row, keep_curves, keep_table, table

Measured = Callable[[bool], Awaitable[list[Row]]]


async def dom(quick: bool) -> list[Row]:
    """What changes keep the page's main thread, as rows of a table."""
    return [
        Row(
            f"{each.change}, {each.rows:,} rows",
            {"ms": round(each.milliseconds, 2), "message, bytes": each.characters},
            f"≤ {each.limit:g} ms",
            each.kept,
        )
        for each in await chromium.figures(quick)
    ]


TABLES: dict[str, Measured] = {
    "events": events.figures,
    "fan-out": many.fan_out,
    "memory": many.memory,
    "pages": pages.served_pages,
    "start": pages.start,
    "sizes": pages.sizes,
    "dom": dom,
    "browser": browser.figures,
}
GROWTH = "growth"


async def main(names: Sequence[str], quick: bool) -> int:
    """Measure these and tell; 1 where something grows worse than linearly, or could not be measured."""
    missed, broken = list[str](), list[str]()
    for name in names:
        began = time.monotonic()
        try:
            rows, steep = await (grown(quick) if name == GROWTH else tabled(name, quick))
        except Exception:
            traceback.print_exc()
            broken.append(f"{name}: it could not be measured")
            continue
        missed += [f"{name}: {row}" for row in rows]
        broken += [f"{name}: {curve} is worse than linear" for curve in steep]
        print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    print("\n".join(["Not reached:", *missed]) if missed else "All that was aimed at is reached.")
    print("\n".join(["Broken:", *broken] if broken else []))
    return bool(broken)


async def tabled(name: str, quick: bool) -> tuple[list[str], list[str]]:
    """A table; the names of its rows that are not as was aimed at."""
    rows = await TABLES[name](quick)
    print(f"{words.TABLES[name].title}\n\n{table(rows)}")
    if not quick:
        keep_table(name, rows)
    return [row.name for row in rows if row.kept is False], []


async def grown(quick: bool) -> tuple[list[str], list[str]]:
    """The curves; those that are worse than linear."""
    curves = await growth.figures(quick)
    for curve in curves:
        points = ", ".join(f"{place:,}: {cost:,.0f}" for place, cost in curve.points)
        print(f"{curve.plot}, {curve.name}: exponent {curve.exponent:.2f}; µs at {points}")
    if not quick:
        keep_curves(curves)
    return [], [f"{curve.plot}, {curve.name}" for curve in curves if not curve.kept]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    everything = [*TABLES, GROWTH]
    parser.add_argument("names", nargs="*", metavar="TABLE", help=f"one of {', '.join(everything)}")
    parser.add_argument("--quick", action="store_true", help="few events and rounds; nothing is written")
    given = parser.parse_args()
    if unknown := set(given.names) - set(everything):
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(everything)}")
    sys.exit(uvloop.run(main(given.names or everything, given.quick)))
