"""Forms without JavaScript: a plain POST runs the method once, keeps what it did, and leads back to the page."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from asok import Asok, Component, Session, Settings, exposed
from asok.forms import Form, Meta, form_of
from asok.observing import Observer

SITE = "http://localhost"
INPUT = re.compile(r"<(?:input|button)\b([^>]*)>")
ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


class Wish(Form):
    text: Annotated[str, Meta(min_length=3)]
    tags: list[str] = []


class Wishes(Component):
    form = form_of(Wish)
    name: str = ""
    count: int = 0
    template = """<section>{% if name != "bare" %}<form ws-submit="save"><input {{ form.text.attributes }}>
      <p>{{ form.text.error }}</p><button type="button" ws-click="more(2)" value="7">More</button><button>Save</button>
    </form>{% endif %}<b>{{ count }}</b><i>{{ session.get("wishes", []) | join(",") }}</i></section>"""

    @exposed
    def save(self, form: Wish) -> None:
        self.count += 1
        self.session["wishes"] = [*self.session.get("wishes", []), form.text]
        self.form = form_of(Wish)
        if form.text == "leave":
            self.redirect("/elsewhere")
        if form.text == "fail":
            raise RuntimeError("no")

    @exposed
    def more(self, by: int, value: str) -> None:
        self.count += by * int(value)

    @exposed
    async def ask(self) -> None:
        await self.window.confirm("Sure?")


class GuardedWishes(Wishes):
    def guard(self, request: Request, session: Session) -> bool:
        return not session.get("out")


class Still(Component):
    stateless = True
    count: int = 0
    template = '<form ws-submit="add"><input name="text"><button>Add</button><b>{{ count }}</b></form>'

    @exposed
    def add(self, text: str) -> None:
        self.redirect(f"/still?text={text}")


class InForm(Component):
    count: int = 0
    template = '<span><button type="button" ws-click="add">InForm</button><u>{{ count }}</u></span>'

    @exposed
    def add(self) -> None:
        self.count += 1


class AroundForm(Component):
    text: str = ""
    template = """<form ws-submit="keep"><input name="text"><button>Keep</button>{{ component("InForm") }}
      <em>{{ text }}</em></form>"""

    @exposed
    def keep(self, text: str) -> None:
        self.text = text


class Plain:
    """A browser without JavaScript, as far as forms go."""

    def __init__(self, http: httpx.AsyncClient, app: Asok) -> None:
        self.http, self.app, self.path, self.text = http, app, "/", ""

    async def open(self, path: str) -> str:
        answer = await self.http.get(path, follow_redirects=True)
        self.path, self.text = path, answer.text
        return answer.text

    @property
    def hidden(self) -> dict[str, str]:
        """The inputs that the server put into the form."""
        inputs = [dict(ATTRIBUTE.findall(each)) for each in INPUT.findall(self.text)]
        return {unescape(each["name"]): unescape(each["value"]) for each in inputs if each.get("type") == "hidden"}

    def button(self, label: str) -> str:
        """Where a form is sent with this button."""
        found = re.search(r'<button\b[^>]*formaction="([^"]*)"[^>]*>' + label, self.text)
        assert found is not None, f"no button {label}"
        return unescape(found[1])

    async def post(
        self, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None, where: str = "/live/form"
    ) -> httpx.Response:
        given = {"origin": SITE, "content-type": "application/x-www-form-urlencoded", **(headers or {})}
        kept = {name: value for name, value in given.items() if value}
        return await self.http.post(where, content=urlencode(fields, doseq=True), headers=kept)


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Plain]:
    async with browsing(tmp_path) as made:
        yield made


@asynccontextmanager
async def browsing(root: Path) -> AsyncIterator[Plain]:
    app = Asok(root=root, settings=Settings(root=root, debug=True, database=":memory:"))
    for component in (Wishes, GuardedWishes, Still, AroundForm):
        app.page(f"/{component.__name__.lower()}", component)
    app.page("/other", Wishes)
    app.page("/any/{rest:path}", Wishes)
    app.page("//{rest:path}", Wishes)

    async def leave(request: Request) -> Response:
        request.session["out"] = True
        return Response()

    app.add_route("/out", leave)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE)
    async with app.starlette.router.lifespan_context(app.starlette), http:
        yield Plain(http, app)


async def test_a_post_runs_the_method_and_leads_back_to_the_page(plain: Plain) -> None:
    await plain.open("/wishes?a=1")
    answer = await plain.post({**plain.hidden, "text": "peace"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/wishes?a=1")
    assert "<b>1</b><i>peace</i>" in await plain.open("/wishes?a=1")


async def test_the_same_form_sent_twice_has_its_effect_once(plain: Plain) -> None:
    await plain.open("/wishes")
    fields = {**plain.hidden, "text": "peace"}
    for _ in range(3):
        answer = await plain.post(fields)
        assert answer.status_code == 303
    assert "<b>1</b><i>peace</i>" in await plain.open("/wishes")


async def test_a_form_whose_browser_goes_before_the_answer_leaves_nothing_behind(plain: Plain) -> None:
    class Told(Observer):
        def __init__(self) -> None:
            self.of: list[str] = []

        def opened(self, transport: str) -> None:
            self.of.append("opened")

        def closed(self, transport: str) -> None:
            self.of.append("closed")

    async def broken(message: Message) -> None:
        raise OSError("the browser has gone")  # as ASGI lets a server say it

    told = Told()
    plain.app.observe(told)
    await plain.open("/wishes")
    through = httpx.ASGITransport(lambda scope, receive, send: plain.app(scope, receive, broken))
    async with httpx.AsyncClient(transport=through, base_url=SITE, cookies=plain.http.cookies) as http:
        with pytest.raises(OSError, match="gone"):
            await Plain(http, plain.app).post({**plain.hidden, "text": "peace"})
    assert told.of == ["opened", "closed"]
    assert "<b>1</b><i>peace</i>" in await plain.open("/wishes")


async def test_a_form_that_was_changed_after_going_back_counts_anew(plain: Plain) -> None:
    await plain.open("/wishes")
    fields = plain.hidden
    await plain.post({**fields, "text": "peace"})
    await plain.post({**fields, "text": "bread"})
    assert "<b>2</b><i>peace,bread</i>" in await plain.open("/wishes")


async def test_what_is_wrong_stands_on_the_page_with_the_text_that_was_typed(plain: Plain) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "<i"})
    assert answer.status_code == 303
    page = await plain.open("/wishes")
    assert "Please use at least 3 characters." in page
    assert 'value="&lt;i"' in page
    assert "<b>0</b>" in page


async def test_a_button_in_a_form_runs_its_own_call_with_its_value(plain: Plain) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "typed"}, where=plain.button("More"))
    assert answer.status_code == 303
    page = await plain.open("/wishes")
    assert "<b>14</b>" in page
    assert 'value="typed"' in page


async def test_a_redirect_is_followed_and_other_effects_are_not_missed(plain: Plain) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "leave"})
    assert answer.headers["location"] == "/elsewhere"


async def test_a_component_without_state_works_without_a_session(plain: Plain) -> None:
    await plain.open("/still")
    assert not plain.http.cookies
    answer = await plain.post({**plain.hidden, "text": "hello"})
    assert answer.headers["location"] == "/still?text=hello"


async def test_a_button_of_a_child_in_a_form_calls_the_child(plain: Plain) -> None:
    await plain.open("/aroundform")
    answer = await plain.post({**plain.hidden, "text": "x"}, where=plain.button("InForm"))
    assert answer.status_code == 303
    page = await plain.open("/aroundform")
    assert "<u>1</u>" in page
    assert "<em></em>" in page


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"cookie": "asok=" + "x" * 43}, 403),
    ],
)
async def test_only_a_page_of_this_app_and_session_may_send_a_form(
    plain: Plain, headers: dict[str, str], status: int
) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "peace"}, headers)
    assert answer.status_code == status
    assert ("<i>peace</i>" in await plain.open("/wishes")) is (status == 303)


@pytest.mark.parametrize("name", ["_asok-csrf", "_asok-token"])
async def test_without_its_proofs_a_form_is_refused(plain: Plain, name: str) -> None:
    await plain.open("/wishes")
    for change in (lambda text: "", lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"), lambda text: "x"):
        fields = {key: change(value) if key.startswith(name) else value for key, value in plain.hidden.items()}
        assert (await plain.post({**fields, "text": "peace"})).status_code == 403
    assert "<b>0</b>" in await plain.open("/wishes")


async def test_the_csrf_token_of_another_session_is_refused(plain: Plain) -> None:
    await plain.open("/wishes")
    mine = plain.hidden
    plain.http.cookies.clear()
    await plain.open("/wishes")
    for fields in (mine, {**mine, "_asok-csrf": plain.hidden["_asok-csrf"]}):
        assert (await plain.post({**fields, "text": "peace"})).status_code in (403, 409)
    assert "<b>0</b><i></i>" in await plain.open("/wishes")


async def test_get_and_other_methods_are_refused_before_the_body_is_read(plain: Plain) -> None:
    await plain.open("/wishes")
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"):
        answer = await plain.http.request(method, "/live/form", headers={"origin": SITE})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_more_than_the_limits_is_refused(plain: Plain) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "x" * 70_000})
    assert answer.status_code == 413
    assert "more text than a form may hold" in answer.text

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x=" + b"y" * 4096

    headers = {"origin": SITE, "content-type": "application/x-www-form-urlencoded"}
    answer = await plain.http.post("/live/form", content=endless(), headers=headers)
    assert answer.status_code == 413
    for count, status in ((500, 303), (1500, 400)):
        many = urlencode([*plain.hidden.items(), *[("text", "peace")] * count])
        assert (await plain.http.post("/live/form", content=many, headers=headers)).status_code == status


async def test_a_multipart_form_without_files_works_and_one_with_files_does_not(plain: Plain) -> None:
    await plain.open("/wishes")
    parts: dict[str, Any] = {name: (None, value) for name, value in {**plain.hidden, "text": "peace"}.items()}
    answer = await plain.http.post("/live/form", files=parts, headers={"origin": SITE})
    assert answer.status_code == 303
    with_file = {**parts, "text": ("a.txt", b"file")}
    answer = await plain.http.post("/live/form", files=with_file, headers={"origin": SITE})
    assert answer.status_code == 400


async def test_a_method_that_fails_keeps_nothing_and_says_so_in_words(plain: Plain) -> None:
    await plain.open("/wishes")
    answer = await plain.post({**plain.hidden, "text": "fail"})
    assert answer.status_code == 500
    assert "nothing was changed" in answer.text
    assert "<b>0</b><i></i>" in await plain.open("/wishes")


@pytest.mark.parametrize("call", ["load", "__init__", "nothing", "save(1)", "more", ""])
async def test_only_what_a_browser_may_call_is_called(plain: Plain, call: str) -> None:
    await plain.open("/wishes")
    own = plain.hidden
    instance = own["_asok-call"].split(" ")[0]
    answer = await plain.post({**own, "_asok-call": f"{instance} {call}", "text": "peace"})
    assert answer.status_code == 400
    assert "<b>0</b>" in await plain.open("/wishes")


async def test_the_guard_of_a_component_is_asked_again(plain: Plain) -> None:
    await plain.open("/guardedwishes")
    await plain.http.get("/out")
    answer = await plain.post({**plain.hidden, "text": "peace"})
    assert answer.status_code == 403


async def test_no_javascript_is_no_answer_to_a_question(plain: Plain) -> None:
    await plain.open("/wishes")
    own = plain.hidden
    instance = own["_asok-call"].split(" ")[0]
    answer = await plain.post({**own, "_asok-call": f"{instance} ask", "text": "x"})
    assert answer.status_code == 500


async def test_a_token_whose_record_is_gone_is_answered_in_words(plain: Plain) -> None:
    await plain.open("/wishes")
    plain.http.cookies.clear()
    answer = await plain.post({**plain.hidden, "text": "peace"})
    assert answer.status_code == 403
    assert "Load the page again" in answer.text


async def test_who_is_refused_gets_back_what_they_wrote_but_no_secrets(
    plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plain.open("/wishes?a=1")
    plain.http.cookies.clear()
    answer = await plain.post({**plain.hidden, "text": "</textarea><b>long letter", "password": "sesame", "word": "x"})
    assert answer.status_code == 403
    assert "&lt;/textarea&gt;&lt;b&gt;long letter" in answer.text
    assert '<a href="/wishes?a=1">' in answer.text
    assert "sesame" not in answer.text
    old = time.time
    monkeypatch.setattr("asok.form_http.time.time", lambda: old() + 13 * 3600)
    answer = await plain.post({**plain.hidden, "text": "long letter", "password": "sesame"})
    assert (answer.status_code, "long letter" in answer.text, "sesame" in answer.text) == (409, True, False)
    monkeypatch.undo()
    foreign = await plain.post({**plain.hidden, "text": "long letter"}, {"origin": "https://evil.example"})
    assert "long letter" not in foreign.text
    forged = {name: f"{value}x" if "token" in name else value for name, value in plain.hidden.items()}
    assert "long letter" not in (await plain.post({**forged, "text": "long letter"})).text


@pytest.mark.parametrize("path", ["//evil.example/wishes", "/any/a%3Fb%23c", "/any/%25e9", "/any/%C3%A9"])
async def test_the_way_back_is_to_the_very_page_and_never_to_another_site(plain: Plain, path: str) -> None:
    await plain.open(SITE + path)
    answer = await plain.post({**plain.hidden, "text": "peace"})
    location = httpx.URL(SITE + path).join(answer.headers["location"])
    assert (location.host, location.raw_path.decode().removeprefix("/.")) == ("localhost", path)


@pytest.mark.parametrize("encoded", [True, False])
async def test_the_end_of_a_line_is_one_character_as_over_the_socket(plain: Plain, encoded: bool) -> None:
    await plain.open("/wishes")
    fields = {**plain.hidden, "text": "one\r\ntwo"}
    parts = "".join(f'--x\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    kind = "application/x-www-form-urlencoded" if encoded else "multipart/form-data; boundary=x"
    body = urlencode(fields) if encoded else f"{parts}--x--\r\n"
    answer = await plain.http.post("/live/form", content=body, headers={"origin": SITE, "content-type": kind})
    assert answer.status_code == 303
    assert "<i>one\ntwo</i>" in await plain.open("/wishes")


@pytest.mark.parametrize("encoding", ["punycode", "idna", "utf-7", "unicode_escape", "latin-1", '"PUNYCODE"', "utf-8"])
async def test_parts_are_read_as_utf_8_and_by_no_codec_that_the_sender_names(plain: Plain, encoding: str) -> None:
    # 60 KB of Punycode take Python four seconds, in which the worker serves nobody.
    await plain.open("/wishes")
    parts = {**plain.hidden, "text": "peace"}
    body = "".join(
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    )
    headers = {"origin": SITE, "content-type": f"multipart/form-data; boundary=x; charset={encoding}"}
    answer = await plain.http.post("/live/form", content=f"{body}--x--\r\n", headers=headers)
    assert answer.status_code == (303 if encoding == "utf-8" else 400)
    assert ("peace" in await plain.open("/wishes")) is (encoding == "utf-8")
