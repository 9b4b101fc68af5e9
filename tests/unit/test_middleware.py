"""The session over HTTP: its cookie, and that nothing goes out before it is written."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from asok import Asok, Component, Limits
from asok.backends.memory import MemoryBackend
from asok.errors import Busy
from asok.sessions import Cell, Commit, Meta, current_session, owner_of, pack
from tests.rig import asok_app, rig


async def plus(request: Request) -> PlainTextResponse:
    n = request.session.get("n", 0)
    await asyncio.sleep(0)
    request.session["n"] = n + 1
    return PlainTextResponse(str(n + 1))


async def read(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.session.get("n")))


def app_with(tmp_path: Path, **options: Any) -> Asok:
    app = asok_app(tmp_path, {"/live-page": "{{ component('Leaf') }}", "/plain": "x"}, **options)
    app.add_route("/plus", plus, methods=["GET", "POST"])
    app.add_route("/read", read)
    return app


@pytest.fixture(autouse=True)
def leaf() -> None:
    type("Leaf", (Component,), {"template": "<p></p>"})


def client(app: Asok, base: str = "http://localhost", **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, **options)


async def test_a_cookie_comes_only_when_a_page_needs_it(tmp_path: Path) -> None:
    async with client(app_with(tmp_path)) as http:
        for path in ("/plain", "/read"):
            assert "set-cookie" not in (await http.get(path)).headers
        first = await http.get("/live-page")
        assert first.headers["set-cookie"].startswith("asok=")
        assert "set-cookie" not in (await http.get("/live-page")).headers


async def test_a_session_in_use_does_not_end_with_its_first_cookie(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    async with client(app) as http:
        await http.get("/live-page")
        session_id = http.cookies["asok"]
        owner = owner_of(session_id)
        weeks_ago = pack(Meta(created=time.time() - 8 * 86400))
        await app.backend.commit(Commit({}, {(owner, "meta"): weeks_ago}))
        again = await http.get("/live-page")
        assert again.headers["set-cookie"].startswith(f"asok={session_id}; ")


async def test_a_session_that_is_only_read_is_not_forgotten_while_its_cookie_lives(tmp_path: Path) -> None:
    times = [1.0]
    app = app_with(tmp_path, backend=MemoryBackend(clock=lambda: times[0]))
    async with client(app) as http:
        await http.get("/live-page")
        owner = owner_of(http.cookies["asok"])
        weeks_ago = pack(Meta(time.time() - 8 * 86400, epoch=3))
        await app.backend.commit(Commit({}, {(owner, "meta"): weeks_ago}))
        times[0] = 5.0
        assert "set-cookie" in (await http.get("/live-page")).headers
        assert await app.backend.sweep(4.0) == 0
        kept = (await app.backend.read(owner, ["meta"]))["meta"].value
        assert msgspec.msgpack.decode(kept, type=Meta).epoch == 3
        assert "set-cookie" not in (await http.get("/live-page")).headers


class MovedWhileRenewed(MemoryBackend):
    """A login in another tab gives the session its new id just when this one is renewed."""

    async def commit(self, commit: Commit) -> bool:
        owners = {owner for owner, _ in commit.writes}
        if commit.checks and commit.move is None and {name for _, name in commit.writes} == {"meta"}:
            await super().commit(Commit({}, {}, move=(owners.pop(), "moved")))
        return await super().commit(commit)


async def test_a_page_answered_during_a_login_does_not_bring_the_old_cookie_back(tmp_path: Path) -> None:
    app = app_with(tmp_path, backend=MovedWhileRenewed())
    async with client(app) as http:
        await http.get("/live-page")
        owner = owner_of(http.cookies["asok"])
        weeks_ago = pack(Meta(time.time() - 8 * 86400))
        await app.backend.commit(Commit({}, {(owner, "meta"): weeks_ago}))
        assert "set-cookie" not in (await http.get("/live-page")).headers


async def test_a_value_comes_back_with_the_next_request(tmp_path: Path) -> None:
    async with client(app_with(tmp_path)) as http:
        assert [(await http.post("/plus")).text for _ in range(3)] == ["1", "2", "3"]
        assert (await http.get("/read")).text == "3"


async def test_the_cookie_is_for_this_host_its_scripts_and_other_sites_do_not_get_it(tmp_path: Path) -> None:
    async with client(app_with(tmp_path)) as http:
        flags = (await http.get("/live-page")).headers["set-cookie"].split("; ")[1:]
        assert set(flags) == {"Path=/", f"Max-Age={14 * 86400}", "HttpOnly", "SameSite=Lax"}
    async with client(app_with(tmp_path), "https://localhost") as http:
        cookie = (await http.get("/live-page")).headers["set-cookie"]
        assert cookie.startswith("__Host-asok=") and cookie.endswith("; Secure")


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", b"\x1f", b"\x0b", b"\xc2\xa0"])
async def test_a_site_beneath_the_same_domain_cannot_put_its_session_before_the_prefix(
    tmp_path: Path, space: bytes
) -> None:
    app = app_with(tmp_path)
    async with client(app, "https://localhost") as stranger, client(app, "https://localhost") as visitor:
        await stranger.get("/plus")
        cookie = space + b"__Host-asok=" + stranger.cookies["__Host-asok"].encode()
        assert (await visitor.get("/read", headers={b"cookie": cookie})).text == "None"


async def test_a_server_may_bring_each_cookie_in_a_header_of_its_own(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    async with client(app) as http, client(app) as other:
        await http.get("/plus")
        headers = [("cookie", "a=1"), ("cookie", f"asok={http.cookies['asok']}"), ("cookie", "b=2")]
        assert (await other.get("/read", headers=headers)).text == "1"


async def test_a_cookie_that_opens_nothing_is_taken_away(tmp_path: Path) -> None:
    async with client(app_with(tmp_path), cookies={"asok": "A" * 43}) as http:
        assert "Max-Age=0" in (await http.get("/plain")).headers["set-cookie"]


@pytest.mark.parametrize("kept", ["public, max-age=31536000, immutable", "max-age=60", "s-maxage=60"])
async def test_an_answer_that_others_may_keep_takes_no_cookie_away(tmp_path: Path, kept: str) -> None:
    app = app_with(tmp_path)

    async def shared(request: Request) -> PlainTextResponse:
        return PlainTextResponse("for all", headers={"cache-control": kept})

    app.add_route("/shared", shared)
    async with client(app, cookies={"asok": "A" * 43}) as http:
        answer = await http.get("/shared")
        assert (answer.headers["cache-control"], "set-cookie" in answer.headers) == (kept, False)
        script = re.search(r'src="([^"]+/alive\.js)"', (await http.get("/live-page")).text)
        assert script is not None
    async with client(app, cookies={"asok": "A" * 43}) as http:
        assert "set-cookie" not in (await http.get(script[1])).headers
        assert (await http.get("/plain")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("look", ["session.get('n')", "'n' in session", "len(session)"])
async def test_a_page_that_has_looked_at_the_session_is_for_its_visitor_or_for_all_without_one(
    tmp_path: Path, look: str
) -> None:
    app = asok_app(tmp_path, {"/greeting": f"{{{{ {look} }}}}", "/live-page": "{{ component('Leaf') }}"})
    app.env.globals["len"] = len

    async def own(request: Request) -> PlainTextResponse:
        words = {"cache-control": "private, max-age=5", "vary": "Accept"}
        return PlainTextResponse(str(request.session.get("n")), headers=words)

    async def other_page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("for all")

    app.add_route("/own", own)
    app.add_route("/other", other_page)
    async with client(app) as http:
        stranger = (await http.get("/greeting")).headers
        assert (stranger["vary"], "cache-control" in stranger) == ("Cookie", False)
        await http.get("/live-page")
        greeting, own_word, other = [await http.get(path) for path in ("/greeting", "/own", "/other")]
        assert (greeting.headers["cache-control"], greeting.headers["vary"]) == ("no-store", "Cookie")
        assert (own_word.headers["cache-control"], own_word.headers["vary"]) == ("private, max-age=5", "Accept, Cookie")
        assert not {"cache-control", "vary"} & other.headers.keys()


async def test_a_cookie_that_opens_nothing_here_is_left_to_an_app_beneath_that_knows_it(tmp_path: Path) -> None:
    app, beneath = app_with(tmp_path), app_with(tmp_path)
    app.mount("/beneath", beneath)
    async with client(app) as http:
        for number in range(3):
            assert (await http.post("/beneath/plus")).status_code == 200
            assert (await http.get("/beneath/read")).text == str(number + 1)
        assert "Max-Age=0" in (await http.get("/plain")).headers["set-cookie"]


async def test_who_calls_the_app_in_a_task_of_their_own_is_no_visitor_afterwards(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    async with client(app) as ada, client(app) as bob:
        for http in (ada, bob):
            await http.get("/live-page")
            assert current_session() is None


async def test_a_get_that_met_a_newer_session_runs_again_and_a_post_is_told(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    attempts: list[str] = []

    async def slow(request: Request) -> PlainTextResponse:
        attempts.append(request.method)
        n = request.session.get("n", 0)
        if len(attempts) in (1, 3):
            async with client(app, cookies=dict(http.cookies)) as other:
                await other.post("/plus")
        request.session["n"] = n + 10
        return PlainTextResponse(str(n + 10))

    app.add_route("/slow", slow, methods=["GET", "POST"])
    async with client(app) as http:
        await http.post("/plus")
        assert (await http.get("/slow")).text == "12"
        assert attempts == ["GET", "GET"]
        conflict = await http.post("/slow")
        assert (conflict.status_code, conflict.headers["retry-after"]) == (409, "1")
        assert attempts == ["GET", "GET", "POST"]
        assert (await http.get("/read")).text == "13"


async def test_a_post_goes_through_beside_a_key_that_goes_meanwhile_unless_it_looked_at_that(
    tmp_path: Path,
) -> None:
    app = app_with(tmp_path)

    async def drop(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.session.pop("flash")))

    async def write(request: Request) -> PlainTextResponse:
        if "looks" in request.query_params:
            request.session.get("flash")
        async with client(app, cookies=dict(http.cookies)) as other:
            await other.post("/drop")
        request.session["said"] = request.session["flash"] = "again"
        return PlainTextResponse("written")

    for path, endpoint in (("/drop", drop), ("/write", write)):
        app.add_route(path, endpoint, methods=["POST"])
    async with client(app) as http:
        await http.post("/plus")
        owner = owner_of(http.cookies["asok"])
        await app.backend.commit(Commit({}, {(owner, "session/flash"): pack("hello")}))
        assert (await http.post("/write")).text == "written"
        assert (await http.post("/write?looks")).status_code == 409
        assert "session/said" in await app.backend.read(owner, [], "session/")


@pytest.mark.parametrize("kind", ["base", "streaming"])
async def test_a_conflict_is_told_through_any_middleware_and_response(tmp_path: Path, kind: str) -> None:
    class Tagging(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            answer = await call_next(request)
            answer.headers["x-tag"] = "1"
            return answer

    app = app_with(tmp_path, middleware=[Middleware(Tagging)] if kind == "base" else [])

    async def clash(request: Request) -> Any:
        n = request.session.get("n", 0)
        async with client(app, cookies=dict(http.cookies)) as other:
            await other.post("/plus")
        request.session["n"] = n + 10
        return StreamingResponse(iter(["a", "b"])) if kind == "streaming" else PlainTextResponse("x")

    app.add_route("/clash", clash, methods=["POST"])
    async with client(app) as http:
        await http.post("/plus")
        assert (await http.post("/clash")).status_code == 409
        assert (await http.get("/read")).text == "2"


async def test_parallel_requests_count_every_success_exactly(tmp_path: Path) -> None:
    async with rig(app_with(tmp_path, database=str(tmp_path / "s.db"))) as served:
        visitor = await served.visitor()
        await visitor.http.post("/plus")
        answers = await asyncio.gather(*(visitor.http.post("/plus") for _ in range(20)))
        done = sum(answer.status_code == 200 for answer in answers)
        assert (await visitor.http.get("/read")).text == str(done + 1)


class BusyBackend(MemoryBackend):
    """A store that cannot be had while it is asked not to be."""

    reads_fail = commits_fail = False

    async def read(self, *arguments: Any, **options: Any) -> dict[str, Cell]:
        if self.reads_fail:
            raise Busy("not now")
        return await super().read(*arguments, **options)

    async def commit(self, commit: Commit) -> bool:
        if self.commits_fail:
            raise Busy("not now")
        return await super().commit(commit)


@pytest.mark.parametrize("failing", ["reads_fail", "commits_fail"])
async def test_a_busy_store_is_a_503_and_nothing_is_lost(tmp_path: Path, failing: str) -> None:
    backend = BusyBackend()
    async with client(app_with(tmp_path, backend=backend)) as http:
        await http.post("/plus")
        setattr(backend, failing, True)
        busy = await http.post("/plus")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        setattr(backend, failing, False)
        assert (await http.post("/plus")).text == "2"


async def test_a_page_that_is_made_is_sent_though_the_store_is_busy_when_its_cookie_should_last_longer(
    tmp_path: Path,
) -> None:
    backend = BusyBackend()

    async def failing(request: Request) -> PlainTextResponse:
        backend.reads_fail = True
        return PlainTextResponse(f"page for {len(request.scope['session'].id)} letters")

    app = app_with(tmp_path, backend=backend)
    app.add_route("/failing", failing)
    async with client(app) as http:
        await http.get("/live-page")
        owner = owner_of(http.cookies["asok"])
        await backend.commit(Commit({}, {(owner, "meta"): pack(Meta(created=time.time() - 8 * 86400))}))
        answer = await http.get("/failing")
        assert (answer.status_code, answer.text) == (200, "page for 43 letters")


async def test_an_app_beneath_may_send_the_same_answer_without_headers_to_everybody(tmp_path: Path) -> None:
    start = {"type": "http.response.start", "status": 200}

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["n"] = 1
        await send(start)
        await send({"type": "http.response.body", "body": b"said"})

    app = app_with(tmp_path)
    app.mount("/beneath", plain)
    cookies = []
    for _ in range(2):
        async with client(app) as http:
            answer = await http.get("/beneath/")
            assert answer.text == "said"
            cookies.append(answer.headers.get_list("set-cookie"))
    assert [len(each) for each in cookies] == [1, 1] and cookies[0] != cookies[1]
    assert "headers" not in start


async def test_a_failing_route_writes_nothing(tmp_path: Path) -> None:
    app = app_with(tmp_path)

    async def fails(request: Request) -> None:
        request.session["n"] = 100
        raise RuntimeError("secret")

    app.add_route("/fails", fails)
    async with rig(app) as served:
        visitor = await served.visitor()
        await visitor.http.post("/plus")
        answer = await visitor.http.get("/fails")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert (await visitor.http.get("/read")).text == "1"


async def test_sessions_that_nobody_uses_are_swept(tmp_path: Path) -> None:
    from asok.sessions import owner_of

    times = [1.0]
    backend = MemoryBackend(clock=lambda: times[0])
    app = app_with(tmp_path, backend=backend, limits=Limits(session_age=10))
    async with client(app) as http:
        await http.post("/plus")
        owner = owner_of(http.cookies["asok"])
        assert await backend.sweep(0.5) == 0
        assert await backend.sweep(2.0) == 1
        assert await backend.read(owner, ["meta"]) == {}
        assert (await http.get("/read")).text == "None"
