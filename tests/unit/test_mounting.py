"""Mounting: instances restored or made, loaded side by side, and renderings kept within bounds."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from asok import Component, Limits, exposed, private
from asok.sessions import Commit, owner_of
from asok.showing import Screen
from asok.texts import BESIDE, Renderings
from tests.rig import asok_app, rig
from tests.unit.waiting import until


class MountingSteps(Component):
    """Shows a number."""

    number = -1
    template = "<p>{{ number }}</p>"

    @exposed
    def step(self, number: int) -> None:
        """Show this one."""
        self.number = number


def renderings(texts: int) -> Renderings:
    """A cache of so many texts of 40 characters that a page shows, and of an eighth as many others."""
    return Renderings(texts * (40 + BESIDE))


def test_of_the_renderings_that_no_page_shows_an_eighth_of_the_bound_is_kept() -> None:
    kept = renderings(16)
    keys = [kept.add(str(number) * 40) for number in range(5)]
    assert [kept.get(key) is not None for key in keys] == [False, False, False, True, True]


def test_renderings_that_pages_show_are_kept_up_to_the_bound() -> None:
    kept = renderings(3)
    keys = []
    for number in range(5):
        keys.append(kept.add(str(number) * 40))
        kept.hold(keys[-1])
    assert [kept.get(key) is not None for key in keys] == [False, False, True, True, True]


def test_a_rendering_that_was_asked_for_stays_longer() -> None:
    kept = renderings(16)
    first, second = kept.add("a" * 40), kept.add("b" * 40)
    assert kept.get(first) is not None
    kept.add("c" * 40)
    assert kept.get(second) is None
    assert kept.get(first) == "a" * 40


def test_a_rendering_is_among_the_others_once_the_last_page_shows_another() -> None:
    kept = renderings(16)
    shown = kept.add("a" * 40)
    kept.hold(shown)
    kept.hold(shown)
    kept.release(shown)
    for number in range(3):
        kept.add(str(number) * 40)
    assert kept.get(shown) is not None
    kept.release(shown)
    kept.add("b" * 40)
    kept.add("c" * 40)
    assert kept.get(shown) is None


def test_a_rendering_that_changes_sides_leaves_nothing_where_it_was() -> None:
    kept = renderings(16)
    keys = [kept.add("a" * 40), kept.add("b" * 40)]
    for key in keys * 20:
        kept.hold(key)
        kept.release(key)
    assert [kept.get(key) for key in keys] == ["a" * 40, "b" * 40]


async def test_what_connected_pages_showed_before_is_not_among_what_they_show(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('MountingSteps') }}{{ component('MountingSteps', key='b') }}"})
    async with rig(app) as server:
        kept = app._engine.renderings
        tabs = [await server.tab() for _ in range(3)]
        for tab in tabs:
            for step in range(20):
                await tab.event(f"step({step % 3})")
        assert len(kept) == 2, "one that all have come to, and the first"
        for tab in tabs:
            await tab.socket.close()
        await until(lambda: len(kept) == 0)


async def test_an_instance_that_leaves_the_page_is_not_among_what_it_shows(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('MountingSteps') }}{{ component('MountingSteps', key='b') }}"})
    async with rig(app) as server:
        tab = await server.tab()
        await tab.event("step(1)")
        assert len(app._engine.renderings) == 2
        await tab.send("leave", tab.only)
        await until(lambda: len(app._engine.renderings) == 1)


async def test_what_ends_after_its_page_has_gone_is_not_among_what_pages_show(tmp_path: Path) -> None:
    gate, begun, unmounted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def step(self: Any) -> None:
        begun.set()
        await gate.wait()
        self.number += 1

    parts = {"number": 0, "template": "<i>{{ number }}</i>", "step": exposed(step)}
    type("Late", (Component,), {**parts, "unmount": lambda self: unmounted.set()})
    app = asok_app(tmp_path, {"/": "{{ component('Late') }}"})
    async with rig(app) as server:
        tab = await server.tab()
        await tab.send("event", tab.only, 1, "step")
        await begun.wait()
        await tab.socket.close(1001)
        await until(lambda: len(app._engine.renderings) == 0)
        gate.set()
        async with asyncio.timeout(10):
            await unmounted.wait()
        assert len(app._engine.renderings) == 0


async def test_siblings_load_side_by_side(tmp_path: Path) -> None:
    waiting: list[asyncio.Event] = []

    async def load(self: Any) -> None:
        mine = asyncio.Event()
        waiting.append(mine)
        if len(waiting) == 3:
            for each in waiting:
                each.set()
        await mine.wait()

    type("Slow", (Component,), {"template": "<i></i>", "load": load})
    body = "{% for n in range(3) %}{{ component('Slow', key=n) }}{% endfor %}"
    async with rig(asok_app(tmp_path, {"/": body})) as served:
        assert len((await (await served.visitor()).open()).tokens) == 3


async def test_a_key_keeps_the_state_where_places_change(tmp_path: Path) -> None:
    @exposed
    def add(self: Any) -> None:
        self.count += 1

    type("Item", (Component,), {"count": 0, "template": "<i>{{ count }}</i>", "add": add})
    order = ["a", "b"]
    app = asok_app(
        tmp_path,
        templates={"p.html": "{{ alive() }}{% for n in order %}{{ n }}{{ component('Item', key=n) }}{% endfor %}"},
    )

    async def page(request: Any) -> Any:
        return {"order": order}

    app.page("/", "p.html")(page)
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.event("add", instance=tab.only)
        order.reverse()
        text = (await visitor.open()).text
        assert text.index(">0</i>") < text.index(">1</i>")


async def test_the_same_component_on_two_pages_has_two_states(tmp_path: Path) -> None:
    @exposed
    def add(self: Any) -> None:
        self.count += 1

    type("Item", (Component,), {"count": 0, "template": "<i>{{ count }}</i>", "add": add})
    app = asok_app(tmp_path, {"/a": "{{ component('Item') }}", "/b": "{{ component('Item') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        await (await visitor.tab("/a")).event("add")
        assert ">1</i>" in (await visitor.open("/a")).text
        assert ">0</i>" in (await visitor.open("/b")).text


@pytest.mark.parametrize("given", ["{'a': 1}", "[1, 2]", "'é'", "none", "true", "1.5"])
async def test_arguments_of_any_plain_type_restore_their_state(tmp_path: Path, given: str) -> None:
    @exposed
    def add(self: Any) -> None:
        self.count += 1

    type("Takes", (Component,), {"__annotations__": {"value": Any}, "value": None, "count": 0, "add": add,
                                 "template": "<i>{{ count }}</i>"})  # fmt: skip
    async with rig(asok_app(tmp_path, {"/": "{{ component('Takes', value=" + given + ") }}"})) as served:
        visitor = await served.visitor()
        await (await visitor.tab()).event("add")
        assert ">1</i>" in (await visitor.open()).text


async def test_a_migrate_that_raises_starts_the_component_afresh(tmp_path: Path) -> None:
    @exposed
    def add(self: Any) -> None:
        self.count += 1

    def broken(self: Any, old: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("name")

    where = str(tmp_path / "s.db")
    type("Old", (Component,), {"count": 0, "template": "<i>{{ count }}</i>", "add": add})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Old') }}"}, database=where)) as served:
        visitor = await served.visitor()
        await (await visitor.tab()).event("add")
        cookie = visitor.cookie
    type(
        "Old", (Component,), {"title": "t", "count": 0, "template": "<i>{{ title }}{{ count }}</i>", "migrate": broken}
    )
    async with rig(asok_app(tmp_path, {"/": "{{ component('Old') }}"}, database=where)) as served:
        visitor = await served.visitor()
        visitor.http.cookies.set("asok", cookie)
        assert ">t0</i>" in (await visitor.open()).text


async def test_what_ends_in_a_reset_after_its_page_has_gone_takes_no_text_from_the_others(tmp_path: Path) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def step(self: Any) -> None:
        begun.set()
        await gate.wait()
        self.number += 1

    async def same(self: Any) -> None:
        self.number += 1

    type("AlikeHere", (Component,), {"number": 0, "template": "<i>a</i>", "step": exposed(step), "same": exposed(same)})
    app = asok_app(tmp_path, {"/": "{{ component('AlikeHere') }}"})
    async with rig(app) as server:
        kept, visitor = app._engine.renderings, await server.visitor()
        going, staying = await visitor.tab(), await server.tab()
        assert await going.event("same") and await staying.event("same")
        await going.send("event", going.only, 2, "step")
        await begun.wait()
        crowd, owner, shown = app._engine.crowd, owner_of(visitor.cookie), screens()
        going.socket.transport.abort()
        await until(lambda: any(each.gone for each in shown))
        await app._engine.backend.commit(Commit({}, {(owner, f"record/{going.only}"): None}))
        gate.set()
        await until(lambda: crowd.size == 1)
        assert len(kept) == 1
        assert await staying.text_after("same") == "<i>a</i>"
        await staying.socket.close()
        await until(lambda: not len(kept))


async def test_of_children_that_came_and_went_a_page_knows_no_more_than_a_bounded_number(tmp_path: Path) -> None:
    type("MountingCell", (Component,), {"template": "<b>.</b>"})
    shown = "<div>{% for n in range(4) %}{{ component('MountingCell', key=page * 4 + n) }}{% endfor %}</div>"
    type("MountingPages", (Component,), {"page": 0, "template": shown, "turn": exposed(turn)})
    app = asok_app(tmp_path, {"/": "{{ component('MountingPages') }}"}, limits=Limits(instances=8))
    async with rig(app) as server:
        tab = await server.tab()
        for _ in range(8):
            await tab.event("turn")
        assert [len(each.sent) for each in screens() if not each.gone] == [8]


async def test_of_instances_that_left_while_they_worked_no_ended_work_is_kept(tmp_path: Path) -> None:
    gate, begun, works = asyncio.Event(), asyncio.Event(), list[ref[asyncio.Task[Any]]]()

    async def step(self: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        works.append(ref(task))
        begun.set()
        await gate.wait()

    type("LeavesBusy", (Component,), {"template": "<i>.</i>", "step": exposed(step)})
    async with rig(asok_app(tmp_path, {"/": "{{ component('LeavesBusy') }}"})) as server:
        visitor = await server.visitor()
        tab = await visitor.tab()
        for _ in range(4):
            begun.clear()
            page = await visitor.open()
            await tab.join(page.tokens)
            await tab.send("event", page.tokens[0].partition(".")[0], 1, "step")
            await begun.wait()
            await tab.send("leave", page.tokens[0].partition(".")[0])
            await tab.send("ping")
            await tab.until("pong")
            gate.set()
            await until(lambda: is_over(works[-1]))
            gate.clear()
        gc.collect()
        assert [each() for each in works[:-1] if each() is not None] == []


async def test_children_that_come_and_go_leave_no_more_records_than_a_session_keeps(tmp_path: Path) -> None:
    type("MountingSecret", (Component,), {"secret": private("s"), "template": "<b>.</b>"})
    shown = "<div>{% for n in range(4) %}{{ component('MountingSecret', key=page * 4 + n) }}{% endfor %}</div>"
    type("MountingSecrets", (Component,), {"page": 0, "template": shown, "turn": exposed(turn)})
    app = asok_app(tmp_path, {"/": "{{ component('MountingSecrets') }}"}, limits=Limits(records=12))
    async with rig(app) as server:
        visitor = await server.visitor()
        tab, owner = await visitor.tab(), owner_of(visitor.cookie)
        for _ in range(10):
            assert (await tab.event("turn"))[0] == "update"
        assert await app._engine.backend.count(owner, "record/") < 12 + 4


def turn(self: Any) -> None:
    """The next page."""
    self.page += 1


def screens() -> list[Screen]:
    """Those of all tabs."""
    gc.collect()
    return [each for each in gc.get_objects() if type(each) is Screen]


def is_over(work: ref[asyncio.Task[Any]]) -> bool:
    """Whether a task has ended."""
    task = work()
    return task is None or task.done()
