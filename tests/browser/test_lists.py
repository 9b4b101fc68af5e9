"""Long lists in Chromium: rows of streams, infinite scroll both ways, virtual lists, and tables over SQLite."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from playwright.async_api import BrowserContext, Page, expect

from asok import Component, Stream, exposed
from asok.testing import LiveClient
from tests.browser.alive_rig import Rig, root
from tests.browser.conftest import Serve
from tests.browser.latency import Line
from tests.browser.small import live, opened, small_app, until

ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("ASOK_LONG"))
LIST = """<ul ws-stream="rows">{% stream rows as row %}<li ws-key="{{ row.id }}">
    <label>{{ row.text }} <input aria-label="note {{ row.id }}"></label></li>{% endstream %}</ul>"""

OTHER = "{% if open %}<ul><li>first</li></ul>{% endif %}"


class Row(NamedTuple):
    id: int
    text: str


def row(number: int) -> Row:
    return Row(number, f"row {number}")


def named(*numbers: int) -> list[str]:
    return [f"row {number}" for number in numbers]


async def shown(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator("[ws-stream] > li").all_inner_texts()]


class Notes(Component):
    """Rows with a field each, to be changed under the fingers of who types."""

    template = f"<section><button ws-click=go>run</button>{LIST}</section>"
    todo: ClassVar[list[Any]] = []
    rows: Stream[Row] = Stream()

    @rows.fill
    def first(self) -> list[Row]:
        return [row(number) for number in range(1, 6)]

    @exposed
    def go(self) -> None:
        for change in self.todo:
            change(self.rows)


# ---- what the person does in other rows stays


CHANGES = [
    (lambda rows: rows.append(row(9)), (1, 2, 3, 4, 5, 9)),
    (lambda rows: rows.prepend(row(9), row(8)), (9, 8, 1, 2, 3, 4, 5)),
    (lambda rows: rows.insert(row(9), before=3), (1, 2, 9, 3, 4, 5)),
    (lambda rows: rows.move(5, at=0), (5, 1, 2, 3, 4)),
    (lambda rows: rows.move(3, at=0), (3, 1, 2, 4, 5)),
    (lambda rows: rows.move(1, at=-1), (2, 3, 4, 5, 1)),
    (lambda rows: rows.delete(2, 5), (1, 3, 4)),
    (lambda rows: rows.reset([row(number) for number in (7, 5, 3, 1)]), (7, 5, 3, 1)),
    (lambda rows: rows.prepend(row(3)), (3, 1, 2, 4, 5)),
    (lambda rows: rows.update(*[row(number)._replace(text=f"row {number}") for number in (1, 2, 3)]), (1, 2, 3, 4, 5)),
]


@pytest.mark.parametrize("moving", [True, False], ids=["moveBefore", "without moveBefore"])
@pytest.mark.parametrize(("change", "wanted"), CHANGES)
async def test_focus_and_typed_text_stay_in_their_row(
    page: Page, serve: Serve, tmp_path: Path, change: Any, wanted: tuple[int, ...], moving: bool
) -> None:
    Notes.todo[:] = [change]
    app = small_app(
        tmp_path, "{{ component('Notes') }}", first="" if moving else "delete Element.prototype.moveBefore;"
    )
    await opened(page, serve, app)
    await page.get_by_label("note 4").fill("four")
    field = page.get_by_label("note 3")
    await field.fill("three")
    await field.evaluate("field => { field.setSelectionRange(1, 3); window.field = field }")
    await page.locator("button").evaluate("button => button.click()")
    await expect(page.locator("li")).to_have_text([re.compile(rf"row {number}\b") for number in wanted])
    assert await page.evaluate("field === document.activeElement && field.isConnected")
    assert await page.evaluate("[field.value, field.selectionStart, field.selectionEnd]") == ["three", 1, 3]
    if 4 in wanted:
        await expect(page.get_by_label("note 4")).to_have_value("four")


async def test_a_row_that_is_shown_anew_keeps_what_is_typed_into_it(page: Page, serve: Serve, tmp_path: Path) -> None:
    Notes.todo[:] = [lambda rows: rows.update(Row(3, "three changed")), lambda rows: rows.append(Row(1, "one moved"))]
    await opened(page, serve, small_app(tmp_path, "{{ component('Notes') }}"))
    field = page.get_by_label("note 3")
    await field.fill("three")
    await page.locator("button").evaluate("button => button.click()")
    await expect(page.locator("li").nth(1)).to_contain_text("three changed")
    await expect(page.locator("li").last).to_contain_text("one moved")
    await expect(field).to_have_value("three")
    await expect(field).to_be_focused()
    assert not await page.locator("li[data-asok-state]").count()


class Folded(Component):
    """Rows of which the server says whether they are open."""

    template = """<section><button id=add ws-click=add>add</button><button id=open ws-click=open>open</button>
        <button id=same ws-click="open(2)">same</button><div ws-stream="rows">{% stream rows as row %}
        <details ws-key="{{ row[0] }}" {{ 'open' if row[1] }}><summary>{{ row[0] }} {{ row[1] }}</summary></details>
        {% endstream %}</div></section>"""
    rows: Stream[tuple[str, int]] = Stream(key=0)

    @exposed
    def add(self) -> None:
        self.rows.append(("theirs", 0), ("mine", 0))

    @exposed
    def open(self, number: int = 1) -> None:
        self.rows.update(("theirs", number), ("mine", number))


async def test_a_row_that_came_later_is_opened_by_the_server_and_stays_as_the_person_has_it(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Folded') }}"))
    await page.locator("#add").click()
    states = "[...document.querySelectorAll('details')].map(({ open }) => open).join()"
    await until(page, f"{states} === 'false,false'")
    await page.locator("#open").click()
    await until(page, f"{states} === 'true,true'")
    await page.locator("summary").last.click()
    await until(page, f"{states} === 'true,false'")
    await page.locator("#same").click()
    await expect(page.locator("summary").last).to_have_text("mine 2")
    assert await page.evaluate(states) == "true,false"


class Chosen(Component):
    """Rows of which one is chosen."""

    template = """<section><button ws-click=add>add</button><ul ws-stream="rows">{% stream rows as row %}
        <li ws-key="{{ row }}"><input type=radio name=row value="{{ row }}" {{ 'checked' if row > 1 }}></li>
        {% endstream %}</ul></section>"""
    rows: Stream[int] = Stream(key=int)

    @rows.fill
    def two(self) -> list[int]:
        return [1, 2]

    @exposed
    def add(self) -> None:
        self.rows.append(3)


async def test_a_new_row_takes_no_choice_from_the_person(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Chosen') }}"))
    await page.locator("[value='1']").check()
    await page.locator("button").click()
    await expect(page.locator("li")).to_have_count(3)
    await expect(page.locator("[value='1']")).to_be_checked()


class Drafts(Component):
    """Rows of several kinds, with text that may begin with an empty line."""

    template = """<section><button ws-click=go>run</button><div ws-stream="rows">{% stream rows as row %}
    <{{ row[1] }} ws-key="{{ row[0] }}"><pre>\n{{ row[2] }}</pre><textarea>\n{{ row[2] }}</textarea></{{ row[1] }}>
    {% endstream %}</div></section>"""
    todo: ClassVar[list[Any]] = []
    rows: Stream[tuple[str, str, str]] = Stream(key=0)

    @rows.fill
    def first(self) -> list[tuple[str, str, str]]:
        return [("a", "article", "one"), ("b", "article", "two")]

    @exposed
    def go(self) -> None:
        self.todo.pop(0)(self.rows)


async def test_rows_shown_anew_begin_with_their_empty_line_and_may_be_of_another_tag(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    Drafts.todo[:] = [
        lambda rows: rows.update(("a", "article", "\nthree")),
        lambda rows: rows.reset([("b", "aside", "\nfour"), ("a", "aside", "five"), ("c", "footer", "six")]),
        lambda rows: rows.reset([("b", "article", "seven"), ("a", "aside", "\neight")]),
    ]
    await opened(page, serve, small_app(tmp_path, "{{ component('Drafts') }}"))
    for wanted in [
        ["article \nthree", "article two"],
        ["aside \nfour", "aside five", "footer six"],
        ["article seven", "aside \neight"],
    ]:
        await page.locator("button").click()
        rows = "[...document.querySelector('[ws-stream]').children].map((row) => `${row.localName} ${row.textContent}`)"
        doubled = [f"{row}{row.partition(' ')[2]}" for row in wanted]
        await until(page, f"JSON.stringify({rows}) === {json.dumps(json.dumps(doubled, separators=(',', ':')))}")


async def test_a_thousand_rows_come_in_one_answer(page: Page, serve: Serve, tmp_path: Path) -> None:
    Notes.todo[:] = [lambda rows: rows.reset([row(number) for number in range(1000)])]
    await opened(page, serve, small_app(tmp_path, "{{ component('Notes') }}"))
    await page.locator("button").click()
    await expect(page.locator("li")).to_have_count(1000)
    assert await shown(page) == named(*range(1000))


async def test_rows_that_come_one_by_one_cost_no_layout_each(page: Page, serve: Serve, tmp_path: Path) -> None:
    Notes.todo[:] = [lambda rows: [rows.append(row(number)) for number in range(100, 200)]]
    await opened(page, serve, small_app(tmp_path, "{{ component('Notes') }}"))
    await page.evaluate("""() => {
        window.looks = 0;
        const { getBoundingClientRect } = Element.prototype;
        Element.prototype.getBoundingClientRect = function () { looks++; return getBoundingClientRect.call(this); };
        document.querySelector("button").click();
    }""")
    await until(page, "document.querySelectorAll('li').length === 105")
    assert await page.evaluate("looks") == 0


async def test_rows_of_two_components_are_not_mixed_up(page: Page, serve: Serve, tmp_path: Path) -> None:
    class Around(Notes):
        template = f"<div><button id=outer ws-click=go>run</button>{{{{ component('Notes') }}}}{LIST}</div>"

    Notes.todo[:] = [lambda rows: rows.reset([row(7)])]
    await opened(page, serve, small_app(tmp_path, "{{ component('Around') }}"))
    await page.locator("#outer").click()
    await expect(page.locator("div > ul > li")).to_have_count(1)
    await expect(page.locator("section li")).to_have_count(5)


async def test_a_list_keeps_its_rows_where_another_comes_before_it(page: Page, serve: Serve, tmp_path: Path) -> None:
    class Behind(Component):
        open = False
        template = (
            f"<div><button ws-click=toggle>x</button>{{% if open %}}<ul><li>first</li></ul>{{% endif %}}{LIST}</div>"
        )
        rows: Stream[Row] = Stream()

        @rows.fill
        def two(self) -> list[Row]:
            return [row(1), row(2)]

        @exposed
        def toggle(self) -> None:
            self.open = not self.open

    await opened(page, serve, small_app(tmp_path, "{{ component('Behind') }}"))
    for wanted in (["first", "row 1", "row 2"], ["row 1", "row 2"]):
        await page.locator("button").click()
        await expect(page.locator("li")).to_have_text([re.compile(text) for text in wanted])


async def test_a_component_that_begins_anew_shows_the_rows_of_the_new_page(page: Page, server: Rig) -> None:
    def list_of(*numbers: int) -> str:
        rows = "".join(f'<li ws-key="{number}">row {number}<input></li>' for number in numbers)
        return root(f'<button ws-click="go">go</button><ul ws-stream="rows" ws-key="rows">{rows}</ul>')

    server.body = list_of(1, 2, 3)
    await page.goto(server.url)
    await page.locator("li[ws-key='2'] input").fill("two")
    line = await server.line()
    await page.locator("button").click()
    await line.event()
    server.body = list_of(2, 5)
    await line.say("reset", "component001")
    await expect(page.locator("li")).to_have_text(["row 2", "row 5"])
    await expect(page.locator("li[ws-key='2'] input")).to_have_value("two")


# ---- exactly once


class Shuffled(Component):
    """Changes its rows at random, and a plain list in the same way; an event that runs twice does the same again."""

    done = 0
    template = f"<section><button ws-click=step>step</button><output>{{{{ done }}}}</output>{LIST}</section>"
    table: ClassVar[list[Row]] = []
    chance: ClassVar[random.Random]
    decided: ClassVar[dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]]] = {}
    rows: Stream[Row] = Stream()

    @exposed
    def step(self) -> None:
        self.done += 1
        if self.event.id not in self.decided:
            self.decided[self.event.id] = self.decide(row(len(self.decided)))
        verb, given, named = self.decided[self.event.id]
        getattr(self.rows, verb)(*given, **named)

    def decide(self, new: Row) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        table, chance = self.table, self.chance
        place = chance.randrange(len(table)) if len(table) > 2 else 0
        match chance.randrange(6) if len(table) > 2 else 0:
            case 0:
                table.append(new)
                return "append", (new,), {}
            case 1:
                table.insert(0, new)
                return "prepend", (new,), {}
            case 2:
                table.insert(place, new)
                return "insert", (new,), {"before": table[place + 1].id}
            case 3:
                return "delete", (table.pop(place).id,), {}
            case 4:
                moved = table.pop()
                table.insert(place, moved)
                return "move", (moved.id,), {"at": place}
            case _:
                chance.shuffle(table)
                return "reset", ([*table],), {}


class Refilled(Shuffled):
    """The same, with a fill."""

    table: ClassVar[list[Row]] = []
    rows: Stream[Row] = Stream()

    @rows.fill
    def stored(self) -> list[Row]:
        return self.table


@pytest.mark.parametrize("name", ["Shuffled", "Refilled"])
async def test_rows_are_those_of_a_plain_list_wherever_the_line_breaks(
    page: Page, serve: Serve, tmp_path: Path, name: str
) -> None:
    table = {"Shuffled": Shuffled, "Refilled": Refilled}[name].table
    table.clear()
    Shuffled.decided.clear()
    Shuffled.chance = random.Random(7)
    chance, done = random.Random(5), 0
    async with Line(await serve(small_app(tmp_path, f"{{{{ component('{name}') }}}}")), delay=0.002) as line:
        await page.goto(line.url)
        await live(page)
        for _ in range(60 if LONG else 25):
            count = chance.randrange(1, 6)
            await page.evaluate("count => { while (count--) document.querySelector('button').click() }", count)
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
            line.deaf = chance.random() < 0.5  # what is lost first: the answer, or all
            await line.cut()
            line.restore()
            done += count
            await expect(page.locator("output")).to_have_text(str(done))
            # Where rows were filled while an event was under way, they are looked at again in a moment.
            await expect(page.locator("li")).to_have_text([re.compile(rf"{each.text}\b") for each in table])


# ---- rows that are told apart by ws-key


class Sheet(Component):
    """Keyed rows of a template, without a stream."""

    numbers: list[int] = [3, 1, 2]
    template = """<section><button id=sort ws-click=sort>sort</button><button id=odd ws-click=odd>odd</button>
        <button id=more ws-click=more>more</button><table>{% for number in numbers %}<tr ws-key="{{ number }}">
        <td>row {{ number }}</td><td><input aria-label="note {{ number }}"></td></tr>{% endfor %}</table></section>"""

    @exposed
    def sort(self) -> None:
        self.numbers = sorted(self.numbers)

    @exposed
    def odd(self) -> None:
        self.numbers = [number for number in self.numbers if number % 2]

    @exposed
    def more(self) -> None:
        self.numbers = [0, *self.numbers, 9]


@pytest.mark.parametrize(("act", "wanted"), [("sort", (1, 2, 3)), ("odd", (3, 1)), ("more", (0, 3, 1, 2, 9))])
async def test_sorting_filtering_and_inserting_keep_focus_and_text_in_keyed_rows(
    page: Page, serve: Serve, tmp_path: Path, act: str, wanted: tuple[int, ...]
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Sheet') }}"))
    await page.get_by_label("note 3").fill("three")
    await page.get_by_label("note 1").fill("one")
    await page.locator(f"#{act}").evaluate("button => button.click()")
    await expect(page.locator("td:first-child")).to_have_text(named(*wanted))
    await expect(page.get_by_label("note 1")).to_be_focused()
    await expect(page.get_by_label("note 1")).to_have_value("one")
    await expect(page.get_by_label("note 3")).to_have_value("three")


# ---- the examples


NUMBERS_OF_ROWS = "[...document.querySelectorAll('.log li')].map((row) => +row.getAttribute('ws-key'))"


async def numbers(page: Page) -> list[int]:
    found = await page.evaluate(NUMBERS_OF_ROWS)
    assert len(found) <= 150
    assert found == list(range(found[0], found[-1] + 1)), "a gap, or a row twice"
    return [*map(int, found)]


async def wheel(page: Page, way: int) -> None:
    """Scroll a good deal, as a person does; what is seen before and after the rows that come stays where it is."""
    await page.mouse.wheel(0, way * 1500)
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rows", [10_000 if LONG else 1000])
async def test_a_log_is_read_to_its_end_and_back_with_few_rows_in_the_page(page: Page, gallery: str, rows: int) -> None:
    await page.goto(f"{gallery}/feed")
    await live(page)
    await page.get_by_role("button", name="Start").click()
    await expect(page.get_by_text("Here the log begins.", exact=True)).to_be_attached()
    await expect(page.locator(".log li").first).to_contain_text("1 ")
    await page.locator(".log").evaluate("log => log.scrollIntoView({ block: 'center' })")
    await page.locator(".log").hover()
    seen: set[int] = set()
    for _ in range(rows):
        await wheel(page, 1)
        seen.update(await numbers(page))
        if max(seen) >= rows:
            break
    assert seen >= set(range(1, rows + 1)), await page.evaluate("document.documentElement.outerHTML.slice(0, 5000)")
    for _ in range(rows):
        if (await numbers(page))[0] == 1:
            break
        await wheel(page, -1)
    await expect(page.locator(".log li").first).to_contain_text("1 ")


@pytest.mark.parametrize("way", [1, -1], ids=["down", "up"])
async def test_what_is_looked_at_stays_where_it_is_while_rows_come_and_go(page: Page, gallery: str, way: int) -> None:
    await page.goto(f"{gallery}/feed")
    await live(page)
    await page.get_by_role("button", name="Middle").click()
    await expect(page.locator(".log li[ws-key='5000']")).to_be_in_viewport()
    await page.locator(".log").evaluate("log => log.scrollIntoView({ block: 'center' })")
    for _ in range(4):
        before = await numbers(page)
        # From the moment that the end is seen until rows have come: where a row stands at each frame.
        tops = await page.evaluate(
            """async (way) => {
                const log = document.querySelector('.log');
                const rows = log.querySelector('ol');
                const end = way > 0 ? 'lastElementChild' : 'firstElementChild';
                log.scrollTop = way > 0 ? log.scrollHeight : 0;
                const row = rows.children[way > 0 ? rows.childElementCount - 4 : 3];
                const last = rows[end];
                const tops = [];
                const look = async () => {
                    tops.push(row.getBoundingClientRect().top);
                    await new Promise(requestAnimationFrame);
                };
                while (rows[end] === last && tops.length < 600) await look();
                for (let frame = 0; frame < 5; frame++) await look();
                return tops;
            }""",
            way,
        )
        assert max(tops) - min(tops) <= 2
        assert await numbers(page) != before


async def test_messages_are_written_pinned_moved_and_deleted(page: Page, context: BrowserContext, gallery: str) -> None:
    await page.goto(f"{gallery}/feed")
    other = await context.new_page()
    await other.goto(f"{gallery}/feed")
    for each in (page, other):
        await live(each)
        await each.get_by_role("button", name="End").click()
        await expect(each.locator(".log li[ws-key='10000']")).to_be_attached()
    await page.get_by_label("New message").fill("from <one> to all")
    await page.get_by_label("New message").press("Enter")
    for each in (page, other):
        await expect(each.locator(".log li").last).to_contain_text("from <one> to all")
    for number in (9998, 9999):
        await page.get_by_role("button", name=f"Pin {number}").click()
    await expect(page.locator(".pinned li b")).to_have_text(["9998", "9999"])
    up = page.get_by_role("button", name="Move 9999 up")
    await up.press("Enter")
    await expect(page.locator(".pinned li b")).to_have_text(["9999", "9998"])
    await expect(up).to_be_focused()
    await page.reload()
    await expect(page.locator(".pinned li b")).to_have_text(["9999", "9998"])
    await other.get_by_role("button", name="Delete 9998").click()
    for each in (page, other):
        await expect(each.locator(".log li[ws-key='9998']")).to_have_count(0)
    await expect(page.locator(".pinned li b")).to_have_text(["9999"])


# ---- the virtual list


async def seen_rows(page: Page) -> list[int]:
    """The places of the rows in view; they stand where they belong, and there are few others."""
    return [
        *map(
            int,
            await page.evaluate(
                """() => {
                    const list = document.querySelector('[ws-virtual]');
                    const { top, bottom } = list.getBoundingClientRect();
                    if (list.childElementCount > 200) throw Error(list.childElementCount);
                    return [...list.children].filter((row) => {
                        const box = row.getBoundingClientRect();
                        return box.bottom > top && box.top < bottom;
                    }).map((row) => row.getAttribute('ws-key'));
                }"""
            ),
        )
    ]


async def expect_rows_at(page: Page) -> None:
    """The rows that belong to where the list is scrolled, and all of them."""
    async with asyncio.timeout(10):
        while True:
            top, height, row = await page.evaluate(
                "(({ scrollTop, clientHeight, firstElementChild }) =>"
                " [scrollTop, clientHeight, firstElementChild.offsetHeight])(document.querySelector('[ws-virtual]'))"
            )
            wanted = list(range(int(top // row), min(100_000, int(-(-(top + height) // row)))))
            found = await seen_rows(page)
            if found and set(wanted[1:-1]) <= set(found) <= {wanted[0] - 1, *wanted, wanted[-1] + 1}:
                return


async def test_a_list_of_100_000_rows_shows_the_right_ones_wherever_it_is_scrolled(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/virtual")
    await live(page)
    await expect_rows_at(page)
    whole = await page.evaluate("document.querySelector('[ws-virtual]').scrollHeight")
    assert whole == 100_000 * await page.evaluate("document.querySelector('[ws-virtual] li').offsetHeight")
    chance = random.Random(3)
    for _ in range(40 if LONG else 12):
        await page.evaluate("top => document.querySelector('[ws-virtual]').scrollTop = top", chance.randrange(whole))
        await expect_rows_at(page)
    for way in (1, -1):
        await page.locator("[ws-virtual]").hover()
        for _ in range(20):
            await page.mouse.wheel(0, way * 700)
        await expect_rows_at(page)
    assert whole == await page.evaluate("document.querySelector('[ws-virtual]').scrollHeight")


async def test_the_keyboard_scrolls_a_virtual_list_to_its_end(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/virtual")
    await live(page)
    await page.locator("[ws-virtual]").focus()
    await page.keyboard.press("PageDown")
    await expect_rows_at(page)
    await page.keyboard.press("End")
    await expect(page.locator("li[ws-key='99999']")).to_be_in_viewport()
    await expect_rows_at(page)
    await page.keyboard.press("Home")
    await expect(page.locator("li[ws-key='0']")).to_be_in_viewport()
    await expect(page.locator("[ws-virtual]")).to_be_focused()


async def test_the_server_leads_a_virtual_list_to_a_place_and_a_reload_stays_there(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/virtual")
    await live(page)
    await page.get_by_label("Go to row").fill("50001")
    await page.get_by_role("button", name="Go").click()
    await expect(page.locator("li[ws-key='50000']")).to_be_in_viewport()
    await expect_rows_at(page)
    await page.reload()
    await expect(page.locator("li[ws-key='50000']")).to_be_in_viewport()


class Boxes(Component):
    """A virtual list whose rows can have the focus."""

    first = 0
    template = """<ol class="log" ws-virtual="show" tabindex="0" data-first="{{ first }}" data-total="1000">
        {% for number in range(first, first + 60) %}
        <li ws-key="{{ number }}"><button>{{ number }}</button></li>{% endfor %}</ol>"""

    @exposed
    def show(self, first: int) -> None:
        self.first = first


async def test_the_focus_of_a_row_that_is_scrolled_away_goes_to_the_list(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    style = "const sheet = new CSSStyleSheet(); sheet.replaceSync('ol { height: 300px; overflow: auto; margin: 0 }"
    style += " li { height: 30px }'); document.adoptedStyleSheets = [sheet];"
    await opened(page, serve, small_app(tmp_path, "{{ component('Boxes') }}", first=style))
    await page.get_by_role("button", name="3", exact=True).focus()
    await page.evaluate("document.querySelector('ol').scrollTop = 15000")
    await expect(page.locator("li[ws-key='505']")).to_be_in_viewport()
    await expect(page.locator("ol")).to_be_focused()
    assert await page.evaluate("document.querySelector('ol').scrollTop") == 15000


async def test_no_row_is_missing_at_the_ends(page: Page, serve: Serve, tmp_path: Path) -> None:
    style = "const sheet = new CSSStyleSheet(); sheet.replaceSync('ol { height: 300px; overflow: auto; margin: 0 }"
    style += " li { height: 30px }'); document.adoptedStyleSheets = [sheet];"
    await opened(page, serve, small_app(tmp_path, "{{ component('Boxes') }}", first=style))
    rows, box = page.locator("li"), page.locator("ol")
    for top, first, end, row in (
        (15000, 475, 1050, 10),
        (1050, 10, 0, 0),
        (15000, 475, 28650, 930),
        (28650, 930, 29700, 940),
    ):
        await box.evaluate("(list, top) => { list.scrollTop = top }", top)
        await expect(rows.first).to_have_text(str(first))
        await box.evaluate("(list, top) => { list.scrollTop = top }", end)
        await expect(rows.first).to_have_text(str(row))


class Led(Boxes):
    """The same, led to a place by the server."""

    template = f"<section><button id=go ws-click=show(5)>go</button>{Boxes.template}</section>"


async def test_where_the_server_has_led_a_list_the_rows_above_come_when_they_are_seen(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Led') }}", first=boxes("30px")))
    await page.locator("#go").click()
    await until(page, "document.querySelector('ol').scrollTop === 150")
    await scrolled(page, 0, 0)


def boxes(height: str) -> str:
    """A script that gives the rows of a list of boxes this height, and 60 px where the window is narrow."""
    rules = "ol { height: 300px; overflow: auto; margin: 0 } @media (width < 600px) { li { height: 60px !important } }"
    rules += f" li {{ height: {height} }} [hidden] {{ display: none }}"
    return f"const sheet = new CSSStyleSheet(); sheet.replaceSync('{rules}'); document.adoptedStyleSheets = [sheet];"


async def scrolled(page: Page, top: int, first: int) -> None:
    """Scroll there, until these rows are there."""
    await page.locator("ol").evaluate("(list, top) => { list.scrollTop = top }", top)
    await expect(page.locator("li").first).to_have_text(str(first))


FIRST_SEEN = """(() => {
    const { top } = document.querySelector('ol').getBoundingClientRect();
    const row = [...document.querySelectorAll('li')].find((each) => each.getBoundingClientRect().bottom > top);
    return [row.innerText, row.getBoundingClientRect().top - top];
})()"""


async def test_the_same_rows_are_seen_when_all_get_another_height(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Boxes') }}", first=boxes("30px")))
    await scrolled(page, 15_000, 475)
    await page.set_viewport_size({"width": 500, "height": 600})
    await until(page, "document.querySelector('ol').scrollTop === 30000")
    assert await page.evaluate(FIRST_SEEN) == ["500", 0]
    assert await page.locator("ol").evaluate("list => list.scrollHeight") == 60_000


async def test_rows_of_half_pixels_stay_where_they_are_while_others_come(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('Boxes') }}", first=boxes("22.5px")))
    await scrolled(page, 900, 17)
    assert await page.evaluate(FIRST_SEEN) == ["40", 0]
    assert await page.locator("ol").evaluate("list => list.scrollHeight") == 22_500


async def test_a_virtual_list_that_was_taken_out_goes_on_when_it_is_back(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await opened(page, serve, small_app(tmp_path, "<main>{{ component('Boxes') }}</main>", first=boxes("30px")))
    await scrolled(page, 15_000, 475)
    await page.evaluate("""async () => {
        const list = document.querySelector('ol');
        list.remove();
        await new Promise((done) => setTimeout(done));
        document.querySelector('main').append(list);
    }""")
    for top, first in ((3000, 75), (20_000, 642)):
        await scrolled(page, top, first)
        assert await page.locator("ol").evaluate("list => list.scrollTop") == top


async def test_a_virtual_list_that_nobody_sees_for_a_while_stays_where_it_is(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    body = "<main hidden>{{ component('Boxes') }}</main>"
    await opened(page, serve, small_app(tmp_path, body, first=boxes("30px")))
    show = "shown => { document.querySelector('main').hidden = !shown }"
    await page.evaluate(show, True)
    await until(page, "document.querySelector('ol').scrollHeight === 30000")
    await scrolled(page, 15_000, 475)
    await page.evaluate(show, False)
    await page.evaluate("alive.call(document.querySelector('ol'), 'show', 475)")
    await page.evaluate(show, True)
    await page.evaluate("alive.call(document.querySelector('ol'), 'show', 475)")
    assert await page.evaluate(FIRST_SEEN) == ["500", 0]


async def test_updates_do_not_stop_a_scroll_that_is_under_way(page: Page, serve: Serve, tmp_path: Path) -> None:
    style = "const sheet = new CSSStyleSheet(); sheet.replaceSync('ol { height: 300px; overflow: auto; margin: 0 }"
    style += " li { height: 30px }'); document.adoptedStyleSheets = [sheet];"
    await opened(page, serve, small_app(tmp_path, "{{ component('Boxes') }}", first=style))
    await page.locator("ol").focus()
    for key, row in (("End", 999), ("Home", 0)):
        await page.keyboard.press(key)  # the browser goes there in many small steps, and rows come meanwhile
        await expect(page.locator(f"li[ws-key='{row}']")).to_be_in_viewport(timeout=60_000)


# ---- the table


async def test_a_table_of_100_000_rows_is_filtered_sorted_and_paged(page: Page, gallery: str) -> None:
    await page.goto(f"{gallery}/table")
    await live(page)
    status, rows = page.get_by_role("status"), page.locator("tbody tr")
    await expect(status).to_have_text("1 to 25 of 100,000")
    await expect(rows).to_have_count(25)

    await page.get_by_label("Filter the table").press_sequentially("greek small letter a", delay=20)
    await expect(rows.filter(has_text="Greek small letter alpha")).not_to_have_count(0)
    await expect(rows.filter(has_not_text="reek small letter")).to_have_count(0)
    await expect(page.get_by_label("Filter the table")).to_be_focused()

    name = page.get_by_role("columnheader", name="Name").get_by_role("button")
    await name.press("Enter")
    await expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    await name.press("Enter")
    await expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    await expect(name).to_be_focused()
    found = await page.locator("tbody td:nth-child(2)").all_inner_texts()
    assert found == sorted(found, reverse=True)

    await page.get_by_label("Filter the table").fill("")
    await expect(status).to_have_text("1 to 25 of 100,000")
    await page.get_by_role("button", name="Last page").click()
    await expect(status).to_have_text("99,976 to 100,000 of 100,000")
    await page.keyboard.press("PageUp")
    await expect(status).to_have_text("99,951 to 99,975 of 100,000")
    await page.get_by_label("Filter the table").fill('zz" OR *')
    await expect(status).to_have_text("0 to 0 of 0")
    await expect(rows).to_have_text("Nothing matches.")


async def test_a_page_of_a_table_travels_in_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "true")
    from examples.table.app import app

    async with LiveClient(app) as client:
        page = await client.open("/")
        await page.fill("input", "greek")
        for action in ("Name", "Kind", "Next", "Previous"):
            await page.click("button", text=action)
            assert page.last_patch.frame_size < 8192
