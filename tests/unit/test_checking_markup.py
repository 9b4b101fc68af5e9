"""How the checker reads a template: which elements and attributes it sees, and on which lines."""

from __future__ import annotations

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.checking_markup import BRANCH, HOLE, elements

ENV = jinja2.Environment()


def read(source: str, env: jinja2.Environment = ENV) -> list[tuple[int, str, str | None]]:
    return [(each.line, each.name, each.value) for element in elements(env, source) for each in element.attributes]


def test_attributes_are_read_as_a_browser_does() -> None:
    source = "<a one two=2 three='3 > 2' FOUR = \"4\"five='5'/><p six/seven></a eight>"
    assert [(name, value) for _, name, value in read(source)] == [
        ("one", None),
        ("two", "2"),
        ("three", "3 > 2"),
        ("four", "4"),
        ("five", "5"),
        ("six", None),
        ("seven", None),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "<!-- <a b> <c d> -->",
        "{# <a b> #}",
        "{% raw %}<a b>{% endraw %}",
        "<script>'<a b>'</script>",
        "<style>/* <a b> */</style>",
        "<textarea><a b></textarea>",
        "<title><a b></title>",
        "&lt;a b&gt; 1 < 2 b",
        "</a b>",
        "<!doctype b>",
        "{{ '<a b>' }}",
        "<!-- <a b>",
        "<script><a b>",
    ],
)
def test_what_is_no_element_is_not_read(source: str) -> None:
    assert read(source) == []


def test_what_follows_a_text_element_is_read() -> None:
    assert read("<script>x</SCRIPT ><a b>") == [(1, "b", None)]


def test_jinja_leaves_a_mark_where_it_writes_and_where_it_decides() -> None:
    assert read('<a b="{{ c }}-{% if d %}e{% endif %}" {% if f %}g{% endif %} {{ h }}="i">') == [
        (1, "b", f"{HOLE}-{BRANCH}e{BRANCH}"),
        (1, "g", None),
        (1, HOLE, "i"),
    ]


def test_a_name_that_a_tag_touches_is_open() -> None:
    (element,) = elements(ENV, "<a b{% if c %}.d{% endif %}='e' f>")
    assert [each.open for each in element.attributes if not each.name.startswith("=")] == [True, True, False]


def test_lines_are_those_of_the_template_whatever_jinja_cuts_away() -> None:
    env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, line_statement_prefix="%%")
    source = (
        "\n{% if a -%}\n\n  <a\n   b>\n{#\n#}\n{{ c\n}}<d e>\n%% if f\n<g\n\nh='\n' i>\n%% endif\n{%- endif %}\n<j k>"
    )
    assert [(line, name) for line, name, _ in read(source, env)] == [
        (5, "b"),
        (9, "e"),
        (13, "h"),
        (14, "i"),
        (17, "k"),
    ]


def test_delimiters_of_the_environment_are_obeyed() -> None:
    env = jinja2.Environment(variable_start_string="[[", variable_end_string="]]")
    assert read("<a b='[[ c ]]' d='{{ e }}'>", env) == [(1, "b", HOLE), (1, "d", "{{ e }}")]


PIECES = ["<", ">", "</", "<!--", "-->", "<script>", "</script>", "=", '"', "'", "/", " ", "\n", "a", "ws-click", "é"]
PIECES += ["{{ a }}", "{% if a %}", "{% endif %}", "{# a #}", "{% raw %}", "{% endraw %}", "{{", "%}", HOLE, BRANCH]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_read_or_refused_by_jinja(source: str) -> None:
    try:
        lines = [line for line, _, _ in read(source)]
    except jinja2.TemplateSyntaxError:
        return
    assert lines == sorted(lines)
    assert all(1 <= line <= len(source.splitlines()) + 1 for line in lines)
