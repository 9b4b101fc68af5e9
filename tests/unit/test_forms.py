"""Forms as classes: what their text becomes, what is said where it becomes nothing, and what a draft keeps."""

from __future__ import annotations

import copy
import datetime
import enum
import string
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Component, exposed
from asok.component import definition_of
from asok.errors import BadArguments, ComponentError, FieldError
from asok.form_adapters import kind_of
from asok.forms import Draft, Email, Form, FormError, Meta, Secret, form_of, validates
from tests.unit.effort import lines_run


def check(form: type, **texts: Any) -> tuple[Any, dict[Any, str]]:
    """What a form makes of these texts, and what is wrong with them."""
    kind = kind_of(form)
    assert kind is not None
    return kind.check(texts)


def value(wanted: Any, text: Any) -> Any:
    """What one field of a type makes of a text; a str is what it says is wrong."""
    form = type("One", (Form,), {"__annotations__": {"field": wanted}, "__module__": __name__})
    made, errors = check(form, field=text)
    return errors["field",] if errors else made.field


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        (int, " 7 ", 7),
        (float, "1.5", 1.5),
        (Decimal, "0.10", Decimal("0.10")),
        (str, " Ada ", "Ada"),
        (Secret, " pass ", " pass "),
        (datetime.date, "2026-03-31", datetime.date(2026, 3, 31)),
        (datetime.time, "14:30", datetime.time(14, 30)),
        (datetime.datetime, "2026-03-31T14:30", datetime.datetime(2026, 3, 31, 14, 30)),
        (datetime.datetime, "2026-03-31T14:30:05", datetime.datetime(2026, 3, 31, 14, 30, 5)),
        (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (Colour, "red", Colour.RED),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
        (bool, "on", True),
        (list[str], ["a", "", "b"], ["a", "b"]),
        (list[int], ["1", "2"], [1, 2]),
        (set[int], "3", {3}),
        (int | None, "", None),
        (Annotated[int, Meta(ge=1)] | None, "", None),
        (Annotated[int | None, Meta(ge=1)], "2", 2),
        (Email, "ada@example.org", "ada@example.org"),
    ],
)
def test_a_text_becomes_a_value_of_the_fields_type(wanted: Any, text: Any, expected: Any) -> None:
    assert value(wanted, text) == expected


@pytest.mark.parametrize(
    ("wanted", "text", "said"),
    [
        (str, "  ", "Please fill this in."),
        (int, "", "Please fill this in."),
        (Colour, "", "Please choose one."),
        (bool, "", "Please tick this box."),
        (int, "1.5", "Please enter a whole number."),
        (int, "9" * 30, "Please enter a whole number."),
        (float, "NaN", "Please enter a number."),
        (float, "1e999", "Please enter a number."),
        (Decimal, "Infinity", "Please enter a number."),
        (Decimal, "ten", "Please enter a number."),
        (datetime.date, "31.3.2026", "Please enter a date, such as 2026-03-31."),
        (datetime.time, "half past", "Please enter a time, such as 14:30."),
        (datetime.datetime, "now", "Please enter a date and a time, such as 2026-03-31T14:30."),
        (UUID, "me", "Please check this; it is not as expected."),
        (Colour, "green", "Please choose one of the given values."),
        (list[Colour], ["red", "green"], "Please choose one of the given values."),
        (str, "a\x00b", "This holds a character that cannot be kept."),
        (str, "\ud800", "This holds a character that cannot be kept."),
        (Annotated[str, Meta(min_length=2)], "a", "Please use at least 2 characters."),
        (Annotated[str, Meta(max_length=2)], "abc", "Please use at most 2 characters; these are 3."),
        (Annotated[str, Meta(pattern="^x")], "abc", "This is not written as expected."),
        (Annotated[int, Meta(ge=18)], "17", "Please enter 18 or more."),
        (Annotated[int, Meta(gt=18)], "18", "Please enter more than 18."),
        (Annotated[Decimal, Meta(le=9)], "9.01", "Please enter 9 or less."),
        (Annotated[float, Meta(lt=9)], "9", "Please enter less than 9."),
        (Annotated[int, Meta(multiple_of=5)], "7", "Please enter a multiple of 5."),
        (Annotated[list[str], Meta(min_length=2)], ["a"], "Please give at least 2."),
        (Annotated[list[str], Meta(max_length=1)], ["a", "b"], "Please give at most 1; these are 2."),
        (Annotated[str, Meta(min_length=2, extra={"message": "Too short!"})], "a", "Too short!"),
        (Email, "ada@nowhere", "Please enter an e-mail address, such as ada@example.org."),
    ],
)
def test_a_text_that_does_not_fit_is_answered_in_words(wanted: Any, text: Any, said: str) -> None:
    assert value(wanted, text) == said


@given(st.text(), st.sampled_from([int, float, Decimal, bool, datetime.date, datetime.datetime, Colour, Email, UUID]))
def test_no_text_makes_anything_but_a_value_or_a_sentence(text: str, wanted: Any) -> None:
    found = value(wanted, text)
    assert found is not None
    assert not isinstance(found, float) or found == found


class Line(Form):
    what: str
    price: Annotated[Decimal, Meta(ge=0)]

    def check(self) -> None:
        if self.what == "air" and self.price:
            raise FormError(price="Air is free.")


class Address(Form):
    street: str
    town: str = "Falun"


class Order(Form):
    name: Annotated[str, Meta(min_length=2, title="Full name")]
    note: str = ""
    gift: bool = False
    to: Address
    back: Address | None = None
    lines: Annotated[list[Line], Meta(min_length=1, max_length=3)]

    messages: ClassVar = {"min_length": "At least {limit}, please.", "name.max_length": "Shorter, please."}

    @validates("name")
    def is_known(cls, name: str) -> str | None:
        if name == "Nobody":
            raise FormError("Nobody is unknown.")
        return "Ada" if name == "ada" else None

    def check(self) -> None:
        if self.gift and not self.note:
            raise FormError("A gift needs a note.", note="Write something nice.", **{"lines.1.what": "Not this."})


RIGHT: dict[str, Any] = {"name": "Ada", "to": {"street": "Main"}, "lines": [{"what": "Tea", "price": "2"}]}


def test_all_fields_are_checked_and_not_only_the_first() -> None:
    made, errors = check(Order, lines=[{"what": "", "price": "x"}, {"what": "air", "price": "1"}])
    assert made is None
    assert errors == {
        ("name",): "Please fill this in.",
        ("to", "street"): "Please fill this in.",
        ("lines", 0, "what"): "Please fill this in.",
        ("lines", 0, "price"): "Please enter a number.",
        ("lines", 1, "price"): "Air is free.",
    }


def test_a_form_within_the_form_may_be_left_out_only_as_a_whole() -> None:
    made, errors = check(Order, **RIGHT)
    assert errors == {}
    assert made == Order(name="Ada", to=Address(street="Main"), lines=[Line(what="Tea", price=Decimal(2))])
    _, errors = check(Order, **RIGHT, back={"town": "Mora"})
    assert errors == {("back", "street"): "Please fill this in."}


def test_rules_of_ones_own_say_what_is_wrong_and_may_change_the_value() -> None:
    assert check(Order, **{**RIGHT, "name": "Nobody"})[1] == {("name",): "Nobody is unknown."}
    assert check(Order, **{**RIGHT, "name": "ada"})[0].name == "Ada"
    assert check(Order, **{**RIGHT, "gift": "on"})[1] == {
        (): "A gift needs a note.",
        ("note",): "Write something nice.",
        ("lines", 1, "what"): "Not this.",
    }


def test_words_can_be_replaced_and_translated() -> None:
    assert check(Order, **{**RIGHT, "name": "A"})[1] == {("name",): "At least 2, please."}

    class German(Form):
        name: Annotated[str, Meta(min_length=3)]

        @classmethod
        def translate(cls, text: str) -> str:
            return {"Please use at least {limit} characters.": "Mindestens {limit} Zeichen."}.get(text, text)

    assert check(German, name="A")[1] == {("name",): "Mindestens 3 Zeichen."}


def test_too_few_and_too_many_rows_are_told_of_the_rows() -> None:
    assert check(Order, **{**RIGHT, "lines": []})[1] == {("lines",): "Please give at least 1."}
    many = RIGHT["lines"] * 4
    assert check(Order, **{**RIGHT, "lines": many})[1] == {("lines",): "Please give at most 3; these are 4."}


# ---- mistakes of the programmer


def test_a_form_that_cannot_be_one_is_told_when_a_field_is_made_of_it() -> None:
    class Odd(Form):
        what: dict[str, int]

    class Taken(Form):
        errors: str

    class Unknown(Form):
        name: str

        @validates("nam")
        def rule(cls, value: str) -> None: ...

    with pytest.raises(FieldError, match=r"Odd\.what cannot be a field of a form"):
        form_of(Odd)
    with pytest.raises(FieldError, match=r"Taken\.errors cannot be a field of a form: the name is taken"):
        form_of(Taken)
    with pytest.raises(FieldError, match=r"validates 'nam', which is no field"):
        form_of(Unknown)
    with pytest.raises(FieldError, match="expected a class of"):
        form_of(dict)
    with pytest.raises(FieldError, match="has no field 'nam'; did you mean 'name'"):
        form_of(Order, nam="Ada")


def test_a_method_needs_a_draft_of_the_form_that_it_takes() -> None:
    with pytest.raises(ComponentError, match=r"no field holds its draft; write form = form_of\(Order\)"):

        class Without(Component):
            template = "<p></p>"

            @exposed
            def save(self, form: Order) -> None: ...

    with pytest.raises(ComponentError, match="one and two are drafts of one"):

        class Twice(Component):
            one = form_of(Order)
            two = form_of(Order)
            template = "<p></p>"

            @exposed
            def save(self, form: Order) -> None: ...

    with pytest.raises(ComponentError, match="is a draft of no form"):

        class Annotated_(Component):
            form: Draft = form_of(Order)
            template = "<p></p>"


def test_a_component_with_a_form_answers_to_validate_and_rows_unless_it_has_its_own() -> None:
    class Own(Component):
        form = form_of(Order)
        template = "<p></p>"

        def add_row(self) -> None:
            """Nothing for the browser."""

    class WithoutForm(Component):
        template = "<p></p>"

    assert set(definition_of(Own).exposed) == {"validate", "remove_row"}
    assert not definition_of(WithoutForm).exposed


# ---- drafts


def test_a_draft_begins_with_the_defaults_and_what_it_is_given() -> None:
    draft = form_of(Order, name="Ada", gift=True, lines=[Line(what="Tea", price=Decimal("1.5"))])
    assert draft.name.value == "Ada"
    assert draft.gift.checked
    assert draft.to.town.value == "Falun"
    assert [line.price.value for line in draft.lines] == ["1.5"]
    assert len(form_of(Order).lines) == 1


def test_a_draft_of_an_object_is_that_object_again() -> None:
    made, _ = check(Order, **RIGHT, note="x", back={"street": "There", "town": "Mora"})
    draft = form_of(made)
    assert draft.kind_.check(draft.data_()) == (made, {})


def test_fields_know_their_labels_ids_and_names() -> None:
    draft = form_of(Order)
    assert (draft.name.label, draft.name.id, draft.name.name) == ("Full name", "order-name", "name")
    line = next(iter(draft.lines))
    assert (line.price.name, line.price.id, line.key) == ("lines-0-price", "order-lines-0-price", 0)
    assert draft.to.street.name == "to-street"
    assert draft["to"]["street"].label == "Street"
    assert form_of(Order, id="second").name.id == "second-name"
    with pytest.raises(FieldError, match="Order has no field 'to-stret'; did you mean 'street'"):
        draft.to.stret  # noqa: B018


def test_what_stands_in_attributes_is_escaped() -> None:
    draft = form_of(Order)
    draft.take_({"name": ['"><script>']})
    assert "<script>" not in draft.name.attributes
    assert 'value="&#34;&gt;&lt;script&gt;"' in draft.name.attributes


def test_what_has_changed_was_visited_and_nothing_else() -> None:
    draft = form_of(Order, note="x")
    draft.take_({"name": [""], "note": ["x"], "to-street": ["Main"], "lines-0-what": [""]})
    assert draft.visited_ == ["to-street"]
    draft.take_({"gift": ["on"]})
    assert draft.visited_ == ["to-street", "gift"]
    draft.take_({})
    assert not draft.gift.checked, "a box that is not ticked is not sent"


def test_a_field_that_the_form_has_not_is_refused_with_the_nearest_name() -> None:
    draft = form_of(Order)
    with pytest.raises(BadArguments, match="Order has no field 'nane'; did you mean 'name'"):
        draft.take_({"nane": ["x"]}, known=frozenset({"page"}))
    draft.take_({"page": ["1"]}, known=frozenset({"page"}))
    for strange in ("__class__", "to", "lines", "lines-0", "lines-x-what", "lines-00-what", "to-__class__", "name-0"):
        with pytest.raises(BadArguments, match="has no field"):
            draft.take_({strange: ["x"]}, known=frozenset())


@pytest.mark.parametrize("number", ["7", "999999"])
def test_a_row_that_never_was_is_refused_in_words(number: str) -> None:
    draft = form_of(Order)
    with pytest.raises(BadArguments, match=f"lines has no row {number}; the rows are"):
        draft.take_({f"lines-{number}-what": ["x"]})
    with pytest.raises(BadArguments, match=f"lines has no row {number}"):
        draft.remove_row("lines", int(number))
    with pytest.raises(BadArguments, match="has no row -1"):
        draft.remove_row("lines", -1)
    assert draft == form_of(Order)


def test_what_was_typed_into_a_row_that_has_gone_is_passed_over() -> None:
    draft = form_of(Order)
    draft.add_row("lines", what="Tea")
    draft.remove_row("lines", 0)
    draft.remove_row("lines", 0)
    draft.take_({"lines-0-what": ["late"], "lines-1-what": ["Tea!"]})
    assert [line.what.value for line in draft.lines] == ["Tea!"]
    assert "lines-0-what" not in draft.typed_


def test_what_is_wrong_stays_with_its_row_when_another_goes() -> None:
    draft = form_of(Order)
    draft.add_row("lines", what="Tea", price="x")
    draft.visit_all_()
    draft.judge_(draft.kind_.check(draft.data_())[1])
    draft.remove_row("lines", 0)
    assert [line.price.error for line in draft.lines] == ["Please enter a number."]


def test_a_draft_travels_and_is_the_same_afterwards() -> None:
    draft = form_of(Order, name="Ada")
    draft.add_row("lines")
    draft.refuse("No.", name="Not you.")
    packed = msgspec.msgpack.encode(draft)
    assert msgspec.msgpack.decode(packed, type=type(draft)) == draft == copy.deepcopy(draft)
    assert (draft.error, draft.name.error) == ("No.", "Not you.")


def test_a_secret_is_checked_and_not_kept() -> None:
    class Door(Form):
        word: Annotated[Secret, Meta(min_length=3)]

    draft = form_of(Door)
    draft.take_({"word": ["sesame"]})
    assert draft.kind_.check(draft.data_())[0].word == "sesame"
    draft.forget_secrets_()
    assert "sesame" not in repr(draft)


NAMES = st.sampled_from(["name", "note", "gift", "to-street", "lines-0-what", "lines-1-price", "lines-2-what", "x"])


@given(
    st.lists(st.tuples(st.sampled_from(["take", "add", "remove"]), NAMES, st.text(string.printable), st.integers(0, 3)))
)
def test_whatever_is_done_to_it_a_draft_can_be_carried_and_shown(steps: list[tuple[str, str, str, int]]) -> None:
    draft = form_of(Order)
    for step, name, text, number in steps:
        try:
            if step == "take":
                draft.take_({name: [text]})
            elif step == "add":
                draft.add_row("lines")
            else:
                draft.remove_row("lines", number)
        except BadArguments:
            pass
    draft.judge_(draft.kind_.check(draft.data_())[1])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(draft), type=type(draft)) == draft
    keys = [line.key for line in draft.lines]
    assert len(keys) == len(set(keys)) <= 3
    assert set(draft.errors_) <= {*draft.fields_(), *draft.rows_, ""}


class Cell(Form):
    text: Annotated[str, Meta(min_length=3)]
    more: Annotated[str, Meta(min_length=3)]


class Sheet(Form):
    lines: list[Cell] = []


def test_showing_and_keeping_many_rows_that_are_wrong_takes_effort_in_proportion() -> None:
    def effort(rows: int) -> int:
        draft = form_of(Sheet, lines=[Cell(text="xxx", more="xxx")] * rows)

        def work() -> None:
            draft.take_({f"lines-{number}-{name}": ["y"] for number in range(rows) for name in ("text", "more")})
            draft.visit_all_()
            draft.judge_(draft.kind_.check(draft.data_())[1])
            assert all(line.text.error in line.more.error and line.text.attributes for line in draft.lines)

        return lines_run(work)

    assert effort(80) < 10 * effort(10)


@pytest.mark.parametrize(
    ("wanted", "text", "found"),
    [
        (Annotated[float, Meta(multiple_of=0.01)], "0.29", 0.29),
        (Annotated[float, Meta(multiple_of=0.01)], "0.295", "Please enter a multiple of 0.01."),
        (Annotated[Decimal, Meta(multiple_of=0.01)], "0.29", Decimal("0.29")),
        (Annotated[Decimal, Meta(multiple_of=5)], "1e99", "Please enter a multiple of 5."),
        (Decimal, "1e999999999", "Please enter a number."),
        (Decimal, "1e-999999999", "Please enter a number."),
        (set[Decimal], ["sNaN"], "Please check this; it is not as expected."),
        (
            Annotated[datetime.datetime, Meta(tz=False)],
            "2026-03-31T14:30:00Z",
            "Please enter this as the field offers it.",
        ),
        (Annotated[datetime.datetime, Meta(tz=False)], "2026-03-31T14:30", datetime.datetime(2026, 3, 31, 14, 30)),
    ],
)
def test_numbers_and_times_that_only_a_machine_writes_are_refused_and_those_of_people_are_taken(
    wanted: Any, text: Any, found: Any
) -> None:
    assert value(wanted, text) == found


class Part(Form):
    what: str = ""
    kind: Colour = Colour.RED
    gift: bool = False
    due: datetime.datetime | None = None
    tags: list[str] = []

    def check(self) -> None:
        if self.what == "half":
            raise FormError("Half a part is none.")


class Kit(Form):
    first: Part
    parts: list[Part] = []
    spare: Part | None = None
    word: Secret = "sesame"

    @validates("first", "spare")
    def is_painted(cls, part: Part | None) -> Part | None:
        if part is not None and part.what == "raw":
            raise FormError(what="Paint it.")
        return Part(what="blank") if part is None else None

    @validates("parts")
    def in_order(cls, parts: list[Part]) -> list[Part]:
        return sorted(parts, key=lambda part: part.what)


def test_a_rule_for_a_form_in_the_form_or_for_rows_is_asked_and_may_change_the_value() -> None:
    made, errors = check(Kit, first={"what": "a"}, parts=[{"what": "c"}, {"what": "b"}])
    assert errors == {}
    assert (made.spare, [each.what for each in made.parts]) == (Part(what="blank"), ["b", "c"])
    assert check(Kit, first={"what": "raw"})[1] == {("first", "what"): "Paint it."}


def test_what_is_wrong_with_a_row_or_a_form_in_the_form_as_a_whole_can_be_shown() -> None:
    draft = form_of(Kit, parts=[Part(what="a"), Part(what="half")])
    draft.take_({"first-what": ["half"]})
    draft.judge_(draft.kind_.check(draft.data_())[1])
    assert (draft.first.error, draft.errors) == ("", {}), "nobody has sent it yet"
    draft.visit_all_()
    assert draft.first.error == "Half a part is none."
    assert [row.error for row in draft.parts] == ["", "Half a part is none."]
    assert draft.errors.keys() == {"first", "parts-1"}
    draft.remove_row("parts", 1)
    assert draft.errors.keys() == {"first"}


def test_a_row_that_is_added_with_values_shows_them_as_a_form_that_begins_with_them() -> None:
    values = {"what": "x", "kind": Colour.BLUE, "gift": False, "due": datetime.datetime(2026, 3, 1, 9), "tags": ["a"]}
    added, begun = form_of(Kit), form_of(Kit, parts=[values])
    added.add_row("parts", **values)
    assert added.typed_ == begun.typed_
    assert not next(iter(added.parts))["gift"].checked
    with pytest.raises(FieldError, match="A row of parts has no field 'tag'; did you mean 'tags'"):
        added.add_row("parts", tag="x")


def test_a_row_itself_has_no_rows() -> None:
    draft = form_of(Kit, parts=[Part()])
    with pytest.raises(BadArguments, match="Kit has no rows called 'parts-0'"):
        draft.add_row("parts-0")


def test_a_secret_of_an_object_that_is_edited_never_stands_on_the_page() -> None:
    draft = form_of(Kit(first=Part(), word="open"))
    assert (draft.word.value, draft.typed_) == ("", {})
    assert form_of(Kit).word.value == ""
