"""What a method may ask of the window, what counts as an answer, and that nobody is asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.asking import Asking, NoAnswer
from asok.errors import AsokError, ComponentError
from asok.protocol import Ask
from asok.targets import SurroundingsData, Target, TargetData, surroundings_from
from asok.timing import TimeLimit
from asok.window import Answer, Location, Screen, Viewport, Window, is_site_path

SECONDS = 60.0
VIEWPORT = {"width": 800, "height": 600, "scroll_x": 0, "scroll_y": 40, "dark": True, "reduced_motion": False}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Browser:
    """Answers every question with the same value, and remembers what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, list[Any], float]] = []
        self.window = Window(self._ask)

    async def _ask(self, name: str, args: list[Any], seconds: float) -> Any:
        self.asked.append((name, args, seconds))
        return self.answer


class Wire:
    """An event's questions, with the messages that went to the browser."""

    def __init__(self, *, limit: TimeLimit | None = None) -> None:
        self.sent: list[Ask] = []
        self._more = asyncio.Event()
        self.asking = Asking(self._send, "component001", 7, limit=limit)
        self.window = Window(self.asking.ask)

    async def asked(self, count: int) -> None:
        """Wait until so many questions have gone."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self._more.clear()
                await self._more.wait()

    def _send(self, message: Ask) -> None:
        self.sent.append(message)
        self._more.set()


# --- what is asked


CALLS: dict[str, tuple[Callable[[Window], Answer[Any]], list[Any], Any, Any]] = {
    "alert": (lambda window: window.alert("Hi"), ["Hi"], None, None),
    "confirm": (lambda window: window.confirm("Sure?"), ["Sure?"], True, True),
    "prompt": (lambda window: window.prompt("Name?", "Ada"), ["Name?", "Ada"], "Bob", "Bob"),
    "scroll_to": (lambda window: window.scroll_to(0, 10.5), [0, 10.5], None, None),
    "open": (lambda window: window.open("/done?a=1"), ["/done?a=1", True], False, False),
    "clipboard_write": (lambda window: window.clipboard_write("x"), ["x"], None, None),
    "screen": (
        lambda window: window.screen(),
        [],
        {"width": 1920, "height": 1080, "device_pixel_ratio": 1.5},
        Screen(1920, 1080, 1.5),
    ),
    "viewport": (lambda window: window.viewport(), [], VIEWPORT, Viewport(800, 600, 0, 40, True, False)),
    "location": (
        lambda window: window.location(),
        [],
        {"path": "/a", "query": "b=1", "hash": "c"},
        Location("/a", "b=1", "c"),
    ),
    "local_storage.get": (lambda window: window.local_storage.get("a"), ["a"], ["1"], "1"),
    "local_storage.set": (lambda window: window.local_storage.set(a="1", b="2"), [{"a": "1", "b": "2"}], None, None),
    "local_storage.remove": (lambda window: window.local_storage.remove("a", "b"), ["a", "b"], None, None),
    "session_storage.get": (
        lambda window: window.session_storage.get("a", "b"),
        ["a", "b"],
        ["1", None],
        {"a": "1", "b": None},
    ),
    "session_storage.set": (lambda window: window.session_storage.set("timeout", "2"), [{"timeout": "2"}], None, None),
    "session_storage.remove": (lambda window: window.session_storage.remove("a"), ["a"], None, None),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_one_question_and_its_answer_comes_typed(name: str) -> None:
    call, args, answer, value = CALLS[name]
    browser = Browser(answer)
    got = await call(browser.window)
    assert (got, type(got)) == (value, type(value))
    assert browser.asked == [(name, args, 60 if name in ("alert", "confirm", "prompt") else 5)]


async def test_an_element_is_scrolled_to_by_its_selector() -> None:
    browser = Browser()
    await browser.window.scroll_to(selector="#end")
    assert browser.asked == [("scroll_to", ["#end"], 5)]


async def test_a_dismissed_prompt_is_none_and_an_empty_line_is_text() -> None:
    assert await Browser(None).window.prompt("Name?") is None
    assert await Browser("").window.prompt("Name?") == ""


@pytest.mark.parametrize("name", CALLS)
async def test_the_time_limit_is_the_callers_to_set(name: str) -> None:
    browser = Browser(CALLS[name][2])
    target: Any = browser.window
    for part in name.split("."):
        target = getattr(target, part)
    arguments: dict[str, list[Any]] = {"scroll_to": [0, 0], "open": ["/"], "screen": [], "viewport": [], "location": []}
    default = ["a", "b"] if name == "session_storage.get" or name.endswith("set") else ["a"]
    await target(*arguments.get(name, default), timeout=3.5)
    assert browser.asked[0][2] == 3.5


# --- what is refused before it is asked


@pytest.mark.parametrize("name", CALLS)
def test_in_a_plain_def_the_error_says_to_write_async_def(name: str) -> None:
    browser = Browser()
    with pytest.raises(ComponentError, match=rf"self\.window\.{name} .*write `async def`.*await self\.window\.{name}"):
        CALLS[name][0](browser.window)
    assert not browser.asked


async def test_in_a_worker_thread_the_error_is_the_same() -> None:
    with pytest.raises(ComponentError, match="write `async def`"):
        await asyncio.to_thread(lambda: Browser().window.alert("Hi"))


async def test_a_forgotten_await_is_no_yes() -> None:
    browser = Browser(False)
    with pytest.raises(ComponentError, match=r"write `await self\.window\.confirm\(…\)`"):
        assert browser.window.confirm("Delete all?")


async def test_an_answer_can_be_gathered_and_be_a_task() -> None:
    browser = Browser(True)
    window = browser.window
    first, second = await asyncio.gather(window.confirm("a"), asyncio.create_task(window.confirm("b")))
    assert (first, second) == (True, True)


@pytest.mark.parametrize(
    "path",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "blob:https://site.example/1",
        "file:///etc/passwd",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "http://docs.example/",
        "https://docs.example@evil.example/",
        "https://docs.example:8443/",
        "https://docs.example.evil.example/",
        "https://docs.example\\@evil.example/",
        "https://DOCS.example/",
        "page",
        "",
    ],
)
async def test_only_this_site_and_what_is_listed_can_be_opened(path: str) -> None:
    browser = Browser(True)
    with pytest.raises(ComponentError, match="expected a path of this site"):
        browser.window.open(path, allow=["https://docs.example", "javascript:alert(1)", "http://docs.example"])
    assert not browser.asked


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("https://docs.example", ["https://docs.example"]),
        ("https://docs.example/a?b=1#c", ["https://docs.example"]),
        ("https://docs.example?b=1", ["https://docs.example"]),
        ("https://docs.example:8443/", ["https://docs.example:8443"]),
        ("https://docs.example/a", ["https://docs.example/a"]),
    ],
)
async def test_what_is_listed_is_opened(url: str, allow: list[str]) -> None:
    assert await Browser(True).window.open(url, allow=allow)


@given(st.text())
def test_a_path_of_this_site_begins_with_one_slash_and_has_nothing_that_a_browser_drops(text: str) -> None:
    path = "/" + text
    allowed = not text.startswith(("/", "\\")) and not any(each <= " " or each == "\\" for each in text)
    assert is_site_path(path) == allowed


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda window: window.alert(5), "expected text"),
        (lambda window: window.alert("\ud800"), "expected text"),
        (lambda window: window.open(None), "expected text"),
        (lambda window: window.scroll_to(float("nan"), 0), "expected numbers"),
        (lambda window: window.scroll_to("a", 0), "expected numbers"),
        (lambda window: window.local_storage.get(), "expected names"),
        (lambda window: window.local_storage.get(5), "expected names"),
        (lambda window: window.local_storage.remove(), "expected names"),
        (lambda window: window.local_storage.set(), "expected names"),
        (lambda window: window.local_storage.set("a"), "one name and its text"),
        (lambda window: window.local_storage.set("a", "b", c="d"), "one name and its text"),
        (lambda window: window.local_storage.set(a=5), "json.dumps"),
        (lambda window: window.local_storage.set(a="\ud800"), "json.dumps"),
        (lambda window: window.local_storage.set(a="x" * 65537), "at most 65536 bytes"),
        (lambda window: window.local_storage.set(a="é" * 32769), "at most 65536 bytes"),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_the_call(call: Callable[[Any], Any], problem: str) -> None:
    browser = Browser()
    with pytest.raises(ComponentError, match=problem):
        call(browser.window)
    assert not browser.asked


# --- what counts as an answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("alert", True),
        ("confirm", None),
        ("confirm", 1),
        ("confirm", "true"),
        ("prompt", 5),
        ("prompt", "x" * 65537),
        ("open", None),
        ("scroll_to", {}),
        ("clipboard_write", "x"),
        ("screen", None),
        ("screen", {"width": 1, "height": 1}),
        ("screen", {"width": -1, "height": 1, "device_pixel_ratio": 1}),
        ("screen", {"width": 1.5, "height": 1, "device_pixel_ratio": 1}),
        ("screen", {"width": 1, "height": 1, "device_pixel_ratio": 0}),
        ("viewport", {**VIEWPORT, "dark": 1}),
        ("viewport", {**VIEWPORT, "scroll_y": 2**40}),
        ("location", {"path": "/", "query": "x" * 65537, "hash": ""}),
        ("local_storage.get", "1"),
        ("local_storage.get", [1]),
        ("local_storage.get", []),
        ("local_storage.get", ["1", "2"]),
        ("local_storage.get", ["x" * 65537]),
        ("local_storage.get", ["é" * 32769]),
        ("local_storage.get", ["\ud800"]),
        ("session_storage.get", ["x" * 40000, "x" * 40000]),
        ("local_storage.set", [None]),
        ("local_storage.remove", False),
    ],
)
async def test_an_answer_that_does_not_fit_is_none(name: str, answer: Any) -> None:
    with pytest.raises(NoAnswer, match=rf"self\.window\.{name}: the browser's answer does not fit"):
        await CALLS[name][0](Browser(answer).window)


@pytest.mark.parametrize("name", CALLS)
@given(answer=JSON)
async def test_whatever_the_browser_says_gives_a_value_of_the_right_type_or_no_answer(name: str, answer: Any) -> None:
    call, _, _, value = CALLS[name]
    try:
        got = await call(Browser(answer).window)
    except NoAnswer:
        return
    assert isinstance(got, type(value) | None if name in ("prompt", "local_storage.get") else type(value))


async def test_the_longest_text_in_storage_can_be_read() -> None:
    assert await Browser(["x" * 65536]).window.local_storage.get("a") == "x" * 65536


def test_no_answer_is_an_error_of_asok() -> None:
    assert issubclass(NoAnswer, AsokError)


# --- questions and answers on the wire


async def test_questions_are_numbered_and_carry_their_event() -> None:
    wire = Wire()
    work = asyncio.gather(wire.window.confirm("a"), wire.window.local_storage.get("b"))
    await wire.asked(2)
    assert wire.sent == [
        Ask("component001", 7, 1, "confirm", ["a"]),
        Ask("component001", 7, 2, "local_storage.get", ["b"]),
    ]
    wire.asking.answer(1, True)
    wire.asking.answer(2, ["x"])
    confirmed, stored = await work
    assert (confirmed, stored) == (True, "x")


@given(order=st.permutations(range(1, 9)))
async def test_answers_in_any_order_reach_their_own_questions(order: list[int]) -> None:
    wire = Wire()
    work = asyncio.gather(*(wire.window.prompt(f"question {n}") for n in range(1, 9)))
    await wire.asked(8)
    for n in order:
        wire.asking.answer(n, f"answer {n}")
        wire.asking.answer(n, "a second answer")
        wire.asking.answer(n + 100, "to what nobody asked")
    assert await work == [f"answer {n}" for n in range(1, 9)]


async def test_what_the_browser_could_not_do_is_said_in_its_words_and_shortened() -> None:
    wire = Wire()
    work = asyncio.ensure_future(wire.window.clipboard_write("x"))
    await wire.asked(1)
    wire.asking.answer(1, None, "NotAllowedError: " + "x" * 1000)
    with pytest.raises(NoAnswer, match="could not do it: NotAllowedError") as caught:
        await work
    assert len(str(caught.value)) < 400


async def test_after_the_time_limit_there_is_no_answer_and_a_late_one_is_ignored() -> None:
    wire = Wire()
    with pytest.raises(NoAnswer, match=r"no answer within 0 s; allow more with timeout="):
        await wire.window.confirm("a", timeout=0)
    wire.asking.answer(1, True)
    wire.asking.restart()
    with pytest.raises(NoAnswer, match="no answer within"):
        await wire.window.confirm("a")


async def test_when_the_page_goes_nobody_waits_and_nobody_asks() -> None:
    wire = Wire()
    work = asyncio.gather(wire.window.confirm("a"), wire.window.screen(), return_exceptions=True)
    await wire.asked(2)
    wire.asking.close()
    assert [str(each) for each in await work] == [
        "self.window.confirm: the page has gone; catch NoAnswer where the method can go on without",
        "self.window.screen: the page has gone; catch NoAnswer where the method can go on without",
    ]
    with pytest.raises(NoAnswer, match="the page has gone"):
        await wire.window.alert("b")
    assert len(wire.sent) == 2


async def test_a_caller_that_gives_up_leaves_the_question_open_for_the_next_run() -> None:
    wire = Wire()
    work = asyncio.ensure_future(wire.window.prompt("a"))
    await wire.asked(1)
    work.cancel()
    await asyncio.wait([work])
    wire.asking.answer(1, "x")
    wire.asking.restart()
    assert await wire.window.prompt("a") == "x"


# --- a second run


@given(first=st.lists(st.sampled_from("abc"), max_size=6), second=st.lists(st.sampled_from("abc"), max_size=8))
async def test_a_second_run_asks_only_what_differs(first: list[str], second: list[str]) -> None:
    wire = Wire()

    async def run(questions: list[str]) -> list[str | None]:
        wire.asking.restart()
        answers = []
        for text in questions:
            work = asyncio.ensure_future(wire.window.prompt(text))
            await asyncio.sleep(0)  # its first step
            wire.asking.answer(len(wire.sent), f"{text}, asked as number {len(wire.sent)}")
            answers.append(await work)
        return answers

    before = await run(first)
    after = await run(second)
    known = dict(enumerate(zip(first, before, strict=True)))
    number = len(first)
    for place, (text, answer) in enumerate(zip(second, after, strict=True)):
        if known.get(place, ("",))[0] == text:
            assert answer == known[place][1]
        else:
            number += 1
            assert answer == f"{text}, asked as number {number}"
    assert len(wire.sent) == number
    assert [each.n for each in wire.sent] == list(range(1, number + 1))


async def test_the_answer_to_what_an_earlier_run_asked_is_not_taken_for_another_question() -> None:
    wire = Wire()
    old = asyncio.ensure_future(wire.window.prompt("old"))
    await wire.asked(1)
    wire.asking.restart()
    new = asyncio.ensure_future(wire.window.prompt("new"))
    await wire.asked(2)
    wire.asking.answer(1, "to the old")
    wire.asking.answer(2, "to the new")
    assert (await old, await new) == ("to the old", "to the new")


# --- the method's own limit


async def test_the_methods_limit_stands_still_while_a_question_is_open() -> None:
    clock = asyncio.get_running_loop().time
    limit = TimeLimit(SECONDS)
    async with limit.begin():
        wire = Wire(limit=limit)
        first, second = (asyncio.ensure_future(wire.window.confirm(text)) for text in "ab")
        await wire.asked(2)
        assert limit.when() is None
        wire.asking.answer(1, True)
        await first
        assert limit.when() is None
        wire.asking.answer(2, True)
        await second
        assert clock() < (limit.when() or 0) <= clock() + SECONDS


async def test_a_question_that_outlives_the_method_ends_quietly() -> None:
    limit = TimeLimit(SECONDS)
    async with limit.begin():
        wire = Wire(limit=limit)
        work = asyncio.ensure_future(wire.window.alert("a"))
        await wire.asked(1)
    wire.asking.close("the method has ended")
    with pytest.raises(NoAnswer, match="the method has ended"):
        await work


# --- what set the event off


def decoded(data: dict[str, Any]) -> SurroundingsData:
    return msgspec.json.decode(msgspec.json.encode(data), type=SurroundingsData)


def test_the_surroundings_tell_target_keys_and_pointer() -> None:
    target = {"tag": "b", "id": "x", "dataset": {"rowId": "7"}}
    current = {"tag": "input", "name": "all", "value": "on", "checked": True}
    data = {"type": "click", "target": target, "current": current, "keys": "ctrl+shift", "x": 1, "y": -2}
    found = surroundings_from(decoded({**data, "page_x": 3, "page_y": 4}))
    assert found.target == Target("b", "x", dataset={"rowId": "7"})
    assert found.current_target == Target("input", name="all", value="on", checked=True)
    assert (found.type, found.keys, found.x, found.y, found.page_x, found.page_y) == (
        "click",
        "ctrl+shift",
        1,
        -2,
        3,
        4,
    )


def test_without_a_current_target_it_is_the_target() -> None:
    found = surroundings_from(SurroundingsData(target=TargetData("button", "save")))
    assert found.current_target == found.target == Target("button", "save")


def test_where_the_page_does_not_tell_all_is_empty() -> None:
    found = surroundings_from(SurroundingsData())
    assert (found.target, found.keys, found.x) == (Target(), "", None)


def test_a_targets_dataset_cannot_be_changed() -> None:
    dataset: Any = surroundings_from(SurroundingsData(target=TargetData(dataset={"a": "1"}))).target.dataset
    with pytest.raises(TypeError):
        dataset["a"] = "2"


@pytest.mark.parametrize(
    "data",
    [
        {"type": "x" * 65},
        {"keys": "ctrl+ctrl+ctrl+ctrl+ctrl"},
        {"keys": "ctrl\n"},
        {"keys": ""},
        {"x": 1.5},
        {"x": 2**40},
        {"x": "1"},
        {"target": []},
        {"target": {"id": "x" * 257}},
        {"target": {"value": "x" * 1025}},
        {"target": {"value": 5}},
        {"target": {"checked": "true"}},
        {"target": {"dataset": {str(n): "" for n in range(33)}}},
        {"target": {"dataset": {"x" * 65: ""}}},
        {"current": {"dataset": {"a": "x" * 257}}},
    ],
)
def test_surroundings_beyond_their_limits_are_no_message(data: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded(data)
