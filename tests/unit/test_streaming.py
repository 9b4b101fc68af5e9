"""Streams: rows that only the page keeps, and that are there exactly once whatever happens to the line."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Component, Stream, exposed, on
from asok.backends.memory import MemoryBackend
from asok.errors import ComponentError, FieldError, RenderError
from asok.sessions import Commit
from asok.testing import LiveClient, Refused
from tests.rig import asok_app, rig

LIST = '<ul ws-stream="rows">{% stream rows as row %}<li ws-key="{{ row.id }}">{{ row.text }}</li>{% endstream %}</ul>'


class Row(NamedTuple):
    id: int
    text: str


def row(number: int) -> Row:
    return Row(number, f"row {number}")


class Listed(Component):
    """A list whose rows lie outside of it, as in a database."""

    template = LIST
    table: ClassVar[list[Row]] = []
    rows: Stream[Row] = Stream()

    @exposed
    def do(self, verb: str, *numbers: int) -> None:
        rows = [row(number) for number in numbers]
        {
            "append": lambda: self.rows.append(*rows),
            "prepend": lambda: self.rows.prepend(*rows),
            "before": lambda: self.rows.insert(*rows[1:], before=numbers[0]),
            "at": lambda: self.rows.insert(*rows[1:], at=numbers[0]),
            "update": lambda: self.rows.update(*(each._replace(text="new") for each in rows)),
            "move": lambda: self.rows.move(numbers[0], before=numbers[1]),
            "to": lambda: self.rows.move(numbers[0], at=numbers[1]),
            "delete": lambda: self.rows.delete(*numbers),
            "reset": lambda: self.rows.reset(rows),
        }[verb]()


class FilledList(Listed):
    """The same, with a fill."""

    rows: Stream[Row] = Stream()

    @rows.fill
    def stored(self) -> list[Row]:
        return self.table


def made(base: type[Listed], *numbers: int, limit: int | None = None, **attributes: Any) -> type[Listed]:
    """A class of its own, with these rows in its table."""
    rows: Stream[Row] = Stream(limit=limit)
    rows.filler = base.rows.filler
    members = {"__annotations__": {}, "table": [row(number) for number in numbers], "rows": rows, **attributes}
    return type("Feed", (base,), members)


def buttons(*calls: str) -> str:
    return f"<section>{''.join(f'<button ws-click={call!r}>{call}</button>' for call in calls)}{LIST}</section>"


async def shown_after(calls: list[str], *numbers: int, limit: int | None = None) -> list[str]:
    async with LiveClient() as live:
        page = await live.mount(made(FilledList, *numbers, limit=limit, template=buttons(*calls)))
        for call in calls:
            await page.click("button", text=call)
        return page.all("li")


def texts(*numbers: int) -> list[str]:
    return [row(number).text for number in numbers]


# ---- what the page shows at first


async def test_the_first_html_has_the_rows_and_neither_the_token_nor_the_text_has(tmp_path: Path) -> None:
    made(FilledList, 1, 2)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        page = await (await served.visitor()).open()
        assert ' ws-stream="rows" ws-key="rows"><li ws-key="1">row 1</li><li ws-key="2">row 2</li></ul>' in page.text
        tab = await served.tab()
        await tab.event("do('append', 3)")
        assert tab.text() == '<ul ws-stream="rows" ws-key="rows"></ul>'
        token = tab.shown[tab.only].token
        await tab.event("do('append', 4, 5, 6)")
        assert len(tab.shown[tab.only].token) == len(token)


async def test_a_fill_may_be_async_and_sees_the_state_that_a_reload_restores() -> None:
    class Paged(Component):
        size = 2
        template = LIST.replace("<ul", "<ul ws-click=grow")
        rows: Stream[Row] = Stream()

        @rows.fill
        async def some(self) -> list[Row]:
            await asyncio.sleep(0)
            return [row(number) for number in range(self.size)]

        @exposed
        def grow(self) -> None:
            self.rows.append(row(self.size))
            self.size += 1

    async with LiveClient() as live:
        page = await live.mount(Paged)
        assert page.all("li") == texts(0, 1)
        await page.click("ul")
        assert page.all("li") == texts(0, 1, 2)
        await page.reload()
        assert page.all("li") == texts(0, 1, 2)


async def test_a_row_sees_the_component_that_shows_it() -> None:
    class Named(FilledList):
        mark = "a"
        template = LIST.replace("{{ row.text }}", "{{ row.text }} {{ mark }} {{ this.mark }}")
        table: ClassVar[list[Row]] = [row(1)]

    async with LiveClient() as live:
        assert (await live.mount(Named, mark="<b>")).all("li") == ["row 1 <b> <b>"]


async def test_two_lists_of_one_component_have_each_their_rows() -> None:
    class Two(FilledList):
        other: Stream[Row] = Stream()
        template = f"<div ws-click=do>{LIST}<hr>{LIST.replace('rows', 'other')}</div>"

        @other.fill
        def more(self) -> list[Row]:
            return [row(number) for number in (7, 8)]

        @exposed
        def do(self) -> None:  # type: ignore[override]  # the click gives no arguments
            self.other.delete(7)
            self.rows.append(row(2))

    Two.table[:] = [row(1)]
    async with LiveClient() as live:
        page = await live.mount(Two)
        assert (page.all("[ws-stream=rows] li"), page.all("[ws-stream=other] li")) == (texts(1), texts(7, 8))
        await page.click("div")
        assert (page.all("[ws-stream=rows] li"), page.all("[ws-stream=other] li")) == (texts(1, 2), texts(8))


# ---- what methods do


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        (["do('append', 4, 5)"], (1, 2, 3, 4, 5)),
        (["do('prepend', 4, 5)"], (4, 5, 1, 2, 3)),
        (["do('before', 2, 4, 5)"], (1, 4, 5, 2, 3)),
        (["do('before', 9, 4)"], (1, 2, 3)),
        (["do('at', 1, 4)"], (1, 4, 2, 3)),
        (["do('at', 9, 4)"], (1, 2, 3, 4)),
        (["do('append', 1)"], (2, 3, 1)),
        (["do('prepend', 2, 3)"], (2, 3, 1)),
        (["do('move', 3, 1)"], (3, 1, 2)),
        (["do('move', 3, 9)"], (1, 2, 3)),
        (["do('move', 9, 1)"], (1, 2, 3)),
        (["do('to', 1, -1)"], (2, 3, 1)),
        (["do('to', 3, 0)"], (3, 1, 2)),
        (["do('delete', 1, 3, 9)"], (2,)),
        (["do('reset', 3, 7, 1)"], (3, 7, 1)),
        (["do('reset')"], ()),
        (["do('append')"], (1, 2, 3)),
        (["do('append', 4)", "do('delete', 1)", "do('to', 4, 0)"], (4, 2, 3)),
    ],
)
async def test_rows_come_move_and_go(calls: list[str], wanted: tuple[int, ...]) -> None:
    assert await shown_after(calls, 1, 2, 3) == texts(*wanted)


async def test_a_row_is_shown_anew_where_it_is_and_one_that_is_not_there_is_not_added() -> None:
    assert await shown_after(["do('update', 2, 9)"], 1, 2, 3) == ["row 1", "new", "row 3"]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("do('append', 4, 5)", (3, 4, 5)),
        ("do('prepend', 4, 5)", (4, 5, 1)),
        ("do('at', 1, 4)", (1, 4, 2)),
        ("do('before', 3, 4)", (1, 2, 4)),
    ],
)
async def test_beyond_the_limit_go_the_rows_farthest_from_those_that_come(call: str, wanted: tuple[int, ...]) -> None:
    assert await shown_after([call], 1, 2, 3, limit=3) == texts(*wanted)


async def test_a_thousand_rows_come_in_one_answer() -> None:
    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=buttons("fill"), fill=exposed(fill_with_many)))
        await page.click("button")
        assert page.all("li") == texts(*range(1000))


def fill_with_many(self: Listed) -> None:
    self.rows.reset([row(number) for number in range(1000)])


async def test_rows_that_a_task_adds_after_its_method_are_shown() -> None:
    def later(self: Listed) -> None:
        async def work() -> None:
            for number in (1, 2):
                self.rows.append(row(number))
                await self.push()

        self.run(work())

    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=buttons("later"), later=exposed(later)))
        await page.click("button")
        await page.shows("li", *texts(1, 2))


@pytest.mark.parametrize("counts", [True, False], ids=["with the state", "alone"])
async def test_rows_that_a_task_has_added_are_there_though_the_line_broke_before_they_arrived(
    tmp_path: Path, counts: bool
) -> None:
    going, shown = asyncio.Event(), asyncio.Event()

    def later(self: Any) -> None:
        async def work() -> None:
            await going.wait()
            for number in (2, 3):
                self.table.append(row(number))
                self.rows.append(row(number))
                self.count += counts
                await self.push()
            shown.set()

        self.run(work())

    made(FilledList, 1, later=exposed(later), count=0)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.event("later")
        going.set()
        await shown.wait()
        again = await visitor.connect()
        again.shown, again.csrf, again.name = tab.shown, tab.csrf, tab.name
        await again.rejoin(tab.only)
        [reset] = (await again.until("update"))[5]
        assert [number for number in (1, 2, 3) if f"row {number}<" in reset[3]] == [1, 2, 3]


async def test_rows_that_come_while_nothing_else_is_rendered_come(tmp_path: Path) -> None:
    def quiet(self: Listed) -> None:
        self.rows.append(row(1))

    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=buttons("quiet"), quiet=exposed(render=False)(quiet)))
        for _ in range(2):
            await page.click("button")
        assert page.all("li") == texts(1)


async def test_what_a_failed_method_did_to_rows_is_not_done() -> None:
    def fail(self: Listed) -> None:
        self.rows.append(row(1))
        raise ValueError("no")

    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=buttons("fail", "do('append', 2)"), fail=exposed(fail)))
        with pytest.raises(Refused):
            await page.click("button", text="fail")
        await page.click("button", text="do('append', 2)")
        assert page.all("li") == texts(2)


# ---- a list that comes and goes, and lists in children


async def test_a_list_that_comes_into_the_page_is_filled() -> None:
    class Closed(FilledList):
        open = False
        template = f"<section><button ws-click=toggle>x</button>{{% if open %}}{LIST}{{% endif %}}</section>"
        table: ClassVar[list[Row]] = [row(1)]

        @exposed
        def toggle(self) -> None:
            self.open = not self.open
            self.table.append(row(len(self.table) + 1))
            self.rows.append(self.table[-1])

    async with LiveClient() as live:
        page = await live.mount(Closed)
        for wanted in ([1, 2], [], [1, 2, 3, 4]):
            await page.click("button")
            assert page.all("li") == texts(*wanted)


async def test_a_list_that_stays_keeps_its_rows_where_another_comes_before_it() -> None:
    class Two(Listed):
        open = False
        template = f"<div ws-click=toggle>{{% if open %}}<ul><li>first</li></ul>{{% endif %}}{LIST}</div>"

        @exposed
        def toggle(self) -> None:
            self.open = not self.open
            self.rows.append(row(1))

    async with LiveClient() as live:
        page = await live.mount(Two)
        await page.click("div[ws-click]")
        assert page.all("li") == ["first", "row 1"]


async def test_a_child_that_comes_later_and_one_with_other_arguments_have_their_rows() -> None:
    class Inner(Component):
        size = 1
        template = LIST
        rows: Stream[Row] = Stream()

        @rows.fill
        def some(self) -> list[Row]:
            return [row(number) for number in range(self.size)]

    class Outer(Component):
        size = 0
        template = "<div ws-click=grow>{% if size %}{{ component('Inner', size=size) }}{% endif %}</div>"

        @exposed
        def grow(self) -> None:
            self.size += 1

    async with LiveClient() as live:
        page = await live.mount(Outer)
        for size in (1, 2, 3):
            await page.click("div")
            assert page.all("li") == texts(*range(size))


# ---- exactly once


class ChangedRandomly(Listed):
    """Does at random what a list beside it does, too."""

    def change(self, seed: int) -> None:
        chance, table = random.Random(seed), self.table
        new = row(seed)
        match chance.randrange(6) if len(table) > 2 else 0:
            case 0:
                self.rows.append(new)
                table.append(new)
            case 1:
                self.rows.prepend(new)
                table.insert(0, new)
            case 2:
                place = chance.randrange(len(table))
                self.rows.insert(new, before=table[place].id)
                table.insert(place, new)
            case 3:
                gone = table.pop(chance.randrange(len(table)))
                self.rows.delete(gone.id)
            case 4:
                moved = table.pop(chance.randrange(len(table)))
                place = chance.randrange(len(table))
                self.rows.move(moved.id, at=place)
                table.insert(place, moved)
            case 5:
                chance.shuffle(table)
                self.rows.reset(table)


class FilledRandomly(ChangedRandomly):
    """The same, with a fill."""

    rows: Stream[Row] = Stream()

    @rows.fill
    def stored(self) -> list[Row]:
        return self.table


@pytest.mark.parametrize(("base", "wide"), [(ChangedRandomly, ""), (FilledRandomly, ""), (FilledRandomly, "x" * 5000)])
async def test_rows_are_those_of_a_plain_list_wherever_the_line_breaks(
    tmp_path: Path, base: type[ChangedRandomly], wide: str
) -> None:
    feed = made(base, template=buttons("step").replace("{{ row.text }}", f"<i>{wide}</i>{{{{ row.text }}}}"))
    steps = iter(range(10_000))

    def step(self: ChangedRandomly) -> None:
        self.change(next(steps))

    feed.step = exposed(step)  # type: ignore[attr-defined]  # of this test only
    feed = type("Broken", (feed,), {"table": []})
    chance = random.Random(4)
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Broken') }}"})) as live:
        page = await live.open("/")
        for _ in range(120):
            clicks = [asyncio.create_task(page.click("button")) for _ in range(chance.randrange(1, 4))]
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            await page.reconnect()
            await asyncio.gather(*clicks)
            assert [text.removeprefix(wide) for text in page.all("li")] == [each.text for each in feed.table]
        assert len(feed.table) > 5


async def test_rows_that_were_filled_while_an_event_was_under_way_are_compared_once_more(tmp_path: Path) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    def big(self: Listed) -> None:
        self.table.append(row(3))
        self.rows.append(Row(3, "x" * 5000))

    async def slow(self: Listed) -> None:
        if not started.is_set():  # as in a database: what is done twice is done once
            self.table[:] = [row(1), row(3)]
        started.set()
        await gate.wait()
        self.rows.move(3, at=0)
        self.rows.delete(2)
        self.rows.move(1, at=0)
        self.rows.move(3, at=0)

    made(FilledList, 1, 2, big=exposed(big), slow=exposed(slow))
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        visitor = await served.visitor()
        first = await visitor.tab()
        instance, token = first.only, first.shown[first.only].token
        await first.event("big")
        await first.send("event", instance, 2, "slow")
        await started.wait()
        csrf, name = first.csrf, first.name
        await first.socket.close()
        again = await visitor.connect()
        await again.send("join", 1, csrf, name, [[token, 0, 0]])
        filled = (await again.until("update"))[5]
        assert [each[2] for each in filled] == ["reset"]
        await again.send("event", instance, 2, "slow")
        gate.set()
        verbs = [each[2] for each in (await again.settled(instance, 2))[5]]
        assert verbs == ["move", "delete", "move", "move"]
        assert (await again.until("update"))[5] == filled


class Weighing(MemoryBackend):
    """Knows the largest record that was written."""

    largest = 0

    async def commit(self, commit: Commit) -> bool:
        sizes = [len(value or b"") for (_, name), value in commit.writes.items() if name.startswith("record/")]
        self.largest = max([self.largest, *sizes])
        return await super().commit(commit)


async def test_a_record_does_not_hold_rows_that_a_fill_gives_again(tmp_path: Path) -> None:
    largest = {}
    for base in (Listed, FilledList):
        made(base, template=LIST.replace("{{ row.text }}", "x" * 10_000))
        backend = Weighing()
        async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"}, backend=backend)) as served:
            tab = await served.tab()
            for number in range(10):
                await tab.event(f"do('append', {number})")
        largest[base] = backend.largest
    assert largest[Listed] > 100_000
    assert largest[FilledList] < 1000


async def test_rows_that_could_not_be_kept_until_they_arrive_are_refused(tmp_path: Path) -> None:
    made(Listed, template=LIST.replace("{{ row.text }}", "x" * 300_000))
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"}, debug=True)) as served:
        tab = await served.tab()
        for number in range(3):
            assert (await tab.event(f"do('append', {number})"))[0] == "update"
        refused = await tab.event("do('append', 3)")
        assert "1048576 may wait for a bad line" in refused[4]
        assert "@….fill" in refused[4]


# ---- what others do


def chat(**attributes: Any) -> type[Listed]:
    def hear(self: Listed, number: int) -> None:
        self.rows.append(row(number))

    return made(FilledList, 1, hear=on("rows")(hear), **attributes)


async def test_a_message_appends_a_row_in_every_page(tmp_path: Path) -> None:
    chat()
    app = asok_app(tmp_path, {"/": "{{ component('Feed') }}"})
    async with LiveClient(app) as live:
        pages = [await live.open("/"), await live.another().open("/")]
        app.push("rows", 2)
        for page in pages:
            await page.shows("li", *texts(1, 2))


async def test_rows_that_a_page_has_missed_are_there_when_it_is_back(tmp_path: Path) -> None:
    feed = chat()
    app = asok_app(tmp_path, {"/": "{{ component('Feed') }}"})
    async with LiveClient(app) as live:
        page = await live.open("/")
        app.push("rows", 2)
        feed.table.append(row(2))
        await page.shows("li", *texts(1, 2))
        await page.disconnect()
        feed.table[:] = [row(3), row(2)]
        app.push("rows", 3)
        await page.reconnect()
        await page.shows("li", *texts(3, 2))
        await page.disconnect()
        feed.table[:] = [row(1)]
        await page.reconnect()
        await page.shows("li", *texts(1))


async def test_rows_are_sent_again_at_a_join_only_where_they_have_changed(tmp_path: Path) -> None:
    feed = chat()
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        visitor = await served.visitor()
        for joined, wanted in (([], []), ([row(2)], ["row 2"])):
            page = await visitor.open()
            feed.table += joined
            tab = await visitor.connect()
            await tab.join(page.tokens, page.csrf)
            await tab.send("ping")
            await tab.until("pong")
            effects = [effect for frame in tab.frames if frame[0] == "update" for effect in frame[5]]
            assert [text for effect in effects for text in ["row 2"] if text in effect[3]] == wanted
            assert len(effects) == len(wanted)
            await tab.socket.close()


async def test_a_page_that_another_tab_has_left_behind_gets_the_rows_of_now(tmp_path: Path) -> None:
    feed = made(FilledList, 1)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect() for _ in range(2)]
        await tabs[0].join(page.tokens, page.csrf)
        feed.table.append(row(2))
        await tabs[0].event("do('append', 2)")
        await tabs[1].join(page.tokens, page.csrf)
        frame = await tabs[1].until("update")
        assert frame[5] == [["stream", "rows", "reset", '<li ws-key="1">row 1</li><li ws-key="2">row 2</li>', 0]]


async def test_a_list_without_listeners_is_not_read_again_at_a_join(tmp_path: Path) -> None:
    made(FilledList, 1)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Feed') }}"})) as served:
        tab = await served.tab()
        FilledList.table.clear()
        frame = await tab.event("do('append', 2)")
        assert len(frame[5]) == 1


# ---- mistakes


def declared(**members: Any) -> type[Component]:
    return type("Wrong", (Component,), {"template": LIST, **members})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stream(limit=0), "expected how many rows stay in the page, such as 200"),
        (lambda: Stream(limit=True), "expected how many rows"),
        (lambda: declared(push=Stream()), "Wrong.push cannot be a stream: every component has its own push"),
        (lambda: setattr(made(Listed)(), "rows", [1]), "Feed.rows is a stream.*write self.rows.reset"),
    ],
)
def test_a_mistake_in_the_class_says_so(make: Any, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        make()


@pytest.mark.parametrize("quote", ["'", ""])
async def test_a_container_and_a_row_are_written_as_html_may_be(quote: str) -> None:
    async with LiveClient() as live:
        template = buttons("do('append', 3)").replace(LIST, LIST.replace('"', quote))
        page = await live.mount(made(FilledList, 1, 2, template=template))
        await page.click("button")
        assert len(page.all("li")) == 3


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (LIST.replace("rows as", "row as"), "Feed has no stream 'row'; did you mean 'rows'"),
        (LIST.replace(' ws-stream="rows"', ""), "must stand alone in the element with its name, as in <ul ws-stream"),
        (LIST.replace("{% endstream %}", "{% endstream %} more"), "must stand alone in the element"),
        (LIST.replace("<ul", "<ul>a</ul><ul", 1).replace('rows">', 'rows">a '), "must stand alone"),
        (f"<div>{LIST}{LIST}</div>", "stands twice in Feed"),
        (f"<div>{{% set kept %}}{LIST}{{% endset %}}</div>", "are not in its own text"),
        (LIST.replace("</li>", "</li>more"), "must have one root element, and is '<li ws-key"),
        (LIST.replace('<li ws-key="{{ row.id }}">', "").replace("</li>", ""), "must have one root element"),
        (LIST.replace("ul", "svg").replace("li", "circle"), "is <circle>, which a browser draws inside of an"),
        (LIST.replace("row.id", "row.text"), "has the key '1', and its root element is '<li ws-key=\"row 1\">"),
        (LIST.replace(' ws-key="{{ row.id }}"', ""), 'write the key there: ws-key="{{ row.id }}"'),
        (LIST.replace("{{ row.text }}", "{{ component('Feed') }}"), "a row holds a component or a stream"),
        (LIST.replace("{{ row.text }}", "\ud800"), "half a character in a row"),
        (LIST.replace("{{ row.text }}", "{{ 'x' * 1100000 }}"), "characters of rows at once, and 1048576 are allowed"),
        ("{% stream rows %}{% endstream %}", "as in {% stream rows as row %}"),
        ("{% stream rows as %}{% endstream %}", "as in {% stream rows as row %}"),
        ("{% stream rows in row %}{% endstream %}", "as in {% stream rows as row %}"),
        ("{% stream rows as row or %}{% endstream %}", "as in {% stream rows as row %}"),
    ],
)
async def test_a_mistake_in_the_template_says_so(
    tmp_path: Path, template: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    made(FilledList, 1, template=template)
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Feed') }}"}, debug=True)) as live:
        await live.open("/")
    assert words in caplog.text


async def test_a_page_has_no_streams(tmp_path: Path) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": LIST}, debug=True)) as live:
        with pytest.raises(RenderError, match="stands in a component's template"):
            await live.open("/")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([row(1), row(1)], "stored gives two rows of one key"),
        ([row(1), row(2), row(3)], "stored gives 3 rows, and rows has limit=2"),
        ([Row(None, "")], "None is no key of a row"),  # type: ignore[arg-type]
        ([{"nothing": 1}], "a row has no key 'id'"),
    ],
)
async def test_a_fill_that_gives_no_rows_says_so(
    tmp_path: Path, table: list[Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    made(FilledList, limit=2).table[:] = table
    async with LiveClient(asok_app(tmp_path, {"/": "{{ component('Feed') }}"}, debug=True)) as live:
        await live.open("/")
    assert words in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.append(row(1), row(1)), "append: two rows have the key '1'"),
        (lambda rows: rows.append(Row(-(2**200), "")), "is no key of a row"),
        (lambda rows: rows.append(Row("a\nb", "")), "is no key of a row"),  # type: ignore[arg-type]
        (lambda rows: rows.delete(row(1)), "is no key of a row; expected a number or a text"),
        (lambda rows: rows.insert(row(1)), "say where, once: insert"),
        (lambda rows: rows.insert(row(1), before=1, at=1), "say where, once: insert"),
        (lambda rows: rows.insert(row(1), at=-2), "expected 0 or more, or -1"),
        (lambda rows: rows.move(1), "say where, once: move"),
        (lambda rows: rows.reset([row(1), row(2), row(3)]), "3 rows, and limit=2"),
    ],
)
async def test_a_mistake_in_a_method_says_so(change: Any, words: str) -> None:
    def wrong(self: Listed) -> None:
        change(self.rows)

    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=buttons("wrong"), wrong=exposed(wrong), limit=2))
        with pytest.raises(Refused, match=words):
            await page.click("button")


async def test_rows_are_not_changed_while_there_is_no_page() -> None:
    def mount(self: Listed) -> None:
        self.rows.append(row(1))

    with pytest.raises(ComponentError, match="would reach no open page; do that in a method"):
        mount(made(Listed)())


async def test_rows_of_a_list_that_is_not_shown_and_cannot_be_filled_say_so() -> None:
    hidden = buttons("do('append', 1)").replace(LIST, f"{{% if 0 %}}{LIST}{{% endif %}}")
    async with LiveClient() as live:
        page = await live.mount(made(Listed, template=hidden))
        with pytest.raises(Refused, match=r"its template shows no .% stream rows as … %. now"):
            await page.click("button")


# ---- keys


@given(st.text(min_size=1, max_size=12))
def test_a_key_is_found_again_whatever_stands_in_it(key: str) -> None:
    stream: Stream[Any] = Stream(key=0)
    stream.name = "rows"
    if not key.isprintable():
        with pytest.raises(ComponentError):
            stream.key_of((key,))
        return
    assert stream.key_of((key,)) == key


@pytest.mark.parametrize(
    ("stream", "item"),
    [
        (Stream(), Row(7, "")),
        (Stream(), {"id": 7}),
        (Stream(key=1), ("a", 7)),
        (Stream(key=lambda item: f"{item}"), 7),
    ],
)
def test_a_key_is_an_attribute_an_entry_or_what_a_function_says(stream: Stream[Any], item: Any) -> None:
    assert stream.key_of(item) == "7"
