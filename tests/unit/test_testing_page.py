"""What comes to a page by itself: from other people, from the app, from other threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from asok import Asok, Component, Settings, Store, exposed, on
from asok.testing import LiveClient, NotShown, Page

tally = Store({"votes": 0, "names": []}, name="test_testing_page")


class TallyShown(Component):
    """Shows a store, as text and as children that come and go."""

    template = """<section><h3>{{ this.votes }}</h3><button ws-click="vote">Vote</button>
      {% for name in this.names %}{{ component("TallyName", key=name, name=name) }}{% endfor %}</section>"""

    @property
    def votes(self) -> int:
        return int(tally.read("votes"))

    @property
    def names(self) -> list[str]:
        return list(tally.read("names"))

    @exposed
    def vote(self) -> None:
        tally.update("votes", 1)


class TallyStill(Component):
    """Follows nothing, so that opening it waits for nothing."""

    template = "<section><h3>0</h3><button ws-click='vote'>Vote</button></section>"

    @exposed
    def vote(self) -> None: ...


class TallyName(Component):
    """A child that counts its own clicks, and hears of all others'."""

    name: str
    clicks = 0
    template = "<p>{{ name }} {{ clicks }} of {{ this.votes }} <button ws-click='up'>+</button></p>"

    @property
    def votes(self) -> int:
        return int(tally.read("votes"))

    @exposed
    def up(self) -> None:
        self.clicks += 1


class TallyEar(Component):
    """Writes down what is said."""

    heard: list[str] = []
    template = "<i>{{ heard | join(' ') }}</i>"

    @on("said")
    async def listen(self, word: str) -> None:
        await asyncio.sleep(0)
        self.heard = [*self.heard, word]

    @on("go")
    def leave(self, path: str) -> None:
        self.redirect(path)

    @on("again")
    def start_again(self) -> None:
        self.reload()

    async def load(self) -> None:
        await asyncio.sleep(0)


HEAD = "<!doctype html><html><head>{{ alive() }}</head><body>"


@pytest.fixture
def app(tmp_path: Path) -> Asok:
    pages = {
        "tally.html": HEAD + "{{ component('TallyShown') }}{{ component('TallyEar') }}",
        "next.html": "<p>next</p>",
    }
    settings = Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:")
    app = Asok(root=tmp_path, settings=settings, env=Environment(loader=DictLoader(pages)))
    app.page("/", "tally.html")
    app.page("/next", "next.html")
    return app


@pytest.fixture
async def live(app: Asok) -> AsyncIterator[LiveClient]:
    async with LiveClient(app) as live:
        yield live


@pytest.fixture
async def tab(live: LiveClient) -> Page:
    return await live.open("/")


async def test_two_people_see_each_others_votes(live: LiveClient, tab: Page) -> None:
    theirs = await live.another().open("/")
    await tab.click("section > button")
    await theirs.shows("h3", "1")
    await theirs.click("section > button")
    await tab.shows("h3", "2")


async def test_a_page_hears_as_soon_as_it_is_open(app: Asok, tab: Page) -> None:
    app.push("said", "hello")
    await tab.shows("i", "hello")
    assert tab.errors == []


async def test_a_page_is_pushed_to_from_any_thread(app: Asok, tab: Page) -> None:
    words = [f"{number}" for number in range(20)]
    await asyncio.gather(*(asyncio.to_thread(app.push, "said", word) for word in words))
    await tab.until(lambda: sorted(tab.text("i").split()) == sorted(words))


async def test_a_page_is_pushed_to_from_another_loop(app: Asok, tab: Page) -> None:
    async def elsewhere() -> None:
        app.push("said", "elsewhere")
        await tally.set("votes", 3)

    await asyncio.to_thread(asyncio.run, elsewhere())
    await tab.shows("i", "elsewhere")
    await tab.shows("h3", "3")


async def test_children_come_by_a_push_keep_their_state_and_go(tab: Page) -> None:
    await tally.set("names", ["Ada", "Bob"])
    await tab.shows("p", "Ada 0 of 0 +", "Bob 0 of 0 +")
    await tab.click("p:last-of-type button")
    await tally.update("votes", 5)
    await tab.shows("p", "Ada 0 of 5 +", "Bob 1 of 5 +")
    await tally.set("names", ["Bob"])
    await tab.shows("p", "Bob 1 of 5 +")


async def test_a_page_hears_again_after_a_lost_connection(app: Asok, tab: Page) -> None:
    await tab.disconnect()
    app.push("said", "lost")
    await tally.set("votes", 7)
    await tab.reconnect()
    assert tab.text("h3") == "7"
    app.push("said", "back")
    await tab.shows("i", "back")


async def test_the_next_click_after_a_lost_connection_brings_everything_back(app: Asok, tab: Page) -> None:
    await tab.disconnect()
    await tab.click("section > button")
    app.push("said", "back")
    await tab.shows("i", "back")


async def test_a_push_leads_to_another_page(app: Asok, tab: Page) -> None:
    app.push("go", "/next")
    await tab.shows("p", "next")
    assert tab.url == "http://localhost/next"


async def test_a_push_loads_the_page_anew(app: Asok, tab: Page) -> None:
    app.push("said", "before")
    app.push("again")
    await tab.until(lambda: tab.patches == [] and tab.text("i") == "before")
    app.push("said", "after")
    await tab.shows("i", "before after")


async def test_what_does_not_come_is_told_with_what_is_there(app: Asok) -> None:
    app.page("/still", TallyStill)
    async with LiveClient(app, patience=0.05) as live:
        page = await live.open("/still")
        with pytest.raises(NotShown, match=r"waited 0\.05 s for 'h3' to show '9'; the page shows '0'"):
            await page.shows("h3", "9")
        with pytest.raises(NotShown, match="'h4' to show '9'; the page shows no such element, but '0Vote'"):
            await page.shows("h4", "9")
        with pytest.raises(NotShown, match="a push that changes the page; the page shows '0Vote'"):
            await page.until(lambda: page.text("h4") == "9")


async def test_what_a_test_looks_for_wrongly_is_not_waited_for(tab: Page) -> None:
    with pytest.raises(ZeroDivisionError):
        await tab.until(lambda: 1 // 0 == 0)


async def test_the_clock_of_the_test_is_not_taken_for_the_patience(tab: Page) -> None:
    def out_of_time() -> bool:
        raise TimeoutError("the test's own")

    with pytest.raises(TimeoutError, match="the test's own"):
        await tab.until(out_of_time)
