"""What a click, a key or a form sends, and what an action says that cannot be done."""

from __future__ import annotations

import asyncio

import pytest

from asok import Component, exposed
from asok.errors import AsokError
from asok.testing import (
    AmbiguousElement,
    LiveClient,
    MissingElement,
    NotWired,
    Unusable,
)
from tests.unit.scripted import (
    COUNTER,
    A,
    Message,
    Opened,
    acknowledging,
    counting,
    root,
    typing,
)


async def test_a_click_on_what_is_not_there_says_what_is(opened: Opened) -> None:
    page, _ = await opened(COUNTER, counting)
    with pytest.raises(MissingElement, match=r"'button' with the text '-'.*\n.*<button ws-click=\"up\"> \+"):
        await page.click("button", text="-")


async def test_a_form_that_nothing_sends_says_what_to_write(opened: Opened) -> None:
    page, _ = await opened(root(A, "<form><input name=q><button>Find</button></form>"), acknowledging)
    with pytest.raises(NotWired, match="its form has no ws-submit; one that the browser is to send has a method"):
        await page.click("button")


async def test_a_click_on_one_of_several_asks_which(opened: Opened) -> None:
    page, _ = await opened(root(A, "<button ws-click='a'>A</button><button ws-click='b'>B</button>"))
    with pytest.raises(AmbiguousElement, match="2 elements are 'button'"):
        await page.click("button")


async def test_a_click_on_what_is_not_wired_says_what_is(opened: Opened) -> None:
    page, _ = await opened(root(A, "<b ws-clik='down'>-</b><button ws-click='up'>+</button>"))
    with pytest.raises(NotWired, match=r"is 'ws-clik' meant to be 'ws-click'\?.*\n.*\n.*<button ws-click=\"up\"> \+"):
        await page.click("b")


async def test_a_disabled_button_cannot_be_clicked(opened: Opened) -> None:
    page, _ = await opened(root(A, "<fieldset disabled><button ws-click='up'>+</button></fieldset>"))
    with pytest.raises(Unusable, match="is disabled"):
        await page.click("button")


async def test_a_click_inside_a_wired_element_reaches_it_unless_one_below_stops(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<div ws-click='outer'><b>x</b><i ws-click.stop='inner'>y</i></div>"),
        acknowledging,
    )
    await page.click("b")
    await page.click("i")
    assert [event[3] for event in script.events] == ["outer", "inner"]


async def test_a_wire_with_once_is_heard_once(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<button ws-click.once='up'>+</button>"),
        acknowledging,
    )
    await page.click("button")
    with pytest.raises(NotWired):
        await page.click("button")
    assert len(script.events) == 1


async def test_filling_a_field_sends_its_value_and_its_form(opened: Opened) -> None:
    form = "<form><input name='q' value='' ws-input.debounce.300='find'><input name='all' type=checkbox checked></form>"
    page, script = await opened(root(A, form), acknowledging)
    await page.fill("input[name=q]", "abc")
    assert script.events == [["event", A, 1, "find", {"value": "abc", "form": [["q", "abc"], ["all", "on"]]}]]


async def test_keys_are_heard_by_name(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<input ws-keydown.enter='go' ws-keydown.up='more'>"),
        acknowledging,
    )
    await page.press("input", "Enter")
    await page.press("input", "ArrowUp")
    await page.press("input", "x")
    assert [(event[3], event[4]["key"]) for event in script.events] == [("go", "Enter"), ("more", "ArrowUp")]
    assert page.value("input") == "x"


async def test_a_key_that_an_element_does_not_hear_is_told_apart_from_one_without_a_wire(opened: Opened) -> None:
    page, _ = await opened(root(A, "<b tabindex='0' ws-keydown.enter='go'>x</b>"))
    with pytest.raises(NotWired, match=r"had a keydown, but ws-keydown\.enter did not hear it"):
        await page.press("b", "y")


async def test_enter_in_a_field_of_many_lines_begins_a_new_one(opened: Opened) -> None:
    page, script = await opened(root(A, "<form ws-submit='add'><textarea></textarea></form>"))
    await page.press("textarea", "a")
    await page.press("textarea", "Enter")
    assert page.value("textarea") == "a\n"
    assert script.events == []


async def test_a_form_is_sent_with_the_fields_as_form_data_lists_them(opened: Opened) -> None:
    form = """<form ws-submit="save">
      <input name="title" value="x"><input name="off" type="checkbox">
      <input name="on" type="checkbox" value="1" checked>
      <input type="radio" name="r" value="a" checked><input type="radio" name="r" value="b">
      <select name="s"><option>one<option value="2" selected>two</select>
      <select name="m" multiple><option selected>p</option><option>q</option><option selected>r</option></select>
      <textarea name="t">\nlong\ntext</textarea><input name="gone" value="x" disabled><input value="nameless">
      <input type="file" name="f">
      <button name="how" value="fast">Fast</button><button name="how" value="slow">Slow</button>
    </form>"""
    page, script = await opened(root(A, form), acknowledging)
    await page.check("input[value=b]")
    await page.submit("form")
    await page.click("button", text="Slow")
    fields = [["title", "x"], ["on", "1"], ["r", "b"], ["s", "2"], ["m", "p"], ["m", "r"], ["t", "long\ntext"]]
    sent = {"form": [*fields, ["how", "slow"]], "left": ["r"]}
    assert [event[4] for event in script.events] == [{"form": fields}, sent]


async def test_enter_in_a_field_presses_the_forms_first_button(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<form ws-submit='add'><input name='what'><button name='b' value='1'>Add</button></form>"),
        acknowledging,
    )
    await page.fill("input", "milk")
    await page.press("input", "Enter")
    assert script.events == [["event", A, 1, "add", {"form": [["what", "milk"], ["b", "1"]]}]]


async def test_enter_on_a_checkbox_sends_no_form_without_a_button(opened: Opened) -> None:
    form = "<form ws-submit='add'><input id='what'><input type='checkbox' ws-keydown.enter='more'></form>"
    page, script = await opened(root(A, form), acknowledging)
    await page.press("[type=checkbox]", "Enter")
    await page.press("#what", "Enter")
    assert [event[3] for event in script.events] == ["more", "add"]


async def test_a_choice_goes_by_value_or_text_and_an_unknown_one_says_which_there_are(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<select ws-change='pick'><option value='1'>One</option><option value='2'>Two</option></select>"),
        acknowledging,
    )
    await page.select("select", "Two")
    assert script.events == [["event", A, 1, "pick", {"value": "2"}]]
    with pytest.raises(Unusable, match="no option 'Twoo'; did you mean 'Two'"):
        await page.select("select", "Twoo")


TARGET = '<script data-target src="/live/x/alive.js"></script>'


async def test_a_page_with_the_module_target_tells_what_set_the_event_off(opened: Opened) -> None:
    row = "<div id='row' ws-click='pick' data-row-id='7' data-asok-x='no'><b name='b'>x</b></div>"
    page, script = await opened(TARGET + root(A, row), acknowledging)
    await page.click("b", keys="shift+ctrl")
    assert script.events[0][4] == {
        "type": "click",
        "target": {"tag": "b", "name": "b"},
        "current": {"tag": "div", "id": "row", "dataset": {"rowId": "7"}},
        "keys": "ctrl+shift",
        "x": 0,
        "y": 0,
        "page_x": 0,
        "page_y": 0,
    }


async def test_a_controls_value_is_told_but_never_a_secret_and_nothing_too_long(opened: Opened) -> None:
    fields = f"""<input name="text" ws-input="a"><input type="password" ws-input="a">
      <input id="card" autocomplete="new-password" ws-input="a"><input id="{"i" * 257}" class="long" ws-input="a">
      <input type="checkbox" ws-change="a">
      <select ws-change="a"><option>1</option><option value="two">2</option></select>"""
    page, script = await opened(TARGET + root(A, fields), acknowledging)
    await page.fill("[name=text]", "typed")
    await page.fill("[type=password]", "secret")
    await page.fill("#card", "secret")
    await page.fill(".long", "x" * 1025)
    await page.check("[type=checkbox]")
    await page.select("select", "2")
    assert [event[4]["target"] for event in script.events] == [
        {"tag": "input", "name": "text", "value": "typed"},
        {"tag": "input"},
        {"tag": "input", "id": "card"},
        {"tag": "input"},
        {"tag": "input", "value": "on", "checked": True},
        {"tag": "select", "value": "two"},
    ]


async def test_a_key_is_pressed_with_others_held_and_an_unknown_one_is_refused(opened: Opened) -> None:
    page, script = await opened(TARGET + root(A, "<input ws-keydown.s='save'>"), acknowledging)
    await page.press("input", "s", keys="meta")
    assert (script.events[0][4]["key"], script.events[0][4]["keys"]) == ("s", "meta")
    with pytest.raises(ValueError, match="expected ctrl, alt, shift, meta"):
        await page.press("input", "s", keys="hyper")


async def test_a_ticked_box_sends_true(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<label>Done <input type='checkbox' ws-change='toggle(1)'></label>"),
        acknowledging,
    )
    await page.click("label")
    await page.uncheck("input")
    assert [event[3:] for event in script.events] == [["toggle(1)", {"value": True}], ["toggle(1)", {"value": False}]]


async def test_what_waits_in_a_template_hears_nothing(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<template><i ws-click.document='no'></i></template><b ws-click='yes'>x</b>"), acknowledging
    )
    await page.click("b")
    assert [event[3] for event in script.events] == ["yes"]


async def test_an_event_that_does_not_bubble_is_heard_by_its_target_and_by_who_captures(opened: Opened) -> None:
    html = "<div ws-focus='around' ws-focus.capture='first' ws-focusin='in'><input ws-focus='at'></div>"
    page, script = await opened(root(A, html), acknowledging)
    await page.fill("input", "x")
    assert [event[3] for event in script.events] == ["first", "at", "in"]


async def test_who_stops_a_captured_event_keeps_it_from_all_others(opened: Opened) -> None:
    html = "<div ws-click.capture.stop='first'><b ws-click='at'>x</b><i ws-click.window='last'></i></div>"
    page, script = await opened(root(A, html), acknowledging)
    await page.click("b")
    assert [event[3] for event in script.events] == ["first"]


async def test_a_form_is_sent_once_at_a_time(opened: Opened) -> None:
    tries: list[Message] = []

    def answer(message: Message) -> list[Message]:
        if message[0] == "event":
            tries.append(message)
        return [["slow_down", A, 1, 50]] if len(tries) == 1 else acknowledging(message)

    page, _ = await opened(root(A, "<form ws-submit='save'><input name='a'></form>"), answer)
    await asyncio.gather(page.submit(), page.submit())
    assert [event[2] for event in tries] == [1, 1]
    await page.submit()
    assert [event[2] for event in tries] == [1, 1, 2]


async def test_what_needs_the_features_says_so_on_a_page_without_them(opened: Opened) -> None:
    page, _ = await opened(root(A, "<b ws-click='yes'>x</b>"), typing("<div><b ws-click.stop='yes'>x</b></div>"))
    await page.click("b")
    with pytest.raises(AsokError, match=r"needs the module of the features.*alive\(features=True\)"):
        await page.click("b")


async def test_a_summary_opens_its_details_and_says_so(opened: Opened) -> None:
    html = "<details ws-toggle='toggled'><summary>More</summary>Text</details>"
    page, script = await opened(root(A, html), acknowledging)
    await page.click("summary")
    assert page.attribute("details", "open") == ""
    await page.click("summary")
    assert page.attribute("details", "open") is None
    assert [event[3] for event in script.events] == ["toggled", "toggled"]


async def test_a_button_opens_and_closes_its_dialog(opened: Opened) -> None:
    html = """<button command=show-modal commandfor=ask>Add</button>
        <dialog id=ask ws-close="closed"><form ws-submit="add"><b tabindex=0>?</b><input name=name autofocus>
        <button command=close commandfor=ask>Cancel</button></form></dialog>"""
    page, script = await opened(root(A, html), acknowledging)
    for _ in range(2):
        await page.click("button", text="Add")
        assert page.attribute("dialog", "open") == "" and page.has_focus("input")
        await page.click("button", text="Cancel")
        assert page.attribute("dialog", "open") is None and page.has_focus("[command=show-modal]")
    assert [event[3] for event in script.events] == ["closed", "closed"]


class GesturedDialog(Component):
    names: list[str] = []
    template = """
        <section>
          <button command="show-modal" commandfor="ask">Add</button>
          <dialog id="ask"><form ws-submit="add"><input name="name"><button>Save</button>
            <button type="button" command="close" commandfor="ask">Cancel</button></form></dialog>
          <output>{{ names | join(", ") }}</output>
        </section>
    """

    @exposed
    def add(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) > 1:
            self.click("#ask [command=close]")


async def test_a_dialog_stays_open_over_updates_until_a_method_closes_it() -> None:
    async with LiveClient() as client:
        page = await client.mount(GesturedDialog)
        await page.click("button", text="Add")
        for shown, still in (("Ada", True), ("Ada, Bob", False)):
            await page.fill("input", shown[-3:])
            await page.submit("form")
            assert page.text("output") == shown
            assert (page.attribute("dialog", "open") is not None) is still
        assert page.has_focus("[command=show-modal]")
        assert page.errors == []


async def test_what_is_written_into_an_element_stays_until_the_server_has_it(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        text = message[4].get("fields", {}).get("note") if message[0] == "event" else None
        said = {"mine": "theirs", "same": "same"}.get(text or "", "new")
        html = f"<div><p contenteditable ws-model='note'>{said}</p><b ws-click='go'>x</b></div>"
        return [["update", A, message[2], html, [14, "1"]]] if message[0] == "event" else []

    page, script = await opened(root(A, "<p contenteditable ws-model='note'>old</p><b ws-click='go'>x</b>"), answer)
    await page.fill("p", "mine")
    assert page.text("p") == "mine"
    await page.fill("p", "same")
    await page.click("b")
    assert page.text("p") == "new"
    assert [event[4] for event in script.events][:2] == [{"fields": {"note": "mine"}}, {"fields": {"note": "same"}}]


async def test_a_disabled_button_is_not_clicked_by_a_method_either(opened: Opened) -> None:
    html = "<div><b ws-click='go'>x</b><button disabled ws-click='no'>y</button></div>"
    page, script = await opened(root(A, "<b ws-click='go'>x</b>"), typing(html, ["click", "button"]))
    await page.click("b")
    assert [event[3] for event in script.events] == ["go"]


async def test_a_poll_without_a_period_says_what_there_is(opened: Opened) -> None:
    page, _ = await opened(root(A, "<i ws-poll='soon'></i><b ws-poll='5s go'></b>"))
    with pytest.raises(AsokError, match='has no ws-poll with a period, such as 5s; the page has: <i ws-poll="soon">'):
        await page.poll("i")


async def test_a_call_outside_of_every_component_is_told(opened: Opened) -> None:
    page, _ = await opened("<p>x</p>")
    with pytest.raises(AsokError, match="<p> stands in no component, so there is nothing to call 'go' of"):
        await page.call("p", "go")


async def test_enter_in_a_field_says_first_that_its_text_has_changed(opened: Opened) -> None:
    html = "<form ws-submit='save'><input name='a' ws-change='changed'><button>Save</button></form>"
    page, script = await opened(root(A, html), acknowledging)
    await page.press("input", "x")
    await page.press("input", "Enter")
    await page.press("input", "Enter")
    assert [event[3] for event in script.events] == ["changed", "save", "save"]


@pytest.mark.parametrize(("keys", "typed"), [("ctrl", ""), ("meta", ""), ("shift", "S")])
async def test_a_key_with_ctrl_is_a_command_and_no_letter(opened: Opened, keys: str, typed: str) -> None:
    page, _ = await opened(root(A, "<input ws-keydown='pressed'>"), acknowledging)
    await page.press("input", "S", keys=keys)
    assert page.value("input") == typed


async def test_what_stands_in_a_disabled_button_cannot_be_clicked(opened: Opened) -> None:
    page, _ = await opened(root(A, "<button ws-click='up' disabled><b>+</b></button>"))
    with pytest.raises(Unusable, match=r"<b> is in <button ws-click=\"up\" disabled>, which is disabled"):
        await page.click("b")


async def test_the_label_of_a_disabled_box_does_not_tick_it(opened: Opened) -> None:
    html = "<label ws-click='labelled'>Yes <input type='checkbox' disabled></label>"
    page, script = await opened(root(A, html), acknowledging)
    await page.click("label")
    assert page.value("input") is False
    assert [event[3] for event in script.events] == ["labelled"]


async def test_a_disabled_option_cannot_be_chosen(opened: Opened) -> None:
    html = "<select><option>a</option><optgroup disabled><option value='b'>B</option></optgroup></select>"
    page, _ = await opened(root(A, html))
    with pytest.raises(Unusable, match="has the option 'B', which is disabled"):
        await page.select("select", "B")
