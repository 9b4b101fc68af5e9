"""Reading documents again that may be older than what the database holds: in a moment, and some now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from asok.documents import Document
from asok.errors import Busy
from asok.glancing import look_again
from asok.sessions import CellKey

__all__ = ["Rereading"]

log = logging.getLogger("asok")

PAUSE = 1.0  # seconds, before a backend that failed is asked again


class Refresh(Protocol):
    """Reads a document, and tells how many bytes that was."""

    def __call__(self, document: Document, origin: str = "py") -> Awaitable[int]:
        """origin: who has changed it, for those who are told."""
        ...


class Rereading:
    """The documents of one process that wait to be read again. known: all that it has."""

    def __init__(self, known: Callable[[], list[Document]], refresh: Refresh) -> None:
        self._known, self._refresh = known, refresh
        self._stale: dict[CellKey, tuple[Document, str]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._looker: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to look at some now and then."""
        self._looker = asyncio.get_running_loop().create_task(look_again(self._known, self._refresh))

    async def close(self) -> None:
        """Read nothing more."""
        tasks = [task for task in (self._reader, self._looker) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reader = self._looker = None
        self._stale.clear()

    def add(self, document: Document, origin: str = "py") -> None:
        """Read it in a moment."""
        self._stale[document.key] = document, origin
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._read_stale())

    def add_all(self) -> None:
        """Read all in a moment: some may have changed, and nobody can tell which."""
        for document in self._known():
            self.add(document)

    async def _read_stale(self) -> None:
        while self._stale:
            key = next(iter(self._stale))
            document, origin = self._stale.pop(key)
            try:
                await self._refresh(document, origin)
                await asyncio.sleep(0)
            except Busy as error:
                log.warning("%s is read again in a moment: %s", key[0], error)
                self._stale.setdefault(key, (document, origin))
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("%s cannot be read", key[0])
        self._reader = None
