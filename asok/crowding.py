"""How many may be here: connections of a worker, of a session and of an address, and how fast new ones come.

An address counts only where it tells visitors apart. That is a public one: either the peer's own, or the one that the
server has put into its place because a trusted proxy named it. What a request says of itself is never read here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import random
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from asok.errors import AsokError
from asok.settings import Limits
from asok.timing import steady

__all__ = ["OTHER_FILES", "Bucket", "Crowd", "Crowded", "Seat", "Visitor", "counted_address", "most_connections"]

# What a process needs beside its connections: requests, the database, the bus, files.
OTHER_FILES = 256
# A browser takes another way when a socket does not open within 3 s, so nobody waits as long as that.
LONGEST_QUEUE = 2.0
AT_ONCE = 0.2
HOARD_SECONDS = 10
REMEMBERED = 5.0  # seconds, after which a session that has left is looked at


class Crowded(AsokError):
    """There is no room now. retry_after: whole seconds after which there may be."""

    def __init__(self, problem: str, retry_after: float = 1) -> None:
        self.problem, self.retry_after = problem, max(1, math.ceil(retry_after))

    def __str__(self) -> str:
        return f"{self.problem}; again in {self.retry_after} s"


class Bucket:
    """Lets through so many a second, and so many at once after a pause. All that it keeps is one time."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = 0.0

    def take(self, rate: float, burst: float, now: float) -> float:
        """Take one; 0 where it was there, else the seconds until it will be. A rate of 0 is no limit."""
        if not rate:
            return 0.0
        due = max(self._due, now) + 1 / rate
        wait = due - now - burst / rate
        if wait > 1e-9:
            return wait
        self._due = due
        return 0.0

    def owe(self, seconds: float, now: float) -> None:
        """Take so many seconds' worth, even if it is not there."""
        self._due = max(self._due, now) + seconds

    def owed(self, now: float) -> float:
        """Seconds until it is full again."""
        return max(0.0, self._due - now)

    def is_full(self, now: float) -> bool:
        """Whether it is as a new one."""
        return self._due <= now


class Visitor:
    """What the connections and requests of one session share on this worker. watched: it is looked at in a while."""

    __slots__ = ("connections", "events", "messages", "watched")

    def __init__(self) -> None:
        self.connections, self.watched = 0, False
        self.events, self.messages = Bucket(), Bucket()

    def rests(self, now: float) -> bool:
        """Whether nothing would be forgotten with it."""
        return not self.connections and self.events.is_full(now) and self.messages.is_full(now)


class Seat:
    """One connection's place, until it leaves; as a context manager, until the end of the block."""

    __slots__ = ("_address", "_crowd", "_owner", "_taken")

    def __init__(self, crowd: Crowd, address: str) -> None:
        self._crowd, self._address, self._owner, self._taken = crowd, address, "", True

    def belongs_to(self, owner: str) -> None:
        """It is one of this session's. Raises Crowded where the session has enough."""
        if owner:
            self._crowd._join(owner)
            self._owner = owner

    def leave(self) -> None:
        """It is free; a second time does nothing."""
        if self._taken:
            self._taken = False
            self._crowd._left(self._address, self._owner)

    def __enter__(self) -> Seat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


class Crowd:
    """All who are connected to this worker. size: their number. most: how many they may be; 0 asks the machine."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.size, self.most = 0, limits.connections
        self._visitors: dict[str, Visitor] = {}
        self._addresses: Counter[str] = Counter()
        self._second, self._newcomers = 0, Counter[str]()
        self._turn = 0.0

    # ---- connections

    def enter(self, scope: Mapping[str, Any]) -> Seat:
        """A place for the connection of an ASGI scope. Raises Crowded."""
        address = counted_address(scope)
        self.most = self.most or most_connections()
        if self.size >= self.most:
            raise Crowded(f"{self.size} connections to this worker", random.uniform(1, 5))
        if address:
            self._check_address(address)
            self._addresses[address] += 1
        self.size += 1
        return Seat(self, address)

    def _check_address(self, address: str) -> None:
        limits, second = self._limits, int(steady())
        if second != self._second:
            self._second = second
            self._newcomers.clear()
        if limits.address_connections and self._addresses[address] >= limits.address_connections:
            raise Crowded(f"{self._addresses[address]} connections of {address}", HOARD_SECONDS)
        if limits.connects_per_second and self._newcomers[address] >= limits.connects_per_second:
            raise Crowded(f"{self._newcomers[address]} new connections of {address} in one second")
        self._newcomers[address] += 1

    def _join(self, owner: str) -> None:
        visitor, most = self.visitor(owner), self._limits.session_connections
        if most and visitor.connections >= most:
            raise Crowded(f"{visitor.connections} connections of session {owner[:8]}", HOARD_SECONDS)
        visitor.connections += 1

    def _left(self, address: str, owner: str) -> None:
        self.size -= 1
        if address:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
        if owner:
            self._visitors[owner].connections -= 1
            self._forget(owner)

    async def turn(self) -> None:
        """Wait until one more may join, for at most two seconds, each in the order of their coming. Raises Crowded."""
        rate, now = self._limits.joins_per_second, steady()
        if not rate:
            return
        turn = max(self._turn, now - AT_ONCE) + 1 / rate
        if turn - now > LONGEST_QUEUE:
            raise Crowded("too many join at once", random.uniform(1, 2) * (turn - now))
        self._turn = turn
        if turn > now:
            await asyncio.sleep(turn - now)

    # ---- what a visitor sends

    @property
    def remembered(self) -> int:
        """Sessions that are here, or of which something is remembered."""
        return len(self._visitors)

    def visitor(self, owner: str) -> Visitor:
        """What the connections and requests of this session share. Who has none shares nothing."""
        if not owner:
            return Visitor()
        found = self._visitors.get(owner)
        if found is None:
            found = self._visitors[owner] = Visitor()
            self._watch(owner, found)
        return found

    def admit_event(self, owner: str, scope: Mapping[str, Any]) -> None:
        """One more request that runs a method may come, of a session, else of a public address. Raises Crowded."""
        _take(self._sender(owner, scope).events, self._limits.events_per_second, self._limits.burst)

    def admit_message(self, owner: str, scope: Mapping[str, Any]) -> None:
        """As `admit_event`, for what is a message where there is a socket. Raises Crowded."""
        _take(self._sender(owner, scope).messages, self._limits.messages_per_second, self._limits.messages_burst)

    def _sender(self, owner: str, scope: Mapping[str, Any]) -> Visitor:
        """Who pays for a request. Those of whom neither session nor address is known are strangers to each other."""
        address = "" if owner else counted_address(scope)
        return self.visitor(owner or (address and f"address {address}"))

    def _forget(self, owner: str) -> None:
        """Nobody of a session is here any more. What it has spent is remembered until it would have it again."""
        visitor = self._visitors.get(owner)
        if visitor is None or visitor.connections:
            return
        if visitor.rests(steady()):
            del self._visitors[owner]
        elif not visitor.watched:
            self._watch(owner, visitor)

    def _watch(self, owner: str, visitor: Visitor) -> None:
        visitor.watched = True
        asyncio.get_running_loop().call_later(REMEMBERED, self._look, owner, visitor)

    def _look(self, owner: str, visitor: Visitor) -> None:
        visitor.watched = False
        self._forget(owner)


def _take(bucket: Bucket, rate: float, burst: float) -> None:
    wait = bucket.take(rate, burst, steady())
    if wait:
        raise Crowded("too many requests", wait)


def counted_address(scope: Mapping[str, Any]) -> str:
    """The address under which a connection counts; empty where that would count strangers together."""
    client = scope.get("client")
    return _counted(client[0]) if client else ""


@lru_cache(maxsize=4096)
def _counted(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            # Who has one address of IPv6 has 2^64 of them.
            return str(ipaddress.ip_network((address, 64), strict=False)) if address.is_global else ""
        address = address.ipv4_mapped
    return str(address) if address.is_global else ""


def most_connections() -> int:
    """As many as this process may open files, less what it needs for itself."""
    with contextlib.suppress(ImportError, OSError):
        import resource  # Windows has none

        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if allowed != resource.RLIM_INFINITY:
            return max(allowed // 2, allowed - OTHER_FILES)
    return 65536
