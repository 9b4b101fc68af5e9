"""A new project in the browser while its files change, its server is killed, and a release replaces it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from asok.scaffold import create_project
from tests.browser.conftest import Launch, Launched
from tests.browser.small import losing

SAME_PAGE = "window.samePage"
POLICY = """\
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware

from asok import Asok


class Policy:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = "default-src 'self'"
            await send(message)

        await self.app(scope, receive, send_with_policy)


app = Asok(middleware=[Middleware(Policy)])
app.page("/", "index.html")
"""
SLOW = """\
import asyncio
import contextlib
from pathlib import Path

from asok import Asok, Component, exposed

HERE = Path(__file__).parent


class Slow(Component):
    said = "ready"
    template = "<p>{{ said }} <button ws-click='work'>Work</button></p>"

    @exposed
    async def work(self):
        (HERE / "begun").touch()
        while not (HERE / "finish").exists():
            await asyncio.sleep(0.01)
        self.said = "finished"


app = Asok()
app.page("/", Slow)
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return create_project(tmp_path, "demo")


@pytest.fixture
async def dev(launch: Launch, demo: Path) -> Launched:
    return await launch("dev", cwd=demo)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def takes_no_more(url: str) -> None:
    """Wait until a request is not answered at once."""
    async with httpx.AsyncClient(timeout=0.5) as client:
        with contextlib.suppress(httpx.TransportError):
            while True:
                await client.get(url, headers={"Connection": "close"})


async def open_and_click(page: Page, dev: Launched) -> None:
    """Bring the counter from 10 to 11, and mark the page so that a reload would show."""
    await page.goto(dev.url)
    await page.get_by_role("button", name="Add 1").click()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 11")
    await page.evaluate(f"{SAME_PAGE} = true")


async def test_a_new_project_welcomes_and_counts(page: Page, dev: Launched) -> None:
    await open_and_click(page, dev)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome")
    await page.reload()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 11")


async def test_a_new_project_works_under_a_strict_policy(page: Page, launch: Launch, demo: Path) -> None:
    (demo / "app.py").write_text(POLICY)
    await open_and_click(page, await launch("dev", cwd=demo))


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_new_project_fits_the_screen(page: Page, dev: Launched, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 640})
    await page.goto(dev.url)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    button = await page.get_by_role("button").bounding_box()
    assert button is not None and button["height"] >= 44, "a thumb hits it"


async def test_changed_code_runs_and_the_count_stays(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    async with losing(page):
        edit(demo / "src/components/Counter.py", "+= 1", "+= 100")
    await page.get_by_role("button").click()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 111")
    assert await page.evaluate(SAME_PAGE), "no reload was needed"


async def test_a_mistake_costs_neither_the_page_nor_the_count(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    counter = demo / "src/components/Counter.py"
    good = counter.read_text()
    counter.write_text(good + "\ndef (:\n")
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    await page.get_by_role("button").click()
    await expect(page.get_by_role("status")).to_have_text("No connection · 1 waiting")
    assert await page.evaluate("getComputedStyle(document.body, '::before').content") == "none", "it is said once"
    counter.write_text(good)
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 12")
    assert await page.evaluate(SAME_PAGE)


async def test_a_changed_template_shows_and_the_count_stays(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    edit(demo / "src/components/counter.html", "Add 1", "One more")
    await page.get_by_role("button", name="One more").click()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 12")
    assert "starting again" not in dev.output


async def test_a_mistake_in_a_page_lies_over_it_until_it_is_mended(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    template = demo / "src/templates/index.html"
    good = template.read_text()
    template.write_text(good + "{% if %}")
    told = page.get_by_role("dialog", name="This page cannot be rendered").frame_locator("iframe")
    await expect(told.get_by_role("heading", level=2)).to_contain_text("TemplateSyntaxError")
    template.write_text(good + "{{ nothing.of_that }}{% endfor %}")
    await expect(told.get_by_role("heading", level=2)).to_contain_text("endfor")
    template.write_text(good.replace("Welcome", "Hello"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hello")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Add 1")).to_be_focused()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 11")
    assert await page.evaluate(SAME_PAGE), "no reload was needed"


async def test_a_mistake_in_a_page_is_mended_by_code_too(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    edit(demo / "src/templates/index.html", "Welcome", "Welcome, {{ 'you' | loudly }}")
    await expect(page.get_by_role("dialog")).to_be_visible()
    edit(demo / "app.py", "app = Asok()", "app = Asok()\napp.env.filters['loudly'] = str.upper")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, YOU")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate(SAME_PAGE), "no reload was needed"


async def test_a_look_that_fails_while_a_mistake_is_mended_is_made_again(
    page: Page, dev: Launched, demo: Path, page_faults: list[str]
) -> None:
    await open_and_click(page, dev)
    edit(demo / "src/templates/index.html", "Welcome", "Welcome, {{ 'you' | loudly }}")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.route(dev.url + "/", lambda route: route.abort(), times=1)
    async with page.expect_event("requestfailed", lambda request: request.url == dev.url + "/"):
        edit(demo / "app.py", "app = Asok()", "app = Asok()\napp.env.filters['loudly'] = str.upper")
    edit(demo / "src/components/Counter.py", "+= 1", "+= 100")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, YOU")
    assert "Failed to fetch" in page_faults.pop()


async def test_a_changed_stylesheet_shows_on_the_same_page(page: Page, dev: Launched, demo: Path) -> None:
    await open_and_click(page, dev)
    edit(demo / "src/static/app.css", "h3 {", "h3 {\n  color: rgb(1, 2, 3);")
    await expect(page.get_by_role("heading", level=3)).to_have_css("color", "rgb(1, 2, 3)")
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 11")
    assert await page.evaluate(SAME_PAGE)
    assert "starting again" not in dev.output


async def test_an_open_page_goes_on_after_the_server_was_killed(page: Page, dev: Launched) -> None:
    await open_and_click(page, dev)
    await dev.restart()
    await page.get_by_role("button").click()
    await expect(page.get_by_role("heading", level=3)).to_have_text("Count: 12")
    assert await page.evaluate(SAME_PAGE)


async def test_a_server_that_is_stopped_answers_what_it_has_begun(page: Page, launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SLOW)
    run = await launch("run", cwd=tmp_path, env={"SECRET_KEY": "8c1f0b5e9d7a4632" * 4})
    await page.goto(run.url)
    await page.get_by_role("button", name="Work").click()
    async with asyncio.timeout(10):
        while not (tmp_path / "begun").exists():  # noqa: ASYNC110  # the other process has no event to set
            await asyncio.sleep(0.01)
    stopping = asyncio.create_task(run.stop())
    await takes_no_more(run.url)
    (tmp_path / "finish").touch()
    await expect(page.get_by_text("finished")).to_be_visible()
    await stopping
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
