"""What waits to be sent, and what goes straight: nothing is lost, doubled or overtaken, however the two take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.outbox import Closing, Outbox
from asok.rota import AT_ONCE, Rota
from asok.settings import Limits

ACTIONS = ("put", "gather", "look", "jam", "clear")


class Wire:
    """A browser's side. While it is jammed, who sends waits, and nothing goes straight."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.straight = 0

    def send_straight(self, frame: str) -> bool:
        if self.free.is_set():
            self.taken.append(frame)
            self.straight += 1
        return self.free.is_set()

    async def write(self, outbox: Outbox) -> None:
        """What a connection's writer does; when the wire is free again, it notices a moment later."""
        try:
            while True:
                frame = await outbox.get()
                await self.free.wait()
                self.taken.append(frame)
        except Closing as closing:
            self.taken.append(str(closing.code))


async def run(actions: list[str], limits: Limits | None = None) -> Wire:
    """Put, gather, let the loop come round, jam and clear the wire; then close, and read to the end."""
    outbox, wire, number = Outbox(limits or Limits()), Wire(), 0
    outbox.straight = wire.send_straight
    writer = asyncio.create_task(wire.write(outbox))
    for action in actions:
        if action == "put":
            outbox.put_text(str(number))
            number += 1
        elif action == "gather":
            outbox.gather()
        elif action == "look":
            await asyncio.sleep(0)
        elif action == "jam":
            wire.free.clear()
        else:
            wire.free.set()
    outbox.close(1012, "the end")
    wire.free.set()
    await writer
    assert wire.taken == [*map(str, range(number)), "1012"]
    return wire


@given(st.lists(st.sampled_from(ACTIONS), max_size=40))
def test_all_arrives_once_and_in_order_whichever_way_it_goes(actions: list[str]) -> None:
    asyncio.run(run(actions))


async def test_what_is_put_goes_straight_only_where_all_before_it_has_gone() -> None:
    resting = await run(["look", "put", "put"])
    assert resting.straight == 2
    # The writer has been told that the wire is free, and has not sent its frame yet.
    woken = await run(["look", "jam", "put", "look", "clear", "put"])
    assert woken.straight == 0
    gathered = await run(["look", "jam", "put", "look", "gather", "put", "clear", "look"])
    assert gathered.straight == 0


async def test_what_is_gathered_goes_when_the_loop_comes_round() -> None:
    outbox, wire = Outbox(Limits(outbox_messages=2)), Wire()
    outbox.straight = wire.send_straight
    writer = asyncio.create_task(wire.write(outbox))
    await asyncio.sleep(0)
    outbox.gather()
    outbox.put_text("a")
    outbox.put_text("b")
    assert wire.taken == []
    assert not outbox.has_room
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    await asyncio.wait_for(waiting, 10)
    assert wire.taken == ["a", "b"]
    assert wire.straight == 2
    outbox.put_text("c")
    assert wire.taken[-1] == "c"
    outbox.discard()
    outbox.put_text("nobody reads this")
    assert wire.taken == ["a", "b", "c"]
    writer.cancel()


async def test_where_nothing_can_go_straight_gathering_keeps_nothing_back() -> None:
    outbox = Outbox(Limits())
    outbox.gather()
    outbox.put_text("a")
    assert await asyncio.wait_for(outbox.get(), 10) == "a"


# ---- who begins when


async def test_many_begin_in_their_order_and_others_get_the_loop_in_between() -> None:
    rota, begun, seen = Rota(), [], []
    for number in range(2 * AT_ONCE + 1):
        rota.enter(lambda number=number: begun.append(number))  # type: ignore[misc]
    assert begun == []
    while len(begun) <= 2 * AT_ONCE:
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert seen == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1]
    assert begun == list(range(2 * AT_ONCE + 1))
    rota.enter(lambda: begun.append(-1))
    await asyncio.sleep(0)
    assert begun[-1] == -1


async def test_one_that_fails_keeps_nobody_from_beginning() -> None:
    rota, begun, problems = Rota(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context["exception"]))

    def fails() -> None:
        raise ValueError

    for begin in (fails, lambda: begun.append(1)):
        rota.enter(begin)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert begun == [1]
    assert [type(each) for each in problems] == [ValueError]


def test_what_a_loop_that_ended_has_left_does_not_stop_the_next_one() -> None:
    rota, begun = Rota(), []

    async def enter(number: int, rounds: int) -> None:
        rota.enter(lambda: begun.append(number))
        for _ in range(rounds):
            await asyncio.sleep(0)

    def turn(work: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(work)
        loop.close()

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr("asok.rota.AT_ONCE", 0)  # so that the first loop never comes to it
        turn(enter(1, 0))
    turn(enter(2, 2))
    assert begun == [2]
