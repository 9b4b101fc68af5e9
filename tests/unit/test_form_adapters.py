"""Models of pydantic and forms of WTForms in the place of a Form: the same page, the same method, their own rules."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator
from wtforms import (  # type: ignore[import-untyped]  # the library has no types
    BooleanField,
    FieldList,
    FileField,
    FormField,
    IntegerField,
    PasswordField,
    SelectMultipleField,
    StringField,
    SubmitField,
    validators,
)
from wtforms import Form as WTForm

from asok import Component, exposed
from asok.component import definition_of
from asok.errors import FieldError
from asok.form_adapters import kind_of
from asok.forms import form_of
from asok.testing import LiveClient


class Item(BaseModel):
    what: str
    price: float = Field(ge=0)


class Buyer(BaseModel):
    name: str = Field(min_length=2, title="Full name")
    born: datetime.date | None = None
    gift: bool = False
    colour: str = Field(default="red", alias="the-colour")
    word: SecretStr = SecretStr("")
    tags: list[str] = []
    items: list[Item] = Field(default=[], min_length=1, max_length=2)

    @field_validator("name")
    @classmethod
    def is_known(cls, name: str) -> str:
        if name == "Nobody":
            raise ValueError("Nobody is unknown.")
        return name


class Entry(WTForm):  # type: ignore[misc]  # the library has no types
    what = StringField("What", [validators.InputRequired()])
    price = IntegerField("Price", [validators.NumberRange(min=0)])


class Guest(WTForm):  # type: ignore[misc]  # the library has no types
    name = StringField("Full name", [validators.InputRequired(), validators.Length(min=2)])
    gift = BooleanField("Gift")
    word = PasswordField("Word")
    tags = SelectMultipleField("Tags", choices=["a", "b"])
    entries = FieldList(FormField(Entry), min_entries=1, max_entries=2)
    send = SubmitField("Send")


def judged(draft: Any, **texts: list[str]) -> tuple[Any, dict[str, str]]:
    draft.take_(texts)
    made, errors = draft.kind_.check(draft.data_())
    draft.judge_(errors)
    return made, dict(draft.errors_)


def test_a_model_says_itself_what_is_wrong_with_each_field() -> None:
    draft = form_of(Buyer)
    assert (draft.name.label, draft.colour.value, len(draft.items)) == ("Full name", "red", 1)
    _, errors = judged(draft, name=["Nobody"], born=["2026-13-01"], **{"items-0-price": ["-1"]})
    assert errors == {
        "name": "Nobody is unknown.",
        "born": "month value is outside expected range of 1-12",
        "items-0-what": "Please fill this in.",
        "items-0-price": "Input should be greater than or equal to 0",
    }


def test_a_model_is_made_and_shown_again() -> None:
    texts = {"name": ["Ada"], "born": [""], "gift": ["on"], "colour": ["blue"], "tags": ["a", "b"]}
    made, errors = judged(form_of(Buyer), **texts, **{"items-0-what": ["Tea"], "items-0-price": ["1.5"]})
    assert errors == {}
    assert made.model_dump(exclude={"word"}) == {
        "name": "Ada",
        "born": None,
        "gift": True,
        "colour": "blue",
        "tags": ["a", "b"],
        "items": [{"what": "Tea", "price": 1.5}],
    }
    draft = form_of(made)
    assert (draft.name.value, draft.gift.checked, draft.tags.value) == ("Ada", True, ["a", "b"])
    assert [item.price.value for item in draft["items"]] == ["1.5"]


def test_a_form_of_wtforms_validates_itself_and_its_rows() -> None:
    draft = form_of(Guest)
    assert (draft.name.label, draft.name.required, len(draft.entries)) == ("Full name", True, 1)
    _, errors = judged(draft, name=["A"], tags=["z"], **{"entries-0-price": ["-1"]})
    assert errors == {
        "name": "Field must be at least 2 characters long.",
        "tags": "'z' is not a valid choice for this field.",
        "entries-0-what": "This field is required.",
        "entries-0-price": "Number must be at least 0.",
    }


def test_a_password_of_wtforms_that_has_a_value_is_never_sent_for_the_person() -> None:
    class Login(WTForm):  # type: ignore[misc]  # the library has no types
        word = PasswordField("Word", [validators.InputRequired()], default="sesame")

    draft = form_of(Login)
    assert draft.word.value == ""
    assert judged(draft)[1] == {"word": "This field is required."}


def test_rows_of_wtforms_keep_their_numbers() -> None:
    draft = form_of(Guest)
    draft.add_row("entries")
    draft.remove_row("entries", 0)
    _, errors = judged(draft, name=["Ada"], **{"entries-1-what": ["Tea"], "entries-1-price": ["x"]})
    assert errors == {"entries-1-price": "Not a valid integer value."}
    made, errors = judged(draft, name=["Ada"], gift=["on"], **{"entries-1-what": ["Tea"], "entries-1-price": ["2"]})
    assert errors == {}
    assert (made.data["gift"], made.data["entries"]) == (True, [{"what": "Tea", "price": 2}])
    assert form_of(made).data_()["entries"] == [{"what": "Tea", "price": "2"}]


@pytest.mark.parametrize("form", [Buyer, Guest])
def test_secrets_are_known_by_their_type(form: type) -> None:
    draft = form_of(form)
    draft.take_({"word": ["sesame"]})
    draft.forget_secrets_()
    assert "sesame" not in repr(draft)


def test_what_no_text_becomes_is_told_when_the_field_is_made() -> None:
    class Upload(WTForm):  # type: ignore[misc]  # the library has no types
        file = FileField("File")

    class Guarded(WTForm):  # type: ignore[misc]  # the library has no types
        class Meta:
            csrf = True
            csrf_secret = b"x"

    with pytest.raises(FieldError, match="files do not go with a form's text"):
        form_of(Upload)
    with pytest.raises(FieldError, match=r"set Meta\.csrf = False"):
        form_of(Guarded)
    assert kind_of(int) is None
    assert kind_of("Buyer") is None


class LibraryShop(Component):
    buyer = form_of(Buyer)
    guest = form_of(Guest)
    said: str = ""
    template = """<section>
      <form id="buyer" ws-submit="buy"><input {{ buyer.name.attributes }}><b>{{ buyer.name.error }}</b>
        <input {{ buyer["items"].__iter__().__next__()["what"].attributes }}>
        <input {{ buyer["items"].__iter__().__next__()["price"].attributes }}></form>
      <form id="guest" ws-submit="come"><input {{ guest.name.attributes }}><b>{{ guest.name.error }}</b>
        {% for each in guest.entries %}<input {{ each.what.attributes }}><input {{ each.price.attributes }}>{% endfor %}
      </form><output>{{ said }}</output></section>"""

    @exposed
    def buy(self, buyer: Buyer) -> None:
        self.said = f"{buyer.name} {buyer.items[0].price}"

    @exposed
    def come(self, *, guest: Guest) -> None:
        self.said = f"{guest.name.data} {guest.entries.data[0]['price']}"


async def test_a_method_gets_a_model_or_a_form_of_wtforms_validated() -> None:
    async with LiveClient() as client:
        page = await client.mount(LibraryShop)
        await page.submit("#buyer")
        assert page.text("#buyer b") == "Please fill this in."
        await page.fill("#buyer [name=name]", "Ada")
        await page.fill("[name=items-0-what]", "Tea")
        await page.fill("[name=items-0-price]", "2")
        await page.submit("#buyer")
        assert page.text("output") == "Ada 2.0"
        await page.submit("#guest")
        assert page.text("#guest b") == "This field is required."
        await page.fill("#guest [name=name]", "Ida")
        await page.fill("[name=entries-0-what]", "Tea")
        await page.fill("[name=entries-0-price]", "3")
        await page.submit("#guest")
        assert page.text("output") == "Ida 3"


def test_a_model_that_is_no_form_of_the_component_is_an_argument_like_any_other() -> None:
    class Taker(Component):
        template = "<p></p>"

        @exposed
        def take(self, item: Item) -> None: ...

    method = definition_of(Taker).exposed["take"]
    assert method.form is None
    assert [each.name for each in method.parameters] == ["item"]


class Place(BaseModel):
    zip_code: str = Field(alias="zipCode", min_length=3)


class Journey(BaseModel):
    hours: int | float
    stops: list[int] = []
    home: Place
    places: list[Place] = []


def test_whatever_pydantic_says_stands_at_a_field_of_the_page() -> None:
    draft = form_of(Journey)
    draft.add_row("places")
    draft.take_({"hours": ["x"], "stops": ["1", "y"], "home-zip_code": ["a"], "places-0-zip_code": ["b"]})
    draft.visit_all_()
    draft.judge_(draft.kind_.check(draft.data_())[1])
    assert set(draft.errors) == {"hours", "stops", "home-zip_code", "places-0-zip_code"}
    assert draft.hours.error.startswith("Input should be a valid integer")


@pytest.mark.parametrize("form", [Buyer, Guest])
def test_a_nul_is_refused_for_those_who_do_not_ask_about_it(form: type) -> None:
    draft = form_of(form)
    draft.take_({"name": ["A\x00da"]})
    assert draft.kind_.check(draft.data_()) == (None, {("name",): "This holds a character that cannot be kept."})


class Setting(BaseModel):
    volume: int | None = 5
    word: SecretStr = SecretStr("sesame")


def test_none_of_an_object_that_is_edited_is_not_the_default() -> None:
    draft = form_of(Setting(volume=None))
    assert draft.volume.value == ""
    assert draft.kind_.check(draft.data_())[0].volume is None


def test_a_secret_of_a_model_is_never_the_stars_that_stand_for_it() -> None:
    draft = form_of(Setting(word=SecretStr("open")))
    assert (draft.word.value, form_of(Setting).word.value) == ("", "")
    assert draft.kind_.check(draft.data_())[0].word.get_secret_value() == "sesame"
