"""The server's side of the wire as a test scripts it; it also serves one page and the built runtime."""

from __future__ import annotations

import asyncio
import contextlib
import json
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

__all__ = ["ONE", "TWO", "Line", "Rig", "rig", "root", "token"]

STATIC = Path(__file__).parents[2] / "asok" / "static"
SOURCES = Path(__file__).parents[2] / "alive-js" / "src"
PATIENCE = 10
ONE, TWO = "component001", "component002"


def token(instance: str = ONE, version: int = 0) -> str:
    return f"{instance}.key.version-{version}.mac"


def root(inside: str, instance: str = ONE, *, tag: str = "div", attributes: str = "") -> str:
    """A component as it stands in the page at first."""
    return f'<{tag} {attributes} data-asok-state="{token(instance)}">{inside}</{tag}>'


class Line:
    """One connection of the browser, from the server's end."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        self.silent = False

    async def listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in self._connection:
                self._inbox.put_nowait(str(frame))

    async def frame(self, kind: str) -> str:
        """The next frame of that kind, as it came; joins and pings in between are answered."""
        while True:
            async with asyncio.timeout(PATIENCE):
                frame = await self._inbox.get()
            name = json.loads(frame)[0]
            if name in ("join", "ping") and not self.silent:
                await self.say(*(["joined", "csrf"] if name == "join" else ["pong"]))
            if name == kind:
                return frame
            assert name in ("join", "ping"), f"expected {kind}, got {frame}"

    async def message(self, kind: str) -> list[Any]:
        return list(json.loads(await self.frame(kind)))

    async def event(self) -> list[Any]:
        """The next event without its first word: instance, seq, call, data."""
        return (await self.message("event"))[1:]

    async def nothing_but_pings(self) -> None:
        """All that the browser sent up to now has been looked at, and it was nothing that counts."""
        await (await self._connection.ping())
        while not self._inbox.empty():
            assert json.loads(self._inbox.get_nowait()) == ["ping"]

    async def say(self, *message: Any) -> None:
        await self._connection.send(json.dumps(message))

    async def update(self, seq: int, html: str | list[Any], *more: Any, instance: str = ONE) -> None:
        """An update with a token of its own, unless the test gives what follows the text."""
        await self.say("update", instance, seq, html, *(more or [token(instance, seq)]))

    async def close(self, code: int) -> None:
        await self._connection.close(code)


class Rig:
    """A page with a component or two, and the connections that it makes."""

    def __init__(self) -> None:
        self.body = ""
        self.head = ""
        self.status = 200
        self.refusing = False
        self.refused = asyncio.Event()
        self.fetched = 0
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self.url = ""

    async def line(self) -> Line:
        """The next connection."""
        async with asyncio.timeout(PATIENCE):
            return await self._lines.get()

    @property
    def connected(self) -> int:
        """Connections that the test has not taken yet."""
        return self._lines.qsize()

    @property
    def page(self) -> str:
        return (
            f'<!doctype html><html><head><title>rig</title>{self.head}<script defer src="/live/build/alive.js"'
            f' data-live="/live" data-csrf="first"></script></head><body>{self.body}</body></html>'
        )

    async def accept(self, connection: ServerConnection) -> None:
        line = Line(connection)
        self._lines.put_nowait(line)
        await line.listen()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """HTTP: the page, the runtime's files, and its sources for what is tested by itself."""
        if request.path == "/live":
            if not self.refusing:
                return None
            self.refused.set()
            return respond(503, b"")
        if request.path == "/":
            self.fetched += 1
            return respond(self.status, self.page.encode(), "text/html")
        folder = SOURCES if request.path.startswith("/src/") else STATIC
        file = folder / request.path.rpartition("/")[2]
        return respond(200, file.read_bytes(), mimetypes.guess_type(file)[0] or "") if file.is_file() else respond(404)


def respond(status: int, body: bytes = b"", kind: str = "text/plain") -> Response:
    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Content-Security-Policy": "default-src 'self'",
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    return Response(status, "", Headers(headers), body)


@contextlib.asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    """A rig on a free port."""
    made = Rig()
    server: Server
    async with serve(made.accept, "127.0.0.1", 0, process_request=made.answer) as server:
        made.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        yield made
