"""What a method asks of the window, in a real one: each question, several at once, and what a browser refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, BrowserType, Dialog, Page, expect

from tests.browser.alive_rig import ONE, Line, Rig, root

Open = Callable[..., Awaitable[Line]]
LONGEST = 64 * 1024
TARGET = '<script type="module" data-target src="/live/build/features.js"></script>'
TALL = '<div id="tall"></div><p id="end">end</p>'


@pytest.fixture
def open_page(page: Page, server: Rig) -> Open:
    """`await open_page(body)` shows a page and gives its connection, which is live."""

    async def open_(body: str = root("<button>Go</button>"), *, tab: Page = page) -> Line:
        server.body = body
        await tab.goto(server.url)
        line = await server.line()
        await expect(tab.locator("html")).to_have_attribute("data-alive", "live")
        return line

    return open_


async def ask(line: Line, name: str, *args: Any, n: int = 1) -> list[Any]:
    """Ask, and what the browser answers: `[value]`, or `[None, error]`."""
    await line.say("ask", ONE, 7, n, name, list(args))
    return await answer(line, n)


async def answer(line: Line, n: int = 1) -> list[Any]:
    message = await line.message("answer")
    assert message[1:4] == [ONE, 7, n]
    return message[4:]


async def answering(page: Page, *, accept: bool = True, text: str | None = None) -> list[tuple[str, str, str]]:
    """Answer every dialog so; the list has what they were."""
    shown: list[tuple[str, str, str]] = []

    async def on_dialog(dialog: Dialog) -> None:
        shown.append((dialog.type, dialog.message, dialog.default_value))
        await (dialog.accept(text) if accept and text is not None else dialog.accept() if accept else dialog.dismiss())

    page.on("dialog", on_dialog)
    await page.evaluate("0")  # until the browser's driver knows of us, it dismisses dialogs itself
    return shown


# --- dialogs


async def test_an_alert_is_answered_when_it_is_closed(page: Page, open_page: Open) -> None:
    line = await open_page()
    shown = await answering(page)
    assert await ask(line, "alert", "Saved <b>") == [None]
    assert shown == [("alert", "Saved <b>", "")]


@pytest.mark.parametrize("accept", [True, False])
async def test_a_confirm_says_what_the_person_chose(page: Page, open_page: Open, accept: bool) -> None:
    line = await open_page()
    shown = await answering(page, accept=accept)
    assert await ask(line, "confirm", "Delete it?") == [accept]
    assert shown == [("confirm", "Delete it?", "")]


async def test_a_prompt_says_what_the_person_wrote(page: Page, open_page: Open) -> None:
    line = await open_page()
    shown = await answering(page, text="Bob 😀")
    assert await ask(line, "prompt", "Name?", "Ada") == ["Bob 😀"]
    assert shown == [("prompt", "Name?", "Ada")]


async def test_a_prompt_may_be_left_empty(page: Page, open_page: Open) -> None:
    line = await open_page()
    await answering(page, text="")
    assert await ask(line, "prompt", "Name?", "") == [""]


async def test_a_dismissed_prompt_is_null(page: Page, open_page: Open) -> None:
    line = await open_page()
    await answering(page, accept=False)
    assert await ask(line, "prompt", "Name?", "Ada") == [None]


async def test_several_questions_at_once_get_their_own_answers(page: Page, open_page: Open) -> None:
    line = await open_page()

    async def on_dialog(dialog: Dialog) -> None:
        await dialog.accept(f"to {dialog.message}")

    page.on("dialog", on_dialog)
    await page.evaluate("localStorage.setItem('a', 'stored')")  # and the browser's driver knows of us
    questions = [("prompt", ["one", ""]), ("local_storage.get", ["a"]), ("prompt", ["two", ""]), ("confirm", ["?"])]
    for n, (name, args) in enumerate(questions, 1):
        await line.say("ask", ONE, 7, n, name, args)
    answers = {message[3]: message[4:] for message in [await line.message("answer") for _ in questions]}
    assert answers == {1: ["to one"], 2: [["stored"]], 3: ["to two"], 4: [True]}


async def test_dialogs_in_two_tabs_are_each_answered_by_their_own(
    context: BrowserContext, page: Page, open_page: Open
) -> None:
    first = await open_page()
    other = await context.new_page()
    second = await open_page(tab=other)
    waiting: asyncio.Queue[Dialog] = asyncio.Queue()
    page.on("dialog", waiting.put_nowait)
    await page.evaluate("0")
    await first.say("ask", ONE, 7, 1, "prompt", ["first", ""])
    async with asyncio.timeout(10):
        held = await waiting.get()
    await answering(other, text="of the second")
    assert await ask(second, "prompt", "second", "") == ["of the second"]
    await held.accept("of the first")
    assert await answer(first) == ["of the first"]


async def test_a_question_of_a_lost_connection_is_not_answered_on_the_next(
    page: Page, server: Rig, open_page: Open
) -> None:
    line = await open_page()
    await page.evaluate(
        """() => Object.defineProperty(navigator, "clipboard",
            { value: { writeText: () => new Promise(resolve => (window.release = resolve)) } })"""
    )
    await line.say("ask", ONE, 7, 1, "clipboard_write", ["x"])
    assert await ask(line, "local_storage.get", "a", n=2) == [[None]]
    await line.close(1012)
    again = await server.line()
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")
    await page.evaluate("release()")
    assert await ask(again, "local_storage.get", "a", n=3) == [[None]]


# --- the storages


@pytest.mark.parametrize("which", ["local", "session"])
async def test_a_storage_is_read_written_and_cleared_by_name(page: Page, open_page: Open, which: str) -> None:
    line = await open_page()
    assert await ask(line, f"{which}_storage.set", {"a": "1", "b": "", "__proto__": "x"}) == [None]
    assert await page.evaluate(f"Object.keys({which}Storage).sort()") == ["__proto__", "a", "b"]
    assert await ask(line, f"{which}_storage.get", "b", "length", "getItem", "a", "__proto__") == [
        ["", None, None, "1", "x"]
    ]
    assert await ask(line, f"{which}_storage.remove", "a", "none") == [None]
    assert await ask(line, f"{which}_storage.get", "a", "b") == [[None, ""]]


async def test_nothing_of_the_storages_is_sent_but_what_is_named(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.evaluate("localStorage.setItem('secret', 's3cret'); localStorage.setItem('theme', 'dark')")
    await line.say("ask", ONE, 7, 1, "local_storage.get", ["theme"])
    assert await line.frame("answer") == f'["answer","{ONE}",7,1,["dark"]]'


async def test_a_full_storage_is_said_in_the_browsers_words(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.evaluate("localStorage.setItem('big', 'x'.repeat(5 * 1024 * 1024 - 100))")
    value, error = await ask(line, "local_storage.set", {"a": "x" * 1000})
    assert value is None
    assert error.startswith("QuotaExceededError")


@pytest.mark.parametrize("letter", ["x", "é"])
async def test_what_is_longer_than_the_server_reads_is_not_sent(page: Page, open_page: Open, letter: str) -> None:
    line = await open_page()
    size = LONGEST // len(letter.encode())
    await page.evaluate("([letter, size]) => localStorage.setItem('a', letter.repeat(size))", [letter, size])
    assert await ask(line, "local_storage.get", "a") == [None, "the answer is longer than 65536 bytes"]
    await page.evaluate("([letter, size]) => localStorage.setItem('a', letter.repeat(size - 100))", [letter, size])
    assert await ask(line, "local_storage.get", "a", n=2) == [[letter * (size - 100)]]


async def test_half_a_surrogate_pair_does_not_reach_the_server(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.evaluate(r"localStorage.setItem('a', 'x\ud800y')")
    await line.say("ask", ONE, 7, 1, "local_storage.get", ["a"])
    assert await line.frame("answer") == f'["answer","{ONE}",7,1,["x\ufffdy"]]'


# --- the page and the screen


async def test_the_page_scrolls_to_a_place_and_to_an_element(page: Page, open_page: Open) -> None:
    line = await open_page(root("x") + TALL)
    await page.evaluate("document.getElementById('tall').style.height = '5000px'")
    assert await ask(line, "scroll_to", 0, 1234) == [None]
    assert await page.evaluate("scrollY") == 1234
    assert (await ask(line, "viewport", n=2))[0]["scroll_y"] == 1234
    assert await ask(line, "scroll_to", "#end", n=3) == [None]
    await expect(page.locator("#end")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("selector", "error"), [("#none", "no element matches #none"), ("[", "SyntaxError"), ("", "SyntaxError")]
)
async def test_an_element_that_is_not_there_is_said(open_page: Open, selector: str, error: str) -> None:
    value, problem = await ask(await open_page(), "scroll_to", selector)
    assert value is None
    assert error in problem


async def test_screen_viewport_and_location_are_told(page: Page, server: Rig, open_page: Open) -> None:
    await page.set_viewport_size({"width": 640, "height": 480})
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    line = await open_page()
    await page.evaluate("history.replaceState(null, '', '/?a=1&b=%C3%A9#end')")
    (screen,) = await ask(line, "screen")
    assert screen == await page.evaluate(
        "({width: screen.width, height: screen.height, device_pixel_ratio: devicePixelRatio})"
    )
    (viewport,) = await ask(line, "viewport", n=2)
    assert viewport == {
        "width": 640,
        "height": 480,
        "scroll_x": 0,
        "scroll_y": 0,
        "dark": True,
        "reduced_motion": True,
    }
    assert await ask(line, "location", n=3) == [{"path": "/", "query": "a=1&b=%C3%A9", "hash": "end"}]
    await page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    (viewport,) = await ask(line, "viewport", n=4)
    assert (viewport["dark"], viewport["reduced_motion"]) == (False, False)


# --- other pages


async def test_a_new_tab_is_opened_without_a_way_back(context: BrowserContext, page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    async with context.expect_page() as opening:
        assert await ask(line, "open", "/?new", True) == [True]
    opened = await opening.value
    await opened.wait_for_url("**/?new")
    assert await opened.evaluate("opener === null")


async def test_this_tab_goes_on_after_its_answer(page: Page, open_page: Open) -> None:
    line = await open_page()
    assert await ask(line, "open", "/?next", False) == [True]
    await page.wait_for_url("**/?next")


@pytest.mark.parametrize("url", ["javascript:window.hit=1", "data:text/html,x", "blob:x", "about:blank"])
@pytest.mark.parametrize("tab", [True, False])
async def test_the_browser_opens_no_script_even_if_the_server_says_so(
    context: BrowserContext, page: Page, open_page: Open, url: str, tab: bool
) -> None:
    line = await open_page()
    value, error = await ask(line, "open", url, tab)
    assert value is None
    assert error.endswith("is not opened")
    assert await page.evaluate("'hit' in window") is False
    assert context.pages == [page]


@pytest.fixture
async def blocking(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> AsyncIterator[Browser]:
    """A browser that blocks pop-ups, as people's browsers do; Playwright's own does not."""
    # The headless shell has no blocker of its own but is told to be one.
    args = [*browser_type_launch_args["args"], "--block-new-web-contents"]
    how = {**browser_type_launch_args, "args": args, "ignore_default_args": ["--disable-popup-blocking"]}
    browser = await browser_type.launch(**how)
    yield browser
    await browser.close()


async def test_a_blocked_pop_up_is_false(blocking: Browser, server: Rig) -> None:
    server.body = root("")
    page = await blocking.new_page()
    # Nothing is looked at before: to the browser, what Playwright evaluates is done by a person.
    await page.goto(server.url)
    assert await ask(await server.line(), "open", "/?new", True) == [False]
    assert page.context.pages == [page]


async def test_text_goes_to_the_clipboard(context: BrowserContext, page: Page, open_page: Open) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    line = await open_page()
    await page.bring_to_front()
    assert await ask(line, "clipboard_write", "copied ✓") == [None]
    assert await page.evaluate("navigator.clipboard.readText()") == "copied ✓"


async def test_a_clipboard_that_is_not_there_is_said(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    value, error = await ask(line, "clipboard_write", "x")
    assert value is None
    assert error.startswith("TypeError")


@pytest.mark.parametrize("name", ["eval", "constructor", "__proto__", "close", "local_storage", "local_storage.clear"])
async def test_only_what_is_on_the_list_is_done(open_page: Open, name: str) -> None:
    assert await ask(await open_page(), name, "1") == [None, f"no window.{name}"]


async def test_a_page_loads_again_when_a_method_says_so(page: Page, server: Rig, open_page: Open) -> None:
    line = await open_page(root('<button ws-click="go">Go</button>'))
    await page.click("button")
    await line.event()
    await line.update(1, [], [], [["reload"]])
    await server.line()
    assert server.fetched == 2


# --- what set an event off


async def test_an_event_tells_its_target_and_the_element_that_listens(page: Page, open_page: Open) -> None:
    inside = '<button id="save" name="way" value="now" data-row-id="7" ws-click="save"><b class="x">Save</b></button>'
    line = await open_page(root(inside) + TARGET)
    await page.click("b", modifiers=["Control", "Shift"])
    data = (await line.event())[3]
    box = await page.locator("b").bounding_box()
    assert box
    assert data["type"] == "click"
    assert data["target"] == {"tag": "b"}
    current = {"tag": "button", "id": "save", "name": "way", "value": "now", "dataset": {"rowId": "7"}}
    assert data["current"] == current
    assert data["keys"] == "ctrl+shift"
    assert abs(data["x"] - (box["x"] + box["width"] / 2)) <= 1
    assert abs(data["page_y"] - (box["y"] + box["height"] / 2)) <= 1


async def test_an_element_that_is_both_is_told_once(page: Page, open_page: Open) -> None:
    line = await open_page(root('<input type="checkbox" name="all" ws-change="all">') + TARGET)
    await page.check("input")
    data = (await line.event())[3]
    assert data == {
        "value": True,
        "type": "change",
        "target": {"tag": "input", "name": "all", "value": "on", "checked": True},
    }


async def test_a_pointer_on_a_scrolled_page_has_two_places(page: Page, open_page: Open) -> None:
    line = await open_page(TALL + root('<button ws-click="go">Go</button>') + TARGET)
    await page.evaluate("document.getElementById('tall').style.height = '5000px'")
    await page.click("button")
    data = (await line.event())[3]
    assert data["page_y"] - data["y"] == round(await page.evaluate("scrollY"))
    assert data["page_y"] > data["y"]


@pytest.mark.parametrize("field", ['type="password"', 'type="text" autocomplete="current-password"'])
async def test_a_password_is_never_part_of_a_target(page: Page, open_page: Open, field: str) -> None:
    line = await open_page(root(f'<input {field} name="pass" ws-change="typed">') + TARGET)
    await page.fill("input", "s3cret")
    await page.locator("input").blur()
    assert (await line.event())[3]["target"] == {"tag": "input", "name": "pass"}


async def test_what_is_too_long_for_the_server_is_left_out(page: Page, open_page: Open) -> None:
    many = " ".join(f'data-n{n}="{n}"' for n in range(40))
    inside = (
        f'<textarea id="{"i" * 257}" name="{"n" * 256}" data-long="{"x" * 257}" {many} ws-change="typed"></textarea>'
    )
    line = await open_page(root(inside) + TARGET)
    await page.fill("textarea", "x" * 1025)
    await page.locator("textarea").blur()
    data = (await line.event())[3]
    assert data["value"] == "x" * 1025
    assert data["target"] == {"tag": "textarea", "name": "n" * 256, "dataset": {f"n{n}": str(n) for n in range(32)}}


async def test_a_form_whose_controls_hide_its_members_still_tells_what_it_is(page: Page, open_page: Open) -> None:
    names = ("id", "name", "value", "type", "dataset", "localName")
    controls = "".join(f'<input name="{name}">' for name in names)
    line = await open_page(root(f'<form id="f" ws-submit="save">{controls}<button>Go</button></form>') + TARGET)
    await page.click("button")
    data = (await line.event())[3]
    assert (data["type"], data["target"]) == ("submit", {"id": "f"})


async def test_the_token_of_a_component_is_no_part_of_a_target(page: Page, open_page: Open) -> None:
    line = await open_page(root("Go", attributes='ws-click="go" data-row="1"') + TARGET)
    await page.click("[data-row]")
    assert (await line.event())[3]["target"] == {"tag": "div", "dataset": {"row": "1"}}
