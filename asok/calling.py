"""Running an exposed method: on the loop, in a thread, or step by step; never longer than its limit."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import copy_context
from types import GeneratorType
from typing import Any

from asok.component import Component
from asok.errors import Busy, MethodFailed, MethodTimeout, Refusal
from asok.exposing import Exposed
from asok.threads import Threads
from asok.timing import TimeLimit, within
from asok.verdicts import check_answer

__all__ = ["ends_all", "no_step", "run_method"]

Step = Callable[[], Awaitable[None]]
END: Any = object()


async def run_method(
    component: Component,
    method: Exposed,
    arguments: tuple[list[Any], dict[str, Any]],
    *,
    seconds: float,
    threads: Threads,
    step: Step,
    started: Callable[[TimeLimit], None] = lambda limit: None,
) -> Any:
    """What the method returns, once it has run to its end; `step` is awaited at each `yield` of a generator.

    started: is given the time limit, which may be put off while the method waits for a person.

    Raises MethodTimeout after `seconds`, MethodFailed with the method's own exception as its cause, and lets
    a Refusal and Busy that the method raised pass.
    """
    name, (args, kwargs) = f"{type(component).__name__}.{method.name}", arguments
    work = functools.partial(method.function, component, *args, **kwargs)
    limit = TimeLimit(seconds)
    started(limit)
    try:
        result = await within(limit, _run(work, method.kind, threads, step))
        check_answer(result, name)
        return result
    except TimeoutError as error:
        if limit.expired():
            raise MethodTimeout(name, seconds) from None
        raise MethodFailed(name, error) from error
    except (Refusal, Busy):
        raise
    except BaseException as error:
        if ends_all(error):
            raise
        raise MethodFailed(name, error) from error


async def _run(work: Callable[[], Any], kind: str, threads: Threads, step: Step) -> Any:
    if kind == "async":
        return await work()
    made = await threads.run(functools.partial(_in_thread, work)) if kind == "sync" else work()
    if inspect.isawaitable(made):  # a decorator has made a plain function of an `async def`
        return await made
    steps = _step_by_step(made, threads) if isinstance(made, GeneratorType) else made
    if not isinstance(steps, AsyncGenerator):
        return made
    async with contextlib.aclosing(steps):
        async for _ in steps:
            await step()
    return None


async def no_step() -> None:
    """Show none: nobody looks."""


def ends_all(error: BaseException) -> bool:
    """Whether it is to end more than the method that lets it pass. Neither sys.exit() in one is, nor that somebody
    else's task, for which it has waited, was cancelled, nor an error that a library has put beside Exception."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    if isinstance(error, GeneratorExit):  # a coroutine that is closed does not run in its task
        return not _in_a_task()
    return isinstance(error, KeyboardInterrupt)


def _in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # there is no loop any more
        return False


async def _step_by_step(steps: Generator[Any, None, Any], threads: Threads) -> AsyncGenerator[None, None]:
    """What a plain generator does up to each `yield`, in a thread; what it sets for itself stays set after that."""
    context = copy_context()
    try:
        while await threads.run(functools.partial(_in_thread, context.run, next, steps, END)) is not END:
            yield
    finally:  # one that runs has been told to stop; its end may block, as all of it
        if inspect.getgeneratorstate(steps) == inspect.GEN_SUSPENDED:
            await threads.run(functools.partial(_in_thread, context.run, steps.close))


def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work returns. Who interrupts the process does not do it in this thread, and nobody closes it."""
    try:
        return work(*arguments)
    except (KeyboardInterrupt, GeneratorExit) as error:
        raise RuntimeError(f"{type(error).__name__} in a thread ends nothing but the method") from error
