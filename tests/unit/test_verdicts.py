"""What guards, hooks and methods give back, and what is said where nobody takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse

from asok import Component, exposed
from asok.errors import ComponentError, Denied
from asok.testing import LiveClient
from asok.testing_instances import Refused
from asok.verdicts import refuses
from tests.rig import asok_app


class GuardedByRedirect(Component):
    template = "<p>secret</p>"

    def guard(self, request: Any, session: Any) -> Any:
        return RedirectResponse("/login")


async def test_a_guard_that_returns_a_redirect_lets_nobody_in() -> None:
    async with LiveClient() as client:
        with pytest.raises(
            ComponentError, match=r"GuardedByRedirect\.guard returned RedirectResponse; a guard returns True"
        ):
            await client.mount(GuardedByRedirect)


async def test_the_guard_of_a_page_that_returns_what_is_neither_yes_nor_no_lets_nobody_in(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"a.html": "secret"})
    app.page("/", "a.html", guard=lambda request, session: "ada")
    async with LiveClient(app) as client:
        with pytest.raises(ComponentError, match="the guard of / returned str"):
            await client.open("/")


def raises(request: Any, session: Any) -> None:
    if "user" not in session:
        raise Denied("members")


def returns_early(request: Any, session: Any) -> Any:
    if "user" in session:
        return None
    return False


@pytest.mark.parametrize(("verdict", "no"), [(True, False), (None, False), (False, True)])
@pytest.mark.parametrize("guard", [raises, returns_early, partial(raises, session={"user": 1}), bool])
def test_a_guard_says_yes_with_true_or_nothing_and_no_with_false(
    guard: Callable[..., Any], verdict: bool | None, no: bool
) -> None:
    assert refuses(verdict, guard, "a guard") is no


class AsksTheSession:
    def __call__(self, request: Any, session: Any) -> Any:
        return session.get("user")


async def asks_the_session(request: Any, session: Any) -> Any:
    return await anyio.to_thread.run_sync(session.get, "user")


@wraps(asks_the_session)
def traced(request: Any, session: Any) -> Any:
    return asks_the_session(request, session)


GETTERS = [
    AsksTheSession(),
    AsksTheSession().__call__,
    asks_the_session,
    traced,
    lambda request, session: session["id"],
]


@pytest.mark.parametrize("guard", GETTERS)
def test_none_is_no_yes_from_a_guard_that_returns_what_it_has_looked_up(guard: Callable[..., Any]) -> None:
    with pytest.raises(ComponentError, match="the guard of / returned nothing; a guard returns True or False"):
        refuses(None, guard, "the guard of /")


async def test_a_guard_that_returns_the_user_lets_nobody_in_who_is_not_signed_in(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"a.html": "secret"})
    app.page("/", "a.html", guard=lambda request, session: session.get("user"))
    async with LiveClient(app) as client:
        with pytest.raises(ComponentError, match=r"the guard of / returned nothing; .* write a comparison"):
            await client.open("/")


class OfMembers(Component):
    template = "<p>for members</p>"

    def guard(self, request: Any, session: Any) -> Any:
        return super().guard(request, session) and "user" in session


async def test_a_guard_may_ask_that_of_its_base_first() -> None:
    async with LiveClient() as client:
        assert (await client.mount(OfMembers)).status == 403


class LoadsDict(Component):
    template = "<p>{{ rows }}</p>"

    def load(self) -> Any:
        return {"rows": [1]}


class MountsDict(Component):
    template = "<p>{{ rows }}</p>"

    async def mount(self) -> Any:
        return {"rows": [1]}


class LoadsResponse(Component):
    template = "<p>x</p>"

    def load(self) -> Any:
        return RedirectResponse("/")


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (LoadsDict, "LoadsDict.load returned dict, which nobody takes; set each value, as in self.rows = …"),
        (MountsDict, "MountsDict.mount returned dict, which nobody takes"),
        (
            LoadsResponse,
            "LoadsResponse.load returned RedirectResponse, which nobody takes; to send a visitor",
        ),
    ],
)
async def test_what_a_hook_gives_back_to_be_shown_is_told_that_nobody_takes_it(
    component: type[Component], said: str
) -> None:
    async with LiveClient() as client:
        with pytest.raises(ComponentError, match=said):
            await client.mount(component)


class ReturnsResponses(Component):
    template = "<p><button ws-click='go'>go</button><button ws-click='say'>say</button></p>"

    @exposed
    async def go(self) -> Any:
        return RedirectResponse("/done")

    @exposed
    def say(self) -> Any:
        return PlainTextResponse("done")


async def test_a_method_that_returns_a_response_is_told_what_to_write() -> None:
    async with LiveClient() as client:
        page = await client.mount(ReturnsResponses)
        with pytest.raises(
            Refused, match=r"returned RedirectResponse, which nobody takes; write self.redirect\('/done'\)"
        ):
            await page.click("button", text="go")
        with pytest.raises(Refused, match="returned PlainTextResponse, which nobody takes"):
            await page.click("button", text="say")


class RedirectsAtMount(Component):
    template = "<p>x</p>"

    def mount(self) -> None:
        self.redirect("/login")


async def test_an_effect_before_the_page_is_open_is_told_that_it_reaches_nobody() -> None:
    async with LiveClient() as client:
        with pytest.raises(ComponentError, match=r"RedirectsAtMount\.redirect while it is first rendered"):
            await client.mount(RedirectsAtMount)


class WritesSession(Component):
    template = "<p>{{ session.user }}<button ws-click='write'>write</button><button ws-click='read'>read</button></p>"

    @exposed
    def write(self) -> None:
        self.session.user = 3

    @exposed
    def read(self) -> None:
        self.session["seen"] = self.session.user


async def test_an_attribute_of_the_session_is_told_that_sessions_are_mappings() -> None:
    async with LiveClient() as client:
        page = await client.mount(WritesSession)
        with pytest.raises(Refused, match=r"session is a mapping: write session\['user'\] = …"):
            await page.click("button", text="write")
        with pytest.raises(Refused, match=r"session is a mapping and has no \.user: write session.get\('user'\)"):
            await page.click("button", text="read")


def test_a_hook_that_cannot_run_is_told_when_the_class_is_made() -> None:
    with pytest.raises(ComponentError, match=r"RendersLater\.render cannot be `async def`"):

        class RendersLater(Component):
            async def render(self) -> str:  # type: ignore[override]  # the mistake itself
                return "<p>x</p>"

    with pytest.raises(ComponentError, match=r"LoadsInSteps\.load has a `yield`"):

        class LoadsInSteps(Component):
            def load(self) -> Any:
                yield


def test_the_name_of_a_file_is_no_template() -> None:
    with pytest.raises(ComponentError, match=r"FileAsTemplate\.template is the template itself, and 'counter.html' is"):

        class FileAsTemplate(Component):
            template = "counter.html"


def members(request: Any, session: Any) -> None:
    if "user" not in session:
        raise HTTPException(303, headers={"Location": "/login"})


class ForMembers(Component):
    template = "<p><button ws-click='go'>go</button></p>"

    @exposed
    def go(self) -> None: ...


async def test_a_guard_sends_a_visitor_elsewhere_and_refuses_what_comes_over_the_socket(tmp_path: Path) -> None:
    async def visit(request: Any) -> PlainTextResponse:
        request.session.update(user="ada") if request.url.path == "/in" else request.session.clear()
        return PlainTextResponse("")

    app = asok_app(tmp_path)
    app.page("/", ForMembers, guard=members)
    app.add_route("/in", visit)
    app.add_route("/out", visit)
    async with LiveClient(app) as client:
        answer = await client.http.get("/", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        await client.http.get("/in")
        page = await client.open("/")
        await page.click("button")
        await client.http.get("/out")
        with pytest.raises(Refused, match="denied"):
            await page.click("button")
