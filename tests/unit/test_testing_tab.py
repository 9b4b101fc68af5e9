"""The test client's side of the wire: joins, answers, refusals, and sockets that are lost."""

from __future__ import annotations

import asyncio

import pytest

from asok.testing import (
    ConnectionEnded,
    HandshakeRefused,
    LiveClient,
    Refused,
)
from tests.unit.scripted import (
    COUNTER,
    A,
    B,
    C,
    Message,
    Opened,
    Script,
    acknowledging,
    counting,
    document,
    root,
)


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
    assert script.events == [["event", A, 1, "up", {}], ["event", A, 1, "up", {"retry": 1}]]
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


async def test_a_push_is_shown_when_it_comes(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.join()
    assert script.push is not None
    sending = asyncio.ensure_future(script.push(["update", A, 0, "<div><p>99</p></div>", [14, "9"]]))
    await page.until(lambda: page.text("p") == "99")
    await sending


LISTENING = COUNTER.replace("<div ", '<div data-live="0" ')


def hearing(message: Message) -> list[Message]:
    """As an app with a component that listens: it answers the join when the component takes part."""
    if message[0] == "join":
        return [["update", A, 0, "<div><p>0</p><button ws-click='up'>+</button></div>"] for _ in message[4]]
    return counting(message)


async def test_what_listens_joins_as_soon_as_the_page_is_open(opened: Opened) -> None:
    page, script = await opened(LISTENING, hearing)
    assert [message[0] for message in script.got] == ["join"]
    assert script.joins[0][4][0][0].startswith(A)
    assert page.patches == []
    assert script.push is not None
    await script.push(["update", A, 1, "<div><p>5</p></div>"])
    await page.shows("p", "5")


async def test_an_app_that_does_not_take_part_is_an_error_when_the_page_is_opened(opened: Opened) -> None:
    with pytest.raises(TimeoutError, match="the components that listen to join"):
        await opened(LISTENING, patience=0.05)


async def test_a_join_that_is_refused_is_an_answer_too(opened: Opened) -> None:
    page, _ = await opened(LISTENING, lambda message: [["refused", A, 1, "denied"]] if message[0] == "join" else [])
    assert [str(error) for error in page.errors] == ["denied"]


async def test_what_listens_joins_again_on_the_next_connection(opened: Opened) -> None:
    page, script = await opened(LISTENING, hearing)
    await page.disconnect()
    await page.reconnect()
    assert [entry[0].partition(".")[0] for join in script.joins for entry in join[4]] == [A, A]


async def test_what_is_fetched_anew_and_listens_joins(opened: Opened) -> None:
    page, script = await opened(LISTENING, hearing)
    script.page = document(LISTENING.replace(A, C))
    assert script.push is not None
    await script.push(["reset", A])
    await page.until(lambda: any(join[4] and join[4][0][0].startswith(C) for join in script.joins))


async def test_refused_events_make_room_for_those_that_wait(opened: Opened) -> None:
    full = asyncio.Event()

    def answer(message: Message) -> list[Message]:
        if message[0] == "event" and message[2] == 32:
            full.set()
        return [["refused", A, message[2], "failed"]] if message[0] == "event" and message[2] > 32 else []

    page, script = await opened(COUNTER, answer, raise_refused=False)
    await page.join()
    clicks = asyncio.gather(*(page.click("button") for _ in range(40)))
    await full.wait()
    assert script.push is not None
    for seq in range(1, 33):
        await script.push(["refused", A, seq, "failed"])
    await clicks
    assert [event[2] for event in script.events] == list(range(1, 41))


async def test_a_child_that_comes_and_listens_joins_as_it_is(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] != "event" or message[1] == B:
            return acknowledging(message)
        child = "<p data-live='0'>child <button ws-click='down'>-</button></p>"
        place = f"<div><template data-asok='{B}.0'></template><button ws-click='up'>+</button></div>"
        return [["update", B, 0, child, f"{B}.k.t.m"], ["update", A, message[2], place, [14, "1"]]]

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    await page.settled()
    assert script.joins[-1][4] == [[f"{B}.k.t.m", 0, 1]]
    await page.click("p button")
    assert script.events[-1][1:4] == [B, 1, "down"]


async def test_a_push_changes_the_page_between_two_events_and_settles_neither(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] != "event":
            return []
        return [["update", A, message[2] - 1, "<div><p>pushed</p></div>"], ["update", A, message[2], []]]

    page, script = await opened(COUNTER, answer)
    await page.click("button")
    assert page.text("p") == "pushed"
    assert len(script.events) == 1


async def test_a_failure_that_no_event_has_caused_settles_none(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        return [["refused", A, 0, "failed", "the task"], *counting(message)] if message[0] == "event" else []

    page, _ = await opened(COUNTER, answer)
    await page.click("button")
    assert page.text("p") == "1"
    assert [str(error) for error in page.errors] == ["failed: the task"]


async def test_an_update_of_a_component_that_has_left_is_no_news(opened: Opened) -> None:
    page, script = await opened(COUNTER, counting)
    await page.click("button")
    assert script.push is not None
    await script.push(["update", C, 1, [3, "x"]])
    await page.settled()
    assert page.errors == []


async def test_many_components_join_in_messages_that_the_app_can_read(opened: Opened) -> None:
    names = [f"{number:012}" for number in range(45)]
    page, script = await opened("".join(root(name, "x") for name in names))
    await page.join()
    assert [len(join[4]) for join in script.joins] == [20, 20, 5]


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
