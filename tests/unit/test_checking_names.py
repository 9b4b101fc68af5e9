"""Misspelt names in the templates of components."""

from __future__ import annotations

import jinja2
import pytest

from asok import Component, Store
from asok.checking import check
from asok.checking_components import Shown
from asok.component import definition_of
from asok.sources import Source

votes = Store({}, name="votes-of-names")


class Spelled(Component):
    count = 0

    @property
    def total(self) -> int:
        return 1

    def load(self) -> None:
        self.rows = [1]

    def render(self) -> str:
        return self.html("spelled.html", **{"counts": 1}, rowz=2)


def said(text: str) -> list[tuple[int, str]]:
    env = jinja2.Environment()
    source = Source("spelled.html", text, (definition_of(Spelled),))
    return [(found.line, found.problem) for found in check(source, env, Shown([source], env))]


@pytest.mark.parametrize(
    ("text", "wrong", "meant"),
    [
        ("<p>\n{{ cuont }}</p>", "cuont", "count"),
        ("<p>\n{% for row in rwos %}{% endfor %}</p>", "rwos", "rows"),
        ("<p>\n{% if totl > 1 %}x{% endif %}</p>", "totl", "total"),
    ],
)
def test_a_name_that_is_a_slip_away_from_a_known_one_is_found(text: str, wrong: str, meant: str) -> None:
    assert said(text) == [(2, f"Spelled has no {wrong!r}; did you mean {meant!r}?")]


@pytest.mark.parametrize(
    "text",
    [
        "{{ count }}{{ total }}{{ rows }}{{ counts }}{{ rowz }}{{ vote }}{{ votes }}{{ session }}",
        "{{ cuont | default(1) }}{{ totl is defined }}",
        "{% set cuont = 1 %}{{ cuont }}{% for totl in rows %}{{ totl }}{{ loop.index }}{% endfor %}",
        "{% macro m(cuont) %}{{ cuont }}{% endmacro %}{{ m(1) }}{{ elsewhere }}",
    ],
)
def test_a_name_that_may_be_right_is_left_alone(text: str) -> None:
    assert said(f"<p>{text}</p>") == []
