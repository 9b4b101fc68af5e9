"""Two workers on one file, and a page whose events meet now the one, now the other: each counts once."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.rig import PATIENCE, Rig, Tab, Visitor, rig
from tests.unit.worker_child import worker

KEY = re.compile(r'ws-key="([^"]*)"')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Rig, Rig]]:
    """A worker here, and one in a process of its own."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.unit.worker_child", str(folder))
    async with rig(worker(folder)) as here:
        child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert child.stdin is not None and child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                port = int(await child.stdout.readline())
            yield here, Rig(port, None, here.closing)
        finally:
            child.stdin.close()
            await child.wait()


class Wanderer:
    """A page that is connected anew for each event, each time to the other worker."""

    def __init__(self, visitor: Visitor, workers: tuple[Rig, Rig], tab: Tab) -> None:
        self.visitor, self.workers, self.tab, self.turns = visitor, workers, tab, 0
        self.rows: list[str] = []
        self.saved: list[str] = []

    async def move(self) -> None:
        old, self.turns = self.tab, self.turns + 1
        at = Visitor(self.workers[self.turns % 2], self.visitor.http)
        self.tab = await at.connect()
        await old.socket.close()
        self.tab.name, self.tab.shown, self.tab.csrf = old.name, old.shown, old.csrf
        await self.tab.rejoin(*self.tab.shown)
        self.look()

    async def event(self, instance: str, call: str, data: Any = None, *, lost: bool = False) -> None:
        """lost: the connection breaks before the answer, and the event is sent again to the other."""
        await self.move()
        seq = self.tab.shown[instance].last + 1
        if lost:
            self.tab.shown[instance].last = seq
            await self.tab.send("event", instance, seq, call, data or {})
            await self.move()
        assert (await self.tab.event(call, data, instance=instance, seq=seq))[0] == "update"
        self.look()

    def look(self) -> None:
        """Do what a browser does with the effects that have come."""
        for frame in self.tab.frames:
            for name, *details in frame[5] if frame[0] == "update" and len(frame) > 5 else ():
                if name == "dispatch":
                    self.saved.append(details[1])
                elif name == "stream" and details[1] in ("put", "reset"):
                    keys = KEY.findall(details[2])
                    kept = [row for row in self.rows if row not in keys] if details[1] == "put" else []
                    self.rows = [*kept, *keys]
        self.tab.frames.clear()


async def test_events_that_alternate_between_workers_count_once_each(tmp_path: Path) -> None:
    async with two(tmp_path) as workers:
        visitor = await workers[0].visitor()
        tab = await visitor.tab()
        board, cheer = tab.shown
        await tab.shows("fresh", cheer)
        page = Wanderer(visitor, workers, tab)
        for number in range(12):
            wish = {"form": [["text", f"wish {number}"]]}
            await page.event(board, "save", wish, lost=number % 3 == 2)
            await page.event(cheer, "cheer")
            await page.tab.shows(f"<b>{number + 1}</b>", board)
        wishes = [f"wish {number}" for number in range(12)]
        assert page.rows == wishes
        assert page.saved == wishes
        assert page.tab.text(cheer) == "<p>12 fresh</p>"
        await page.event(board, "save", {"form": [["text", "x"]]})
        assert "at least 3 characters" in page.tab.text(board)
        again = await visitor.open(f"{workers[1].base}/")
        assert [key for key in KEY.findall(again.text) if key != "rows"] == wishes


async def test_a_form_without_javascript_is_sent_to_the_other_worker(tmp_path: Path) -> None:
    async with two(tmp_path) as workers:
        visitor = await workers[0].visitor()
        page = await visitor.open()
        fields = dict(HIDDEN.findall(page.text))
        kind = "application/x-www-form-urlencoded"

        async def post(at: Rig) -> httpx.Response:
            headers = {"origin": at.base, "content-type": kind}
            body = urlencode({**fields, "text": "peace"})
            return await visitor.http.post(f"{at.base}/live/form", content=body, headers=headers)

        answers = await asyncio.gather(*(post(at) for at in (*workers, *workers)))
        assert {answer.status_code for answer in answers} == {303}
        assert (await visitor.open()).text.count(">peace</li>") == 1
