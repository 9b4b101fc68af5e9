"""uvicorn as asok wants it: within the limits, and gone only after running methods have answered."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import math
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import HANDLED_SIGNALS
from watchfiles import Change, awatch

from asok.app import Asok
from asok.bus import LocalBus
from asok.component import registry
from asok.crowding import OTHER_FILES, most_connections
from asok.errors import ConfigurationError
from asok.loading import Loaded
from asok.log_lines import JsonLines, wants_json
from asok.settings import Limits, Settings, development_key
from asok.wire_head import bounded

__all__ = ["Server", "Serving", "Started", "is_written_by_people", "need_open_files", "serve"]

log = logging.getLogger("asok")

# Objects more than before, and runs, after which the collector looks at those of its three generations.
THRESHOLDS = 10_000, 10, 10
# A connection that was accepted just before the end has its request on the way; uvicorn would close it unread. But on
# some that browsers open nothing comes, and in development people wait for the end.
LOOK, LOOKS, DEVELOPMENT_LOOKS = 0.05, 10, 1
FEWEST_FILES = 64  # an app with nothing in it opens 28
DEVELOPMENT_DRAIN = 2.0
SHOWN = {".css", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".js", ".svg"}
UNWATCHED = {"__pycache__", "node_modules", "venv", "site-packages"}


@dataclass(frozen=True, slots=True)
class Serving:
    """What the command line said about how to serve."""

    path: Path
    host: str
    workers: int = 1
    development: bool = False
    concurrency: int | None = None
    trusted_proxies: str = ""
    access_log: bool = False
    metrics: bool = False


class Started(NamedTuple):
    """What a server process tells when it can answer: where its app's files lie, how long its end may take."""

    folders: set[Path]
    drain: float


def serve(serving: Serving, loaded: Loaded, listener: socket.socket, tell: Callable[[Started], None]) -> None:
    """Serve until a signal comes; `tell` is called when the first request can be answered."""
    for asok in loaded.asoks:
        check_reach(asok.settings, serving)
        check_sharing(asok, serving.workers)
    if serving.metrics:
        from asok.metrics import watch

        for asok in loaded.asoks:
            watch(asok)
    collect_seldom()
    server = Server(serving, loaded, tell)  # which begins the log
    if serving.concurrency is not None:
        make_room(serving.concurrency, loaded.asoks)
    server.run(sockets=[listener])


def collect_seldom() -> None:
    """Let the garbage collector stop the process no longer than it must, from now on.

    As Python has set it, every second rendering of 2,000 pages makes it look at all that is kept for them, which takes
    0.2 s, and 0.5 s of 5,000. What was imported is looked at no more; the rest once a million objects more have been
    made than freed, and so what a page needs for milliseconds is gone before anybody looks.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def drain_of(serving: Serving, asoks: Sequence[Asok]) -> float:
    """Seconds that running methods get to answer."""
    longest = max((asok.settings.limits.drain for asok in asoks), default=Limits().drain)
    return min(longest, DEVELOPMENT_DRAIN) if serving.development else longest


def check_reach(settings: Settings, serving: Serving) -> None:
    """Refuse what is safe on one's own machine only, where others could reach it."""
    if not settings.debug or (is_loopback(serving.host) and serving.workers == 1):
        return
    if not serving.development:
        raise ConfigurationError(
            "DEBUG=true works only with one worker on this machine's own address; "
            "unset DEBUG, or leave out --workers and --host"
        )
    if development_key(settings.root) in settings.keys:
        raise ConfigurationError(
            f"with --host {serving.host} others can reach this app, and its key can be guessed; "
            "put SECRET_KEY=… with the output of `asok keys new` into .env first"
        )


def check_sharing(asok: Asok, workers: int) -> None:
    """Refuse several workers that would each have sessions, or news of the stores, of its own."""
    if workers == 1 or not isinstance(asok.bus, LocalBus):
        return
    if asok.settings.database == ":memory:":
        problem = "with ASOK_DATABASE=:memory: each worker has sessions, stores and rooms of its own"
        raise ConfigurationError(f"{problem}; name a file, set ASOK_REDIS, or leave out --workers")
    problem = "here workers cannot tell each other what has changed: this system has no Unix sockets, or the app a bus="
    raise ConfigurationError(f"{problem} of its own for one process; set ASOK_REDIS, or leave out --workers")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_room(connections: int, asoks: Sequence[Asok]) -> None:
    """Let each app have so many connections; uvicorn counts requests only. Fewer where there are no files for them."""
    allow_open_files(connections + OTHER_FILES)
    room = min(connections, most_connections())
    if room < connections and not all(asok.settings.limits.connections for asok in asoks):
        problem = "the files that this process may open are enough for %d connections, not for %d"
        log.warning(problem + "; raise `ulimit -n`, or lower --limit-concurrency", room, connections)
    for asok in asoks:
        asok.limit_connections(room)


def allow_open_files(wanted: int) -> float:
    """Let this process, and those that it starts, open so many files, where the system gives them. The number is what
    there may be: each connection is a file, and many systems allow 1,024 until they are asked for more."""
    try:
        import resource  # Windows has none

        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        endless = resource.RLIM_INFINITY
        if allowed != endless and allowed < wanted:
            allowed = max(allowed, wanted if most == endless else min(wanted, most))
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    except (ImportError, ValueError, OSError):
        return math.inf
    return math.inf if allowed == endless else allowed


def need_open_files() -> None:
    """Raise ConfigurationError where so few files may be open that no app could be served."""
    allowed = allow_open_files(FEWEST_FILES)
    if allowed < FEWEST_FILES:
        problem = f"this process may open {allowed} files, and needs {FEWEST_FILES} and one more for each connection"
        raise ConfigurationError(f"{problem}; raise `ulimit -n`, in systemd LimitNOFILE=")


class Server(uvicorn.Server):
    """uvicorn that drains: it stops listening, lets running methods answer, and only then closes connections."""

    drains = True

    def __init__(self, serving: Serving, loaded: Loaded, tell: Callable[[Started], None]) -> None:
        super().__init__(uvicorn_config(serving, loaded))
        self._asoks, self._development, self._tell = loaded.asoks, serving.development, tell
        self._told = Started(folders_of(serving, loaded.asoks), drain_of(serving, loaded.asoks))
        self._follower: asyncio.Task[None] | None = None
        self._draining: asyncio.Future[Any] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and in development follow the templates from then on."""
        await take_own_protocols(self.config)
        await super().startup(sockets)
        if self._development:
            self._follower = asyncio.create_task(follow(self._asoks, self._told.folders))
            for asok in self._asoks:  # those that another app mounts have no lifespan of their own
                asok.mistakes.begin()
        self._tell(self._told)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain for as long as was allowed, then end; a second Ctrl+C ends at once."""
        deadline = time.monotonic() + self._told.drain
        for each in (*self.servers, *(sockets or ())):  # with the last copy of the socket, connections are refused
            each.close()
        await hear_out(self.server_state.connections, DEVELOPMENT_LOOKS if self._development else LOOKS)
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        self._draining = asyncio.gather(*(asok.drain(self._told.drain) for asok in self._asoks))
        with contextlib.suppress(asyncio.CancelledError):
            await self._draining
        self.config.timeout_graceful_shutdown = max(1, math.ceil(deadline - time.monotonic()))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's; a second Ctrl+C cuts the drain too."""
        super().handle_exit(sig, frame)
        if self.force_exit and self._draining is not None:
            self._draining.get_loop().call_soon_threadsafe(self._draining.cancel)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but an end that was asked for is a success: the signal is not raised again afterwards."""
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


async def hear_out(connections: Collection[object], looks: int) -> None:
    """Wait until each of uvicorn's connections has brought a request, and look at most so often."""
    for _ in range(looks):
        await asyncio.sleep(LOOK)
        if all(getattr(each, "cycle", each) is not None for each in connections):
            break


def uvicorn_config(serving: Serving, loaded: Loaded) -> uvicorn.Config:
    own = log.handlers[:]
    config = uvicorn.Config(
        loaded.app,
        host=serving.host,
        ws="websockets-sansio",  # until `take_own_protocols` has found that ours fits
        ws_max_size=max((asok.settings.limits.message for asok in loaded.asoks), default=Limits().message),
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        workers=1,
        limit_concurrency=serving.concurrency,
        timeout_keep_alive=10,
        proxy_headers=bool(serving.trusted_proxies),
        forwarded_allow_ips=serving.trusted_proxies,
        server_header=False,
        log_config=log_config(development=serving.development),
        log_level=None,
        access_log=serving.access_log,
    )
    for handler in own:  # what the app has added
        log.addHandler(handler)
    return config


async def take_own_protocols(config: uvicorn.Config) -> None:
    """Let our classes read the requests, with an end, and carry the WebSockets, at half of the cost, where they fit to
    the uvicorn that is installed."""
    theirs = config.http_protocol_class
    try:
        from asok.wire_rehearsal import WebSocketProtocol, rehearse

        bounded(config)
        await rehearse(config)
    except Exception as error:
        config.http_protocol_class = theirs
        problem = f"{type(error).__name__}: {error}"
        log.warning("uvicorn %s carries the sockets itself, our class does not fit: %s", uvicorn.__version__, problem)
    else:
        config.ws_protocol_class = WebSocketProtocol


# --- the log


def log_config(*, development: bool) -> dict[str, Any]:
    line = "%(levelname)s: %(message)s" if development else "%(asctime)s %(levelname)s %(name)s: %(message)s"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"()": JsonLines} if wants_json() and not development else {"format": line}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "uvicorn.access": {"level": "INFO"},
            "asok": {"handlers": ["stderr"], "level": log.level or "WARNING", "propagate": False},
        },
    }


# --- development: templates and stylesheets without a restart


def folders_of(serving: Serving, asoks: Sequence[Asok]) -> set[Path]:
    """Where the files lie that people write for these apps: beside the app, under its root, beside a component."""
    beside = (definition.folder for definition in registry)
    folders = {serving.path.parent, *(asok.root.resolve() for asok in asoks), *filter(None, beside)}
    return {folder for folder in folders if folder.is_dir() and not UNWATCHED.intersection(folder.parts)}


async def follow(asoks: Sequence[Asok], folders: set[Path]) -> None:
    """Tell the apps when a template or a stylesheet has changed, until cancelled."""

    def is_shown(change: Change, path: str) -> bool:
        return Path(path).suffix in SHOWN and is_written_by_people(path, folders)

    async for changes in awatch(*folders, watch_filter=is_shown, ignore_permission_denied=True):
        kinds = {"css" if path.endswith(".css") else "template" for _, path in changes}
        for asok, what in product(asoks, sorted(kinds)):
            await asok.refresh(what)


def is_written_by_people(path: str, folders: Iterable[Path]) -> bool:
    """Whether a file in one of the folders is neither hidden, nor installed, nor made by a machine."""
    inside = next((Path(path).relative_to(folder) for folder in folders if Path(path).is_relative_to(folder)), None)
    return inside is not None and not any(
        part in UNWATCHED or (part.startswith(".") and part != ".env") for part in inside.parts
    )
