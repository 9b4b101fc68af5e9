"""A child that is hidden while its method runs, and shown again before the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asok import Component, exposed
from tests.rig import Tab, asok_app, rig

began, go, folded = asyncio.Event(), asyncio.Event(), asyncio.Event()


class Slow(Component):
    count = 0
    template = "<b>{{ count }}</b>"

    @exposed
    async def add(self) -> None:
        began.set()
        await go.wait()
        self.count += 1

    @exposed
    async def walk(self) -> AsyncIterator[None]:
        await self.add()
        yield


class Folder(Component):
    open = True
    template = "<div>{% if open %}{{ component('Slow') }}{% endif %}</div>"

    @exposed
    async def fold(self) -> None:
        self.open = not self.open
        folded.set()


async def begun(tab: Tab, method: str = "add") -> tuple[str, str]:
    """The folder and the child in it, whose method runs."""
    began.clear()
    go.clear()
    folder, child = tab.shown
    await tab.send("event", child, 1, method)
    tab.shown[child].last = 1
    await began.wait()
    return folder, child


async def answered(tab: Tab) -> None:
    """The server has read what was sent before, and done what could be done at once."""
    await tab.send("ping")
    await tab.until("pong")


async def until_back(tab: Tab, folder: str, child: str) -> None:
    """Shown again, as a browser shows it: a new component that begins where the server says."""
    await folded.wait()
    await answered(tab)
    go.set()
    await tab.settled(folder, 2)
    tab.shown[child].last = tab.shown[child].settled


async def test_it_comes_back_with_what_came_of_it_and_its_next_event_counts(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Folder') }}"})) as site:
        tab = await site.tab()
        folder, child = await begun(tab)
        await tab.event("fold", instance=folder)
        folded.clear()
        await tab.send("leave", child)
        await tab.send("event", folder, 2, "fold")
        await until_back(tab, folder, child)
        assert (tab.text(child), tab.shown[child].last) == ("<b>1</b>", 1)
        assert await tab.event("add", instance=child) == ["need_token", child]
        await tab.rejoin(child)
        await tab.event("add", instance=child, seq=2)
        assert tab.text(child) == "<b>2</b>"


async def test_so_it_does_where_the_server_has_not_heard_that_it_left(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Folder') }}"})) as site:
        tab = await site.tab()
        folder, child = await begun(tab)
        await tab.event("fold", instance=folder)
        folded.clear()
        await tab.send("event", folder, 2, "fold")
        await until_back(tab, folder, child)
        assert (tab.text(child), tab.shown[child].last) == ("<b>1</b>", 1)
        await tab.event("add", instance=child)
        assert tab.text(child) == "<b>2</b>"


@pytest.mark.parametrize("method", ["add", "walk"])
async def test_who_has_left_is_sent_no_answer_and_no_step(tmp_path: Path, method: str) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Folder') }}"})) as site:
        tab = await site.tab()
        folder, child = await begun(tab, method)
        await tab.event("fold", instance=folder)
        await tab.send("leave", child)
        await answered(tab)
        frames = len(tab.frames)
        go.set()
        await tab.event("fold", instance=folder)
        told = [frame for frame in tab.frames[frames:] if frame[:2] == ["update", child]]
        assert len(told) == 1, "only the parent shows it again"
        assert tab.text(child) == "<b>1</b>"
