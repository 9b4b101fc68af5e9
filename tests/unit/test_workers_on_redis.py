"""Two workers that share nothing but a Redis: what one of them does, the people of the other see."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis as redis_py

from asok.backends.redis_address import Address
from tests.redis_server import RedisServer
from tests.rig import PATIENCE, Rig, Tab, Visitor, rig
from tests.unit.crossing_child import crossing
from tests.unit.store_processes import Unit, disorder, kills_of_the_bus, swaps


@asynccontextmanager
async def two(folder: Path, redis_url: str) -> AsyncIterator[tuple[Rig, Rig]]:
    """A worker here, and one in a process of its own."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.unit.crossing_child", str(folder), redis_url)
    async with rig(crossing(folder, redis_url)) as here:
        child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert child.stdin is not None and child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                port = int(await child.stdout.readline())
            yield here, Rig(port, None, here.closing)
        finally:
            child.stdin.close()
            await child.wait()


async def at(visitor: Visitor, other: Rig, path: str = "/") -> Tab:
    """A tab of the same person, at the other worker."""
    page = await visitor.open(f"{other.base}{path}")
    tab = await Visitor(other, visitor.http).connect()
    await tab.join(page.tokens, page.csrf)
    return tab


async def get(visitor: Visitor, redis_url: str) -> str:
    response = await visitor.http.get(redis_url)
    assert response.status_code == 200, response.text
    return response.text


async def test_all_that_crosses_between_workers_crosses_over_a_redis(tmp_path: Path, redis_url: str) -> None:
    async with two(tmp_path, redis_url) as (here, there):
        ann, bob = await here.visitor(), await there.visitor()
        one, two_ = await ann.tab(), await bob.tab()
        stories = {  # who does what, what both see
            "a store": (one, "add", "count 1,"),
            "a store, back": (two_, "add", "count 2,"),
            "a store that the clock of the other has changed": (two_, "tick", "ticks 1,"),
            "a namespace of the app": (one, "paint('red')", "colour red,"),
            "who is there": (one, "enter('Ann')", "here Ann+"),
            "who is there, too": (two_, "enter('Bob')", "here Ann+Bob+"),
            "a word to the room": (one, "say('hello')", "heard hello,"),
            "fields of the same component": (two_, "spread('that')", "copied that,"),
        }
        for story, (who, call, shown) in stories.items():
            assert (await who.event(call))[0] == "update", story
            for tab in (one, two_):
                await tab.shows(shown)
        await one.event("follow('7')")
        await get(bob, f"{there.base}/push?topic=room:7&text=inside")
        await one.shows("heard hello+inside,")
        await get(ann, f"{here.base}/push?topic=news&text=all")
        await one.shows("heard hello+inside+all,")
        await two_.shows("heard hello+all,")
        assert await get(bob, f"{there.base}/state") == '{"count":2,"look":"red"}'
        await one.socket.close()
        await two_.shows("here Bob+<")


async def test_one_person_at_both_workers_has_one_session_and_one_shared_page(tmp_path: Path, redis_url: str) -> None:
    async with two(tmp_path, redis_url) as (here, there):
        ann = await here.visitor()
        one = await ann.tab()
        other = await at(ann, there)
        await one.text_after("mine")
        assert "mine 2," in await other.text_after("mine")
        assert "mine 3," in await one.text_after("mine")
        board = await ann.tab("/board")
        mirror = await at(ann, there, "/board")
        await board.event("pin('x')")
        await mirror.shows(">x</p>")
        await mirror.event("pin('y')")
        await board.shows(">x+y</p>")


async def test_r16_a_logout_in_one_worker_closes_the_sockets_in_the_other_within_a_second(
    tmp_path: Path, redis_url: str
) -> None:
    async with two(tmp_path, redis_url) as (here, there):
        ann, bob = await there.visitor(), await there.visitor()
        tab, stays = await ann.tab(), await bob.tab()
        await get(ann, f"{here.base}/logout")
        async with asyncio.timeout(1 * 3):  # a second, on a machine that has other work, too
            assert await tab.closed() == 4401
        assert (await stays.event("add"))[0] == "update"


async def test_a_logout_that_nobody_could_hear_of_closes_the_sockets_after_the_gap(
    tmp_path: Path, redis_url: str, redis: RedisServer
) -> None:
    async with two(tmp_path, redis_url) as (here, there):
        ann, bob = await here.visitor(), await here.visitor()
        tab, stays = await ann.tab("/board"), await bob.tab("/board")
        with redis_py.Redis(port=redis.port) as client, client.pubsub() as tape:
            tape.subscribe(f"{Address.of(redis_url).prefix}bus:0")
            await here.app.bus.close()
            await get(ann, f"{there.base}/logout")
            while b"kick" not in str(await asyncio.to_thread(tape.get_message, timeout=PATIENCE)).encode():
                pass
            await here.app.bus.open()
            client.client_kill_filter(_type="pubsub")
        assert await tab.closed() == 4401
        assert (await stays.event("pin('x')"))[0] == "update"


async def test_r17_a_thousand_increments_from_each_of_two_workers_are_two_thousand(
    tmp_path: Path, redis_url: str
) -> None:
    async with two(tmp_path, redis_url) as (here, there):
        ann, bob = await here.visitor(), await there.visitor()
        tab = await ann.tab()
        ann.http.timeout = bob.http.timeout = 60
        await asyncio.gather(get(ann, f"{here.base}/count?times=1000"), get(bob, f"{there.base}/count?times=1000"))
        await tab.shows("count 2000,")
        for visitor, worker in ((ann, here), (bob, there)):
            assert '"count":2000' in await get(visitor, f"{worker.base}/state")


async def test_r13_after_kills_of_the_bus_all_replicas_are_equal_within_two_seconds(redis: RedisServer) -> None:
    values, seconds = await kills_of_the_bus(redis, secrets.token_hex(8), kills=20)
    assert len(set(values)) == 1 and values[0] > 0
    assert seconds < 2 * 3, "two seconds, on a machine that has other work, too"


async def test_r16_what_two_workers_do_to_a_key_could_have_been_done_in_one_order(redis_url: str) -> None:
    history = await swaps(redis_url, units=320)
    assert len(history) == 320
    assert disorder(history) == ""


def test_what_could_not_have_been_done_in_one_order_is_found() -> None:
    first, second = Unit("a", "", "x", 0, 1), Unit("a", "x", "y", 2, 3)
    fine = Unit("a", "x", None, 1, 2.5)
    assert disorder([first, second, fine]) == ""
    for wrong in (
        Unit("a", "x", None, 4, 5),  # an old value, read after it was replaced
        Unit("a", "y", None, 0, 1),  # a new one, read before it was there
        Unit("a", "x", "z", 2, 3),  # a lost update
        Unit("a", "w", None, 2, 3),  # from nowhere
        Unit("a", "y", "v", 0, 1.5),  # done before what it is based on had begun
    ):
        assert disorder([first, second, wrong]), wrong
