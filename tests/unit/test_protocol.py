"""The wire: what is a message, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.errors import ProtocolError
from asok.protocol import Event, EventData, Join, JoinEntry, Leave, Ping, Pong, Refused, Update, decode, encode
from asok.settings import Limits

LIMITS = Limits()
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def test_each_message_of_a_browser_has_one_frame() -> None:
    assert decode('["join",1,"c","t",[["tok",3,1],["tok2"]]]', LIMITS) == Join(
        1, "c", "t", [JoinEntry("tok", 3, 1), JoinEntry("tok2")]
    )
    assert decode('["event","i",2,"add(1)"]', LIMITS) == Event("i", 2, "add(1)")
    assert decode('["leave","i"]', LIMITS) == Leave("i")
    assert decode('["ping"]', LIMITS) == Ping()


def test_an_event_brings_value_form_and_key_and_what_is_new_is_ignored() -> None:
    frame = ["event", "i", 1, "f", {"value": ["a"], "form": [["n", "v"]], "key": "Enter", "later": {"x": 1}}]
    message = decode(json.dumps(frame), LIMITS)
    assert isinstance(message, Event)
    assert message.data == EventData(["a"], [("n", "v")], "Enter")


@given(JUNK)
def test_json_that_is_no_message_is_a_protocol_error_and_nothing_else(value: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(json.dumps(value), LIMITS)


@given(st.sampled_from(["join", "event", "leave", "ping"]), st.lists(JUNK, max_size=5))
def test_junk_behind_a_known_name_is_a_message_or_a_protocol_error(name: str, rest: list[Any]) -> None:
    try:
        decode(json.dumps([name, *rest]), LIMITS)
    except ProtocolError:
        return


@given(st.text())
def test_any_text_is_a_protocol_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode(text, LIMITS)


@given(st.sampled_from('["event","i",1,"f(1)",{"value":"x"}]'), st.integers(0, 34), st.characters())
def test_a_damaged_frame_is_a_message_or_a_protocol_error(_: str, place: int, character: str) -> None:
    frame = '["event","i",1,"f(1)",{"value":"x"}]'
    try:
        decode(frame[:place] + character + frame[place + 1 :], LIMITS)
    except ProtocolError:
        return


@pytest.mark.parametrize("opening", ["[", '{"a":', '["event","i",1,"f",{"fields":{"a":' + "["])
def test_nesting_a_hundred_thousand_deep_is_refused(opening: str) -> None:
    with pytest.raises(ProtocolError):
        decode(opening * 100_000, Limits(message=10**6))


def test_nesting_is_counted_outside_of_strings_only() -> None:
    call = "f('" + "[{" * 1000 + "')"
    assert isinstance(decode(json.dumps(["event", "i", 1, call]), LIMITS), Event)
    with pytest.raises(ProtocolError, match="deeper"):
        decode('["event","i",1,"\\"\\\\",{"fields":{"a":' + "[" * 40 + "]" * 40 + "}}]", LIMITS)


def test_ten_thousand_values_are_the_most() -> None:
    with pytest.raises(ProtocolError, match="more than 10000 values"):
        decode(json.dumps(["event", "i", 1, "f", {"fields": {"a": [0] * 10_001}}]), LIMITS)


def test_a_message_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(ProtocolError, match="are allowed"):
        decode('["leave","' + "i" * 65_536 + '"]', LIMITS)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, str(2**53), str(-(2**53))]
)
def test_numbers_that_javascript_cannot_hold_are_refused(number: str) -> None:
    with pytest.raises(ProtocolError):
        decode('["event","i",1,"f",{"fields":{"a":[' + number + "]}}]", LIMITS)


@pytest.mark.parametrize("seq", ["-1", "0", str(2**53), "1" + "0" * 400, "1.0", "true", '"1"', "null"])
def test_a_sequence_counts_from_one_and_is_exact(seq: str) -> None:
    with pytest.raises(ProtocolError):
        decode(f'["event","i",{seq},"f"]', LIMITS)


@pytest.mark.parametrize("seq", ["-1", str(2**53), "1" + "0" * 400])
def test_what_a_join_says_is_settled_is_a_sequence_too(seq: str) -> None:
    with pytest.raises(ProtocolError):
        decode(f'["join",1,"","t",[["tok",{seq},0]]]', LIMITS)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff\\ud800"', '"a\\udc00"'])
def test_lone_surrogates_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode(f'["leave",{text}]', LIMITS)


def test_astral_characters_arrive_as_they_were_sent() -> None:
    assert decode('["leave","\\ud83d\\ude00"]', LIMITS) == Leave("😀") == decode('["leave","😀"]', LIMITS)


def test_of_a_key_written_twice_the_last_counts() -> None:
    message = decode('["event","i",1,"f",{"value":"a","value":"b"}]', LIMITS)
    assert isinstance(message, Event) and message.data is not None
    assert message.data.value == "b"


def test_an_update_leaves_its_empty_tail_out() -> None:
    assert encode(Update("i", 1, [])) == '["update","i",1,[]]'
    assert encode(Update("i", 1, "x", [3, "t"])) == '["update","i",1,"x",[3,"t"]]'
    assert encode(Update("i", 1, [], [], [["title", "x"]])) == '["update","i",1,[],[],[["title","x"]]]'


def test_no_answer_holds_nan_or_infinity() -> None:
    frame = encode(Update("i", 1, "", "t", [["dispatch", "x", float("nan")], ["dispatch", "y", float("inf")]]))
    assert json.loads(frame, parse_constant=pytest.fail)[5] == [["dispatch", "x", None], ["dispatch", "y", None]]


def test_other_answers_are_plain_arrays() -> None:
    assert json.loads(encode(Pong())) == ["pong"]
    assert json.loads(encode(Refused("i", 1, "failed"))) == ["refused", "i", 1, "failed", ""]


def test_reading_a_frame_takes_time_in_proportion_to_its_length() -> None:
    import time

    def seconds(size: int) -> float:
        frame = json.dumps(["event", "i", 1, "f", {"value": '\\"[{' * (size // 4)}])
        began = time.process_time()
        for _ in range(20):
            decode(frame, Limits(message=10**7))
        return time.process_time() - began

    # Not how fast: whether it is linear. A quadratic one is 64 times as long for 8 times the length.
    assert seconds(400_000) < 30 * max(seconds(50_000), 0.005)
