"""What a browser has for a network: HTTP for pages, and a WebSocket; written for a thousand of them in one process."""

from __future__ import annotations

import asyncio
import base64
import html
import re
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

__all__ = ["ABNORMAL", "CONNECT_SECONDS", "Address", "Page", "Refusal", "WebSocket", "fetch"]

STATE = re.compile(r'<(\w+)((?: [^<>]*)?) data-asok-state="([^"]*)"([^>]*)>')
CSRF = re.compile(r'data-csrf="([^"]*)"')
COOKIE = re.compile(r"(?i)\r\nset-cookie: asok=([^;\r]*)")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NO_STATUS, ABNORMAL = 1005, 1006
CONNECT_SECONDS = 3.0
FETCH_SECONDS = 10.0


class Refusal(Exception):
    """The page was not given: its status stands first."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the site is reached: its own port, or that of a proxy before it."""

    port: int
    live: str = "/live"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(slots=True)
class Page:
    """A page as it was given. listens: the instances that join at once."""

    text: str
    cookie: str
    csrf: str = ""
    tokens: list[str] = field(default_factory=list)
    listens: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        found = CSRF.search(self.text)
        self.csrf = html.unescape(found[1]) if found else ""
        for _, before, token, after in STATE.findall(self.text):
            self.tokens.append(html.unescape(token))
            if 'data-live="0"' in before + after:
                self.listens.add(self.tokens[-1].partition(".")[0])


async def fetch(address: Address, path: str, cookie: str = "") -> Page:
    """A page by GET. Raises Refusal where the answer is none, OSError and TimeoutError where there is no answer."""
    async with asyncio.timeout(FETCH_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        try:
            with_cookie = f"Cookie: asok={cookie}\r\n" if cookie else ""
            request = f"GET {path} HTTP/1.1\r\nHost: {address.host}\r\n{with_cookie}Connection: close\r\n\r\n"
            writer.write(request.encode())
            head, _, body = (await reader.read(-1)).decode().partition("\r\n\r\n")
        finally:
            writer.close()
    length = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
    if not length or len(body.encode()) != int(length[1]):
        raise ConnectionResetError(f"a page that was cut: {head[:60]!r}")
    if not head.startswith("HTTP/1.1 200"):
        raise Refusal(head.partition("\r\n")[0])
    given = COOKIE.search(head)
    return Page(body, given[1] if given else cookie)


class WebSocket(asyncio.Protocol):
    """One connection. opened, heard and closed are called as a browser calls onopen, onmessage and onclose."""

    def __init__(
        self,
        address: Address,
        cookie: str,
        opened: Callable[[], None],
        heard: Callable[[bytes], None],
        closed: Callable[[int], None],
        patience: float = CONNECT_SECONDS,
    ) -> None:
        self._address, self._cookie, self._patience = address, cookie, patience
        self._opened, self._heard, self._closed = opened, heard, closed
        self._transport: asyncio.Transport | None = None
        self._open, self._over, self._code = False, False, ABNORMAL
        self._buffer = b""
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                await loop.create_connection(lambda: self, "127.0.0.1", self._address.port)
        except (OSError, TimeoutError):
            return self._end()
        loop.call_later(self._patience, lambda: None if self._open else self.drop())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        if self._over:
            return self._transport.abort()
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        cookie = f"Cookie: asok={self._cookie}\r\n" if self._cookie else ""
        self._transport.write(
            f"GET {self._address.live} HTTP/1.1\r\nHost: {self._address.host}\r\nOrigin: http://{self._address.host}\r\n"
            f"{cookie}Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        if not self._open:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                return self.drop()
            self._open, data = True, rest
            self._opened()
        self._buffer = self._take(data)

    def _take(self, data: bytes) -> bytes:
        """Give on every whole frame; what is left."""
        start = 0
        while (size := len(data) - start) >= 2:
            kind, length, head = data[start] & 15, data[start + 1], 2
            if length >= 126:
                head = 4 if length == 126 else 10
                if size < head:
                    break
                length = int.from_bytes(data[start + 2 : start + head], "big")
            if size < head + length:
                break
            payload = data[start + head : start + head + length]
            start += head + length
            self._frame(kind, payload)
        return data[start:]

    def _frame(self, kind: int, payload: bytes) -> None:
        if self._over:
            return
        if kind == TEXT:
            self._heard(payload)
        elif kind == PING:
            self._say(PONG, payload)
        elif kind == CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
            self._say(CLOSE, payload[:2])
            self.drop()

    def send(self, text: bytes) -> None:
        """Send a frame; into the void where the connection is gone."""
        self._say(TEXT, text)

    def _say(self, kind: int, payload: bytes) -> None:
        """The mask is four zeros, which leaves the payload as it is: a browser's is random, to no other end here."""
        if self._transport is None or self._over:
            return
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
        self._transport.write(bytes([0x80 | kind]) + size + b"\0\0\0\0" + payload)

    def leave(self) -> None:
        """Close it as a page that goes."""
        self._say(CLOSE, b"\x03\xe9")
        self.drop()

    def drop(self) -> None:
        """Let go of it; `closed` is called at once."""
        self._task.cancel()
        if self._transport is not None:
            self._transport.close()
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._closed(self._code)
