"""The edge: the WebSocket at `/live`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from asok.connections import Connections, cut
from asok.conversation import LiveSession
from asok.crowding import Crowded, Seat
from asok.errors import ProtocolError
from asok.observing import Observer
from asok.outbox import Closing
from asok.protocol import CLOSE, decode

__all__ = ["LiveEndpoint"]

log = logging.getLogger("asok")

LONGEST_FAREWELL = 15.0  # seconds; uvicorn itself waits 10 for the browser's answer


class LiveEndpoint:
    """`/live` over WebSocket as an ASGI app: one reader, one writer; the reader never waits for a method."""

    def __init__(self, connections: Connections) -> None:
        self._connections, self._engine = connections, connections.engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from the handshake's checks to its end."""
        await receive()
        try:
            with self._engine.crowd.enter(scope) as seat:
                await self._seated(seat, scope, receive, send)
        except Crowded as error:
            log.warning("refused: a socket: %s", error)
            self._engine.observers.tell(Observer.refused, "crowded")
            await _deny(scope, send, 503, error.retry_after)

    async def _seated(self, seat: Seat, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Crowded before the socket is accepted."""
        status = self._connections.refusal(scope) or (0 if self._engine.settings.websocket else 403)
        if status:
            return await _deny(scope, send, status)
        session_id = await self._connections.session_of(scope, seat)
        await send({"type": "websocket.accept"})
        if session_id is None:
            # The browser must learn it, and a refused handshake tells it nothing.
            return await send({"type": "websocket.close", "code": CLOSE.SESSION})
        session = LiveSession(self._engine, scope, session_id)
        await self._connections.carry(session, lambda: self._read(session, receive), Socket(scope, send))

    async def _read(self, session: LiveSession, receive: Receive) -> int:
        """Take what comes until the socket is closed; the close code."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            await session.ready(len(message.get("text") or ""))
            try:
                self._take(session, message)
            except ProtocolError as error:
                log.warning("refused: a message that is none: %r", str(error)[:200])
                session.outbox.close(CLOSE.PROTOCOL, "not a message of the protocol")
            except Closing as closing:
                session.outbox.close(closing.code, closing.reason)

    def _take(self, session: LiveSession, message: Message) -> None:
        if session.outbox.closed:
            return
        text = message.get("text")
        if text is None:
            raise Closing(CLOSE.BINARY, "binary")
        limit = self._engine.settings.limits.message
        if len(text) > limit or (not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > limit):
            raise Closing(CLOSE.TOO_BIG, "too big")
        session.receive(decode(text, self._engine.settings.limits), len(text))


class Socket:
    """A WebSocket as the wire of a conversation; the server beneath sends its heartbeats."""

    heartbeat: float | None = None

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        # A middleware of the app may want to see what is sent.
        passes = not scope["app"].user_middleware
        self.straight: Callable[[str], bool] | None = scope["asok.straight"] if passes else None

    async def send(self, frame: str) -> None:
        """Send a frame; waits while the browser does not read."""
        await self._send({"type": "websocket.send", "text": frame})

    async def beat(self) -> None:
        """Nothing: see `heartbeat`."""

    async def close(self, code: int) -> None:
        """Close the socket; nothing is left of it in the end, even if the browser does not read that."""
        await self._send({"type": "websocket.close", "code": code})
        asyncio.get_running_loop().call_later(LONGEST_FAREWELL, self.cut)

    def cut(self) -> None:
        """Drop the connection."""
        cut(self._scope)


async def _deny(scope: Scope, send: Send, status: int, retry_after: int = 1) -> None:
    """Refuse before accept. A close is a 403; another status has to be written as a response."""
    if status == 403 or "websocket.http.response" not in scope.get("extensions", {}):
        return await send({"type": "websocket.close", "code": CLOSE.REFUSED})
    headers = [(b"content-length", b"0"), (b"retry-after", str(retry_after).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
    # uvicorn logs an error about whoever returns before the connection is closed, though it has been answered.
    await asyncio.sleep(0.01)
