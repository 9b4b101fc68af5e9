"""Asok: an ASGI application from a folder, and its pages."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from asok import Asok, AuthStore, Component, Settings, SuperStore
from asok.bus import LocalBus
from asok.component import registry
from asok.errors import ConfigurationError, DuplicateComponent, RenderError
from asok.testing import LiveClient
from tests.rig import KEY, asok_app, rig

COUNTER = """
from asok import Component
from asok.component import exposed

class Counter(Component):
    count = 0

    @exposed
    def increment(self):
        self.count += 1

    def render(self):
        return self.html("counter.html")
"""
HTML = '<div>\n  <h3>Count: {{ count }}</h3>\n  <button ws-click="increment">Add 1</button>\n</div>\n'
BASE = "<!doctype html><html><head>{{ alive() }}</head><body>{% block main %}{% endblock %}</body></html>"
INDEX = """{% extends "html/base.html" %}
{% block main %}<h1>Welcome</h1>{{ component('Counter', count=10) }}{% endblock %}"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    for name, text in {
        "src/components/Counter.py": COUNTER,
        "src/components/counter.html": HTML,
        "src/templates/html/base.html": BASE,
        "src/templates/index.html": INDEX,
        "src/static/site.css": "body{}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("src.components.")]:
        del sys.modules[name]


async def test_the_counter_of_the_design_runs_letter_for_letter(project: Path) -> None:
    app = Asok(root=project, settings=Settings(project, keys=(KEY,), database=":memory:"))
    app.page("/", "index.html")
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert "Count: 11" in await tab.text_after("increment")
        page = (await visitor.open()).text
        assert "<h1>Welcome</h1><div data-asok-state=" in page and "Count: 11" in page
        assert (await visitor.http.get("/static/site.css")).text == "body{}"


async def test_sessions_go_to_the_projects_own_file_by_default(project: Path) -> None:
    app = Asok(root=project, settings=Settings(project, keys=(KEY,)))
    app.page("/", "index.html")
    async with rig(app) as served:
        await (await served.visitor()).open()
    assert (project / ".asok" / "sessions.db").is_file()


def test_a_component_module_that_fails_says_so_and_is_not_half_there(project: Path) -> None:
    (project / "src" / "components" / "Broken.py").write_text("import nothing_of_this_name")
    with pytest.raises(ModuleNotFoundError):
        Asok(root=project, settings=Settings(project, keys=(KEY,), database=":memory:"))
    assert "src.components.Broken" not in sys.modules


def test_two_files_with_one_class_name_stop_the_start(project: Path) -> None:
    (project / "src" / "components" / "Other.py").write_text(COUNTER)
    with pytest.raises(DuplicateComponent, match="rename one"):
        Asok(root=project, settings=Settings(project, keys=(KEY,), database=":memory:"))


def test_an_app_without_a_key_stops_the_start(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEBUG", "SECRET_KEY", "ASOK_KEYS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError):
        Asok(root=project)


def test_the_root_is_the_folder_of_the_module_that_makes_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", KEY)
    monkeypatch.setenv("ASOK_DATABASE", ":memory:")
    assert Asok().root == Path(__file__).resolve().parent


async def test_a_page_is_a_template_a_class_or_a_function(tmp_path: Path) -> None:
    type(
        "Card",
        (Component,),
        {"__annotations__": {"name": str}, "name": "", "n": 0, "template": "<p>{{ name }}{{ n }}</p>"},
    )
    app = asok_app(tmp_path, {"/": "{{ component('Card', name='t') }}"}, templates={"u.html": "{{ who }}!"})
    app.page("/card/{name}", Component.__subclasses__()[-1])

    @app.page("/u/{name}", "u.html")
    async def user(request: Request) -> Any:
        if request.path_params["name"] == "away":
            return RedirectResponse("/")
        return {"who": request.path_params["name"]}

    @app.page("/s/{name}", "u.html")
    def sync_user(request: Request) -> Any:
        return {"who": request.path_params["name"]}

    async with rig(app) as served:
        http = (await served.visitor()).http
        assert ">t0</p>" in (await http.get("/")).text
        assert ">ann0</p>" in (await http.get("/card/ann")).text
        assert (await http.get("/u/<b>")).text == "&lt;b&gt;!"
        assert (await http.get("/s/bob")).text == "bob!"
        assert (await http.get("/u/away")).status_code == 307


async def test_a_path_parameter_becomes_the_fields_type_or_there_is_no_such_page(tmp_path: Path) -> None:
    number = type("Number", (Component,), {"n": 0, "template": "<p>{{ n + 1 }}</p>"})
    app = asok_app(tmp_path)
    app.page("/n/{n}", number)
    async with rig(app) as served:
        http = (await served.visitor()).http
        assert ">42</p>" in (await http.get("/n/41")).text
        assert (await http.get("/n/x")).status_code == 404


async def test_a_route_of_the_apps_own_may_render_live_pages(tmp_path: Path) -> None:
    type("Leaf", (Component,), {"template": "<i>leaf</i>"})

    async def shop(request: Request) -> Any:
        return await app.render(request, "shop.html", title="T")

    templates = {"shop.html": "{{ alive() }}{{ title }}{{ component('Leaf') }}"}
    app = asok_app(tmp_path, templates=templates, routes=[Route("/shop", shop)])
    async with rig(app) as served:
        tab = await served.tab("/shop")
        assert len(tab.shown) == 1


async def test_the_lifespan_of_the_user_runs_within_that_of_the_app(tmp_path: Path) -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        happened.append("up")
        yield {"db": 1}
        happened.append("down")

    async def state(request: Request) -> Any:
        return PlainTextResponse(str(request.state.db))

    async with rig(asok_app(tmp_path, lifespan=lifespan, routes=[Route("/state", state)])) as served:
        assert (await (await served.visitor()).http.get("/state")).text == "1"
    assert happened == ["up", "down"]


class SlowBus(LocalBus):
    """Opens when it may; the first time it may fail."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.asked, self.may, self.fails, self.heard = asyncio.Event(), asyncio.Event(), fails, False

    async def open(self) -> None:
        self.asked.set()
        await self.may.wait()
        if self.fails:
            self.fails = False
            raise ConfigurationError("not yet")
        await super().open()
        self.heard = True


def app_on(bus: SlowBus, root: Path) -> Asok:
    """An app that tells at /heard whether its bus is open."""

    async def heard(request: Request) -> Any:
        return PlainTextResponse(str(bus.heard))

    return asok_app(root, bus=bus, routes=[Route("/heard", heard)])


@pytest.mark.parametrize("fails", [False, True])
async def test_without_a_lifespan_nobody_is_served_before_the_app_hears_its_other_processes(
    tmp_path: Path, fails: bool
) -> None:
    bus = SlowBus(fails=fails)
    app = app_on(bus, tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        first = asyncio.create_task(client.get("/heard"))
        await bus.asked.wait()
        second = asyncio.create_task(client.get("/heard"))
        await asyncio.sleep(0)
        bus.may.set()
        if fails:
            with pytest.raises(ConfigurationError):
                await first
        else:
            assert (await first).text == "True"
        assert (await second).text == "True"
    await app._close()


async def test_a_guard_that_raises_lets_nobody_in(tmp_path: Path) -> None:
    def broken(request: Any, session: Any) -> bool:
        raise RuntimeError("secret")

    app = asok_app(tmp_path, templates={"p.html": "gold"})
    app.page("/p", "p.html", guard=broken)
    async with rig(app) as served:
        answer = await (await served.visitor()).http.get("/p")
        assert answer.status_code == 500
        assert "gold" not in answer.text and "secret" not in answer.text


async def test_a_page_that_needs_a_signed_in_person_refuses_clearly(tmp_path: Path) -> None:
    todos = AuthStore(lambda session: session.get("user"), {"todo": []}, name="app_todos")
    app = asok_app(tmp_path, {"/": "{{ todos.react('todo') }}"})
    app.env.globals["todos"] = todos
    async with rig(app) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 403
        assert "app_todos" not in answer.text


async def test_a_page_whose_script_uses_the_state_has_a_session_for_it(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "page.js").write_text("alive.appState.setState('a', 'b', 1)")
    async with rig(asok_app(tmp_path, {"/": "<p></p>"})) as served:
        visitor = await served.visitor()
        page = await visitor.open("/")
        assert "store.js" in page.text
        assert page.csrf
        assert visitor.cookie


async def test_a_page_of_an_app_without_stores_loads_only_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SuperStore, "used", False)
    with registry.isolated(lambda definition: False):
        async with rig(asok_app(tmp_path, {"/": "<p></p>"})) as served:
            page = await (await served.visitor()).open("/")
    assert page.text.count("<script") == 1
    assert not page.csrf


class NoComponent:
    count = 0


@pytest.mark.parametrize("page", [NoComponent, NoComponent(), 3, None, Component])
def test_a_page_of_what_is_no_component_is_refused_at_the_start(tmp_path: Path, page: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"app\.page\('/', …\) was given .*; give it a template's name, or a"):
        asok_app(tmp_path).page("/", page)


def test_a_path_without_a_slash_is_refused_with_the_one_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a path begins with a slash; write '/about'"):
        asok_app(tmp_path).page("about", "about.html")


def test_two_pages_at_one_path_are_refused_since_the_guard_of_the_second_would_be_asked_for_the_first(
    tmp_path: Path,
) -> None:
    app = asok_app(tmp_path)
    app.page("/n/{n}", "a.html")
    app.page("/n", "a.html")
    with pytest.raises(ConfigurationError, match="there is a page at '/n' already; leave one of them out"):
        app.page("/n", "b.html", guard=lambda request, session: False)


@pytest.mark.parametrize(
    ("path", "meant"), [("/n/<int:n>", "'/n/{n:int}'"), ("/<name>/x", "'/{name}/x'"), ("/<string:s>", "'/{s:str}'")]
)
def test_parameters_as_others_write_them_are_told_in_words(tmp_path: Path, path: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"write {meant}, with braces")):
        asok_app(tmp_path).page(path, "a.html")


def test_a_pages_function_that_takes_no_request_is_told_where_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"write def index\(request\)"):

        @asok_app(tmp_path).page("/", "a.html")
        def index() -> dict[str, int]:
            return {}


async def test_a_page_function_that_returns_text_is_told_what_to_return(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"a.html": "a"})

    @app.page("/", "a.html")
    def index(request: Request) -> str:
        return "<p>"

    async with LiveClient(app) as client:
        with pytest.raises(RenderError, match="index returned str; return a dict of the template's variables"):
            await client.open("/")


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.7", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"])
async def test_a_key_that_can_be_guessed_serves_nobody_on_other_machines(tmp_path: Path, peer: str) -> None:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    for keys, status in (((), 400), ((KEY,), 404)):
        app = Asok(root=tmp_path, settings=Settings(tmp_path, True, keys, database=":memory:"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1))) as http:
            assert (await http.get("http://localhost/")).status_code == status
        if status == 400:
            await app({"type": "websocket", "path": "/live", "headers": [], "client": (peer, 1)}, receive, send)
    assert said == ["websocket.close"]


@pytest.mark.parametrize("named", ["192.0.2.1", "127.0.0.1, 2001:db8::1", "192.0.2.1:5000", "unknown", "\x1b[1m"])
async def test_a_key_that_can_be_guessed_serves_nobody_through_a_tunnel(tmp_path: Path, named: str) -> None:
    app = Asok(root=tmp_path, settings=Settings(tmp_path, True, database=":memory:"))
    for peer in ("127.0.0.1", ""):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1))) as http:
            for header, status in ((named, 400), ("127.0.0.1, ::1", 404)):
                answer = await http.get("http://localhost/", headers={"x-forwarded-for": header})
                assert answer.status_code == status


@pytest.mark.parametrize("peer", ["127.0.0.9", "::1", "::ffff:127.0.0.1", "", "a socket's path"])
async def test_a_key_that_can_be_guessed_serves_this_machine(tmp_path: Path, peer: str) -> None:
    app = Asok(root=tmp_path, settings=Settings(tmp_path, True, database=":memory:"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1))) as http:
        assert (await http.get("http://localhost/")).status_code == 404
