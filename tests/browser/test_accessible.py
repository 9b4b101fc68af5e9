"""Every page of the gallery without a violation of WCAG A, AA and good practice, as axe-core finds them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.async_api import Page

from tests.browser.small import live
from tests.browser.test_examples import EXAMPLES

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


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


@pytest.mark.parametrize("name", ["", *EXAMPLES])
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
    await page.evaluate("document.querySelector('main a').replaceChildren()")
    assert "link-name" in {each.split(":")[0] for each in await violations(page)}


# What a Tab stops at: of radio buttons one of each name, and nothing that cannot be used or seen.
STOPS = """() => {
  const seen = (each) => each.checkVisibility({ visibilityProperty: true });
  const all = [...document.body.querySelectorAll("*")];
  const usable = all.filter((each) => each.tabIndex >= 0 && !each.disabled && seen(each));
  const radios = new Set();
  return usable.filter((one) => one.type !== "radio" || !radios.has(one.name) && radios.add(one.name)).length;
}"""
# Where it has stopped, and whether that is seen. A date has several stops, and so have frames and players, which show
# it by themselves.
STOP = """() => {
  const element = document.activeElement;
  const all = (window.stopped ??= []);
  const over = element === document.body || (element === all[0] && all.length > 1);
  const known = over || all.includes(element) || element.matches("audio, video, iframe");
  if (!over && !all.includes(element)) all.push(element);
  const shows = ({ outlineStyle, boxShadow }) => outlineStyle !== "none" || boxShadow !== "none";
  const seen = [undefined, "::before"].some((part) => shows(getComputedStyle(element, part)));
  return { over, stops: all.length, unseen: known || seen ? "" : element.outerHTML.slice(0, 120) };
}"""


@pytest.mark.parametrize("name", ["", *EXAMPLES])
async def test_every_control_is_reached_with_the_keyboard_and_shows_it(page: Page, gallery: str, name: str) -> None:
    await page.goto(f"{gallery}/{name}")
    if name:
        await live(page)
    expected = await page.evaluate(STOPS)
    unseen, stops = [], 0
    for _ in range(10 * expected):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(STOP)
        if stop["over"]:
            break
        stops = stop["stops"]
        unseen += [stop["unseen"]] if stop["unseen"] else []
    assert not unseen
    # What moves by itself may bring one or take one meanwhile.
    assert stops >= expected - 1
