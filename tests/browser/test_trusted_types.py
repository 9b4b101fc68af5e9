"""Where a page requires trusted types, the lines of docs/security.md let in what asok does, and nobody's script."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page, expect
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from asok import Component, exposed
from tests.browser.conftest import Serve
from tests.browser.small import live, small_app

SECURITY = Path(__file__).parents[2] / "docs/security.md"
POLICY = "default-src 'self'; require-trusted-types-for 'script'; trusted-types default"
ADD_SCRIPT = """(url) => {
    try { document.createElement("script").src = url; return "taken"; } catch (error) { return error.name; }
}"""


class Trusted(Component):
    count = 0
    template = '<p><output>{{ count }}</output> <input> <button ws-click="add">Add</button></p>'

    @exposed
    def add(self) -> None:
        self.count += 1


async def test_updates_and_a_page_that_is_fetched_are_let_in_by_the_policy_of_the_docs(
    page: Page, serve: Serve, tmp_path: Path, page_faults: list[str]
) -> None:
    found = re.search(r"// static/trusted\.js\n(.*?)```", SECURITY.read_text("utf-8"), re.DOTALL)
    assert found
    app = small_app(tmp_path, "{{ component('Trusted') }}", first=found[1])

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = POLICY
            await send(message)

        await app(scope, receive, send_with_policy)

    await page.goto(await serve(strict))
    await live(page)
    output = page.locator("output")
    for count in ("1", "2"):
        await page.click("button")
        await expect(output).to_have_text(count)
    # As the page is read that is fetched anew.
    assert await page.evaluate("new DOMParser().parseFromString('<p>new', 'text/html').body.textContent") == "new"
    assert await page.evaluate(ADD_SCRIPT, "/live/own.js") == "taken"
    assert not page_faults
    assert await page.evaluate(ADD_SCRIPT, "https://other.example/x.js") == "TypeError"
    await page.evaluate("1")
    page_faults.clear()  # that was refused
