"""How fast one browser may send: a token bucket."""

from __future__ import annotations

import time

from asok.outbox import Closing
from asok.protocol import CLOSE
from asok.settings import Limits

__all__ = ["Admission"]


class Admission:
    """Lets through so many messages a second; who goes on though the bucket is empty is a flood."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tokens, self._refilled, self._strikes = float(limits.burst), time.monotonic(), 0

    def admits(self) -> bool:
        """Whether one more message may come now. Raises Closing."""
        now = time.monotonic()
        refill = (now - self._refilled) * self._limits.events_per_second
        self._tokens, self._refilled = min(self._limits.burst, self._tokens + refill), now
        if self._tokens == self._limits.burst:
            self._strikes = 0
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        self._strikes += 1
        if self._strikes > self._limits.strikes:
            raise Closing(CLOSE.FLOOD, "too many events")
        return False
