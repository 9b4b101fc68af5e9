"""A page that is given an instance shares its fields; one that is given the class does not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from asok import AuthStore, Component, async_, exposed, private
from asok.errors import ConfigurationError
from asok.sessions import Session
from asok.testing import LiveClient, Refused
from tests.rig import Rig, Tab, asok_app, rig


class SharedBoard(Component):
    title: str = "Board"
    pins: list[str] = []
    secret: int = private(0)
    room: str = "main"
    template = "<p>{{ title }}: {{ pins | join(',') }} {{ secret }} in {{ room }}</p>"

    @exposed
    async def pin(self, text: str) -> None:
        pins = list(self.pins)
        await asyncio.sleep(0)
        self.pins = [*pins, text]
        self.secret += 1


async def shown(tab: Tab, wanted: str) -> None:
    """Wait until the tab shows the text."""
    while wanted not in tab.text():
        await tab.receive()


class Guest(BaseModel):
    first_name: str = Field("Ada", alias="firstName")


class SharedGuests(Component):
    guests: list[Guest] = []
    template = "<p>{% for guest in guests %}{{ guest.first_name }} {% endfor %}</p>"

    @exposed
    def invite(self, guest: Guest) -> None:
        self.guests.append(guest)


async def test_a_model_is_shared_and_may_be_an_argument(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/", SharedGuests(guests=[Guest(firstName="Ada")]))
    async with LiveClient(app) as live:
        page = await live.open("/")
        await page.call("p", "invite", {"firstName": "Grace"})
        theirs = await live.another().open("/")
        assert theirs.text("p") == "Ada Grace"
        with pytest.raises(Refused, match="bad_args"):
            await page.call("p", "invite", {"firstName": 1})


async def test_what_one_visitor_changes_in_a_shared_instance_all_see(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/board", SharedBoard(title="Ours"))
    async with rig(app) as served:
        one, other = await served.tab("/board"), await served.tab("/board")
        await one.event("pin('a')")
        await shown(other, "Ours: a 1")
        await other.event("pin('b')")
        await shown(one, "Ours: a,b 2")
        page = await (await served.visitor()).open("/board")
        assert "Ours: a,b 2 in main" in page.text


async def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/board", SharedBoard())
    async with rig(app) as served:
        tabs = [await served.tab("/board") for _ in range(4)]

        async def pin(tab: Tab, name: int) -> None:
            for number in range(5):
                frame = await tab.event(f"pin('{name}.{number}')")
                while frame[0] == "busy":
                    frame = await tab.event(f"pin('{name}.{number}')", seq=frame[2])

        await asyncio.gather(*(pin(tab, name) for name, tab in enumerate(tabs)))
        text = (await (await served.visitor()).open("/board")).text
        assert len(re.findall(r"\b\d\.\d\b", text)) == 20
        assert " 20 in main" in text


async def test_a_class_gives_every_tab_an_instance_of_its_own(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/board", SharedBoard)
    async with rig(app) as served:
        one, other = await served.tab("/board"), await served.tab("/board")
        await one.event("pin('a')")
        frame = await other.event("pin('b')")
        assert ": b 1" in str(frame[3])


async def test_pages_with_other_path_parameters_share_nothing(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    app.page("/board/{room}", SharedBoard())
    async with rig(app) as served:
        one = await served.tab("/board/a")
        await one.event("pin('x')")
        visitor = await served.visitor()
        assert ": x 1 in a" in (await visitor.open("/board/a")).text
        assert ":  0 in b" in (await visitor.open("/board/b")).text


async def test_no_address_of_a_shared_page_is_somebodys_part_of_a_store(tmp_path: Path) -> None:
    store = AuthStore(lambda session: "ann", {"title": "Hers", "pins": [], "secret": 7}, name="page")
    app = asok_app(tmp_path)
    app.page("/{room}", SharedBoard())
    async with rig(app) as served:
        hers = store.auth(Session())
        await hers.set("title", "Only hers")
        tab = await served.tab(f"/{hers.owner.rpartition('/')[2]}")
        await tab.event("pin('a')")
        assert "Board: a 1" in tab.text() and hers.read() == {"title": "Only hers", "pins": [], "secret": 7}


async def test_a_shared_instance_survives_a_restart(tmp_path: Path) -> None:
    async def served_pins(action: str) -> str:
        app = asok_app(tmp_path, database=str(tmp_path / "sessions.db"))
        app.page("/board", SharedBoard())
        async with rig(app) as served:
            return await pinned(served, action)

    async def pinned(served: Rig, action: str) -> str:
        tab = await served.tab("/board")
        return await tab.text_after(action)

    assert ": a 1" in await served_pins("pin('a')")
    assert ": a,b 2" in await served_pins("pin('b')")


class EarlierPoll(Component):
    votes: int = 0
    asked: str = "Tea?"
    template = "<p>{{ asked | replace('\0', '') }} {{ votes }}</p>"

    @exposed
    def change(self) -> None:
        self.votes, self.asked = 3, "Coffee\0?"


class LaterPoll(Component):
    votes: list[str] = ["ann"]
    asked: str = "Tea?"
    template = "<p>{{ asked | replace('\0', '') }} {{ votes | join }}</p>"


async def test_a_shared_field_whose_type_a_release_has_changed_begins_with_its_default(tmp_path: Path) -> None:
    async def served_page(poll: Component) -> str:
        app = asok_app(tmp_path, database=str(tmp_path / "sessions.db"))
        app.page("/poll", poll)
        async with rig(app) as served:
            if isinstance(poll, EarlierPoll):
                await (await served.tab("/poll")).event("change")
            return (await (await served.visitor()).open("/poll")).text

    assert "Coffee? 3" in await served_page(EarlierPoll())
    assert "Coffee? ann" in await served_page(LaterPoll())


class Stateless(Component):
    stateless = True
    template = "<p></p>"


def test_a_stateless_instance_cannot_be_shared(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pass the class"):
        asok_app(tmp_path).page("/", Stateless())


async def test_a_value_is_found_though_the_tab_that_has_asked_for_it_leaves(tmp_path: Path) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    gate.set()

    class SharedPrice(Component):
        template = "<p>{{ 'loading' if price.loading else price.value }}</p>"

        @async_
        async def price(self) -> int:
            begun.set()
            await gate.wait()
            return 5

        @exposed
        def again(self) -> None:
            self.price.reload()

    app = asok_app(tmp_path)
    app.page("/", SharedPrice())
    async with rig(app) as served, asyncio.timeout(20):
        first = await served.tab()
        await shown(first, "5")
        other = await served.tab()
        gate.clear()
        begun.clear()
        await first.event("again")
        await shown(other, "loading")
        await begun.wait()
        begun.clear()
        await first.socket.close()
        await begun.wait()
        gate.set()
        await shown(other, "5")
