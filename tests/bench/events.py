"""What an event costs, each against a bare echo of the same sizes in the same run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from tests.bench.served import Served
from tests.bench.wire import Line, Opened, open_page

__all__ = ["EVENTS", "Cost", "Kind", "measured"]

Fire = Callable[[Opened, int], tuple[str, object, str]]
VISITORS = 8


def plain(call: str) -> Fire:
    """The same call each time."""
    return lambda page, n: (call, None, "")


def typed(page: Opened, n: int) -> tuple[str, object, str]:
    """The form's twenty fields, the first of which has changed."""
    fields = [[f"f{number}", "value"] for number in range(20)]
    fields[0][1] = f"value {n}"
    return "change", {"form": fields}, ""


def row(page: Opened, n: int) -> tuple[str, object, str]:
    """One of the rows."""
    return "change", None, page.instances[n * 7 % len(page.instances)]


@dataclass(frozen=True)
class Kind:
    """A kind of event: what page it is on, how often the floor it may cost, how many bytes its answer may take.

    share: of the events of a run; the dear ones are measured with fewer.
    """

    name: str
    path: str
    fire: Fire
    ratio: float
    limit: int
    share: float = 1.0
    visitors: int = VISITORS


EVENTS = (
    Kind("counter, async def", "/counter", plain("up"), 3, 120),
    Kind("counter, def in a thread", "/threaded", plain("up"), 5, 120),
    Kind("form, 1 of 20 fields", "/form", typed, 4, 400),
    Kind("table of 100, one cell", "/table/100", plain("change"), 5.5, 120, 0.5),
    Kind("table of 1,000, one cell", "/table/1000", plain("change"), 25, 120, 0.1),
    Kind("1,000 components, one cell", "/rows", row, 3.5, 120, 1.0, 2),
    Kind("1,000 rows, insert and remove", "/edits", plain("edit"), 25, 300, 0.1),
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
    def kept(self) -> bool:
        """Whether it is within its limits."""
        return self.ratio <= self.kind.ratio and self.down <= self.kind.limit


async def measured(kind: Kind, site: Served, floor: Served, *, events: int, rounds: int) -> Cost:
    """The best of some rounds, each of which measures asok and then the floor."""
    count = max(50, int(events * kind.share / kind.visitors))
    pages = [await open_page(site.port, kind.path) for _ in range(kind.visitors)]
    up, down = await _warm(kind, pages)
    path = f"/?bytes={down - (2 if down < 128 else 4)}"
    echoes = [await Line.open(floor.port, path) for _ in pages]
    costs, floors = [], []
    for _ in range(rounds):
        before = site.seconds
        await asyncio.gather(*(_fire(kind, page, count) for page in pages))
        costs.append((site.seconds - before) / count / len(pages))
        echoed = max(count, 5000 // len(pages))
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
        for n in range(50):
            size, up = page.line.size, page.up
            await page.event(*kind.fire(page, n))
            sizes.append(page.line.size - size)
            ups.append(page.up - up)
    return int(median(ups)), int(median(sizes))


async def _fire(kind: Kind, page: Opened, count: int) -> None:
    for n in range(count):
        await page.event(*kind.fire(page, n))


async def _echo(line: Line, message: bytes, count: int) -> None:
    for _ in range(count):
        line.send(message)
        await line.next()
