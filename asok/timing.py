"""Time limits: one that costs nothing where nothing waits, and one for all of many tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

__all__ = ["TimeLimit", "finish", "steady", "within"]

T = TypeVar("T")
TO_END = 1.0  # seconds, for a task that was cancelled

# Libraries that move the time in tests move `time.monotonic`, too, and back again; how fast somebody sends goes by
# the clock that only the system has.
_FROM_THE_SYSTEM = getattr(time, "CLOCK_MONOTONIC", None)


def steady() -> float:
    """Seconds that go by, whatever time a test says it is."""
    return time.monotonic() if _FROM_THE_SYSTEM is None else time.clock_gettime(_FROM_THE_SYSTEM)


class TimeLimit:
    """How long some work may take, in seconds; it may be put off while the work waits for somebody.

    The clock of the loop is set when the work first waits. Most methods never do, and a timer that is set and taken
    back costs 4 µs.
    """

    __slots__ = ("_timeout", "_when")

    def __init__(self, seconds: float) -> None:
        self._when: float | None = asyncio.get_running_loop().time() + seconds
        self._timeout: asyncio.Timeout | None = None

    def when(self) -> float | None:
        """When it ends, in the loop's time; None for never."""
        return self._when

    def reschedule(self, when: float | None) -> None:
        """It ends then. Raises RuntimeError where the work has ended."""
        self._when = when
        if self._timeout is not None:
            self._timeout.reschedule(when)

    def expired(self) -> bool:
        """Whether the work was ended by it."""
        return self._timeout is not None and self._timeout.expired()

    def begin(self) -> asyncio.Timeout:
        """The work waits."""
        self._timeout = asyncio.timeout_at(self._when)
        return self._timeout


async def within(limit: TimeLimit, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises TimeoutError where it takes longer, and what it raises."""
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with limit.begin():
        return await _go_on(work, awaited)


@coroutine
def _go_on(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, None, T]:
    """The rest of work that waits for something already."""
    while True:
        try:
            yield awaited
        except BaseException as error:
            try:
                awaited = work.throw(error)
            except StopIteration as done:
                result: T = done.value
                return result
        else:
            return (yield from work.__await__())


async def finish(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    """Wait for them, at most so long, then cancel them."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.wait([asyncio.gather(*tasks, return_exceptions=True)], timeout=TO_END)
