"""The line of docs/protocol.md, where there is no WebSocket: with the interface of one, over requests."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.faults.wire import ABNORMAL, CONNECT_SECONDS, Address

__all__ = ["PollLine", "PostLine"]

MOST_FRAMES, MOST_BYTES = 50, 60_000
CODES = {400: 4400, 413: 1009}
EVENT = re.compile(rb"(?:event: (\w+)\n)?data: (.*)", re.S)


class PostLine:
    """One line. opened, heard and closed are called as those of a WebSocket."""

    purpose = "open"

    def __init__(
        self,
        address: Address,
        cookie: str,
        opened: Callable[[], None],
        heard: Callable[[bytes], None],
        closed: Callable[[int], None],
        patience: float = CONNECT_SECONDS,
    ) -> None:
        self._address, self._cookie = address, cookie
        self._opened, self._heard, self._closed = opened, heard, closed
        self._name, self._gone, self._come, self._over = "", 0, 0, False
        self._waiting = deque[bytes]()
        self._loop = asyncio.get_running_loop()
        self._posting: asyncio.Task[None] | None = None
        self._hearing = self._loop.create_task(self._hear())
        self._loop.call_later(patience, lambda: None if self._name else self.drop())

    async def _hear(self) -> None:
        try:
            await self._listen(self.purpose)
            while self.purpose == "poll" and not self._over:
                await self._listen(f"{self._name} {self._come}")
        except (OSError, EOFError, ValueError):
            pass  # the line has been cut
        self._end(ABNORMAL)

    async def _listen(self, purpose: str) -> None:
        """Take what comes until the answer ends."""
        async with self._post(purpose) as (status, body):
            if status != 200:
                return self._end(ABNORMAL)
            text = b""
            async for chunk in body:
                *events, text = (text + chunk).split(b"\n\n")
                for event in events:
                    self._take(event)

    def _take(self, event: bytes) -> None:
        found = EVENT.fullmatch(event)
        if found is None or self._over:
            return
        match found[1]:
            case b"line":
                self._name = found[2].decode()
                self._opened()
                self._pump()
            case b"close":
                self._end(int(found[2]))
            case _:
                self._come += 1
                self._heard(found[2])

    def send(self, text: bytes) -> None:
        """Send a frame: with others that wait, as soon as the POST before is answered."""
        self._waiting.append(text)
        self._pump()

    def _pump(self) -> None:
        if self._posting is None and self._name and self._waiting and not self._over:
            self._posting = self._loop.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        frames, size = list[bytes](), 0
        while self._waiting and len(frames) < MOST_FRAMES and size < MOST_BYTES:
            frames.append(self._waiting.popleft())
            size += len(frames[-1])
        self._gone += 1
        try:
            async with self._post(f"{self._name} {self._gone}", b"[%s]" % b",".join(frames)) as (status, _):
                if status != 204:
                    self._end(CODES.get(status, ABNORMAL))
        except (OSError, EOFError, ValueError):
            self._end(ABNORMAL)
        self._posting = None
        self._pump()

    @asynccontextmanager
    async def _post(self, purpose: str, body: bytes = b"") -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """A POST of its own connection; the status, and what comes of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._address.port)
        try:
            cookie = f"Cookie: asok={self._cookie}\r\n" if self._cookie else ""
            accept, body = "*/*" if body else "text/event-stream", body or b"[]"
            head = (
                f"POST {self._address.live} HTTP/1.1\r\nHost: {self._address.host}\r\nConnection: close\r\n{cookie}"
                f"Origin: http://{self._address.host}\r\nContent-Type: application/json\r\n"
                f"Accept: {accept}\r\nAsok-Line: {purpose}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            yield int(answer.split(b" ", 2)[1]), chunks(reader)
        finally:
            writer.close()

    def leave(self) -> None:
        """Close it as a page that goes."""
        self.drop()

    def drop(self) -> None:
        """Let go of it; `closed` is called at once."""
        self._end(ABNORMAL)

    def _end(self, code: int) -> None:
        if self._over:
            return
        self._over = True
        for task in (self._hearing, self._posting):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._closed(code)


class PollLine(PostLine):
    """A line that asks again and again for what there is."""

    purpose = "poll"


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body of an answer, as `Transfer-Encoding: chunked` has it."""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
