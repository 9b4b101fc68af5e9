"""What extensions, the browser itself and other scripts do to a page: for that, an update takes nothing away."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.alive_rig import Line, root
from tests.browser.test_alive import Open, open_page

__all__ = ["open_page"]

# With the core alone, and with the module that looks at every element.
FEATURES = pytest.mark.parametrize("features", ["", '<i ws-keydown.enter="go"></i>'], ids=["core", "features"])


async def ready(page: Page, line: Line) -> None:
    """The modules are there."""
    await line.update(0, [], [], [["title", "ready"]])
    await expect(page).to_have_title("ready")


@FEATURES
@pytest.mark.parametrize("where", ["beforebegin", "afterend"])
async def test_what_a_password_manager_puts_beside_fields_takes_no_typed_text_away(
    page: Page, open_page: Open, where: str, features: str
) -> None:
    form = (
        f'{features}<form ws-submit="go"><input name="email"><div class="row"><input name="password"><p>{{}}</p></div>'
        '<div class="row"><button>Go</button></div></form>'
    )
    line = await open_page(root(form.format(0)))
    await ready(page, line)
    await page.evaluate(
        """where => {
            for (const field of document.querySelectorAll("input")) {
                const icon = document.createElement("div");
                icon.dataset.icon = "";
                field.insertAdjacentElement(where, icon);
            }
        }""",
        where,
    )
    field = page.locator("[name=password]")
    await field.press_sequentially("secret")
    await line.update(1, f"<div>{form.format(1)}</div>")
    await expect(page.locator("p")).to_have_text("1")
    await expect(field).to_have_value("secret")
    await expect(field).to_be_focused()
    await expect(page.locator("[data-icon]")).to_have_count(0)


@FEATURES
async def test_a_component_among_rows_that_go_is_not_taken_with_them(
    page: Page, open_page: Open, features: str
) -> None:
    child = root('<textarea rows="2"></textarea>', "component002", tag="p")
    row, place = '<li class="row">{}</li>', '<template data-asok="component002."></template>'
    line = await open_page(root(f"{features}<ul><li>{child}</li>{row.format('a')}</ul>"))
    await ready(page, line)
    field = page.locator("textarea")
    await field.fill("line\n" * 50)
    await field.evaluate("field => { field.scrollTop = 100; }")
    await line.update(1, f"<div>{features}<ul>{row.format('b' + place)}</ul></div>")
    await expect(page.locator("ul")).to_have_text("b")
    assert await field.evaluate("field => field.scrollTop") == 100


@FEATURES
async def test_a_text_box_that_was_made_larger_by_hand_stays_so(page: Page, open_page: Open, features: str) -> None:
    html = "{}<textarea {}></textarea><output>{}</output>"
    line = await open_page(root(html.format(features, "", 0)))
    await ready(page, line)
    box = page.locator("textarea")

    async def drag() -> float:
        place = await box.bounding_box()
        assert place
        await page.mouse.move(place["x"] + place["width"] - 4, place["y"] + place["height"] - 4)
        await page.mouse.down()
        await page.mouse.move(place["x"] + place["width"] + 50, place["y"] + place["height"] + 90, steps=4)
        await page.mouse.up()
        larger = await box.bounding_box()
        assert larger and larger["height"] > place["height"] + 50
        return larger["height"]

    height = await drag()
    for step in (1, 2):
        await line.update(step, f"<div>{html.format(features, 'title=' + str(step), step)}</div>")
        await expect(page.locator("output")).to_have_text(str(step))
        shown = await box.bounding_box()
        assert shown and shown["height"] == height


async def test_an_element_of_a_library_may_have_chosen_options_and_no_others(page: Page, open_page: Open) -> None:
    html = '<details></details><x-select class="{0}"></x-select><output>{0}</output>'
    line = await open_page(root(html.format(0)))
    await ready(page, line)
    await page.evaluate("customElements.define('x-select', class extends HTMLElement { selectedOptions = []; })")
    await line.update(1, f"<div>{html.format(1)}</div>")
    await expect(page.locator("output")).to_have_text("1")
    await expect(page.locator("x-select")).to_have_class("1")
