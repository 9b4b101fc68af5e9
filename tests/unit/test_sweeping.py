"""What is forgotten when, though clocks are wrong."""

from __future__ import annotations

import asyncio
import time

import pytest

from asok import sweeping
from asok.backends.memory import MemoryBackend
from asok.sessions import Cell
from asok.sweeping import Sweeper
from tests.unit.test_backends import writing

DAYS = 86400.0


class Swept(MemoryBackend):
    """Counts how often it was swept, and tells when it was."""

    def __init__(self) -> None:
        super().__init__()
        self.times, self.told = 0, asyncio.Event()

    async def sweep(self, before: float) -> int:
        self.times += 1
        self.told.set()
        return await super().sweep(before)

    async def again(self) -> None:
        async with asyncio.timeout(60):
            for _ in range(2):  # one may have begun before
                self.told.clear()
                await self.told.wait()


async def test_a_clock_that_is_set_ahead_while_the_app_runs_forgets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SECONDS", 0)
    backend, ahead, real = Swept(), 0.0, time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    await backend.commit(writing({("s", "n"): b"1"}))
    sweeper = Sweeper(backend, 14 * DAYS)
    sweeper.begin()
    await backend.again()
    ahead = 365 * DAYS
    await backend.again()
    assert await backend.read("s", ["n"]) == {"n": Cell(1, b"1")}
    ahead = 0.0
    await sweeper.end()


async def test_what_is_old_is_forgotten_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Swept()
    await backend.commit(writing({("s", "n"): b"1"}))
    later = time.time() + 15 * DAYS
    monkeypatch.setattr(time, "time", lambda: later)
    sweeper = Sweeper(backend, 14 * DAYS)
    sweeper.begin()
    async with asyncio.timeout(60):
        await backend.told.wait()
    await asyncio.sleep(0)
    assert await backend.read("s", ["n"]) == {}
    await sweeper.end()
