"""What tests of pushes wait for: a condition, and a store that takes no commit when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asok.backends.memory import MemoryBackend
from asok.errors import Busy
from asok.sessions import Commit

__all__ = ["Refusing", "until"]


class Refusing(MemoryBackend):
    """Its commits fail so many times once it is armed: by newer data, or by being busy. commits: those it took."""

    def __init__(self, times: int, *, busy: bool = False) -> None:
        super().__init__()
        self.times, self.busy = times, busy
        self.armed, self.refused, self.commits = False, 0, 0

    async def commit(self, commit: Commit) -> bool:
        if self.armed and self.refused < self.times:
            self.refused += 1
            if self.busy:
                raise Busy("just now")
            return False
        self.commits += 1
        return await super().commit(commit)


async def until(true: Callable[[], Any]) -> None:
    """Wait for something that no message tells of."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # it becomes true without anybody's word
            await asyncio.sleep(0.01)
