"""What an event costs, each against a bare echo of the same sizes in the same run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench.report import TIMES, Figure, Row
from tests.bench.served import Served, served, served_by_asok
from tests.bench.wire import Line, Opened, open_page

__all__ = ["EVENTS", "RATIO", "Cost", "Kind", "both", "figures", "measured"]

RATIO = f"{TIMES} the floor"
Fire = Callable[[Opened, int], tuple[str, object, str]]
VISITORS = 8
numbers = count()


def plain(call: str) -> Fire:
    """The same call each time."""
    return lambda page, n: (call, None, "")


def cell(page: Opened, n: int) -> tuple[str, object, str]:
    """Another number in the same cell, which nobody has asked for lately."""
    return f"change({next(numbers) % 1000})", None, ""


def typed(page: Opened, n: int) -> tuple[str, object, str]:
    """The form's twenty fields, the first of which has changed."""
    fields = [[f"f{number}", "value"] for number in range(20)]
    fields[0][1] = f"value {n}"
    return "change", {"form": fields}, ""


def row(page: Opened, n: int) -> tuple[str, object, str]:
    """One of the rows, of which each has been clicked before when it counts."""
    return "change", None, page.instances[n % 5]


@dataclass(frozen=True)
class Kind:
    """A kind of event: what page it is on, how often the floor it may cost, how many bytes its answer may take.

    ratio, limit: 0 where it is shown for comparison only. share: of the events of a run; the dear ones are measured
    with fewer.
    """

    name: str
    path: str
    fire: Fire
    ratio: float = 0
    limit: int = 0
    share: float = 1.0
    visitors: int = VISITORS


EVENTS = (
    Kind("counter, `async def`", "/counter", plain("up"), 3, 120),
    Kind("counter, `def` in a thread", "/threaded", plain("up"), 5, 120),
    Kind("form, 1 of 20 fields", "/form", typed, 4, 400),
    Kind("table of 100, one cell", "/table/100", cell, 5.5, 120, 0.6),
    Kind("… with 100 dicts", "/table/100/dicts", cell, share=0.4),
    Kind("table of 1,000, one cell", "/table/1000", cell, 25, 120, 0.2),
    Kind("… with 1,000 dicts", "/table/1000/dicts", cell, share=0.1),
    Kind("a component for each of 1,000 rows, one cell", "/rows", row, 3.5, 120, 1.0, 2),
    Kind("1,000 rows, one inserted and one removed", "/edits", plain("edit"), 25, 300, 0.2),
    Kind("… of 1,000 dicts", "/edits/dicts", plain("edit"), share=0.1),
)


@dataclass(frozen=True)
class Cost:
    """Processor time of the server per event in microseconds, that of the floor, and the median answer in bytes."""

    kind: Kind
    event: float
    floor: float
    up: int
    down: int

    @property
    def ratio(self) -> float:
        """How often the floor."""
        return self.event / self.floor

    @property
    def row(self) -> Row:
        """As it stands in the table."""
        cells: dict[str, Figure] = {"CPU, µs": round(self.event), "floor, µs": round(self.floor, 1)}
        cells |= {RATIO: round(self.ratio, 2), "bytes up": self.up, "bytes down": self.down}
        if not self.kind.ratio:
            return Row(self.kind.name, cells)
        kept = self.ratio <= self.kind.ratio and self.down <= self.kind.limit
        aim = f"≤ {self.kind.ratio:g} {TIMES}, ≤ {self.kind.limit} bytes"
        return Row(self.kind.name, cells, aim, kept)


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Served, Served]]:
    """The site, and the floor."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        site = await stack.enter_async_context(served_by_asok("tests.bench.site:app", folder))
        yield site, await stack.enter_async_context(served("tests.bench.floor:app"))


async def figures(quick: bool) -> list[Row]:
    """All kinds."""
    events, rounds = (1000, 2) if quick else (5000, 5)
    async with both() as (site, floor):
        return [(await measured(kind, site, floor, events=events, rounds=rounds)).row for kind in EVENTS]


async def measured(kind: Kind, site: Served, floor: Served, *, events: int, rounds: int) -> Cost:
    """The best of some rounds, each of which measures asok and then the floor."""
    each = max(25, int(events * kind.share / kind.visitors))
    pages = [await open_page(site.port, kind.path) for _ in range(kind.visitors)]
    up, down = await _warm(kind, pages)
    path = f"/?bytes={down - (2 if down < 128 else 4)}"
    echoes = [await Line.open(floor.port, path) for _ in pages]
    costs, floors = [], []
    for _ in range(rounds):
        before = site.seconds
        await asyncio.gather(*(_fire(kind, page, each) for page in pages))
        costs.append((site.seconds - before) / each / len(pages))
        echoed = max(each, events // len(pages))
        before = floor.seconds
        await asyncio.gather(*(_echo(line, b"x" * (up - 6), echoed) for line in echoes))
        floors.append((floor.seconds - before) / echoed / len(pages))
    for line in [*echoes, *(page.line for page in pages)]:
        line.close()
    return Cost(kind, min(costs) * 1e6, min(floors) * 1e6, up, down)


async def _warm(kind: Kind, pages: list[Opened]) -> tuple[int, int]:
    """The bytes of an event and of its answer, once the first whole texts have gone."""
    sizes, ups = [], []
    for page in pages:
        for n in range(max(5, int(20 * kind.share))):
            size, up = page.line.size, page.up
            await page.event(*kind.fire(page, n))
            sizes.append(page.line.size - size)
            ups.append(page.up - up)
    return int(median(ups)), int(median(sizes))


async def _fire(kind: Kind, page: Opened, times: int) -> None:
    for n in range(times):
        await page.event(*kind.fire(page, n))


async def _echo(line: Line, message: bytes, times: int) -> None:
    for _ in range(times):
        line.send(message)
        await line.next()
