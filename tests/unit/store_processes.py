"""Processes that share stores: what they do to each other while their bus is broken, and whether that was in order."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis as redis_py

from tests.redis_server import RedisServer

__all__ = ["Child", "Unit", "children", "disorder", "kills_of_the_bus", "swaps"]

PATIENCE = 60


class Child:
    """A process of its own, on the same data and bus."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[list[Any]] = []

    async def until(self, verb: str) -> list[Any]:
        """What it says first that begins so; the rest is in `heard`."""
        assert self.process.stdout is not None
        while True:
            async with asyncio.timeout(PATIENCE):
                line = await self.process.stdout.readline()
            assert line, "the process has ended"
            said: list[Any] = json.loads(line)
            if said[0] == verb:
                return said
            self.heard.append(said)

    async def ask(self, line: str) -> list[Any]:
        """Let it do something, and wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        return await self.until(line.split()[0])


@asynccontextmanager
async def children(place: Path | str, count: int) -> AsyncIterator[list[Child]]:
    """So many processes in a folder, or on a Redis."""
    made: list[Child] = []
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.unit.store_child", str(place))
    async with AsyncExitStack() as closing:
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
            closing.push_async_callback(process.wait)
            assert process.stdin is not None
            closing.callback(process.stdin.close)
            made.append(Child(process))
            await made[-1].until("open")
        yield made


async def kills_of_the_bus(server: RedisServer, prefix: str, kills: int) -> tuple[list[int], float]:
    """R13: kill so many pub/sub connections, while two processes write and a third looks on.

    What each of them has at last, what it should be, and how many seconds after the last write all had the same.
    """
    writes = killed = 0
    async with children(f"{server.url}?prefix={prefix}", 3) as [one, two, third]:
        with redis_py.Redis(port=server.port) as client:
            while killed < kills:
                writing = [asyncio.create_task(each.ask("add n 3")) for each in (one, two)]
                killed += await asyncio.to_thread(client.client_kill_filter, _type="pubsub")
                await asyncio.gather(*writing)
                writes += 6
        last = time.monotonic()
        while True:
            values = [(await each.ask("read n 0"))[2] for each in (one, two, third)]
            took = time.monotonic() - last
            if values == [writes] * 3 or took > PATIENCE:
                return [*values, writes], took


# --- order


class Unit(NamedTuple):
    """A unit of work on one register: what it found, and what it put in; None where it only looked."""

    register: str
    old: str
    new: str | None
    begin: float
    end: float


async def swaps(place: Path | str, units: int) -> list[Unit]:
    """What four tasks in each of two processes have done to three registers, so many units in all."""
    async with children(place, 2) as both:
        await asyncio.gather(*(each.ask(f"swap {name} {units // 8}") for name, each in zip("xy", both, strict=True)))
        return [Unit(*said) for each in both for _, *said in each.heard if _ == "unit"]


def disorder(history: Iterable[Unit]) -> str:
    """Why nobody could have done all this one after the other; empty where somebody could.

    Each value is put in once, and each unit tells what it has found, so that there is only one order that it can
    have been: from the empty register on, who found this value, then who found what that one put in. It is a
    linearization when no unit had ended before another one began that stands before it.
    """
    registers: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in history:
        registers[unit.register].append(unit)
    return next(filter(None, (_disorder(units) for units in registers.values())), "")


def _disorder(units: Sequence[Unit]) -> str:
    writers = {unit.old: unit for unit in units if unit.new is not None}
    if len(writers) < sum(unit.new is not None for unit in units):
        return "two have replaced the same value: one of the updates is lost"
    readers: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        if unit.new is None:
            readers[unit.old].append(unit)
    value: str | None = ""
    latest, placed = float("-inf"), 0
    while value is not None:
        writer = writers.get(value)
        for group in (readers[value], [writer] if writer else []):
            if late := next((unit for unit in group if unit.end < latest), None):
                return f"{late} had ended before something began whose result it has not seen"
            latest = max([latest, *(unit.begin for unit in group)])
            placed += len(group)
        value = writer.new if writer else None
    return "" if placed == len(units) else f"{len(units) - placed} units found what nobody had put in by then"
