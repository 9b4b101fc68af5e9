"""Threats T23, T24 and T50: files, uploads and the bodies of forms."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
)


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/..\\app.py", "/static/%00",
        "/static/a%00.css", "/static//etc/passwd", "/static2/x.css", "/static/.env", "/live/../app.py",
        "/live/%2e%2e/alive.js", "/live/x/..%2f..%2fapp.py",
    ],
)  # fmt: skip
async def test_t23_no_path_leaves_its_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static2").mkdir()
    for name in ("app.py", "static/.env", "static2/x.css"):
        (tmp_path / name).write_text("secret")
    (tmp_path / "static" / "a.css").write_text("fine")
    async with attacked(asok_app(tmp_path, ONE)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert re.match(rb"HTTP/1.1 4\d\d", answer), answer[:40]
        assert b"secret" not in answer
        assert (await (await served.visitor()).http.get("/static/a.css")).text == "fine"
