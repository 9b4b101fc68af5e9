"""The server's side of the wire as a test scripts it; it also serves one page and the built runtime."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from asok.attributes import needs_features

__all__ = ["ONE", "TWO", "Line", "Rig", "root", "token"]

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "/live/": ROOT / "asok" / "static",
    "/src/": ROOT / "alive-js" / "src",
    "/morph/": Path(__file__).parent / "morph",
}
PATIENCE = 60
ONE, TWO = "component001", "component002"


def token(instance: str = ONE, version: int = 0) -> str:
    return f"{instance}.key.version-{version}.mac"


def root(inside: str, instance: str = ONE, *, tag: str = "div", attributes: str = "") -> str:
    """A component as it stands in the page at first."""
    return f'<{tag} {attributes} data-asok-state="{token(instance)}">{inside}</{tag}>'


class Line:
    """One connection of the browser, from the server's end. A silent one answers neither joins nor pings."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._inbox: asyncio.Queue[str] = asyncio.Queue()
        self.silent = False

    async def listen(self) -> None:
        while (message := await self._receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                self._inbox.put_nowait(message["text"])

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

    async def say(self, *message: Any) -> None:
        await self._send({"type": "websocket.send", "text": json.dumps(message)})

    async def update(self, seq: int, html: str | list[Any], *more: Any, instance: str = ONE) -> None:
        """An update with a token of its own, unless the test gives what follows the text."""
        await self.say("update", instance, seq, html, *(more or [token(instance, seq)]))

    async def close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})


class Rig:
    """An ASGI app: a page with a component or two, and the connections that it makes."""

    def __init__(self) -> None:
        self.head = self.body = self.url = ""
        self.fetched = 0
        self.refusing = False
        self.refused = asyncio.Event()
        self._lines: asyncio.Queue[Line] = asyncio.Queue()

    async def line(self) -> Line:
        """The next connection."""
        async with asyncio.timeout(PATIENCE):
            return await self._lines.get()

    @property
    def untaken(self) -> int:
        """Connections that the test has not asked for."""
        return self._lines.qsize()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connect(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope["path"], send)
        else:
            raise NotImplementedError("a rig has no lifespan")

    async def _connect(self, receive: Receive, send: Send) -> None:
        await receive()
        if self.refusing:
            self.refused.set()
            return await send({"type": "websocket.close"})
        await send({"type": "websocket.accept"})
        line = Line(receive, send)
        self._lines.put_nowait(line)
        await line.listen()

    async def _answer(self, path: str, send: Send) -> None:
        folder, _, name = path.rpartition("/")
        file = FOLDERS.get(f"/{folder.split('/')[1]}/" if folder else "", ROOT) / name
        body, status, kind = b"", 404, "text/plain"
        if path == "/":
            self.fetched += 1
            body, status, kind = self._page().encode(), 200, "text/html"
        elif folder and file.is_file():
            body, status, kind = file.read_bytes(), 200, mimetypes.guess_type(name)[0] or kind
        headers = {"content-type": kind, "content-security-policy": "default-src 'self'", "cache-control": "no-store"}
        encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    def _page(self) -> str:
        features = needs_features(self.body)
        more = '<script type="module" src="/live/build/features.js"></script>' if features else ""
        flag = " data-features" if features else ""
        return (
            f'<!doctype html><html><head><title>rig</title>{self.head}<script defer src="/live/build/alive.js"'
            f' data-live="/live" data-csrf="first"{flag}></script>{more}</head><body>{self.body}</body></html>'
        )
