"""One connection to a WebSocket class of uvicorn's kind, over a pair of sockets, and the browser's side of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from asok.wire import WebSocketProtocol
from tests.unit.waiting import until

__all__ = ["Busy", "Peer", "connected", "echo", "request", "shaken"]

PATIENCE = 60
READ = 65536


def request(path: str = "/", **headers: str) -> bytes:
    """A handshake as uvicorn hands it over; headers replace the usual ones, an empty one leaves it out."""
    usual = {
        "host": "localhost",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    named = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what it is sent."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})


class Busy:
    """An app that accepts, and takes messages only once it may."""

    def __init__(self) -> None:
        self.may, self.taken = asyncio.Event(), list[Message]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.may.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.taken.append(message)


class Peer:
    """The browser's side. Frames are written and read by the `websockets` library."""

    def __init__(self, here: socket.socket, protocol: Any, heard: list[Message], state: ServerState) -> None:
        self.socket, self.protocol, self.heard, self.connections = here, protocol, heard, state.connections
        self._client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
        self._frames: list[Frame] = []
        self._loop = asyncio.get_running_loop()

    async def write(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._loop.sock_sendall(self.socket, data)

    async def read(self) -> bytes:
        """What has come; empty at the end."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._loop.sock_recv(self.socket, READ)
            except ConnectionResetError:
                return b""

    async def shake(self, data: bytes = b"") -> bytes:
        """The answer to a handshake; a refusal with its body, up to the end of the connection."""
        await self.write(data or request())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await self.read()
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            while more := await self.read():
                answer += more
            return answer
        head, _, rest = answer.partition(b"\r\n\r\n")
        self._client.receive_data(rest)
        return head

    async def send(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        await self.write(Frame(opcode, data, fin).serialize(mask=True))

    async def next(self) -> Frame | None:
        """The next frame; None where the connection has ended."""
        while not self._frames:
            if not (data := await self.read()):
                return None
            self._client.receive_data(data)
            self._frames += [each for each in self._client.events_received() if isinstance(each, Frame)]
        return self._frames.pop(0)

    async def closed(self) -> tuple[int, str]:
        """How it was closed, after all that came before, and after that the connection has ended."""
        close = (1006, "")
        while frame := await self.next():
            if frame.opcode is Opcode.CLOSE:
                parsed = Close.parse(frame.data)
                close = (parsed.code, parsed.reason)
        return close

    async def told(self) -> Message:
        """The disconnect that the app has heard."""
        await until(lambda: self.heard and self.heard[-1]["type"] == "websocket.disconnect")
        return self.heard[-1]


App = Callable[[Scope, Receive, Send], Awaitable[None]]


@asynccontextmanager
async def connected(app: App, cls: Any = WebSocketProtocol, **options: Any) -> AsyncIterator[Peer]:
    """A connection that has not said anything yet. `heard` of the peer is what the app has received.

    What a test claims inside of the app is raised at the end.
    """
    heard: list[Message] = []
    wrong: list[BaseException] = []

    async def hearing(scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Message:
            heard.append(await receive())
            return heard[-1]

        try:
            await app(scope, hear, send)
        except (AssertionError, pytest.fail.Exception) as error:
            wrong.append(error)

    config = uvicorn.Config(hearing, log_config=None, interface="asgi3", ws_per_message_deflate=False, **options)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    state.default_headers = [(b"date", b"today"), (b"server", b"uvicorn")]
    here, there = socket.socketpair()
    here.setblocking(False)
    _, protocol = await loop.connect_accepted_socket(
        lambda: cls(config=config, server_state=state, app_state={"of": "the app"}), there
    )
    try:
        yield Peer(here, protocol, heard, state)
    finally:
        here.close()
        await until(lambda: not state.connections and not state.tasks)
    for error in wrong:
        raise error


@asynccontextmanager
async def shaken(app: App = echo, **options: Any) -> AsyncIterator[Peer]:
    """The same after its handshake."""
    async with connected(app, **options) as peer:
        assert b" 101 " in await peer.shake()
        yield peer
