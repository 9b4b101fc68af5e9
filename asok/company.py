"""Retried events of a process begin one after the other, and know who has begun last: a death is laid to that one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Company", "Member"]

# So long an event waits for those before it to end; many at once must not take long.
APART = 1.0


@dataclass(eq=False)
class Member:
    """A retried event. tell: says in its note that another one has begun after it. is_last: none has yet."""

    tell: Callable[[], Awaitable[None]]
    is_last: bool = field(default=True, init=False)


class Company:
    """Those that run in a process."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._inside: dict[Member, bool] = {}
        self._acquitted = False

    async def enter(self, member: Member) -> None:
        """Begin alone, or after a second beside others, whose notes then say so."""
        holds = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(APART):
                holds = await self._turn.acquire()
        before = [each for each in self._inside if each.is_last]
        self._inside[member], member.is_last = holds, not self._acquitted
        await _acquit(before)

    async def acquit(self) -> None:
        """The process ends for a reason of its own: whatever does not end before it is not to blame."""
        self._acquitted = True
        await _acquit([each for each in self._inside if each.is_last])

    def leave(self, member: Member) -> None:
        """It has ended."""
        if self._inside.pop(member, False):
            self._turn.release()


async def _acquit(members: list[Member]) -> None:
    for each in members:
        each.is_last = False
        await each.tell()
