"""A server process, stock or as `asok run` makes one, and what it takes: processor time and memory."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import vitals

__all__ = ["Served", "served", "served_by_asok"]

ROOT = Path(__file__).parents[2]
STOCK = """
import sys, socket, uvicorn
listener = socket.socket(fileno=int(sys.argv[2]))
config = uvicorn.Config(sys.argv[1], log_config=None, ws="websockets-sansio", loop="uvloop", http="httptools",
                        ws_per_message_deflate=False, access_log=False, ws_ping_interval=None, backlog=4096)
uvicorn.Server(config).run(sockets=[listener])
"""
ASOK = """
import importlib, logging, socket, sys
from asok.loading import Loaded
from asok.server import Serving, serve
module, _, name = sys.argv[1].partition(":")
app = getattr(importlib.import_module(module), name)
listener = socket.socket(fileno=int(sys.argv[2]))
logging.getLogger("asok.watchdog").disabled = True  # that thousands keep the loop busy is what is measured
serve(Serving(app.root, "127.0.0.1"), Loaded(app, (app,)), listener, lambda told: None)
"""
# Linux counts in nanoseconds, but tells it in ticks of 10 ms; this clock, whose number is made of the process's,
# tells all.
SCHEDULED = 2


@dataclass
class Served:
    """A running server. Processor time in seconds, memory in bytes."""

    port: int
    pid: int

    @property
    def seconds(self) -> float:
        """User and system time so far, of all threads."""
        try:
            return time.clock_gettime(~self.pid << 3 | SCHEDULED)
        except OSError:
            return vitals.cpu_seconds(self.pid)

    @property
    def memory(self) -> int:
        """What it holds of its own."""
        return vitals.memory(self.pid)


def served(app: str, folder: Path | None = None) -> AbstractAsyncContextManager[Served]:
    """Serve `module:app` with uvicorn as it is; it answers when this is entered."""
    return _running(STOCK, app, folder)


def served_by_asok(app: str, folder: Path) -> AbstractAsyncContextManager[Served]:
    """Serve the Asok app `module:app` just as `asok run` does; its sessions are in the folder."""
    return _running(ASOK, app, folder)


@asynccontextmanager
async def _running(code: str, app: str, folder: Path | None) -> AsyncIterator[Served]:
    vitals.allow_files()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"ASOK_BENCH": str(folder)} if folder else {})}
        number = str(listener.fileno())
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, app, number, env=environment, pass_fds=[listener.fileno()], cwd=ROOT
        )
        port = listener.getsockname()[1]
        try:
            # The listener was there before the server: this waits until somebody answers.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            await asyncio.wait_for(reader.read(), 60)
            writer.close()
            yield Served(port, child.pid)
        finally:
            child.kill()
            await child.wait()
