"""Messages between the components of a page: who hears what, when, and what is said where nobody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from asok import Asok, Component, exposed, on
from asok.backends.memory import MemoryBackend
from asok.emitting import Address, address_of
from asok.errors import Busy, ComponentError
from asok.frames import having_key
from asok.hearing import MOST_HOPS
from asok.sessions import Commit
from asok.state import Mount, Token
from asok.testing import LiveClient, Page, Refused
from tests.rig import asok_app, rig
from tests.unit.effort import lines_run
from tests.unit.waiting import Refusing, until


class Letter(msgspec.Struct):
    sender: str
    stamp: int = 0


class Clan(Component):
    """Two houses; each of them has two persons."""

    heard: list[str] = []
    template = """<main><h1>{{ heard | join(' ') }}</h1>
        {% for name in 'ab' %}{{ component('House', key=name, name=name) }}{% endfor %}</main>"""

    @on("letter")
    def hear(self, letter: Letter) -> None:
        self.heard = [*self.heard, f"{letter.sender}{letter.stamp}"]


class House(Component):
    name: str
    heard: list[str] = []
    template = """<section><h2>{{ name }} {{ heard | join(' ') }}</h2>
        <button id="call-{{ name }}" ws-click="call">Call</button>
        {% for number in (1, 2) %}{{ component('Person', key=number, name=name ~ number) }}{% endfor %}</section>"""

    @on("letter")
    async def hear(self, letter: Letter) -> None:
        self.heard = [*self.heard, letter.sender]

    @exposed
    def call(self) -> None:
        self.emit("said", self.name, to="children")


class Person(Component):
    name: str
    heard: list[str] = []
    template = """<article><p>{{ name }} {{ heard | join(' ') }}</p>
        <form id="say-{{ name }}" ws-submit="say"><input name="to"><input name="key"></form>
        <button id="write-{{ name }}" ws-click="write">Write</button>
        <button id="fail-{{ name }}" ws-click="write(True)">Fail</button></article>"""

    @on("said", "end")
    def hear(self, message: str) -> None:
        self.heard = [*self.heard, message]

    @exposed
    def write(self, fail: bool = False) -> None:
        letter = Letter(self.name, 1)
        self.emit("letter", letter)
        letter.stamp = 2
        if fail:
            raise RuntimeError("no stamp")

    @exposed
    def say(self, to: str, key: str) -> None:
        self.emit("said", self.name, to=(to, key) if key else to)


@pytest.fixture
def app(tmp_path: Path) -> Asok:
    person = "{{ component('Person', key=%s, name='c%s') }}"
    body = "{{ component('Clan') }}" + person % (1, 1) + person % (2, 2)
    return asok_app(tmp_path, {"/": body, "/alone": person % (1, 1)}, debug=True)


@pytest.fixture
async def live(app: Asok) -> AsyncIterator[LiveClient]:
    async with LiveClient(app) as live:
        yield live


@pytest.fixture
async def tab(live: LiveClient) -> Page:
    return await live.open("/")


async def say(page: Page, who: str, to: str, key: str = "") -> None:
    await page.fill(f"#say-{who} [name=to]", to)
    await page.fill(f"#say-{who} [name=key]", key)
    await page.submit(f"#say-{who}")


async def heard_by(app: Asok, *pages: Page) -> list[dict[str, str]]:
    """Who has heard what, once each of them has heard a last word."""
    app.push("end", "end")
    return [await _heard_on(page) for page in pages]


async def _heard_on(page: Page) -> dict[str, str]:
    await page.until(lambda: all(text.endswith(" end") for text in page.all("p")))
    said = [text.removesuffix("end").partition(" ") for text in page.all("p")]
    return {name: words.strip() for name, _, words in said if words.strip()}


# ---- who hears


async def test_a_message_goes_up_to_all_around_and_to_nobody_else(tab: Page) -> None:
    await tab.click("#write-b2")
    await tab.shows("h1", "b21")
    await tab.shows("h2", "a", "b b2")


async def test_a_message_is_what_it_was_when_it_was_emitted_in_the_type_of_each_hearer(tab: Page) -> None:
    await tab.click("#write-a1")
    await tab.shows("h1", "a11")


async def test_it_reaches_siblings_and_not_its_sender(app: Asok, tab: Page) -> None:
    await say(tab, "a1", "siblings")
    await say(tab, "c2", "siblings")
    assert await heard_by(app, tab) == [{"a2": "a1", "c1": "c2"}]


async def test_it_reaches_the_children_of_one_and_no_others(app: Asok, tab: Page) -> None:
    await tab.click("#call-b")
    assert await heard_by(app, tab) == [{"b1": "b", "b2": "b"}]


async def test_it_reaches_all_of_a_class_in_this_tab_only(app: Asok, live: LiveClient, tab: Page) -> None:
    other = await live.open("/")
    await say(tab, "a1", "Person")
    everybody = {name: "a1" for name in ("a2", "b1", "b2", "c1", "c2")}
    assert await heard_by(app, tab, other) == [everybody, {}]


async def test_it_reaches_those_of_a_class_that_have_a_key_wherever_they_stand(app: Asok, tab: Page) -> None:
    await say(tab, "a1", "Person", "2")
    assert await heard_by(app, tab) == [{name: "a1" for name in ("a2", "b2", "c2")}]


async def test_all_hear_after_the_tab_has_come_back(app: Asok, tab: Page) -> None:
    await tab.reconnect()
    await tab.click("#write-a2")
    await tab.shows("h1", "a21")
    await tab.shows("h2", "a a2", "b")


async def test_a_child_that_has_come_later_emits_and_hears(tmp_path: Path) -> None:
    class Growing(Component):
        names: list[str] = []
        heard: list[str] = []
        template = """<main><h1>{{ heard | join(' ') }}</h1><button ws-click="grow">+</button>
            {% for name in names %}{{ component('Person', key=name, name=name) }}{% endfor %}</main>"""

        @exposed
        def grow(self) -> None:
            self.names = [*self.names, f"d{len(self.names)}"]

        @on("letter")
        def hear(self, letter: Letter) -> None:
            self.heard = [*self.heard, letter.sender]

    app = asok_app(tmp_path, {"/": "{{ component('Growing') }}"})
    async with LiveClient(app) as live:
        page = await live.open("/")
        await page.click("main > button")
        await page.click("main > button")
        await page.settled()
        await page.click("#write-d1")
        await page.shows("h1", "d1")
        await say(page, "d1", "siblings")
        assert await heard_by(app, page) == [{"d0": "d1"}]


async def test_what_stands_in_a_slot_is_inside_of_the_component_that_has_the_slot(live: LiveClient) -> None:
    class Desk(Component):
        heard: list[str] = []
        template = """<main><h1>{{ heard | join(' ') }}</h1>
            {% component 'Drawer', key=1 %}{{ component('Button', key='a') }}{% endcomponent %}
            {% component 'Drawer', key=2 %}{{ component('Button', key='b') }}{% endcomponent %}</main>"""

        @on("pressed")
        def hear(self, name: str) -> None:
            self.heard = [*self.heard, name]

    class Drawer(Component):
        open: bool = False
        template = "<section><h2>{{ open }}</h2>{{ slot }}</section>"

        @on("pressed")
        def hear(self) -> None:
            self.open = not self.open

    class Button(Component):
        pointed: str = ""
        template = "<button ws-click='press'>Press{{ pointed }}</button>"

        @exposed
        def press(self) -> None:
            self.emit("pressed", "x")
            self.emit("pointed at", to=("Button", "a"))

        @on("pointed at")
        def point(self) -> None:
            self.pointed = "!"

    page = await live.mount(Desk)
    await page.click("section:nth-of-type(2) button")
    await page.shows("h1", "x")
    await page.shows("h2", "False", "True")
    await page.shows("button", "Press!", "Press")


async def test_one_class_may_hear_patterns_of_names(live: LiveClient) -> None:
    class Wall(Component):
        heard: list[str] = []
        template = "<main><h1>{{ heard | join(' ') }}</h1>{{ component('Caller') }}</main>"

        @on("door:*")
        def hear(self, message: str) -> None:
            self.heard = [*self.heard, message]

    class Caller(Component):
        template = "<button ws-click='call'>Call</button>"

        @exposed
        async def call(self) -> None:
            self.emit("door:1", "one")
            self.emit("window:1", "two")
            self.emit("door:2", "three")

    page = await live.mount(Wall)
    await page.click("button")
    await page.shows("h1", "one three")


async def test_a_stateless_component_emits_and_hears(live: LiveClient) -> None:
    class Tabs(Component):
        stateless = True
        shown: str = "one"
        template = "<main><h1>{{ shown }}</h1>{{ component('Choice') }}</main>"

        @on("chosen")
        def choose(self, name: str) -> None:
            self.shown = name

    class Choice(Component):
        stateless = True
        template = "<button ws-click='choose'>Two</button>"

        @exposed
        def choose(self) -> None:
            self.emit("chosen", "two")

    page = await live.mount(Tabs)
    await page.click("button")
    await page.shows("h1", "two")


# ---- when


async def test_what_fails_has_emitted_nothing(tab: Page) -> None:
    with pytest.raises(Refused, match="no stamp"):
        await tab.click("#fail-a1")
    await tab.click("#write-a2")
    await tab.shows("h1", "a21")


async def test_a_method_that_runs_again_emits_once(tmp_path: Path) -> None:
    backend = Refusing(2)
    app = asok_app(tmp_path, {"/": "{{ component('Clan') }}"}, backend=backend)
    async with LiveClient(app) as live:
        page = await live.open("/")
        backend.armed = True
        await page.click("#write-a1")
        await page.shows("h1", "a11")
        await page.click("#write-a2")
        await page.shows("h1", "a11 a21")
        assert backend.refused == 2


async def test_the_sender_is_answered_before_anybody_who_hears(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Clan') }}"})) as served:
        tab = await served.tab()
        clan, house, person = list(tab.shown)[:3]
        await tab.event("write", instance=person)
        while "a11" not in tab.text(clan) or "a1" not in tab.text(house):
            await tab.receive()
        assert next(frame[1] for frame in tab.frames if frame[0] == "update") == person


async def test_a_task_of_a_method_emits_at_its_end(live: LiveClient) -> None:
    class Desk(Component):
        heard: list[str] = []
        template = "<main><h1>{{ heard | join(' ') }}</h1>{{ component('Clerk') }}</main>"

        @on("done")
        def hear(self, message: str) -> None:
            self.heard = [*self.heard, message]

    class Clerk(Component):
        template = "<button ws-click='start'>Start</button>"

        @exposed
        def start(self) -> None:
            self.run(self.work())

        async def work(self) -> None:
            await asyncio.sleep(0)
            self.emit("done", "late")

    page = await live.mount(Desk)
    await page.click("button")
    await page.shows("h1", "late")


async def test_a_hearer_that_raises_harms_neither_the_sender_nor_the_others(live: LiveClient) -> None:
    class Hall(Component):
        heard: list[str] = []
        template = "<main><h1>{{ heard | join(' ') }}</h1>{{ component('Room') }}</main>"

        @on("knock")
        def hear(self) -> None:
            self.heard = [*self.heard, "knock"]

    class Room(Component):
        template = "<section>{{ component('Guest') }}</section>"

        @on("knock")
        def hear(self) -> None:
            raise RuntimeError("deaf")

    class Guest(Component):
        count = 0
        template = "<button ws-click='knock'>{{ count }}</button>"

        @exposed
        def knock(self) -> None:
            self.count += 1
            self.emit("knock")

    page = await live.mount(Hall)
    await page.click("button")
    await page.shows("h1", "knock")
    await page.shows("button", "1")
    await page.until(lambda: "deaf" in str(page.errors))


async def test_one_that_leaves_the_page_emits_from_its_unmount(live: LiveClient) -> None:
    class Shelf(Component):
        books: list[str] = ["a", "b"]
        gone: list[str] = []
        template = """<main><h1>{{ gone | join(' ') }}</h1><button ws-click="take">Take</button>
            {% for book in books %}{{ component('Book', key=book, name=book) }}{% endfor %}</main>"""

        @exposed
        def take(self) -> None:
            self.books = self.books[1:]

        @on("gone")
        def hear(self, name: str) -> None:
            self.gone = [*self.gone, name]

    class Book(Component):
        name: str
        template = "<p>{{ name }}</p>"

        @on("never")
        def listen(self) -> None: ...

        def unmount(self) -> None:
            self.emit("gone", self.name)

    page = await live.mount(Shelf)
    await page.click("button")
    await page.shows("h1", "a")


# ---- round and round


class Echo(Component):
    name: str = "one"
    count = 0
    template = "<article><p>{{ count }}</p><button id='{{ name }}' ws-click='start'>Start</button></article>"

    @exposed
    def start(self) -> None:
        self.emit("echo", to="siblings")

    @on("echo")
    def hear(self) -> None:
        self.count += 1
        self.emit("echo", to="siblings")


async def test_a_message_that_goes_round_and_round_is_cut_with_a_word(tmp_path: Path) -> None:
    body = "{{ component('Echo', key=1, name='one') }}{{ component('Echo', key=2, name='two') }}"
    async with LiveClient(asok_app(tmp_path, {"/": body}, debug=True)) as live:
        page = await live.open("/")
        await page.click("#one")
        half = str(MOST_HOPS // 2)
        await page.shows("p", half, half)
        await page.until(lambda: "Echo.emit('echo') is cut" in str(page.errors))
        await page.click("#two")  # a new word begins anew
        await page.shows("p", str(MOST_HOPS), str(MOST_HOPS))


# ---- what is refused, and what is said of what nobody hears


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("Hous", "no component is called 'Hous'; did you mean 'House'?"),
        ("sibling", "did you mean 'siblings'?"),
        (("siblings", 1), "no component is called 'siblings'"),
        (7, "expected a text, a component class, or one of both and a key"),
        (("Person", None), "expected a text"),
    ],
)
async def test_an_address_that_nobody_has_is_refused_where_it_is_written(to: object, said: str) -> None:
    with pytest.raises(ComponentError, match="emit") as error:
        address_of(to, ["House", "Person"])
    assert said in str(error.value)


def test_an_address_may_be_the_class_itself() -> None:
    assert address_of(Person, ["Person"]) == Address("Person")
    assert address_of((Person, 3), ["Person"]) == Address("Person", 3)


@pytest.mark.parametrize(
    ("message", "said"),
    [(object(), "emit('letter'): "), ("x" * 70_000, "65536 are allowed"), (lambda: 0, "send numbers, text")],
)
async def test_a_message_that_cannot_be_sent_is_refused_where_it_is_emitted(
    live: LiveClient, message: object, said: str
) -> None:
    class Bad(Component):
        template = "<button ws-click='send'>Send</button>"

        @exposed
        async def send(self) -> None:
            self.emit("letter", message)

    page = await live.mount(Bad)
    with pytest.raises(Refused, match=r"Bad\.send raised") as error:
        await page.click("button")
    assert said in str(error.value)


def test_a_key_is_looked_for_among_siblings_with_names_that_are_made_once() -> None:
    parent = "parent000000"
    row = Token("row000000000", "Row", b"", b"", 0, "", b"", Mount("/", "/"), 0, False, 0, b"", 0, b"", path=parent)
    rows = [msgspec.structs.replace(row, instance=f"row{number:09}") for number in range(100)]
    has_key = having_key("Row", 7)
    assert not has_key(row)
    assert lines_run(lambda: [has_key(each) for each in rows]) < 4 * len(rows)


async def test_nothing_is_emitted_while_the_page_is_made(live: LiveClient) -> None:
    class Early(Component):
        template = "<p></p>"

        def mount(self) -> None:
            self.emit("letter")

    with pytest.raises(ComponentError, match=r"Early\.emit while it is first rendered would reach no open page"):
        await live.mount(Early)


async def test_in_development_the_log_says_once_that_nobody_hears(
    live: LiveClient, caplog: pytest.LogCaptureFixture
) -> None:
    class Lost(Component):
        template = "<button ws-click='call'>Call</button>"

        @exposed
        async def call(self) -> None:
            self.emit("leter")

    page = await live.mount(Lost)
    for _ in range(2):
        await page.click("button")
        await page.settled()
    said = [each for each in caplog.messages if "Lost" in each]
    assert said == [
        "Lost has emitted 'leter' to 'parents', and nobody there takes it; did you mean 'letter'?; mark a method of "
        "the component that is to hear it with @on('leter')"
    ]


async def test_the_log_names_those_who_would_hear_another_address(
    live: LiveClient, tab: Page, caplog: pytest.LogCaptureFixture
) -> None:
    await say(tab, "c1", "parents")
    await tab.settled()
    assert "Person has emitted 'said' to 'parents', and nobody there takes it" in caplog.text
    await say(tab, "c1", "House")
    await tab.settled()
    assert "to 'House'" not in caplog.text


async def test_in_production_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Quiet(Component):
        template = "<button ws-click='call'>Call</button>"

        @exposed
        async def call(self) -> None:
            self.emit("nobody")

    with caplog.at_level(logging.WARNING):
        async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Quiet') }}"})) as live:
            page = await live.open("/")
            await page.click("button")
            await page.settled()
    assert "nobody" not in caplog.text


async def test_what_does_not_fit_the_hearer_is_logged_and_the_next_is_heard(
    live: LiveClient, caplog: pytest.LogCaptureFixture
) -> None:
    class Strict(Component):
        heard: list[int] = []
        template = "<main><h1>{{ heard | join(' ') }}</h1>{{ component('Loose') }}</main>"

        @on("number")
        def hear(self, number: int) -> None:
            self.heard = [*self.heard, number]

    class Loose(Component):
        template = "<button ws-click='send'>Send</button>"

        @exposed
        async def send(self) -> None:
            self.emit("number", "seven")
            self.emit("number", "8")

    page = await live.mount(Strict)
    await page.click("button")
    await page.shows("h1", "8")
    await until(lambda: "Strict.hear does not take the message 'seven'" in caplog.text)


class Unsure(MemoryBackend):
    """Does the last of so many commits of records, and does not say so."""

    left = 0

    async def commit(self, commit: Commit) -> bool:
        done = await super().commit(commit)
        if self.left and done and any(name.startswith("record/") for _, name in commit.writes):
            self.left -= 1
            if not self.left:
                raise Busy("the answer was lost")
        return done


async def test_a_message_is_heard_once_though_nobody_could_say_that_it_was_committed(tmp_path: Path) -> None:
    class UnsureMouth(Component):
        said = 0
        template = "<b>{{ said }}</b>"

        @exposed
        async def say(self) -> None:
            self.said += 1
            self.emit("unsure", f"emitted{self.said}", to="UnsureEar")

    class UnsureEar(Component):
        words: list[str] = []
        template = "<p>{{ words | join(' ') }}</p>"

        @on("unsure")
        async def hear(self, word: str) -> None:
            self.words = [*self.words, word]

    backend = Unsure()
    app = asok_app(tmp_path, {"/": "{{ component('UnsureMouth') }}{{ component('UnsureEar') }}"}, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        mouth, ear = tab.shown
        backend.left = 2  # that of the speaker, and that of the hearer
        await tab.event("say", instance=mouth)
        await tab.shows("emitted1", ear)
        backend.left = 1
        app.push("unsure", "pushed")
        await tab.shows("pushed", ear)
        await tab.event("say", instance=mouth)
        await tab.shows("emitted2", ear)
        assert ">emitted1 pushed emitted2<" in tab.text(ear)
