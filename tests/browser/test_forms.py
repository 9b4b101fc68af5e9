"""Forms in Chromium: typed fast, checked where one has been, sent once, kept through whatever the server does."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from asok import Asok, Component, Settings, exposed
from asok.forms import Form, Meta, form_of
from tests.browser.conftest import ASOK, Launch, Launched, Serve

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
async def gallery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of the gallery, served once for all tests."""
    folder = tmp_path_factory.mktemp("forms")
    env = {**os.environ, "ASOK_DATABASE": str(folder / "sessions.db")}
    server = Launched((ASOK, "dev", "examples/gallery/app.py"), cwd=ROOT, env=env, log=folder / "server.log")
    await server.start()
    yield server.url
    await server.kill()


@pytest.fixture
async def scriptless(browser: Browser) -> AsyncIterator[Page]:
    """A page in a browser with JavaScript switched off."""
    context = await browser.new_context(java_script_enabled=False)
    yield await context.new_page()
    await context.close()


async def show(page: Page, url: str) -> Page:
    await page.goto(url)
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")
    return page


def error(page: Page, label: str) -> Locator:
    return page.locator(".field", has=page.get_by_label(label, exact=True)).locator(".error")


# --- signing up


async def test_only_fields_that_one_has_been_in_are_checked(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/signup")
    await page.get_by_label("E-mail").fill("ada@")
    await page.get_by_label("Age").focus()
    await expect(error(page, "E-mail")).to_have_text("Please enter an e-mail address, such as ada@example.org.")
    await page.get_by_label("Age").fill("7")
    await page.get_by_label("Plan").focus()
    await expect(error(page, "Age")).to_have_text("You have to be 18 to sign up.")
    # The name was left, too, and is to be filled in; nobody has been at the password.
    await expect(error(page, "Password")).to_have_text("")
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Age").focus()
    await expect(error(page, "E-mail")).to_have_text("Somebody has signed up with this address already.")
    await page.get_by_label("E-mail").fill("ida@example.org")
    await page.get_by_label("Age").focus()
    await expect(error(page, "E-mail")).to_have_text("")


async def test_a_field_that_was_left_empty_counts_as_visited(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/signup")
    await page.get_by_label("Your name").focus()
    await page.get_by_label("Age").fill("20")
    await page.get_by_label("Plan").focus()
    await expect(error(page, "Your name")).to_have_text("Please fill this in.")
    await expect(error(page, "E-mail")).to_have_text("")


async def test_sending_shows_all_that_is_wrong_and_goes_to_the_first_of_it(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/signup")
    await page.get_by_label("Your name").fill("Ida")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await expect(page.locator("[aria-invalid=true]")).to_have_count(5)
    described = await page.get_by_label("E-mail").get_attribute("aria-describedby")
    await expect(page.locator(f"#{described}")).to_have_text("Please fill this in.")
    await expect(page.get_by_label("Your name")).to_have_value("Ida")


async def fill_in(page: Page, **others: str) -> None:
    texts = {"Your name": "Ida", "E-mail": "ida@example.org", "Age": "30", "Password": "sesame seed"}
    for label, text in {**texts, "Password, once more": "sesame seed", **others}.items():
        await page.get_by_label(label, exact=True).fill(text)
    await page.get_by_label("I have read the terms").check()


async def test_a_secret_is_nowhere_on_the_page_and_still_goes_through(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/signup")
    await fill_in(page, Age="x")
    await page.get_by_role("button", name="Sign up").click()
    await expect(error(page, "Age")).to_have_text("Please enter a whole number.")
    assert "sesame" not in await page.content()
    await expect(page.get_by_label("Password", exact=True)).to_have_value("sesame seed")
    await page.get_by_label("Age").fill("30")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Welcome, Ida.")


async def test_signing_up_works_without_javascript(scriptless: Page, gallery: str) -> None:
    page = scriptless
    await page.goto(f"{gallery}/signup")
    await fill_in(page, Age="7")
    await page.keyboard.press("Enter")
    await expect(error(page, "Age")).to_have_text("You have to be 18 to sign up.")
    assert page.url == f"{gallery}/signup"
    await expect(page.get_by_label("Your name")).to_have_value("Ida")
    await expect(page.get_by_label("I have read the terms")).to_be_checked()
    await page.get_by_label("Age").fill("30")
    for label in ("Password", "Password, once more"):  # which is never sent back
        await page.get_by_label(label, exact=True).fill("sesame seed")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_role("status")).to_have_text("Welcome, Ida.")
    await page.get_by_role("button", name="Sign up somebody else").click()
    await expect(page.get_by_label("Your name")).to_have_value("")


# --- an invoice


async def line(page: Page, at: int, what: str, quantity: str, price: str) -> None:
    for label, text in (("What", what), ("Quantity", quantity), ("Price", price)):
        await page.get_by_label(label, exact=True).nth(at).fill(text)


async def test_typing_fast_loses_nothing_and_the_sum_follows(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/invoice")
    text = "Eight lines of a song, and then some more"
    await page.get_by_label("Bill to").press_sequentially(text, delay=15)
    await line(page, 0, "Tea", "3", "2.50")
    await expect(page.get_by_label("Total")).to_have_text("7.50")
    await expect(page.get_by_label("Bill to")).to_have_value(text)


async def test_a_line_keeps_its_text_and_focus_when_another_goes(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/invoice")
    await line(page, 0, "Tea", "1", "1")
    await page.get_by_role("button", name="Add a line").click()
    await expect(page.get_by_label("What").nth(1)).to_be_focused()
    await line(page, 1, "Coffee", "2", "3")
    await page.get_by_label("What").nth(1).focus()
    await page.get_by_role("button", name="Remove line 1").evaluate("button => button.click()")
    await expect(page.get_by_label("What")).to_have_count(1)
    await expect(page.get_by_label("What")).to_have_value("Coffee")
    await expect(page.get_by_label("What")).to_be_focused()
    await expect(page.get_by_label("Total")).to_have_text("6.00")


async def test_a_double_click_saves_one_invoice_and_the_button_says_so(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/invoice")
    unsaved, save = page.locator("[ws-dirty]"), page.locator("[ws-disable-with]")
    await expect(unsaved).to_be_hidden()
    await page.get_by_label("Bill to").fill("Ida")
    await expect(unsaved).to_be_visible()
    await line(page, 0, "Tea", "1", "1")
    await save.dblclick()
    await page.get_by_label("Bill to").press("Enter")
    await expect(save).to_have_text("Saving…")
    await expect(save).to_be_disabled()
    await expect(page.get_by_label("Saved").get_by_role("listitem")).to_have_text(["Ida: 1.00"])
    await expect(save).to_have_text("Save the invoice")
    await expect(save).to_be_enabled()
    await expect(page.get_by_label("Bill to")).to_have_value("")
    await expect(unsaved).to_be_hidden()


async def test_enter_saves_and_removes_no_line(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/invoice")
    await page.get_by_label("Bill to").fill("Ida")
    await line(page, 0, "Tea", "1", "1")
    await page.get_by_label("Price").press("Enter")
    await expect(page.get_by_label("Saved").get_by_role("listitem")).to_have_text(["Ida: 1.00"])


async def test_buttons_in_a_form_work_without_javascript(scriptless: Page, gallery: str) -> None:
    page = scriptless
    await page.goto(f"{gallery}/invoice")
    await page.get_by_label("Bill to").fill("Ida")
    await line(page, 0, "Tea", "2", "1.50")
    await page.get_by_role("button", name="Add a line").click()
    await expect(page.get_by_label("What")).to_have_count(2)
    await line(page, 1, "Coffee", "1", "4")
    await page.get_by_role("button", name="Add a line").click()
    await page.get_by_role("button", name="Remove line 1").click()
    await expect(page.get_by_label("What")).to_have_count(2)
    await expect(page.get_by_label("What").nth(0)).to_have_value("Coffee")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".error", has_text="Please fill this in.")).to_have_count(2)
    await page.get_by_role("button", name="Remove line 2").click()
    await page.get_by_label("Price").press("Enter")
    await expect(page.get_by_label("Saved").get_by_role("listitem")).to_have_text(["Ida: 4.00"])
    await page.reload()
    await expect(page.get_by_label("Saved").get_by_role("listitem")).to_have_text(["Ida: 4.00"])


# --- what the server goes through


async def test_the_text_survives_a_restart_and_the_loss_of_all_records(
    page: Page, launch: Launch, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    env = {"ASOK_DATABASE": str(folder / "sessions.db")}
    server = await launch("dev", "examples/gallery/app.py", cwd=ROOT, env=env)
    await show(page, f"{server.url}/invoice")
    await page.get_by_label("Bill to").fill("Ida")
    await line(page, 0, "Tea", "2", "1.50")
    await page.get_by_role("button", name="Add a line").click()
    await line(page, 1, "Coffee", "1", "4")
    await expect(page.get_by_label("Total")).to_have_text("7.00")

    await server.kill()
    await page.get_by_label("Bill to").fill("Ida and Ada")
    await server.start()
    await expect(page.locator("html")).to_have_attribute("data-alive", "live", timeout=30_000)
    await expect(page.get_by_label("What").nth(1)).to_have_value("Coffee")
    await expect(page.get_by_label("Bill to")).to_have_value("Ida and Ada")

    await server.kill()
    for file in folder.glob("sessions.db*"):
        if file.is_file():
            file.unlink()
    await page.get_by_label("Bill to").fill("Ida, Ada")
    await server.start()
    await expect(page.locator("html")).to_have_attribute("data-alive", "live", timeout=30_000)
    await expect(page.get_by_label("Bill to")).to_have_value("Ida, Ada")
    await expect(page.get_by_label("What").nth(0)).to_have_value("Tea", timeout=20_000)
    await expect(page.get_by_label("What").nth(1)).to_have_value("Coffee")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Saved").get_by_role("listitem")).to_have_text(["Ida, Ada: 7.00"], timeout=20_000)
