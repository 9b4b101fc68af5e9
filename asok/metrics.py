"""Figures of an app for Prometheus: `pip install asok-live[prometheus]`.

`asok run` with `ASOK_METRICS=127.0.0.1:9100` serves them there, for all of its workers together. Elsewhere
`app.add_route("/metrics", endpoint(app))` does, for whoever may reach that path.
"""

from __future__ import annotations

import os
import struct
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client import generate_latest as figures_of
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asok.observing import Observer

if TYPE_CHECKING:
    from asok.app import Asok

__all__ = ["Metrics", "endpoint", "forget_process", "serve_figures", "watch"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SUMS = "counter", "histogram", "summary"
BYTES = (64, 128, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)


_merging = Lock()


class Metrics(Observer):
    """Counts what happens. A process has one, since the figures of a process have their names once.

    Labels are names of the app's own classes, methods and refusals, so their number is bounded.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        method = ("component", "method")
        self._events = Counter("asok_events", "Events, by what came of them.", (*method, "outcome"), registry=registry)
        self._seconds = Histogram(
            "asok_event_seconds", "From the beginning of an event's work to its answer.", method,
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._patches = Histogram(
            "asok_patch_bytes", "Sizes of the renderings and changes sent.", buckets=BYTES, registry=registry
        )
        self._renders = Counter("asok_renders", "Renderings of components.", ("component",), registry=registry)
        self._refusals = Counter("asok_refusals", "What browsers were refused.", ("code",), registry=registry)
        self._conflicts = Counter(
            "asok_commit_conflicts", "Commits that met newer data; their work ran again.", ("component",),
            registry=registry,
        )  # fmt: skip
        self._connections = Gauge(
            "asok_connections", "Open connections.", ("transport",), multiprocess_mode="livesum", registry=registry
        )
        self._gaps = Counter(
            "asok_bus_gaps", "Times that messages between processes may have been lost.", registry=registry
        )
        self._lag = Histogram(
            "asok_loop_lag_seconds", "How late the loop came to its work.", buckets=SECONDS, registry=registry
        )

    def event(self, component: str, method: str, event: str) -> Callable[[str], None]:
        """Count an event, and its time."""
        began = time.perf_counter()

        def ended(outcome: str) -> None:
            self._seconds.labels(component, method).observe(time.perf_counter() - began)
            self._events.labels(component, method, outcome).inc()

        return ended

    def sent(self, size: int) -> None:
        """Count a patch."""
        self._patches.observe(size)

    def rendered(self, component: str) -> None:
        """Count a rendering."""
        self._renders.labels(component).inc()

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.labels(code).inc()

    def met_newer(self, component: str) -> None:
        """Count a conflict."""
        self._conflicts.labels(component).inc()

    def opened(self, transport: str) -> None:
        """One connection more."""
        self._connections.labels(transport).inc()

    def closed(self, transport: str) -> None:
        """One connection less."""
        self._connections.labels(transport).dec()

    def missed(self) -> None:
        """Count a gap of the bus."""
        self._gaps.inc()

    def lagged(self, seconds: float) -> None:
        """Note how late the loop was."""
        self._lag.observe(seconds)


@lru_cache(maxsize=1)
def metrics() -> Metrics:
    """Those of this process."""
    return Metrics()


def watch(app: Asok) -> None:
    """Count what happens in the app from now on."""
    app.observe(metrics())


class Figures:
    """An ASGI app that tells the figures to whoever asks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        headers = {"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
        await Response(figures_of(shared_registry()), headers=headers)(scope, receive, send)


def endpoint(app: Asok) -> Figures:
    """Count what happens in the app, and tell it to whoever asks: `app.add_route("/metrics", endpoint(app))`, at a
    path that only your Prometheus can reach.

    With `PROMETHEUS_MULTIPROC_DIR` set, the figures are those of all processes that share it; without, of this one.
    """
    watch(app)
    return Figures()


def shared_registry() -> CollectorRegistry:
    """What a scrape reads."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return REGISTRY
    registry = CollectorRegistry()
    Together(registry, path=folder)  # type: ignore[no-untyped-call]  # it carries no types
    return registry


class Together(MultiProcessCollector):
    """The figures of all processes, none of them twice."""

    def collect(self) -> Any:
        """What a scrape tells."""
        with _merging:
            return super().collect()  # type: ignore[no-untyped-call]


def serve_figures(host: str, port: int) -> int:
    """Tell the figures of all workers there, from a thread of this process; the port. Raises OSError."""
    server, _ = start_http_server(port, host, shared_registry())
    return int(server.server_port)


def forget_process(process: int) -> None:
    """A worker has ended: its connections are no more. What it has counted stays, in one file with that of others."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]  # it carries no types
    folder = Path(os.environ[FOLDER])
    with _merging:
        for kind in SUMS:
            own = folder / f"{kind}_{process}.db"
            with suppress(OSError, RuntimeError, struct.error):  # it is full, or was cut short: the file stays
                _merge(own, folder / f"{kind}_ended.db")


def _merge(own: Path, ended: Path) -> None:
    sums = defaultdict[str, float](float)
    for file in (own, *([ended] if ended.exists() else [])):
        for key, value, *_ in MmapedDict.read_all_values_from_file(os.fspath(file)):  # type: ignore[no-untyped-call]
            sums[key] += value
    # As prometheus_client writes it, but without a map into memory: on a full disk that would end this process.
    body = b"".join(_entry(key.encode(), value) for key, value in sums.items())
    made = ended.with_suffix(".made")
    made.write_bytes(struct.pack("ii", 8 + len(body), 0) + body)
    made.replace(ended)
    own.unlink()


def _entry(key: bytes, value: float) -> bytes:
    padded = key + b" " * (8 - (len(key) + 4) % 8)
    return struct.pack(f"i{len(padded)}sdd", len(key), padded, value, 0.0)
