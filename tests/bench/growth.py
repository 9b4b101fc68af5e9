"""How the cost of an event grows: with the rows of a table, with the size of the state, and with the connections."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tests.bench import rows
from tests.bench.events import Kind, both, cell, measured, plain
from tests.bench.many import crowd
from tests.bench.plots import Curve
from tests.bench.served import Served
from tests.bench.site import KILOBYTES

__all__ = ["figures"]

CONNECTIONS = (1, 10, 100, 1000, 5000)
FEW = (1, 10, 100, 500)


async def figures(quick: bool) -> list[Curve]:
    """All curves."""
    events, rounds = (1000, 2) if quick else (5000, 4)
    async with both() as (site, floor):
        tables = [
            await over_rows("frozen rows", "", site, floor, events, rounds),
            await over_rows("dicts", "/dicts", site, floor, events, rounds),
        ]
        kinds = [Kind("", f"/state/{kb}", plain("up"), share=0.4) for kb in KILOBYTES]
        costs = [(await measured(kind, site, floor, events=events, rounds=rounds)).event for kind in kinds]
        states = Curve("a state of so many KiB", "state", list(zip(KILOBYTES, costs, strict=True)))
    return [*tables, states, await over_connections(FEW if quick else CONNECTIONS, events, rounds)]


async def over_rows(name: str, what: str, site: Served, floor: Served, events: int, rounds: int) -> Curve:
    """One cell of tables of different sizes."""
    points = []
    for size in rows.SIZES:
        kind = Kind("", f"/table/{size}{what}", cell, share=min(1, 40 / size), visitors=2)
        points.append((size, (await measured(kind, site, floor, events=events, rounds=rounds)).event))
    return Curve(name, "rows", points)


async def over_connections(numbers: tuple[int, ...], events: int, rounds: int) -> Curve:
    """A click of one visitor, while the others are idle."""
    kind = Kind("", "/counter", plain("up"), share=0.4, visitors=1)
    points = []
    async with both() as (site, floor), AsyncExitStack() as others:
        there = 1
        for number in numbers:
            if number > there:
                await others.enter_async_context(crowd(site.port, "/counter", number - there))
                there = number
            points.append((number, (await measured(kind, site, floor, events=events, rounds=rounds)).event))
    return Curve("a click while so many are connected", "connections", points)
