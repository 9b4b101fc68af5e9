"""Threats T51 to T54: methods that hang, errors that tell, and names that become more than names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import statistics
import threading
import time
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import websockets

from asok import Component, Limits, Store, exposed
from asok.state import KeyRing, seal
from tests.protocol.attacked import (
    ONE,
    OTHER_KEY,
    RING,
    asok_app,
    attacked,
    define,
    opened,
    reset_or_refused,
)
from tests.rig import KEY

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t51_a_method_that_never_ends_is_cut_and_its_thread_ends(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []
    stopped = threading.Event()

    class Spins(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def spin(self) -> None:
            threads.append(threading.current_thread())
            try:
                while True:
                    pass
            finally:
                stopped.set()

        @exposed
        def where(self) -> None:
            threads.append(threading.current_thread())
            self.count += 1

    app = asok_app(tmp_path, {"/": "{{ component('Spins') }}"}, limits=Limits(handler_timeout=0.3))
    async with attacked(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "spin")
        other = await served.tab()
        assert (await other.event("where"))[0] == "update"
        assert await tab.settled(tab.only, 1) == ["refused", tab.only, 1, "timeout", ""]
        assert await asyncio.to_thread(stopped.wait, 5)
        assert threading.main_thread() not in threads
        tab.shown[tab.only].last = 1
        assert await tab.text_after("where") == "<p>1</p>"


async def test_t51_a_hook_that_never_ends_is_cut_too(tmp_path: Path) -> None:
    held = asyncio.Event()

    class Hangs(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        async def load(self) -> None:
            if self.count:
                await held.wait()

        @exposed
        def add(self) -> None:
            self.count += 1

    app = asok_app(tmp_path, {"/": "{{ component('Hangs') }}"}, limits=Limits(handler_timeout=0.2))
    async with attacked(app) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "add")
        try:
            async with asyncio.timeout(20):
                assert (await tab.settled(tab.only, 1))[3] == "timeout"
        finally:
            held.set()


async def test_t52_an_error_tells_a_browser_its_code_and_the_log_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for call in ("fail", "nope\r\nFAKE", "add('x')"):
            caplog.clear()
            answer = await tab.event(call)
            assert answer[4] == ""
            records = [record for record in caplog.records if record.name == "asok"]
            assert len(records) == 1
            assert "\n" not in records[0].getMessage() and "\r" not in records[0].getMessage()
            assert records[0].exc_info in (None, False, (None, None, None))
        assert "RuntimeError" not in json.dumps(tab.frames)


async def test_t52_a_flood_of_refusals_is_no_flood_of_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        caplog.clear()
        began = int(time.monotonic())
        for _ in range(80):
            await tab.event("nope")
        seconds = int(time.monotonic()) - began + 1
        lines = [record for record in caplog.records if record.name == "asok"]
        assert len(lines) <= 10 * seconds


async def test_t53_one_answer_for_whatever_is_wrong_with_a_token(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page, foreign = await visitor.open(), await other.open()
        token = opened(page.tokens[0])
        unknown = seal(msgspec.structs.replace(token, component="Nobody"), RING)
        stranger = seal(token, KeyRing([OTHER_KEY]))
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        wrong = {
            "mac": page.tokens[0][:-4] + "AAAA",
            "key": stranger,
            "class": unknown,
            "owner": foreign.tokens[0],
        }
        times: dict[str, list[float]] = {}
        for _ in range(20):
            for name, text in wrong.items():
                began = time.perf_counter()
                assert await reset_or_refused(tab, text) == "reset", name
                await tab.until("pong")
                times.setdefault(name, []).append(time.perf_counter() - began)
        medians = [statistics.median(each) for each in times.values()]
        assert max(medians) < 3 * min(medians)


async def test_t54_what_a_browser_names_is_no_part_of_a_query(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, database=str(tmp_path / "s.db"))
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        tab.name = "'; DROP TABLE cells; --"
        await tab.join(page.tokens, page.csrf)
        assert (await tab.event("add"))[0] == "update"
        thief = await visitor.connect(cookie="' OR '1'='1")
        assert await thief.closed() == 4401
        assert (await tab.event("add", seq=1))[0] == "update"
        assert ">1  </p>" in (await visitor.open()).text


async def test_t51_many_methods_that_hang_hold_up_nobody_who_waits_for_none_of_them(tmp_path: Path) -> None:
    let_go = threading.Event()

    class Hoards(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def hang(self) -> None:
            let_go.wait(20)

        @exposed
        async def add(self) -> None:
            self.count += 1

    before = threading.active_count()
    app = asok_app(tmp_path, {"/": "{{ component('Hoards') }}"}, limits=Limits(threads=2, handler_timeout=0.5))
    async with attacked(app) as served:
        tabs = [await served.tab() for _ in range(12)]
        for tab in tabs:
            await tab.send("event", tab.only, 1, "hang")
        other = await served.tab()
        assert await other.text_after("add") == "<p>1</p>"
        assert threading.active_count() <= before + 2 + 8  # two of the pool; uvicorn and SQLite have theirs
        let_go.set()
        codes = [(await tab.settled(tab.only, 1))[0] for tab in tabs]
        assert set(codes) <= {"refused", "update"}


async def test_t52_nothing_that_a_browser_writes_makes_a_second_line(tmp_path: Path) -> None:
    fake = "x\r\nERROR asok: everything is fine\u2028\x1b[2J"
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        for host in ("evil.test", "a" * 500):
            assert (await visitor.http.get("/", headers={"Host": host})).status_code == 400
        tab = await visitor.connect()
        tab.name = fake
        await tab.join(page.tokens, page.csrf)
        for call in (fake, f"add('{fake}')", f"add({fake})", f"name({fake!r}, 1)"):
            assert (await tab.event(call))[4] == ""
        for message in (("follow", fake, fake), ("write", 1, fake, fake, fake, fake), ("react", [fake])):
            await tab.send(*message)
        await tab.send("event", fake, 1, "add")
        await tab.until("need_token")
        await tab.send("join", 1, "", fake, [[fake, 0, 0]])
        assert await tab.until("reset") == ["reset", ""]
        await tab.raw(fake)
        assert await tab.closed() == 4400
        for path in ("/live/store/" + quote(fake), "/live/form?call=" + quote(fake), "/" + quote(fake)):
            answer = await visitor.http.post(path, headers={"origin": served.base})
            assert answer.status_code < 500 and fake not in answer.text


async def test_t52_an_answer_names_a_code_and_nothing_of_the_program(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        for call in ("fail", "nope", "add('x')", "__class__", "add(" + "1," * 40 + "1)"):
            refused = await tab.event(call)
            assert refused == ["refused", tab.only, refused[2], refused[3], ""]
            assert refused[3] in ("refused", "bad_args", "failed")
        bodies = [(await visitor.http.get(path)).text for path in ("/nothing", "/live/store/none", "/live/form")]
        said = json.dumps(tab.frames) + "".join(bodies)
        assert not re.search(r"Counter|Traceback|RuntimeError|\.py|/etc/secret|asok\.|line \d", said)
        assert KEY not in said


async def test_t53_names_sessions_and_macs_are_refused_alike(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page = await visitor.open()
        await other.open()
        for cookie in ("A" * 43, other.cookie[:-1] + "A", "", "x", "../x"):
            tab = await visitor.connect(cookie=cookie)
            with contextlib.suppress(websockets.ConnectionClosed):
                await tab.send("join", 1, page.csrf, "tab", [])
            assert await tab.closed() == 4401, cookie
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        private, unknown = [(await tab.event(call))[1:] for call in ("helper", "there_is_no_such_method")]
        assert private[2:] == unknown[2:]
        missing = [await visitor.http.get(f"/live/static/{name}/000000000000/x.css") for name in ("Counter", "Nobody")]
        assert {(each.status_code, each.text) for each in missing} == {(404, "")}


async def test_t54_no_name_becomes_part_of_a_query_or_of_a_key(tmp_path: Path) -> None:
    where = tmp_path / "s.db"
    shared = Store({"n": 0}, name="queried", readable=True, writable={"**": lambda change: None})
    app = asok_app(tmp_path, ONE, database=str(where))
    async with attacked(app) as served:
        victim, visitor = await served.tab(), await served.visitor()
        assert (await victim.event("add"))[0] == "update"
        tab = await visitor.tab()
        hostile = (
            "'; DROP TABLE cells; --",
            '" OR ""="',
            "%",
            "_",
            "*",
            "record/*",
            "\x01",
            "a" * 256,
            "session/user",
            "meta",
        )
        for n, name in enumerate(hostile, 1):
            await tab.send("write", n, "set", "queried", name.replace("/", "-"), name)
            assert (await tab.until("store"))[1] in ("written", "refused")
            await tab.send("write", 100 + n, "set", f"~{name}", "k", name)
            await tab.until("store")
        assert shared.read("n") == 0
        assert await victim.text_after("add") == "<p title=''>2  </p>"
    stored = sqlite3.connect(where)
    owners = {owner for (owner,) in stored.execute("SELECT DISTINCT owner FROM cells")}
    assert all(re.fullmatch(r"[0-9a-f]{32}|store/[\x20-\x7e]+", owner) for owner in owners), owners
    assert stored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    stored.close()
