"""The examples that several people share, each driven by two or more browsers at once."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import ASOK, REPORT_VIOLATIONS, VIOLATION, Launch, Launched

ROOT = Path(__file__).parents[2]
SHARED = ("shared", "dashboard", "chat", "cursors", "settings")

Visit = Callable[[str], Awaitable[Page]]


@pytest.fixture(scope="session")
async def gallery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of the gallery, served once for all tests."""
    folder = tmp_path_factory.mktemp("shared")
    env = {**os.environ, "ASOK_DATABASE": str(folder / "sessions.db")}
    server = Launched((ASOK, "dev", "examples/gallery/app.py"), cwd=ROOT, env=env, log=folder / "server.log")
    await server.start()
    yield server.url
    await server.kill()


@pytest.fixture
async def mortal(launch: Launch, tmp_path: Path) -> Launched:
    """A gallery of the test's own, which it may kill."""
    return await launch(
        "dev", "examples/gallery/app.py", cwd=ROOT, env={"ASOK_DATABASE": str(tmp_path / "sessions.db")}
    )


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(url)` opens it in a profile of its own; the test fails on a fault in any of them."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def hear(message: ConsoleMessage) -> None:
        if message.text.startswith(VIOLATION):
            faults.append(message.text)

    async def open_(url: str) -> Page:
        context = await browser.new_context()
        contexts.append(context)
        context.on("console", hear)
        context.on("weberror", lambda error: faults.append(error.error.message))
        await context.add_init_script(REPORT_VIOLATIONS)
        return await show(await context.new_page(), url)

    yield open_
    for context in contexts:
        await context.close()
    assert not faults, "\n".join(faults)


async def show(page: Page, url: str) -> Page:
    await page.goto(url)
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")
    return page


@pytest.mark.parametrize("name", SHARED)
async def test_each_runs_alone(name: str, launch: Launch, visit: Visit, tmp_path: Path) -> None:
    env = {"ASOK_DATABASE": str(tmp_path / "sessions.db")}
    server = await launch("dev", f"examples/{name}/app.py", cwd=ROOT, env=env)
    page = await visit(server.url)
    await expect(page.locator(f".{name}")).to_be_visible()


# --- shared


async def test_what_one_counts_the_other_sees_and_nothing_is_lost(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/shared") for _ in range(2)]
    before = int(await ann.locator(".shared output").inner_text())
    clicks = "(button) => { for (let n = 0; n < 20; n++) button.click(); }"
    await asyncio.gather(*(page.get_by_role("button", name="More").evaluate(clicks) for page in (ann, bob)))
    await bob.get_by_role("button", name="Less").click()
    for page in (ann, bob):
        await expect(page.locator(".shared output")).to_have_text(str(before + 39))
        await expect(page.locator(".shared p")).to_have_text(re.compile(f"^{before + 39} is an (odd|even) number"))


# --- dashboard

THREE_CHARTS = """() => new Promise((done) => {
    const seen = new Set();
    document.addEventListener("alive:updated", () => {
        seen.add(document.querySelector(".memory .line").getAttribute("d"));
        if (seen.size === 3) done([...seen]);
    });
})"""


async def test_every_page_is_shown_the_same_figures_of_this_machine(visit: Visit, gallery: str) -> None:
    pages = [await visit(f"{gallery}/dashboard") for _ in range(3)]
    shown = await asyncio.gather(*(page.evaluate(THREE_CHARTS) for page in pages))
    for page in pages:
        await expect(page.locator(".memory figcaption p")).to_contain_text(
            f"{psutil.virtual_memory().total / 1e9:.1f} GB"
        )
        await expect(page.locator(".cpu figcaption p")).to_contain_text(f"{psutil.cpu_count()} cores")
    one, *others = map(set, shown)
    assert all(len(one & other) >= 2 for other in others), "the pages were told different things"


async def test_a_chart_has_one_point_for_a_second_however_many_pages_are_open(visit: Visit, gallery: str) -> None:
    page, _ = [await visit(f"{gallery}/dashboard") for _ in range(2)]
    line = page.locator(".cpu .line")
    await expect(line).to_have_attribute("d", re.compile("(L.*){3}"))
    places = [int(place) for place in re.findall(r"[ML](\d+) ", await line.get_attribute("d") or "")]
    assert places[-1] == 60
    assert places == sorted(set(places))


# --- chat


async def test_what_is_said_is_seen_at_once_by_all_in_the_room_and_is_only_text(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "texts")
    await enter(bob, "Bob", "texts")
    await say(ann, "<b>Hello</b> & 'welcome' <script>alert(1)</script>")
    for page in (ann, bob):
        await expect(messages(page)).to_have_text(["<b>Hello</b> & 'welcome' <script>alert(1)</script>"])
        await expect(page.locator("ol b")).to_have_text(["Ann"])
    await say(bob, "Hello, Ann")
    await expect(messages(ann).last).to_have_text("Hello, Ann")


async def test_who_is_here_and_who_types_is_seen_and_ends(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "presence")
    await enter(bob, "<i>Bob</i>", "presence")
    for page in (ann, bob):
        await expect(people(page)).to_have_text(["Ann", "<i>Bob</i>"])
        await expect(page.get_by_role("button", name="presence")).to_have_text("presence 2")
    await message_field(bob).press_sequentially("Hm")
    await expect(ann.get_by_role("status")).to_have_text("<i>Bob</i> is typing …")
    await expect(bob.get_by_role("status")).to_have_text("")
    await message_field(bob).press("Enter")
    await expect(ann.get_by_role("status")).to_have_text("")
    await bob.context.close()
    await expect(people(ann)).to_have_text(["Ann"])
    await expect(ann.get_by_role("button", name="presence")).to_have_text("presence 1")


async def test_rooms_are_apart_and_a_new_one_is_offered_to_all(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "one")
    await enter(bob, "Bob", 'the "other" & <b>')
    await say(bob, "Only here")
    await expect(ann.get_by_label("Rooms")).to_contain_text('the "other" & <b> 1')
    await expect(people(ann)).to_have_text(["Ann"])
    await expect(ann.locator("ol")).to_have_text("Nothing has been said here yet.")
    await ann.get_by_role("button", name='the "other"').click()
    await expect(messages(ann)).to_have_text(["Only here"])
    await expect(people(bob)).to_have_text(["Bob", "Ann"])


async def test_what_is_being_typed_stays_while_messages_arrive(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "typed")
    await enter(bob, "Bob", "typed")
    await message_field(bob).press_sequentially("half a sent")
    await bob.keyboard.press("ArrowLeft")
    for number in range(5):
        await say(ann, f"{number}")
    await expect(messages(bob)).to_have_count(5)
    await bob.keyboard.type("-")
    await expect(message_field(bob)).to_have_value("half a sen-t")
    await expect(message_field(bob)).to_be_focused()


async def test_the_end_stays_in_view_unless_somebody_has_scrolled_up(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "scrolled")
    await enter(bob, "Bob", "scrolled")
    for number in range(15):
        await say(ann, f"number {number}")
    for page in (ann, bob):
        await expect(messages(page).last).to_have_text("number 14")
        await page.locator(".messages").scroll_into_view_if_needed()
        await expect(messages(page).last).to_be_in_viewport()
    await bob.locator(".messages").evaluate("(box) => box.scrollTo(0, -box.scrollHeight)")
    first = messages(bob).first
    await expect(first).to_be_in_viewport()
    place = await top_of(first)
    await say(ann, "number 15")
    await expect(messages(bob)).to_have_count(16)
    assert await top_of(first) == pytest.approx(place, abs=1)
    await expect(messages(bob).last).not_to_be_in_viewport()
    await expect(messages(ann).last).to_be_in_viewport()


async def test_who_has_given_no_name_says_nothing(visit: Visit, gallery: str) -> None:
    ann, forger = [await visit(f"{gallery}/chat") for _ in range(2)]
    await enter(ann, "Ann", "lobby")
    before = await messages(ann).count()
    async with forger.expect_event("console", lambda message: "chat:lobby" in message.text):
        await forger.locator(".chat form").evaluate("""(form) => {
            form.setAttribute("ws-submit", "say('forged')");
            form.noValidate = true;
            form.requestSubmit();
        }""")
    await say(ann, "still here")
    await expect(messages(ann)).to_have_count(before + 1)
    await ann.reload()
    await expect(messages(ann)).to_have_count(before + 1)


async def test_a_killed_server_comes_back_with_rooms_history_and_presence(visit: Visit, mortal: Launched) -> None:
    ann, bob = [await visit(f"{mortal.url}/chat") for _ in range(2)]
    await enter(ann, "Ann", "cellar")
    await enter(bob, "Bob", "cellar")
    await say(ann, "before")
    await expect(messages(bob)).to_have_text(["before"])
    await message_field(bob).press_sequentially("not yet")
    await mortal.kill()
    await expect(bob.locator("html")).not_to_have_attribute("data-alive", "live")
    await mortal.start()
    for page in (ann, bob):
        await expect(page.locator("html")).to_have_attribute("data-alive", "live")
        await expect(people(page)).to_have_count(2)
        await expect(messages(page)).to_have_text(["before"])
    await expect(message_field(bob)).to_have_value("not yet")
    await say(ann, "after")
    await expect(messages(bob)).to_have_text(["before", "after"])
    newcomer = await visit(f"{mortal.url}/chat")
    await enter(newcomer, "Cy", "cellar")
    await expect(messages(newcomer)).to_have_text(["before", "after"])
    await expect(people(ann)).to_have_count(3)


async def enter(page: Page, name: str, room: str) -> None:
    await page.get_by_label("Your name").fill(name)
    await page.keyboard.press("Enter")
    await page.get_by_label("New room").fill(room)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("New room")).to_have_value("")
    await expect(page.locator(".chat nav [aria-pressed=true]")).to_contain_text(room)


async def say(page: Page, text: str) -> None:
    await message_field(page).fill(text)
    await message_field(page).press("Enter")
    await expect(message_field(page)).to_have_value("")
    await expect(messages(page).last).to_have_text(text)


async def top_of(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["y"]


def message_field(page: Page) -> Locator:
    return page.get_by_label("Message to")


def messages(page: Page) -> Locator:
    return page.locator(".messages li > p")


def people(page: Page) -> Locator:
    return page.get_by_label("Who is here").locator("li")


# --- cursors


async def test_each_sees_the_pointers_of_all_others_where_they_are(visit: Visit, gallery: str) -> None:
    pages = [await visit(f"{gallery}/cursors") for _ in range(3)]
    for number, page in enumerate(pages):
        await expect(page.locator(".pointer")).to_have_count(2)
        await point(page, 0.25 * (number + 1), 0.5)
    places = ["left: 25%; top: 50%;", "left: 50%; top: 50%;", "left: 75%; top: 50%;"]
    for number, page in enumerate(pages):
        for other, moved in enumerate(pages):
            if other != number:
                await expect(pointer(page, await me(moved))).to_have_attribute("style", places[other])
                await expect(pointer(page, await me(moved))).to_be_visible()
    names = await pages[0].locator(".pointer span").all_inner_texts()
    assert len(set(names)) == 2, "each has a name of their own"


async def test_a_pointer_goes_with_its_person(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/cursors") for _ in range(2)]
    left = await me(bob)
    await point(bob, 0.5, 0.5)
    await expect(pointer(ann, left)).to_be_visible()
    await bob.context.close()
    await expect(ann.locator(".pointer")).to_have_count(0)
    cy = await visit(f"{gallery}/cursors")
    await expect(ann.locator(".pointer")).to_have_count(1)
    kept = await cy.evaluate('alive.store("pointers").get().then(Object.keys)')
    assert left not in kept, "the place of one who has left is kept"


async def test_a_hundred_moves_in_a_moment_are_few_writes_and_the_last_one_counts(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/cursors") for _ in range(2)]
    await expect(ann.locator(".pointer")).to_have_count(1)
    await bob.locator(".board").evaluate("""(board) => {
        window.writes = 0;
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (text) {
            window.writes += text.startsWith('["write"');
            send.call(this, text);
        };
        const { left, top, width, height } = board.getBoundingClientRect();
        for (let n = 1; n <= 100; n++)
            board.dispatchEvent(new PointerEvent("pointermove", {
                bubbles: true, clientX: left + (width * n) / 200, clientY: top + (height * n) / 200,
            }));
    }""")
    await expect(pointer(ann, await me(bob))).to_have_attribute("style", "left: 50%; top: 50%;")
    assert await bob.evaluate("window.writes") == 2, "the first at once, the last when it was due"


@pytest.mark.parametrize(
    ("place", "code"),
    [("{ x: 1001, y: 0 }", "bad_value"), ("{ x: 0 }", "bad_value"), ("'here'", "bad_value"), ("{ x: 0, y: 0 }", "")],
)
async def test_a_pointer_stays_on_the_board(visit: Visit, gallery: str, place: str, code: str) -> None:
    ann = await visit(f"{gallery}/cursors")
    assert await written(ann, await me(ann), place) == code


async def test_nobody_moves_the_pointer_of_another(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/cursors") for _ in range(2)]
    await point(ann, 0.5, 0.5)
    await expect(pointer(bob, await me(ann))).to_have_attribute("style", "left: 50%; top: 50%;")
    assert await written(bob, await me(ann), "{ x: 0, y: 0 }") == "denied"
    assert await written(bob, "nobody", "{ x: 0, y: 0 }") == "denied"
    await expect(pointer(bob, await me(ann))).to_have_attribute("style", "left: 50%; top: 50%;")


async def written(page: Page, id: str, place: str) -> str:
    """The code with which a write is refused; nothing where it is not."""
    write = f'alive.store("pointers").set("{id}", {place})'
    return str(await page.evaluate(f'{write}.then(() => "", (error) => error.code)'))


async def me(page: Page) -> str:
    return await page.locator(".board").get_attribute("data-me") or ""


def pointer(page: Page, id: str) -> Locator:
    return page.locator(f'[data-pointer="{id}"]')


async def point(page: Page, x: float, y: float) -> None:
    """Move the pointer there; where it is on the screen, pixels are whole, so the event is made."""
    await page.locator(".board").evaluate(
        """(board, [x, y]) => {
            const { left, top, width, height } = board.getBoundingClientRect();
            const place = { clientX: left + width * x, clientY: top + height * y };
            board.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, ...place }));
        }""",
        [x, y],
    )


async def test_a_real_pointer_is_followed(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/cursors") for _ in range(2)]
    await expect(ann.locator(".pointer")).to_have_count(1)
    box = await bob.locator(".board").bounding_box()
    assert box is not None
    await bob.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=10)
    await expect(pointer(ann, await me(bob))).to_have_attribute("style", re.compile(r"left: (49\.\d|50|50\.\d)%"))


# --- settings


async def test_what_a_script_sets_python_reads_and_the_other_tab_follows(visit: Visit, gallery: str) -> None:
    ann, stranger = [await visit(f"{gallery}/settings") for _ in range(2)]
    tab = await show(await ann.context.new_page(), f"{gallery}/settings")
    await ann.get_by_label("Theme").select_option("dark")
    await ann.get_by_role("slider", name="Volume").fill("80")
    await ann.get_by_role("slider", name="Text size").fill("140")
    for page in (ann, tab):
        await expect_settings(page, "dark", 80, 140)
    await ann.reload()
    await expect_settings(ann, "dark", 80, 140)
    await expect_settings(stranger, "system", 50, 100)
    await stranger.reload()
    await expect_settings(stranger, "system", 50, 100)


async def test_what_python_sets_the_scripts_of_all_tabs_show(visit: Visit, gallery: str) -> None:
    ann, stranger = [await visit(f"{gallery}/settings") for _ in range(2)]
    tab = await show(await ann.context.new_page(), f"{gallery}/settings")
    await ann.get_by_role("slider", name="Volume").fill("7")
    await tab.get_by_role("button", name="evening").click()
    for page in (ann, tab):
        await expect_settings(page, "dark", 20, 120)
    await ann.get_by_role("button", name="as at first").click()
    for page in (ann, tab, stranger):
        await expect_settings(page, "system", 50, 100)


async def test_python_is_told_which_side_has_set_what(visit: Visit, gallery: str) -> None:
    ann, bob = [await visit(f"{gallery}/settings") for _ in range(2)]
    scripts, python = [int(each) for each in await ann.locator("dd output").all_inner_texts()]
    await ann.get_by_role("slider", name="Volume").fill("1")
    await expect(bob.locator("dd output").first).to_have_text(str(scripts + 1))
    await ann.get_by_role("button", name="evening").click()
    await expect(bob.locator("dd output").last).to_have_text(str(python + 3))
    await expect(bob.locator("dd output").first).to_have_text(str(scripts + 1))


async def expect_settings(page: Page, theme: str, volume: int, size: int) -> None:
    await expect(page.get_by_label("Theme")).to_have_value(theme)
    await expect(page.get_by_role("slider", name="Volume")).to_have_value(str(volume))
    await expect(page.get_by_role("slider", name="Text size")).to_have_value(str(size))
    await expect(page.locator(".preview")).to_have_attribute("data-theme", theme)
    await expect(page.locator(".preview")).to_have_attribute("data-size", str(size))
    await expect(page.locator(".preview meter")).to_have_js_property("value", volume)
    await expect(page.locator("dd").first).to_contain_text(f'theme "{theme}" volume {volume} size {size}')
