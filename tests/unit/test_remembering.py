"""Rows that come again are not rendered again, and nobody can tell from what is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import jinja2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.compiler import CodeGenerator
from markupsafe import Markup

from asok import compiling, remembering
from asok.compiling import Generator, same_as_stock
from asok.frozen import freeze
from asok.remembering import Known
from tests.unit.test_compiling import FILTER, Html, Shouted, environment, outcome

# Rows


@dataclass(frozen=True, slots=True)
class Frozen:
    name: Any
    x: Any = None


@dataclass(frozen=True)
class Roomy:
    name: Any
    x: Any = None


class Structured(msgspec.Struct, frozen=True):
    name: Any
    x: Any = None


class Loose(msgspec.Struct):
    name: Any
    x: Any = None


class Named(NamedTuple):
    name: Any
    x: Any = None


@dataclass(slots=True)
class Changing:
    name: Any
    x: Any = None


def as_dict(name: Any, x: Any) -> dict[str, Any]:
    return {"name": name, "x": x}


def as_tuple(name: Any, x: Any) -> tuple[Any, Any]:
    return name, x


def in_store(name: Any, x: Any) -> Any:
    return freeze(as_dict(name, int(x)))


ROWS: list[Callable[[Any, Any], Any]] = [Frozen, Roomy, Structured, Named, as_dict, as_tuple, Loose, Changing]

# Equal or alike, and yet each with a text of its own.
TRAPS: list[Any] = [0, 1, True, False, 1.0, 0.0, -0.0, math.nan, "1", "<", Markup("<"), None, Decimal("1.0")]
TRAPS += [Decimal("1.00"), Shouted("<"), Html(), (1,), (True,), (), b"1", date(2026, 1, 2), [1], {"name": 1}, 2, "é"]
TRAPS += [Frozen(1), Named("<", 1), frozenset({1}), jinja2.Undefined(name="u"), 1j]


class Twins:
    """The same templates with stock Jinja and with ours, rendered side by side again and again."""

    def __init__(self, source: str, **others: str) -> None:
        self.environments = [
            environment(generator, {"page": source, "base": "<base>", **others})
            for generator in (CodeGenerator, Generator)
        ]

    def show(self, **values: Any) -> object:
        """What both show, which must be the same."""
        stock, ours = self.environments
        expected = outcome(stock, "page", values, ours=False)
        assert outcome(ours, "page", values, ours=True) == expected
        return expected


@pytest.fixture(autouse=True, scope="module")
def _from_the_first_row() -> Iterator[None]:
    same_as_stock()  # is asked before, with lists as long as they are
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "FEW", 1)
        yield


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many rows were rendered by a loop that looked for them, since it was asked last."""
    before, counted = Known.row, [0]

    def row(self: Known, pieces: list[str]) -> None:
        counted[0] += 1
        before(self, pieces)

    def since() -> int:
        counted[0], found = 0, counted[0]
        return found

    monkeypatch.setattr(Known, "row", row)
    return since


TABLE = "{% for row in rows %}<li>{{ row.name }}{{ row.x }}{% if row.x %}!{% endif %}{{ row.name }}{% endfor %}"
PAIRS = "{% for name, x in rows %}<li>{{ name }}{{ x }}{{ name }}{% endfor %}"

# Whatever a loop says, of whatever comes.

USED = st.sampled_from(["row.name", "row.x", "row['name']", "row.gone", "row", "row.x.name", "row[0]", "'<'", "other"])
SAID = st.one_of(
    st.builds("{{{{ {} }}}}".format, USED),
    st.builds("{{{{ {}|{} }}}}".format, USED, FILTER),
    st.builds("{{% if {} %}}{{{{ {} }}}}{{% else %}}-{{% endif %}}".format, USED, USED),
    st.builds("{{{{ {} == {} }}}}".format, USED, USED),
    st.builds("{{{{ {} ~ {} }}}}".format, USED, USED),
    st.builds("{{{{ {} is {} }}}}".format, USED, st.sampled_from(["defined", "none", "string", "number", "in [1]"])),
    st.builds("{{% for x in {} %}}{{{{ x }}}}{{% else %}}none{{% endfor %}}".format, USED),
    st.builds("{{% set other = {} %}}{{{{ other }}}}".format, USED),
    st.sampled_from(["{{ loop.index }}", "{% include 'part' %}", "{{ joined(row) }}", "{{ [row.x, row.name] }}"]),
)
VALUE = st.sampled_from(TRAPS)


@st.composite
def _renderings(draw: st.DrawFn) -> list[list[Any]]:
    """Lists of the same rows, of the same in new objects, and of others; the same list may come changed."""
    made = draw(st.lists(st.sampled_from(ROWS), min_size=1, max_size=2))
    pool = [kind(draw(VALUE), draw(VALUE)) for kind in made for _ in range(3)] + draw(st.lists(VALUE, max_size=1))
    chosen = st.lists(st.sampled_from(range(len(pool))), min_size=1, max_size=4)
    times = [[pool[place] for place in draw(chosen)]] * draw(st.integers(1, 3))
    times += [[pool[place] for place in draw(chosen)] for _ in range(2)]
    return [*times, deepcopy(times[0]), times[0]]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SAID, min_size=2, max_size=4).map("".join), _renderings(), st.sampled_from(["", "a, b", "row, b"]))
def test_any_loop_over_any_rows_shows_the_same_however_often(body: str, times: list[Any], target: str) -> None:
    page = f"{{% for {target or 'row'} in rows %}}{{{{ row }}}}{{{{ b }}}}{body}{{% else %}}none{{% endfor %}}"
    twins = Twins(page if target else page.replace("{{ row }}{{ b }}", ""), part="[{{ row }}]")
    for env in twins.environments:
        env.globals["joined"] = str
    for rows in times:
        twins.show(rows=rows, other="<")
        for row in rows:
            if isinstance(row, (Changing, Loose)):
                row.x = (row.x, "<")
            elif isinstance(row, dict):
                row["x"] = f"<{row.get('x')}>"


@pytest.mark.parametrize(
    "source", [TABLE, PAIRS, "{% for row in rows %}{{ row }}{{ row ~ 1 }}{{ row is none }}{% endfor %}"]
)
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=2), st.sampled_from(ROWS), st.data())
def test_rows_that_are_equal_and_yet_another_are_told_apart(source: str, values: Any, kind: Any, data: Any) -> None:
    twins = Twins(source)
    times = [[kind(*values[0])], [kind(*values[1])], [kind(*values[0]), kind(*values[1])]]
    for _ in range(3):
        for rows in times:
            twins.show(rows=rows)
            twins.show(rows=data.draw(st.permutations(rows)))


@pytest.mark.parametrize("kind", ROWS)
def test_values_that_are_equal_are_told_apart_by_their_types(kind: Callable[[Any, Any], Any]) -> None:
    twins = Twins(PAIRS if kind is as_tuple else TABLE)
    values = [0, False, 0.0, -0.0, None, 1, True, 1.0, "1", math.nan, 2**70, float(2**70), "", "<", "é"]
    for value in [*values, *values[::-1]]:
        for _ in range(3):
            twins.show(rows=[kind("k", value)] * 2)
            twins.show(rows=[kind(value, "k")] * 2)
    twins.show(rows=[kind("k", value) for value in values])


def test_what_has_the_same_parts_as_a_tuple_is_not_taken_for_it() -> None:
    twins = Twins("{% for row in rows %}{{ row }}{{ row }}{{ row }}{% endfor %}")
    others = ["bc", ["b", "c"], {"b": 1, "c": 2}, Named("b", "c"), dict.fromkeys("bc").keys(), freeze(["b", "c"])]
    for other in others:
        for _ in range(3):
            twins.show(rows=[tuple("bc"), tuple("bc")])
        for _ in range(3):
            twins.show(rows=[tuple("bc"), other])
        twins.show(rows=[other, other])


# What is remembered


def remembering_template(source: str = TABLE) -> jinja2.Template:
    env = environment(Generator, {"page": source})
    env.auto_reload = False
    return env.get_template("page")


def shown(template: jinja2.Template, rows: object) -> str:
    text = compiling.render(template, {"rows": rows})
    assert text == environment(CodeGenerator, {"page": TABLE}).get_template("page").render(rows=rows)
    return text


@pytest.mark.parametrize("kind", [Frozen, Roomy, Structured, Named, in_store])
def test_of_frozen_rows_only_those_that_are_new_are_rendered(
    kind: Callable[[Any, Any], Any], rendered: Callable[[], int]
) -> None:
    template = remembering_template()
    # Decimals have no value that they could be known by.
    rows = [kind(f"<{n}>", Decimal(n)) for n in range(20)]
    shown(template, rows)
    assert rendered() == 20
    for new in range(3):
        rows = [*rows[:7], kind("new", new), *rows[8:]]
        shown(template, rows)
        assert rendered() == 1
    shown(template, rows[::-1])
    assert rendered() == 0


@pytest.mark.parametrize("kind", [Frozen, Structured, Named, as_dict])
def test_rows_made_anew_are_known_by_their_values(kind: Callable[[Any, Any], Any], rendered: Callable[[], int]) -> None:
    template = remembering_template()
    shown(template, [kind(f"<{n}>", n) for n in range(20)])
    assert rendered() == 20
    for new in range(3):
        shown(template, [kind("new" if n == 7 else f"<{n}>", 100 + new if n == 7 else n) for n in range(20)])
        assert rendered() == 1


def test_rows_known_by_value_that_come_again_are_known_by_identity(rendered: Callable[[], int]) -> None:
    template = remembering_template()
    rows = [Frozen(f"<{n}>", n) for n in range(20)]
    for _ in range(3):
        shown(template, rows)
    assert rendered() == 20
    # A float among the numbers: from here on, no column of values tells rows apart.
    shown(template, [*rows[:19], Frozen("<19>", 0.5)])
    assert rendered() == 1


def test_one_row_that_may_change_does_not_keep_the_others_from_being_remembered(rendered: Callable[[], int]) -> None:
    template = remembering_template()
    rows = [*[Frozen(n, Decimal(n)) for n in range(9)], Frozen("list", [1])]
    shown(template, rows)
    rendered()
    for number in range(3):
        rows[-1].x.append(number)
        shown(template, rows)
        assert rendered() == 1


def test_a_loop_whose_rows_are_always_new_stops_looking(rendered: Callable[[], int]) -> None:
    template = remembering_template()
    for number in range(200):
        shown(template, [as_dict(f"{number}.{n}", n) for n in range(4)])
    assert rendered() < 200
    rows = [as_dict("same", n) for n in range(4)]
    for _ in range(150):
        shown(template, rows)
    rendered()
    shown(template, rows)
    assert rendered() == 0


# What is kept


def sizes(*templates: jinja2.Template) -> list[int]:
    return [template.root_render_func.__globals__["loop_0"].kept.size for template in templates]


def test_what_is_kept_is_bounded_and_the_loops_rendered_last_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "KEPT", 200_000)
    pages = [f"{page}{TABLE}" for page in range(5)]
    templates = [remembering_template(page) for page in pages]
    for number, template in enumerate(templates):
        for _ in range(3):
            compiling.render(template, {"rows": [Frozen("x" * 1000, number + n) for n in range(20)]})
    assert sizes(*templates)[0] == 0
    assert sizes(*templates)[-1] > 40_000
    assert sum(sizes(*templates)) < 220_000
    for number in range(50):
        compiling.render(templates[0], {"rows": [Frozen("x" * 1000, n) for n in range(number * 5, number * 5 + 20)]})
        assert sizes(templates[0])[0] < 220_000


def test_a_row_that_has_gone_leaves_its_identity_to_no_other() -> None:
    twins = Twins(TABLE)
    for number in range(30):
        rows = [Frozen(f"{number}.{n}", Decimal(n)) for n in range(20)]
        twins.show(rows=rows)
        twins.show(rows=rows)
        del rows


def test_what_is_forgotten_during_a_rendering_is_not_half_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may render the same loop with other filters, or the bound may be reached."""
    before = Known.row
    template = remembering_template()

    def row(self: Known, pieces: list[str]) -> None:
        before(self, pieces)
        template.root_render_func.__globals__["loop_0"].forget()

    with monkeypatch.context() as patch:
        patch.setattr(Known, "row", row)
        compiling.render(template, {"rows": [Frozen(f"<{n}>", Decimal(n)) for n in range(20)]})
    assert sizes(template) == [0]
    shown(template, [Frozen(f"new {n}", Decimal(n)) for n in range(20)])


def test_a_row_changed_by_another_thread_meanwhile_is_not_remembered_as_what_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Known.row
    rows = [as_dict("first", 1), as_dict("second", 2)]

    def row(self: Known, pieces: list[str]) -> None:
        before(self, pieces)
        rows[1]["name"] = "second" if rows[1]["name"] == "briefly" else "briefly"

    template = remembering_template()
    with monkeypatch.context() as patch:
        patch.setattr(Known, "row", row)
        compiling.render(template, {"rows": rows})
    assert rows[1]["name"] == "second"
    shown(template, rows)
