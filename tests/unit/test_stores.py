"""Stores as an app uses them: names, verbs, types, users, and what they refuse."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asok import Asok, AuthStore, Component, Store, SuperStore, exposed
from asok.backends.memory import MemoryBackend
from asok.documents import Work, reading_into, working
from asok.driven import driven
from asok.errors import (
    Busy,
    ComponentError,
    ConfigurationError,
    NotSignedIn,
    PathError,
    StoreError,
    UnknownStore,
    ValueRefused,
)
from asok.sessions import STORES, Cell, Session, serve_session
from tests.rig import asok_app, rig
from tests.unit.waiting import until

polls = Store({"counter": 1, "todo": [{"done": False}], "open": True})


@pytest.fixture(autouse=True)
def no_leftovers() -> None:
    """Stores of other tests are gone before their names are used again."""
    gc.collect()


# ---- names


def test_a_store_is_named_by_its_module_and_variable(app: Asok) -> None:
    assert polls.name == f"{__name__}.polls"
    assert app.stores.find(polls.name) is polls


def test_a_store_may_be_held_by_a_class() -> None:
    class Shop:
        stock = Store({"milk": 1})

    assert Shop.stock.name == f"{__name__}.test_a_store_may_be_held_by_a_class.Shop.stock"


def test_a_store_without_a_name_says_how_to_give_it_one(app: Asok) -> None:
    nameless = Store({})
    with pytest.raises(ConfigurationError, match="give it a name"):
        app.stores.check()
    with pytest.raises(ConfigurationError, match="give it a name"):
        nameless.read()


@pytest.mark.parametrize("name", ["a b", "a/b", "é", "x" * 200, "../x"])
def test_a_name_is_letters_digits_and_a_few_signs(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be called"):
        Store({}, name=name)


def test_two_stores_of_a_name_refuse_to_start(app: Asok) -> None:
    both = [Store({}, name="twice"), Store({}, name="twice")]
    with pytest.raises(ConfigurationError, match="two stores are called 'twice'"):
        app.stores.check()
    assert len(both) == 2


def test_a_store_that_nobody_has_any_more_does_not_stand_in_the_way(app: Asok) -> None:
    Store({}, name="twice")
    knot: list[Any] = [Store({}, name="twice")]
    knot.append(knot)
    del knot
    kept = Store({}, name="twice")
    app.stores.check()
    assert app.stores.find("twice") is kept


@pytest.mark.parametrize("name", ["", "named"])
def test_a_module_that_is_loaded_again_brings_its_new_store(app: Asok, name: str) -> None:
    module = ModuleType("reloaded_module")
    sys.modules[module.__name__] = module
    source = f"from asok import Store\nthings = Store({{}}, name={name!r}, readable=True)"
    exec(source, module.__dict__)
    old = module.things
    assert app.stores.find(old.name) is old
    exec(source, module.__dict__)
    assert app.stores.find(old.name) is module.things is not old
    del sys.modules[module.__name__]


def test_an_unknown_store_is_told_with_its_neighbour(app: Asok) -> None:
    kept = Store({}, name="settings")
    with pytest.raises(UnknownStore, match="did you mean 'settings'"):
        app.stores.find("setings")
    assert kept.held


def test_super_store_gives_the_stores_of_an_app_and_refuses_anything_else(app: Asok) -> None:
    assert SuperStore(app) is app.stores
    with pytest.raises(ConfigurationError, match="not to a dict"):
        SuperStore({})


async def test_two_apps_of_one_process_have_data_of_their_own(tmp_path: Path) -> None:
    first, second = asok_app(tmp_path), asok_app(tmp_path)
    for app in (first, second):
        app.namespace("chat", scope="app")
        app.stores.check()
    store = Store({"n": 1}, name="apart")
    with first.stores.here():
        await store.update("n", 1)
    with second.stores.here():
        assert store.read("n") == 1
    with first.stores.here():
        assert store.read("n") == 2


# ---- verbs


async def test_the_verbs_do_what_they_say(app: Asok) -> None:
    store = Store({"n": 1, "todo": [], "on": True, "who": {"a": 1}}, name="verbs")
    assert [
        await store.update("n", 2),
        await store.append("todo", "x"),
        await store.update("on", 1),
        await store.update("who", {"b": 2}),
        await store.set("todo/0", "y"),
        await store.delete("who/a"),
    ] == [1, 2, 3, 4, 5, 6]
    assert store.read() == {"n": 3, "todo": ["y"], "on": 1, "who": {"b": 2}}
    assert store.version == 6


async def test_reading_what_is_not_there_needs_a_default(app: Asok) -> None:
    store = Store({"todo": []}, name="readings")
    assert store.read("none", default=7) == store.read("todo/4", default=7) == 7
    assert store.read("none", default=None) is None
    with pytest.raises(PathError, match="'readings'"):
        store.read("none")


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("a/__proto__", 1, "bad_path"),
        ("a/__class__", 1, "bad_path"),
        ("constructor", 1, "bad_path"),
        ("a//b", 1, "bad_path"),
        ("n/deeper", 1, "scalar"),
        ("list/9", 1, "index"),
        ("list/-1", 1, "index"),
        ("none/x", 1, "missing"),
        ("a", {"__proto__": 1}, "bad_value"),
        ("a", object(), "bad_value"),
        ("a", float("nan"), "bad_value"),
        ("a", 2**60, "bad_value"),
        ("a", "x" * 1_100_000, "too_big"),
        ("a", [0] * 20_000, "too_big"),
    ],
)
async def test_what_a_store_cannot_hold_is_refused_with_its_name_and_nothing_is_written(
    app: Asok, path: str, value: Any, code: str
) -> None:
    store = Store({"a": {}, "n": 1, "list": [0]}, name="refusing")
    with pytest.raises(StoreError) as refused:
        await store.set(path, value)
    assert (refused.value.code, refused.value.store) == (code, "refusing")
    assert (store.read(), store.version) == ({"a": {}, "n": 1, "list": [0]}, 0)


async def test_what_was_read_is_not_changed_in_place(app: Asok) -> None:
    store = Store({"todo": []}, name="frozen")
    with pytest.raises(TypeError, match=r"store\.append"):
        store.read("todo").append(1)


@dataclass
class Shop:
    name: str = "corner"
    stock: dict[str, int] = field(default_factory=dict)


async def test_a_typed_store_refuses_what_its_type_is_not(app: Asok) -> None:
    store = Store(Shop(), name="typed")
    await store.set("stock/milk", 2)
    assert store.value == Shop(stock={"milk": 2})
    for path, value in (("stock/tea", "much"), ("name", None)):
        with pytest.raises(ValueRefused, match="not be a Shop any more"):
            await store.set(path, value)
    assert store.value == Shop(stock={"milk": 2})


def test_a_default_that_its_type_is_not_fails_where_it_is_written() -> None:
    with pytest.raises(ValueRefused):
        Store({"name": 5}, type=Shop, name="wrong")


@pytest.mark.parametrize("default", [3, "text", True, Shop, {"a": object()}, lambda session: None])
def test_what_is_no_tree_is_no_default(default: Any) -> None:
    with pytest.raises(ConfigurationError, match="a store begins with a dict, a list, or an instance"):
        Store(default, name="treeless")


async def nobody_waits_for(session: Session) -> str:
    return "ada"


@pytest.mark.parametrize("auth", [None, "user", {"n": 1}, nobody_waits_for])
def test_an_auth_store_asks_a_plain_function(auth: Any) -> None:
    with pytest.raises(ConfigurationError, match="asks a plain function"):
        AuthStore(auth, {"n": 1}, name="unasked")


# ---- units of work, rendering, threads


async def test_in_a_unit_of_work_nothing_is_stored_before_its_end(app: Asok) -> None:
    store, work = Store({"n": 1}, name="unit"), Work()
    with working(work):
        await store.update("n", 1)
        assert store.read("n") == 2
    assert store.read("n") == 1
    assert await app.stores.replicas.commit(work)
    assert store.read("n") == 2


async def test_writing_while_rendering_is_refused(app: Asok) -> None:
    store = Store({"n": 1}, name="shown")
    with reading_into({}), pytest.raises(ComponentError, match="while rendering"):
        store.set("n", 2)


async def test_a_thread_without_a_loop_has_written_on_return(app: Asok) -> None:
    store = Store({"n": 0}, name="threaded")

    def work() -> None:
        for _ in range(100):
            store.update("n", 1)

    await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))
    assert store.read("n") == 400


def test_a_script_without_an_app_that_runs_writes_and_reads(tmp_path: Path) -> None:
    app = asok_app(tmp_path, database=str(tmp_path / "db"))
    store = Store({"n": 0}, name="scripted")
    store.update("n", 1)
    assert store.read("n") == 1
    assert not app.stores.replicas.is_open


# ---- users


def user_store(name: str) -> AuthStore:
    return AuthStore(lambda session: session.get("user"), {"todo": []}, name=name)


def session_of(user: Any) -> Session:
    session = Session()
    session["user"] = user
    return session


async def test_each_user_has_a_copy(app: Asok) -> None:
    store = user_store("todos")
    ann, bob, ann_again = (store.auth(session_of(user)) for user in ("ann", "bob", "ann"))
    await ann.append("todo", "milk")
    assert (ann_again.read("todo"), bob.read("todo")) == (["milk"], [])
    assert ann.name == bob.name == "todos"


async def test_the_visitor_who_is_served_needs_no_naming(app: Asok) -> None:
    store = user_store("served")
    serve_session(session_of("ann"))
    await store.append("todo", "milk")
    serve_session(session_of("bob"))
    assert store.read("todo") == []
    serve_session(None)
    with pytest.raises(NotSignedIn):
        store.read("todo")


@pytest.mark.parametrize("nobody", [None, "", False])
async def test_who_is_not_signed_in_has_no_copy(app: Asok, nobody: Any) -> None:
    store = user_store("nobodys")
    with pytest.raises(NotSignedIn, match="sign the person in first"):
        store.auth(session_of(nobody))
    with pytest.raises(NotSignedIn):
        store.of(None)


async def test_users_who_only_look_alike_have_copies_of_their_own(app: Asok) -> None:
    store = user_store("alike")
    owners = {store.auth(session_of(user)).owner for user in (1, "1", 1.0, True, [1], "one/two", "one")}
    assert len(owners) == 7
    assert all(owner.startswith("store/alike/") and owner.count("/") == 2 for owner in owners)


loaded_votes = Store({"count": 0, "other": 0}, name="loaded_votes")


class Reading(Component):
    template = "<p>{{ number }}</p>"

    def load(self) -> None:
        self.number = loaded_votes.read("count")

    @exposed
    async def put(self, wait: bool = False) -> None:
        if wait:
            holding.set()
            await going_on.wait()
        loaded_votes.set("count", self.number + 1)

    @exposed
    async def count_blindly(self) -> None:
        attempts.append(self.event.attempt)
        await asyncio.create_task(somebody_counts(), context=Context())
        loaded_votes.update("count", 10)


async def somebody_counts() -> None:
    await loaded_votes.update("count", 1)


holding, going_on = asyncio.Event(), asyncio.Event()
attempts: list[int] = []


async def test_what_load_has_read_and_a_method_replaces_is_never_lost(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Reading') }}"})) as served:
        slow, quick = await served.tab(), await served.tab()
        first = asyncio.create_task(slow.event("put(true)"))
        await holding.wait()
        await quick.event("put")
        going_on.set()
        await first
        assert loaded_votes.read("count") == 2


async def test_a_store_that_load_shows_starves_no_method_that_only_adds_to_it(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Reading') }}"})) as served:
        tab = await served.tab()
        await tab.event("count_blindly")
        assert loaded_votes.read("count") == 11
    assert attempts == [1]


@dataclass
class Tea:
    price: int = 3
    kinds: list[str] = field(default_factory=list)


async def test_a_typed_store_takes_no_key_that_its_type_has_not(app: Asok) -> None:
    teas = Store(Tea(), name="typed_teas")
    with pytest.raises(ValueRefused, match="'prise'"):
        teas.set("prise", 4)
    with pytest.raises(ValueRefused):
        teas.set("price", "4")
    await teas.append("kinds", "green")
    assert teas.value == Tea(3, ["green"])


async def test_what_an_earlier_release_left_in_a_typed_store_refuses_no_write(app: Asok) -> None:
    await Store({"price": 3, "kinds": [], "milk": True}, name="typed_before").set("price", 4)
    gc.collect()
    teas = Store(Tea(), name="typed_before")
    await teas.set("price", 5)
    with pytest.raises(ValueRefused):
        teas.set("price", None)


@dataclass
class Wordy:
    words: set[Any] = field(default_factory=set)


async def test_a_list_in_a_typed_set_is_refused_beside_what_an_earlier_release_left(app: Asok) -> None:
    await Store({"words": ["tea"], "milk": True}, name="wordy").set("words", [])
    gc.collect()
    wordy = Store(Wordy(), name="wordy")
    with pytest.raises(ValueRefused):
        await wordy.set("words", [["tea"]])


# ---- while the database is away


class OnceAway(MemoryBackend):
    """One that a template cannot have, once."""

    away = False

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        if self.away and driven.at_once:
            self.away = False
            raise Busy("not now")
        return await super().read(owner, names, prefix)


async def test_an_event_whose_template_cannot_have_a_store_is_busy_and_then_counts(tmp_path: Path) -> None:
    seen = Store({"n": 7}, name="seen_later")

    class ReadsLater(Component):
        count = 0
        template = "<p>{{ count }} {{ n }}</p>"

        @property
        def n(self) -> Any:
            return seen.read("n") if self.count else ""

        @exposed
        async def add(self) -> None:
            self.count += 1

    backend = OnceAway()
    async with rig(asok_app(tmp_path, {"/": "{{ component('ReadsLater') }}"}, backend=backend)) as served:
        tab = await served.tab()
        backend.away = True
        assert (await tab.event("add"))[0] == "busy"
        assert (await tab.event("add", seq=1))[0] == "update"
        assert tab.text().endswith(">1 7</p>")


async def test_a_page_follows_a_store_that_was_forgotten_while_it_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.replicas.MOST_KEPT", 16)
    seen, loading, go_on = Store({"n": 7}, name="seen_early"), asyncio.Event(), asyncio.Event()

    class ReadsEarly(Component):
        template = "<p>{{ n }}</p>"

        async def load(self) -> None:
            self.n = seen.read("n")
            loading.set()
            await go_on.wait()

    app = asok_app(tmp_path, {"/": "{{ component('ReadsEarly') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        go_on.set()
        page, tab = await visitor.open(), await visitor.connect()
        go_on.clear()
        loading.clear()
        await tab.join(page.tokens, page.csrf)
        async with asyncio.timeout(10):
            await loading.wait()
        for number in range(100):
            app.stores.replicas.get((f"{STORES}{number}", "doc"), {})
        go_on.set()
        await until(lambda: app.stores.replicas.known((f"{STORES}seen_early", "doc")))
        await seen.set("n", 8)
        await tab.shows("8")
