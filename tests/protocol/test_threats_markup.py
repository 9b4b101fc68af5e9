"""Threats T18 to T22, T25 and T56: what a person typed stays text, and what is private stays here."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from asok import Asok, Component, Settings, bind, exposed
from tests.protocol.attacked import (
    EVIL,
    ONE,
    asok_app,
    attacked,
    define,
    ran,
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
