"""Threats T18 to T22, T25 and T56: what a person typed stays text, and what is private stays here."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import websockets
from bs4 import BeautifulSoup
from starlette.requests import Request
from starlette.responses import Response

import asok
from asok import Asok, Component, Session, Settings, Store, bind, exposed, private
from tests.protocol.attacked import (
    EVIL,
    ONE,
    RING,
    HonestVisitors,
    asok_app,
    attacked,
    define,
    ran,
    reset_or_refused,
    unharmed,
)
from tests.rig import KEY, rig


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


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

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Echo') }}"})) as served:
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
    async with attacked(app) as served:
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

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Goes') }}"})) as served:
        tab = await served.tab()
        assert (await tab.event("go", {"value": path}))[:4] == ["refused", tab.only, 1, "failed"]
        assert (await tab.event("go('/fine?x=1#y')"))[5] == [["redirect", "/fine?x=1#y"]]


async def test_t20_what_a_person_types_is_never_a_template(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
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
    async with attacked(
        asok_app(
            tmp_path, {"/": "{% include '../secret.txt' ignore missing %}|{% include '@Counter/../x' ignore missing %}"}
        )
    ) as served:
        assert "secret" not in (await (await served.visitor()).http.get("/")).text


async def test_t21_instance_ids_are_made_by_the_server_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert re.fullmatch(r"[A-Za-z0-9_-]{12}", tab.only)
        for instance in ("<script>", "A" * 12, "", "../x", tab.only + "\x00", "x" * 5000):
            await tab.send("event", instance, 1, "add")
            assert (await tab.receive())[0] == "need_token"
        assert ran.count("add") == 0


async def test_t22_private_fields_never_leave_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
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


async def test_t18_a_value_stays_in_its_place_wherever_a_template_puts_it(tmp_path: Path) -> None:
    hostile = Store({"line": ""}, name="hostile", readable=True)

    class Places(Component):
        text: str = bind("")
        named: str = ""
        template = """<div data-x='{{ text }}' style="--x: {{ text }}">
          <a href="/?q={{ text }}#{{ text }}">{{ text }}</a>
          {{ hostile.react("line") }}<button ws-click="say({{ text|tojson|forceescape }})">again</button>
          <script type="application/json">{{ {"a": [text]}|tojson }}</script>{% include "part.html" %}</div>"""

        @exposed
        async def say(self, text: str) -> None:
            self.text = text
            await hostile.set("line", text)

    app = asok_app(tmp_path, {"/": "{{ component('Places') }}"}, templates={"part.html": "<i>{{ text }}</i>"})
    app.env.globals["hostile"] = hostile
    async with attacked(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        others = "</script><script>alert(1)</script>", "<!--<script>", "' onload='alert(1)", "\u2028alert(1)//"
        for text in (EVIL, *others):
            shown = BeautifulSoup(await tab.text_after("say", {"value": text}), "html.parser")
            whole = BeautifulSoup((await visitor.open()).text, "html.parser")
            for page in (shown, whole):
                root = page.select_one("[data-x]")
                assert root is not None
                assert (root["data-x"], root.select("a, i")[0].text, root.select("i")[0].text) == (text, text, text)
                assert root.select("span")[0].text == text
                names = {tag.name for tag in root.find_all(True)}
                assert names == {"a", "span", "button", "script", "i"}
                assert json.loads(root.select("script")[0].text) == {"a": [text]}
                assert not [name for tag in root.find_all(True) for name in tag.attrs if name.startswith("on")]


def test_t18_the_client_evaluates_nothing() -> None:
    evaluating = re.compile(
        r"\beval\b|\bFunction\b\(|new Function|document\.write|javascript:|set(?:Timeout|Interval)\([\"'`]"
    )
    for file in (Path(asok.__file__).parent / "static").glob("*.js"):
        assert not evaluating.search(file.read_text("utf-8")), file.name


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)",
        "java\tscript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>", "vbscript:x", "//evil.test",
        "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "http://evil.test", "https:evil.test",
        "https://evil.test@127.0.0.1", "/\x00", "/a\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
async def test_t19_no_window_opens_and_nothing_is_fetched_at_such_an_address(tmp_path: Path, url: str) -> None:
    class Opens(Component):
        template = "<p></p>"

        @exposed
        async def go(self, to: str) -> None:
            await self.window.open(to, allow=["https://docs.test", to], timeout=0.01)

        @exposed
        def fetch(self, to: str) -> None:
            self.download(to)

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Opens') }}"})) as served:
        tab = await served.tab()
        for call in ("go", "fetch"):
            answer = await tab.event(call, {"value": url})
            assert answer[0] == "refused" and answer[3] in ("failed", "bad_args"), (call, answer)
        assert not [frame for frame in tab.frames if frame[0] == "ask"]


@pytest.mark.parametrize("name", ["x onload=alert(1)", "a>b", "a/onload", "x=y", "on\tload", "a\x0cb"])
async def test_t20_a_value_names_no_attribute(tmp_path: Path, name: str) -> None:
    class Named(Component):
        name: str = bind("title")
        template = "<p{{ {name: '1'}|xmlattr }}></p>"

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Named') }}"})) as served:
        tab = await served.tab()
        assert (await tab.event("", {"fields": {"name": name}}))[3] == "failed"
        assert await tab.text_after("", {"fields": {"name": "lang"}}) == '<p lang="1"></p>'


async def test_t21_what_stands_around_an_instance_is_signed_with_it(tmp_path: Path) -> None:
    class Inner(Component):
        times = 0
        template = "<b>{{ times }}</b>"

        @exposed
        def more(self) -> None:
            self.times += 1

    class Outer(Component):
        label: str = ""
        template = "<div title='{{ label }}'>{{ component('Inner') }}</div>"

        @exposed
        def name(self, label: str) -> None:
            self.label = label

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Outer') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        outer, inner = tab.shown
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{12}", name) for name in tab.shown)
        swapped = page.tokens[1].replace(inner, outer, 1), page.tokens[0].replace(outer, inner, 1)
        other = await visitor.connect()
        await other.join([], page.csrf)
        for token in swapped:
            assert await reset_or_refused(other, token) == "reset"
        forged = f'<template data-asok="{inner}.00000000"></template>'
        html = await tab.text_after("name", {"value": forged}, instance=outer)
        assert html.count("<template data-asok") == 1 and forged not in html
        assert await tab.text_after("more", instance=inner) == "<b>1</b>"
        assert not set((await visitor.open()).tokens) & set(page.tokens)


def test_t22_what_is_secret_is_not_in_what_is_printed(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    session = Session("A" * 43)
    session["password"] = "hunter2"
    for printed in map(repr, (app.settings, session, app, RING, app._engine)):
        assert KEY not in printed and "hunter2" not in printed and "A" * 43 not in printed


async def test_t22_an_error_page_shows_nothing_of_the_program(tmp_path: Path) -> None:
    class Leaks(Component):
        vault: str = private("hidden-from-everyone")
        template = "<p>{{ vault }}{{ 1 // 0 }}</p>"

    app = asok_app(tmp_path, {"/": "<h1>fine</h1>{{ component('Leaks') }}"})

    async def broken(request: Request) -> Response:
        raise RuntimeError("hidden-from-everyone in a route")

    app.add_route("/broken", broken)
    app.page("/honest", HonestVisitors)
    async with rig(app) as served:
        visitor = await served.visitor()
        for path in ("/", "/broken", "/nothing", "/live/form", "/live/store/x", "/live/000000000000/x.js"):
            text = (await visitor.http.get(path)).text
            assert not re.search("hidden-from|Leaks|Traceback|ZeroDivision|RuntimeError|/asok/|line [0-9]", text), path
        await unharmed(served)


async def test_t25_no_name_that_javascript_knows_gets_into_what_browsers_share(tmp_path: Path) -> None:
    shared = Store({"n": {}}, name="polluted", readable=True, writable={"**": lambda change: None})
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        values: list[Any] = [
            {"__proto__": {"x": 1}}, {"a": [{"constructor": 1}]}, {"a": {"b": {"prototype": {}}}}, [[{"__proto__": 1}]],
        ]  # fmt: skip
        for n, value in enumerate(values, 1):
            await tab.send("write", n, "set", "polluted", "n", value)
            assert (await tab.until("store"))[1] == "refused", value
        for n, path in enumerate(("__proto__/x", "n/__proto__", "n/constructor/prototype/x", "__defineGetter__"), 9):
            await tab.send("write", n, "set", "polluted", path, 1)
            assert (await tab.until("store"))[1] == "refused", path
        assert shared.read() == {"n": {}}
        for name in ("__proto__", "constructor", "prototype", "toString", "hasOwnProperty"):
            assert (await tab.event("", {"fields": {name: 1}}))[3] == "bad_args"
            assert (await tab.event("add", {"form": [[name, "1"]]}))[0] == "update"


async def test_t56_a_live_page_is_framed_by_its_own_site_only_unless_it_says_otherwise(tmp_path: Path) -> None:
    class Framed(Component):
        template = "<p></p>"

    async def framed(request: Request) -> Response:
        answer = await app.render(request, "framed.html")
        answer.headers["content-security-policy"] = "frame-ancestors https://partner.test"
        return answer

    templates = {"framed.html": "{{ alive() }}{{ component('Framed') }}"}
    app = asok_app(tmp_path, {"/": "{{ component('Framed') }}", "/plain": "plain"}, templates=templates)
    app.add_route("/framed", framed)
    async with attacked(app) as served:
        visitor = await served.visitor()
        policies = [
            (await visitor.http.get(path)).headers.get("content-security-policy") for path in ("/", "/plain", "/framed")
        ]
        assert policies == ["frame-ancestors 'self'", None, "frame-ancestors https://partner.test"]


async def test_t56_nothing_of_a_conversation_is_compressed(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.http.get("/", headers={"accept-encoding": "gzip, deflate, br"})
        assert "content-encoding" not in page.headers
        origin = websockets.Origin(served.base)
        url = f"ws://127.0.0.1:{served.port}/live"
        headers = {"Cookie": f"asok={visitor.cookie}"}
        async with websockets.connect(url, origin=origin, additional_headers=headers, proxy=None) as offering:
            assert offering.request is not None and "permessage-deflate" in str(offering.request.headers)
            assert offering.response is not None
            assert "sec-websocket-extensions" not in {name.lower() for name in offering.response.headers}
