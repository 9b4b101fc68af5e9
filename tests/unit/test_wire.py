"""Our WebSocket class says what uvicorn's says, however frames are cut and whatever the loop."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest
import uvicorn
import uvloop
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode

from asok.server import take_own_protocols
from asok.wire import WebSocketProtocol
from asok.wire_frames import framed
from tests.rig import rig
from tests.unit.waiting import until
from tests.unit.wired import Busy, connected, echo, request, shaken

SIZES = [0, 1, 3, 124, 125, 126, 127, 65535, 65536, 70000]
TEXT, BINARY, CONT, PING, PONG, CLOSE = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.PING,
    Opcode.PONG,
    Opcode.CLOSE,
)


# --- frames


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("opcode", "letter"), [(TEXT, "é"), (TEXT, "x"), (BINARY, "\x01")])
def test_a_frame_is_written_as_the_websockets_library_writes_it(size: int, opcode: Opcode, letter: str) -> None:
    content = (letter * size).encode()
    assert framed(0x80 | opcode, content) == Frame(opcode, content).serialize(mask=False)


messages = st.one_of(
    st.tuples(st.just(TEXT), st.sampled_from(SIZES).map(lambda size: ("xé" * size)[:size].encode())),
    st.tuples(st.just(BINARY), st.sampled_from(SIZES).map(lambda size: (bytes(range(256)) * 274)[:size])),
    st.tuples(st.just(TEXT), st.text(max_size=20).map(str.encode)),
    st.tuples(st.just(PING), st.binary(max_size=125)),
)


places = st.lists(st.floats(0, 1), max_size=8).map(sorted)


def cut(data: bytes, at: list[float]) -> list[bytes]:
    """The data in pieces, which end at these parts of it."""
    ends = [*(int(each * len(data)) for each in at), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def in_frames(opcode: Opcode, pieces: list[bytes]) -> bytes:
    """A message in fragments, with a ping between them."""
    kinds = [opcode, *[CONT] * (len(pieces) - 1)]
    frames = [Frame(kind, piece, fin=False) for kind, piece in zip(kinds, pieces, strict=True)]
    frames[-1].fin = True
    return Frame(PING, b"between").serialize(mask=True).join(each.serialize(mask=True) for each in frames)


@settings(max_examples=50)
@given(st.lists(st.tuples(messages, places), max_size=6), places)
async def test_messages_are_heard_whole_and_in_order_wherever_frames_and_packets_are_cut(
    said: list[tuple[tuple[Opcode, bytes], list[float]]], packets: list[float]
) -> None:
    stream = b"".join(
        in_frames(opcode, [content] if opcode is PING else cut(content, at)) for (opcode, content), at in said
    )
    async with shaken() as peer:
        for packet in cut(stream, packets):
            if packet:
                peer.protocol.data_received(packet)
        await peer.write(Frame(CLOSE, Close(1000, "").serialize()).serialize(mask=True))
        heard = []
        while frame := await peer.next():
            heard.append((frame.opcode, bytes(frame.data)))
    asked = [message for message, _ in said if message[0] is not PING]
    assert [each for each in heard if each[0] in (TEXT, BINARY)] == asked
    # While the browser does not read, only the last ping is answered.
    pings = [each for (kind, ping), at in said for each in ([ping] if kind is PING else [b"between"] * len(at))]
    pongs = [content for opcode, content in heard if opcode is PONG]
    in_order = iter(pings)
    assert all(each in in_order for each in pongs) and pongs[-1:] == pings[-1:]
    assert heard[-1][0] is CLOSE


def masked(first: int, length: bytes, content: bytes = b"") -> bytes:
    return bytes([first]) + bytes([length[0] | 0x80]) + length[1:] + (b"\0\0\0\0" + content if content else b"")


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (masked(0xC1, b"\x01", b"x"), 1002),  # a reserved bit
        (masked(0x83, b"\x01", b"x"), 1002),  # a reserved opcode
        (masked(0x8B, b"\x01", b"x"), 1002),
        (masked(0x09, b"\x01", b"x"), 1002),  # a ping in parts
        (masked(0x89, b"\x7e\x00\x7e"), 1002),  # a ping of 126 bytes, by its header alone
        (masked(0x80, b"\x01", b"x"), 1002),  # a fragment without a beginning
        (masked(0x01, b"\x01", b"x") + masked(0x81, b"\x01", b"y"), 1002),  # a message inside of another
        (masked(0x01, b"\x01", b"x") + masked(0x02, b"\x01", b"y"), 1002),
        (masked(0x88, b"\x01", b"x"), 1002),  # half of a close code
        (masked(0x88, b"\x02", b"\x03\xed"), 1002),  # 1005, which is never sent
        (masked(0x88, b"\x03", b"\x03\xe8\xff"), 1007),
        (masked(0x81, b"\x02", b"\xed\xa0"), 1007),  # half of a surrogate
        (masked(0x01, b"\x01", b"\xc3") + masked(0x80, b"\x01", b"x"), 1007),
        (masked(0x82, b"\x7f" + (2**63).to_bytes(8, "big")), 1009),  # by its header alone
        (masked(0x81, b"\x7e\x03\xe9"), 1009),
        (masked(0x02, b"\x7e\x03\xe7", b"x" * 999) + masked(0x80, b"\x02"), 1009),
    ],
)
async def test_what_breaks_the_protocol_is_told_so_and_ended(stream: bytes, code: int) -> None:
    async with shaken(ws_max_size=1000) as peer:
        await peer.write(stream)
        assert (await peer.closed())[0] == code
        assert (await peer.told())["code"] == code
        assert len(peer.heard) == 2


async def test_a_message_may_have_just_as_much_as_is_allowed_and_pings_within_it() -> None:
    async with shaken(ws_max_size=1000) as peer:
        await peer.send(TEXT, b"x" * 400, fin=False)
        await peer.send(PING, b"p" * 125)
        await peer.send(CONT, b"x" * 600, fin=False)
        await peer.send(PING, b"p" * 125)
        await peer.send(CONT, b"")
        frames = [await peer.next() for _ in range(3)]
        assert [each and each.opcode for each in frames] == [PONG, PONG, TEXT]
        assert frames[-1] is not None and len(frames[-1].data) == 1000


# --- the handshake, compared with uvicorn's own class


async def denying(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 429, "headers": [(b"retry-after", b"3")]})
    await send({"type": "websocket.http.response.body", "body": b"too ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"many"})
    await receive()


async def closing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})
    await receive()


async def choosing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"X-Own", b"\xe9")]})
    await receive()


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("on purpose")


async def returning(scope: Scope, receive: Receive, send: Send) -> None: ...


async def misusing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.send", "text": "too early"})


async def without_a_status(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 99})


@pytest.mark.parametrize("app", [echo, choosing, denying, closing, raising, returning, misusing, without_a_status])
async def test_what_an_app_answers_to_a_handshake_is_said_as_uvicorn_says_it(app: Any) -> None:
    theirs, ours = [await answered(app, cls, request()) for cls in (WebSocketsSansIOProtocol, WebSocketProtocol)]
    assert ours == theirs


@pytest.mark.parametrize(
    "data",
    [
        request(sec_websocket_key=""),
        request(sec_websocket_key="short"),
        request(sec_websocket_version="12"),
        request(sec_websocket_version=""),
        request(upgrade="h2c"),
        request(connection="close"),
        request().replace(b"GET", b"POST"),
    ],
)
async def test_a_handshake_that_is_none_is_refused_as_uvicorn_refuses_it(data: bytes) -> None:
    theirs, ours = [await answered(echo, cls, data) for cls in (WebSocketsSansIOProtocol, WebSocketProtocol)]
    assert ours == theirs
    assert b" 101 " not in ours[0][0]


@pytest.mark.parametrize("more", [{"content_length": "5"}, {"transfer_encoding": "chunked"}])
async def test_a_handshake_that_announces_a_body_is_answered_400(more: dict[str, str]) -> None:
    """Uvicorn's class says nothing, and keeps the connection."""
    async with connected(echo) as peer:
        await peer.write(request(**more))
        assert (await peer.read()).startswith(b"HTTP/1.1 400 ")
        assert await peer.read() == b""


async def answered(app: Any, cls: Any, data: bytes) -> tuple[list[bytes], list[dict[str, Any]]]:
    async with connected(app, cls) as peer:
        lines = (await peer.shake(data)).split(b"\r\n")
        heard = [{name: each.get(name) for name in ("type", "code")} for each in peer.heard]
    return sorted(line for line in lines if not line.startswith(b"Date: ")), heard


async def test_the_scope_is_the_one_that_uvicorn_gives() -> None:
    scopes: list[Scope] = []

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append({name: value for name, value in scope.items() if name != "client"})

    data = request("/a%20b/%C3%A9?c=d%20e", sec_websocket_protocol="a, b,c", x_name=" \xe9: x ", cookie="a=b; c=d")
    for cls in (WebSocketsSansIOProtocol, WebSocketProtocol):
        async with connected(keeping, cls, root_path="/under") as peer:
            await peer.shake(data)
    assert scopes[1] == scopes[0]
    assert scopes[1]["subprotocols"] == ["a", "b", "c"] and scopes[1]["path"] == "/under/a b/é"


async def test_nothing_is_compressed_even_if_the_browser_offers_it() -> None:
    async with rig(echo) as served, websockets.connect(served.base.replace("http", "ws"), proxy=None) as browser:
        assert browser.request is not None and "Sec-WebSocket-Extensions" in browser.request.headers
        await browser.send("x" * 1000)
        assert await browser.recv() == "x" * 1000
        assert browser.protocol.extensions == []


# --- the end


async def test_a_close_of_the_app_is_answered_before_the_connection_ends() -> None:
    may = asyncio.Event()

    async def parting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close", "code": 4400, "reason": "bye"})
        with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
            await send({"type": "websocket.send", "text": "more"})
        await may.wait()
        for _ in range(2):  # it does not wait for what never comes
            assert (await receive())["code"] == 4400

    async with shaken(parting) as peer:
        await peer.send(TEXT, b"x")
        await peer.send(TEXT, b"begun", fin=False)
        close = await peer.next()
        assert close is not None and Close.parse(close.data) == Close(4400, "bye")
        await peer.send(CONT, b"and ended")
        for _ in range(100):
            await peer.send(TEXT, b"unheard")
        await peer.send(PING, b"still there?")
        assert await peer.read() == framed(0x8A, b"still there?")
        may.set()
        await peer.send(CLOSE, Close(4400, "").serialize())
        assert await peer.next() is None


@pytest.mark.parametrize("close", [{"reason": "é" * 62}, {"code": 1005}, {"code": 70000}])
async def test_a_close_that_no_frame_can_carry_is_the_apps_mistake_and_is_not_sent(close: dict[str, Any]) -> None:
    async def parting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        with pytest.raises(ProtocolError):
            await send({"type": "websocket.close", **close})
        await send({"type": "websocket.close", "code": None, "reason": "x" * 123})

    async with shaken(parting) as peer:
        await peer.send(TEXT, b"leave")
        sent = await peer.next()
        assert sent is not None and Close.parse(sent.data) == Close(1000, "x" * 123)
        await peer.send(CLOSE, b"")


@pytest.mark.parametrize(("said", "code", "reason"), [(Close(4001, "over").serialize(), 4001, "over"), (b"", 1005, "")])
async def test_a_close_of_the_browser_reaches_the_app_and_is_returned(said: bytes, code: int, reason: str) -> None:
    app = Busy()
    async with shaken(app) as peer:
        await peer.send(CLOSE, said)
        assert await peer.closed() == (code, reason)
        await until(lambda: peer.protocol not in peer.connections)
        app.may.set()
        assert await peer.told() == {"type": "websocket.disconnect", "code": code, "reason": reason}


async def test_a_connection_that_breaks_off_is_1006_and_sending_fails(caplog: pytest.LogCaptureFixture) -> None:
    failed = asyncio.get_running_loop().create_future()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1006
        with pytest.raises(OSError) as error:
            await send({"type": "websocket.send", "text": "nobody hears"})
        failed.set_result(error.value)
        raise error.value

    async with shaken(late) as peer:
        peer.socket.close()
        assert isinstance(await failed, OSError)
    assert "Exception" not in caplog.text


async def test_an_app_that_exits_for_one_browser_leaves_the_server_to_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def exits(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        sys.exit(1)

    async with shaken(exits) as peer:
        assert await peer.next() is None
    assert "Exception in ASGI application" in caplog.text


async def test_the_end_of_the_server_is_1012() -> None:
    async with shaken() as peer:
        peer.protocol.shutdown()
        assert (await peer.closed())[0] == 1012
        assert (await peer.told())["code"] == 1012


async def test_the_end_of_the_server_in_the_middle_of_a_handshake_is_a_500() -> None:
    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        peer.protocol.shutdown()
        assert (await receive())["code"] == 1006

    async with connected(waiting) as peer:
        assert (await peer.shake()).startswith(b"HTTP/1.1 500 ")


# --- the loops, and what is underneath


async def a_conversation() -> list[Any]:
    async with shaken() as peer:
        for size in SIZES:
            await peer.send(BINARY, b"x" * size)
        sizes = [len(each.data) for _ in SIZES if (each := await peer.next())]
        await peer.send(CLOSE, b"")
        return [*sizes, await peer.closed()]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_it_runs_on_either_loop(new_loop: Any) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(a_conversation()) == [*SIZES, (1005, "")]


async def test_whoever_stops_waiting_for_a_message_does_not_lose_it() -> None:
    got: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        gone, *waiting = [asyncio.ensure_future(receive()) for _ in range(3)]
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        for text in (b"one", b"two", b"three"):
            peer.protocol.data_received(Frame(TEXT, text).serialize(mask=True))
        waiting[0].cancel()
        await asyncio.wait(waiting)
        got.set_result([waiting[1].result()["text"], *[(await receive())["text"] for _ in range(2)]])

    async with connected(impatient) as peer:
        await peer.shake()
        assert await got == ["one", "two", "three"]


async def test_where_it_does_not_fit_uvicorn_carries_the_sockets_itself_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = uvicorn.Config(echo, ws="websockets-sansio", log_config=None, interface="asgi3")
    config.load()
    await take_own_protocols(config)
    assert config.ws_protocol_class is WebSocketProtocol
    config.ws_protocol_class = WebSocketsSansIOProtocol
    monkeypatch.setattr(WebSocketProtocol, "data_received", lambda self, data: None)
    with caplog.at_level(logging.WARNING, "asok"):
        await take_own_protocols(config)
    assert config.ws_protocol_class is WebSocketsSansIOProtocol
    assert len(caplog.records) == 1 and "our class does not fit" in caplog.text
