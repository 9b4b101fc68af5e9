"""The bus over a Redis: real servers that are killed, stopped and shared with strangers, and real processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from asok.backends.redis import RedisBackend
from asok.backends.redis_bus import RedisBus
from asok.bus import MESSAGE_LIMIT, MessageTooLarge, PeerBus, RemoteBus
from asok.errors import ConfigurationError
from asok.sessions import Commit
from asok.settings import Settings
from asok.sharing import bus_of
from asok.state import KeyRing
from tests.redis_server import RedisServer, redis_server
from tests.rig import KEY
from tests.unit.redis_ears import PATIENCE, Ear, by_hand, opened, settled
from tests.unit.redis_scenes import between, tell

# --- as every bus


async def test_two_buses_hear_each_other_and_themselves_once(redis_url: str) -> None:
    async with opened(redis_url) as first, opened(redis_url) as second:
        assert isinstance(first.bus, RemoteBus) and not isinstance(first.bus, PeerBus)
        for number in range(300):
            first.bus.publish("words", b"%d" % number)
        words = [str(number) for number in range(300)]
        await second.hears(*words)
        second.bus.publish("words", b"the end")
        await first.hears(*words, "the end")
        await second.hears(*words, "the end")
        assert first.gaps == second.gaps == first.bus.dropped == 0


async def test_a_bus_opens_again_as_somebody_else_and_says_its_last_words_before(redis_url: str) -> None:
    async with opened(redis_url) as stays:
        bus = RedisBus(redis_url, KeyRing([KEY]))
        before, ear = bus.id, Ear(bus)
        await bus.open()
        await bus.open()
        bus.publish("words", b"a last word")
        await bus.close()
        await bus.close()
        assert bus.id != before and bus.silence == float("inf")
        await stays.hears("a last word")
        await bus.open()
        stays.bus.publish("words", b"again")
        await ear.hears("a last word", "again")
        await bus.close()
        assert stays.gaps == ear.gaps == 0


async def test_what_is_said_while_it_closes_keeps_nothing_else_from_being_heard(redis_url: str) -> None:
    bus = RedisBus(redis_url, KeyRing([KEY]))
    await bus.open()
    async with opened(redis_url) as other:
        bus.publish("words", b"waits for its turn")
        closing = asyncio.create_task(bus.close())
        asyncio.get_running_loop().call_soon(bus.publish, "words", b"goes out at once")
        await closing
        await other.until(lambda: sorted(other.words) == ["goes out at once", "waits for its turn"])


async def test_a_message_of_a_mebibyte_passes_and_a_larger_one_is_refused(redis_url: str) -> None:
    async with opened(redis_url) as first, opened(redis_url) as second:
        first.bus.publish("words", b"x" * MESSAGE_LIMIT)
        await second.until(lambda: len(second.words) == 1)
        with pytest.raises(MessageTooLarge):
            first.bus.publish("words", b"x" * (MESSAGE_LIMIT + 1))


async def test_threads_and_scripts_publish_in_their_order(redis_url: str) -> None:
    script = (
        "import sys; from asok.backends.redis_bus import RedisBus; from asok.state import KeyRing\n"
        "bus = RedisBus(sys.argv[1], KeyRing([sys.argv[2]]))\n"
        "for number in range(200): bus.publish('words', b'script %d' % number)\n"
    )
    async with opened(redis_url) as first, opened(redis_url) as second:

        def speak() -> None:
            for number in range(200):
                first.bus.publish("words", b"thread %d" % number)

        thread = threading.Thread(target=speak)
        thread.start()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, redis_url, KEY)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
        thread.join()
        for ear in (first, second):
            await ear.until(lambda ear=ear: len(ear.words) == 400)  # type: ignore[misc]  # bound in the loop
            for name in ("thread", "script"):
                assert [word for word in ear.words if word.startswith(name)] == [f"{name} {n}" for n in range(200)]


async def test_the_child_of_a_fork_is_a_process_of_its_own(redis_url: str, redis: RedisServer) -> None:
    async with opened(redis_url) as parent, opened(redis_url) as other:
        id = parent.bus.id
        child = os.fork()
        if not child:
            parent.bus.publish("words", f"child {parent.bus.id != id} {parent.bus.silence}".encode())
            os._exit(0)
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
        await other.hears("child True inf")
        await parent.hears("child True inf")
        parent.bus.publish("words", b"the parent goes on")
        await other.until(lambda: other.words[1:] == ["the parent goes on"])
        assert parent.gaps == 0


async def test_each_worker_has_two_connections_however_much_it_says(redis: RedisServer, redis_url: str) -> None:
    def count() -> int:
        with by_hand(redis) as client:
            return len(client.client_list())

    before = count()
    async with opened(redis_url) as first, opened(redis_url):
        for number in range(500):
            first.bus.subscribe(f"channel {number}", print)
            first.bus.publish(f"other {number}", b"x")
        first.bus.publish("words", b"done")
        await first.hears("done")
        assert await asyncio.to_thread(count) == before + 4


def test_it_runs_on_uvloop_too(redis_url: str) -> None:
    pytest.importorskip("uvloop")
    code = (
        "import asyncio, sys, uvloop; from asok.backends.redis_bus import RedisBus; from asok.state import KeyRing\n"
        "async def main():\n"
        "    a, b = (RedisBus(sys.argv[1], KeyRing([sys.argv[2]])) for _ in range(2)); heard = asyncio.Event()\n"
        "    await a.open(); await b.open()\n"
        "    b.subscribe('x', lambda message: heard.set())\n"
        "    a.publish('x', bytes(1 << 20))\n"
        "    await heard.wait(); await a.close(); await b.close()\n"
        "uvloop.run(asyncio.wait_for(main(), 50))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, redis_url, KEY], check=True, timeout=PATIENCE)


# --- what goes wrong with Redis


async def test_r13_a_killed_connection_is_a_gap_for_who_hears_and_loses_nothing_that_was_said(
    redis: RedisServer, redis_url: str
) -> None:
    async with opened(redis_url) as first, opened(redis_url) as second:
        with by_hand(redis) as client:
            for each in client.client_list():
                if each["cmd"] == "publish" or each["cmd"] == "ping":
                    client.client_kill_filter(_id=each["id"])
        words = [str(number) for number in range(50)]
        for word in words:
            first.bus.publish("words", word.encode())
        await second.hears(*words)
        assert first.gaps == second.gaps == 0
        with by_hand(redis) as client:
            client.client_kill_filter(_type="pubsub")
        await first.until(lambda: first.gaps == 1)
        await second.until(lambda: second.gaps == 1)
        first.bus.publish("words", b"on")
        await second.hears(*words, "on")


async def test_what_is_said_while_redis_is_away_waits(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        async with opened(server.url) as first, opened(server.url) as second:
            server.kill()
            first.bus.publish("words", b"in the dark")
            await first.hears("in the dark")
            await settled(lambda: first.bus.silence == second.bus.silence == float("inf"))
            server.start()
            await first.until(lambda: first.gaps == 1)
            await second.until(lambda: second.gaps == 1)
            first.bus.publish("words", b"light")
            await second.until(lambda: second.words[-1:] == ["light"])
            assert second.words in (["light"], ["in the dark", "light"])  # said before it heard again, or after


async def test_r14_a_server_that_stands_still_is_noticed_and_what_is_too_much_is_a_gap_for_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(tmp_path / "redis") as server:
        async with opened(server.url) as first, opened(server.url) as second:
            server.pause()
            for number in range(12):
                first.bus.publish("words", f"{number}".ljust(MESSAGE_LIMIT).encode())
            await first.until(lambda: len(first.words) == 12)
            await settled(lambda: first.bus.silence == second.bus.silence == float("inf"))
            assert first.gaps == second.gaps == 0, "nothing can be read again yet"
            server.resume()
            await first.until(lambda: first.gaps >= 1)
            await second.until(lambda: second.gaps >= 1)
            first.bus.publish("words", b"on")
            await second.until(lambda: second.words[-1:] == ["on"])
            assert len(second.words) < 13
    assert "Redis does not take what the bus says" in caplog.text


async def test_too_much_at_once_is_a_gap_for_those_who_never_lost_their_connection(redis_url: str) -> None:
    async with opened(redis_url) as first, opened(redis_url) as second:
        for number in range(30_000):  # in one turn of the loop
            first.bus.publish("words", b"%d" % number)
        await first.until(lambda: len(first.words) == 30_000)
        await second.until(lambda: second.words[-1:] == ["29999"])
        assert second.gaps == 1 and len(second.words) < 20_001
        await first.until(lambda: first.gaps == 1)


async def test_who_said_something_to_a_server_that_has_become_a_replica_says_it_to_the_primary(tmp_path: Path) -> None:
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "two") as two:
        async with between(one.port) as proxy, opened(proxy.url) as busy, opened(proxy.url) as idle:
            script = RedisBus(proxy.url, KeyRing([KEY]))
            await asyncio.to_thread(script.publish, "words", b"before")
            await busy.hears("before")
            # A failover that leaves the connections to the old primary as they are.
            proxy.port = two.port
            tell(one.url, "REPLICAOF", "127.0.0.1", str(two.port))
            async with opened(proxy.url) as late:
                await busy.until(lambda: busy.gaps == 1)
                await idle.until(lambda: idle.gaps == 1)
                busy.bus.publish("words", b"busy")
                await late.hears("busy")
                idle.bus.publish("words", b"idle")
                await late.hears("busy", "idle")
                await asyncio.to_thread(script.publish, "words", b"script")
                await late.hears("busy", "idle", "script")
                await asyncio.to_thread(one.kill)
                late.bus.publish("words", b"late")
                await idle.until(lambda: idle.words[-1:] == ["late"])
            script._hang_up()


async def test_a_worker_that_starts_before_redis_hears_when_redis_is_there(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        server.kill()
        async with opened(server.url) as early:
            early.bus.publish("words", b"waits")
            await early.hears("waits")
            server.start()
            await early.until(lambda: early.gaps == 1)
            early.bus.publish("words", b"on")
            async with opened(server.url) as other:
                early.bus.publish("words", b"all")
                await other.until(lambda: other.words[-1:] == ["all"])


async def test_a_script_does_not_wait_for_a_redis_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    bus = RedisBus("redis://:p4ssw0rd@127.0.0.1:1/0", KeyRing([KEY]))
    async with asyncio.timeout(PATIENCE):
        await asyncio.to_thread(bus.publish, "words", b"lost")
    assert "a message for 'words' does not reach the other processes" in caplog.text
    assert "p4ssw0rd" not in caplog.text


async def test_a_password_that_is_wrong_is_said_at_the_start(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        with by_hand(server) as client:
            client.config_set("requirepass", "r1ght")
        async with opened(server.url.replace("//", "//:r1ght@")) as ear:
            ear.bus.publish("words", b"in")
            await ear.hears("in")
        for wrong in (server.url, server.url.replace("//", "//:wr0ng@")):
            with pytest.raises(ConfigurationError, match=r"refuses the bus: .*may SUBSCRIBE and PUBLISH") as told:
                await RedisBus(wrong, KeyRing([KEY])).open()
            assert "wr0ng" not in str(told.value)


async def test_a_user_with_the_rights_of_the_docs_may_use_it_and_one_who_may_not_hear_or_say_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rights = "~asok:* &asok:* +@read +@write +@scripting +@connection +@pubsub +info"
    assert rights in (Path(__file__).parents[2] / "docs" / "redis.md").read_text("utf-8")
    with redis_server(tmp_path / "redis") as server:
        with by_hand(server) as client:
            client.execute_command("ACL", "SETUSER", "asok", "on", ">p", "resetchannels", *rights.split())
            client.execute_command("ACL", "SETUSER", "deaf", "on", ">p", "resetchannels", "~*", "+@all")
            client.execute_command("ACL", "SETUSER", "mute", "on", ">p", "~*", "&*", "+@all", "-publish")
        redis_url = server.url.replace("//", "//asok:p@")
        backend = RedisBackend(redis_url)
        await backend.open()
        assert await backend.commit(Commit({}, {("store/x", "doc"): b"1"}))
        await backend.close()
        async with opened(redis_url) as ear, opened(redis_url) as other:
            other.bus.publish("words", b"heard")
            await ear.hears("heard")
        for name in ("deaf", "mute"):
            caplog.clear()
            with pytest.raises(ConfigurationError, match=r"NOPERM.*may SUBSCRIBE and PUBLISH on asok:bus:0"):
                await RedisBus(server.url.replace("//", f"//{name}:p@"), KeyRing([KEY])).open()
            assert not caplog.messages  # one sentence is enough


async def test_a_server_that_takes_nothing_is_told_once_and_what_it_refused_is_a_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(tmp_path / "redis") as server, by_hand(server) as client:
        client.execute_command("ACL", "SETUSER", "quiet", "on", ">p", "~*", "&*", "+@all")
        async with opened(server.url) as ear, opened(server.url.replace("//", "//quiet:p@")) as quiet:
            client.execute_command("ACL", "SETUSER", "quiet", "-publish")
            for _ in range(3):
                quiet.bus.publish("words", b"refused")
            await settled(lambda: "NOPERM" in caplog.text)
            quiet.bus.publish("words", b"refused, too")
            client.execute_command("ACL", "SETUSER", "quiet", "+publish")
            await ear.until(lambda: ear.gaps == 1)
            quiet.bus.publish("words", b"on")
            await ear.until(lambda: ear.words[-1:] == ["on"])
            await settled(lambda: "has the Redis" in caplog.text)
            assert caplog.text.count("has lost the Redis") == caplog.text.count("has the Redis") == 1


async def test_it_speaks_with_a_valkey_too(tmp_path: Path) -> None:
    with redis_server(tmp_path / "valkey", program="valkey") as server:
        async with opened(server.url) as first, opened(server.url) as second:
            first.bus.publish("words", b"hello")
            await second.hears("hello")
            with by_hand(server) as client:
                client.client_kill_filter(_type="pubsub")
            await second.until(lambda: second.gaps == 1)
            first.bus.publish("words", b"again")
            await second.hears("hello", "again")


def test_the_settings_choose_it(tmp_path: Path) -> None:
    assert isinstance(bus_of(Settings(tmp_path, keys=(KEY,), redis="redis://localhost")), RedisBus)
