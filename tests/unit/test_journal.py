"""The log: one line each, of each kind so many a second, and nothing left out in silence."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from asok import Component, Limits, exposed
from asok.journal import LINES_A_SECOND, keep_journal
from asok.loading import Loaded
from asok.server import Serving, log_config, uvicorn_config
from tests.rig import asok_app, rig
from tests.unit.waiting import until

log = logging.getLogger("asok")


class RefusesAll(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    def fail(self) -> None:
        raise RuntimeError("secret\r\n1970-01-01 FAKE line")

    @exposed
    async def sleep(self) -> None:
        time.sleep(0.8)  # noqa: ASYNC251  # on purpose: nobody else is served meanwhile

    @exposed
    async def compute(self) -> None:
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            self.count += 1


ONE = {"/": "{{ component('RefusesAll') }}"}


def said(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


async def test_t52_a_thousand_connections_together_fill_no_log_and_what_is_left_out_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tabs = [await served.tab() for _ in range(10)]
        caplog.clear()
        began = int(time.monotonic())
        answers = await asyncio.gather(*(tab.event("nope") for tab in tabs for _ in range(1)))
        for _ in range(5):
            answers += await asyncio.gather(*(tab.event("nope") for tab in tabs))
        seconds = int(time.monotonic()) - began + 1
        assert [answer[0] for answer in answers] == ["refused"] * 60
        lines = [each for each in said(caplog, "refused") if "more lines" not in each]
        assert len(lines) <= LINES_A_SECOND * seconds
        await until(lambda: said(caplog, "more lines of this kind"))
        left_out = sum(int(each.split()[0]) for each in said(caplog, "more lines of this kind"))
        assert len(lines) + left_out == 60


@pytest.fixture
def as_before() -> Iterator[None]:
    """The loggers that `asok run` sets up, put back."""
    loggers = [logging.getLogger(name) for name in ("asok", "uvicorn", "uvicorn.access")]
    before = [(each, each.level, each.propagate, each.handlers[:]) for each in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers[:] = propagate, handlers


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("name", ["asok", "uvicorn.error"])
def test_t52_asok_run_shows_ten_lines_of_a_kind_in_a_second_and_no_fewer(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    keep_journal(debug=False)
    logging.config.dictConfig(log_config(development=False))
    monkeypatch.setattr(time, "monotonic", lambda: 2000.0)
    for number in range(LINES_A_SECOND + 5):
        logging.getLogger(name).warning("number %s of many", number)
    assert capfd.readouterr().err.count("of many") == LINES_A_SECOND


@pytest.mark.usefixtures("as_before")
def test_asok_run_heeds_the_level_and_the_handlers_that_the_app_gives_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = asok_app(tmp_path, ONE)
    own = logging.FileHandler(tmp_path / "own.log")
    log.addHandler(own)
    log.setLevel(logging.DEBUG)
    uvicorn_config(Serving(tmp_path / "app.py", "127.0.0.1"), Loaded(app, (app,)))
    log.debug("said")
    own.close()
    assert capfd.readouterr().err.endswith("DEBUG asok: said\n")
    assert (tmp_path / "own.log").read_text() == "said\n"


@pytest.mark.usefixtures("as_before")
def test_asok_run_says_warnings_where_the_app_does_not_ask_for_more(capfd: pytest.CaptureFixture[str]) -> None:
    log.setLevel(logging.NOTSET)
    logging.config.dictConfig(log_config(development=False))
    log.info("too little")
    assert capfd.readouterr().err == ""


async def test_t52_what_a_thread_says_too_often_is_counted_as_soon_as_the_loop_says_too_much(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_journal(debug=False)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def flood() -> None:
        for _ in range(LINES_A_SECOND + 5):
            log.warning("a thread is not pleased")

    await asyncio.to_thread(flood)
    log.warning("a thread is not pleased")
    monkeypatch.undo()
    await until(lambda: said(caplog, "6 more lines of this kind were left out: 'a thread is not pleased'"))


async def test_t52_a_line_is_one_line_whatever_a_browser_or_an_error_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        caplog.clear()
        await tab.event("fail")
        try:
            raise ValueError("of\nthe server")
        except ValueError:
            log.exception("it failed for %s", "a\r\nb\x1b[31m\u2028c")
        for record in caplog.records:
            assert record.exc_info is None
            assert not set(record.getMessage()) & set("\r\n\x1b\u2028")
        assert any("ValueError" in line and "test_journal.py" in line for line in said(caplog, "it failed"))


@pytest.mark.usefixtures("as_before")
async def test_t52_no_line_of_a_traceback_looks_like_one_of_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def page(request: Request) -> None:
        raise ValueError(f"no such name: {request.path_params['name']}")

    app = asok_app(tmp_path)
    app.page("/{name}", "page.html")(page)
    async with rig(app) as served:
        logging.config.dictConfig(log_config(development=False))
        visitor = await served.visitor()
        answer = await visitor.http.get("/a%0A1970-01-01 ERROR asok: a lie%0D%1B[31m")
        assert answer.status_code == 500
    told = capfd.readouterr().err.splitlines()
    begin = next(place for place, line in enumerate(told) if "Exception in ASGI application" in line)
    assert any("a lie" in line for line in told) and "Traceback" in told[begin + 1]
    assert all(line.startswith("  ") and not set(line) & set("\r\x1b") for line in told[begin + 1 :])


def test_t52_lines_of_other_kinds_are_not_kept_back_and_debug_shows_tracebacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep_journal(debug=True)
    for number in range(50):
        log.warning("this %s", number)
    log.warning("that %s", 1)
    try:
        raise ValueError("seen")
    except ValueError:
        log.exception("and this")
    assert len(said(caplog, "this ")) <= 2 * LINES_A_SECOND
    assert said(caplog, "that 1")
    assert caplog.records[-1].exc_info is not None


async def test_t32_bytes_that_are_no_text_are_one_line_under_plain_uvicorn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, ONE), ws="websockets-sansio") as served:
        caplog.clear()
        for _ in range(3):
            tab = await served.tab()
            await tab.socket.send(b"\xff\xfe", text=True)
            assert await tab.closed() == 1007
        assert len(said(caplog, "Invalid UTF-8")) == 3
        assert "Traceback" not in caplog.text


@pytest.mark.parametrize("method", ["sleep", "compute"])
async def test_t51_who_blocks_the_loop_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str) -> None:
    caplog.set_level("WARNING", "asok.watchdog")
    async with rig(asok_app(tmp_path, ONE, limits=Limits(loop_lag=0.2))) as served:
        tab = await served.tab()
        async with asyncio.timeout(60):
            # Where the machine had no time for who looks, it is the machine that is late, and nobody is blamed.
            while not said(caplog, f"by RefusesAll.{method} at test_journal.py:"):
                await tab.event(method)
        assert said(caplog, "the event loop is blocked for more than 0.20 s")


async def test_t51_a_method_in_a_thread_blocks_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    goes_on = threading.Event()

    def work(self: Any) -> None:
        goes_on.wait(20)

    type("WorksInThread", (Component,), {"template": "<p></p>", "work": exposed(work)})
    caplog.set_level("WARNING", "asok.watchdog")
    async with rig(asok_app(tmp_path, {"/": "{{ component('WorksInThread') }}"})) as served:
        tab, other = await served.tab(), await served.tab()
        working = asyncio.create_task(tab.event("work"))
        assert (await other.event("nope"))[0] == "refused"
        assert not working.done()
        goes_on.set()
        await working
        assert not [each for each in said(caplog, "event loop") if "WorksInThread" in each]
