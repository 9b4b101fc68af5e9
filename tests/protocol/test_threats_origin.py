"""Threats T14 to T16, T26, T27 and T37: from where a request comes, and whose session it is."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
import websockets

from asok.sessions import owner_of
from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
    members,
)


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


@pytest.mark.parametrize(
    "origin",
    [
        "", "null", "http://evil.test", "http://127.0.0.1.evil.test:{port}", "http://127.0.0.1:1", "https://127.0.0.1:{port}",
        "http://127.0.0.1", "http://evil.test#127.0.0.1:{port}", "http://127.0.0.1:{port}@evil.test",
        "http://evil.test/127.0.0.1:{port}", "http://localhost:{port}", "file://", "127.0.0.1:{port}", "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.evil.test", "http://x127.0.0.1:{port}", "http://[::1", "http://127.0.0.1:99999999",
    ],
)  # fmt: skip
async def test_t14_a_socket_of_another_site_is_refused_before_it_opens(tmp_path: Path, origin: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        await visitor.open()
        with pytest.raises(websockets.InvalidStatus) as refused:
            await visitor.connect(origin=origin.format(port=served.port))
        assert refused.value.response.status_code == 403


async def test_t14_the_first_message_brings_the_sessions_csrf_token(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page, foreign = await visitor.open(), await other.open()
        for csrf in ("", "x", page.csrf[:-1], page.csrf[:16], page.csrf + "A", foreign.csrf, "é" * 43):
            tab = await visitor.connect()
            await tab.send("join", 1, csrf, "tab", [[page.tokens[0], 0, 0]])
            assert await tab.closed() == 4401, csrf


async def test_t15_nothing_but_a_socket_is_served_at_the_endpoint(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = await visitor.http.request(method, "/live", content=b'[["join"]]')
            assert answer.status_code in (404, 405), method
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_t16_the_session_id_is_ours_long_and_new_after_a_login(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    members(app)
    async with attacked(app) as served:
        for planted in ("x", "A" * 43, "../../etc/passwd", "' OR 1=1 --"):
            async with httpx.AsyncClient(base_url=served.base) as http:
                answer = await http.get("/", headers={"Cookie": f"asok={planted}"})
                given = re.search(r"asok=([^;]*)", answer.headers["set-cookie"])
                assert given is not None
                assert given[1] != planted
                assert len(given[1]) == 43
        visitor = await served.visitor()
        answer = await visitor.http.get("/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Domain" not in cookie
        old = visitor.cookie
        await visitor.http.post("/in")
        await visitor.http.post("/out")
        assert visitor.cookie != old
        assert await app.backend.read(owner_of(old), ["meta"]) == {}
        async with httpx.AsyncClient(base_url=served.base, cookies={"asok": old}) as http:
            assert (await http.get("/")).cookies["asok"] not in (old, visitor.cookie)


async def test_t16_over_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as http:
        cookie = (await http.get("/")).headers["set-cookie"]
    assert cookie.startswith("__Host-asok=")
    assert "; Secure" in cookie and "Path=/" in cookie


@pytest.mark.parametrize(
    "host", ["evil.test", "", "127.0.0.1.evil.test", "evil.test:80", "localhost@evil.test", "x127.0.0.1"]
)
async def test_t26_a_host_that_is_not_ours_is_not_served(tmp_path: Path, host: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        answer = await visitor.http.get("/", headers={"Host": host})
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
        if host:
            with pytest.raises(websockets.InvalidStatus) as refused:
                await visitor.connect(host="evil.test", origin="http://evil.test")
            assert refused.value.response.status_code == 403


async def test_t37_a_live_page_is_stored_by_nobody(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {**ONE, "/plain": "nothing live"})) as served:
        visitor = await served.visitor()
        plain = await visitor.http.get("/plain")
        assert "set-cookie" not in plain.headers
        assert plain.headers.get("cache-control") != "no-store"
        live = await visitor.http.get("/")
        assert live.headers["cache-control"] == "no-store"
        assert "cookie" in live.headers["vary"].lower()
