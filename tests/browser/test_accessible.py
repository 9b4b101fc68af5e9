"""Every page of the gallery without a violation of WCAG A, AA and good practice, as axe-core finds them."""

from __future__ import annotations

import ast
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.async_api import Page

from tests.browser.small import live
from tests.browser.test_examples import ROOT
from tests.browser.test_examples import gallery as gallery

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def shown() -> list[str]:
    """The examples that the gallery shows, as they stand in its source: to import it is to start it."""
    for node in ast.parse((ROOT / "examples/gallery/app.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SHOWN":
            assert isinstance(node.value, ast.Tuple)
            return [ast.unparse(each).lower() for each in node.value.elts]
    raise AssertionError("the gallery has no SHOWN")


async def violations(page: Page) -> list[str]:
    """What axe finds on the page, a line each: the rule, and the elements."""
    found: dict[str, Any] = await page.evaluate(
        "(values) => axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] })", RULES
    )
    return [
        f"{each['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else each['help']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", ["", *shown()])
async def test_a_page_can_be_used_by_everybody(page: Page, gallery: str, name: str) -> None:
    await page.goto(f"{gallery}/{name}")
    if name:
        await live(page)
    await page.evaluate(AXE)
    found = []
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{width} {scheme} {each}" for each in await violations(page)]
    assert not found, "\n".join(found)


async def test_a_violation_is_found(page: Page, gallery: str) -> None:
    await page.goto(gallery)
    await page.evaluate(AXE)
    await page.evaluate("document.querySelector('nav a').replaceChildren()")
    assert [each.split(":")[0] for each in await violations(page)] == ["link-name"]
