"""State handlers: told of each change once, in order, from which side, and for whom."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from asok import Asok
from asok.backends.memory import MemoryBackend
from asok.browsing import browser_write
from asok.bus import LocalBus
from asok.protocol import Write
from asok.sessions import Session, open_session, serve_session
from tests.rig import asok_app

PATIENCE = 60


class Ear:
    """A handler that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    async def update_state(self, namespace: str, key: str, value: Any, source: str) -> None:
        self.heard.append((namespace, key, value, source))


async def settled(app: Asok) -> None:
    async with asyncio.timeout(PATIENCE):
        await app._handlers.settle()


async def visitor(app: Asok) -> Session:
    session = Session()
    session["user"] = "ann"
    assert await app.backend.commit(session.commit(1))
    found = await open_session(app.backend, session.id)
    assert found is not None
    return found


async def test_a_handler_hears_of_its_namespaces_only_and_once_each(app: Asok) -> None:
    ear = Ear()
    app.add_state_handler(ear, ["ui"])
    await app.set_state("ui", "theme", "dark", session=await visitor(app))
    await app.set_state("other", "theme", "dark", session=await visitor(app))
    await settled(app)
    assert ear.heard == [("ui", "theme", "dark", "python")]


async def test_a_change_by_a_browser_is_told_as_one(app: Asok) -> None:
    ear, ann = Ear(), await visitor(app)
    app.add_state_handler(ear, namespaces=["ui"])
    for n in (1, 1):  # sent again, it is not told again
        await browser_write(app._engine, ann, "tab", Write(n, "set", "~ui", "theme", "dark"))
    await browser_write(app._engine, ann, "tab", Write(2, "delete", "~ui", "theme"))
    await settled(app)
    assert ear.heard == [("ui", "theme", "dark", "javascript"), ("ui", "theme", None, "javascript")]


async def test_what_changes_nothing_is_not_told(app: Asok) -> None:
    ear, ann = Ear(), await visitor(app)
    app.add_state_handler(ear, ["ui"])
    for _ in range(3):
        await app.set_state("ui", "theme", "dark", session=ann)
    await settled(app)
    assert len(ear.heard) == 1


async def test_changes_below_a_key_tell_its_whole_value_once_a_commit(app: Asok) -> None:
    ear, ann = Ear(), await visitor(app)
    app.add_state_handler(ear, ["ui"])
    await app.set_state("ui", "list", [1], session=ann)
    tree = app._engine.namespaces.find("~ui", ann)
    await asyncio.gather(tree.append("list", 2), tree.append("list", 3))
    await settled(app)
    assert [value for _, _, value, _ in ear.heard] == [[1], [1, 2, 3]]


@pytest.mark.parametrize("scope", ["app", "user", "session", "all"])
async def test_handlers_hear_of_every_scope(app: Asok, scope: str) -> None:
    ear, ann = Ear(), await visitor(app)
    if scope in ("app", "user"):
        app.namespace("ui", scope=scope, **({"auth": lambda session: session["user"]} if scope == "user" else {}))
    app.add_state_handler(ear, ["ui"])
    await app.set_state("ui", "theme", "dark", session=None if scope == "all" else ann)
    await app.remove_state("ui", "theme", session=None if scope == "all" else ann)
    await settled(app)
    assert ear.heard == [("ui", "theme", "dark", "python"), ("ui", "theme", None, "python")]


async def test_a_handler_is_told_one_thing_after_the_other_in_their_order(app: Asok) -> None:
    told: list[Any] = []

    class Slow:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            told.append(("begin", value))
            for _ in range(3):
                await asyncio.sleep(0)
            told.append(("end", value))

    app.add_state_handler(Slow(), ["ui"])
    for number in range(5):
        await app.set_state("ui", "n", number)
    await settled(app)
    assert told == [(what, number) for number in range(5) for what in ("begin", "end")]


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit])
async def test_whatever_a_handler_raises_it_is_told_the_next_change(
    app: Asok, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    class Failing:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            heard.append(value)
            if value == 0:
                raise error

    app.add_state_handler(Failing(), ["ui"])
    for number in range(3):  # the others wait when the first is told
        app.set_state("ui", "n", number)
        await asyncio.sleep(0)
    await app.set_state("ui", "n", 3)
    await settled(app)
    assert heard == [0, 1, 2, 3]
    assert caplog.text.count("a state handler raised") == 1


async def test_a_slow_handler_keeps_no_other_waiting(app: Asok) -> None:
    go, heard = asyncio.Event(), asyncio.Event()

    class Slow:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            await go.wait()

    app.add_state_handler(Slow(), ["ui"])

    class Quick:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            heard.set()

    app.add_state_handler(Quick(), ["ui"])
    await app.set_state("ui", "n", 1)
    async with asyncio.timeout(PATIENCE):
        await heard.wait()
    go.set()


async def test_a_handler_that_is_no_coroutine_runs_in_a_thread_and_may_write(app: Asok) -> None:
    threads: list[int] = []

    class Plain:
        def update_state(self, namespace: str, key: str, value: Any) -> None:
            threads.append(threading.get_ident())
            if key == "n":
                app.set_state("ui", "twice", value * 2)

    app.add_state_handler(Plain(), ["ui"])
    ann = await visitor(app)
    await app.set_state("ui", "n", 4, session=ann)
    await settled(app)
    assert threading.get_ident() not in threads
    assert app.get_state("ui", "twice", session=ann) == 8


@pytest.mark.parametrize("scope", ["session", "app"])
async def test_a_handler_answers_the_visitor_whose_change_it_was_and_nobody_else(app: Asok, scope: str) -> None:
    class Doubling:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            await asyncio.sleep(0)
            await app.set_state("answers", "twice", value * 2)

    if scope == "app":
        app.namespace("ui", scope="app", default={"n": 0}, writable={"n": int})
    app.add_state_handler(Doubling(), ["ui"])
    ann, bob, eve = [await visitor(app) for _ in range(3)]
    await asyncio.gather(*(app.set_state("ui", "n", n, session=each) for n, each in ((1, ann), (5, bob))))
    serve_session(eve)
    await browser_write(app._engine, eve, "tab", Write(1, "set", "~ui", "n", 7))
    serve_session(None)
    await settled(app)
    found = [app.get_state("answers", "twice", session=each) for each in (ann, bob, eve, None)]
    assert found == [2, 10, 14, None]


async def test_a_handler_that_raises_hears_of_the_next_change(app: Asok, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    class Broken:
        async def update_state(self, namespace: str, key: str, value: Any) -> None:
            heard.append(value)
            raise RuntimeError("no")

    app.add_state_handler(Broken(), "ui")
    for number in (1, 2):
        await app.set_state("ui", "n", number)
    await settled(app)
    assert heard == [1, 2]
    assert "it goes on with the next change" in caplog.text


async def test_a_handler_without_update_state_warns_and_is_ignored(app: Asok) -> None:
    with pytest.warns(UserWarning, match="Ear2 has no update_state") as warned:

        class Ear2:
            pass

        app.add_state_handler(Ear2(), ["ui"])
    assert warned[0].filename == __file__
    await app.set_state("ui", "n", 1)
    await settled(app)


async def test_a_change_is_told_in_the_process_that_took_it_and_in_no_other(tmp_path: Path) -> None:
    backend, bus = MemoryBackend(), LocalBus()
    ears = [Ear(), Ear()]
    apps = [asok_app(tmp_path, backend=backend, bus=bus) for _ in ears]
    await bus.open()
    for app, ear in zip(apps, ears, strict=True):
        app.add_state_handler(ear, ["ui"])
        await app.stores.replicas.open()
        app.get_state("ui", "n")
    with apps[0].stores.here():
        await apps[0].set_state("ui", "n", 1)
    for app in apps:
        await app.stores.replicas.close()
        await app._handlers.settle()
    assert [len(ear.heard) for ear in ears] == [1, 0]
    assert apps[1].get_state("ui", "n") == 1
    await bus.close()


def test_a_script_that_writes_has_told_its_handlers_on_return(tmp_path: Path) -> None:
    app, ear = asok_app(tmp_path, database=str(tmp_path / "db")), Ear()
    app.namespace("chat", scope="app")
    app.add_state_handler(ear, ["chat"])
    for topic in ("tea", "milk"):
        app.set_state("chat", "topic", topic)
    assert [value for _, _, value, _ in ear.heard] == ["tea", "milk"]


async def test_a_handler_far_behind_loses_changes_with_a_word(
    app: Asok, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("asok.handlers.MOST_WAITING", 3)
    go = asyncio.Event()

    class Slow(Ear):
        async def update_state(self, namespace: str, key: str, value: Any, source: str) -> None:
            await go.wait()
            await super().update_state(namespace, key, value, source)

    ear = Slow()
    app.add_state_handler(ear, ["ui"])
    for number in range(10):
        await app.set_state("ui", "n", number)
    go.set()
    await settled(app)
    assert [value for _, _, value, _ in ear.heard][:3] == [0, 1, 2]
    assert len(ear.heard) < 10
    assert "is behind by 3 changes" in caplog.text
