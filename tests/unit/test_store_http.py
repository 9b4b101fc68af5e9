"""Stores over plain HTTP: what is read and written, and what every refusal looks like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store_site import NOTHING, START, Site, dark, part, raw, site


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


# ---- what works


async def test_reading_shows_what_the_rules_show_with_the_version(here: Site) -> None:
    answer = await here.stranger().send("GET", "polls")
    shown = {"counter": 0, "todo": ["a"], "open": {"x": 1}, "word": "w"}
    assert answer.json() == {"value": shown, "version": 0}
    assert answer.headers["etag"] == '"0"'
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "set-cookie" not in answer.headers
    assert await here.stranger().value("polls/todo/0") == "a"
    assert (await here.stranger().send("HEAD", "polls/todo")).headers["etag"] == '"0"'


async def test_what_is_known_already_is_not_sent_again(here: Site) -> None:
    visitor = await here.visitor()
    assert (await visitor.send("GET", "polls/counter", if_none_match='"0"')).status_code == 304
    assert (await visitor.send("GET", "polls/counter", if_none_match='"9", W/"0"')).status_code == 304
    await visitor.send("PATCH", "polls/counter", 1)
    changed = await visitor.send("GET", "polls/counter", if_none_match='"0"')
    assert (changed.status_code, changed.json()) == (200, {"value": 1, "version": 1})
    assert (await visitor.send("GET", "polls/secret", if_none_match="*")).status_code == 403


async def test_each_method_is_a_verb_of_the_store(here: Site) -> None:
    visitor = await here.visitor()
    assert (await visitor.send("PATCH", "polls/counter", 5)).json() == {"value": 5, "version": 1}
    assert (await visitor.send("PUT", "polls/counter", 2)).json() == {"value": 2, "version": 2}
    assert (await visitor.send("POST", "polls/todo", "b")).json() == {"value": ["a", "b"], "version": 3}
    gone = await visitor.send("DELETE", "polls/todo/0")
    assert (gone.json()["version"], gone.headers["etag"]) == (4, '"4"')
    assert here.tree() == {**START, "counter": 2, "todo": ["b"]}


async def test_a_namespace_is_the_sessions_own(here: Site) -> None:
    one, two = await here.visitor(), await here.visitor()
    assert (await one.send("PUT", "~settings/theme", {"dark": True})).json()["value"] == {"dark": True}
    assert await one.value("~settings/theme/dark") is True
    assert await two.code("GET", "~settings/theme") == (404, "missing")
    assert await here.stranger().code("GET", "~settings/theme") == (404, "unknown_store")


async def test_a_person_has_the_copy_of_nobody_else(here: Site) -> None:
    ann, bob, nobody = await here.visitor("ann"), await here.visitor("bob"), await here.visitor()
    assert (await ann.send("PATCH", "mine/n", 3)).json() == {"value": 3, "version": 1}
    assert (await ann.value("mine/n"), await bob.value("mine/n")) == (3, 0)
    assert await nobody.code("GET", "mine/n") == (403, "not_signed_in")
    assert await nobody.code("PATCH", "mine/n", 1) == (403, "not_signed_in")
    assert await here.stranger().code("GET", "mine/n") == (403, "not_signed_in")


async def test_two_writers_lose_nothing_though_each_has_a_process_of_its_own(tmp_path: Path) -> None:
    database = str(tmp_path / "shared.db")
    async with site(tmp_path, database=database) as one, site(tmp_path, database=database) as two:
        visitors = [await one.visitor(), await two.visitor()]
        answers = await asyncio.gather(
            *(each.send("PATCH", "polls/counter", 1) for each in visitors for _ in range(100))
        )
        assert {answer.status_code for answer in answers} == {200}
        last = await visitors[0].send("PUT", "polls/todo", [])
        assert (last.json()["version"], await visitors[0].value("polls/counter")) == (201, 200)


# ---- what is refused


@pytest.mark.parametrize(
    ("method", "place", "value", "refusal"),
    [
        ("GET", "nosuch/counter", NOTHING, (404, "unknown_store")),
        ("GET", "", NOTHING, (404, "unknown_store")),
        ("GET", "openapi.json", NOTHING, (404, "unknown_store")),
        ("GET", "polls/secret", NOTHING, (403, "denied")),
        ("GET", "polls/nosuch", NOTHING, (403, "denied")),
        ("GET", "dark", NOTHING, (403, "denied")),
        ("GET", "polls/open/y", NOTHING, (403, "denied")),
        ("GET", "polls/counter/x", NOTHING, (409, "scalar")),
        ("GET", "polls/todo/9", NOTHING, (409, "index")),
        ("GET", "polls/todo//0", NOTHING, (400, "bad_path")),
        ("GET", "polls/__class__", NOTHING, (400, "bad_path")),
        ("PUT", "nosuch/counter", 1, (404, "unknown_store")),
        ("PUT", "polls/secret", 1, (403, "denied")),
        ("PUT", "polls", {}, (403, "denied")),
        ("PATCH", "polls", {"counter": 1, "secret": 1}, (403, "denied")),
        ("DELETE", "polls/counter", NOTHING, (403, "denied")),
        ("PUT", "polls/below/x/y", 1, (404, "missing")),
        ("POST", "polls/counter", 1, (409, "not_a_list")),
        ("PUT", "polls/todo/9", "b", (409, "index")),
        ("PUT", "polls/counter", "1", (422, "bad_value")),
        ("PUT", "polls/counter", True, (422, "bad_value")),
        ("PUT", "polls/word", "even", (422, "bad_value")),
        ("PUT", "polls/counter", 2**53, (422, "bad_value")),
        ("PUT", "polls/todo", [["constructor"]], (422, "bad_value")),
        ("PUT", "~own/x", {"__proto__": 1}, (422, "bad_value")),
        ("PUT", "~__proto__/x", 1, (400, "bad_path")),
        ("PUT", "polls/todo", ["x"] * 101, (413, "too_big")),
        ("PUT", "polls/todo", json.loads("[" * 33 + "]" * 33), (413, "too_big")),
        ("PUT", "polls/word", "x" * 2000, (413, "too_big")),
        ("OPTIONS", "polls/counter", NOTHING, (405, "method")),
        ("PUT", "polls/word", "boom", (500, "failed")),
    ],
)  # fmt: skip
async def test_each_refusal_has_its_status_and_leaves_the_store_as_it_was(
    here: Site, method: str, place: str, value: Any, refusal: tuple[int, str]
) -> None:
    visitor = await here.visitor()
    answer = await visitor.send(method, place, value)
    assert (answer.status_code, answer.json()) == (refusal[0], {"error": refusal[1], "text": ""})
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert answer.headers.get("allow") == ("GET, HEAD, PATCH, POST, PUT, DELETE" if refusal[0] == 405 else None)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert here.tree() == START
    assert await visitor.code("PATCH", "polls/counter", 1) == (200, "")


async def test_what_happened_is_told_in_development_only(tmp_path: Path) -> None:
    async with site(tmp_path, debug=True) as here:
        answer = await (await here.visitor()).send("PUT", "polls/word", "even")
        assert answer.json()["text"] == "the store 'polls', path 'word': it must be odd"


@pytest.mark.parametrize(
    ("kind", "body", "refusal"),
    [
        ("application/x-www-form-urlencoded", b"1", (415, "not_json")),
        ("text/plain", b"1", (415, "not_json")),
        ("application/json; charset=latin-1", b"1", (415, "not_json")),
        ("application/json; charset=UTF-8", b"1", (200, "")),
        ("application/json", b"", (400, "bad_json")),
        ("application/json", b"{", (400, "bad_json")),
        ("application/json", b"1 2", (400, "bad_json")),
        ("application/json", b"NaN", (400, "bad_json")),
        ("application/json", b"1e999", (400, "bad_json")),
        ("application/json", b'"\\ud800"', (400, "bad_json")),
        ("application/json", b"\xff", (400, "bad_json")),
        ("application/json", b"1".ljust(2001), (413, "too_big")),
    ],
)  # fmt: skip
async def test_a_body_is_one_json_value(here: Site, kind: str, body: bytes, refusal: tuple[int, str]) -> None:
    visitor = await here.visitor()
    headers = {"x-csrf-token": visitor.csrf, "content-type": kind}
    answer = await visitor.http.put("/live/store/polls/counter", content=body, headers=headers)
    assert (answer.status_code, answer.json().get("error", "")) == refusal
    packed = await visitor.http.put(
        "/live/store/polls/counter", content=body, headers={**headers, "content-encoding": "gzip"}
    )
    assert packed.status_code == 415


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(here: Site) -> None:
    visitor = await here.visitor()
    assert await raw(here, visitor, part(b"1"), content_length="2001") == (413, 0)
    assert await raw(here, visitor, part(b"1"), content_length="9" * 5000) == (413, 0)
    assert await raw(here, visitor, *[part(b" " * 1000)] * 50) == (413, 3)


async def test_a_body_that_does_not_come_is_not_waited_for(here: Site) -> None:
    visitor = await here.visitor()
    assert await raw(here, visitor, part(b"1")) == (408, 1)
    assert await raw(here, visitor, part(b"1"), {"type": "http.disconnect"}) == (408, 2)
    assert here.tree() == START


PATHS = st.text(st.sampled_from("ax/0_~-."), max_size=12)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE"]), PATHS, JSON.map(json.dumps))
async def test_whatever_is_asked_of_a_closed_store_is_a_refusal(method: str, path: str, body: str) -> None:
    async with site(Path("/nowhere")) as here:
        visitor = await here.visitor()
        headers = {"x-csrf-token": visitor.csrf, "content-type": "application/json"}
        request = visitor.http.build_request(method, f"/live/store/dark/{path}", content=body, headers=headers)
        answer = await visitor.http.send(request)
        assert 400 <= answer.status_code < 500 or answer.status_code == 307, answer.text
        with here.app.stores.here():
            assert dark.read() == {"light": 0}
