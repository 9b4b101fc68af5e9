"""The table of attributes, and that the runtime knows the same names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asok.attributes import ATTRIBUTES, DOM_EVENTS, EVENT, EVENTS, KEYS, Value, attribute_of, needs_features
from tests.unit.written import NAMES, PAGE, TABLE, names_module, tables, with_tables

SCRIPTS = Path(__file__).parents[2] / "alive-js" / "src"
# Classes that the runtime sets, which look like attributes.
CLASSES = {"ws-loading", "ws-progress"}


def javascript() -> str:
    sources = [path for path in sorted(SCRIPTS.glob("*.js")) if path.name not in ("names.js", "speller.js")]
    return "\n".join(path.read_text("utf-8") for path in sources)


def words_of(constant: str) -> set[str]:
    """The texts in an array of protocol.js."""
    found = re.search(rf"const {constant} = (\[[^\]]*\])", (SCRIPTS / "protocol.js").read_text("utf-8"))
    assert found is not None, f"protocol.js has no {constant}"
    return set(re.findall(r'"([^"]+)"', found[1]))


# --- the table


def test_an_entry_is_found_by_its_name_and_every_other_name_is_an_event() -> None:
    assert all(attribute_of(each.name) is each for each in ATTRIBUTES)
    assert attribute_of("ws-click") is attribute_of("ws-my-event") is EVENT


def test_no_name_stands_twice() -> None:
    for names in ([each.name for each in ATTRIBUTES], [each.name for each in EVENTS]):
        assert len(set(names)) == len(names)
    for each in (*ATTRIBUTES, EVENT):
        assert len({modifier.name for modifier in each.modifiers}) == len(each.modifiers)


def test_no_attribute_is_called_like_an_event() -> None:
    assert not {each.name.removeprefix("ws-") for each in ATTRIBUTES} & DOM_EVENTS


def test_no_modifier_is_called_like_a_key_that_has_a_name() -> None:
    assert not KEYS.keys() & {modifier.name for modifier in EVENT.modifiers}


def test_an_example_shows_its_own_attribute_and_modifiers_that_it_has() -> None:
    for each in ATTRIBUTES:
        name, *words = each.example.partition("=")[0].split(".")
        assert name == each.name
        assert {word for word in words if not word.isdigit()} <= {modifier.name for modifier in each.modifiers}
        assert ("=" in each.example) == (each.value is not Value.NOTHING) or each.value is Value.OPTIONAL


def test_what_clashes_is_there() -> None:
    for each in (*ATTRIBUTES, EVENT):
        names = {modifier.name for modifier in each.modifiers}
        assert all(set(modifier.clashes) <= names for modifier in each.modifiers)


# --- the runtime


def test_the_runtime_knows_the_modifiers_of_the_table() -> None:
    timed = {modifier.name for modifier in EVENT.modifiers if modifier.milliseconds != "never"}
    held = words_of("HELD")
    assert words_of("PAUSES") == timed
    assert words_of("MODIFIERS") | held == {modifier.name for modifier in EVENT.modifiers} - timed
    assert held == {"ctrl", "shift", "alt", "meta"}


def test_the_runtime_names_no_attribute_that_is_not_in_the_table() -> None:
    named = set(re.findall(r"ws-[a-z]+(?:-[a-z]+)*", javascript()))
    events = {f"ws-{event}" for event in DOM_EVENTS}
    assert named <= {each.name for each in ATTRIBUTES} | events | CLASSES


def test_the_runtime_reads_every_attribute_of_the_table() -> None:
    unread = {each.name for each in ATTRIBUTES if not re.search(rf'{each.name}\b|"{each.name[3:]}"', javascript())}
    assert not unread


def test_the_core_hears_the_events_of_the_table() -> None:
    found = re.search(r"const EVENTS = (\[[^\]]*\])", (SCRIPTS / "events.js").read_text("utf-8"))
    assert found is not None
    heard = set(re.findall(r'"(\w+)"', found[1])) - {"compositionend"}
    assert heard == {event.name for event in EVENTS if event.core}


def test_the_names_that_the_speller_knows_are_written_from_the_table() -> None:
    assert NAMES.read_text("utf-8") == names_module(), "run python -m tests.unit.written"


# --- which pages need features.js


@pytest.mark.parametrize(
    "source",
    [
        '<button ws-click="save">',
        '<form ws-submit="save" ws-change = "look">',
        '<form class="a" ws-submit="save"><input><b>></b><button>Save</button></form>',
        '<form ws-submit="save"><input type="submit"></form>',
        '<form action="/find"><input></form>',
        "<input\nws-input='search'>",
        '<li {% if a %}ws-key="{{ i }}"{% endif %}>',
        "<input type=checkbox><textarea>",
        '<p class="ws-loading">.ws-loading</p>',
        "<code>ws-poll</code>",
        "<table><tbody>{{ component('Row') }}</tbody></table>",
        "<table><tr><td>{{ component('Cell') }}</td></tr></table>",
        "",
    ],
)
def test_the_core_is_enough_for(source: str) -> None:
    assert not needs_features(source)


@pytest.mark.parametrize(
    "source",
    [
        '<button ws-click.prevent="save">',
        '<button ws-click{% if a %}.once{% endif %}="save">',
        '<button {% if a %}ws-dblclick="save"{% endif %}>',
        '<p WS-POLL="5s">',
        '<p\n\tws-model="draft">',
        '<p ws-{{ event }}="save">',
        "<p ws-key-row>",
        "<p {% if a %}ws-ignore{% endif %}>",
        "<ul ws-stream=rows>",
        '<select name="size">',
        "<details>",
        "<dialog {{ 'open' if asked }}>",
        "<template>",
        '<input type="radio" name="size">',
        "<p contenteditable>",
        '<p hidden="until-found">',
        "<video>",
        '<form\nclass="a" WS-submit="save">\n<input></form>',
        '<form><button>Find</button></form><form ws-submit="save"><input></form><button>',
        "<noscript>",
        "<table class=rows>\n{# all #}{% for row in rows %}<!-- one -->{{ component('Row', key=row) }}",
        "<table><thead></thead>{% if row %}{%- component 'Row' %}{% endcomponent %}",
        "ws-",
    ],
)
def test_the_features_are_needed_for(source: str) -> None:
    assert needs_features(source)


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda each: each.name)
def test_each_attribute_says_itself_whether_the_core_reads_it(attribute: object) -> None:
    assert needs_features(f"<p {attribute.example}>") is not attribute.core  # type: ignore[attr-defined]  # an Attribute


# --- the docs page


def test_the_tables_of_the_docs_page_are_written_from_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_tables(page), "run python -m tests.unit.written"
    assert {name for _, name, _ in TABLE.findall(page)} == tables().keys() - {"ws-visible"}  # told in a sentence
