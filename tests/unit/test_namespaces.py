"""Namespaces: whose they are, what lies beneath, and what a key that is taken away hides."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok import Asok
from asok.backends.memory import MemoryBackend
from asok.backends.sqlite import SQLiteBackend
from asok.bus import LocalBus
from asok.documents import Work, working
from asok.errors import ConfigurationError, NotSignedIn, PathError, StoreDenied, StoreError, UnknownStore, ValueTooLarge
from asok.namespaces import Namespaces
from asok.replicas import Replicas
from asok.sessions import Session, owner_of, serve_session
from asok.state import KeyRing
from asok.superstore import SuperStore
from asok.trees import Write, apply, freeze
from tests.rig import KEY, asok_app
from tests.unit.effort import lines_run


def person(user: Any = None) -> Session:
    session = Session()
    session.id  # noqa: B018  # asking makes it
    session["user"] = user
    return session


async def test_a_namespace_belongs_to_its_session(app: Asok) -> None:
    ann, bob = person(), person()
    await app.set_state("ui", "theme", "dark", session=ann)
    assert app.get_state("ui", "theme", session=ann) == "dark"
    assert app.get_state("ui", "theme", "none", session=bob) == "none"
    assert app.get_state("ui", "theme") is None


async def test_the_visitor_who_is_served_needs_no_naming(app: Asok) -> None:
    ann, bob = person(), person()
    serve_session(ann)
    await app.set_state("ui", "theme", "dark")
    assert app.get_state("ui", "theme") == "dark"
    serve_session(bob)
    assert app.get_state("ui", "theme") is None
    assert app.get_state("ui", "theme", session=ann) == "dark"


async def test_what_is_set_for_nobody_is_seen_by_all_who_have_not_set_it(app: Asok) -> None:
    ann, bob = person(), person()
    await app.set_state("ui", "theme", "light")
    await app.set_state("ui", "size", 3)
    await app.set_state("ui", "theme", "dark", session=ann)
    assert [app.get_state("ui", "theme", session=each) for each in (ann, bob, None)] == ["dark", "light", "light"]
    assert app.get_state("ui", "size", session=ann) == 3


@pytest.mark.parametrize("session", [person(), None])
async def test_a_key_costs_the_same_to_read_however_many_others_there_are(app: Asok, session: Session | None) -> None:
    def effort() -> int:
        return lines_run(lambda: app.get_state("ui", "theme", session=session))

    await app.set_state("ui", "theme", "dark", session=session)
    before = effort()
    await asyncio.gather(*(app.set_state("ui", f"key{number}", 1, session=session) for number in range(500)))
    assert effort() <= before


async def test_a_key_that_is_taken_away_hides_what_all_see_until_it_is_set_again(app: Asok) -> None:
    ann, bob = person(), person()
    await app.set_state("ui", "theme", "light")
    await app.remove_state("ui", "theme", session=ann)
    assert [app.get_state("ui", "theme", session=each) for each in (ann, bob)] == [None, "light"]
    with pytest.raises(PathError):
        await app.remove_state("ui", "theme", session=ann)
    await app.set_state("ui", "theme", "dark", session=ann)
    assert app.get_state("ui", "theme", session=ann) == "dark"


async def test_what_was_set_and_taken_away_leaves_nothing_behind(app: Asok) -> None:
    ann = person()
    await app.set_state("ui", "theme", "light", session=ann)
    await app.remove_state("ui", "theme", session=ann)
    assert app.stores.replicas.get((owner_of(ann.id), "state"), freeze({})).tree == {"ui": {}}
    with pytest.raises(PathError):
        await app.remove_state("ui", "theme", session=ann)


async def test_a_write_into_what_all_see_makes_it_the_sessions_own(app: Asok) -> None:
    ann, bob = person(), person()
    await app.set_state("cart", "rows", [{"n": 1}])
    await app.set_state("cart", "count", 5)
    mine = app._engine.namespaces.find("~cart", ann)
    await mine.append("rows", {"n": 2})
    await mine.update("rows/0", {"n": 9})
    await mine.update("count", 1)
    await mine.update("fresh", 1)
    assert mine.read() == {"rows": [{"n": 9}, {"n": 2}], "count": 6, "fresh": 1}
    assert app._engine.namespaces.find("~cart", bob).read() == {"rows": [{"n": 1}], "count": 5}


async def test_a_unit_that_wrote_into_what_all_see_runs_again_when_that_changed(app: Asok) -> None:
    ann, work = person(), Work()
    await app.set_state("cart", "count", 5)
    with working(work):
        app._engine.namespaces.find("~cart", ann).update("count", 1)
    await app.set_state("cart", "count", 7)
    assert not await app.stores.replicas.commit(work)


def test_what_is_set_before_the_app_starts_is_there_for_all_and_not_stored(tmp_path: Path) -> None:
    for theme in ("light", "dark"):
        app = asok_app(tmp_path, database=str(tmp_path / "db"))
        app.set_state("ui", "theme", theme)
        app.set_state("ui", "gone", 1)
        app.remove_state("ui", "gone")
        assert app.get_state("ui", "theme", session=person()) == theme
        assert app.get_state("ui", "gone") is None
    assert asyncio.run(SQLiteBackend(tmp_path / "db").read("store/~", ["doc"])) == {}


async def test_what_was_set_while_running_wins_over_what_the_next_start_sets(tmp_path: Path) -> None:
    backend, bus = SQLiteBackend(tmp_path / "db"), LocalBus()
    await bus.open()
    for start in (1, 2):
        replicas = Replicas(backend, bus, 1 << 20)
        namespaces = Namespaces(SuperStore.connecting(KeyRing([KEY]), replicas))
        namespaces.set("ui", "theme", "light", None)
        namespaces.set("ui", f"new{start}", start, None)
        await replicas.open()
        assert namespaces.get("ui", "theme", None, None) == ("light" if start == 1 else "dark")
        assert namespaces.get("ui", f"new{start}", None, None) == start
        await namespaces.set("ui", "theme", "dark", None)
        await replicas.close()
    await bus.close()
    await backend.close()


async def test_state_goes_along_when_the_session_gets_a_new_id(app: Asok) -> None:
    ann = person()
    await app.backend.commit(ann.commit(1))
    [cells] = [await app.backend.read(owner_of(ann.id), ["meta"], "session/")]
    ann = Session(ann.id, cells["meta"], cells)
    await app.set_state("ui", "theme", "dark", session=ann)
    ann.regenerate()
    assert app.get_state("ui", "theme", session=ann) == "dark"
    await app.set_state("ui", "size", 3, session=ann)
    assert await app.backend.commit(ann.commit(2))
    ann.moved = True
    assert app.get_state("ui", "theme", session=ann) == "dark"
    await app.set_state("ui", "size", 4, session=ann)
    cells = await app.backend.read(owner_of(ann.id), ["state"])
    assert cells["state"].version == 3


async def test_the_state_of_one_session_has_an_end(app: Asok) -> None:
    ann = person()
    await app.set_state("ui", "text", "x" * 200_000, session=ann)
    with pytest.raises(ValueTooLarge, match="the state of one session"):
        await app.set_state("ui", "more", "x" * 200_000, session=ann)
    assert app.get_state("ui", "more", session=ann) is None


async def test_the_state_of_one_session_has_no_more_values_than_a_message_either(app: Asok) -> None:
    ann = person()
    await app.set_state("ui", "lists", [[] for _ in range(6000)], session=ann)
    with pytest.raises(ValueTooLarge, match="the state of one session may have 10000 values"):
        await app.set_state("ui", "more", [[] for _ in range(6000)], session=ann)
    assert app.get_state("ui", "more", session=ann) is None


@pytest.mark.parametrize("name", ["a/b", "", "__proto__", "constructor", 5, None, "x" * 300])
async def test_a_namespace_and_a_key_are_plain_names(app: Asok, name: Any) -> None:
    for namespace, key in ((name, "key"), ("ui", name)):
        with pytest.raises((ConfigurationError, StoreError)):
            await app.set_state(namespace, key, 1)


@pytest.mark.parametrize("name", ["~a/b", "~__proto__", "~constructor", "~" + "x" * 300])
async def test_a_browser_names_no_namespace_that_cannot_be(app: Asok, name: str) -> None:
    with pytest.raises((UnknownStore, PathError)):
        app._engine.namespaces.find(name, person())


@pytest.mark.parametrize("verb", ["set", "update", "append", "delete"])
async def test_a_whole_namespace_is_not_written(app: Asok, verb: str) -> None:
    for name, path in (("~", ""), ("~", "ui"), ("~ui", "")):
        tree = app._engine.namespaces.find(name, person())
        with pytest.raises(StoreDenied, match="name a namespace and a key"):
            tree.adapted(Write(verb, tree.within((path,) if path else ()), {}))


# ---- declared for all, or for users


async def test_a_namespace_may_be_the_apps_or_each_users(app: Asok) -> None:
    app.namespace("chat", scope="app", readable=True)
    app.namespace("mine", scope="user", auth=lambda session: session.get("user"))
    ann, ann_elsewhere, bob = person("ann"), person("ann"), person("bob")
    await app.set_state("chat", "topic", "tea", session=ann)
    assert app.get_state("chat", "topic", session=bob) == "tea"
    await app.set_state("mine", "theme", "dark", session=ann)
    found = [app.get_state("mine", "theme", session=each) for each in (ann_elsewhere, bob)]
    assert found == ["dark", None]
    with pytest.raises(NotSignedIn):
        await app.set_state("mine", "theme", "dark", session=person())


@pytest.mark.parametrize(
    ("scope", "options"), [("session", {}), ("user", {}), ("user", {"auth": "user"}), ("app", {"auth": str})]
)
async def test_a_scope_is_app_or_user_with_its_function(app: Asok, scope: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        app.namespace("x", scope=scope, **options)


async def test_a_namespace_is_declared_once(app: Asok) -> None:
    app.namespace("chat", scope="app")
    with pytest.raises(ConfigurationError, match="declared twice"):
        app.namespace("chat", scope="app")


async def test_all_that_a_visitor_reads_leaves_out_what_needs_a_login(app: Asok) -> None:
    app.namespace("chat", scope="app", readable=True)
    app.namespace("mine", scope="user", auth=lambda session: session.get("user"), readable=True)
    assert [tree.name for tree in app._engine.namespaces.readable(person())] == ["~", "~chat"]
    assert [tree.name for tree in app._engine.namespaces.readable(person("ann"))] == ["~", "~chat", "~mine"]


# ---- layers, against a plain copy

KEYS = st.sampled_from(["a", "b", "c"])
OPS: st.SearchStrategy[list[Any]] = st.lists(
    st.tuples(
        st.sampled_from(["set", "update", "append", "delete"]),
        KEYS,
        st.one_of(st.integers(0, 3), st.just([])),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(ops=OPS)
def test_what_a_session_sees_is_its_own_or_else_what_all_see(ops: list[Any]) -> None:
    replicas = Replicas(MemoryBackend(), LocalBus(), 1 << 20)
    namespaces = Namespaces(SuperStore.connecting(KeyRing([KEY]), replicas))
    ann = person()
    namespaces.set("ui", "a", 1, None)
    namespaces.set("ui", "b", [], None)
    beneath: dict[str, Any] = {"a": 1, "b": []}
    own: dict[str, Any] = {}

    def seen() -> dict[str, Any]:
        return {key: value for key, value in {**beneath, **own}.items() if value is not None}

    for verb, key, value in ops:
        tree = namespaces.find("~ui", ann)
        act = partial(tree.delete, key) if verb == "delete" else partial(getattr(tree, verb), key, value)
        try:
            wanted, _ = apply(freeze(seen()), Write(verb, (key,), value))
        except StoreError:
            with pytest.raises(StoreError):
                act()
        else:
            act()
            own[key] = wanted.get(key)
        assert tree.read() == seen()
    assert namespaces.find("~ui", person()).read() == beneath
