"""Slots: content that a template puts into a component, which belongs to whoever wrote it."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok import Component, exposed, private
from asok.component import definition_of
from asok.errors import FieldError
from asok.frames import Frame
from asok.testing import LiveClient
from tests.rig import asok_app, rig


class Card(Component):
    title: str = ""
    open: bool = True
    template = """<article><h2>{{ title }}</h2><button class="toggle" ws-click="toggle">{{ open }}</button>
    {% if open %}<main>{{ slot or "nothing inside" }}</main>
    {% if slots.footer %}<footer>{{ slots.footer }}</footer>{% endif %}{% endif %}</article>"""

    @exposed
    def toggle(self) -> None:
        self.open = not self.open


class Petal(Component):
    name: str = ""
    count: int = 0
    template = '<button class="leaf" ws-click="add">{{ name }}{{ count }}</button>'

    @exposed
    def add(self) -> None:
        self.count += 1


class Board(Component):
    votes: int = 0
    title: str = "Board"
    template = """<div>{% component 'Card', title=title %}
      <p>{{ votes }} votes</p>{{ component('Petal', name='in slot ') }}
      {% slot 'footer' %}<button class="vote" ws-click="vote">vote</button>{% endslot %}
    {% endcomponent %}<button class="rename" ws-click="rename">rename</button></div>"""

    @exposed
    def vote(self) -> None:
        self.votes += 1

    @exposed
    def rename(self) -> None:
        self.title += "!"


KNOWN: tuple[type[Component], ...] = (Card, Petal, Board)


@pytest.fixture(autouse=True)
def known(request: Any) -> None:
    """The classes of this file, which each test may forget."""
    from asok.component import definition_of, registry

    for each in KNOWN:
        registry.add(definition_of(each))


async def test_content_is_rendered_with_the_parents_variables_and_its_events_are_the_parents() -> None:
    async with LiveClient() as live:
        page = await live.mount(Board)
        assert page.text("main p") == "0 votes"
        await page.click(".vote")
        await page.click(".vote")
        assert page.text("main p") == "2 votes"


async def test_content_survives_what_the_child_does_and_the_childs_state_survives_other_content() -> None:
    async with LiveClient() as live:
        page = await live.mount(Board)
        await page.click(".leaf")
        await page.click(".toggle")
        assert not page.exists("main")
        await page.click(".toggle")
        assert page.text("main p") == "0 votes"
        assert page.text(".leaf") == "in slot 1"
        await page.click(".vote")
        await page.click(".toggle")
        await page.click(".rename")
        assert page.text(".toggle") == "False"
        assert page.text("h2") == "Board!"
        await page.click(".toggle")
        assert (page.text("main p"), page.text(".leaf")) == ("1 votes", "in slot 1")
        assert page.text("footer") == "vote"


async def test_a_component_in_content_that_has_not_changed_is_left_alone() -> None:
    loads: list[int] = []

    class Still(Component):
        template = "<em>still</em>"

        def load(self) -> None:
            loads.append(1)

    class Holder(Component):
        votes: int = 0
        template = """<div>{% component 'Card' %}<b ws-click="vote">{{ votes }}</b>{{ component('Still') }}
        {% endcomponent %}</div>"""

        @exposed
        def vote(self) -> None:
            self.votes += 1

    assert issubclass(Still, Component)
    async with LiveClient() as live:
        page = await live.mount(Holder)
        await page.click("b")
        loads.clear()
        await page.click("b")  # the card has not joined, but was sent
        await page.click(".toggle")
        await page.click(".toggle")
        assert loads == [1]
        await page.click("b")
        assert (page.text("b"), page.text("em")) == ("3", "still")
        assert loads == [1]


async def test_one_that_leaves_and_comes_back_at_once_brings_what_stands_in_it(tmp_path: Path) -> None:
    class Turns(Component):
        there: bool = True
        template = (
            """<div>{% if there %}{% component 'Card' %}{{ component('Petal') }}{% endcomponent %}{% endif %}</div>"""
        )

        @exposed
        def turn(self) -> None:
            self.there = not self.there

    assert issubclass(Turns, Component)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Turns') }}"})) as served:
        tab = await served.tab()
        turns, card, leaf = tab.shown
        await tab.event("toggle", instance=card)
        await tab.event("toggle", instance=card)
        for seq in (1, 2):  # without a word of what has left the page in between
            await tab.send("event", turns, seq, "turn")
        tab.frames.clear()
        await tab.settled(turns, 2)
        assert leaf in [frame[1] for frame in tab.frames if frame[0] == "update"]


async def test_a_reload_shows_the_content_as_it_is_then() -> None:
    async with LiveClient() as live:
        page = await live.mount(Board)
        await page.click(".vote")
        await page.click(".leaf")
        await page.reload()
        assert (page.text("main p"), page.text(".leaf")) == ("1 votes", "in slot 1")
        await page.click(".toggle")
        await page.click(".toggle")
        assert (page.text("main p"), page.text(".leaf")) == ("1 votes", "in slot 1")


# ---- forms of the tags


@pytest.mark.parametrize(
    "content",
    [
        "{% component 'Card' %}hello{% slot 'footer' %}bye{% endslot %}{% endcomponent %}",
        "{% component 'Card' %}hello{% slot 'footer' %}bye{% endcomponent %}",
        "{% component 'Card' %}{% slot 'footer' %}bye{% endslot %}hello{% endcomponent %}",
        "{% component 'Card' %}hello{% for each in 'bye' %}{% slot 'footer' %}{{ each }}{% endslot %}{% endfor %}"
        "{% endcomponent %}",
        "{% component 'Card', key=1, **{'title': 'x'} %}hello{% if true %}{% slot 'footer' %}bye{% endslot %}"
        "{% endif %}{% endcomponent %}",
    ],
)
async def test_slots_may_be_written_in_these_ways(tmp_path: Path, content: str) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": content}, debug=True)) as live:
        page = await live.open("/")
        assert (page.text("main"), page.text("footer")) == ("hello", "bye")
        await page.click(".toggle")
        await page.click(".toggle")
        assert (page.text("main"), page.text("footer")) == ("hello", "bye")


@pytest.mark.parametrize(
    "content",
    [
        "{{ component('Card') }}",
        "{% component 'Card' %} \n{% endcomponent %}",
        "{% component 'Card' %}{% slot 'footer' %} {% endslot %}{% endcomponent %}",
    ],
)
async def test_an_empty_slot_is_false_and_shows_the_default(tmp_path: Path, content: str) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": content}, debug=True)) as live:
        page = await live.open("/")
        assert page.text("main") == "nothing inside"
        assert not page.exists("footer")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% slot 'footer' %}x{% endslot %}", "stands outside of"),
        ("{% component 'Card' %}{% slot footer %}x{% endslot %}{% endcomponent %}", "named by one text"),
        ("{% component 'Card' %}{% slot %}x{% endslot %}{% endcomponent %}", "named by one text"),
        ("{% component 'Card' %}{% slot 'a', 'b' %}x{% endslot %}{% endcomponent %}", "named by one text"),
        ("{% component 'Card' %}x", "endcomponent"),
        ("{% component 'Crad' %}x{% endcomponent %}", "did you mean 'Card'"),
        ("{% component 'Card', titel='x' %}x{% endcomponent %}", "did you mean 'title'"),
        ("{% component 'Fixed' %}x{% endcomponent %}", "stateless and keeps no content"),
        ("{% component 'Card' %}{{ 'x' * 2000000 }}{% endcomponent %}", "page the list"),
    ],
)
async def test_what_cannot_be_content_is_told_in_words(tmp_path: Path, source: str, words: str) -> None:
    type("Fixed", (Component,), {"stateless": True, "template": "<p>{{ slot }}</p>"})
    app = asok_app(tmp_path, {"/": source})
    with pytest.raises(Exception, match=words):
        async with LiveClient(app) as live:
            await live.open("/")


# ---- slots that a component does not have


MISSPELT = "{% component 'Card' %}{% slot 'foter' %}x{% endslot %}{% endcomponent %}<p>the rest</p>"


async def test_a_slot_that_a_component_does_not_have_shows_its_boundary_in_development(tmp_path: Path) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": MISSPELT}, debug=True)) as live:
        page = await live.open("/")
        assert (
            "Card was given the slot 'foter', which its template does not show; did you mean 'footer'?" in page.html()
        )
        assert "{{ slots.footer }}" in page.text(".asok-error")
        assert page.text("body > p") == "the rest"


async def test_in_production_it_is_left_out_and_told_once(tmp_path: Path, caplog: Any) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": MISSPELT})) as live:
        for _ in range(2):
            page = await live.open("/")
            assert page.text("main") == "nothing inside"
        await page.click(".toggle")
    assert [each.levelno for each in caplog.records if "foter" in each.message] == [logging.WARNING]


@pytest.mark.parametrize(
    "template",
    [
        "<p>{% for name in slots %}{{ name }}{{ slots[name] }}{% endfor %}</p>",
        "<p>{% if 'foter' in slots %}{{ slots['foter'] }}{% endif %}</p>",
        "<p>{% macro m(s) %}{{ s.foter }}{% endmacro %}{{ m(slots) }}</p>",
    ],
)
async def test_where_only_running_tells_what_is_asked_nothing_is_complained_of(tmp_path: Path, template: str) -> None:
    type("Card", (Component,), {"template": template, "__module__": __name__})
    async with LiveClient(asok_app(tmp_path, {"/": MISSPELT}, debug=True)) as live:
        assert "x" in (await live.open("/")).text("body > p:has(slot)")


async def test_a_slot_with_a_component_is_shown_once(tmp_path: Path) -> None:
    type("Twice", (Component,), {"template": "<p>{{ slot }}{{ slot }}</p>"})
    body = "{% component 'Twice' %}{{ component('Petal') }}{% endcomponent %}{% component 'Twice' %}x{% endcomponent %}"
    async with LiveClient(asok_app(tmp_path, {"/": body}, debug=True)) as live:
        page = await live.open("/")
        assert "show it once" in page.text(".asok-error")
        assert page.text("body > p") == "xx"


# ---- levels


class Panel(Component):
    wide: bool = False
    template = """<section>{% component 'Card', title='panel' %}{{ slot }}{% slot 'footer' %}{{ slots.actions }}
    <i>{{ wide }}</i>{% endslot %}{% endcomponent %}<button class="widen" ws-click="widen">widen</button></section>"""

    @exposed
    def widen(self) -> None:
        self.wide = not self.wide


class Page(Component):
    hits: int = 0
    template = """<div>{% component 'Panel' %}{{ component('Petal', name='deep ') }}<b>{{ hits }}</b>
    {% slot 'actions' %}<button class="hit" ws-click="hit">hit</button>{% endslot %}{% endcomponent %}</div>"""

    @exposed
    def hit(self) -> None:
        self.hits += 1


KNOWN += (Panel, Page)


async def test_content_goes_through_several_levels_and_stays_its_writers() -> None:
    async with LiveClient() as live:
        page = await live.mount(Page)
        await page.click(".leaf")
        for _ in range(2):
            await page.click(".hit")
            await page.click(".widen")
            await page.click(".toggle")
            assert not page.exists(".hit")
            await page.click(".toggle")
        assert (page.text("b"), page.text("i"), page.text(".leaf")) == ("2", "False", "deep 1")
        assert page.text("footer").startswith("hit")


async def test_rows_with_content_keep_their_state_where_they_change_places() -> None:
    class Rows(Component):
        names: list[str] = ["a", "b", "c"]
        template = """<ul>{% for name in names %}{% component 'Card', key=name, title=name %}
        {{ component('Petal', key=name, name=name) }}<i>{{ loop.index }}</i>{% endcomponent %}{% endfor %}
        <button class="turn" ws-click="turn">turn</button></ul>"""

        @exposed
        def turn(self) -> None:
            self.names = self.names[::-1]

    async with LiveClient() as live:
        page = await live.mount(Rows)
        await page.click(".leaf", text="a0")
        await page.click(".turn")
        assert page.all(".leaf") == ["c0", "b0", "a1"]
        assert page.all("main i") == ["1", "2", "3"]
        await page.click(".leaf", text="a1")
        assert page.all(".leaf") == ["c0", "b0", "a2"]


async def test_private_arguments_of_a_component_in_content_come_back() -> None:
    class Secret(Component):
        code: str = private("")
        template = "<em>{{ code|length }}</em>"

    class Holder(Component):
        template = "<div>{% component 'Card' %}{{ component('Secret', code='four') }}{% endcomponent %}</div>"

    assert issubclass(Secret, Component)
    async with LiveClient() as live:
        page = await live.mount(Holder)
        await page.click(".toggle")
        await page.click(".toggle")
        assert page.text("em") == "4"


@pytest.mark.parametrize("name", ["lazy", "placeholder", "error_template", "slot", "slots", "caller", "key"])
def test_a_field_cannot_have_a_name_that_component_takes(name: str) -> None:
    with pytest.raises(FieldError, match=f"Odd.{name} cannot be a field"):
        type("Odd", (Component,), {"__annotations__": {name: str}, name: "x"})


# ---- whatever stands in whatever


class Node(Component):
    """Shows its kids, and gives each content: what it counts itself, and the kid's inner nodes."""

    spec: dict[str, Any] = {}
    n: int = 0
    shown: bool = True
    template = """<div>[<button id="up-{{ spec.id }}" ws-click="up">{{ spec.id }}:{{ n }}</button>
    <button id="flip-{{ spec.id }}" ws-click="flip">-</button>{% if shown %}{{ slot }}{% endif %}
    {% for kid in (spec.kids|reverse if n % 2 else spec.kids) %}{% component 'Node', key=kid.id, spec=kid %}b{{ n }}
      {% for each in kid.inner %}{{ component('Node', key=each.id, spec=each) }}{% endfor %}
      {% if kid.side and n != 1 %}{% slot 'side' %}s{{ n }}<button id="via-{{ kid.id }}" ws-click="up">+</button>
      {% endslot %}{% endif %}{% endcomponent %}{% endfor %}
    {% if shown and slots.side %}{{ slots.side }}{% endif %}]</div>"""

    @exposed
    def up(self) -> None:
        self.n += 1

    @exposed
    def flip(self) -> None:
        self.shown = not self.shown


KNOWN += (Node,)

SHAPES = st.recursive(
    st.fixed_dictionaries({"kids": st.just([]), "inner": st.just([]), "side": st.booleans()}),
    lambda inside: st.fixed_dictionaries(
        {"kids": st.lists(inside, max_size=3), "inner": st.lists(inside, max_size=2), "side": st.booleans()}
    ),
    max_leaves=8,
)


def with_names(shape: dict[str, Any], names: Iterator[int]) -> dict[str, Any]:
    inside = {part: [with_names(each, names) for each in shape[part]] for part in ("kids", "inner")}
    return {"id": f"n{next(names)}", **inside, "side": shape["side"]}


def drawn(spec: dict[str, Any], counts: Counter[str], hidden: set[str], slot: str = "", side: str = "") -> str:
    """The text of a node, written down from scratch."""
    name, n = spec["id"], counts[spec["id"]]
    kids = ""
    for kid in reversed(spec["kids"]) if n % 2 else spec["kids"]:
        inner = "".join(drawn(each, counts, hidden) for each in kid["inner"])
        kids += drawn(kid, counts, hidden, f"b{n}{inner}", f"s{n}+" if kid["side"] and n != 1 else "")
    shown = name not in hidden
    return f"[{name}:{n}-{slot if shown else ''}{kids}{side if shown else ''}]"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=SHAPES, picks=st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["up", "flip", "via"])), max_size=14))
async def test_whatever_happens_in_whatever_order_shows_what_a_rendering_from_scratch_would(
    shape: dict[str, Any], picks: list[tuple[int, str]]
) -> None:
    spec, counts, hidden = with_names(shape, count()), Counter[str](), set[str]()
    async with LiveClient() as live:
        page = await live.mount(Node, spec=spec)
        for number, what in picks:
            there = re.findall(rf'id="{what}-(n\d+)"', page.html())
            if not there:
                continue
            name = there[number % len(there)]
            owner = next((each["id"] for each in nodes(spec) for kid in each["kids"] if kid["id"] == name), "")
            await page.click(f"#{what}-{name}")
            if what == "flip":
                hidden ^= {name}
            else:
                counts[owner if what == "via" else name] += 1
            assert re.sub(r"\s", "", page.text("body > div")) == drawn(spec, counts, hidden)


def nodes(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield spec
    for each in [*spec["kids"], *spec["inner"]]:
        yield from nodes(each)


class Tagged(Component):
    tags: set[str] = set()


def test_arguments_are_the_same_in_whatever_order_a_set_has_them() -> None:
    def mark(tags: object) -> str:
        return Frame("/").add(("tagged", "slot"), definition_of(Tagged), {"tags": tags}).mark

    one, other = {8, 0}, {0, 8}  # numbers, since texts have another order in another process only
    assert list(one) != list(other)
    assert mark(one) == mark(other) != mark({0, 9})
    assert mark({"a", 1}) == mark({"a", 1})
