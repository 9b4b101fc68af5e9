"""How the test client reads the attributes that hear events: the same words, in any order, as the browser's side."""

from __future__ import annotations

import json
import shutil
import string
import subprocess
from itertools import pairwise

import pytest
from bs4.element import Tag
from hypothesis import given
from hypothesis import strategies as st

from asok.attributes import ATTRIBUTES, EVENT, EVENTS, HELD, KEYS
from asok.testing_markup import parse
from asok.testing_models import as_number
from asok.testing_wires import Trigger, Wire, held_keys, wires

PLAIN = [each.name for each in EVENT.modifiers if each.milliseconds == "never"]
TIMED = [each.name for each in EVENT.modifiers if each.milliseconds != "never"]
NUMBER = "const as = (text) => (text.trim() && Math.abs(text) < 2 ** 53 ? +text : text);"
RUN = f"{NUMBER} console.log(JSON.stringify(JSON.parse(process.argv[1]).map(as)));"


def element(attribute: str, text: str = "go", tag: str = "p") -> Tag:
    found = parse(f'<div><{tag} {attribute}="{text}"></{tag}></div>').find(tag)
    assert isinstance(found, Tag)
    return found


def only(attribute: str, text: str = "go", tag: str = "p") -> Wire:
    [wire] = wires(element(attribute, text, tag))
    return wire


@st.composite
def written(draw: st.DrawFn) -> tuple[str, set[str], set[str]]:
    """An attribute of the keyboard: its name, the modifiers in it, and the keys."""
    modifiers = draw(st.sets(st.sampled_from([*PLAIN, *TIMED])))
    keys = draw(st.sets(st.sampled_from([*KEYS, "a", "f2", "1"])))
    words = [
        f"{word}.{draw(st.integers(1, 9999))}" if word in TIMED and draw(st.booleans()) else word for word in modifiers
    ]
    # A digit after a debounce is its time.
    shuffled = draw(st.permutations([*words, *keys]).filter(lambda words: not digit_after_pause(words)))
    return ".".join(["ws-keydown", *shuffled]), modifiers, keys


def digit_after_pause(words: list[str]) -> bool:
    return any(word in TIMED and after == "1" for word, after in pairwise(words))


@given(written())
def test_modifiers_times_and_keys_stand_in_any_order(case: tuple[str, set[str], set[str]]) -> None:
    name, modifiers, keys = case
    wire = only(name)
    assert (wire.event, set(wire.modifiers), set(wire.keys)) == ("keydown", modifiers, keys)


@given(written())
def test_a_key_is_heard_by_its_name_while_all_others_named_are_held(case: tuple[str, set[str], set[str]]) -> None:
    name, modifiers, keys = case
    wire = only(name)
    held = [key.name for key in HELD if key.name in modifiers]
    target = None if "outside" in modifiers else wire.element
    if target is None and "self" in modifiers:
        return
    for key in [KEYS.get(key, key.upper()) for key in keys] or ["Escape"]:
        assert wire.hears(Trigger("keydown", target, key, held="+".join(held)))
        assert not held or not wire.hears(Trigger("keydown", target, key, held="+".join(held[1:])))
        assert not wire.hears(Trigger("keyup", target, key, held="+".join(held)))
    assert wire.hears(Trigger("keydown", target, "Pause", held="+".join(held))) is not bool(keys)


@pytest.mark.parametrize("event", [event.name for event in EVENTS])
def test_every_event_of_the_table_is_heard(event: str) -> None:
    assert only(f"ws-{event}").hears(Trigger(event, None, held=""))


def test_an_event_of_ones_own_may_have_dots_in_its_name() -> None:
    wire = only("ws-shown.bs.modal.once")
    assert (wire.event, wire.modifiers) == ("shown.bs.modal", ("once",))


def test_attributes_that_are_no_events_hear_none() -> None:
    silent = [each.name for each in ATTRIBUTES if each.name not in ("ws-model", "ws-cancel")]
    assert [name for name in silent if list(wires(element(name)))] == []


@pytest.mark.parametrize(
    ("attribute", "tag", "event"),
    [
        ("ws-model", "input", "input"),
        ("ws-model.lazy", "input", "change"),
        ("ws-model.lazy.trim", "textarea", "change"),
        ("ws-model.blur", "input", "blur"),
        ("ws-model.debounce.200", "input", "input"),
        ("ws-model", "select", "change"),
        ('type="radio" ws-model', "input", "change"),
        ('type="checkbox" ws-model', "input", "change"),
        ("contenteditable ws-model", "p", "input"),
        ("contenteditable ws-model.lazy", "p", "blur"),
    ],
)
def test_a_model_is_sent_after_the_event_that_its_control_and_modifiers_say(
    attribute: str, tag: str, event: str
) -> None:
    assert (only(attribute, tag=tag).event, only(attribute, tag=tag).does) == (event, "model")


@given(st.sets(st.sampled_from([key.name for key in HELD])).flatmap(lambda keys: st.permutations(sorted(keys))))
def test_held_keys_are_told_in_the_browsers_order(keys: list[str]) -> None:
    assert held_keys("+".join(keys)) == "+".join(key for key in ("ctrl", "alt", "shift", "meta") if key in keys)


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is missing")
    return found


def test_numbers_are_read_as_the_browser_reads_them(node: str) -> None:
    texts = ["", " ", "0", "-0.5", "+7", "1e3", "1E-2", ".5", "5.", ".", "1_000", "0x1F", "0b11", "0o17", "-0x1", "1,5"]
    texts += [
        "Infinity",
        "nan",
        "NaN",
        "9007199254740991",
        "9007199254740992",
        "1e400",
        " 12 ",
        "12a",
        "٣",
        "1 2",
        "--1",
    ]
    texts += [a + b + c for a in "-+0.1" for b in "0.e1x" for c in string.digits + ".e"]
    said = subprocess.run([node, "-e", RUN, json.dumps(texts)], capture_output=True, check=True, text=True).stdout
    assert [as_number(text) for text in texts] == json.loads(said)


@given(st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15))
def test_a_number_that_is_written_out_is_that_number(number: float) -> None:
    assert as_number(f" {number!r} ") == number


@given(st.text())
def test_any_other_text_stays_what_it_is(text: str) -> None:
    assert as_number(text) == text or text.strip()
