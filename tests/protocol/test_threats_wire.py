"""Threats T32 to T35: wrong frames, wrong turns, and wrong clocks."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from asok.journal import OneLine
from asok.state import seal
from tests.protocol.attacked import (
    ONE,
    RING,
    asok_app,
    attacked,
    define,
    opened,
    reset_or_refused,
)


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t32_a_wrong_kind_of_frame_ends_the_connection_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        await tab.raw(b'["ping"]')
        assert await tab.closed() == 1003
        for junk in ("", "x", "{}", "[]", '["nope"]', '["event"]', "null", '["join"]'):
            tab = await served.tab()
            await tab.raw(junk)
            assert await tab.closed() == 4400, junk
        caplog.clear()
        caplog.handler.addFilter(OneLine())
        tab = await served.tab()
        await tab.socket.send(b"\xff\xfe", text=True)
        assert await tab.closed() == 1007
        assert "Traceback" not in caplog.text


async def test_t33_messages_of_two_instances_never_cross(tmp_path: Path) -> None:
    body = "{% for n in range(5) %}{{ component('Counter', key=n, label='row%s' % n) }}{% endfor %}"
    async with attacked(asok_app(tmp_path, {"/": body})) as served:
        tab = await served.tab()
        names = list(tab.shown)
        for seq in range(1, 5):
            for name in names:
                await tab.send("event", name, seq, f"add({names.index(name)})")
        for name in names:
            while tab.shown[name].settled < 4:
                await tab.receive()
            assert (
                tab.text(name)
                == f"<p title='row{names.index(name)}'>{4 * names.index(name)} row{names.index(name)} </p>"
            )
        await tab.rejoin(names[0])
        tab.shown[names[1]].last = 4
        assert "5 row1" in await tab.text_after("add", instance=names[1])


async def test_t35_a_token_of_the_future_or_of_long_ago_is_refused(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token, now = opened(page.tokens[0]), int(time.time())
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        for changed in ({"issued": now + 120}, {"issued": now - 13 * 3600}, {"born": now - 8 * 86400}):
            text = seal(msgspec.structs.replace(token, **changed), RING)
            assert await reset_or_refused(tab, text) == "reset", changed
        assert await reset_or_refused(tab, page.tokens[0]) == "pong"


async def test_t33_what_comes_out_of_turn_is_answered_in_turn(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        await tab.join([*page.tokens, *page.tokens], page.csrf)  # one instance, joined twice
        await tab.rejoin(tab.only)
        assert await tab.text_after("add") == "<p title=''>1  </p>"
        for early in (5, 2**53 - 1):
            await tab.send("event", tab.only, early, "add")
            assert (await tab.until("slow_down"))[:3] == ["slow_down", tab.only, 2]
        assert await tab.text_after("add") == "<p title=''>2  </p>"
        for number in (0, -1, 2**53, 1.5, "1", None):
            other = await visitor.connect()
            await other.join(page.tokens, page.csrf)
            await other.send("event", other.only, number, "add")
            assert await other.closed() == 4400, number
        await tab.send("leave", tab.only)
        await tab.send("event", tab.only, 3, "add")
        assert await tab.until("need_token") == ["need_token", tab.only]
        await tab.send("answer", tab.only, 3, 1, True)
        await tab.send("cancel", tab.only)
        await tab.rejoin(tab.only)
        tab.shown[tab.only].last = 2
        assert await tab.text_after("add") == "<p title=''>3  </p>"


async def test_t35_each_answer_tells_the_time_anew_and_a_life_has_an_end(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token, now = opened(page.tokens[0]), int(time.time())
        tab = await visitor.connect()
        nearly = msgspec.structs.replace(token, issued=now - 11 * 3600, born=now - 6 * 86400)
        await tab.join([seal(nearly, RING)], page.csrf)
        assert (await tab.event("add"))[0] == "update"
        told = opened(tab.shown[tab.only].token)
        assert now - 120 <= told.issued <= now + 60 and told.born == nearly.born
        last = seal(msgspec.structs.replace(told, born=now - 7 * 86400 - 60), RING)
        other = await visitor.connect()
        await other.join([], page.csrf)
        assert await reset_or_refused(other, last) == "reset"
