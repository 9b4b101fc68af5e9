"""Requests that write: so many a second of a session, else of a public address; the others are told when to return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from asok import Component, Limits, Store, exposed
from tests.rig import Rig, Visitor, asok_app, rig

FEW = Limits(events_per_second=2, burst=4, messages_per_second=2, messages_burst=4)


class WrittenByHand(Component):
    count = 0
    template = "<form ws-submit='add'><button>Add</button></form>"

    @exposed
    def add(self) -> None:
        self.count += 1


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    polled = Store({"counter": 0}, name="polled", readable=True, writable={"counter": int})
    async with rig(asok_app(tmp_path, {"/": "{{ component('WrittenByHand') }}"}, limits=FEW)) as made:
        yield made
    del polled


async def write(visitor: Visitor, csrf: str) -> httpx.Response:
    headers = {"X-CSRF-Token": csrf, "Origin": visitor.rig.base}
    return await visitor.http.patch("/live/store/polled/counter", json=1, headers=headers)


async def post(visitor: Visitor, address: str = "") -> httpx.Response:
    headers: dict[str, Any] = {"Origin": visitor.rig.base} | ({"X-Forwarded-For": address} if address else {})
    return await visitor.http.post("/live/form", data={"a": "b"}, headers=headers)


async def test_t43_writes_to_a_store_are_slowed_down_and_all_done_in_the_end(served: Rig) -> None:
    visitor, other = await served.visitor(), await served.visitor()
    csrf = (await visitor.open()).csrf
    answers = [await write(visitor, csrf) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200, 429}
    late = next(answer for answer in answers if answer.status_code == 429)
    assert int(late.headers["retry-after"]) >= 1
    assert late.json()["error"] == "slow_down"
    assert (await visitor.http.get("/live/store/polled/counter")).status_code == 200
    assert (await write(other, (await other.open()).csrf)).status_code == 200
    done = sum(answer.status_code == 200 for answer in answers) + 1
    await asyncio.sleep(int(late.headers["retry-after"]))
    assert (await write(visitor, csrf)).status_code == 200
    assert (await visitor.http.get("/live/store/polled/counter")).json()["value"] == done + 1


async def test_t43_forms_of_a_session_are_slowed_down(served: Rig) -> None:
    visitor, other = await served.visitor(), await served.visitor()
    await visitor.open()
    await other.open()
    answers = [await post(visitor) for _ in range(8)]
    late = next(answer for answer in answers if answer.status_code == 429)
    assert int(late.headers["retry-after"]) >= 1
    assert "too much at once" in late.text
    assert (await post(other)).status_code != 429
    assert (await visitor.http.get("/")).status_code == 200


async def test_t43_without_a_session_the_public_address_counts_and_no_other(served: Rig) -> None:
    visitor = await served.visitor()
    assert 429 in [(await post(visitor, "8.8.8.8")).status_code for _ in range(8)]
    assert (await post(visitor, "9.9.9.9")).status_code != 429
    assert 429 not in [(await post(visitor, "192.168.0.9")).status_code for _ in range(8)]
    assert 429 not in [(await post(visitor)).status_code for _ in range(8)]
