"""Threats T07 to T11: whose state it is, and how often an event counts."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.responses import PlainTextResponse

from asok import Asok, Component, Settings, exposed
from asok.errors import ConfigurationError
from asok.server import Serving, check_reach
from asok.state import seal
from tests.protocol.attacked import (
    ONE,
    RING,
    asok_app,
    attacked,
    define,
    opened,
    ran,
    reset_or_refused,
)
from tests.rig import Visitor


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t07_a_token_that_is_not_exactly_ours_is_refused(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token = page.tokens[0]
        instance, key, payload, mac = token.split(".")
        raw = base64.urlsafe_b64decode(payload + "==")
        flipped = base64.urlsafe_b64encode(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]).decode().rstrip("=")
        wrong = [
            f"{instance}.{key}.{payload}.", f"{instance}.{key}.{payload}", f"{instance}.{key}.{payload}.{mac[:22]}",
            f"{instance}.{key}.{flipped}.{mac}", f"{instance}.{key}.{payload}.{mac}=",
            f"{instance}.0000.{payload}.{mac}", f"{instance}.{key}.{payload}.{mac}.{mac}",
            visitor.cookie, page.csrf, "", ".", "...", "A" * 60_000,
            f"{instance}.{key}.{payload}.{RING.mac('csrf', f'{instance}.{key}.{payload}')}", token + "\n", " " + token,
            mac + token[43:],
        ]  # fmt: skip
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        for text in wrong:
            assert await reset_or_refused(tab, text) == "reset", text[:100]


def test_t08_no_production_without_a_key_of_its_own(tmp_path: Path) -> None:
    development = Settings.read(tmp_path, {"DEBUG": "true"}).keys[0]
    for key in ("", "short", "a" * 64, "change-me-change-me-change-me-0123456789", development):
        with pytest.raises(ConfigurationError):
            Asok(root=tmp_path, settings=Settings(tmp_path, keys=(key,) if key else ()))


async def test_t09_a_token_of_another_session_is_refused(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        alice, mallory = await served.visitor(), await served.visitor()
        stolen, own = await alice.open(), await mallory.open()
        tab = await mallory.connect()
        await tab.join([], own.csrf)
        assert await reset_or_refused(tab, stolen.tokens[0]) == "reset"
        assert await reset_or_refused(tab, own.tokens[0]) == "pong"
        nobody = await served.visitor()
        anonymous = await nobody.connect(cookie="")
        await anonymous.join([], "")
        assert await reset_or_refused(anonymous, stolen.tokens[0]) == "reset"


async def test_t10_replay_of_an_old_state_rolls_nothing_back(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first = await visitor.connect()
        await first.join(page.tokens, page.csrf)
        for _ in range(3):
            await first.event("add")
        ran.clear()
        replays = [await visitor.connect() for _ in range(6)]
        for tab in replays:
            tab.name = first.name
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("add", seq=1) for tab in replays))
        assert ran.count("add") == 0
        assert {tab.text() for tab in replays} == {"<p title=''>3  </p>"}


async def test_t11_an_event_delivered_twice_runs_once(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for _ in range(5):
            await tab.send("event", tab.only, 1, "add")
        tab.shown[tab.only].last = 1
        assert await tab.text_after("add") == "<p title=''>2  </p>"
        assert ran.count("add") == 2


@pytest.mark.parametrize(
    "environment", [{"DEBUG": "true", "ASOK_HOSTS": "shop.example"}, {}, {"SECRET_KEY": "a" * 64}, {"SECRET_KEY": "x"}]
)
def test_t08_an_app_with_a_key_that_can_be_guessed_does_not_start(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Settings.read(tmp_path, environment)


def test_t08_the_key_of_development_works_on_this_machine_and_one_worker_only(tmp_path: Path) -> None:
    settings = Settings.read(tmp_path, {"DEBUG": "true"})
    here = Serving(tmp_path / "app.py", "127.0.0.1")
    check_reach(settings, here)
    for elsewhere in (
        {"host": "0.0.0.0"},
        {"host": "192.168.0.7"},
        {"workers": 2},
        {"host": "::", "development": True},
    ):
        with pytest.raises(ConfigurationError):
            check_reach(settings, dataclasses.replace(here, **elsewhere))


async def test_t08_with_a_leaked_key_data_is_forged_and_no_code_runs(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token = opened(page.tokens[0])
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        states: list[Any] = [
            {"count": {"__class__": "os.system"}}, {"count": msgspec.msgpack.Ext(1, b"cos\nsystem\n(S'id'\ntR.")},
            {"__class__": "x", "count": 1}, ["count"], {"count": "1"}, {}, b"cposix\nsystem\n",
            {"tags": [{"a": object.__name__}]},
            {"count": msgspec.msgpack.Ext(-1, b"\xff" * 12)}, {"label": b"bytes"},
        ]  # fmt: skip
        for state in states:
            packed = msgspec.msgpack.encode(state)
            for changed in ({"state": packed}, {"state": packed, "schema": b"evil"}, {"arguments": packed}):
                forged = seal(msgspec.structs.replace(token, instance="A" * 12, **changed), RING)
                answer = await reset_or_refused(tab, forged)
                assert answer in ("reset", "refused", "pong"), state
                await tab.send("event", "A" * 12, 1, "add")
                await tab.send("leave", "A" * 12)
        assert "add" not in ran or set(ran) <= {"add", "mount"}


async def test_t09_a_login_or_logout_voids_the_tokens_of_before(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)

    async def promote(request: Any) -> Any:
        request.session["user"] = "ann"
        request.session.regenerate()
        return PlainTextResponse("")

    app.add_route("/promote", promote, methods=["POST"])
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        used = await visitor.tab()
        assert (await used.event("add"))[0] == "update"
        await visitor.http.post("/promote")
        assert await used.closed() == 4401
        tab = await visitor.connect()
        await tab.join([], (await visitor.open()).csrf)
        for token in (page.tokens[0], used.shown[used.only].token):
            assert await reset_or_refused(tab, token) == "reset"
        stale = await visitor.connect()
        await stale.send("join", 1, page.csrf, "tab", [])
        assert await stale.closed() == 4401


async def test_t10_a_replay_from_many_tabs_redeems_a_coupon_once(tmp_path: Path) -> None:
    class Coupon(Component):
        used: bool = False
        balance: int = 10
        template = "<p>{{ used }} {{ balance }}</p>"

        @exposed
        async def redeem(self) -> None:
            if not self.used:
                await asyncio.sleep(0)
                self.used, self.balance = True, self.balance + 5
                redeemed.append(self.event.id)

    redeemed: list[str] = []
    where = str(tmp_path / "s.db")
    apps = [asok_app(tmp_path, {"/": "{{ component('Coupon') }}"}, database=where) for _ in range(2)]
    async with attacked(apps[0]) as one, attacked(apps[1]) as two:
        visitor = await one.visitor()
        page = await visitor.open()
        tabs = [await Visitor(served, visitor.http).connect() for served in (one, two) * 4]
        for number, tab in enumerate(tabs):
            tab.name = f"tab{number // 4}"
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("redeem", seq=1) for tab in tabs))
        shown = set()
        for tab in tabs:
            await tab.rejoin(tab.only)
            shown.add(await tab.text_after("", {}) if tab.shown[tab.only].settled else "")
        assert shown == {"<p>True 15</p>"}


async def test_t11_an_event_over_every_way_there_is_runs_once(tmp_path: Path) -> None:
    where = str(tmp_path / "s.db")
    apps = [asok_app(tmp_path, ONE, database=where) for _ in range(2)]
    async with attacked(apps[0]) as one, attacked(apps[1]) as two:
        visitor, elsewhere = await one.visitor(), await two.visitor()
        page = await visitor.open()
        elsewhere.http.cookies.set("asok", visitor.cookie)
        ways = [await each.line(over) for each in (visitor, elsewhere) for over in ("post", "poll")]
        ways += [await each.connect() for each in (visitor, elsewhere) for _ in range(2)]
        for tab in ways:
            tab.name = "the one tab"
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("add", seq=1) for tab in ways))
        assert ran.count("add") >= 1  # what another worker committed first is run again, and only one counts
        for tab in reversed(ways):
            await tab.event("add", seq=1)
        assert {tab.text() for tab in ways} == {"<p title=''>1  </p>"}
        assert (await ways[0].text_after("add")) == "<p title=''>2  </p>"
