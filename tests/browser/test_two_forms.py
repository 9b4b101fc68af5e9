"""Several forms in one component, and in those inside of it: what a method does to one leaves the others alone."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from asok import Component, bind, exposed
from asok.forms import Form, form_of
from tests.browser.conftest import Serve
from tests.browser.small import opened, small_app


class Two(Component):
    said: str = ""
    template = """
        <div>
          <form id="a" ws-submit="one"><input name="text"><b ws-dirty hidden>A</b><button>A</button></form>
          <form id="b" ws-submit="two"><input name="text"><input name="more"><b ws-dirty hidden>B</b></form>
          <textarea name="note"></textarea><input name="find" ws-input="find">
          <button id="clear" ws-click="clear">C</button>
          <output>{{ said }}</output>
          {{ component('Within') }}
        </div>
    """

    @exposed
    def one(self, text: str) -> None:
        self.said = text
        self.reset("text")

    @exposed
    def two(self, text: str, more: str) -> None:
        self.said = more

    @exposed
    def find(self, value: str) -> None:
        self.said = value
        self.reset("note")

    @exposed
    def clear(self) -> None:
        self.said = "cleared"
        self.reset("text")


class Within(Component):
    template = """<form id="within" ws-submit="go"><input name="text"><b ws-dirty hidden>W</b></form>"""

    @exposed
    def go(self, text: str) -> None: ...


async def test_a_form_that_was_sent_and_emptied_leaves_the_others_as_they_are(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Two') }}"))
    await page.fill("#b [name=text]", "Ada Lovelace")
    await page.fill("#b [name=more]", "unsent")
    await page.fill("#within input", "Ada, too")
    await page.fill("#a input", "Ada")
    await page.click("#a button")
    await expect(page.locator("#a input")).to_have_value("")
    await expect(page.locator("output")).to_have_text("Ada")
    await expect(page.locator("#b [name=text]")).to_have_value("Ada Lovelace")
    await expect(page.locator("#within input")).to_have_value("Ada, too")
    await expect(page.locator("b:visible")).to_have_text(["B", "W"])


async def test_a_reset_is_for_the_fields_of_the_component_and_not_of_those_inside(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Two') }}"))
    await page.fill("#a input", "Ada")
    await page.fill("#b [name=more]", "unsent")
    await page.fill("#within input", "mine")
    await page.click("#clear")
    await expect(page.locator("#a input")).to_have_value("")
    await expect(page.locator("#within input")).to_have_value("mine")
    await expect(page.locator("b:visible")).to_have_text(["B", "W"])


async def test_a_field_is_put_back_by_an_event_of_another(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Two') }}"))
    await page.fill("textarea", "hat stand")
    await page.fill("[name=find]", "hat")
    await expect(page.locator("textarea")).to_have_value("")
    await expect(page.locator("[name=find]")).to_have_value("hat")


class Seats(Component):
    seats: int = bind(3)
    template = """
        <div><input ws-model="seats" value="{{ seats }}"><button ws-click="start_over">Start over</button></div>
    """

    @exposed
    def start_over(self) -> None:
        self.reset("seats")


async def test_a_control_that_was_put_back_is_not_wrong_any_more(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Seats') }}"))
    await page.fill("input", "many")
    await expect(page.locator("input")).to_have_attribute("aria-invalid", "true")
    await page.click("button")
    await expect(page.locator("input")).to_have_value("3")
    await expect(page.locator("[aria-invalid]")).to_have_count(0)


class Guest(Form):
    name: str
    email: str


class Guests(Component):
    form = form_of(Guest)
    names: list[str] = []
    template = """
        {% from "asok/forms.html" import field %}
        <section>
          <form ws-submit="add" ws-change="validate">
            {{ field(form.name) }}{{ field(form.email) }}<button>Add</button>
            <button type="button" ws-click="empty">Empty</button>
          </form>
          <output>{{ names | join(" ") }}</output>
        </section>
    """

    @exposed
    def add(self, form: Guest) -> None:
        self.names.append(form.name)
        self.form = form_of(Guest)

    @exposed
    def empty(self) -> None:
        self.names.append("emptied")
        self.form = form_of(Guest)


async def test_a_form_that_was_emptied_begins_with_no_field_visited(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Guests') }}"))
    await page.fill("[name=name]", "Ada")
    await page.fill("[name=email]", "ada@example.org")
    await page.click("text=Add")
    await expect(page.locator("output")).to_have_text("Ada")
    await page.locator("[name=email]").focus()
    await page.click("text=Empty")
    await expect(page.locator("output")).to_have_text("Ada emptied")
    await page.fill("[name=name]", "")
    await page.fill("[name=name]", "B")
    await page.locator("output").click()
    await page.fill("[name=name]", "")
    await page.locator("output").click()
    await expect(page.locator("#guest-name-error")).to_have_text("Please fill this in.")
    await expect(page.locator("#guest-email-error")).to_have_text("")


class Records(Component):
    form = form_of(Guest)
    template = """
        {% from "asok/forms.html" import field %}
        <section>
          <form ws-submit="save">{{ field(form.name) }}{{ field(form.email) }}<button>Save</button></form>
          <button ws-click="edit">Edit</button>
        </section>
    """

    @exposed
    def save(self, form: Guest) -> None: ...

    @exposed
    def edit(self) -> None:
        self.form = form_of(Guest, name="Ada", email="ada@example.org")


async def test_a_form_that_begins_anew_by_a_button_beside_it_has_nothing_of_the_old_text(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Records') }}"))
    await page.fill("[name=name]", "half a na")
    await page.click("text=Edit")
    await expect(page.locator("[name=email]")).to_have_value("ada@example.org")
    await expect(page.locator("[name=name]")).to_have_value("Ada")
