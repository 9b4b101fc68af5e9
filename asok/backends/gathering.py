"""Commits that come within one turn of the event loop, written as one: when many visitors come, each costs less."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from asok.sessions import Commit

__all__ = ["Gathering", "is_new"]


class Gathering:
    """For the event loop that runs. write: takes all that has come, and tells of each whether it was done; what it
    raises, everybody is told. Raises RuntimeError where none runs."""

    def __init__(self, write: Callable[[Sequence[Commit]], Awaitable[Sequence[bool]]]) -> None:
        self._write = write
        self.loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Commit, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def commit(self, commit: Commit) -> bool:
        """Whether it was done, with what came before and after it in this turn."""
        if not self._waiting:
            # It begins in the next turn.
            self._writer = self.loop.create_task(self._write_all())
        done = self.loop.create_future()
        self._waiting.append((commit, done))
        result: bool = await done
        return result

    async def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            results = await self._write([commit for commit, done in waiting])
        except asyncio.CancelledError:
            for _, done in waiting:
                done.cancel()
            raise
        except Exception as error:
            for _, done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(waiting, results, strict=True):
            if not done.done():
                done.set_result(result)


def is_new(commit: Commit) -> bool:
    """Whether it makes one cell that is not there, and does nothing else, as a visitor's first page does."""
    checks, writes = commit.checks, commit.writes
    if len(checks) != 1 or len(writes) != 1 or commit.move is not None:
        return False
    ((key, value),) = writes.items()
    return value is not None and checks.get(key) == 0
