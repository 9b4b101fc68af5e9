"""What a conversation says where no answer may stay open: kept until the browser asks, and asks again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from asok.connections import LOST
from asok.relay import GONE

__all__ = ["LONGEST_POLL", "SILENCE", "Polls"]

LONGEST_POLL = 20.0
GAP = 10.0
SILENCE = ":\n\n"


class _Poll:
    """One request that waits. events: what its answer will be."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.filled = asyncio.Event()
        self.given_up = False

    def give(self, event: str) -> None:
        self.events.append(event)
        self.filled.set()


class Polls:
    """The wire of a conversation that is fetched in pieces. over: set when nobody asks for 10 s, or nothing follows.

    Each poll says how many frames have come so far. Where that is another number than has been given, an answer was
    lost on its way, and the conversation is over: the browser connects anew, and nothing is skipped in silence.
    """

    heartbeat: float | None = None
    straight: Callable[[str], bool] | None = None

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._asked = asyncio.Event()
        self._poll: _Poll | None = None
        self._given = 0
        self._timer = self._count_down()

    def _count_down(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(GAP, self.end)

    def end(self) -> None:
        """Nothing follows."""
        self.over.set()
        if self._poll is not None:
            self._poll.filled.set()

    async def send(self, frame: str) -> None:
        """Give a frame to the poll that waits, or to the next one."""
        poll = await self._next()
        self._given += 1
        poll.give(f"data: {frame}\n\n")

    async def beat(self) -> None:
        """Nothing: polls are signs of life themselves."""

    async def close(self, code: int) -> None:
        """Give the close to a poll; it is the last."""
        poll = await self._next()
        poll.give(f"event: close\ndata: {code}\n\n")
        self.end()

    def cut(self) -> None:
        """End it: what has not been fetched is lost."""
        self.end()

    async def ended(self) -> int:
        """Wait for the end; as a lost connection, since nobody can tell whether the page has been left."""
        await self.over.wait()
        return LOST

    async def _next(self) -> _Poll:
        while self._poll is None:
            self._asked.clear()
            await self._asked.wait()
        return self._poll

    async def poll(self, seen: int, longest: float) -> tuple[int, str]:
        """What waits, as soon as something does, with its status: 200, or 404 where the conversation is over.

        longest: seconds after which the answer is SILENCE.
        """
        if self.over.is_set() or seen != self._given:
            self.end()
            return GONE, ""
        if self._poll is not None:
            self._poll.given_up = True  # a browser asks once at a time
            self._poll.filled.set()
        self._timer.cancel()
        poll = self._poll = _Poll()
        self._asked.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest):
                    await poll.filled.wait()
        finally:
            if self._poll is poll:
                self._poll = None
                self._timer = self._count_down()
        return (GONE, "") if poll.given_up else (200, "".join(poll.events) or SILENCE)
