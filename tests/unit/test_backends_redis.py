"""A Redis may be cut, killed, hung or full: what was committed is known, and is there once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from asok.backends import redis_calls, redis_cells
from asok.backends.redis import RedisBackend
from asok.errors import Busy, ConfigurationError
from asok.sessions import Cell, Commit
from asok.writing import at_once
from tests.redis_server import RedisServer, redis_server
from tests.unit.redis_scenes import acting, between, tell
from tests.unit.test_backends import writing

Opening = Callable[..., Any]


@pytest.fixture
async def opened(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Opening]:
    """Opens backends, at the common Redis if no other is named; they are closed when the test ends."""
    made: list[RedisBackend] = []
    tell(redis.url, "FLUSHALL")

    async def make(url: str = "", **options: Any) -> RedisBackend:
        made.append(RedisBackend(url or redis.url, **options))
        await made[-1].open()
        caplog.clear()  # it warns of a server that keeps no file
        return made[-1]

    yield make
    for backend in made:
        await backend.close()


async def add_one(backend: RedisBackend, name: str = "n") -> None:
    """Count, as an event does: read, commit, and again where another one was quicker."""
    while True:
        cell = (await backend.read("s", [name])).get(name, Cell(0, b"0"))
        if await backend.commit(writing({("s", name): b"%d" % (int(cell.value) + 1)}, {("s", name): cell.version})):
            return


# ---- exact, whatever is lost


async def test_a_commit_whose_answer_is_cut_at_any_byte_is_done_once_and_said_so(
    redis: RedisServer, opened: Opening
) -> None:
    async with between(redis.port) as proxy:
        backend = await opened(proxy.url)
        done = 0
        for cut in ["up", "down"]:
            # The reply has four bytes. Of what is sent, the last ones decide whether Redis acts.
            for at in [1, 2, 3, 4, 5] if cut == "down" else [1, 2, 40, 150, 300, *random.sample(range(1, 400), 5)]:
                setattr(proxy, cut, at)
                assert await backend.commit(writing({("s", "n"): b"%d" % done}, {("s", "n"): done}))
                done += 1
                assert (await backend.read("s", ["n"]))["n"].version == done
                # A commit that checks nothing would be done twice without anybody's noticing.
                setattr(proxy, cut, at)
                assert await backend.commit(writing({("s", "n"): b"%d" % done}))
                done += 1
                assert (await backend.read("s", ["n"]))["n"].version == done
        assert proxy.taken > 20


async def test_a_commit_that_met_newer_data_says_so_however_often_it_is_cut(
    redis: RedisServer, opened: Opening
) -> None:
    async with between(redis.port) as proxy:
        backend = await opened(proxy.url)
        await backend.commit(writing({("s", "n"): b"1"}))
        for proxy.down in (1, 2, 3, 4):
            assert not await backend.commit(writing({("s", "n"): b"2"}, {("s", "n"): 0}))
        assert await backend.read("s", [], prefix="") == {"n": Cell(1, b"1")}


async def test_an_answer_that_comes_in_any_pieces_is_read_and_one_that_is_cut_is_asked_again(
    redis: RedisServer, opened: Opening
) -> None:
    async with between(redis.port) as proxy:
        backend = await opened(proxy.url)
        cells = {("s", f"session/{n}"): bytes(range(256)) * n for n in range(4)}
        await backend.commit(writing({**cells, ("s", "meta"): b"\r\n$-1\r\n"}))
        whole = await backend.read("s", ["meta"], prefix="session/")
        assert [cell.value for cell in whole.values()] == [b"\r\n$-1\r\n", *cells.values()]
        for proxy.down in range(1, 1700, 53):
            assert await backend.read("s", ["meta"], prefix="session/") == whole


async def test_a_commit_with_an_id_that_comes_again_is_done_once(opened: Opening) -> None:
    backend = await opened()
    counted = Commit({}, {("s", "n"): b"1"}, id="0123456789abcdef")
    assert [await backend.commit(counted) for _ in range(3)] == [True] * 3
    assert (await backend.read("s", ["n"]))["n"] == Cell(1, b"1")


async def test_killed_connections_cost_nothing_but_time(redis: RedisServer, opened: Opening) -> None:
    backend, over = await opened(), asyncio.Event()

    async def kill() -> None:
        while not over.is_set():
            await asyncio.to_thread(tell, redis.url, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(0.005)

    killing = asyncio.create_task(kill())
    await asyncio.gather(*(add_one(backend) for _ in range(150)))
    over.set()
    await killing
    assert (await backend.read("s", ["n"]))["n"] == Cell(150, b"150")


@pytest.mark.parametrize("program", ["redis", "valkey"])
async def test_a_server_that_is_killed_and_started_again_has_all_that_was_said_to_be_done(
    tmp_path: Path, opened: Opening, program: str
) -> None:
    with redis_server(tmp_path, durable=True, program=program) as server:
        backend = await opened(server.url, patience=30)
        before = asyncio.all_tasks()
        counting = [asyncio.create_task(add_one(backend)) for _ in range(100)]
        for _ in range(3):
            await asyncio.wait(counting, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(server.kill)
            counting += [asyncio.create_task(add_one(backend)) for _ in range(20)]
            await asyncio.to_thread(server.start)
        await asyncio.gather(*counting)
        assert (await backend.read("s", ["n"]))["n"] == Cell(160, b"160")
        assert asyncio.all_tasks() == before
        await backend.close()


async def test_what_was_read_before_a_server_lost_its_last_writes_is_not_written_over_newer_ones(
    tmp_path: Path, opened: Opening
) -> None:
    key = ("s", "n")
    with redis_server(tmp_path) as server:
        mine, other, third = [await opened(server.url, patience=30) for _ in range(3)]
        told: list[str] = []
        for name, backend in (("mine", mine), ("third", third)):
            backend.on_replaced(lambda name=name: told.append(name))
        assert await mine.commit(writing({key: b"kept"}, {key: 0}))
        tell(server.url, "SAVE")
        assert await mine.commit(writing({key: b"lost"}, {key: 1}))
        await asyncio.to_thread(server.kill)
        waiting = asyncio.create_task(mine.commit(writing({key: b"of the lost"}, {key: 2})))
        await asyncio.sleep(0)
        await asyncio.to_thread(server.start)
        assert await other.read("s", ["n"]) == {"n": Cell(1, b"kept")}
        assert await other.commit(writing({key: b"new"}, {key: 1}))
        assert not await waiting
        assert not await third.commit(writing({key: b"of the lost"}, {key: 2}))
        assert await third.commit(writing({key: b"newer"}, {key: 2}))
        assert sorted(told) == ["mine", "third"]
        for backend in (mine, other, third):
            await backend.close()


async def test_a_server_that_hung_and_then_does_all_at_once_does_nothing_twice(
    tmp_path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_calls, "SILENCE", 0.2)
    with redis_server(tmp_path) as server:
        async with between(server.port) as proxy:
            backend = await opened(proxy.url, patience=30)
            server.pause()
            counting = [asyncio.create_task(backend.commit(writing({("s", "n"): b"1"}))) for _ in range(5)]
            for _ in range(3):  # each connection carries all five, and Redis finds them when it goes on
                proxy.another.clear()
                await proxy.another.wait()
            server.resume()
            assert await asyncio.gather(*counting) == [True] * 5
            assert (await backend.read("s", ["n"]))["n"] == Cell(5, b"1")
            await backend.close()


async def test_a_large_value_passes_a_slow_network(
    redis: RedisServer, opened: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with between(redis.port, path=tmp_path / "redis.sock") as proxy:
        backend = await opened(proxy.url, patience=0)
        monkeypatch.setattr(redis_calls, "SILENCE", 2.0)
        size, proxy.pause = 1_000_000, 0.25
        assert await backend.commit(writing({("s", "n"): b"1" * size}))
        proxy.pause = 0
        assert len((await backend.read("s", ["n"]))["n"].value) == size
        assert proxy.taken == 1


async def test_scripts_that_redis_has_forgotten_are_sent_again(redis: RedisServer, opened: Opening) -> None:
    backend = await opened()
    for n in range(3):
        tell(redis.url, "SCRIPT", "FLUSH")
        assert await backend.commit(writing({("s", "n"): b"1"}))
        assert at_once(backend.read("s", [], prefix=""))["n"].version == n + 1


@pytest.mark.parametrize("days", [-20, 20])
@pytest.mark.parametrize("jumps", ["before", "later"])
async def test_a_machine_whose_clock_is_wrong_sweeps_nothing_that_is_in_use(
    redis: RedisServer, opened: Opening, monkeypatch: pytest.MonkeyPatch, days: int, jumps: str
) -> None:
    right, real, age = await opened(), time.time, 14 * 86400
    await right.commit(writing({("right", "n"): b"1"}))
    wrong = RedisBackend(redis.url)
    if jumps == "later":
        await wrong.open()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + days * 86400)
        if jumps == "before":
            await wrong.open()
        await wrong.commit(writing({("wrong", "n"): b"1"}))
        assert await wrong.sweep(time.time() - age) == 0
    assert await right.sweep(time.time() - age) == 0
    assert await right.read("right", ["n"]) == await right.read("wrong", ["n"]) == {"n": Cell(1, b"1")}
    await wrong.close()


# ---- away


async def test_a_server_that_stays_away_is_busy_and_the_log_says_so_once(
    tmp_path: Path, opened: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(tmp_path) as server:
        backend = await opened(server.url, patience=0.1)
        await asyncio.to_thread(server.kill)
        for _ in range(3):
            with pytest.raises(Busy):
                await backend.read("s", ["n"])
        with pytest.raises(Busy):
            at_once(backend.read("s", ["n"]))
        await asyncio.to_thread(server.start)
        assert await backend.read("s", ["n"]) == {}
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
        await backend.close()


async def test_a_black_hole_holds_up_an_event_loop_once_for_a_moment_and_a_thread_until_it_ends(
    tmp_path: Path, opened: Opening
) -> None:
    with redis_server(tmp_path) as server:
        backend = await opened(server.url, patience=30)
        server.pause()
        reading = asyncio.create_task(asyncio.to_thread(at_once, backend.read("s", ["n"])))
        before = time.monotonic()
        for _ in range(50):
            with pytest.raises(Busy):
                at_once(backend.read("s", ["n"]))
        assert time.monotonic() - before < 20
        server.resume()
        assert await reading == {}
        await backend.close()


async def test_any_number_of_calls_share_one_connection(redis: RedisServer, opened: Opening) -> None:
    tell(redis.url, "CLIENT", "KILL", "TYPE", "normal")
    backend = await opened()
    await asyncio.gather(*(backend.read("s", ["n"]) for _ in range(500)))
    listed = tell(redis.url, "CLIENT", "LIST", "TYPE", "normal")
    assert isinstance(listed, bytes)
    assert len(listed.splitlines()) == 2  # with the one that asks


async def test_who_is_cancelled_takes_nobody_elses_answer(opened: Opening, caplog: pytest.LogCaptureFixture) -> None:
    backend = await opened()
    for n in range(50):
        await backend.commit(writing({("s", f"{n}"): b"%d" % n}))
    reading = [asyncio.create_task(backend.read("s", [f"{n}"])) for n in range(50)]
    await asyncio.sleep(0)
    for task in reading[::2]:
        task.cancel()
    found = await asyncio.gather(*reading, return_exceptions=True)
    assert found[1::2] == [{f"{n}": Cell(1, b"%d" % n)} for n in range(1, 50, 2)]
    assert not caplog.records


# ---- what the operator must mend


@pytest.mark.parametrize("patience", [0.0, 0.2])
async def test_a_server_that_is_not_there_stops_the_start(patience: float) -> None:
    backend = RedisBackend("redis://:hunter2@127.0.0.1:1/3", patience=patience)
    with pytest.raises(ConfigurationError, match=r"redis://127\.0\.0\.1:1/3 .* set ASOK_REDIS") as refused:
        await backend.open()
    assert "hunter2" not in str(refused.value) + repr(backend)
    await backend.close()


def info(**facts: object) -> list[bytes]:
    text = "\r\n".join(f"{name}:{value}" for name, value in ({"redis_version": "7.2.4"} | facts).items()).encode()
    return [b"$%d\r\n%b" % (len(text), text)]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"INFO": info(redis_version="6.2.14")}, "version 6.2.14, and 7.0"),
        ({"INFO": info(maxmemory=10**9, maxmemory_policy="allkeys-lru")}, "set noeviction"),
        ({"INFO": info(cluster_enabled=1)}, "cluster"),
        ({"INFO": info(redis_mode="sentinel")}, "a Sentinel, which keeps no data; name the server"),
        ({"PING": [b"HTTP/1.1 400 Bad Request"]}, "does not speak as a Redis"),
        ({"PING": [b"-NOAUTH Authentication required."]}, "asks for a password, and ASOK_REDIS holds none"),
        ({"PING": [b"-LOADING Redis is loading the dataset in memory"]}, "LOADING"),
        ({"INFO": [b"-NOPERM this user has no permissions to run the 'info' command"]}, "NOPERM"),
    ],
)
async def test_a_server_that_will_not_do_stops_the_start(answers: dict[str, list[bytes]], words: str) -> None:
    async with acting(answers) as url:
        backend = RedisBackend(url, patience=0.05)
        with pytest.raises(ConfigurationError, match=words):
            await backend.open()
        await backend.close()


@pytest.mark.parametrize(
    ("facts", "warnings"),
    [
        ({"maxmemory": 10**9, "maxmemory_policy": "noeviction", "aof_enabled": 1}, []),
        ({"maxmemory": 0, "maxmemory_policy": "volatile-lru"}, []),
        ({"maxmemory": 10**9, "maxmemory_policy": "volatile-ttl"}, ["(maxmemory-policy volatile-ttl); set noeviction"]),
        ({"server_time_usec": 1_000_000}, ["s behind ours: sessions and logins end"]),
        ({"server_time_usec": 10**17}, ["s ahead of ours: sessions and logins end"]),
        ({"aof_enabled": 0}, ["set appendonly yes, unless that may be"]),
    ],
)
async def test_a_server_that_may_lose_something_is_used_with_a_warning(
    facts: dict[str, object], warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with acting({"INFO": info(**facts), "EVALSHA": [b":1"]}) as url:
        backend = RedisBackend(url)
        await backend.open()
        await backend.close()
    assert len(caplog.messages) == len(warnings)
    assert all(words in said for words, said in zip(warnings, caplog.messages, strict=True))


async def test_a_server_that_repeats_what_it_was_told_does_not_have_us_show_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with acting({"AUTH": [b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'"]}) as url:
        backend = RedisBackend(url.replace("//", "//:hunter2@"))
        with pytest.raises(ConfigurationError, match=r"password that ASOK_REDIS holds \(ERR\)") as refused:
            await backend.open()
        with pytest.raises(Busy) as busy:
            await backend.read("s", ["n"])
        assert "hunter2" not in str(refused.value) + str(busy.value) + caplog.text
        await backend.close()


async def test_a_wrong_password_is_said_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, opened: Opening
) -> None:
    with redis_server(tmp_path) as server:
        backend = await opened(server.url, patience=0.1)
        tell(server.url, "CONFIG", "SET", "requirepass", "correct horse")
        right = f"redis://:correct%20horse@127.0.0.1:{server.port}/0"
        tell(right, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(Busy, match="holds none"):
            await backend.read("s", ["n"])
        for login in (":hunter2", "default:hunter2"):
            with pytest.raises(ConfigurationError, match=r"password that ASOK_REDIS holds \(WRONGPASS\)") as refused:
                await RedisBackend(f"redis://{login}@127.0.0.1:{server.port}/0").open()
            assert "hunter2" not in str(refused.value)
        assert await (await opened(right)).read("s", ["n"]) == {}
        assert "hunter2" not in caplog.text
        await backend.close()


async def test_a_user_needs_these_rights_and_no_more(redis: RedisServer, opened: Opening) -> None:
    rights = "on >pw ~asok:* &asok:* +@read +@write +@scripting +@connection +@pubsub +info"
    tell(redis.url, "ACL", "SETUSER", "ann", "reset", *rights.split())
    tell(redis.url, "ACL", "SETUSER", "bob", "reset", *rights.replace("+@write", "").split())
    tell(redis.url, "ACL", "SETUSER", "cat", "reset", *rights.replace("asok:", "shop:").split())
    at = redis.url.partition("//")[2]
    backend = await opened(f"redis://ann:pw@{at}")
    assert await backend.commit(writing({("s", "n"): b"1"}))
    assert await backend.sweep(0) == await backend.count("s", "m") == len(await backend.oldest("s", "m", 1)) == 0
    for name in ("bob", "cat"):
        refused = RedisBackend(f"redis://{name}:pw@{at}")
        with pytest.raises(ConfigurationError, match="give its user ~asok:"):
            await refused.open()
        await refused.close()
    assert await (await opened(f"redis://cat:pw@{at}?prefix=shop")).read("s", ["n"]) == {}


@pytest.mark.parametrize("program", ["redis", "valkey"])
async def test_a_right_that_would_be_missed_later_is_missed_at_the_start(
    tmp_path: Path, opened: Opening, program: str
) -> None:
    with redis_server(tmp_path, program=program) as server:
        backend = await opened(server.url)  # the server knows the scripts now
        for missing in ["@read", "@write", "@scripting", "info", "eval", "hget", "hdel", "rename", "unlink"]:
            rights = "on >pw ~asok:* &asok:* +@read +@write +@scripting +@connection +@pubsub +info"
            tell(server.url, "ACL", "SETUSER", "ann", "reset", *rights.split(), f"-{missing}")
            refused = RedisBackend(server.url.replace("//", "//ann:pw@"))
            with pytest.raises(ConfigurationError, match=r"; give its user ~asok:\* &asok:\* .*\+info$"):
                await refused.open()
            await refused.close()
        await backend.close()


async def test_a_full_server_refuses_writes_at_once_and_goes_on_reading(
    redis: RedisServer, opened: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    backend = await opened(patience=60)
    await backend.commit(writing({("s", "n"): b"1"}))
    tell(redis.url, "CONFIG", "SET", "maxmemory", "1")
    try:
        for _ in range(5):
            with pytest.raises(Busy, match="OOM"):
                await backend.commit(writing({("s", "n"): b"2"}, {("s", "n"): 1}))
            assert await backend.read("s", ["n"], prefix="") == {"n": Cell(1, b"1")}
        with pytest.raises(ConfigurationError, match="it is full: raise its maxmemory"):
            await RedisBackend(redis.url).open()
        # Redis lets a script go on that has begun to write, so that nothing is half done.
        assert await backend.commit(Commit({}, {("t", "n"): b"2", ("t", "m"): b"2"}, move=("s", "t")))
        assert await backend.read("t", [], prefix="") == {"n": Cell(2, b"2"), "m": Cell(1, b"2")}
    finally:
        tell(redis.url, "CONFIG", "SET", "maxmemory", "0")
    assert ["raise its max" in record.getMessage() for record in caplog.records] == [True]  # once in half a minute
    assert await backend.commit(writing({("s", "n"): b"2"}))


async def test_a_replica_that_becomes_the_first_again_takes_what_was_asked(tmp_path: Path, opened: Opening) -> None:
    with redis_server(tmp_path) as server:
        async with between(server.port) as proxy:
            backend = await opened(proxy.url, patience=30)
            tell(server.url, "REPLICAOF", "127.0.0.1", "1")
            adding = asyncio.create_task(backend.commit(writing({("s", "n"): b"1"})))
            for _ in range(2):  # it comes again on new connections: a name may lead to another server now
                proxy.another.clear()
                await proxy.another.wait()
            tell(server.url, "REPLICAOF", "NO", "ONE")
            assert await adding
            await backend.close()


async def test_who_only_reads_leaves_a_server_that_has_become_a_replica(
    tmp_path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cells, "PROVEN", 0.0)
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "two") as two:
        async with between(one.port) as proxy, asyncio.timeout(60):
            reader, writer = await opened(proxy.url), await opened(two.url)
            await writer.commit(writing({("s", "n"): b"new"}))
            # A failover that leaves the connections as they are, to a server that does not follow the new one.
            proxy.port = two.port
            tell(one.url, "REPLICAOF", "127.0.0.1", "1")
            while await reader.read("s", ["n"]) != {"n": Cell(1, b"new")}:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.005)
            # Where no other server is to be had, it is read from the replica.
            tell(two.url, "REPLICAOF", "127.0.0.1", "1")
            assert [await reader.read("s", ["n"]) for _ in range(9)] == 9 * [{"n": Cell(1, b"new")}]
            await reader.close()
            await writer.close()


async def test_a_server_that_is_still_loading_is_waited_for() -> None:
    loading = b"-LOADING Redis is loading the dataset in memory"
    async with acting({"HMGET": [loading, loading, b"*1\r\n$3\r\n4:x"]}) as url:
        backend = RedisBackend(url, patience=30)
        assert await backend.read("s", ["n"]) == {"n": Cell(4, b"x")}
        await backend.close()
