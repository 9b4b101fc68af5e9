"""Threats T51 to T60: methods that hang, errors that tell, and what runs beside the app."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import threading
import time
from pathlib import Path

import msgspec
import pytest

from asok import Component, Limits, exposed
from asok.errors import AsokError
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
from tests.rig import rig


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
            async with asyncio.timeout(1.5):
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
        times: dict[str, list[float]] = {}
        for name, text in {
            "mac": page.tokens[0][:-4] + "AAAA",
            "key": stranger,
            "class": unknown,
            "owner": foreign.tokens[0],
        }.items():
            for _ in range(20):
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


async def test_t58_what_is_for_development_is_not_there_in_production(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        script = re.search(r'src="([^"]+)/alive.js"', page.text)
        assert script is not None
        assert (await visitor.http.get(script[1] + "/alive.js")).status_code == 200
        assert (await visitor.http.get(script[1] + "/refresh.js")).status_code == 404

    class Broken(Component):
        template = "<p>{{ 1 // 0 }}</p>"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Broken') }}"})) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 200
        assert "cannot be shown" in answer.text
        assert not re.search("ZeroDivision|Broken|test_threats", answer.text)
    alone = asok_app(tmp_path)
    alone.page("/", Broken)
    async with rig(alone) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 500
        assert answer.text == "Internal Server Error"


async def test_t60_a_client_of_another_release_reloads(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {"/": "{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        for number in (0, 2, 99):
            tab = await visitor.connect()
            await tab.send("join", number, page.csrf, "tab", [[page.tokens[0], 0, 0]])
            assert await tab.receive() == ["reload"]
        token = opened(page.tokens[0])
        older = seal(msgspec.structs.replace(token, schema=b"olds"), RING)
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        await tab.join([older])
        assert (await tab.until("reset", "update"))[1] == token.instance


def test_every_error_is_of_one_tree() -> None:
    import asok.errors as errors

    for name in errors.__all__:
        thing = getattr(errors, name)
        if isinstance(thing, type):
            assert issubclass(thing, AsokError)
