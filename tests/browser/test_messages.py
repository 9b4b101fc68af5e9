"""Messages between components, and values that come later, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Launch

ROOT = Path(__file__).parents[2]


# ---- the board


def price(page: Page, name: str) -> Locator:
    return page.get_by_label(f"Price of {name}")


async def expect_first(page: Page, *names: str) -> None:
    """Wait until these rows, and no others, are marked."""
    for name in names:
        await expect(page.get_by_role("button", name=f"{name} first", pressed=True)).to_be_visible()
    await expect(page.locator(".board [aria-pressed=true]")).to_have_count(len(names))


async def test_a_row_tells_the_list_around_it_and_keeps_the_focus(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/board")
    await expect(page.locator(".board output")).to_have_text("13.70")
    await price(page, "Tea").fill("7.5")
    await price(page, "Tea").press("Tab")
    await expect(page.locator(".board output")).to_have_text("15.20")
    await price(page, "Olives").fill("4")  # what is typed while the list is shown anew is kept
    await price(page, "Bread").fill("5")
    await expect(page.locator(".board output")).to_have_text("14.70")
    await price(page, "Bread").press("Enter")
    await expect(page.locator(".board output")).to_have_text("16.50")
    await expect(price(page, "Bread")).to_be_focused()
    await page.reload()
    await expect(page.locator(".board output")).to_have_text("16.50")


async def test_the_rows_beside_it_follow(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/board")
    for name in ("Bread", "Tea"):
        await page.get_by_role("button", name=f"{name} first").click()
        await expect_first(page, name)
    await page.get_by_role("button", name="Tea first").click()
    await expect_first(page)


async def test_one_that_is_named_hears_it_and_gives_it_back(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/board")
    await page.get_by_role("button", name="Remove Olives").click()
    await expect(page.locator(".board li span")).to_have_text(["Bread", "Tea"])
    await expect(page.locator(".board [role=status]")).to_contain_text("Olives removed")
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".board li span")).to_have_text(["Bread", "Olives", "Tea"])
    await expect(page.locator(".board [role=status]")).to_have_text("")


async def test_a_row_that_has_just_come_is_heard_and_hears(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/board")
    await page.get_by_label("What to buy").fill("Salt")
    await page.keyboard.press("Enter")
    await expect(page.locator(".board output")).to_have_text("14.70")
    await page.get_by_role("button", name="Salt first").click()
    await page.get_by_role("button", name="Bread first").click()
    await expect_first(page, "Bread")
    await price(page, "Salt").fill("2")
    await price(page, "Salt").press("Enter")
    await expect(page.locator(".board output")).to_have_text("15.70")


async def test_messages_go_on_after_the_server_was_killed(page: Page, launch: Launch, tmp_path: Path) -> None:
    server = await launch("dev", "examples/board/app.py", cwd=ROOT, env={"ASOK_DATABASE": str(tmp_path / "s.db")})
    await page.goto(server.url)
    await page.get_by_role("button", name="Bread first").click()
    await expect_first(page, "Bread")
    await server.kill()
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    await price(page, "Tea").fill("16")
    await price(page, "Tea").press("Enter")
    await page.get_by_role("button", name="Tea first").click()
    await server.start()
    await expect(page.locator(".board output")).to_have_text("23.70")
    await expect_first(page, "Tea")


# ---- the weather

IN_ORDER = """() => {
    window.order = [];
    document.addEventListener("alive:updated", () => document.querySelectorAll("dl div[aria-busy=false] dt").forEach(
        (name) => window.order.includes(name.textContent) || window.order.push(name.textContent)));
}"""


def readings(page: Page) -> Locator:
    return page.locator(".weather dd")


async def test_answers_are_shown_in_the_order_in_which_they_are_there(page: Page, gallery: str) -> None:
    await page.add_init_script(f"({IN_ORDER})()")
    await page.goto(f"{gallery}/weather")
    await expect(readings(page)).to_have_text(["asking …"] * 3)
    await expect(readings(page)).to_have_text(["4.5 °C", "12 km/h from the west", "good"])
    assert await page.evaluate("window.order") == ["Temperature", "Air", "Wind"]


async def test_one_that_fails_says_so_and_can_be_asked_again(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/weather")
    await page.get_by_role("button", name="Quito").click()
    again = page.get_by_role("button", name="Ask for air again")
    await expect(readings(page).last).to_contain_text("no answer")
    await expect(readings(page)).to_have_text(["13.5 °C", "8 km/h from the east", re.compile("no answer")])
    await again.click()
    await expect(again).to_have_count(0)
    await expect(page.locator(".weather div").last).to_have_attribute("aria-busy", "true")
    await expect(again).to_be_visible()


async def test_what_is_old_stays_until_something_new_is_there(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/weather")
    await expect(readings(page).nth(1)).to_have_text("12 km/h from the west")
    await page.get_by_role("button", name="Rome").click()
    await expect(page.get_by_role("button", name="Rome")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(".weather div").nth(1)).to_have_attribute("aria-busy", "true")
    await expect(readings(page).nth(1)).to_have_text("12 km/h from the west")
    await expect(readings(page)).to_have_text(["16.0 °C", "5 km/h from the south", "fair"])


async def test_a_page_that_is_loaded_again_while_it_loads_goes_on_loading(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/weather")
    await page.get_by_role("button", name="Rome").click()
    await expect(page.get_by_role("button", name="Rome")).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(readings(page)).to_have_text(["16.0 °C", "5 km/h from the south", "fair"])


async def test_a_server_that_is_killed_while_it_loads_loads_again(page: Page, launch: Launch, tmp_path: Path) -> None:
    server = await launch("dev", "examples/weather/app.py", cwd=ROOT, env={"ASOK_DATABASE": str(tmp_path / "s.db")})
    await page.goto(server.url)
    await page.get_by_role("button", name="Rome").click()
    await expect(page.get_by_role("button", name="Rome")).to_have_attribute("aria-pressed", "true")
    await server.restart()
    await expect(readings(page)).to_have_text(["16.0 °C", "5 km/h from the south", "fair"])
    assert "Traceback" not in server.output
