"""Stores as a page has them: regions, clicks that write, and what its scripts would do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok import Asok, Settings, Store
from asok.access import Rules
from asok.errors import AsokError, PathError
from asok.testing import Heard, LiveClient, Page, Refused
from asok.testing_stores import GONE, at, put
from asok.trees import Write, apply, freeze, parse_path
from tests.unit.scripted import COUNTER, A, Message, Opened, Script, document, root

basket = Store(
    {"count": 1, "things": [], "secret": "s"},
    name="test_testing_stores",
    readable=["count", "things"],
    writable={"things": list[str], "things/*": str | None, "count": int},
)
NAME = basket.name
BODY = """{{ basket.react("count") }}
<button class="more" {{ basket.do.update("count", 2) }}><b>more</b></button>
<form action="/elsewhere"><button class="less" {{ basket.do.update("count", -1) }}>less</button></form>
<button class="forged" data-asok-do='["set","test_testing_stores","count",99,"forged"]'>99</button>"""


async def sell(request: Request) -> PlainTextResponse:
    await basket.set("count", 0)
    return PlainTextResponse("sold")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveClient]:
    env = Environment(
        loader=DictLoader(
            {
                "basket.html": "<html><head>{{ alive() }}</head><body>" + BODY,
                "deaf.html": "<html><head>{{ alive(stores=False) }}</head><body>" + BODY,
            }
        )
    )
    env.globals["basket"] = basket
    settings = Settings(root=tmp_path, debug=True, keys=("k" * 40,), database=":memory:")
    app = Asok(root=tmp_path, settings=settings, env=env)
    app.page("/", "basket.html")
    app.page("/deaf", "deaf.html")
    app.add_route("/sell", sell, methods=["POST"])
    async with LiveClient(app) as live:
        yield live


@pytest.fixture
async def tab(live: LiveClient) -> Page:
    return await live.open("/")


async def test_a_click_writes_and_its_own_page_shows_it_at_once(live: LiveClient, tab: Page) -> None:
    theirs = await live.another().open("/")
    await tab.click("b")
    assert tab.text("span") == "3"
    await theirs.shows("span", "3")


async def test_a_button_that_writes_does_not_send_its_form(tab: Page) -> None:
    await tab.click(".less")
    assert tab.text("span") == "0"
    assert tab.url == "http://localhost/"


async def test_a_click_with_a_forged_grant_is_refused(tab: Page) -> None:
    with pytest.raises(Refused, match=r"denied: .*the grant is not for this write and session"):
        await tab.click(".forged")
    assert tab.text("span") == "1"


async def test_a_click_on_a_page_without_the_module_says_what_it_needs(live: LiveClient) -> None:
    page = await live.open("/deaf")
    with pytest.raises(AsokError, match=r"needs the module of the stores; write \{\{ alive\(stores=True\) \}\}"):
        await page.click(".more")


async def test_what_a_route_writes_is_shown(live: LiveClient, tab: Page) -> None:
    await live.http.post("/sell", headers={"Origin": "http://localhost"})
    await tab.shows("span", "0")


async def test_a_script_reads_and_writes_what_the_store_opens(live: LiveClient, tab: Page) -> None:
    store = live.store(NAME)
    assert await store.get() == {"count": 1, "things": []}
    version = await store.append("things", "bread")
    assert await store.update("count", 5) == version + 1
    await store.set("things", ["eggs", "milk"])
    await store.remove("things/0")
    assert await store.get() == {"count": 6, "things": ["milk"]}
    assert await store.get("things/7") is None


async def test_a_script_is_refused_what_the_store_keeps_shut(live: LiveClient, tab: Page) -> None:
    store = live.store(NAME)
    for refused, code in (
        (store.get("secret"), "denied"),
        (store.set("secret", "x"), "denied"),
        (store.set("count", "many"), "bad_value"),
        (store.append("count", 1), "not_a_list"),
        (store.get("__proto__"), "bad_path"),
        (live.store("nowhere").get(), "unknown_store"),
        (live.store("nowhere").set("a", 1), "unknown_store"),
    ):
        with pytest.raises(Refused, match=f"^{code}"):
            await refused


async def test_two_browsers_hear_of_each_others_writes(live: LiveClient, tab: Page) -> None:
    heard: list[tuple[Any, str]] = []
    end = await live.store(NAME).subscribe(["things", "count"], lambda value, news: heard.append((value, news.origin)))
    theirs = live.another()
    await (await theirs.open("/")).store(NAME).append("things", "milk")
    await tab.until(lambda: len(heard) == 3)
    await basket.set("count", 7)
    await tab.until(lambda: len(heard) == 4)
    assert heard == [([], ""), (1, ""), (["milk"], "js"), (7, "py")]
    end()
    await theirs.store(NAME).append("things", "eggs")
    await tab.settled()
    assert len(heard) == 4


async def test_a_listener_is_told_what_it_hears_of(tab: Page) -> None:
    heard: list[Heard] = []
    await tab.store(NAME).subscribe("things/0", lambda value, news: heard.append(news))
    version = await tab.store(NAME).append("things", "milk")
    assert await tab.store(NAME).remove("things/0") == version + 1
    await tab.until(lambda: len(heard) == 3)
    assert heard == [
        Heard(NAME, "things/0", version - 1, True, ""),
        Heard(NAME, "things/0", version, False, "js"),
        Heard(NAME, "things/0", version + 1, True, "js"),
    ]


async def test_the_state_of_the_session_is_a_store_too(live: LiveClient, tab: Page) -> None:
    await tab.store("~cart").set("items", 3)
    for store, path in (("~", "cart/items"), ("~cart", "items")):
        assert await (await live.open("/")).store(store).get(path) == 3
    assert await (await live.another().open("/")).store("~").get("cart/items") is None


async def test_what_a_test_was_given_is_its_own(tab: Page) -> None:
    given: list[Any] = []
    await tab.store(NAME).subscribe("things", lambda value, news: given.append(value))
    given[0].append("only here")
    assert await tab.store(NAME).get("things") == []


async def test_after_a_lost_connection_a_page_shows_and_hears_the_newest(tab: Page) -> None:
    heard: list[Any] = []
    await tab.store(NAME).subscribe("count", lambda value, news: heard.append(value))
    await tab.disconnect()
    await basket.set("count", 5)
    await tab.reconnect()
    await tab.shows("span", "5")
    await tab.until(lambda: heard == [1, 5])


async def test_without_a_page_there_is_nobody_who_could_read(live: LiveClient) -> None:
    with pytest.raises(RuntimeError, match="no page is open"):
        live.store(NAME)


# --- against a script


MODULE = '<script type="module" src="/live/x/store.js"></script>'
REGION = "<p data-asok-react='votes/a.MAC'>1</p>"


async def test_a_page_with_a_region_connects_and_tells_of_it(opened: Opened) -> None:
    page, script = await opened(MODULE + REGION)
    await page.settled()
    assert script.got[:2] == [["join", 1, "csrf-1", script.got[0][3], []], ["react", ["votes/a.MAC"]]]
    assert script.push is not None
    await script.push(["store", "text", "votes/a.MAC", "<b>2</b>"])
    await page.shows("p", "<b>2</b>")


async def test_a_region_in_a_component_keeps_its_newest_text_and_the_app_hears_when_it_goes(opened: Opened) -> None:
    texts = iter([f"<div>{REGION}<button ws-click='up'>+</button></div>", "<div></div>"])

    def answer(message: Message) -> list[Message]:
        if message[0] == "react" and message[1]:
            return [["store", "text", "votes/a.MAC", "2"]]
        return [["update", A, message[2], next(texts)]] if message[0] == "event" else []

    page, script = await opened(MODULE + root(A, "<button ws-click='up'>+</button>") + REGION, answer)
    await page.shows("p", "2")
    await page.click("button")
    assert page.all("p") == ["2", "2"]
    await page.click("button")
    assert page.all("p") == ["2"]
    assert [message[1] for message in script.got if message[0] == "react"] == [["votes/a.MAC"]]


async def test_the_app_hears_which_regions_there_are_only_when_they_change(opened: Opened) -> None:
    texts = iter(["<div><b ws-click='up'>same</b></div>", f"<div><b ws-click='up'>+</b>{REGION}</div>", "<div></div>"])

    def answer(message: Message) -> list[Message]:
        return [["update", A, message[2], next(texts)]] if message[0] == "event" else []

    page, script = await opened(MODULE + root(A, "<b ws-click='up'>+</b>"), answer)
    for _ in range(3):
        await page.click("b")
    await page.settled()
    assert [message[1] for message in script.got if message[0] == "react"] == [["votes/a.MAC"], []]


async def test_a_page_with_a_region_alone_is_there_again_when_its_session_has_ended(opened: Opened) -> None:
    joins: list[Message] = []

    def answer(message: Message) -> list[Message] | int:
        if message[0] == "join":
            joins.append(message)
            return 4401 if len(joins) == 1 else []
        return [["store", "text", "votes/a.MAC", "2"]] if message[0] == "react" else []

    page, _ = await opened(MODULE + REGION, answer)
    await page.shows("p", "2")


async def test_writes_at_once_wait_for_the_connection(opened: Opened) -> None:
    page, script = await opened(MODULE, written)
    await asyncio.gather(*(page.store("votes").set("a", number) for number in range(40)))
    assert [message[0] for message in script.got] == ["join", *["write"] * 40]
    assert [message[1] for message in script.got[1:]] == list(range(1, 41))


async def test_what_is_told_of_another_path_is_no_answer(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        if message[0] != "follow":
            return []
        return [["store", "changed", "votes", 3, [["b", 0]], "js"], ["store", "changed", "votes", 3, [["a", 1]], ""]]

    page, _ = await opened(MODULE, answer)
    assert await page.store("votes").get("a") == 1


async def test_a_page_that_wants_nothing_does_not_connect(opened: Opened) -> None:
    _, script = await opened(MODULE + COUNTER)
    assert script.handshakes == []


async def test_a_write_is_sent_again_in_its_order_until_it_is_answered(opened: Opened) -> None:
    seen: list[Message] = []

    def answer(message: Message) -> list[Message] | int:
        if message[0] != "write":
            return []
        seen.append(message)
        return 1012 if len(seen) == 1 else [["store", "written", message[1], 7]]

    page, script = await opened(MODULE, answer)
    assert await page.store("votes").set("a", {"b": 1.0}, "MAC") == 7
    assert seen == [["write", 1, "set", "votes", "a", {"b": 1.0}, "MAC"]] * 2
    assert await page.store("votes").remove("a") == 7
    assert seen[-1] == ["write", 2, "delete", "votes", "a", None, ""]
    assert [message[0] for message in script.got] == ["join", "write", "join", "write", "write"]


async def test_a_write_that_the_app_cannot_read_is_given_up(opened: Opened) -> None:
    page, script = await opened(MODULE, lambda message: 1009 if message[0] == "write" else [])
    with pytest.raises(Refused, match="failed"):
        await page.store("votes").set("a", 1)
    assert [message[0] for message in script.got] == ["join", "write"]


async def test_a_write_that_no_page_could_send_is_refused_before_it_goes(opened: Opened) -> None:
    page, script = await opened(MODULE)
    with pytest.raises(AsokError, match="at most 65536"):
        await page.store("votes").set("a", "x" * 65536)
    await page.settled()
    assert [message[0] for message in script.got] == ["join", "ping"]


async def test_a_path_is_followed_once_and_left_when_nobody_needs_it(opened: Opened) -> None:
    def answer(message: Message) -> list[Message]:
        return [["store", "changed", "votes", 4, [["a", 1]], ""]] if message[0] == "follow" else []

    page, script = await opened(MODULE, answer)
    store = page.store("votes")
    end = await store.subscribe("a", lambda value, news: None)
    assert await store.get("a") == 1
    await page.reconnect()
    end()
    await page.settled()
    said = [message for message in script.got if message[0] in ("follow", "unfollow")]
    assert said == [["follow", "votes", "a", 0], ["follow", "votes", "a", 4], ["unfollow", "votes", "a"]]


async def test_a_write_goes_as_it_was_signed() -> None:
    write = '["set","votes","a",{"ü":-1.0},"MAC"]'
    script = Script(document(MODULE, f"<i data-asok-do='{write}'>x</i>"), written)
    async with LiveClient(script) as live:
        await (await live.open("/")).click("i")
    assert json.dumps(script.got[1][2:], ensure_ascii=False, separators=(",", ":")) == write


def written(message: Message) -> list[Message]:
    return [["store", "written", message[1], 1]] if message[0] == "write" else []


# --- what the page knows is what the store holds


keys = st.sampled_from(["a", "b", "0", "1"])
leaves = st.one_of(st.integers(0, 3), st.none(), st.text(max_size=2))
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
writes = st.builds(
    Write,
    st.sampled_from(["set", "update", "append", "delete"]),
    st.lists(keys, min_size=1, max_size=3).map(tuple),
    values,
)


def told(tree: Any, wanted: list[Write]) -> Iterator[tuple[Any, list[list[Any]]]]:
    for write in wanted:
        with suppress(PathError):
            tree, touched = apply(tree, write)
            yield tree, Rules("shop", readable=True).visible_changes(tree, touched)


@given(st.dictionaries(keys, values, max_size=3), st.lists(writes, max_size=8))
def test_a_page_that_is_told_of_all_changes_knows_the_store(start: dict[str, Any], wanted: list[Write]) -> None:
    known = {"store": start}
    for tree, news in told(freeze(start), wanted):
        for path, *value in news:
            known = put(known, ("store", *parse_path(path)), value[0] if value else GONE)
        assert at(known, ("store",)) == tree
