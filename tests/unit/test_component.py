"""Component: what a class declares, and what is told at once where it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from asok import Component, exposed
from asok.component import Definition, definition_of, registry, surroundings_of
from asok.errors import ComponentError, DuplicateComponent, FieldError, UnknownComponent
from asok.testing import LiveClient


class Thing(Component):
    count = 0

    @exposed
    def act(self, n: int = 1) -> None: ...

    @exposed(timeout=90)
    async def wait(self) -> None: ...

    @exposed
    async def steps(self) -> Any:
        yield


def test_exposed_methods_know_their_kind_limit_and_parameters() -> None:
    methods = definition_of(Thing).exposed
    assert {name: each.kind for name, each in methods.items()} == {"act": "sync", "wait": "async", "steps": "steps"}
    assert methods["wait"].timeout == 90
    assert [parameter.name for parameter in methods["act"].parameters] == ["n"]


def test_an_undeclared_attribute_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(FieldError, match=r"did you mean 'count'.*_coumt.*load\(\)"):
        Thing().coumt = 1
    with pytest.raises(FieldError, match="did you mean 'count'"):
        Thing(coumt=1)


def test_a_name_with_an_underscore_is_free_and_no_state() -> None:
    thing = Thing()
    thing._cache = 1
    assert "_cache" not in definition_of(Thing).fields.by_name


@pytest.mark.parametrize(
    "target", [property(lambda self: 1), staticmethod(lambda: 1), classmethod(lambda cls: 1), 3, "x"]
)
def test_exposed_stands_on_plain_methods_only(target: Any) -> None:
    with pytest.raises(ComponentError, match="plain method"):
        exposed(target)


def test_an_annotation_of_a_method_that_cannot_be_read_is_told_in_words() -> None:
    def act(self: Any, x: Any) -> None: ...

    act.__annotations__["x"] = "NoSuchType"
    with pytest.raises(ComponentError, match="NoSuchType"):
        type("Wrong", (Component,), {"act": exposed(act)})


def test_two_classes_of_one_name_are_told_apart_by_where_they_stand() -> None:
    type("Twin", (Component,), {"__module__": "one"})
    with pytest.raises(DuplicateComponent, match=r"one\.Twin and two\.Twin"):
        type("Twin", (Component,), {"__module__": "two"})


def test_a_class_that_is_read_again_takes_its_own_place() -> None:
    type("Again", (Component,), {"__module__": "one"})
    newer = type("Again", (Component,), {"__module__": "one"})
    assert registry.find("Again").cls is newer


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    type("Counter", (Component,), {})
    with pytest.raises(UnknownComponent, match="did you mean 'Counter'"):
        registry.find("Cuonter")


@pytest.mark.parametrize(
    ("name", "file"),
    [("Counter", "counter.html"), ("UserCard", "user_card.html"), ("HTMLPage", "html_page.html"), ("A1B", "a1_b.html")],
)
def test_the_template_of_a_class_is_named_after_it(name: str, file: str) -> None:
    assert Definition(type(name, (Component,), {})).template_name == file


def test_a_component_off_a_page_says_so() -> None:
    for name in ("session", "request"):
        with pytest.raises(ComponentError, match="page"):
            getattr(Thing(), name)
    with pytest.raises(ComponentError, match=r"asok\.testing"):
        Thing().render()


@pytest.mark.parametrize("path", ["//x", "https://x", "x", "", "/a b", "/a\\b", "/\x00", "/é"])
def test_a_redirect_takes_a_path_of_this_site(path: str) -> None:
    thing = Thing()
    if path == "/é":
        thing.redirect(path)
        return
    with pytest.raises(ComponentError, match="/done"):
        thing.redirect(path)


def test_an_effect_that_cannot_be_sent_is_refused_where_it_is_asked() -> None:
    for detail in (object(), {(1, 2): 3}, "\ud800", {None: 1}):
        thing = Thing()
        with pytest.raises(ComponentError, match="cannot be sent"):
            thing.dispatch("x", detail)
        assert surroundings_of(thing).effects == []


def test_effects_are_asked_in_order() -> None:
    thing = Thing()
    thing.reset("a", "b")
    thing.focus("#x")
    thing.set_title("T")
    thing.redirect("/r")
    assert surroundings_of(thing).effects == [["reset", "a", "b"], ["focus", "#x"], ["title", "T"], ["redirect", "/r"]]


class Audited:
    """A mixin, above the component or below a subclass of it."""

    log: list[str] = []

    async def mount(self) -> None:
        await super().mount()  # type: ignore[misc]  # of the component
        self.log.append("mount")

    async def updated(self, changed: frozenset[str]) -> None:
        await super().updated(changed)  # type: ignore[misc]  # of the component
        self.log.append("updated")

    async def guard(self, request: Any, session: Any) -> bool:
        return "out" not in session and await super().guard(request, session)  # type: ignore[misc]  # of the component


class AuditedPlainly(Audited, Component):
    count = 0
    template = "<p>{{ log | join(' ') }} {{ count }} <button ws-click='add'>Add</button></p>"

    def load(self) -> Any:
        return super().load()

    @exposed
    def add(self) -> None:
        self.count += 1


class AuditedTwice(AuditedPlainly):
    def guard(self, request: Any, session: Any) -> Any:
        return "out" not in session and super().guard(request, session)


class GuardedPlainly(Component):
    template = "<p>in</p>"

    def guard(self, request: Any, session: Any) -> Any:
        return "out" not in session and super().guard(request, session)


async def test_hooks_call_those_of_the_base_whether_these_are_awaited_or_not() -> None:
    async with LiveClient() as live:
        page = await live.mount(AuditedTwice)
        await page.click("button")
        assert page.text("p") == "mount updated 1 Add"
        assert (await live.mount(GuardedPlainly)).text("p") == "in"
