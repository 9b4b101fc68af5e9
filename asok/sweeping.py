"""Sessions that nobody uses any more are forgotten, once an hour."""

from __future__ import annotations

import asyncio
import contextlib
import time

from asok.sessions import Backend

__all__ = ["Sweeper"]

SECONDS = 3600


class Sweeper:
    """Forgets the sessions that were not written to for `age` seconds."""

    def __init__(self, backend: Backend, age: float) -> None:
        self._backend, self._age = backend, age
        self._task: asyncio.Task[None] | None = None
        self._zero = 0.0  # when `time.monotonic` was 0, by the clock of the beginning

    @property
    def runs(self) -> bool:
        """Whether it has begun."""
        return self._task is not None

    def begin(self) -> None:
        """Sweep now, and from now on."""
        self._zero = time.time() - time.monotonic()
        self._task = asyncio.create_task(self._sweep())

    async def end(self) -> None:
        """Sweep no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _sweep(self) -> None:
        while True:
            # A clock that is set ahead by weeks makes nothing old that is in use.
            now = min(time.time(), self._zero + time.monotonic())
            with contextlib.suppress(Exception):
                await self._backend.sweep(now - self._age)
            await asyncio.sleep(SECONDS)
