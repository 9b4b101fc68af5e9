"""A proxy between browser and server that does not care for WebSockets, or keeps answers back until they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["Gate"]

CHUNK = 64 * 1024
PATIENCE = 60
WORDS = {403: "Forbidden", 502: "Bad Gateway"}


class Gate:
    """`async with Gate(server_url) as gate` carries `gate.url` to the server.

    upgrades: what becomes of WebSockets. "pass", "swallow", or a status with which they are refused.
    streams: what becomes of an answer of server-sent events. "pass", "keep", or "first": only its begin gets through.
    deaf: nothing that the server says arrives. broken: no connection stands. tried: so many WebSockets were asked for.
    """

    def __init__(self, target: str, *, upgrades: Literal["pass", "swallow", 403, 502] = "pass") -> None:
        self._port = urlsplit(target).port
        self.upgrades: Literal["pass", "swallow", 403, 502] = upgrades
        self.streams: Literal["pass", "keep", "first"] = "pass"
        self.deaf = self.broken = False
        self.tried = 0
        self._came = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Gate:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection that stands; new ones may come."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def asked(self, times: int) -> None:
        """Wait until so many WebSockets have been asked for."""
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: self.tried >= times)

    async def _accept(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            async with _aborted(near_out):
                await self._carry(near_in, near_out)
        except* (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            pass  # cut, or one end has hung up
        finally:
            self._open.discard(task)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        if self.broken:
            return
        head = await near_in.readuntil(b"\r\n\r\n")
        upgrade = b"upgrade: websocket" in head.lower()
        async with self._came:
            self.tried += upgrade
            self._came.notify_all()
        if upgrade and self.upgrades == "swallow":
            await asyncio.Event().wait()
        if upgrade and isinstance(self.upgrades, int):
            near_out.write(f"HTTP/1.1 {self.upgrades} {WORDS[self.upgrades]}\r\nContent-Length: 0\r\n\r\n".encode())
            return await near_out.drain()
        far_in, far_out = await asyncio.open_connection("127.0.0.1", self._port)
        asked = [head]
        far_out.write(head)
        async with _aborted(far_out), asyncio.TaskGroup() as both:
            both.create_task(self._requests(near_in, far_out, asked))
            both.create_task(self._answers(far_in, near_out, asked))

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, asked: list[bytes]) -> None:
        while chunk := await source.read(CHUNK):
            asked[0] = chunk
            sink.write(chunk)
            await sink.drain()
        raise ConnectionResetError

    async def _answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, asked: list[bytes]) -> None:
        while chunk := await source.read(CHUNK):
            streamed = b"asok-line: open" in asked[0].lower()
            begins = b"event: line" in chunk
            if self.deaf or (streamed and (self.streams == "keep" or (self.streams == "first" and not begins))):
                continue
            sink.write(chunk)
            await sink.drain()
        raise ConnectionResetError


@contextlib.asynccontextmanager
async def _aborted(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """At the end the connection is gone at once."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            writer.transport.abort()
