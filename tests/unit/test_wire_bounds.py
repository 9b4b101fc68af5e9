"""What a browser may do to our WebSocket class without its memory or its patience growing."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc

import pytest
from starlette.types import Receive, Scope, Send
from websockets.frames import Close, Frame, Opcode

import asok.wire
from tests.unit.waiting import until
from tests.unit.wired import Busy, Peer, connected, shaken

TEXT, BINARY, CONT, PING, PONG = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.PING,
    Opcode.PONG,
)
MUCH = 20_000_000


def frame(opcode: Opcode, content: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, content, fin).serialize(mask=True)


def waiting_for(peer: Peer) -> int:
    """Bytes that the server holds to be sent."""
    return int(peer.protocol.transport.get_write_buffer_size())


async def pour(peer: Peer, piece: bytes, size: int) -> int:
    """Write so many bytes, as long as the server reads; how many it took."""
    data, peer_socket = memoryview(piece * (size // len(piece))), peer.socket
    sent, idle = 0, 0
    while sent < len(data) and idle < 200:
        try:
            sent += peer_socket.send(data[sent : sent + 65536])
            idle = 0
        except BlockingIOError:
            idle += 1
        await asyncio.sleep(0)
    return sent


# --- an app that does not take what comes


@pytest.mark.parametrize("size", [0, 125, 4000, 70_000])
async def test_an_app_that_takes_nothing_is_not_sent_more_and_misses_nothing(size: int) -> None:
    app, message = Busy(), frame(BINARY, b"x" * size)
    async with shaken(app) as peer:
        taken = await pour(peer, message, MUCH)
        assert taken < 2_000_000
        assert not peer.protocol.transport.is_reading()
        whole = taken // len(message)
        app.may.set()
        await until(lambda: len(app.taken) == whole)
        assert peer.protocol.transport.is_reading()
        await peer.write(message[taken % len(message) :] + frame(TEXT, b"last"))
        await until(lambda: len(app.taken) == whole + 2)
        assert app.taken[-1]["text"] == "last"


async def test_an_app_that_takes_what_comes_never_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shaken() as peer:
        stopped = list[None]()
        monkeypatch.setattr(peer.protocol.transport, "pause_reading", lambda: stopped.append(None))
        for _ in range(50):
            await peer.send(TEXT, b"x" * 3000)
            assert await peer.next()
        assert not stopped


async def test_an_app_that_takes_nothing_and_closes_still_hears_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asok.wire, "FAREWELL", 1000)
    may = asyncio.Event()

    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await may.wait()
        await send({"type": "websocket.close"})

    async with shaken(leaving) as peer:
        await peer.write(frame(TEXT, b"x") * 100)
        await until(lambda: peer.protocol.is_deaf)
        may.set()
        answer = await peer.next()
        assert answer is not None and answer.opcode is Opcode.CLOSE
        await peer.send(Opcode.CLOSE, bytes(answer.data))
        assert await peer.next() is None


async def test_messages_of_one_packet_wait_as_bytes_not_as_objects() -> None:
    app = Busy()
    async with shaken(app) as peer:
        tracemalloc.start()
        try:
            peer.protocol.data_received(frame(TEXT) * 40_000)
            for _ in range(500):  # in each of which some more could become messages
                await asyncio.sleep(0)
            assert tracemalloc.get_traced_memory()[0] < 500_000
        finally:
            tracemalloc.stop()
        app.may.set()
        await until(lambda: len(app.taken) == 40_000)


@pytest.mark.parametrize("opcodes", [[TEXT], [PING], [PONG], [PONG] * 49 + [TEXT]])
async def test_whoever_sends_many_frames_at_once_leaves_the_others_their_turns(opcodes: list[Opcode]) -> None:
    async with shaken() as peer:
        many = b"".join(frame(each) for each in opcodes) * (10_000 // len(opcodes))
        peer.protocol.data_received(many + frame(TEXT, b"last"))
        turns = 0
        while peer.heard[-1].get("text") != "last":
            await asyncio.sleep(0)
            turns += 1
            assert turns < 100_000
        assert turns >= 100


async def test_what_comes_before_the_handshake_is_answered_waits_within_bounds() -> None:
    may = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await may.wait()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": (await receive())["text"]})
        await receive()

    async with connected(late) as peer:
        shaking = asyncio.create_task(peer.shake())
        await until(lambda: peer.heard)
        await peer.write(frame(TEXT, b"early"))
        assert await pour(peer, frame(PING, b"x"), MUCH) < 2_000_000
        may.set()
        assert b" 101 " in await shaking
        while (answer := await peer.next()) and answer.opcode is PONG:
            pass
        assert answer is not None and answer.data == b"early"


# --- a browser that does not read


async def test_an_app_waits_while_the_browser_does_not_read() -> None:
    sent = list[int]()

    async def talking(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(100):
            await send({"type": "websocket.send", "bytes": bytes(100_000)})
            sent.append(number)
        await receive()

    async with shaken(talking) as peer:
        await until(lambda: waiting_for(peer))
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(sent) < 10
        for _ in range(100):
            assert await peer.next()
        await until(lambda: len(sent) == 100)


async def test_an_app_that_waits_for_a_browser_that_goes_is_told() -> None:
    over = asyncio.get_running_loop().create_future()

    async def talking(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100_000)})
        except OSError as error:
            over.set_result(error)

    async with shaken(talking) as peer:
        await until(lambda: waiting_for(peer))
        peer.socket.close()
        await asyncio.wait_for(over, 10)


async def test_pings_of_a_browser_that_reads_no_pong_are_not_kept() -> None:
    async with shaken() as peer:
        pings = frame(PING, b"x" * 125)
        assert await pour(peer, pings, MUCH // 4) > 4_000_000
        assert waiting_for(peer) < 500_000
        await peer.write(frame(PING, b"the last one"))
        while (pong := await peer.next()) and bytes(pong.data) != b"the last one":
            assert pong.opcode is PONG


@pytest.mark.parametrize("app_closes", [True, False])
async def test_a_browser_that_neither_reads_nor_answers_a_close_is_cut(
    app_closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asok.wire, "FAREWELL", 0.05)

    async def filling(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "bytes": bytes(1_000_000)})
        if app_closes:
            peer.protocol.resume_writing()  # as if the browser had read for a moment
            await send({"type": "websocket.close", "code": 1000})
        await receive()

    async with connected(filling) as peer:
        await peer.shake()
        await peer.write(frame(TEXT, b"go"))
        await until(lambda: waiting_for(peer))
        if not app_closes:
            peer.protocol.fail(1002, "")
        await until(lambda: peer.protocol not in peer.connections)
        assert waiting_for(peer) == 0


# --- floods


async def test_fragments_without_content_take_no_memory() -> None:
    async with shaken() as peer:
        peer.protocol.data_received(frame(TEXT, b"x", fin=False))
        flood = frame(CONT, fin=False) * 50_000
        tracemalloc.start()
        try:
            peer.protocol.data_received(flood)
            await until(lambda: not peer.protocol.is_deaf)
            # A list of them would take 400,000; what else runs in this process takes some, too.
            assert tracemalloc.get_traced_memory()[0] < 100_000
        finally:
            tracemalloc.stop()
        peer.protocol.data_received(frame(CONT))
        answer = await peer.next()
        assert answer is not None and answer.data == b"x"


async def test_a_message_that_comes_byte_by_byte_is_not_copied_for_each() -> None:
    async with shaken(ws_max_size=MUCH) as peer:
        peer.protocol.data_received(b"\x82\xff" + struct.pack("!Q", MUCH) + b"mask")
        tracemalloc.start()
        try:
            peer.protocol.data_received(bytes(MUCH // 2))
            held = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for _ in range(10):
                peer.protocol.data_received(b"x")
            assert tracemalloc.get_traced_memory()[1] < held + MUCH // 4
        finally:
            tracemalloc.stop()


async def test_what_declares_too_much_is_refused_before_it_comes() -> None:
    async with shaken(ws_max_size=1000) as peer:
        await peer.write(b"\x81\xff" + struct.pack("!Q", 2**40))
        assert (await peer.closed())[0] == 1009


# --- who is still there


async def test_a_browser_that_does_not_answer_pings_is_closed_with_1011() -> None:
    async with shaken(ws_ping_interval=0.02, ws_ping_timeout=0.02) as peer:
        ping = await peer.next()
        assert ping is not None and ping.opcode is PING
        await peer.send(PONG, b"another")
        close = await peer.next()
        assert close is not None and Close.parse(close.data) == Close(1011, "keepalive ping timeout")
        assert (await peer.told())["code"] == 1011


@pytest.mark.parametrize("timeout", [600, None])
async def test_a_browser_that_answers_is_asked_again_and_stays(timeout: float | None) -> None:
    async with shaken(ws_ping_interval=0.02, ws_ping_timeout=timeout) as peer:
        for _ in range(8):
            ping = await peer.next()
            assert ping is not None and ping.opcode is PING
            if timeout:
                await peer.send(PONG, bytes(ping.data))
        assert not peer.protocol.transport.is_closing()
        peer.protocol.shutdown()
        assert (await peer.closed())[0] == 1012


@pytest.mark.parametrize("interval", [None, 0])
async def test_nobody_is_asked_where_that_is_switched_off(interval: int | None) -> None:
    async with shaken(ws_ping_interval=interval, ws_ping_timeout=0.001) as peer:
        await peer.send(TEXT, b"x")
        await asyncio.sleep(0.05)
        answer = await peer.next()
        assert answer is not None and answer.opcode is TEXT
        assert not peer.protocol.transport.is_closing()


async def test_whose_answers_are_not_read_is_not_judged_by_them() -> None:
    app = Busy()
    async with shaken(app, ws_ping_interval=0.02, ws_ping_timeout=0.02) as peer:
        await peer.write(frame(TEXT, b"x" * 70_000))
        await until(lambda: peer.protocol.is_deaf)
        for _ in range(3):
            assert (ping := await peer.next()) and ping.opcode is PING
        app.may.set()
        assert (await peer.closed())[0] == 1011
