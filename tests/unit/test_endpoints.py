"""The edge: who may open a socket, how it ends, and the runtime's files."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from asok import Component, Settings, exposed
from asok.loading import Loaded
from asok.origins import allowed_origin, host_allowed
from asok.server import Server, Serving
from tests.rig import KEY, Tab, asok_app, rig

PLACE = Path("/nowhere")


@pytest.fixture(autouse=True)
def counter() -> None:
    @exposed
    def add(self: Any) -> None:
        self.count += 1

    type("Counter", (Component,), {"count": 0, "template": "<p>{{ count }}</p>", "add": add})


ONE = {"/": "{{ component('Counter') }}"}


def settings(**changes: Any) -> Settings:
    return Settings(PLACE, keys=(KEY,), **changes)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True), ("localhost:8000", True), ("127.0.0.1:1", True), ("[::1]", True), ("[::1]:80", True),
        ("", False), ("evil.test", False), ("localhost.evil.test", False), ("evil.localhost", False), (":80", False),
        ("localhost:80:80", False), ("localhost@evil.test", False), ("[::2]:80", False), ("localhost:", True),
        ("localhost:80@evil.test", False), ("localhost:@evil.test", False), ("localhost:80/x", False),
    ],
)  # fmt: skip
def test_only_the_names_of_the_app_are_served(host: str, allowed: bool) -> None:
    assert host_allowed(host, settings()) is allowed


def test_the_names_of_hosts_have_no_case() -> None:
    assert host_allowed("LocalHost:8000", settings())
    assert host_allowed("shop.test", settings(hosts=("Shop.Test",)))
    assert host_allowed("A.app.test", settings(hosts=("*.App.test",)))


def test_a_star_stands_for_subdomains_and_not_for_the_name_itself() -> None:
    with_star = settings(hosts=("*.app.test",))
    assert host_allowed("a.app.test", with_star)
    assert not host_allowed("app.test", with_star)
    assert not host_allowed("evilapp.test", with_star)
    for evil in (
        "evil.test/.app.test",
        "evil.test#.app.test",
        "evil.test?.app.test",
        "evil.test\\.app.test",
        "a@.app.test",
    ):
        assert not host_allowed(evil, with_star)


def scope(origin: str | None, host: str = "app.test", scheme: str = "wss") -> dict[str, Any]:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode("latin-1"))] if origin is not None else [])
    return {"type": "websocket", "scheme": scheme, "headers": headers}


def test_an_origin_is_compared_whole() -> None:
    assert allowed_origin(scope("https://app.test"), settings())
    assert allowed_origin(scope("https://app.test:443"), settings())
    assert not allowed_origin(scope("http://app.test"), settings())
    assert not allowed_origin(scope("https://app.test:444"), settings())
    assert not allowed_origin(scope(None), settings())
    twice = scope("https://app.test")
    twice["headers"].append((b"origin", b"https://app.test"))
    assert not allowed_origin(twice, settings())


def test_other_origins_are_those_that_the_settings_name() -> None:
    named = settings(origins=("https://shop.test:8443",))
    assert allowed_origin(scope("https://shop.test:8443"), named)
    assert not allowed_origin(scope("https://shop.test"), named)
    assert not allowed_origin(scope("https://x.shop.test:8443"), named)


@given(st.text(st.characters(max_codepoint=255)))
def test_no_origin_but_our_own_is_let_in(origin: str) -> None:
    ours = re.fullmatch(r"(?i)https://app\.test(:443)?[?#]?", origin.strip())
    assert allowed_origin(scope(origin), settings()) is False or ours


@given(st.text(max_size=20), st.sampled_from(["https://app.test", "https://", "null", "https://app.test:443"]))
def test_what_only_holds_our_origin_is_not_let_in(more: str, base: str) -> None:
    for origin in (more + base, base + more):
        try:
            allowed = allowed_origin(scope(origin), settings())
        except UnicodeEncodeError:
            continue
        assert not allowed or re.fullmatch(r"(?i)[\s\x00-\x20]*https://app\.test(:0*443|:)?[?#]?[\s\x00-\x20]*", origin)


async def test_a_socket_whose_session_is_gone_is_told_to_fetch_the_page(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        tab = await visitor.connect(cookie="A" * 43)
        assert await tab.closed() == 4401


async def test_a_server_may_leave_out_the_scheme_as_asgi_allows(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Counter') }}"})

    async def without(scope: Scope, receive: Receive, send: Send) -> None:
        await app({name: value for name, value in scope.items() if name != "scheme"}, receive, send)

    async with rig(without) as served:
        tab = await served.tab()
        assert (await tab.event("add"))[0] == "update"


async def test_a_socket_that_was_closed_is_left_though_the_server_does_not_tell_that_it_is_over(tmp_path: Path) -> None:
    app, left = asok_app(tmp_path, ONE), asyncio.Event()

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                await asyncio.Event().wait()
            return message

        await app(scope, hear if scope["type"] == "websocket" else receive, send)
        left.set()

    async with rig(silent) as served:
        tab = await (await served.visitor()).connect()
        await tab.raw("{")
        assert await tab.closed() == 4400
        async with asyncio.timeout(10):
            await left.wait()


async def test_the_runtime_is_served_under_its_hash_and_kept_for_ever(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        script = re.search(r'src="(/live/([0-9a-f]{12})/alive\.js)"', page.text)
        assert script is not None
        answer = await visitor.http.get(script[1])
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        earlier = await visitor.http.get("/live/000000000000/messages.js")
        assert (earlier.status_code, earlier.headers["cache-control"]) == (200, "no-store")
        for wrong in (
            f"/live/{script[2]}/nope.js",
            f"/live/{script[2]}/..%2f..%2fapp.py",
        ):
            assert (await visitor.http.get(wrong)).status_code == 404
        later = await visitor.http.get("/live/0123456789ab/later.js")
        assert (later.status_code, later.headers["cache-control"]) == (404, "no-store")


async def test_the_endpoints_path_is_a_setting(tmp_path: Path) -> None:
    from asok import Asok

    app = asok_app(tmp_path, ONE)
    moved = Asok(
        root=tmp_path,
        settings=Settings(tmp_path, keys=(KEY,), database=":memory:", live="/_/socket"),
        env=app.env,
    )
    moved.page("/", "page0.html")
    async with rig(moved) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        assert 'data-live="/_/socket"' in page.text
        tab = await visitor.connect(path="/_/socket")
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"


async def test_a_drain_lets_methods_answer_then_sends_everybody_elsewhere(tmp_path: Path) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def wait(self: Any) -> None:
        begun.set()
        await gate.wait()
        self.count += 1

    type("Waits", (Component,), {"count": 0, "template": "<p>{{ count }}</p>", "wait": exposed(wait)})
    app = asok_app(tmp_path, {"/": "{{ component('Waits') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.send("event", tab.only, 1, "wait")
        await begun.wait()
        draining = asyncio.create_task(app.drain(5))
        await asyncio.sleep(0)
        with pytest.raises(websockets.InvalidStatus) as refused:
            await visitor.connect()
        assert refused.value.response.status_code == 503
        gate.set()
        assert (await tab.settled(tab.only, 1))[0] == "update"
        await draining
        assert await tab.closed() == 1012


@pytest.mark.parametrize("over", ["socket", "post", "poll"])
async def test_an_app_that_was_drained_may_be_served_again(tmp_path: Path, over: str) -> None:
    app = asok_app(tmp_path, ONE)
    for _ in range(2):
        async with rig(app) as served:
            visitor = await served.visitor()
            assert (await visitor.http.get("/live/health")).json() == {"status": "ready"}
            tab = await visitor.tab(over=over)
            assert await tab.text_after("add") == "<p>1</p>"
            await app.drain(1)


async def test_a_method_that_runs_when_the_page_is_left_may_finish(tmp_path: Path) -> None:
    gate, begun, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def save(self: Any) -> None:
        begun.set()
        await gate.wait()
        self.count += 1
        done.set()

    type("Saves", (Component,), {"count": 0, "template": "<p>{{ count }}</p>", "save": exposed(save)})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Saves') }}"})) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "save")
        await begun.wait()
        await tab.socket.close()
        await (await served.visitor()).http.get("/")
        gate.set()
        async with asyncio.timeout(20):
            await done.wait()


async def test_a_template_that_changed_is_told_to_open_pages_in_development(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, debug=True)
    async with rig(app) as served:
        tab = await served.tab()
        await app.refresh("css")
        assert await tab.until("refresh") == ["refresh", "css"]


async def frames(tab: Tab, number: int) -> list[Any]:
    return [await tab.receive() for _ in range(number)]


async def test_r29_a_method_longer_than_the_ping_timeout_keeps_its_connection_and_the_clicks_behind_it(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()

    async def wait(self: Any) -> None:
        await gate.wait()

    def add(self: Any) -> None:
        self.count += 1

    members = {"count": 0, "template": "<p>{{ count }}</p>", "wait": exposed(timeout=120)(wait), "add": exposed(add)}
    type("WaitsLong", (Component,), members)
    app = asok_app(tmp_path, {"/": "{{ component('WaitsLong') }}"})
    async with rig(app, ws_ping_interval=0.1, ws_ping_timeout=0.4) as served:
        tab = await (await served.visitor()).tab()
        await tab.send("event", tab.only, 1, "wait")
        reading = asyncio.create_task(frames(tab, 61))  # a browser always reads
        for seq in range(2, 62):
            await tab.send("event", tab.only, seq, "add")
        await asyncio.sleep(1)  # twice as long as a connection that does not read would live
        gate.set()
        answers = {frame[2]: frame[0] for frame in await reading}
        assert set(answers.values()) == {"update", "slow_down"}
        taken = [seq for seq, kind in answers.items() if kind == "update"]
        assert tab.text() == f"<p>{max(taken) - 1}</p>"
        assert taken == sorted(taken)


def test_r25_the_server_pings_more_often_than_proxies_close_what_is_silent(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    run = Server(Serving(tmp_path / "app.py", "127.0.0.1"), Loaded(app, (app,)), lambda started: None)
    for config in (run.config, uvicorn.Config(app)):
        assert config.ws_ping_interval is not None
        assert config.ws_ping_interval < 30
