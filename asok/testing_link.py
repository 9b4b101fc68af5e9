"""The socket of a tab, as long as it holds, and what its end means."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from asok.errors import AsokError
from asok.testing_asgi import Socket

__all__ = ["FINAL", "RECONNECTS", "REFUSED", "RESTART", "SESSION", "UNREADABLE", "Connect", "ConnectionEnded", "Link"]

Connect = Callable[[Callable[[str], None], Callable[[int, Exception | None], None]], Socket]
REFUSED, SESSION, RESTART = 4403, 4401, 1012
UNREADABLE = (1003, 1009, 4400)  # the app would not take the same message a second time either
FINAL = (*UNREADABLE, REFUSED, SESSION)
RECONNECTS = 3


class ConnectionEnded(AsokError):
    """The app closed the WebSocket."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __str__(self) -> str:
        return f"the app closed the WebSocket with {self.code}"


class Link:
    """One socket after the other. number: of the newest. connect: makes them; heard, ended: as a Socket's."""

    def __init__(
        self, connect: Connect, heard: Callable[[str], None], ended: Callable[[int, Exception | None], None]
    ) -> None:
        self._connect, self._heard, self._ended = connect, heard, ended
        self._socket: Socket | None = None
        self.number = 0

    @property
    def holds(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    async def open(self) -> None:
        """Shake hands."""
        self.number += 1
        self._socket = socket = self._connect(self._heard, self._end)
        try:
            await socket.open()
        except Exception:
            self._socket = None
            raise

    def send(self, message: list[Any]) -> bool:
        """Put a message on the wire; whether there is one."""
        if self._socket is None:
            return False
        self._socket.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        return True

    async def close(self, code: int) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close(code)

    def _end(self, code: int, error: Exception | None) -> None:
        if self._socket is not None:  # else it was this side that hung up
            self._socket = None
            self._ended(code, error)
