"""Time limits: what they end, and that work inside them is as work outside."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from asok.timing import TimeLimit, finish, within

LONG = 60.0


async def at_once() -> str:
    return "done"


async def after(future: asyncio.Future[str]) -> str:
    return await future


async def test_work_that_never_waits_gives_its_result() -> None:
    assert await within(TimeLimit(LONG), at_once()) == "done"


async def test_work_that_waits_more_than_once_gives_its_result() -> None:
    async def work() -> list[int]:
        found = []
        for number in range(3):
            await asyncio.sleep(0)
            found.append(number)
        return found

    assert await within(TimeLimit(LONG), work()) == [0, 1, 2]


@pytest.mark.parametrize("waits", [False, True])
async def test_what_the_work_raises_comes_out(waits: bool) -> None:
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await within(TimeLimit(LONG), work())


async def test_work_that_takes_longer_is_cancelled() -> None:
    limit, ended = TimeLimit(0), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        await within(limit, work())
    assert ended == ["cancelled"]
    assert limit.expired()


async def test_a_timeout_of_the_work_itself_is_not_the_limits() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise TimeoutError

    limit = TimeLimit(LONG)
    with pytest.raises(TimeoutError):
        await within(limit, work())
    assert not limit.expired()


async def test_work_that_waits_for_a_second_thing_after_the_first_one_failed_goes_on() -> None:
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))

    async def work() -> str:
        with contextlib.suppress(ValueError):
            await first
        return await after(second)

    task = asyncio.create_task(within(TimeLimit(LONG), work()))
    await asyncio.sleep(0)
    first.set_exception(ValueError())
    await asyncio.sleep(0)
    second.set_result("second")
    assert await task == "second"


@pytest.mark.parametrize("first", ["result", "failure"])
async def test_who_cancels_the_task_cancels_the_work(first: str) -> None:
    waiting, ended = asyncio.get_running_loop().create_future(), []

    async def work() -> None:
        with contextlib.suppress(ValueError):
            await waiting
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.create_task(within(TimeLimit(LONG), work()))
    await asyncio.sleep(0)
    if first == "result":
        waiting.set_result(None)
    else:
        waiting.set_exception(ValueError())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_work_may_answer_a_cancellation_with_a_result() -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "in spite of it"
        return ""

    task = asyncio.create_task(within(TimeLimit(LONG), work()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "in spite of it"


async def test_a_limit_that_is_put_off_before_the_work_waits_is_put_off() -> None:
    limit = TimeLimit(0)

    async def work() -> str:
        limit.reschedule(None)
        await asyncio.sleep(0.01)
        return "done"

    assert await within(limit, work()) == "done"


async def test_a_limit_may_be_put_off_and_be_over_while_the_work_waits() -> None:
    limit, now = TimeLimit(LONG), asyncio.get_running_loop().time()
    task = asyncio.create_task(within(limit, after(asyncio.get_running_loop().create_future())))
    await asyncio.sleep(0)
    limit.reschedule(None)
    assert limit.when() is None
    limit.reschedule(now)
    with pytest.raises(TimeoutError):
        await task


async def test_a_limit_of_ended_work_cannot_be_put_off() -> None:
    limit = TimeLimit(LONG)
    await within(limit, asyncio.sleep(0))
    with pytest.raises(RuntimeError):
        limit.reschedule(None)


async def test_of_many_tasks_those_that_take_longer_are_cancelled() -> None:
    tasks = [asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(LONG))]
    await finish(tasks, 0.01)
    assert [task.cancelled() for task in tasks] == [False, True]
