"""Floods and slow readers: each honest message is answered, nobody fills the memory, and others do not notice."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from asok import Component, Limits, Store, exposed
from asok.connections import Connections
from asok.conversation import LiveSession
from asok.outbox import Outbox
from asok.protocol import PROTOCOL, Join, Pong, Update
from asok.wire import WebSocketProtocol
from tests.rig import Tab, Visitor, asok_app, rig
from tests.unit.waiting import until

ONE = {"/": "{{ component('FloodedCounter') }}"}
SLOW = {"/": "{{ component('ManyBytes') }}"}


def noise(number: int) -> str:
    """Many bytes of which the next ones share nothing."""
    return "".join(hashlib.sha256(b"%d %d" % (number, part)).hexdigest() for part in range(300))


class FloodedCounter(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    def add(self) -> None:
        self.count += 1


class ManyBytes(Component):
    """Shows a value of a store, or steps, at length."""

    step = 0
    template = "<p>{{ shown }} {{ noise }}</p>"

    @property
    def shown(self) -> str:
        return f"{self.step}/{held[0].read('number')}"

    @property
    def noise(self) -> str:
        return noise(self.step + int(held[0].read("number")))

    @exposed
    async def go_on(self, steps: int) -> AsyncIterator[None]:
        for _ in range(steps):
            self.step += 1
            yield
            await asyncio.sleep(0)


held: list[Store] = []


@pytest.fixture
def numbers() -> Store:
    held.clear()
    gc.collect()
    held.append(Store({"number": 0}, name="limits"))
    return held[0]


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The greatest number of frames that has waited in any outbox."""
    most, put = [0], Outbox.put_text

    def counted(self: Outbox, frame: str) -> None:
        put(self, frame)
        most[0] = max(most[0], len(self))

    monkeypatch.setattr(Outbox, "put_text", counted)
    yield most


async def slow_tab(visitor: Visitor) -> Tab:
    """A joined tab for which the network keeps next to nothing: what it does not read, the server has."""
    page = await visitor.open()
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", visitor.rig.port))
    connecting = websockets.connect(
        f"ws://127.0.0.1:{visitor.rig.port}/live",
        sock=own,
        origin=websockets.Origin(visitor.rig.base),
        additional_headers={"Cookie": f"asok={visitor.cookie}"},
        compression=None,
        max_size=None,
        max_queue=1,
        ping_interval=None,
        close_timeout=1,
        proxy=None,
    )
    tab = Tab(await visitor.rig.closing.enter_async_context(connecting))
    await tab.join(page.tokens, page.csrf)
    return tab


async def test_r18_each_of_a_thousand_events_at_once_is_answered_and_all_are_applied_in_the_end(
    tmp_path: Path, longest: list[int]
) -> None:
    limits = Limits(events_per_second=500, burst=100)
    async with rig(asok_app(tmp_path, ONE, limits=limits)) as served:
        tab, other = await served.tab(), await served.tab()
        instance, answers = tab.only, 0
        for seq in range(1, 1001):
            await tab.send("event", instance, seq, "add")
        assert await other.text_after("add") == "<p>1</p>"
        sent, again, later = 1000, 0.0, 0  # as in a browser, the first that was not taken says when they come again
        while tab.shown[instance].settled < 1000:
            if later and time.monotonic() >= again:
                # What is said of the first thousand may still arrive; a browser never has so many under way.
                sent, later = min(later - 1, tab.shown[instance].settled), 0
            while not later and sent < min(tab.shown[instance].settled + 32, 1000):
                sent += 1
                await tab.send("event", instance, sent, "add")
            with suppress(TimeoutError):
                async with asyncio.timeout(again - time.monotonic() if later else 10):
                    frame = await tab.receive()
                answers += 1
                assert frame[0] in ("update", "slow_down"), frame
                if frame[0] == "slow_down" and not later:
                    again, later = time.monotonic() + frame[3] / 1000, frame[2]
        assert tab.text() == "<p>1000</p>"
        assert answers >= 1000
        assert longest[0] <= 33


async def test_t43_the_sockets_of_a_session_share_what_it_may_send(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(events_per_second=0.01, burst=6))) as served:
        visitor = await served.visitor()
        first, second, stranger = await visitor.tab(), await visitor.tab(), await served.tab()
        for tab in (first, second) * 3:
            assert (await tab.event("add"))[0] == "update"
        assert [(await tab.event("add"))[0] for tab in (first, second)] == ["slow_down"] * 2
        assert (await stranger.event("add"))[0] == "update"
        # Nor does a new connection bring anything back.
        await first.socket.close()
        fresh = await visitor.tab()
        assert (await fresh.event("add"))[0] == "slow_down"


@pytest.mark.parametrize(
    "message",
    [
        ("ping",), ("leave", "nobody"), ("cancel", "nobody"), ("answer", "nobody", 1, 1), ("react", []),
        ("unfollow", "limits", "x"),
    ],
)  # fmt: skip
async def test_t43_no_message_is_free(tmp_path: Path, numbers: Store, message: tuple[Any, ...]) -> None:
    limits = Limits(messages_per_second=100, messages_burst=20)
    async with rig(asok_app(tmp_path, ONE, limits=limits)) as served:
        tab, other = await served.tab(), await served.tab()
        began = time.monotonic()
        for _ in range(69):
            await tab.send(*message)
        await tab.send("ping")
        assert (await other.event("add"))[0] == "update"
        for _ in range(70 if message == ("ping",) else 1):
            await tab.until("pong")
        assert time.monotonic() - began >= 0.45  # 50 messages beyond the burst


async def test_t43_others_are_answered_while_one_floods(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab, honest = await served.tab(), await served.tab()

        async def flood() -> None:
            for number in range(10_000):
                await tab.send("event", tab.only, 1 + number % 2, "add")
                await asyncio.sleep(0)

        flooding, closed = asyncio.create_task(flood()), asyncio.create_task(tab.closed())
        for _ in range(20):
            async with asyncio.timeout(20):
                assert (await honest.event("add"))[0] == "update"
        assert await closed == 4429
        await asyncio.gather(flooding, return_exceptions=True)


async def test_t42_a_join_is_worth_as_many_messages_as_it_names_instances(tmp_path: Path) -> None:
    limits = Limits(messages_per_second=100, messages_burst=20)
    body = "{% for n in range(30) %}{{ component('FloodedCounter', key=n) }}{% endfor %}"
    async with rig(asok_app(tmp_path, {"/": body}, limits=limits)) as served:
        tab, other = await served.tab(), await served.tab()
        tokens = [[shown.token, 0, 0] for shown in tab.shown.values()]
        began = time.monotonic()
        for _ in range(3):
            await tab.send("join", 1, tab.csrf, tab.name, tokens)
        await tab.send("ping")
        assert (await other.event("add"))[0] == "update"
        await tab.until("pong")
        assert time.monotonic() - began >= 0.6


@pytest.mark.parametrize(
    "message",
    [("answer", "nobody", 1, 1, "a" * 60_000), ("react", [f"numbers/number.{n}" for n in range(60)])],
    ids=["long", "regions"],
)
async def test_t43_a_message_is_worth_what_it_costs(tmp_path: Path, numbers: Store, message: tuple[Any, ...]) -> None:
    """A thousand messages at once of 64 KiB each would fill the memory, and hold the worker for seconds."""
    limits = Limits(messages_per_second=100, messages_burst=20)
    async with rig(asok_app(tmp_path, ONE, limits=limits)) as served:
        tab, other = await served.tab(), await served.tab()
        began = time.monotonic()
        for _ in range(5):
            await tab.send(*message)
        await tab.send("ping")
        assert (await other.event("add"))[0] == "update"
        await tab.until("pong")
        assert time.monotonic() - began >= 0.5  # else 7 messages


async def test_r24_who_reads_late_gets_the_newest_and_not_a_thousand_old_ones(
    tmp_path: Path, numbers: Store, longest: list[int]
) -> None:
    async with rig(asok_app(tmp_path, SLOW)) as served:
        tab = await slow_tab(await served.visitor())
        for _ in range(1000):
            await numbers.update("number", 1)
        await tab.shows(">0/1000 ")
        updates = [frame for frame in tab.frames if frame[0] == "update"]
        assert tab.text().endswith(f">0/1000 {noise(1000)}</p>")
        assert len(updates) < 500
        assert longest[0] <= 32


async def test_r24_steps_that_nobody_reads_are_left_out_but_for_the_newest(
    tmp_path: Path, numbers: Store, longest: list[int]
) -> None:
    async with rig(asok_app(tmp_path, SLOW)) as served:
        tab = await slow_tab(await served.visitor())
        await tab.send("event", tab.only, 1, "go_on(600)")
        await asyncio.sleep(1)
        await tab.settled(tab.only, 1)
        assert tab.text().endswith(f">600/0 {noise(600)}</p>")
        assert len(tab.frames) < 400
        assert longest[0] <= 33


async def test_r24_a_step_that_could_not_be_sent_is_shown_when_there_is_room(
    tmp_path: Path, numbers: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()

    class StepsOnce(Component):
        step = 0
        template = "<p>{{ step }}</p>"

        @exposed
        async def go_on(self) -> AsyncIterator[None]:
            self.step = 1
            monkeypatch.setattr(Outbox, "has_room", property(lambda self: False))
            yield
            monkeypatch.undo()
            self.step = 2
            yield
            await go.wait()
            self.step = 3

    async with rig(asok_app(tmp_path, {"/": "{{ component('StepsOnce') }}"})) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "go_on")
        await tab.shows("<p>2</p>")
        go.set()
        await tab.shows("<p>3</p>")
        assert [frame[2] for frame in tab.frames if frame[0] == "update"] == [0, 1]


def sockets_that_the_server_holds() -> int:
    """Also those that it would close, if only the other side read what waits to be sent."""
    kinds = (WebSocketProtocol, WebSocketsSansIOProtocol)
    transports = [each.transport for each in gc.get_objects() if type(each) in kinds]
    return sum(not each.is_closing() or each.get_write_buffer_size() > 0 for each in transports)


@pytest.mark.parametrize(
    ("mounted", "socket_class"),
    [(False, WebSocketProtocol), (True, WebSocketProtocol), (True, WebSocketsSansIOProtocol)],
)
async def test_t44_who_never_reads_is_cut_and_leaves_no_connection_behind(
    tmp_path: Path, numbers: Store, mounted: bool, socket_class: type[asyncio.Protocol]
) -> None:
    app = asok_app(tmp_path, SLOW, limits=Limits(send_timeout=0.3))
    async with rig(Starlette(routes=[Mount("/", app)]) if mounted else app, ws=socket_class) as served:
        visitor = await served.visitor()
        tab, other = await slow_tab(visitor), await visitor.tab()
        while app._engine.crowd.size == 2:
            await numbers.update("number", 1)
            await other.receive()
        await until(lambda: sockets_that_the_server_holds() == 1)
        assert await tab.closed() == 1006
        await numbers.update("number", 1)
        await other.shows(f">0/{numbers.read('number')} ")


@pytest.mark.parametrize("limits", [Limits(messages_per_second=0.001, messages_burst=1), Limits(outbox_messages=1)])
async def test_t43_who_is_sent_away_is_not_kept_waiting_for_the_end(tmp_path: Path, limits: Limits) -> None:
    session = LiveSession(asok_app(tmp_path, ONE, limits=limits)._engine, {"type": "websocket"}, "")
    session.receive(Join(PROTOCOL, "", "tab", []))
    session.outbox.close(4429, "too many events")
    async with asyncio.timeout(20):
        for _ in range(3):
            await session.ready()


class Stuck:
    """A wire that takes no frame, and perhaps a last word."""

    heartbeat = straight = None

    def __init__(self, *, hears: bool) -> None:
        self.hears, self.ended = hears, list[int | str]()

    async def send(self, frame: str) -> None:
        await asyncio.Event().wait()

    async def beat(self) -> None: ...

    async def close(self, code: int) -> None:
        await (asyncio.sleep(0) if self.hears else asyncio.Event().wait())
        self.ended.append(code)

    def cut(self) -> None:
        self.ended.append("cut")


@pytest.mark.parametrize(("hears", "ended"), [(True, [1013]), (False, ["cut"])])
async def test_t44_who_is_cut_is_told_so_where_that_can_be_sent(
    tmp_path: Path, hears: bool, ended: list[int | str]
) -> None:
    engine = asok_app(tmp_path, ONE, limits=Limits(send_timeout=0.05))._engine
    session, wire = LiveSession(engine, {"type": "websocket"}, ""), Stuck(hears=hears)
    session.outbox.put(Pong())
    await Connections(engine).carry(session, asyncio.Event().wait, wire)  # type: ignore[arg-type]  # never returns
    assert wire.ended == ended


def test_t44_an_outbox_has_room_below_its_bounds_only() -> None:
    outbox = Outbox(Limits(outbox_messages=3, outbox_bytes=1000))
    for _ in range(3):
        assert outbox.has_room
        outbox.put(Update("i", 1, "x"))
    assert not outbox.has_room
    outbox = Outbox(Limits(outbox_messages=3, outbox_bytes=1000))
    outbox.put_text(json.dumps("x" * 1000))
    assert not outbox.has_room
