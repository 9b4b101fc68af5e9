"""What a person sees, and what becomes of what they do, when connections, workers and pages come and go."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest
from playwright.async_api import Page, Route, expect

from asok import Component, Limits, Store, exposed
from tests.browser.alive_rig import ONE, Rig, root
from tests.browser.conftest import Launch, Serve
from tests.browser.gate import Gate
from tests.browser.small import live, losing, small_app, until, while_time_passes

BODY = "{{ component('Keeper') }}"
TELL = "window.told = []; addEventListener('alive:error', ({ detail }) => told.push(detail));"
kept_votes = Store({"count": 0}, name="kept_votes")


class Keeper(Component):
    """Counts, and shows what everybody counts."""

    count = 0
    template = """<div><output>{{ count }}</output> <b>{{ votes }}</b>
      <button id="add" ws-click="add">Add</button> <input name="text" autocomplete="off"></div>"""

    @property
    def votes(self) -> Any:
        return kept_votes.read("count")

    @exposed
    def add(self) -> None:
        self.count += 1


@pytest.fixture
async def gate(serve: Serve, tmp_path: Path) -> AsyncIterator[Gate]:
    async with Gate(await serve(small_app(tmp_path, BODY, scripts=TELL))) as gate:
        yield gate


async def show(page: Page, url: str) -> None:
    await page.goto(url)
    await live(page)


async def click_fast(page: Page, times: int) -> None:
    await page.evaluate(f"for (let n = 0; n < {times}; n++) document.querySelector('#add').click()")


async def counts(page: Page, count: int) -> None:
    await expect(page.locator("output")).to_have_text(str(count))


# --- half open


async def test_r02_a_dead_connection_is_noticed_within_five_seconds_while_an_event_waits(
    page: Page, gate: Gate
) -> None:
    await show(page, gate.url)
    await click_fast(page, 1)
    await counts(page, 1)
    gate.deaf = True
    await click_fast(page, 1)
    began = time.monotonic()
    await page.wait_for_selector('html:not([data-alive="live"])', state="attached")
    assert time.monotonic() - began < 20  # an idle one is tested after 25
    gate.deaf = False
    await gate.cut()
    await click_fast(page, 1)
    await counts(page, 3)


# --- without a network


async def test_r03_a_hundred_events_are_kept_and_the_next_one_is_refused_in_words(page: Page, gate: Gate) -> None:
    gate.upgrades = "pass"
    await show(page, gate.url)
    # What keeps so many events comes with the first message, and could not be had any more.
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    await page.fill("input", "typed")
    gate.broken = True
    await gate.cut()
    await page.wait_for_selector('html:not([data-alive="live"])', state="attached")
    await click_fast(page, 101)
    await until(page, "told.length === 1")
    assert await page.evaluate("told") == [
        {"code": "full", "text": "There is no connection, and 100 events wait: this one was not kept."}
    ]
    await expect(page.get_by_role("status").last).to_have_text("No connection · 100 waiting · no more are kept")
    gate.broken = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await counts(page, 100)
    assert await page.input_value("input") == "typed"
    assert len(await page.evaluate("told")) == 1


async def test_r03_what_was_done_while_the_token_expired_is_done_on_the_renewed_page(
    page: Page, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await show(page, gate.url)
    await click_fast(page, 1)
    await counts(page, 1)
    gate.broken = True
    await gate.cut()
    await page.wait_for_selector('html:not([data-alive="live"])', state="attached")
    await click_fast(page, 5)
    half_a_day_later = time.time() + Limits().token_age + 120
    monkeypatch.setattr(time, "time", lambda: half_a_day_later)
    gate.broken = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await counts(page, 6)
    assert await page.evaluate("told") == []


# --- pages that rest


async def test_r28_a_page_that_comes_back_from_the_cache_is_connected_anew(page: Page, gate: Gate) -> None:
    await show(page, gate.url)
    await click_fast(page, 2)
    await counts(page, 2)
    tried = gate.tried
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await click_fast(page, 2)
    await kept_votes.update("count", 1)
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await counts(page, 4)
    await expect(page.locator("b")).to_have_text(str(kept_votes.read("count")))
    assert gate.tried == tried + 1


async def test_r28_a_frozen_page_that_has_lost_its_connection_goes_on_where_it_was(page: Page, gate: Gate) -> None:
    await show(page, gate.url)
    await page.fill("input", "typed")
    await click_fast(page, 2)
    await counts(page, 2)
    tools = await page.context.new_cdp_session(page)
    await click_fast(page, 2)
    await tools.send("Page.setWebLifecycleState", {"state": "frozen"})
    await gate.cut()
    await kept_votes.update("count", 1)
    await tools.send("Page.setWebLifecycleState", {"state": "active"})
    await counts(page, 4)
    await expect(page.locator("b")).to_have_text(str(kept_votes.read("count")))
    assert await page.input_value("input") == "typed"


# --- modules that could not be had


async def test_a_page_whose_modules_were_not_to_be_had_knocks_until_the_server_is_there(page: Page, gate: Gate) -> None:
    await page.route("**/messages.js", lambda route: route.abort())
    await page.clock.install()
    gate.upgrades = 502
    await page.goto(gate.url)
    for times in range(1, 4):
        await while_time_passes(page, gate.asked(times))
    gate.upgrades = "pass"
    await while_time_passes(page, live(page))
    await click_fast(page, 1)
    await counts(page, 1)


@pytest.mark.parametrize("name", ["features", "messages"])
async def test_a_module_that_could_not_be_had_is_asked_for_until_it_is_there(
    page: Page, server: Rig, name: str
) -> None:
    asked: list[str] = []

    async def fail_at_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) < 6:
            await route.fulfill(status=502, content_type="text/html", body="Bad Gateway")
        else:
            await route.continue_()

    await page.route(f"**/{name}.js*", fail_at_first)
    await page.clock.install()
    server.body = root('<button ws-click.stop="go">Go</button>')
    await page.goto(server.url)
    line = await server.line()
    await line.say("update", ONE, 0, [], [], [["title", "one"]])
    await line.say("update", ONE, 0, [], [], [["title", "two"]])
    event = asyncio.ensure_future(line.event())  # which answers the pings of the time that passes
    await while_time_passes(page, until(page, "window.alive.call && document.title === 'two'"))
    await page.click("button")
    assert (await event)[2] == "go"
    assert len(asked) == 6


async def test_a_module_that_throws_runs_once(page: Page, server: Rig, page_faults: list[str]) -> None:
    text = "window.runs = (window.runs ?? 0) + 1; throw new TypeError('broken');"
    await page.route(
        "**/features.js*", lambda route: route.fulfill(status=200, content_type="text/javascript", body=text)
    )
    await page.clock.install()
    server.body = root('<button ws-click.stop="go">Go</button>')
    await page.goto(server.url)
    line = await server.line()
    await line.say("update", ONE, 0, [], [], [["title", "one"]])
    await expect(page).to_have_title("one")
    await page.clock.run_for(60_000)
    assert await page.evaluate("runs") == 1
    assert "broken" in page_faults.pop()


# --- a worker that is killed


APP = '''
    import os
    from asok import Asok, Component, exposed


    class Writer(Component):
        said = ""
        template = """<div><form ws-submit="say"><input name="text" autocomplete="off"><button>Say</button></form>
            <p>{{ said }}</p> <button id="poison" ws-click.stop="poison">Poison</button></div>"""

        @exposed
        def say(self, text: str):
            self.said += text + ";"

        @exposed
        def poison(self):
            os._exit(1)


    app = Asok()
    app.page("/", Writer)
'''


async def test_r04_a_worker_is_killed_while_a_person_types(page: Page, launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(dedent(APP), "utf-8")
    server = await launch("run", "app.py", "--workers", "2", env={"SECRET_KEY": os.urandom(32).hex()})
    loads = []
    page.on("domcontentloaded", lambda _: loads.append(1))
    await page.add_init_script(TELL)
    await show(page, server.url)
    await page.type("[name=text]", "before ")
    await page.press("[name=text]", "Enter")
    await expect(page.locator("p")).to_have_text("before ;")
    await page.fill("[name=text]", "")
    assert server.process is not None
    for word in ("one", "two"):
        await page.type("[name=text]", word)
        async with losing(page):
            for worker in psutil.Process(server.process.pid).children(recursive=True):
                worker.send_signal(signal.SIGKILL)
            await page.type("[name=text]", " more", delay=20)
            await page.press("[name=text]", "ArrowLeft")
        await page.wait_for_selector('html[data-alive="live"]', state="attached")
        state = "[document.activeElement.value, document.activeElement.selectionStart]"
        assert await page.evaluate(state) == [f"{word} more", len(word) + 4]
        await page.press("[name=text]", "Enter")
        await expect(page.locator("p")).to_contain_text(f"{word} more;", timeout=20_000)
        await page.fill("[name=text]", "")
    await expect(page.locator("p")).to_have_text("before ;one more;two more;")
    assert (loads, await page.evaluate("told")) == ([1], [])


async def test_r05_what_was_done_without_a_connection_is_done_though_the_sessions_are_lost(
    page: Page, launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(dedent(APP), "utf-8")
    env = {"SECRET_KEY": os.urandom(32).hex(), "ASOK_DATABASE": str(tmp_path / "sessions.db")}
    server = await launch("run", "app.py", env=env)
    await page.add_init_script(TELL)
    await show(page, server.url)
    await page.type("[name=text]", "before")
    await page.press("[name=text]", "Enter")
    await expect(page.locator("p")).to_have_text("before;")
    await server.kill()
    await page.wait_for_selector('html[data-alive="offline"]', state="attached")
    for file in tmp_path.glob("sessions.db*"):
        if file.is_file():
            file.unlink()
    await page.fill("[name=text]", "kept")
    await page.press("[name=text]", "Enter")
    await server.start()
    await expect(page.locator("p")).to_have_text("kept;", timeout=30_000)
    assert await page.evaluate("told") == []


async def test_r32_an_event_that_ends_its_worker_is_refused_in_words_at_its_control(
    page: Page, launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(dedent(APP), "utf-8")
    server = await launch("run", "app.py", "--workers", "2", env={"SECRET_KEY": os.urandom(32).hex()})
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    await page.add_init_script(TELL)
    await show(page, server.url)
    await page.type("[name=text]", "kept")
    await page.click("#poison")
    await expect(page.locator("#poison")).to_have_attribute("aria-invalid", "true", timeout=40_000)
    words = "This was not done: the server has failed at it twice."
    await expect(page.get_by_role("status")).to_have_text(words)
    assert await page.evaluate("told") == [{"code": "parked", "text": words}]
    assert [text for text in said if text.startswith("alive:")] == [f"alive: {words}"]
    assert await page.input_value("[name=text]") == "kept"
    await page.press("[name=text]", "Enter")
    await expect(page.locator("p")).to_have_text("kept;", timeout=20_000)
