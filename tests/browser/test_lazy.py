"""Lazy components in a real browser: they come at once, when it is idle, or when somebody scrolls to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from asok import Asok, Component, exposed
from asok.component import registry
from tests.browser.conftest import Serve
from tests.browser.gate import Gate
from tests.rig import asok_app


@pytest.fixture
def mounted() -> list[str]:
    """Which parts have been mounted, in order."""
    return []


@pytest.fixture(autouse=True)
def part(mounted: list[str]) -> Iterator[None]:
    """A part of a page, for as long as the test."""
    with registry.isolated():

        class Part(Component):
            name: str
            count: int = 0
            template = '<p class="part" id="{{ name }}">{{ name }} <button ws-click="add">{{ count }}</button></p>'

            async def mount(self) -> None:
                await asyncio.sleep(0)
                mounted.append(self.name)

            @exposed
            def add(self) -> None:
                self.count += 1

        assert issubclass(Part, Component)
        yield


def lazy(name: str, when: str) -> str:
    return f"{{{{ component('Part', name='{name}', lazy={when}) }}}}"


def one_page(tmp_path: Path, body: str, **options: Any) -> Asok:
    document = f"<!doctype html><html lang=en><head>{{{{ alive(features=True) }}}}</head><body>{body}</body></html>"
    app = asok_app(tmp_path, templates={"page.html": document}, **options)
    app.page("/", "page.html")
    return app


async def opened(page: Page, serve: Serve, tmp_path: Path, body: str, **options: Any) -> None:
    await page.goto(await serve(one_page(tmp_path, body, **options)))


async def test_parts_come_at_once_when_idle_and_when_they_are_seen(
    page: Page, serve: Serve, tmp_path: Path, mounted: list[str]
) -> None:
    far = "<pre>" + "\n" * 400 + "</pre>"
    body = lazy("now", "True") + lazy("idle", "'idle'") + lazy("near", "'visible'") + far + lazy("far", "'visible'")
    await opened(page, serve, tmp_path, body)
    await expect(page.locator("#now, #idle, #near")).to_have_count(3)
    assert sorted(mounted) == ["idle", "near", "now"]
    await expect(page.get_by_text("Loading…")).to_have_count(1)
    await page.get_by_text("Loading…").scroll_into_view_if_needed()
    await page.locator("#far button").click()
    await expect(page.locator("#far button")).to_have_text("1")
    await expect(page.locator("[aria-busy], [data-asok-lazy], .asok-placeholder")).to_have_count(0)
    assert sorted(mounted) == ["far", "idle", "near", "now"]


async def test_a_browser_that_is_never_idle_begins_all_the_same(
    page: Page, serve: Serve, tmp_path: Path, mounted: list[str]
) -> None:
    await page.add_init_script("""
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => port2.postMessage(0);
        port2.postMessage(0);
    """)
    await opened(page, serve, tmp_path, lazy("a", "'idle'"))
    await expect(page.locator("#a")).to_be_visible()


async def test_several_load_side_by_side(page: Page, serve: Serve, tmp_path: Path) -> None:
    together = asyncio.Barrier(3)

    async def load(self: Any) -> None:
        await together.wait()  # which none passes before all are here

    type("Slow", (Component,), {"template": "<p class='slow'>there</p>", "load": load})
    await opened(page, serve, tmp_path, "{% for n in 'abc' %}{{ component('Slow', key=n, lazy=True) }}{% endfor %}")
    await expect(page.locator(".slow")).to_have_count(3)


async def test_a_lost_connection_mounts_nothing_twice(
    page: Page, serve: Serve, tmp_path: Path, mounted: list[str]
) -> None:
    async with Gate(await serve(one_page(tmp_path, lazy("a", "True")))) as gate:
        await page.goto(gate.url)
        await page.locator("#a button").click()
        await expect(page.locator("#a button")).to_have_text("1")
        await gate.cut()
        await page.locator("#a button").click()
        await expect(page.locator("#a button")).to_have_text("2")
    assert mounted == ["a"]


async def test_a_part_inside_of_a_component_comes_goes_and_stays(
    page: Page, serve: Serve, tmp_path: Path, mounted: list[str]
) -> None:
    class Around(Component):
        title: str = "a"
        there: bool = True
        template = """<main>{% if there %}{{ component('Part', name=title, lazy='visible') }}{% endif %}
        <button id="turn" ws-click="turn">turn</button><button id="name" ws-click="rename">name</button></main>"""

        @exposed
        def turn(self) -> None:
            self.there = not self.there

        @exposed
        def rename(self) -> None:
            self.title += "b"

    assert issubclass(Around, Component)
    await opened(page, serve, tmp_path, "{{ component('Around') }}")
    await page.locator(".part button").click()
    await page.locator("#name").click()
    await expect(page.locator(".part")).to_have_text("ab 1")
    await page.locator("#turn").click()
    await expect(page.locator(".part")).to_have_count(0)
    await page.locator("#turn").click()
    await page.locator(".part button").click()
    await expect(page.locator(".part")).to_have_text("ab 2")
    assert mounted == ["a"]


async def test_one_that_fails_shows_its_boundary_and_is_tried_again(page: Page, serve: Serve, tmp_path: Path) -> None:
    answers = [ValueError("not now"), None]

    async def load(self: Any) -> None:
        if error := answers.pop(0):
            raise error

    type("Moody", (Component,), {"template": "<p class='moody'>fine</p>", "load": load})
    body = "<h1>page</h1>{{ component('Moody', lazy=True) }}" + lazy("b", "True")
    await opened(page, serve, tmp_path, body)
    await expect(page.get_by_role("alert")).to_contain_text("This part of the page cannot be shown just now.")
    await expect(page.locator("#b")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".moody")).to_have_text("fine")
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_without_javascript_the_placeholder_stays(
    browser: Any, serve: Serve, tmp_path: Path, mounted: list[str]
) -> None:
    address = await serve(asok_app(tmp_path, {"/": lazy("a", "True")}))
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(address)
    await expect(page.get_by_text("Loading…")).to_be_visible()
    assert not mounted
    await context.close()


# ---- the example


async def test_the_example_counts_the_last_part_when_somebody_scrolls_to_it(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/lazy")
    await expect(page.locator(".lazy dl")).to_have_count(2)
    await expect(page.locator(".lazy").get_by_text("Counting …")).to_have_count(1)
    await page.locator(".lazy").get_by_text("Counting …").scroll_into_view_if_needed()
    await expect(page.locator(".lazy dl")).to_have_count(3)
    await expect(page.locator(".lazy").get_by_text("Counting …")).to_have_count(0)
