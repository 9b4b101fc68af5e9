"""What the checker finds in the attributes of a template, and what it leaves alone."""

from __future__ import annotations

import re
from typing import Literal

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Component, bind, exposed
from asok.checking import check
from asok.checking_components import Shown
from asok.component import definition_of
from asok.fields import NO_PART
from asok.sources import Source
from asok.streaming import Stream
from tests.rig import asok_app


class Chores(Component):
    template = "<div></div>"
    draft: str = bind("")
    done: bool = False
    rows: Stream[dict[str, int]] = Stream()

    @exposed
    def add(self, n: int = 1, kind: Literal["a", "b"] = "a") -> None: ...

    @exposed
    def save(self, value: str) -> None: ...

    @exposed
    def take(self, first: int, *rest: int, **more: bool) -> None: ...

    def hidden(self) -> None: ...


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> jinja2.Environment:
    return asok_app(tmp_path_factory.mktemp("project")).env


def said(env: jinja2.Environment, html: str, *owners: type[Component]) -> list[str]:
    """The problems in a template of these classes, without file and line."""
    source = Source("a.html", html, tuple(map(definition_of, owners)))
    return [finding.problem for finding in check(source, env, Shown([source], env))]


# --- what is wrong: what stands there, what is said after the name of the attribute

NAMES = """
ws-clik="add"                  there is no ws-clik; did you mean 'ws-click'?
ws-onclick="add"               there is no ws-onclick; did you mean 'ws-click'?
WS-MODLE="draft"               there is no ws-modle; did you mean 'ws-model'?
ws-click.prevnt="add"          ws-click has no modifier 'prevnt'; did you mean 'prevent'?
ws-poll.once="5s"              ws-poll has no modifier 'once'
ws-model.throttle="draft"      ws-model has no modifier 'throttle'
ws-click.enter="add"           ws-click.enter: only events of the keyboard have keys, such as ws-keydown.enter
ws-keydown.entr="add"          ws-keydown.entr: 'entr' is neither a key nor a modifier; did you mean 'enter'?
ws-keydown.42="add"            ws-keydown.42: '42' is neither a key nor a modifier
ws-click.300="add"             ws-click.300: a number stands only after .debounce or .throttle
ws-poll.5="5s"                 ws-poll.5: a number stands only after some modifiers of other attributes
ws-click.debounce.3s="add"     ws-click.debounce.3s: expected whole milliseconds, as in .debounce.300
ws-click.debounce.0="add"      ws-click.debounce.0: expected whole milliseconds, as in .debounce.300
ws-loading.delay               ws-loading.delay needs a number of milliseconds, as in .delay.400
ws-my-event.prevnt="add"       ws-my-event has no modifier 'prevnt'; did you mean 'prevent'?
ws-wheel.passive.prevent="add" ws-wheel: .prevent and .passive contradict each other; leave one out
"""

PERIOD = "expected a period such as 500ms, 5s or 2m, and then a call if one is wanted; got"
HINT = "expected toggle:… or class:… with classes, text:… or remove, got"
VALUES = f"""
ws-click                       expected the method to call, as in save or add(1)
ws-init=""                     expected the method to call, as in ws-init="load_more"
ws-confirm                     expected text, as in ws-confirm="Delete it?"
ws-loading.class=""            expected classes, as in ws-loading.class.delay.400="busy"
ws-ignore="1"                  takes no value, got '1'
ws-click="1+1"                 expected a call such as save or add(1, 'two'), got '1+1'
ws-click="add(n)"              add: cannot read 'n'; only literals may stand there
ws-click="add(1 {{{{ a }}}} 2)"    add: expected a comma before "{{{{…}}}}"
ws-click="ad"                  Chores has no method 'ad'; did you mean 'add'?
ws-click="zzz"                 Chores has no method 'zzz'; it exposes add, save, take
ws-click="hidden"              Chores.hidden is not exposed; decorate it with @exposed to allow calls from the browser
ws-click="add(1, {{{{ a }}}}, 2)"  add: takes 2 arguments, got 3
ws-click="add(m=1)"            add: there is no free argument called 'm'
ws-click="add(&quot;x&quot;)"  add: n: Expected `int`, got `str`
ws-click="add(1, 'c')"         add: kind: Invalid enum value 'c'
ws-visible="ad"                Chores has no method 'ad'; did you mean 'add'?
ws-poll="5"                    {PERIOD} '5'
ws-poll="0s"                   {PERIOD} '0s'
ws-poll="5s ad"                Chores has no method 'ad'; did you mean 'add'?
ws-model="draf"                Chores has no field 'draf'; did you mean 'draft'?
ws-model="done"                Chores.done cannot be written by the browser; declare it as done = bind(…) to allow it
ws-model="a b"                 expected the name of a field, got 'a b'
ws-model="draft[0]"            expected the name of a field, got 'draft[0]'; {NO_PART}
ws-model="draft.{{{{ i }}}}"       expected the name of a field, got 'draft.{{{{…}}}}'; {NO_PART}
ws-stream="row"                Chores has no Stream 'row'; did you mean 'rows'?
ws-stream="draft"              Chores has no Stream 'draft'
ws-target="add, sav"           Chores has no method 'sav'; did you mean 'save'?
ws-target="add()"              expected names of methods with commas between them, got 'add()'
ws-optimistic="togle:a"        {HINT} 'togle:a'; did you mean 'toggle'?
ws-optimistic="remove|class:"  {HINT} 'class:'
ws-virtual=""                  expected the method to call, as in ws-virtual="show"
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [(left, right.strip()) for left, _, right in (row.partition("  ") for row in table.strip().splitlines())]


# A row whose left side fills its column has one space.
NAME_ROWS = [(left, right) for row in NAMES.strip().splitlines() for left, right in re.findall(r"^(\S+)\s+(.+)$", row)]


@pytest.mark.parametrize(("attribute", "problem"), NAME_ROWS)
def test_a_mistake_in_a_name_is_said(env: jinja2.Environment, attribute: str, problem: str) -> None:
    assert said(env, f"<p {attribute}>", Chores) == [problem]


@pytest.mark.parametrize(("attribute", "problem"), rows(VALUES))
def test_a_mistake_in_a_value_is_said(env: jinja2.Environment, attribute: str, problem: str) -> None:
    name = attribute.partition("=")[0]
    assert said(env, f"<p {attribute}>", Chores) == [f"{name}: {problem}"]


def test_every_mistake_of_an_attribute_is_said(env: jinja2.Environment) -> None:
    assert len(said(env, "<p ws-click.a.b='ad' ws-clik>", Chores)) == 4


# --- what is right

FINE = """
ws-shown.bs.modal.once="add" | ws-toggle.once="add"
ws-my-event="add" | ws-pointerdown.self.once="add(2)" | ws-click="add(1, 'b')" | ws-click="save" | ws-click=add
ws-click="add({{ a }}, '{{ b }}')" | ws-click="add(n={{ a }})" | ws-click="add({{ a }})" | ws-click="{{ call }}"
ws-click="{{ a }}_b(1)" | ws-click="{% if a %}ad{% else %}dd{% endif %}" | ws-click="add(&quot;{{ a }}&quot;)"
ws-click="take({{ a }}, 2, {{ b }}, x={{ c }})" | ws-click="take(1, 2, 3, x=true)" | ws-click='add(1, "{{ b }}")'
ws-{{ event }}="nothing" | {{ attributes }} | ws-click{% if a %}.once{% endif %}="add" | ws-input.debounce="save"
ws-keydown.enter.space.f2.a.1.ctrl.debounce.150.once="add"
ws-keydown.ctrl.enter="add" | ws-keydown.audiovolumeup="add" | ws-keyup.+="add" | ws-keyboard-shown="add"
ws-model.lazy.trim="draft" | ws-model.debounce.150="draft" | ws-model="{{ field }}"
ws-poll="500ms" | ws-poll="1.5s add(2)" | ws-poll="{{ seconds }}s add" | ws-poll="5s {{ call }}" | ws-stream="rows"
ws-loading ws-target="add,save" | ws-loading.class.delay.400="a b" | ws-loading.attr="disabled" | ws-dirty.class="b"
ws-optimistic="toggle:a b @li | text:Saved" | ws-optimistic="remove" | ws-optimistic="class:{{ a }}"
ws-key="{{ a }}" | ws-ignore | ws-ignore="" | ws-hook="Chart" | ws-transition | ws-transition="a" | ws-confirm="{{ a }}"
{% if a %}ws-offline{% endif %} | ws-disable-with="…" | data-ws-clik="x" | x="ws-clik" | ws-optimistic="{{ a }}"
"""


@pytest.mark.parametrize("attribute", [each for row in FINE.strip().splitlines() for each in row.split(" | ")])
def test_what_is_right_is_left_alone(env: jinja2.Environment, attribute: str) -> None:
    assert said(env, f"<p {attribute}>", Chores) == []


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <p ws-clik> --> {# <p ws-clik> #} {% raw %}<p ws-clik>{% endraw %} <script>'<p ws-clik>'</script>",
        "<p>ws-clik, &lt;p ws-clik&gt;, {{ '<p ws-clik>' }}</p>",
        "{% component 'Chores', draft=a %}{% slot 'x' %}<p ws-click='add'>{% endslot %}{% endcomponent %}{{ slots.x }}",
        "<p {% if a %}ws-click='add'{% else %}ws-click='save'{% endif %}>",
    ],
)
def test_no_false_alarm(env: jinja2.Environment, html: str) -> None:
    assert said(env, html, Chores) == []


def test_without_a_class_only_the_attributes_themselves_are_looked_at(env: jinja2.Environment) -> None:
    assert said(env, "<p ws-click='anything(1)' ws-model='whatever' ws-target='a, b' ws-poll='5s c'>") == []
    assert len(said(env, "<p ws-clik ws-click='1' ws-poll='c'>")) == 3


@given(st.sampled_from(["click", "poll", "model", "target", "optimistic", "stream", "dirty"]), st.text(max_size=30))
def test_there_is_an_answer_to_any_value(env: jinja2.Environment, name: str, value: str) -> None:
    written = re.sub(r'["{]', "", value)
    said(env, f'<p ws-{name}="{written}">', Chores)


@given(st.lists(st.sampled_from(["keydown", "click", "loading", "debounce", "300", "enter", "", "delay", "once", "é"])))
def test_there_is_an_answer_to_any_name(env: jinja2.Environment, words: list[str]) -> None:
    said(env, f"<p ws-{'.'.join(words)}='add'>", Chores)
