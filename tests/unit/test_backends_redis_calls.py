"""A Redis is there in any loop, thread, process and template, and leaves nothing open behind."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Thread

import pytest

from asok import Store
from asok.backends import redis_calls
from asok.backends.redis import RedisBackend
from asok.backends.redis_address import Address
from asok.backends.resp import command
from asok.driven import driven
from asok.errors import ConfigurationError
from asok.sessions import Cell, Commit
from asok.writing import at_once
from tests.redis_server import RedisServer
from tests.rig import KEY, asok_app, rig
from tests.unit.redis_scenes import between, tell


@pytest.fixture
async def backend(redis: RedisServer) -> AsyncIterator[RedisBackend]:
    tell(redis.url, "FLUSHALL")
    backend = RedisBackend(redis.url)
    yield backend
    await backend.close()


def run(script: str, folder: Path, **environ: str) -> str:
    """What a script prints, in which every warning is an error and what it leaves open is told."""
    (folder / "script.py").write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


COUNTING = """
    import asyncio, gc, os, uvloop
    from asok.backends.redis import RedisBackend
    from asok.sessions import Cell, Commit
    from asok.writing import at_once

    backend = RedisBackend(os.environ["URL"])
    key = ("s", "n")

    async def add(times):
        for _ in range(times):
            while True:
                cell = (await backend.read('s', ['n'])).get("n", Cell(0, b"0"))
                if await backend.commit(Commit({key: cell.version}, {key: b"%d" % (int(cell.value) + 1)})):
                    break
"""


def test_every_loop_that_ends_takes_its_connection_along(redis: RedisServer, tmp_path: Path) -> None:
    tell(redis.url, "FLUSHALL")
    script = """
    for run in (asyncio.run, uvloop.run, asyncio.run):
        run(add(10))
        gc.collect()

    async def left_in_the_middle():
        task = asyncio.create_task(add(10_000))
        await asyncio.sleep(0.01)

    asyncio.run(left_in_the_middle())
    at_once(add(5))
    print(sum("socket" in os.readlink(each) for each in os.scandir("/proc/self/fd") if os.path.lexists(each)))
    """
    open_sockets = run(COUNTING + script, tmp_path, URL=redis.url)
    assert int(open_sockets) == 1  # the line that blocks


def test_a_child_connects_anew_and_leaves_the_parents_line_alone(redis: RedisServer, tmp_path: Path) -> None:
    tell(redis.url, "FLUSHALL")
    script = """
    async def main():
        await add(5)
        at_once(add(5))
        if not os.fork():
            at_once(add(100))
            asyncio.run(add(100))
            os._exit(0)
        at_once(add(100))
        await add(100)
        return os.wait()[1]

    print(asyncio.run(main()))
    """
    assert run(COUNTING + script, tmp_path, URL=redis.url) == "0\n"
    after = RedisBackend(redis.url)
    assert at_once(after.read("s", ["n"])) == {"n": Cell(410, b"410")}
    at_once(after.close())


async def test_a_task_that_begins_in_a_call_that_cannot_be_awaited_may_wait(backend: RedisBackend) -> None:
    begun: list[asyncio.Task[bool]] = []

    async def later() -> bool:
        return driven.at_once

    async def call() -> None:
        begun.append(asyncio.create_task(later()))
        assert driven.at_once
        assert await backend.read("s", ["n"]) == {}

    at_once(call())
    assert not driven.at_once
    assert not await begun[0]


async def test_a_redis_behind_a_unix_socket_or_tls_is_the_same_redis(
    redis: RedisServer, tmp_path: Path, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tell(redis.url, "FLUSHALL")
    async with (
        between(redis.port, path=tmp_path / "redis.sock") as behind_a_path,
        between(redis.port, tls=context) as behind_tls,
    ):
        stranger = RedisBackend(behind_tls.url, patience=60)
        with pytest.raises(ConfigurationError, match="certificate is not believed"):
            await stranger.open()
        await stranger.close()
        for count, url in enumerate([behind_a_path.url, f"{behind_tls.url}?ssl_ca_certs={certificate}"], 1):
            backend = RedisBackend(url)
            await backend.open()
            assert await backend.commit(Commit({("s", "n"): count - 1}, {("s", "n"): b"1" * 100_000}))
            assert await backend.read("s", ["n"]) == {"n": Cell(count, b"1" * 100_000)}
            assert await asyncio.to_thread(at_once, backend.read("s", ["n"])) == {"n": Cell(count, b"1" * 100_000)}
            await backend.close()


async def test_a_redis_that_wants_tls_or_to_know_who_we_are_says_so_at_the_start(
    redis: RedisServer, certificate: Path
) -> None:
    strict, lax = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2)]
    for context in (strict, lax):
        context.load_cert_chain(certificate)
        context.load_verify_locations(certificate)
    strict.verify_mode = ssl.CERT_REQUIRED
    async with between(redis.port, tls=strict) as asking, between(redis.port, tls=lax) as silent:
        known = f"{asking.url}?ssl_ca_certs={certificate}"
        for url, words in (
            (known, "does it want a certificate .ssl_certfile"),
            (silent.url.replace("rediss", "redis"), "does it want TLS .rediss://"),
        ):
            refused = RedisBackend(url, patience=0.05)
            with pytest.raises(ConfigurationError, match=words):
                await refused.open()
            await refused.close()
        backend = RedisBackend(f"{known}&ssl_certfile={certificate}")
        await backend.open()
        await backend.close()


def test_a_thread_is_not_driven_at_once_because_another_one_is() -> None:
    seen: list[bool] = []

    async def call() -> None:
        thread = Thread(target=lambda: seen.append(driven.at_once))
        thread.start()
        thread.join()
        seen.append(driven.at_once)

    at_once(call())
    assert seen == [False, True]


async def test_a_line_that_is_cut_answers_nobody_and_says_so_at_once(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_calls, "SILENCE", 60)
    async with between(redis.port) as proxy:
        lines = redis_calls.Lines(Address.of(proxy.url), lambda: None)
        line = await lines.line()
        proxy.down = 1
        with pytest.raises(redis_calls.Away):
            await line.call(command(["PING"]))
        with pytest.raises(redis_calls.Away):
            await line.call(command(["PING"]))
        assert await (await lines.line()).call(command(["PING"])) == b"PONG"
        await lines.close()


async def test_a_server_that_hangs_up_on_every_greeting_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        lines = redis_calls.Lines(Address.of(f"redis://:word@127.0.0.1:{port}/1"), lambda: None)
        for _ in range(3):
            with pytest.raises(redis_calls.Away):
                await lines.line()
        await lines.close()
    gc.collect()
    assert not caplog.records  # nobody has left the other greetings' answers lying about


# ---- stores


async def test_a_template_and_threads_have_the_stores_of_a_redis(redis: RedisServer, tmp_path: Path) -> None:
    tell(redis.url, "FLUSHALL")
    backend = RedisBackend(redis.url)
    app = asok_app(tmp_path, {"/": "<p>{{ votes.read('n') }}</p>"}, backend=backend)
    votes = Store({"n": 0}, name="kept-in-a-redis")
    app.env.globals["votes"] = votes

    def work() -> None:
        for _ in range(25):
            votes.update("n", 1)

    async with rig(app) as served:
        http = (await served.visitor()).http
        assert "<p>0</p>" in (await http.get("/")).text
        await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))
        assert "<p>100</p>" in (await http.get("/")).text
        await votes.update("n", 1)
        assert "<p>101</p>" in (await http.get("/")).text


def test_a_script_without_a_loop_writes_and_reads_the_stores_of_a_redis(redis: RedisServer, tmp_path: Path) -> None:
    tell(redis.url, "FLUSHALL")
    script = """
    from asok import Asok, Store

    votes = Store({"n": 0}, name="votes")
    app = Asok()
    for _ in range(10):
        votes.update("n", 1)
    print(votes.read("n"))
    """
    for total in ("10\n", "20\n"):
        assert run(script, tmp_path, ASOK_REDIS=redis.url, SECRET_KEY=KEY) == total


async def test_threads_without_a_loop_share_the_lines_that_are_idle(redis: RedisServer) -> None:
    backend = RedisBackend(redis.url)
    threads = [Thread(target=lambda: [at_once(backend.read("s", ["n"])) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    async def few() -> bool:
        listed = await asyncio.to_thread(tell, redis.url, "CLIENT", "LIST", "TYPE", "normal")
        assert isinstance(listed, bytes)
        return len(listed.splitlines()) <= 4 + 1

    while not await few():  # the server sees a line that others have closed a moment later
        pass
    await backend.close()


async def test_lines_of_many_threads_that_are_cut_together_cost_one_more_try(redis: RedisServer) -> None:
    backend = RedisBackend(redis.url)
    await asyncio.to_thread(tell, redis.url, "CLIENT", "PAUSE", "200", "ALL")  # so that each needs a line of its own
    threads = [Thread(target=lambda: at_once(backend.read("s", ["n"]))) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await asyncio.to_thread(tell, redis.url, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert at_once(backend.read("s", ["missing"])) == {}
    await backend.close()
