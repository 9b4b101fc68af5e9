"""What a page may ask beyond a plain call: an end, a result, more arguments, no or only a rendering, fields."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator
from copy import copy
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asok import Component, bind, exposed
from tests.rig import Tab, asok_app, rig

began = asyncio.Event()
updates: list[frozenset[str]] = []


class Point(msgspec.Struct):
    x: int
    when: date


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Counterdesk(Component):
    """A component with a method of each kind."""

    count: int = 0
    name: str = bind("Ada")
    age: int = bind(36)
    price: Decimal = bind(Decimal("1.50"))
    born: date | None = bind(None)
    at: time = bind(time(9, 0))
    size: Size = bind(Size.SMALL)
    sure: bool = bind(False)
    tags: list[str] = bind([])
    template = (
        "<p>{{ count }} {{ name }} {{ age }} {{ price }} {{ born }} {{ at }} {{ size.value }} {{ sure }} {{ tags }}</p>"
    )

    @exposed
    def add(self, by: int = 1) -> int:
        self.count += by
        return self.count

    @exposed(render=False)
    def note(self, by: int = 1) -> None:
        self.count += by

    @exposed
    async def sleep(self) -> None:
        self.count = 99
        began.set()
        await asyncio.Event().wait()

    @exposed
    async def steps(self) -> AsyncIterator[None]:
        self.count = 50
        began.set()
        yield
        await asyncio.Event().wait()

    @exposed
    def sum(self, *numbers: int) -> int:
        return sum(numbers)

    @exposed
    def point(self, x: int) -> Point:
        return Point(x, date(2026, 1, 31))

    @exposed
    def impossible(self) -> object:
        self.count = 77
        return object()

    @exposed
    def nothing(self) -> None: ...

    async def updated(self, changed: frozenset[str]) -> None:
        updates.append(changed)


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    began.clear()
    updates.clear()
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counterdesk') }}"})) as served:
        yield await served.tab()


def shown(tab: Tab) -> list[str]:
    return tab.text()[3:-4].split()


# --- an end


async def test_a_running_method_stops_when_it_is_cancelled_and_nothing_of_it_counts(tab: Tab) -> None:
    running = asyncio.create_task(tab.event("sleep"))
    await began.wait()
    await tab.send("cancel", tab.only)
    assert (await running)[3] == "cancelled"
    await tab.text_after("add")
    assert shown(tab)[0] == "1"


async def test_the_steps_of_a_cancelled_method_are_taken_back(tab: Tab) -> None:
    running = asyncio.create_task(tab.event("steps"))
    await began.wait()
    await tab.send("cancel", tab.only)
    assert (await running)[3] == "cancelled"
    assert shown(tab)[0] == "0"


async def test_events_behind_a_cancelled_one_run(tab: Tab) -> None:
    running = asyncio.create_task(tab.event("sleep"))
    await began.wait()
    await tab.send("event", tab.only, 2, "add(5)")
    await tab.send("cancel", tab.only)
    assert (await running)[3] == "cancelled"
    await tab.settled(tab.only, 2)
    assert shown(tab)[0] == "5"


async def test_a_cancel_when_nothing_runs_or_of_a_stranger_does_nothing(tab: Tab) -> None:
    await tab.send("cancel", tab.only)
    await tab.send("cancel", "whoever")
    await tab.text_after("add")
    assert shown(tab)[0] == "1"


# --- a result


@pytest.mark.parametrize(
    ("call", "result"),
    [("add(4)", 4), ("nothing", None), ("point(3)", {"x": 3, "when": "2026-01-31"}), ("note", None)],
)
async def test_a_result_comes_with_the_answer_to_whoever_asks(tab: Tab, call: str, result: Any) -> None:
    answer = await tab.event(call, {"result": 1})
    assert answer[0] == "update"
    assert answer[5] == [["result", 1, result]]


async def test_nobody_gets_a_result_that_was_not_asked_for(tab: Tab) -> None:
    assert len(await tab.event("add(4)")) == 5


async def test_a_result_that_cannot_be_sent_fails_the_method(tab: Tab) -> None:
    assert (await tab.event("impossible", {"result": 1}))[3] == "failed"
    await tab.text_after("add")
    assert shown(tab)[0] == "1"


async def test_a_result_that_was_lost_comes_again_and_the_method_does_not_run_again(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counterdesk') }}"})) as served:
        person = await served.visitor()
        tab = await person.tab()
        await tab.event("add", {"result": 1})
        again = await person.connect()
        again.name, again.shown, again.csrf = tab.name, tab.shown, tab.csrf
        again.shown[again.only].settled = 0
        await again.rejoin(again.only)
        answer = await again.event("add", {"result": 1}, seq=1)
        assert answer[5] == [["result", 1, 1]]
        await again.text_after("add")
        assert shown(again)[0] == "2"


async def test_a_refusal_that_was_lost_comes_again_before_what_was_done_after_it(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counterdesk') }}"})) as served:
        person = await served.visitor()
        tab = await person.tab()
        before = copy(tab.shown[tab.only])
        for call in ("add", "impossible", "missing", "add"):
            await tab.event(call, {"result": 1})
        again = await person.connect()
        again.name, again.shown, again.csrf = tab.name, {tab.only: before}, tab.csrf
        await again.rejoin(again.only)
        await again.settled(again.only, 4)
        told = [[frame[0], frame[2], frame[5] if frame[0] == "update" else frame[3]] for frame in again.frames[-4:]]
        assert told == [
            ["update", 1, [["result", 1, 1]]],
            ["refused", 2, "failed"],
            ["refused", 3, "refused"],
            ["update", 4, [["result", 4, 2]]],
        ]
        await again.rejoin(again.only)
        await again.event("add", seq=5)
        assert sum(frame[0] == "refused" for frame in again.frames) == 2


# --- more arguments


@pytest.mark.parametrize(
    ("call", "args", "code"),
    [
        ("sum(1, 2)", [3, 4], ""),
        ("sum", [10], ""),
        ("add", ["many"], "bad_args"),
        ("add", [1, 2], "bad_args"),
        ("add(by=1)", [1], "bad_args"),
        ("sum", [1] * 33, "bad_args"),
        ("hidden", [1], "refused"),
    ],
)
async def test_arguments_stand_after_those_of_the_call(tab: Tab, call: str, args: list[Any], code: str) -> None:
    answer = await tab.event(call, {"args": args, "result": 1})
    if code:
        assert answer[3] == code
    else:
        assert answer[5] == [["result", 1, 10]]


# --- no rendering


async def test_without_rendering_the_page_stays_and_the_next_answer_shows_what_changed(tab: Tab) -> None:
    await tab.text_after("add")
    answer = await tab.event("note(5)")
    assert answer[3] == []
    assert shown(tab)[0] == "1"
    await tab.text_after("add")
    assert shown(tab)[0] == "7"


async def test_the_first_answer_is_the_whole_text_though_the_method_does_not_render(tab: Tab) -> None:
    assert isinstance((await tab.event("note"))[3], str)
    assert shown(tab)[0] == "1"


# --- a rendering alone


async def test_an_event_without_a_call_shows_the_component_anew_and_changes_nothing(tab: Tab) -> None:
    await tab.text_after("")
    assert shown(tab)[0] == "0"
    assert updates == []


# --- fields


@pytest.mark.parametrize(
    ("field", "given", "place", "text"),
    [
        ("name", " Grace ", 1, "Grace"),
        ("age", "41", 2, "41"),
        ("age", 41, 2, "41"),
        ("price", "2.75", 3, "2.75"),
        ("price", 2.5, 3, "2.5"),
        ("born", "1815-12-10", 4, "1815-12-10"),
        ("born", "", 4, "None"),
        ("at", "17:30", 5, "17:30:00"),
        ("size", "l", 6, "l"),
        ("sure", True, 7, "True"),
        ("sure", ["1"], 7, "True"),
        ("sure", [], 7, "False"),
        ("tags", ["a"], 8, "[&#39;a&#39;]"),
        ("tags", "a", 8, "[&#39;a&#39;]"),
    ],
)
async def test_what_is_entered_becomes_the_declared_type(
    tab: Tab, field: str, given: Any, place: int, text: str
) -> None:
    await tab.text_after("", {"fields": {field: given}})
    assert " ".join(shown(tab)[place:]).startswith(text)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("count", 5),
        ("nobody", 5),
        ("age", "many"),
        ("age", ""),
        ("age", 1.5),
        ("age", None),
        ("price", "NaN"),
        ("born", "tomorrow"),
        ("size", "x"),
        ("sure", "maybe"),
        ("tags", [1, {}]),
        ("name", ["a"]),
        ("name", "a\0b"),
    ],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(tab: Tab, field: str, given: Any) -> None:
    await tab.text_after("")
    before = tab.text()
    answer = await tab.event("", {"fields": {"name": "changed", field: given}})
    assert answer[3] == "bad_args"
    assert await tab.text_after("") == before


@pytest.mark.parametrize("part", ["tags[0]", "tags/0", "tags.0.name"])
async def test_a_part_of_a_field_is_refused_in_words_that_help(
    tab: Tab, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await tab.event("", {"fields": {part: "x"}}))[3] == "bad_args"
    assert f"{part}: a browser writes whole fields; what is in one is for a method" in caplog.text


async def test_the_component_is_told_which_field_was_entered(tab: Tab) -> None:
    await tab.text_after("", {"fields": {"age": "37"}})
    assert updates == [frozenset({"age"})]


async def test_in_development_a_refusal_names_the_field(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counterdesk') }}"}, debug=True)) as served:
        tab = await served.tab()
        assert "Counterdesk.age is declared as int" in (await tab.event("", {"fields": {"age": "many"}}))[4]
        refusal = (await tab.event("", {"fields": {"count": 1}}))[4]
        assert "Counterdesk.count" in refusal and "bind()" in refusal
