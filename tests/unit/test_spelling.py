"""What is taken for a slip, and what for the name of somebody's own event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.attributes import ATTRIBUTES, DOM_EVENTS
from asok.spelling import misspelt, nearly


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ws-clik", "ws-click"),
        ("ws-modle", "ws-model"),
        ("ws-onclick", "ws-click"),
        ("ws-sumbit", "ws-submit"),
        ("ws-key-down", "ws-keydown"),
        ("ws-dbclick", "ws-dblclick"),
        ("ws-pol", "ws-poll"),
        ("ws-ignor", "ws-ignore"),
        ("ws-disabled-wiht", "ws-disable-with"),
    ],
)
def test_a_slip_is_seen(written: str, meant: str) -> None:
    assert misspelt(written) == meant


OWN_EVENTS = """my-event pointerdown saved changed closed sl-change upload cancelled selecting sort move open refresh
htmx:load online row-moved"""


@pytest.mark.parametrize("name", OWN_EVENTS.split())
def test_an_event_of_ones_own_is_no_slip(name: str) -> None:
    assert misspelt(f"ws-{name}") == ""


@pytest.mark.parametrize("name", sorted({each.name for each in ATTRIBUTES} | {f"ws-{event}" for event in DOM_EVENTS}))
def test_what_is_known_is_no_slip(name: str) -> None:
    assert misspelt(name) == ""


@given(st.text(), st.lists(st.text()))
def test_any_text_has_an_answer(word: str, known: list[str]) -> None:
    assert nearly(word, known) in {*known, ""}
    assert misspelt(f"ws-{word}") == "" or misspelt(f"ws-{word}").startswith("ws-")
