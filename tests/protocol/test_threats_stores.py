"""Threats T17, T36 and T38: what visitors share, and what stays theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import AuthStore, Component, Store, exposed
from asok.access import Change
from asok.sessions import owner_of
from tests.protocol.attacked import (
    ONE,
    asok_app,
    attacked,
    define,
    members,
)
from tests.rig import Frame, Tab, Visitor


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t36_no_write_to_the_session_is_lost_between_tabs_and_requests(tmp_path: Path) -> None:
    class Adds(Component):
        template = "<p>{{ session.get('n', 0) }}</p>"

        @exposed
        async def add(self) -> None:
            n = self.session.get("n", 0)
            await asyncio.sleep(0)
            self.session["n"] = n + 1

    async def plus(request: Any) -> Any:
        n = request.session.get("n", 0)
        await asyncio.sleep(0)
        request.session["n"] = n + 1
        return PlainTextResponse("")

    app = asok_app(tmp_path, {"/": "{{ component('Adds') }}"}, database=str(tmp_path / "s.db"))
    app.add_route("/plus", plus, methods=["POST"])
    async with attacked(app) as served:
        visitor = await served.visitor()
        tabs = [await visitor.tab() for _ in range(2)]

        async def click(tab: Tab) -> int:
            done = 0
            for seq in range(1, 31):
                while (await tab.event("add", seq=seq))[0] != "update":
                    pass
                done += 1
            return done

        async def post() -> int:
            return sum([(await visitor.http.post("/plus")).status_code == 200 for _ in range(30)])

        done = sum(await asyncio.gather(*map(click, tabs), post()))
        assert f">{done}</p>" in (await visitor.open()).text


def ballots() -> tuple[Store, AuthStore]:
    """What all share, opened in parts, and what each user has."""
    shared = Store(
        {"counter": 1, "hidden": 7, "note": "", "todo": {"a": {"done": False, "owner": "ann"}}},
        name="ballots",
        readable=["counter", "todo/*/done"],
        writable={"counter": int, "note": short, "todo/*/done": bool},
    )
    own = AuthStore(lambda session: session.get("user"), {"n": 0}, name="own", readable=True, writable={"n": int})
    return shared, own


def short(change: Change) -> bool:
    return isinstance(change.new, str) and len(change.new) < 10


async def as_user(request: Request) -> PlainTextResponse:
    request.session["user"] = request.path_params["user"]
    return PlainTextResponse("")


async def asked(tab: Tab, *message: Any) -> Frame:
    """What a message about stores is answered with."""
    await tab.send(*message)
    while True:
        frame = await tab.until("store")
        if frame[1] in ("written", "refused", "unfollowed", "changed"):
            return frame[1:]


FORBIDDEN_WRITES = [
    ("set", "ballots", "hidden", 1), ("set", "ballots", "", {}), ("update", "ballots", "", {"hidden": 1}),
    ("delete", "ballots", "counter", None), ("set", "ballots", "todo/a", {"done": True}),
    ("set", "ballots", "todo/a/owner", "eve"), ("delete", "ballots", "todo/a", None), ("append", "ballots", "todo", 1),
    ("set", "ballots", "new", 1), ("set", "ballots", "counter", "1"), ("set", "ballots", "counter", True),
    ("set", "ballots", "counter", [1]), ("set", "ballots", "counter", None), ("update", "ballots", "counter", "x"),
    ("set", "ballots", "note", "x" * 10), ("set", "ballots", "note", {"a": 1}), ("set", "ballots", "todo/a/done", 1),
    ("set", "ballots", "todo/a/done/x", 1), ("set", "ballots", "todo/../hidden", 1), ("set", "ballots", "/hidden", 1),
    ("set", "ballots", "todo//done", True), ("set", "ballots", "__proto__/x", 1), ("set", "ballots", "constructor", 1),
    ("set", "ballots", "todo/prototype/done", True), ("set", "ballots", "__class__", 1),
    ("increment", "ballots", "counter", 1),
    ("__init__", "ballots", "counter", 1), ("set", "nobody", "counter", 1), ("set", "Store", "", 1),
    ("set", "store/ballots", "counter", 1), ("set", "own/ann", "n", 1), ("set", "own:ann", "n", 1),
    ("set", "own", "n", 1),
    ("set", "session/user", "", "ann"), ("set", "~../meta", "x", 1), ("set", "~", "x", 1), ("set", "~a/b", "x", 1),
]  # fmt: skip


async def test_t17_a_browser_writes_what_a_rule_allows_and_nothing_else(tmp_path: Path) -> None:
    shared, own = ballots()
    app = asok_app(tmp_path, ONE)
    app.add_route("/as/{user}", as_user)
    async with attacked(app) as served:
        tab = await served.tab()
        for n, (verb, store, path, value) in enumerate(FORBIDDEN_WRITES, 1):
            answer = await asked(tab, "write", n, verb, store, path, value)
            assert answer[:2] == ["refused", n], (verb, store, path, value)
            assert answer[3:] in ([], [""]), answer
        count = len(FORBIDDEN_WRITES)
        assert shared.read() == {"counter": 1, "hidden": 7, "note": "", "todo": {"a": {"done": False, "owner": "ann"}}}
        assert (await asked(tab, "write", count + 1, "update", "ballots", "counter", 2))[:2] == ["written", count + 1]
        assert (await asked(tab, "write", count + 2, "set", "ballots", "note", "short"))[0] == "written"
        assert (await asked(tab, "write", count + 2, "set", "ballots", "note", "again"))[:2] == ["written", count + 2]
        assert (shared.read("counter"), shared.read("note")) == (3, "short")
        assert own.name == "own"


async def test_t17_a_visitor_writes_only_their_own_copy_whatever_the_message_says(tmp_path: Path) -> None:
    kept = ballots()
    app = asok_app(tmp_path, ONE)
    app.add_route("/as/{user}", as_user)
    async with attacked(app) as served:
        ann, eve = await served.visitor(), await served.visitor()
        for visitor, user in ((ann, "ann"), (eve, "eve")):
            await visitor.http.get(f"/as/{user}")
        hers, tab = await ann.tab(), await eve.tab()
        assert (await asked(hers, "write", 1, "set", "own", "n", 5))[0] == "written"
        assert (await asked(tab, "write", 1, "set", "own", "n", 9))[0] == "written"
        await tab.raw('["write",2,"set","own","n",13,"","ann"]')  # one item more than there is
        assert (await tab.until("store"))[1] == "written"
        assert (await asked(hers, "follow", "own", "n"))[:4] == ["changed", "own", 1, [["n", 5]]]
        assert (await asked(tab, "follow", "own", "n"))[3] == [["n", 13]]
    assert len(kept) == 2


async def test_t17_what_may_not_be_read_is_not_told_either(tmp_path: Path) -> None:
    shared, _ = ballots()
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for path in ("hidden", "todo/a/owner", "note", "nothing", "__class__"):
            assert (await asked(tab, "follow", "ballots", path))[0] == "unfollowed", path
        assert (await asked(tab, "follow", "ballots"))[3] == [["", {"counter": 1, "todo": {"a": {"done": False}}}]]
        await shared.set("hidden", 8)
        await shared.set("todo/a", {"done": True, "owner": "eve"})
        assert (await tab.until("store"))[2:] == ["ballots", 2, [["todo/a", {"done": True}]], "py"]


async def test_t36_two_workers_lose_no_write_of_one_session(tmp_path: Path) -> None:
    class Counts(Component):
        template = "<p>{{ session.get('n', 0) }} {{ session.get('list', [])|length }}</p>"

        @exposed
        async def add(self) -> None:
            n, items = self.session.get("n", 0), self.session.get("list", [])
            await asyncio.sleep(0)
            self.session["n"] = n + 1
            self.session["list"] = [*items, n]

    where = str(tmp_path / "s.db")
    apps = [asok_app(tmp_path, {"/": "{{ component('Counts') }}"}, database=where) for _ in range(2)]
    async with attacked(apps[0]) as one, attacked(apps[1]) as two:
        visitor = await one.visitor()
        tabs = [await visitor.tab(), await Visitor(two, visitor.http).tab(f"{two.base}/")]

        async def click(tab: Tab) -> None:
            for seq in range(1, 26):
                while (await tab.event("add", seq=seq))[0] != "update":
                    pass

        await asyncio.gather(*map(click, tabs))
        assert ">50 50</p>" in (await visitor.open()).text


async def test_t38_what_is_one_visitors_reaches_no_other(tmp_path: Path) -> None:
    kept = ballots()
    app = asok_app(tmp_path, ONE)
    app.add_route("/as/{user}", as_user)
    members(app)
    async with attacked(app) as served:
        ann, eve = await served.visitor(), await served.visitor()
        await ann.http.get("/as/ann")
        await eve.http.get("/as/eve")
        hers, tab = await ann.tab(), await eve.tab()
        assert (await asked(tab, "follow", "own", ""))[0] == "changed"
        owner = owner_of(ann.cookie)
        channels = ("own/ann", "own:ann", f"kick:{owner}", "kick", "topic", "\x00own", f"session/{owner}", owner, "*")
        for name in channels:
            assert (await asked(tab, "follow", name, ""))[0] == "unfollowed", name
        await tab.send("react", ["own/n." + "A" * 22, "ballots/hidden." + "A" * 22])
        await tab.send("subscribe", f"kick:{owner}")
        assert await tab.closed() == 4400
        tab = await eve.tab()
        assert (await asked(tab, "follow", "own", ""))[0] == "changed"
        told = len(tab.frames)
        for n in range(1, 4):
            assert (await asked(hers, "write", n, "set", "own", "n", n))[0] == "written"
        await ann.http.post("/out")
        assert await hers.closed() == 4401
        assert (await tab.event("add"))[0] == "update"
        assert [frame for frame in tab.frames[told:] if frame[0] == "store"] == []
    assert [store.name for store in kept] == ["ballots", "own"]
