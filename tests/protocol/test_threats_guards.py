"""Threats T12 and T13: who is let in, and how long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from asok import Component, Denied, exposed
from tests.protocol.attacked import (
    ONE,
    OTHER_KEY,
    asok_app,
    attacked,
    define,
    members,
    ran,
    reset_or_refused,
)
from tests.rig import KEY, Tab, Visitor


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t12_the_guard_decides_at_the_page_at_join_and_before_every_event(tmp_path: Path) -> None:
    async def member(request: Any, session: Any) -> bool:
        await asyncio.sleep(0)
        return "user" in session

    app = asok_app(tmp_path, templates={"m.html": "{{ alive() }}{{ component('Counter') }}"})
    app.page("/m", "m.html", guard=member)
    members(app)
    async with attacked(app) as served:
        visitor = await served.visitor()
        assert (await visitor.http.get("/m")).status_code == 403
        await visitor.http.post("/in")
        page = await visitor.open("/m")
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"

        async def forget(request: Any) -> Any:
            request.session.pop("user", None)
            return PlainTextResponse("")

        app.add_route("/forget", forget, methods=["POST"])
        await visitor.http.post("/forget")
        ran.clear()
        assert (await tab.event("add"))[3] == "denied"
        late = await visitor.connect()
        await late.join(page.tokens, page.csrf)
        assert (await late.until("refused"))[3] == "denied"
        assert (await late.event("add"))[3] == "denied"
        assert ran == []
        await visitor.http.post("/in")
        assert (await tab.event("add"))[0] == "update"


async def test_t12_a_page_without_components_is_guarded_before_anything_of_it_is_made(tmp_path: Path) -> None:
    async def member(request: Any, session: Any) -> bool:
        return "user" in session

    app = asok_app(tmp_path, ONE, templates={"plans.html": "<h1>secret plans of {{ who }}</h1>"})

    @app.page("/plans", "plans.html", guard=member)
    def plans(request: Any) -> dict[str, str]:
        ran.append("made")
        return {"who": "ann"}

    members(app)
    async with attacked(app) as served:
        visitor = await served.visitor()
        for path in ("/plans", "/plans?user=ann", "/plans#"):
            refused = await visitor.http.get(path)
            assert refused.status_code == 403 and "secret" not in refused.text
        assert "made" not in ran
        await visitor.http.post("/in")
        assert "secret plans" in (await visitor.http.get("/plans")).text


async def test_t12_the_guard_of_a_component_is_asked_too(tmp_path: Path) -> None:
    class Vault(Component):
        template = "<p>gold</p>"

        def guard(self, request: Any, session: Any) -> None:
            if "user" not in session:
                raise Denied("the vault")

        @exposed
        def take(self) -> None:
            ran.append("take")

    app = asok_app(tmp_path, {"/": "{{ component('Vault') }}"})
    members(app)
    async with attacked(app) as served:
        visitor = await served.visitor()
        refused = await visitor.http.get("/")
        assert refused.status_code == 403
        assert "gold" not in refused.text
        await visitor.http.post("/in")
        tab = await visitor.tab()
        assert (await tab.event("take"))[0] == "update"


async def test_t12_a_logout_closes_the_sockets_of_its_session_and_no_others(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    members(app)
    async with attacked(app) as served:
        ann, bob = await served.visitor(), await served.visitor()
        hers, his = await ann.tab(), await bob.tab()
        old = ann.cookie
        page = await ann.open()
        async with asyncio.timeout(20):
            await ann.http.post("/out")
            assert await hers.closed() == 4401
        assert ann.cookie != old
        assert (await his.event("add"))[0] == "update"
        thief = await ann.connect(cookie=old)
        assert await thief.closed() == 4401
        again = await ann.connect()
        await again.join([], (await ann.open()).csrf)
        assert await reset_or_refused(again, page.tokens[0]) == "reset"


async def test_t13_the_guards_are_those_of_the_page_that_made_the_token(tmp_path: Path) -> None:
    async def nobody(request: Any, session: Any) -> bool:
        seen.append((request.url.path, request.path_params, request.query_params.get("q")))
        return not revoked

    seen: list[Any] = []
    revoked: list[bool] = []
    app = asok_app(tmp_path, ONE, templates={"m.html": "{{ alive() }}{{ component('Counter') }}"})
    app.page("/m/{room}", "m.html", guard=nobody)
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open("/m/7?q=1")
        revoked.append(True)
        tab = await visitor.connect(path="/live?path=/")
        await tab.join(page.tokens, page.csrf)
        assert (await tab.until("refused"))[3] == "denied"
        assert seen == [("/m/7", {"room": "7"}, "1")] * len(seen)


async def test_the_key_ring_rotates_and_nobody_notices(tmp_path: Path) -> None:
    where = str(tmp_path / "s.db")
    rings = [(KEY,), (OTHER_KEY, KEY), (OTHER_KEY,)]
    visitor: Visitor | None = None
    tab: Tab | None = None
    answers = []
    for keys in rings:
        async with attacked(asok_app(tmp_path, ONE, keys=keys, database=where)) as served:
            if visitor is None or tab is None:
                visitor = await served.visitor()
                tab = await visitor.tab()
                cookie = visitor.cookie
            else:
                left, csrf = tab.shown, tab.csrf
                tab = await (await served.visitor()).connect(cookie=cookie)
                tab.shown, tab.csrf = left, csrf
                await tab.rejoin(tab.only)
            answers.append(await tab.text_after("add"))
    assert answers == [f"<p title=''>{number}  </p>" for number in (1, 2, 3)]


async def test_t12_a_logout_on_one_worker_closes_the_sockets_of_the_other(tmp_path: Path) -> None:
    where = str(tmp_path / "s.db")
    apps = [asok_app(tmp_path, ONE, database=where) for _ in range(2)]
    for app in apps:
        members(app)
    async with attacked(apps[0]) as one, attacked(apps[1]) as two:
        ann = await one.visitor()
        page = await ann.open()
        elsewhere = Visitor(two, ann.http)
        tab = await elsewhere.connect()
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"
        bob = await two.tab()
        async with asyncio.timeout(20):
            await ann.http.post(f"{one.base}/out")
            assert await tab.closed() == 4401
        assert (await bob.event("add"))[0] == "update"
