"""Lazy components: a placeholder on the page, and the component when the browser asks for it; mounted once."""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64decode
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asok import AuthStore, Component, Limits, Store, exposed, private
from asok.component import definition_of, registry
from asok.state import KeyRing, seal, unseal
from asok.testing import LiveClient
from tests.rig import KEY, Rig, Tab, asok_app, rig


@pytest.fixture
def mounted() -> list[str]:
    """Which reports have been mounted, in order."""
    return []


@pytest.fixture(autouse=True)
def report(mounted: list[str]) -> type[Component]:
    class Report(Component):
        name: str = ""
        code: str = private("")
        hits: int = 0
        template = """<article class="report">{{ name }} has {{ rows|length }} rows, {{ code }}{{ slot }}
        <button ws-click="hit">{{ hits }}</button></article>"""

        def mount(self) -> None:
            mounted.append(self.name)

        async def load(self) -> None:
            await asyncio.sleep(0)
            self.rows = [1, 2, 3]

        @exposed
        def hit(self) -> None:
            self.hits += 1

    return Report


async def test_the_page_has_a_placeholder_and_mounts_nothing(tmp_path: Path, mounted: list[str]) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Report', name='A', lazy=True) }}"})) as served:
        text = (await (await served.visitor()).open()).text
        assert "Loading…" in text and 'aria-busy="true"' in text and 'data-live="0"' in text
        assert not mounted


@pytest.mark.parametrize("lazy", ["True", "'idle'"])
async def test_it_comes_as_soon_as_the_browser_has_joined(tmp_path: Path, lazy: str, mounted: list[str]) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": f"{{{{ component('Report', name='A', lazy={lazy}) }}}}"})) as live:
        page = await live.open("/")
        assert page.text(".report").startswith("A has 3 rows")
        assert "busy" not in page.html("body") and "data-live" not in page.html("body")
        await page.click(".report button")
        assert page.text(".report button") == "1"
        assert mounted == ["A"]


async def test_what_waits_to_be_seen_is_mounted_when_it_joins(tmp_path: Path, mounted: list[str]) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Report', lazy='visible') }}"})) as live:
        page = await live.open("/")
        await page.settled()
        assert not mounted
        assert page.attribute("[data-asok-lazy]", "data-asok-lazy") == "visible"
        await page.join()
        assert page.exists(".report")


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("component('Report', lazy=True)", "Loading…"),
        ("component('Report', lazy=True, placeholder='<wait>')", "&lt;wait&gt;"),
        ("component('Own', lazy=True, name='B')", "<p data-live=\"0\" aria-busy=\"true\">wait for B</p>"),
        ("component('Own', lazy=True, name='B', placeholder='no')", "no"),
    ],
)  # fmt: skip
async def test_the_placeholder_is_that_of_the_call_else_of_the_class_else_a_calm_one(
    tmp_path: Path, call: str, shown: str
) -> None:
    type("Own", (Component,), {"name": "", "template": "<p></p>", "placeholder": "<p>wait for {{ name }}</p>"})
    async with rig(asok_app(tmp_path, {"/": f"{{{{ {call} }}}}"})) as served:
        text = (await (await served.visitor()).open()).text
        assert shown in re.sub(r' data-asok-state="[^"]*"', "", text)


@pytest.mark.parametrize("lazy", ["'visibel'", "1", "none", "'now'"])
async def test_another_word_is_told_in_words(tmp_path: Path, lazy: str) -> None:
    with pytest.raises(Exception, match="expected True, 'visible' or 'idle'"):
        async with LiveClient(asok_app(tmp_path, {"/": f"{{{{ component('Report', lazy={lazy}) }}}}"})) as live:
            await live.open("/")


async def begun(served: Rig) -> tuple[Tab, str]:
    tab = await served.tab()
    await tab.until("update")
    return tab, tab.only


async def test_a_second_join_and_a_second_socket_mount_nothing_again(tmp_path: Path, mounted: list[str]) -> None:
    body = "{{ component('Report', name='A', lazy=True) }}"
    async with rig(asok_app(tmp_path, {"/": body})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first, second = await visitor.connect(), await visitor.connect()
        await asyncio.gather(first.join(page.tokens, page.csrf), second.join(page.tokens, page.csrf))
        await asyncio.gather(first.shows("A has 3"), second.shows("A has 3"))
        await first.text_after("hit")
        third = await visitor.connect()
        await third.join(page.tokens, page.csrf)  # with the token of the page, as after an answer that was lost
        await third.shows(">1</button>")
        assert mounted == ["A"] * len(mounted) and len(mounted) <= 2  # two at once may begin; only one counts
        record = [key for owner in await owners(served) for key in owner if key.startswith("record/")]
        assert len(record) == 1


async def owners(served: Rig) -> list[set[str]]:
    return [set(cells) for cells in served.app.backend._owners.values()]


async def test_state_and_what_mount_writes_are_kept_together_and_once(tmp_path: Path) -> None:
    store = Store({"mounts": 0}, name="lazy_mounts")

    class Counting(Component):
        number: int = 0
        template = "<p>number {{ number }}</p>"

        async def mount(self) -> None:
            await asyncio.sleep(0)
            self.number = await store.update("mounts", 1) or store.read("mounts")

    assert issubclass(Counting, Component)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Counting', lazy=True) }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect() for _ in range(3)]
        await asyncio.gather(*(tab.join(page.tokens, page.csrf) for tab in tabs))
        await asyncio.gather(*(tab.shows("number 1") for tab in tabs))
        assert store.read("mounts") == 1


async def test_it_is_mounted_for_its_visitor_and_for_nobody_else(tmp_path: Path) -> None:
    notes = AuthStore(lambda session: session.get("user"), {"text": "none yet"}, name="lazy-notes")
    votes = Store({"n": 0}, name="lazy-votes")

    class Personal(Component):
        theme: str = ""
        template = """<p><b>{{ theme }} {{ text }}</b><button {{ votes.do.update("n", 1) }}>+</button></p>"""

        def mount(self) -> None:
            self.theme = app.get_state("look", "theme", "plain")
            app.set_state("look", "seen", True)

        def load(self) -> None:
            self.text = notes.read("text")

    async def enter(request: Request) -> PlainTextResponse:
        request.session["user"] = "ada"
        app.set_state("look", "theme", "dark")
        notes.set("text", "hers")
        return PlainTextResponse("welcome")

    app = asok_app(tmp_path, {"/": "{{ component('Personal', lazy=True) }}"}, routes=[Route("/enter", enter)])
    app.env.globals["votes"] = votes
    async with LiveClient(app) as live:
        await live.http.get("/enter")
        page = await live.open("/")
        assert page.text("b") == "dark hers"
        await page.click("button")
        assert votes.read("n") == 1
        assert await page.store("~look").get("seen") is True
        assert app.get_state("look", "seen") is None


async def test_private_arguments_and_content_reach_it_without_the_browser(tmp_path: Path) -> None:
    body = "{% component 'Report', name='A', code='s3cret', lazy=True %}<b>inside</b>{% endcomponent %}"
    async with rig(asok_app(tmp_path, {"/": body})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        assert "inside" not in page.text
        assert b"s3cret" not in b64decode(page.tokens[0].split(".")[2] + "==", b"-_")
        tab = await visitor.connect()
        await tab.join(page.tokens, page.csrf)
        await tab.shows("s3cret<slot><b>inside</b></slot>")
        assert "s3cret<slot>" in await tab.text_after("hit")


async def test_all_are_loaded_side_by_side(tmp_path: Path) -> None:
    together = asyncio.Barrier(3)

    async def load(self: Any) -> None:
        await together.wait()

    type("Slow", (Component,), {"template": "<p class='slow'></p>", "load": load})
    body = "{% for n in range(3) %}{{ component('Slow', key=n, lazy=True) }}{% endfor %}"
    async with LiveClient(asok_app(tmp_path, {"/": body})) as live:
        page = await live.open("/")
        assert len(page.all(".slow")) == 3


class Around(Component):
    title: str = "a"
    there: bool = True
    template = """<div><h1>{{ title }}</h1>{% if there %}{{ component('Report', name=title, lazy=True) }}{% endif %}
    <button id="rename" ws-click="rename">r</button><button id="turn" ws-click="turn">t</button></div>"""

    @exposed
    def rename(self) -> None:
        self.title += "b"

    @exposed
    def turn(self) -> None:
        self.there = not self.there


@pytest.fixture
def around() -> type[Component]:
    registry.add(definition_of(Around))
    return Around


async def test_inside_of_a_component_it_lives_through_what_its_parent_does(
    around: type[Component], mounted: list[str]
) -> None:
    async with LiveClient() as live:
        page = await live.mount(around)
        await page.click(".report button")
        await page.click("#rename")
        assert page.text(".report") == "ab has 3 rows, 1"
        await page.click("#turn")
        await page.click("#turn")
        await page.settled()
        assert page.text(".report") == "ab has 3 rows, 1"
        await page.click(".report button")
        assert page.text(".report button") == "2"
        assert mounted == ["a"]


async def test_one_that_comes_with_an_update_begins_then(around: type[Component], mounted: list[str]) -> None:
    async with LiveClient() as live:
        page = await live.mount(around, there=False)
        await page.click("#turn")
        await page.settled()
        assert page.text(".report") == "a has 3 rows, 0"
        assert mounted == ["a"]


async def test_a_reload_waits_again_and_goes_on_with_the_state(around: type[Component]) -> None:
    async with LiveClient() as live:
        page = await live.mount(around)
        await page.click(".report button")
        await page.reload()
        assert page.text(".report button") == "1"


async def test_new_arguments_reach_one_that_has_not_begun(around: type[Component], mounted: list[str]) -> None:
    Around.template = (Around.template or "").replace("lazy=True", "lazy='visible'")
    try:
        async with LiveClient() as live:
            page = await live.mount(around)
            await page.click("#rename")
            assert not mounted
            await page.join()
            assert page.text(".report").startswith("ab has")
    finally:
        Around.template = Around.template.replace("lazy='visible'", "lazy=True")


@pytest.mark.parametrize("body", ["component('Report', name='A', lazy=True)", "component('Tried')"])
async def test_a_page_that_is_opened_after_the_clock_was_turned_back_gets_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    broken = [True]

    async def load(self: Any) -> None:
        if broken[0]:
            raise ValueError

    type("Tried", (Component,), {"template": "<p class='report'>A has it</p>", "load": load})
    pages = {"/full": "{{ component('Report') }}", "/": f"{{{{ {body} }}}}"}
    async with LiveClient(asok_app(tmp_path, pages, limits=Limits(records=2))) as live:
        for _ in range(3):
            await (await live.open("/full")).click("button")
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() - 3600)
        page = await live.open("/")
        broken[0] = False
        if page.exists(".asok-error"):
            await page.click(".asok-error button")
        assert page.text(".report").startswith("A has")


async def test_one_that_fails_shows_its_boundary_and_may_be_tried_again(tmp_path: Path) -> None:
    broken = [True]

    async def load(self: Any) -> None:
        if broken[0]:
            raise ValueError("no such report")

    type("Fails", (Component,), {"template": "<p class='fine'>fine</p>", "load": load})
    app = asok_app(tmp_path, {"/": "<h1>page</h1>{{ component('Fails', lazy=True) }}"}, debug=True)
    async with LiveClient(app) as live:
        page = await live.open("/")
        assert "Fails.load raised ValueError: no such report" in page.text(".asok-error")
        await page.click(".asok-error button")
        assert page.exists(".asok-error")
        broken[0] = False
        await page.click(".asok-error button")
        assert page.text(".fine") == "fine"


async def test_one_that_hangs_shows_its_boundary(tmp_path: Path) -> None:
    async def load(self: Any) -> None:
        await asyncio.Event().wait()

    type("Hangs", (Component,), {"template": "<p></p>", "load": load})
    limits = Limits(handler_timeout=0.05)
    app = asok_app(tmp_path, {"/": "{{ component('Hangs', lazy=True) }}"}, debug=True, limits=limits)
    async with LiveClient(app) as live:
        page = await live.open("/")
        assert "longer than 0.05 s" in page.text(".asok-error")


async def test_of_two_that_mount_at_once_one_counts_and_both_show_it(tmp_path: Path) -> None:
    numbers, both = count(1), asyncio.Barrier(2)

    class Drawn(Component):
        number: int = 0
        template = "<p>number {{ number }}</p>"

        async def mount(self) -> None:
            self.number = next(numbers)
            if self.number <= 2:
                await both.wait()

    assert issubclass(Drawn, Component)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Drawn', lazy=True) }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect(), await visitor.connect()]
        await asyncio.gather(*(tab.join(page.tokens, page.csrf) for tab in tabs))
        texts = [await shown(tab) for tab in tabs]
        assert texts[0] == texts[1]


async def shown(tab: Tab) -> str:
    await tab.until("update")
    return tab.text()


async def test_arguments_that_come_while_it_is_mounted_are_shown(tmp_path: Path) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    class Kid(Component):
        name: str
        template = "<p>{{ name }}</p>"

        async def mount(self) -> None:
            began.set()
            await go_on.wait()

    class Outer(Component):
        name: str = "old"
        template = "<div>{{ component('Kid', name=name, lazy=True) }}</div>"

        @exposed
        def rename(self) -> None:
            self.name = "new"

    assert issubclass(Kid, Component)
    assert issubclass(Outer, Component)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Outer') }}"})) as served:
        tab = await served.tab()
        outer, kid = tab.shown
        await began.wait()
        await tab.event("rename", instance=outer)
        go_on.set()
        await tab.shows("<p>new</p>", kid)


async def test_a_token_of_another_release_of_the_class_is_reset(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Report', lazy=True) }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        ring = KeyRing([KEY])
        token = unseal(page.tokens[0], ring, Limits(), time.time())
        tab = await visitor.connect()
        older = seal(msgspec.structs.replace(token, schema=b"olds"), ring)
        await tab.join([older], page.csrf)
        assert (await tab.until("reset", "update"))[0] == "reset"


async def test_a_forged_flag_is_no_token(tmp_path: Path, mounted: list[str]) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Report', lazy=True) }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        head, key, payload, mac = page.tokens[0].split(".")
        tab = await visitor.connect()
        await tab.send("join", 1, page.csrf, tab.name, [[f"{head}.{key}.{payload[:-2]}AA.{mac}", 0, 0]])
        assert (await tab.until("reset"))[1] == head
        assert not mounted
