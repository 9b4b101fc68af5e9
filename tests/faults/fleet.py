"""The site as it is run in earnest: `asok run` with its workers, to be killed and renewed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.wire import Address
from tests.ports import kept_port
from tests.rig import KEY

__all__ = ["Fleet", "fleet", "until"]

SITE = Path(__file__).parent / "site" / "app.py"
START_SECONDS = 60.0
END_SECONDS = 30.0
LOOK = 0.02
MOST_CONNECTIONS = 20_000


class Fleet:
    """One supervisor and its workers. ledger: the file in which the site notes what it does; log: what it says."""

    def __init__(self, folder: Path, workers: int, environment: dict[str, str]) -> None:
        self.folder, self.workers, self._environment = folder.resolve(), workers, environment
        self.ledger, self.log = self.folder / "ledger.txt", self.folder / "log.txt"
        self.port = kept_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> Address:
        """Where it is reached without detours."""
        return Address(self.port)

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, and return when all workers serve."""
        environment = {
            **os.environ,
            "SECRET_KEY": KEY,
            "ASOK_DATABASE": str(self.folder / "sessions.db"),
            "FAULTS_LEDGER": str(self.ledger),
            **self._environment,
        }
        command = [sys.executable, "-m", "asok", "run", str(SITE), "--port", str(self.port)]
        command += ["--workers", str(self.workers), "--limit-concurrency", str(MOST_CONNECTIONS)]
        self.ledger.touch()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        await until(lambda: self._listens() and len(self.pids()) == self.workers)

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"the site did not start: {self.log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def pids(self) -> list[int]:
        """The workers' processes: those that have loaded the site, and so its ledger."""
        return [pid for pid in self._children() if str(self.ledger) in _open_files(pid)]

    def _children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def tasks(self) -> int:
        """How many tasks all workers have together, as each has noted a moment ago."""
        noted = [Path(f"{self.ledger}.tasks-{pid}") for pid in self.pids()]
        return sum(int(file.read_text() or 0) for file in noted if file.exists())

    async def redis_clients(self) -> int:
        """How many connections their Redis has, this one not counted; 0 where they have none."""
        url = urlsplit(self._environment.get("ASOK_REDIS", ""))
        if not url.port:
            return 0
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(b"CLIENT LIST\r\n")
        length = int((await reader.readline())[1:])
        clients = (await reader.readexactly(length)).decode().splitlines()
        writer.close()
        return len(clients) - 1

    def kill(self, pid: int) -> None:
        """End a worker as a machine that fails."""
        os.kill(pid, signal.SIGKILL)

    async def kill_all(self) -> None:
        """End the supervisor and every worker at once, and wait until the port is free."""
        assert self._process is not None
        pids = [self.pid, *self._children()]
        for pid in pids:
            self.kill(pid)
        await self._process.wait()
        await until(lambda: not any(map(_open_files, pids)))

    async def renew(self) -> float:
        """Replace the workers one by one; how many seconds it took."""
        loop, before = asyncio.get_running_loop(), set(self.pids())
        began = loop.time()
        os.kill(self.pid, signal.SIGHUP)
        await until(lambda: not before.intersection(self.pids()) and len(self.pids()) == self.workers)
        return loop.time() - began

    async def replaced(self, pid: int) -> float:
        """Wait until another worker stands in for one that was killed; how many seconds it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await until(lambda: pid not in self.pids() and len(self.pids()) == self.workers)
        return loop.time() - began

    async def stop(self) -> None:
        """End it in order."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.kill_all()

    def said(self, most: int = 12) -> list[str]:
        """The last lines of its log that are not of the everyday."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if not re.search(r"a worker died|asok: http", line)][-most:]


async def until(reached: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Look again and again, because nothing tells. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not reached():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(LOOK)


def _open_files(pid: int) -> set[str]:
    try:
        return {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()


@asynccontextmanager
async def fleet(folder: Path, *, workers: int = 2, redis: str = "", **environment: str) -> AsyncIterator[Fleet]:
    """A site that runs. redis: the URL of one, else its sessions are in SQLite."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Fleet(folder, workers, {**environment, **({"ASOK_REDIS": redis} if redis else {})})
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
