"""Threads: so many at a time, in order, and one that is not needed any more is told to stop."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import weakref
from contextvars import ContextVar
from functools import partial

import pytest

from asok import threads as module
from asok.errors import Busy
from asok.threads import Threads

PATIENCE = 60
who = ContextVar("who", default="nobody")


class Gate:
    """A call that says that it has begun, and ends when it may."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> str:
        self.thread = threading.current_thread()
        self.begun.set()
        try:
            assert self.may_end.wait(PATIENCE)
        finally:
            self.ended.set()
        return "done"

    def spin(self) -> None:
        """The same, in Python alone."""
        self.begun.set()
        try:
            while not self.may_end.is_set():
                pass
        finally:
            self.ended.set()


async def happened(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def test_a_call_runs_in_a_thread_with_the_context_of_here() -> None:
    who.set("Ada")
    pool = Threads(1)
    assert await pool.run(who.get) == "Ada"
    assert await pool.run(threading.current_thread) is not threading.main_thread()
    await pool.run(partial(who.set, "Alan"))
    assert who.get() == "Ada"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), asyncio.CancelledError("own"), KeyboardInterrupt()])
async def test_what_a_call_raises_is_raised_here_and_its_thread_goes_on(error: BaseException) -> None:
    pool = Threads(1)

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        await pool.run(fail)
    assert await pool.run(lambda: "next") == "next"


async def test_a_stop_iteration_does_not_end_the_one_who_waits_in_silence() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await Threads(1).run(partial(next, iter(())))


class Lost(Exception):
    """Nobody may keep it."""


async def test_neither_a_call_nor_its_error_is_kept() -> None:
    async def seen() -> list[weakref.ref[object]]:
        def fail() -> None:
            raise Lost

        try:
            await Threads(1).run(fail)
        except Lost as error:
            return [weakref.ref(error), weakref.ref(fail)]
        raise AssertionError

    gc.disable()
    try:
        kept = await seen()
        async with asyncio.timeout(PATIENCE):
            while any(each() is not None for each in kept):  # noqa: ASYNC110  # that a thread lets go tells nobody
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_so_many_run_at_a_time_and_the_others_in_their_order() -> None:
    pool, gates, order = Threads(2), [Gate() for _ in range(2)], queue.SimpleQueue[int]()
    held = [asyncio.create_task(pool.run(gate)) for gate in gates]
    for gate in gates:
        await happened(gate.begun)
    others = [asyncio.create_task(pool.run(partial(order.put, number))) for number in range(20)]
    await asyncio.sleep(0)
    assert order.empty()
    gates[0].may_end.set()
    await asyncio.gather(*others)
    assert [order.get() for _ in others] == list(range(20))
    assert not held[1].done()
    gates[1].may_end.set()
    assert await asyncio.gather(*held) == ["done", "done"]


async def test_one_that_waits_in_vain_never_runs() -> None:
    pool, gate, ran = Threads(1), Gate(), list[int]()
    held = asyncio.create_task(pool.run(gate))
    await happened(gate.begun)
    others = [asyncio.create_task(pool.run(partial(ran.append, number))) for number in range(3)]
    await asyncio.sleep(0)
    others[1].cancel()
    gate.may_end.set()
    await asyncio.gather(held, *others, return_exceptions=True)
    assert ran == [0, 2]


async def test_one_that_was_cancelled_before_its_thread_took_it_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, ran = Threads(1), list[str]()
    await pool.run(lambda: None)
    (idle,) = pool._idle
    monkeypatch.setattr(idle, "todo", queue.SimpleQueue())  # the thread still listens to the other one
    task = asyncio.create_task(pool.run(partial(ran.append, "late")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    work = idle.todo.get_nowait()
    assert work is not None
    work.do()
    assert ran == []
    assert not work.left


async def test_one_that_hangs_is_told_to_stop() -> None:
    pool, gate = Threads(1), Gate()
    task = asyncio.create_task(pool.run(gate.spin))
    await happened(gate.begun)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await happened(gate.ended)


async def test_one_that_cannot_be_stopped_takes_nobodys_place_and_its_thread_ends_with_it() -> None:
    pool, deaf = Threads(1), Gate()
    hung = asyncio.create_task(pool.run(deaf))
    await happened(deaf.begun)
    behind = asyncio.create_task(pool.run(lambda: "behind"))
    await asyncio.sleep(0)
    hung.cancel()
    assert await asyncio.wait_for(behind, PATIENCE) == "behind"
    assert not deaf.ended.is_set()
    deaf.may_end.set()
    assert deaf.thread is not None
    await asyncio.to_thread(deaf.thread.join, 8)  # sooner than an idle one would end
    assert not deaf.thread.is_alive()


async def test_who_waits_is_told_where_the_system_gives_no_thread_and_the_next_ones_run() -> None:
    pool = Threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse_to_start)
        for _ in range(2):
            with pytest.raises(Busy, match="can't start new thread"):
                await pool.run(lambda: 1)
    assert await asyncio.wait_for(pool.run(lambda: 2), PATIENCE) == 2


async def test_where_the_system_gives_no_more_threads_those_that_are_there_do_all_the_work() -> None:
    pool, gate = Threads(3), Gate()
    held = asyncio.create_task(pool.run(gate))
    await happened(gate.begun)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse_to_start)
        others = [asyncio.create_task(pool.run(partial(abs, number))) for number in range(3)]
        await asyncio.sleep(0)
        gate.may_end.set()
        assert await asyncio.wait_for(asyncio.gather(held, *others), PATIENCE) == ["done", 0, 1, 2]


def refuse_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_any_moment_is_a_moment_to_cancel() -> None:
    pool = Threads(4)

    async def one(number: int) -> bool:
        task = asyncio.create_task(pool.run(lambda: sum(range(number * 7 % 300))))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        return isinstance((await asyncio.gather(task, return_exceptions=True))[0], (int, asyncio.CancelledError))

    async with asyncio.timeout(60):
        assert all(await asyncio.gather(*(one(number) for number in range(1000))))
        assert sum(await asyncio.gather(*(pool.run(partial(abs, number)) for number in range(100)))) == 4950


async def test_idle_threads_end_and_nothing_is_given_to_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0005)
    pool, seen = Threads(2), set[threading.Thread]()
    async with asyncio.timeout(60):
        for _ in range(300):
            seen.add(await pool.run(threading.current_thread))
            await asyncio.sleep(0.0005)
        await asyncio.gather(*(asyncio.to_thread(each.join, PATIENCE) for each in seen))
    assert len(seen) > 1
    assert not any(each.is_alive() for each in seen)
    assert pool._number == 0


def test_a_pool_outlives_its_loop() -> None:
    pool = Threads(1)
    gate = Gate()

    async def left_behind() -> None:
        task = asyncio.create_task(pool.run(gate))
        await happened(gate.begun)
        task.cancel()

    async def answered() -> int:
        return await asyncio.wait_for(pool.run(lambda: 1), PATIENCE)

    assert asyncio.run(answered()) == 1
    asyncio.run(left_behind())
    assert asyncio.run(answered()) == 1
    gate.may_end.set()
    assert asyncio.run(answered()) == 1


def test_two_loops_do_not_share_threads() -> None:
    pool, gate, loop = Threads(1), Gate(), asyncio.new_event_loop()
    held = loop.create_task(pool.run(gate))
    loop.run_until_complete(happened(gate.begun))

    async def answered() -> int:
        return await asyncio.wait_for(pool.run(lambda: 1), PATIENCE)

    with asyncio.Runner() as runner:
        assert runner.run(answered()) == 1
        gate.may_end.set()
        assert loop.run_until_complete(held) == "done"
        assert [runner.run(answered()) for _ in range(3)] == [1, 1, 1]
    assert gate.thread is not None
    gate.thread.join(PATIENCE)
    assert not gate.thread.is_alive()
    loop.close()
