"""Fields: what may be state, and that it comes back as it was."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import math
import sys
import threading
import uuid
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok import Component, bind, exposed, private
from asok.component import definition_of
from asok.errors import FieldError
from asok.fields import Field, Fields
from asok.frozen import freeze
from asok.testing import LiveClient


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass
class Holds:
    names: list[str]


class Box(msgspec.Struct):
    corner: Point
    label: str = ""


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**63), 2**63 - 1)),
    (float, FLOATS),
    (bool, st.booleans()),
    (str, TEXT),
    (bytes, st.binary()),
    (int | None, st.none() | st.integers(-(2**53), 2**53)),
    (list[str], st.lists(TEXT)),
    (dict[str, int], st.dictionaries(TEXT, st.integers(0, 100))),
    (tuple[int, str], st.tuples(st.integers(0, 9), TEXT)),
    (set[int], st.sets(st.integers(0, 99))),
    (Colour, st.sampled_from(Colour)),
    (Point, st.builds(Point, st.integers(0, 9), FLOATS)),
    (list[Box], st.lists(st.builds(Box, st.builds(Point, st.integers(0, 9)), TEXT))),
    (datetime.datetime, st.datetimes(timezones=st.just(datetime.UTC))),
    (datetime.date, st.dates()),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (uuid.UUID, st.uuids()),
]


def fields(kind: Any, **options: Any) -> Fields:
    return Fields("Thing", [Field("value", kind, **options)])


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[str(kind) for kind, _ in VALUES])
@settings(max_examples=30)
@given(data=st.data())
def test_every_value_of_every_type_comes_back_as_it_was(kind: Any, values: Any, data: st.DataObject) -> None:
    declared = fields(kind)
    value = data.draw(values)
    back = declared.public.unpack(declared.public.pack({"value": value}))["value"]
    assert back == value
    assert type(back) is type(value)


@given(st.binary())
def test_any_bytes_are_a_state_or_an_error_of_msgspec(junk: bytes) -> None:
    declared = fields(dict[str, list[int]])
    try:
        declared.public.unpack(junk)
    except msgspec.MsgspecError:
        return


@pytest.mark.parametrize(
    ("kind", "wrong"), [(int, "1"), (int, True), (int, 1.5), (str, 1), (list[int], ["a"]), (bool, 1)]
)
def test_a_value_of_another_type_is_refused_by_the_fields_name(kind: Any, wrong: Any) -> None:
    with pytest.raises(FieldError, match=r"Thing\.value is declared as"):
        fields(kind).initial({"value": wrong})
    with pytest.raises(FieldError, match=r"Thing\.value is declared as"):
        fields(kind).public.pack({"value": wrong})


def test_a_text_with_half_a_surrogate_pair_is_no_state() -> None:
    with pytest.raises(FieldError, match="value"):
        fields(str).public.pack({"value": "\ud800"})


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        (list[int], ["a"], r"declared as list\[int\] and cannot hold \['a'\].*annotate it"),
        (int, 2**64, "declared as int and cannot hold .* keep numbers of more than 64 bits as texts"),
    ],
)
def test_what_does_not_fit_is_told_with_the_whole_type_and_what_to_do(kind: Any, wrong: Any, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        fields(kind).public.pack({"value": wrong})


def test_a_field_without_a_default_must_be_given() -> None:
    with pytest.raises(FieldError, match=r"component\('Thing', value=…\)"):
        fields(int).initial({})


def test_a_mutable_default_is_not_shared() -> None:
    declared = fields(list[int], default=[1])
    declared.initial({})["value"].append(2)
    assert declared.initial({})["value"] == [1]


@pytest.mark.parametrize(
    ("kind", "given", "change"),
    [
        (Any, {"rows": [1]}, lambda value: value["rows"].append(2)),
        (list, [{"on": False}], lambda value: value[0].update(on=True)),
        (Holds, Holds(["a"]), lambda value: value.names.append("b")),
        (list[Box], [Box(Point(1))], lambda value: setattr(value[0], "label", "b")),
        (Any, freeze({"rows": [1]}), lambda value: value["rows"].append(2)),
    ],
)
def test_what_an_instance_changes_in_an_argument_nobody_else_sees(kind: Any, given: Any, change: Any) -> None:
    before = copy.deepcopy(given)
    change(fields(kind).initial({"value": given})["value"])
    assert given == before


def test_what_cannot_be_state_is_refused_without_a_copy_of_it() -> None:
    class Connection:
        def __deepcopy__(self, memo: Any) -> Any:
            raise AssertionError("copied")

    with pytest.raises(FieldError, match=r"Thing\.value is declared as int"):
        fields(int).initial({"value": Connection()})


def test_what_cannot_be_copied_is_told_by_the_fields_name() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, threading.Lock()):
        with pytest.raises(FieldError, match=r"Thing\.value is declared as"):
            fields(dict).initial({"value": value})


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [float, list[float], dict[str, float], float | None, decimal.Decimal])
def test_the_browser_writes_no_number_that_is_none(kind: Any, bad: Any) -> None:
    value = [bad] if kind == list[float] else {"a": bad} if kind == dict[str, float] else bad
    with pytest.raises(FieldError):
        fields(kind, bound=True).convert("value", value, strict=False)


def test_the_browser_writes_no_integer_that_it_cannot_hold() -> None:
    with pytest.raises(FieldError):
        fields(int, bound=True).convert("value", "1" * 40, strict=False)


def test_a_private_value_is_not_told_by_its_error() -> None:
    with pytest.raises(FieldError) as refused:
        fields(int, private=True).secret.pack({"value": "hunter2"})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(FieldError) as refused:
        fields(int, private=True).initial({"value": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_a_change_of_fields_is_a_change_of_schema_and_a_new_default_is_none() -> None:
    assert fields(int).schema == fields(int, default=3).schema
    assert len({fields(int).schema, fields(str).schema, fields(int, private=True).schema}) == 3
    assert fields(int).schema != Fields("Thing", [Field("other", int)]).schema


def test_fields_are_declared_by_annotation_or_default() -> None:
    class Shape(Component):
        name: str
        count = 0
        ratio: float = 1
        nothing = None
        draft: str = bind("")
        secret: int = private(0)
        shared: ClassVar[int] = 3
        _transient = 1

        def area(self) -> int:
            return 1

        @property
        def doubled(self) -> int:
            return self.count * 2

        @exposed
        def grow(self) -> None: ...

    declared = definition_of(Shape).fields
    assert set(declared.by_name) == {"name", "count", "ratio", "nothing", "draft", "secret"}
    assert declared.bound == {"draft"}
    assert set(declared.public.names) == {"name", "count", "ratio", "nothing", "draft"}
    assert declared.secret.names == ("secret",)


def test_a_field_that_nothing_carries_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(FieldError, match=r"Holder\.lock cannot be state.*load\(\)"):

        class Holder(Component):
            lock: object = object()


@pytest.mark.parametrize("name", ["session", "request", "event", "render", "mount", "html", "reset", "key", "guard"])
def test_a_field_with_a_name_of_the_framework_is_refused_when_the_class_is_made(name: str) -> None:
    with pytest.raises(FieldError, match=f"{name} cannot be a field"):
        type("Clash", (Component,), {"__annotations__": {name: int}, name: 0})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no such statement yet")
def test_an_alias_that_holds_itself_is_refused_by_the_fields_name() -> None:
    body = "type Tree = dict[str, Tree | int]\nclass Grown(Component):\n    tree: Tree = {}\n"
    with pytest.raises(FieldError, match=r"Grown\.tree cannot be state: the alias Tree holds itself"):
        exec(body, {"Component": Component})


def test_an_annotation_that_cannot_be_read_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(FieldError, match="Unread"):
        type("Unread", (Component,), {"__annotations__": {"x": "NoSuchType"}})


def test_a_subclass_inherits_fields_and_may_take_one_away() -> None:
    class Base(Component):
        count = 0
        title = ""

    class Narrow(Base):
        extra = 1

        def title(self) -> str:  # type: ignore[override]  # on purpose: a method where a field was
            return "fixed"

    assert list(definition_of(Narrow).fields.by_name) == ["count", "extra"]


class Announced(Component):
    title: str = "none"
    secret: str = private("a")
    draft: str = bind("b")


def test_a_property_takes_the_place_of_an_annotated_field() -> None:
    class Computed(Announced):
        @property
        def title(self) -> str:  # type: ignore[override]  # on purpose: a property where a field was
            return f"{self.draft}!"

    assert list(definition_of(Computed).fields.by_name) == ["secret", "draft"]
    assert Computed().title == "b!"


def test_what_a_base_keeps_private_stays_so_with_another_default() -> None:
    class Renamed(Announced):
        secret = "c"

    class Narrowed(Renamed):
        secret: str

    for cls in (Renamed, Narrowed):
        assert definition_of(cls).fields.secret.names == ("secret",)
        assert cls().secret == "c"


def test_another_annotation_leaves_a_field_its_default() -> None:
    class Certain(Announced):
        title: Literal["none", "some"]
        draft: Literal["b", "c"]

    declared = definition_of(Certain).fields
    assert (Certain().title, declared.by_name["title"].type) == ("none", Literal["none", "some"])
    assert declared.bound == {"draft"}


@given(st.recursive(st.none() | st.booleans() | FLOATS | TEXT, lambda i: st.lists(i) | st.dictionaries(TEXT, i)))
def test_an_untyped_field_carries_any_plain_value(value: Any) -> None:
    declared = fields(Any)
    back = declared.public.unpack(declared.public.pack({"value": value}))["value"]
    assert back == value or (isinstance(value, float) and math.isnan(value))


def test_the_schema_does_not_tell_where_a_function_lies_in_memory() -> None:
    def positive(value: int) -> int:
        return value

    def another() -> Any:
        return lambda value: value

    lies_here, lies_there = another(), another()
    assert str(lies_here) != str(lies_there)
    assert fields(Annotated[int, lies_here]).schema == fields(Annotated[int, lies_there]).schema
    assert fields(Annotated[int, positive]).schema != fields(Annotated[int, lies_here]).schema


class Level(enum.IntEnum):
    HIGH = 3


class Size(str, enum.Enum):  # noqa: UP042  # as most write it: unlike a StrEnum, it is not shown as its text
    SMALL = "s"
    LARGE = "l"


class Parcel(Component):
    weight: float = 1
    grams: float | None = None
    size: str = Size.SMALL
    template = "<p>{{ weight }} {{ grams }} {{ size }} <button ws-click='put'>Put</button></p>"

    @exposed
    def put(self) -> None:
        if self.grams is None:
            self.weight, self.grams, self.size = 2, 2000, Size.LARGE


async def test_a_number_or_a_text_is_shown_as_it_is_at_the_next_event() -> None:
    async with LiveClient() as live:
        page = await live.mount(Parcel, weight=Level.HIGH)
        assert page.text("p") == "3.0 None s Put"
        for _ in range(2):
            await page.click("button")
            assert page.text("p") == "2.0 2000.0 l Put"


def test_a_number_that_is_no_float_is_refused_where_it_is_kept() -> None:
    parcel = Parcel()
    parcel.weight = 10**400
    with pytest.raises(FieldError, match="weight"):
        definition_of(parcel).fields.public.pack(parcel.__dict__)
