"""What a client may send before anything comes of it, and how long it may take."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import asok.wire_head
from asok.server import take_own_protocols
from asok.wire_head import HttpProtocol
from tests.rig import asok_app, rig

ONE = {"/": "a page"}
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
MUCH = 4_000_000


async def taken(port: int, beginning: bytes, piece: bytes) -> int:
    """How many bytes the server takes of a beginning and of pieces after it."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with suppress(OSError):
        writer.write(beginning)
        while sent < MUCH:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return sent


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (HEAD, b"X-More: and more\r\n" * 1000),
        (HEAD + b"X-Long: ", b"a" * 16_384),
        (b"GET /", b"a" * 16_384),
        (POST + b"0\r\n", b"X-More: and more\r\n" * 1000),
        (POST + b"1;a=", b"a" * 16_384),
    ],
    ids=["headers", "a header", "an address", "trailers", "an extension"],
)
async def test_t45_what_never_comes_to_an_end_is_not_kept(tmp_path: Path, beginning: bytes, piece: bytes) -> None:
    async with rig(asok_app(tmp_path, ONE), http=HttpProtocol) as served:
        assert await taken(served.port, beginning, piece) < MUCH
        assert (await (await served.visitor()).open()).text.count("a page") == 1


async def test_a_long_head_is_taken_and_a_body_of_any_length(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE), http=HttpProtocol) as served:
        visitor = await served.visitor()
        for _ in range(3):  # over one connection
            answer = await visitor.http.get("/", headers={"x-long": "a" * 40_000})
            assert answer.status_code == 200
            assert (await visitor.http.post("/", content=b"a" * MUCH)).status_code == 405


@pytest.mark.parametrize("said", [b"", HEAD], ids=["nothing", "half a head"])
async def test_t45_who_sends_no_head_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(asok.wire_head, "SECONDS", 0.05)
    async with rig(asok_app(tmp_path, ONE), http=HttpProtocol) as served:
        tab = await (await served.visitor()).connect()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(said)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
            await (await tab.socket.ping())  # it has sent its head
        writer.close()


@pytest.mark.parametrize("rest", [b"x", b"\r\n"], ids=["some of the body", "an empty line"])
async def test_t45_who_is_answered_and_sends_no_other_head_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    """uvicorn waits no more for the next request once something has come that is none."""
    length = b"Content-Length: 9\r\n" if rest == b"x" else b""
    async with rig(asok_app(tmp_path, ONE), http=HttpProtocol) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(HEAD + length + b"\r\n")
        async with asyncio.timeout(30):
            assert b"200" in await reader.readuntil(b"a page")
            monkeypatch.setattr(asok.wire_head, "SECONDS", 0.05)
            writer.write(rest)
            with suppress(ConnectionError):
                await reader.read()
        writer.close()


async def test_a_connection_that_becomes_a_websocket_after_a_page_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(asok_app(tmp_path, ONE), http=HttpProtocol) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(HEAD + b"\r\n")
        async with asyncio.timeout(30):
            await reader.readuntil(b"</html>")
            monkeypatch.setattr(asok.wire_head, "SECONDS", 0)
            writer.write(
                b"GET /live HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x89\x80abcd")  # a ping
            assert await reader.readexactly(2) == b"\x8a\x00"
        writer.close()


@pytest.mark.parametrize(("given", "ours"), [("httptools", True), ("h11", False)])
async def test_t45_asok_run_reads_with_our_class_what_uvicorn_reads_with_httptools(given: Any, ours: bool) -> None:
    config = uvicorn.Config("tests.unit.wired:echo", http=given, ws="websockets-sansio")
    config.load()
    await take_own_protocols(config)
    assert (config.http_protocol_class is HttpProtocol) is ours
