"""After an update the page is what a page would be that is loaded in that moment, where HTML makes that hard, too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from markupsafe import Markup
from playwright.async_api import Page

from asok import Component, exposed
from tests.browser.conftest import Serve
from tests.browser.small import opened, small_app, until

# Every element and text in the page, and as what the browser takes it.
SHOWN = """() => {
    const attributesOf = (node) => [...(node.attributes ?? [])].map(({ name, value }) => [name, value]);
    const ours = ([name]) => name !== "data-asok-state";
    const of = (node) => [
        node.namespaceURI, node.nodeName, node.nodeValue, attributesOf(node).filter(ours), [...node.childNodes].map(of),
    ];
    return JSON.stringify(of(document.querySelector("main")), null, 1);
}"""


class FreshText(Component):
    """Shows what it is told, as it stands."""

    texts: list[str]
    place: int = 0
    template = "{{ text }}"

    @property
    def text(self) -> Markup:
        return Markup(self.texts[self.place])

    @exposed
    async def turn(self) -> None:
        """The next one."""
        self.place = (self.place + 1) % len(self.texts)


async def turned_and_fresh(page: Page) -> tuple[str, str]:
    """What the page shows after one more update, and what another one does that is loaded then."""
    await until(page, "alive.call(document.querySelector('[data-asok-state]'), 'turn').then(() => true)")
    fresh = await page.context.new_page()
    await fresh.route("**/*.js", lambda route: route.abort())
    await fresh.goto(page.url)
    shown: tuple[str, str] = await page.evaluate(SHOWN), await fresh.evaluate(SHOWN)
    await fresh.close()
    return shown


@pytest.mark.parametrize(
    "text",
    [
        "<p>{0}<div>{0}</div></p>",
        "<h1>{0}<h2>{0}</h2></h1>",
        "<a href='/'>{0}<a href='/{0}'>two</a></a>",
        "<table>{0}<tr><td>{0}</td></tr></table>",
        "<table><thead><tr><th>{0}</th></tr></thead><p>{0}</p></table>",
        "<body>{0}</body>",
    ],
)
async def test_all_of_a_text_changes_that_a_browser_takes_apart(
    page: Page, serve: Serve, tmp_path: Path, text: str
) -> None:
    texts = [text.format("one"), text.format("two")]
    body = f"<main>{{{{ component('FreshText', texts={texts!r}) }}}}</main>"
    await opened(page, serve, small_app(tmp_path, body))
    for _ in texts:
        now, fresh = await turned_and_fresh(page)
        assert now == fresh


async def test_what_is_for_browsers_without_scripts_stays_a_text(page: Page, serve: Serve, tmp_path: Path) -> None:
    plain = "<noscript><style>main { display: none }</style></noscript>"
    texts = [f"<div>{plain}1</div>", f"<div>{plain}2</div>", "<div>3</div>", f"<div><p>{plain}</p>4</div>"]
    body = f"<main>{{{{ component('FreshText', texts={texts!r}) }}}}</main>"
    await opened(page, serve, small_app(tmp_path, body))
    for _ in texts:
        now, fresh = await turned_and_fresh(page)
        assert now == fresh
        assert await page.locator("main").is_visible()


class FreshLine(Component):
    """A row of its own."""

    name: str
    template = "<tr><td>{{ name }}</td><td><input></td></tr>"


class FreshLines(Component):
    """Rows in a table without a body of its own, in one order and another."""

    head: str
    foot: str
    place: int = 0
    template = """<table class="{{ names }}">{{ head | safe }}
        {% for name in names %}{{ component('FreshLine', key=name, name=name) }}
        {% endfor %}{{ foot | safe }}</table>"""

    @exposed
    async def turn(self) -> None:
        """The next order."""
        self.place += 1

    @property
    def names(self) -> str:
        return ["abc", "cb", "dcab", "c", "abc"][self.place]


@pytest.mark.parametrize(
    ("head", "foot"),
    [
        ("", ""),
        ("<caption>rows</caption>", "<tr><td>all</td></tr>"),
        ("<thead><tr><th>name</th></tr></thead>", "<tfoot></tfoot>"),
        ("<tr></tr>", "<tbody class=last></tbody>"),
    ],
)
async def test_rows_that_are_components_stay_in_the_body_that_a_browser_makes(
    page: Page, serve: Serve, tmp_path: Path, head: str, foot: str
) -> None:
    body = f"<main>{{{{ component('FreshLines', head={head!r}, foot={foot!r}) }}}}</main>"
    await opened(page, serve, small_app(tmp_path, body))
    await page.locator("input").last.fill("typed")
    for _ in range(4):
        now, fresh = await turned_and_fresh(page)
        assert now == fresh
    typed = "[...document.querySelectorAll('input')].find((each) => each.value === 'typed').closest('tr').innerText"
    assert (await page.evaluate(typed)).strip() == "c"


class FreshRow(Component):
    """A row that comes later, and that may fail."""

    number: int
    template = "{# one of many #}<tr><td>{{ 10 // number }}</td></tr>"


class FreshTable(Component):
    """What its rows show."""

    number: int = 0
    template = """<table><tbody>
        {{ component('FreshRow', key=1, number=5, lazy=True) }}{{ component('FreshRow', key=2, number=number) }}
        </tbody></table>"""

    @exposed
    async def turn(self) -> None:
        """The second row can be shown, or cannot."""
        self.number = 1 - self.number


async def test_rows_come_where_their_place_was_held_in_the_table(page: Page, serve: Serve, tmp_path: Path) -> None:
    rows = "[...document.querySelectorAll('main > table > tbody > tr')].map((each) => each.innerText).join()"
    await opened(page, serve, small_app(tmp_path, "<main>{{ component('FreshTable') }}</main>"))
    await until(page, f"{rows}.startsWith('2,This part')")
    await page.click("text=Try again")
    await until(page, "alive.call(document.querySelector('[data-asok-state]'), 'turn').then(() => true)")
    assert await page.evaluate(rows) == "2,10"
    assert await page.evaluate("document.querySelectorAll('main > *').length") == 1


GATE = asyncio.Event()


class FreshLate(Component):
    """Answers late, and then as before."""

    template = "<p>late</p>"

    @exposed
    async def turn(self) -> None:
        """Wait for the test."""
        await GATE.wait()


async def test_what_told_of_a_late_answer_leaves_nothing_behind(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "<main>{{ component('FreshLate') }}</main>"))
    GATE.set()
    # The first answer is all of the text, which puts everything right.
    await turned_and_fresh(page)
    GATE.clear()
    await page.evaluate("() => { alive.call(document.querySelector('p'), 'turn'); }")
    await page.wait_for_selector("p.ws-loading")
    GATE.set()
    now, fresh = await turned_and_fresh(page)
    assert now == fresh
