"""Whether somebody has to look again and again for the end of the server beneath."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from asok.ending import end_of_server
from asok.loading import Loaded
from asok.server import Server, Serving
from tests.rig import asok_app


def test_the_end_of_a_uvicorn_is_seen_once_it_was_asked_for() -> None:
    server = uvicorn.Server(uvicorn.Config("asok:app"))
    with server.capture_signals():
        ends = end_of_server()
    assert ends is not None
    assert not ends()
    server.should_exit = True
    assert ends()


def test_for_a_server_that_drains_nobody_looks(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": ""})
    with Server(Serving(tmp_path, "127.0.0.1"), Loaded(app, (app,)), lambda told: None).capture_signals():
        assert end_of_server() is None


def test_where_no_server_has_taken_the_signal_nobody_can_tell() -> None:
    assert end_of_server() is None
