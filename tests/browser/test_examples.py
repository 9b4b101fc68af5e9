"""Every example of the gallery, driven in a real browser as a person would."""

from __future__ import annotations

import asyncio
import os
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Launch
from tests.browser.latency import Line

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(file.parent.name for file in (ROOT / "examples").glob("*/app.py") if file.parent.name != "gallery")
# These make their own rows: what Unicode and the standard library know.
WITH_DATA = ("feed", "table")
WITH_SCRIPT = ("cursors", "hooks", "settings")
KEYS_PER_SECOND = 20
# The 30 s form shows what the short one may miss; it is for the eyes, not for every run.
WORDS_TO_TYPE = 40 if os.environ.get("ASOK_LONG") else 6


# --- the gallery


async def test_the_gallery_leads_to_every_example_and_shows_its_source(page: Page, gallery: str) -> None:
    await page.goto(gallery)
    assert sorted(await page.locator(".cards a").all_text_contents()) == EXAMPLES
    for name in EXAMPLES:
        await page.goto(gallery)
        await page.locator(f".cards a[href='/{name}']").click()
        await expect(page).to_have_title(re.compile(name))
        await expect(page.locator(".stage [data-asok-state]").first).to_be_visible()
        for file in (ROOT / "examples" / name).glob("[!.]*.*"):
            source = page.get_by_role("region", name=f"examples/{name}/{file.name}").locator("pre")
            await expect(source).to_have_text(file.read_text("utf-8").strip())


async def test_every_page_comes_with_a_policy_and_an_unknown_one_is_not_found(gallery: str) -> None:
    async with httpx.AsyncClient(base_url=gallery) as client:
        for path in ("/", *(f"/{name}" for name in EXAMPLES)):
            assert (await client.get(path)).headers["content-security-policy"] == "default-src 'self'"
        assert (await client.get("/nothing")).status_code == 404


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_is_short(name: str) -> None:
    files = list((ROOT / "examples" / name).glob("[!.]*.*"))
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files if file.suffix == ".py")
    assert lines <= (120 if name in WITH_DATA else 80)
    assert not [file for file in files if "<script" in file.read_text("utf-8")]
    assert any(file.suffix == ".js" for file in files) == (name in WITH_SCRIPT)


@pytest.mark.parametrize("name", ["", *EXAMPLES])
async def test_nothing_is_wider_than_a_phone(page: Page, gallery: str, name: str) -> None:
    await page.goto(f"{gallery}/{name}")
    for width in (390, 320):
        await page.set_viewport_size({"width": width, "height": 844})
        assert await page.evaluate(
            """[document.documentElement, ...document.querySelectorAll(".stage")].every(
                (each) => each.scrollWidth <= each.clientWidth)"""
        ), width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(scheme: str) -> None:
    css = (ROOT / "examples" / "gallery" / "static" / "gallery.css").read_text("utf-8")
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in css.split("}")[:2])
    colours = light | (dark if scheme == "dark" else {})
    for ground in ("ground", "surface", "sunken"):
        for text in ("text", "quiet", "accent", "accent-strong", "warn"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["edge"], colours[ground]) >= 3, ground
    assert contrast(colours["accent-strong"], colours["tint"]) >= 4.5
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["on-accent"], colours["accent-strong"]) >= 4.5


# --- todo


async def test_todos_are_added_marked_filtered_edited_and_deleted(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/todo")
    await add(page, "Water the plants", "Buy bread", "Call Ada")
    await page.get_by_label("Buy bread", exact=True).check()
    await expect(page.get_by_text("2 of 3 open")).to_be_visible()

    await page.get_by_role("button", name="open", exact=True).click()
    await expect_todos(page, "Water the plants", "Call Ada")
    await page.get_by_role("button", name="done", exact=True).click()
    await expect_todos(page, "Buy bread")
    await page.get_by_role("button", name="all", exact=True).click()
    await expect_todos(page, "Water the plants", "Buy bread", "Call Ada")
    await expect(page.get_by_label("Buy bread", exact=True)).to_be_checked()

    await page.get_by_role("button", name="Edit Call Ada").click()
    editor = page.get_by_label("New text")
    await expect(editor).to_be_focused()
    await editor.fill("Write to <b>Ada</b> & 🐍")
    await editor.press("Enter")
    await expect_todos(page, "Water the plants", "Buy bread", "Write to <b>Ada</b> & 🐍")
    await expect(page.get_by_role("button", name="Edit Write")).to_be_focused()

    await page.get_by_role("button", name="Delete Buy bread").click()
    await expect_todos(page, "Water the plants", "Write to <b>Ada</b> & 🐍")
    await page.reload()
    await expect_todos(page, "Water the plants", "Write to <b>Ada</b> & 🐍")


async def test_escape_leaves_a_todo_as_it_was(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/todo")
    await add(page, "Buy bread")
    await page.get_by_role("button", name="Edit Buy bread").click()
    await page.get_by_label("New text").fill("Buy cake")
    await page.get_by_label("New text").press("Escape")
    await expect_todos(page, "Buy bread")
    await expect(page.get_by_role("button", name="Edit Buy bread")).to_be_focused()


async def test_a_blank_todo_is_not_added(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/todo")
    field = page.get_by_label("What to do")
    await field.fill("   ")
    await field.press("Enter")
    await expect(page.get_by_role("button", name="Add")).to_be_enabled()
    await field.fill("Buy bread")
    await field.press("Enter")
    await expect_todos(page, "Buy bread")


async def test_what_is_being_edited_stays_while_another_todo_changes(page: Page, gallery: str) -> None:
    async with Line(gallery, delay=0.2) as line:
        await page.goto(f"{line.url}/todo")
        await add(page, "a", "b")
        await page.get_by_role("button", name="Edit b").click()
        editor = page.get_by_label("New text")
        await expect(editor).to_be_focused()
        await page.get_by_label("a", exact=True).click()
        await editor.focus()
        await page.keyboard.press("End")
        await page.keyboard.type(" and more")
        await expect(page.get_by_text("1 of 2 open")).to_be_visible()
        await expect(editor).to_have_value("b and more")
        await expect(editor).to_be_focused()
        await page.keyboard.press("Enter")
        await expect_todos(page, "a", "b and more")


async def test_a_reset_leaves_what_was_typed_after_the_submit(page: Page, gallery: str) -> None:
    async with Line(gallery, delay=0.2) as line:
        await page.goto(f"{line.url}/todo")
        field = page.get_by_label("What to do")
        await field.focus()
        await page.keyboard.type("first")
        await page.keyboard.press("Enter")
        await page.keyboard.press("ControlOrMeta+a")
        await page.keyboard.type("second")
        await expect_todos(page, "first")
        await expect(field).to_have_value("second")


async def test_two_tabs_that_add_to_one_list_lose_nothing(page: Page, context: BrowserContext, gallery: str) -> None:
    other = await context.new_page()
    for tab in (page, other):
        await tab.goto(f"{gallery}/todo")
    one, two = [f"one {number}" for number in range(10)], [f"two {number}" for number in range(10)]
    await asyncio.gather(type_todos(page, one), type_todos(other, two))
    await page.reload()
    assert sorted(await page.locator(".todo label").all_inner_texts()) == one + two


async def test_a_filtered_list_is_reordered_among_what_it_shows(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/todo")
    await add(page, "a", "b", "c")
    await page.get_by_label("b", exact=True).check()
    await page.get_by_role("button", name="open", exact=True).click()
    await page.get_by_role("button", name="Move c up").click()
    await expect_todos(page, "c", "a")
    await page.get_by_role("button", name="all", exact=True).click()
    await expect_todos(page, "c", "b", "a")


async def test_two_hundred_todos_are_kept_and_a_moved_one_keeps_the_focus(page: Page, gallery: str) -> None:
    texts = [f"todo {number}" for number in range(1, 201)]
    await page.goto(f"{gallery}/todo")
    await add(page, *texts)
    await expect(page.get_by_text("200 of 200 open")).to_be_visible()

    up = page.get_by_role("button", name="Move todo 150 up")
    await up.focus()
    row = await page.locator("li", has=up).element_handle()
    for _ in range(3):
        await page.keyboard.press("Enter")
    texts.insert(146, texts.pop(149))
    await expect_todos(page, *texts)
    await expect(up).to_be_focused()
    await expect(up).to_be_in_viewport()
    moved = await page.locator("li", has=up).element_handle()
    assert await page.evaluate("([one, other]) => one === other", [row, moved]), "the row was made anew, not moved"

    await page.reload()
    await expect_todos(page, *texts)


async def add(page: Page, *texts: str) -> None:
    await type_todos(page, texts)
    await expect(page.locator(".todo li")).to_have_count(len(texts))


async def type_todos(page: Page, texts: Iterable[str]) -> None:
    field = page.get_by_label("What to do")
    await field.focus()
    for text in texts:
        await page.keyboard.insert_text(text)
        await page.keyboard.press("Enter")
        await expect(field).to_have_value("")
    await expect(field).to_be_focused()


async def expect_todos(page: Page, *texts: str) -> None:
    await expect(page.locator(".todo label")).to_have_text(list(texts))


# --- unicode


async def test_a_search_finds_characters_by_name_code_and_itself(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/unicode")
    await expect(page.get_by_role("status")).to_have_text(re.compile("[0-9]{2},[0-9]{3} characters to search in"))
    field, rows = page.get_by_role("searchbox"), page.locator("tbody tr")
    for query in ("snowman without", "u+26c4", "⛄"):
        await field.fill(query)
        await expect(page.get_by_role("status")).to_have_text("1 found")
        await expect(rows.locator("td")).to_have_text(["⛄", "U+26C4", "SNOWMAN WITHOUT SNOW", "So"])
        await field.fill("")
        await expect(rows).to_have_count(0)


async def test_at_most_two_hundred_of_many_characters_are_shown(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/unicode")
    await page.get_by_role("searchbox").fill("letter")
    await expect(page.get_by_role("status")).to_have_text(re.compile("[0-9]{2},[0-9]{3} found, the first 200 shown"))
    await expect(page.locator("tbody tr")).to_have_count(200)


async def test_fast_typing_over_a_slow_line_loses_no_character_and_moves_no_caret(page: Page, gallery: str) -> None:
    async with Line(gallery, delay=0.2) as line:
        await page.goto(f"{line.url}/unicode")
        await expect(page.locator("html")).to_have_attribute("data-alive", "live")
        field = page.get_by_role("searchbox")
        await field.focus()
        await watch(page, field)
        keys = list(keys_of_a_search(WORDS_TO_TYPE))
        allowed = await press_at_pace(page, keys)
        await expect(page.locator("tbody td").nth(2)).to_have_text(re.compile("GREEK SMALL LETTER"))
        seen = await page.evaluate("window.seen")
        updates = await page.evaluate("window.updates")
    assert await field.input_value() == "greek small"
    assert updates >= WORDS_TO_TYPE, "answers came while the keys were pressed"
    assert in_order(seen, allowed), "the field held something that was never typed"


async def watch(page: Page, field: Locator) -> None:
    """Note every value and caret that the field shows, at each frame and after each answer."""
    await field.evaluate("""(field) => {
        window.seen = [];
        window.updates = 0;
        const note = () => {
            const now = JSON.stringify([field.value, field.selectionStart, field.selectionEnd]);
            if (now !== window.seen.at(-1)) window.seen.push(now);
        };
        const frame = () => { note(); requestAnimationFrame(frame); };
        frame();
        document.addEventListener("alive:updated", () => { note(); window.updates += 1; });
    }""")


def keys_of_a_search(words: int) -> Iterable[str]:
    """A word, a letter put into its middle and taken out again, the word deleted; then the last search."""
    for number in range(words):
        word = ("arrows", "heavy", "double", "wedge")[number % 4]
        yield from word
        yield from ("ArrowLeft", "ArrowLeft", "x", "Backspace", "End")
        yield from ["Backspace"] * len(word)
    yield from "greek small"


async def press_at_pace(page: Page, keys: Iterable[str]) -> list[str]:
    """Press the keys, 20 a second with a breath now and then; what the field may have shown meanwhile."""
    loop = asyncio.get_running_loop()
    text, caret, due = "", 0, loop.time()
    allowed = [state_of(text, caret)]
    for number, key in enumerate(keys):
        await page.keyboard.press(key)
        text, caret = after_key(text, caret, key)
        allowed.append(state_of(text, caret))
        # The pace of a person, not a wait for anything. At each breath the search is sent.
        due += 1 / KEYS_PER_SECOND + (0.15 if number % 6 == 5 else 0)
        await asyncio.sleep(due - loop.time())
    return allowed


def after_key(text: str, caret: int, key: str) -> tuple[str, int]:
    if key == "ArrowLeft":
        return text, max(0, caret - 1)
    if key == "End":
        return text, len(text)
    if key == "Backspace":
        return text[: max(0, caret - 1)] + text[caret:], max(0, caret - 1)
    return text[:caret] + key + text[caret:], caret + 1


def state_of(text: str, caret: int) -> str:
    return f'["{text}",{caret},{caret}]'


def in_order(seen: Iterable[str], allowed: Iterable[str]) -> bool:
    """Whether what was seen is what was allowed, in that order, some left out."""
    rest = iter(allowed)
    return all(state in rest for state in seen)


# --- progress


async def test_a_progress_bar_moves_while_the_files_are_counted(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/progress")
    bar = page.get_by_role("progressbar")
    await bar.evaluate("""(bar) => {
        window.positions = [];
        document.addEventListener("alive:updated", () => window.positions.push(bar.position));
    }""")
    await page.get_by_role("button", name="Count the files").click()
    await expect(bar).to_have_js_property("position", 1, timeout=60_000)
    await expect(page.get_by_role("button", name="Count the files")).to_be_enabled()
    positions = await page.evaluate("window.positions")
    assert positions == sorted(positions)
    assert len(set(positions)) > 10, positions

    suffix, count, _ = await page.locator("tbody tr").nth(1).locator("td").all_inner_texts()
    assert int(count.replace(",", "")) == pytest.approx(files_of_the_library()[suffix], rel=0.02)
    await page.reload()
    await expect(bar).to_have_js_property("position", 1)


async def test_leaving_a_count_half_way_leaves_nothing_half_counted(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/progress")
    await page.get_by_role("button", name="Count the files").click()
    await expect(page.locator("tbody tr").first).to_be_visible()
    await page.reload()
    assert await page.get_by_role("progressbar").evaluate("(bar) => bar.position") in (0, 1)


async def test_a_count_that_a_killed_server_began_is_finished_by_the_next(
    page: Page, launch: Launch, tmp_path: Path
) -> None:
    database = str(tmp_path / "sessions.db")
    server = await launch("dev", "examples/progress/app.py", cwd=ROOT, env={"ASOK_DATABASE": database})
    await page.goto(server.url)
    await page.get_by_role("button", name="Count the files").click()
    await expect(page.locator("tbody tr").first).to_be_visible()
    await server.restart()
    await expect(page.get_by_role("progressbar")).to_have_js_property("position", 1, timeout=60_000)
    await expect(page.get_by_role("button", name="Count the files")).to_be_enabled()


def files_of_the_library() -> Counter[str]:
    library = sysconfig.get_path("stdlib")
    return Counter(Path(file).suffix or "none" for _, _, files in os.walk(library) for file in files)


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2 asks for: 4.5 for text, 3 for the edge of a control."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
