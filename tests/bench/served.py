"""A server process as `asok run` makes one, and the processor time that it takes."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Served", "served"]

ROOT = Path(__file__).parents[2]
SERVE = """
import sys, socket, uvicorn
listener = socket.socket(fileno=int(sys.argv[2]))
config = uvicorn.Config(sys.argv[1], log_config=None, ws="websockets-sansio", loop="uvloop", http="httptools",
                        ws_per_message_deflate=False, access_log=False, ws_ping_interval=None, backlog=4096)
uvicorn.Server(config).run(sockets=[listener])
"""


@dataclass
class Served:
    """A running server. Processor time in seconds, memory in bytes."""

    port: int
    process: psutil.Process

    @property
    def seconds(self) -> float:
        """User and system time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> int:
        """What it holds."""
        return int(self.process.memory_info().rss)


@asynccontextmanager
async def served(app: str, folder: Path | None = None) -> AsyncIterator[Served]:
    """Serve `module:app`; it answers when this returns."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"ASOK_BENCH": str(folder)} if folder else {})}
        number = str(listener.fileno())
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVE, app, number, env=environment, pass_fds=[listener.fileno()], cwd=ROOT
        )
        port = listener.getsockname()[1]
        try:
            # The listener was there before the server: this waits until somebody answers.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            await asyncio.wait_for(reader.read(), 60)
            writer.close()
            yield Served(port, psutil.Process(child.pid))
        finally:
            child.kill()
            await child.wait()
