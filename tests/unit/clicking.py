"""A browser that clicks on while its server ends, dies or changes; and servers that are no `asok run`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import websockets

from tests.rig import Rig, Shown, Tab, Visitor
from tests.unit.commands import GOOD_KEY, Running, clean_environment, eventually

__all__ = ["PATIENCE", "RETRY", "Clicking", "served"]

RETRY = {"retry": 1}
PATIENCE = 60
PACE = 0.02  # between clicks, so that a test is not all about them
ANNOUNCED = re.compile(r"(?:asok:|running on|Listening at:) (http://[\d.]+:\d+)")


class Clicking:
    """A browser that loses its connections, and sends again what is not settled."""

    def __init__(self, visitor: Visitor, tokens: list[str], csrf: str) -> None:
        self.visitor, self.csrf, self.tokens = visitor, csrf, tokens
        self.name, self.seq, self.text = secrets.token_hex(8), 0, ""
        self.tab: Tab | None = None

    @classmethod
    async def at(cls, server: Running, closing: AsyncExitStack) -> Clicking:
        visitor = await Rig(server.port, None, closing).visitor()
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(httpx.ConnectError):  # some listen only later than they say
                    page = await visitor.open()
                    break
                await asyncio.sleep(0.02)
        return cls(visitor, page.tokens, page.csrf)

    async def click(self, call: str) -> list[Any]:
        """The frame that settles it, however often it had to be sent."""
        self.seq += 1
        data: dict[str, Any] = {}
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    tab = await self.connected()
                    frame = await tab.event(call, data, seq=self.seq)
                    self.text = tab.text()
                    if frame[0] in ("update", "refused"):
                        return frame
                    await asyncio.sleep(frame[3] / 1000)
                except (websockets.WebSocketException, OSError):
                    if self.tab is not None:
                        self.tokens, self.csrf = [each.token for each in self.tab.shown.values()], self.tab.csrf
                    self.tab, data = None, RETRY
                    await asyncio.sleep(0.05)

    async def connected(self) -> Tab:
        """Its tab, joined."""
        if self.tab is None:
            tab = await self.visitor.connect()
            tab.name = self.name
            tab.shown = {token.partition(".")[0]: Shown(token) for token in self.tokens}
            entries = [[token, self.seq - 1, 0] for token in self.tokens]
            await tab.send("join", 1, self.csrf, tab.name, entries)
            await tab.until("joined")
            self.tab = tab
        return self.tab

    async def click_until(self, over: asyncio.Event, call: str = "add") -> int:
        """Click on and on; how many clicks were answered, each with an update."""
        clicks = 0
        while not over.is_set():
            frame = await self.click(call)
            assert frame[0] == "update", frame
            clicks += 1
            await asyncio.sleep(PACE)
        return clicks


@contextlib.asynccontextmanager
async def served(*command: str, folder: Path, port: int = 0, **env: str) -> AsyncIterator[Running]:
    """The app of the folder, as `python -m …` serves it, from its announcement to the end of the block."""
    if not port:  # uvicorn with several workers does not tell which one it has found
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command, "--port", str(port)),
        cwd=folder,
        env=clean_environment(**{"SECRET_KEY": GOOD_KEY, **env}),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    server = Running(process)
    try:
        server.url = (await eventually(lambda: ANNOUNCED.search(server.said), server))[1]
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers, too, if it has left some
        await server.ended()
