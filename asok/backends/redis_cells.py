"""The line to a Redis on which cells are asked for: it knows which server answers there, and whether that will do."""

from __future__ import annotations

import math
import re
import time
from asyncio import Future
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from asok.backends.redis_address import Address
from asok.backends.redis_calls import Away, Line, Unfit, asking, of_a_primary
from asok.backends.resp import command

__all__ = ["LARGEST_SKEW", "CellsLine", "check", "dangers", "facts_of", "remedy"]

PROVEN = 1.0  # seconds for which a server that was the primary is taken for it still
LARGEST_SKEW = 60.0  # seconds by which two clocks may differ without anybody's minding
_OLDEST_SERVER = (7, 0)
# How servers of several versions say that a command may not be run, or not by a script.
_RIGHTLESS = re.compile("NOPERM|ACL failure|user executing the script")
# The first word of what a server says that takes no writes -> what it lacks.
_REMEDIES = {
    "OOM": "it is full: raise its maxmemory, or make room there",
    "MISCONF": "it cannot write to its disk: make room there, and see its log",
    "NOREPLICAS": "let its replicas come back, or lower min-replicas-to-write",
}


class CellsLine(Line):
    """met: told of the server, and by how many seconds our clock is ahead of its own, before anybody asks it anything.

    server: a name of it that a restart or a failover changes, after which the last writes may be gone; "" where it
    does not say. A line to a server that has become a replica is given up, also where nothing is written.
    """

    def __init__(self, address: Address, met: Callable[[str, float], None]) -> None:
        super().__init__()
        self._met, self.server = met, ""
        self._asking, self._asked = asking(address), math.inf

    async def begin(self) -> None:
        """Ask who it is."""
        info, ahead = await self.call(command(["INFO"])), 0.0
        if isinstance(info, bytes):
            facts = facts_of(info)
            self.server = "/".join(facts.get(name, "") for name in ("run_id", "master_replid"))
            ahead = ahead_of(facts)
        self._met(self.server, ahead)
        self._asked = self._loop.time()

    def call(self, command: bytes) -> Future[Any]:
        """As any line's; once a second it also asks whether the server is the primary still."""
        if self._loop.time() >= self._asked + PROVEN:
            self._asked = self._loop.time()
            super().call(self._asking).add_done_callback(self._look)
        return super().call(command)

    def _look(self, asked: Future[Any]) -> None:
        try:
            of_a_primary(asked.result())
        except Away as error:
            self.lose(error)  # the address may lead to another server now


def facts_of(info: bytes) -> dict[str, str]:
    """What the reply to INFO says."""
    lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}


def ahead_of(facts: Mapping[str, str]) -> float:
    """By how many seconds our clock is ahead of that of the server; 0.0 where it does not say."""
    theirs = facts.get("server_time_usec", "")
    return time.time() - int(theirs) / 1e6 if theirs.isdecimal() else 0.0


def check(facts: Mapping[str, str]) -> None:
    """Refuse a server that is too old, and one that would throw sessions away. Raises Unfit."""
    found = facts.get("redis_version", "")
    with suppress(ValueError):
        if tuple(map(int, found.split(".")[:2])) < _OLDEST_SERVER:
            raise Unfit(f"it is of version {found}, and 7.0 is the least that will do")
    policy = facts.get("maxmemory_policy", "")
    if facts.get("maxmemory", "0") != "0" and policy.startswith("allkeys"):
        raise Unfit(f"it throws away what it still keeps when it is full (maxmemory-policy {policy}); set noeviction")
    if facts.get("cluster_enabled", "0") != "0":
        raise Unfit("it is a cluster, and a commit needs all of its keys on one server")
    if facts.get("redis_mode") == "sentinel":
        raise Unfit("it is a Sentinel, which keeps no data; name the server, or what stands before it")


def dangers(facts: Mapping[str, str]) -> Iterator[str]:
    """What may lose something, and is the operator's to choose."""
    if abs(ahead := ahead_of(facts)) > LARGEST_SKEW:
        what = f"has a clock that is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} ours"
        yield f"{what}: sessions and logins end by the clock of whichever machine answers; set both right, as by NTP"
    policy = facts.get("maxmemory_policy", "")
    if facts.get("maxmemory", "0") != "0" and policy.startswith("volatile"):
        what = "may forget, when it is full, which commits it has applied, and do one twice that is sent again"
        yield f"{what} (maxmemory-policy {policy}); set noeviction"
    if facts.get("aof_enabled") == "0":
        what = (
            "keeps no append-only file: if it is killed, all is lost that came after its last snapshot, if it has any"
        )
        yield f"{what}; set appendonly yes, unless that may be"


def remedy(problem: str, prefix: str) -> str:
    """What to do about a server that cannot be used."""
    if found := _REMEDIES.get(problem.partition(" ")[0]):
        return found
    if _RIGHTLESS.search(problem):
        return f"give its user ~{prefix}* &{prefix}* +@read +@write +@scripting +@connection +@pubsub +info"
    return "set ASOK_REDIS to the URL of a Redis 7.0 or Valkey that this process may write to"
