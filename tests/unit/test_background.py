"""What goes on beside and after a method: steps, tasks, threads, shared fields; and what a page leaves behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asok import Component, Limits, Store, Stream, every, exposed, on, private
from asok.attempt import Attempt
from asok.backends.memory import MemoryBackend
from asok.conversation import LiveSession
from asok.errors import ComponentError
from asok.following import Following
from asok.lines import Line
from asok.sessions import Commit
from tests.rig import Frame, Tab, asok_app, rig
from tests.unit.waiting import Refusing, until

PAGE = {"/": "{{ component('Work') }}"}


def living(*kinds: type) -> list[Any]:
    """The objects of these classes that something still holds."""
    gc.collect()
    return [each for each in gc.get_objects() if type(each) in kinds]


async def gone() -> None:
    """Wait until no socket is open."""
    await until(lambda: not living(LiveSession))


async def refused(tab: Tab, seq: int) -> Frame:
    """The refusal of this event."""
    frame = await tab.until("refused")
    while frame[2] != seq:
        frame = await tab.until("refused")
    return frame


# ---- in the middle of a method


async def test_push_shows_the_state_so_far_in_every_kind_of_method(tmp_path: Path) -> None:
    class Work(Component):
        step = ""
        template = "<p>{{ step }}</p>"

        @exposed
        async def on_the_loop(self) -> None:
            for self.step in ("a1", "a2", "a3"):
                await self.push()
            self.step = "a4"

        @exposed
        def in_a_thread(self) -> None:
            for self.step in ("t1", "t2"):
                self.push()
            self.step = "t3"

        @exposed
        async def in_steps(self) -> AsyncIterator[None]:
            self.step = "g1"
            yield
            self.step = "g2"
            await self.push()
            self.step = "g3"

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        for seq, (call, steps) in enumerate(
            [
                ("on_the_loop", ["a1", "a2", "a3", "a4"]),
                ("in_a_thread", ["t1", "t2", "t3"]),
                ("in_steps", ["g1", "g2", "g3"]),
            ],
            1,
        ):
            await tab.send("event", tab.only, seq, call)
            seen: list[tuple[int, str]] = []
            while not seen or seen[-1][0] < seq:
                frame = await tab.until("update")
                seen.append((frame[2], tab.text()))
            assert [text for _, text in seen] == [f"<p>{step}</p>" for step in steps]
            assert [settled for settled, _ in seen[:-1]] == [seq - 1] * (len(steps) - 1)


async def test_a_step_of_a_method_that_fails_is_taken_back(tmp_path: Path) -> None:
    class Work(Component):
        step = "idle"
        template = "<p>{{ step }}</p>"

        @exposed
        async def fail(self) -> None:
            self.step = "half"
            await self.push()
            raise RuntimeError

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "fail")
        await tab.shows("half")
        await refused(tab, 1)
        assert tab.text() == "<p>idle</p>"


async def test_a_method_that_pushes_ends_its_work_though_the_page_has_gone(tmp_path: Path) -> None:
    began, goes_on, left = asyncio.Event(), asyncio.Event(), asyncio.Event()
    votes = Store({"done": 0}, name="gone_votes")

    class Work(Component):
        step = "idle"
        template = "<p>{{ step }}</p>"

        @exposed
        def watch(self) -> None:
            self.run(self.look())

        async def look(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                left.set()

        @exposed
        async def go(self) -> None:
            began.set()
            await goes_on.wait()
            self.step = "half"
            await self.push()
            votes.update("done", 1)

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("watch")
        await tab.send("event", tab.only, 2, "go")
        await began.wait()
        await tab.socket.close()
        await left.wait()
        goes_on.set()
        await until(lambda: votes.read("done") == 1)


async def test_a_forgotten_task_of_a_method_that_failed_shows_and_keeps_nothing(tmp_path: Path) -> None:
    tasks: list[asyncio.Task[None]] = []
    goes_on = asyncio.Event()

    class Work(Component):
        step = "idle"
        template = "<p>{{ step }}</p>"

        @exposed
        async def fail(self) -> None:
            tasks.append(asyncio.create_task(self.stray()))
            raise RuntimeError

        async def stray(self) -> None:
            await goes_on.wait()
            self.step = "stray"
            await self.push()

        @exposed
        async def nothing(self) -> None: ...

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        assert (await tab.event("fail"))[0] == "refused"
        goes_on.set()
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()
        assert await tab.text_after("nothing") == "<p>idle</p>"


async def test_a_step_that_is_late_for_its_method_is_not_shown(tmp_path: Path) -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Future[None]] = []

    class Work(Component):
        step = "idle"
        template = "<p>{{ step }}</p>"

        async def load(self) -> None:
            if self.step == "stray":
                began.set()
                await goes_on.wait()

        @exposed
        async def fail(self) -> None:
            self.step = "stray"
            tasks.append(asyncio.ensure_future(self.push()))
            await began.wait()
            raise RuntimeError

        @exposed
        async def nothing(self) -> None: ...

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        assert (await tab.event("fail"))[0] == "refused"
        goes_on.set()
        await asyncio.wait(tasks)
        assert await tab.text_after("nothing") == "<p>idle</p>"
        assert "stray" not in str(tab.frames)


async def test_who_waits_for_a_push_waits_no_longer_than_the_page_is_there(tmp_path: Path) -> None:
    runs, goes_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Future[None]] = []
    works: list[Component] = []

    class Work(Component):
        template = "<p></p>"

        @exposed
        async def start(self) -> None:
            works.append(self)

        @exposed
        async def hold(self) -> None:
            tasks.append(asyncio.ensure_future(works[0].push()))
            runs.set()
            await goes_on.wait()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        await tab.send("event", tab.only, 2, "hold")
        await runs.wait()
        await tab.socket.close()
        done, _ = await asyncio.wait(tasks, timeout=10)
        assert done and tasks[0].cancelled()
        goes_on.set()


# ---- tasks


async def test_a_task_shows_its_steps_and_its_end_and_they_stay(tmp_path: Path) -> None:
    goes_on = [asyncio.Event(), asyncio.Event()]

    class Work(Component):
        state = "nothing"
        items: list[int] = []
        clicks = 0
        template = "<p>{{ state }} {{ items }} {{ clicks }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.fetch())
            self.state = "started"

        async def fetch(self) -> None:
            await goes_on[0].wait()
            self.state = "half"
            await self.push()
            await goes_on[1].wait()
            self.items.append(1)

        @exposed
        def press(self) -> None:
            self.clicks += 1

    async with rig(asok_app(tmp_path, PAGE)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert "started [] 0" in await tab.text_after("start")
        goes_on[0].set()
        await tab.shows("half [] 0")
        assert "half [] 1" in await tab.text_after("press")
        goes_on[1].set()
        await tab.shows("half [1] 1")
        assert "half [1] 1" in (await visitor.open()).text


async def test_a_task_reads_after_a_push_what_others_have_done_meanwhile(tmp_path: Path) -> None:
    pushes, own = [asyncio.Event(), asyncio.Event()], asyncio.Event()

    class Work(Component):
        said: list[str] = []
        seen: str = ""
        secret: str = private("")
        template = "<p>{{ said | join(' ') }}, {{ seen }}</p>"

        @exposed
        def say(self, word: str) -> None:
            self.said.append(word)
            self.secret = word
            self.run(self.unsay(word, pushes[len(self.said) - 1]))

        async def unsay(self, word: str, push: asyncio.Event) -> None:
            await push.wait()
            if word == "two":
                self.seen = "mine"
            await self.push()
            self.said = [each for each in self.said if each != word]
            if word == "two":
                self.seen += f" {self.secret}"
                own.set()

        @exposed
        def write(self) -> None:
            self.seen, self.secret = "written", "new"

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        assert await tab.text_after("say('one')") == "<p>one, </p>"
        assert await tab.text_after("say('two')") == "<p>one two, </p>"
        assert await tab.text_after("write") == "<p>one two, written</p>"
        pushes[0].set()
        while "<p>two, " not in tab.text():
            await tab.until("update")
        pushes[1].set()
        await own.wait()
        while "<p>, mine new</p>" not in tab.text():
            await tab.until("update")
        assert await tab.text_after("write") == "<p>, written</p>"


async def test_tasks_that_push_at_the_same_time_go_on_one_after_the_other(tmp_path: Path) -> None:
    push = asyncio.Event()

    class Work(Component):
        said: list[str] = []
        template = "<p>{{ said | join(' ') }}</p>"

        @exposed
        def say(self, word: str) -> None:
            self.said.append(word)
            self.run(self.unsay(word))

        async def unsay(self, word: str) -> None:
            await push.wait()
            await self.push()
            self.said = [each for each in self.said if each != word]

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        for word in ("one", "two", "three"):
            await tab.event(f"say('{word}')")
        push.set()
        await until(lambda: not any(line.tasks for line in living(Line)))
        assert await tab.text_after("say('four')") == "<p>four</p>"


async def test_a_task_pushes_several_times_with_no_pause_between(tmp_path: Path) -> None:
    class Work(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.count_up())

        async def count_up(self) -> None:
            for self.count in (1, 2, 3):
                await self.push()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        await until(lambda: not any(line.tasks for line in living(Line)))
        await tab.shows("3")


async def test_what_a_task_sets_when_it_begins_or_goes_on_counts_before_the_next_event(tmp_path: Path) -> None:
    push, pushes, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Work(Component):
        done: list[str] = []
        template = "<p>{{ done | join(' ') }}</p>"

        @exposed
        async def start(self) -> None:
            await until(lambda: any(len(line.work) > 1 for line in living(Line)))
            self.run(self.go_on())

        async def go_on(self) -> None:
            self.done = [*self.done, "begun"]
            await push.wait()
            await self.push()
            self.done = [*self.done, "pushed"]
            ended.set()

        @exposed
        async def add(self, word: str) -> None:
            self.done = [*self.done, word]
            if word == "b":
                push.set()
                await until(lambda: any(len(line.work) > 1 for line in living(Line)))
                pushes.set()
                await until(lambda: any(len(line.work) > 2 for line in living(Line)))

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "start")
        await tab.send("event", tab.only, 2, "add('a')")
        await tab.shows("a")
        await tab.send("event", tab.only, 3, "add('b')")
        await pushes.wait()
        await tab.send("event", tab.only, 4, "add('c')")
        await ended.wait()
        await tab.settled(tab.only, 4)
        assert tab.text() == "<p>begun a b pushed c</p>"


async def test_what_a_task_sets_again_counts_though_a_click_has_changed_it_meanwhile(tmp_path: Path) -> None:
    measured = [asyncio.Event(), asyncio.Event()]

    class Work(Component):
        value = 0
        template = "<p>{{ value }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.measure())

        async def measure(self) -> None:
            for each in measured:
                await each.wait()
                self.value = 21

        @exposed
        def clear(self) -> None:
            self.value = 0

        @exposed
        def look(self) -> None: ...

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        measured[0].set()
        await tab.shows("21")
        assert await tab.text_after("clear") == "<p>0</p>"
        measured[1].set()
        await until(lambda: not any(line.tasks for line in living(Line)))
        assert await tab.text_after("look") == "<p>21</p>"


async def test_what_a_thread_does_while_the_method_is_committed_is_shown(tmp_path: Path) -> None:
    class Held(MemoryBackend):
        committing: asyncio.Event | None = None

        async def commit(self, commit: Commit) -> bool:
            if self.committing is not None:
                self.committing.set()
                self.committing = None
                await go_on.wait()
            return await super().commit(commit)

    class Work(Component):
        rows: Stream[dict[str, str]] = Stream(key="id")
        template = """<ul ws-stream="rows">{% stream rows as row %}<li ws-key="{{ row.id }}">{{ row.id }}</li>
            {% endstream %}</ul>"""

        @exposed
        def start(self) -> None:
            started.append(self)

        def add(self) -> None:
            self.rows.append({"id": "late"})

        @exposed
        def look(self) -> None: ...

    backend, started, go_on = Held(), list[Work](), asyncio.Event()
    async with rig(asok_app(tmp_path, PAGE, backend=backend)) as served:
        tab = await served.tab()
        await tab.event("look")
        backend.committing = committing = asyncio.Event()
        await tab.send("event", tab.only, 2, "start")
        await committing.wait()
        await asyncio.to_thread(started[0].add)
        go_on.set()
        await tab.settled(tab.only, 2)
        await tab.event("look", seq=3)
        assert [frame for frame in tab.frames if "late" in str(frame[5:])]


async def test_a_task_is_cancelled_when_its_page_goes(tmp_path: Path) -> None:
    ended: list[str] = []
    began = asyncio.Event()

    class Work(Component):
        template = "<p></p>"

        @exposed
        def start(self) -> None:
            self.run(self.wait())

        async def wait(self) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("task")

    app = asok_app(tmp_path, PAGE)
    async with rig(app) as served:
        for leave in ("close", "leave"):
            began.clear()
            tab = await served.tab()
            await tab.event("start")
            await began.wait()
            await (tab.socket.close() if leave == "close" else tab.send("leave", tab.only))
            await until(lambda: ended)
            ended.clear()


async def test_a_task_starts_once_though_its_method_ran_twice(tmp_path: Path) -> None:
    started: list[int] = []
    calls: list[int] = []

    class Work(Component):
        template = "<p>{{ n }}</p>"
        n = 0

        @exposed
        def start(self) -> None:
            calls.append(1)
            self.run(self.count())
            self.broadcast("told", 1)

        async def count(self) -> None:
            started.append(1)

        @on("told")
        def told(self, message: int) -> None:
            self.n += message

    backend = Refusing(2)
    async with rig(asok_app(tmp_path, PAGE, backend=backend)) as served:
        tab = await served.tab()
        backend.armed = True
        await tab.event("start")
        await tab.shows("1")
        assert (len(calls), len(started)) == (3, 1)


@pytest.mark.parametrize("raised", [RuntimeError, SystemExit, BaseException])
async def test_a_task_that_raises_is_reported_and_what_it_did_before_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, raised: type[BaseException]
) -> None:
    class Work(Component):
        n = 0
        template = "<p>{{ n }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.fail())

        async def fail(self) -> None:
            self.n = 7
            raise raised("mine")

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        assert (await refused(tab, 0))[3] == "failed"
        await tab.shows("7")
    assert f"{raised.__name__}: mine" in caplog.text


async def test_a_task_may_do_what_a_method_may(tmp_path: Path) -> None:
    votes = Store({"n": 0}, name="task_votes")

    class Work(Component):
        heard = ""
        template = "<p>{{ heard }}</p>"

        @exposed
        def start(self) -> None:
            self.run(self.all())

        async def all(self) -> None:
            await asyncio.sleep(0)
            self.subscribe("deep")
            self.dispatch("done", 1)
            votes.update("n", 1)
            await self.push()
            self.broadcast("deep", "x")
            self.run(self.more())

        async def more(self) -> None:
            self.broadcast("deep", "y")

        @on("deep", "d*")
        def hear(self, message: str) -> None:
            self.heard += message

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        while not {"x", "y"} <= set(tab.text()):
            await tab.receive()
        assert [["dispatch", "done", 1]] in [
            frame[5] for frame in tab.frames if frame[0] == "update" and len(frame) > 5
        ]
        assert votes.read("n") == 1


async def test_a_task_that_never_began_warns_of_nothing(tmp_path: Path) -> None:
    class Work(Component):
        template = "<p></p>"

        @exposed
        async def start(self) -> None:
            self.run(self.never())
            raise RuntimeError

        async def never(self) -> None: ...

        def unmount(self) -> None:
            self.run(self.never())

    app = asok_app(tmp_path, PAGE)
    async with rig(app) as served:
        tab = await served.tab()
        assert (await tab.event("start"))[0] == "refused"
        await tab.socket.close(1001)
        await gone()
    gc.collect()  # a coroutine that nobody has awaited or closed would be an error here


async def test_a_task_whose_page_goes_just_before_it_begins_warns_of_nothing(tmp_path: Path) -> None:
    began: list[int] = []

    class Work(Component):
        template = "<p></p>"

        @exposed
        async def start(self) -> None:
            self.broadcast("told", 1)
            self.run(self.never())

        async def never(self) -> None:
            began.append(1)

    app = asok_app(tmp_path, PAGE)
    async with rig(app) as served:
        tab = await served.tab()
        # The message is handed out before the task has its first step.
        stop = app.bus.subscribe("topic", lambda message: living(Line)[0].stop())
        await tab.event("start")
        await tab.send("ping")
        await tab.until("pong")
        stop()
    gc.collect()  # a coroutine that nobody has awaited or closed would be an error here
    assert began == []


def test_what_needs_an_open_page_says_so_elsewhere() -> None:
    class Work(Component):
        template = "<p></p>"

        async def task(self) -> None: ...

    work = Work()
    for act in (
        lambda: work.run(work.task()),
        lambda: work.broadcast("a", 1),
        lambda: work.update_all(),
        lambda: work.presence.typing("a"),
        lambda: work.push(),
    ):
        with pytest.raises(ComponentError, match="do that in a method"):
            act()
    with pytest.raises(ComponentError, match="expected a coroutine"):
        work.run(work.task)  # type: ignore[arg-type]


# ---- threads


async def test_what_a_thread_sets_after_the_method_is_shown_and_kept(tmp_path: Path) -> None:
    goes_on = threading.Event()

    class Work(Component):
        value = 0
        clicks = 0
        secret: int = private(0)
        template = "<p>{{ value }} {{ clicks }} {{ secret }}</p>"

        @exposed
        def start(self) -> None:
            threading.Thread(target=self.measure).start()

        @exposed
        def press(self) -> None:
            self.clicks += 1

        def measure(self) -> None:
            goes_on.wait(10)
            for number in range(1, 501):
                self.value = number
            self.secret = 3
            self.push()
            self.value = 1000

    async with rig(asok_app(tmp_path, PAGE)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        await tab.event("start")
        await tab.event("press")
        goes_on.set()
        await tab.shows("1000 1 3")
        assert "1000 1 3" in (await visitor.open()).text


async def test_what_a_thread_sets_while_the_commit_is_under_way_is_not_swallowed(tmp_path: Path) -> None:
    works: list[Component] = []

    class Work(Component):
        value = 0
        template = "<p>{{ value }}</p>"

        @exposed
        def start(self) -> None:
            works.append(self)

    class Between(Refusing):
        async def commit(self, commit: Any) -> bool:
            done = await super().commit(commit)
            if works:
                thread = threading.Thread(target=setattr, args=(works.pop(), "value", 5))
                thread.start()
                thread.join()
            return done

    async with rig(asok_app(tmp_path, PAGE, backend=Between(0))) as served:
        tab = await served.tab()
        await tab.event("start")
        await tab.shows("5")


async def test_a_thread_with_a_loop_of_its_own_may_push(tmp_path: Path) -> None:
    goes_on = threading.Event()

    class Work(Component):
        values: list[int] = []
        template = "<p>{{ values }}</p>"

        @exposed
        def start(self) -> None:
            threading.Thread(target=lambda: asyncio.run(self.measure())).start()

        async def measure(self) -> None:
            await asyncio.to_thread(goes_on.wait, 10)
            self.values.append(1)
            await self.push()
            self.values.append(2)
            await self.push()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        goes_on.set()
        await tab.shows("[1]")
        await tab.shows("[1, 2]")


async def test_a_push_after_the_server_has_ended_says_so(tmp_path: Path) -> None:
    works: list[Any] = []

    class Work(Component):
        value = 0
        template = "<p>{{ value }}</p>"

        @exposed
        def start(self) -> None:
            works.append(self)

    def serve() -> None:
        async def once() -> None:
            async with rig(asok_app(tmp_path, PAGE)) as served:
                await (await served.tab()).event("start")

        asyncio.run(once())

    await asyncio.to_thread(serve)
    works[0].value = 1
    with pytest.raises(ComponentError, match="the server has ended"):
        await asyncio.to_thread(works[0].push)


async def test_a_step_that_meets_a_busy_store_lets_the_event_be_tried_again(tmp_path: Path) -> None:
    backend = Refusing(1)

    class Child(Component):
        n = 0
        secret: int = private(0)
        template = "<p>{{ n }}</p>"

    class Work(Component):
        n = 0
        template = "<div>{{ component('Child', n=n) }}</div>"

        @exposed
        async def go(self) -> None:
            self.n += 1
            backend.armed = True
            await self.push()

    async with rig(asok_app(tmp_path, PAGE, backend=backend)) as served:
        tab = await served.tab()
        assert (await tab.event("go"))[0] == "busy"
        assert (await tab.event("go", seq=1))[0] == "update"


async def test_a_thread_that_sets_what_the_field_cannot_hold_is_reported_and_hangs_nobody(tmp_path: Path) -> None:
    goes_on, over = threading.Event(), threading.Event()

    class Work(Component):
        value = 0
        template = "<p>{{ value }}</p>"

        @exposed
        def start(self) -> None:
            threading.Thread(target=self.spoil).start()

        def spoil(self) -> None:
            goes_on.wait(10)
            setattr(self, "value", "many")  # noqa: B010  # a type checker would see it
            self.push()
            self.value = 4
            over.set()

    async with rig(asok_app(tmp_path, PAGE, debug=True)) as served:
        tab = await served.tab()
        await tab.event("start")
        goes_on.set()
        assert "cannot hold" in (await refused(tab, 0))[4]
        await tab.shows("4")
        assert over.wait(10)


async def test_a_thread_that_outlives_its_page_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    goes_on = [threading.Event(), threading.Event()]
    threads: list[threading.Thread] = []

    class Work(Component):
        value = 0
        template = "<p>{{ value }}</p>"

        @exposed
        def start(self) -> None:
            threads.append(threading.Thread(target=self.measure))
            threads[0].start()

        def measure(self) -> None:
            for each in goes_on:
                each.wait(10)
                for number in range(100):
                    self.value = number

    caplog.set_level(logging.INFO, "asok")
    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        await tab.event("start")
        await tab.socket.close()
        await until(lambda: ": ended" in caplog.text)
        goes_on[0].set()
        await until(lambda: "after its page had gone" in caplog.text)
        goes_on[1].set()
        await asyncio.to_thread(threads[0].join)
        await until(lambda: True)
        assert caplog.text.count("after its page had gone") == 1


# ---- the same component in other tabs


async def test_update_all_gives_what_changed_to_the_same_page_and_no_other(tmp_path: Path) -> None:
    class Work(Component):
        number = 1
        notes: str = ""
        mine: int = private(0)
        template = "<p>{{ number }} {{ notes }} {{ mine }}</p>"

        @exposed
        async def all(self) -> None:
            self.number, self.notes, self.mine = 5, "all", 9
            await self.update_all()

        @exposed
        def some(self) -> None:
            self.number, self.notes = 6, "own"
            self.update_all("number")

        @exposed
        def write(self, notes: str) -> None:
            self.notes = notes

    body = "{{ component('Work') }}"
    async with rig(asok_app(tmp_path, {"/": body, "/other": body})) as served:
        one, two, elsewhere = await served.tab(), await served.tab("/?a=b"), await served.tab("/other")
        assert "5 all 9" in await one.text_after("all")
        await two.shows("5 all 0")
        assert "5 two 0" in await two.text_after("write('two')")
        assert "6 own 9" in await one.text_after("some")
        await two.shows("6 two 0")
        assert "1 here 0" in await elsewhere.text_after("write('here')")


async def test_update_all_reaches_a_tab_that_shows_the_very_same_instance(tmp_path: Path) -> None:
    class Work(Component):
        number = 1
        template = "<p>{{ number }}</p>"

        @exposed
        def add(self) -> None:
            self.number += 1
            self.update_all()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        tabs = [await visitor.connect() for _ in range(2)]
        for tab in tabs:
            await tab.join(page.tokens, page.csrf)
        await tabs[0].event("add")
        await tabs[1].shows("2")


async def test_update_all_reaches_another_worker_and_a_list_given_to_many_is_nobodys_alone(tmp_path: Path) -> None:
    class Work(Component):
        items: list[int] = []
        template = "<p>{{ items }}</p>"

        @exposed
        def fill(self) -> None:
            self.items = [1]
            self.update_all()

        @exposed
        def grow(self) -> None:
            self.items.append(2)

    where = str(tmp_path / "sessions.db")
    async with (
        rig(asok_app(tmp_path, PAGE, database=where)) as one,
        rig(asok_app(tmp_path, PAGE, database=where)) as two,
    ):
        tabs = [await two.tab(), await two.tab()]
        await (await one.tab()).event("fill")
        for tab in tabs:
            await tab.shows("[1]")
        assert "[1, 2]" in await tabs[0].text_after("grow")
        assert "[1, 2]" in await tabs[1].text_after("grow")


async def test_what_update_all_gave_is_the_same_for_a_second_attempt(tmp_path: Path) -> None:
    runs, goes_on = asyncio.Event(), asyncio.Event()
    backend = Refusing(1)

    class Work(Component):
        items: list[int] = []
        template = "<p>{{ items }}</p>"

        @exposed
        def fill(self) -> None:
            self.items = [1]
            self.update_all()

        @exposed
        async def hold(self) -> None:
            runs.set()
            await goes_on.wait()

        @on("grow")
        async def grow(self) -> None:
            backend.armed = goes_on.is_set()
            self.items.append(2)

    app = asok_app(tmp_path, PAGE, backend=backend)
    async with rig(app) as served:
        one, other = await served.tab(), await served.tab()
        await other.send("event", other.only, 1, "hold")
        await runs.wait()
        await one.event("fill")
        app.push("grow")
        await one.shows("[1, 2]")
        goes_on.set()
        await other.shows("[1, 2")
        assert "[1, 2]" in other.text()
    assert backend.refused == 1


async def test_update_all_of_what_is_no_public_field_is_refused(tmp_path: Path) -> None:
    class Work(Component):
        number = 1
        secret: int = private(0)
        template = "<p></p>"

        @exposed
        def share(self, name: str) -> None:
            self.update_all(name)

    async with rig(asok_app(tmp_path, PAGE, debug=True)) as served:
        tab = await served.tab()
        assert "did you mean 'number'" in (await tab.event("share('numbr')"))[4]
        assert "no public field" in (await tab.event("share('secret')"))[4]


async def test_what_cannot_be_shared_is_reported_and_the_event_stays_committed(tmp_path: Path) -> None:
    class Work(Component):
        text = ""
        template = "<p>{{ text | length }}</p>"

        @exposed
        def fill(self) -> None:
            self.text = "x" * 70_000
            self.update_all()

    limits = Limits(token=200_000)
    async with rig(asok_app(tmp_path, PAGE, limits=limits)) as served:
        tab = await served.tab()
        assert (await tab.event("fill"))[0] == "update"
        assert "70000" in tab.text()
        assert (await refused(tab, 0))[3] == "failed"


async def test_reload_is_an_effect_of_the_method(tmp_path: Path) -> None:
    class Work(Component):
        template = "<p></p>"

        @exposed
        def again(self) -> None:
            self.reload()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        assert (await (await served.tab()).event("again"))[5] == [["reload"]]


# ---- what is left behind


class Everything(Component):
    """Listens to all that there is."""

    room = "a"
    template = "<p>{{ n }} {{ this.presence.members('r') | length }}</p>"

    def mount(self) -> None:
        self.subscribe("news")
        self.presence.join("r", {"name": "x"})

    def load(self) -> None:
        self.subscribe("more")
        self.n = counted.read("n")

    @every(0.05)
    def tick(self) -> None: ...

    @exposed
    def nothing(self) -> None: ...

    @exposed
    async def slow(self) -> None:
        waits[0].set()
        await waits[1].wait()
        self.subscribe("late")
        self.presence.join("late")
        self.run(self.task())

    async def task(self) -> None:
        await asyncio.Event().wait()


counted = Store({"n": 0}, name="counted")
waits: list[asyncio.Event] = []


@pytest.mark.parametrize("way", ["closes", "leaves", "closes during an event", "leaves during an event"])
async def test_a_page_that_goes_leaves_nothing_behind(tmp_path: Path, way: str) -> None:
    waits[:] = [asyncio.Event(), asyncio.Event()]
    app = asok_app(tmp_path, {"/": "{{ component('Everything') }}", "/who": "{{ component('Who') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        tab = await served.tab()
        await tab.event("nothing")
        assert ">10</p>" in (await visitor.open("/who")).text
        if "event" in way:
            await tab.send("event", tab.only, 2, "slow")
            await waits[0].wait()
        await (tab.socket.close() if "closes" in way else tab.send("leave", tab.only))
        async with asyncio.timeout(10):
            while ">00</p>" not in (await visitor.open("/who")).text:
                pass
        waits[1].set()
        await until(lambda: not living(Line, Following, Attempt, Everything))
        assert not living(Line, Following, Attempt, Everything)
        assert ">00</p>" in (await visitor.open("/who")).text
        assert bool(living(LiveSession)) == ("leaves" in way)


class Who(Component):
    template = "<p>{% for room in ('r', 'late') %}{{ this.presence.members(room) | length }}{% endfor %}</p>"


# ---- what is told


async def test_the_log_says_session_connection_event_and_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Work(Component):
        template = "<p></p>"

        @exposed
        def go(self) -> None: ...

        @exposed
        def fail(self) -> None:
            raise RuntimeError

    with caplog.at_level(logging.DEBUG, "asok"):
        app = asok_app(tmp_path, PAGE)
        async with rig(app) as served:
            tab = await served.tab()
            await tab.event("go")
            await tab.event("fail")
            await tab.socket.close()
            await until(lambda: "ended" in caplog.text)
    who = r"connection \d+ of session [0-9a-f]{8}"
    said = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    for line in (
        rf"INFO {who}: joined with 1 instances",
        rf"DEBUG {who}: Work 'joinentry' in [0-9.]+ ms",
        rf"DEBUG {who}: Work 'go' in [0-9.]+ ms",
        rf"DEBUG {who}: Work 'fail' in [0-9.]+ ms",
        rf"INFO {who}: ended",
    ):
        assert any(re.fullmatch(line, each) for each in said), (line, said)
