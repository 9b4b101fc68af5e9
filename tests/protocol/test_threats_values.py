"""Threats T28 to T31: values that are none, or not of the type that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        assert ran == [] or "add" not in ran
        assert (await tab.event("name", {"value": "a\x00b"}))[3] == "bad_args"
        for text in ("e\u0301", "\u202eabc", "😀"):
            assert text in await tab.text_after("name", {"value": text})
        await tab.raw('["event","' + tab.only + '",99,"name",{"value":"\\ud800"}]')
        assert await tab.closed() == 4400
