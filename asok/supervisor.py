"""The process above the servers: it holds the listening socket, starts them, and starts them again.

A server process is started fresh each time, so it always runs the code and the settings of that moment. The
socket is bound once and handed down: while one process ends and the next begins, connections wait, none is
refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from watchfiles import Change, watch

from asok.errors import ConfigurationError
from asok.loading import load, print_failure
from asok.server import Serving, Started, is_written_by_people, serve

__all__ = ["bind", "develop", "supervise"]

SPAWN = get_context("spawn")
REFUSED = 2  # the exit code of a worker that has said in one sentence why it does not start
FAILED = 3  # that of one whose app raised; uvicorn uses it too
START_SECONDS = 60.0
TO_END = 3.0  # beyond the drain, before a process that should end is killed
BREATH = 0.25  # how long a wait for one thing may keep us from looking at the others
SAFE_PATH, SET_BY_US = "PYTHONSAFEPATH", "asok"
RESPAWN_PAUSE = 1.0  # between the start of a worker that died and that of the next one


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises ConfigurationError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # Made anew from its descriptor it knows that it is TCP, without which asyncio sends small frames late.
        return socket.socket(fileno=listener.detach())
    except OSError as error:
        raise ConfigurationError(why_not(host, port, error)) from None


def why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what runs there, or choose another one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not ours to use; choose one above 1023 with --port"
    # Before Python 3.12 the reason ends in the address again.
    return f"cannot listen on {host}:{port}: {(error.strerror or str(error)).partition(' (while')[0]}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- one server process


class Worker:
    """One server process. It ends when its supervisor does, however that ends.

    It waits with everything imported but the app, which it loads when it is told to `begin`.
    """

    def __init__(self, serving: Serving, listener: socket.socket) -> None:
        self.started: Started | None = None
        self._began = time.monotonic()
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
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` waits on for its end."""
        return self._process.sentinel

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def is_ready(self, wait: float = 0) -> bool:
        """Whether it has begun to serve, after waiting so long for that or for its end."""
        if self.started is None and connection.wait([self._line], wait):
            with contextlib.suppress(EOFError, OSError):
                self.started = self._line.recv()
        return self.started is not None

    def end(self) -> None:
        """Ask it to drain and end."""
        self._process.terminate()

    def wait(self) -> None:
        """Wait for an end that was asked for; when it takes too long, kill."""
        self.is_ready()
        self._process.join(TO_END + (self.started.drain if self.started else 0))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._line.close()


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
    threading.Thread(target=end_with_supervisor, daemon=True).start()
    if os.environ.get(SAFE_PATH) == SET_BY_US:
        del os.environ[SAFE_PATH]
    if serving.development:
        with contextlib.suppress(OSError):
            sys.stdin = os.fdopen(0, closefd=False)  # for breakpoint()
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


class Orders:
    """What signals have asked of this process."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.renew = False
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._renew)

    def _stop(self, *_: object) -> None:
        self.stop.set()

    def _renew(self, *_: object) -> None:
        self.renew = True


# --- production


def supervise(serving: Serving, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Keep so many workers serving until SIGTERM or SIGINT. SIGHUP replaces them one by one, with new settings.

    announce: called when the first one serves. Exits with 1 when it does not come up: then none would.
    """
    orders = Orders()
    workers = [started(serving, listener, orders)]
    announce()
    workers += [Worker(serving, listener).begin() for _ in range(1, serving.workers)]
    while not orders.stop.is_set():
        connection.wait([worker.sentinel for worker in workers], BREATH)
        if orders.renew:
            orders.renew = False
            workers = list(renewed(workers, serving, listener, orders))
        workers = [worker if worker.is_alive else respawned(worker, serving, listener, orders) for worker in workers]
    stop(*workers)


def started(serving: Serving, listener: socket.socket, orders: Orders) -> Worker:
    worker = Worker(serving, listener).begin()
    if not comes_up(worker, orders) and not orders.stop.is_set():
        stop(worker)
        if worker.exitcode not in (REFUSED, FAILED):
            say(f"Error: the server ended before it was ready (exit code {worker.exitcode})")
        sys.exit(1)
    return worker


def comes_up(worker: Worker, orders: Orders) -> bool:
    while worker.is_alive and worker.age < START_SECONDS and not orders.stop.is_set():
        if worker.is_ready(BREATH):
            return True
    return worker.is_ready()


def renewed(workers: list[Worker], serving: Serving, listener: socket.socket, orders: Orders) -> Iterator[Worker]:
    """Each worker's successor, once that serves; the worker itself where the successor does not come up."""
    for worker in workers:
        successor = Worker(serving, listener).begin()
        if comes_up(successor, orders):
            stop(worker)
            yield successor
        else:
            say("asok: the new worker did not come up; the old one goes on")
            stop(successor)
            yield worker


def respawned(dead: Worker, serving: Serving, listener: socket.socket, orders: Orders) -> Worker:
    say(f"asok: a worker died (exit code {dead.exitcode}); starting another one")
    dead.wait()
    orders.stop.wait(max(0.0, RESPAWN_PAUSE - dead.age))
    return Worker(serving, listener).begin()


def stop(*workers: Worker) -> None:
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.wait()


# --- development


def develop(serving: Serving, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Keep one server running on the newest code until SIGTERM or SIGINT.

    announce: called when it serves for the first time. Exits with 1 when the app is refused before that; later,
    and for an app that raises, the next change is awaited.
    """
    orders = Orders()
    worker = Worker(serving, listener).begin()
    folders = {serving.path.parent}
    has_served = is_waiting = False
    for changed in changes(folders, orders.stop):
        if changed:
            say(f"asok: {', '.join(sorted(changed))} changed, starting again")
            successor = Worker(serving, listener)  # it imports what it needs while the old one ends
            stop(worker)
            worker, is_waiting = successor.begin(), False
        elif worker.is_ready() and worker.started:
            if not has_served:
                announce()
            has_served = True
            folders |= worker.started.folders
        if is_waiting or worker.is_alive:
            continue
        if worker.exitcode == REFUSED and not has_served:
            sys.exit(1)
        if worker.exitcode in (REFUSED, FAILED):
            is_waiting = True
            say("asok: waiting for a change")
        else:
            worker = respawned(worker, serving, listener, orders)
    stop(worker)


def changes(folders: set[Path], stop: threading.Event) -> Iterator[set[str]]:
    """The names of the Python files that have changed in the folders; an empty set each time nothing has."""

    def is_code(change: Change, path: str) -> bool:
        return (path.endswith(".py") or Path(path).name == ".env") and is_written_by_people(path, folders)

    while not stop.is_set():
        watched = set(folders)
        for changed in watch(
            *watched,
            watch_filter=is_code,
            stop_event=stop,
            rust_timeout=int(BREATH * 1000),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            yield {Path(path).name for _, path in changed}
            if watched != folders:
                break
