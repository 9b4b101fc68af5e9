"""A tab that is back while its older connection, which has not noticed its end, still changes what it shows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from asok import Component, Stream, exposed, on
from asok.bus import LocalBus
from asok.lines import Line
from asok.overlapping import Overlap
from asok.topics import Topics
from tests.rig import Tab, Visitor, asok_app, rig
from tests.unit.test_background import living
from tests.unit.waiting import until


async def back(visitor: Visitor, lost: Tab) -> Tab:
    """The same tab over a new connection."""
    tab = await visitor.again(lost)
    await tab.rejoin(*tab.shown)
    await tab.event("")  # now it has read all
    return tab


async def test_a_task_of_the_older_connection_is_shown_with_its_rows(tmp_path: Path) -> None:
    goes_on, rows = asyncio.Event(), [{"id": 1}]

    class OverTask(Component):
        count = 0
        items: Stream[dict[str, int]] = Stream(key="id")
        template = (
            "<div>{{ count }}<ul ws-stream='items'>{% stream items as item %}"
            "<li ws-key='{{ item.id }}'></li>{% endstream %}</ul></div>"
        )

        @items.fill
        async def fill_items(self) -> list[dict[str, int]]:
            return rows

        @exposed
        def start(self) -> None:
            self.run(self.go_on())

        async def go_on(self) -> None:
            for _ in range(2):
                await goes_on.wait()
                self.count += 1
                rows.append({"id": len(rows) + 1})
                self.items.append(rows[-1])
                await self.push()

    async with rig(asok_app(tmp_path, {"/": "{{ component('OverTask') }}"})) as served, asyncio.timeout(10):
        visitor = await served.visitor()
        lost = await visitor.tab()
        await lost.event("start")
        tab = await back(visitor, lost)
        goes_on.set()
        shown = ""
        while not ("ws-key='3'" in shown and ">2<" in tab.text()):
            frame = await tab.until("update")
            shown += str(frame[5:])


@pytest.mark.parametrize("way", ["unnoticed", "noticed"])
async def test_what_others_on_the_page_have_heard_over_the_older_connection_is_shown(tmp_path: Path, way: str) -> None:
    hears, ends = asyncio.Event(), asyncio.Event()

    class OverAround(Component):
        heard = 0
        template = "<div>{{ heard }}{{ component('OverInside') }}</div>"

        @on("done")
        async def done(self) -> None:
            hears.set()
            await ends.wait()
            self.heard += 1

    class OverInside(Component):
        template = "<i></i>"

        @exposed
        def tell(self) -> None:
            self.emit("done")

    async with rig(asok_app(tmp_path, {"/": "{{ component('OverAround') }}"})) as served, asyncio.timeout(10):
        visitor = await served.visitor()
        page, lost = await visitor.open(), await visitor.connect()
        await lost.join(page.tokens, page.csrf)
        await lost.event("tell", instance=list(lost.shown)[1])
        await hears.wait()
        if way == "noticed":
            await lost.socket.close()
        tab = await back(visitor, lost)
        ends.set()
        await tab.shows(">1<")


async def test_what_was_done_just_before_a_connection_ended_is_told_to_one_that_was_joining() -> None:
    class Shown:
        def __init__(self) -> None:
            self.looks = 0

        def look_again(self) -> None:
            self.looks += 1

    bus = LocalBus()
    topics = Topics(bus)
    await bus.open()
    topics.open()
    shown = {name: Shown() for name in ("one", "two")}
    first, second, other = (Overlap(topics, owner, shown) for owner in ("owner", "owner", "another"))  # type: ignore[arg-type]
    first.begin("tab")
    first.committed("one")
    second.begin("tab")
    other.begin("tab")
    first.leave()
    first.end()
    second.committed("two")  # nobody else shows it
    await until(lambda: bool(shown["one"].looks))
    await bus.close()
    assert [each.looks for each in shown.values()] == [1, 0]


async def test_rows_that_could_not_be_looked_at_are_looked_at_with_the_next_turn(tmp_path: Path) -> None:
    rows, fails = [{"id": 1}], asyncio.Event()

    class OverFailing(Component):
        items: Stream[dict[str, int]] = Stream(key="id")
        template = (
            "<ul ws-stream='items'>{% stream items as item %}<li ws-key='{{ item.id }}'></li>{% endstream %}</ul>"
        )

        @items.fill
        async def fill_items(self) -> list[dict[str, int]]:
            if fails.is_set():
                raise RuntimeError("no rows just now")
            return rows

    async with rig(asok_app(tmp_path, {"/": "{{ component('OverFailing') }}"})) as served, asyncio.timeout(10):
        tab = await served.tab()
        (line,) = living(Line)
        rows.append({"id": 2})
        fails.set()
        line.look_again()
        await tab.until("refused")
        fails.clear()
        line.outdated()
        assert "ws-key='2'" in str(await tab.until("update"))
