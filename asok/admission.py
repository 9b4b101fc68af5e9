"""How fast one connection may send, and from when on it is a flood."""

from __future__ import annotations

from asok.crowding import Bucket, Visitor
from asok.outbox import Closing
from asok.protocol import CLOSE
from asok.settings import Limits
from asok.timing import steady

__all__ = ["Admission"]

LONG = 4096  # bytes: reading, and keeping, ten thousand values costs what many short messages do
SHORTEST = 0.1  # seconds, after which an event that was not taken may come again


class Admission:
    """Counts what a connection sends against what its session may.

    All messages have one budget: who is beyond it is read no faster. Events have a smaller one: those beyond it are
    not taken, and each is told when its turn would come. Who sends on in spite of that is a flood.
    """

    __slots__ = ("_limits", "_refused", "_visitor")

    def __init__(self, limits: Limits, visitor: Visitor) -> None:
        self._limits, self._visitor, self._refused = limits, visitor, Bucket()

    def count(self, messages: int = 1, size: int = 0) -> float:
        """Seconds after which what has come may be taken; 0 where it may now. It is worth so many messages, and one
        more for each 4 KiB of its size."""
        rate = self._limits.messages_per_second
        if rate:
            self._visitor.messages.owe((messages + size // LONG) / rate, steady())
        return self.arrears

    @property
    def arrears(self) -> float:
        """Seconds by which the session is beyond its budget of messages."""
        rate = self._limits.messages_per_second
        if not rate:
            return 0.0
        return max(0.0, self._visitor.messages.owed(steady()) - self._limits.messages_burst / rate)

    def delay(self) -> int:
        """Milliseconds after which an event may come again; 0 where it may come now, and is counted. Raises Closing."""
        limits, now = self._limits, steady()
        wait = self._visitor.events.take(limits.events_per_second, limits.burst, now)
        if not wait:
            return 0
        if self._refused.take(limits.events_per_second, limits.strikes, now):
            raise Closing(CLOSE.FLOOD, "too many events")
        # Those that were refused before it come before it.
        return round(max(SHORTEST, wait, self._refused.owed(now)) * 1000)
