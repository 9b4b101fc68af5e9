"""Every event and modifier in Chromium, as a real app hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Dialog, Page, expect

from asok import Component, exposed
from tests.browser.conftest import Serve
from tests.browser.small import opened, small_app, until
from tests.rig import asok_app

Stage = Callable[[str], Awaitable[None]]
Heard = Callable[..., Awaitable[None]]

notes: list[Any] = []
DIALOG = '<dialog id="far" open>{}</dialog>'


@pytest.fixture
async def stage(page: Page, serve: Serve, tmp_path: Path) -> Stage:
    """Opens a page with one component of this inside; its methods take notes."""
    notes.clear()

    async def show(inside: str) -> None:
        markup = f'<div id="stage">{inside}<button ws-finish="finish">{{{{ ended }}}} end</button></div>'

        class Stage(Component):
            template = markup
            n = 0
            ended = 0

            @exposed
            def note(self, what: str) -> None:
                notes.append(what)

            @exposed
            def finish(self) -> None:
                self.ended += 1

            @exposed
            def more(self) -> None:
                self.n += 1
                notes.append(self.n)

            @exposed
            def look(self) -> None:
                notes.append(self.event if self.event.type else None)

        await opened(page, serve, small_app(tmp_path, "{{ component('Stage') }}"))

    return show


@pytest.fixture
def heard(page: Page) -> Heard:
    """What was noted so far, and nothing else: a last event, which nothing else hears, comes behind it and is shown."""

    async def all_of(*wanted: Any) -> None:
        button = page.locator("#stage > button", has_text="end")
        ended = int((await button.inner_text()).split()[0])
        await button.dispatch_event("finish")
        await expect(button).to_have_text(f"{ended + 1} end")
        assert notes == list(wanted)
        notes.clear()

    return all_of


def note(attribute: str, what: str = "yes", *, tag: str = "button", more: str = "", inside: str = "x") -> str:
    return f'<{tag} id="{what}" {attribute}="note(\'{what}\')" {more}>{inside}</{tag}>'


# --- which events


@pytest.mark.parametrize(
    ("name", "selector", "does"),
    [
        ("dblclick", "#yes", "e => e.dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))"),
        ("pointerdown", "#inner", "e => e.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}))"),
        ("item-saved", "#inner", "e => e.dispatchEvent(new CustomEvent('item-saved', {bubbles: true}))"),
        ("shown.bs.modal", "#inner", "e => e.dispatchEvent(new CustomEvent('shown.bs.modal', {bubbles: true}))"),
        ("cart:changed", "#inner", "e => e.dispatchEvent(new CustomEvent('cart:changed', {bubbles: true}))"),
        ("mouseenter", "#yes", "e => e.dispatchEvent(new MouseEvent('mouseenter'))"),
        ("focus", "#yes", "e => e.focus()"),
        ("focusin", "#inner", "e => e.focus()"),
        ("scroll", "#yes", "e => e.dispatchEvent(new Event('scroll'))"),
    ],
)
async def test_any_event_is_heard(page: Page, stage: Stage, heard: Heard, name: str, selector: str, does: str) -> None:
    await stage(note(f"ws-{name}", tag="div", more="tabindex=0", inside='<i id="inner" tabindex="0">x</i>'))
    await page.locator(selector).evaluate(does)
    await heard("yes")


async def test_what_does_not_bubble_is_the_elements_own_affair(page: Page, stage: Stage, heard: Heard) -> None:
    inner = note("ws-focus", "inner", tag="input") + note("ws-toggle", "toggled", tag="details")
    await stage(note("ws-focus", "outer", tag="div", inside=inner) + note("ws-load", "loaded", tag="img"))
    await page.locator("#inner").focus()
    await page.locator("#toggled").evaluate("e => new Promise(done => { e.ontoggle = done; e.open = true })")
    await page.locator("#loaded").evaluate("e => e.dispatchEvent(new Event('load'))")
    await heard("inner", "toggled", "loaded")


async def test_blur_and_the_pointers_leaving_are_heard(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(note("ws-blur", "left", tag="input") + note("ws-mouseleave", "gone", tag="p"))
    await page.locator("#left").focus()
    await page.locator("#gone").hover()
    await page.locator("#left").hover()
    await page.locator("#stage > button", has_text="end").focus()
    await heard("gone", "left")


async def test_an_event_from_a_shadow_tree_is_heard_around_it(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(note("ws-click", tag="div", inside="<span></span>"))
    await page.locator("#yes span").evaluate(
        """host => { const button = document.createElement("button");
            host.attachShadow({ mode: "open" }).append(button); button.click(); }"""
    )
    await heard("yes")


async def test_what_a_script_puts_in_later_is_heard(page: Page, stage: Stage, heard: Heard) -> None:
    await stage('<div id="box" ws-ignore></div>')
    await page.evaluate("box.innerHTML = `<b ws-dblclick=\"note('late')\">x</b>`")
    await page.locator("#box b").dblclick()
    await page.evaluate("document.querySelector('#box b').setAttribute('ws-keydown', \"note('key')\")")
    await page.evaluate(
        "document.querySelector('#box b').dispatchEvent(new KeyboardEvent('keydown', { key: 'x', bubbles: true }))"
    )
    await heard("late", "key")


async def test_an_attribute_that_is_gone_is_not_heard_and_a_changed_one_is(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage(note("ws-dblclick", "old"))
    await page.evaluate(
        """async () => {
          const press = () => old.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
          old.setAttribute("ws-dblclick", "note('new')");
          await null; // an attribute is seen before anything else happens, even an answer
          press();
          old.removeAttribute("ws-dblclick");
          await null;
          press();
        }"""
    )
    await heard("new")


# --- keys


@pytest.mark.parametrize(
    ("name", "pressed", "others"),
    [
        ("enter", ["Enter"], ["a", "Escape"]),
        ("escape", ["Escape"], ["Enter"]),
        ("tab", ["Tab"], ["a"]),
        ("up", ["ArrowUp"], ["PageUp", "u"]),
        ("arrowup", ["ArrowUp"], ["ArrowDown"]),
        ("space", [" "], ["s"]),
        ("a.b", ["A", "b"], ["c"]),
        ("1", ["1"], ["2"]),
        ("s.prevent", ["s"], ["p"]),
        ("f2", ["F2"], ["f"]),
        ("debounce.1", ["x"], []),
        ("1.throttle.1", ["1"], ["t"]),
    ],
)
async def test_only_the_named_keys_are_heard(
    page: Page, stage: Stage, heard: Heard, name: str, pressed: list[str], others: list[str]
) -> None:
    await stage(note(f"ws-keydown.{name}", tag="input"))
    for key in (*others, *pressed):
        await page.evaluate(
            "key => yes.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))", key
        )
    await heard(*["yes"] * len(pressed))


@pytest.mark.parametrize("held", ["ctrl", "shift", "alt", "meta"])
async def test_a_held_key_is_asked_for(page: Page, stage: Stage, heard: Heard, held: str) -> None:
    await stage(note(f"ws-click.{held}", "click") + note(f"ws-keydown.enter.{held}", "key"))
    for how in ({}, {f"{other}Key": True for other in ("ctrl", "shift", "alt", "meta") if other != held}):
        await page.evaluate("how => click.dispatchEvent(new MouseEvent('click', how))", how)
    await page.evaluate("how => click.dispatchEvent(new MouseEvent('click', how))", {f"{held}Key": True})
    await page.evaluate(
        "how => window.key.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', ...how }))", {f"{held}Key": True}
    )
    await page.evaluate("window.key.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }))")
    await heard("click", "key")


async def test_a_composition_is_one_input_told_at_its_end_and_its_keys_are_nobodys(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage(
        """<input id="field" ws-input.prevent="note('typed')" ws-keydown.enter="note('key')">
        <input id="plain" ws-input="note('plain')">"""
    )
    for field in ("field", "plain"):
        await page.locator(f"#{field}").evaluate(
            """field => {
              const tell = (Kind, type, more) => field.dispatchEvent(new Kind(type, { bubbles: true, ...more }));
              tell(CompositionEvent, "compositionstart");
              tell(InputEvent, "input", { isComposing: true });
              tell(KeyboardEvent, "keydown", { isComposing: true, key: "Enter" });
              tell(InputEvent, "input", { isComposing: true });
              tell(CompositionEvent, "compositionend");
            }"""
        )
    await heard("typed", "plain")


# --- modifiers


async def test_the_inner_element_is_called_first_and_may_stop_the_event(page: Page, stage: Stage, heard: Heard) -> None:
    inner = note("ws-click", "inner") + note("ws-click.stop", "stopper")
    await stage(note("ws-click", "outer", tag="div", inside=inner))
    await page.locator("#inner").click()
    await page.locator("#stopper").click()
    await heard("inner", "outer", "stopper")


async def test_a_stop_further_out_does_not_keep_the_event_from_what_is_inside(
    page: Page, stage: Stage, heard: Heard
) -> None:
    inside = note("ws-click.stop", "middle", tag="div", inside=note("ws-click", "inner"))
    await stage(note("ws-click", "outer", tag="div", inside=inside))
    await page.locator("#inner").click()
    await heard("inner", "middle")


async def test_capture_is_heard_before_what_is_inside(page: Page, stage: Stage, heard: Heard) -> None:
    inside = note("ws-click", "inner") + note("ws-focus", "field", tag="input")
    both = "<div ws-focus.capture=\"note('seen')\">"
    await stage(both + note("ws-click.capture", "outer", tag="div", inside=inside) + "</div>")
    await page.locator("#inner").click()
    await page.locator("#field").focus()
    await heard("seen", "outer", "inner", "seen", "field")


async def test_a_script_that_stops_an_event_stops_it_for_what_is_further_out_only(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage(note("ws-click", "outer", tag="div", inside=note("ws-click", "inner")))
    await page.evaluate("inner.addEventListener('click', (event) => event.stopPropagation())")
    await page.locator("#inner").click()
    await heard("inner")


async def test_self_is_deaf_to_what_is_inside(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(DIALOG.format("<p>inside</p>").replace("<dialog", "<dialog ws-click.self=\"note('backdrop')\""))
    await page.locator("#far p").click()
    await page.locator("#far").evaluate("e => e.click()")
    await heard("backdrop")


async def test_window_document_and_outside_hear_what_happens_elsewhere(page: Page, stage: Stage, heard: Heard) -> None:
    inside = note("ws-click.outside", "outside", tag="section", inside="<i>menu</i>")
    await stage(
        inside
        + note("ws-resize.window", "resized", tag="i")
        + note("ws-keydown.escape.window", "escaped", tag="i")
        + note("ws-hashchange.window.once", "moved", tag="i")
        + note("ws-app-ready.document", "ready", tag="i")
    )
    await page.locator("#outside i").click()
    await page.evaluate("dispatchEvent(new Event('resize'))")
    await page.keyboard.press("Escape")
    await page.evaluate("dispatchEvent(new Event('hashchange')), dispatchEvent(new Event('hashchange'))")
    await page.evaluate("document.dispatchEvent(new CustomEvent('app-ready'))")
    await page.evaluate("document.body.click()")
    await heard("resized", "escaped", "moved", "ready", "outside")


async def test_an_element_that_has_gone_hears_nothing_from_afar_until_it_is_back(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage(note("ws-resize.window", "resized", tag="i"))
    await page.evaluate("window.away = resized; away.remove(); dispatchEvent(new Event('resize'))")
    await page.evaluate("stage.append(away)")
    await page.evaluate("dispatchEvent(new Event('resize'))")
    await heard("resized")


async def test_only_prevent_prevents_and_a_submit_always_does(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(
        """<a href="#a" ws-click.once="note('went')">a</a><a href="#b" ws-click.prevent="note('stayed')">b</a>
        <form action="/nowhere" ws-submit.throttle.60000="note('sent')"><button>send</button></form>"""
    )
    await page.locator("a").nth(0).click()
    await page.locator("a").nth(1).click()
    for _ in range(2):
        await page.locator("form button").evaluate("e => e.click()")
    assert page.url.endswith("/#a")
    await heard("went", "stayed", "sent")


async def test_passive_lets_the_browser_go_on(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(note("ws-wheel.passive", "scrolled", tag="div") + note("ws-wheel.prevent", "held", tag="div"))
    prevented = """e => { const wheel = new WheelEvent("wheel", { cancelable: true, bubbles: true });
        e.dispatchEvent(wheel); return wheel.defaultPrevented; }"""
    assert await page.locator("#scrolled").evaluate(prevented) is False
    assert await page.locator("#held").evaluate(prevented) is True
    await heard("scrolled", "held")


async def test_once_is_once_in_the_life_of_the_element_whatever_it_says_later(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage('<button id="once" ws-click.once="more">{{ n }}</button><button id="other" ws-click="more">+</button>')
    await page.locator("#once").click()
    await page.evaluate("once.setAttribute('ws-click.once', \"note('again')\")")
    await page.locator("#once").click()
    await page.locator("#other").click()
    await heard(1, 2)


async def test_throttle_is_deaf_for_its_time(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(note("ws-click.throttle.60000", "rare") + note("ws-click.throttle.1", "often"))
    for _ in range(3):
        await page.evaluate("rare.click(), new Promise((done) => setTimeout(() => done(often.click()), 20))")
    await heard("rare", "often", "often", "often")


async def test_debounce_waits_for_a_pause_and_nothing_overtakes_it(page: Page, stage: Stage, heard: Heard) -> None:
    await stage(
        """<input id="field" ws-input.debounce.60000="note">
        <input id="other" ws-input.debounce.60000="note"><button id="go" ws-click="note('go')">go</button>"""
    )
    await page.locator("#field").press_sequentially("abc")
    await page.locator("#other").press_sequentially("xy")
    await page.locator("#go").click()
    await heard("abc", "xy", "go")


async def test_a_debounce_ends_by_itself(page: Page, stage: Stage) -> None:
    await stage('<input id="field" ws-input.debounce.50="note">')
    await page.locator("#field").press_sequentially("abc", delay=0)
    async with asyncio.timeout(10):
        while not notes:  # noqa: ASYNC110  # a plain list tells nobody
            await asyncio.sleep(0.01)
    assert notes == ["abc"]


@pytest.mark.parametrize(
    ("name", "how", "count"),
    [
        ("click.ctrl.shift.prevent.stop", "{ ctrlKey: true, shiftKey: true }", 2),
        ("click.ctrl.shift.prevent.stop", "{ ctrlKey: true }", 0),
        ("click.self.once.capture", "{}", 1),
        ("click.document.capture.once", "{}", 1),
        ("click.outside.window", "{}", 0),
        ("click.alt.throttle.60000", "{ altKey: true }", 1),
        ("click.once.debounce.1", "{}", 1),
    ],
)
async def test_modifiers_go_together(page: Page, stage: Stage, heard: Heard, name: str, how: str, count: int) -> None:
    await stage(note(f"ws-{name}"))
    for _ in range(2):
        await page.evaluate(f"yes.dispatchEvent(new MouseEvent('click', {{ bubbles: true, ...{how} }}))")
    await page.wait_for_timeout(20)
    await heard(*["yes"] * count)


# --- asked before


@pytest.mark.parametrize(
    ("markup", "selector"),
    [
        ("""<button id="it" ws-click="note('yes')" ws-confirm="Sure?">x</button>""", "#it"),
        ("""<form ws-submit="note('yes')" ws-confirm="Sure?"><button id="it">x</button></form>""", "#it"),
        ("""<form ws-submit="note('yes')"><button id="it" ws-confirm="Sure?">x</button></form>""", "#it"),
        ("""<button id="it" ws-click.once="note('yes')" ws-confirm="Sure?">x</button>""", "#it"),
    ],
)
async def test_a_call_goes_only_after_a_yes(page: Page, stage: Stage, heard: Heard, markup: str, selector: str) -> None:
    asked: list[str] = []

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.accept() if len(asked) > 1 else dialog.dismiss())

    page.on("dialog", answer)
    await stage(markup)
    await page.locator(selector).click()
    await page.locator(selector).click()
    await heard("yes")
    assert asked == ["Sure?", "Sure?"]


async def test_a_refused_link_is_not_followed(page: Page, stage: Stage, heard: Heard) -> None:
    page.on("dialog", lambda dialog: dialog.dismiss())
    await stage("""<a href="#gone" ws-click="note('yes')" ws-confirm="Go?">x</a>""")
    await page.locator("a").click()
    assert "#" not in page.url
    await heard()


async def test_no_call_goes_unasked_while_the_features_are_on_their_way(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    notes.clear()

    class Late(Component):
        template = """<div><button id="it" ws-click="drop" ws-confirm="Sure?">x</button></div>"""

        @exposed
        def drop(self) -> None:
            notes.append("dropped")

    arrived = asyncio.Event()

    async def hold(route: Any) -> None:
        await arrived.wait()
        await route.continue_()

    asked: list[str] = []

    async def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", dismiss)
    await page.route("**/features.js", hold)
    app = asok_app(tmp_path, {"/": "{{ component('Late') }}"})
    await page.goto(await serve(app), wait_until="commit")
    await page.wait_for_selector('html[data-alive="live"]', state="attached")
    await page.locator("#it").click()
    arrived.set()
    await page.wait_for_load_state()
    await until(page, "!!alive.call")
    await page.locator("#it").click()
    assert asked == ["Sure?"]
    assert notes == []


# --- without a gesture


async def test_init_is_called_once_for_each_element(page: Page, stage: Stage, heard: Heard) -> None:
    await stage("""<i ws-init="note('here')"></i><div id="box">{{ n }}</div><b id="x" ws-dblclick="more">x</b>
        {% if n %}<i ws-init="note('came {{ n }}')"></i>{% endif %}""")
    await page.locator("#x").dblclick()
    await page.locator("#x").dblclick()
    await heard("here", 1, "came 1", 2)


async def test_visible_is_called_whenever_the_element_comes_into_view(page: Page, serve: Serve, tmp_path: Path) -> None:
    notes.clear()

    class Stage(Component):
        template = """<div><canvas width="1" height="3000"></canvas>
            <p id="seen" ws-visible="note('seen')">x</p><p id="one" ws-visible.once="note('once')">x</p></div>"""

        @exposed(render=False)
        def note(self, what: str) -> None:
            notes.append(what)

    await opened(page, serve, small_app(tmp_path, "{{ component('Stage') }}"))
    assert notes == []
    await page.evaluate("scrollTo(0, 9999)")
    await noted_many(2)
    await page.evaluate("new Promise((done) => (scrollTo(0, 0), setTimeout(done, 100)))")
    await page.evaluate("scrollTo(0, 9999)")
    await noted_many(3)
    assert sorted(notes) == ["once", "seen", "seen"]


async def test_a_poll_rests_while_nobody_looks_and_goes_on_after(page: Page, stage: Stage) -> None:
    await page.clock.install()
    await stage("""<p ws-poll="5s note('poll')">x</p><p ws-poll="2m more">x</p>""")
    await page.clock.run_for(5000)
    await noted("poll")
    await page.evaluate("""Object.defineProperty(document, "hidden", { value: true, configurable: true })""")
    await page.clock.run_for(60_000)
    await page.evaluate("""delete document.hidden""")
    assert notes == ["poll"]
    await page.clock.run_for(5000)
    await noted("poll", "poll")


async def test_a_poll_without_a_call_shows_the_component_anew_and_ends_with_its_element(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    shown: list[int] = []

    class Clock(Component):
        template = """<div><p ws-poll="1s">{{ now }}</p></div>"""

        def load(self) -> None:
            shown.append(1)
            self.now = len(shown)

    await page.clock.install()
    await opened(page, serve, small_app(tmp_path, "{{ component('Clock') }}"))
    before = await page.locator("p").inner_text()
    await page.clock.run_for(1000)
    await expect(page.locator("p")).not_to_have_text(before)
    await until(page, "!document.querySelector('.never')")
    await page.evaluate("document.querySelector('p').remove()")
    count = len(shown)
    await page.clock.run_for(10_000)
    assert len(shown) == count


async def test_what_a_script_takes_out_and_puts_back_polls_and_is_seen_again(page: Page, stage: Stage) -> None:
    await page.clock.install()
    await stage("""<div ws-ignore><p ws-poll="5s note('poll')">x</p><b ws-visible="note('seen')">x</b></div>""")
    await noted("seen")
    await page.evaluate("""new Promise((gone) => {
        window.out = document.querySelectorAll("p, b");
        const away = () => out.forEach((each) => each.remove());
        const look = (entries, all) => (entries.at(-1).isIntersecting ? away() : gone(all.disconnect()));
        new IntersectionObserver(look).observe(out[1]);
    })""")
    await page.clock.run_for(6000)
    await page.evaluate("document.querySelector('[ws-ignore]').append(...out)")
    await noted("seen", "seen")
    await page.clock.run_for(6000)
    await noted("seen", "seen", "poll")


async def test_a_poll_once_a_month_does_not_come_without_a_pause(page: Page, stage: Stage) -> None:
    await page.add_init_script("window.periods = []; window.setInterval = (_, period) => periods.push(period);")
    await stage("""<p ws-poll="43200m note('poll')">x</p>""")
    await until(page, "periods.includes(2 ** 31 - 1)")


@pytest.mark.parametrize("period", ["often", "0s", "-1s", "", "5 s", "1h"])
async def test_a_poll_without_a_period_polls_nothing(page: Page, stage: Stage, heard: Heard, period: str) -> None:
    await stage(f"""<p ws-poll="{period} note('poll')">x</p>""")
    await page.evaluate("new Promise((done) => setTimeout(done, 50))")
    await heard()


async def noted(*wanted: Any) -> None:
    async with asyncio.timeout(10):
        while notes != [*wanted]:  # noqa: ASYNC110  # a plain list tells nobody
            await asyncio.sleep(0.01)


# --- what the method is told


async def test_the_method_is_told_what_set_it_off(page: Page, stage: Stage) -> None:
    await stage(
        """<form><div id="around" data-row="7" ws-click.ctrl="look"><b id="b" data-kind="x">bold</b></div>
        <input name="word" value="hat" ws-keydown.a="look">
        <input type="checkbox" name="box" ws-change.stop="look"></form>
        <i ws-init="look" id="init"></i>"""
    )
    await noted_many(1)
    await page.locator("#b").click(modifiers=["Control"], position={"x": 3, "y": 4})
    await page.locator("[name=word]").press("a")
    await page.locator("[name=box]").check()
    await noted_many(4)
    init, click, key, change = notes
    assert (init.type, init.target.id) == ("init", "init")
    assert (click.type, click.target.id, click.current_target.id) == ("click", "b", "around")
    assert (click.target.dataset["kind"], click.current_target.dataset["row"]) == ("x", "7")
    assert (click.keys, click.target.tag) == ("ctrl", "b")
    assert click.x is not None and click.page_y is not None
    assert (key.type, key.key, key.target.name, key.target.value) == ("keydown", "a", "word", "hat")
    assert dict(key.form)["word"] == "hat"
    assert (change.type, change.target.checked, change.current_target.name) == ("change", True, "box")
    assert len({each.id for each in notes}) == 4


async def noted_many(count: int) -> None:
    async with asyncio.timeout(10):
        while len(notes) < count:  # noqa: ASYNC110  # a plain list tells nobody
            await asyncio.sleep(0.01)


async def test_an_event_of_the_window_tells_what_it_can(page: Page, stage: Stage) -> None:
    await stage("""<i id="ear" ws-resize.window="look"></i>""")
    await page.evaluate("dispatchEvent(new Event('resize'))")
    await noted_many(1)
    assert (notes[0].type, notes[0].current_target.id) == ("resize", "ear")


class ComingAndGoing(Component):
    """Rows that listen far away from themselves, or wait to be seen; each time others."""

    first: int = 0
    template = """<ul>{% for number in range(first, first + 3) %}<li ws-key="{{ number }}" ws-keydown.window.f9="go"
        ws-click.outside="go" ws-visible="go" hidden>{{ number }}</li>{% endfor %}</ul>"""

    @exposed
    def go(self) -> None:
        self.first += 3


WHO_LISTENS = """window.listening = new Set();
for (const [{ prototype }, come, go] of [[EventTarget, 'addEventListener', 'removeEventListener'],
                                         [IntersectionObserver, 'observe', 'unobserve']])
    for (const [name, note] of [[come, 'add'], [go, 'delete']]) {
        const { [name]: real } = prototype;
        prototype[name] = function (...args) {
            const element = args.find((each) => each instanceof Node);
            if (element && !(this instanceof Element)) listening[note](element);
            return real.apply(this, args);
        };
    }
"""


async def test_nothing_listens_for_rows_that_have_gone(page: Page, serve: Serve, tmp_path: Path) -> None:
    await opened(page, serve, small_app(tmp_path, "{{ component('ComingAndGoing') }}", first=WHO_LISTENS))
    before = await page.evaluate("listening.size")
    assert before == 9  # two attributes and an observed element in each row
    for number in (3, 6, 9):
        await page.evaluate("alive.call(document.querySelector('li'), 'go')")
        await expect(page.locator("li").first).to_have_text(str(number), use_inner_text=False)
        assert await page.evaluate("listening.size") == before


async def test_what_is_dragged_can_be_dropped_on_an_element_with_ws_drop_and_nowhere_else(
    page: Page, stage: Stage, heard: Heard
) -> None:
    await stage("""<p draggable="true" ws-dragstart="note('start')">drag</p><h1>nowhere</h1>
        <section ws-drop="note('in')"><h2>in</h2></section><h3 ws-drop.shift="note('held')">held</h3>""")
    for target in ("h1", "h3", "h2"):
        await page.hover("p")
        await page.mouse.down()
        place = await page.locator(target).bounding_box()
        assert place
        await page.mouse.move(place["x"] + 5, place["y"] + 5, steps=5)
        await page.mouse.up()
    await heard("start", "start", "start", "in")
