"""Fields from mixins and generic bases, and annotations that only type checkers can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Protocol, TypeVar

import pytest

from asok import Component, exposed
from asok.component import definition_of
from asok.errors import FieldError
from asok.testing import LiveClient

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
K = TypeVar("K")


@dataclass
class Fruit:
    name: str


class Paging:
    page: int = 1
    chosen: list[int] = []

    @exposed
    def turn(self) -> None:
        self.page += 1
        self.chosen.append(self.page)


class Paged(Paging, Component):
    template = "<p>{{ page }} {{ chosen }} <button ws-click='turn'>Turn</button></p>"


class PagedAfter(Component, Paging):
    template = Paged.template


@pytest.mark.parametrize("kind", [Paged, PagedAfter])
async def test_what_a_mixin_declares_is_state_that_each_visitor_has_alone(kind: type[Component]) -> None:
    async with LiveClient() as live:
        page = await live.mount(kind)
        await page.click("button")
        await page.reload()
        assert page.text("p") == "2 [2] Turn"
        assert (await live.mount(kind)).text("p") == "1 [] Turn"


def test_the_first_base_says_the_default_as_it_does_in_python() -> None:
    class Long:
        size: int = 100

    class Sized(Component):
        size: int = 10

    class Both(Long, Sized):
        pass

    class Fixed:
        @property
        def size(self) -> int:
            return 1

    class Told(Fixed, Sized):  # type: ignore[override]  # on purpose: a property before a field
        pass

    assert Both().size == Both.size == 100
    assert "size" not in definition_of(Told).fields.by_name


def test_what_a_protocol_asks_for_is_a_field() -> None:
    class Named(Protocol):
        name: str

    class Labelled(Component, Named):
        name: str = "none"

    assert Labelled().name == "none"


class RowsOf(Component, Generic[T]):
    rows: list[T] = []
    newest: T | None = None


class Keyed(RowsOf[T], Generic[K, T]):
    by_key: dict[K, T] = {}
    template = "<p>{{ rows }} {{ by_key }} <button ws-click='again'>Again</button></p>"

    @exposed
    def again(self) -> None:
        self.rows.append(next(iter(self.by_key.values())))


class Fruits(Keyed[int, Fruit]):
    pass


async def test_a_subclass_of_a_generic_component_knows_its_types() -> None:
    kinds = {name: field.type for name, field in definition_of(Fruits).fields.by_name.items()}
    assert kinds == {"rows": list[Fruit], "newest": Fruit | None, "by_key": dict[int, Fruit]}
    async with LiveClient() as live:
        page = await live.mount(Fruits, by_key={1: Fruit("fig")})
        await page.click("button")
        await page.click("button")
        assert page.text("p").startswith("[Fruit(name='fig'), Fruit(name='fig')] {1: Fruit(name='fig')}")


def test_only_the_types_of_fields_have_to_be_imported() -> None:
    class Priced(Component):
        amount: int = 1
        _exact: Decimal | None = None
        scale: ClassVar[Decimal | None] = None

    assert list(definition_of(Priced).fields.by_name) == ["amount"]
    with pytest.raises(FieldError, match=r"Unpriced cannot be read.*Decimal.*import that name"):

        class Unpriced(Component):
            exact: Decimal | None = None


def test_a_field_that_is_a_method_too_is_refused() -> None:
    @exposed
    def save(self: Component) -> None: ...

    with pytest.raises(FieldError, match=r"Twice\.save is declared as a field and as a method"):
        type("Twice", (Component,), {"__annotations__": {"save": bool}, "save": save})


def test_what_is_no_type_is_refused_with_what_to_write() -> None:
    with pytest.raises(FieldError, match=r"Constant\.rate cannot be state: .*Final.*annotate it ClassVar"):

        class Constant(Component):
            rate: Final = 3
