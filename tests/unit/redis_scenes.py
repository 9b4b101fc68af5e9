"""What stands between asok and a Redis, or in its place, for tests: a line that is cut, a server with a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from ssl import SSLContext

from asok.backends.redis_address import Address
from asok.backends.redis_calls import BlockingLine
from asok.backends.resp import Replies, command

__all__ = ["Between", "acting", "between", "tell"]


def tell(url: str, *words: str) -> object:
    """What a Redis replies to an operator's command."""
    line = BlockingLine(Address.of(url), 5)
    try:
        return line.call(command(words))
    finally:
        line.close()


class Between:
    """Passes bytes to and fro. up, down: cut all lines after so many more bytes to the server, or from it.

    pause: seconds before each piece goes on.
    """

    def __init__(self, port: int) -> None:
        self.pause = 0.0
        self.port, self.up, self.down = port, 1 << 60, 1 << 60
        self.url = ""
        self.taken = 0
        self.another = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Cut every line, so that what a server had said and nobody has read is lost."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.taken += 1
        self.another.set()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return writer.transport.abort()
        self._writers |= {writer, back}
        for pump in (self._pump(reader, back, "up"), self._pump(there, writer, "down")):
            task = asyncio.create_task(pump)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self.pause)
                left = getattr(self, way)
                writer.write(data[:left])
                await writer.drain()
                if len(data) >= left:
                    setattr(self, way, 1 << 60)
                    await asyncio.sleep(0)
                    self.cut()
                    return
                setattr(self, way, left - len(data))
        writer.close()


@asynccontextmanager
async def between(port: int, *, path: Path | None = None, tls: SSLContext | None = None) -> AsyncIterator[Between]:
    """A proxy to a Redis on this machine, which listens on a port, with TLS or without, or on a Unix socket."""
    proxy = Between(port)
    if path is not None:
        server = await asyncio.start_unix_server(proxy.take, path)
        proxy.url = f"unix://{path}"
    else:
        server = await asyncio.start_server(proxy.take, "127.0.0.1", 0, ssl=tls)
        scheme, host = ("rediss", "localhost") if tls else ("redis", "127.0.0.1")
        proxy.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield proxy
    finally:
        proxy.cut()
        server.close()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def acting(answers: Mapping[str, Sequence[bytes]]) -> AsyncIterator[str]:
    """The URL of a server that answers a command, by its first word, with these bytes in turn, the last for ever."""
    given = dict.fromkeys(answers, 0)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        parser = Replies()
        while data := await reader.read(65536):
            for words in parser.feed(data):
                word = words[0].decode()
                lines = answers.get(word, [b"+PONG"])
                at = min(given.get(word, 0), len(lines) - 1)
                given[word] = at + 1
                writer.write(lines[at] + b"\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
