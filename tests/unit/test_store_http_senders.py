"""Stores over plain HTTP: who may write, at which version, once, and what happens while others write."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from asok.backends.memory import MemoryBackend
from asok.bus import LocalBus
from asok.errors import Busy
from asok.sessions import Commit, open_session
from tests.unit.store_site import NOTHING, START, Site, Visitor, dark, polls, raw, site

DO = re.compile(r'data-asok-do="([^"]*)"')
FOREIGN = (403, "csrf")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


class Meddling(MemoryBackend):
    """Lets something happen in the moment between a unit's decision and its commit."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[], Awaitable[Any]] | None = None

    async def commit(self, commit: Commit) -> bool:
        first, self.first = self.first, None
        if first is not None and commit.writes:
            await first()
        elif first is not None:
            self.first = first
        return await super().commit(commit)


# ---- who sends it


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"x_csrf_token": ""}, FOREIGN),
        ({"x_csrf_token": "A" * 43}, FOREIGN),
        ({"origin": "http://evil.test"}, FOREIGN),
        ({"origin": "null"}, FOREIGN),
        ({"origin": "http://localhost.evil.test"}, FOREIGN),
        ({"origin": "http://localhost:81"}, FOREIGN),
        ({"sec_fetch_site": "cross-site"}, FOREIGN),
        ({"sec_fetch_site": "same-site"}, FOREIGN),
        ({"sec_fetch_site": "none"}, FOREIGN),
        ({"origin": "http://localhost", "sec_fetch_site": "same-origin"}, (200, "")),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "value"), [("PATCH", ["b"]), ("PUT", ["b"]), ("POST", "b"), ("DELETE", NOTHING)])
async def test_a_write_comes_from_a_page_of_this_app(
    here: Site, headers: dict[str, str], refusal: tuple[int, str], method: str, value: Any
) -> None:
    visitor = await here.visitor()
    await visitor.send("PUT", "~own/list", ["a"])
    assert await visitor.code(method, "~own/list", value, **headers) == refusal
    assert ((await visitor.value("~own")) == {"list": ["a"]}) is (refusal == FOREIGN)


async def test_a_write_comes_from_the_session_whose_page_it_is(here: Site) -> None:
    one, two = await here.visitor(), await here.visitor()
    assert await one.code("PATCH", "polls/counter", 1, x_csrf_token=two.csrf) == FOREIGN
    assert await here.stranger().code("PATCH", "polls/counter", 1, x_csrf_token=two.csrf) == FOREIGN
    assert here.tree() == START


async def test_a_sender_is_refused_before_the_body_is_read(here: Site) -> None:
    visitor = await here.visitor()
    assert await raw(here, visitor, {"type": "http.request", "body": b"1"}, origin="http://evil.test") == (403, 0)
    assert await raw(here, visitor, {"type": "http.request", "body": b"1"}, origin="http://localhost") == (200, 1)


async def test_a_session_that_ends_while_the_body_comes_writes_nothing(here: Site) -> None:
    visitor = await here.visitor("ann")

    async def leaves() -> dict[str, Any]:
        await here.elsewhere(visitor, "/leave")
        return {"type": "http.request", "body": b"1"}

    assert await raw(here, visitor, leaves) == (403, 1)
    assert here.tree() == START


async def test_a_session_that_ends_just_before_the_commit_writes_nothing(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        visitor = await here.visitor("ann")
        backend.first = lambda: here.elsewhere(visitor, "/leave")
        assert await visitor.code("PATCH", "mine/n", 1) == FOREIGN
        assert await (await here.visitor("ann")).value("mine/n") == 0


async def test_who_becomes_another_just_before_the_commit_writes_as_that_other(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        visitor = await here.visitor("ann")
        backend.first = lambda: here.elsewhere(visitor, "/?user=bob")
        assert (await visitor.send("PATCH", "mine/n", 1)).json() == {"value": 1, "version": 1}
        assert await (await here.visitor("ann")).value("mine/n") == 0
        assert await (await here.visitor("bob")).value("mine/n") == 1


async def test_what_a_validator_does_to_the_session_is_not_kept(here: Site) -> None:
    visitor = await here.visitor("ann")
    assert (await visitor.send("PATCH", "polls/open/x", 1)).json() == {"value": 2, "version": 1}
    session = await open_session(here.app.backend, visitor.http.cookies["asok"])
    assert session is not None
    assert dict(session) == {"user": "ann"}


async def grant_of(visitor: Visitor) -> tuple[str, Any, str]:
    """The path, the value and the grant of what the page lets its visitor do."""
    found = DO.search((await visitor.http.get("/")).text)
    assert found is not None
    _, _, path, value, grant = json.loads(unescape(found[1]))
    return path, value, grant


async def test_a_grant_opens_exactly_its_write_to_its_session(here: Site) -> None:
    one, two = await here.visitor(), await here.visitor()
    path, value, grant = await grant_of(one)
    for sender, method, place, sent in [
        (one, "PATCH", path, value + 1),
        (one, "PUT", path, value),
        (one, "PATCH", "counter", value),
        (two, "PATCH", path, value),
    ]:
        assert await sender.code(method, f"polls/{place}", sent, x_asok_grant=grant) == (403, "denied")
    assert await one.code("PATCH", f"polls/{path}", value, x_asok_grant=grant, x_csrf_token="") == FOREIGN
    assert here.tree() == START
    granted = await one.send("PATCH", f"polls/{path}", value, x_asok_grant=grant)
    assert granted.json() == {"version": 1}
    assert here.tree() == {**START, "secret": 8}


# ---- at which version


async def test_a_write_for_another_version_is_a_conflict(here: Site) -> None:
    visitor = await here.visitor()
    assert await visitor.code("PUT", "polls/counter", 1, if_match='"1"') == (409, "conflict")
    assert await visitor.code("PUT", "polls/counter", 1, if_match='W/"0"') == (409, "conflict")
    assert await visitor.code("PUT", "polls/counter", 1, if_match='"x"') == (409, "conflict")
    assert await visitor.code("PUT", "polls/secret", 1, if_match='"9"') == (403, "denied")
    assert here.tree() == START
    assert await visitor.code("PUT", "polls/counter", 1, if_match='"7", "0"') == (200, "")
    assert await visitor.code("PUT", "polls/counter", 2, if_match="*") == (200, "")
    assert await visitor.code("PUT", "~own/x", 2, if_match='"0"') == (200, "")
    assert await visitor.code("PUT", "~own/x", 3, if_match='"0"') == (409, "conflict")


@pytest.mark.parametrize(
    "headers", [{"if_match": "7"}, {"if_match": '"7'}, {"if_match": '"7",'}, {"if_none_match": "*"}]
)
async def test_a_condition_that_is_not_understood_is_no_write_without_one(here: Site, headers: dict[str, str]) -> None:
    assert await (await here.visitor()).code("PUT", "polls/counter", 1, **headers) == (400, "bad_header")
    assert here.tree() == START


async def test_of_writes_for_one_version_exactly_one_is_done(here: Site) -> None:
    visitors = [await here.visitor() for _ in range(5)]
    codes = await asyncio.gather(*(each.code("PATCH", "polls/counter", 1, if_match='"0"') for each in visitors))
    assert sorted(codes) == [(200, "")] + [(409, "conflict")] * 4
    assert here.tree()["counter"] == 1


async def test_the_version_is_compared_at_the_commit(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        one, two = await here.visitor(), await here.visitor()

        async def there_and_back() -> None:
            # What stands there is what was read, and yet it is another version.
            await two.send("PATCH", "polls/counter", 1)
            await two.send("PATCH", "polls/counter", -1)

        backend.first = there_and_back
        assert await one.code("PUT", "polls/counter", 5, if_match='"0"') == (409, "conflict")
        assert here.tree() == START


async def test_a_process_that_lags_behind_does_not_decide_by_its_old_version(tmp_path: Path) -> None:
    database = str(tmp_path / "shared.db")
    async with site(tmp_path, database=database) as one, site(tmp_path, database=database) as two:
        ahead, behind = await one.visitor(), await two.visitor()
        assert await behind.value("polls/counter") == 0
        await ahead.send("PATCH", "polls/counter", 1)
        assert await behind.code("PATCH", "polls/counter", 1, if_match='"0"') == (409, "conflict")
        await ahead.send("PATCH", "polls/counter", 1)
        assert await behind.code("PATCH", "polls/counter", 1, if_match='"2"') == (200, "")
        assert await behind.value("polls/counter") == 3


# ---- once


async def test_a_write_that_is_sent_again_with_its_key_is_not_done_again(here: Site) -> None:
    one, two = await here.visitor(), await here.visitor()
    answers = await asyncio.gather(*(one.send("PATCH", "polls/counter", 1, idempotency_key="k") for _ in range(10)))
    assert {(answer.status_code, answer.json()["value"]) for answer in answers} == {(200, 1)}
    assert await one.code("PATCH", "polls/counter", 2, idempotency_key="k") == (422, "key_reused")
    assert await one.code("PUT", "polls/counter", 1, idempotency_key="k") == (422, "key_reused")
    assert (await two.send("PATCH", "polls/counter", 1, idempotency_key="k")).json()["value"] == 2
    assert (await one.send("PATCH", "polls/counter", 1, idempotency_key="k", if_match='"1"')).status_code == 200
    assert here.tree()["counter"] == 2


async def test_the_answer_to_a_key_that_another_process_has_just_done_has_its_write(tmp_path: Path) -> None:
    backend = MemoryBackend()
    async with site(tmp_path, backend=backend, bus=LocalBus()) as one, site(tmp_path, backend=backend) as deaf:
        visitor, again = await one.visitor(), deaf.stranger()
        again.http.cookies, again.csrf = visitor.http.cookies, visitor.csrf
        assert await again.value("polls/counter") == 0
        for each in (visitor, again):
            answer = await each.send("PATCH", "polls/counter", 1, idempotency_key="k")
            assert answer.json() == {"value": 1, "version": 1}


async def test_a_key_holds_though_its_write_is_sent_again_before_it_is_done(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        visitor = await here.visitor()
        path, value, grant = await grant_of(visitor)

        def sent() -> Awaitable[httpx.Response]:
            return visitor.send("PATCH", f"polls/{path}", value, x_asok_grant=grant, idempotency_key="k")

        backend.first = sent
        assert (await sent()).status_code == 200
        assert here.tree() == {**START, path: START[path] + value}


async def test_a_session_remembers_its_last_64_keys(here: Site) -> None:
    visitor = await here.visitor()
    for number in range(65):
        await visitor.send("PATCH", "polls/counter", 1, idempotency_key=f"k{number}")
    await visitor.send("PATCH", "polls/counter", 1, idempotency_key="k1")
    assert here.tree()["counter"] == 65
    await visitor.send("PATCH", "polls/counter", 1, idempotency_key="k0")
    assert here.tree()["counter"] == 66


async def test_a_key_of_a_refused_write_is_free(here: Site) -> None:
    visitor = await here.visitor()
    assert await visitor.code("PUT", "polls/counter", "x", idempotency_key="k") == (422, "bad_value")
    assert await visitor.code("PUT", "polls/counter", 10**100, idempotency_key="k") == (422, "bad_value")
    assert await visitor.code("PUT", "polls/counter", 1, idempotency_key="k") == (200, "")


@pytest.mark.parametrize("key", ["", "x" * 65, "two words", "\x7f"])
async def test_a_key_is_64_visible_characters_at_most(here: Site, key: str) -> None:
    answer = await (await here.visitor()).code("PATCH", "polls/counter", 1, idempotency_key=key)
    assert answer == (400, "bad_header")


# ---- while others write


async def test_two_clients_count_exactly(here: Site) -> None:
    visitors = [await here.visitor(), await here.visitor()]
    answers = await asyncio.gather(
        *(each.send("PATCH", "polls/counter", 1, idempotency_key=f"{n}") for each in visitors for n in range(200))
    )
    assert sum(answer.json()["version"] > 0 for answer in answers) == 400
    assert (await visitors[0].send("GET", "polls/counter")).json() == {"value": 400, "version": 400}


async def test_a_write_of_python_that_waits_for_its_commit_is_waited_for(here: Site) -> None:
    visitor = await here.visitor()
    with here.app.stores.here():
        waiting = polls.update("counter", 5)
    assert (await visitor.send("GET", "polls/counter")).json() in (
        {"value": 0, "version": 0},
        {"value": 5, "version": 1},
    )
    assert (await visitor.send("PATCH", "polls/counter", 1)).json() == {"value": 6, "version": 2}
    await waiting


async def test_a_reader_sees_the_value_that_has_the_version(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        visitor, seen = await here.visitor(), []

        async def look() -> None:
            seen.append((await here.stranger().send("GET", "polls/counter")).json())

        backend.first = look
        with here.app.stores.here():
            await polls.set("counter", 9)
        assert seen == [{"value": 0, "version": 0}]
        assert (await visitor.send("GET", "polls/counter")).json() == {"value": 9, "version": 1}


async def test_a_database_that_cannot_follow_is_told_as_such(tmp_path: Path) -> None:
    backend = Meddling()
    async with site(tmp_path, backend=backend) as here:
        visitor = await here.visitor()

        async def busy() -> None:
            raise Busy("locked")

        backend.first = busy
        answer = await visitor.send("PATCH", "polls/counter", 1)
        assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "busy", "1")
        assert await visitor.code("PATCH", "polls/counter", 1) == (200, "")
        with here.app.stores.here():
            assert (polls.read("counter"), dark.read("light")) == (1, 0)
