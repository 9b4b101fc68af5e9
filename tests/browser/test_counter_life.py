"""A count outlives what happens to pages, servers and lines, and each visitor has a count of his own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import ASOK, Launch, Launched
from tests.browser.latency import Line

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Launched]:
    folder = tmp_path_factory.mktemp("gallery")
    env = {**os.environ, "ASOK_DATABASE": str(folder / "sessions.db")}
    server = Launched((ASOK, "dev", "examples/gallery/app.py"), cwd=ROOT, env=env, log=folder / "server.log")
    yield server
    await server.kill()


@pytest.fixture
async def gallery(mortal: Launched) -> Launched:
    """A gallery of these tests' own, which each may kill; each test is a visitor of its own."""
    if mortal.process is None or mortal.process.returncode is not None:
        await mortal.start()
    return mortal


@pytest.fixture
async def alone(launch: Launch, tmp_path: Path) -> Launched:
    """The counter's file as an app of its own."""
    database = str(tmp_path / "sessions.db")
    return await launch("dev", "examples/counter/app.py", cwd=ROOT, env={"ASOK_DATABASE": database})


async def test_clicks_count_up_and_down_and_a_reload_keeps_the_count(page: Page, alone: Launched) -> None:
    await page.goto(alone.url)
    await click(page, "More", 3)
    await click(page, "Less", 1)
    await expect_count(page, 2)
    await page.reload()
    await expect_count(page, 2)
    await click(page, "More", 1)
    await expect_count(page, 3)


async def test_fast_clicks_all_count(page: Page, gallery: Launched) -> None:
    await page.goto(f"{gallery.url}/counter")
    await page.get_by_role("button", name="More").evaluate(
        "(button) => { for (let n = 0; n < 50; n++) button.click(); }"
    )
    await expect_count(page, 50)


async def test_an_open_page_counts_on_after_the_server_was_killed(page: Page, gallery: Launched) -> None:
    await page.goto(f"{gallery.url}/counter")
    await click(page, "More", 5)
    await expect_count(page, 5)
    await gallery.kill()
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    await click(page, "More", 2)
    await gallery.start()
    await expect_count(page, 7)
    await page.reload()
    await expect_count(page, 7)


async def test_a_reload_after_the_server_was_killed_shows_the_count(page: Page, gallery: Launched) -> None:
    await page.goto(f"{gallery.url}/counter")
    await click(page, "More", 4)
    await expect_count(page, 4)
    await gallery.restart()
    await page.reload()
    await expect_count(page, 4)
    await click(page, "More", 1)
    await expect_count(page, 5)


async def test_another_browser_has_its_own_count(page: Page, browser: Browser, gallery: Launched) -> None:
    await page.goto(f"{gallery.url}/counter")
    await click(page, "More", 3)
    await expect_count(page, 3)
    other = await browser.new_context()
    stranger = await other.new_page()
    await stranger.goto(f"{gallery.url}/counter")
    await expect_count(stranger, 0)
    await click(stranger, "Less", 1)
    await expect_count(stranger, -1)
    await page.reload()
    await expect_count(page, 3)
    await other.close()


async def test_two_tabs_never_disturb_each_other(page: Page, context: BrowserContext, gallery: Launched) -> None:
    other = await context.new_page()
    for tab in (page, other):
        await tab.goto(f"{gallery.url}/counter")
    for _ in range(3):
        await click(page, "More", 1)
        await click(other, "Less", 1)
    await expect_count(page, 3)
    await expect_count(other, -3)
    # A reload shows what was last counted, in whichever tab; the other tab stays as it is.
    await click(page, "More", 1)
    await expect_count(page, 4)
    await other.reload()
    await expect_count(other, 4)
    await click(other, "Less", 2)
    await expect_count(other, 2)
    await click(page, "More", 1)
    await expect_count(page, 5)


async def test_the_back_button_comes_back_to_the_count(page: Page, gallery: Launched) -> None:
    await page.goto(f"{gallery.url}/counter")
    await click(page, "More", 3)
    await expect_count(page, 3)
    await page.get_by_role("navigation").get_by_role("link", name="todo").click()
    await expect(page.get_by_label("What to do")).to_be_visible()
    await page.go_back()
    await expect_count(page, 3)
    await click(page, "More", 1)
    await expect_count(page, 4)
    await page.reload()
    await expect_count(page, 4)


async def test_clicks_without_a_line_arrive_once_when_it_is_back(page: Page, gallery: Launched) -> None:
    async with Line(gallery.url) as line:
        await page.goto(f"{line.url}/counter")
        await click(page, "More", 1)
        await expect_count(page, 1)
        await line.cut()
        await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
        await click(page, "More", 10)
        await expect_count(page, 1)
        line.restore()
        await expect_count(page, 11)
        await page.reload()
        await expect_count(page, 11)


async def test_clicks_whose_answers_were_lost_are_not_counted_twice(
    page: Page, context: BrowserContext, gallery: Launched
) -> None:
    async with Line(gallery.url) as line:
        await page.goto(f"{line.url}/counter")
        await click(page, "More", 1)
        await expect_count(page, 1)
        line.deaf = True
        await click(page, "More", 3)
        # The server has counted them, as another tab can see; only this page does not know.
        witness = await context.new_page()
        await witness.goto(f"{gallery.url}/counter")
        await reload_until(witness, 4)
        await expect_count(page, 1)
        await line.cut()
        line.restore()
        await expect_count(page, 4)
        await click(page, "More", 1)
        await expect_count(page, 5)


async def click(page: Page, name: str, times: int) -> None:
    for _ in range(times):
        await page.get_by_role("button", name=name).click()


async def expect_count(page: Page, count: int) -> None:
    await expect(page.locator("output")).to_have_text(str(count), timeout=30_000)


async def reload_until(page: Page, count: int) -> None:
    while await page.locator("output").inner_text() != str(count):
        await page.reload()
