"""What many connections cost: one change that all of them show, and the memory of those that are idle."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.report import Row
from tests.bench.served import ROOT, Served, served, served_by_asok

__all__ = ["change", "crowd", "fan_out", "memory"]

CROWD = 5000
SMALL, ALLOWED, BYTES = 1000, 40, 120
KIB = 1024
FLOOR = "/?bytes=120"


@asynccontextmanager
async def crowd(port: int, path: str, number: int) -> AsyncIterator[Process]:
    """So many sockets of a process of their own, open."""
    command = [sys.executable, "-m", "tests.bench.crowd", str(port), path, str(number)]
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    try:
        assert child.stdout is not None
        if await child.stdout.readline() != b"open\n":
            raise RuntimeError(f"not all of {number} sockets could be opened at {path}")
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def change(child: Process) -> dict[str, float]:
    """Change the store once; seconds until the first and until all sockets had got something, and bytes at each."""
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(b"/price\n")
    if not (line := await child.stdout.readline()):
        raise RuntimeError("the process with the sockets has ended")
    told: dict[str, float] = json.loads(line)
    return told


async def fan_out(quick: bool) -> list[Row]:
    """One store value that all sockets show."""
    number = 500 if quick else CROWD
    rows = []
    for name, path, allowed in (
        ("`react()`, one text for all", "/react", 150),
        ("a component that reads the store, for each", "/reader", 500),
    ):
        with TemporaryDirectory() as folder:
            async with (
                served_by_asok("tests.bench.site:app", Path(folder)) as site,
                crowd(site.port, path, number) as child,
            ):
                rows.append(await fanned(name, site, child, number, allowed, rounds=4 if quick else 12))
    return rows


async def fanned(name: str, site: Served, child: Process, number: int, allowed: int, *, rounds: int) -> Row:
    """The best of some rounds, after two that bring the first whole texts."""
    for _ in range(2):
        await change(child)
    seen, spent = [], []
    for _ in range(rounds):
        before = site.seconds
        seen.append(await change(child))
        spent.append(site.seconds - before)
    best = min(seen, key=lambda each: each["seconds"])
    wall, size = best["seconds"] * 1000, int(best["bytes"])
    figures = {
        "sockets": number,
        "first has it, ms": round(best["first"] * 1000, 1),
        "all have it, ms": round(wall),
        "CPU per socket, µs": round(min(spent) / number * 1e6, 1),
        "bytes each": size,
    }
    return Row(name, figures, f"≤ {allowed} ms, ≤ {BYTES} bytes", wall <= allowed and size <= BYTES)


async def memory(quick: bool) -> list[Row]:
    """What an idle connection takes, beside one of a bare echo."""
    numbers = (200, 500) if quick else (SMALL, CROWD)
    with TemporaryDirectory() as folder:
        async with served_by_asok("tests.bench.site:app", Path(folder)) as site:
            ours = await held(site, "/counter", numbers)
    async with served("tests.bench.floor:app") as floor:
        bare = await held(floor, FLOOR, numbers)
    return [memory_row(*each) for each in zip(numbers, ours, bare, strict=True)]


async def held(server: Served, path: str, numbers: tuple[int, int]) -> list[float]:
    """KiB for each connection, once so many are open. Those of the first hundred are not counted, as they also bring
    what is there once.
    """
    few, many = numbers
    async with crowd(server.port, path, 100):
        before = server.memory
        async with crowd(server.port, path, few):
            first = server.memory - before
            async with crowd(server.port, path, many - few):
                return [first / few / KIB, (server.memory - before) / many / KIB]


def memory_row(number: int, ours: float, bare: float) -> Row:
    above = ours - bare
    figures = {"asok, KiB": round(ours, 1), "bare echo, KiB": round(bare, 1), "above it, KiB": round(above, 1)}
    return Row(f"each of {number:,} idle connections", figures, f"≤ {ALLOWED} KiB above", above <= ALLOWED)
