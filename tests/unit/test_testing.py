"""Whole pages of real apps, driven as a project's own tests would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from asok import Asok, Component, Settings, exposed
from asok.testing import (
    LiveClient,
    Refused,
)


class Tally(Component):
    """The component that the tests of the whole way use."""

    count: int = 0
    note: str = ""
    template = """<div><output>{{ count }}</output><button ws-click="up">+</button>
      <button ws-click="add(10)">+10</button>
      <form ws-submit="keep"><input name="note" value="{{ note }}"><button>Keep</button></form>
      <button ws-click="work">Work</button><button ws-click="hidden">Hidden</button></div>"""

    @exposed
    def up(self) -> None:
        self.count += 1

    @exposed
    async def add(self, number: int) -> None:
        self.count += number

    @exposed
    async def keep(self, note: str) -> None:
        self.note = note

    @exposed
    async def work(self) -> AsyncIterator[None]:
        for self.count in (1, 2, 3):
            yield
        self.count = 100

    def hidden(self) -> None:
        self.count = -1


class Tallies(Component):
    """A component with children that come and go."""

    names: list[str] = ["a", "b"]
    template = """<ul>{% for name in names %}<li>{{ component("Tally", key=name, note=name) }}</li>{% endfor %}
      <button class="more" ws-click="more">More</button><button class="fewer" ws-click="fewer">Fewer</button></ul>"""

    @exposed
    async def more(self) -> None:
        self.names = [*self.names, "c"]

    @exposed
    async def fewer(self) -> None:
        self.names = self.names[1:]


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[LiveClient]:
    page = "<!doctype html><html><head>{{ alive() }}</head><body>{{ component('Tally') }}</body></html>"
    env = Environment(loader=DictLoader({"tally.html": page}))
    app = Asok(
        root=tmp_path, settings=Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:"), env=env
    )
    app.page("/", "tally.html")
    async with LiveClient(app) as live:
        yield live


async def test_a_click_on_a_real_page_changes_only_the_number(real: LiveClient) -> None:
    page = await real.open("/")
    await page.click("button", text="+")
    await page.click("button", text="+")
    assert page.text("output") == "2"
    assert page.last_patch.size < 40


async def test_a_real_page_keeps_its_state_over_reload_and_reconnect(real: LiveClient) -> None:
    page = await real.open("/")
    await page.click("button", text="+10")
    await page.reconnect()
    await page.click("button", text="+")
    await page.reload()
    assert page.text("output") == "11"
    other = await real.another().open("/")
    assert other.text("output") == "0"


async def test_clicks_side_by_side_are_answered_in_order(real: LiveClient) -> None:
    page = await real.open("/")
    await asyncio.gather(*(page.click("button", text="+") for _ in range(60)))
    assert page.text("output") == "60"
    assert page.errors == []


async def test_a_component_is_mounted_with_its_fields() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally, count=3, note="x")
        assert page.text("output") == "3"
        assert page.value("input") == "x"


async def test_a_component_is_mounted_in_the_app_that_there_is(real: LiveClient) -> None:
    page = await real.mount(Tally, count=7)
    await page.click("button", text="+")
    assert page.text("output") == "8"
    again = await real.mount(Tally, count=7)
    assert again.text("output") == "7"


async def test_a_form_of_a_real_component_is_kept_and_typed_text_stays() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally)
        await page.fill("input[name=note]", "milk & eggs")
        await page.click("button", text="+")
        assert page.value("input") == "milk & eggs"
        assert page.attribute("input", "value") == ""
        await page.press("input", "Enter")
        assert page.attribute("input", "value") == "milk & eggs"


async def test_the_steps_of_a_real_generator_are_seen() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally)
        await page.click("button", text="Work")
        assert [step[step.index("<output>") + 8] for step in page.steps] == ["1", "2", "3"]
        assert page.text("output") == "100"


async def test_a_method_that_is_not_exposed_is_refused_with_a_reason() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally, count=5)
        with pytest.raises(Refused, match=r"refused: Tally\.hidden is not exposed"):
            await page.click("button", text="Hidden")
        assert page.text("output") == "5"


async def test_real_children_come_and_go_and_keep_their_own_state() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tallies)
        await page.click("li:nth-of-type(2) button", text="+")
        await page.click("li:nth-of-type(2) button", text="+")
        await page.click(".more")
        await page.click("li:nth-of-type(3) button", text="+10")
        assert page.all("output") == ["0", "2", "10"]
        await page.click(".fewer")
        assert page.all("output") == ["2", "10"]
        await page.click("li:nth-of-type(1) button", text="+")
        assert page.all("output") == ["3", "10"]


class Visitor(Component):
    """Who is there, a plain form to log in with, and a link."""

    template = """<div><p>{{ session.get("user", "nobody") }}</p><button class="see" ws-click="see">See</button>
      <form method="post" action="/login"><input name="user"><button>Log in</button></form><a href="/">Home</a></div>"""

    @exposed
    async def see(self) -> None:
        """Nothing but a look at the session."""


async def login(request: Request) -> Response:
    form = await request.form()
    request.session["user"] = str(form["user"])
    request.session.regenerate()  # type: ignore[attr-defined]  # asok's session, which Starlette types as a dict
    return RedirectResponse("/", 303)


@pytest.fixture
async def visited(tmp_path: Path) -> AsyncIterator[LiveClient]:
    app = Asok(root=tmp_path, settings=Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:"))
    app.page("/", Visitor)
    app.add_route("/login", login, methods=["POST"])
    async with LiveClient(app) as live:
        yield live


async def test_a_plain_form_goes_by_http_and_its_answer_is_the_page(visited: LiveClient) -> None:
    page = await visited.open("/")
    await page.fill("input", "Ada")
    await page.click("form button")
    assert page.text("p") == "Ada"
    await page.click(".see")
    assert page.text("p") == "Ada"


async def test_a_link_is_followed(visited: LiveClient) -> None:
    page = await visited.open("/?from=here")
    await page.click("a")
    assert page.url == "http://localhost/"


async def test_a_login_in_one_tab_fetches_the_other_anew(visited: LiveClient) -> None:
    page, other = await visited.open("/"), await visited.open("/")
    await other.click(".see")
    await page.fill("input", "Ada")
    await page.submit()
    await other.settled()
    assert other.text("p") == "Ada"
    await other.click(".see")
    assert [str(error) for error in other.errors] == ["the app closed the WebSocket with 4401"]
