"""What a page asks of the session store: no more than what can be there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route
from starlette.templating import Jinja2Templates

from asok import Component
from asok.backends.memory import MemoryBackend
from asok.backends.sqlite import SQLiteBackend
from asok.component import exposed
from asok.errors import RenderError
from asok.sessions import META, Cell, Commit, Session
from tests.rig import PAGE, asok_app, rig


class PagesNumber(Component):
    """Shows a number."""

    number = 1
    template = "<p>{{ number }}</p>"


class Noting(SQLiteBackend):
    """Notes what it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[object] = []

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        self.asked.append(["read", [name.partition("/")[0] for name in names], prefix])
        return await super().read(owner, names, prefix)

    async def commit(self, commit: Commit) -> bool:
        self.asked.append(["write", [name for _, name in commit.writes]])
        return await super().commit(commit)


class PagesWord(Component):
    """Shows a word of the path."""

    word = ""
    template = "<p>{{ word }}</p>"


class PagesLooking(Component):
    """Looks at the request of its page."""

    seen: ClassVar[list[Any]] = []
    template = "<p></p>"

    @exposed
    def look(self) -> None:
        self.seen.append(self.request.path_params)


class Day(Convertor[date]):
    """A day in a path."""

    regex = "[0-9]{8}"

    def convert(self, value: str) -> date:
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))

    def to_string(self, value: date) -> str:
        return value.strftime("%Y%m%d")


@pytest.mark.parametrize("root", ["", "/under"])
async def test_a_methods_request_has_the_parameters_of_the_path_as_the_page_had_them(tmp_path: Path, root: str) -> None:
    register_url_convertor("day", Day())
    seen, huge = PagesLooking.seen, 10**30
    seen.clear()

    def guard(request: Request, session: Any) -> None:
        seen.append(request.path_params)

    app = asok_app(tmp_path)
    app.page("/{tag:uuid}/{day:day}/{number:int}/{rest:path}", PagesLooking, guard=guard)
    outer = Starlette(routes=[Mount(root, app)]) if root else app
    async with rig(outer) as served:
        visitor = await served.visitor()
        page = await visitor.open(f"{root}/{UUID(int=7)}/20261122/{huge}/a%20b/c")
        tab = await visitor.connect(path=f"{root}/live")
        await tab.join(page.tokens, page.csrf)
        await tab.event("look")
    assert len(seen) >= 3
    wanted = {"tag": UUID(int=7), "day": date(2026, 11, 22), "number": huge, "rest": "a b/c"}
    assert all({name: each[name] for name in wanted} == wanted for each in seen)


@pytest.mark.parametrize("tenant", ['"><img src=x>', "\\evil.example", "/evil.example", "a b", "a?b#c"])
async def test_what_a_mount_takes_from_the_address_stays_a_path_of_this_site(tmp_path: Path, tenant: str) -> None:
    app = asok_app(tmp_path)
    app.page("/word/{word}", PagesWord)
    async with rig(Starlette(routes=[Mount("/{tenant:path}/in", app)])) as served:
        visitor = await served.visitor()
        page = await visitor.open(f"{served.base}/{quote(tenant)}/in/word/x")
        live = re.findall(r'data-live="([^"]*)"', page.text)
        scripts = re.findall(r'<script[^>]* src="([^"]*)"', page.text)
        assert unquote(live[0].removeprefix("/.")) == f"/{tenant}/in/live" and "<img" not in page.text
        for address in (*live, *scripts):
            assert re.fullmatch(r"/(?![/\\])[^\"\\ ?#]*", address)
        tab = await visitor.connect(path=live[0].removeprefix("/."))
        await tab.join(page.tokens, page.csrf)


@pytest.mark.parametrize(("mount", "prefix"), [(None, ""), ("admin", "admin:")])
async def test_a_mounted_page_finds_its_own_addresses_by_name(tmp_path: Path, mount: str | None, prefix: str) -> None:
    (tmp_path / "static").mkdir()
    names = f"('{prefix}home'), request.url_for('{prefix}static', path='app.css')"
    app = asok_app(tmp_path, templates={"p.html": f"{{{{ [request.url_for{names}] | join(' ') }}}}"})
    app.page("/", "p.html", name="home")
    async with rig(Starlette(routes=[Mount("/in", app, name=mount)])) as served:
        page = await (await served.visitor()).open("/in/")
        assert page.text == f"{served.base}/in/ {served.base}/in/static/app.css"


@pytest.mark.parametrize("beside", ["/other", ""])
async def test_an_app_beside_takes_no_token_of_a_page_whose_guard_it_does_not_know(tmp_path: Path, beside: str) -> None:
    backend, members = MemoryBackend(), {"ada"}
    inner, other = (asok_app(tmp_path, backend=backend) for _ in range(2))
    # By their names these two are one.
    inner.page("/", PagesLooking, guard=lambda request, session: "ada" in members)
    other.page("/", PagesNumber, guard=lambda request, session: True)
    async with rig(Starlette(routes=[Mount("/members", inner), Mount(beside, other)])) as served:
        visitor = await served.visitor()
        page = await visitor.open("/members/")
        members.clear()
        tab = await visitor.connect(path=f"{beside}/live")
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("look"))[0] == "reset"


@pytest.mark.parametrize("guards", [(None, None), (lambda request, session: True, None), (None, "/moved")])
async def test_an_app_at_another_host_takes_no_token_of_a_page_whose_guard_it_does_not_know(
    tmp_path: Path, guards: tuple[Any, str | None]
) -> None:
    backend, members = MemoryBackend(), {"ada"}
    guard, moved = guards
    inner, other = (asok_app(tmp_path, backend=backend) for _ in range(2))

    def is_member(request: Request, session: Session) -> bool:
        return "ada" in members

    inner.page("/", PagesLooking, guard=is_member)
    other.page(moved or "/", PagesNumber, guard=is_member if moved else guard)
    async with rig(Starlette(routes=[Host("127.0.0.1", inner), Host("localhost", other)])) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        own = await visitor.connect()
        await own.join(page.tokens, page.csrf)
        assert (await own.event("look"))[0] == "update"
        members.clear()
        tab = await visitor.connect(host="localhost", origin=f"http://localhost:{served.port}")
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("look"))[0] == "reset"
        assert (await own.event("look"))[:1] == ["refused"]


@pytest.mark.parametrize("address", [f"/{'w' * 9000}", f"/w?{'q' * 9000}", f"/{'%C3%A9' * 4500}"])
async def test_an_address_that_no_token_could_hold_is_a_414(tmp_path: Path, address: str) -> None:
    app = asok_app(tmp_path)
    app.page("/{word}", PagesWord)
    async with rig(app) as served:
        visitor = await served.visitor()
        assert (await visitor.http.get(address)).status_code == 414
        assert "www" in (await visitor.open(f"/{'w' * 8000}")).text


async def test_a_new_visitor_costs_one_write_and_one_who_is_known_two_reads(tmp_path: Path) -> None:
    backend = Noting(tmp_path / "app.db")
    app = asok_app(tmp_path, backend=backend)
    app.page("/", PagesNumber)
    async with rig(app) as served:
        visitor = await served.visitor()
        backend.asked.clear()
        await visitor.open()
        assert backend.asked == [["write", [META]]]
        backend.asked.clear()
        await visitor.open()
        assert backend.asked == [["read", [META], "session/"], ["read", ["slot"], None]]


class PagesBelow(Component):
    """A form on a page that stands below the app."""

    count = 0
    template = "<form ws-submit='add'><button>{{ count }}</button></form>"

    @exposed
    def add(self) -> None:
        self.count += 1


@pytest.mark.parametrize("above", ["", "/above"])
async def test_a_page_of_a_route_below_a_mount_takes_the_runtime_from_where_the_app_begins(
    tmp_path: Path, above: str
) -> None:
    async def page(request: Request) -> Response:
        return await app.render(request, "below.html")

    async def stock(request: Request) -> Response:
        return Jinja2Templates(env=app.env).TemplateResponse(request, "below.html")

    async def kept(request: Request) -> Response:
        request.session["kept"] = True
        return PlainTextResponse("kept")

    below = [Route("/page", page), Route("/stock", stock), Route("/live", kept)]
    templates = {"below.html": PAGE % "{{ component('PagesBelow') }}"}
    app = asok_app(tmp_path, templates=templates, routes=[Mount("/below", Starlette(routes=below))])
    async with rig(Starlette(routes=[Mount(above, app)]) if above else app) as served:
        for path in ("/below/page", "/below/stock"):
            visitor = await served.visitor()
            page_ = await visitor.open(above + path)
            addresses = re.findall(r' (?:src|data-live|action)="([^"]*)"', page_.text)
            assert f"{above}/live" in addresses and f"{above}/live/form" in addresses
            assert all(address.startswith(f"{above}/live") for address in addresses)
        answer = await (await served.visitor()).http.get(f"{above}/below/live")
        assert "asok=" in answer.headers["set-cookie"], "it is a route of the app, and not the socket's path"


async def test_a_page_with_the_runtime_twice_is_told_before_its_clicks_count_twice(tmp_path: Path) -> None:
    app = asok_app(tmp_path, {"/": "{{ alive() }}{{ component('PagesNumber') }}"}, debug=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        with pytest.raises(RenderError, match=r"page0.html has {{ alive\(\) }} 2 times, .* leave one, in the <head>"):
            await client.get("/")


async def test_a_middleware_that_takes_the_place_of_the_session_is_told_where_it_belongs(tmp_path: Path) -> None:
    starlettes = Middleware(SessionMiddleware, secret_key="k3y-of-starlette")
    app = asok_app(tmp_path, {"/": "{{ component('PagesNumber') }}"}, middleware=[starlettes])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        with pytest.raises(RenderError, match="leave Starlette's SessionMiddleware out"):
            await client.get("/")
    await app._close()
