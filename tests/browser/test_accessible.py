"""Every page of the gallery without a violation of WCAG A, AA and good practice, as axe-core finds them, and what it
does not look for."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import pytest
from jinja2 import Environment, FileSystemLoader
from playwright.async_api import Page, expect

from tests.browser.small import live
from tests.browser.test_examples import EXAMPLES, ROOT

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


@pytest.mark.parametrize(
    ("name", "label", "words", "there"),
    [
        ("chat", "Your name", ["Ada", "Nobody has said this before."], ".messages li p"),
        ("signup", "Your name", ["A"], "[aria-invalid=true] + .error"),
        ("todo", "What to do", ["Rest", "Sleep"], ".todo li"),
        ("unicode", "Search for a character", ["arrow"], ".unicode tbody tr"),
    ],
)
async def test_what_a_person_brings_about_can_be_used_by_everybody(
    page: Page, gallery: str, name: str, label: str, words: list[str], there: str
) -> None:
    await page.goto(f"{gallery}/{name}")
    await live(page)
    await page.get_by_label(label).focus()
    for each in words:
        await page.keyboard.insert_text(each)
        await page.keyboard.press("Enter")
        await expect(page.locator(":focus")).to_have_value(each if name in ("signup", "unicode") else "")
    await page.locator(there).first.wait_for()
    await page.evaluate(AXE)
    assert not await violations(page)


# A second of what changes by itself, and the first live region that would tell it to somebody who hears the page.
SPOKEN = """() => new Promise((done) => {
  const region = (node) => (node.closest ? node : node.parentElement)?.closest("output, [aria-live], [role=status]");
  const look = (changes) => {
    const found = changes.map(({ target }) => region(target)).find((each) => each && each.ariaLive !== "off");
    if (found) done(found.outerHTML);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  let updates = 0;
  document.addEventListener("alive:updated", () => updates++ > 2 && setTimeout(done, 0, ""));
})"""


@pytest.mark.parametrize("name", ["charts", "dashboard", "hooks"])
async def test_figures_that_change_each_second_are_not_read_out(page: Page, gallery: str, name: str) -> None:
    await page.goto(f"{gallery}/{name}")
    await live(page)
    assert await page.evaluate(SPOKEN) == ""


async def test_the_words_beside_a_chart_stay_outside_it_on_a_page_from_right_to_left(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/charts")
    await page.evaluate("document.documentElement.dir = 'rtl'")
    ends = """(svg) => {
      const tick = svg.querySelector(".words text").getBoundingClientRect();
      return [tick.right, svg.querySelector(".grid line").getBoundingClientRect().left];
    }"""
    end, plot = await page.locator(".chart.line > svg").evaluate(ends)
    assert end <= plot


async def test_the_menu_of_all_examples_fits_a_phone(page: Page, gallery: str) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(gallery)
    await page.get_by_text("All examples").click()
    menu = page.get_by_role("navigation", name="Examples")
    for link in (menu.get_by_role("link").first, menu.get_by_role("link").last):
        await link.scroll_into_view_if_needed()
        box = await link.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert await menu.evaluate("(each) => each.scrollWidth <= each.clientWidth"), "it goes down, not aside"


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


async def test_a_form_that_was_not_taken_shows_what_was_written_on_a_phone_too(page: Page) -> None:
    templates = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=True)
    typed = [("letter", "word " * 100), ("name", "w" * 60)]
    shown = {
        "words": "The form is too old to be sent.",
        "problem": "Invoice.save has no argument 'bil'; did you mean 'bill'? " * 2,
        "path": "/",
        "typed": typed,
    }
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.set_content(templates.get_template("asok/form_refused.html").render(shown))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.evaluate(AXE)
    assert not await violations(page)
