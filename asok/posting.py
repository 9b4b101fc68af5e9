"""`{live}` over POST: for browsers that get no WebSocket, a line that carries the same frames in the same order."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import ExitStack

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from asok.connections import LOST, Connections, cut
from asok.conversation import LiveSession
from asok.crowding import Crowded, Seat
from asok.errors import AsokError, Busy
from asok.middleware import session_cookie
from asok.observing import Observer
from asok.polling import Polls
from asok.posted import HeldLine, Lines
from asok.protocol import CLOSE
from asok.relay import GONE, Relay
from asok.sessions import serve_session

__all__ = ["PostEndpoint"]

log = logging.getLogger("asok")

# Proxies close what is silent for long, often after 60 s.
HEARTBEAT = 15.0
# What a page posts while it goes may need a connection of its own, and comes after the end of its stream.
LAST_POST = 1.0
SURFEIT = 16
JSON, EVENTS = "application/json", "text/event-stream"
NAME = re.compile(r"([0-9a-f]{16}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})(?: ([0-9]{1,15}))?")
CODES = {400: CLOSE.PROTOCOL, 413: CLOSE.TOO_BIG}
STREAMED = {"content-type": EVENTS, "cache-control": "no-store", "x-accel-buffering": "no"}


class PostRefused(AsokError):
    """A POST that is not taken. status: of HTTP. problem: for the log."""

    def __init__(self, status: int, problem: str) -> None:
        self.status, self.problem = status, problem

    def __str__(self) -> str:
        return self.problem


class PostEndpoint:
    """`/live` over HTTP as an ASGI app: lines are opened, written to, and fetched."""

    def __init__(self, connections: Connections, relay: Relay) -> None:
        self._connections, self._engine = connections, connections.engine
        settings = self._engine.settings
        self._limits = settings.limits
        self._lines = Lines(self._engine.ring, settings.limits, relay)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one line."""
        serve_session(None)  # a conversation finds out at each event whose it is
        try:
            await self._answer(scope, receive, send)
        except PostRefused as error:
            log.log(logging.INFO if error.status == GONE else logging.WARNING, "refused: a post: %r", str(error)[:200])
            await _respond(send, error.status)
        except Crowded as error:
            log.warning("refused: a line: %s", error)
            self._engine.observers.tell(Observer.refused, "crowded")
            await _respond(send, 503, retry_after=error.retry_after)
        except Busy as error:
            log.warning("busy: %s", error)
            await _respond(send, 503)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        purpose = self._checked(scope)
        if purpose in ("open", "poll"):
            if self._connections.draining:
                raise PostRefused(503, "the server is about to end")
            if await self._body(receive) != b"[]":
                raise PostRefused(400, "a line is opened with the body []")
            return await (self._stream if purpose == "open" else self._begin)(scope, receive, send)
        named = NAME.fullmatch(purpose)
        if named is None or not self._lines.belongs(named[1], session_cookie(scope)):
            raise PostRefused(GONE, "no line of this session")
        if EVENTS in Headers(scope=scope).get("accept", ""):
            await self._fetch(named[1], named[2], receive, send)
        else:
            await self._post(named[1], int(named[2] or 0), receive, send)

    def _checked(self, scope: Scope) -> str:
        """What the POST is for. Raises PostRefused before a byte of its body is read."""
        headers = Headers(scope=scope)
        if scope["method"] != "POST":
            raise PostRefused(405, f"{scope['method']!r} of the live endpoint")
        if self._connections.is_foreign(scope) or set(headers.getlist("sec-fetch-site")) - {"same-origin"}:
            raise PostRefused(403, f"from {headers.get('origin', '')[:80]!r}")
        if headers.getlist("content-type") != [JSON]:
            raise PostRefused(415, f"expected {JSON}, without parameters")
        return headers.get("asok-line", "")

    async def _body(self, receive: Receive) -> bytes:
        """The whole body. Raises PostRefused where it is too large, too slow, or breaks off."""
        most, body, size, more = self._limits.message, bytearray(), 0, True
        try:
            async with asyncio.timeout(self._limits.first_message):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise PostRefused(408, "a body that broke off")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    body += chunk[: most + 1 - len(body)]
                    # Who sends a little too much gets an answer only once it has been read: a server that closes
                    # before resets the connection.
                    more = message.get("more_body", False) and size < SURFEIT * most
        except TimeoutError:
            raise PostRefused(408, "the body did not come in time") from None
        if size > most:
            raise PostRefused(413, f"more than {most} bytes")
        return bytes(body)

    # ---- opening

    async def _conversation(self, seat: Seat, scope: Scope, send: Send) -> LiveSession | None:
        """The line's conversation; None where the session has ended, which the browser is told."""
        session_id = await self._connections.session_of(scope, seat)
        if session_id is not None:
            # The request's own view of the session would be an old one soon.
            lasting = {name: value for name, value in scope.items() if name != "session"}
            return LiveSession(self._engine, lasting, session_id)
        await _respond(send, 200, f"event: close\ndata: {CLOSE.SESSION}\n\n")
        return None

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._engine.crowd.enter(scope) as seat:
            session = await self._conversation(seat, scope, send)
            if session is None:
                return
            wire = Stream(scope, send)
            with self._lines.holding(HeldLine(session, self._limits)) as name:
                await wire.begin(name)
                await self._connections.carry(session, lambda: _left(receive), wire)

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a line whose frames are fetched: no request stays open for it."""
        with ExitStack() as held:
            session = await self._conversation(held.enter_context(self._engine.crowd.enter(scope)), scope, send)
            if session is None:
                return
            polls = Polls()
            name = held.enter_context(self._lines.holding(HeldLine(session, self._limits, polls)))
            self._connections.own(self._carry_polls(session, polls, held.pop_all()))
        await _respond(send, 200, f"event: line\ndata: {name}\n\n")

    async def _carry_polls(self, session: LiveSession, polls: Polls, held: ExitStack) -> None:
        with held:
            await self._connections.carry(session, polls.ended, polls)

    # ---- what comes over an open line

    async def _post(self, name: str, number: int, receive: Receive, send: Send) -> None:
        try:
            status = await self._lines.post(name, number, _text(await self._body(receive)))
        except PostRefused as error:
            if error.status in CODES:
                await self._lines.end(name, CODES[error.status])
            raise
        await _respond(send, status)

    async def _fetch(self, name: str, seen: str | None, receive: Receive, send: Send) -> None:
        if seen is None or await self._body(receive) != b"[]":
            raise PostRefused(GONE if seen is None else 400, "a poll says how many frames have come; its body is []")
        fetching = asyncio.create_task(self._lines.fetch(name, int(seen)))
        leaving = asyncio.create_task(_hung_up(receive))
        try:
            await asyncio.wait((fetching, leaving), return_when=asyncio.FIRST_COMPLETED)
            if fetching.done():
                status, events = fetching.result()
                await _respond(send, status, events)
        finally:
            for task in (fetching, leaving):
                task.cancel()
            await asyncio.gather(fetching, leaving, return_exceptions=True)


class Stream:
    """Server-sent events as the wire of a conversation."""

    heartbeat: float | None = HEARTBEAT
    straight: Callable[[str], bool] | None = None

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send

    async def begin(self, name: str) -> None:
        """Send the answer's head, and what the line is called."""
        headers = [(key.encode(), value.encode()) for key, value in STREAMED.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._write(f"event: line\ndata: {name}\n\n")

    async def send(self, frame: str) -> None:
        """Send a frame as an event; waits while the browser does not read."""
        await self._write(f"data: {frame}\n\n")

    async def beat(self) -> None:
        """Send a comment, so that no proxy takes the line for dead."""
        await self._write(":\n\n")

    async def close(self, code: int) -> None:
        """Send the close as the last event."""
        await self._write(f"event: close\ndata: {code}\n\n", more=False)

    def cut(self) -> None:
        """Drop the connection."""
        cut(self._scope)

    async def _write(self, events: str, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": events.encode(), "more_body": more})


async def _hung_up(receive: Receive) -> int:
    """Wait until the browser has gone. Nobody can tell a page that was left from a connection that was lost."""
    while (await receive())["type"] != "http.disconnect":
        pass
    return LOST


async def _left(receive: Receive) -> int:
    code = await _hung_up(receive)
    await asyncio.sleep(LAST_POST)
    return code


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise PostRefused(400, "not UTF-8") from None


async def _respond(send: Send, status: int, events: str = "", *, retry_after: int = 1) -> None:
    body, headers = events.encode(), {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if status == 200:
        headers |= STREAMED
    if status != 204:
        headers["content-length"] = str(len(body))
    if status >= 400:
        headers["connection"] = "close"  # what is left of the body is nobody's
    headers |= {405: {"allow": "POST"}, 503: {"retry-after": str(retry_after)}}.get(status, {})
    sent = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
