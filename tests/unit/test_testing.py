"""The test client against an app that plays the wire from a script, so that each rule stands alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from asok import Asok, Component, Settings, exposed
from asok.testing import (
    AmbiguousElement,
    ConnectionEnded,
    HandshakeRefused,
    LiveClient,
    MissingElement,
    NotWired,
    Page,
    Refused,
    Unusable,
)

A, B, C = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
Message = list[Any]
Answer = Callable[[Message], list[Message] | int]


def root(instance: str, inside: str, tag: str = "div") -> str:
    return f'<{tag} data-asok-state="{instance}.k.{"0" * 20}.m">{inside}</{tag}>'


def document(*body: str) -> str:
    script = '<script defer src="/live/x/alive.js" data-live="/live" data-csrf="csrf-1"></script>'
    return f"<!doctype html><html><head><title>A page</title>{script}</head><body>{''.join(body)}</body></html>"


class Script:
    """An ASGI app of one page, whose socket answers each message by a function: messages, or a close code."""

    def __init__(self, page: str, answer: Answer | None = None) -> None:
        self.page, self.answer = page, answer or (lambda message: [])
        self.got: list[Message] = []
        self.handshakes: list[dict[str, Any]] = []
        self.push: Callable[[Message], Awaitable[None]] | None = None
        self.accepts = True

    @property
    def events(self) -> list[Message]:
        return [message for message in self.got if message[0] == "event"]

    @property
    def joins(self) -> list[Message]:
        return [message for message in self.got if message[0] == "join"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": self.page.encode()})
        else:
            await self.socket(scope, receive, send)

    async def lifespan(self, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    async def socket(self, scope: Any, receive: Any, send: Any) -> None:
        self.handshakes.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await receive()
        if not self.accepts:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})

        async def push(message: Message) -> None:
            await send({"type": "websocket.send", "text": json.dumps(message)})

        self.push = push
        while (frame := await receive())["type"] == "websocket.receive":
            message = json.loads(frame["text"])
            self.got.append(message)
            answers = self.reply(message)
            if isinstance(answers, int):
                await send({"type": "websocket.close", "code": answers})
                return
            for answer in answers:
                await push(answer)

    def reply(self, message: Message) -> list[Message] | int:
        if message[0] == "ping":
            return [["pong"]]
        answers = self.answer(message)
        if message[0] == "join" and isinstance(answers, list):
            return [["joined", "csrf-2"], *answers]
        return answers


def counting(message: Message) -> list[Message]:
    """A counter's answers: whole text first, then deltas."""
    if message[0] != "event":
        return []
    _, instance, seq, *_ = message
    html = f"<div><p>{seq}</p><button ws-click='up'>+</button></div>" if seq == 1 else [8, str(seq), -1]
    return [["update", instance, seq, html, [15, f"{seq}.m"]]]


COUNTER = root(A, "<p>0</p><button ws-click='up'>+</button>")


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Awaitable[tuple[Page, Script]]]]:
    clients: list[LiveClient] = []

    async def open_page(page: str, answer: Answer | None = None, **options: Any) -> tuple[Page, Script]:
        script = Script(document(page), answer)
        client = LiveClient(script, **options)
        clients.append(await client.__aenter__())
        return await client.open("/"), script

    yield open_page
    for client in clients:
        await client.__aexit__(None, None, None)


Opened = Callable[..., Awaitable[tuple[Page, Script]]]


async def test_a_click_joins_first_and_waits_for_its_answer(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.click("button", text="+")
    assert page.text("p") == "1"
    join, event = script.got
    assert join[:3] == ["join", 1, "csrf-1"]
    assert len(join[3]) == 16
    assert join[4] == [[f"{A}.k.{'0' * 20}.m", 0, 0]]
    assert event == ["event", A, 1, "up", {}]


async def test_the_socket_is_opened_from_the_page_with_its_origin_and_host(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.click("button")
    assert script.handshakes[0]["origin"] == "http://localhost"
    assert script.handshakes[0]["host"] == "localhost"


async def test_later_answers_are_deltas_and_their_size_is_seen(opened: Opened) -> None:
    page, _ = await opened(COUNTER, counting)
    await page.click("button")
    await page.click("button")
    assert page.text("p") == "2"
    assert page.last_patch.html == [8, "2", -1]
    assert page.last_patch.size == len('[8,"2",-1]')
    assert page.last_patch.frame_size > page.last_patch.size


async def test_a_token_of_which_the_beginning_stays_is_put_together(opened: Opened) -> None:
    page, _ = await opened(COUNTER, counting)
    await page.click("button")
    assert page.attribute("div", "data-asok-state") == f"{A}.k.1.m"


async def test_a_click_on_what_is_not_there_says_what_is(opened: Opened) -> None:
    page, _ = await opened(COUNTER, counting)
    with pytest.raises(MissingElement, match=r"'button' with the text '-'.*\n.*<button ws-click=\"up\"> \+"):
        await page.click("button", text="-")


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
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.click("b")
    await page.click("i")
    assert [event[3] for event in script.events] == ["outer", "inner"]


async def test_a_wire_with_once_is_heard_once(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<button ws-click.once='up'>+</button>"),
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.click("button")
    with pytest.raises(NotWired):
        await page.click("button")
    assert len(script.events) == 1


async def test_filling_a_field_sends_its_value_and_its_form(opened: Opened) -> None:
    form = "<form><input name='q' value='' ws-input.debounce.300='find'><input name='all' type=checkbox checked></form>"
    page, script = await opened(
        root(A, form), lambda message: [["update", A, message[2], []]] if message[0] == "event" else []
    )
    await page.fill("input[name=q]", "abc")
    assert script.events == [["event", A, 1, "find", {"value": "abc", "form": [["q", "abc"], ["all", "on"]]}]]


async def test_keys_are_heard_by_name(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<input ws-keydown.enter='go' ws-keydown.up='more'>"),
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.press("input", "Enter")
    await page.press("input", "ArrowUp")
    await page.press("input", "x")
    assert [(event[3], event[4]["key"]) for event in script.events] == [("go", "Enter"), ("more", "ArrowUp")]
    assert page.value("input") == "x"


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
    page, script = await opened(
        root(A, form), lambda message: [["update", A, message[2], []]] if message[0] == "event" else []
    )
    await page.check("input[value=b]")
    await page.submit("form")
    await page.click("button", text="Slow")
    fields = [["title", "x"], ["on", "1"], ["r", "b"], ["s", "2"], ["m", "p"], ["m", "r"], ["t", "long\ntext"]]
    assert [event[4] for event in script.events] == [{"form": fields}, {"form": [*fields, ["how", "slow"]]}]


async def test_enter_in_a_field_presses_the_forms_first_button(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<form ws-submit='add'><input name='what'><button name='b' value='1'>Add</button></form>"),
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.fill("input", "milk")
    await page.press("input", "Enter")
    assert script.events == [["event", A, 1, "add", {"form": [["what", "milk"], ["b", "1"]]}]]


async def test_a_choice_goes_by_value_or_text_and_an_unknown_one_says_which_there_are(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<select ws-change='pick'><option value='1'>One</option><option value='2'>Two</option></select>"),
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.select("select", "Two")
    assert script.events == [["event", A, 1, "pick", {"value": "2"}]]
    with pytest.raises(Unusable, match="no option 'Twoo'; did you mean 'Two'"):
        await page.select("select", "Twoo")


async def test_a_ticked_box_sends_true(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<label>Done <input type='checkbox' ws-change='toggle(1)'></label>"),
        lambda message: [["update", A, message[2], []]] if message[0] == "event" else [],
    )
    await page.click("label")
    await page.uncheck("input")
    assert [event[3:] for event in script.events] == [["toggle(1)", {"value": True}], ["toggle(1)", {"value": False}]]


def typing(html: str, *effects: Message) -> Answer:
    return lambda message: [["update", A, message[2], html, [14, "1"], [*effects]]] if message[0] == "event" else []


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


async def test_steps_are_kept_until_the_event_is_settled(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        return [
            ["update", A, 0, "<div>Saving<button ws-click='save'>Save</button></div>"],
            ["update", A, 1, [5, "Saved", -6], [14, "1"]],
        ]

    page, _ = await opened(root(A, "<button ws-click='save'>Save</button>"), answer)
    await page.click("button")
    assert page.steps == ["<div>Saving<button ws-click='save'>Save</button></div>"]
    assert page.text("div") == "SavedSave"


async def test_a_refused_event_raises_unless_told_otherwise(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        return [["refused", A, message[2], "bad_args", "up: too many"]] if message[0] == "event" else []

    page, _ = await opened(COUNTER, answer)
    with pytest.raises(Refused, match="bad_args: up: too many") as refusal:
        await page.click("button")
    assert refusal.value.code == "bad_args"
    quiet, _ = await opened(COUNTER, answer, raise_refused=False)
    await quiet.click("button")
    assert [str(error) for error in quiet.errors] == ["bad_args: up: too many"]


async def test_the_next_event_after_a_refusal_goes_on_in_sequence(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        if message[2] == 1:
            return [["refused", A, 1, "failed", ""]]
        return [["update", A, 2, "<div>2</div>", [14, "1"]]]

    page, script = await opened(COUNTER, answer, raise_refused=False)
    await page.click("button")
    await page.click("button")
    assert [event[2] for event in script.events] == [1, 2]
    assert page.text("div") == "2"


async def test_an_app_that_asks_for_the_token_gets_a_join_and_the_event_again(opened: Opened) -> None:
    asked: list[Message] = []

    def answer(message: Message) -> list[Message]:
        if message[0] == "event" and not asked:
            asked.append(message)
            return [["need_token", A]]
        return counting(message)

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    assert [message[0] for message in script.got] == ["join", "event", "join", "event"]
    assert page.text("p") == "1"


@pytest.mark.parametrize("kind", ["slow_down", "busy"])
async def test_an_event_that_was_not_taken_is_sent_again(opened: Opened, kind: str) -> None:
    asked: list[Message] = []

    def answer(message: Message) -> list[Message]:
        if message[0] == "event" and not asked:
            asked.append(message)
            return [[kind, A, 1, 1]]
        return counting(message)

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    assert script.events == [["event", A, 1, "up", {}]] * 2


async def test_a_lost_socket_is_joined_anew_with_what_is_held_and_settled(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.click("button")
    await page.reconnect()
    first, second = script.joins
    assert second[2:4] == ["csrf-2", first[3]]
    assert second[4] == [[f"{A}.k.1.m", 1, 1]]


async def test_a_text_that_came_without_a_token_is_not_said_to_be_held(opened: Opened) -> None:
    def answer(message: Message) -> list[Message] | int:
        if message[0] != "event":
            return []
        seq = message[2]
        return [["update", A, seq, f"<div><p>{seq}</p><button ws-click='up'>+</button></div>"]]

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    await page.reconnect()
    assert script.joins[1][4] == [[f"{A}.k.{'0' * 20}.m", 1, 0]]


async def test_an_event_that_the_socket_took_with_it_is_sent_again(opened: Opened) -> None:
    lost: list[Message] = []

    def answer(message: Message) -> list[Message] | int:
        if message[0] == "event" and not lost:
            lost.append(message)
            return 1012
        return counting(message)

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    assert script.events == [["event", A, 1, "up", {}]] * 2
    assert page.text("p") == "1"
    assert page.errors == []


async def test_a_client_that_was_sent_away_does_not_return(opened: Opened) -> None:
    page, script = await opened(COUNTER, lambda message: 4403 if message[0] == "event" else [])
    with pytest.raises(ConnectionEnded, match="4403"):
        await page.click("button")
    assert len(script.handshakes) == 1


async def test_a_socket_that_is_closed_again_and_again_is_given_up(opened: Opened) -> None:
    page, script = await opened(COUNTER, lambda message: 1012 if message[0] == "event" else [])
    with pytest.raises(ConnectionEnded, match="1012"):
        await page.click("button")
    assert len(script.handshakes) == 4


async def test_a_message_that_the_app_cannot_read_is_not_sent_again(opened: Opened) -> None:
    page, script = await opened(COUNTER, lambda message: 1009 if message[0] == "event" else [])
    with pytest.raises(Refused, match="failed: the app closed the WebSocket with 1009"):
        await page.click("button")
    assert len(script.events) == 1


async def test_a_refused_handshake_says_its_status(opened: Opened) -> None:
    page, script = await opened(COUNTER)
    script.accepts = False
    with pytest.raises(HandshakeRefused, match="403"):
        await page.click("button")


async def test_what_the_app_raises_in_its_socket_is_raised_in_the_test(opened: Opened) -> None:
    page, _ = await opened(COUNTER, lambda message: [][1])
    with pytest.raises(IndexError):
        await page.click("button")


async def test_no_answer_is_an_error_that_says_what_was_waited_for(opened: Opened) -> None:
    page, _ = await opened(COUNTER, patience=0.05)
    with pytest.raises(TimeoutError, match=f"answer to event 1 of {A}"):
        await page.click("button")


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


async def test_a_push_is_shown_when_it_comes(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.join()
    assert script.push is not None
    sending = asyncio.ensure_future(script.push(["update", A, 0, "<div><p>99</p></div>", [14, "9"]]))
    await page.until(lambda: page.text("p") == "99")
    await sending


async def test_a_component_that_cannot_go_on_is_fetched_anew_and_keeps_typed_text(opened: Opened) -> None:
    page, script = await opened(
        root(A, "<input name='x'><button ws-click='go'>Go</button>"),
        lambda message: [["reset", A]] if message[0] == "event" else [],
    )
    await page.fill("input", "typed")
    script.page = document(root(C, "<input name='x'><p>fresh</p><button ws-click='go'>Go</button>"))
    with pytest.raises(Refused, match="reset"):
        await page.click("button")
    assert page.text("p") == "fresh"
    assert page.value("input") == "typed"
    assert (page.attribute("div", "data-asok-state") or "").startswith(C)


async def test_an_ended_session_loads_the_page_anew(opened: Opened) -> None:
    page, script = await opened(COUNTER, lambda message: 4401 if message[0] == "event" else [])
    script.page = document(root(C, "<p>please log in</p>"))
    with pytest.raises(Refused, match="session"):
        await page.click("button")
    assert page.text("p") == "please log in"


async def test_a_reload_is_a_new_tab_on_the_same_page(opened: Opened) -> None:
    page, _ = await opened(root(A, "<input name='x' value='server'>"), counting)
    await page.fill("input", "typed")
    await page.reload()
    assert page.value("input") == "server"


async def test_a_plain_page_says_that_it_has_no_live_script() -> None:
    script = Script("<html><body>" + COUNTER + "</body></html>")
    async with LiveClient(script) as live:
        page = await live.open("/")
        with pytest.raises(Exception, match=r"has no live script; put \{\{ alive\(\) \}\} into its head"):
            await page.click("button")


async def test_a_second_browser_has_cookies_of_its_own_at_the_same_app() -> None:
    async with LiveClient(Script(document(COUNTER), counting)) as live:
        other = live.another()
        live.http.cookies.set("who", "me")
        assert "who" not in other.http.cookies
        page = await other.open("/")
        await page.click("button")
        assert page.text("p") == "1"


async def test_a_client_without_an_app_says_how_to_have_one() -> None:
    async with LiveClient() as live:
        with pytest.raises(RuntimeError, match=r"LiveClient\(app\)"):
            await live.open("/")


class Tally(Component):
    """The component that the tests of the whole way use."""

    count: int = 0
    note: str = ""
    template = """<div><output>{{ count }}</output><button ws-click="up">+</button>
      <button ws-click="add(10)">+10</button>
      <form ws-submit="keep"><input name="note" value="{{ note }}"><button>Keep</button></form>
      <button ws-click="work">Work</button><button ws-click="hidden">Hidden</button></div>"""

    @exposed
    def up(self) -> None:
        self.count += 1

    @exposed
    async def add(self, number: int) -> None:
        self.count += number

    @exposed
    async def keep(self, note: str) -> None:
        self.note = note

    @exposed
    async def work(self) -> AsyncIterator[None]:
        for self.count in (1, 2, 3):
            yield
        self.count = 100

    def hidden(self) -> None:
        self.count = -1


class Tallies(Component):
    """A component with children that come and go."""

    names: list[str] = ["a", "b"]
    template = """<ul>{% for name in names %}<li>{{ component("Tally", key=name, note=name) }}</li>{% endfor %}
      <button class="more" ws-click="more">More</button><button class="fewer" ws-click="fewer">Fewer</button></ul>"""

    @exposed
    async def more(self) -> None:
        self.names = [*self.names, "c"]

    @exposed
    async def fewer(self) -> None:
        self.names = self.names[1:]


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[LiveClient]:
    page = "<!doctype html><html><head>{{ alive() }}</head><body>{{ component('Tally') }}</body></html>"
    env = Environment(loader=DictLoader({"tally.html": page}))
    app = Asok(
        root=tmp_path, settings=Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:"), env=env
    )
    app.page("/", "tally.html")
    async with LiveClient(app) as live:
        yield live


async def test_a_click_on_a_real_page_changes_only_the_number(real: LiveClient) -> None:
    page = await real.open("/")
    await page.click("button", text="+")
    await page.click("button", text="+")
    assert page.text("output") == "2"
    assert page.last_patch.size < 40


async def test_a_real_page_keeps_its_state_over_reload_and_reconnect(real: LiveClient) -> None:
    page = await real.open("/")
    await page.click("button", text="+10")
    await page.reconnect()
    await page.click("button", text="+")
    await page.reload()
    assert page.text("output") == "11"
    other = await real.another().open("/")
    assert other.text("output") == "0"


async def test_clicks_side_by_side_are_answered_in_order(real: LiveClient) -> None:
    page = await real.open("/")
    await asyncio.gather(*(page.click("button", text="+") for _ in range(60)))
    assert page.text("output") == "60"
    assert page.errors == []


async def test_a_component_is_mounted_with_its_fields() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally, count=3, note="x")
        assert page.text("output") == "3"
        assert page.value("input") == "x"


async def test_a_component_is_mounted_in_the_app_that_there_is(real: LiveClient) -> None:
    page = await real.mount(Tally, count=7)
    await page.click("button", text="+")
    assert page.text("output") == "8"
    again = await real.mount(Tally, count=7)
    assert again.text("output") == "7"


async def test_a_form_of_a_real_component_is_kept_and_typed_text_stays() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally)
        await page.fill("input[name=note]", "milk & eggs")
        await page.click("button", text="+")
        assert page.value("input") == "milk & eggs"
        assert page.attribute("input", "value") == ""
        await page.press("input", "Enter")
        assert page.attribute("input", "value") == "milk & eggs"


async def test_the_steps_of_a_real_generator_are_seen() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally)
        await page.click("button", text="Work")
        assert [step[step.index("<output>") + 8] for step in page.steps] == ["1", "2", "3"]
        assert page.text("output") == "100"


async def test_a_method_that_is_not_exposed_is_refused_with_a_reason() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tally, count=5)
        with pytest.raises(Refused, match=r"refused: Tally\.hidden is not exposed"):
            await page.click("button", text="Hidden")
        assert page.text("output") == "5"


async def test_real_children_come_and_go_and_keep_their_own_state() -> None:
    async with LiveClient() as live:
        page = await live.mount(Tallies)
        await page.click("li:nth-of-type(2) button", text="+")
        await page.click("li:nth-of-type(2) button", text="+")
        await page.click(".more")
        await page.click("li:nth-of-type(3) button", text="+10")
        assert page.all("output") == ["0", "2", "10"]
        await page.click(".fewer")
        assert page.all("output") == ["2", "10"]
        await page.click("li:nth-of-type(1) button", text="+")
        assert page.all("output") == ["3", "10"]


class Visitor(Component):
    """Who is there, a plain form to log in with, and a link."""

    template = """<div><p>{{ session.get("user", "nobody") }}</p><button class="see" ws-click="see">See</button>
      <form method="post" action="/login"><input name="user"><button>Log in</button></form><a href="/">Home</a></div>"""

    @exposed
    async def see(self) -> None:
        """Nothing but a look at the session."""


async def login(request: Request) -> Response:
    form = await request.form()
    request.session["user"] = str(form["user"])
    request.session.regenerate()  # type: ignore[attr-defined]  # asok's session, which Starlette types as a dict
    return RedirectResponse("/", 303)


@pytest.fixture
async def visited(tmp_path: Path) -> AsyncIterator[LiveClient]:
    app = Asok(root=tmp_path, settings=Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:"))
    app.page("/", Visitor)
    app.add_route("/login", login, methods=["POST"])
    async with LiveClient(app) as live:
        yield live


async def test_a_plain_form_goes_by_http_and_its_answer_is_the_page(visited: LiveClient) -> None:
    page = await visited.open("/")
    await page.fill("input", "Ada")
    await page.click("form button")
    assert page.text("p") == "Ada"
    await page.click(".see")
    assert page.text("p") == "Ada"


async def test_a_link_is_followed(visited: LiveClient) -> None:
    page = await visited.open("/?from=here")
    await page.click("a")
    assert page.url == "http://localhost/"


async def test_a_login_in_one_tab_fetches_the_other_anew(visited: LiveClient) -> None:
    page, other = await visited.open("/"), await visited.open("/")
    await other.click(".see")
    await page.fill("input", "Ada")
    await page.submit()
    await other.settled()
    assert other.text("p") == "Ada"
    await other.click(".see")
    assert [str(error) for error in other.errors] == ["the app closed the WebSocket with 4401"]
