"""Threats T28 to T31: values that are none, or not of the type that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import websockets

from asok import Component, bind, exposed
from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
    ran,
)


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


@pytest.mark.parametrize(
    "call",
    [
        "add('1')",
        "add(true)",
        "add(1.5)",
        "add(null)",
        "add(1, 2)",
        "add(by=1, more=2)",
        "name(1)",
        "name()",
        "name(null)",
        "retag('a')",
        "add(0.1e1)",
    ],
)
async def test_t28_an_argument_of_another_type_is_refused_before_the_call(tmp_path: Path, call: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert await tab.event(call) == ["refused", tab.only, 1, "bad_args", ""]
        assert "add" not in ran
        assert (await tab.event("add"))[0] == "update"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9007199254740993", "1" + "0" * 400, "-1e400"])
async def test_t29_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event(f"add({number})"))[3] == "bad_args"
        assert (await tab.event("add", {"form": [["by", number]]}))[3] == "bad_args"
        await tab.raw(f'["event","{tab.only}",3,"",{{"fields":{{"draft":{number}}}}}]')
        assert await tab.closed() == 4400


@pytest.mark.parametrize(
    "frame",
    [
        "[" * 60_000,
        '{"a":' * 12_000,
        '["event","x",1,"f",{"fields":' + '{"a":' * 200 + "1" + "}" * 202,
        json.dumps(["leave", *[0] * 10_500]),
        "[" + "0," * 30_000 + "0]",
    ],
    ids=["deep", "deep objects", "deep fields", "many", "wide"],
)
async def test_t30_deep_or_wide_json_ends_the_connection(tmp_path: Path, frame: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(frame)
        assert await tab.closed() == 4400


async def test_t31_odd_characters_are_refused_or_kept_as_they_are(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for call in ("\u0430dd", "add\u200b", "\uff41dd", "add\u202e()", "add\uff08\uff09", "ADD"):
            assert (await tab.event(call))[0] == "refused", call
        assert "add" not in ran
        assert (await tab.event("name", {"value": "a\x00b"}))[3] == "bad_args"
        for text in ("e\u0301", "\u202eabc", "😀"):
            assert text in await tab.text_after("name", {"value": text})
        await tab.raw('["event","' + tab.only + '",99,"name",{"value":"\\ud800"}]')
        assert await tab.closed() == 4400


async def test_t28_data_of_another_shape_is_no_message_and_of_another_type_is_refused(tmp_path: Path) -> None:
    deep = json.loads("[" * 30 + "1" + "]" * 30)
    shapes: list[Any] = [
        {"value": {"a": 1}}, {"value": 1}, {"value": [1]}, {"form": {"by": "1"}}, {"form": [["by", 1]]},
        {"form": [["by"]]},
        {"args": {"by": 1}}, {"args": "1"}, {"fields": [["draft", "x"]]}, {"fields": "draft"}, {"key": 1}, [], "x", 1,
        {"left": "x"}, {"result": "1"}, {"args": [deep]},
    ]  # fmt: skip
    async with attacked(asok_app(tmp_path, ONE)) as served:
        for data in shapes:
            tab = await served.tab()
            await tab.send("event", tab.only, 1, "add", data)
            assert await tab.closed() == 4400, data
        tab = await served.tab()
        for call, given in (
            ("add", {"args": ["1"]}), ("add", {"args": [True]}), ("add", {"args": [None]}), ("add", {"args": [1, 2]}),
            ("add", {"args": [{"by": 1}]}), ("add", {"args": [[1]]}), ("add(by=1)", {"args": [1]}),
            ("name", {"args": [1]}),
            ("add", {"form": [["by", "one"]]}), ("add", {"form": [["by", ""]]}), ("add", {"form": [["by", "1.5"]]}),
            ("retag", {"args": [["a", 1]]}), ("retag", {"args": [{"a": 1}]}), ("name", {"value": ["a"]}),
            ("", {"fields": {"draft": 1}}), ("", {"fields": {"draft": None}}), ("", {"fields": {"draft": ["x"]}}),
        ):  # fmt: skip
            assert (await tab.event(call, given))[3] == "bad_args", (call, given)
        assert "add" not in ran
        assert await tab.text_after("add", {"form": [["by", "2"]]}) == "<p title=''>2  </p>"


async def test_t28_without_an_annotation_an_argument_is_a_plain_value(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        ran.clear()
        for value in (1, 1.5, "x", True, None, [1, [2]], {"a": {"__class__": "x"}}):
            assert (await tab.event("any", {"args": [value]}))[0] == "update"
        assert ran == ["int", "float", "str", "bool", "NoneType", "list", "dict"]


async def test_t29_no_number_that_is_none_goes_in_or_out(tmp_path: Path) -> None:
    class Sums(Component):
        total: float = 0.0
        seen: float = bind(0.0)
        template = "<p>{{ total }} {{ seen }}</p>"

        @exposed
        async def add(self, by: float = 1.0) -> None:
            self.total += by

        @exposed
        def say(self, what: str) -> float:
            number = float(what)
            self.dispatch("number", {"n": [number]})
            return number

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Sums') }}"})) as served:
        tab = await served.tab()
        for number in ("NaN", "nan", "Infinity", "-inf", "1e999", "\u0661", "1_000", "0x10", "9" * 5000):
            assert (await tab.event("add", {"form": [["by", number]]}))[3] == "bad_args", number[:20]
            assert (await tab.event("", {"fields": {"seen": number}}))[3] == "bad_args", number[:20]
        for number in ("1e999", "-1e999", "NaN", "-Infinity", "1" + "0" * 4400, "9007199254740993"):
            other = await served.tab()
            await other.raw(f'["event","{other.only}",1,"add",{{"args":[{number}]}}]')
            assert await other.closed() == 4400, number[:20]
        assert await tab.text_after("add", {"form": [["by", "-0.0"]]}) == "<p>0.0 0.0</p>"
        for what in ("nan", "inf", "-inf"):
            await tab.send("event", tab.only, tab.shown[tab.only].last + 1, "say", {"value": what, "result": 1})
            tab.shown[tab.only].last += 1
            text = str(await tab.socket.recv())
            json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} was sent"))
            assert "NaN" not in text and "Infinity" not in text


async def test_t30_of_two_equal_keys_the_last_counts_everywhere(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(f'["event","{tab.only}",1,"",{{"fields":{{"draft":"first","draft":"last"}}}}]')
        await tab.settled(tab.only, 1)
        assert tab.text() == "<p title=''>0  last</p>"
        await tab.raw(f'["event","{tab.only}",2,"",{{"fields":{{"draft":"no"}},"fields":{{"draft":"yes"}}}}]')
        await tab.settled(tab.only, 2)
        assert tab.text() == "<p title=''>0  yes</p>"
        await tab.raw(f'["event","{tab.only}",3,"",{{"fields":{{"draft":"x"}},"fields":{{"count":9}}}}]')
        assert (await tab.settled(tab.only, 3))[3] == "bad_args"


@pytest.mark.parametrize(
    "frame",
    [
        '["event","x",1,"f",{"args":[' + ",".join(["{}"] * 9_000) + "]}]",
        '["event","x",1,"f",{"args":["' + "\\" * 30_000 + '"]}]',
        '["event","x",1,"f",{"args":[' + '"\\"' * 9_000 + "]}]",
        '["event","x",1,"f",{"args":' + "[{}," * 31 + "1" + "]" * 31 + "}]",
        "{" + ",".join(f'"k{n}":1' for n in range(6000)) + "}", '["' * 8_000, '"' * 9_001, "\\" * 9_000,
        "[[[[\"[[[[\\\"[[[[",
        '["event",' + '"x",' * 9_000 + "1]", "[" * 31 + "]" * 31,
        '["join",1,"","t",[' + ",".join(['["x",0,0]'] * 3_000) + "]]",
    ],
    ids=range(12),
)  # fmt: skip
async def test_t30_whatever_the_parser_makes_of_it_the_answer_is_the_same(tmp_path: Path, frame: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(frame)
        try:
            await tab.send("ping")
            frames = [await tab.receive()]
        except websockets.ConnectionClosed:
            assert tab.socket.close_code in (4400, 4429)
        else:
            assert frames[0][0] in ("need_token", "pong")


async def test_t31_a_surrogate_or_a_nul_is_kept_out_of_every_place(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        for half in ("\\ud800", "\\udc00", "\\ud800\\ud800"):
            for frame in (
                '["event","%s",1,"add",{"value":"%s"}]', '["event","%s",1,"add",{"form":[["%s","1"]]}]',
                '["event","%s",1,"",{"fields":{"%s":"x"}}]', '["event","%s",1,"add",{"args":["%s"]}]',
                '["event","%s",1,"%s"]', '["event","%s",1,"add",{"key":"%s"}]', '["follow","%s","%s"]',
            ):  # fmt: skip
                tab = await served.tab()
                await tab.raw(frame % (tab.only, half))
                assert await tab.closed() == 4400, (frame, half)
        tab = await served.tab()
        for data in ({"args": ["a\x00b"]}, {"form": [["label", "a\x00"]]}, {"value": "\x00"}):
            assert (await tab.event("name", data))[3] == "bad_args", data
        assert (await tab.event("name('a\x00b')"))[3] == "bad_args"
        assert (await tab.event("", {"fields": {"draft": "a\x00"}}))[3] == "bad_args"
        for name in ("add\x00", "\x00add", "a\u0301dd", "add\u0000(1)", "\uff41\uff44\uff44", "\u0430dd", "add\u2060"):
            assert (await tab.event(name))[0] == "refused", name
        assert "add" not in ran
        composed, decomposed = "\u00e9", "e\u0301"
        assert composed in await tab.text_after("name", {"value": composed})
        assert decomposed in await tab.text_after("name", {"value": decomposed})
        await tab.rejoin(tab.only)
        assert decomposed in await tab.text_after("add")
