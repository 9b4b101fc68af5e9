"""The browser runtime against a scripted server: what it sends, what it shows, and what it leaves to the person."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.alive_rig import ONE, TWO, Line, Rig, root, token
from tests.browser.small import while_time_passes

Open = Callable[..., Awaitable[Line]]
COUNTER = root('<output>0</output><button ws-click="increment">Add 1</button>')


def counter(value: object) -> str:
    return f'<div><output>{value}</output><button ws-click="increment">Add 1</button></div>'


@pytest.fixture
def open_page(page: Page, server: Rig) -> Open:
    """`await open_page(body)` shows a page and gives its connection, which is live."""

    async def open_(body: str = COUNTER, *, head: str = "") -> Line:
        server.body, server.head = body, head
        await page.goto(server.url)
        line = await server.line()
        await expect(page.locator("html")).to_have_attribute("data-alive", "live")
        return line

    return open_


async def text_of(page: Page, selector: str) -> Any:
    return await page.locator(selector).evaluate("element => element.value")


async def listen(page: Page, *names: str) -> None:
    """Collect DOM events of the runtime in `window.heard`."""
    await page.evaluate(
        """names => {
            window.heard ??= [];
            for (const name of names)
                document.addEventListener(name, event => heard.push([name, event.detail ?? null]));
        }""",
        list(names),
    )


# --- what goes to the server


async def test_a_click_is_one_short_frame(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    assert await line.frame("event") == f'["event","{ONE}",1,"increment",{{}}]'


async def test_the_first_event_joins_its_component_with_the_newest_csrf_token(page: Page, open_page: Open) -> None:
    line = await open_page()
    first = await line.message("join")
    assert (first[1], first[2], first[4]) == (1, "first", [])
    assert re.fullmatch("[0-9.e-]{3,32}", first[3])
    await line.say("joined", "second")
    await page.locator("button").dispatch_event("click")
    joined = await line.message("join")
    assert joined == ["join", 1, joined[2], first[3], [[token(), 0, 0]]]
    assert (await line.event())[:3] == [ONE, 1, "increment"]


async def test_arguments_go_as_they_are_written(page: Page, open_page: Open) -> None:
    line = await open_page(root("""<button ws-click="add(1, 'it\\'s', true, &quot;&amp;&quot;)">x</button>"""))
    await page.click("button")
    assert (await line.event())[2] == """add(1, 'it\\'s', true, "&")"""


async def test_a_click_inside_of_a_button_is_the_buttons(page: Page, open_page: Open) -> None:
    line = await open_page(root('<button ws-click="pick" value="3"><b>three</b></button>'))
    await page.click("b")
    assert (await line.event())[2:] == ["pick", {"value": "3"}]


async def test_a_submit_sends_the_form_with_the_button_that_was_pressed(page: Page, open_page: Open) -> None:
    form = (
        '<form ws-submit="save"><input name="id" value="7"><input type="checkbox" name="tag" value="a" checked>'
        '<input type="checkbox" name="tag" value="b" checked><input type="file" name="file">'
        '<button name="way" value="draft">Draft</button></form>'
    )
    line = await open_page(root(form))
    await page.click("button")
    _, _, call, data = await line.event()
    assert (call, data) == ("save", {"form": [["id", "7"], ["tag", "a"], ["tag", "b"], ["way", "draft"]]})
    assert page.url.endswith("/")


async def test_a_control_sends_its_value_and_the_form_around_it(page: Page, open_page: Open) -> None:
    line = await open_page(root('<form><input name="q" ws-input="search"><input name="page" value="2"></form>'))
    await page.fill("[name=q]", "sun")
    assert (await line.event())[2:] == ["search", {"value": "sun", "form": [["q", "sun"], ["page", "2"]]}]


async def test_choices_go_as_true_and_false_and_lists(page: Page, open_page: Open) -> None:
    line = await open_page(
        root(
            '<input type="checkbox" ws-change="check"><select multiple ws-change="choose">'
            "<option>a</option><option>b</option><option>c</option></select>"
        )
    )
    await page.check("input")
    assert (await line.event())[2:] == ["check", {"value": True}]
    await page.select_option("select", ["a", "c"])
    assert (await line.event())[2:] == ["choose", {"value": ["a", "c"]}]


async def test_enter_is_heard_and_other_keys_stay_the_fields(page: Page, open_page: Open) -> None:
    line = await open_page(root('<input ws-keydown.enter.prevent="send">'))
    await page.locator("input").press_sequentially("hello")
    await page.press("input", "Enter")
    assert (await line.event())[2:] == ["send", {"value": "hello", "key": "Enter"}]
    assert await text_of(page, "input") == "hello"


async def test_prevent_keeps_the_browser_from_following_a_link(page: Page, open_page: Open) -> None:
    line = await open_page(root('<a href="/elsewhere" ws-click.prevent="follow">x</a>'))
    await page.click("a")
    assert (await line.event())[2] == "follow"
    assert page.url.endswith("/")


async def test_once_means_once_even_if_an_update_brings_the_attribute_again(page: Page, open_page: Open) -> None:
    html = '<p>{}</p><button ws-click.once="buy">Buy</button><button id="other" ws-click="other">x</button>'
    line = await open_page(root(html.format(1)))
    await page.click("text=Buy")
    await line.event()
    await line.update(1, f"<div class=new>{html.format(2)}</div>")
    await expect(page.locator("p")).to_have_text("2")
    await page.click("text=Buy")
    await page.click("#other")
    assert (await line.event())[1:3] == [2, "other"]


async def test_a_debounced_call_goes_before_a_later_event(page: Page, open_page: Open) -> None:
    line = await open_page(root('<input ws-input.debounce.60000="search"><button ws-click="go">x</button>'))
    await page.locator("input").press_sequentially("rain")
    await page.click("button")
    assert (await line.event())[1:] == [1, "search", {"value": "rain"}]
    assert (await line.event())[1:3] == [2, "go"]


async def test_a_debounced_call_goes_once_after_the_pause(page: Page, open_page: Open) -> None:
    line = await open_page(root('<input ws-input.debounce.20="search">'))
    await page.locator("input").fill("a")
    await page.locator("input").fill("ab")
    assert (await line.event())[1:] in ([1, "search", {"value": "ab"}], [1, "search", {"value": "a"}])


async def test_throttle_lets_the_first_through(page: Page, open_page: Open) -> None:
    line = await open_page(root('<button ws-click.throttle.60000="vote">x</button><i ws-click="end">end</i>'))
    for _ in range(3):
        await page.click("button")
    await page.click("i")
    assert (await line.event())[2] == "vote"
    assert (await line.event())[2] == "end"


async def test_a_composition_is_not_sent_before_it_ends(page: Page, open_page: Open) -> None:
    line = await open_page(root('<input ws-input="search" ws-keydown.enter="send">'))
    await page.focus("input")
    keyboard = await page.context.new_cdp_session(page)
    for text in ("k", "か", "かn", "かな"):
        await keyboard.send("Input.imeSetComposition", {"text": text, "selectionStart": 2, "selectionEnd": 2})
    await keyboard.send("Input.insertText", {"text": "仮名"})
    assert (await line.event())[1:] == [1, "search", {"value": "仮名"}]


async def test_the_key_that_ends_a_composition_sends_nothing_where_it_comes_after_the_end(
    page: Page, open_page: Open
) -> None:
    # As Safari has it.
    line = await open_page(root('<input ws-keydown.enter="send"><button ws-click="after">After</button>'))
    late = "field => field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true}))"
    await page.locator("input").evaluate(late)
    await page.click("button")
    assert (await line.event())[2] == "after"
    await page.press("input", "Enter")
    assert (await line.event())[2] == "send"


async def test_a_form_is_initialised_and_seen_whatever_its_fields_are_called(page: Page, open_page: Open) -> None:
    line = await open_page(
        root('<form ws-init="begin" ws-visible="see"><input name="init"><input name="visible"></form>')
    )
    assert [(await line.event())[2] for _ in range(2)] == ["begin", "see"]


async def test_a_page_that_was_fetched_on_suspicion_begins_when_it_is_shown(page: Page, open_page: Open) -> None:
    await page.add_init_script(
        "window.hidden = true; Object.defineProperty(document, 'prerendering', { get: () => window.hidden });"
    )
    line = await open_page(root('<p ws-init="begin">x</p>'))
    await line.update(0, [], [], [["title", "ready"]])
    await expect(page).to_have_title("ready")
    await page.evaluate("() => void alive.call(document.querySelector('p'), 'before')")
    assert (await line.event())[2] == "before"
    await page.evaluate("() => { window.hidden = false; document.dispatchEvent(new Event('prerenderingchange')); }")
    assert (await line.event())[2] == "begin"


# --- what an update shows


async def test_an_update_shows_and_its_token_is_kept(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    await line.event()
    await line.update(1, counter(1))
    await expect(page.locator("output")).to_have_text("1")
    await expect(page.locator("div")).to_have_attribute("data-asok-state", token(ONE, 1))


async def test_a_delta_is_over_the_text_that_came_last(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    await line.event()
    await line.update(1, counter("😀 1"))
    await line.update(1, [len("<div><output>😀 ") + 1, "2", -1], [len(f"{ONE}.key.version-"), "2.mac"])
    await expect(page.locator("output")).to_have_text("😀 2")
    await expect(page.locator("div")).to_have_attribute("data-asok-state", token(ONE, 2))


async def test_steps_show_while_the_event_waits(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page()
    await page.click("button")
    await line.event()
    for step in ("1", "2"):
        await line.say("update", ONE, 0, counter(step))
        await expect(page.locator("output")).to_have_text(step)
    await line.close(1012)
    line = await server.line()
    assert (await line.message("join"))[4] == [[token(), 0, 0]]
    assert (await line.event())[1:3] == [1, "increment"]


async def test_what_is_typed_stays_with_its_caret_while_updates_come(page: Page, open_page: Open) -> None:
    html = '<p>{}</p><input name="q" value="{}" ws-input="search"><textarea name="note">{}</textarea>'
    line = await open_page(root(html.format(0, "", "")))
    await page.fill("textarea", "unsent")
    await page.fill("[name=q]", "raining")
    await line.event()
    await page.evaluate("() => document.querySelector('input').setSelectionRange(2, 4, 'backward')")
    await line.update(1, f"<div>{html.format(1, 'rain', 'from the server')}</div>")
    await expect(page.locator("p")).to_have_text("1")
    shown = "e => [e.value, e.selectionStart, e.selectionEnd, e.selectionDirection, e === document.activeElement]"
    assert await page.locator("input").evaluate(shown) == ["raining", 2, 4, "backward", True]
    assert await text_of(page, "textarea") == "unsent"


async def test_a_field_nobody_touched_follows_the_server(page: Page, open_page: Open) -> None:
    html = (
        '<p>{0}</p><input name="q" value="{0}"><textarea>{0}</textarea><input type="checkbox" {1}>'
        "<select><option {2}>a</option><option {1}>b</option></select>"
    )
    line = await open_page(root(html.format("old", "", "selected")))
    # Touched, and then as the server says: not dirty.
    await page.fill("input[name=q]", "new")
    await page.evaluate("() => document.activeElement.blur()")
    await line.update(0, f"<div>{html.format('new', 'checked selected', '')}</div>")
    await expect(page.locator("p")).to_have_text("new")
    await line.update(0, f"<div>{html.format('newest', 'checked selected', '')}</div>")
    await expect(page.locator("p")).to_have_text("newest")
    assert [await text_of(page, s) for s in ("[name=q]", "textarea", "select")] == ["newest", "newest", "b"]
    assert await page.is_checked("[type=checkbox]")


async def test_a_focused_field_is_not_overwritten_even_if_nothing_was_typed(page: Page, open_page: Open) -> None:
    line = await open_page(root('<p>0</p><input value="old">'))
    await page.focus("input")
    await line.update(0, '<div><p>1</p><input value="new"></div>')
    await expect(page.locator("p")).to_have_text("1")
    assert await text_of(page, "input") == "old"


async def test_a_composition_goes_on_while_updates_come(page: Page, open_page: Open) -> None:
    line = await open_page(root('<p>0</p><input name="q" value="">'))
    await page.focus("input")
    keyboard = await page.context.new_cdp_session(page)
    await keyboard.send("Input.imeSetComposition", {"text": "かn", "selectionStart": 2, "selectionEnd": 2})
    await line.update(0, '<div><p>1</p><i>new</i><input name="q" value="x"></div>')
    await expect(page.locator("p")).to_have_text("1")
    await keyboard.send("Input.imeSetComposition", {"text": "かな", "selectionStart": 2, "selectionEnd": 2})
    assert await text_of(page, "input") == "かな"
    await keyboard.send("Input.insertText", {"text": "仮名"})
    assert await text_of(page, "input") == "仮名"


async def test_open_details_scroll_and_selected_text_stay(page: Page, open_page: Open) -> None:
    rows = "".join(f"<p>{number}</p>" for number in range(300))
    html = (
        "<output>{}</output><details><summary>more</summary>text</details>"
        f'<textarea readonly rows="3">{rows}</textarea>{rows}<blockquote>to be selected</blockquote>'
    )
    line = await open_page(root(html.format(0)))
    await page.click("summary")
    await page.evaluate(
        """() => {
            document.querySelector("textarea").scrollTop = 100;
            scrollTo(0, 500);
            getSelection().selectAllChildren(document.querySelector("blockquote"));
        }"""
    )
    await line.update(0, f"<div>{html.format(1)}</div>")
    await expect(page.locator("output")).to_have_text("1")
    assert await page.evaluate("() => [document.querySelector('textarea').scrollTop, scrollY]") == [100, 500]
    assert await page.evaluate("() => String(getSelection())") == "to be selected"
    assert await page.evaluate("() => document.querySelector('details').open")


async def test_the_inside_of_an_ignored_element_is_left_alone(page: Page, open_page: Open) -> None:
    line = await open_page(root('<div id="map" ws-ignore data-zoom="1"></div>'))
    await page.evaluate("() => document.querySelector('#map').append('drawn by something else')")
    await line.update(0, '<div><div id="map" ws-ignore data-zoom="2">server</div></div>')
    await expect(page.locator("#map")).to_have_attribute("data-zoom", "2")
    await expect(page.locator("#map")).to_have_text("drawn by something else")


async def test_focused_rich_text_is_left_alone(page: Page, open_page: Open) -> None:
    line = await open_page(root("<p>0</p><div contenteditable>draft</div>"))
    await page.focus("[contenteditable]")
    await page.keyboard.type("my ")
    await line.update(0, "<div><p>1</p><div contenteditable>other</div></div>")
    await expect(page.locator("p")).to_have_text("1")
    await expect(page.locator("[contenteditable]")).to_contain_text("my")


@pytest.mark.parametrize("native", [True, False], ids=["moveBefore", "insertBefore"])
async def test_rows_that_change_places_stay_the_same_elements(page: Page, open_page: Open, native: bool) -> None:
    def rows(keys: str) -> str:
        return "<ul>" + "".join(f'<li ws-key="{key}"><input name="t" value="{key}"></li>' for key in keys) + "</ul>"

    line = await open_page(root(rows("abcde")))
    if not native:
        await page.evaluate("() => { Element.prototype.moveBefore = undefined; }")
    await page.evaluate(
        "() => { for (const row of document.querySelectorAll('li')) row.was = row.getAttribute('ws-key') }"
    )
    await page.locator("li input").nth(3).fill("typed")
    await line.update(0, f"<div>{rows('dxbea')}</div>")
    await expect(page.locator("li")).to_have_count(5)
    await expect(page.locator("li").first).to_have_attribute("ws-key", "d")
    assert await page.evaluate("() => [...document.querySelectorAll('li')].map(row => row.was ?? null)") == [
        "d",
        None,
        "b",
        "e",
        "a",
    ]
    shown = "e => [e.value, e === document.activeElement, e.selectionStart]"
    assert await page.locator("li input").first.evaluate(shown) == ["typed", True, 5]


async def test_who_reads_elsewhere_stays_there_when_the_row_with_the_focus_has_to_move(
    page: Page, open_page: Open
) -> None:
    def rows(keys: str) -> str:
        return "".join(f'<p ws-key="{key}"><input name="t" aria-label="{key}"></p>' for key in keys) + "<br>" * 200

    line = await open_page(root(rows("abc")))
    await page.evaluate("() => { Element.prototype.moveBefore = undefined; }")
    await page.evaluate("() => import('/live/build/messages.js').then(() => 0)")
    await page.focus("input")
    await page.evaluate("() => scrollTo(0, 1000)")
    await line.update(0, f"<div>{rows('bca')}</div>")
    await expect(page.locator("p").last).to_have_attribute("ws-key", "a")
    assert await page.evaluate("() => [document.activeElement.ariaLabel, scrollY]") == ["a", 1000]


async def test_a_root_may_change_its_tag(page: Page, open_page: Open) -> None:
    line = await open_page()
    await line.update(0, '<section><button ws-click="next">Next</button></section>')
    await page.click("section[data-asok-state] button")
    assert (await line.event())[1:3] == [1, "next"]


async def test_a_table_row_can_be_a_component(page: Page, open_page: Open) -> None:
    line = await open_page(f"<table><tbody>{root('<td>0</td>', tag='tr')}</tbody></table>")
    await line.update(0, "<tr><td>1</td><td>new</td></tr>")
    await expect(page.locator("tr[data-asok-state] td")).to_have_text(["1", "new"])


async def test_an_update_is_told_on_its_root(page: Page, open_page: Open) -> None:
    line = await open_page()
    await listen(page, "alive:updated")
    await line.update(0, counter(5))
    await expect(page.locator("output")).to_have_text("5")
    assert await page.evaluate("() => heard") == [["alive:updated", None]]


# --- children


async def test_a_new_child_comes_before_its_parent_and_takes_its_place(page: Page, open_page: Open) -> None:
    line = await open_page(root("<p>none</p>"))
    await line.update(0, '<b>child <button ws-click="poke">x</button></b>', instance=TWO)
    await line.update(0, f'<div><p>one</p><template data-asok="{TWO}.args"></template></div>')
    await expect(page.locator("div > b")).to_contain_text("child")
    await page.click("b button")
    assert await line.event() == [TWO, 1, "poke", {}]
    await line.update(1, "<b>poked</b>", instance=TWO)
    await expect(page.locator("div > b")).to_have_text("poked")


async def test_a_child_is_moved_as_it_is_and_never_entered(page: Page, open_page: Open) -> None:
    child = root("<input>", TWO, tag="b")
    line = await open_page(root(f"<section>{child}</section><p>0</p>"))
    await page.fill("input", "typed")
    await page.evaluate("() => { document.querySelector('b').was = true; }")
    place = f'<template data-asok="{TWO}.args"></template>'
    await line.update(0, f"<div><p>1</p><article><i>{place}</i></article></div>")
    await expect(page.locator("article b[data-asok-state]")).to_have_count(1)
    assert await page.evaluate("() => [document.querySelector('b').was, document.activeElement.value]") == [
        True,
        "typed",
    ]
    await line.update(0, f"<div><p>2</p><article><i>{place}</i></article></div>")
    await expect(page.locator("p")).to_have_text("2")
    assert await text_of(page, "article input") == "typed"


async def test_children_change_places_with_their_rows(page: Page, open_page: Open) -> None:
    def rows(*order: str) -> str:
        return "".join(f'<template data-asok="{instance}.args"></template>' for instance in order)

    line = await open_page(root(root("one", ONE[:-1] + "5", tag="li") + root("two", TWO, tag="li"), tag="ul"))
    await line.update(0, f"<ul>{rows(TWO, ONE[:-1] + '5')}</ul>")
    await expect(page.locator("li")).to_have_text(["two", "one"])


async def test_a_place_without_its_child_waits_for_it(page: Page, open_page: Open) -> None:
    line = await open_page(root("<p>0</p>"))
    await line.update(0, f'<div><p>1</p><template data-asok="{TWO}.args"></template></div>')
    await expect(page.locator("p")).to_have_text("1")
    await line.update(0, "<b>late</b>", instance=TWO)
    await expect(page.locator("div > b[data-asok-state]")).to_have_text("late")
    await expect(page.locator("template")).to_have_count(0)


async def test_a_child_that_left_is_signed_off(page: Page, open_page: Open, server: Rig) -> None:
    await page.clock.install()
    line = await open_page(root(f"<p>0</p>{root('child', TWO, tag='b')}"))
    await line.update(0, "<div><p>1</p></div>")
    assert await line.message("leave") == ["leave", TWO]


async def test_a_child_that_comes_back_counts_on(page: Page, open_page: Open) -> None:
    button = '<button ws-click="go">go</button>'
    line = await open_page(root(f"<p>0</p>{root(button, TWO, tag='b')}"))
    await page.click("button")
    assert (await line.event())[:2] == [TWO, 1]
    await line.update(0, "<div><p>1</p></div>")
    assert await line.message("leave") == ["leave", TWO]
    # It comes back before the event was done, which has its number.
    await line.update(0, f"<b>{button}</b>", instance=TWO)
    await line.update(0, f'<div><p>2</p><template data-asok="{TWO}.args"></template></div>')
    await page.click("button")
    assert (await line.message("join"))[4][0][1] == 1
    assert (await line.event())[:2] == [TWO, 2]


async def test_a_child_whose_parent_has_left_meanwhile_is_signed_off(page: Page, open_page: Open) -> None:
    line = await open_page(root(f"<p>0</p>{root('child', TWO, tag='b')}"))
    await line.update(0, "<div><p>1</p></div>")
    assert await line.message("leave") == ["leave", TWO]
    # What the server had said of it before it heard of that.
    await line.update(0, "<i>grandchild</i>", instance=ONE[:-1] + "5")
    await line.update(0, [2, "c", -1], [20, "new"], instance=TWO)
    assert await line.message("leave") == ["leave", ONE[:-1] + "5"]
    await expect(page.locator("i")).to_have_count(0)


# --- what goes wrong


async def test_a_refusal_gives_the_button_back_and_is_told(page: Page, open_page: Open) -> None:
    line = await open_page(root('<form ws-submit="save"><button>Save</button></form>'))
    await listen(page, "alive:error")
    await page.click("button")
    await line.event()
    await expect(page.locator("button")).to_be_disabled()
    await line.say("refused", ONE, 1, "bad_args", "")
    await expect(page.locator("button")).to_be_enabled()
    assert await page.evaluate("() => heard") == [["alive:error", {"code": "bad_args", "text": ""}]]


async def test_a_late_answer_shows_on_the_root_until_it_comes(page: Page, open_page: Open) -> None:
    line = await open_page(root("<p>0</p><button ws-click='slow'>x</button>", attributes='class="card"'))
    await page.click("button")
    await expect(page.locator("div")).to_have_class("card ws-loading")
    await line.event()
    await line.say("update", ONE, 0, "<div class='card step'><p>1</p><button ws-click='slow'>x</button></div>")
    await expect(page.locator("div")).to_have_class("card step ws-loading")
    await line.update(1, [])
    await expect(page.locator("div")).to_have_class("card step")


async def test_a_submit_button_is_free_again_after_the_answer(page: Page, open_page: Open) -> None:
    form = '<form ws-submit="save"><input name="t"><button>Save</button></form>'
    line = await open_page(root(form))
    await page.fill("input", "x")
    await page.press("input", "Enter")
    await line.event()
    await expect(page.locator("button")).to_be_disabled()
    await line.update(1, f"<div>{form}</div>")
    await expect(page.locator("button")).to_be_enabled()
    await expect(page.locator("input")).to_be_focused()


async def test_busy_and_slow_down_send_the_event_again(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    for answer in ("busy", "slow_down"):
        assert (await line.event())[1:3] == [1, "increment"]
        await line.say(answer, ONE, 1, 1)
    assert (await line.event())[1:3] == [1, "increment"]


async def test_need_token_is_answered_with_the_token_and_the_events(page: Page, open_page: Open) -> None:
    line = await open_page()
    await page.click("button")
    await line.event()
    await line.say("need_token", ONE)
    assert (await line.message("join"))[4] == [[token(), 0, 0]]
    assert (await line.event())[1:3] == [1, "increment"]


async def test_a_lost_connection_sends_exactly_what_is_not_settled(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page()
    for _ in range(3):
        await page.click("button")
    for _ in range(3):
        await line.event()
    await line.update(2, counter(2))
    await expect(page.locator("output")).to_have_text("2")
    await line.close(1012)
    line = await server.line()
    assert (await line.message("join"))[4] == [[token(ONE, 2), 2, 1]]
    assert (await line.event())[1:3] == [3, "increment"]
    await page.click("button")
    assert (await line.event())[1:3] == [4, "increment"]


async def test_components_with_much_state_join_in_messages_that_the_server_reads(page: Page, open_page: Open) -> None:
    names = [f"component{number:03}" for number in range(6)]
    tokens = {name: f"{name}.key.{'s' * 15_000}.mac" for name in names}
    body = "".join(root("x", name, attributes='data-live="0"').replace(token(name), tokens[name]) for name in names)
    line = await open_page(body)
    joined: list[str] = []
    while len(joined) < len(names):
        frame = await line.frame("join")
        assert len(frame) < 64 * 1024
        joined += [instance for instance, *_ in json.loads(frame)[4]]
    assert joined == list(tokens.values())


async def test_events_of_an_offline_time_are_kept_and_sent(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page()
    server.refusing = True
    await line.close(1001)
    await expect(page.locator("html")).not_to_have_attribute("data-alive", "live")
    for _ in range(3):
        await page.click("button")
    server.refusing = False
    line = await server.line()
    assert [(await line.event())[1] for _ in range(3)] == [1, 2, 3]
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")


async def test_the_page_tells_of_its_connection(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page()
    await listen(page, "alive:connected", "alive:disconnected")
    server.refusing = True
    await line.close(1012)
    async with asyncio.timeout(10):
        await server.refused.wait()
    await expect(page.locator("html")).to_have_attribute("data-alive", "offline")
    server.refusing = False
    await server.line()
    await expect(page.locator("html")).to_have_attribute("data-alive", "live")
    assert await page.evaluate("() => heard") == [["alive:disconnected", None], ["alive:connected", None]]


async def test_nobody_knocks_again_after_a_refusal(page: Page, open_page: Open, server: Rig) -> None:
    await page.clock.install()
    line = await open_page()
    await line.close(4403)
    await expect(page.locator("html")).to_have_attribute("data-alive", "offline")
    await page.clock.run_for(600_000)
    assert server.untaken == 0


async def test_a_silent_connection_is_tested_and_given_up(page: Page, open_page: Open, server: Rig) -> None:
    await page.clock.install()
    line = await open_page()
    await page.evaluate("import('/live/build/messages.js').then(() => 0)")
    await page.clock.run_for(25_000)
    assert await line.message("ping") == ["ping"]
    line.silent = True
    await while_time_passes(page, server.line())


async def test_an_answer_that_takes_half_a_minute_on_a_slow_line_is_waited_for_at_last(
    page: Page, open_page: Open, server: Rig
) -> None:
    await page.clock.install()
    line = await open_page()
    await page.evaluate("import('/live/build/messages.js').then(() => 0)")
    await page.click("button")
    await line.event()
    for _ in range(5):  # after 1.5 s, 3, 6, 12 and 24
        line.silent = True
        line = await while_time_passes(page, server.line())
        await line.event()
    line.silent = True
    for _ in range(30):
        await page.clock.run_for(1000)
    await line.update(1, counter(1))
    await expect(page.locator("output")).to_have_text("1")
    assert server.untaken == 0


# --- modules


async def test_effects_run_in_their_order_once(page: Page, open_page: Open) -> None:
    form = '<form ws-submit="say"><input name="t" value=""><input name="other"><button>Say</button></form>'
    line = await open_page(root(form))
    await listen(page, "said")
    await page.fill("[name=other]", "stays")
    await page.fill("[name=t]", "hello")
    await page.press("[name=t]", "Enter")
    await line.event()
    effects = [["reset", "t"], ["dispatch", "said", {"n": 1}], ["title", "1 new"], ["focus", "[name=other]"]]
    await line.update(1, [], token(ONE, 1), effects)
    await expect(page).to_have_title("1 new")
    assert await text_of(page, "[name=t]") == ""
    assert await text_of(page, "[name=other]") == "stays"
    assert await page.evaluate("() => heard") == [["said", {"n": 1}]]
    await expect(page.locator("[name=other]")).to_be_focused()


async def test_reset_clears_a_field_that_has_the_focus(page: Page, open_page: Open) -> None:
    html = '<p>{}</p><input name="t" value="" ws-keydown.enter="say">'
    line = await open_page(root(html.format(0)))
    await page.fill("input", "hello")
    await page.press("input", "Enter")
    await line.event()
    await line.update(1, f"<div>{html.format(1)}</div>", token(ONE, 1), [["reset", "t"]])
    await expect(page.locator("p")).to_have_text("1")
    await expect(page.locator("input")).to_have_value("")
    await expect(page.locator("input")).to_be_focused()


async def test_a_redirect_goes_to_a_page_and_to_nothing_else(page: Page, open_page: Open) -> None:
    line = await open_page()
    await line.update(0, [], [], [["redirect", "javascript:document.title='owned'"], ["title", "safe"]])
    await expect(page).to_have_title("safe")
    await line.update(0, [], [], [["redirect", "/#there"]])
    await expect(page).to_have_url(re.compile("#there"))


async def test_an_image_that_bears_the_name_of_the_script_does_not_stand_in_its_place(
    page: Page, open_page: Open
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    image = '<img name="currentScript" alt="" src="/elsewhere/image" data-live="/elsewhere">'
    line = await open_page(root(f'{image}<output>0</output><button ws-click="increment">Add 1</button>'))
    await page.click("button")
    await line.event()
    await line.update(1, counter(1), token(ONE, 1), [["title", "one"]])
    await expect(page).to_have_title("one")
    assert [url for url in asked if "/elsewhere/" in url] == [f"{page.url}elsewhere/image"]


@pytest.mark.parametrize("name", ["matches", "closest"])
@pytest.mark.parametrize("features", ["", '<i ws-keydown.enter="go"></i>'], ids=["core", "features"])
async def test_a_field_may_be_called_like_what_alive_asks_its_form(
    page: Page, open_page: Open, name: str, features: str
) -> None:
    html = f'{features}<form ws-submit="go"><input name="{name}"><p>{{}}</p></form>'
    line = await open_page(root(html.format(0)))
    await line.update(0, [], [], [["title", "ready"]])
    await expect(page).to_have_title("ready")
    await page.locator("input").press_sequentially("typed")
    await page.keyboard.press("Enter")
    assert (await line.event())[3]["form"] == [[name, "typed"]]
    await line.update(1, f"<div>{html.format(1)}</div>")
    await expect(page.locator("p")).to_have_text("1")


@pytest.mark.parametrize("name", ["remove", "contains"])
@pytest.mark.parametrize("features", ["", '<i ws-keydown.enter="go"></i>'], ids=["core", "features"])
async def test_a_form_goes_whatever_its_fields_are_called(
    page: Page, open_page: Open, name: str, features: str
) -> None:
    form = f'<form ws-submit="go"><button name="{name}">Go</button></form>'
    rows = '<ul ws-stream="rows"></ul>' if features else ""
    line = await open_page(root(f"{features}{rows}<b>0</b>{form}"))
    await line.update(0, [], [], [["title", "ready"]])
    await expect(page).to_have_title("ready")
    await page.click("button")
    await line.event()
    await line.update(1, f"<div>{features}{rows}<b>1</b></div>")
    await expect(page.locator("b")).to_have_text("1")
    await expect(page.locator("form")).to_have_count(0)
    if features:
        row = f'<form ws-key="2"><button name="{name}">Go</button></form>'
        await line.update(1, [], [], [["stream", "rows", "put", row, 0, 0], ["stream", "rows", "delete", ["2"], 0, 0]])
        await line.update(1, [], [], [["title", "streamed"]])
        await expect(page).to_have_title("streamed")
        await expect(page.locator("form")).to_have_count(0)


async def test_a_form_in_a_picture_is_no_form_and_disturbs_nobody(page: Page, open_page: Open) -> None:
    line = await open_page(root('<svg><form><text>x</text></form></svg><button ws-click.stop="go">Go</button>'))
    await page.click("button")
    assert (await line.event())[2] == "go"


async def test_a_module_that_is_not_there_is_one_warning(page: Page, open_page: Open) -> None:
    line = await open_page()
    async with page.expect_console_message(lambda message: message.type == "warning") as warning:
        await line.say("from_the_future", 1)
    assert "from_the_future" in (await warning.value).text


async def test_reset_takes_new_state_from_the_page_and_keeps_what_is_typed(
    page: Page, open_page: Open, server: Rig
) -> None:
    def body(instance: str, count: int) -> str:
        return root("other", TWO) + root(f'<p>{count}</p><input name="t"><button ws-click="add">x</button>', instance)

    line = await open_page(body(ONE, 0))
    await listen(page, "alive:error")
    await page.fill("input", "typed")
    await page.click("button")
    await line.event()
    server.body = body("component009", 7)
    await line.say("reset", ONE)
    await expect(page.locator("p")).to_have_text("7")
    assert await text_of(page, "input") == "typed"
    # What was not answered has not been done, and goes again.
    event = await line.event()
    assert event[:3] == ["component009", 1, "add"]
    await line.update(1, "<div><p>8</p></div>", instance="component009")
    await expect(page.locator("p")).to_have_text("8")
    assert await page.evaluate("() => heard") == []


async def test_what_was_under_way_when_a_connection_was_lost_says_so_and_is_not_done_on_new_state(
    page: Page, open_page: Open, server: Rig
) -> None:
    line = await open_page()
    await listen(page, "alive:error")
    await page.click("button")
    await line.event()
    await line.close(1012)
    line = await server.line()
    assert (await line.event())[1:] == [1, "increment", {"retry": 1}]
    server.body = root('<output>7</output><button ws-click="increment">Add 1</button>', "component009")
    await line.say("reset", ONE)
    await expect(page.locator("output")).to_have_text("7")
    words = "Nobody knows whether this was done: the page was too old."
    assert await page.evaluate("() => heard") == [["alive:error", {"code": "reset", "text": words}]]
    await page.click("button")
    assert (await line.event()) == ["component009", 1, "increment", {}]


async def test_an_ended_session_fetches_the_page_and_sends_what_was_never_sent(
    page: Page, open_page: Open, server: Rig
) -> None:
    line = await open_page()
    await page.click("button")
    await line.event()
    await line.update(1, counter(1))
    await expect(page.locator("output")).to_have_text("1")
    server.body = root('<output>0</output><button ws-click="increment">Add 1</button>', "component009")
    await line.close(4401)
    line = await server.line()
    await expect(page.locator("output")).to_have_text("0")
    await page.click("button")
    assert (await line.event())[:3] == ["component009", 1, "increment"]


async def test_a_reset_parent_brings_its_children_along(page: Page, open_page: Open, server: Rig) -> None:
    def body(parent: str, child: str, text: str) -> str:
        return root(f"<p>{text}</p>" + root(f"<i>{text}</i><input>", child, tag="section"), parent)

    line = await open_page(body(ONE, TWO, "old"))
    await page.fill("input", "typed")
    server.body = body("component008", "component009", "new")
    await line.say("reset", ONE)
    await expect(page.locator("p")).to_have_text("new")
    await expect(page.locator("section i")).to_have_text("new")
    assert await text_of(page, "input") == "typed"
    place = '<template data-asok="component009.args"></template>'
    await line.update(0, f"<div><p>newer</p>{place}</div>", instance="component008")
    await expect(page.locator("p")).to_have_text("newer")
    await expect(page.locator("section i")).to_have_text("new")


async def test_a_form_is_as_it_was_until_the_new_instance_knows_what_was_typed(
    page: Page, open_page: Open, server: Rig
) -> None:
    def form(text: str, instance: str) -> str:
        return root(f'<form ws-submit="save"><input name="what" value="{text}"><button>Save</button></form>', instance)

    line = await open_page(form("Tea", ONE))
    server.body = form("", "component009")
    await line.say("reset", ONE)
    assert (await line.event())[3]["form"] == [["what", "Tea"]]
    await page.get_by_role("button").click()
    assert (await line.event())[3]["form"] == [["what", "Tea"]]


async def test_t60_reload_is_spread_and_stops_after_three(page: Page, open_page: Open, server: Rig) -> None:
    await page.clock.install()
    line = await open_page()
    for _ in range(3):
        await line.say("reload")
        async with page.expect_navigation():
            await page.clock.run_for(10_000)
        line = await server.line()
    fetched = server.fetched
    async with page.expect_console_message(lambda message: message.type == "warning"):
        await line.say("reload")
    await page.clock.run_for(10_000)
    assert server.fetched == fetched


async def test_where_the_browser_keeps_nothing_the_page_is_fetched_anew_all_the_same_but_seldom(
    page: Page, open_page: Open, server: Rig
) -> None:
    await page.add_init_script("Object.defineProperty(window, 'sessionStorage', { get() { throw Error('denied') } })")
    await page.clock.install()
    line = await open_page()
    await page.clock.run_for(21_000)
    server.body = root("<output>7</output>", "component009")
    await line.say("reset", ONE)
    await expect(page.locator("output")).to_have_text("7")
    async with page.expect_console_message(lambda message: "loading again" in message.text):
        await line.say("reload")


async def test_a_changed_template_shows_without_a_reload(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page(f"<h1>old</h1>{COUNTER}")
    await page.evaluate("() => { window.same = true; }")
    await page.click("button")
    await line.event()
    await line.update(1, counter(1))
    await expect(page.locator("output")).to_have_text("1")
    server.body = f"<h1>new</h1>{root('<output>0</output>', 'component009')}"
    await line.say("refresh", "template")
    await expect(page.locator("h1")).to_have_text("new")
    await expect(page.locator("output")).to_have_text("1")
    line = await server.line()
    assert (await line.message("join"))[4] == [[token(ONE, 1), 1, 0]]
    assert await page.evaluate("() => window.same")


async def test_a_changed_stylesheet_is_linked_anew(page: Page, open_page: Open) -> None:
    line = await open_page(head='<link rel="stylesheet" href="/live/build/missing.css">')
    await line.say("refresh", "css")
    await expect(page.locator('link[href*="missing.css?alive="]')).to_have_count(1)
    await expect(page.locator("link")).to_have_count(1)


async def test_a_page_without_components_opens_no_connection(page: Page, server: Rig) -> None:
    server.body = "<p>nothing live</p>"
    await page.goto(server.url)
    await expect(page.locator("p")).to_be_visible()
    assert server.untaken == 0
    assert await page.get_attribute("html", "data-alive") is None
