"""The process above the servers: it holds the listening socket, starts them, and starts them again.

A server process is started fresh each time, so it always runs the code and the settings of that moment. The
socket is bound once and handed down: while one process ends and the next begins, connections wait, none is
refused, until the end of all.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import active_children
from pathlib import Path

from watchfiles import Change, watch

from asok.errors import ConfigurationError
from asok.figures import told
from asok.fleet import RESPAWN_PAUSE, Fleet, say_died
from asok.log_lines import say
from asok.server import Serving, is_written_by_people, need_open_files
from asok.worker import FAILED, REFUSED, Worker, stop

__all__ = ["bind", "develop", "supervise"]

BREATH = 0.25  # how long a wait for one thing may keep us from looking at the others


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises ConfigurationError when it cannot be had."""
    if not host:  # which means all addresses to the system, and to people a variable that is not set
        raise ConfigurationError("--host is empty; name an address of this machine, 0.0.0.0 for all of them")
    try:
        listener = socket.create_server((host, port), family=family_of(host), backlog=2048)
        # Made anew from its descriptor it knows that it is TCP, without which asyncio sends small frames late.
        return socket.socket(fileno=listener.detach())
    except OSError as error:
        raise ConfigurationError(why_not(host, port, error)) from None


def family_of(host: str) -> socket.AddressFamily:
    """IPv6 for its addresses, and for names that have no other."""
    if ":" in host:
        return socket.AF_INET6
    found = {entry[0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return socket.AF_INET6 if found == {socket.AF_INET6} else socket.AF_INET


def why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what runs there, or choose another one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not ours to use; choose one above 1023 with --port"
    # Before Python 3.12 the reason ends in the address again.
    return f"cannot listen on {host}:{port}: {(error.strerror or str(error)).partition(' (while')[0]}"


class Orders:
    """What signals have asked of this process. hangup: whether SIGHUP asks for new workers, or for the end."""

    def __init__(self, *, hangup: bool) -> None:
        self.stop = threading.Event()
        self.renew = False
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._renew if hangup else self._stop)

    def _stop(self, *_: object) -> None:
        self.stop.set()

    def _renew(self, *_: object) -> None:
        self.renew = True


def bury() -> None:
    """As the first process of a container, take note of the end of those whose parents have gone, as after a worker
    that was killed. Nobody else does, and each would keep its place among the processes for good."""
    if sys.platform != "linux" or os.getpid() != 1:
        return
    ours = {process.pid for process in active_children()}
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
            os.waitpid(ended.si_pid, os.WNOHANG)


# --- production


def supervise(serving: Serving, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Keep so many workers serving until SIGTERM or SIGINT. SIGHUP replaces them one by one, with new settings.

    announce: called when the first one serves. Exits with 1 when it does not come up: then none would.
    """
    need_open_files()
    try:
        with told() as forget:
            run_fleet(serving, listener, announce, forget)
    except OSError as error:
        problem = f"no worker can be started: {error.strerror or error}"
        raise ConfigurationError(f"{problem}; let this user have more processes, memory or open files") from error
    finally:
        for process in active_children():  # Python waits for them at its end, and they would serve without us
            process.terminate()


def run_fleet(
    serving: Serving, listener: socket.socket, announce: Callable[[], None], forget: Callable[[int], None]
) -> None:
    orders = Orders(hangup=True)
    first = started(serving, listener, orders)
    if orders.stop.is_set():
        stop(first)
        return
    announce()
    fleet = Fleet(lambda: Worker(serving, listener), first, serving.workers, forget)
    while not orders.stop.is_set():
        if orders.renew:
            orders.renew = False
            fleet.renew()
        fleet.look()
        bury()
        fleet.wait(BREATH)
    # From now on nobody is kept waiting for an answer that will not come: connections are refused.
    listener.close()
    fleet.stop()


def started(serving: Serving, listener: socket.socket, orders: Orders) -> Worker:
    worker = Worker(serving, listener).begin()
    while not worker.is_ready(BREATH) and worker.is_alive and not worker.is_late and not orders.stop.is_set():
        pass
    if not worker.is_ready() and not orders.stop.is_set():
        stop(worker)
        if worker.exitcode not in (REFUSED, FAILED):
            say(f"Error: the server ended before it was ready (exit code {worker.exitcode})")
        sys.exit(1)
    return worker


# --- development


def develop(serving: Serving, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Keep one server running on the newest code until SIGTERM or SIGINT.

    announce: called when it serves for the first time. Exits with 1 when the app is refused before that; later,
    and for an app that raises, the next change is awaited.
    """
    need_open_files()
    orders = Orders(hangup=False)  # its terminal has been closed
    worker = Worker(serving, listener).begin()
    folders = {serving.path.parent}
    has_served = is_waiting = False
    for changed in changes(folders, orders.stop):
        bury()
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
            say_died(worker)
            orders.stop.wait(max(0.0, RESPAWN_PAUSE - worker.age))
            worker = Worker(serving, listener).begin()
    stop(worker)


def changes(folders: set[Path], stop: threading.Event) -> Iterator[set[str]]:
    """The names of the Python files that have changed in the folders, which may become more; an empty set each time
    nothing has."""

    def is_code(change: Change, path: str) -> bool:
        return (path.endswith(".py") or Path(path).name == ".env") and is_written_by_people(path, folders)

    def look() -> Iterator[set[tuple[Change, str]]]:
        return watch(
            *folders,
            watch_filter=is_code,
            stop_event=stop,
            rust_timeout=int(BREATH * 1000),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )

    watched, newest = set(folders), look()
    while not stop.is_set():
        asked = [newest]
        if watched != folders:
            # What changes before the new one looks is known to the former alone; what that tells, the new one has seen
            # too, and must not tell once more.
            watched, former, newest = set(folders), newest, look()
            asked = [newest, former, newest]
        yield {Path(path).name for each in asked for _, path in next(each, ())}
