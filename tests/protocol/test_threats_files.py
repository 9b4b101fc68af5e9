"""Threats T23, T24 and T50: files, uploads and the bodies of forms."""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from asok import Component, exposed
from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
)
from tests.rig import Rig

ROOT = Path(__file__).parents[2]
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
FILE = b'--x\r\nContent-Disposition: form-data; name="text"; filename="../../shell.py"\r\n\r\n#!/bin/sh\r\n'
FORM_PARTS = {"content-type": "multipart/form-data; boundary=x"}


class ManyFields(Component):
    text: str = ""
    template = "<div><form ws-submit='keep'><input name='text'></form><b>{{ text }}</b></div>"

    @exposed
    def keep(self, text: str) -> None:
        self.text = text


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


async def raw(served: Rig, *lines: str, body: bytes = b"") -> bytes:
    """The answer to a request that is written by hand; the connection is then given up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write("\r\n".join([*lines, f"Host: 127.0.0.1:{served.port}", "Connection: close", "", ""]).encode() + body)
    async with asyncio.timeout(20):
        answer = await reader.read(4096)
    writer.close()
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%5c..%5capp.py", "/static/%5c%5cserver%5cshare", "/static/C:%5capp.py", "/static/c:/app.py",
        "/static/link.py", "/static/sub/../../app.py", "/static/%252e%252e/app.py", "/static/sub/.hidden",
        "/static/%2eenv", "/static/sub%00/../.env",
        "/live/static/Counter/000000000000/../../../app.py", "/live/static/Counter/000000000000/%2e%2e%2fapp.py",
        "/live/000000000000/..%2f..%2fapp.py", "/live/000000000000/refresh.js%00.js", "/static/", "/static/sub",
    ],
)  # fmt: skip
async def test_t23_no_other_spelling_of_a_path_does_either(tmp_path: Path, path: str) -> None:
    (tmp_path / "static" / "sub").mkdir(parents=True)
    for name in ("app.py", "static/.env", "static/sub/.hidden"):
        (tmp_path / name).write_text("secret")
    (tmp_path / "static" / "link.py").symlink_to(tmp_path / "app.py")
    async with attacked(asok_app(tmp_path, ONE)) as served:
        answer = await raw(served, f"GET {path} HTTP/1.1")
        assert re.match(rb"HTTP/1.1 4\d\d", answer), answer[:40]
        assert b"secret" not in answer


async def test_t24_nothing_takes_a_file(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    app = asok_app(tmp_path)
    app.page("/", ManyFields)
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        fields, own = dict(HIDDEN.findall(page.text)), {"origin": served.base}
        for route in app.starlette.routes:
            path = getattr(route, "path", "/").split("{")[0]
            for method in ("PUT", "POST"):
                kind, body = parts_of({}, FILE)
                lines = f"{method} {path or '/'} HTTP/1.1", f"Origin: {served.base}", f"Content-Type: {kind}"
                answer = await raw(served, *lines, f"Content-Length: {len(body)}", body=body)
                assert re.match(rb"HTTP/1.1 (307|4(00|03|04|05|15))", answer), (method, path, answer[:40])
        many = [("text", (f"{n}.html", b"x", "text/html")) for n in range(50)]
        mixed = await visitor.http.post("/live/form", data=fields, files=many, headers=own)
        assert mixed.status_code == 400
        assert "<b></b>" in (await visitor.open()).text
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["static"]


def parts_of(fields: Mapping[str, str], extra: bytes) -> tuple[str, bytes]:
    """A multipart body with these fields, and what else is to be in it."""
    texts = [f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    return "multipart/form-data; boundary=x", b"".join(texts) + extra + b"--x--\r\n"


async def test_t50_a_body_that_is_a_bomb_is_refused_while_it_comes(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/", ManyFields)
    async with attacked(app) as served:
        visitor = await served.visitor()
        fields = dict(HIDDEN.findall((await visitor.open()).text)) | {"text": "fine"}
        own = {"origin": served.base}
        part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        header = b"--x\r\n" + b"X-A: b\r\n" * 5000 + b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        long_header = b"--x\r\nX-A: " + b"b" * 50_000 + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        bombs = [
            ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 5000)),
            ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
            ("application/x-www-form-urlencoded", b"a=\xff"),
            parts_of(fields, part * 1100), parts_of(fields, header), parts_of(fields, long_header),
            parts_of(fields, b"x" * 70_000), parts_of(fields, b"--x\r\n\r\n" * 500), ("multipart/form-data", b"--x--"),
            ("multipart/form-data; boundary=", b"----"), ("multipart/form-data; boundary=" + "x" * 300, b"--x"),
        ]  # fmt: skip
        for kind, body in bombs:
            told = await visitor.http.post("/live/form", content=body, headers={**own, "content-type": kind})
            assert told.status_code in (400, 413), (kind[:60], len(body), told.status_code)
        gzip = {**own, "content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
        assert (await visitor.http.post("/live/form", content=b"x", headers=gzip)).status_code == 415
        for url, kind in (("/live/form", "application/x-www-form-urlencoded"), ("/live", "application/json")):
            lines = f"POST {url} HTTP/1.1", f"Origin: {served.base}", f"Content-Type: {kind}", "Asok-Line: open"
            for length in ("99999999", "9" * 40):
                answer = await raw(served, *lines, f"Content-Length: {length}", body=b"x" * 1_100_000)
                assert re.match(rb"HTTP/1.1 4(00|13)", answer), answer[:40]
            chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
            answer = await raw(served, *lines, "Transfer-Encoding: chunked", body=chunk * 70)
            assert re.match(rb"HTTP/1.1 413", answer), answer[:40]
        done = await visitor.http.post("/live/form", content=parts_of(fields, b"")[1], headers=own | FORM_PARTS)
        assert done.status_code == 303
        assert "<b>fine</b>" in (await visitor.open()).text


def test_t50_no_version_is_allowed_that_can_be_bombed() -> None:
    floors = {"starlette": (1, 5, 1), "python-multipart": (0, 0, 27), "jinja2": (3, 1, 6), "h11": (0, 16)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    allowed = {}
    for line in project["project"]["dependencies"]:
        found = re.match(r"([\w-]+)>=([\d.]+)", line)
        if found:
            allowed[found[1]] = tuple(map(int, found[2].split(".")))
    for name, floor in floors.items():
        assert allowed[name] >= floor, name
        assert tuple(map(int, importlib.metadata.version(name).split(".")[:3])) >= floor
