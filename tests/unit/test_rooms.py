"""Rooms: who is there is seen by all, in every worker; who may join and speak is asked, and asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from asok import Asok, Component, exposed, on
from asok.errors import ComponentError, ConfigurationError, Denied
from tests.rig import Tab, asok_app, rig
from tests.unit.waiting import until

ROOM = "room:1"


@pytest.fixture(autouse=True)
def chat() -> type[Component]:
    class Chat(Component):
        heard: list[str] = []
        name: str = ""
        template = (
            "<div><p>{% for each in this.presence.members('room:1') %}"
            "{{ each.meta.name }}{{ '…' if each.typing }}{{ '!' if each.id == this.presence.me }} {% endfor %}</p>"
            "<q>{{ heard | join(',') }}</q></div>"
        )

        @exposed
        def enter(self, name: str, room: str = ROOM) -> None:
            self.name = name
            self.presence.join(room, {"name": name})

        @exposed
        def leave(self) -> None:
            self.presence.leave(ROOM)

        @exposed
        def rename(self, name: str) -> None:
            self.presence.update(ROOM, {"name": name})

        @exposed
        def typing(self, seconds: float = 3) -> None:
            self.presence.typing(ROOM, seconds=seconds)

        @exposed
        def say(self, text: str, room: str = ROOM) -> None:
            self.broadcast(room, f"{self.name}:{text}")

        @exposed
        def big(self) -> None:
            self.presence.join(ROOM, {"name": "x" * 5000})

        @exposed
        def flood(self) -> None:
            self.presence.join(ROOM, {"name": "Flood"})
            self.broadcast(ROOM, "x" * 70_000)

        @on("room:*")
        def hear(self, message: str) -> None:
            self.heard = [*self.heard, message]

    return Chat


PAGES = {"/": "{{ component('Chat') }}"}


async def test_joining_typing_renaming_and_leaving_is_seen_by_others(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGES)) as served:
        ada, bob = await served.tab(), await served.tab()
        await ada.event("enter('Ada')")
        await bob.shows("<p>Ada </p>")
        await ada.shows("<p>Ada! </p>")
        await bob.event("enter('Bob')")
        await ada.shows("<p>Ada! Bob </p>")
        await bob.event("typing")
        await ada.shows("<p>Ada! Bob… </p>")
        await bob.event("typing(0)")
        await ada.shows("<p>Ada! Bob </p>")
        await bob.event("rename('Rob')")
        await ada.shows("<p>Ada! Rob </p>")
        await bob.event("leave")
        await ada.shows("<p>Ada! </p>")


@pytest.mark.parametrize("debug", [True, False])
async def test_typing_in_a_component_that_has_not_joined_is_told_while_developing(
    debug: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(asok_app(tmp_path, PAGES, debug=debug)) as served:
        ada = await served.tab()
        await ada.event("typing(0)")
        assert not caplog.messages
        await ada.event("typing")
        said = "Chat: presence.typing('room:1') marks nobody: the component that has joined the room"
        assert [message.startswith(said) for message in caplog.messages] == [True] * debug
        await ada.event("enter('Ada')")
        await ada.event("typing")
        assert len(caplog.messages) == debug


async def test_who_closes_the_tab_has_left_and_who_returns_is_there_again(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGES)) as served:
        ada, visitor = await served.tab(), await served.visitor()
        bob = await visitor.tab()
        await ada.event("enter('Ada')")
        await bob.event("enter('Bob')")
        await ada.shows("<p>Ada! Bob </p>")
        await bob.socket.close()
        await ada.shows("<p>Ada! </p>")
        again = await visitor.connect()
        again.name, again.shown, again.csrf = bob.name, bob.shown, bob.csrf
        await again.rejoin(bob.only)
        await ada.shows("<p>Ada! Bob </p>")
        await again.send("leave", again.only)
        await ada.shows("<p>Ada! </p>")
        reloaded = await visitor.tab()
        await ada.shows("<p>Ada! Bob </p>")
        await reloaded.event("say('back')")
        await ada.shows("Bob:back")


async def test_who_is_back_before_the_old_socket_has_ended_stays(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGES)) as served:
        ada, visitor = await served.tab(), await served.visitor()
        old = await visitor.tab()
        await old.event("enter('Bob')")
        await ada.shows("<p>Bob </p>")
        new = await visitor.connect()
        new.name, new.shown, new.csrf = old.name, old.shown, old.csrf
        await new.rejoin(old.only)
        await new.event("say('here')")
        await old.socket.close()
        await ada.event("enter('Ada')")
        await ada.shows("<p>Bob Ada! </p>")
        await new.event("typing")
        await ada.shows("<p>Bob… Ada! </p>")


async def test_another_worker_sees_the_room_and_takes_a_tab_over(tmp_path: Path) -> None:
    def make() -> Asok:
        return asok_app(tmp_path, PAGES, database=str(tmp_path / "sessions.db"))

    async with rig(make()) as one, rig(make()) as two:
        ada = await one.tab()
        await ada.event("enter('Ada')")
        visitor = await two.visitor()
        bob = await visitor.tab()
        await bob.event("enter('Bob')")
        await bob.shows("<p>Ada Bob! </p>")
        await ada.shows("<p>Ada! Bob </p>")
        await bob.event("say('hi')")
        await ada.shows("Bob:hi")
        await bob.socket.close()
        await ada.shows("<p>Ada! </p>")
        moved = await (await one.visitor()).connect(cookie=visitor.cookie)
        moved.name, moved.shown, moved.csrf = bob.name, bob.shown, bob.csrf
        await moved.rejoin(bob.only)
        await ada.shows("<p>Ada! Bob </p>")


async def test_a_page_names_who_is_there_before_its_socket_is_open(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGES)) as served:
        ada = await served.tab()
        await ada.event("enter('Ada')")
        assert "<p>Ada </p>" in (await (await served.visitor()).open()).text


async def test_a_room_that_mount_joins_is_entered_when_the_page_is_open(tmp_path: Path) -> None:
    class Lobby(Component):
        template = "<p>{{ this.presence.members('lobby') | length }}</p>"

        def mount(self) -> None:
            self.presence.join("lobby")

        @exposed
        def show(self) -> None: ...

    async with rig(asok_app(tmp_path, {"/": "{{ component('Lobby') }}"})) as served:
        assert ">0</p>" in (await (await served.visitor()).open()).text
        one = await served.tab()
        await one.shows("1")
        await served.tab()
        await one.shows("2")


async def test_a_child_that_comes_later_enters_its_room_when_it_has_joined(tmp_path: Path) -> None:
    class Seat(Component):
        template = "<p>{{ this.presence.members('seats') | length }}</p>"

        def mount(self) -> None:
            self.presence.join("seats")

    class Table(Component):
        taken = False
        template = "<div>{% if taken %}{{ component('Seat') }}{% endif %}</div>"

        @exposed
        def take(self) -> None:
            self.taken = True

    async with rig(asok_app(tmp_path, {"/": "{{ component('Table') }}"})) as served:
        tab = await served.tab()
        await tab.event("take")
        seat = next(name for name in tab.shown if name != tab.only)
        assert 'data-live="0"' in tab.text(seat)
        await tab.send("join", 1, "", tab.name, [[tab.shown[seat].token, 0, 1]])
        await tab.shows(">1</p>", seat)


async def test_who_goes_while_being_let_in_comes_into_no_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked, goes_on, calls = asyncio.Event(), asyncio.Event(), 0

    class Lobby(Component):
        template = "<p>{{ this.presence.members('lobby') | length }}</p>"

        def mount(self) -> None:
            self.presence.join("lobby")

        async def guard(self, request: Any, session: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                asked.set()
                await goes_on.wait()

    caplog.set_level("INFO", "asok")
    async with rig(asok_app(tmp_path, {"/": "{{ component('Lobby') }}"})) as served:
        tab = await served.tab()
        await asked.wait()
        await tab.send("leave", tab.only)
        await tab.send("ping")
        await tab.until("pong")
        goes_on.set()
        await tab.socket.close()
        await until(lambda: ": ended" in caplog.text)
        assert ">0</p>" in (await (await served.visitor()).open()).text


# ---- who may


def guarded(tmp_path: Path) -> tuple[Asok, dict[str, bool], list[tuple[str, str]]]:
    app = asok_app(tmp_path, PAGES, debug=True)
    may, asked = {"join": True, "broadcast": True}, list[tuple[str, str]]()

    @app.authorize("room:*")
    def ask(session: Any, room: str, action: str) -> bool:
        asked.append((room, action))
        return may[action]

    return app, may, asked


async def test_who_may_not_join_or_speak_does_not(tmp_path: Path) -> None:
    app, may, asked = guarded(tmp_path)
    async with rig(app) as served:
        ada, bob = await served.tab(), await served.tab()
        await ada.event("enter('Ada')")
        await ada.event("say('yes')")
        may["broadcast"] = False
        assert (await ada.event("say('no')"))[3] == "denied"
        may["join"] = False
        assert (await bob.event("enter('Bob')"))[3] == "denied"
        assert (await ada.event("rename('Eve')"))[3] == "denied"
        assert "<p>Ada </p>" in (await (await served.visitor()).open()).text
        await ada.shows("<q>Ada:yes</q>")
    assert set(asked) == {(ROOM, "join"), (ROOM, "broadcast")}


async def test_a_room_that_no_function_guards_is_open(tmp_path: Path) -> None:
    app, may, asked = guarded(tmp_path)
    may["join"] = may["broadcast"] = False
    async with rig(app) as served:
        ada = await served.tab()
        assert (await ada.event("enter('Ada', 'hall')"))[0] == "update"
        assert (await ada.event("say('x', 'hall')"))[0] == "update"
    assert asked == []


async def test_who_may_not_join_any_more_is_not_let_in_again(tmp_path: Path) -> None:
    app, may, _ = guarded(tmp_path)
    async with rig(app) as served:
        ada, visitor = await served.tab(), await served.visitor()
        bob = await visitor.tab()
        await bob.event("enter('Bob')")
        await ada.shows("<p>Bob </p>")
        await bob.socket.close()
        await ada.shows("<p></p>")
        may["join"] = False
        again = await visitor.connect()
        again.name, again.shown, again.csrf = bob.name, bob.shown, bob.csrf
        await again.rejoin(bob.only)
        assert (await again.until("refused"))[3] == "denied"
        may["join"] = True
        await ada.event("enter('Ada')")
        await again.shows("<p>Ada </p>")
        app.push(ROOM, "secret")
        await ada.shows("secret")
        reloaded = await visitor.open()
        assert "secret" not in reloaded.text
        assert "<p>Ada </p>" in reloaded.text


async def test_a_function_that_raises_lets_nobody_in(tmp_path: Path) -> None:
    app = asok_app(tmp_path, PAGES, debug=True)

    @app.authorize("room:*")
    def ask(session: Any, room: str, action: str) -> None:
        raise RuntimeError if action == "join" else Denied("that")

    async with rig(app) as served:
        ada = await served.tab()
        assert (await ada.event("enter('Ada')"))[3] == "failed"
        assert (await ada.event("say('x')"))[3] == "denied"


def test_an_async_function_would_let_everybody_in_and_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="plain def"):

        @asok_app(tmp_path).authorize("room:*")
        async def ask(session: Any, room: str, action: str) -> bool:
            return False


# ---- what is not taken


async def test_what_others_cannot_be_told_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, PAGES, debug=True)) as served:
        ada, bob = await served.tab(), await served.tab()
        assert "4096" in (await ada.event("big"))[4]
        assert "join the room first" in (await ada.event("rename('Ada')"))[4]
        assert "65536" in (await ada.event("flood"))[4]
        assert "<p></p>" in await ada.text_after("typing")
        await bob.event("enter('Bob')")
        await ada.shows("<p>Bob </p>")


@pytest.mark.parametrize("name", ["", "\0share/x", "x" * 257])
def test_a_name_that_is_no_room_is_refused(name: str) -> None:
    class Plain(Component):
        template = "<p></p>"

    with pytest.raises(ComponentError):
        Plain().presence.join(name)


def test_a_stateless_component_says_that_it_cannot_be_in_a_room() -> None:
    class Plain(Component):
        stateless = True
        template = "<p></p>"

    with pytest.raises(ComponentError, match=r"stateless.*load\(\)"):
        Plain().presence.join("a")
    with pytest.raises(ComponentError, match=r"stateless.*load\(\)"):
        Plain().subscribe("a")


async def test_load_joins_no_room(tmp_path: Path) -> None:
    class Eager(Component):
        template = "<p></p>"
        on = False

        def load(self) -> None:
            if self.on:
                self.presence.join("a")

        @exposed
        def go(self) -> None:
            self.on = True

    async with rig(asok_app(tmp_path, {"/": "{{ component('Eager') }}"}, debug=True)) as served:
        tab = await served.tab()
        assert "every rendering" in (await tab.event("go"))[4]


async def test_a_message_of_an_unmounting_component_is_sent(tmp_path: Path) -> None:
    class Leaver(Component):
        template = "<p></p>"

        def unmount(self) -> None:
            self.broadcast("room:1", "bye")
            self.presence.join("room:1", {"name": "ghost"})

    app = asok_app(tmp_path, {**PAGES, "/leaver": "{{ component('Leaver') }}"})
    async with rig(app) as served:
        ada = await served.tab()
        await ada.event("enter('Ada')")
        leaver: Tab = await served.tab("/leaver")
        await leaver.send("leave", leaver.only)
        await ada.shows("bye")
        await ada.event("typing")
        await ada.shows("<p>Ada…! </p>")
