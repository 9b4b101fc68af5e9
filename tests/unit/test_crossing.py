"""Components in components at work at the same moment: what reads and commits of the one meet of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asok import Component, exposed
from asok.backends.memory import MemoryBackend
from asok.sessions import Cell, Commit
from tests.rig import Tab, asok_app, rig

PATIENCE = 20


class CrossingInner(Component):
    label = ""
    clicks = 0
    template = "<i>{{ label }} {{ clicks }}</i>"

    @exposed
    async def press(self) -> None:
        self.clicks += 1


class CrossingMiddle(Component):
    label = ""
    size = 0
    template = "<p>{{ label }} {{ size }} {% if label %}{{ component('CrossingInner', label=label) }}{% endif %}</p>"

    @exposed
    async def rename(self, label: str) -> None:
        self.label = label


class CrossingOuter(Component):
    size = 0
    template = "<div>{{ size }} {{ component('CrossingMiddle', label='given', size=size) }}</div>"

    @exposed
    async def grow(self) -> None:
        self.size += 1


class Held:
    """A call of the backend that waits. late: once it was done, before who called hears of it."""

    def __init__(self, kind: str, name: str, *, late: bool) -> None:
        self.kind, self.name, self.late = kind, name, late
        self._reached, self._go = asyncio.Event(), asyncio.Event()

    async def is_reached(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._reached.wait()

    async def wait(self) -> None:
        self._reached.set()
        async with asyncio.timeout(PATIENCE):
            await self._go.wait()

    def go_on(self) -> None:
        self._go.set()


class HoldingBackend(MemoryBackend):
    """Holds the next call of a kind that has to do with an instance's record."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Held] = []

    def hold(self, kind: str, instance: str, *, late: bool = False) -> Held:
        held = Held(kind, f"record/{instance}", late=late)
        self._held.append(held)
        return held

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        held = self._found("read", names)
        if held is not None and not held.late:
            await held.wait()
        cells = await super().read(owner, names, prefix)
        if held is not None and held.late:
            await held.wait()
        return cells

    async def commit(self, commit: Commit) -> bool:
        held = self._found("commit", [name for _, name in commit.writes])
        if held is not None:
            await held.wait()
        return await super().commit(commit)

    def _found(self, kind: str, names: Sequence[str]) -> Held | None:
        found = next((each for each in self._held if each.kind == kind and each.name in names), None)
        if found is not None:
            self._held.remove(found)
        return found


@pytest.fixture
def backend() -> HoldingBackend:
    return HoldingBackend()


@pytest.fixture
def app(tmp_path: Path, backend: HoldingBackend) -> Any:
    return asok_app(tmp_path, {"/": "{{ component('CrossingOuter') }}"}, backend=backend)


async def used(tab: Tab) -> list[str]:
    """The instances of a tab from the outside to the inside, each of which has had one event."""
    for instance in tab.shown:
        await tab.event("", instance=instance)
    return list(tab.shown)


async def begun(tab: Tab, call: str, instance: str, held: Held) -> int:
    """Send an event, which comes as far as the call that is held; its number."""
    shown = tab.shown[instance]
    shown.last += 1
    await tab.send("event", instance, shown.last, call)
    await held.is_reached()
    return shown.last


async def test_what_a_component_has_shown_within_it_is_taken_back_with_it(app: Any, backend: HoldingBackend) -> None:
    async with rig(app) as served:
        tab = await served.tab()
        outer, middle, inner = await used(tab)
        committing = backend.hold("commit", middle)
        renamed = await begun(tab, "rename('own')", middle, committing)
        # The one around it looks first at what the page shows of it, and then for its state.
        reading = backend.hold("read", middle)
        grown = await begun(tab, "grow", outer, reading)
        committing.go_on()
        await tab.settled(middle, renamed)
        assert tab.text(inner) == "<i>own 0</i>"
        reading.go_on()
        await tab.settled(outer, grown)
        assert tab.text(middle).startswith("<p>given 1 ")
        assert tab.text(inner) == "<i>given 0</i>"


async def test_a_component_that_is_given_others_while_it_works_knows_which(app: Any, backend: HoldingBackend) -> None:
    async with rig(app) as served:
        tab = await served.tab()
        _, middle, inner = await used(tab)
        reading = backend.hold("read", inner)
        pressed = await begun(tab, "press", inner, reading)
        await tab.event("rename('own')", instance=middle)
        reading.go_on()
        await tab.settled(inner, pressed)
        assert tab.text(inner) == "<i>own 1</i>"
        await tab.event("rename('given')", instance=middle)
        assert tab.text(inner) == "<i>given 1</i>"


async def test_a_component_that_comes_back_while_it_works_is_shown_as_it_is(app: Any, backend: HoldingBackend) -> None:
    async with rig(app) as served:
        tab = await served.tab()
        _, middle, inner = await used(tab)
        await tab.event("rename('')", instance=middle)
        looking = backend.hold("read", inner)
        renamed = await begun(tab, "rename('given')", middle, looking)
        # It looks for the one that has been there, and then for the last one of its place, which is the same.
        reading = backend.hold("read", inner, late=True)
        looking.go_on()
        await reading.is_reached()
        await tab.event("press", instance=inner)
        reading.go_on()
        await tab.settled(middle, renamed)
        assert tab.text(inner) == "<i>given 1</i>"


async def test_one_that_has_left_while_it_worked_sends_nothing_within_it(app: Any, backend: HoldingBackend) -> None:
    async with rig(app) as served:
        tab = await served.tab()
        outer, middle, inner = await used(tab)
        committing = backend.hold("commit", middle)
        await begun(tab, "rename('own')", middle, committing)
        for instance in (middle, inner):
            await tab.send("leave", instance)
        await tab.send("ping")
        await tab.until("pong")
        tab.frames.clear()
        committing.go_on()
        await tab.event("", instance=outer)
        assert [frame[1] for frame in tab.frames] == [outer]
