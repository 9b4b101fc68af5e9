"""Buses over a Redis that remember what they hear, and a hand on the server: for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import redis as redis_py

from asok.backends.redis_address import Address
from asok.backends.redis_bus import RedisBus
from asok.state import KeyRing
from tests.redis_server import RedisServer
from tests.rig import KEY

__all__ = ["PATIENCE", "Ear", "by_hand", "channel_of", "opened", "settled"]

PATIENCE = 60


class Ear:
    """All that a bus tells, in order, and a way to wait for it."""

    def __init__(self, bus: RedisBus) -> None:
        self.bus = bus
        self.words: list[str] = []
        self.gaps = 0
        self._told = asyncio.Event()
        bus.subscribe("words", self._hear)
        bus.on_gap(self._gap)

    def _hear(self, message: bytes) -> None:
        self.words.append(message[:64].decode())
        self._told.set()

    def _gap(self) -> None:
        self.gaps += 1
        self._told.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._told.clear()
                await self._told.wait()

    async def hears(self, *words: str) -> None:
        await self.until(lambda: self.words == list(words))


@asynccontextmanager
async def opened(url: str, *keys: str) -> AsyncIterator[Ear]:
    bus = RedisBus(url, KeyRing(keys or (KEY,)))
    ear = Ear(bus)
    await bus.open()
    try:
        yield ear
    finally:
        await bus.close()


def channel_of(url: str) -> str:
    return f"{Address.of(url).prefix}bus:0"


@contextmanager
def by_hand(server: RedisServer) -> Iterator[Any]:
    """A plain client of the server."""
    with redis_py.Redis(port=server.port) as client:
        yield client


async def settled(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
