"""Many who want to begin at the same moment: so many at a time, and others get the loop in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Rota"]

# Of 5,000 renderings that begin at once, each keeps what it needs until the last has begun: 50 at a time take a
# tenth less, the first is sent after milliseconds, and an event in between waits no longer than for those 50.
AT_ONCE = 50


class Rota:
    """Lets each begin in its turn, soon."""

    def __init__(self) -> None:
        self._due: deque[Callable[[], None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self, begin: Callable[[], None]) -> None:
        """Call `begin`, which does not wait, when it is its turn."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # nobody waits; or only those whom a loop that has ended has left
            self._loop = loop
            self._due.clear()
            loop.call_soon(self._begin, loop)
        self._due.append(begin)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for _ in range(min(AT_ONCE, len(self._due))):
                self._due.popleft()()
        finally:
            if self._due:
                loop.call_soon(self._begin, loop)
            else:
                self._loop = None
