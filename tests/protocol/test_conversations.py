"""The wire, conversation by conversation, against the real endpoint: what is answered, refused and closed."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from asok.testing_asgi import HandshakeRefused, Lifespan
from tests.protocol.conversation import Conversation, Step, frame_of
from tests.protocol.target import TOUCHED, target_app

CASES = Path(__file__).parent / "cases"
Converse = Callable[[], Conversation]
HONEST: list[Step] = [
    {"send": ["join", 1, "$csrf", "honest", [["$token", 0, 0]]]},
    {"expect": ["joined", {"save": "csrf"}]},
    {"send": ["event", "$id", 1, "increment", {}]},
    {"expect": ["update", "$id", 1, {"has": "<p>1</p>"}, {"token": "token"}]},
]


def cases(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))


def named(name: str, part: str | None = None) -> list[Any]:
    """The cases of a file, each with its name as the test's id."""
    made = []
    for case in cases(name) if part is None else cases(name)[part]:
        title = case["name"] if isinstance(case, dict) else case[0]
        made.append(pytest.param(case, id=f"{name}: {title}"))
    return made


def with_limits(name: str) -> list[Any]:
    """The cases of a file, each with the limits of its app."""
    return [pytest.param(*made.values, made.values[0].get("limits", {}), id=made.id) for made in named(name)]


@pytest.fixture
def limits() -> dict[str, Any]:
    """The limits of the app; a case may have its own."""
    return {}


@pytest.fixture
def over() -> str:
    """What carries the conversations."""
    return "socket"


BOTH = pytest.mark.parametrize("over", ["socket", "line"])


@pytest.fixture
async def converse(caplog: pytest.LogCaptureFixture, limits: dict[str, Any], over: str) -> AsyncIterator[Converse]:
    """Makes conversations with one app; afterwards an honest browser must be served as ever."""
    app = target_app(**limits)
    lifespan = Lifespan(app)
    await lifespan.start()
    made: list[Conversation] = []

    def make() -> Conversation:
        made.append(Conversation(app, lifespan, over))
        return made[-1]

    TOUCHED.clear()
    caplog.set_level(logging.INFO)
    yield make
    honest = make()
    await honest.open()
    if "token_age" not in limits:
        await honest.play(HONEST)
    for each in made:
        await each.close()
    await lifespan.stop()
    assert TOUCHED == []
    assert [record for record in caplog.records if record.exc_info and record.exc_info[0]] == []
    assert [record for record in caplog.records if "\n" in record.getMessage()] == []


@BOTH
@pytest.mark.parametrize(("case", "limits"), [*with_limits("join"), *with_limits("replay")])
async def test_a_conversation_goes_as_it_is_written(case: dict[str, Any], converse: Converse) -> None:
    tab = converse()
    await tab.open(case.get("page", "/"))
    await tab.play(case["steps"])


@pytest.mark.parametrize("case", cases("arguments")["calls"]["taken"], ids=str)
async def test_arguments_that_fit_are_taken(case: list[Any], converse: Converse) -> None:
    call, data, shown = case
    tab = converse()
    await tab.open()
    await tab.play(cases("arguments")["prelude"])
    await tab.play(
        [
            {"send": ["event", "$id", 1, call, data]},
            {"expect": ["update", "$id", 1, {"has": shown}, {"token": "token"}]},
        ]
    )


REFUSED_CALLS = [
    pytest.param(code, call, data, id=f"{code}: {call!a} {json.dumps(data)}")
    for code, calls in cases("arguments")["calls"].items()
    if code != "taken"
    for call, data in calls
]


@pytest.mark.parametrize(("code", "call", "data"), REFUSED_CALLS)
async def test_a_call_that_may_not_be_is_refused_and_changes_nothing(
    code: str, call: str, data: dict[str, Any], converse: Converse
) -> None:
    tab = converse()
    await tab.open()
    await tab.play(cases("arguments")["prelude"])
    await tab.play(
        [
            {"send": ["event", "$id", 1, call, data]},
            {"expect": ["refused", "$id", 1, code, ""]},
            {"send": ["event", "$id", 2, "increment", {}]},
            {"expect": ["update", "$id", 2, {"has": "<p>1</p><b>nobody</b>"}, {"token": "token"}]},
        ]
    )


def spoilt(how: str, names: dict[str, str]) -> str:
    """A token that this session may not use."""
    token = names["token"]
    instance, key, payload, mac = token.split(".")
    other = {"A": "B"}.get(payload[40], "A")
    return {
        "foreign": names.get("foreign_token", ""),
        "payload": f"{instance}.{key}.{payload[:40]}{other}{payload[41:]}.{mac}",
        "mac": f"{instance}.{key}.{payload}.{'B' if mac[0] == 'A' else 'A'}{mac[1:]}",
        "truncated": token[:-10],
        "bare": f"{instance}.{key}.{payload}",
        "empty_mac": f"{instance}.{key}.{payload}.",
        "renamed": f"AAAAAAAAAAAA.{key}.{payload}.{mac}",
        "unknown_key": f"{instance}.ffff.{payload}.{mac}",
        "longer": f"{token}.{mac}",
        "csrf": names["csrf"],
        "empty": "",
        "unicode": "é漢😀",
        "dots": "...",
    }[how]


@BOTH
@pytest.mark.parametrize("case", named("tokens", "tokens"))
async def test_a_token_that_is_not_this_sessions_is_answered_with_a_reset_and_nothing_else(
    case: list[str], converse: Converse
) -> None:
    _, how, instance = case
    other, tab = converse(), converse()
    await other.open()
    await tab.open()
    tab.names |= {"foreign_token": other.names["token"], "foreign_id": other.names["id"]}
    tab.names["spoilt"] = spoilt(how, tab.names)
    await tab.play(cases("tokens")["prelude"])
    await tab.play(
        [
            {"send": ["join", 1, "", "tab0", [["$spoilt", 0, 0]]]},
            {"expect": ["joined", {"save": "csrf"}]},
            {"expect": ["reset", instance]},
            {"send": ["join", 1, "", "tab0", [["$token", 0, 0]]]},
            {"expect": ["joined", {"save": "csrf"}]},
            {"send": ["event", "$id", 1, "increment", {}]},
            {"expect": ["update", "$id", 1, {"has": "<p>1</p>"}, {"token": "token"}]},
        ]
    )


@BOTH
@pytest.mark.parametrize("case", named("frames", "closed"))
async def test_a_frame_that_is_no_message_closes_the_connection(case: list[Any], converse: Converse, over: str) -> None:
    _, frame, answer = case
    if over == "line":  # which knows no binary frames, and none that are empty
        answer = 4400 if answer == 1003 else answer
        frame = frame if frame.get("text") != "" else {"text": ","}
    tab = converse()
    await tab.open()
    await tab.play([*HONEST, frame])
    heard = await tab.hear()
    assert heard == answer if isinstance(answer, int) else heard[0] == answer


@BOTH
@pytest.mark.parametrize("case", named("frames", "first"))
async def test_a_conversation_that_begins_wrongly_is_closed(case: list[Any], converse: Converse) -> None:
    _, frame, code = case
    other, tab = converse(), converse()
    await other.open()
    await tab.open()
    tab.names["foreign_csrf"] = other.names["csrf"]
    await tab.play([frame, {"closes": code}])


@BOTH
async def test_another_protocol_is_told_to_reload(converse: Converse) -> None:
    tab = converse()
    await tab.open()
    await tab.play([{"send": ["join", 99, "$csrf", "tab0", [["$token", 0, 0]]]}, {"expect": ["reload"]}])


@pytest.mark.parametrize("case", named("handshakes"))
async def test_a_page_of_another_site_gets_no_socket(case: list[Any], converse: Converse) -> None:
    _, headers, status = case
    tab = converse()
    await tab.open()
    with pytest.raises(HandshakeRefused) as refusal:
        await tab.connect(**headers)
    assert refusal.value.status == status


@BOTH
async def test_who_connects_with_a_session_that_is_no_more_is_told_so(converse: Converse) -> None:
    tab = converse()
    await tab.open()
    await tab.connect(Cookie="asok=" + "A" * 43)
    await tab.play([{"closes": 4401}])


async def test_ten_thousand_events_at_once_are_answered_or_closed_and_nobody_else_suffers(converse: Converse) -> None:
    tab, other = converse(), converse()
    await tab.open()
    await other.open()
    await tab.play(HONEST[:2])
    for seq in range(1, 10_001):
        tab.send(json.dumps(["event", tab.names["id"], seq, "increment", {}]))
    await other.play(HONEST)
    answered: set[int] = set()
    while len(answered) < 10_000:
        heard = await tab.hear()
        if not isinstance(heard, list):
            assert heard == 4429
            break
        assert heard[0] in ("update", "slow_down")
        answered.add(heard[2])
    tab.take_back()  # the others would be read as slowly as allowed, for half a minute


async def test_an_event_that_comes_over_many_sockets_at_once_is_applied_once(converse: Converse) -> None:
    first = converse()
    await first.open()
    tabs = [first, *(first.same_page() for _ in range(7))]
    for tab in tabs:
        await tab.connect()
        await tab.play(HONEST[:2])
    for tab in tabs:
        tab.send(json.dumps(["event", tab.names["id"], 1, "add(5)", {}]))
    for tab in tabs:
        await tab.play([{"expect": ["update", "$id", 1, {"has": "<p>5</p>"}, {"token": "token"}]}])
        await tab.close()


def test_a_case_file_describes_long_frames_by_repetition() -> None:
    assert frame_of({"before": "a", "repeat": "[", "times": 2, "close": "]", "after": "b"}) == "a[[]]b"
