"""What stands around a loop: filters, the environment, other templates, errors. None of it is ever remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import jinja2
import pytest
from jinja2.compiler import CodeGenerator

from asok import compiling
from asok.compiling import Generator, same_as_stock
from asok.remembering import Known
from tests.unit.test_compiling import assert_stays_stock, environment
from tests.unit.test_remembering import PAIRS, TABLE, Frozen, Named, Twins, as_dict

ROWS: list[Any] = [Frozen(f"<{n}>", n) for n in range(20)]
MIXED = [ROWS, ROWS, [as_dict("a", 1)] * 20, ROWS]


class Wandering:
    """What says something else each time that it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __str__(self) -> str:
        self.asked += 1
        return f"<{self.asked}>"

    def __call__(self, *values: object) -> str:
        return str(self)


IMPURE = {
    "a name from outside": "{{ row.name }}{{ row.x }}{{ outside }}",
    "a name tested": "{% if row.x == outside|string %}{{ row.name }}{% endif %}{{ row.name }}{{ row.x }}",
    "a global": "{{ row.name }}{{ row.x }}{{ globe }}",
    "a call": "{{ row.name }}{{ row.x }}{{ ask() }}",
    "a method": "{{ row.name.upper() }}{{ row.x }}{{ ask(row) }}",
    "a filter of the user": "{{ row.name|ask }}{{ row.x }}{{ row.x }}",
    "a filter in a test": "{{ row.name }}{{ row.x }}{% if row.x|ask == '<3>' %}here{% endif %}{{ row.x }}",
    "a test of the user": "{{ row.name }}{{ row.x }}{{ 'yes' if row.x is asked }}",
    "a filter that is random": "{{ row.name }}{{ row.x }}{{ [1, 2, 3]|random > 3 }}{{ outside }}",
    "the loop": "{{ loop.index }}{{ row.name }}{{ row.x }}",
    "a loop inside": "{% for n in 'ab' %}{{ loop.index }}{{ row.name }}{{ outside }}{% endfor %}{{ row.x }}{{ row.x }}",
    "an assignment": "{% set other = outside %}{{ other }}{{ row.name }}{{ row.x }}",
    "a macro": "{% macro m() %}{{ outside }}{% endmacro %}{{ m() }}{{ row.name }}{{ row.x }}",
    "a call block": (
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ outside }}{% endcall %}{{ row.name }}{{ row.x }}"
    ),
    "an include": "{% include 'part' %}{{ row.name }}{{ row.x }}",
    "a block": "{% block b scoped %}{{ row.name }}{{ outside }}{% endblock %}{{ row.name }}{{ row.x }}",
    "a filter block": "{% filter ask %}{{ row.name }}{{ row.x }}{{ row.x }}{% endfilter %}",
    "an arithmetic": "{{ row.x + outside.asked }}{{ row.name }}{{ row.x }}",
    "another escaping": "{% autoescape false %}{{ row.name }}{{ row.x }}{{ outside }}{% endautoescape %}",
    "names of a loop inside": "{% for n in row.name %}{{ n }}{% endfor %}{{ n }}{{ row.name }}{{ row.x }}",
    "an item by a name": "{{ row[key] }}{{ row.name }}{{ row.x }}",
}


MORE = "{{ row.name }}{{ row.x }}{{ row.name }}"  # enough to be worth remembering


@pytest.mark.parametrize("kind", IMPURE)
def test_what_depends_on_more_than_the_row_is_rendered_each_time(kind: str) -> None:
    twins = Twins(f"{{% for row in rows %}}{IMPURE[kind]}{MORE}{{% endfor %}}", part="[{{ row.name }}{{ outside }}]")
    for number in range(4):
        outside, asking = Wandering(), Wandering()
        outside.asked = asking.asked = number
        for env in twins.environments:
            env.globals.update(globe=number, n=number)
            env.filters["ask"] = env.tests["asked"] = env.globals["ask"] = lambda *_, number=number: f"<{number}>"
        key = "name" if number % 2 else "x"
        twins.show(rows=ROWS, outside=f"<{number}>" if "asked" not in IMPURE[kind] else outside, key=key)


@pytest.mark.parametrize(
    "source",
    [
        "{% autoescape false %}" + TABLE + "{% endautoescape %}" + TABLE,
        "{% autoescape on %}" + TABLE + "{% endautoescape %}",
        "{% autoescape on %}{% for row in rows %}{{ row.name ~ '<' }}{{ row.x }}<{% endfor %}{% endautoescape %}",
        "{% for row in rows %}{{ row.name|safe }}{{ row.name|e }}{{ row.name|upper }}{% endfor %}" + TABLE,
        "{% if on %}{% extends 'base' %}{% endif %}" + TABLE,
        "{% for row in rows if row.x is odd %}{{ row.name }}{{ row.x }}{{ row.x }}{% else %}none{% endfor %}",
        "{% for row in rows recursive %}{{ row.name }}{{ row.x }}{{ row.x }}{% endfor %}",
        "{% for row in rows %}{{ row.name }}{{ row.x }}{{ row.x }}{% else %}none{% endfor %}",
        "{% for row in rows %}{{ row.name }}{{ row.x }}{{ row.x }}{% else %}{{ 1 // 0 }}{% endfor %}",
        "{% macro all(rows) %}" + TABLE + "{% endmacro %}{{ all(rows) }}{{ all(rows) }}",
        "{% for n in 'ab' %}" + TABLE + "{% endfor %}",
        "{% set kept %}" + TABLE + "{% endset %}{{ kept }}{% filter upper %}" + TABLE + "{% endfilter %}",
        "{% for name, x in pairs %}{{ name }}{{ x }}{{ x }}{% else %}none{% endfor %}" + PAIRS,
        "{% for row in rows %}{% for row in row.name %}{{ row }}{{ row.name }}{% endfor %}{{ row.name }}{% endfor %}",
        "{% for row in rows %}{% for c in row.name %}{{ c }}{% else %}0{% endfor %}{{ row.name }}{{ c }}{% endfor %}",
    ],
)  # fmt: skip
def test_a_loop_shows_the_same_wherever_it_stands(source: str) -> None:
    twins = Twins(source)
    for on in (True, False, True):
        for rows in [*MIXED, [], (), tuple(ROWS), ROWS[::-1]]:
            twins.show(rows=rows, on=on, pairs=[("<", 1), ("a", 2)] * 10)


def test_what_can_be_gone_through_once_is_gone_through_once() -> None:
    def same() -> Iterator[dict[str, Any]]:
        row = as_dict("", 0)
        for number in range(20):
            row["x"] = number
            yield row

    class Counting(list[Any]):
        times = 0

        def __iter__(self) -> Iterator[Any]:
            self.times += 1
            return iter([Frozen(self.times, self.times)] * self.times)

    twins = Twins(TABLE)
    for _ in range(2):
        for once in (same, lambda: Counting(ROWS)):
            stock, ours = (env.get_template("page").render(rows=once()) for env in twins.environments)
            assert ours == stock
        twins.show(rows=dict.fromkeys(range(20)))
        twins.show(rows="many letters, more than a few")
        twins.show()


# The environment


def test_a_filter_or_test_put_in_the_place_of_jinjas_own_is_called() -> None:
    page = "{% for row in rows %}{{ row.name|upper }}{{ row.x is even }}{{ row.x }}{% endfor %}"
    twins = Twins(page)
    mine: list[Callable[..., Any]] = [lambda value: f"<1 {value}>", lambda value: f"<2 {value}>"]
    for own in [None, *mine]:
        for env in twins.environments:
            env.filters["upper"] = own or jinja2.Environment().filters["upper"]
        twins.show(rows=ROWS)
        twins.show(rows=ROWS)

    class Alike:
        """Says that it equals anything."""

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

        def __call__(self, value: object) -> str:
            return f"<3 {value}>"

    for upper in (jinja2.Environment().filters["upper"], Alike()):
        for env in twins.environments:
            env.filters["upper"] = upper
        twins.show(rows=ROWS)
    asked = Wandering()
    for env in twins.environments:
        env.filters["upper"] = asked
    template = twins.environments[1].get_template("page")
    assert len({template.render(rows=ROWS) for _ in range(20)}) == 20


def test_an_environments_own_kind_of_undefined_hears_of_each() -> None:
    page = "{% for row in rows %}{{ row.gone }}{{ row.name }}{{ row.x }}{% endfor %}"
    twins = Twins(page)
    heard: list[object] = []

    class Heard(jinja2.Undefined):
        def __str__(self) -> str:
            heard.append(self)
            return "gone"

    for kind in (jinja2.Undefined, jinja2.DebugUndefined, Heard, jinja2.StrictUndefined, jinja2.Undefined):
        for env in twins.environments:
            env.undefined = kind
        twins.show(rows=ROWS)
        twins.show(rows=ROWS)
    # Stock once for each rendering, ours once or twice: `outcome` asks of both.
    assert len(heard) == 2 * 2 * len(ROWS)


def test_a_module_that_may_serve_several_environments_remembers_nothing() -> None:
    env = environment(Generator, {"page": TABLE})
    assert ".begin(" in env.compile(TABLE, raw=True)
    assert ".begin(" not in env.compile(TABLE, raw=True, defer_init=True)


def test_two_environments_and_two_versions_of_a_template_have_nothing_in_common() -> None:
    sources = {"page": TABLE}
    envs = [environment(Generator, sources), environment(Generator, sources, jinja2.DebugUndefined)]
    rows = [Frozen("<", n) for n in range(20)]
    for _ in range(3):
        texts = [compiling.render(env.get_template("page"), {"rows": rows}) for env in envs]
        assert texts[0] == texts[1]
    for env in envs:
        assert env.loader is not None
        vars(env.loader)["mapping"]["page"] = "new" + TABLE.replace("row.x", "row.gone")
    texts = [compiling.render(env.get_template("page"), {"rows": rows}) for env in envs]
    assert texts[0].startswith("new")
    assert (texts[0] == texts[1], "no such element" in texts[1]) == (False, True)


def test_numbers_are_written_as_the_decimal_context_says() -> None:
    rows = [Frozen("third", Decimal(1) / 3)] * 20 + [Frozen("price", Decimal("1E+30"))]
    twins = Twins("{% for row in rows %}{{ row.x }}{{ row.x }}{{ row.name }}{% endfor %}")
    computed = Twins("{% for row in rows %}{{ row.x * 3 }}{{ row.x }}{{ row.x|round(2) }}{% endfor %}")
    for precision, capitals in [(28, 1), (3, 0), (28, 1)]:
        for _ in range(2):
            with localcontext() as context:
                context.prec, context.capitals = precision, capitals
                twins.show(rows=rows)
                computed.show(rows=rows[:20])


# Errors


def test_a_row_that_breaks_breaks_each_time_at_the_same_line() -> None:
    page = "{% for row in rows %}\n{{ row.name }}{{ row.x }}\n{{ 1 // row.x }}{{ row.name|upper }}\n{% endfor %}"
    twins = Twins(page + "\n{{ 1 // n }}")
    rows = [Frozen(f"<{n}>", 20 - n) for n in range(20)]
    among, behind = [*rows[:3], Frozen("zero", 0), *rows[4:]], [*rows, Frozen("zero", 0)]
    for some in [rows, rows, among, rows, behind, behind, [*rows, Frozen("text", "")], rows]:
        twins.show(rows=some, n=1)
        twins.show(rows=some, n=0)


# What is told


def test_in_development_a_slow_loop_is_told_of_once_with_what_it_would_save(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(time, "thread_time", lambda: next(clock) * 0.0125)
    for auto_reload, told in [(False, 0), (True, 1)]:
        env = environment(Generator, {"page": TABLE, "frozen": TABLE})
        env.auto_reload = auto_reload
        for _ in range(5):
            compiling.render(env.get_template("frozen"), {"rows": ROWS})
            compiling.render(env.get_template("page"), {"rows": [as_dict("a", Decimal(n)) for n in range(1000)]})
        assert len(caplog.messages) == told
    assert "{% for row in rows %}, line 1 of 'page': rendering 1000 rows took 12.5 ms" in caplog.text
    assert "frozen rows would save about 12.4 ms" in caplog.text


# Where Jinja changes


def test_a_jinja_that_writes_its_own_names_otherwise_stays_stock(
    unchecked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CodeGenerator, "visit_InternalName", lambda self, node, frame: self.write("()"))
    assert_stays_stock()


def test_a_memory_that_confuses_rows_is_not_used(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Known, "row", lambda self, pieces: pieces.clear())
    assert_stays_stock()
    monkeypatch.undo()
    same_as_stock.cache_clear()
    assert same_as_stock()


def test_rows_that_only_seem_equal_are_part_of_the_check(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Known.fill

    def fill(self: Known, texts: list[str | None], places: list[int]) -> None:
        known = next((text for text in texts if text is not None), None)
        before(self, [text or known for text in texts], [] if known else places)

    monkeypatch.setattr(Known, "fill", fill)
    assert_stays_stock()


@dataclass(frozen=True)
class Cell:
    text: str


def test_rows_inside_of_rows_are_remembered_with_them() -> None:
    page = "{% for row in rows %}{{ row.name.text }}{{ row.x.text }}{{ row.x.gone }}{% endfor %}"
    twins = Twins(page)
    for _ in range(3):
        twins.show(rows=[Frozen(Cell("a"), Cell("<"))] * 20)
        twins.show(rows=[Frozen(Cell("a"), None)] * 20)
        twins.show(rows=[Frozen("a", Cell("<"))] * 20)


def test_a_tuple_of_one_value_is_not_taken_for_the_value() -> None:
    twins = Twins("{% for row in rows %}{{ row }}{{ row }}{{ row }}{% endfor %}")
    for rows in [[("a",)] * 20, ["a"] * 20, [("a",)] * 20]:
        twins.show(rows=rows)


def test_a_method_of_dicts_is_not_taken_for_a_value_of_that_name() -> None:
    twins = Twins("{% for row in rows %}{{ 'some' if row.values else 'none' }}{{ row.x }}{{ row['x'] }}{% endfor %}")
    for _ in range(2):
        twins.show(rows=[{"values": 0, "x": "a"}] * 20)
        twins.show(rows=[Counted(0, "a")] * 20)


class Counted(NamedTuple):
    values: int
    x: str


@pytest.mark.parametrize("kind", [Frozen, Named])
def test_a_list_that_another_thread_changes_meanwhile_is_remembered_as_it_was_rendered(
    monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    before = Known.row
    # A Decimal is known by its row's identity alone.
    rows = [kind(f"row {n}", Decimal(n)) for n in range(20)]
    others = [kind(f"other {n}", Decimal(n)) for n in range(20)]

    def row(self: Known, pieces: list[str]) -> None:
        before(self, pieces)
        rows[:] = others

    twins = Twins(TABLE)
    _, ours = twins.environments
    with monkeypatch.context() as patch:
        patch.setattr(Known, "row", row)
        compiling.render(ours.get_template("page"), {"rows": rows})
    assert rows == others
    twins.show(rows=rows)
