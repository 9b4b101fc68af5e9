"""Whether the installed uvicorn and our WebSocket class fit, found out by one conversation before the first visitor."""

from __future__ import annotations

import asyncio
import copy
from typing import Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from asok.wire import WebSocketProtocol

__all__ = ["WebSocketProtocol", "rehearse"]

TURNS = 50  # of the loop, in which what is asked must have been answered

REQUEST = (
    b"GET /rehearsal?a=b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# The key and its answer are those of RFC 6455, section 1.3; the frames are masked with zeros.
ANSWER = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SAID, HEARD = b"\x81\x85\0\0\0\0hello", b"\x81\x05hello"
BYE, BYE_TOO = b"\x88\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xe8"


async def rehearse(config: uvicorn.Config) -> None:
    """Let uvicorn's HTTP class hand a connection over to ours, and talk over it. Raises where they do not fit."""
    config = copy.copy(config)
    config.loaded_app, config.ws_protocol_class, config.access_log = echo, WebSocketProtocol, False
    state = ServerState()
    transport = Stage(cast(Any, config.http_protocol_class)(config=config, server_state=state, app_state={}))
    try:
        await transport.hears(REQUEST, ANSWER)
        await transport.hears(SAID, HEARD)
        await transport.hears(BYE, BYE_TOO)
        transport.protocol.connection_lost(None)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if not transport.is_closing() or state.connections or state.tasks:
            raise RuntimeError("a connection that has ended is kept")
    finally:
        for task in state.tasks:
            task.cancel()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what it is sent."""
    if (scope["path"], scope["query_string"]) != ("/rehearsal", b"a=b"):
        raise RuntimeError("the request is another one")
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


class Stage(asyncio.Transport):
    """A transport on which both sides are ours."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.protocol, self._said, self._closing = protocol, b"", False
        protocol.connection_made(self)

    async def hears(self, data: bytes, answer: bytes) -> None:
        """Say so much to the server, and wait for this answer of it. Raises RuntimeError where none comes."""
        self._said = b""
        self.protocol.data_received(data)
        for _ in range(TURNS):
            if answer in self._said:
                return
            await asyncio.sleep(0)
        raise RuntimeError(f"expected {answer!r} to be answered to {data!r}, not {self._said!r}")

    def write(self, data: Any) -> None:
        """Hear what the server says."""
        self._said += data

    def writelines(self, list_of_data: Any) -> None:
        """The same in parts."""
        self.write(b"".join(list_of_data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand over."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whom it was handed over to."""
        return cast(asyncio.BaseProtocol, self.protocol)

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def close(self) -> None:
        """End."""
        self._closing = True

    def abort(self) -> None:
        """End, too."""
        self._closing = True

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._closing
