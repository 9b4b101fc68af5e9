"""Running a method: where, how long, and what becomes of its errors."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from asok import Component, Denied, Stream, exposed
from asok.calling import ends_all, run_method
from asok.component import definition_of
from asok.errors import MethodFailed, MethodTimeout
from asok.threads import Threads
from tests.rig import asok_app, rig

stopped = threading.Event()
seen: list[Any] = []


style = ContextVar("style", default="plain")


def plain(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A decorator that does not say what it returns."""

    def wrapped(self: Any) -> Any:
        return method(self)

    return wrapped


class Worker(Component):
    count = 0

    @exposed
    def where(self) -> None:
        seen.append(threading.current_thread())

    @exposed
    def spin(self) -> None:
        seen.append(threading.current_thread())
        try:
            while True:
                pass
        finally:
            stopped.set()

    @exposed
    async def sleep(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("woken")

    @exposed
    async def drip(self) -> AsyncIterator[None]:
        try:
            while True:
                self.count += 1
                yield
        finally:
            seen.append("closed")

    @exposed
    def steps(self) -> Iterator[None]:
        for self.count in (1, 2):
            seen.append(threading.current_thread())
            yield
        self.count = 3

    @exposed
    def drop(self) -> Iterator[None]:
        try:
            yield
        finally:
            seen.append("closed")

    @exposed
    def drop_slowly(self) -> Iterator[None]:
        token = style.set("bold")
        try:
            yield
        finally:
            seen.append(threading.current_thread())
            style.reset(token)

    @exposed
    def divide(self) -> Iterator[None]:
        with localcontext() as context:
            context.prec = 3
            yield
            seen.append(str(Decimal(1) / 3))

    @exposed
    @plain
    async def add_in_a_moment(self) -> None:
        await asyncio.sleep(0)
        self.count += 1

    @exposed
    @plain
    async def add_in_two_steps(self) -> AsyncIterator[None]:
        self.count += 1
        yield
        self.count += 1

    @exposed
    @plain
    def add_in_a_thread(self) -> Iterator[None]:
        seen.append(threading.current_thread())
        self.count += 1
        yield

    @exposed
    async def stubborn(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            seen.append("closed")

    @exposed
    async def own_timeout(self) -> None:
        raise TimeoutError

    @exposed
    async def inner_timeout(self) -> None:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)

    @exposed
    def fail(self) -> None:
        raise ValueError("no")

    @exposed
    def deny(self) -> None:
        raise Denied("this")


@pytest.fixture(autouse=True)
def fresh() -> None:
    seen.clear()
    stopped.clear()


async def run(name: str, *, seconds: float = 5, step: Any = None) -> Component:
    async def no_step() -> None: ...

    component, method = Worker(), definition_of(Worker).exposed[name]
    threads = Threads(2)
    await run_method(component, method, ([], {}), seconds=seconds, threads=threads, step=step or no_step)
    return component


async def test_a_sync_method_runs_off_the_loop() -> None:
    await run("where")
    assert seen[0] is not threading.main_thread()


async def test_a_sync_method_that_never_ends_is_cut_and_its_thread_is_free_again() -> None:
    with pytest.raises(MethodTimeout, match=r"longer than 0\.2 s.*@exposed\(timeout=0\.4\)"):
        await run("spin", seconds=0.2)
    assert await asyncio.to_thread(stopped.wait, 5)
    for _ in range(3):
        await run("where")


async def test_an_async_method_is_cut_at_its_limit() -> None:
    with pytest.raises(MethodTimeout):
        await run("sleep", seconds=0.05)
    assert seen == ["woken"]


async def test_a_generator_is_cut_and_closed_where_it_stands() -> None:
    async def forever() -> None:
        await asyncio.sleep(60)

    with pytest.raises(MethodTimeout):
        await run("drip", seconds=0.05, step=forever)
    assert seen == ["closed"]


async def test_each_yield_of_a_plain_generator_is_shown_and_its_parts_run_off_the_loop() -> None:
    shown = 0

    async def step() -> None:
        nonlocal shown
        shown += 1

    worker = await run("steps", step=step)
    assert isinstance(worker, Worker)
    assert (worker.count, shown) == (3, 2)
    assert threading.main_thread() not in seen


async def test_a_plain_generator_is_cut_and_closed_where_it_stands() -> None:
    async def forever() -> None:
        await asyncio.sleep(60)

    with pytest.raises(MethodTimeout):
        await run("drop", seconds=0.05, step=forever)
    assert seen == ["closed"]


async def test_what_a_plain_generator_does_at_its_end_blocks_only_its_thread_and_finds_what_it_has_set() -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(MethodFailed, match="LookupError"):
        await run("drop_slowly", step=broken)
    assert isinstance(seen[0], threading.Thread)
    assert seen[0] is not threading.main_thread()


async def test_what_a_plain_generator_sets_for_itself_stays_set_after_its_yield() -> None:
    await run("divide")
    assert seen == ["0.333"]


@pytest.mark.parametrize(("name", "count"), [("add_in_a_moment", 1), ("add_in_two_steps", 2), ("add_in_a_thread", 1)])
async def test_a_method_runs_to_its_end_whatever_a_decorator_has_made_of_it(name: str, count: int) -> None:
    worker = await run(name)
    assert isinstance(worker, Worker)
    assert worker.count == count
    assert threading.main_thread() not in seen


async def test_a_generator_whose_step_cannot_be_shown_is_closed() -> None:
    async def broken() -> None:
        raise ValueError

    with pytest.raises(MethodFailed):
        await run("stubborn", step=broken)
    assert seen == ["closed"]


@pytest.mark.parametrize("name", ["own_timeout", "inner_timeout"])
async def test_a_timeout_of_the_methods_own_is_a_failure_and_not_its_limit(name: str) -> None:
    with pytest.raises(MethodFailed, match="TimeoutError"):
        await run(name)


async def test_what_a_method_raises_is_kept_as_the_cause() -> None:
    with pytest.raises(MethodFailed, match=r"Worker\.fail raised ValueError: no") as failed:
        await run("fail")
    assert isinstance(failed.value.cause, ValueError)


async def test_a_refusal_of_the_methods_own_passes() -> None:
    with pytest.raises(Denied):
        await run("deny")


async def test_the_loop_goes_on_while_a_sync_method_computes() -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while not stopped.is_set():
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    began = time.monotonic()
    with pytest.raises(MethodTimeout):
        await run("spin", seconds=0.2)
    assert time.monotonic() - began < 5
    await asyncio.to_thread(stopped.wait, 5)
    await turning
    assert turns > 3


class Panic(BaseException):
    """What a library raises that it does not want to be caught, as those in Rust do."""


class Quitter(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    def render(self) -> str:
        if self.count == 8:
            sys.exit(1)
        return super().render()

    def load(self) -> None:
        if self.count == 7:
            sys.exit(1)

    @exposed
    async def wait_for_another(self) -> None:
        self.count += 1
        another = asyncio.ensure_future(asyncio.sleep(60))
        another.cancel()
        await another

    @exposed
    def leave(self) -> None:
        sys.exit(1)

    @exposed
    async def leave_later(self) -> None:
        sys.exit(1)

    @exposed
    def leave_loading(self) -> None:
        self.count = 7

    @exposed
    def leave_rendering(self) -> None:
        self.count = 8

    @exposed
    def panic(self) -> None:
        raise Panic

    @exposed
    async def panic_later(self) -> None:
        raise Panic

    @exposed
    def interrupt(self) -> None:
        raise KeyboardInterrupt

    @exposed
    def close(self) -> None:
        raise GeneratorExit

    @exposed
    async def close_later(self) -> None:
        raise GeneratorExit

    @exposed
    async def close_in_steps(self) -> AsyncIterator[None]:
        yield
        raise GeneratorExit

    @exposed
    def stop(self) -> None:
        raise StopIteration

    @exposed
    def add(self) -> None:
        self.count += 1


async def test_what_ends_a_method_from_inside_ends_neither_its_instance_nor_the_server(tmp_path: Path) -> None:
    endings = ["wait_for_another", "leave", "leave_later", "leave_loading", "leave_rendering"]
    endings += ["panic", "panic_later", "interrupt", "close", "close_later", "close_in_steps", "stop"]
    async with rig(asok_app(tmp_path, {"/": "{{ component('Quitter') }}"})) as served:
        tab = await served.tab()
        for call in endings:
            assert (await tab.event(call))[::3] == ["refused", "failed"]
        assert await tab.text_after("add") == "<p>1</p>"


def test_work_that_is_closed_is_no_failure() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(0)
        except BaseException as error:
            assert ends_all(error)
            raise

    closed = work()
    closed.send(None)
    closed.close()


class Ticket(Struct, frozen=True):
    number: int

    @property
    def text(self) -> str:
        return str(self.number) if self.number else sys.exit(1)


class Departing(Component):
    tickets: Stream[Ticket] = Stream(key="number")
    count = 0
    template = """<div><p>{{ count }}</p><ul ws-stream="tickets">
        {% stream tickets as each %}<li ws-key="{{ each.number }}">{{ each.text }}</li>{% endstream %}</ul></div>"""

    def updated(self, names: frozenset[str]) -> None:
        if self.count == 7:
            sys.exit(1)

    def unmount(self) -> None:
        sys.exit(1)

    @exposed
    def draw(self) -> None:
        self.tickets.append(Ticket(0))

    @exposed
    def jump(self) -> None:
        self.count = 7

    @exposed
    def add(self) -> None:
        self.count += 1


async def test_what_ends_a_hook_or_a_row_from_inside_ends_neither_its_instance_nor_the_server(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, {"/": "{{ component('Departing') }}"})) as served:
        tab = await served.tab()
        for call in ("draw", "jump"):
            assert (await tab.event(call))[::3] == ["refused", "failed"]
        assert "<p>1</p>" in await tab.text_after("add")
        await tab.send("leave", tab.only)
        assert "<p>1</p>" in await (await served.tab()).text_after("add")
