"""Forms in Chromium: typed fast, checked where one has been, sent once, kept through whatever the server does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect
from starlette.requests import Request

from asok import Asok, Component, Session, Settings, exposed
from asok.forms import Form, Meta, form_of
from tests.browser.conftest import Launch, Serve
from tests.browser.small import opened, small_app

ROOT = Path(__file__).parents[2]


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
    # Leaving the field has said it already; while the form is on its way, Enter sends no second one.
    await expect(page.get_by_role("button", name="Sign up")).to_be_enabled()
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


# --- small apps


class Note(Form):
    text: Annotated[str, Meta(min_length=3)]
    more: str = ""


class FormNotes(Component):
    """Only what the core knows."""

    form = form_of(Note)
    kept: list[str] = []
    template = """<section><form ws-submit="keep"><label>Text <input {{ form.text.attributes }}></label>
      <label>More <textarea {{ form.more.described }}>{{ form.more.value }}</textarea></label>
      <p class="error">{{ form.text.error }}</p><button ws-click="twice" value="2">Twice</button><button>Keep</button>
    </form><ol>{% for each in kept %}<li>{{ each }}</li>{% endfor %}</ol>
    <b>{{ session.get("count", 0) }}</b></section>"""

    @exposed
    async def keep(self, form: Note) -> None:
        await asyncio.sleep(0.2)
        self.kept = [*self.kept, f"{form.text} {len(form.more)}"]
        self.session["count"] = self.session.get("count", 0) + 1

    @exposed
    def twice(self, value: int) -> None:
        self.kept = self.kept * value


class WatchedNotes(FormNotes):
    template = FormNotes.template.replace("<form ", '<form ws-focusout="validate" ')


go_on = asyncio.Event()


class SteppingNotes(FormNotes):
    template = FormNotes.template.replace("<button>Keep", '<button ws-disable-with="…">Keep')

    @exposed
    async def keep(self, form: Note) -> None:
        await super().keep(form)
        await self.push()
        await go_on.wait()
        self.kept = [*self.kept, "end"]


def notes(root: Path, component: type[Component] = FormNotes) -> Asok:
    app = Asok(root=root, settings=Settings(root=root, debug=True, database=":memory:"))
    app.page("/", component)
    return app


async def test_a_form_works_with_the_core_alone(page: Page, serve: Serve, tmp_path: Path) -> None:
    await page.route("**/features.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await show(page, await serve(notes(tmp_path)))
    await page.get_by_label("Text").fill("ab")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".error")).to_have_text("Please use at least 3 characters.")
    await page.get_by_label("Text").fill("abc")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("li")).to_have_text(["abc 0"])
    await page.get_by_role("button", name="Twice").click()
    await expect(page.locator("li")).to_have_text(["abc 0", "abc 0"])


async def test_the_first_click_on_a_button_in_a_form_does_not_send_the_form(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    url = await serve(notes(tmp_path))
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method) if request.method == "POST" else None)
    await show(page, url)
    await page.get_by_label("Text").fill("abc")
    await page.get_by_role("button", name="Twice").click()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("li")).to_have_text(["abc 0"])
    assert (posts, page.url) == ([], f"{url}/")


async def test_the_first_update_takes_away_what_was_for_others_and_exchanges_nothing(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await show(page, await serve(notes(tmp_path)))
    await page.evaluate(
        "document.querySelectorAll('button, input, textarea').forEach(each => each.was = each.outerHTML)"
    )
    assert await page.locator("[formaction], [action]").count()
    await page.get_by_label("Text").fill("abc")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("li")).to_have_count(1)
    assert await page.locator("[formaction], [action], [name^=_asok], [hidden]").count() == 0
    before = "element => element.was.match(/>([^<]+)<\\/button>|name=.(\\w+)/).slice(1).join('')"
    seen = [await each.evaluate(before) for each in await page.locator("button, input, textarea").all()]
    assert seen == ["text", "more", "Twice", "Keep"]


async def test_a_field_may_be_called_like_a_member_of_its_form(page: Page, serve: Serve, tmp_path: Path) -> None:
    class Wares(Component):
        kept = ""
        template = """<div><form ws-submit="keep" ws-dirty.class="changed">
            <input name="name" aria-label="Name"><input name="attributes" aria-label="Attributes">
            <button>Keep</button></form>
            <p>{{ kept }}</p></div>"""

        @exposed
        def keep(self, name: str, attributes: str) -> None:
            self.kept = f"{name}: {attributes}"
            self.reset("name", "attributes")

    await opened(page, serve, small_app(tmp_path, "{{ component('Wares') }}"))
    await page.get_by_label("Name").fill("hat")
    await expect(page.locator("form")).to_have_class("changed")
    await page.get_by_label("Attributes").fill("red")
    await page.get_by_role("button").click()
    await expect(page.locator("p")).to_have_text("hat: red")
    await expect(page.get_by_label("Name")).to_have_value("")
    await expect(page.locator("form")).not_to_have_class("changed")


async def test_leaving_a_field_is_enough_to_have_it_checked(page: Page, serve: Serve, tmp_path: Path) -> None:
    await show(page, await serve(notes(tmp_path, WatchedNotes)))
    await page.get_by_label("Text").focus()
    await page.get_by_label("More").focus()
    await expect(page.locator(".error")).to_have_text("Please fill this in.")


@pytest.mark.parametrize("component", [WatchedNotes, SteppingNotes])
async def test_five_megabytes_in_a_field_are_refused_in_words_and_disturb_nothing(
    page: Page, serve: Serve, tmp_path: Path, component: type[Component]
) -> None:
    await show(page, await serve(notes(tmp_path, component)))
    await page.evaluate("""() => {
        window.told = [];
        window.losses = 0;
        document.addEventListener("alive:error", ({ detail }) => told.push(detail.code));
        document.addEventListener("alive:disconnected", () => losses++);
    }""")
    more = page.get_by_label("More")
    await page.get_by_label("Text").fill("abc")
    await more.evaluate("area => { area.focus(); area.value = 'x'.repeat(5_000_000); }")
    await page.get_by_role("button", name="Keep").click()
    await page.wait_for_function("told.includes('too_big')")
    assert await more.evaluate("area => area.validationMessage") == "This is too long to be sent: 64 KiB at most."
    assert await more.evaluate("area => area.value.length") == 5_000_000
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")
    await more.fill("short")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("li").first).to_have_text("abc 5")
    assert await page.evaluate("losses") == 0


async def test_five_megabytes_without_javascript_are_answered_in_words(
    scriptless: Page, serve: Serve, tmp_path: Path
) -> None:
    page = scriptless
    await page.goto(await serve(notes(tmp_path)))
    await page.get_by_label("Text").fill("abc")
    await page.get_by_label("More").fill("x" * 5_000_000)
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("body")).to_contain_text("This is more text than a form may hold, and nothing was saved.")
    await page.go_back()
    await expect(page.locator("li")).to_have_count(0)


async def test_a_button_says_so_through_every_step(page: Page, serve: Serve, tmp_path: Path) -> None:
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    await show(page, await serve(notes(tmp_path, SteppingNotes)))
    await page.get_by_label("Text").fill("abc")
    go_on.clear()
    keep = page.locator("[ws-disable-with]")
    await keep.click()
    await expect(page.locator("li")).to_have_text(["abc 0"])
    await expect(keep).to_have_text("…")
    await expect(keep).to_be_disabled()
    await page.get_by_label("Text").press("Enter")
    go_on.set()
    await expect(page.locator("li")).to_have_text(["abc 0", "end"])
    await expect(keep).to_have_text("Keep")
    await expect(keep).to_be_enabled()
    assert len([frame for frame in sent if '"event"' in frame]) == 1, "Enter has pressed nothing meanwhile"


async def test_the_session_survives_forms_with_and_without_javascript(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    url = await serve(notes(tmp_path))
    for scripts in (False, True):
        context = await browser.new_context(java_script_enabled=scripts)
        page = await context.new_page()
        await page.goto(url)
        for number in (1, 2, 3):
            await page.get_by_label("Text").fill("abc" * number)
            await page.get_by_role("button", name="Keep").click()
            await expect(page.locator("b")).to_have_text(str(number))
        await page.reload()
        await expect(page.locator("b")).to_have_text("3")
        await expect(page.locator("li")).to_have_count(3)
        await context.close()


async def test_a_page_elsewhere_cannot_send_a_form_here(scriptless: Page, serve: Serve, tmp_path: Path) -> None:
    page, url = scriptless, await serve(notes(tmp_path))
    await page.goto(url)
    form = await page.locator("section").inner_html()

    async def elsewhere(route: Route) -> None:
        page = re.sub('action="', f'action="{url}', form).replace('value=""', 'value="stolen"')
        await route.fulfill(body=f"<!doctype html>{page}", content_type="text/html")

    await page.route("https://elsewhere.example/", elsewhere)
    await page.goto("https://elsewhere.example/")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("body")).to_contain_text("You may not do this here.")
    await page.goto(url)
    await expect(page.locator("li")).to_have_count(0)


class LockedNotes(FormNotes):
    def guard(self, request: Request, session: Session) -> bool:
        return not session.get("count")


class FormSearch(Component):
    stateless = True
    text: str = ""
    template = """<form ws-submit="search"><label>Text <input name="text" value="{{ text }}"></label>
      <button>Search</button><b>{{ request.query_params.get("q", "") }}</b></form>"""

    @exposed
    def search(self, text: str) -> None:
        self.redirect(f"/?q={text}")


async def test_a_guard_is_asked_without_javascript_too(scriptless: Page, serve: Serve, tmp_path: Path) -> None:
    page = scriptless
    url = await serve(notes(tmp_path, LockedNotes))
    await page.goto(url)
    await page.get_by_label("Text").fill("abc")
    form = await page.context.new_page()
    await form.goto(url)
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("body")).to_contain_text("You may not see this page.")
    await form.get_by_label("Text").fill("abc")
    await form.get_by_role("button", name="Keep").click()
    await expect(form.locator("body")).to_contain_text("You may not do this here.")


async def test_a_stateless_component_needs_no_session_for_a_form(
    scriptless: Page, serve: Serve, tmp_path: Path
) -> None:
    page = scriptless
    await page.goto(await serve(notes(tmp_path, FormSearch)))
    await page.get_by_label("Text").fill("tea")
    await page.keyboard.press("Enter")
    await expect(page.locator("b")).to_have_text("tea")
    assert await page.context.cookies() == []


async def test_a_row_that_never_was_is_refused_and_the_page_goes_on(page: Page, gallery: str) -> None:
    await show(page, f"{gallery}/invoice")
    await page.evaluate("""() => {
        const tell = ({ detail }) => document.body.setAttribute("told", detail.code + " " + detail.text);
        document.addEventListener("alive:error", tell);
    }""")
    await page.get_by_label("Bill to").fill("Ida")
    what = page.get_by_label("What")
    await what.evaluate("input => { input.name = 'lines-7-what'; }")
    await what.fill("Tea")
    await expect(page.locator("body")).to_have_attribute("told", re.compile("bad_args .*lines has no row 7"))
    await what.evaluate("input => { input.name = 'lines-0-what'; }")
    await page.get_by_label("Price").fill("2")
    await expect(page.get_by_label("Total")).to_have_text("2.00")
    await expect(what).to_have_value("Tea")
    await expect(page.get_by_label("Bill to")).to_have_value("Ida")
