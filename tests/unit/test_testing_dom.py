"""What an update changes in the page, and what it leaves to the person in front of it."""

from __future__ import annotations

from tests.unit.scripted import (
    COUNTER,
    A,
    B,
    C,
    Message,
    Opened,
    root,
    typing,
)

FIELDS = "<input name='a' value=''><input name='b' value=''><button ws-click='go'>Go</button>"


async def test_an_update_leaves_typed_text_alone_and_changes_the_rest(opened: Opened) -> None:
    html = "<div><input name='a' value='server'><input name='b' value='server'><button ws-click='go'>Go</button></div>"
    page, _ = await opened(root(A, FIELDS), typing(html))
    await page.fill("[name=a]", "mine")
    await page.click("button")
    assert page.value("[name=a]") == "mine"
    assert page.value("[name=b]") == "server"
    assert page.attribute("[name=a]", "value") == "server"


async def test_a_reset_puts_the_named_fields_back(opened: Opened) -> None:
    html = "<div><input name='a' value=''><input name='b' value=''><button ws-click='go'>Go</button></div>"
    page, _ = await opened(root(A, FIELDS), typing(html, ["reset", "a"]))
    await page.fill("[name=a]", "mine")
    await page.fill("[name=b]", "mine too")
    await page.click("button")
    assert page.value("[name=a]") == ""
    assert page.value("[name=b]") == "mine too"
    assert page.effects == [["reset", "a"]]


async def test_effects_change_the_title_and_lead_to_another_page(opened: Opened) -> None:
    page, _ = await opened(COUNTER, typing("<div>x</div>", ["title", "New"], ["redirect", "/next"]))
    await page.click("button")
    assert page.url == "http://localhost/next"
    page, _ = await opened(COUNTER, typing("<div>x</div>", ["title", "New"]))
    await page.click("button")
    assert page.title == "New"


async def test_rows_with_a_key_keep_what_was_typed_when_they_move(opened: Opened) -> None:
    before = "<ul><li ws-key='1'><input></li><li ws-key='2'><input></li></ul><button ws-click='go'>Go</button>"
    after = (
        "<div><ul><li ws-key='2'><input></li><li ws-key='1'><input></li></ul><button ws-click='go'>Go</button></div>"
    )
    page, _ = await opened(root(A, before), typing(after))
    await page.fill("[ws-key='1'] input", "first")
    await page.click("button")
    assert page.value("li:last-child input") == "first"
    assert page.value("li:first-child input") == ""


async def test_an_open_details_and_an_ignored_inside_are_left_alone(opened: Opened) -> None:
    before = "<details><summary>More</summary></details><p ws-ignore>map</p><button ws-click='go'>Go</button>"
    after = "<div><details><summary>Less</summary></details><p ws-ignore></p><button ws-click='go'>Go</button></div>"
    page, _ = await opened(root(A, before), typing(after))
    await page.click("summary")
    await page.click("button")
    assert page.attribute("details", "open") == ""
    assert page.text("summary") == "Less"
    assert page.text("p") == "map"


PARENT = root(A, "<h1>P</h1>" + root(B, "<input>", "li") + "<button ws-click='go'>Go</button>", "ul")


async def test_a_child_keeps_its_place_and_what_was_typed_in_it(opened: Opened) -> None:
    html = f"<ul><h1>Q</h1><template data-asok='{B}.0'></template><button ws-click='go'>Go</button></ul>"
    page, _ = await opened(PARENT, typing(html))
    await page.fill("li input", "typed")
    await page.click("button")
    assert page.text("h1") == "Q"
    assert page.value("ul > li > input") == "typed"
    assert (page.attribute("li", "data-asok-state") or "").startswith(B)


async def test_a_new_child_comes_first_and_then_its_place(opened: Opened) -> None:
    html = f"<ul><li><template data-asok='{C}.0'></template></li><template data-asok='{B}.0'></template></ul>"

    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        return [["update", C, 0, "<b>new</b>", f"{C}.k.t.m"], ["update", A, 1, html, [14, "1"]]]

    page, script = await opened(PARENT, answer)
    await page.click("button")
    assert page.text("ul > li > b") == "new"
    assert page.attribute("b", "data-asok-state") == f"{C}.k.t.m"
    assert "leave" not in [message[0] for message in script.got]


async def test_a_child_that_comes_after_its_place_takes_it(opened: Opened) -> None:
    html = f"<ul><template data-asok='{C}.0'></template><template data-asok='{B}.0'></template></ul>"

    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        return [["update", A, 1, html, [14, "1"]], ["update", C, 0, "<b>new</b>", f"{C}.k.t.m"]]

    page, _ = await opened(PARENT, answer)
    await page.click("button")
    await page.settled()
    assert page.text("ul > b") == "new"


async def test_a_component_that_is_gone_is_left(opened: Opened) -> None:
    page, script = await opened(PARENT, typing("<ul><button ws-click='go'>Go</button></ul>"))
    await page.join()
    await page.click("button")
    await page.settled()
    assert ["leave", B] in script.got
