"""A bad network in one process: a TCP proxy that cuts, delays, throttles and lets packets vanish.

It stands between browser and server, or between server and Redis, and never looks at what it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import cast

__all__ = ["Chaos", "Fate", "Weather", "chaos", "cuts"]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST
MOST_WAITING = 64 * 1024
PACKET = 1400


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one connection.

    up, down: after so many bytes towards the server, or from it, it ends; None: never. reset: by RST, else by FIN.
    delay: seconds that each byte is on its way. rate: bytes a second, 0 for any. loss: the share of packets that
    have to be sent again, which holds up those behind them by `again` seconds.
    """

    up: int | None = None
    down: int | None = None
    reset: bool = True
    delay: float = 0
    rate: float = 0
    loss: float = 0
    again: float = 0.3

    @property
    def is_slow(self) -> bool:
        """Whether bytes take time."""
        return bool(self.delay or self.rate or self.loss)


Weather = Callable[[Random], Fate]


def fair(_: Random) -> Fate:
    return Fate()


def cuts(most: int) -> Weather:
    """Each connection ends at a random byte below `most`, of a random direction, by RST or FIN."""

    def weather(random: Random) -> Fate:
        place, reset = random.randrange(most), random.random() < 0.5
        return Fate(up=place, reset=reset) if random.random() < 0.5 else Fate(down=place, reset=reset)

    return weather


class Chaos:
    """The proxy. `weather` decides on each new connection; the rest is for all that there are.

    ended: how many connections it has cut.
    """

    def __init__(self, port: int, seed: int, weather: Weather = fair) -> None:
        self.target, self.weather, self.random = port, weather, Random(seed)
        self.port, self.ended, self.holes = 0, 0, False
        self.links: set[Link] = set()

    def cut(self, share: float = 1.0) -> int:
        """End this share of the connections now, by RST or FIN; how many."""
        chosen = [link for link in self.links if self.random.random() < share]
        for link in chosen:
            link.cut(reset=self.random.random() < 0.5)
        return len(chosen)

    def open_hole(self) -> None:
        """From now on nothing passes, and nobody is told; new connections are taken and lead nowhere."""
        self.holes = True
        for link in self.links:
            link.hold()

    def close_hole(self, *, forget: bool) -> None:
        """Let new connections pass. forget: those of before stay dead, as after a router has lost its memory."""
        self.holes = False
        for link in list(self.links):
            if not forget:
                link.release()


@asynccontextmanager
async def chaos(port: int, *, seed: int = 1, weather: Weather = fair) -> AsyncIterator[Chaos]:
    """A proxy in front of a port of this machine."""
    proxy, loop = Chaos(port, seed, weather), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(proxy).near, "127.0.0.1", 0, backlog=2048)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for link in list(proxy.links):
            link.cut(reset=True)
        await server.wait_closed()


class Link:
    """Two connections that are one to those at its ends."""

    def __init__(self, proxy: Chaos) -> None:
        self.proxy, self.fate = proxy, proxy.weather(proxy.random)
        self.near, self.far = End(self, self.fate.up), End(self, self.fate.down)
        self.near.other, self.far.other = self.far, self.near
        self._connecting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Somebody has connected."""
        self.proxy.links.add(self)
        if not self.proxy.holes:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.far, "127.0.0.1", self.proxy.target)
        except OSError:
            return self.over(reset=True)
        if self.proxy.holes:
            self.hold()

    def hold(self) -> None:
        self.near.pause("hole")
        self.far.pause("hole")

    def release(self) -> None:
        self.near.resume("hole")
        self.far.resume("hole")
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def cut(self, *, reset: bool) -> None:
        """End it as a broken network does."""
        self.proxy.ended += 1
        self.over(reset=reset)

    def over(self, *, reset: bool) -> None:
        """Neither side goes on."""
        self.proxy.links.discard(self)
        self.near.end(reset=reset)
        self.far.end(reset=reset)


class End(asyncio.Protocol):
    """One end of a link: what it hears, the other one says. limit: so many bytes, then the link is cut."""

    other: End

    def __init__(self, link: Link, limit: int | None) -> None:
        self._link, self._left = link, limit
        self._transport: asyncio.Transport | None = None
        self._reasons: set[str] = set()
        self._due, self._waiting, self._early = 0.0, 0, list[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        if self is self._link.near:
            self._link.begin()
        elif self._link not in self._link.proxy.links:
            self.end(reset=True)
        for data in self._early:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._left is not None and len(data) >= self._left:
            self.other.say(data[: self._left], self._link.fate)
            return self._link.cut(reset=self._link.fate.reset)
        self._left = None if self._left is None else self._left - len(data)
        self.other.say(data, self._link.fate)

    def connection_lost(self, error: Exception | None) -> None:
        """What was heard before arrives before the news of the end."""
        loop, reset = asyncio.get_running_loop(), error is not None
        if not self._link.fate.is_slow:
            return self._link.over(reset=reset)
        # At the same moment as the last bytes: of two such timers a loop may call either first.
        news = partial(self._link.over, reset=reset)
        loop.call_at(self.other.due + self._link.fate.delay, loop.call_soon, news)

    @property
    def due(self) -> float:
        """When the last of what was said has left."""
        return max(self._due, asyncio.get_running_loop().time())

    def say(self, data: bytes, fate: Fate) -> None:
        """Pass bytes on, at once or when they would have come."""
        if not fate.is_slow:
            return self._write(data)
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), PACKET):
            packet, random = data[start : start + PACKET], self._link.proxy.random
            lost = fate.again if random.random() < fate.loss else 0
            took = len(packet) / fate.rate if fate.rate else 0
            self._due = self.due + took + lost
            self._waiting += len(packet)
            loop.call_at(self._due + fate.delay, self._arrive, packet)
        if self._waiting > MOST_WAITING:
            self.other.pause("full")

    def _arrive(self, packet: bytes) -> None:
        self._waiting -= len(packet)
        self._write(packet)
        if self._waiting <= MOST_WAITING:
            self.other.resume("full")

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        self.other.pause("unread")

    def resume_writing(self) -> None:
        self.other.resume("unread")

    def pause(self, reason: str) -> None:
        """Read no more, until this reason and all others are gone."""
        self._reasons.add(reason)
        self._read()

    def resume(self, reason: str) -> None:
        """This reason not to read is gone."""
        self._reasons.discard(reason)
        self._read()

    def _read(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._reasons and self._transport.is_reading():
            self._transport.pause_reading()
        elif not self._reasons and not self._transport.is_reading():
            self._transport.resume_reading()

    def end(self, *, reset: bool) -> None:
        """Close this side: at once and with RST, or after what was said."""
        if self._transport is None or self._transport.is_closing():
            return
        if not reset:
            return self._transport.close()
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()
