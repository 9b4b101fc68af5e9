"""How a test waits for what messages bring about, and what is done meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

__all__ = ["Late", "Waiting"]


class Late(TimeoutError):
    """The test's patience has ended."""


class Waiting:
    """Waits for one page. duties: what messages have left to do, done by whoever waits, in order.

    complaints: each is raised once, where the test waits next. fault: raised there from now on.
    """

    def __init__(self, patience: float) -> None:
        self.fault: BaseException | None = None
        self.complaints: deque[Exception] = deque()
        self.duties: deque[Callable[[], Awaitable[None]]] = deque()
        self._patience = patience
        self._working, self._bell = asyncio.Lock(), asyncio.Event()

    async def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for what messages bring about. Raises what went wrong meanwhile, or Late."""
        try:
            async with asyncio.timeout(self._patience) as limit:
                while True:
                    bell = self._bell
                    self.raise_fault()
                    await self.work()
                    if done():
                        return
                    await bell.wait()
        except TimeoutError:
            if not limit.expired():
                raise
            raise Late(f"waited {self._patience:g} s for {what}") from None

    def ring(self) -> None:
        """Something has happened: whoever waits looks again."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def raise_fault(self) -> None:
        """Raise what went wrong, if something did."""
        if self.complaints:
            raise self.complaints.popleft()
        if self.fault is not None:
            raise self.fault

    async def work(self) -> None:
        """Do what is left to do."""
        async with self._working:
            while self.duties:
                await self.duties.popleft()()
                self.ring()
