"""The end of a server: whether somebody has to look again and again for it, and whom it hears out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import uvicorn

from asok import server
from asok.ending import end_of_server
from asok.loading import Loaded
from asok.server import Server, Serving, hear_out
from tests.rig import asok_app


def test_the_end_of_a_uvicorn_is_seen_once_it_was_asked_for() -> None:
    bare = uvicorn.Server(uvicorn.Config("asok:app"))
    with bare.capture_signals():
        ends = end_of_server()
    assert ends is not None
    assert not ends()
    bare.should_exit = True
    assert ends()


def test_for_a_server_that_drains_nobody_looks(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": ""})
    with Server(Serving(tmp_path, "127.0.0.1"), Loaded(app, (app,)), lambda told: None).capture_signals():
        assert end_of_server() is None


def test_where_no_server_has_taken_the_signal_nobody_can_tell() -> None:
    assert end_of_server() is None


async def test_a_first_request_is_waited_for_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK", 0)
    config = uvicorn.Config(asok_app(tmp_path, {"/": "here"}), port=0, lifespan="off", log_config=None)
    config.load()
    bare = uvicorn.Server(config)
    bare.lifespan = config.lifespan_class(config)
    await bare.startup()
    connections = bare.server_state.connections
    reader, writer = await asyncio.open_connection(*bare.servers[0].sockets[0].getsockname())
    async with asyncio.timeout(30):
        while not connections:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)
        await hear_out(connections, looks=10)
        hearing = asyncio.create_task(hear_out(connections, looks=10**9))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not hearing.done()
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await hearing
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await bare.shutdown()
