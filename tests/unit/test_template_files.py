"""Templates of the project and of asok's own, in an environment of the project's."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from starlette.requests import Request

from asok import Asok, Component, Settings, exposed
from asok.errors import ConfigurationError
from asok.testing import LiveClient


class DollarCount(Component):
    """Written with other delimiters than Jinja's."""

    count = 0
    template = """<% from "asok/charts.html" import sparkline %>
        <div>${ count }<% if count %> more<% endif %>${ sparkline([1, 2], "Two") }
        <button ws-click="add">add</button></div>"""

    @exposed
    def add(self) -> None:
        """One more."""
        self.count += 1


class PlainCount(Component):
    """Counts."""

    count = 0
    template = "<p><b>{{ count }}</b><button ws-click='add'>add</button></p>"

    @exposed
    def add(self) -> None:
        """One more."""
        self.count += 1


async def no_variables(request: Request) -> dict[str, str]:
    return {}


def app_with(env: jinja2.Environment, root: Path, live: str = "/live") -> Asok:
    settings = Settings(root, debug=True, keys=(live[0] * 40,), database=":memory:", live=live)
    return Asok(root=root, settings=settings, env=env)


@pytest.mark.parametrize("prefix", [None, "#"])
async def test_a_project_may_have_delimiters_of_its_own(tmp_path: Path, prefix: str | None) -> None:
    env = jinja2.Environment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="${",
        variable_end_string="}",
        line_statement_prefix=prefix,
    )
    app = app_with(env, tmp_path)
    app.page("/", DollarCount)
    async with LiveClient(app) as live:
        page = await live.open("/")
        await page.click("button")
        assert page.text("div").startswith("1 more")
        assert "<svg" in page.html()
        assert "{{" not in page.html() and "{%" not in page.html()


def test_an_environment_that_awaits_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"enable_async=True; give it one without"):
        app_with(jinja2.Environment(enable_async=True), tmp_path)


async def test_apps_that_were_given_one_environment_show_their_own_components(tmp_path: Path) -> None:
    env = jinja2.Environment(loader=jinja2.DictLoader({"p.html": "{{ alive() }}{{ component('PlainCount') }}"}))
    apps = [app_with(env, tmp_path, live) for live in ("/one", "/two")]
    for app in apps:
        app.page("/", "p.html")(no_variables)
    for app in apps:
        async with LiveClient(app) as live:
            page = await live.open("/")
            await page.click("button")
            assert page.text("b") == "1"
