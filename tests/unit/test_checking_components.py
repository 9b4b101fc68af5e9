"""What the checker finds where a template shows components: names, fields, options, and slots."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from asok import Component
from asok.checking import findings
from asok.component import definition_of
from tests.rig import asok_app


class Frame(Component):
    title: str = ""
    template = "<div>{{ title }}{{ slot }}{% if slots.footer %}<p>{{ slots['footer'] }}</p>{% endif %}</div>"


class Unadorned(Component):
    template = "<p></p>"


class Deciding(Component):
    template = "<p>{% for name in slots %}{{ slots[name] }}{% endfor %}</p>"


class Writing(Component):
    template = "<p></p>"

    def render(self) -> str:
        return "<p></p>"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> jinja2.Environment:
    return asok_app(tmp_path_factory.mktemp("project")).env


def said(env: jinja2.Environment, html: str) -> list[tuple[int, str]]:
    """The lines and problems in a component's template, beside the classes above."""
    outer = type("Outer", (Component,), {"template": html, "__module__": __name__})
    classes: list[type[Component]] = [outer, Frame, Unadorned, Deciding, Writing]
    found, _ = findings(map(definition_of, classes), env)
    return [(each.line, each.problem) for each in found]


FOOTER = "{% component 'Frame' %}{% slot 'footr' %}x{% endslot %}{% endcomponent %}"


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        (FOOTER, "Frame has no slot 'footr'; did you mean 'footer'?"),
        ("{% if a %}" + FOOTER + "{% endif %}", "Frame has no slot 'footr'; did you mean 'footer'?"),
        (FOOTER.replace("footr", "zzz"), "Frame has no slot 'zzz'; it shows slots.footer"),
        (FOOTER.replace("Frame", "Unadorned"), "Unadorned has no slot 'footr'; it shows none"),
        (
            "{% slot 'footer' %}x{% endslot %}",
            "{% slot 'footer' %} stands outside of {% component … %}; put it into one",
        ),
        (
            "{% component 'Frame' %}{% component 'Unadorned' %}{% slot 'footer' %}{% endcomponent %}{% endcomponent %}",
            "Unadorned has no slot 'footer'; it shows none",
        ),
        (
            "{{ component('Frame', lazy='visble') }}",
            "component('Frame', lazy='visble'): expected True, 'visible' or 'idle'; did you mean 'visible'?",
        ),
        ("{% component 'Frme' %}x{% endcomponent %}", "no component is called 'Frme'; did you mean 'Frame'?"),
    ],
)
def test_a_mistake_is_said(env: jinja2.Environment, html: str, problem: str) -> None:
    ((_, found),) = said(env, f"<p>{html}</p>")
    assert found.removesuffix("; is its module imported?") == problem


@pytest.mark.parametrize(
    "html",
    [
        "{% component 'Frame' %}x{% slot 'footer' %}y{% slot 'footer' %}z{% endcomponent %}",
        "{% component 'Frame' %}{% for a in b %}{% slot 'footer' %}y{% endslot %}{% endfor %}{% endcomponent %}",
        "{% component 'Deciding' %}{% slot 'any' %}y{% endcomponent %}",
        "{% component 'Writing' %}{% slot 'any' %}y{% endcomponent %}",
        "{% component name %}{% slot 'any' %}y{% endcomponent %}",
        "{% macro part() %}{% slot 'footer' %}y{% endslot %}{% endmacro %}",
        "{{ component('Frame', lazy=True) }}{{ component('Frame', lazy='idle', placeholder='…', key=1) }}",
        "{{ component('Frame', lazy=when) }}",
    ],
)
def test_what_is_right_or_only_the_page_will_tell_is_left_alone(env: jinja2.Environment, html: str) -> None:
    assert said(env, f"<p>{html}</p>") == []


def test_a_part_that_is_included_may_fill_a_slot(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "part.html").write_text("{% slot 'footer' %}x{% endslot %}")
    assert findings([], asok_app(tmp_path).env) == ([], 1)
