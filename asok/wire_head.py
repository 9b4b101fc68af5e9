"""A request's head has an end: uvicorn itself takes any number of bytes for it, and waits for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:  # without httptools, uvicorn reads with h11, which has an end itself
        HttpToolsProtocol = object

__all__ = ["HttpProtocol", "bounded"]

# What others allow as well; a packet that brings the end of the head is looked at as a whole.
LONGEST_HEAD = 64 * 1024
SECONDS = 30.0  # browsers open connections that they may need soon


def bounded(config: uvicorn.Config) -> None:
    """Let our class read the requests where uvicorn's with httptools would."""
    if config.http_protocol_class is HttpToolsProtocol:
        config.http_protocol_class = HttpProtocol


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's class, which hangs up where a head, or what stands between the parts of a body or after them, is
    longer than any browser's, and where no head comes, the first or the next one."""

    _unused = 0  # bytes since something has come of them
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """As uvicorn's."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; then hang up if nothing has come of too much."""
        self._unused += len(data)
        super().data_received(data)
        if self._unused > LONGEST_HEAD and not self.transport.is_closing():
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")
        if self._waiting is None and self._is_answered:
            self._wait()  # uvicorn has taken what came for a sign of the next request, and waits for it no more

    @property
    def _is_answered(self) -> bool:
        """Whether the last request is, and the connection still takes others: of its body something may be missing."""
        if self.cycle is None or not self.cycle.response_complete or self.transport.is_closing():
            return False
        return self.transport.get_protocol() is self  # no WebSocket by now

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Its head has come."""
        self._wait_no_longer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body has come."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it has come."""
        self._unused = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(SECONDS, lambda: self.transport.close())

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
