"""A TCP line between browser and server that is late, loses answers or breaks, as a test wishes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

__all__ = ["Line"]

CHUNK = 64 * 1024


class Line:
    """`async with Line(server_url, delay=0.2) as line` carries every byte to `line.url` and back, each way late.

    delay: seconds of one way. deaf: answers are lost while it is true. broken: no connection stands.
    """

    def __init__(self, target: str, *, delay: float = 0) -> None:
        parts = urlsplit(target)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.delay, self.deaf, self.broken = delay, False, False
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Line:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection, and each new one until `restore`."""
        self.broken = True
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def restore(self) -> None:
        """Let connections stand again, and hear answers again."""
        self.broken = self.deaf = False

    async def _accept(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            await self._carry(near_in, near_out)
        except* (asyncio.CancelledError, OSError):
            pass  # cut, or one end has hung up
        finally:
            self._carrying.discard(task)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        async with _aborted(near_out):
            if self.broken:
                return
            far_in, far_out = await asyncio.open_connection(self.host, self.port)
            async with _aborted(far_out), asyncio.TaskGroup() as both:
                both.create_task(self._one_way(near_in, far_out, answers=False))
                both.create_task(self._one_way(far_in, near_out, answers=True))

    async def _one_way(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await under_way.get()
                await asyncio.sleep(due - loop.time())
                if not chunk:
                    return sink.write_eof()
                if not (answers and self.deaf):
                    sink.write(chunk)
                    await sink.drain()

        delivering = asyncio.create_task(deliver())
        try:
            chunk = b"-"
            while chunk:
                chunk = await source.read(CHUNK)
                under_way.put_nowait((loop.time() + self.delay, chunk))
            await delivering
        finally:
            delivering.cancel()


@contextlib.asynccontextmanager
async def _aborted(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """At the end the connection is gone at once, as when a cable is pulled."""
    try:
        yield
    finally:
        writer.transport.abort()
