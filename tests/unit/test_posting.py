"""The line: the same conversation without a WebSocket, over POST and events or polls, with the same checks."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import Asok, Component, Limits, Settings, exposed, polling, posted, posting
from tests.line import Line, LineRefused, frames
from tests.rig import KEY, PATIENCE, Rig, asok_app, rig
from tests.unit.clicking import served as served_by
from tests.unit.waiting import until

ROOT = Path(__file__).parents[2]

BOTH = pytest.mark.parametrize("over", ["post", "poll"])


class LineCounter(Component):
    count: int = 0
    template = "<p>{{ count }}</p>"

    @exposed
    def add(self, by: int = 1) -> None:
        self.count += by

    @exposed
    async def ask(self) -> None:
        self.count += 10 if await self.window.confirm("Ten more?") else 0


class LineWall(Component):
    """Far more text than a connection holds unread."""

    times: int = 0
    template = "<p>{{ times }}</p>{{ ('wall ' ~ times) * 40000 }}"

    @exposed
    def paint(self) -> None:
        self.times += 1


PAGE = {"/": "{{ component('LineCounter') }}"}


@BOTH
async def test_a_page_lives_on_a_line_as_on_a_socket(tmp_path: Path, over: str) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await (await served.visitor()).tab(over=over)
        assert await tab.text_after("add(2)") == "<p>2</p>"
        assert (await tab.event("add('x')"))[3] == "bad_args"
        await tab.send("event", tab.only, 3, "ask")
        question = await tab.until("ask")
        await tab.send("answer", *question[1:4], True)
        assert (await tab.settled(tab.only, 3))[0] == "update"
        assert tab.text() == "<p>12</p>"
        await tab.send("ping")
        assert await tab.until("pong")
        assert set(tab.socket.statuses) == {204}


async def test_what_a_page_posts_while_it_goes_is_taken_after_the_end_of_its_stream(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGE)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab(over="post")
        assert await tab.text_after("add(2)") == "<p>2</p>"
        await tab.socket.close()
        await (await visitor.http.get("/")).aread()  # by now the server has seen it
        await tab.send("event", tab.only, 2, "add(5)")
        assert tab.socket.statuses[-1] == 204


# ---- who may post, decided before a byte of the body is read

HONEST = {"Content-Type": "application/json", "Asok-Line": "open"}
REFUSED: list[tuple[int, str, dict[str, str | None]]] = [
    (405, "GET", {}),
    (405, "PUT", {}),
    (405, "OPTIONS", {"Access-Control-Request-Method": "POST", "Origin": "https://evil.test"}),
    (403, "POST", {"Origin": None}),
    (403, "POST", {"Origin": "null"}),
    (403, "POST", {"Origin": "https://evil.test"}),
    (403, "POST", {"Origin": "http://127.0.0.1"}),
    (403, "POST", {"Sec-Fetch-Site": "cross-site"}),
    (403, "POST", {"Sec-Fetch-Site": "same-site"}),
    (403, "POST", {"Sec-Fetch-Site": "none"}),
    (400, "POST", {"Host": "evil.test"}),
    (415, "POST", {"Content-Type": "application/x-www-form-urlencoded"}),
    (415, "POST", {"Content-Type": "multipart/form-data; boundary=x"}),
    (415, "POST", {"Content-Type": "text/plain"}),
    (415, "POST", {"Content-Type": "application/json; charset=utf-8"}),
    (415, "POST", {"Content-Type": None}),
    (404, "POST", {"Asok-Line": None}),
    (404, "POST", {"Asok-Line": "Open"}),
    (404, "POST", {"Asok-Line": "../../etc/passwd"}),
    (404, "POST", {"Asok-Line": "0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA." + "A" * 43 + " 1"}),
]  # fmt: skip


async def answered(served: Rig, method: str, headers: dict[str, str | None], body: bytes = b"") -> tuple[int, str]:
    """The status and the head of the answer to a request whose body may not have come yet."""
    given = {"Host": f"127.0.0.1:{served.port}", "Origin": served.base, **HONEST, "Content-Length": "60000", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"{method} /live HTTP/1.1\r\n{head}\r\n".encode() + body)
    try:
        async with asyncio.timeout(PATIENCE):
            said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    finally:
        writer.close()
    return int(said.split()[1]), said


@pytest.mark.parametrize(("status", "method", "headers"), REFUSED)
async def test_t15_who_may_not_post_is_refused_before_the_body_is_read(
    status: int, method: str, headers: dict[str, str | None], served: Rig
) -> None:
    got, head = await answered(served, method, headers)
    assert got == status
    assert "access-control" not in head
    assert await served.tab("/") is not None


@pytest.fixture
async def served(tmp_path: Path) -> Any:
    """A server with little patience for bodies."""
    limits = Limits(first_message=2, send_timeout=0.5, session_connections=3)
    bodies = {**PAGE, "/wall": "{{ component('LineWall') }}"}
    async with rig(asok_app(tmp_path, bodies, limits=limits)) as made:
        yield made


async def test_t45_a_body_that_does_not_come_is_waited_for_no_longer_than_its_time(served: Rig) -> None:
    assert (await answered(served, "POST", {}, b"["))[0] == 408


@BOTH
async def test_a_body_is_counted_while_it_comes_whatever_its_length_was_said_to_be(served: Rig, over: str) -> None:
    tab = await (await served.visitor()).tab(over=over)

    async def long() -> Any:
        for _ in range(70):
            yield b" " * 1024

    headers = {**tab.socket.headers, "Asok-Line": f"{tab.socket.name} 2"}
    answer = await tab.socket.http.post(tab.socket.url, content=long(), headers=headers)
    assert answer.status_code == 413
    assert await tab.closed() == 1009


MALFORMED = {
    "no array": b"{}",
    "no JSON": b"[[",
    "not UTF-8": b'[["ping\xff"]]',
    "51 frames": frames(*[["ping"]] * 51),
    "deep": b"[" * 40_000 + b"]" * 20_000,
    "no message": b'[["ping"],["nothing"]]',
    "no frame": b'["ping"]',
    "half a character": b'[["leave","\\ud800"]]',
    "amplified": b"[" + b"0," * 32_000 + b"0]",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_t41_a_body_that_is_no_array_of_at_most_50_frames_ends_the_line(served: Rig, body: bytes) -> None:
    visitor = await served.visitor()
    tab = await visitor.tab(over="post")
    assert await tab.socket.post(body) == 400
    assert await tab.closed() == 4400
    again = await visitor.tab(over="post")
    assert await again.text_after("add") == "<p>1</p>"


async def test_fifty_frames_in_one_body_are_taken_in_their_order(served: Rig) -> None:
    tab = await (await served.visitor()).tab(over="post")
    events = [["event", tab.only, number, f"add({number % 2})"] for number in range(1, 26)]
    assert await tab.socket.post(frames(*events, *[["ping"]] * 25)) == 204
    assert (await tab.settled(tab.only, 25))[0] == "update"
    assert tab.text() == "<p>13</p>"


async def test_a_name_of_a_line_is_worth_nothing_without_its_session(served: Rig) -> None:
    owner, thief = await served.visitor(), await served.visitor()
    tab = await owner.tab(over="post")
    await thief.open()
    nobody = await served.visitor()
    poll = await owner.tab(over="poll")
    invented = tab.socket.name[:-1] + ("A" if tab.socket.name[-1] != "A" else "B")
    answers = []
    for visitor in (thief, nobody):
        for name in (tab.socket.name, poll.socket.name):
            line = Line(visitor.http, tab.socket.url, {"Origin": served.base})
            answers.append(await line.request(f"{name} 2", frames(["ping"])))
            answers.append(await line.request(f"{name} 1", accept="text/event-stream"))
    answers.append(await tab.socket.request(f"{invented} 2", frames(["ping"])))
    assert len({(each.status_code, each.content, tuple(sorted(each.headers))) for each in answers}) == 1
    assert answers[0].status_code == 404
    assert await tab.text_after("add") == "<p>1</p>"
    await poll.send("ping")
    assert await poll.until("pong")


async def test_a_post_that_is_repeated_is_taken_once_and_one_out_of_turn_not_at_all(served: Rig) -> None:
    tab = await (await served.visitor()).tab(over="post")
    for _ in range(3):
        assert await tab.socket.post(frames(["ping"]), number=2) == 204
    await tab.until("pong")
    assert await tab.text_after("add") == "<p>1</p>"
    assert [frame for frame in tab.frames if frame[0] == "pong"] == [["pong"]]
    assert (await tab.socket.request(f"{tab.socket.name} 9", frames(["ping"]))).status_code == 404


# ---- how a line ends


@BOTH
async def test_a_line_of_a_session_that_has_ended_is_told_so(served: Rig, over: str) -> None:
    visitor = await served.visitor()
    tab = await visitor.tab(over=over)
    visitor.http.cookies.set("asok", "A" * 43)
    assert await (await visitor.line(over)).closed() == 4401
    assert (await tab.socket.request(f"{tab.socket.name} 2", frames(["ping"]))).status_code == 404


@BOTH
async def test_t12_who_leaves_is_gone_from_every_line_at_once(served: Rig, over: str) -> None:
    async def leave(request: Request) -> PlainTextResponse:
        request.scope["session"].regenerate()
        return PlainTextResponse("Good-bye")

    served.app.add_route("/leave", leave)
    visitor = await served.visitor()
    tab = await visitor.tab(over=over)
    await visitor.http.get("/leave")
    assert await tab.closed() == 4401


@BOTH
async def test_a_drain_lets_lines_answer_then_sends_them_elsewhere(served: Rig, over: str) -> None:
    tab = await (await served.visitor()).tab(over=over)
    await tab.event("add")
    draining = asyncio.create_task(served.app.drain(5))
    assert await tab.closed() == 1012
    await draining
    with pytest.raises(LineRefused) as refused:
        await (await served.visitor()).line(over)
    assert refused.value.status == 503


@BOTH
async def test_what_changed_on_disk_is_told_to_lines(tmp_path: Path, over: str) -> None:
    app = asok_app(tmp_path, PAGE, debug=True)
    async with rig(app) as served:
        tab = await (await served.visitor()).tab(over=over)
        await app.refresh("css")
        assert await tab.until("refresh") == ["refresh", "css"]


@BOTH
async def test_a_line_that_says_nothing_at_first_is_closed(served: Rig, over: str) -> None:
    assert await (await (await served.visitor()).line(over)).closed() == 4408


async def test_r02_a_stream_is_over_when_nothing_is_posted_for_long_and_a_ping_keeps_it(
    served: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posted, "QUIET", 2)  # a machine that does much else may stand still for a second
    tab = await (await served.visitor()).tab(over="post")
    for _ in range(8):
        await tab.send("ping")
        await tab.until("pong")
        await asyncio.sleep(0.3)
    assert await tab.closed() == 4408


async def ended(caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    """Wait until so many conversations have ended."""
    await until(lambda: sum(record.getMessage().endswith(": ended") for record in caplog.records) >= times)


async def test_r31_a_line_that_breaks_ends_at_once_and_leaves_no_task(
    served: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    visitor = await served.visitor()
    await visitor.open()
    tasks = len(asyncio.all_tasks())
    for _ in range(3):
        tab = await visitor.tab(over="post")
        await tab.event("add")
        await tab.socket.close()
    await ended(caplog, 3)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks + 1
    own = [record for record in caplog.records if record.name == "asok"]  # a slow machine has a watchdog bark
    assert [record for record in own if record.levelno >= logging.WARNING] == []


async def test_r31_what_joins_a_line_that_has_ended_is_told_so_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def wait(self: Any) -> None:
        begun.set()
        await gate.wait()

    type("LineHears", (Component,), {"template": "<p>.</p>", "wait": exposed(wait)})
    app = asok_app(tmp_path, {"/": "{{ component('LineHears') }}"})
    async with rig(app) as site:
        visitor = await site.visitor()
        tab, other, engine = await visitor.tab(over="poll"), await visitor.open(), app._engine
        await tab.send("event", tab.only, 1, "wait")
        await begun.wait()
        line = tab.socket
        assert (await line.request(f"{line.name} 9999", accept="text/event-stream")).status_code == 404
        join = ["join", 1, other.csrf, "late", [[token, 0, 0] for token in other.tokens]]
        assert await line.post(json.dumps([join]).encode()) == 404
        gate.set()
        await until(lambda: engine.crowd.size == 0)
        assert (len(engine.renderings), len(engine.rooms)) == (0, 0)


async def test_t44_who_does_not_read_a_stream_is_cut(served: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    visitor = await served.visitor()
    page = await visitor.open("/wall")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    cookie = f"asok={visitor.cookie}"
    head = {"Host": f"127.0.0.1:{served.port}", "Origin": served.base, "Cookie": cookie, **HONEST, "Content-Length": 2}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST /live HTTP/1.1\r\n{lines}\r\n[]".encode())
    await reader.readuntil(b"data: ")
    line = Line(visitor.http, f"{served.base}/live", {"Origin": served.base})
    line.name = (await reader.readuntil(b"\n")).decode().strip()
    instance = page.tokens[0].partition(".")[0]
    await line.send(json.dumps(["join", 1, page.csrf, "tab", [[page.tokens[0], 0, 0]]]))
    for seq in range(1, 31):
        await line.send(json.dumps(["event", instance, seq, "paint"]))
    await ended(caplog)
    assert "cut: a browser that does not read" in [record.getMessage() for record in caplog.records]
    writer.close()


# ---- polls


async def test_an_answer_that_was_lost_ends_the_line_and_nothing_is_skipped(served: Rig) -> None:
    visitor = await served.visitor()
    page = await visitor.open()
    line = Line(visitor.http, f"{served.base}/live", {"Origin": served.base})
    opened = await line.request("poll", accept="text/event-stream")
    name = opened.text.split("data: ")[1].strip()
    await line.request(f"{name} 1", frames(["join", 1, page.csrf, "tab", [[page.tokens[0], 0, 0]]], ["ping"]))
    assert (await line.request(name, accept="text/event-stream")).status_code == 404
    lost = await line.request(f"{name} 0", accept="text/event-stream")
    assert lost.text.count("data: ") >= 1
    assert (await line.request(f"{name} 0", accept="text/event-stream")).status_code == 404
    assert (await line.request(f"{name} 2", frames(["ping"]))).status_code == 404


async def test_a_poll_that_is_given_up_takes_nothing_with_it(served: Rig) -> None:
    visitor = await served.visitor()
    page = await visitor.open()
    line = Line(visitor.http, f"{served.base}/live", {"Origin": served.base})
    name = (await line.request("poll", accept="text/event-stream")).text.split("data: ")[1].strip()
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            headers = {**line.headers, "Asok-Line": f"{name} 0", "Accept": "text/event-stream"}
            await line.http.post(line.url, content=b"[]", headers=headers, timeout=httpx.Timeout(None, read=0.05))
    waiting = asyncio.create_task(line.request(f"{name} 0", accept="text/event-stream"))
    await line.request(f"{name} 1", frames(["join", 1, page.csrf, "tab", [[page.tokens[0], 0, 0]]]))
    assert json.loads((await waiting).text.removeprefix("data: "))[0] == "joined"


async def test_a_second_poll_ends_the_first_one_at_once() -> None:
    polls = polling.Polls()
    first = asyncio.create_task(polls.poll(0, 60))
    await asyncio.sleep(0)
    second = asyncio.create_task(polls.poll(0, 60))
    async with asyncio.timeout(PATIENCE):
        assert await first == (404, "")
        await polls.send('["pong"]')
        assert await second == (200, 'data: ["pong"]\n\n')
    polls.end()


async def test_a_line_that_nobody_polls_is_over(
    served: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(polling, "GAP", 0.1)
    tab = await (await served.visitor()).tab(over="poll")
    await tab.event("add")
    await tab.socket.close()
    await ended(caplog)
    assert (await tab.socket.request(f"{tab.socket.name} 9", frames(["ping"]))).status_code == 404


async def test_a_poll_without_news_ends_and_the_next_one_goes_on(served: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_POLL", 0.05)
    tab = await (await served.visitor()).tab(over="poll")
    await asyncio.sleep(0.2)
    assert await tab.text_after("add") == "<p>1</p>"


# ---- what stands between


async def test_a_comment_keeps_a_silent_line_alive(served: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting.Stream, "heartbeat", 0.05)
    visitor = await served.visitor()
    await visitor.open()
    headers = {"Origin": served.base, **HONEST}
    async with visitor.http.stream("POST", "/live", content=b"[]", headers=headers) as answer:
        chunks = answer.aiter_text()
        assert (await anext(chunks)).startswith("event: line\n")
        assert await anext(chunks) == ":\n\n"


async def test_middleware_of_an_app_holds_nothing_back(tmp_path: Path) -> None:
    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    middleware = [Middleware(GZipMiddleware, minimum_size=1), Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    async with rig(asok_app(tmp_path, PAGE, middleware=middleware)) as served:
        tab = await (await served.visitor()).tab(over="post")
        assert await tab.text_after("add") == "<p>1</p>"


async def test_a_post_that_comes_late_takes_no_new_cookie_away(served: Rig) -> None:
    tab = await (await served.visitor()).tab(over="post")
    tab.socket.http.cookies.set("asok", "A" * 43)
    answer = await tab.socket.request(f"{tab.socket.name} 2", frames(["ping"]))
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


async def test_without_websockets_every_handshake_is_refused_and_pages_say_so(tmp_path: Path) -> None:
    chosen = Settings(tmp_path, keys=(KEY,), database=":memory:", websocket=False)
    app = Asok(root=tmp_path, settings=chosen, env=asok_app(tmp_path, PAGE).env)
    app.page("/", "page0.html")
    async with rig(app) as served:
        visitor = await served.visitor()
        assert " data-post" in (await visitor.open()).text
        with pytest.raises(websockets.InvalidStatus) as refused:
            await visitor.connect()
        assert refused.value.response.status_code == 403
        tab = await visitor.tab(over="post")
        assert await tab.text_after("add") == "<p>1</p>"


def test_the_environment_turns_websockets_off(tmp_path: Path) -> None:
    assert not Settings.read(tmp_path, {"SECRET_KEY": KEY, "ASOK_DISABLE_WS": "1"}).websocket
    assert Settings.read(tmp_path, {"SECRET_KEY": KEY}).websocket


@BOTH
async def test_t46_a_session_has_so_many_connections_and_lines_count_as_sockets_do(served: Rig, over: str) -> None:
    visitor = await served.visitor()
    await visitor.tab()
    tabs = [await visitor.tab(over=over) for _ in range(2)]
    with pytest.raises(LineRefused) as refused:
        await visitor.line(over)
    assert refused.value.status == 503
    assert await tabs[0].text_after("add") == "<p>1</p>"


# ---- exactly once, in mixed use


@BOTH
async def test_t34_an_event_over_the_socket_and_again_over_the_line_is_applied_once(served: Rig, over: str) -> None:
    visitor = await served.visitor()
    socket = await visitor.tab()
    assert await socket.text_after("add") == "<p>1</p>"
    line = await visitor.line(over)
    line.name, line.shown, line.csrf = socket.name, socket.shown, socket.csrf
    await line.rejoin(socket.only)
    for seq, tabs in ((1, (line,)), (2, (line, socket)), (2, (socket, line))):
        for tab in tabs:
            assert (await tab.event("add", seq=seq))[0] == "update"
    both = await asyncio.gather(*(tab.event("add", seq=3) for tab in (socket, line)))
    assert [frame[0] for frame in both] == ["update", "update"]
    assert await line.text_after("add(0)") == "<p>3</p>"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 11)), polls=st.booleans())
async def test_however_a_conversation_is_cut_into_posts_the_frames_are_the_same(
    tmp_path: Path, cuts: set[int], polls: bool
) -> None:
    async with rig(asok_app(tmp_path, PAGE, limits=Limits(inbound=64))) as served:
        tab = await (await served.visitor()).tab(over="poll" if polls else "post")
        said = [["event", tab.only, seq, f"add({seq})"] for seq in range(1, 9)]
        said += [["event", tab.only, 8, "add(8)"], ["ping"], ["event", tab.only, 9, "add('x')"], ["ping"]]
        edges = [0, *sorted(cuts), len(said)]
        for start, end in itertools.pairwise(edges):
            assert await tab.socket.post(frames(*said[start:end])) == 204
        assert await tab.until("refused") == ["refused", tab.only, 9, "bad_args", ""]
        assert tab.text() == "<p>36</p>"
        assert [frame[2] for frame in tab.frames if frame[0] == "update"][:8] == list(range(1, 9))
        assert [frame for frame in tab.frames if frame[0] == "pong"][:1] == [["pong"]]


@pytest.mark.parametrize("command", [("uvicorn", "tests.unit.line_child:in_this_folder", "--factory")])
async def test_r06_a_plain_server_ends_though_lines_are_open_and_tells_them(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as closing, served_by(*command, folder=tmp_path, PYTHONPATH=str(ROOT)) as server:
        visitor = await Rig(server.port, None, closing).visitor()
        tabs = [await visitor.tab(over=over) for over in ("post", "poll", "post")]
        server.process.send_signal(signal.SIGTERM)
        assert [await tab.closed() for tab in tabs] == [1012, 1012, 1012]
        assert await server.ended() in (0, -signal.SIGTERM)
        assert "Traceback" not in server.said, server.said


def test_the_page_about_the_protocol_tells_the_numbers_of_lines() -> None:
    told = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    for words in (
        f"at most {posted.MOST_FRAMES} frames",
        f"comment comes every {posting.HEARTBEAT:.0f} s",
        f"nothing is posted for {posted.QUIET:.0f} s",
        f"waits for its word, {posted.ACKNOWLEDGEMENT:.0f} s at most",
        f"at the latest after {polling.LONGEST_POLL:.0f} s",
        f"nobody polls for {polling.GAP:.0f} s",
        f"A body has at most {Limits().message // 1024} KiB and comes within {Limits().first_message:.0f} s",
        f"does not read for {Limits().send_timeout:.0f} s is cut",
    ):
        assert words in told
    assert posting.Stream.heartbeat == posting.HEARTBEAT < 30
