"""From HTTP to the socket without running twice: the page is made once, and the socket takes up what stands there."""

from __future__ import annotations

from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest

from asok import Asok, Component, exposed, private
from asok.sessions import Session
from tests.rig import Tab, Visitor, asok_app, rig

runs: Tally[str] = Tally()


@pytest.fixture(autouse=True)
def ticket() -> type[Component]:
    runs.clear()

    class Ticket(Component):
        number = 0
        clicks = 0
        secret: int = private(0)
        template = "<p>{{ number }} {{ clicks }} {{ secret }}</p>"

        def mount(self) -> None:
            runs["mount"] += 1
            self.number, self.secret = runs["mount"] * 100, 7
            self.session["mounted"] = runs["mount"]

        @exposed
        def press(self) -> None:
            self.clicks += 1

    return Ticket


def make(folder: Path) -> Asok:
    """An app whose page function has a side effect."""
    app = asok_app(
        folder,
        database=str(folder / "sessions.db"),
        templates={
            "t.html": "{{ alive() }}{{ page }}{{ component('Ticket') }}",
            "both.html": "{{ alive() }}{{ component('Reader') }}{{ component('Ticket') }}",
        },
    )

    @app.page("/", "t.html")
    async def page(request: Any) -> dict[str, int]:
        runs["page"] += 1
        request.session["visits"] = request.session.get("visits", 0) + 1
        return {"page": runs["page"]}

    return app


async def again(visitor: Visitor, tab: Tab, cookie: str | None = None) -> Tab:
    """The same page on another connection."""
    other = await visitor.connect(cookie=cookie)
    other.name, other.shown, other.csrf = tab.name, tab.shown, tab.csrf
    await other.rejoin(tab.only)
    return other


ONCE = {"page": 1, "mount": 1}


async def test_the_socket_goes_on_with_what_http_has_rendered(tmp_path: Path) -> None:
    async with rig(make(tmp_path)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        assert ">100 0 7</p>" in page.text
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        assert runs == ONCE
        assert await tab.text_after("press") == "<p>100 1 7</p>"
        assert runs == ONCE


async def test_a_lost_connection_runs_nothing_again(tmp_path: Path) -> None:
    async with rig(make(tmp_path)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        for clicks in range(1, 4):
            assert await tab.text_after("press") == f"<p>100 {clicks} 7</p>"
            await tab.socket.close()
            tab = await again(visitor, tab)
    assert runs == ONCE


async def test_another_worker_runs_nothing_again(tmp_path: Path) -> None:
    async with rig(make(tmp_path)) as one, rig(make(tmp_path)) as two:
        visitor = await one.visitor()
        tab = await visitor.tab()
        moved = await again(await two.visitor(), tab, visitor.cookie)
        assert await moved.text_after("press") == "<p>100 1 7</p>"
        back = await again(visitor, moved)
        assert await back.text_after("press") == "<p>100 2 7</p>"
    assert runs == ONCE


async def test_the_back_button_shows_what_the_session_has_and_runs_nothing_again(tmp_path: Path) -> None:
    async with rig(make(tmp_path)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first = await visitor.connect()
        await first.join(page.tokens, page.csrf)
        await first.event("press")
        await first.event("press")
        await first.socket.close()
        # A page out of the browser's cache has the token of when it was made.
        restored = await visitor.connect()
        await restored.join(page.tokens, page.csrf)
        await restored.until("update")
        assert restored.text() == "<p>100 2 7</p>"
        assert await restored.text_after("press") == "<p>100 3 7</p>"
    assert runs == ONCE


async def test_a_reload_makes_the_page_again_and_mounts_nothing(tmp_path: Path) -> None:
    async with rig(make(tmp_path)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.event("press")
        assert ">100 1 7</p>" in (await visitor.open()).text
    assert runs == {"page": 2, "mount": 1}


async def test_what_page_and_mount_wrote_to_the_session_is_there_once_for_the_socket(tmp_path: Path) -> None:
    class Reader(Component):
        template = "<p>{{ session.get('visits') }} {{ session.get('mounted') }}</p>"

        @exposed
        def look(self) -> None:
            runs["look"] += 1

    app = make(tmp_path)

    @app.page("/both", "both.html")
    async def both(request: Any) -> dict[str, Any]:
        session: Session = request.session
        session["visits"] = session.get("visits", 0) + 1
        return {}

    async with rig(app) as served:
        tab = await served.tab("/both")
        assert await tab.text_after("look") == "<p>1 1</p>"
    assert runs == {"mount": 1, "look": 1}


async def test_a_new_child_mounts_once_though_its_parent_shows_it_again_and_again(tmp_path: Path) -> None:
    class Parent(Component):
        shown = 0
        template = "<div>{{ shown }}{% if shown %}{{ component('Ticket') }}{% endif %}</div>"

        @exposed
        def show(self) -> None:
            self.shown += 1

    async with rig(asok_app(tmp_path, {"/": "{{ component('Parent') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        for _ in range(3):
            await tab.event("show")
        tab = await again(visitor, tab)
        await tab.event("show")
    assert runs == {"mount": 1}
