"""Threats T39 to T49: too much of everything."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from starlette.requests import HTTPConnection

from asok import Component, Limits, Settings, exposed
from asok.calls import parse_call
from asok.errors import AsokError
from asok.loading import Loaded
from asok.origins import allowed_origin
from asok.paths import parse_path
from asok.server import Serving, uvicorn_config
from asok.sessions import owner_of
from asok.shape import check_shape
from asok.state import unseal
from asok.window import is_site_path
from tests.protocol.attacked import (
    ONE,
    RING,
    asok_app,
    attacked,
    define,
    ran,
    reset_or_refused,
)
from tests.unit.commands import running


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


@contextlib.contextmanager
def configured() -> Iterator[None]:
    """Whatever uvicorn's configuration does to the loggers is undone."""
    loggers = [logging.getLogger(name) for name in ("asok", "uvicorn", "uvicorn.access", "uvicorn.error")]
    before = [(each.level, each.propagate, each.handlers[:], each.filters[:]) for each in loggers]
    try:
        yield
    finally:
        for each, (level, propagate, handlers, filters) in zip(loggers, before, strict=True):
            each.setLevel(level)
            each.propagate, each.handlers[:], each.filters[:] = propagate, handlers, filters


async def test_t40_a_message_above_64_kib_ends_the_connection(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        for frame in ('["leave","' + "x" * 66_000 + '"]', '["leave","' + "é" * 40_000 + '"]'):
            tab = await served.tab()
            await tab.raw(frame)
            assert await tab.closed() == 1009


async def test_t41_a_call_has_32_arguments_and_a_message_ten_thousand_values(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event(f"retag({','.join('1' * 33)})"))[3] == "bad_args"
        assert (await tab.event("add", {"form": [["a", "b"]] * 3000}))[0] == "update"
        await tab.send("event", tab.only, 3, "add", {"form": [["a", "b"]] * 4500})
        assert await tab.closed() == 4400


async def test_t42_a_connection_has_so_many_instances_and_a_session_so_many_records(tmp_path: Path) -> None:
    body = "{% for n in range(5) %}{{ component('Other', key=n) }}{% endfor %}"
    app = asok_app(tmp_path, {"/": body}, limits=Limits(instances=3, records=4))
    async with attacked(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        refused = [await tab.until("refused"), await tab.until("refused")]
        assert {frame[1] for frame in refused} == set(list(tab.shown)[3:])
        for _ in range(4):
            more = await visitor.tab()
            for name in list(more.shown)[:3]:
                await more.event("add", instance=name)
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 4


async def test_t42_loading_pages_alone_fills_no_session(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, limits=Limits(records=8))
    async with attacked(app) as served:
        visitor = await served.visitor()
        for _ in range(40):
            await visitor.open()
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 8


async def test_t43_a_burst_is_answered_to_the_last_event_and_a_flood_is_cut(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab, honest = await served.tab(), await served.tab()
        for seq in range(1, 301):
            await tab.send("event", tab.only, seq, "add")
        answered = 0
        while answered < 300:
            frame = await tab.receive()
            answered += frame[2] - tab.shown[tab.only].last if frame[0] == "update" else 1
            tab.shown[tab.only].last = max(tab.shown[tab.only].last, tab.shown[tab.only].settled)
        assert (await honest.event("add"))[0] == "update"

        async def flood() -> None:
            for seq in range(1, 10_001):
                await tab.send("event", tab.only, 1000 + seq, "add")

        sending = asyncio.create_task(flood())
        assert await tab.closed() == 4429
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (await honest.event("add"))[0] == "update"


async def test_t43_a_flood_is_cut_though_its_answers_are_read(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE, limits=Limits(burst=5, strikes=300))) as served:
        tab = await served.tab()
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(3000):
                await tab.send("event", tab.only, 100, "add")
                await tab.receive()
        assert tab.socket.close_code == 4429


async def test_t44_who_reads_nothing_fills_no_memory(tmp_path: Path) -> None:
    from asok.outbox import Outbox
    from asok.protocol import Update

    limits = Limits(outbox_messages=4, outbox_bytes=10_000)
    outbox = Outbox(limits)
    outbox.put(Update("i", 1, "x" * 20_000))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    await waiting


async def test_t45_who_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE, limits=Limits(first_message=0.1))) as served:
        visitor = await served.visitor()
        await visitor.open()
        assert await (await visitor.connect()).closed() == 4408
        early = await visitor.connect()
        await early.send("ping")
        assert await early.closed() == 4400


@pytest.mark.parametrize(
    "offer", ["permessage-deflate", "permessage-deflate; server_max_window_bits=15", "x-webkit-deflate-frame"]
)
async def test_t39_nothing_is_inflated(tmp_path: Path, offer: str) -> None:
    bomb = zlib.compressobj(wbits=-15)
    packed = bomb.compress(b'["leave","' + b"x" * 50_000_000) + bomb.flush(zlib.Z_SYNC_FLUSH)
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        lines = [
            "GET /live HTTP/1.1", f"Host: 127.0.0.1:{served.port}", f"Origin: {served.base}", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            f"Sec-WebSocket-Extensions: {offer}", f"Cookie: asok={visitor.cookie}", "", "",
        ]  # fmt: skip
        writer.write("\r\n".join(lines).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head and b"extensions" not in head.lower()
        frame = packed[:60_000]
        writer.write(bytes([0xC1, 0xFE]) + len(frame).to_bytes(2, "big") + b"\0\0\0\0" + frame)
        async with asyncio.timeout(20):
            answer = await reader.read()
        assert answer[:1] == b"\x88" and answer[2:4] == (1002).to_bytes(2, "big")
        writer.close()
        squeezed = gzip.compress(b'[["ping"]]')
        for url, kind in (("/live", "application/json"), ("/live/form", "application/x-www-form-urlencoded")):
            headers = {"origin": served.base, "content-type": kind, "content-encoding": "gzip", "asok-line": "open"}
            answered = await visitor.http.post(url, content=squeezed, headers=headers)
            assert answered.status_code in (400, 415)
        headers = {"x-csrf-token": page.csrf, "content-type": "application/json", "content-encoding": "gzip"}
        assert (await visitor.http.put("/live/store/x/y", content=squeezed, headers=headers)).status_code == 415


async def test_t40_a_message_that_never_ends_is_cut_at_64_kib(tmp_path: Path) -> None:
    async with running("run", str(Path(__file__).with_name("fuzzed.py")), cwd=tmp_path) as server:
        await server.announces()
        url = server.url.replace("http", "ws") + "/live"
        for size in (10, 1000):
            async with websockets.connect(url, proxy=None, compression=None) as socket:
                with pytest.raises(websockets.ConnectionClosed):
                    async with asyncio.timeout(20):
                        await socket.send(endless(socket, size))
                assert socket.close_code == 1009
        assert "Traceback" not in server.said
        async with websockets.connect(url, proxy=None, compression=None) as honest:
            await honest.send('["join",1,"","tab",[]]')
            assert await honest.recv() == '["joined",""]'


async def endless(socket: websockets.ClientConnection, size: int) -> AsyncIterator[str]:
    """The pieces of one message, until it is answered."""
    for _ in range(65_536 // size + 1):  # no more: what is not read when a server closes takes the close along
        yield "x" * size
    await socket.wait_closed()
    yield "x"


async def test_t41_a_method_that_takes_any_number_of_arguments_is_given_32(tmp_path: Path) -> None:
    class Takes(Component):
        total = 0
        template = "<p>{{ total }}</p>"

        @exposed
        def add(self, *numbers: int) -> None:
            self.total += len(numbers)

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Takes') }}"})) as served:
        tab = await served.tab()
        assert await tab.text_after(f"add({','.join('1' * 32)})") == "<p>32</p>"
        for call, args in ((f"add({','.join('1' * 33)})", []), ("add", [1] * 33), (f"add({','.join('1' * 32)})", [1])):
            assert (await tab.event(call, {"args": args}))[3] == "bad_args", call


async def test_t41_a_body_of_many_events_is_counted_before_any_is_taken(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await (await served.visitor()).tab(over="post")
        ran.clear()
        event = f'["event","{tab.only}",1,"add"]'
        assert await tab.socket.post(f"[{','.join([event] * 51)}]".encode()) == 400
        assert await tab.closed() == 4400
        assert ran == []


def test_t45_a_socket_that_is_silent_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    with configured():
        config = uvicorn_config(Serving(tmp_path / "app.py", "127.0.0.1", concurrency=7), Loaded(app, (app,)))
    assert (config.ws_ping_interval or 99) + (config.ws_ping_timeout or 99) <= 40
    assert config.ws_max_size == Limits().message and not config.ws_per_message_deflate
    assert (config.limit_concurrency, config.ws) == (7, "websockets-sansio")


async def test_t48_what_was_evicted_is_never_taken_for_new(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, limits=Limits(records=4))
    async with attacked(app) as served:
        visitor = await served.visitor()
        early = await visitor.open()
        first = await visitor.tab()
        assert await first.text_after("add") == "<p title=''>1  </p>"
        old = first.shown[first.only].token
        for _ in range(8):
            tab = await visitor.tab()
            assert (await tab.event("add"))[0] == "update"
        ran.clear()
        late = await visitor.connect()
        await late.join([], tab.csrf)
        for token in (old, early.tokens[0]):
            answered = await reset_or_refused(late, token)
            await late.send("event", token.partition(".")[0], 1, "add")
            await late.send("ping")
            await late.until("pong")
            assert answered == "reset" or not [frame for frame in late.frames if frame[0] == "update"]
        assert "add" not in ran
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 4


async def test_t48_who_only_looks_gets_no_row(tmp_path: Path) -> None:
    class Still(Component):
        stateless = True
        template = "<p>still</p>"

    app = asok_app(tmp_path, {"/": "{{ component('Still') }}", "/plain": "plain"}, database=str(tmp_path / "s.db"))
    async with attacked(app) as served:
        for path in ("/", "/plain", "/nothing", "/live/form", "/live/store/x"):
            visitor = await served.visitor()
            for _ in range(20):
                answer = await visitor.http.get(path, headers={"Cookie": "asok=" + "A" * 43})
                assert "max-age=1" not in answer.headers.get("set-cookie", "").lower()
        stored = sqlite3.connect(tmp_path / "s.db")
        assert stored.execute("SELECT count(*) FROM cells").fetchone() == (0,)
        stored.close()


def connection(name: str, value: str) -> HTTPConnection:
    headers = [(name.encode(), value.encode("latin-1", "replace")), (b"host", b"localhost")]
    return HTTPConnection({"type": "http", "scheme": "http", "headers": headers})


def origin(text: str) -> bool:
    return allowed_origin(connection("origin", text).scope, Settings(Path("/"), debug=True))


HOSTILE: dict[str, tuple[Callable[[str], Any], Callable[[int], str]]] = {
    "spaces in a call": (parse_call, lambda n: "add" + " " * n + "x"),
    "brackets in a call": (parse_call, lambda n: "add" + "() " * (n // 3) + "x"),
    "backslashes in a call": (parse_call, lambda n: "add('" + "\\" * n),
    "an open text in a call": (parse_call, lambda n: "add('" + "a\\'" * (n // 3)),
    "escapes in a call": (parse_call, lambda n: "add('" + "\\u0041" * (n // 6) + "')"),
    "digits in a call": (parse_call, lambda n: "add(" + "1" * n + ")"),
    "names in a call": (parse_call, lambda n: "add(" + "a" * n + "=1)"),
    "spaces in an argument": (parse_call, lambda n: "add(" + " " * n + "a)"),
    "quotes in a frame": (lambda text: check_shape(text, Limits()), lambda n: '["' + '\\"' * (n // 2) + '"]'),
    "brackets in a frame": (lambda text: check_shape(text, Limits()), lambda n: "[" * 31 + "[]" * 100 + '"' + "[" * n),
    "a cookie": (lambda text: connection("cookie", text).cookies, lambda n: "a=" + "b;" * (n // 2)),
    "quotes in a cookie": (lambda text: connection("cookie", text).cookies, lambda n: 'asok="' + "\\1" * (n // 2)),
    "an origin": (origin, lambda n: "http://" + "a." * (n // 2)),
    "brackets in an origin": (origin, lambda n: "http://[" + ":" * n + "]"),
    "a token": (lambda text: unseal(text, RING, Limits(), 0), lambda n: "." * n),
    "the path of a store": (parse_path, lambda n: "a/" * (n // 2)),
    "slashes in a site path": (is_site_path, lambda n: "/" + "a/" * (n // 2) + " "),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_t49_reading_takes_time_in_proportion(what: str) -> None:
    read, text = HOSTILE[what]

    def taken(size: int) -> float:
        given, times = text(size), []
        for _ in range(5):
            began = time.thread_time()
            with contextlib.suppress(AsokError, ValueError):
                read(given)
            times.append(time.thread_time() - began)
        return min(times)

    # Four times the text: 4 where it is linear, 16 where it is quadratic. What is too short to be measured counts not.
    assert taken(64_000) < 10 * max(taken(16_000), 0.0005)
