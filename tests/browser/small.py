"""A small app of one page, served under the strictest policy and opened, until the socket is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.async_api import Page
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asok import Asok
from tests.browser.conftest import Serve
from tests.rig import asok_app

__all__ = ["live", "losing", "opened", "small_app", "until", "while_time_passes"]

T = TypeVar("T")
PAGE = (
    '<!doctype html><html lang="en"><head><title>t</title>%s{{ alive(features=True) }}%s</head><body>%s</body></html>'
)


def small_app(folder: Path, body: str, *, first: str = "", scripts: str = "", **options: Any) -> Asok:
    """first, scripts: JavaScript that runs before Alive, and after it. options: of `asok_app`."""
    static = folder / "static"
    static.mkdir(exist_ok=True)
    (static / "first.js").write_text(first, "utf-8")
    (static / "scripts.js").write_text(scripts, "utf-8")
    before = '<script src="/static/first.js"></script>' if first else ""
    after = '<script defer src="/static/scripts.js"></script>' if scripts else ""
    app = asok_app(folder, templates={"small.html": PAGE % (before, after, body)}, **options)
    app.page("/", "small.html")
    return app


async def opened(page: Page, serve: Serve, app: ASGIApp) -> None:
    """The app's page, connected."""

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = "default-src 'self'"
            await send(message)

        await app(scope, receive, send_with_policy)

    await page.goto(await serve(strict))
    await live(page)


async def live(page: Page) -> None:
    """Waits for the socket."""
    await page.wait_for_selector('html[data-alive="live"]', state="attached")


@asynccontextmanager
async def losing(page: Page) -> AsyncIterator[None]:
    """What is done inside costs the page its connection, which it may have again before anybody looks."""
    once = "new Promise((done) => document.addEventListener('alive:disconnected', () => done(0), { once: true }))"
    await page.evaluate(f"() => {{ window.lost = {once}; }}")
    yield
    await page.evaluate("window.lost")


async def until(page: Page, condition: str) -> None:
    """Waits until a JavaScript expression is true. Playwright's own way needs `eval`, which the policy forbids."""
    look = f"const look = async () => (await ({condition})) ? done() : setTimeout(look, 10)"
    async with asyncio.timeout(10):
        await page.evaluate(f"new Promise((done) => {{ {look}; look() }})")


async def while_time_passes(page: Page, work: Coroutine[Any, Any, T]) -> T:
    """Let the page's clock go on until this has happened: what sets its timers takes a moment of our time."""
    happening = asyncio.ensure_future(work)
    while not happening.done():
        await page.clock.run_for(1000)
    return await happening
