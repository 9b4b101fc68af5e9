"""Long lists with keys: only what has changed is parsed, and the page is what the whole morph would have made of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asok import Component, exposed
from asok.diff import change
from tests.browser.alive_rig import ONE, Rig, root, token
from tests.browser.conftest import Serve
from tests.browser.small import live, small_app

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "alive-js" / "src"
SEED = int(os.environ.get("ASOK_SEED", 20261121))
PAGE = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/keyed/bench.js"></script>'
# So many do not pay to be thought about.
FILLING = "<p hidden>" + "filling " * 520 + "</p>"


@pytest.fixture
async def bench(page: Page, serve: Serve) -> Page:
    """The runtime's own sources as modules, and components that a test updates by hand."""

    async def show(request: Request) -> Response:
        return HTMLResponse(PAGE, headers={"content-security-policy": "default-src 'self' 'unsafe-inline'"})

    folders = {"src": SOURCE, "morph": HERE / "morph", "keyed": HERE / "keyed"}
    mounts = [Mount(f"/{name}", StaticFiles(directory=folder)) for name, folder in folders.items()]
    await page.goto(await serve(Starlette(routes=[Route("/", show), *mounts])))
    await expect(page.locator("html")).to_have_attribute("data-ready", "")
    return page


async def test_lists_change_again_and_again_and_always_show_their_text(bench: Page) -> None:
    """Exact, the same objects for the same keys, what the person typed where it was, whatever others do meanwhile."""
    wrong = await bench.evaluate("async (seed) => (await import('/keyed/lists.js')).run(seed, 250) ?? null", SEED)
    assert wrong is None, wrong
    counts = await bench.evaluate("counts")
    assert counts["keyed"] > counts["whole"] / 2, "otherwise this proves little"


async def test_any_tree_becomes_any_other_by_a_difference_too(bench: Page) -> None:
    wrong = await bench.evaluate(
        """async (seed) =>
            (await import("/morph/pairs.js")).run((await import("/keyed/pairs.js")).morph, seed, 500, false) ?? null""",
        SEED,
    )
    assert wrong is None, wrong


# --- what an update touches


def table(rows: list[str], head: str = "") -> str:
    return f"<section>{head}<table>{''.join(rows)}</table>{FILLING}</section>"


def row(key: object, inside: str = "<input>") -> str:
    return f"<tr ws-key='{key}'><td>{key}</td><td>{inside}</td></tr>"


WATCH = """() => {
    const top = document.querySelector("[data-asok-state]");
    window.records = [];
    new MutationObserver((all) => records.push(...all)).observe(top, { childList: true, subtree: true });
    window.parsed = 0;
    const { get, set } = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");
    Object.defineProperty(Element.prototype, "innerHTML", {
        get,
        set(text) { parsed += text.length; set.call(this, text); },
    });
}"""


class Talk:
    """One page of a scripted server, which is told texts and sends what `asok.diff` makes of them."""

    def __init__(self, page: Page, line: Any, shown: str) -> None:
        self.page, self.line, self.shown, self.version = page, line, shown, 1

    @classmethod
    async def open(cls, page: Page, server: Rig, text: str) -> Talk:
        """The page, once it knows its text and has the module."""
        server.body = root("", tag="section") + "<i ws-key='0'></i>"
        async with page.expect_response("**/keyed.js"):
            await page.goto(server.url)
        line = await server.line()
        await page.evaluate("import('/live/build/keyed.js').then(() => 0)")
        await line.update(0, text)
        await expect(page.locator("p[hidden]")).to_be_attached()
        await page.evaluate(WATCH)
        return cls(page, line, text)

    async def become(self, text: str) -> dict[str, int]:
        """Show that; how many characters were parsed, and nodes came, went and changed."""
        await self.page.evaluate("() => { records.length = parsed = 0; }")
        self.version += 1
        await self.line.update(0, change(self.shown, text), token(ONE, self.version))
        self.shown = text
        state = f'section[data-asok-state="{token(ONE, self.version)}"]'
        await self.page.wait_for_selector(state, state="attached")
        counted: dict[str, int] = await self.page.evaluate(
            """async () => {
                await new Promise((done) => setTimeout(done));
                const of = (name) => records.reduce((sum, each) => sum + each[name].length, 0);
                return { parsed, added: of("addedNodes"), removed: of("removedNodes") };
            }"""
        )
        wrong = await self.page.evaluate(
            """async ([text, state]) => {
                const { normal } = await import("/morph/judging.js");
                const template = document.createElement("template");
                template.innerHTML = text;
                const wanted = template.content.firstElementChild;
                wanted.setAttribute("data-asok-state", document.querySelector(state).dataset.asokState);
                const [is, ought] = [normal(document.querySelector(state), true), normal(wanted, true)];
                return is === ought ? null : `is ${is} and ought to be ${ought}`;
            }""",
            [text, state],
        )
        assert wrong is None, wrong
        return counted


async def test_no_more_is_parsed_and_moved_than_has_changed(page: Page, server: Rig) -> None:
    rows = [row(n) for n in range(200)]
    talk = await Talk.open(page, server, table(rows))
    await page.locator("input").nth(149).fill("typed")

    counted = await talk.become(table([*rows[:100], row(100, "<input><b>new</b>"), *rows[101:]]))
    assert counted == {"parsed": pytest.approx(100, abs=60), "added": 1, "removed": 0}, "one cell"
    rows[100] = row(100, "<input><b>new</b>")
    counted = await talk.become(table([row("top"), *rows]))
    assert counted == {"parsed": pytest.approx(100, abs=60), "added": 1, "removed": 0}, "a row on top"
    counted = await talk.become(table([row("top"), *rows[:50], *rows[51:]]))
    assert counted == {"parsed": 0, "added": 0, "removed": 1}, "a row less"
    counted = await talk.become(table([row("top"), *rows[:50], *rows[51:150], *rows[151:], rows[150]]))
    assert counted == {"parsed": pytest.approx(100, abs=60), "added": 1, "removed": 1}, "one to the end"
    counted = await talk.become(table(rows[::-1]))
    assert counted["parsed"] < 4000, "reversed, one less and one back"
    counted = await talk.become(table(rows[::-10]))
    assert (counted["added"], counted["removed"]) == (0, 180), "some"
    counted = await talk.become(table(rows[::-1]))
    assert (counted["added"], counted["removed"]) == (180, 0), "and all again, though that is a text of its own"
    assert await page.locator("input").nth(50).input_value() == "typed"


@pytest.mark.parametrize(
    "meddle",
    [
        "document.querySelectorAll('tr')[9].title = 'foreign'",
        "document.querySelectorAll('tr')[9].remove()",
        "document.querySelectorAll('tr')[9].after(document.createElement('tr'))",
        "document.querySelectorAll('td')[9].firstChild.data = 'foreign'",
        "document.querySelector('section').title = 'foreign'",
    ],
)
async def test_what_others_have_done_to_the_page_goes_with_the_next_update(
    page: Page, server: Rig, meddle: str
) -> None:
    rows = [row(n) for n in range(100)]
    talk = await Talk.open(page, server, table(rows))
    await talk.become(table(["", *rows[1:]]))
    await page.evaluate(f"() => {{ {meddle} }}")
    await talk.become(table([row("other"), *rows[1:]]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("<p>{}<div>one</div></p>", "<p>{}<div>two</div></p>", id="a tag that closes another"),
        pytest.param("<textarea>{}</textarea>", "<textarea><tr ws-key='0'>{}</textarea>", id="tags in a textarea"),
        pytest.param("<!-- {} -->", "<!-- <tr ws-key='5'></tr> {} -->", id="tags in a comment"),
        pytest.param("<i title='{}'></i>", "<i title='<tr ws-key=5></tr>{}'></i>", id="tags in an attribute"),
        pytest.param("{}", "{}</td></tr><tr ws-key='0'><td>", id="a key that is there already"),
        pytest.param("{}", "{}</td></tr></tbody><tbody><tr ws-key='z'><td>", id="another table body"),
        pytest.param("{}", "<b>{}", id="a tag that is never closed"),
        pytest.param("{}", "{}</td></tr>words<tr ws-key='z'><td>", id="words between rows"),
    ],
)
async def test_what_a_parser_reads_in_another_way_is_not_mistaken(
    page: Page, server: Rig, before: str, after: str
) -> None:
    def text(inside: str, more: str) -> str:
        return table([*map(row, range(30)), row("x", inside.format(more)), row("y", "<b>last</b>")])

    talk = await Talk.open(page, server, text(before, "1"))
    for inside, more in [(before, "2"), (after, "2"), (after, "3"), (before, "3")]:
        await talk.become(text(inside, more))


async def test_what_comes_before_the_first_row_is_not_in_the_body_that_html_adds(page: Page, server: Rig) -> None:
    rows = [row(n) for n in range(30)]
    talk = await Talk.open(page, server, table(["<caption ws-key='c'>1</caption>", *rows]))
    await talk.become(table(["<caption ws-key='c'>2</caption>", row("top"), *rows]))
    await talk.become(table(["<caption ws-key='c'>2</caption>", "\n", row("top"), *rows]))
    talk = await Talk.open(page, server, table(rows))
    await talk.become(table([" ", *rows]))
    await talk.become(table(["<caption>3</caption>", *rows]))
    await talk.become(table(rows))
    await talk.become(table([]))
    await talk.become(table(rows))


async def test_the_newline_after_a_pre_is_no_text_when_rows_come_there_either(page: Page, server: Rig) -> None:
    def lines(*keys: int) -> str:
        rows = [f"<b ws-key={key}>{key}</b>\n" for key in keys]
        return f"<section>{FILLING}<pre>\n{''.join(rows)}</pre></section>"

    talk = await Talk.open(page, server, lines(1, 2, 3))
    for keys in [(0, 1, 2, 3), (1, 2, 3), (3, 2, 1), (9, 1), (9,)]:
        await talk.become(lines(*keys))


BECOME = """async ([before, after, entered]) => {
    const { live, show } = await import("/keyed/bench.js");
    const component = live(document.body.appendChild(document.createElement("section")));
    show(component, before);
    document.querySelector("input,select").value = entered;
    const start = [...before].findIndex((each, at) => each !== after[at]);
    let tail = 0;
    while (tail < Math.min(before.length, after.length) - start && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
    show(component, [start, after.slice(start, after.length - tail), start + tail - before.length]);
    if (component.shown !== after) throw Error(component.shown);
}"""


async def test_a_choice_stays_where_an_option_with_a_key_comes_chosen(bench: Page) -> None:
    def select(*options: str) -> str:
        inside = "".join(f"<option ws-key='{each[0]}'{each[1:]}>{each[0]}</option>" for each in options)
        return f"<section><select id=size>{inside}</select>{FILLING}</section>"

    await bench.evaluate(BECOME, [select("s", "m", "l"), select("s", "x selected", "m", "l"), "m"])
    assert await bench.evaluate("size.value") == "m"


async def test_a_new_row_that_comes_open_is_open_though_another_of_its_name_goes(bench: Page) -> None:
    def asked(*keys: str) -> str:
        rows = [f"<details name=q ws-key={key[0]}{key[1:]}><summary>{key}</summary></details>" for key in keys]
        return f"<section>{FILLING}<input><div>{''.join(rows)}</div></section>"

    await bench.evaluate(BECOME, [asked("a", "b open", "c"), asked("a", "d open", "c"), "typed"])
    assert await bench.evaluate("[counts.keyed, document.querySelector('details[open]')?.innerText]") == [1, "d open"]


async def test_keys_that_stand_twice_are_matched_in_order(bench: Page) -> None:
    def doubled(*words: str) -> str:
        return f"<section>{''.join(f'<p ws-key=a>{each}<input></p>' for each in words)}{FILLING}</section>"

    await bench.evaluate(BECOME, [doubled("1", "2", "3"), doubled("2", "3", "1"), "typed"])
    assert await bench.evaluate("() => [...document.querySelectorAll('input')].map((each) => each.value)") == [
        "typed",
        "",
        "",
    ]


# --- and in a whole app


class KeyedPeople(Component):
    """A table whose rows a person edits while it changes."""

    rows: list[int] = list(range(60))
    template = (
        "<section><button ws-click='turn'>Turn</button> <button ws-click='more'>More</button><table>"
        "{% for row in rows %}<tr ws-key='{{ row }}'><td>Person {{ row }} of {{ rows | length }}</td>"
        "<td><input aria-label='Note {{ row }}'></td></tr>{% endfor %}</table></section>"
    )

    @exposed
    async def turn(self) -> None:
        """The other way round."""
        self.rows = self.rows[::-1]

    @exposed
    async def more(self) -> None:
        """One more on top."""
        self.rows = [len(self.rows), *self.rows]


async def test_who_types_in_a_row_goes_on_while_rows_come_and_move(page: Page, serve: Serve, tmp_path: Path) -> None:
    async with page.expect_response("**/keyed.js"):
        await page.goto(await serve(small_app(tmp_path, "{{ component('KeyedPeople') }}")))
    await live(page)
    note = page.get_by_label("Note 5", exact=True)
    await note.press_sequentially("one")
    # The focus stays in the field.
    for call, top in [("More", "Person 60 of 61"), ("Turn", "Person 59 of 61"), ("Turn", "Person 60 of 61")]:
        await page.get_by_role("button", name=call).dispatch_event("click")
        await expect(page.locator("td").first).to_have_text(top)
        await page.keyboard.type(" more")
    await expect(note).to_be_focused()
    await expect(note).to_have_value("one more more more")
