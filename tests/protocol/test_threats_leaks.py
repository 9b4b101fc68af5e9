"""Threats T21, T22, T25 and T56: what stands around a page, and what must not leave the server."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import websockets
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from asok import Component, Session, Store, bind, exposed, private
from tests.protocol.attacked import (
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

    templates = {"framed.html": "{{ alive() }}{{ component('Framed') }}", "plain.html": "plain"}
    app = asok_app(tmp_path, {"/": "{{ component('Framed') }}"}, templates=templates)
    app.page("/plain", "plain.html")
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


class Credentials(BaseModel):
    password: str = Field(min_length=9)


async def test_t22_what_somebody_has_entered_is_not_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class EnteredSecrets(Component):
        pin: int = bind(0)
        template = "<p></p>"

        @exposed
        def look(self) -> None: ...

        @exposed
        def enter(self, credentials: Credentials) -> None: ...

    async with rig(asok_app(tmp_path, {"/": "{{ component('EnteredSecrets') }}"})) as served:
        tab = await served.tab()
        assert (await tab.event("look", {"fields": {"pin": "hunter two"}}))[3] == "bad_args"
        assert (await tab.event("enter", {"args": [{"password": "hunter"}]}))[3] == "bad_args"
    refused = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert ["EnteredSecrets.pin" in refused[0], "password: String should have at least 9" in refused[1]] == [True, True]
    assert "hunter" not in caplog.text
