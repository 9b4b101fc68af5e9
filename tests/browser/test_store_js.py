"""`alive.store`, `alive.appState`, regions and clicks that write, in a real browser against a scripted server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.alive_rig import ONE, Line, Rig, root, token
from tests.browser.small import while_time_passes

Open = Callable[..., Awaitable[Line]]
MODULE = '<script type="module" src="/live/build/store.js"></script>'
FOLLOW_ALL = '() => void alive.store("votes").subscribe("", () => {})'


@pytest.fixture
def open_page(page: Page, server: Rig) -> Open:
    """`await open_page(body, script)` shows a page with the module, runs the script and gives the connection."""

    async def open_(body: str = "", script: str = FOLLOW_ALL) -> Line:
        server.body = MODULE + body
        await page.goto(server.url)
        await page.evaluate(script)
        line = await server.line()
        await expect(page.locator("html")).to_have_attribute("data-alive", "live")
        return line

    return open_


async def heard(page: Page) -> Any:
    return await page.evaluate("() => window.heard")


async def changed(line: Line, *changes: list[Any], store: str = "votes", version: int = 1, origin: str = "py") -> None:
    await line.say("store", "changed", store, version, list(changes), origin)


async def until(page: Page, condition: str) -> None:
    await page.wait_for_function(f"() => {condition}")


# --- regions and clicks


def region(key: str, text: str = "?") -> str:
    return f'<span data-asok-react="{key}">{text}</span>'


async def test_a_page_that_wants_nothing_opens_no_connection(page: Page, server: Rig) -> None:
    server.body = MODULE + "<p>still</p>"
    await page.goto(server.url)
    assert await page.evaluate("() => typeof alive.store('votes').get") == "function"
    assert (server.untaken, await page.get_attribute("html", "data-alive")) == (0, None)


async def test_the_server_hears_which_regions_the_page_shows_and_when_they_change(
    page: Page, open_page: Open, server: Rig
) -> None:
    inside = region("votes/b.MAC") + region("votes/a.MAC") + region("votes/b.MAC")
    line = await open_page(root(inside), "() => {}")
    assert await line.message("react") == ["react", ["votes/a.MAC", "votes/b.MAC"]]
    await line.update(0, f"<div>{region('votes/b.MAC')}</div>")
    assert await line.message("react") == ["react", ["votes/b.MAC"]]
    await line.update(0, f"<div>{region('votes/b.MAC')}<i>no news</i></div>")
    await line.update(0, "<div></div>")
    assert await line.message("react") == ["react", []]
    await line.close(1012)
    line = await server.line()
    await line.update(0, f"<div>{region('votes/c.MAC')}</div>")
    assert await line.message("react") == ["react", ["votes/c.MAC"]]
    await line.close(1012)
    line = await server.line()
    assert await line.message("react") == ["react", ["votes/c.MAC"]]


async def test_a_regions_text_is_text_and_an_older_rendering_does_not_undo_it(page: Page, open_page: Open) -> None:
    line = await open_page(region("votes/a.MAC") + root(region("votes/a.MAC")), "() => {}")
    await line.say("store", "text", "votes/a.MAC", "<b>&amp;</b>")
    for place in (0, 1):
        await expect(page.locator("span").nth(place)).to_have_text("<b>&amp;</b>")
    await line.update(0, f"<div><p>new</p>{region('votes/a.MAC', 'old')}</div>")
    await expect(page.locator("p")).to_have_text("new")
    await expect(page.locator("span").nth(1)).to_have_text("<b>&amp;</b>")


@pytest.mark.parametrize("lost", [False, True])
async def test_a_region_that_comes_back_shows_what_it_was_rendered_with(
    page: Page, open_page: Open, server: Rig, lost: bool
) -> None:
    line = await open_page(root(region("votes/a.MAC")), "() => {}")
    await line.say("store", "text", "votes/a.MAC", "2")
    await expect(page.locator("span")).to_have_text("2")
    if lost:
        await line.close(1012)
        line = await server.line()
        await line.message("react")
    else:
        await line.update(0, "<div></div>")
    await line.update(0, f"<div>{region('votes/a.MAC', '3')}<p></p></div>")
    await expect(page.locator("p")).to_be_attached()
    await expect(page.locator("span")).to_have_text("3")


async def test_a_message_that_comes_before_anybody_asked_loads_the_module(page: Page, server: Rig) -> None:
    server.body = root(region('votes/a"].MAC'.replace('"', "&quot;")))
    await page.goto(server.url)
    line = await server.line()
    await changed(line, ["", {"counter": 1}])
    await line.say("store", "written", 1, 1)
    await line.say("store", "from_the_future", 1)
    await line.say("store", "text", 'votes/a"].MAC', "5")
    await expect(page.locator("span")).to_have_text("5")
    assert await line.message("react") == ["react", ['votes/a"].MAC']]


@pytest.mark.parametrize("button", ["<button {}><b>down</b></button>", "<input type=image alt=down {}>"])
async def test_a_click_writes_what_the_attribute_says_as_it_is_written(
    page: Page, open_page: Open, server: Rig, button: str
) -> None:
    write = '["update","votes","counter",-1.0,"MAC"]'
    what = button.format(f"data-asok-do='{write}'")
    line = await open_page(f"<form action='/elsewhere'>{what}</form>")
    await line.message("follow")
    await page.click("b,input")
    assert await line.frame("write") == '["write",1,"update","votes","counter",-1.0,"MAC"]'
    await page.press("button,input", "Enter")
    assert (await line.message("write"))[1] == 2
    assert page.url == server.url


# --- writes


async def test_writes_are_kept_until_they_are_settled_and_go_again_in_order(
    page: Page, open_page: Open, server: Rig
) -> None:
    line = await open_page(
        script="""() => {
            window.votes = alive.store("votes");
            window.done = [votes.set("a", {x: [1]}), votes.update("n", 2, "MAC")];
            done.push(votes.append("l", 3), votes.remove("d"));
        }"""
    )
    expected = [
        ["write", 1, "set", "votes", "a", {"x": [1]}, ""],
        ["write", 2, "update", "votes", "n", 2, "MAC"],
        ["write", 3, "append", "votes", "l", 3, ""],
        ["write", 4, "delete", "votes", "d", None, ""],
    ]
    assert [await line.message("write") for _ in expected] == expected
    await line.say("store", "written", 1, 7)
    assert await page.evaluate("() => done[0]") == 7
    await line.close(1012)
    line = await server.line()
    await page.evaluate("() => { votes.set('e', null); }")
    assert [await line.message("write") for _ in expected] == [
        *expected[1:],
        ["write", 5, "set", "votes", "e", None, ""],
    ]
    await line.say("store", "written", 2, 8)
    await line.say("store", "written", 2, 8)
    await line.say("store", "refused", 3, "not_a_list", "it is no list")
    assert await page.evaluate("() => done[2].catch(error => [error.code, error.message])") == [
        "not_a_list",
        "it is no list",
    ]


async def test_a_refusal_is_told_to_the_page_even_if_nobody_waits(page: Page, open_page: Open) -> None:
    line = await open_page(
        script="""() => {
            window.heard = [];
            document.addEventListener("alive:error", event => heard.push(event.detail));
            alive.store("votes").set("a", 1);
        }"""
    )
    await line.message("write")
    await line.say("store", "refused", 1, "denied", "")
    await until(page, "heard.length")
    assert await heard(page) == [{"code": "denied", "text": ""}]


async def test_what_ended_a_connection_is_not_sent_over_the_next(page: Page, open_page: Open, server: Rig) -> None:
    await page.clock.install()
    line = await open_page(script="() => { window.first = alive.store('votes').set('a', 1); }")
    await line.message("write")
    await line.close(4400)
    assert await page.evaluate("() => first.catch(error => error.code)") == "failed"
    await page.evaluate("() => { alive.store('votes').set('a', 2); }")
    line = await while_time_passes(page, server.line())
    assert await line.message("write") == ["write", 2, "set", "votes", "a", 2, ""]


async def test_a_reload_is_another_tab(page: Page, open_page: Open) -> None:
    tabs = set()
    for _ in range(2):
        line = await open_page(script="() => void alive.store('votes').set('a', 1)")
        tabs.add((await line.message("join"))[3])
        assert (await line.message("write"))[1] == 1
    assert len(tabs) == 2


BAD = [
    ("undefined", "undefined"),
    ("() => {}", "=>"),
    ("NaN", "NaN"),
    ("'half \\ud800'", "expected JSON"),
    ("-Infinity", "Infinity"),
    ("2 ** 53", "9007199254740992"),
    ("[{a: [undefined]}]", "undefined"),
    ("10n", "10"),
    ('JSON.parse(`{"__proto__": 1}`)', "__proto__"),
    ('{a: {["constructor"]: 1}}', "constructor"),
    ("{__class__: 1}", "__class__"),
]


@pytest.mark.parametrize(("value", "named"), BAD)
async def test_what_cannot_be_stored_is_refused_at_the_call(
    page: Page, open_page: Open, value: str, named: str
) -> None:
    line = await open_page()
    await line.message("follow")
    for call in (f"alive.store('votes').set('a', {value})", f"alive.appState.setState('a', 'b', {value})"):
        text = await page.evaluate(f"() => {{ try {{ {call} }} catch (error) {{ return error.message }} }}")
        assert named in text
    await page.evaluate("() => { alive.store('votes').set('a', [2 ** 53 - 1, 0.5, -1e-7, null, true, {}, []]); }")
    assert (await line.message("write"))[1:] == [
        1, "set", "votes", "a", [2**53 - 1, 0.5, -1e-7, None, True, {}, []], "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ("'x'.repeat(60000)", "'x'.repeat(70000)"),
        ("'я'.repeat(32000)", "'я'.repeat(40000)"),
        ("['\\\\\"[', ...Array(9980).fill(0)]", "Array(10001).fill(0)"),
        ("JSON.parse('['.repeat(30) + ']'.repeat(30))", "JSON.parse('['.repeat(32) + ']'.repeat(32))"),
    ],
)
async def test_a_write_that_is_too_much_for_a_message_is_refused_at_the_call(
    page: Page, open_page: Open, most: str, more: str
) -> None:
    line = await open_page()
    text = await page.evaluate(
        f"() => {{ try {{ alive.store('votes').set('a', {more}) }} catch (error) {{ return error.message }} }}"
    )
    assert "65536" in text
    await page.evaluate(f"() => {{ alive.store('votes').set('a', {most}); }}")
    await line.message("follow")
    assert (await line.message("write"))[1] == 1


@pytest.mark.parametrize("call", [
    "alive.store('votes').set('a/__proto__', 1)",
    "alive.store('constructor')",
    "alive.store('votes').subscribe('prototype/x', () => {})",
    "alive.appState.setState('__proto__', 'a', 1)",
    "alive.appState.setState('a', 'constructor', 1)",
    "alive.appState.removeState('a', '__proto__')",
    "alive.appState.setState('a/b', 'c', 1)",
    "alive.appState.setState('a', 'half \\ud800', 1)",
    "alive.store('votes').subscribe('half \\ud800', () => {})",
])  # fmt: skip
async def test_t25_names_that_would_pollute_or_cannot_be_sent_are_refused_by_name(
    page: Page, open_page: Open, call: str
) -> None:
    await open_page()
    text = await page.evaluate(f"() => {{ try {{ {call} }} catch (error) {{ return error.message }} }}")
    assert "cannot be a name" in text
    assert any(name in text for name in ("__proto__", "constructor", "prototype", "a/b", "half"))


async def test_names_are_text(page: Page, open_page: Open) -> None:
    await open_page()
    for call in (
        "setState(1, 'a', 1)",
        "setState('a', null, 1)",
        "removeState('a')",
        "registerForStateUpdates('e', [1])",
    ):
        code = f"() => {{ try {{ alive.appState.{call} }} catch (error) {{ return error instanceof TypeError }} }}"
        assert await page.evaluate(code) is True


# --- following


async def test_get_waits_for_the_server_and_leaves_nothing_behind(page: Page, open_page: Open) -> None:
    line = await open_page(script="() => { window.got = alive.store('votes').get('a/1'); }")
    assert await line.message("follow") == ["follow", "votes", "a/1", 0]
    await changed(line, ["a/1", {"x": 1}], version=3, origin="")
    assert await page.evaluate("() => got") == {"x": 1}
    assert await line.message("unfollow") == ["unfollow", "votes", "a/1"]
    await page.evaluate("() => { window.got = alive.store('votes').get('gone'); }")
    assert await line.message("follow") == ["follow", "votes", "gone", 0]
    await changed(line, ["gone"], origin="")
    assert await page.evaluate("() => got") is None


async def test_a_follow_that_is_refused_is_an_error_with_its_code(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page(script="() => { window.got = alive.store('votes').get('secret').catch(e => e.code); }")
    await line.message("follow")
    await line.say("store", "unfollowed", "votes", "secret", "denied", "")
    assert await page.evaluate("() => got") == "denied"
    await page.evaluate("() => { alive.store('votes').get('other'); }")
    await line.message("follow")
    await line.close(1012)
    line = await server.line()
    assert await line.message("follow") == ["follow", "votes", "other", 0]


SUBSCRIBE = """() => {
    window.heard = [];
    const votes = alive.store("votes");
    window.end = votes.subscribe(["todo", "n"], (value, change) => heard.push([value, change]));
}"""


async def test_a_subscriber_hears_the_present_value_and_changes_above_and_below(page: Page, open_page: Open) -> None:
    line = await open_page(script=SUBSCRIBE)
    assert {(await line.message("follow"))[2] for _ in range(2)} == {"todo", "n"}
    await changed(line, ["todo", [{"done": False}]], version=2, origin="")
    await changed(line, ["n", 1], version=2, origin="")
    await changed(line, ["todo/0/done", True], version=3, origin="js")
    await changed(line, ["other", 5], version=4)
    await changed(line, ["", {"n": 2, "todo": [{"done": True}]}], version=5)
    await changed(line, ["n"], ["todo/1", "second"], version=6)
    await until(page, "heard.length === 6")

    def told(value: Any, path: str, version: int, origin: str) -> list[Any]:
        change = {"store": "votes", "path": path, "version": version, "removed": value is None, "origin": origin}
        return [value, change]

    assert await heard(page) == [
        told([{"done": False}], "todo", 2, ""),
        told(1, "n", 2, ""),
        told([{"done": True}], "todo", 3, "js"),
        told(2, "n", 5, "py"),
        told([{"done": True}, "second"], "todo", 6, "py"),
        told(None, "n", 6, "py"),
    ]
    assert await page.evaluate("() => Array.isArray(heard[4][0])")


async def test_after_a_reconnection_only_news_are_told_and_the_version_goes_along(
    page: Page, open_page: Open, server: Rig
) -> None:
    line = await open_page(script=SUBSCRIBE)
    await changed(line, ["todo", [1]], ["n", 1], version=9, origin="")
    await until(page, "heard.length === 2")
    await line.close(1012)
    line = await server.line()
    assert [await line.message("follow") for _ in range(2)] == [
        ["follow", "votes", "todo", 9],
        ["follow", "votes", "n", 9],
    ]
    await changed(line, ["todo", [1]], version=10, origin="")
    await changed(line, ["n", 2], version=10, origin="")
    await until(page, "heard.length === 3")
    assert (await heard(page))[2][0] == 2
    await page.evaluate("() => { end(); end(); }")
    assert {(await line.message("unfollow"))[2] for _ in range(2)} == {"todo", "n"}
    await line.close(1012)
    line = await server.line()
    await page.evaluate("() => { alive.store('x').get('y'); }")
    assert await line.message("follow") == ["follow", "x", "y", 0]


async def test_a_subscriber_that_throws_is_reported_and_others_still_hear(page: Page, open_page: Open) -> None:
    line = await open_page(
        script="""() => {
            window.heard = [];
            const votes = alive.store("votes");
            votes.subscribe("n", () => { throw new Error("mine"); });
            votes.subscribe("n", value => heard.push(value));
        }"""
    )
    async with page.expect_console_message(lambda message: message.type == "error" and "mine" in message.text):
        await changed(line, ["n", 1], origin="")
    await until(page, "heard.length === 1")
    await page.evaluate("() => new Promise(told => alive.store('votes').subscribe('n', told))")


async def test_what_is_handed_out_cannot_be_changed(page: Page, open_page: Open) -> None:
    line = await open_page(script=SUBSCRIBE)
    await changed(line, ["todo", [{"a": [1]}]], origin="")
    await until(page, "heard.length === 1")
    tries = ["heard[0][0].push(1)", "heard[0][0][0].a = 2", "heard[0][0][0].a.push(2)", "delete heard[0][0][0].a"]
    for attempt in tries:
        code = f"() => {{ 'use strict'; try {{ {attempt} }} catch (error) {{ return error instanceof TypeError }} }}"
        assert await page.evaluate(code) is True
    await changed(line, ["todo/0/b", 1])
    await until(page, "heard.length === 2")
    assert await page.evaluate("() => [heard[1][0], heard[1][0][0]].every(Object.isFrozen)")
    given = """() => {
        const value = {a: [1]};
        alive.appState.setState("n", "k", value);
        value.a.push(2);
        return alive.appState.getState("n", "k");
    }"""
    assert await page.evaluate(given) == {"a": [1]}


async def test_t25_the_servers_messages_cannot_pollute_either(page: Page, open_page: Open) -> None:
    line = await open_page(script=SUBSCRIBE)
    await changed(line, ["todo", {}], origin="")
    await changed(line, ["todo/__proto__/polluted", 1])
    await changed(line, ["todo/constructor/polluted", 1])
    await changed(line, ["todo/ok", 1])
    await until(page, "heard.length === 2")
    assert await page.evaluate("() => [{}.polluted, Object.polluted, heard[1][0].polluted]") == [None, None, None]
    assert await page.evaluate("() => alive.store('votes').get('todo/toString') && 1") == 1


# --- the state of the session

LISTEN = """() => {
    window.heard = [];
    const { appState } = alive;
    for (const name of ["js", "py"]) {
        document.addEventListener(name, ({ detail }) => heard.push(["document", name, detail]));
        window.addEventListener(name, ({ detail }) => heard.push(["window", name, detail]));
    }
    appState.registerForStateUpdates("js", ["ui"], true, false);
    window.end = appState.registerForStateUpdates("py", "ui", false, true);
}"""


def both(name: str, key: str, value: Any, *, removed: bool = False) -> list[Any]:
    detail = {"namespace": "ui", "key": key, "value": value, "removed": removed}
    return [["document", name, detail], ["window", name, detail]]


async def test_setting_shows_at_once_and_is_told_once_and_its_echo_is_no_news(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    assert await line.message("follow") == ["follow", "~", "", 0]
    await changed(line, ["", {"ui": {"old": 1}}], store="~", origin="")
    await page.evaluate("() => alive.appState.ready")
    expected = both("py", "old", 1)
    assert await heard(page) == expected
    assert await page.evaluate(
        "() => { alive.appState.setState('ui', 'a', [1]); return alive.appState.getState('ui', 'a'); }"
    ) == [1]
    assert await line.message("write") == ["write", 1, "set", "~ui", "a", [1], ""]
    expected += both("js", "a", [1])
    assert await heard(page) == expected
    await changed(line, ["ui/a", [1]], store="~", version=2, origin="js")
    await line.say("store", "written", 1, 2)
    await changed(line, ["ui/b", 2], ["other/c", 3], store="~", version=3, origin="js")
    await changed(line, ["ui/b", 3], store="~", version=4, origin="py")
    await changed(line, ["ui/b"], store="~", version=5, origin="py")
    expected += both("js", "b", 2) + both("py", "b", 3) + both("py", "b", None, removed=True)
    await until(page, f"heard.length === {len(expected)}")
    assert await heard(page) == expected
    assert await page.evaluate("() => [alive.appState.getState('other', 'c'), alive.appState.getState('ui', 'x')]") == [
        3,
        None,
    ]


async def test_a_quick_second_write_is_not_undone_by_the_answer_to_the_first(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    await changed(line, ["", {}], store="~", origin="")
    await page.evaluate("() => { for (const n of [1, 2]) alive.appState.setState('ui', 'a', n); }")
    await line.say("store", "written", 1, 1)
    await changed(line, ["ui/a", 1], store="~", version=1, origin="js")
    await line.say("store", "written", 2, 2)
    await changed(line, ["ui/a", 2], store="~", version=2, origin="js")
    await changed(line, ["ui/a", 3], store="~", version=3, origin="js")
    await until(page, "heard.length === 6")
    assert await heard(page) == both("js", "a", 1) + both("js", "a", 2) + both("js", "a", 3)


async def test_to_set_what_is_set_already_is_told_too(page: Page, open_page: Open) -> None:
    await open_page(script=LISTEN)
    await page.evaluate("() => { for (const n of [1, 1]) alive.appState.setState('ui', 'a', n); }")
    assert await heard(page) == both("js", "a", 1) + both("js", "a", 1)


async def test_a_later_change_that_was_told_before_the_answer_stays(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    await changed(line, ["", {}], store="~", origin="")
    await page.evaluate("() => alive.appState.setState('ui', 'a', 1)")
    await line.message("follow")
    await line.message("write")
    await changed(line, ["ui/a", "theirs"], store="~", version=3, origin="js")
    await line.say("store", "written", 1, 2)
    await until(page, "alive.appState.getState('ui', 'a') === 'theirs'")


async def test_removal_is_announced_and_of_what_is_not_there_nothing_happens(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    await line.message("follow")
    await changed(line, ["", {"ui": {"a": None, "b": 1}}], store="~", origin="")
    await page.evaluate("() => alive.appState.ready.then(() => { heard.length = 0; })")
    await page.evaluate("() => { for (const key of ['x', 'b', 'b']) alive.appState.removeState('ui', key); }")
    assert await line.message("write") == ["write", 1, "delete", "~ui", "b", None, ""]
    assert await heard(page) == both("js", "b", None, removed=True)
    await page.evaluate("() => { alive.appState.setState('ui', 'last', 1); }")
    assert (await line.message("write"))[1:6] == [2, "set", "~ui", "last", 1]


async def test_a_refused_value_goes_back_to_the_servers(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    await changed(line, ["", {"ui": {"a": "theirs"}}], store="~", origin="")
    await page.evaluate(
        """() => alive.appState.ready.then(() => {
            heard.length = 0;
            document.addEventListener("alive:error", ({ detail }) => heard.push(detail));
            alive.appState.setState("ui", "a", "mine");
        })"""
    )
    await line.say("store", "refused", 1, "denied", "")
    await until(page, "heard.length === 5")
    assert await heard(page) == [*both("js", "a", "mine"), *both("py", "a", "theirs"), {"code": "denied", "text": ""}]


async def test_after_unregistering_nothing_is_heard(page: Page, open_page: Open) -> None:
    line = await open_page(script=LISTEN)
    await page.evaluate("() => { end(); }")
    await changed(line, ["", {"ui": {"a": 1}}], store="~", origin="")
    await page.evaluate("() => alive.appState.ready")
    await page.evaluate("() => alive.appState.setState('ui', 'a', 2)")
    assert await heard(page) == both("js", "a", 2)


async def test_a_reconnection_tells_only_what_is_new_of_all_namespaces(
    page: Page, open_page: Open, server: Rig
) -> None:
    line = await open_page(script=LISTEN)
    await changed(line, ["", {"ui": {"a": 1}}], store="~", version=4, origin="")
    await changed(line, ["", {"shared": 1}], store="~board", version=9, origin="")
    await until(page, "alive.appState.getState('board', 'shared') === 1")
    await page.evaluate(
        "() => { alive.appState.registerForStateUpdates('py', ['board'], true, true); heard.length = 0; }"
    )
    await line.close(1012)
    line = await server.line()
    assert await line.message("follow") == ["follow", "~", "", 0]
    await changed(line, ["", {"ui": {"b": 2}}], store="~", version=6, origin="")
    await changed(line, ["", {"shared": 1}], store="~board", version=9, origin="")
    await changed(line, ["ui/end", 0], store="~", version=7)
    await until(page, "heard.length === 6")
    assert await heard(page) == both("py", "a", None, removed=True) + both("py", "b", 2) + both("py", "end", 0)
    assert await page.evaluate("() => alive.appState.getState('board', 'shared')") == 1


async def settle(line: Line, first: int, last: int, *, before_follow: int = 32) -> None:
    """Expect and settle these writes; so many go when the connection opens, and then what is followed."""
    for n in range(first, last + 1):
        assert (await line.message("write"))[1:6] == [n, "set", "~ui", "n", n]
        await line.say("store", "written", n, n)
        if n - first + 1 == before_follow:
            assert await line.message("follow") == ["follow", "~", "", 0]


async def test_a_thousand_quick_writes_all_go_in_order(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page(script="() => { for (let n = 1; n <= 1000; n++) alive.appState.setState('ui', 'n', n); }")
    await settle(line, 1, 499)
    await line.close(1012)
    line = await server.line()
    first = (await line.message("write"))[1]
    assert 450 < first <= 500
    await line.say("store", "written", first, first)
    await settle(line, first + 1, 1000, before_follow=31)
    assert await page.evaluate("() => alive.appState.getState('ui', 'n')") == 1000


# --- components that listen, and what a module adds


async def test_a_component_that_listens_joins_without_an_event(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page(root("x", attributes='data-live="0"') + root("y", "component002"), "() => {}")
    assert (await line.message("join"))[4] == [[token(), 0, 0]]
    await line.update(0, "<div>pushed</div>", [], [])
    await expect(page.locator("div").first).to_have_text("pushed")
    await line.update(0, '<p data-live="0">child</p>', token("component003"), instance="component003")
    assert (await line.message("join"))[4] == [[token("component003"), 0, 1]]
    await line.close(1012)
    line = await server.line()
    assert sorted((await line.message("join"))[4])[0][0] == token()


async def test_a_component_that_listens_joins_again_after_a_reset(page: Page, open_page: Open, server: Rig) -> None:
    line = await open_page(root("<p>old</p>", attributes='data-live="0"'), "() => {}")
    assert (await line.message("join"))[4] == [[token(), 0, 0]]
    server.body = MODULE + root("<p>new</p>", "component009", attributes='data-live="0"')
    await line.say("reset", ONE)
    assert (await line.message("join"))[4] == [[token("component009"), 0, 0]]
    await expect(page.locator("p")).to_have_text("new")
