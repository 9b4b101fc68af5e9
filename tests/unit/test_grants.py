"""What a page lets its visitor write and follow, and nothing beside it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asok.errors import ComponentError, StoreError
from asok.grants import Attributes, Calls, may_follow, may_write, region, target_of
from asok.sessions import Session, serve_session
from asok.state import KeyRing

RING = KeyRing(["k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz"])


@pytest.fixture(autouse=True)
def visitor() -> Iterator[Session]:
    session = Session()
    serve_session(session)
    yield session
    serve_session(None)


def granted(markup: str) -> list[Any]:
    """What the browser sends: it has read the attribute's JSON and written it again."""
    found = re.fullmatch(r'data-asok-do="([^"]*)"', markup)
    assert found is not None
    verb, store, path, value, mac = json.loads(html.unescape(found[1]))
    return [verb, store, path, value, mac]


def test_a_grant_is_for_exactly_its_write(visitor: Session) -> None:
    verb, store, path, value, mac = granted(Attributes(RING, "votes").update("counter", -1))
    write = (verb, store, path, value)
    assert may_write(RING, visitor, write, mac)
    for at, other in enumerate(("set", "others", "counter/x", -2)):
        assert not may_write(RING, visitor, (*write[:at], other, *write[at + 1 :]), mac)
    for forged in ("", mac[:-1], mac + "a", mac[::-1]):
        assert not may_write(RING, visitor, write, forged)


def test_a_grant_is_for_its_session_and_ends_with_a_login(visitor: Session) -> None:
    verb, store, path, value, mac = granted(Attributes(RING, "votes").set("a", 1))
    assert not may_write(RING, Session(), (verb, store, path, value), mac)
    visitor.meta = msgspec.structs.replace(visitor.meta, epoch=visitor.meta.epoch + 1)
    assert not may_write(RING, visitor, (verb, store, path, value), mac)


@pytest.mark.parametrize(("value", "other"), [(1, True), (True, 1), (0, False), ("1", 1), (None, ""), ([], {})])
def test_values_that_look_alike_are_others(visitor: Session, value: Any, other: Any) -> None:
    *_, mac = granted(Attributes(RING, "votes").set("a", value))
    assert not may_write(RING, visitor, ("set", "votes", "a", other), mac)


@pytest.mark.parametrize("value", [1.0, -0.0, 1e16, 1e300, 0.1, [2.0, {"x": 3.0}]])
def test_a_number_may_be_sent_as_a_browser_writes_it(visitor: Session, value: Any) -> None:
    def as_javascript(value: Any) -> Any:
        if isinstance(value, list):
            return [as_javascript(item) for item in value]
        if isinstance(value, dict):
            return {key: as_javascript(item) for key, item in value.items()}
        return int(value) if value.is_integer() and abs(value) < 1e21 else value

    *_, mac = granted(Attributes(RING, "votes").set("a", value))
    assert may_write(RING, visitor, ("set", "votes", "a", as_javascript(value)), mac)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES)
@example(value="""<'>&"\\""")
def test_what_the_attribute_says_is_what_was_granted(value: Any) -> None:
    session = Session()
    serve_session(session)
    markup = Attributes(RING, "votes").set("a", value)
    assert not set("<>'") & set(markup)
    verb, store, path, found, mac = granted(markup)
    assert found == value
    assert may_write(RING, session, (verb, store, path, found), mac)


@given(value=VALUES)
@example(value="""<'>&"\\\u2028""")
def test_a_call_may_stand_in_a_script_and_in_an_attribute(value: Any) -> None:
    serve_session(Session())
    call = Calls(RING, "votes").append("a", value)
    assert call.startswith("alive.store('votes').append('a',")
    assert not set('<>"&\u2028\u2029\n') & set(call)
    given = json.loads(f"[{call.partition('append(')[2][:-1]}]".replace("'", '"'))
    assert given[:2] == ["a", value]


def test_removing_is_called_remove_and_has_no_value() -> None:
    assert re.fullmatch(r"alive\.store\('votes'\)\.remove\('a','[\w-]{22}'\)", Calls(RING, "votes").delete("a"))


def test_a_grant_needs_a_visitor_a_path_and_a_value_that_a_store_can_hold() -> None:
    for path, value in (("__proto__", 1), ("a", object())):
        with pytest.raises(StoreError):
            Attributes(RING, "votes").set(path, value)
    serve_session(None)
    with pytest.raises(ComponentError, match="in a template"):
        Attributes(RING, "votes").set("a", 1)


def test_a_region_escapes_its_text_and_is_followed_by_its_key_alone() -> None:
    text = region(RING, "", "votes", "a/b", "<b>&", "p")
    found = re.fullmatch(r'<p data-asok-react="([^"]*)">&lt;b&gt;&amp;</p>', text)
    assert found is not None
    assert target_of(found[1]) == ("votes", "a/b")
    assert may_follow(RING, "", found[1])
    assert not may_follow(RING, "somebody", found[1])
    for forged in ("", "votes/a/b", found[1].replace("a/b", "a/c"), found[1][:-1], "." * 30):
        assert not may_follow(RING, "", forged)


@pytest.mark.parametrize("tag", ["", "P", "p onclick=x", "script>", "1"])
def test_a_region_has_the_tag_of_an_element(tag: str) -> None:
    with pytest.raises(ComponentError, match="expected an element's name"):
        region(RING, "", "votes", "a", 1, tag)


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0, "0"), (True, "True"), (1.5, "1.5"), ("", "")])
def test_a_region_shows_what_a_template_would(value: Any, text: str) -> None:
    assert f">{text}</span>" in region(RING, "", "votes", "a", value, "span")
