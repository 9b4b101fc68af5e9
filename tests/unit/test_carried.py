"""What msgspec does not bring back as it was: models of pydantic, moments with a zone, objects of other classes."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field, field_validator
from pydantic.alias_generators import to_camel

from asok import fields as declared_fields
from asok.errors import FieldError

T = TypeVar("T")


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Person(BaseModel):
    """As models of web interfaces are."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")
    first_name: str
    born_in: int = Field(0, validation_alias="year", serialization_alias="yearOfBirth")

    @computed_field  # type: ignore[prop-decorator]  # as pydantic says it is to be written
    @property
    def initial(self) -> str:
        return self.first_name[:1]


class Login(BaseModel):
    password: SecretStr


class Team(BaseModel):
    logins: list[Login] | None = None


ROME = datetime.timezone(datetime.timedelta(hours=2))


def fields(kind: Any) -> declared_fields.Fields:
    return declared_fields.Fields("Thing", [declared_fields.Field("value", kind)])


def there_and_back(kind: Any, value: Any) -> Any:
    declared = fields(kind)
    return declared.public.unpack(declared.public.pack({"value": value}))["value"]


def test_a_model_with_aliases_and_computed_fields_comes_back_as_it_was() -> None:
    person = Person.model_validate({"firstName": "Ada", "year": 1815})
    assert there_and_back(Person, person) == person
    assert there_and_back(list[Person], [person]) == [person]


def test_a_model_may_be_given_by_its_aliases_and_by_its_names() -> None:
    ada = Person.model_validate({"firstName": "Ada", "year": 1815})
    declared = fields(Person)
    for each in (ada, {"firstName": "Ada", "year": 1815}, {"first_name": "Ada", "born_in": 1815}):
        assert declared.initial({"value": each}) == {"value": ada}
    assert declared.initial(declared.unpack_arguments(declared.pack_arguments({"value": ada}))) == {"value": ada}


@pytest.mark.parametrize("kind", [Login, list[Login], Team])
def test_a_model_with_a_secret_which_would_come_back_as_asterisks_is_refused(kind: Any) -> None:
    with pytest.raises(FieldError, match=r"Login\.password"):
        fields(kind)


class Account(BaseModel):
    name: str
    code: str = Field("", exclude=True)


@dataclasses.dataclass
class Attrs:
    """As attrs marks its classes; what begins with an underscore is given to them without it."""

    _private: int = 0
    __attrs_attrs__ = (SimpleNamespace(name="_private"),)


@pytest.mark.parametrize(("kind", "field"), [(Account, r"Account\.code"), (list[Attrs], r"Attrs\._private")])
def test_a_class_with_a_field_that_would_be_lost_is_refused(kind: Any, field: str) -> None:
    with pytest.raises(FieldError, match=f"nothing carries a .*{field} to the browser"):
        fields(kind)


class Strictly(BaseModel):
    model_config = ConfigDict(strict=True)
    day: datetime.date
    sizes: tuple[int, ...] = ()


def test_a_strict_model_comes_back_as_it_was() -> None:
    value = Strictly(day=datetime.date(2026, 1, 2), sizes=(1, 2))
    assert there_and_back(list[Strictly], [value]) == [value]


NUMBERS = itertools.count()


@dataclasses.dataclass
class Numbered:
    number: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.number = next(NUMBERS)


class Growing(BaseModel):
    size: int

    @field_validator("size")
    @classmethod
    def grow(cls, value: int) -> int:
        return value + 1


@dataclasses.dataclass
class Order:
    price: float
    total: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.total = self.price * 2


@pytest.mark.parametrize("value", [Numbered(), Growing(size=1)])
def test_an_object_that_would_be_another_one_at_each_event_is_refused(value: Any) -> None:
    with pytest.raises(FieldError, match=rf"Thing\.value is made anew at each event.*{type(value).__name__}\("):
        fields(type(value) | None).public.pack({"value": value})
    assert there_and_back(Order, Order(1.5)).total == 3
    assert there_and_back(Order, Order(float("nan"))) != Order(1.5)


@pytest.mark.parametrize("kind", [datetime.datetime, datetime.datetime | None, list[datetime.datetime]])
def test_a_moment_keeps_the_hour_of_its_zone(kind: Any) -> None:
    noon = datetime.datetime(2024, 7, 1, 12, tzinfo=ROME)
    listed = kind == list[datetime.datetime]
    back = there_and_back(kind, [noon] if listed else noon)
    moment = back[0] if listed else back
    assert moment == noon
    assert str(moment) == "2024-07-01 12:00:00+02:00"


@dataclasses.dataclass
class Place(Point):
    name: str = ""


class Poet(Person):
    poems: int = 0


@dataclasses.dataclass
class Route:
    stops: dict[str, list[Point]]
    corners: frozenset[Point] = frozenset()


class Shelf(BaseModel):
    by: list[Person]


@dataclasses.dataclass
class Pair(Generic[T]):
    left: T
    right: T


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Point, Place(1)),
        (Pair[Point], Pair(Point(1), Place(1))),
        (list[Point], [Place(1)]),
        (Route, Route({"a": [Point(1), Place(1)]})),
        (dict[str, tuple[Route, int]], {"a": (Route({"b": [Place(1)]}), 1)}),
    ],
)
def test_an_object_that_would_come_back_without_some_of_its_fields_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(FieldError, match=r"Thing\.value is declared as .* and cannot hold .*Place"):
        fields(kind).public.pack({"value": value})
    with pytest.raises(FieldError, match="Poet"):
        fields(Person).public.pack({"value": Poet.model_validate({"firstName": "Ada", "year": 1815})})
    with pytest.raises(FieldError, match="Poet"):
        shelf = Shelf.model_construct(by=[Poet.model_validate({"firstName": "Ada", "poems": 3})])
        fields(Shelf).public.pack({"value": shelf})
    assert there_and_back(Point | None, Point(1)) == Point(1)
    assert there_and_back(Pair[int], Pair(1, 2)) == Pair(1, 2)
