"""One change and many who are told: each gets it once, in order, whole; who does not read holds nobody up."""

from __future__ import annotations

import asyncio
import gc
import html
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asok import Component, Limits, Store, exposed, wire_frames
from asok.loading import Loaded
from asok.server import THRESHOLDS, Server, Serving, serve
from tests.rig import Rig, Tab, asok_app, rig
from tests.unit.waiting import until

REACT = re.compile(r'data-asok-react="([^"]*)"')
BODY = "{{ component('FanoutStill') }}{{ store('fanout').react('text') }}"
STOCK = {"ws": "websockets-sansio"}
LONG = "x" * 60_000


class FanoutStill(Component):
    """Stands beside the region."""

    template = "<p></p>"


class FanoutReads(Component):
    """Shows what the store says."""

    template = "<p>{{ store('fanout').read('text') }}</p>"


class FanoutMine(Component):
    """Shows it beside a word of its own, which may be long."""

    word = ""
    template = "<p>{{ word }} {{ store('fanout').read('text') }} {{ word }}</p>"

    @exposed
    async def say(self, word: str) -> None:
        """Take the word."""
        self.word = word


@pytest.fixture(autouse=True)
def store() -> Store:
    gc.collect()
    return Store({"text": "0"}, name="fanout", readable=["text"], writable={"text": str})


@asynccontextmanager
async def served(tmp_path: Path, body: str = BODY, *, stock: bool = False, **options: Any) -> AsyncIterator[Rig]:
    async with rig(asok_app(tmp_path, {"/": body}, **options), **(STOCK if stock else {})) as made:
        yield made


async def reacting(site: Rig, tab: Tab | None = None) -> Tab:
    """A tab that shows the region."""
    visitor = await site.visitor()
    page = await visitor.open()
    if tab is None:
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
    await tab.send("react", [html.unescape(key) for key in REACT.findall(page.text)])
    await tab.until("store")
    return tab


async def text(tab: Tab) -> str:
    """The region's next text."""
    return str((await tab.until("store"))[3])


@pytest.mark.parametrize("stock", [False, True])
async def test_every_tab_is_told_each_text_in_order(tmp_path: Path, store: Store, stock: bool) -> None:
    async with served(tmp_path, stock=stock) as site:
        tabs = [await reacting(site) for _ in range(4)]
        for number in range(1, 4):
            await store.set("text", str(number))
            assert [await text(tab) for tab in tabs] == [str(number)] * 4


async def test_a_text_that_goes_to_many_is_encoded_and_framed_once(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    framed, frame = [], wire_frames.framed

    def counting(first: int, content: bytes) -> bytes:
        framed.append(content)
        return frame(first, content)

    async with served(tmp_path) as site:
        tabs = [await reacting(site) for _ in range(4)]
        monkeypatch.setattr("asok.wire.framed", counting)
        await store.set("text", "once")
        assert [await text(tab) for tab in tabs] == ["once"] * 4
        assert len([each for each in framed if b"once" in each]) == 1


async def test_others_get_the_loop_while_many_are_told_and_each_is_told_the_newest(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.regions.AT_ONCE", 1)
    async with served(tmp_path) as site:
        tabs = [await reacting(site) for _ in range(6)]
        [region] = site.app._engine.regions._known.values()
        order, loop, catch_up, changing = list[Any](), asyncio.get_running_loop(), region.catch_up, set[Any]()

        def tell(tab: Any) -> None:
            order.append(tab)
            catch_up(tab)
            loop.call_soon(order.append, None)
            if len(changing) < 1:  # while they are told there is another text
                changing.add(asyncio.ensure_future(store.set("text", "second")))

        monkeypatch.setattr(region, "catch_up", tell)
        await store.set("text", "first")
        seen = [await texts_until(tab, "second") for tab in tabs]
        assert seen[0] == ["first", "second"]
        assert all(each in (["first", "second"], ["second"]) for each in seen)
        assert [each for each in order if each is not None][:6] == list(region._tabs)
        assert all(None in order[place : place + 2] for place in range(len(order) - 1))


async def texts_until(tab: Tab, last: str) -> list[str]:
    """What the region shows, until it shows this."""
    found = [await text(tab)]
    while found[-1] != last:
        found.append(await text(tab))
    return found


async def test_a_tab_that_cannot_be_told_keeps_no_other_from_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as site:
        tabs = [await reacting(site) for _ in range(3)]
        [region] = site.app._engine.regions._known.values()
        first = next(iter(region._tabs))

        def fails(region: Any) -> None:
            raise ValueError("it cannot")

        monkeypatch.setattr(first, "show", fails)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        await store.set("text", "told")
        assert [await text(tab) for tab in tabs[1:]] == ["told"] * 2


async def test_who_writes_has_been_told_what_it_changed_however_many_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.regions.AT_ONCE", 1)
    async with served(tmp_path) as site:
        writer = [await reacting(site) for _ in range(3)][-1]
        await writer.send("write", 1, "set", "fanout", "text", "mine")
        assert (await writer.until("store"))[1:2] == ["text"]
        assert (await writer.until("store"))[1:3] == ["written", 1]


@pytest.mark.parametrize("stock", [False, True])
async def test_a_tab_that_does_not_read_holds_nobody_up_and_is_cut(tmp_path: Path, store: Store, stock: bool) -> None:
    async with served(tmp_path, stock=stock, limits=Limits(send_timeout=0.3)) as site:
        reads = await reacting(site)
        stuck = await small_socket(site)
        await reacting(site, stuck)
        for number in range(60):
            await store.set("text", f"{number} {LONG}")
            assert (await text(reads)).split()[0] == str(number)
        await until(lambda: len(site.app._connections.open) == 1)


async def small_socket(site: Rig) -> Tab:
    """A joined tab for which the network keeps next to nothing."""
    visitor = await site.visitor()
    page = await visitor.open()
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", site.port))
    headers, origin = {"Cookie": f"asok={visitor.cookie}"}, websockets.Origin(site.base)
    options: dict[str, Any] = {"compression": None, "max_queue": 1, "ping_interval": None, "close_timeout": 1}
    connecting = websockets.connect(
        f"ws://127.0.0.1:{site.port}/live", sock=own, origin=origin, additional_headers=headers, proxy=None, **options
    )
    tab = Tab(await site.closing.enter_async_context(connecting))
    await tab.join(page.tokens, page.csrf)
    return tab


class Listening:
    """A middleware of the app that sees what is sent to browsers."""

    def __init__(self, app: ASGIApp, heard: Callable[[Message], None]) -> None:
        self.app, self.heard = app, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            self.heard(message)
            await send(message)

        await self.app(scope, receive, say)


async def test_a_middleware_of_the_app_sees_all_that_is_sent(tmp_path: Path, store: Store) -> None:
    heard: list[Message] = []
    async with served(tmp_path, middleware=[Middleware(Listening, heard=heard.append)]) as site:
        tab = await reacting(site)
        await store.set("text", "seen")
        assert await text(tab) == "seen"
        assert any("seen" in each.get("text", "") for each in heard if each["type"] == "websocket.send")


async def test_components_that_read_are_shown_anew_each_with_its_own_token(tmp_path: Path, store: Store) -> None:
    async with served(tmp_path, "{{ component('FanoutReads') }}", limits=Limits(joins_per_second=0)) as site:
        tabs = [await site.tab() for _ in range(5)]
        for number in range(1, 4):
            await store.set("text", str(number))
            for tab in tabs:
                await tab.until("update")
                assert tab.text() == f'<p data-live="0">{number}</p>'
        assert len({tab.shown[tab.only].token for tab in tabs}) == 5


async def test_pages_that_show_different_texts_each_get_their_own_difference(tmp_path: Path, store: Store) -> None:
    words = ["one", "quite another", "one", "x" * 300]
    async with served(tmp_path, "{{ component('FanoutMine') }}", limits=Limits(joins_per_second=0)) as site:
        tabs = [await site.tab() for _ in words]
        for tab, word in zip(tabs, words, strict=True):
            await tab.event(f"say('{word}')")
        for number in range(1, 4):
            await store.set("text", str(number))
            for tab, word in zip(tabs, words, strict=True):
                await tab.until("update")
                assert tab.text() == f'<p data-live="0">{word} {number} {word}</p>'


def test_a_process_that_serves_does_not_stop_at_each_change_to_look_for_garbage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, before = list[tuple[Any, bool]](), gc.get_threshold()

    class Looks(Server):
        def run(self, sockets: list[socket.socket] | None = None) -> None:
            found.append((gc.get_threshold(), gc.get_freeze_count() > 10_000))

    monkeypatch.setattr("asok.server.Server", Looks)
    gc.unfreeze()  # what the tests have frozen when they began
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serve(Serving(tmp_path, "127.0.0.1"), Loaded(asok_app(tmp_path), ()), listener, lambda told: None)
    finally:
        gc.set_threshold(*before)
    assert found == [(THRESHOLDS, True)]


async def test_what_became_due_before_a_drain_is_waited_for(tmp_path: Path) -> None:
    async with served(tmp_path, "{{ component('FanoutReads') }}") as site:
        await site.tab()
        [session] = site.app._connections.open
        [line] = session._lines.values()
        line.outdated()
        assert line.task is None
        await session.settle(10)
        assert not line.work
        assert not line.turning
