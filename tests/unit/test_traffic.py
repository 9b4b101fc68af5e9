"""Stores over real sockets: regions, followed paths, writes, and components that follow what they read."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import html
import json
import re
import resource
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import Asok, AuthStore, Component, Limits, Store, exposed
from asok.backends.memory import MemoryBackend
from asok.bus import LocalBus
from asok.errors import Busy
from asok.outbox import Closing, Outbox
from asok.protocol import Follow, React, Write
from asok.sessions import META, Commit, Session
from asok.traffic import StoreTraffic
from tests.rig import Frame, Rig, Tab, Visitor, asok_app, rig

REACT = re.compile(r'data-asok-react="([^"]*)"')
DO = re.compile(r'data-asok-do="([^"]*)"')
PATIENCE = 60


@pytest.fixture(autouse=True)
def votes() -> Store:
    """The store of most tests, readable and writable in parts; those of other tests are gone."""
    gc.collect()
    return Store(
        {"counter": 1, "hidden": 7, "log": [], "todo": {"a": {"done": False, "secret": 1}}},
        name="votes",
        readable=["counter", "log", "todo/*/done"],
        writable={"counter": int, "log": list, "todo/*/done": bool},
    )


@pytest.fixture(autouse=True)
def todos() -> AuthStore:
    return AuthStore(lambda session: session.get("user"), {"n": 0}, name="todos", readable=True, writable={"n": int})


async def new_id(request: Request) -> PlainTextResponse:
    """Gives the session another id, and sets some state before the response goes out."""
    session, app = request.scope["session"], request.app.state.asok
    session.regenerate()
    await app.set_state("ui", "theme", "dark")
    return PlainTextResponse(str(app.get_state("ui", "size")))


async def log_in(request: Request) -> PlainTextResponse:
    """/as/ann signs in, /as/ (nobody) signs out without another id."""
    request.session["user"] = request.path_params["user"]
    return PlainTextResponse("ok")


@asynccontextmanager
async def served(tmp_path: Path, body: str = "{{ component('Idle') }}", **options: Any) -> AsyncIterator[Rig]:
    class Idle(Component):
        template = "<p></p>"

    app = asok_app(tmp_path, {"/": body}, **options)
    app.add_route("/as/{user:path}", log_in)
    app.add_route("/new-id", new_id)
    app.starlette.state.asok = app
    async with rig(app) as made:
        yield made


async def joined(visitor: Visitor, user: str = "") -> tuple[Tab, str]:
    """A tab of the visitor, and its page's text."""
    if user:
        await visitor.http.get(f"/as/{user}")
    page = await visitor.open()
    tab = await visitor.connect()
    await tab.join(page.tokens, page.csrf)
    return tab, page.text


async def store_frame(tab: Tab, *kinds: str) -> Frame:
    """The next message of these kinds about stores, without the word `store`."""
    while True:
        frame = await tab.until("store")
        if not kinds or frame[1] in kinds:
            return frame[1:]


def values(markup: re.Pattern[str], text: str) -> list[str]:
    return [html.unescape(each) for each in markup.findall(text)]


def words(tab: Tab, instance: str = "") -> str:
    """What an instance shows, without its tags."""
    return re.sub("<[^>]*>", "", tab.text(instance))


async def until(done: Callable[[], bool]) -> None:
    """Wait for what the server does after a tab has gone, which nobody is told of."""
    async with asyncio.timeout(PATIENCE):
        while not done():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0)


async def ended(tab: Tab, app: Asok) -> None:
    """Close the socket and wait until the server has let go of it."""
    await tab.socket.close()
    await until(lambda: len(app._engine.regions) == 0)


# ---- writes


async def test_a_granted_click_writes_and_every_region_follows(tmp_path: Path, votes: Store) -> None:
    body = (
        "{{ component('Idle') }}{{ store('votes').react('counter') }}<a {{ store('votes').do.update('counter', -1) }}>"
    )
    async with served(tmp_path, body) as site:
        clicker, page = await joined(await site.visitor())
        looker, other = await joined(await site.visitor())
        await looker.send("react", values(REACT, other))
        assert (await store_frame(looker))[2] == "1"
        await clicker.send("write", 1, *json.loads(values(DO, page)[0]))
        assert await store_frame(clicker, "written") == ["written", 1, 1]
        assert (await store_frame(looker))[2] == "0"
        assert votes.read("counter") == 0


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (["set", "votes", "hidden", 1, ""], "denied"),
        (["set", "votes", "counter", "x", ""], "bad_value"),
        (["set", "votes", "counter", True, ""], "bad_value"),
        (["set", "votes", "counter", 5, "forged" * 4], "denied"),
        (["set", "votes", "", {}, ""], "denied"),
        (["set", "votes", "todo/a", {}, ""], "denied"),
        (["delete", "votes", "counter", None, ""], "denied"),
        (["set", "votes", "counter/x", 5, ""], "denied"),
        (["set", "votes", "__proto__/x", 5, ""], "bad_path"),
        (["set", "votes", "todo/__class__/done", True, ""], "bad_path"),
        (["set", "votes", "todo//done", True, ""], "bad_path"),
        (["set", "votes", "todo/none/done", True, ""], "missing"),
        (["set", "votes", "log", ["x" * 60_000] * 20, ""], "too_big"),
        (["append", "votes", "log", {"constructor": 1}, ""], "bad_value"),
        (["pop", "votes", "counter", 1, ""], "unknown_verb"),
        (["put", "votes", "counter", 1, ""], "unknown_verb"),
        (["set", "vots", "counter", 1, ""], "unknown_store"),
        (["set", "todos", "n", 1, ""], "not_signed_in"),
        (["set", "~", "ui", 1, ""], "denied"),
        (["set", "~ui", "", {}, ""], "denied"),
        (["set", "~ui", "__proto__", 1, ""], "bad_path"),
        (["set", "~__proto__", "x", 1, ""], "bad_path"),
        (["set", "~a/b", "x", 1, ""], "unknown_store"),
    ],
)
async def test_what_may_not_be_written_is_refused_and_the_next_write_counts(
    tmp_path: Path, votes: Store, write: list[Any], code: str
) -> None:
    before = None
    async with served(tmp_path, limits=Limits(message=4 << 20)) as site:
        before = votes.read()
        tab, _ = await joined(await site.visitor())
        await tab.send("write", 1, *write)
        assert (await store_frame(tab))[:3] == ["refused", 1, code]
        assert votes.read() == before
        await tab.send("write", 2, "set", "votes", "counter", 9, "")
        assert await store_frame(tab) == ["written", 2, 1]


async def test_outside_of_development_a_refusal_tells_its_code_alone(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("write", 1, "set", "votes", "hidden", 1, "")
        assert await store_frame(tab) == ["refused", 1, "denied", ""]
        await tab.send("follow", "vots", "", 0)
        assert await store_frame(tab) == ["unfollowed", "vots", "", "unknown_store", ""]


async def test_a_grant_serves_nobody_else(tmp_path: Path, votes: Store) -> None:
    body = "{{ component('Idle') }}<a {{ store('votes').do.set('hidden', 1) }}>"
    async with served(tmp_path, body) as site:
        _, page = await joined(await site.visitor())
        thief, _ = await joined(await site.visitor())
        await thief.send("write", 1, *json.loads(values(DO, page)[0]))
        assert (await store_frame(thief))[2] == "denied"
        assert votes.read("hidden") == 7


async def test_a_write_sent_again_over_another_connection_is_applied_once(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        visitor = await site.visitor()
        first, _ = await joined(visitor)
        for n in (1, 2):
            await first.send("write", n, "update", "votes", "counter", 1, "")
            await store_frame(first, "written")
        await first.socket.close()
        second = await visitor.connect()
        second.name = first.name
        page = await visitor.open()
        await second.join(page.tokens, page.csrf)
        for n in (1, 2, 3):
            await second.send("write", n, "update", "votes", "counter", 1, "")
        assert [(await store_frame(second, "written"))[1] for _ in range(3)] == [1, 2, 3]
        assert votes.read("counter") == 4


async def test_writes_that_were_taken_are_done_though_the_tab_has_gone(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        for n in range(1, 51):
            await tab.send("write", n, "update", "votes", "counter", 1, "")
        await store_frame(tab, "written")
        await tab.socket.close()
        await until(lambda: votes.read("counter") == 51)


async def test_a_thousand_increments_from_each_of_two_sockets_are_two_thousand(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path, database=str(tmp_path / "db")) as site:
        tabs = [(await joined(await site.visitor()))[0] for _ in range(2)]

        async def count(tab: Tab) -> None:
            for n in range(1, 1001):
                await tab.send("write", n, "update", "votes", "counter", 1, "")
            for n in range(1, 1001):
                assert (await store_frame(tab))[:2] == ["written", n]

        await asyncio.gather(*map(count, tabs))
        assert votes.read("counter") == 2001
        assert votes.version == 2000


class HeldBackend(MemoryBackend):
    """Held by somebody else for the next commits."""

    held = 0

    async def commit(self, commit: Commit) -> bool:
        if self.held:
            self.held -= 1
            raise Busy("held")
        return await super().commit(commit)


async def test_a_write_waits_for_a_backend_that_is_busy(
    tmp_path: Path, votes: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.traffic.PAUSE", 0)
    backend = HeldBackend()
    async with served(tmp_path, backend=backend) as site:
        tab, _ = await joined(await site.visitor())
        backend.held = 3
        for n in (1, 2):
            await tab.send("write", n, "update", "votes", "counter", 1, "")
        assert [(await store_frame(tab))[:2] for _ in range(2)] == [["written", 1], ["written", 2]]
        assert votes.read("counter") == 3


async def test_a_visitor_without_a_session_is_refused_and_the_socket_stays(tmp_path: Path, votes: Store) -> None:
    app = asok_app(tmp_path, {"/": "<p>no component</p>"}, debug=True)
    async with rig(app) as site:
        tab = await (await site.visitor()).connect()
        await tab.join([], "")
        await tab.send("write", 1, "set", "votes", "counter", 5, "")
        kind, n, code, text = await store_frame(tab)
        assert (kind, n, code, votes.read("counter")) == ("refused", 1, "denied", 1)
        assert "alive(stores=True)" in text
        await tab.send("ping")
        await tab.until("pong")


async def test_a_listener_whose_join_met_a_busy_store_joins_again_by_itself(
    tmp_path: Path, votes: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.conversation.BUSY_MS", 1)

    class Listener(Component):
        template = "<output>{{ store('votes').read('counter') }}</output>"

    class Held(HeldBackend):
        joining = False

        async def read(self, *args: Any) -> Any:
            if self.joining and any(name.startswith("record/") for name in args[1]):
                self.joining = False
                raise Busy("held")
            return await super().read(*args)

    backend = Held()
    async with rig(asok_app(tmp_path, {"/": "{{ component('Listener') }}"}, backend=backend)) as site:
        visitor = await site.visitor()
        page = await visitor.open()
        tab = await visitor.connect()
        backend.joining = True
        await tab.join(page.tokens, page.csrf)
        await tab.until("busy")
        await votes.set("counter", 5)
        await tab.shows('<output data-live="0">5</output>')


async def test_a_session_that_gets_another_id_loses_its_sockets_in_every_process(tmp_path: Path) -> None:
    bus, backend = LocalBus(), MemoryBackend()
    async with served(tmp_path, bus=bus, backend=backend) as here, served(tmp_path, bus=bus, backend=backend) as there:
        visitor = await here.visitor()
        page = await visitor.open()
        elsewhere = await Visitor(there, visitor.http).connect(cookie=visitor.cookie)
        await elsewhere.join(page.tokens, page.csrf)
        await visitor.http.get("/new-id")
        assert await elsewhere.closed() == 4401


async def test_a_flood_of_writes_is_cut_and_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.traffic.MOST_WAITING", 20)
    go = asyncio.Event()
    backend = HeldBackend()
    monkeypatch.setattr("asok.traffic.asyncio", _Asyncio(go))
    async with served(tmp_path, backend=backend) as site:
        flooding, _ = await joined(await site.visitor())
        other, _ = await joined(await site.visitor())
        backend.held = 1
        for n in range(1, 30):
            await flooding.send("write", n, "update", "votes", "counter", 1, "")
        assert await flooding.closed() == 4429
        await other.send("write", 1, "update", "votes", "counter", 1, "")
        assert (await store_frame(other))[0] == "written"
        go.set()


class _Asyncio:
    """asyncio, whose pause for a busy backend lasts until the test says."""

    def __init__(self, go: asyncio.Event) -> None:
        self._go = go

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await (self._go.wait() if seconds else asyncio.sleep(0))


async def test_what_waits_to_be_written_is_bounded_in_size_too(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        traffic = StoreTraffic(site.app._engine, "", Outbox(Limits(outbox_messages=1000)))
        for n in range(1, 65):
            traffic.receive(Write(n, "set", "~a", "k", []), "tab", 1 << 16)
        with pytest.raises(Closing):
            traffic.receive(Write(65, "set", "~a", "k", []), "tab", 1 << 16)
        await asyncio.gather(*traffic.tasks)
        for n in range(1, 65):  # what is done waits no more
            traffic.receive(Write(n, "set", "~a", "k", []), "tab", 1 << 16)
        await asyncio.gather(*traffic.tasks)


async def test_a_thousand_forged_regions_let_others_pass(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        traffic = StoreTraffic(site.app._engine, "", Outbox(Limits()))
        traffic.receive(React([f"votes/counter.{n}" for n in range(1000)]), "tab")
        turns = 0
        while traffic.tasks:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 15


async def test_many_writes_of_one_tab_let_those_of_others_pass(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        wide = Limits(outbox_messages=1000)
        visitors = [await site.visitor() for _ in range(2)]
        for visitor in visitors:
            await visitor.open()
        busy, brief = [StoreTraffic(site.app._engine, each.cookie, Outbox(wide)) for each in visitors]
        for n in range(1, 101):
            busy.receive(Write(n, "update", "votes", "counter", 1), "tab")
        brief.receive(Write(1, "set", "votes", "log", ["brief"]), "tab")
        await asyncio.gather(*brief.tasks)
        assert votes.read("log") == ["brief"]
        assert votes.read("counter") < 50
        await asyncio.gather(*busy.tasks)
        assert votes.read("counter") == 101


async def test_a_failing_function_of_a_users_store_ends_no_other_news(
    tmp_path: Path, votes: Store, caplog: pytest.LogCaptureFixture
) -> None:
    fails: list[int] = []

    def user(session: Session) -> str:
        if fails:
            raise KeyError("no")
        return "ann"

    store = AuthStore(user, {"n": 0}, name="fragile", readable=True)
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("follow", "fragile", "", 0)
        await store_frame(tab)
        await tab.send("follow", "votes", "counter", 0)
        await store_frame(tab)
        copy = store.auth(Session())
        fails.append(1)
        await copy.set("n", 1)
        await votes.update("counter", 1)
        assert (await store_frame(tab))[1] == "votes"
    assert "a change of fragile cannot be told" in caplog.text


async def test_a_failing_validator_refuses_and_stops_nothing(tmp_path: Path) -> None:
    def broken(change: Any) -> bool:
        raise KeyError("no")

    store = Store({"n": 0, "m": 0}, name="broken", writable={"n": broken, "m": int})
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("write", 1, "set", "broken", "n", 1, "")
        await tab.send("write", 2, "set", "broken", "m", 1, "")
        assert await store_frame(tab) == ["refused", 1, "failed", ""]
        assert await store_frame(tab) == ["written", 2, 1]
        assert store.read() == {"n": 0, "m": 1}


# ---- following


async def test_a_follower_is_told_the_value_and_then_each_change(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        other, _ = await joined(await site.visitor())
        await tab.send("follow", "votes", "counter", 0)
        assert await store_frame(tab) == ["changed", "votes", 0, [["counter", 1]], ""]
        await other.send("write", 1, "update", "votes", "counter", 1, "")
        assert await store_frame(tab) == ["changed", "votes", 1, [["counter", 2]], "js"]
        await votes.update("counter", 1)
        assert await store_frame(tab) == ["changed", "votes", 2, [["counter", 3]], "py"]
        await tab.send("unfollow", "votes", "counter")
        await tab.send("follow", "votes", "log", 0)
        await store_frame(tab)
        await votes.update("counter", 1)
        await votes.append("log", "x")
        assert await store_frame(tab) == ["changed", "votes", 4, [["log/0", "x"]], "py"]


async def test_only_what_may_be_read_is_told(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("follow", "votes", "", 0)
        seen = {"counter": 1, "log": [], "todo": {"a": {"done": False}}}
        assert (await store_frame(tab))[3] == [["", seen]]
        await votes.set("hidden", 8)
        await votes.set("todo/a/secret", 2)
        await votes.set("todo/a", {"done": True, "secret": 3})
        assert (await store_frame(tab))[3] == [["todo/a", {"done": True}]]
        for path in ("hidden", "todo/a/secret", "none"):
            await tab.send("follow", "votes", path, 0)
            assert (await store_frame(tab))[:4] == ["unfollowed", "votes", path, "denied"]


async def test_a_follower_of_a_path_is_told_no_more_than_that_path(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("follow", "votes", "counter", 0)
        await store_frame(tab)
        await votes.set("", {"counter": 5, "log": ["x"]})
        assert (await store_frame(tab))[3] == [["counter", 5]]
        await votes.set("", {"log": []})
        assert (await store_frame(tab))[3] == [["counter"]]


async def test_a_tab_that_has_the_version_is_told_nothing_else_what_is_new(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await votes.update("counter", 1)
        await tab.send("follow", "votes", "counter", 1)
        await tab.send("follow", "votes", "log", 7)
        assert (await store_frame(tab))[:4] == ["changed", "votes", 1, [["log", []]]]


async def test_a_follower_is_told_with_a_version_what_that_version_has(tmp_path: Path, votes: Store) -> None:
    class Slow(MemoryBackend):
        asked, may = asyncio.Event(), asyncio.Event()

        async def commit(self, commit: Commit) -> bool:
            if votes.document.key in commit.writes:
                self.asked.set()
                await self.may.wait()
            return await super().commit(commit)

    backend = Slow()
    async with served(tmp_path, backend=backend) as site:
        tab, _ = await joined(await site.visitor())
        write = votes.set("counter", 5)
        await backend.asked.wait()
        await tab.send("follow", "votes", "counter", 0)
        present = await store_frame(tab)
        backend.may.set()
        assert present == ["changed", "votes", 0, [["counter", 1]], ""]
        assert await write == 1
        assert await store_frame(tab) == ["changed", "votes", 1, [["counter", 5]], "py"]


async def test_what_a_waiting_write_takes_away_may_be_followed_until_it_is_written(
    tmp_path: Path, votes: Store
) -> None:
    class Slow(MemoryBackend):
        asked, may = asyncio.Event(), asyncio.Event()

        async def commit(self, commit: Commit) -> bool:
            if votes.document.key in commit.writes:
                self.asked.set()
                await self.may.wait()
            return await super().commit(commit)

    async with served(tmp_path, backend=Slow()) as site:
        tab, _ = await joined(await site.visitor())
        write = votes.set("todo/a", "gone")
        await Slow.asked.wait()
        await tab.send("follow", "votes", "todo/a", 0)
        told = await store_frame(tab)
        Slow.may.set()
        assert told == ["changed", "votes", 0, [["todo/a", {"done": False}]], ""]
        assert await write == 1


async def test_appended_items_arrive_in_their_order_however_many_at_once(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("follow", "votes", "log", 0)
        await store_frame(tab)
        await asyncio.gather(*(votes.append("log", number) for number in range(300)))
        assert (await store_frame(tab))[3] == [[f"log/{number}", number] for number in range(300)]


async def test_a_session_follows_its_own_state_and_sees_no_strangers(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        site.app.namespace("chat", scope="app", readable=True, writable={"topic": str})
        ann, bob = await site.visitor(), await site.visitor()
        (one, _), (two, _), (stranger, _) = await joined(ann), await joined(ann), await joined(bob)
        for tab in (one, two, stranger):
            await tab.send("follow", "~", "", 0)
            assert [(await store_frame(tab))[1:] for _ in range(2)] == [
                ["~", 0, [["", {}]], ""],
                ["~chat", 0, [["", {}]], ""],
            ]
        await one.send("write", 1, "set", "~ui", "theme", "dark", "")
        await one.send("write", 2, "set", "~chat", "topic", "tea", "")
        assert (await store_frame(two))[:4] == ["changed", "~", 1, [["ui", {"theme": "dark"}]]]
        assert (
            await store_frame(two) == await store_frame(stranger) == ["changed", "~chat", 1, [["topic", "tea"]], "js"]
        )
        await site.app.set_state("ui", "size", 3)
        assert (await store_frame(stranger))[3] == [["ui", {"size": 3}]]


async def test_a_session_with_a_new_id_keeps_its_state_and_may_set_some_at_once(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        visitor = await site.visitor()
        tab, _ = await joined(visitor)
        await tab.send("write", 1, "set", "~ui", "size", 3, "")
        await store_frame(tab, "written")
        before = visitor.cookie
        assert (await visitor.http.get("/new-id")).text == "3"
        assert visitor.cookie != before
        assert await tab.closed() == 4401
        again, _ = await joined(visitor)
        await again.send("follow", "~ui", "", 0)
        assert (await store_frame(again))[3] == [["", {"size": 3, "theme": "dark"}]]
        thief = await visitor.connect(cookie=before)
        assert await thief.closed() == 4401


async def test_one_namespace_is_followed_by_its_keys(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("write", 1, "set", "~ui", "theme", "dark", "")
        await tab.send("follow", "~ui", "", 0)
        await store_frame(tab)
        assert await store_frame(tab) == ["changed", "~ui", 1, [["", {"theme": "dark"}]], ""]
        await tab.send("write", 2, "set", "~ui", "size", 3, "")
        await tab.send("write", 3, "delete", "~ui", "theme", None, "")
        assert (await store_frame(tab, "changed"))[3] == [["size", 3]]
        assert (await store_frame(tab, "changed"))[3] == [["theme"]]


async def test_a_namespace_that_may_not_be_read_keeps_none_of_the_others_away(tmp_path: Path) -> None:
    async with served(tmp_path) as site:
        site.app.namespace("secret", scope="app")
        tab, _ = await joined(await site.visitor())
        await tab.send("follow", "~", "", 0)
        assert (await store_frame(tab))[1] == "~"
        await tab.send("follow", "~secret", "", 0)
        assert (await store_frame(tab))[:4] == ["unfollowed", "~secret", "", "denied"]


async def test_more_paths_than_a_tab_may_follow_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asok.traffic.MOST_FOLLOWED", 2)
    async with served(tmp_path) as site:
        tab, _ = await joined(await site.visitor())
        for path in ("counter", "log", "todo"):
            await tab.send("follow", "votes", path, 0)
        found = [await store_frame(tab) for _ in range(3)]
        assert [each[0] for each in found] == ["changed", "changed", "unfollowed"]


async def test_a_persons_data_reach_her_tabs_only_and_only_while_she_is_signed_in(
    tmp_path: Path, todos: AuthStore
) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('todos').react('n') }}") as site:
        ann, bob = await site.visitor(), await site.visitor()
        (mine, page), (others, _) = await joined(ann, "ann"), await joined(bob, "bob")
        key = values(REACT, page)
        for tab in (mine, others):
            await tab.send("react", key)
            await tab.send("follow", "todos", "", 0)
        assert [(await store_frame(mine))[0] for _ in range(2)] == ["text", "changed"]
        assert (await store_frame(others))[0] == "changed"  # the key is signed for another person
        await mine.send("write", 1, "set", "todos", "n", 5, "")
        found = [await store_frame(mine) for _ in range(3)]
        assert sorted(each[0] for each in found) == ["changed", "text", "written"]
        await ann.http.get("/as/")
        await others.send("write", 1, "set", "todos", "n", 9, "")
        assert [(await store_frame(others))[0] for _ in range(2)] in (["written", "changed"], ["changed", "written"])
        person = Session()
        person["user"] = "ann"
        await todos.auth(person).set("n", 6)
        assert (await store_frame(mine))[:4] == ["unfollowed", "todos", "", "denied"]
        await mine.send("follow", "votes", "counter", 0)
        assert (await store_frame(mine))[:2] == ["changed", "votes"]


async def test_a_change_of_a_persons_data_is_told_though_the_backend_was_busy(
    tmp_path: Path, todos: AuthStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.traffic.PAUSE", 0)

    class Away(MemoryBackend):
        """Cannot be asked for sessions that many times."""

        times = 0

        async def read(self, *args: Any) -> Any:
            if self.times and args[1] == [META]:
                self.times -= 1
                raise Busy("away")
            return await super().read(*args)

    backend = Away()
    async with served(tmp_path, "{{ component('Idle') }}{{ store('todos').react('n') }}", backend=backend) as site:
        tab, page = await joined(await site.visitor(), "ann")
        await tab.send("react", values(REACT, page))
        await tab.send("follow", "todos", "n", 0)
        assert [(await store_frame(tab))[0] for _ in range(2)] == ["text", "changed"]
        person = Session()
        person["user"] = "ann"
        backend.times = 3
        await todos.auth(person).set("n", 6)
        assert {(await store_frame(tab))[0] for _ in range(2)} == {"text", "changed"}


# ---- regions


async def test_a_region_whose_value_is_gone_is_empty(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        tab, page = await joined(await site.visitor())
        await tab.send("react", values(REACT, page))
        await store_frame(tab)
        await votes.delete("counter")
        assert (await store_frame(tab))[2] == ""


async def test_a_forged_region_is_not_told_and_the_good_ones_are(tmp_path: Path) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        tab, page = await joined(await site.visitor())
        [key] = values(REACT, page)
        forged = [key.replace("counter", "hidden"), "votes/hidden.", "none/x.abc", "todos/n.abc", "/.", "", "~ui/x.a"]
        await tab.send("react", [*forged, key])
        assert await store_frame(tab) == ["text", key, "1"]


async def test_a_region_that_nobody_shows_leaves_nothing_behind(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        tab, page = await joined(await site.visitor())
        other, _ = await joined(await site.visitor())
        for each in (tab, other):
            await each.send("react", values(REACT, page))
            await store_frame(each)
        await other.send("react", [])
        await tab.send("follow", "votes", "log", 0)
        await store_frame(tab)
        await votes.update("counter", 1)
        assert (await store_frame(tab))[2] == "2"
        await ended(tab, site.app)
        assert not votes.document.watchers


async def test_what_is_asked_for_while_a_tab_leaves_is_not_followed(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        page = await (await site.visitor()).open()
        traffic = StoreTraffic(site.app._engine, "", Outbox(Limits()))
        traffic.receive(Follow("votes", "counter"), "tab")
        traffic.receive(React(values(REACT, page.text)), "tab")
        traffic.stop()
        await asyncio.gather(*traffic.tasks)
        assert not votes.document.watchers
        assert len(site.app._engine.regions) == 0


async def test_a_tab_that_leaves_among_many_regions_shows_none_of_the_rest(tmp_path: Path, votes: Store) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        page = await (await site.visitor()).open()
        traffic = StoreTraffic(site.app._engine, "", Outbox(Limits()))
        forged = [f"votes/counter.{n}" for n in range(200)]
        traffic.receive(React([*forged, *values(REACT, page.text)]), "tab")
        await asyncio.sleep(0)
        traffic.stop()
        await asyncio.gather(*traffic.tasks)
        assert len(site.app._engine.regions) == 0


# ---- components that read


def showing(name: str, store: Store, path: str, renders: Counter[str]) -> None:
    """A component class that shows a path, and counts its renderings."""

    def value(self: Any) -> Any:
        renders[name] += 1
        return store.read(path, default=None)

    type(name, (Component,), {"template": "<p>{{ value }}</p>", "value": property(value), "__module__": __name__})


async def test_only_components_that_read_a_path_follow_it_and_once_a_burst(tmp_path: Path, votes: Store) -> None:
    renders: Counter[str] = Counter()
    showing("ShowsCounter", votes, "counter", renders)
    showing("ShowsLog", votes, "log", renders)
    async with served(tmp_path, "{{ component('ShowsCounter') }}{{ component('ShowsLog') }}") as site:
        tab, _ = await joined(await site.visitor())
        await tab.send("ping")
        await tab.until("pong")
        renders.clear()
        await asyncio.gather(*(votes.update("counter", 1) for _ in range(100)))
        await tab.until("update")
        assert words(tab) == "101"
        assert renders == {"ShowsCounter": 1}


async def test_a_subscriber_that_raises_while_rendering_keeps_nobody_waiting(tmp_path: Path, votes: Store) -> None:
    class Fragile(Component):
        template = "<p>{{ value }}</p>"

        @property
        def value(self) -> int:
            found: int = votes.read("counter")
            if found == 2:
                raise RuntimeError("two")
            return found

    renders: Counter[str] = Counter()
    showing("Sturdy", votes, "counter", renders)
    async with served(tmp_path, "{{ component('Fragile') }}{{ component('Sturdy') }}") as site:
        tab, _ = await joined(await site.visitor())
        fragile, sturdy = tab.shown
        await votes.update("counter", 1)
        while words(tab, sturdy) != "2":
            await tab.receive()
        await votes.update("counter", 1)
        while (words(tab, fragile), words(tab, sturdy)) != ("3", "3"):
            await tab.receive()


async def test_a_method_that_read_what_another_changed_runs_again(tmp_path: Path, votes: Store) -> None:
    attempts: list[int] = []
    began, go = asyncio.Event(), asyncio.Event()

    class Doubler(Component):
        template = "<p></p>"

        @exposed
        async def double(self) -> None:
            now = votes.read("counter")
            attempts.append(now)
            began.set()
            await go.wait()
            votes.set("counter", now * 2)

    async with served(tmp_path, "{{ component('Doubler') }}") as site:
        tab, _ = await joined(await site.visitor())
        running = asyncio.create_task(tab.event("double"))
        await began.wait()
        await votes.set("counter", 10)
        go.set()
        await running
        assert (attempts, votes.read("counter")) == ([1, 10], 20)


async def test_a_task_of_an_attempt_that_did_not_count_writes_nothing(tmp_path: Path, votes: Store) -> None:
    go, again = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    class Starter(Component):
        template = "<p></p>"

        @exposed
        async def start(self) -> None:
            votes.read("log")
            tasks.append(asyncio.create_task(self.later()))
            again.set()
            if len(tasks) == 1:
                await go.wait()

        async def later(self) -> None:
            await over.wait()
            await votes.update("counter", 1)

    over = asyncio.Event()
    async with served(tmp_path, "{{ component('Starter') }}") as site:
        tab, _ = await joined(await site.visitor())
        running = asyncio.create_task(tab.event("start"))
        await again.wait()
        await votes.append("log", "x")
        go.set()
        await running
        over.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each).__name__ for each in found] == ["StoreError", "NoneType"]
        assert votes.read("counter") == 2


async def test_a_hot_store_starves_no_method_that_reads_another_path(tmp_path: Path, votes: Store) -> None:
    attempts: list[int] = []

    class Reader(Component):
        template = "<p></p>"

        @exposed
        async def note(self) -> None:
            attempts.append(len(votes.read("log")))
            for _ in range(50):
                await votes_hot()
            votes.append("log", "x")

    async def votes_hot() -> None:
        # As another task would: outside of the method's unit of work.
        await asyncio.get_running_loop().create_task(hot(), context=outside)

    async def hot() -> None:
        await votes.update("counter", 1)

    outside = contextvars.copy_context()
    async with served(tmp_path, "{{ component('Reader') }}") as site:
        tab, _ = await joined(await site.visitor())
        for _ in range(3):
            assert (await tab.event("note"))[0] == "update"
        assert attempts == [0, 1, 2]
        assert votes.read("counter") == 151


async def test_a_thread_that_was_cut_writes_nothing(tmp_path: Path, votes: Store) -> None:
    go, over = threading.Event(), threading.Event()
    outcome: list[str] = []

    class Slow(Component):
        template = "<p></p>"

        @exposed(timeout=0.05)
        def write(self) -> None:
            try:
                votes.update("counter", 1)
                _wait(go)
                votes.update("counter", 1)
            except BaseException as error:
                outcome.append(type(error).__name__)
                _again(lambda: votes.update("counter", 1), outcome)
                raise
            finally:
                over.set()

    async with served(tmp_path, "{{ component('Slow') }}") as site:
        tab, _ = await joined(await site.visitor())
        frame = await tab.event("write")
        assert (frame[0], frame[3]) == ("refused", "timeout")
        go.set()
        assert await asyncio.to_thread(over.wait, PATIENCE)
        assert outcome[-1] == "StoreError"
        assert votes.read("counter") == 1


def _wait(event: Any) -> None:
    event.wait(PATIENCE)


def _again(write: Callable[[], Any], outcome: list[str]) -> None:
    try:
        write()
        outcome.append("written")
    except Exception as error:
        outcome.append(type(error).__name__)


async def test_a_task_that_outlives_its_method_writes_directly(tmp_path: Path, votes: Store) -> None:
    go = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    class Starter(Component):
        template = "<p></p>"

        @exposed
        async def start(self) -> None:
            tasks.append(asyncio.create_task(self.later()))

        async def later(self) -> None:
            await go.wait()
            await votes.update("counter", 41)

    async with served(tmp_path, "{{ component('Starter') }}") as site:
        tab, _ = await joined(await site.visitor())
        await tab.event("start")
        go.set()
        await tasks[0]
        assert votes.read("counter") == 42


# ---- many, and slow ones


async def test_a_tab_that_reads_nothing_gets_the_newest_later_and_keeps_nobody_waiting(
    tmp_path: Path, votes: Store
) -> None:
    async with served(tmp_path, "{{ component('Idle') }}{{ store('votes').react('counter') }}") as site:
        page = await (await site.visitor()).open()
        slow, quick = Outbox(Limits(outbox_messages=2)), Outbox(Limits(outbox_messages=2))
        told: list[str] = []

        async def read(outbox: Outbox, last: str) -> None:
            async with asyncio.timeout(PATIENCE):
                while sum(last in frame for frame in told) < 2:
                    told.append(await outbox.get())

        for outbox in (slow, quick):
            traffic = StoreTraffic(site.app._engine, "", outbox)
            traffic.receive(React(values(REACT, page.text)), "tab")
            traffic.receive(Follow("votes", "counter"), "tab")
        await read(quick, "1")
        for number in range(2, 502):
            told.clear()
            await votes.update("counter", 1)
            await read(quick, str(number))
        assert len(slow) <= 4
        told.clear()
        await read(slow, "501")
        assert len(told) <= 6


def most_sockets(wanted: int) -> int:
    """So many as the system lets one process have both ends of."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = 4 * wanted if hard == resource.RLIM_INFINITY else min(hard, 4 * wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return min(wanted, (allowed - 200) // 2)


async def test_a_thousand_sockets_that_show_one_value_all_have_its_change(tmp_path: Path, votes: Store) -> None:
    sockets, limits = most_sockets(1000), Limits(session_connections=0, joins_per_second=0, messages_per_second=0)
    body = "{{ component('Idle') }}{{ store('votes').react('counter') }}"
    async with served(tmp_path, body, limits=limits) as site:
        visitor = await site.visitor()
        page = await visitor.open()
        keys = values(REACT, page.text)

        async def open_tab() -> Tab:
            tab = await visitor.connect()
            await tab.join(page.tokens, page.csrf)
            await tab.send("react", keys)
            await store_frame(tab)
            return tab

        tabs: list[Tab] = []
        while len(tabs) < sockets:
            tabs += await asyncio.gather(*(open_tab() for _ in range(min(50, sockets - len(tabs)))))
        began = asyncio.get_running_loop().time()
        await votes.update("counter", 1)
        found = await asyncio.gather(*map(store_frame, tabs))
        print(f"{sockets} sockets have a change after {asyncio.get_running_loop().time() - began:.3f} s")
        assert {frame[2] for frame in found} == {"2"}
        assert len(site.app._engine.regions) == 1


async def test_a_write_that_was_refused_is_not_told_as_written_when_it_comes_again(
    tmp_path: Path, votes: Store
) -> None:
    async with served(tmp_path) as made:
        visitor = await made.visitor()
        first, _ = await joined(visitor)
        await first.send("write", 1, "set", "votes", "hidden", 1)
        await first.send("write", 2, "update", "votes", "counter", 1)
        assert [(await store_frame(first))[0] for _ in range(2)] == ["refused", "written"]
        again = await visitor.connect()
        again.name = first.name
        await again.join([], first.csrf)
        await again.send("write", 1, "update", "votes", "counter", 1)
        await again.send("write", 2, "update", "votes", "counter", 1)
        assert [(await store_frame(again))[0] for _ in range(2)] == ["refused", "written"]
        assert votes.read("counter") == 2


async def test_who_is_told_of_a_write_has_been_told_what_it_changed(tmp_path: Path) -> None:
    async with served(tmp_path) as made:
        tab, _ = await joined(await made.visitor())
        await tab.send("follow", "votes", "counter", 0)
        await tab.send("write", 1, "update", "votes", "counter", 1)
        told = [await store_frame(tab) for _ in range(3)]
        assert [each[0] for each in told] == ["changed", "changed", "written"]
