"""Threats T14 to T16, T26, T27 and T37: from where a request comes, and whose session it is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import websockets

from asok import Component, Settings, Store, exposed
from asok.origins import allowed_origin, host_allowed
from asok.sessions import owner_of
from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
    members,
    ran,
)
from tests.rig import KEY, Rig

HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


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


@pytest.mark.parametrize("over", ["post", "poll"])
async def test_t15_a_line_is_opened_and_written_to_by_the_page_of_its_session_alone(tmp_path: Path, over: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        victim, other = await served.visitor(), await served.visitor()
        tab = await victim.tab(over=over)
        foreign = (await other.open()).csrf
        own = {"origin": served.base, "content-type": "application/json", "cookie": f"asok={victim.cookie}"}
        opening = {"post": "open", "poll": "poll"}[over]
        for purpose in (opening, f"{tab.socket.name} 9"):
            good = {**own, "asok-line": purpose}
            for changed, status in (
                ({"origin": "http://evil.test"}, 403), ({"origin": "null"}, 403), ({"origin": ""}, 403),
                ({"sec-fetch-site": "cross-site"}, 403), ({"sec-fetch-site": "same-site"}, 403),
                ({"content-type": "text/plain"}, 415), ({"content-type": "application/x-www-form-urlencoded"}, 415),
                ({"content-type": "application/json; charset=utf-8"}, 415), ({"content-type": ""}, 415),
                ({"asok-line": ""}, 404), ({"asok-line": tab.socket.name[:-1]}, 404), ({"asok-line": "x" * 99}, 404),
            ):  # fmt: skip
                answer = await unread_post(served, {**good, **changed})
                assert answer.startswith(f"HTTP/1.1 {status}".encode()), (purpose, changed, answer[:40])
                assert b"access-control" not in answer.lower()
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await unread_post(served, own, method)).startswith(b"HTTP/1.1 405"), method
        stolen = {"origin": served.base, "content-type": "application/json", "asok-line": f"{tab.socket.name} 2"}
        event = f'[["event","{tab.only}",1,"add"]]'
        for thief in (other, await served.visitor()):
            assert (await thief.http.post("/live", content=event, headers=stolen)).status_code == 404
        for csrf in ("", "x", foreign):
            line = await victim.line(over)
            await line.send("join", 1, csrf, "tab", [])
            assert await line.closed() == 4401, csrf
        assert "add" not in ran
        assert (await tab.event("add"))[0] == "update"


async def unread_post(served: Rig, headers: dict[str, str], method: str = "POST") -> bytes:
    """How a request is answered of whose body nothing ever comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    given = {"Host": f"127.0.0.1:{served.port}", **{name: value for name, value in headers.items() if value}}
    lines = [f"{method} /live HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "Content-Length: 9"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


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


async def test_t26_of_two_hosts_none_is_believed(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
        assert b" 400 " in (await reader.readline())
        writer.close()


async def test_t37_a_live_page_is_stored_by_nobody(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {**ONE, "/plain": "nothing live"})) as served:
        visitor = await served.visitor()
        plain = await visitor.http.get("/plain")
        assert "set-cookie" not in plain.headers
        assert plain.headers.get("cache-control") != "no-store"
        live = await visitor.http.get("/")
        assert live.headers["cache-control"] == "no-store"
        assert "cookie" in live.headers["vary"].lower()


class ForgedForms(Component):
    count = 0
    template = "<section><form ws-submit='add'><input name='by'><button>Add</button></form><b>{{ count }}</b></section>"

    @exposed
    def add(self, by: int) -> None:
        self.count += by


async def test_t15_a_form_of_another_site_or_session_has_no_effect(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/", ForgedForms)
    async with attacked(app) as served:
        victim, other = await served.visitor(), await served.visitor()
        page, foreign = await victim.open(), await other.open()
        fields = {**dict(HIDDEN.findall(page.text)), "by": "1"}
        theirs = {**dict(HIDDEN.findall(foreign.text)), "by": "1"}
        own = {"origin": served.base, "content-type": "application/x-www-form-urlencoded"}
        for changed in (
            {"origin": "http://evil.test"}, {"origin": "null"}, {"origin": ""}, {"origin": served.base + ".evil.test"},
            {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"},
            {"content-type": "text/plain"}, {"content-type": "application/json"}, {"content-type": ""},
        ):  # fmt: skip
            headers = {name: value for name, value in {**own, **changed}.items() if value}
            answer = await victim.http.post("/live/form", content=urlencode(fields), headers=headers)
            assert answer.status_code in (403, 415), changed
            assert not [name for name in answer.headers if name.startswith("access-control")]
        for wrong in (
            theirs,
            {**fields, "_asok-csrf": "x"},
            {**fields, "_asok-csrf": theirs["_asok-csrf"]},
            {"by": "1"},
        ):
            answer = await victim.http.post("/live/form", content=urlencode(wrong), headers=own)
            assert answer.status_code in (400, 403), wrong
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = await victim.http.request(method, "/live/form", content=urlencode(fields), headers=own)
            assert answer.status_code == 405, method
        assert "<b>0</b>" in (await victim.open()).text
        assert (await victim.http.post("/live/form", content=urlencode(fields), headers=own)).status_code == 303
        assert "<b>1</b>" in (await victim.open()).text


async def test_t15_a_write_to_a_store_comes_from_the_page_of_its_session(tmp_path: Path) -> None:
    shared = Store({"n": 0}, name="polled", readable=True, writable={"n": int})
    async with attacked(asok_app(tmp_path, ONE)) as served:
        victim, other = await served.visitor(), await served.visitor()
        csrf, foreign = (await victim.open()).csrf, (await other.open()).csrf
        good = {"x-csrf-token": csrf, "origin": served.base, "content-type": "application/json"}
        for changed, status in (
            ({"x-csrf-token": ""}, 403), ({"x-csrf-token": foreign}, 403), ({"x-csrf-token": csrf[:-1]}, 403),
            ({"origin": "http://evil.test"}, 403), ({"origin": "null"}, 403), ({"sec-fetch-site": "cross-site"}, 403),
            ({"content-type": "text/plain"}, 415), ({"content-type": "application/x-www-form-urlencoded"}, 415),
            ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ):  # fmt: skip
            answer = await victim.http.put("/live/store/polled/n", content="1", headers={**good, **changed})
            assert answer.status_code == status, changed
            assert answer.json()["text"] == ""
            assert not [name for name in answer.headers if name.startswith("access-control")]
        assert shared.read("n") == 0
        assert (await victim.http.put("/live/store/polled/n", content="1", headers=good)).status_code == 200
        assert shared.read("n") == 1


async def test_t26_what_a_request_says_of_its_own_address_decides_nothing(tmp_path: Path) -> None:
    class Redirects(Component):
        template = "<form ws-submit='go'><button>Go</button></form>"

        @exposed
        def go(self) -> None:
            """Leads back to its page."""

    app = asok_app(tmp_path, {"/": "{{ component('Redirects') }}"})
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        fields = dict(HIDDEN.findall(page.text))
        for line, host in (
            ("POST http://evil.test/live/form HTTP/1.1", f"127.0.0.1:{served.port}"),
            ("POST //evil.test/live/form HTTP/1.1", f"127.0.0.1:{served.port}"),
            ("POST /live/form HTTP/1.1", "evil.test"),
        ):
            answer = await raw_post(served, line, host, urlencode(fields), f"asok={visitor.cookie}")
            assert b"location: http" not in answer.lower() and b"evil.test" not in answer.partition(b"\r\n\r\n")[0]
            assert b"HTTP/1.1 5" not in answer
        done = await visitor.http.post("/live/form", data=fields, headers={"origin": served.base})
        assert (done.status_code, done.headers["location"]) == (303, "/")


async def raw_post(served: Rig, line: str, host: str, body: str, cookie: str) -> bytes:
    """A request as no browser would write it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    headers = [line, f"Host: {host}", f"Origin: {served.base}", f"Cookie: {cookie}", f"Content-Length: {len(body)}"]
    headers += ["Content-Type: application/x-www-form-urlencoded", "Connection: close", "", body]
    writer.write("\r\n".join(headers).encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_t27_forwarded_headers_of_a_stranger_change_neither_origin_nor_host_nor_cookie(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    forged = {
        "x-forwarded-host": "evil.test",
        "forwarded": "host=evil.test;proto=https;for=10.0.0.1",
        "x-real-ip": "::1",
    }
    async with attacked(app) as served:
        visitor = await served.visitor()
        answer = await visitor.http.get("/", headers=forged)
        assert answer.headers["set-cookie"].startswith("asok=") and "evil" not in answer.text
        refused = await visitor.http.get("/", headers={"Host": "evil.test", "x-forwarded-host": "127.0.0.1"})
        assert refused.status_code == 400
        upgrade = {**UPGRADE, "Cookie": f"asok={visitor.cookie}", "Host": f"127.0.0.1:{served.port}"}
        for origin in ("http://evil.test", "https://evil.test"):
            answer = await visitor.http.get("/live", headers={**upgrade, **forged, "Origin": origin})
            assert answer.status_code == 403


async def test_t37_whatever_holds_a_token_is_stored_by_nobody(tmp_path: Path) -> None:
    Store({"n": 0}, name="cached", readable=True)
    app = asok_app(tmp_path, {**ONE, "/bad": "{{ component('Counter', count='no number') }}"})
    async with attacked(app) as served:
        visitor = await served.visitor()
        for path in ("/", "/honest", "/live/store/cached/n"):
            for _ in range(2):
                answer = await visitor.http.get(path, headers={"cache-control": "max-age=3600"})
                assert answer.headers["cache-control"] == "no-store", path
        answer = await visitor.http.post("/live/form", headers={"origin": served.base})
        assert answer.headers["cache-control"] == "no-store"
        script = re.search(r'src="([^"]+/alive\.js)"', (await visitor.open()).text)
        assert script is not None
        kept = await visitor.http.get(script[1])
        assert "immutable" in kept.headers["cache-control"] and "set-cookie" not in kept.headers


@pytest.mark.parametrize(
    ("setting", "sent", "taken"),
    [
        ("capacitor://localhost", "capacitor://localhost", True),
        ("capacitor://localhost", "ionic://localhost", False),
        ("capacitor://localhost", "capacitor://localhost.evil.test", False),
        ("chrome-extension://abcdef", "chrome-extension://abcdef", True),
        ("https://m\u00fcnchen.test", "https://xn--mnchen-3ya.test", True),
        ("https://M\u00dcNCHEN.test:8443", "https://xn--mnchen-3ya.test:8443", True),
        ("https://m\u00fcnchen.test", "https://xn--mnchen-3ya.test:8443", False),
        ("https://shop.test", "https://shop.test:443", True),
        ("https://shop.test", "https://shop.test:0", False),
        ("https://shop.test", "//shop.test", False),
    ],
)
def test_t14_an_origin_of_the_settings_is_what_the_browser_sends_of_it(setting: str, sent: str, taken: bool) -> None:
    settings = Settings(Path(), keys=(KEY,), origins=(setting,))
    scope = {"type": "http", "scheme": "https", "headers": [(b"host", b"own.test"), (b"origin", sent.encode())]}
    assert allowed_origin(scope, settings) is taken


def test_t26_a_host_in_letters_of_its_own_language_is_what_the_browser_sends_of_it() -> None:
    settings = Settings(Path(), keys=(KEY,), hosts=("m\u00fcnchen.test", "*.stra\u00dfe.test"))
    assert host_allowed("xn--mnchen-3ya.test:8443", settings) and host_allowed("a.xn--strae-oqa.test", settings)
    assert not host_allowed("munchen.test", settings) and not host_allowed("a.strasse.test", settings)
