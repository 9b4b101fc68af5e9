"""Whether the other side is still there, asked for all connections of a server by one timer.

All wait equally long, so each stands behind those that came before it, and only the first one's time matters.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, Protocol
from weakref import WeakKeyDictionary

__all__ = ["Asked", "Pulse", "pulse_of"]

GRAINS = 20  # a timer goes off at most so often in an interval, however many connections there are
NEVER = (math.inf, None)


class Asked(Protocol):
    """A connection that is asked. is_deaf: it is not read just now, so no answer can be heard."""

    is_deaf: bool

    def ask(self, mark: bytes) -> None:
        """Send a ping with this content."""

    def silent(self) -> None:
        """No answer came in time."""


class Pulse:
    """Asks each connection `interval` seconds after it was heard of; ends one that is silent for `timeout` seconds."""

    def __init__(self, interval: float, timeout: float | None) -> None:
        self._interval, self._timeout = interval, timeout
        self._due: dict[Asked, float] = {}
        self._asked: dict[Asked, tuple[float, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def begin(self, connection: Asked) -> None:
        """Ask it from now on."""
        self._due[connection] = self._loop.time() + self._interval
        self._wind()

    def heard(self, connection: Asked, mark: bytes) -> None:
        """It has answered to this mark, if that was what it was asked."""
        if self._asked.get(connection, NEVER)[1] == mark:
            del self._asked[connection]
            self.begin(connection)

    def end(self, connection: Asked) -> None:
        """Ask it no more."""
        self._due.pop(connection, None)
        self._asked.pop(connection, None)

    def _wind(self) -> None:
        if not (self._due or self._asked):
            return
        first = min(next(iter(self._due.values()), math.inf), next(iter(self._asked.values()), NEVER)[0])
        at = max(self._loop.time() + self._interval / GRAINS, first)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()  # it waits for an answer that has come
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        now, mark = self._loop.time(), secrets.token_bytes(4)
        try:
            for connection in _ripe(((each, at) for each, (at, _) in self._asked.items()), now):
                del self._asked[connection]
                self._judge(connection)
            for connection in _ripe(self._due.items(), now):
                del self._due[connection]
                self._ask(connection, now, mark)
        finally:  # what one of them raises must not end it for the others
            self._wind()

    def _judge(self, connection: Asked) -> None:
        if connection.is_deaf:
            self.begin(connection)
        else:
            connection.silent()

    def _ask(self, connection: Asked, now: float, mark: bytes) -> None:
        if self._timeout is None:
            self._due[connection] = now + self._interval
        else:
            self._asked[connection] = (now + self._timeout, mark)
        connection.ask(mark)


def _ripe(times: Iterable[tuple[Asked, float]], now: float) -> list[Asked]:
    """Those at the beginning whose time has come."""
    return [connection for connection, _ in takewhile(lambda pair: pair[1] <= now, times)]


_pulses: WeakKeyDictionary[Any, Pulse] = WeakKeyDictionary()


def pulse_of(server: object, interval: float, timeout: float | None) -> Pulse:
    """The pulse that all connections of a server share."""
    pulse = _pulses.get(server)
    if pulse is None:
        pulse = _pulses[server] = Pulse(interval, timeout)
    return pulse
