"""What a method asks of the window, and what the test answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from asok import Component, exposed
from asok.errors import AsokError
from asok.testing import LiveClient, Page, Refused, Unanswered
from tests.unit.scripted import COUNTER, A, Message, Opened
from tests.unit.scripted import opened as opened


class Asking(Component):
    """Asks for everything there is to ask for."""

    said: str = ""
    template = """<div><h3>{{ said }}</h3><button ws-click="remove">Delete</button><button ws-click="name">Name</button>
      <button ws-click="remember">Remember</button><button ws-click="look">Look</button>
      <button ws-click="away">Away</button><button ws-click="scroll">Scroll</button></div>"""

    @exposed
    async def remove(self) -> None:
        self.said = "deleted" if await self.window.confirm("Delete it?") else "kept"

    @exposed
    async def name(self) -> None:
        self.said = str(await self.window.prompt("Your name?", "nobody"))

    @exposed
    async def remember(self) -> None:
        before = await self.window.local_storage.get("n", "m")
        await self.window.local_storage.set("n", "1")
        await self.window.session_storage.set("t", "2")
        await self.window.local_storage.remove("m")
        await self.window.clipboard_write("copied")
        await self.window.alert("done")
        self.said = str(before)

    @exposed
    async def look(self) -> None:
        view, place = await self.window.viewport(), await self.window.location()
        self.said = f"{view.width} {view.dark} {place.path} {(await self.window.screen()).height}"

    @exposed
    async def away(self) -> None:
        opened = await self.window.open("/new") and await self.window.open("/here", new_tab=False)
        self.said = str(opened)

    @exposed
    async def scroll(self) -> None:
        await self.window.scroll_to(0, 10)
        await self.window.scroll_to(selector="h3")
        await self.window.scroll_to(selector="h9")


@pytest.fixture
async def tab() -> AsyncIterator[Page]:
    async with LiveClient() as live:
        yield await live.mount(Asking)


async def test_a_person_confirms_and_does_not(tab: Page) -> None:
    tab.answers(confirm=True)
    await tab.click("button", text="Delete")
    assert tab.text("h3") == "deleted"
    tab.answers(confirm=False)
    await tab.click("button", text="Delete")
    assert tab.text("h3") == "kept"
    assert tab.asked == [["confirm", "Delete it?"]] * 2


async def test_a_question_that_nobody_answers_is_an_error_of_the_test(tab: Page) -> None:
    with pytest.raises(Unanswered, match=r"confirm\('Delete it\?'\); write page\.answers\(confirm=…\)"):
        await tab.click("button", text="Delete")
    tab.answers(confirm=True)
    await tab.click("button", text="Delete")
    assert tab.text("h3") == "deleted"


async def test_a_function_answers_by_what_was_asked(tab: Page) -> None:
    tab.answers(prompt=lambda text, given: f"{text} {given}")
    await tab.click("button", text="Name")
    assert tab.text("h3") == "Your name? nobody"
    tab.answers(prompt=None)
    await tab.click("button", text="Name")
    assert tab.text("h3") == "None"


async def test_what_such_a_function_raises_is_raised_in_the_test(tab: Page) -> None:
    tab.answers(prompt=lambda text, given: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await tab.click("button", text="Name")


async def test_an_answer_to_no_question_is_refused_at_once(tab: Page) -> None:
    with pytest.raises(AsokError, match="no question is called 'confrim'; did you mean 'confirm'"):
        tab.answers(confrim=True)


async def test_the_browser_keeps_what_it_is_asked_to_keep(tab: Page) -> None:
    tab.local_storage["m"] = "old"
    await tab.click("button", text="Remember")
    assert tab.text("h3") == "{'n': None, 'm': 'old'}"
    assert (tab.local_storage, tab.session_storage, tab.clipboard) == ({"n": "1"}, {"t": "2"}, "copied")


async def test_local_storage_is_the_browsers_and_session_storage_the_tabs() -> None:
    async with LiveClient() as live:
        page = await live.mount(Asking)
        await page.click("button", text="Remember")
        same, other = await live.another().open(page.url), await live.open(page.url)
        assert (same.local_storage, same.session_storage) == ({}, {})
        assert (other.local_storage, other.session_storage) == ({"n": "1"}, {})
        await page.reload()
        assert page.session_storage == {"t": "2"}


async def test_a_browser_that_has_no_clipboard_says_so(tab: Page) -> None:
    tab.answers(clipboard_write=PermissionError("denied"))
    with pytest.raises(Refused, match="the browser could not do it: denied"):
        await tab.click("button", text="Remember")


async def test_sizes_can_be_told_in_part(tab: Page) -> None:
    tab.answers(viewport={"dark": True})
    await tab.click("button", text="Look")
    assert tab.text("h3") == f"1280 True {tab.url.removeprefix('http://localhost')} 720"


async def test_a_page_is_opened_in_another_tab_and_then_in_this_one(tab: Page) -> None:
    await tab.click("button", text="Away")
    assert tab.asked == [["open", "/new", True], ["open", "/here", False]]
    assert tab.url == "http://localhost/here"


async def test_scrolling_to_what_is_not_there_fails(tab: Page) -> None:
    with pytest.raises(Refused, match="no element matches h9"):
        await tab.click("button", text="Scroll")


async def test_a_question_of_another_release_is_not_understood(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] == "event":
            return [["ask", A, 1, 1, "teleport", []]]
        return [["update", A, 1, []]] if message[0] == "answer" else []

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    assert script.got[-1] == ["answer", A, 1, 1, None, "no window.teleport"]


def statics(*entries: list[object]) -> object:
    return lambda message: [["statics", [*entries]], ["update", A, message[2], []]] if message[0] == "event" else []


async def test_styles_and_scripts_that_come_late_are_put_into_the_head_once(opened: Opened) -> None:
    style, script = "/live/static/Box/0123456789ab/box.css", "/live/static/Box/0123456789ab/box.js"
    page, _ = await opened(COUNTER, statics(["css", style, {"media": "print"}], ["js", script, {}]))
    await page.click("button")
    await page.click("button")
    assert page.attribute("head > link[rel=stylesheet]", "href") == style
    assert page.attribute("head > link", "media") == "print"
    assert page.attribute("head > script[data-asok-static]", "src") == script


async def test_a_newer_style_takes_the_place_of_the_older_and_a_script_runs_once(opened: Opened) -> None:
    old, new = "/live/static/Box/0123456789ab/box", "/live/static/Box/ba9876543210/box"
    sent = iter([old, new])

    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        now = next(sent)
        return [["statics", [["css", now + ".css", {}], ["js", now + ".js", {}]]], ["update", A, message[2], []]]

    page, _ = await opened(COUNTER, answer)
    await page.click("button")
    await page.click("button")
    assert page.attribute("link", "href") == new + ".css"
    assert page.attribute("script[data-asok-static]", "src") == old + ".js"
