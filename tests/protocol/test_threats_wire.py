"""Threats T32 to T35 and T39 to T49: frames, sequences, clocks, and too much of everything."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest
import websockets

from asok import Limits
from asok.journal import OneLine
from asok.sessions import owner_of
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


async def test_t40_a_message_above_64_kib_ends_the_connection(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        for frame in ('["leave","' + "x" * 66_000 + '"]', '["leave","' + "é" * 40_000 + '"]'):
            tab = await served.tab()
            await tab.raw(frame)
            assert await tab.closed() == 1009


async def test_t41_a_call_has_32_arguments_and_a_message_ten_thousand_values(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event(f"retag({','.join('1' * 33)})"))[3] == "bad_args"
        assert (await tab.event("add", {"form": [["a", "b"]] * 3000}))[0] == "update"
        await tab.send("event", tab.only, 3, "add", {"form": [["a", "b"]] * 4500})
        assert await tab.closed() == 4400


async def test_t42_a_connection_has_so_many_instances_and_a_session_so_many_records(tmp_path: Path) -> None:
    body = "{% for n in range(5) %}{{ component('Other', key=n) }}{% endfor %}"
    app = asok_app(tmp_path, {"/": body}, limits=Limits(instances=3, records=4))
    async with attacked(app) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        refused = [await tab.until("refused"), await tab.until("refused")]
        assert {frame[1] for frame in refused} == set(list(tab.shown)[3:])
        for _ in range(4):
            more = await visitor.tab()
            for name in list(more.shown)[:3]:
                await more.event("add", instance=name)
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 4


async def test_t42_loading_pages_alone_fills_no_session(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, limits=Limits(records=8))
    async with attacked(app) as served:
        visitor = await served.visitor()
        for _ in range(40):
            await visitor.open()
        assert await app.backend.count(owner_of(visitor.cookie), "record/") <= 8


async def test_t43_a_burst_is_answered_to_the_last_event_and_a_flood_is_cut(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab, honest = await served.tab(), await served.tab()
        for seq in range(1, 301):
            await tab.send("event", tab.only, seq, "add")
        answered = 0
        while answered < 300:
            frame = await tab.receive()
            answered += frame[2] - tab.shown[tab.only].last if frame[0] == "update" else 1
            tab.shown[tab.only].last = max(tab.shown[tab.only].last, tab.shown[tab.only].settled)
        assert (await honest.event("add"))[0] == "update"

        async def flood() -> None:
            for seq in range(1, 10_001):
                await tab.send("event", tab.only, 1000 + seq, "add")

        sending = asyncio.create_task(flood())
        assert await tab.closed() == 4429
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (await honest.event("add"))[0] == "update"


async def test_t43_a_flood_is_cut_though_its_answers_are_read(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE, limits=Limits(burst=5, strikes=300))) as served:
        tab = await served.tab()
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(3000):
                await tab.send("event", tab.only, 100, "add")
                await tab.receive()
        assert tab.socket.close_code == 4429


async def test_t44_who_reads_nothing_fills_no_memory(tmp_path: Path) -> None:
    from asok.outbox import Outbox
    from asok.protocol import Update

    limits = Limits(outbox_messages=4, outbox_bytes=10_000)
    outbox = Outbox(limits)
    outbox.put(Update("i", 1, "x" * 20_000))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    await waiting


async def test_t45_who_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE, limits=Limits(first_message=0.1))) as served:
        visitor = await served.visitor()
        await visitor.open()
        assert await (await visitor.connect()).closed() == 4408
        early = await visitor.connect()
        await early.send("ping")
        assert await early.closed() == 4400
