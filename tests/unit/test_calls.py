"""Calls: the text of an attribute as a method and its arguments, and nothing else."""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.utils import htmlsafe_json_dumps

from asok.calls import Call, bind_arguments, parameters_of, parse_call
from asok.errors import BadArguments, NotExposed, Refusal
from asok.protocol import EventData

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False, width=32)
LITERALS = st.none() | st.booleans() | NUMBERS | TEXT
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)


def written(value: Any, quote: str) -> str:
    if isinstance(value, str):
        return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
    return (
        {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else repr(value)
    )


@given(NAMES, st.lists(LITERALS, max_size=8), st.dictionaries(NAMES, LITERALS, max_size=4), st.sampled_from("'\""))
def test_a_call_that_is_written_down_is_read_again(
    method: str, positional: list[Any], named: dict[str, Any], quote: str
) -> None:
    inside = [written(value, quote) for value in positional]
    inside += [f"{name} = {written(value, quote)}" for name, value in named.items()]
    call = parse_call(f" {method} ( {' , '.join(inside)} ) ")
    assert call == Call(method, tuple(positional), tuple(named.items()))
    assert [type(value) for value in call.positional] == [type(value) for value in positional]


@given(st.text())
def test_any_text_is_a_call_or_a_refusal(text: str) -> None:
    try:
        parse_call(text)
    except Refusal:
        return


@given(NAMES, st.text("()',\"\\ =1ea-.\ntrue[]{}_:*"))
def test_junk_between_parentheses_is_a_call_or_a_refusal(method: str, inside: str) -> None:
    try:
        parse_call(f"{method}({inside})")
    except Refusal:
        return


@pytest.mark.parametrize(
    "text",
    ["", " ", "1", "a.b", "a;b", "__class__.x", "a[0]", "é", "a(", "a)", "a b", "\x00", "a\u200b()"],
)
def test_what_names_no_method_is_not_exposed(text: str) -> None:
    with pytest.raises(NotExposed):
        parse_call(text)


@pytest.mark.parametrize(
    "inside",
    [
        "1 2",
        ",",
        "1,",
        ",1",
        "x",
        "[1]",
        "{}",
        "'a",
        "a=",
        "a=1, 2",
        "a=1, a=2",
        "1+1",
        "f()",
        "0x10",
        "01",
        "1_0",
        "\u0661",
        "...",
    ],
)
def test_what_is_no_list_of_literals_is_bad_arguments(inside: str) -> None:
    with pytest.raises(BadArguments):
        parse_call(f"m({inside})")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e400", "-1e400", "9007199254740992", "1" + "0" * 400, "1e99999"]
)
def test_a_number_that_a_browser_cannot_hold_is_bad_arguments(number: str) -> None:
    with pytest.raises(BadArguments):
        parse_call(f"m({number})")


def test_more_than_32_arguments_are_bad_arguments() -> None:
    assert len(parse_call(f"m({','.join('1' * 32)})").positional) == 32
    with pytest.raises(BadArguments):
        parse_call(f"m({','.join('1' * 33)})")


@pytest.mark.parametrize("unit", ["'", '"', "\\", "(", ")", " ", "a=", "1,", "'\\''", ") ", "\t", "-", "1e"])
def test_reading_a_long_call_takes_time_in_proportion_to_its_length(unit: str) -> None:
    def seconds(times: int) -> float:
        text = "m('" + unit * (times // len(unit))
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            with contextlib.suppress(Refusal):
                parse_call(text)
            best = min(best, time.process_time() - began)
        return best

    # Not how fast: a quadratic reader takes 64 times as long for 8 times the text.
    assert seconds(64_000) < 32 * max(seconds(8_000), 0.0005)


def test_long_calls_are_not_remembered() -> None:
    for number in range(20):
        parse_call(f"m({number}, '{'x' * 60_000}')")
    import gc

    gc.collect()
    held = [each for each in gc.get_objects() if type(each) is Call and len(str(each.positional)) > 50_000]
    assert len(held) <= 1


class Size(enum.Enum):
    S = "s"
    L = "l"


class Target:
    def nothing(self) -> None: ...
    def one(self, n: int) -> None: ...
    def two(self, a: int, b: str = "x") -> None: ...
    def flag(self, on: bool) -> None: ...
    def number(self, x: float) -> None: ...
    def numbers(self, xs: list[float]) -> None: ...
    def exact(self, x: Decimal) -> None: ...
    def maybe(self, n: int | None = None) -> None: ...
    def needs(self, n: int | None) -> None: ...
    def size(self, size: Size) -> None: ...
    def tags(self, tags: list[str]) -> None: ...
    def untyped(self, x) -> None: ...  # type: ignore[no-untyped-def]  # on purpose: no annotation
    def search(self, value: str) -> None: ...
    def pressed(self, key: str) -> None: ...
    def rest(self, first: int, *more: int) -> None: ...
    def extra(self, **fields: str) -> None: ...
    def counts(self, **fields: int) -> None: ...
    def only(self, a: int, *, b: int) -> None: ...
    def after(self, a: int, *more: int, b: int) -> None: ...
    def strict(self, a: int = 1, /) -> None: ...


def bound(text: str, data: EventData | None = None) -> tuple[list[Any], dict[str, Any]]:
    call = parse_call(text)
    return bind_arguments(call, parameters_of(getattr(Target, call.method)), data)


def received(text: str, data: EventData | None = None) -> dict[str, Any]:
    """What each parameter gets, as Python would bind it."""
    import inspect

    args, kwargs = bound(text, data)
    function: Callable[..., Any] = getattr(Target, parse_call(text).method)
    found = inspect.signature(function).bind(None, *args, **kwargs).arguments
    return {name: value for name, value in found.items() if name != "self"}


def form(*fields: tuple[str, str]) -> EventData:
    return EventData(form=list(fields))


def test_literals_bind_by_position_and_by_name() -> None:
    assert received("two(1, 'b')") == {"a": 1, "b": "b"} == received("two(b='b', a=1)")
    assert received("two(1)") == {"a": 1}
    assert received("rest(1, 2, 3)") == {"first": 1, "more": (2, 3)}


@pytest.mark.parametrize(
    "call",
    [
        "nothing(1)", "one", "one(1, 2)", "one('1')", "one(1.0)", "one(true)", "one(null)", "one(n=1, m=2)",
        "one(1, n=2)",
        "two(1, 2)", "two(b='x')", "flag(1)", "flag('true')", "number('1')", "size('xl')", "rest('a')", "rest(1, 'a')",
        "only(1)", "only(1, 2)", "tags('a')", "needs('')", "one(self=1)", "extra(self='x')",
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_bad_arguments(call: str) -> None:
    with pytest.raises(BadArguments):
        received(call)


@pytest.mark.parametrize(
    ("call", "data", "wanted"),
    [
        ("one", EventData("3"), {"n": 3}),
        ("search", EventData("3"), {"value": "3"}),
        ("two", form(("a", "1"), ("b", "y"), ("c", "ignored")), {"a": 1, "b": "y"}),
        ("two(1)", form(("a", "9"), ("b", "y")), {"a": 1, "b": "y"}),
        ("flag", form(("on", "on")), {"on": True}),
        ("flag", form(("other", "x")), {"on": False}),
        ("flag", EventData(False), {"on": False}),
        ("maybe", form(("n", "")), {"n": None}),
        ("maybe", form(), {}),
        ("size", form(("size", "l")), {"size": Size.L}),
        ("tags", form(("tags", "a"), ("tags", "b")), {"tags": ["a", "b"]}),
        ("tags", form(("other", "x")), {"tags": []}),
        ("tags", EventData(["a", "b"]), {"tags": ["a", "b"]}),
        ("tags", EventData(["a", "b"], form=[]), {"tags": ["a", "b"]}),
        ("tags", EventData("a"), {"tags": ["a"]}),
        ("pressed", EventData(key="Enter"), {"key": "Enter"}),
        ("one", form(("n", "1"), ("n", "2")), {"n": 2}),
        ("extra", form(("a", "1"), ("b", "2")), {"fields": {"a": "1", "b": "2"}}),
        ("counts", form(("a", "1"), ("b", "2")), {"fields": {"a": 1, "b": 2}}),
        ("only(1)", form(("b", "2")), {"a": 1, "b": 2}),
        ("after(1, 2, 3, b=4)", None, {"a": 1, "more": (2, 3), "b": 4}),
        ("after(1, 2, 3)", form(("b", "4")), {"a": 1, "more": (2, 3), "b": 4}),
        ("strict", form(("a", "5")), {"a": 5}),
        ("untyped", EventData("x"), {"x": "x"}),
        ("extra", form(("self", "x"), ("a", "1")), {"fields": {"a": "1"}}),
    ],
)
def test_what_a_browser_sends_as_text_becomes_the_annotated_type(
    call: str, data: EventData | None, wanted: dict[str, Any]
) -> None:
    assert received(call, data) == wanted


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity", "1e400", "x", "", "\uff11", " 1"])
@pytest.mark.parametrize("call", ["number", "numbers", "one"])
def test_text_that_is_no_finite_number_is_bad_arguments(call: str, number: str) -> None:
    with pytest.raises(BadArguments):
        received(call, EventData(number))


@pytest.mark.parametrize("number", ["nan", "-nan", "sNaN", "inf", "-Infinity", "x"])
def test_a_decimal_is_finite_too(number: str) -> None:
    with pytest.raises(BadArguments):
        received("exact", EventData(number))


def test_an_integer_that_javascript_cannot_hold_is_bad_arguments_as_text_too() -> None:
    for call, data in (("one", EventData("9" * 30)), ("maybe", form(("n", "9" * 30)))):
        with pytest.raises(BadArguments):
            received(call, data)


def test_a_nul_character_is_bad_arguments() -> None:
    for data in (EventData("a\x00"), form(("value", "\x00"))):
        with pytest.raises(BadArguments):
            received("search", data)
    for data in (EventData(["a", "b\x00"]), form(("tags", "\x00"))):
        with pytest.raises(BadArguments):
            received("tags", data)
    with pytest.raises(BadArguments):
        received("extra", form(("a", "\x00")))


@given(
    st.sampled_from([name for name in vars(Target) if not name.startswith("_")]),
    st.lists(LITERALS, max_size=3),
    st.none() | TEXT | st.booleans() | st.lists(TEXT),
    st.none() | st.lists(st.tuples(TEXT | st.sampled_from(["a", "b", "n", "on", "tags", "self"]), TEXT)),
)
def test_whatever_a_browser_sends_binds_to_the_signature_or_is_refused(
    method: str, literals: list[Any], value: Any, fields: list[tuple[str, str]] | None
) -> None:
    try:
        received(f"{method}({', '.join(written(each, chr(39)) for each in literals)})", EventData(value, fields))
    except BadArguments:
        return


@given(st.text())
def test_a_text_that_jinja_wrote_as_json_comes_back(text: str) -> None:
    literal = str(htmlsafe_json_dumps(text))
    assert parse_call(f"edit({literal})").positional == (text.encode("utf-8", "replace").decode(),)


def test_a_method_that_runs_again_gets_what_it_was_given_the_first_time() -> None:
    def save(self: Any, order: Any) -> None: ...

    given = EventData(args=[{"items": [1]}])
    for _ in range(2):
        call = parse_call("save").with_more(given.args or [], 32)
        (order,), _ = bind_arguments(call, parameters_of(save), given)
        assert order == {"items": [1]}
        order["items"].append(2)
