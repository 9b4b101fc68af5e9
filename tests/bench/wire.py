"""A WebSocket client that costs next to nothing: raw frames over an asyncio protocol, and no library in between."""

from __future__ import annotations

import asyncio
import html
import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

__all__ = ["Line", "Opened", "open_page"]

STATE = re.compile(r'data-asok-state="([^"]*)"')
CSRF = re.compile(r'data-csrf="([^"]*)"')
TEXT = 0x81
MASKED = 0x80


class Line(asyncio.Protocol):
    """One socket. `received` counts frames and `size` their bytes on the wire; `last` is the newest frame's text."""

    def __init__(self) -> None:
        self.received, self.size, self.last = 0, 0, b""
        self._buffer, self._shaken = b"", False
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, path: str, cookie: str = "") -> Line:
        """A socket after its handshake."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(cls, "127.0.0.1", port)
        cookies = f"Cookie: {cookie}\r\n" if cookie else ""
        line._transport.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n{cookies}"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        await line.next()
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(f"closed after {self._buffer[:300]!r}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shaken:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                return self._transport.close()
            self._shaken, self._buffer = True, rest
            self._wake()
        while self._take():
            self._wake()

    def _take(self) -> bool:
        """Whether a whole frame stood in the buffer."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        length, start = buffer[1] & 127, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + length:
            return False
        opcode = buffer[0] & 15
        content, self._buffer = buffer[start : start + length], buffer[start + length :]
        if opcode == 8:
            raise ConnectionError(f"closed with {int.from_bytes(content[:2], 'big')}")
        if opcode == 9:
            self._write(0x8A, content)
            return bool(self._take())
        self.received, self.size, self.last = self.received + 1, self.size + start + length, content
        return True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> None:
        """Wait for the next frame, or for the end of the handshake."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        self._waiter = None

    def send(self, text: bytes) -> int:
        """Send a text frame; the bytes that it takes on the wire."""
        return self._write(TEXT, text)

    def _write(self, head: int, content: bytes) -> int:
        size = len(content)
        length = bytes([MASKED | size]) if size < 126 else bytes([MASKED | 126]) + size.to_bytes(2, "big")
        # Masked with zeros, which changes nothing: a server unmasks it all the same.
        frame = bytes([head]) + length + b"\0\0\0\0" + content
        self._transport.write(frame)
        return len(frame)

    def close(self) -> None:
        """Let go."""
        self._transport.abort()


@dataclass
class Opened:
    """A page with its socket, joined with everything that it shows."""

    line: Line
    instances: list[str]
    seqs: dict[str, int] = field(default_factory=dict)
    up: int = 0

    def post(self, call: str, data: Any = None, instance: str = "") -> None:
        """Send an event."""
        instance = instance or self.instances[0]
        seq = self.seqs[instance] = self.seqs.get(instance, 0) + 1
        message = ["event", instance, seq, call, *([data] if data else [])]
        self.up += self.line.send(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())

    async def event(self, call: str, data: Any = None, instance: str = "") -> bytes:
        """Send an event and wait for its answer."""
        self.post(call, data, instance)
        await self.line.next()
        if self.line.last[:10] != b'["update",':
            raise RuntimeError(f"{call}: {self.line.last[:300]!r}")
        return self.line.last


async def open_page(port: int, path: str, *, most: int = 20) -> Opened:
    """A new visitor's page and socket, joined with its instances, at most so many."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        page = await http.get(path)
        page.raise_for_status()
        cookie = f"asok={http.cookies['asok']}" if "asok" in http.cookies else ""
    tokens = [html.unescape(each) for each in STATE.findall(page.text)][:most]
    csrf = html.unescape(CSRF.findall(page.text)[0])
    line = await Line.open(port, "/live", cookie)
    line.send(json.dumps(["join", 1, csrf, "bench", [[token, 0, 0] for token in tokens]]).encode())
    await line.next()
    return Opened(line, [token.partition(".")[0] for token in tokens])
