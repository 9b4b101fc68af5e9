"""Frames that wait to be sent to one browser tab, within bounds, and the close that ends them."""

from __future__ import annotations

import asyncio
from collections import deque

from asok import protocol
from asok.settings import Limits

__all__ = ["Closing", "Outbox"]


class Closing(Exception):
    """The connection must end, with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Outbox:
    """Frames that wait to be sent: those who make many of them wait for room."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames: deque[str] = deque()
        self._size = 0
        self._filled, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()
        self._closing: Closing | None = None
        self._discarding = False

    def put(self, message: protocol.ServerMessage | protocol.StoreMessage) -> None:
        """Add a message; never waits."""
        self.put_text(protocol.encode(message))

    def put_text(self, frame: str) -> None:
        """Add a message that is encoded already."""
        if self._discarding:
            return
        self._frames.append(frame)
        self._size += len(frame)
        self._filled.set()
        if len(self._frames) >= self._limits.outbox_messages or self._size >= self._limits.outbox_bytes:
            self._drained.clear()

    @property
    def has_room(self) -> bool:
        """Whether it is below its bounds."""
        return self._drained.is_set()

    async def room(self) -> None:
        """Wait until the outbox is below its bounds."""
        await self._drained.wait()

    def close(self, code: int, reason: str) -> None:
        """End the connection after what waits has been sent."""
        if self._closing is None:
            self._closing = Closing(code, reason)
            self._filled.set()

    @property
    def overflowing(self) -> bool:
        """Whether somebody asks for much and reads nothing."""
        return len(self._frames) > 32 * self._limits.outbox_messages

    def discard(self) -> None:
        """Nobody reads any more."""
        self._discarding = True
        self._frames.clear()
        self._drained.set()

    @property
    def closed(self) -> bool:
        """Whether the connection is about to end."""
        return self._closing is not None

    async def get(self) -> str:
        """The oldest frame, as soon as there is one. Raises Closing after the last one of a closed outbox."""
        await self._filled.wait()
        if not self._frames and self._closing is not None:
            raise self._closing
        frame = self._frames.popleft()
        self._size -= len(frame)
        if not self._frames and self._closing is None:
            self._filled.clear()
        if len(self._frames) < self._limits.outbox_messages and self._size < self._limits.outbox_bytes:
            self._drained.set()
        return frame

    def __len__(self) -> int:
        return len(self._frames)
