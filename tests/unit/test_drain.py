"""Servers that end while people click: what runs is answered, what was not is sent again, and nothing counts twice."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from asok import Component, exposed
from asok.backends.memory import MemoryBackend
from tests.rig import Tab, asok_app, rig
from tests.unit.clicking import RETRY, Clicking, served
from tests.unit.commands import Running, eventually

WORKERS = 2
RUN = ("asok", "run", "--workers", str(WORKERS))
APP = """\
import asyncio
import os
from pathlib import Path

from asok import Asok, Component, Limits, Settings, exposed

HERE = Path(__file__).parent
with open(HERE / "processes", "a") as log:
    log.write(f"{os.getpid()}\\n")


class Draining(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self):
        self.count += 1

    @exposed(timeout=60)
    async def slow(self):
        self.count += 1
        self.session["begun"] = True
        with open(HERE / "begun", "a") as log:
            log.write("x")
        while not (HERE / "finish").exists():
            await asyncio.sleep(0.01)


settings = Settings.read(HERE)
drain = float((HERE / "drain").read_text())
app = Asok(settings=Settings(settings.root, keys=settings.keys, limits=Limits(drain=drain)))
app.page("/", Draining)
"""


class Dropped(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self) -> None:
        self.count += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "drain").write_text("10")
    return tmp_path


def serving(folder: Path) -> set[int]:
    """The processes that have loaded the app, and live."""
    return {process for process in map(int, (folder / "processes").read_text().split()) if not is_gone(process)}


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


async def replaced(folder: Path, server: Running) -> None:
    """Ask for new workers, and wait until the old ones have gone."""
    old = await eventually(lambda: found if len(found := serving(folder)) >= WORKERS else None, server)
    server.process.send_signal(signal.SIGHUP)
    await eventually(lambda: None if old & serving(folder) else True, server)


async def begun(folder: Path, server: Running, times: int = 1) -> None:
    log = folder / "begun"
    await eventually(lambda: (log.exists() and len(log.read_text()) == times) or None, server)


async def slow_click(clicking: Clicking, folder: Path, server: Running) -> Tab:
    """A method that runs until `finish` is there, and the tab that waits for it."""
    assert (await clicking.click("add"))[0] == "update"
    tab = clicking.tab
    assert tab is not None
    clicking.seq = 2
    await tab.send("event", tab.only, 2, "slow")
    await begun(folder, server)
    return tab


async def test_r06_r27_workers_replaced_one_by_one_with_other_keys_lose_double_and_refuse_nothing(folder: Path) -> None:
    over = asyncio.Event()
    keys = [hashlib.sha256(f"key {number}".encode()).hexdigest() for number in range(4)]
    # A new key is believed by all workers before one signs with it.
    rings = [[keys[0], keys[1]], [keys[1], keys[0], keys[2]], [keys[2], *keys[:2], keys[3]], [keys[3], *keys[:3]]]
    write_ring(folder, rings[0])
    async with served(*RUN, folder=folder, SECRET_KEY="") as server, AsyncExitStack() as closing:
        people = [await Clicking.at(server, closing) for _ in range(2)]
        clicking = [asyncio.create_task(each.click_until(over)) for each in people]
        coming = asyncio.create_task(come_and_go(server, over))
        for ring in rings[1:]:
            write_ring(folder, ring)
            await replaced(folder, server)
        over.set()
        for person, task in zip(people, clicking, strict=True):
            assert f"<p>{await task}</p>" in person.text
        assert await coming > 3
        assert "died" not in server.said and "Traceback" not in server.said


def write_ring(folder: Path, ring: list[str]) -> None:
    (folder / ".env").write_text(f"ASOK_KEYS={','.join(ring)}\n")


async def come_and_go(server: Running, over: asyncio.Event) -> int:
    """People with a new page each: one worker makes it, and another one may take its socket."""
    came = 0
    while not over.is_set():
        async with AsyncExitStack() as closing:
            person = await Clicking.at(server, closing)
            assert (await person.click("add"))[0] == "update"
        came += 1
    return came


async def test_r27_a_key_that_is_dropped_only_makes_pages_begin_anew(tmp_path: Path) -> None:
    backend, pages = MemoryBackend(), {"/": "{{ component('Dropped') }}"}
    old, new = (hashlib.sha256(name).hexdigest() for name in (b"old", b"new"))
    async with rig(asok_app(tmp_path, pages, keys=[old], backend=backend)) as served_before:
        visitor = await served_before.visitor()
        page = await visitor.open()
    async with rig(asok_app(tmp_path, pages, keys=[new], backend=backend)) as served_after:
        visitor.rig = served_after
        visitor.http = await served_after.closing.enter_async_context(
            httpx.AsyncClient(base_url=served_after.base, cookies={"asok": visitor.cookie})
        )
        tab = await visitor.connect()
        await tab.send("join", 1, page.csrf, tab.name, [[page.tokens[0], 0, 0]])
        assert await tab.closed() == 4401, "the page is to be fetched again"
        fresh = await visitor.tab()
        await fresh.send("join", 1, "", fresh.name, [[page.tokens[0], 0, 0]])
        assert (await fresh.until("reset"))[1] == page.tokens[0].partition(".")[0]
        assert "<p>1</p>" in await fresh.text_after("add")


@pytest.mark.parametrize("command", [RUN, ("uvicorn", "app:app"), ("uvicorn", "app:app", "--workers", "2")])
async def test_r06_a_server_that_ends_and_begins_again_loses_and_doubles_nothing(
    folder: Path, command: tuple[str, ...]
) -> None:
    over = asyncio.Event()
    async with AsyncExitStack() as closing:
        port, clicking = 0, list[asyncio.Task[int]]()
        for _ in range(3):
            async with served(*command, folder=folder, port=port) as server:
                port = server.port
                if not clicking:
                    people = [await Clicking.at(server, closing) for _ in range(3)]
                    clicking = [asyncio.create_task(each.click_until(over)) for each in people]
                before = [person.seq for person in people]
                await eventually(
                    lambda: all(p.seq > b + 2 for p, b in zip(people, before, strict=True)) or None,  # noqa: B023
                    server,
                )
                assert await server.ends(signal.SIGTERM) in (0, -signal.SIGTERM)
                assert "Traceback" not in server.said, server.said
        async with served(*command, folder=folder, port=port):
            over.set()
            for person, task in zip(people, clicking, strict=True):
                assert f"<p>{await task}</p>" in person.text


async def test_r07_a_running_method_is_answered_before_the_close_and_nobody_new_is_let_in(folder: Path) -> None:
    async with served("asok", "run", folder=folder) as server, AsyncExitStack() as closing:
        clicking = await Clicking.at(server, closing)
        tab = await slow_click(clicking, folder, server)
        health = clicking.visitor.http
        assert (await health.get("/live/health")).json() == {"status": "ready"}
        server.process.send_signal(signal.SIGTERM)
        await refused(server.port)
        while (await health.get("/live/health")).json() != {"status": "draining"}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await tab.event("add", seq=3))[0] == "slow_down", "no more is begun"
        (folder / "finish").touch()
        assert (await tab.settled(tab.only, 2))[0] == "update"
        assert "<p>2</p>" in tab.text()
        assert await tab.closed() == 1012
        assert await server.ended() == 0


async def refused(port: int) -> None:
    """Until connections to the port are refused."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("command", [RUN, ("uvicorn", "app:app")])
async def test_r07_a_method_that_takes_longer_than_the_drain_leaves_nothing_and_runs_when_it_is_sent_again(
    folder: Path, command: tuple[str, ...]
) -> None:
    (folder / "drain").write_text("0.3")
    async with AsyncExitStack() as closing:
        async with served(*command, folder=folder) as server:
            clicking = await Clicking.at(server, closing)
            tab = await slow_click(clicking, folder, server)
            server.process.send_signal(signal.SIGTERM)
            assert await tab.closed() == 1012
            assert await server.ended() in (0, -signal.SIGTERM)
            assert "Traceback" not in server.said, server.said
        (folder / "finish").touch()
        async with served(*command, folder=folder, port=server.port):
            clicking.tab, clicking.seq = None, 1
            frame = await clicking.click("slow")
            assert frame[0] == "update" and "<p>2</p>" in clicking.text
            assert (folder / "begun").read_text() == "xx"


async def test_under_plain_uvicorn_a_running_method_counts_though_its_socket_is_closed_at_once(folder: Path) -> None:
    async with AsyncExitStack() as closing:
        async with served("uvicorn", "app:app", folder=folder) as server:
            clicking = await Clicking.at(server, closing)
            tab = await slow_click(clicking, folder, server)
            server.process.send_signal(signal.SIGTERM)
            assert await tab.closed() == 1012
            (folder / "finish").touch()
            assert await server.ended() in (0, -signal.SIGTERM)
        async with served("uvicorn", "app:app", folder=folder, port=server.port):
            again = Clicking(clicking.visitor, clicking.tokens, clicking.csrf)
            again.name, again.seq = clicking.name, 2
            tab = await again.connected()
            assert (await tab.event("slow", RETRY, seq=2))[0] == "update"
            assert "<p>2</p>" in tab.text()
            assert (folder / "begun").read_text() == "x", "it was not run again"
