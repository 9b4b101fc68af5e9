"""Threats T18 to T20: what a person typed stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import asok
from asok import Asok, Component, Settings, Store, bind, exposed
from tests.protocol.attacked import (
    EVIL,
    ONE,
    asok_app,
    attacked,
    define,
)
from tests.rig import KEY


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
    texts = {file.name: file.read_text("utf-8") for file in (Path(asok.__file__).parent / "static").glob("*.js")}
    assert "alive.js" in texts
    assert [name for name, text in texts.items() if evaluating.search(text)] == []


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
