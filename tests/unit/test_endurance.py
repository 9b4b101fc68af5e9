"""A full disk, a clock that jumps, a browser that is cut off: what is going on goes on, or ends and leaves nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asok import Component, exposed
from tests.rig import asok_app, rig
from tests.unit.waiting import until


class GrowsOnDisk(Component):
    text = ""
    template = "<p>{{ text | length }}</p>"

    @exposed
    def grow(self) -> None:
        self.text += "x" * 4000


class RunsForEver(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def steps(self) -> AsyncIterator[None]:
        while True:
            self.count += 1
            yield
            await asyncio.sleep(0.01)

    @exposed
    def add(self) -> None:
        self.count += 1


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """What the app opens of SQLite."""
    opened, connect = list[sqlite3.Connection](), sqlite3.connect

    def remembered(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembered)
    return opened


async def test_r14_a_full_disk_makes_events_wait_and_harms_no_page_that_writes_nothing(
    tmp_path: Path, connections: list[sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    pages = {"/": "{{ component('GrowsOnDisk') }}", "/plain": "nothing to keep"}
    app = asok_app(tmp_path, pages, database=str(tmp_path / "small.db"))
    async with rig(app) as served:
        tab = await served.tab()
        assert await tab.text_after("grow") == "<p>4000</p>"
        database = connections[0]
        used = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {used + 2}")
        frame, grown = await tab.event("grow"), 4000
        while frame[0] == "update":
            grown += 4000
            frame = await tab.event("grow")
        assert frame[:3] == ["busy", tab.only, grown // 4000 + 1]
        assert frame[3] >= 100
        assert [record for record in caplog.records if "full" in record.getMessage()]
        assert not [record for record in caplog.records if record.exc_info]
        visitor = await served.visitor()
        assert (await visitor.http.get("/plain")).status_code == 200
        assert (await visitor.http.get("/")).status_code in (200, 503)
        assert (await tab.event("grow", seq=frame[2]))[0] == "busy"
        database.execute("PRAGMA max_page_count = 1000000")
        assert (await tab.event("grow", seq=frame[2]))[0] == "update"
        assert tab.text() == f"<p>{grown + 4000}</p>"
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("hours", [1, -1])
async def test_r26_a_clock_that_jumps_disconnects_nobody_and_ends_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('RunsForEver') }}"})) as served:
        visitor = await served.visitor()
        tab, real = await visitor.tab(), time.time
        assert await tab.text_after("add") == "<p>1</p>"
        monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours)
        for number in range(2, 5):
            assert await tab.text_after("add") == f"<p>{number}</p>"
        cookie = visitor.cookie
        after = await visitor.tab()
        assert visitor.cookie == cookie
        assert await after.text_after("add") == "<p>5</p>"
        await tab.rejoin(tab.only)  # with a token of after the jump
        assert await tab.text_after("add") == "<p>5</p>"


async def test_r31_of_a_browser_that_is_cut_off_in_a_stream_no_task_is_left_after_five_seconds(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('RunsForEver') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        await visitor.open()
        await visitor.http.aclose()
        before = len(asyncio.all_tasks())
        tabs = []
        for _ in range(5):
            fresh = await served.visitor()
            tabs.append(await fresh.tab())
            await fresh.http.aclose()
            await tabs[-1].send("event", tabs[-1].only, 1, "steps")
            await tabs[-1].shows("<p>3</p>")
        assert len(asyncio.all_tasks()) > before
        for tab in tabs:
            tab.socket.transport.abort()
        async with asyncio.timeout(20):
            await until(lambda: len(asyncio.all_tasks()) <= before)
        assert app._engine.crowd.size == 0
