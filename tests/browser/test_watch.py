"""The watch over the other browser tests barks: at a script error, and at a violation of the page's policy."""

from __future__ import annotations

from playwright.async_api import Page, expect
from starlette.responses import HTMLResponse

from tests.browser.conftest import Serve

STRICT = {"content-security-policy": "default-src 'self'"}


async def test_an_inline_script_under_a_strict_policy_is_a_fault(
    serve: Serve, page: Page, page_faults: list[str]
) -> None:
    app = HTMLResponse("<p>shown</p><script>document.body.append('ran')</script>", headers=STRICT)
    await page.goto(await serve(app))
    await expect(page.locator("body")).to_have_text("shown")
    assert "script-src-elem inline" in page_faults[0]
    page_faults.clear()


async def test_an_uncaught_script_error_is_a_fault(serve: Serve, page: Page, page_faults: list[str]) -> None:
    app = HTMLResponse("<script>setTimeout(() => no.such)</script>")
    async with page.context.expect_event("weberror"):
        await page.goto(await serve(app))
    assert "no is not defined" in page_faults[0]
    page_faults.clear()
