"""What those are told who watch an app: Prometheus, OpenTelemetry, and whoever reads the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from asok import Asok, Component, Denied, exposed
from asok.errors import Busy, ConfigurationError
from asok.figures import told
from asok.metrics import Metrics, endpoint, forget_process, shared_registry
from asok.observing import Observer
from asok.tracing import Tracing
from tests.rig import Rig, Tab, asok_app, rig
from tests.unit.clicking import PATIENCE, Clicking, served
from tests.unit.commands import eventually, fails

PROVIDER = TracerProvider()
EXPORTER = InMemorySpanExporter()
PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))


class Observed(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self, step: int = 1) -> None:
        with trace.get_tracer("the app", tracer_provider=PROVIDER).start_as_current_span("inside"):
            self.count += step

    @exposed
    async def fail(self) -> None:
        raise RuntimeError("secret")

    @exposed
    async def deny(self) -> None:
        raise Denied("this")

    @exposed
    async def busy(self) -> None:
        raise Busy("the database is away")


class Told(Observer):
    """Remembers everything."""

    def __init__(self) -> None:
        self.of: list[tuple[Any, ...]] = []

    def event(self, component: str, method: str, event: str) -> Callable[[str], None]:
        return lambda outcome: self.of.append(("event", component, method, event, outcome))

    def sent(self, size: int) -> None:
        self.of.append(("sent", size))

    def rendered(self, component: str) -> None:
        self.of.append(("rendered", component))

    def refused(self, code: str) -> None:
        self.of.append(("refused", code))

    def opened(self, transport: str) -> None:
        self.of.append(("opened", transport))

    def closed(self, transport: str) -> None:
        self.of.append(("closed", transport))

    def lagged(self, seconds: float) -> None:
        self.of.append(("lagged", seconds))

    def missed(self) -> None:
        self.of.append(("missed",))


class Raising(Observer):
    """Is of no use."""

    def event(self, component: str, method: str, event: str) -> Callable[[str], None]:
        raise RuntimeError("no")

    def sent(self, size: int) -> None:
        raise RuntimeError("no")


@contextlib.asynccontextmanager
async def observed(tmp_path: Path, *observers: Observer) -> AsyncIterator[tuple[Rig, Tab, Asok]]:
    app = asok_app(tmp_path, {"/": "{{ component('Observed') }}"})
    for observer in observers:
        app.observe(observer)
        app.observe(observer)  # twice is once
    async with rig(app) as server:
        yield server, await server.tab(), app


async def test_an_observer_is_told_of_each_event_and_what_came_of_it(tmp_path: Path) -> None:
    told = Told()
    async with observed(tmp_path, Raising(), told) as (_, tab, _app):
        for seq, call in enumerate(("add(2)", "fail", "deny", "nothing(1)", "", "busy"), 1):
            await tab.event(call, seq=seq)
        await tab.socket.close()
        async with asyncio.timeout(10):
            while ("closed", "websocket") not in told.of:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    events = [each[2:] for each in told.of if each[0] == "event"]
    named = [(method, outcome) for method, _, outcome in events]
    # What no method is called, a browser has made up: it is no label.
    unknown = [("", "refused"), ("", "done")]
    assert named == [("add", "done"), ("fail", "failed"), ("deny", "denied"), *unknown, ("busy", "busy")]
    assert events[0][1] == f"{tab.only}-{tab.name}-1"
    assert told.of.count(("opened", "websocket")) == 1
    refused = [each[1] for each in told.of if each[0] == "refused"]
    assert refused == ["failed", "denied", "refused", "busy"]
    assert [each for each in told.of if each[0] == "sent" and each[1] > 0]
    assert ("rendered", "Observed") in told.of


async def test_prometheus_is_told_where_the_app_mounts_it_and_nowhere_else(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Observed') }}"})
    app.add_route("/figures", endpoint(app))
    async with rig(app) as server:
        tab = await server.tab()
        await tab.event("add(1)")
        await tab.event("deny")
        text = (await (await server.visitor()).http.get("/figures")).text
        assert 'asok_events_total{component="Observed",method="add",outcome="done"} 1.0' in text
        assert 'asok_event_seconds_count{component="Observed",method="add"} 1.0' in text
        assert 'asok_refusals_total{code="denied"} 1.0' in text
        assert 'asok_connections{transport="websocket"} 1.0' in text
        assert re.search(r"asok_patch_bytes_sum [1-9]", text) and "asok_renders_total" in text
        assert (await (await server.visitor()).http.get("/metrics")).status_code == 404


def test_the_figures_follow_what_the_observer_is_told() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.opened("post")
    metrics.closed("post")
    metrics.missed()
    metrics.lagged(0.2)
    metrics.met_newer("Observed")
    value = registry.get_sample_value
    assert value("asok_connections", {"transport": "post"}) == 0
    assert value("asok_bus_gaps_total") == value("asok_commit_conflicts_total", {"component": "Observed"}) == 1
    assert value("asok_loop_lag_seconds_sum") == 0.2


async def test_a_span_tells_of_an_event_what_is_no_secret_and_holds_what_the_method_does(tmp_path: Path) -> None:
    EXPORTER.clear()
    async with observed(tmp_path, Tracing(PROVIDER)) as (_, tab, _app):
        await tab.event("add(12345)", {"value": "hunter2"})
        await tab.event("fail")
    inside, add, fail = EXPORTER.get_finished_spans()
    assert [inside.name, add.name, fail.name] == ["inside", "Observed.add", "Observed.fail"]
    assert inside.parent is not None and inside.parent.span_id == add.context.span_id
    assert add.attributes is not None and add.attributes["asok.outcome"] == "done"
    assert add.attributes["asok.patch_bytes"] == len(json.dumps(tab.frames[1], separators=(",", ":")))
    assert not fail.status.is_ok and add.status.status_code is trace.StatusCode.UNSET
    written = add.to_json() + fail.to_json()
    for secret in "12345", "hunter2", "secret", tab.shown[tab.only].token:
        assert secret not in written


# --- asok run

APP = """\
from asok import Asok, Component, exposed

class Insight(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self):
        self.count += 1

    @exposed
    async def fail(self):
        raise RuntimeError("no\\nway")

app = Asok()
app.page("/", Insight)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


async def test_one_scrape_tells_the_figures_of_all_workers_even_of_those_that_died(folder: Path, free: int) -> None:
    address = f"127.0.0.1:{free}"
    (folder / ".env").write_text(f"ASOK_METRICS={address}\n")
    run = ("asok", "run", "--workers", "2")
    async with served(*run, folder=folder) as server, contextlib.AsyncExitStack() as closing:
        people = [await Clicking.at(server, closing) for _ in range(4)]
        for person in people:
            await person.click("add")
        counted = 'asok_events_total{component="Insight",method="add",outcome="done"} 4.0'
        async with httpx.AsyncClient() as prometheus:

            async def tells(*lines: str) -> None:
                """Wait until the figures hold the lines: an event is counted when its answer is on its way."""
                text = ""
                async with asyncio.timeout(PATIENCE):
                    while not all(line in text for line in lines):
                        text = (await prometheus.get(f"http://{address}/metrics")).text

            connected = 'asok_connections{transport="websocket"} 4.0'
            await tells(counted, connected)
            before = server.said.count("died")
            for worker in workers(server.process.pid):
                os.kill(worker, signal.SIGKILL)
            await eventually(lambda: server.said.count("died") >= before + 2 or None, server)
            for person in people:
                await person.click("add")
            # What was counted stays; whose connections died does not count.
            await tells(counted.replace("4.0", "8.0"), connected)
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.get(f"{server.url}/metrics")).status_code == 404


COUNTING = """
import os
from asok.metrics import Metrics

metrics = Metrics()
metrics.opened("websocket")
metrics.rendered("Börse, \\"one\\"")
for size in (70, 700, 7000):
    metrics.sent(size)
print(os.getpid())
"""


def test_what_workers_have_counted_that_ended_lies_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    command = (sys.executable, "-c", COUNTING)
    workers = [int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) for _ in range(3)]
    before = told_by_all()
    assert "asok_patch_bytes_count 9.0" in before
    for worker in workers:
        forget_process(worker)
        forget_process(worker)  # nothing twice
    assert told_by_all() == [line for line in before if not line.startswith("asok_connections")]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["counter_ended.db", "histogram_ended.db"]


def told_by_all() -> list[str]:
    """The figures without their explanations."""
    lines = generate_latest(shared_registry()).decode().splitlines()
    return sorted(line for line in lines if not line.startswith("#"))


@pytest.fixture
def free() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def workers(supervisor: int) -> list[int]:
    """The processes that a supervisor has begun, oldest first; not the one that tracks its resources."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


async def test_each_line_of_the_log_is_json_where_that_is_wanted(folder: Path) -> None:
    async with served("asok", "run", folder=folder, ASOK_LOG="json") as server, contextlib.AsyncExitStack() as closing:
        person = await Clicking.at(server, closing)
        assert (await person.click("fail"))[0] == "refused"
        line = await eventually(lambda: re.search(r"^.*Insight\.fail.*$", server.said, re.M), server)
        said = json.loads(line[0])
        assert said["level"] == "ERROR" and said["logger"] == "asok" and said["code"] == "failed"
        assert said["component"] == "Insight" and said["event"].endswith(f"-{person.name}-1")
        assert "RuntimeError" in said["message"] and "T" in said["time"]
        os.kill(workers(server.process.pid)[0], signal.SIGKILL)
        await eventually(lambda: "died" in server.said or None, server)
        for each in server.said.splitlines():
            assert json.loads(each)["message"]


def test_settings_that_cannot_be_meant_are_said(folder: Path) -> None:
    key = {"SECRET_KEY": "0123456789abcdef" * 4}
    assert "expected text or json" in fails("run", cwd=folder, ASOK_LOG="xml", **key)
    assert "such as 127.0.0.1:9100" in fails("run", "--port", "0", cwd=folder, ASOK_METRICS="9100", **key)
    key |= {"ASOK_METRICS": "127.0.0.1:0", "PROMETHEUS_MULTIPROC_DIR": str(folder / "none")}
    assert "PROMETHEUS_MULTIPROC_DIR is not set or not a directory" in fails("run", "--port", "0", cwd=folder, **key)


def test_figures_without_a_place_for_them_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASOK_METRICS", "127.0.0.1:0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="set TMPDIR to one that this process may write"), told():
        pass
