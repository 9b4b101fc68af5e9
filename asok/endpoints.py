"""The edge: the WebSocket at `/live`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from asok.conversation import LiveSession
from asok.errors import ProtocolError
from asok.middleware import session_cookie
from asok.mounting import Engine
from asok.outbox import Closing
from asok.protocol import CLOSE, decode
from asok.sessions import open_session
from asok.settings import Settings

__all__ = ["LiveEndpoint", "allowed_origin", "host_allowed"]

log = logging.getLogger("asok")

GOING_AWAY = 1001
PORTS = {"http": 80, "https": 443}


def host_allowed(host: str, settings: Settings) -> bool:
    """Whether a Host header names this app; a port does not matter, `*.name` allows subdomains."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return any(
        name == allowed or (allowed.startswith("*.") and name.endswith(allowed[1:])) or allowed == "*"
        for allowed in settings.hosts
    )


def allowed_origin(scope: Scope, settings: Settings) -> bool:
    """Whether the page that opens the socket is this app's: scheme, host and port compared whole."""
    headers = Headers(scope=scope)
    origin = _origin(headers.get("origin", ""))
    if origin is None or len(headers.getlist("origin")) != 1:
        return False
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    own = _origin(f"{scheme}://{headers.get('host', '')}")
    return origin == own or origin in [_origin(each) for each in settings.origins]


def _origin(text: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


class LiveEndpoint:
    """`/live` as an ASGI app: one reader, one writer; the reader never waits for a method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.open: dict[LiveSession, asyncio.Task[None]] = {}
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, from the handshake's checks to its end."""
        settings = self._engine.settings
        await receive()
        if not host_allowed(Headers(scope=scope).get("host", ""), settings) or not allowed_origin(scope, settings):
            log.warning("refused: a socket from %r", Headers(scope=scope).get("origin", "")[:80])
            return await _deny(scope, send, 403)
        if self.draining:
            return await _deny(scope, send, 503)
        cookie = session_cookie(scope)
        session = await open_session(self._engine.backend, cookie) if cookie else None
        await send({"type": "websocket.accept"})
        if cookie and session is None:
            # The browser must learn it, and a refused handshake tells it nothing.
            return await send({"type": "websocket.close", "code": CLOSE.SESSION})
        await self._serve(LiveSession(self._engine, scope, "" if session is None else session.id), receive, send)

    async def _serve(self, session: LiveSession, receive: Receive, send: Send) -> None:
        reader = asyncio.current_task()
        assert reader is not None
        writer = asyncio.create_task(self._write(session, send, reader))
        self.open[session] = writer
        limit = self._engine.settings.limits.first_message
        timer = asyncio.get_running_loop().call_later(
            limit, lambda: None if session.greeted else session.outbox.close(CLOSE.TIMEOUT, "no join came")
        )
        code = GOING_AWAY
        try:
            code = await self._read(session, receive)
        except asyncio.CancelledError:
            if not writer.done():
                raise
        finally:
            timer.cancel()
            del self.open[session]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await session.end(gone=code == GOING_AWAY)

    async def _read(self, session: LiveSession, receive: Receive) -> int:
        """Take what comes until the socket is closed; the close code."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
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
        session.receive(decode(text, self._engine.settings.limits))

    async def _write(self, session: LiveSession, send: Send, reader: asyncio.Task[None]) -> None:
        """Send what is in the outbox, and the close at its end. Who does not read is cut."""
        limit = self._engine.settings.limits.send_timeout
        try:
            while True:
                frame = await session.outbox.get()
                async with asyncio.timeout(limit):
                    await send({"type": "websocket.send", "text": frame})
        except Closing as closing:
            log.info("closing %s: %s", closing.code, closing.reason)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(limit):
                    await send({"type": "websocket.close", "code": closing.code})
        except TimeoutError:
            log.warning("cut: a browser that does not read")
            reader.cancel()
        except Exception as error:
            log.info("the socket is gone: %s", type(error).__name__)

    def kick(self, owner: str) -> None:
        """Close the sockets of a session that has ended."""
        for session in [each for each in self.open if each.owner == owner]:
            session.outbox.close(CLOSE.SESSION, "the session has ended")

    def refresh(self, what: str) -> None:
        """Development: tell every tab that a template or stylesheet has changed."""
        for session in list(self.open):
            session.refresh(what)

    async def drain(self, seconds: float) -> None:
        """Take no more sockets, let running methods answer, then send every browser elsewhere."""
        self.draining = True
        await asyncio.gather(*(session.settle(seconds) for session in self.open))
        writers = list(self.open.values())
        for session in list(self.open):
            session.outbox.close(CLOSE.RESTART, "restart")
        if writers:
            await asyncio.wait(writers, timeout=1)


async def _deny(scope: Scope, send: Send, status: int) -> None:
    """Refuse before accept. A close is a 403; another status has to be written as a response."""
    if status == 403 or "websocket.http.response" not in scope.get("extensions", {}):
        return await send({"type": "websocket.close", "code": CLOSE.REFUSED})
    headers = [(b"content-length", b"0"), (b"retry-after", b"1")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
