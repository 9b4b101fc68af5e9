"""A property of a component raises where the template uses it, and nowhere else."""

from __future__ import annotations

import jinja2
import pytest

from asok import Component, exposed
from asok.errors import Denied, RenderError
from asok.postponed import Postponed, property_of
from asok.testing import LiveClient


class GuardedAverage(Component):
    """Shows the average of its prices, where there are any."""

    prices: list[int] = []
    template = "<p>{% if prices %}{{ average }}{% else %}none{% endif %}<button ws-click='add'>add</button></p>"

    @property
    def average(self) -> float:
        """Raises ZeroDivisionError where there are none."""
        return sum(self.prices) / len(self.prices)

    @exposed
    def add(self) -> None:
        """One more."""
        self.prices.append(4)


async def test_a_property_in_a_branch_that_is_not_taken_may_raise() -> None:
    async with LiveClient() as live:
        page = await live.mount(GuardedAverage)
        assert page.text("p") == "noneadd"
        await page.click("button")
        assert page.text("p") == "4.0add"


USED = [
    "{{ value }}", "{{ value.name }}", "{{ value['name'] }}", "{{ value() }}", "{{ value.upper() }}",
    "{{ value|default('none') }}", "{{ value|length }}", "{{ value|tojson }}", "{{ value|int }}", "{{ value|sum }}",
    "{{ value|list }}", "{{ value ~ 'a' }}", "{{ value + 1 }}", "{{ 1 - value }}", "{{ -value }}", "{{ value == 1 }}",
    "{{ 1 < value }}", "{{ value in [1] }}", "{{ 1 in value }}", "{{ value is defined }}", "{{ value is string }}",
    "{{ 'a' if value }}", "{{ value and 1 }}", "{{ '%s' % value }}", "{{ {value: 1} }}",
    "{% for row in value %}{% endfor %}",
    "{% autoescape false %}{{ value }}{% endautoescape %}", "{% set other = value %}{{ other|upper }}",
]  # fmt: skip


@pytest.mark.parametrize("source", USED)
@pytest.mark.parametrize("error", [TypeError, KeyError, AttributeError, ValueError])
def test_whatever_a_template_does_with_it_says_which_property_has_raised(source: str, error: type[Exception]) -> None:
    class Broken:
        @property
        def name(self) -> str:
            raise error("no visitor")

    value = property_of(Broken(), "name")
    env = jinja2.Environment(autoescape=True)
    with pytest.raises(RenderError, match=r"Broken\.name raised .*no visitor") as raised:
        env.from_string(source).render(value=value)
    assert type(raised.value.__cause__) is error


def test_an_error_that_answers_for_the_page_is_raised_as_it_is() -> None:
    class Locked:
        @property
        def name(self) -> str:
            raise Denied("Locked")

    value = property_of(Locked(), "name")
    assert type(value) is Postponed
    with pytest.raises(Denied):
        jinja2.Template("{{ value.name }}").render(value=value)
