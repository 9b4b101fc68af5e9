"""`self.window` in a method, over a raw socket: asked, answered, in time, and never twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from asok import Component, exposed
from asok.window import NoAnswer
from tests.rig import Frame, Tab, asok_app, rig
from tests.unit.waiting import Refusing, until

said: list[Any] = []


@pytest.fixture(autouse=True)
def asker() -> type[Component]:
    said.clear()

    class Asker(Component):
        text = ""
        template = "<p>{{ text }}</p>"

        @exposed
        async def confirm(self) -> None:
            self.text = "yes" if await self.window.confirm("Sure?") else "no"

        @exposed
        async def both(self) -> None:
            name, size = await asyncio.gather(self.window.prompt("Name?"), self.window.local_storage.get("size"))
            self.text = f"{name} {size}"

        @exposed
        async def hurry(self) -> None:
            try:
                await self.window.confirm("Quick!", timeout=0.05)
            except NoAnswer as error:
                self.text = str(error)

        @exposed(timeout=0.2)
        async def short(self) -> None:
            self.text = str(await self.window.confirm("Take your time"))

        @exposed
        async def patient(self) -> None:
            try:
                await self.window.confirm("Still there?")
            except NoAnswer as error:
                said.append(str(error))
                raise

        @exposed
        def thread(self) -> None:
            self.window.confirm("Sure?")

        @exposed
        async def behind(self) -> None:
            self.run(self.later())

        async def later(self) -> None:
            try:
                await self.window.confirm("Late?")
            except NoAnswer as error:
                said.append(str(error))

    return Asker


PAGE = {"/": "{{ component('Asker') }}"}


async def asked(tab: Tab, seq: int, call: str, questions: int = 1) -> list[Frame]:
    """The questions that an event asks."""
    await tab.send("event", tab.only, seq, call)
    return [await tab.until("ask") for _ in range(questions)]


async def test_a_method_asks_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        for seq, (answer, shown) in enumerate([(True, "yes"), (False, "no")], 1):
            assert await asked(tab, seq, "confirm") == [["ask", tab.only, seq, 1, "confirm", ["Sure?"]]]
            await tab.send("answer", tab.only, seq, 1, answer)
            await tab.settled(tab.only, seq)
            assert tab.text() == f"<p>{shown}</p>"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_two_questions_at_once_get_their_own_answers(tmp_path: Path, order: tuple[int, int]) -> None:
    answers = {"prompt": "Ada", "local_storage.get": ["XL"]}
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        questions = await asked(tab, 1, "both", 2)
        assert [each[4] for each in questions] == ["prompt", "local_storage.get"]
        for number in order:
            _, instance, seq, n, name, _ = questions[number]
            await tab.send("answer", instance, seq, n, answers[name])
        await tab.settled(tab.only, 1)
        assert tab.text() == "<p>Ada XL</p>"


async def test_a_question_that_nobody_answers_ends_at_its_time(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await asked(tab, 1, "hurry")
        await tab.settled(tab.only, 1)
        assert "no answer within 0.05 s" in tab.text()
        await tab.send("answer", tab.only, 1, 1, True)
        await asked(tab, 2, "confirm")
        await tab.send("answer", tab.only, 2, 1, True)
        await tab.settled(tab.only, 2)
        assert tab.text() == "<p>yes</p>"


async def test_the_methods_own_limit_stands_still_meanwhile(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await asked(tab, 1, "short")
        await asyncio.sleep(0.5)  # longer than the method may run: the person thinks
        await tab.send("answer", tab.only, 1, 1, True)
        assert (await tab.settled(tab.only, 1))[0] == "update"
        assert tab.text() == "<p>True</p>"


async def test_a_page_that_has_gone_answers_no_more_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await asked(tab, 1, "patient")
        await tab.socket.close()
        await until(lambda: said)
    assert "the page has gone" in said[0]


async def test_a_method_that_runs_again_asks_nothing_twice(tmp_path: Path) -> None:
    backend = Refusing(3)
    async with rig(asok_app(tmp_path, PAGE, backend=backend)) as served:
        tab = await served.tab()
        questions = await asked(tab, 1, "both", 2)
        backend.armed = True
        for _, instance, seq, n, name, _ in questions:
            await tab.send("answer", instance, seq, n, "Ada" if name == "prompt" else ["XL"])
        await tab.settled(tab.only, 1)
        assert tab.text() == "<p>Ada XL</p>"
        assert [frame[0] for frame in tab.frames].count("ask") == 2
    assert backend.refused == 3


@pytest.mark.parametrize(
    "answer",
    [["yes"], [None, "no dialogs here"], [{"error": "x"}], [1]],
)
async def test_an_answer_that_is_none_fails_the_event_and_no_other(tmp_path: Path, answer: list[Any]) -> None:
    async with rig(asok_app(tmp_path, PAGE, debug=True)) as served:
        tab = await served.tab()
        await asked(tab, 1, "confirm")
        await tab.send("answer", tab.only, 1, 1, *answer)
        frame = await tab.settled(tab.only, 1)
        assert frame[:4] == ["refused", tab.only, 1, "failed"]
        await asked(tab, 2, "confirm")
        await tab.send("answer", tab.only, 2, 1, True)
        assert (await tab.settled(tab.only, 2))[0] == "update"


async def test_an_answer_to_what_was_not_asked_changes_nothing(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.send("answer", tab.only, 1, 1, True)
        await tab.send("answer", "nobodynobody", 1, 1, True)
        await asked(tab, 1, "confirm")
        await tab.send("answer", tab.only, 1, 2, True)
        await tab.send("answer", tab.only, 2, 1, True)
        await tab.send("answer", tab.only, 1, 1, False)
        await tab.send("answer", tab.only, 1, 1, True)
        await tab.settled(tab.only, 1)
        assert tab.text() == "<p>no</p>"


async def test_a_tab_cannot_answer_for_another(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        one, other = await visitor.connect(), await visitor.connect()
        for tab in (one, other):
            await tab.join(page.tokens, page.csrf)
        await asked(one, 1, "confirm")
        await other.send("answer", one.only, 1, 1, True)
        await other.send("ping")
        await other.until("pong")
        await one.send("answer", one.only, 1, 1, False)
        await one.settled(one.only, 1)
        assert one.text() == "<p>no</p>"


async def test_a_plain_def_is_told_to_be_async(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE, debug=True)) as served:
        tab = await served.tab()
        assert "async def" in (await tab.event("thread"))[4]


async def test_a_task_after_the_method_gets_no_answer(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("behind")
        await until(lambda: said)
    assert "its method has ended" in said[0]
    assert not [frame for frame in tab.frames if frame[0] == "ask"]
