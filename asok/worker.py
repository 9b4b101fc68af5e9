"""One server process, as its supervisor sees it, and what runs in it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

from asok.errors import ConfigurationError
from asok.loading import load, print_failure
from asok.log_lines import say
from asok.server import Serving, Started, serve

__all__ = ["FAILED", "REFUSED", "Worker", "stop"]

SPAWN = get_context("spawn")
REFUSED = 2  # the exit code of a worker that has said in one sentence why it does not start
FAILED = 3  # that of one whose app raised; uvicorn uses it too
START_SECONDS = 60.0
TO_END = 3.0  # beyond the drain, before a process that should end is killed
SAFE_PATH, SET_BY_US = "PYTHONSAFEPATH", "asok"


class Worker:
    """One server process. It ends when its supervisor does, however that ends.

    It waits with everything imported but the app, which it loads when it is told to `begin`.
    """

    def __init__(self, serving: Serving, listener: socket.socket) -> None:
        self.started: Started | None = None
        self._began = time.monotonic()
        self._to_end = self._began
        self._line, end = SPAWN.Pipe()
        self._process = SPAWN.Process(target=work, args=(serving, listener, end))
        with without_current_folder():
            self._process.start()
        end.close()

    def begin(self) -> Worker:
        """Let it load the app and serve."""
        self._began = time.monotonic()
        with contextlib.suppress(OSError):
            self._line.send("begin")
        return self

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def exitcode(self) -> int | None:
        """How it ended: a signal is a negative number."""
        return self._process.exitcode

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid or 0

    @property
    def signs(self) -> list[Any]:
        """What `multiprocessing.connection.wait` waits on for its end, and before that for its beginning to serve."""
        is_open = self.started is None and not self._line.closed
        return [self._process.sentinel, self._line] if is_open else [self._process.sentinel]

    @property
    def is_late(self) -> bool:
        """Whether it should serve by now."""
        return self.age > START_SECONDS

    @property
    def has_ended(self) -> bool:
        """Whether it is over with it, after `end`; one that takes too long is killed."""
        if self._process.is_alive() and time.monotonic() < self._to_end:
            return False
        self.wait()
        return True

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def is_ready(self, wait: float = 0) -> bool:
        """Whether it has begun to serve, after waiting so long for that or for its end."""
        if self.started is None and not self._line.closed and connection.wait([self._line], wait):
            try:
                self.started = self._line.recv()
            except (EOFError, OSError):
                self._line.close()
        return self.started is not None

    def end(self) -> None:
        """Ask it to drain and end."""
        self.is_ready()
        self._to_end = time.monotonic() + TO_END + (self.started.drain if self.started else 0)
        self._process.terminate()

    def wait(self) -> None:
        """Wait for an end that was asked for; when it takes too long, kill."""
        self._process.join(max(0.0, self._to_end - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._line.close()


def stop(*workers: Worker) -> None:
    """End them, and wait for it."""
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.wait()


@contextlib.contextmanager
def without_current_folder() -> Iterator[None]:
    """A `calendar.py` in the current folder must not be taken for Python's own while a process starts."""
    if SAFE_PATH in os.environ:
        yield
        return
    os.environ[SAFE_PATH] = SET_BY_US
    try:
        yield
    finally:
        del os.environ[SAFE_PATH]


def work(serving: Serving, listener: socket.socket, line: Connection) -> None:
    """What a server process does. Nothing of the user's code runs in any other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the server listens to it, Ctrl+C is for the supervisor
    if hasattr(signal, "SIGHUP"):  # and so is this one; no SIG_IGN, which programs that the app starts would inherit
        signal.signal(signal.SIGHUP, lambda *_: None)
    threading.Thread(target=end_with_supervisor, daemon=True).start()
    if os.environ.get(SAFE_PATH) == SET_BY_US:
        del os.environ[SAFE_PATH]
    if serving.development:
        with contextlib.suppress(OSError):
            sys.stdin = os.fdopen(0, closefd=False)  # for breakpoint()
        # Python knows bytecode by its source's size and second: the latter of two changes in one would not count.
        sys.dont_write_bytecode = True
    try:
        line.recv()
    except EOFError:  # the supervisor went before it said "begin"
        return
    try:
        loaded = load(serving.path)
        serve(serving, loaded, listener, line.send)
    except ConfigurationError as error:
        say(f"Error: {error}")
        sys.exit(REFUSED)
    except Exception as error:
        print_failure(error, serving.path)
        sys.exit(FAILED)


def end_with_supervisor() -> None:
    """A supervisor that was killed can stop nobody; a worker left behind would keep the port."""
    supervisor = parent_process()
    assert supervisor is not None, "runs in a worker"
    connection.wait([supervisor.sentinel])
    os._exit(1)
