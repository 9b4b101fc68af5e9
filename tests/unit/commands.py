"""The command `asok` as a person runs it: a process of its own, in a folder, with a clean environment."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import httpx

__all__ = ["COMMAND", "GOOD_KEY", "Running", "asok", "clean_environment", "eventually", "fails", "running"]

PATIENCE = 30
COMMAND = str(Path(sys.executable).with_name("asok"))
GOOD_KEY = hashlib.sha256(b"a key for tests").hexdigest()

T = TypeVar("T")


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what configures an app."""
    foreign = ("ASOK_", "DEBUG", "SECRET_KEY", "WATCHFILES_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def asok(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `asok …` to its end."""
    command = (COMMAND, *arguments)
    return subprocess.run(command, cwd=cwd, env=clean_environment(**env), capture_output=True, text=True, timeout=60)


def fails(*arguments: str, cwd: Path, **env: str) -> str:
    """The one sentence that a command says when it refuses; anything more, or less, is a failure of the test."""
    done = asok(*arguments, cwd=cwd, **env)
    assert done.returncode == 1, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), done.stderr
    return lines[0]


class Running:
    """An `asok dev` or `asok run` that runs, and what it has said so far."""

    def __init__(self, process: Process) -> None:
        self.process, self.url = process, ""
        self._said: list[str] = []
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self._said.append(line.decode())

    @property
    def said(self) -> str:
        """Everything that it has written, on both of its streams."""
        return "".join(self._said)

    @property
    def port(self) -> int:
        """The port that it has announced."""
        return int(self.url.rpartition(":")[2])

    async def says(self, words: str) -> None:
        """Wait until it says that, once more than before."""
        before = self.said.count(words)
        await eventually(lambda: self.said.count(words) > before or None, self)

    async def announces(self) -> None:
        """Wait for the line with its address."""
        self.url = (await eventually(lambda: re.search(r"asok: (http://\S+)", self.said), self))[1]

    async def get(self, path: str = "/") -> str:
        """The text of a page, on a connection of its own."""
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            return (await client.get(self.url + path)).raise_for_status().text

    async def shows(self, text: str, path: str = "/") -> None:
        """Wait until a page is just this text."""
        async with asyncio.timeout(PATIENCE):
            while await self.get(path) != text:  # noqa: ASYNC110  # the other process has no event to set
                await asyncio.sleep(0.02)

    async def ends(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, wait for its end, and give its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end, and give its exit code."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
            await self._listener
        return code


@contextlib.asynccontextmanager
async def running(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, files: int = 0
) -> AsyncIterator[Running]:
    """`asok …` in the background, from its announcement to the end of the block. files: how many it may open."""
    within = ("sh", "-c", f'ulimit -n {files}; exec "$@"', "sh") if files else ()
    process = await asyncio.create_subprocess_exec(
        *(*within, COMMAND, *arguments, "--port", "0"),
        cwd=cwd,
        env=clean_environment(**(env or {})),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    server = Running(process)
    try:
        yield server
    finally:
        await server.ends(signal.SIGKILL)


async def eventually(find: Callable[[], T | None], server: Running) -> T:
    """What `find` gives as soon as that is not None, while the server runs."""
    async with asyncio.timeout(PATIENCE):
        while (found := find()) is None:
            assert server.process.returncode is None, f"it ended with {server.process.returncode}\n{server.said}"
            await asyncio.sleep(0.02)
    return found
