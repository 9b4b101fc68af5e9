"""The marks on methods: what each allows, and which mistakes are told when the class is made."""

from __future__ import annotations

import functools
import math
from collections import deque
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, SecretStr

from asok import Component, every, exposed, on
from asok.component import definition_of
from asok.errors import ComponentError
from asok.exposing import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator


class Marked(Component):
    template = "<p></p>"

    @exposed
    def called(self) -> None: ...

    @on("orders", "room:*")
    def heard(self, message: int) -> None: ...

    @on("news")
    @on("weather")
    @exposed(timeout=3)
    async def both(self, message: str = "") -> None: ...

    @every(2)
    async def _tick(self) -> None: ...

    def plain(self) -> None: ...


def test_a_mark_allows_what_it_says_and_nothing_else() -> None:
    definition = definition_of(Marked)
    assert set(definition.methods) == {"called", "heard", "both", "_tick"}
    assert set(definition.exposed) == {"called", "both"}
    assert [method.name for method in definition.periodic] == ["_tick"]
    assert definition.listens


def test_marks_on_one_method_add_up() -> None:
    both = definition_of(Marked).methods["both"]
    assert both.called
    assert set(both.topics) == {"news", "weather"}
    assert both.timeout == 3


def test_a_pattern_takes_what_it_matches_but_is_not_listened_to() -> None:
    definition = definition_of(Marked)
    heard = definition.methods["heard"]
    assert [topic for topic in ("orders", "room:1", "room:", "rooms", "ROOM:1") if heard.takes(topic)] == [
        "orders",
        "room:1",
        "room:",
    ]
    assert definition.topics == {"orders", "news", "weather"}


def test_a_subclass_keeps_the_marks_and_may_take_one_away() -> None:
    class Quiet(Marked):
        def heard(self, message: int) -> None: ...

    assert set(definition_of(Quiet).methods) == {"called", "both", "_tick"}


@pytest.mark.parametrize("seconds", [0, 0.01, -1, math.nan, math.inf, True, "2", None])
def test_a_period_that_is_none_is_told_at_once(seconds: Any) -> None:
    with pytest.raises(ComponentError, match="seconds or more"):
        every(seconds)


def test_on_without_topics_says_how_to_write_it() -> None:
    with pytest.raises(ComponentError, match=r"@on\('orders'\)"):
        on()
    with pytest.raises(ComponentError, match=r"@on\('orders'\)"):

        @on  # type: ignore[arg-type]  # that is the mistake
        def heard(self: Any) -> None: ...


def test_a_mark_on_anything_but_a_method_is_told() -> None:
    with pytest.raises(ComponentError, match="plain method"):
        on("a")(staticmethod(lambda: None))


def test_the_clock_gives_no_arguments() -> None:
    with pytest.raises(ComponentError, match="by the clock"):

        class Ticking(Component):
            @every(1)
            def tick(self, number: int) -> None: ...


def test_a_topic_gives_one_argument() -> None:
    with pytest.raises(ComponentError, match="let it take one argument"):

        class Two(Component):
            @on("a")
            def heard(self, one: int, two: int) -> None: ...

    with pytest.raises(ComponentError, match="let it take one argument"):

        class Named(Component):
            @on("a")
            def heard(self, *, one: int = 0) -> None: ...


def test_a_method_for_a_topic_may_leave_the_message_or_take_all() -> None:
    class Free(Component):
        @on("a")
        def nothing(self) -> None: ...

        @on("a")
        def anything(self, *messages: Any) -> None: ...

        @on("a")
        def more(self, message: int, again: int = 0) -> None: ...

    assert len(definition_of(Free).methods) == 3


def test_what_every_component_has_and_what_is_private_is_called_by_nobody_else() -> None:
    with pytest.raises(
        ComponentError, match="called by a topic or the clock: every component has its own load; rename"
    ):

        class Hooked(Component):
            @on("a")
            def load(self) -> None: ...

    with pytest.raises(ComponentError, match="@exposed: every component has its own reset; rename it"):

        class Resetting(Component):
            @exposed
            def reset(self) -> None: ...  # type: ignore[override]  # that is the mistake

    with pytest.raises(ComponentError, match="@exposed: it is a private name; rename it"):

        class Hiding(Component):
            @exposed
            def _hide(self) -> None: ...


def test_what_a_class_uses_is_found_in_its_methods_and_in_functions_inside() -> None:
    class Base(Component):
        def helped(self) -> Any:
            return [lambda: self.update_all()]

    class Sub(Base):
        pass

    assert mentions(Sub, "update_all", Component)
    assert not mentions(Sub, "broadcast", Component)


def wrapping(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any) -> Any:
        return function(*args)

    return around


def hiding(function: Any) -> Any:
    return lambda *args: function(*args)


class Pointing:
    @exposed
    def point(self) -> None:
        self.event: Any
        self.at = self.event.target


WAYS: list[Any] = [wrapping, hiding, property, functools.cached_property, staticmethod, classmethod]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_decorators_and_properties_stand_around_is_looked_at(way: Any) -> None:
    cls = type(f"Around{way.__name__}", (Component,), {"where": way(lambda self: self.event.target)})
    assert definition_of(cls).looks_at_target


@pytest.mark.parametrize("way", [wrapping, hiding], ids=["wraps", "hides"])
def test_a_decorated_hook_waits_if_what_it_stands_around_does(way: Any) -> None:
    async def load(self: Any) -> None: ...

    assert definition_of(type(f"Waiting{way.__name__}", (Component,), {"load": way(load)})).waits
    assert not definition_of(type(f"Ready{way.__name__}", (Component,), {"load": way(lambda self: None)})).waits


def test_what_a_mixin_uses_is_looked_at() -> None:
    assert definition_of(type("PointingAtIt", (Pointing, Component), {})).looks_at_target
    assert "point" in definition_of(type("PointingToo", (Pointing, Component), {})).exposed


def test_who_asks_for_all_that_the_browser_sent_looks_at_the_target() -> None:
    class Everything(Component):
        @exposed
        def note(self) -> None:
            self._all = self.event.data

    assert definition_of(Everything).looks_at_target


def test_a_method_without_self_is_refused_where_it_is_defined() -> None:
    @exposed
    def bump() -> None: ...

    with pytest.raises(ComponentError, match=r"Selfless\.bump has no place for its component; write def bump\(self\)"):
        type("Selfless", (Component,), {"bump": bump})


def test_a_method_may_take_its_component_among_all_arguments() -> None:
    @exposed
    def bump(*given: Any) -> None: ...

    class Starred(Component):
        pass

    assert "bump" in definition_of(type("StarredMore", (Starred,), {"bump": bump})).exposed


def silent(function: Any) -> Any:
    def around(self: Any, *given: Any) -> Any:
        return function(self, *given)

    return around


@pytest.mark.parametrize(
    ("above", "words"), [(silent, "decorator above its mark"), (functools.cached_property, "away")]
)
def test_what_hides_a_mark_is_refused_where_it_is_defined(above: Any, words: str) -> None:
    @exposed
    def bump(self: Any) -> None: ...

    with pytest.raises(ComponentError, match=rf"Hidden\.bump.*{words}"):
        type("Hidden", (Component,), {"bump": above(bump)})
    named = functools.wraps(bump)(silent(bump))
    assert "bump" in definition_of(type("Unhidden", (Component,), {"bump": named})).exposed


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Path, "makes a Path of"), (list[deque[int]], "makes a deque of"), (date | str, "more than one str-like type")],
)
def test_an_argument_that_nobody_can_give_is_refused_where_it_is_defined(kind: Any, words: str) -> None:
    @exposed
    def keep(self: Any, what: Any) -> None: ...

    @exposed
    def take(self: Any, what: str, by: Any = None, *more: Any) -> None: ...

    keep.__annotations__["what"] = take.__annotations__["by"] = take.__annotations__["more"] = kind
    with pytest.raises(ComponentError, match=rf"Giving\.keep could never be called: what: .*{words}.* str, and"):
        type("Giving", (Component,), {"keep": keep})
    assert "take" in definition_of(type("Taking", (Component,), {"take": take})).exposed


class Secret(BaseModel):
    word: SecretStr


def test_a_method_may_be_given_a_model_that_no_field_can_hold() -> None:
    @exposed
    def enter(self: Any, what: Secret) -> Iterator[None]:  # nobody has to read what it returns
        yield

    enter.__annotations__["what"] = Secret
    assert "enter" in definition_of(type("Entering", (Component,), {"enter": enter})).exposed
