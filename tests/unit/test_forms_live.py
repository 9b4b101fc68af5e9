"""Forms in components: what a submit, typing, and rows do to the draft, and what the page shows of it."""

from __future__ import annotations

from typing import Annotated

import pytest

from asok import Component, Limits, exposed
from asok.component import definition_of
from asok.forms import Email, Form, FormError, Meta, form_of
from asok.project import uses_features
from asok.protocol import Event, decode
from asok.testing import LiveClient, Refused


class Line(Form):
    what: str
    price: Annotated[int, Meta(ge=0)]


class Order(Form):
    name: Annotated[str, Meta(min_length=2)]
    email: Email
    gift: bool = False
    lines: Annotated[list[Line], Meta(max_length=3)] = []


class OrderShop(Component):
    form = form_of(Order)
    bought: str = ""
    calls: int = 0
    template = """<form ws-submit="save" ws-input="validate">
    <p id="all">{{ form.error }}</p>
    {% for field in (form.name, form.email) %}
    <input {{ field.attributes }}><p id="{{ field.id }}-error">{{ field.error }}</p>{% endfor %}
    <input type="checkbox" {{ form.gift.attributes }}>
    {% for line in form.lines %}<fieldset ws-key="{{ line.key }}">
      <input {{ line.what.attributes }}><input {{ line.price.attributes }}><i>{{ line.price.error }}</i>
      <button type="button" ws-click="remove_row('lines', {{ line.key }})">Remove {{ line.key }}</button></fieldset>
    {% endfor %}
    <button type="button" id="add" ws-click="add_row('lines')">Add</button><button id="save">Save</button>
    <output>{{ bought }}</output><b>{{ calls }}</b></form>"""

    @exposed
    def save(self, form: Order) -> None:
        self.calls += 1
        if form.name == "Taken":
            raise FormError(name="This name is taken.")
        self.bought = f"{form.name}: {sum(line.price for line in form.lines)}{' as a gift' if form.gift else ''}"
        self.form = form_of(Order)


async def test_a_method_gets_the_form_as_an_object_once_all_is_right() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        await page.fill("[name=name]", "Ada")
        await page.fill("[name=email]", "ada@example.org")
        await page.check("[name=gift]")
        await page.click("#add")
        await page.fill("[name=lines-0-what]", "Tea")
        await page.fill("[name=lines-0-price]", "3")
        await page.submit()
        assert page.text("output") == "Ada: 3 as a gift"
        assert page.value("[name=name]") == ""


async def test_what_is_wrong_stands_at_every_field_and_the_method_is_not_run() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        await page.fill("[name=name]", "A")
        await page.submit()
        assert page.text("#order-name-error") == "Please use at least 2 characters."
        assert page.text("#order-email-error") == "Please fill this in."
        assert page.attribute("[name=name]", "aria-describedby") == "order-name-error"
        assert page.attribute("[name=name]", "aria-invalid") == "true"
        assert page.value("[name=name]") == "A"
        assert page.text("b") == "0"
        assert page.effects[-1] == ["focus", '[name="name"]']


async def test_typing_says_nothing_of_fields_that_nobody_has_visited() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        await page.fill("[name=name]", "A")
        assert page.text("#order-name-error") == "Please use at least 2 characters."
        assert page.text("#order-email-error") == ""
        await page.fill("[name=name]", "Ada")
        assert page.text("#order-name-error") == ""


async def test_a_method_that_raises_keeps_nothing_but_what_it_said() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        await page.fill("[name=name]", "Taken")
        await page.fill("[name=email]", "ada@example.org")
        await page.submit()
        assert page.text("#order-name-error") == "This name is taken."
        assert page.text("b") == "0"
        assert page.value("[name=email]") == "ada@example.org"


async def test_rows_keep_what_is_typed_in_them_when_others_go() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        for number in range(3):
            await page.click("#add")
            await page.fill(f"[name=lines-{number}-what]", f"thing {number}")
        await page.click("button", text="Remove 1")
        assert not page.exists("[name=lines-1-what]")
        assert page.value("[name=lines-2-what]") == "thing 2"
        await page.click("#add")
        assert page.value("[name=lines-3-what]") == ""
        assert page.effects[-1] == ["focus", '[name="lines-3-what"]']
        assert page.text("b") == "0", "a button with a call of its own does not send its form"
        assert page.text("#order-name-error") == ""


async def test_there_are_not_more_rows_than_the_form_allows() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderShop)
        for _ in range(3):
            await page.click("#add")
        with pytest.raises(Refused, match="3 are possible"):
            await page.click("#add")
        assert page.exists("[name=lines-2-what]")


class Memo(Component):
    form = form_of(Line)
    kept: str = ""
    template = """<form ws-submit="keep"><input {{ form.what.attributes }}><input {{ form.price.attributes }}>
      <button>Keep</button><output>{{ kept }}</output></form>"""

    @exposed
    def keep(self, form: Line) -> None:
        self.kept = form.what
        self.form = form_of(Line, price=form.price)


async def test_what_a_method_puts_into_the_form_is_shown_where_the_person_has_typed() -> None:
    async with LiveClient() as client:
        page = await client.mount(Memo)
        await page.fill("[name=what]", "Tea")
        await page.fill("[name=price]", "3")
        await page.submit()
        assert page.text("output") == "Tea"
        assert page.effects == [["reset", "what"]]
        assert (page.value("[name=what]"), page.value("[name=price]")) == ("", "3")


def test_what_a_page_has_put_into_a_form_is_nothing_that_a_person_typed() -> None:
    written = '["event","AAAAAAAAAAAA",1,"save",{"form":[["_asok-token A","x"],["name","Ada"],["_asok-csrf","y"]]}]'
    for frame in (written, written.replace("_", "\\u005f"), written.replace("asok", "as\\u006fk")):
        event = decode(frame, Limits())
        assert isinstance(event, Event)
        assert event.data is not None
        assert event.data.form == [("name", "Ada")]


class TwoDrafts(Component):
    form = form_of(Order)
    other = form_of(Line)
    call: str = "validate"
    template = """<section><form id="a"><input {{ form.name.attributes }}><i>{{ form.name.error }}</i>
        <button ws-click="{{ call }}">Check</button></form>{% for line in form.lines %}<b></b>{% endfor %}
        <button id="outside" ws-click="{{ call }}">Check</button></section>"""


@pytest.mark.parametrize("which", ["", "form", "other"])
async def test_a_form_with_two_drafts_may_say_which_is_meant(which: str) -> None:
    async with LiveClient() as client:
        page = await client.mount(TwoDrafts, call=f"validate('{which}')" if which else "validate")
        await page.fill("[name=name]", "A")
        await page.click("#a button")
        assert page.text("i") == ("" if which == "other" else "Please use at least 2 characters.")


async def test_of_two_drafts_a_row_is_added_to_the_one_whose_form_it_is() -> None:
    async with LiveClient() as client:
        page = await client.mount(TwoDrafts, call="add_row('lines')")
        await page.click("#a button")
        assert len(page.all("b")) == 1
        with pytest.raises(Refused, match=r"which form\? form, other"):
            await page.click("#outside")


class Extras(Form):
    gift: bool = False
    sizes: list[str] = []


class OrderInSteps(Component):
    order = form_of(Order)
    extras = form_of(Extras)
    step: int = 1
    template = """<section>{% if step == 1 %}<form ws-submit="next">
      <input type="checkbox" {{ extras.gift.attributes }}><input type="checkbox" name="sizes" value="s">
      <button type="button" ws-click="back">Back</button><button id="next">Next</button></form>{% endif %}
      <output>{{ extras.gift.checked }} {{ extras.sizes.value }} {{ order.name.value }}</output></section>"""

    @exposed
    def next(self, extras: Extras) -> None:
        self.step = 2

    @exposed
    def back(self) -> None:
        self.step = 0


async def test_of_several_drafts_the_one_whose_form_it_is_keeps_what_was_typed() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderInSteps)
        await page.check("[name=gift]")
        await page.check("[name=sizes]")
        await page.click("button", text="Back")
        assert page.text("output") == "True ['s']"


class OrderBesideSearch(Component):
    form = form_of(Order)
    search: str = ""
    template = """<section><form ws-change="validate"><input type="checkbox" {{ form.gift.attributes }}></form>
      <form id="search" ws-submit="find"><input name="search"></form>
      <output>{{ form.gift.checked }} {{ search }}</output></section>"""

    @exposed
    def find(self, search: str) -> None:
        self.search = search


async def test_another_form_beside_it_takes_no_tick_out_of_a_form() -> None:
    async with LiveClient() as client:
        page = await client.mount(OrderBesideSearch)
        await page.check("[name=gift]")
        await page.fill("[name=search]", "tea")
        await page.submit("#search")
        assert page.text("output") == "True tea"
        await page.uncheck("[name=gift]")
        assert page.text("output") == "False tea"


class KeptWhileTyping(Component):
    form = form_of(Line)
    kept: str = ""
    template = """<form ws-input="keep" ws-submit="keep"><input {{ form.what.attributes }}><i>{{ form.what.error }}</i>
      <input {{ form.price.attributes }}><button>Keep</button><output>{{ kept }}</output></form>"""

    @exposed
    def keep(self, form: Line) -> None:
        self.kept = f"{form.what} {form.price}"


async def test_who_types_into_a_form_that_is_kept_meanwhile_stays_in_the_field() -> None:
    async with LiveClient() as client:
        page = await client.mount(KeptWhileTyping)
        await page.fill("[name=price]", "3")
        assert page.text("i") == "Please fill this in."
        assert page.effects == []
        await page.submit()
        assert page.has_focus("[name=what]")


class TwinForms(Component):
    first = form_of(Line, id="first")
    second = form_of(Line, id="second")
    template = """<section>{% for form, call in ((first, "one"), (second, "two")) %}<form id="{{ call }}"
      ws-submit="{{ call }}"><input {{ form.what.attributes }}><input {{ form.price.attributes }}></form>{% endfor %}
      </section>"""

    @exposed
    def one(self, first: Line) -> None:
        pass

    @exposed
    def two(self, second: Line) -> None:
        pass


async def test_of_two_forms_of_one_class_the_focus_goes_into_the_one_that_was_sent() -> None:
    async with LiveClient() as client:
        page = await client.mount(TwinForms)
        await page.fill("#second-what", "Tea")
        await page.submit("#two")
        assert page.has_focus("#second-price")
        await page.submit("#one")
        assert page.has_focus("#first-what")


class Leg(Form):
    to: str


class Journey(Form):
    legs: list[Leg] = []


class ThereAndBack(Component):
    there = form_of(Journey, id="there", legs=[{}])
    back = form_of(Journey, id="back")
    template = """<section>{% for form, name in ((there, "there"), (back, "back")) %}<form>
      {% for leg in form.legs %}<input {{ leg.to.attributes }}>{% endfor %}
      <button type="button" id="{{ name }}" ws-click="add_row('legs', '{{ name }}')">+</button></form>{% endfor %}
      </section>"""


async def test_of_two_forms_of_one_class_the_focus_goes_into_the_row_that_was_added() -> None:
    async with LiveClient() as client:
        page = await client.mount(ThereAndBack)
        await page.click("#back")
        assert page.has_focus("#back-legs-0-to")


class Misnamed(Component):
    form = form_of(Line)
    template = """<form ws-submit="keep"><input {{ form.what.attributes }}><input {{ form.price.attributes }}>
      <input name="word"><i>{{ form.errors.word }}</i></form>"""

    @exposed
    def keep(self, form: Line, word: str) -> None:
        raise FormError(**{word: "No."})


async def test_what_is_said_of_a_field_that_the_form_has_not_is_told_the_programmer_not_nobody() -> None:
    async with LiveClient() as client:
        page = await client.mount(Misnamed)
        await page.fill("[name=what]", "Tea")
        await page.fill("[name=price]", "3")
        await page.fill("[name=word]", "prise")
        with pytest.raises(Refused, match="Line has no field 'prise'; did you mean 'price'"):
            await page.submit()
        await page.fill("[name=word]", "word")
        await page.submit()
        assert page.text("i") == "No.", "a control beside the form's own can be refused, too"


class Pictured(Component):
    drawn = sent = 0
    template = """<form ws-submit="send"><input type="image" alt="Draw" ws-click="draw"><b>{{ drawn }} {{ sent }}</b>
    </form>"""

    @exposed
    def draw(self) -> None:
        self.drawn += 1

    @exposed
    def send(self) -> None:
        self.sent += 1


async def test_an_image_with_a_call_of_its_own_does_not_send_its_form() -> None:
    async with LiveClient() as client:
        page = await client.mount(Pictured)
        await page.click("input")
        assert page.text("b") == "1 0"


class Person(Form):
    name: str
    town: str


class People(Component):
    one = form_of(Person)
    two = form_of(Order)
    template = """<section><form id="one" ws-submit="save" ws-change="validate('one')">
      <input {{ one.name.attributes }}><input {{ one.town.attributes }}>
      <i>{{ one.town.error }}</i><button>Save</button></form>
    <form id="two"><input {{ two.name.attributes }}></form>
    <button id="edit" ws-click="edit">Edit</button></section>"""

    @exposed
    def save(self, one: Person) -> None:
        self.one = form_of(Person)

    @exposed
    def edit(self) -> None:
        self.one = form_of(Person, town="Rome")


async def test_a_draft_that_a_button_beside_the_form_replaces_takes_the_typed_text_along() -> None:
    async with LiveClient() as client:
        page = await client.mount(People)
        await page.press("#one [name=town]", "x")
        await page.press("#two [name=name]", "y")
        await page.click("#edit")
        assert page.value("#one [name=town]") == "Rome"
        # Another form has a field of that name, and what is typed there is not asked for.
        assert page.effects == [["reset", "town"]]
        assert page.value("#two [name=name]") == "y"


async def test_a_new_draft_has_no_field_that_was_visited_in_the_old_one() -> None:
    async with LiveClient() as client:
        page = await client.mount(People)
        await page.fill("#one [name=name]", "Ada")
        await page.fill("#one [name=town]", "Rome")
        await page.submit("#one")
        await page.fill("#one [name=name]", "Bob")
        assert page.text("i") == ""


def test_a_draft_is_told_on_any_page_which_of_its_fields_were_left() -> None:
    assert uses_features(definition_of(People))


class Entry(Form):
    name: str
    age: int
    agreed: bool
    note: str = ""


class FormMacros(Component):
    form = form_of(Entry)
    locked: bool = False
    template = """{% from "asok/forms.html" import area, choice, field, tick %}<form>
    {{ field(form.name, disabled=locked, title=none, autocomplete="name") }}
    {{ field(form.age, type="range") }}{{ tick(form.agreed) }}{{ area(form.note) }}</form>"""


async def test_a_macro_leaves_out_what_is_false_and_says_what_must_be_filled_in() -> None:
    async with LiveClient() as client:
        page = await client.mount(FormMacros)
        assert page.attribute("[name=name]", "disabled") is page.attribute("[name=name]", "title") is None
        assert page.attribute("[name=name]", "autocomplete") == "name"
        required = [page.attribute(f"[name={name}]", "aria-required") for name in ("name", "agreed", "age", "note")]
        assert required == ["true", "true", None, None]
        locked = await client.mount(FormMacros, locked=True)
        assert locked.attribute("[name=name]", "disabled")
