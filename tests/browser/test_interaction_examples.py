"""The examples of events, binding and waiting, driven in a real browser as a person would."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Dialog, Page, expect

from tests.browser.latency import Line

ROOT = Path(__file__).parents[2]


async def test_a_garden_is_planted_with_mouse_and_keys_and_dug_up_after_a_question(page: Page, gallery: str) -> None:
    asked: list[str] = []

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.accept() if len(asked) > 1 else dialog.dismiss())

    page.on("dialog", answer)
    await page.goto(f"{gallery}/events")
    plot = page.get_by_label(re.compile("Plot 9:"))
    await plot.click()
    await expect(plot).not_to_have_accessible_name("Plot 9: empty")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#plot-14")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#plot-14")).not_to_have_accessible_name("Plot 15: empty")
    await page.locator("#plot-14").click(button="right")
    await expect(page.locator("#plot-14")).to_have_accessible_name("Plot 15: empty")
    await expect(page.locator(".events li").first).to_contain_text("contextmenu on plot-14 at")
    await expect(plot).to_have_accessible_name("Plot 9: flower", timeout=30_000)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Dig it all up").click()
    await expect(plot).to_have_accessible_name("Plot 9: empty")
    assert asked == ["Dig up the whole garden?"] * 2


async def test_the_badge_follows_every_control(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/binding")
    badge = page.get_by_label("Badge")
    await page.get_by_label("Name").fill("  Grace <b> Hopper ")
    await page.get_by_label("Day").fill("1906-12-09")
    await page.get_by_label("Seats").fill("4")
    await page.get_by_label("Table").select_option("garden")
    await page.get_by_label("Cake").check()
    await page.get_by_label("Very hungry").uncheck()
    await page.get_by_label("Size").fill("140")
    await page.get_by_label("Note").fill("soon")
    await expect(badge).to_contain_text("“soon”")
    await expect(badge.locator("h2")).to_have_text("Grace <b> Hopper")
    await expect(badge).to_contain_text("Sunday, 09 December 1906, 4 at the garden")
    await expect(badge).to_contain_text("Soup, Cake")
    await expect(badge).to_have_attribute("data-size", "140")
    await page.get_by_label("Seats").fill("")
    await expect(page.get_by_label("Seats")).to_have_attribute("aria-invalid", "true")
    await page.get_by_role("button", name="Start over").click()
    await expect(page.get_by_label("Name")).to_have_value("")
    await expect(page.get_by_label("Seats")).to_have_value("1")
    await expect(badge).to_contain_text("Nobody yet")


async def test_the_office_is_not_waited_for_and_what_it_refuses_is_taken_back(page: Page, gallery: str) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{gallery}/waiting")
    rows = page.locator(".waiting li")
    await page.evaluate(
        """window.seen = new Set();
        const look = () =>
            document.querySelectorAll(".waiting .here").forEach((row) => seen.add(row.textContent.trim()));
        new MutationObserver(look).observe(document, { attributes: true, subtree: true });"""
    )
    await rows.filter(has_text="Ada").get_by_role("button").first.click()
    await rows.filter(has_text="Edsger").get_by_role("button").first.click()
    await page.get_by_label("Remove Alan Turing").click()
    await expect(rows.filter(has_text="Alan")).to_be_hidden()
    await expect(page.locator(".waiting").get_by_text("The office is asking around …")).to_be_visible()
    await expect(rows).to_have_count(3)
    await expect(rows.filter(has_text="Edsger")).not_to_have_class("here")
    assert await page.evaluate("[...seen].some((name) => name.startsWith('Edsger'))")
    await expect(page.locator(".waiting").get_by_text("The office is asking around …")).to_be_hidden()
    await expect(page.get_by_label("Ada Lovelace is here")).to_have_attribute("aria-pressed", "true")


async def test_a_long_job_is_stopped(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/waiting")
    await page.get_by_role("button", name="Print badges").click()
    await expect(page.locator(".waiting").get_by_text("Badge 1 of 4 …")).to_be_visible()
    await expect(page.get_by_role("button", name="Print badges")).to_be_disabled()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator(".waiting").get_by_text(re.compile(r"Badge \d"))).to_have_count(0)
    await expect(page.get_by_role("button", name="Print badges")).to_be_enabled()
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()


async def test_clicks_without_a_connection_are_counted_and_kept(page: Page, gallery: str) -> None:
    async with Line(gallery) as line:
        await page.goto(f"{line.url}/waiting")
        await page.wait_for_selector('html[data-alive="live"]', state="attached")
        await page.get_by_label("Ada Lovelace is here").click()
        await expect(page.get_by_label("Ada Lovelace is here")).to_have_attribute("aria-pressed", "true")
        await line.cut()
        await page.get_by_label("Alan Turing is here").click()
        await page.get_by_label("Grace Hopper is here").click()
        await expect(page.locator(".waiting").get_by_text("Your clicks are kept: 2.")).to_be_visible()
        line.restore()
        await expect(page.get_by_label("Grace Hopper is here")).to_have_attribute(
            "aria-pressed", "true", timeout=20_000
        )
        await expect(page.locator(".waiting").get_by_text("Your clicks are kept")).to_be_hidden()
