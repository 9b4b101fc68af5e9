"""A glance at some documents now and then, though nobody has told of them.

A database that was emptied or put back tells nobody, and nobody may write to it for a while.
"""

from __future__ import annotations

import logging
from asyncio import sleep
from collections.abc import Awaitable, Callable

from asok.documents import Document
from asok.errors import Busy

__all__ = ["look_again"]

log = logging.getLogger("asok")

SECONDS = 2.0
MOST = 64  # documents in one glance
MOST_READ = 1024 * 1024  # bytes


async def look_again(known: Callable[[], list[Document]], refresh: Callable[[Document], Awaitable[int]]) -> None:
    """Refresh them in turn until this is cancelled. refresh: tells how many bytes it has read."""
    turn: list[Document] = []
    while True:
        await sleep(SECONDS)
        turn = turn or known()
        try:
            turn = turn[await _glance(turn, refresh) :]
        except Busy:
            pass  # the backend says so itself
        except Exception:
            log.exception("a store cannot be looked at")
            turn = []


async def _glance(turn: list[Document], refresh: Callable[[Document], Awaitable[int]]) -> int:
    size = 0
    for looked, document in enumerate(turn[:MOST]):
        if size > MOST_READ:
            return looked
        size += await refresh(document)
        await sleep(0)
    return min(MOST, len(turn))
