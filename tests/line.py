"""A client of the line, from docs/protocol.md: the same interface as a WebSocket, over POST and events or polls."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import websockets
from websockets.frames import Close

__all__ = ["CODES", "Line", "LineRefused", "events_of", "frames"]

EVENTS = "text/event-stream"
LOST = 1006
CODES = {400: 4400, 413: 1009}


class LineRefused(Exception):
    """The server opens no line."""

    def __init__(self, status: int) -> None:
        super().__init__(f"no line: HTTP {status}")
        self.status = status


class Line:
    """One line. to: the servers that take what is sent, each in its turn, where that is not the one that opens it."""

    def __init__(self, http: httpx.AsyncClient, url: str, headers: Mapping[str, str], *, polling: bool = False) -> None:
        self.http, self.url, self.polling = http, url, polling
        self.headers = {"Content-Type": "application/json", **headers}
        self.to: list[str] = [url]
        self.name, self.close_code = "", 0
        self.posts, self.seen = 0, 0
        self.statuses: list[int] = []
        self._heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Line:
        """Open it. Raises LineRefused."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._poll(opened) if self.polling else self._listen(opened))
        await opened
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def send(self, frame: str | bytes) -> None:
        """Send one frame, and wait until it is taken."""
        body = frame if isinstance(frame, bytes) else f"[{frame}]".encode()
        await self.post(body)

    async def post(self, body: bytes, *, number: int = 0) -> int:
        """Send a body as it is; the status."""
        self.posts = number or self.posts + 1
        url = self.to[self.posts % len(self.to)]
        answer = await self.request(f"{self.name} {self.posts}", body, url=url)
        self.statuses.append(answer.status_code)
        if answer.status_code != 204:
            self._end(CODES.get(answer.status_code, LOST))
        return answer.status_code

    async def request(self, purpose: str, body: bytes = b"[]", *, url: str = "", accept: str = "*/*") -> httpx.Response:
        """One POST."""
        headers = {**self.headers, "Asok-Line": purpose, "Accept": accept}
        if url and "Origin" in headers and headers["Origin"] in self.url:
            headers["Origin"] = url.removesuffix("/live")
        return await self.http.post(url or self.url, content=body, headers=headers, timeout=None)

    async def recv(self) -> str:
        """The next frame. Raises ConnectionClosed."""
        frame = None if self.close_code and self._heard.empty() else await self._heard.get()
        if frame is None:
            raise websockets.ConnectionClosedError(Close(self.close_code, ""), None)
        return frame

    def _end(self, code: int) -> None:
        if not self.close_code:
            self.close_code = code
            self._heard.put_nowait(None)

    async def _listen(self, opened: asyncio.Future[None]) -> None:
        headers = {**self.headers, "Asok-Line": "open", "Accept": EVENTS}
        with contextlib.suppress(httpx.HTTPError):
            async with self.http.stream("POST", self.url, content=b"[]", headers=headers, timeout=None) as answer:
                if answer.status_code != 200:
                    return opened.set_exception(LineRefused(answer.status_code))
                async for kind, text in events_of(answer.aiter_text()):
                    self._take(kind, text, opened)
        self._end(LOST)

    async def _poll(self, opened: asyncio.Future[None]) -> None:
        purpose, to = "poll", 0
        while not self.close_code:
            url = self.url if purpose == "poll" else self.to[to % len(self.to)]
            answer, to = await self.request(purpose, url=url, accept=EVENTS), to + 1
            if answer.status_code != 200:
                if purpose == "poll":
                    opened.set_exception(LineRefused(answer.status_code))
                return self._end(LOST)
            async for kind, text in events_of(_all(answer.text)):
                self._take(kind, text, opened)
            purpose = f"{self.name} {self.seen}"

    def _take(self, kind: str, text: str, opened: asyncio.Future[None]) -> None:
        match kind:
            case "line":
                self.name = text
            case "close":
                self._end(int(text))
            case _:
                self.seen += 1
                self._heard.put_nowait(text)
        if not opened.done():
            opened.set_result(None)


async def events_of(chunks: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """Server-sent events as (event, data); comments are left out."""
    text = ""
    async for chunk in chunks:
        *whole, text = (text + chunk).split("\n\n")
        for each in whole:
            fields = dict(line.partition(": ")[::2] for line in each.split("\n"))
            if "data" in fields:
                yield fields.get("event", ""), fields["data"]


async def _all(text: str) -> AsyncIterator[str]:
    yield text


def frames(*messages: list[Any]) -> bytes:
    """A body."""
    return json.dumps(messages).encode()
