"""A WebSocket under uvicorn, at half of what its own class costs: `uvicorn --ws asok.wire:WebSocketProtocol`.

An app sees no difference: the same ASGI, the same verdicts on what a browser sends. Most of what comes is one whole
text frame in one packet, and most of what goes is one text, so these are short ways; what is rare is made when it is
needed. There are no extensions, so nothing is compressed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from starlette.types import Message
from uvicorn.config import Config
from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_client_addr,
    get_local_addr,
    get_path_with_query_string,
    get_remote_addr,
    is_ssl,
)
from uvicorn.server import ServerState
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response

from asok.wire_frames import BINARY, CLOSE, PING, PONG, TEXT, VIOLATED, Violation, framed
from asok.wire_handshake import Refused, accepted, asgi_request, denial, shaken, written
from asok.wire_incoming import CLOSING, CONNECTING, DENYING, ENDED, LOST, OPEN, Incoming
from asok.wire_pulse import Pulse, pulse_of

__all__ = ["WebSocketProtocol"]

log = logging.getLogger("uvicorn.error")

FAREWELL = 10.0  # seconds in which a browser must have answered a close, or taken what it was told last
SILENT, RESTART, LOST_CODE = 1011, 1012, 1006

# The text that was sent straight last, and its frame.
_newest: list[Any] = ["", b""]


class WebSocketProtocol(Incoming):
    """One WebSocket: uvicorn makes it, gives it the request, and tells it what happens to the transport."""

    __slots__ = (
        "_answer",
        "_config",
        "_congested",
        "_owed",
        "_pulse",
        "_scope",
        "_server",
        "_state",
        "_timer",
    )

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        if not config.loaded:
            config.load()
        super().__init__(config.ws_max_size, config.ws_max_queue)
        self._config, self._server, self._state = config, server_state, app_state
        self._scope: dict[str, Any] | None = None  # until the handshake is answered
        self._answer: Response | None = None
        self._congested: asyncio.Event | None = None  # set when more may be written
        self._owed: bytes | None = None  # the answer to the last ping that came meanwhile
        self._pulse: Pulse | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- what uvicorn and the transport tell

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has a transport from now on."""
        self.transport = cast(asyncio.Transport, transport)
        self._server.connections.add(cast(Any, self))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes, and nothing more can be sent."""
        self._server.connections.discard(cast(Any, self))
        self._disconnect(LOST_CODE)
        self._leave(LOST)
        if self._timer is not None:
            self._timer.cancel()
        # A transport that is lost while it is congested never says that it has room again.
        self.resume_writing()

    def pause_writing(self) -> None:
        """Too much waits to be sent."""
        self._congested = asyncio.Event()

    def resume_writing(self) -> None:
        """There is room again."""
        if self._congested is not None:
            self._congested.set()
            self._congested = None
        if self._owed is not None:
            self._pong(self._owed)

    def shutdown(self) -> None:
        """The server ends: send the browser elsewhere."""
        if self._stage == OPEN:
            self.fail(RESTART, "")
        elif self._stage < OPEN:
            self._deny(denial(500, body=b"Internal Server Error"))
        else:
            self._hang_up()

    def data_received(self, data: bytes) -> None:
        """Take the request first, frames after that."""
        if self._stage == OPEN or self._stage == CLOSING:
            self._hear(data)
        elif self._stage < OPEN:
            self._shake(data) if self._scope is None else self._hear_early(data)

    # --- the handshake

    def _shake(self, data: bytes) -> None:
        try:
            request, self._answer = shaken(data)
        except Refused as refused:
            return self._end(refused.answer)
        self._scope = {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if is_ssl(self.transport) else "ws",
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "state": self._state.copy(),
            **asgi_request(request, data, self._config.root_path),
        }
        self._queue.append({"type": "websocket.connect"})
        task = self._loop.create_task(self._run(self._scope))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            result = await self._config.loaded_app(scope, self.receive, self.send)
            if self._stage <= DENYING:
                log.error("ASGI callable returned without completing handshake.")
            elif result is not None:
                log.error("ASGI callable should return None, but returned '%s'.", result)
        except ClientDisconnected:
            pass
        except (Exception, SystemExit):  # which a task would make the end of the server
            log.exception("Exception in ASGI application\n")
        finally:
            if self._stage <= DENYING:
                self._deny(denial(500, body=b"Internal Server Error"))
            elif self._stage == OPEN:
                self._hang_up()

    def _accept(self, message: Message) -> None:
        assert self._answer is not None
        self._tell("[accepted]")
        self.transport.write(accepted(self._answer, message, self._server.default_headers))
        self._stage, self._scope, self._answer = OPEN, None, None
        interval = self._config.ws_ping_interval
        if interval:
            self._pulse = pulse_of(self._server, interval, self._config.ws_ping_timeout)
            self._pulse.begin(self)
        self._listen()

    def _refuse(self, message: Message) -> None:
        self._tell("403")
        self._deny(denial(403))

    def _begin_denial(self, message: Message) -> None:
        self._answer = denial(message["status"], message.get("headers", ()))
        self._tell(str(message["status"]))
        self._stage = DENYING

    def _go_on_denying(self, message: Message) -> None:
        assert self._answer is not None
        self._answer.body = (self._answer.body or b"") + message.get("body", b"")
        if not message.get("more_body", False):
            self._deny(self._answer)

    def _deny(self, answer: Response) -> None:
        self._disconnect(LOST_CODE)
        self._end(written(answer))

    def _tell(self, outcome: str) -> None:
        if log.isEnabledFor(logging.INFO) and self._scope is not None:
            scope: Any = self._scope
            log.info('%s - "WebSocket %s" %s', get_client_addr(scope), get_path_with_query_string(scope), outcome)

    # --- what the browser says

    def _take_control(self, first: int, content: bytes) -> None:
        if first == PING:
            self._pong(content)
        elif first == CLOSE:
            self._closed(content)
        elif self._pulse is not None:
            self._pulse.heard(self, content)

    def _pong(self, content: bytes) -> None:
        """Section 5.5.3: of several pings only the last needs an answer. So none is kept for who does not read."""
        if self._congested is None:
            self._owed = None
            if self._stage in (OPEN, CLOSING):
                self.transport.write(framed(PONG, content))
        else:
            self._owed = content

    def _closed(self, content: bytes) -> None:
        if self._stage == OPEN:
            try:
                close = Close.parse(content)
            except ProtocolError:
                raise Violation(VIOLATED, "a close code that must not be sent") from None
            self._disconnect(close.code, close.reason)
            self.transport.write(framed(CLOSE, content))
        self._hang_up()

    # --- what the app hears and says

    async def send(self, message: Message) -> None:
        """Take a message from the app; waits while the browser does not read. Raises ClientDisconnected."""
        if self._congested is not None:
            await self._congested.wait()
        if self._stage == OPEN and message["type"] == "websocket.send":
            content = message.get("bytes")
            if content is not None:
                self.transport.write(framed(BINARY, content))
            elif (text := message.get("text")) is not None:
                self.transport.write(framed(TEXT, text.encode()))
        else:
            self._say(message)

    def send_straight(self, text: str) -> bool:
        """Send a text at once; False, and nothing is sent, where that would wait or the connection is not open.

        Who calls it must have nothing else under way in `send`. A text that goes to many is encoded once.
        """
        if self._congested is not None or self._stage != OPEN:
            return False
        if text is not _newest[0]:
            _newest[:] = text, framed(TEXT, text.encode())
        self.transport.write(_newest[1])
        return True

    def _say(self, message: Message) -> None:
        kind = message["type"]
        say = SAID.get((self._stage, kind))
        if say is not None:
            say(self, message)
        elif self._stage == LOST or (self._stage == ENDED and kind != "websocket.close"):
            raise ClientDisconnected
        elif self._stage != ENDED:  # who closes what has just ended is told nothing
            raise RuntimeError(f"Unexpected ASGI message '{kind}' {EXPECTED[self._stage]}.")

    def _close(self, message: Message) -> None:
        code, reason = message.get("code"), message.get("reason") or ""
        code = 1000 if code is None else code
        self.transport.write(close_frame(code, reason))
        self._disconnect(code, reason)
        self._leave(CLOSING)
        self._cut_later()
        self._listen()

    # --- the end

    def fail(self, code: int, reason: str) -> None:
        """Section 7.1.7: say why, and end it without waiting for an answer."""
        if self._stage == OPEN:
            self.transport.write(close_frame(code, reason))
            self._disconnect(code, reason)
        self._hang_up()

    def _end(self, last: bytes) -> None:
        self.transport.write(last)
        self._hang_up()

    def _leave(self, stage: int) -> None:
        self._stage = stage
        if self._pulse is not None:
            self._pulse.end(self)
            self._pulse = None

    def _hang_up(self) -> None:
        self._leave(ENDED)
        self.transport.close()
        self._cut_later()

    def _cut_later(self) -> None:
        """Who neither answers nor reads must not keep a connection for ever."""
        if self._timer is None:
            self._timer = self._loop.call_later(FAREWELL, self.transport.abort)

    # --- whether the browser is still there

    def ask(self, mark: bytes) -> None:
        """Send a ping."""
        self.transport.write(framed(PING, mark))

    def silent(self) -> None:
        """No pong came in time."""
        self.fail(SILENT, "keepalive ping timeout")


def close_frame(code: int, reason: str) -> bytes:
    """Raises ProtocolError for a code that must not be sent, and for a reason that is too long for a control frame."""
    frame = Frame(Opcode.CLOSE, Close(code, reason).serialize())
    frame.check()
    return framed(CLOSE, bytes(frame.data))


SAID: dict[tuple[int, str], Callable[[WebSocketProtocol, Message], None]] = {
    (CONNECTING, "websocket.accept"): WebSocketProtocol._accept,
    (CONNECTING, "websocket.close"): WebSocketProtocol._refuse,
    (CONNECTING, "websocket.http.response.start"): WebSocketProtocol._begin_denial,
    (DENYING, "websocket.http.response.body"): WebSocketProtocol._go_on_denying,
    (OPEN, "websocket.close"): WebSocketProtocol._close,
}
EXPECTED = {
    CONNECTING: "before 'websocket.accept', 'websocket.close' or 'websocket.http.response.start'",
    DENYING: "instead of 'websocket.http.response.body'",
    OPEN: "instead of 'websocket.send' or 'websocket.close'",
    CLOSING: "after sending 'websocket.close'",
}
