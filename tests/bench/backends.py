"""`python -m tests.bench.backends redis://…`: what an event costs in a backend, a read of its cells and a commit."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from asok.backends.redis import RedisBackend
from asok.backends.sqlite import SQLiteBackend
from asok.sessions import Backend, Cell, Commit

EVENTS = 4096
ROUNDS = 3
RECORD, KEY = "record/1", "session/n"


async def event(backend: Backend, owner: str) -> None:
    """What the engine does around a method."""
    cells = await backend.read(owner, ["meta", RECORD, "slot/1"], "session/")
    read = cells.get(RECORD, Cell(0, b"")).version
    writes: dict[tuple[str, str], bytes | None] = {(owner, RECORD): b"x" * 600, (owner, KEY): b"\x01"}
    assert await backend.commit(Commit({(owner, RECORD): read}, writes))


async def measured(backend: Backend, people: int) -> tuple[float, float]:
    """The best of a few rounds: µs of this process, and of the clock, for an event."""

    async def person(owner: str) -> None:
        for _ in range(EVENTS // people):
            await event(backend, owner)

    best = (float("inf"), float("inf"))
    for _ in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(person(f"{n:032x}") for n in range(people)))
        spent = time.process_time() - cpu, time.perf_counter() - wall
        best = min(best, (spent[0] / EVENTS * 1e6, spent[1] / EVENTS * 1e6))
    return best


async def main(url: str) -> None:
    """Measure, and print."""
    with TemporaryDirectory() as folder:
        backends: dict[str, Backend] = {"sqlite": SQLiteBackend(Path(folder) / "db"), "redis": RedisBackend(url)}
        for name, backend in backends.items():
            await backend.open()
            for people in (1, 64):
                cpu, wall = await measured(backend, people)
                print(f"{name:8} {people:3} at once: {cpu:5.0f} µs of this process, {wall:5.0f} µs")
            await backend.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
