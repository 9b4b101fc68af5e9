"""Posts and polls that meet a worker which does not hold the line: they reach the one that does, once and in order."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asok.bus import MESSAGE_LIMIT, LocalBus
from asok.relay import Relay
from tests.line import frames
from tests.rig import PATIENCE, Rig, Tab, Visitor, rig
from tests.unit.line_child import LONG, line_worker

BOTH = pytest.mark.parametrize("over", ["post", "poll"])
Place = tuple[Path, str, int]


@contextmanager
def child(folder: Path, redis: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Another worker, and its port."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.unit.line_child", str(folder), redis]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder, a Redis or none, and the port of a worker there."""
    folder = tmp_path_factory.mktemp("lines")
    redis = request.getfixturevalue("redis").url if request.param == "redis" else ""
    with child(folder, redis) as (_, port):
        yield folder, redis, port


@pytest.fixture
async def served(place: Place) -> Any:
    """A worker in this process, beside the other."""
    folder, redis, port = place
    async with rig(line_worker(folder, redis)) as here:
        await seen(here, port)
        yield here


async def seen(here: Rig, port: int) -> None:
    """Wait until the workers hear each other."""
    tab = await (await here.visitor()).tab(over="post")
    tab.socket.to = [f"http://127.0.0.1:{port}/live"]
    name = tab.socket.name
    for _ in range(100):
        if (await tab.socket.request(f"{name} 2", frames(["ping"]), url=tab.socket.to[0])).status_code == 204:
            await tab.socket.close()
            return
    raise AssertionError("the workers do not hear each other")


async def far_tab(here: Rig, port: int, over: str) -> Tab:
    """A tab whose line is held here, and whose posts and polls go to the other worker."""
    visitor = await here.visitor()
    page = await visitor.open()
    tab = await visitor.line(over)
    tab.socket.to = [f"http://127.0.0.1:{port}/live"]
    await tab.join(page.tokens, page.csrf)
    return tab


@BOTH
async def test_a_line_lives_though_nothing_reaches_the_worker_that_holds_it(
    served: Rig, place: Place, over: str
) -> None:
    tab = await far_tab(served, place[2], over)
    for number in range(1, 11):
        assert await tab.text_after("add") == f"<p>{number}</p>"
    events = [["event", tab.only, seq, f"add({seq})"] for seq in range(11, 31)]
    assert await tab.socket.post(frames(*events)) == 204
    assert (await tab.settled(tab.only, 30))[0] == "update"
    assert tab.text() == f"<p>{10 + sum(range(11, 31))}</p>"
    assert [frame[2] for frame in tab.frames if frame[0] == "update"] == sorted(
        frame[2] for frame in tab.frames if frame[0] == "update"
    )
    assert set(tab.socket.statuses) == {204}


@BOTH
async def test_a_rendering_that_is_more_than_a_message_of_the_bus_arrives_whole(
    served: Rig, place: Place, over: str
) -> None:
    assert LONG * len(r"\\n") > MESSAGE_LIMIT  # a text in JSON, which is a text in JSON again
    tab = await far_tab(served, place[2], over)
    assert (await tab.text_after("grow")).count("\n") == LONG


@BOTH
async def test_a_post_that_two_workers_get_is_taken_once(served: Rig, place: Place, over: str) -> None:
    tab = await far_tab(served, place[2], over)
    tab.socket.to = [tab.socket.url, *tab.socket.to]
    for url in tab.socket.to * 2:
        body = frames(["event", tab.only, 1, "add"], ["ping"])
        assert (await tab.socket.request(f"{tab.socket.name} 2", body, url=url)).status_code == 204
    tab.socket.posts, tab.shown[tab.only].last = 2, 1
    assert await tab.text_after("add") == "<p>2</p>"
    assert [frame for frame in tab.frames if frame[0] == "pong"] == [["pong"]]


async def test_a_stolen_name_is_worth_nothing_at_any_worker(served: Rig, place: Place) -> None:
    tab = await far_tab(served, place[2], "post")
    thief = await served.visitor()
    await thief.open()
    tab.socket.http = thief.http
    assert await tab.socket.post(frames(["ping"])) == 404


@pytest.mark.parametrize(("body", "code"), [(b"[1,", 4400), (b"[" + b" " * 70_000 + b"]", 1009)])
async def test_a_body_that_nobody_takes_ends_the_line_wherever_it_is_held(
    served: Rig, place: Place, body: bytes, code: int
) -> None:
    tab = await far_tab(served, place[2], "post")
    url = tab.socket.to[0]
    await tab.socket.request(f"{tab.socket.name} 2", body, url=url)
    assert await tab.closed() == code


async def test_t34_an_event_over_a_socket_and_a_line_of_two_workers_is_applied_once(served: Rig, place: Place) -> None:
    line = await far_tab(served, place[2], "post")
    there = Visitor(Rig(place[2], None, served.closing), line.socket.http)
    socket = await there.connect(cookie=line.socket.http.cookies["asok"])
    socket.name, socket.shown, socket.csrf = line.name, dict(line.shown), line.csrf
    await socket.rejoin(line.only)
    for seq in range(1, 6):
        both = await asyncio.gather(*(tab.event("add", seq=seq) for tab in (line, socket)))
        assert [frame[0] for frame in both] == ["update", "update"]
    assert await line.text_after("add(0)") == "<p>5</p>"


class Roaming:
    """A page that connects anew for each event: over another transport, to another worker, which another one hears."""

    def __init__(self, here: Visitor, there: Visitor, tab: Tab) -> None:
        self.workers, self.tab = (here, there), tab

    async def move(self, over: str, worker: int, posts_to: int) -> None:
        visitor, old = self.workers[worker], self.tab
        self.tab = await (visitor.connect(cookie=self.workers[0].cookie) if over == "socket" else visitor.line(over))
        if over != "socket":
            self.tab.socket.to = [f"{self.workers[posts_to].rig.base}/live"]
        await old.socket.close()
        self.tab.name, self.tab.shown, self.tab.csrf = old.name, old.shown, old.csrf
        await self.tab.rejoin(self.tab.only)


async def test_t34_events_that_wander_over_transports_and_workers_count_once_each(served: Rig, place: Place) -> None:
    visitor = await served.visitor()
    page = Roaming(visitor, Visitor(Rig(place[2], None, served.closing), visitor.http), await visitor.tab())
    ways = list(itertools.product(("socket", "post", "poll"), (0, 1), (0, 1)))
    for seq, (way, again) in enumerate(zip(ways, ways[5:] + ways[:5], strict=True), 1):
        await page.move(*way)
        await page.tab.send("event", page.tab.only, seq, f"add({10**seq})")
        if seq % 3:  # the answer is lost, perhaps the event too: it is sent again, by another way
            await page.move(*again)
            await page.tab.send("event", page.tab.only, seq, f"add({10**seq})")
        assert (await page.tab.settled(page.tab.only, seq))[0] == "update"
    assert page.tab.text() == f"<p>{sum(10**seq for seq in range(1, len(ways) + 1))}</p>"


@BOTH
async def test_a_line_whose_worker_is_killed_is_gone_and_the_next_one_goes_on_exactly(
    served: Rig, place: Place, over: str
) -> None:
    folder, redis, _ = place
    visitor = await served.visitor()
    page = await visitor.open()
    with child(folder, redis) as (process, port):
        there = Visitor(Rig(port, None, served.closing), visitor.http)
        tab = await there.line(over)
        await tab.join(page.tokens, page.csrf)
        assert await tab.text_after("add") == "<p>1</p>"
        await tab.send("event", tab.only, 2, "add")
        await tab.settled(tab.only, 2)
        process.kill()
        process.wait()
        tab.socket.to = [f"{served.base}/live"]
        assert await tab.socket.post(frames(["event", tab.only, 3, "add"])) == 404
    again = await visitor.line(over)
    again.name, again.shown, again.csrf = tab.name, tab.shown, tab.csrf
    await again.rejoin(tab.only)
    for seq in (2, 3):
        assert (await again.event("add", seq=seq))[0] == "update"
    assert again.text() == "<p>3</p>"


async def test_a_poll_that_waits_at_one_worker_ends_soon_when_the_other_one_is_killed(
    served: Rig, place: Place
) -> None:
    folder, redis, _ = place
    visitor = await served.visitor()
    page = await visitor.open()
    with child(folder, redis) as (process, port):
        tab = await Visitor(Rig(port, None, served.closing), visitor.http).line("poll")
        tab.socket.to = [f"{served.base}/live"]
        await tab.join(page.tokens, page.csrf)
        assert await tab.text_after("add") == "<p>1</p>"
        process.kill()
        assert await tab.closed() == 1006


# ---- the relay itself


class Shelf:
    """Holds lines that keep what they are given."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, str]] = []

    def take(self, line: str, number: int, text: str) -> int:
        self.taken.append((line, number, text))
        return 204

    async def poll(self, line: str, number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return 200, line * number

    def close(self, line: str, code: int) -> int:
        return code


@pytest.fixture
async def relays() -> Any:
    """Two workers on one bus, the second of which holds lines."""
    bus = LocalBus()
    await bus.open()
    both = Relay(bus), Relay(bus)
    both[1].holder = Shelf()
    for relay in both:
        relay.open()
    yield bus, *both
    for relay in both:
        await relay.close()
    await bus.close()


Relays = tuple[LocalBus, Relay, Relay]


async def test_what_is_asked_at_once_is_taken_in_the_order_of_asking(relays: Relays) -> None:
    _, asking, holding = relays
    asks = [asking.ask(holding.worker, "take", "a", n, f"text {n}", patience=10) for n in range(50)]
    assert set(await asyncio.gather(*asks)) == {(204, "")}
    assert isinstance(holding.holder, Shelf)
    assert holding.holder.taken == [("a", n, f"text {n}") for n in range(50)]
    assert await asking.ask(holding.worker, "close", "a", 4400, "", patience=10) == (4400, "")


async def test_a_long_answer_comes_in_pieces(relays: Relays) -> None:
    _, asking, holding = relays
    answers = await asyncio.gather(
        *(asking.ask(holding.worker, "poll", letter, 2_000_000, "", patience=10) for letter in "ab")
    )
    assert answers == [(200, "a" * 2_000_000), (200, "b" * 2_000_000)]


async def test_a_worker_that_does_not_answer_is_waited_for_no_longer_than_allowed(relays: Relays) -> None:
    _, asking, _ = relays
    async with asyncio.timeout(PATIENCE):
        assert await asking.ask("0" * 16, "take", "a", 1, "", patience=0.01) == (404, "")


JUNK: list[Callable[[str], bytes]] = [
    lambda back: b"",
    lambda back: b"\xff",
    lambda back: b"[" * 10_000,
    lambda back: b'["ask"]',
    lambda back: b'["ask","../kick",1,"take","a",1,""]',
    lambda back: b'["ask","*",1,"take","a",1,""]',
    lambda back: f'["ask","{back}",1,"pickle","a",1,""]'.encode(),
    lambda back: f'["ask","{back}",1,"take",["a"],1,""]'.encode(),
    lambda back: b'["tell",99,204,"",false]',
]


async def test_t55_what_is_no_message_about_lines_is_dropped(relays: Relays, caplog: pytest.LogCaptureFixture) -> None:
    bus, asking, holding = relays
    for junk in JUNK:
        bus.publish(f"lines/{holding.worker}", junk(asking.worker))
        bus.publish(f"lines/{asking.worker}", junk(asking.worker))
    assert await asking.ask(holding.worker, "take", "a", 1, "honest", patience=10) == (204, "")
    assert isinstance(holding.holder, Shelf)
    assert holding.holder.taken == [("a", 1, "honest")]
    assert [record for record in caplog.records if record.exc_info] == []


async def test_who_waits_when_the_relay_closes_is_told_that_the_line_is_gone(relays: Relays) -> None:
    _, asking, _ = relays
    waiting = asyncio.create_task(asking.ask("0" * 16, "take", "a", 1, "", patience=60))
    await asyncio.sleep(0)
    await asking.close()
    async with asyncio.timeout(PATIENCE):
        assert await waiting == (404, "")
