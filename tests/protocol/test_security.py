"""Each threat of the threat list that the core must stand: the attack, what answers it, and that others go on."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import re
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import websockets
from starlette.responses import PlainTextResponse

import asok
from asok import Asok, Component, Denied, Limits, Settings, bind, exposed, private
from asok.errors import AsokError, ComponentError, ConfigurationError, DuplicateComponent
from asok.server import OneLine
from asok.sessions import owner_of
from asok.state import KeyRing, Token, seal, unseal
from tests.rig import KEY, Rig, Tab, Visitor, asok_app, rig

ran: list[str] = []
RING = KeyRing([KEY])
OTHER_KEY = "an0ther-K3y_of-the-tests-zyxwvutsrqponmlkjih"


class Parts:
    """The components of these tests; each test gets classes of its own."""

    @staticmethod
    def define() -> None:
        class Counter(Component):
            count = 0
            label: str = ""
            draft: str = bind("")
            tags: list[str] = []
            secret: str = private("hidden-from-everyone")
            _note = "transient"
            shown_nowhere = "only-in-state"
            template = "<p title='{{ label }}'>{{ count }} {{ label }} {{ draft }}</p>"

            @property
            def peek(self) -> int:
                ran.append("peek")
                return 1

            @exposed
            def add(self, by: int = 1) -> None:
                ran.append("add")
                self.count += by

            @exposed
            def name(self, label: str) -> None:
                self.label = label

            @exposed
            def retag(self, tags: list[str]) -> None:
                self.tags = tags

            @exposed
            def any(self, value) -> None:  # type: ignore[no-untyped-def]  # on purpose: no annotation
                ran.append(type(value).__name__)

            @exposed
            def fail(self) -> None:
                raise RuntimeError(f"/etc/secret {KEY}\r\nFAKE log line")

            def helper(self) -> None:
                ran.append("helper")

            def mount(self) -> None:
                ran.append("mount")

        class Other(Component):
            count = 0
            template = "<p>{{ count }}</p>"

            @exposed
            def add(self) -> None:
                self.count += 1


@pytest.fixture(autouse=True)
def parts() -> None:
    Parts.define()
    ran.clear()


ONE = {"/": "{{ component('Counter') }}"}


def opened(text: str) -> Token:
    return unseal(text, RING, Limits(), time.time())


async def reset_or_refused(tab: Tab, token: str) -> str:
    """How a join with this token is answered."""
    await tab.send("join", 1, tab.csrf, tab.name, [[token, 0, 0]])
    await tab.until("joined")
    await tab.send("ping")
    return str((await tab.until("reset", "refused", "pong"))[0])


async def works(served: Rig) -> None:
    """An honest client on the same server is answered within a second."""
    async with asyncio.timeout(1):
        assert (await (await served.tab()).event("add"))[0] == "update"


async def test_t01_no_metadata_of_a_type_makes_an_object(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        poison = [
            {"__type__": "os.system"},
            {"s": 1, "class": "subprocess.Popen"},
            {"__class__": "x"},
            {"py/object": "x"},
        ]
        for value in poison:
            await tab.send("event", tab.only, 1, "any", {"value": value})
            assert await tab.closed() == 4400
            tab = await served.tab()
        assert ran.count("add") == 0
        for value in poison:
            answer = await tab.event("", {"fields": {"draft": value}})
            assert answer[3] == "bad_args"
        await works(served)


def test_t01_the_package_has_nothing_that_unpickles_or_evaluates() -> None:
    forbidden = re.compile(r"\b(pickle|marshal|shelve|yaml|dill|jsonpickle)\b")
    for file in Path(asok.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "__import__"), file
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not forbidden.search(ast.unparse(node)), file


@pytest.mark.parametrize(
    "path",
    [
        "__class__",
        "__class__.__init__.__globals__",
        "a.__dict__",
        "draft.x",
        "_note",
        "__dict__",
        "_asok",
        "draft.__class__",
    ],
)
async def test_t02_no_path_reaches_an_attribute(tmp_path: Path, path: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event("", {"fields": {path: "x"}}))[3] == "bad_args"
        assert await tab.text_after("add") == "<p title=''>1  </p>"


async def test_t03_the_state_of_one_component_is_none_of_another(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counter') }}{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first, second = page.tokens
        swapped = second.split(".")[0] + "." + first.split(".", 1)[1]
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        assert await reset_or_refused(tab, swapped) == "reset"
        mixed = ".".join([*second.split(".")[:2], first.split(".")[2], second.split(".")[3]])
        assert await reset_or_refused(tab, mixed) == "reset"
        assert await reset_or_refused(tab, second) == "pong"
        await works(served)


async def test_t04_an_unknown_class_is_answered_as_a_forged_token_is(tmp_path: Path) -> None:
    with pytest.raises(DuplicateComponent, match="rename one"):
        type("Counter", (Component,), {"__module__": "elsewhere"})
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token = opened(page.tokens[0])
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        answers = []
        for name in ("Nobody", "os.system", "asok.component.Component", "../Counter"):
            made = seal(msgspec.structs.replace(token, component=name), RING)
            answers.append(await reset_or_refused(tab, made))
        answers.append(await reset_or_refused(tab, page.tokens[0][:-3] + "AAA"))
        assert set(answers) == {"reset"}


@pytest.mark.parametrize(
    "call",
    [
        "mount", "load", "render", "updated", "unmount", "guard", "migrate", "html('x')", "helper", "peek", "count",
        "secret", "redirect('/x')", "reset('x')", "dispatch('x')", "session", "request", "__init__", "__class__",
        "__dict__", "_asok", "_definition", "_renderer", "template", "draft", "nope", "Counter", "add.__call__",
        "self.add", "tags.append('x')",
    ],
)  # fmt: skip
async def test_t05_what_is_not_exposed_is_not_called(tmp_path: Path, call: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        ran.clear()
        assert await tab.event(call) == ["refused", tab.only, 1, "refused", ""]
        assert ran == []
        assert (await tab.event("add"))[0] == "update"


def test_t05_a_decorator_on_a_hook_is_refused_and_an_override_without_it_unexposes() -> None:
    for hook in ("mount", "load", "render", "guard", "_hidden", "redirect"):
        with pytest.raises(ComponentError, match="cannot be @exposed"):
            type("Wrong", (Component,), {hook: exposed(lambda self: None)})

    class Open(Component):
        @exposed
        def act(self) -> None: ...

    class Shut(Open):
        def act(self) -> None: ...

    assert "act" in Open._definition.exposed
    assert "act" not in Shut._definition.exposed


async def test_t06_only_bound_fields_are_written(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for name in ("count", "secret", "label", "peek", "nothing", "add", "session"):
            answer = await tab.event("", {"fields": {"draft": "mine", name: 1}})
            assert answer[3] == "bad_args", name
        assert await tab.text_after("", {"fields": {"draft": "mine"}}) == "<p title=''>0  mine</p>"


async def test_t07_a_token_that_is_not_exactly_ours_is_refused(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token = page.tokens[0]
        instance, key, payload, mac = token.split(".")
        raw = base64.urlsafe_b64decode(payload + "==")
        flipped = base64.urlsafe_b64encode(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]).decode().rstrip("=")
        wrong = [
            f"{instance}.{key}.{payload}.", f"{instance}.{key}.{payload}", f"{instance}.{key}.{payload}.{mac[:22]}",
            f"{instance}.{key}.{flipped}.{mac}", f"{instance}.{key}.{payload}.{mac}=",
            f"{instance}.0000.{payload}.{mac}", f"{instance}.{key}.{payload}.{mac}.{mac}",
            visitor.cookie, page.csrf, "", ".", "...", "A" * 60_000,
            f"{instance}.{key}.{payload}.{RING.mac('csrf', f'{instance}.{key}.{payload}')}", token + "\n", " " + token,
            mac + token[43:],
        ]  # fmt: skip
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        for text in wrong:
            assert await reset_or_refused(tab, text) == "reset", text[:100]
        await works(served)


def test_t08_no_production_without_a_key_of_its_own(tmp_path: Path) -> None:
    development = Settings.read(tmp_path, {"DEBUG": "true"}).keys[0]
    for key in ("", "short", "a" * 64, "change-me-change-me-change-me-0123456789", development):
        with pytest.raises(ConfigurationError):
            Asok(root=tmp_path, settings=Settings(tmp_path, keys=(key,) if key else ()))


async def test_t09_a_token_of_another_session_is_refused(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        alice, mallory = await served.visitor(), await served.visitor()
        stolen, own = await alice.open(), await mallory.open()
        tab = await mallory.connect()
        await tab.join([], own.csrf)
        assert await reset_or_refused(tab, stolen.tokens[0]) == "reset"
        assert await reset_or_refused(tab, own.tokens[0]) == "pong"
        nobody = await served.visitor()
        anonymous = await nobody.connect(cookie="")
        await anonymous.join([], "")
        assert await reset_or_refused(anonymous, stolen.tokens[0]) == "reset"


async def test_t10_replay_of_an_old_state_rolls_nothing_back(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first = await visitor.connect()
        await first.join(page.tokens, page.csrf)
        for _ in range(3):
            await first.event("add")
        ran.clear()
        replays = [await visitor.connect() for _ in range(6)]
        for tab in replays:
            tab.name = first.name
            await tab.join(page.tokens, page.csrf)
        await asyncio.gather(*(tab.event("add", seq=1) for tab in replays))
        assert ran.count("add") == 0
        assert {tab.text() for tab in replays} == {"<p title=''>3  </p>"}


async def test_t11_an_event_delivered_twice_runs_once(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for _ in range(5):
            await tab.send("event", tab.only, 1, "add")
        tab.shown[tab.only].last = 1
        assert await tab.text_after("add") == "<p title=''>2  </p>"
        assert ran.count("add") == 2


def members_only(app: Asok) -> None:
    async def log_in(request: Any) -> Any:
        request.session["user"] = "ann"
        return PlainTextResponse("in")

    async def log_out(request: Any) -> Any:
        request.session.clear()
        request.session.regenerate()
        return PlainTextResponse("out")

    app.add_route("/in", log_in, methods=["POST"])
    app.add_route("/out", log_out, methods=["POST"])


async def test_t12_the_guard_decides_at_the_page_at_join_and_before_every_event(tmp_path: Path) -> None:
    async def member(request: Any, session: Any) -> bool:
        await asyncio.sleep(0)
        return "user" in session

    app = asok_app(tmp_path, templates={"m.html": "{{ alive() }}{{ component('Counter') }}"})
    app.page("/m", "m.html", guard=member)
    members_only(app)
    async with rig(app) as served:
        visitor = await served.visitor()
        assert (await visitor.http.get("/m")).status_code == 403
        await visitor.http.post("/in")
        page = await visitor.open("/m")
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"

        async def forget(request: Any) -> Any:
            request.session.pop("user", None)
            return PlainTextResponse("")

        app.add_route("/forget", forget, methods=["POST"])
        await visitor.http.post("/forget")
        ran.clear()
        assert (await tab.event("add"))[3] == "denied"
        late = await visitor.connect()
        await late.join(page.tokens, page.csrf)
        assert (await late.until("refused"))[3] == "denied"
        assert (await late.event("add"))[3] == "denied"
        assert ran == []
        await visitor.http.post("/in")
        assert (await tab.event("add"))[0] == "update"


async def test_t12_the_guard_of_a_component_is_asked_too(tmp_path: Path) -> None:
    class Vault(Component):
        template = "<p>gold</p>"

        def guard(self, request: Any, session: Any) -> None:
            if "user" not in session:
                raise Denied("the vault")

        @exposed
        def take(self) -> None:
            ran.append("take")

    app = asok_app(tmp_path, {"/": "{{ component('Vault') }}"})
    members_only(app)
    async with rig(app) as served:
        visitor = await served.visitor()
        refused = await visitor.http.get("/")
        assert refused.status_code == 403
        assert "gold" not in refused.text
        await visitor.http.post("/in")
        tab = await visitor.tab()
        assert (await tab.event("take"))[0] == "update"


async def test_t12_a_logout_closes_the_sockets_of_its_session_and_no_others(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    members_only(app)
    async with rig(app) as served:
        ann, bob = await served.visitor(), await served.visitor()
        hers, his = await ann.tab(), await bob.tab()
        old = ann.cookie
        page = await ann.open()
        async with asyncio.timeout(1):
            await ann.http.post("/out")
            assert await hers.closed() == 4401
        assert ann.cookie != old
        assert (await his.event("add"))[0] == "update"
        thief = await ann.connect(cookie=old)
        assert await thief.closed() == 4401
        again = await ann.connect()
        await again.join([], (await ann.open()).csrf)
        assert await reset_or_refused(again, page.tokens[0]) == "reset"


async def test_t13_the_guards_are_those_of_the_page_that_made_the_token(tmp_path: Path) -> None:
    async def nobody(request: Any, session: Any) -> bool:
        seen.append((request.url.path, request.path_params, request.query_params.get("q")))
        return not revoked

    seen: list[Any] = []
    revoked: list[bool] = []
    app = asok_app(tmp_path, ONE, templates={"m.html": "{{ alive() }}{{ component('Counter') }}"})
    app.page("/m/{room}", "m.html", guard=nobody)
    async with rig(app) as served:
        visitor = await served.visitor()
        page = await visitor.open("/m/7?q=1")
        revoked.append(True)
        tab = await visitor.connect(path="/live?path=/")
        await tab.join(page.tokens, page.csrf)
        assert (await tab.until("refused"))[3] == "denied"
        assert seen == [("/m/7", {"room": "7"}, "1")] * len(seen)


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
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        await visitor.open()
        with pytest.raises(websockets.InvalidStatus) as refused:
            await visitor.connect(origin=origin.format(port=served.port))
        assert refused.value.response.status_code == 403
        await works(served)


async def test_t14_the_first_message_brings_the_sessions_csrf_token(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page, foreign = await visitor.open(), await other.open()
        for csrf in ("", "x", page.csrf[:-1], page.csrf[:16], page.csrf + "A", foreign.csrf, "é" * 43):
            tab = await visitor.connect()
            await tab.send("join", 1, csrf, "tab", [[page.tokens[0], 0, 0]])
            assert await tab.closed() == 4401, csrf
        await works(served)


async def test_t15_nothing_but_a_socket_is_served_at_the_endpoint(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = await visitor.http.request(method, "/live", content=b'[["join"]]')
            assert answer.status_code in (404, 405), method
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_t16_the_session_id_is_ours_long_and_new_after_a_login(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    members_only(app)
    async with rig(app) as served:
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


EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


async def test_t18_what_a_person_types_stays_text(tmp_path: Path) -> None:
    class Echo(Component):
        text: str = bind("")
        template = (
            "{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}"
            '<div title="{{ text }}"><a href="/?q={{ text|urlencode }}">{{ text }}</a>{{ m(text) }}'
            "<script type='application/json'>{{ text|tojson }}</script></div>"
        )

        @exposed
        def say(self, text: str) -> None:
            self.text = text

    async with rig(asok_app(tmp_path, {"/": "{{ component('Echo') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        after = await tab.text_after("say", {"value": EVIL})
        page = (await visitor.open()).text
        for html in (after, page):
            assert "<script>alert" not in html
            assert "<img" not in html
            assert (
                "{{7*7}}" in html
                and "49" not in html.replace(page if html is after else "", "").split("data-asok-state")[0]
            )


async def test_t18_a_users_environment_without_autoescape_escapes_all_the_same(tmp_path: Path) -> None:
    import jinja2

    class Plain(Component):
        text = EVIL
        template = "<p>{{ text }}</p>"

    env = jinja2.Environment(
        autoescape=False, loader=jinja2.DictLoader({"x.html": "{{ alive() }}{{ component('Plain') }}"})
    )
    app = Asok(root=tmp_path, settings=Settings(tmp_path, keys=(KEY,), database=":memory:"), env=env)
    app.page("/", "x.html")
    async with rig(app) as served:
        assert "<script>alert" not in (await (await served.visitor()).open()).text


@pytest.mark.parametrize(
    "path",
    [
        "//evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "https://evil.test",
        "javascript:alert(1)",
        " /x",
        "/a b",
        "",
        "x",
        "/\n/e",
        "\\/e",
    ],
)
async def test_t19_a_redirect_leads_to_a_path_of_this_site(tmp_path: Path, path: str) -> None:
    class Goes(Component):
        template = "<p></p>"

        @exposed
        def go(self, to: str) -> None:
            self.redirect(to)

    async with rig(asok_app(tmp_path, {"/": "{{ component('Goes') }}"})) as served:
        tab = await served.tab()
        assert (await tab.event("go", {"value": path}))[:4] == ["refused", tab.only, 1, "failed"]
        assert (await tab.event("go('/fine?x=1#y')"))[5] == [["redirect", "/fine?x=1#y"]]


async def test_t20_what_a_person_types_is_never_a_template(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for text in (
            "{{7*7}}",
            "{% raw %}",
            "{{ self.__init__ }}",
            '<template data-asok="AAAAAAAAAAAA.00000000"></template>',
        ):
            for _ in range(2):
                html = await tab.text_after("name", {"value": text})
                assert "49" not in html and "<template" not in html
                assert text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in html


async def test_t20_a_template_name_of_a_request_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    async with rig(
        asok_app(
            tmp_path, {"/": "{% include '../secret.txt' ignore missing %}|{% include '@Counter/../x' ignore missing %}"}
        )
    ) as served:
        assert "secret" not in (await (await served.visitor()).http.get("/")).text


async def test_t21_instance_ids_are_made_by_the_server_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert re.fullmatch(r"[A-Za-z0-9_-]{12}", tab.only)
        for instance in ("<script>", "A" * 12, "", "../x", tab.only + "\x00", "x" * 5000):
            await tab.send("event", instance, 1, "add")
            assert (await tab.receive())[0] == "need_token"
        assert ran.count("add") == 0


async def test_t22_private_fields_never_leave_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        await tab.event("add")
        await tab.event("fail")
        everything = page.text + json.dumps(tab.frames) + caplog.text
        for token in [*page.tokens, tab.shown[tab.only].token]:
            everything += base64.urlsafe_b64decode(token.split(".")[2] + "==").decode("latin-1")
        assert "only-in-state" in everything
        assert "hidden-from-everyone" not in everything
        assert "transient" not in everything


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
    async with rig(asok_app(tmp_path, ONE)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert re.match(rb"HTTP/1.1 4\d\d", answer), answer[:40]
        assert b"secret" not in answer
        assert (await (await served.visitor()).http.get("/static/a.css")).text == "fine"


@pytest.mark.parametrize(
    "host", ["evil.test", "", "127.0.0.1.evil.test", "evil.test:80", "localhost@evil.test", "x127.0.0.1"]
)
async def test_t26_a_host_that_is_not_ours_is_not_served(tmp_path: Path, host: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        answer = await visitor.http.get("/", headers={"Host": host})
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
        if host:
            with pytest.raises(websockets.InvalidStatus) as refused:
                await visitor.connect(host="evil.test", origin="http://evil.test")
            assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "call",
    [
        "add('1')",
        "add(true)",
        "add(1.5)",
        "add(null)",
        "add(1, 2)",
        "add(by=1, more=2)",
        "name(1)",
        "name()",
        "name(null)",
        "retag('a')",
        "add(0.1e1)",
    ],
)
async def test_t28_an_argument_of_another_type_is_refused_before_the_call(tmp_path: Path, call: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert await tab.event(call) == ["refused", tab.only, 1, "bad_args", ""]
        assert "add" not in ran
        assert (await tab.event("add"))[0] == "update"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9007199254740993", "1" + "0" * 400, "-1e400"])
async def test_t29_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event(f"add({number})"))[3] == "bad_args"
        assert (await tab.event("add", {"form": [["by", number]]}))[3] == "bad_args"
        await tab.raw(f'["event","{tab.only}",3,"",{{"fields":{{"draft":{number}}}}}]')
        assert await tab.closed() == 4400
        await works(served)


@pytest.mark.parametrize(
    "frame",
    [
        "[" * 60_000,
        '{"a":' * 12_000,
        '["event","x",1,"f",{"fields":' + '{"a":' * 200 + "1" + "}" * 202,
        json.dumps(["leave", *[0] * 10_500]),
        "[" + "0," * 30_000 + "0]",
    ],
    ids=["deep", "deep objects", "deep fields", "many", "wide"],
)
async def test_t30_deep_or_wide_json_ends_the_connection(tmp_path: Path, frame: str) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(frame)
        assert await tab.closed() == 4400
        await works(served)


async def test_t31_odd_characters_are_refused_or_kept_as_they_are(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for call in ("\u0430dd", "add\u200b", "\uff41dd", "add\u202e()", "add\uff08\uff09", "ADD"):
            assert (await tab.event(call))[0] == "refused", call
        assert ran == [] or "add" not in ran
        assert (await tab.event("name", {"value": "a\x00b"}))[3] == "bad_args"
        for text in ("e\u0301", "\u202eabc", "😀"):
            assert text in await tab.text_after("name", {"value": text})
        await tab.raw('["event","' + tab.only + '",99,"name",{"value":"\\ud800"}]')
        assert await tab.closed() == 4400


async def test_t32_a_wrong_kind_of_frame_ends_the_connection_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(b'["ping"]')
        assert await tab.closed() == 1003
        for junk in ("", "x", "{}", "[]", '["nope"]', '["event"]', "null", '["join"]'):
            tab = await served.tab()
            await tab.raw(junk)
            assert await tab.closed() == 4400, junk
        caplog.clear()
        caplog.handler.addFilter(OneLine())
        tab = await served.tab()
        await tab.socket.send(b"\xff\xfe", text=True)
        assert await tab.closed() == 1007
        assert "Traceback" not in caplog.text
        await works(served)


async def test_t33_messages_of_two_instances_never_cross(tmp_path: Path) -> None:
    body = "{% for n in range(5) %}{{ component('Counter', key=n, label='row%s' % n) }}{% endfor %}"
    async with rig(asok_app(tmp_path, {"/": body})) as served:
        tab = await served.tab()
        names = list(tab.shown)
        for seq in range(1, 5):
            for name in names:
                await tab.send("event", name, seq, f"add({names.index(name)})")
        for name in names:
            while tab.shown[name].settled < 4:
                await tab.receive()
            assert (
                tab.text(name)
                == f"<p title='row{names.index(name)}'>{4 * names.index(name)} row{names.index(name)} </p>"
            )
        await tab.rejoin(names[0])
        tab.shown[names[1]].last = 4
        assert "5 row1" in await tab.text_after("add", instance=names[1])


async def test_t35_a_token_of_the_future_or_of_long_ago_is_refused(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token, now = opened(page.tokens[0]), int(time.time())
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        for changed in ({"issued": now + 120}, {"issued": now - 13 * 3600}, {"born": now - 8 * 86400}):
            text = seal(msgspec.structs.replace(token, **changed), RING)
            assert await reset_or_refused(tab, text) == "reset", changed
        assert await reset_or_refused(tab, page.tokens[0]) == "pong"


async def test_t36_no_write_to_the_session_is_lost_between_tabs_and_requests(tmp_path: Path) -> None:
    class Adds(Component):
        template = "<p>{{ session.get('n', 0) }}</p>"

        @exposed
        async def add(self) -> None:
            n = self.session.get("n", 0)
            await asyncio.sleep(0)
            self.session["n"] = n + 1

    async def plus(request: Any) -> Any:
        n = request.session.get("n", 0)
        await asyncio.sleep(0)
        request.session["n"] = n + 1
        return PlainTextResponse("")

    app = asok_app(tmp_path, {"/": "{{ component('Adds') }}"}, database=str(tmp_path / "s.db"))
    app.add_route("/plus", plus, methods=["POST"])
    async with rig(app) as served:
        visitor = await served.visitor()
        tabs = [await visitor.tab() for _ in range(2)]

        async def click(tab: Tab) -> int:
            done = 0
            for seq in range(1, 31):
                while (await tab.event("add", seq=seq))[0] != "update":
                    pass
                done += 1
            return done

        async def post() -> int:
            return sum([(await visitor.http.post("/plus")).status_code == 200 for _ in range(30)])

        done = sum(await asyncio.gather(*map(click, tabs), post()))
        assert f">{done}</p>" in (await visitor.open()).text


async def test_t37_a_live_page_is_stored_by_nobody(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {**ONE, "/plain": "nothing live"})) as served:
        visitor = await served.visitor()
        plain = await visitor.http.get("/plain")
        assert "set-cookie" not in plain.headers
        assert plain.headers.get("cache-control") != "no-store"
        live = await visitor.http.get("/")
        assert live.headers["cache-control"] == "no-store"
        assert "cookie" in live.headers["vary"].lower()


async def test_t40_a_message_above_64_kib_ends_the_connection(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        for frame in ('["leave","' + "x" * 66_000 + '"]', '["leave","' + "é" * 40_000 + '"]'):
            tab = await served.tab()
            await tab.raw(frame)
            assert await tab.closed() == 1009
        await works(served)


async def test_t41_a_call_has_32_arguments_and_a_message_ten_thousand_values(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event(f"retag({','.join('1' * 33)})"))[3] == "bad_args"
        assert (await tab.event("add", {"form": [["a", "b"]] * 3000}))[0] == "update"
        await tab.send("event", tab.only, 3, "add", {"form": [["a", "b"]] * 4500})
        assert await tab.closed() == 4400


async def test_t42_a_connection_has_so_many_instances_and_a_session_so_many_records(tmp_path: Path) -> None:
    body = "{% for n in range(5) %}{{ component('Other', key=n) }}{% endfor %}"
    app = asok_app(tmp_path, {"/": body}, limits=Limits(instances=3, records=4))
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        refused = [await tab.until("refused"), await tab.until("refused")]
        assert {frame[1] for frame in refused} == set(list(tab.shown)[3:])
        for _ in range(4):
            more = await visitor.tab()
            for name in list(more.shown)[:3]:
                await more.event("add", instance=name)
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 4


async def test_t42_loading_pages_alone_fills_no_session(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, limits=Limits(records=8))
    async with rig(app) as served:
        visitor = await served.visitor()
        for _ in range(40):
            await visitor.open()
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 8


async def test_t43_a_burst_is_answered_to_the_last_event_and_a_flood_is_cut(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab, honest = await served.tab(), await served.tab()
        for seq in range(1, 301):
            await tab.send("event", tab.only, seq, "add")
        answered = 0
        while answered < 300:
            frame = await tab.receive()
            answered += frame[2] - tab.shown[tab.only].last if frame[0] == "update" else 1
            tab.shown[tab.only].last = max(tab.shown[tab.only].last, tab.shown[tab.only].settled)
        assert (await honest.event("add"))[0] == "update"

        async def flood() -> None:
            for seq in range(1, 10_001):
                await tab.send("event", tab.only, 1000 + seq, "add")

        sending = asyncio.create_task(flood())
        assert await tab.closed() == 4429
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (await honest.event("add"))[0] == "update"


async def test_t43_a_flood_is_cut_though_its_answers_are_read(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(burst=5, strikes=300))) as served:
        tab = await served.tab()
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(3000):
                await tab.send("event", tab.only, 100, "add")
                await tab.receive()
        assert tab.socket.close_code == 4429


async def test_t44_who_reads_nothing_fills_no_memory(tmp_path: Path) -> None:
    from asok.outbox import Outbox
    from asok.protocol import Update

    limits = Limits(outbox_messages=4, outbox_bytes=10_000)
    outbox = Outbox(limits)
    outbox.put(Update("i", 1, "x" * 20_000))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    await waiting


async def test_t45_who_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(first_message=0.1))) as served:
        visitor = await served.visitor()
        await visitor.open()
        assert await (await visitor.connect()).closed() == 4408
        early = await visitor.connect()
        await early.send("ping")
        assert await early.closed() == 4400


async def test_t51_a_method_that_never_ends_is_cut_and_its_thread_ends(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []
    stopped = threading.Event()

    class Spins(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def spin(self) -> None:
            threads.append(threading.current_thread())
            try:
                while True:
                    pass
            finally:
                stopped.set()

        @exposed
        def where(self) -> None:
            threads.append(threading.current_thread())
            self.count += 1

    app = asok_app(tmp_path, {"/": "{{ component('Spins') }}"}, limits=Limits(handler_timeout=0.3))
    async with rig(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "spin")
        other = await served.tab()
        assert (await other.event("where"))[0] == "update"
        assert await tab.settled(tab.only, 1) == ["refused", tab.only, 1, "timeout", ""]
        assert await asyncio.to_thread(stopped.wait, 5)
        assert threading.main_thread() not in threads
        tab.shown[tab.only].last = 1
        assert await tab.text_after("where") == "<p>1</p>"


async def test_t51_a_hook_that_never_ends_is_cut_too(tmp_path: Path) -> None:
    held = asyncio.Event()

    class Hangs(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        async def load(self) -> None:
            if self.count:
                await held.wait()

        @exposed
        def add(self) -> None:
            self.count += 1

    app = asok_app(tmp_path, {"/": "{{ component('Hangs') }}"}, limits=Limits(handler_timeout=0.2))
    async with rig(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "add")
        try:
            async with asyncio.timeout(1.5):
                assert (await tab.settled(tab.only, 1))[3] == "timeout"
        finally:
            held.set()


async def test_t52_an_error_tells_a_browser_its_code_and_the_log_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for call in ("fail", "nope\r\nFAKE", "add('x')"):
            caplog.clear()
            answer = await tab.event(call)
            assert answer[4] == ""
            records = [record for record in caplog.records if record.name == "asok"]
            assert len(records) == 1
            assert "\n" not in records[0].getMessage() and "\r" not in records[0].getMessage()
            assert records[0].exc_info in (None, False, (None, None, None))
        assert "RuntimeError" not in json.dumps(tab.frames)


async def test_t52_a_flood_of_refusals_is_no_flood_of_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        caplog.clear()
        began = int(time.monotonic())
        for _ in range(80):
            await tab.event("nope")
        seconds = int(time.monotonic()) - began + 1
        lines = [record for record in caplog.records if record.name == "asok"]
        assert len(lines) <= 10 * seconds


async def test_t53_one_answer_for_whatever_is_wrong_with_a_token(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page, foreign = await visitor.open(), await other.open()
        token = opened(page.tokens[0])
        unknown = seal(msgspec.structs.replace(token, component="Nobody"), RING)
        stranger = seal(token, KeyRing([OTHER_KEY]))
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        times: dict[str, list[float]] = {}
        for name, text in {
            "mac": page.tokens[0][:-4] + "AAAA",
            "key": stranger,
            "class": unknown,
            "owner": foreign.tokens[0],
        }.items():
            for _ in range(20):
                began = time.perf_counter()
                assert await reset_or_refused(tab, text) == "reset", name
                await tab.until("pong")
                times.setdefault(name, []).append(time.perf_counter() - began)
        medians = [statistics.median(each) for each in times.values()]
        assert max(medians) < 3 * min(medians)


async def test_t54_what_a_browser_names_is_no_part_of_a_query(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, database=str(tmp_path / "s.db"))
    async with rig(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        tab.name = "'; DROP TABLE cells; --"
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"
        thief = await visitor.connect(cookie="' OR '1'='1")
        assert await thief.closed() == 4401
        assert (await tab.event("add", seq=1))[0] == "update"
        assert ">1  </p>" in (await visitor.open()).text


async def test_t58_what_is_for_development_is_not_there_in_production(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        script = re.search(r'src="([^"]+)/alive.js"', page.text)
        assert script is not None
        assert (await visitor.http.get(script[1] + "/alive.js")).status_code == 200
        assert (await visitor.http.get(script[1] + "/refresh.js")).status_code == 404

    class Broken(Component):
        template = "<p>{{ 1 // 0 }}</p>"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Broken') }}"})) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 200
        assert "cannot be shown" in answer.text
        assert not re.search("ZeroDivision|Broken|test_security", answer.text)
    alone = asok_app(tmp_path)
    alone.page("/", Broken)
    async with rig(alone) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 500
        assert answer.text == "Internal Server Error"


async def test_t60_a_client_of_another_release_reloads(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        for number in (0, 2, 99):
            tab = await visitor.connect()
            await tab.send("join", number, page.csrf, "tab", [[page.tokens[0], 0, 0]])
            assert await tab.receive() == ["reload"]
        token = opened(page.tokens[0])
        older = seal(msgspec.structs.replace(token, schema=b"olds"), RING)
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        await tab.join([older])
        assert (await tab.until("reset", "update"))[1] == token.instance


async def test_the_key_ring_rotates_and_nobody_notices(tmp_path: Path) -> None:
    where = str(tmp_path / "s.db")
    rings = [(KEY,), (OTHER_KEY, KEY), (OTHER_KEY,)]
    visitor: Visitor | None = None
    tab: Tab | None = None
    answers = []
    for keys in rings:
        async with rig(asok_app(tmp_path, ONE, keys=keys, database=where)) as served:
            if visitor is None or tab is None:
                visitor = await served.visitor()
                tab = await visitor.tab()
                cookie = visitor.cookie
            else:
                left, csrf = tab.shown, tab.csrf
                tab = await (await served.visitor()).connect(cookie=cookie)
                tab.shown, tab.csrf = left, csrf
                await tab.rejoin(tab.only)
            answers.append(await tab.text_after("add"))
    assert answers == [f"<p title=''>{number}  </p>" for number in (1, 2, 3)]


def test_every_error_is_of_one_tree() -> None:
    import asok.errors as errors

    for name in errors.__all__:
        thing = getattr(errors, name)
        if isinstance(thing, type):
            assert issubclass(thing, AsokError)
