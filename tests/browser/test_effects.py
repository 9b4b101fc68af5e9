"""What a method makes the page do, and where the focus goes when what has it is removed, in Chromium."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from asok import Component, bind, exposed
from tests.browser.conftest import Serve
from tests.browser.latency import Line
from tests.browser.small import live, opened, small_app, until

LONG = "<p>far</p>" * 200


@pytest.fixture
async def desk(page: Page, serve: Serve, tmp_path: Path) -> Page:
    class Desk(Component):
        tries = 0
        template = f"""<div id="desk"><input id="name" value="some text"><p id="words">two words</p>
            <output>{{{{ tries }}}}</output><button id="add" ws-click="add">add</button>
            {{% for text, name, argument in [
                ("focus", "focus", "#name"), ("select", "select", "#name"), ("words", "select", "#words"),
                ("click", "click", "#add"), ("scroll", "scroll_into_view", "#end"), ("blur", "blur", "#name"),
                ("copy", "copy", "copied ✓"), ("say", "announce", "Saved"),
            ] %}}<button ws-click="act('{{{{ name }}}}', '{{{{ argument }}}}')">{{{{ text }}}}</button>{{% endfor %}}
            {{% for name in ["shout", "wrong", "save", "fetch"] %}}
            <button ws-click="{{{{ name }}}}">{{{{ name }}}}</button>{{% endfor %}}{LONG}<p id="end">end</p></div>"""

        @exposed
        def act(self, name: str, argument: str) -> None:
            getattr(self, name)(argument)

        @exposed
        def add(self) -> None:
            self.tries += 1

        @exposed
        def shout(self) -> None:
            self.announce("Lost", assertive=True)

        @exposed
        def wrong(self) -> None:
            self.focus("#nowhere")
            self.focus("###")
            self.set_title("after both")

        @exposed
        def save(self) -> None:
            self.download(b"a;b\n\xff", "Bücher 1.csv")

        @exposed
        def fetch(self) -> None:
            self.download("/static/first.js", "second.js")

    await opened(page, serve, small_app(tmp_path, "{{ component('Desk') }}", first="// a file"))
    return page


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_elements_are_focused_selected_left_and_scrolled_to(desk: Page) -> None:
    await press(desk, "focus")
    await expect(desk.locator("#name")).to_be_focused()
    await press(desk, "select")
    await expect(desk.locator("#name")).to_be_focused()
    await desk.keyboard.type("new")
    await expect(desk.locator("#name")).to_have_value("new")
    await desk.locator("#name").focus()
    # The focus stays where it is: the click is a script's.
    await desk.get_by_role("button", name="blur").evaluate("(button) => button.click()")
    await expect(desk.locator("#name")).not_to_be_focused()
    await press(desk, "words")
    await until(desk, "String(getSelection()) === 'two words'")
    await expect(desk.locator("#end")).not_to_be_in_viewport()
    await press(desk, "scroll")
    await expect(desk.locator("#end")).to_be_in_viewport()


async def test_a_click_that_a_method_asks_for_calls_what_the_element_is_wired_to(desk: Page) -> None:
    await press(desk, "click")
    await expect(desk.locator("output")).to_have_text("1")


async def test_an_effect_that_fails_leaves_the_others_alone(desk: Page) -> None:
    said: list[str] = []
    desk.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
    await press(desk, "wrong")
    await expect(desk).to_have_title("after both")
    assert said[0] == "alive: focus: no element matches #nowhere"
    assert said[1].startswith("alive: focus: SyntaxError")


async def test_text_is_copied_and_a_refusal_is_an_event(context: BrowserContext, desk: Page) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await press(desk, "copy")
    await until(desk, "(async () => (await navigator.clipboard.readText()) === 'copied ✓')()")
    await desk.evaluate("""() => {
        Object.defineProperty(navigator, "clipboard", { value: { writeText: () => Promise.reject("no") } });
        document.addEventListener("alive:error", ({ detail }) => (window.failed = detail));
    }""")
    await press(desk, "copy")
    await until(desk, "window.failed")
    assert await desk.evaluate("window.failed") == {"code": "copy", "text": "no"}


async def test_bytes_and_files_of_the_site_are_saved(desk: Page) -> None:
    async with desk.expect_download() as saving:
        await press(desk, "save")
    download = await saving.value
    assert download.suggested_filename == "Bücher 1.csv"
    assert Path(await download.path()).read_bytes() == b"a;b\n\xff"
    async with desk.expect_download() as saving:
        await press(desk, "fetch")
    download = await saving.value
    assert download.suggested_filename == "second.js"
    assert Path(await download.path()).read_bytes() == b"// a file"


async def test_screen_readers_are_told_in_a_region_that_was_there_before_the_text(desk: Page) -> None:
    await desk.evaluate("""() => {
        window.heard = [];
        new MutationObserver((records) => {
            for (const { target, addedNodes } of records)
                for (const node of addedNodes) if (target.role) window.heard.push([target.role, node.textContent]);
        }).observe(document.body, { childList: true, subtree: true });
    }""")
    await press(desk, "say")
    await press(desk, "say")
    await press(desk, "shout")
    await until(desk, "window.heard.length === 3")
    assert await desk.evaluate("window.heard") == [["status", "Saved"], ["status", "Saved"], ["alert", "Lost"]]
    assert await desk.evaluate("document.querySelector('[role=status]').getBoundingClientRect().width") == 1


@pytest.mark.parametrize("closes", [False, True])
async def test_screen_readers_are_told_while_a_dialogue_is_open_and_when_it_closes(desk: Page, closes: bool) -> None:
    await desk.evaluate("""() => {
        const dialog = document.body.appendChild(document.createElement("dialog"));
        dialog.append(document.createElement("button"));
        dialog.showModal();
        [...document.querySelectorAll("button")].find((button) => button.textContent === "say").click();
    }""")
    place = desk.locator("dialog > [role=status]")
    await expect(place).to_be_attached()
    if closes:
        await desk.evaluate("document.querySelector('dialog').close()")
        place = desk.locator("body > [role=status]")
    await expect(place).to_have_text("Saved")
    tree = await (await desk.context.new_cdp_session(desk)).send("Accessibility.getFullAXTree")
    assert "Saved" in [node["name"]["value"] for node in tree["nodes"] if "name" in node]


# --- the focus, when what has it is removed


@pytest.fixture
async def rows(page: Page, serve: Serve, tmp_path: Path) -> Page:
    class Rows(Component):
        names: list[str] = ["a", "b", "c"]
        times = 0
        template = """<section><ul>{% for name in names %}
            <li ws-key="{{ name }}"><a href="#{{ name }}">{{ name }}</a>
              <button ws-click="remove('{{ name }}')">remove {{ name }}</button></li>{% endfor %}</ul>
            <output>{{ names | length }}</output><em>{{ times }}</em><p ws-click="again">Again</p></section>"""

        @exposed
        def remove(self, name: str) -> None:
            self.names.remove(name)

        @exposed
        def again(self) -> None:
            self.times += 1

    await opened(page, serve, small_app(tmp_path, "{{ component('Rows') }}"))
    # What is rare comes when a connection has been for a while, or here.
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    return page


async def remove(page: Page, name: str, left: int) -> None:
    await page.get_by_role("button", name=f"remove {name}").press("Enter")
    await expect(page.locator("output")).to_have_text(str(left))


async def test_from_a_removed_row_the_focus_goes_to_the_same_control_of_the_next_and_of_the_last(rows: Page) -> None:
    await remove(rows, "a", 2)
    await expect(rows.get_by_role("button", name="remove b")).to_be_focused()
    await rows.keyboard.press("Tab")
    await expect(rows.get_by_role("link", name="c")).to_be_focused()
    await remove(rows, "c", 1)
    await expect(rows.get_by_role("button", name="remove b")).to_be_focused()


async def test_from_the_last_row_the_focus_goes_to_what_is_around(rows: Page) -> None:
    for left, name in enumerate("cba"):
        await remove(rows, name, 2 - left)
    await expect(rows.locator("section")).to_be_focused()
    await rows.evaluate("document.querySelector('p').click()")
    await expect(rows.locator("em")).to_have_text("1")
    await rows.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))")
    await expect(rows.locator("section")).to_be_focused()


@pytest.mark.parametrize("way", ["show", "showModal"])
async def test_from_the_last_row_in_a_dialogue_the_focus_goes_to_the_dialogue(
    page: Page, serve: Serve, tmp_path: Path, way: str
) -> None:
    class Cleared(Component):
        there = True
        template = """<section><a href="#">before</a><dialog><ul>{% if there %}
            <li><button ws-click="clear">clear</button></li>{% endif %}</ul><button>close</button></dialog></section>"""

        @exposed
        def clear(self) -> None:
            self.there = False

    await opened(page, serve, small_app(tmp_path, "{{ component('Cleared') }}"))
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    await page.evaluate(f"document.querySelector('dialog').{way}()")
    await page.get_by_role("button", name="clear").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="close")).to_be_focused()


async def test_the_focus_goes_along_with_a_row_that_goes_to_another_list(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Columns(Component):
        left: list[str] = ["a", "b", "c"]
        right: list[str] = ["a"]
        template = """<section>{% for names in (left, right) %}<ul>{% for name in names %}
            <li ws-key="{{ name }}"><button ws-click="drop('{{ name }}')">drop {{ name }}</button>
              <button ws-click="move('{{ name }}')">move {{ name }}</button></li>{% endfor %}</ul>{% endfor %}
            <output>{{ left | length }} {{ right | length }}</output></section>"""

        @exposed
        def move(self, name: str) -> None:
            self.left, self.right = [each for each in self.left if each != name], [*self.right, name]

        @exposed
        def drop(self, name: str) -> None:
            self.left = [each for each in self.left if each != name]

    await opened(page, serve, small_app(tmp_path, "{{ component('Columns') }}"))
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    await page.get_by_role("button", name="move b").press("Enter")
    await expect(page.locator("output")).to_have_text("2 2")
    await expect(page.get_by_role("button", name="move b")).to_be_focused()
    # What was in the other list before is another row, though its key is the same.
    await page.locator("ul:first-child").get_by_role("button", name="drop a").press("Enter")
    await expect(page.locator("output")).to_have_text("1 2")
    await expect(page.get_by_role("button", name="drop c")).to_be_focused()


async def test_who_reads_elsewhere_is_not_taken_to_where_the_focus_goes(rows: Page) -> None:
    await rows.evaluate("document.body.style.paddingBottom = '9000px'")
    for name in "abc":  # at last, to what is around
        await rows.get_by_role("button", name=f"remove {name}").focus()
        await rows.evaluate("scrollTo(0, 3000)")
        await rows.evaluate("name => alive.call(document.querySelector('em'), 'remove', name)", name)
        await until(rows, "document.activeElement !== document.body")
        assert await rows.evaluate("scrollY") > 2000
    await expect(rows.locator("section")).to_be_focused()


async def test_who_has_the_focus_elsewhere_keeps_it(rows: Page) -> None:
    await rows.get_by_role("button", name="remove c").focus()
    await rows.evaluate("document.querySelector('[ws-key=b] button').click()")
    await expect(rows.locator("output")).to_have_text("2")
    await expect(rows.get_by_role("button", name="remove c")).to_be_focused()
    await rows.get_by_role("button", name="remove c").blur()
    await rows.evaluate("document.querySelector('[ws-key=c] button').click()")
    await expect(rows.locator("output")).to_have_text("1")
    assert await rows.evaluate("document.activeElement === document.body")


async def test_a_button_that_is_disabled_or_hidden_until_the_answer_has_the_focus_again(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Saving(Component):
        saved = 0
        template = """<section><form ws-submit="save"><button>send</button></form>
            <button ws-click="save" ws-disable-with="Saving…">save</button>
            <p><button ws-click="save" ws-optimistic="remove @p">drop</button></p>
            <fieldset ws-loading.attr="disabled"><button ws-click="save">later</button></fieldset>
            <output>{{ saved }}</output></section>"""

        @exposed
        async def save(self) -> None:
            await go_on.wait()
            self.saved += 1

    go_on = asyncio.Event()
    await opened(page, serve, small_app(tmp_path, "{{ component('Saving') }}"))
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    for count, name in enumerate(("send", "save", "drop", "later"), 1):
        go_on.clear()
        button = page.get_by_role("button", name=name, exact=True)
        await button.press("Enter")
        await until(page, "document.activeElement === document.body")
        go_on.set()
        await expect(page.locator("output")).to_have_text(str(count))
        await expect(button).to_be_focused()


async def test_from_a_row_that_was_hidden_before_it_went_the_focus_goes_to_the_next(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Dropping(Component):
        names: list[str] = ["a", "b", "c"]
        template = """<ul>{% for name in names %}<li ws-key="{{ name }}">
            <button ws-click="drop('{{ name }}')" ws-optimistic="remove @li">{{ name }}</button>
            </li>{% endfor %}</ul>"""

        @exposed
        async def drop(self, name: str) -> None:
            await go_on.wait()
            self.names.remove(name)

    go_on = asyncio.Event()
    await opened(page, serve, small_app(tmp_path, "{{ component('Dropping') }}"))
    await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
    await page.get_by_role("button", name="b").press("Enter")
    await until(page, "document.activeElement === document.body")
    go_on.set()
    await expect(page.get_by_role("button", name="c")).to_be_focused()


# --- what is reset while somebody types on


class Sayings(Component):
    said: list[str] = []
    template = """<form ws-submit="say"><input name="text"><textarea name="more"></textarea><button>Say</button>
        <output>{{ said | join(", ") }}</output></form>"""

    @exposed
    def say(self, text: str, more: str) -> None:
        self.said = [*self.said, text + more]
        self.reset("text", "more")


async def test_what_is_typed_behind_a_text_that_is_being_sent_is_all_that_stays_of_it(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    base = await serve(small_app(tmp_path, "{{ component('Sayings') }}"))
    async with Line(base, delay=0.1) as line:
        await page.goto(line.url)
        await live(page)
        await page.locator("input").press_sequentially("one")
        await page.keyboard.press("Enter")
        await page.keyboard.type("twoo")
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator("output")).to_have_text("one")
        await expect(page.locator("input")).to_have_value("twoo")
        await page.keyboard.press("Delete")
        await page.keyboard.press("Enter")
        await page.locator("textarea").fill("something else")
        await expect(page.locator("output")).to_have_text("one, two")
        await expect(page.locator("input")).to_have_value("")
        await expect(page.locator("textarea")).to_have_value("something else")


async def test_what_is_typed_on_into_a_bound_field_is_all_that_stays_of_it(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    class Bound(Component):
        draft: str = bind("")
        said: list[str] = []
        template = """<form ws-submit="say"><input ws-model="draft" name="draft" value="{{ draft }}">
            <output>{{ said | join(", ") }}</output><i>{{ draft }}</i></form>"""

        @exposed
        def say(self) -> None:
            self.said = [*self.said, self.draft]
            self.draft = ""
            self.reset("draft")

    base = await serve(small_app(tmp_path, "{{ component('Bound') }}"))
    async with Line(base, delay=0.1) as line:
        await page.goto(line.url)
        await live(page)
        await page.locator("input").press_sequentially("one")
        await page.keyboard.press("Enter")
        await page.locator("input").press_sequentially("two")
        await expect(page.locator("output")).to_have_text("one")
        await expect(page.locator("i")).to_have_text("two")
        await expect(page.locator("input")).to_have_value("two")
        await page.keyboard.press("Enter")
        await expect(page.locator("output")).to_have_text("one, two")
        await expect(page.locator("input")).to_have_value("")


async def test_a_reset_takes_nothing_from_an_input_method_that_composes_behind_the_text(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    base = await serve(small_app(tmp_path, "{{ component('Sayings') }}"))
    async with Line(base, delay=0.1) as line:
        await page.goto(line.url)
        await live(page)
        await page.evaluate("import(document.querySelector('[data-live]').src.replace('alive.js', 'messages.js'))")
        await page.locator("input").press_sequentially("one")
        await page.keyboard.press("Enter")
        keyboard = await page.context.new_cdp_session(page)
        await keyboard.send("Input.imeSetComposition", {"text": "か", "selectionStart": 1, "selectionEnd": 1})
        await expect(page.locator("output")).to_have_text("one")
        await keyboard.send("Input.imeSetComposition", {"text": "かな", "selectionStart": 2, "selectionEnd": 2})
        await expect(page.locator("input")).to_have_value("oneかな")


async def test_updates_that_take_the_focus_from_nobody_give_it_to_nobody(rows: Page) -> None:
    # To give it to the body would lay out the page anew, for each update.
    await rows.evaluate("""() => {
        window.given = 0;
        const { focus } = HTMLElement.prototype;
        HTMLElement.prototype.focus = function (...args) { given++; return focus.apply(this, args); };
        document.querySelector("p").click();
    }""")
    await expect(rows.locator("em")).to_have_text("1")
    assert await rows.evaluate("given") == 0
