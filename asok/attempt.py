"""One attempt at one piece of work, as the component's methods see it: what it can show and ask meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asok.asking import Asking, NoAnswer
from asok.calling import no_step
from asok.component import Component, surroundings_of
from asok.showing import Screen
from asok.timing import TimeLimit
from asok.units import Unit

__all__ = ["Attempt"]


class Attempt:
    """The `Tab` of a component during a unit of work, and of what the work leaves running after it.

    show: shows the state so far. The component knows it for good, so it does not know the component: else each event
    would leave 50 objects, and rows that were loaded, to the garbage collector (13 µs, and the processor's caches).
    """

    def __init__(self, unit: Unit, asking: Asking, screen: Screen, show: Callable[[], Awaitable[None]]) -> None:
        self.loop = screen.loop
        self._work, self._joined = unit.work, unit.joined
        self._asking, self._screen, self._show = asking, screen, show
        self.cancelled = False

    def started(self, limit: TimeLimit) -> None:
        """The method runs, and has so long."""
        self._asking.limit = limit
        self._joined.cancel = lambda: self._cancel(limit)

    def _cancel(self, limit: TimeLimit) -> None:
        """Its time is over now."""
        self.cancelled = True
        limit.reschedule(self.loop.time())

    def ended(self) -> None:
        """It does not run any more, and cannot be stopped."""
        self._asking.limit = None
        self._joined.cancel = None

    async def step(self) -> None:
        """Show a step of a generator; nobody makes steps for a page that has gone."""
        if self._screen.gone:
            task = asyncio.current_task()
            assert task is not None, "a method runs in a task"
            task.cancel("nobody looks at the steps any more")
            await asyncio.sleep(0)
        await self._show()

    async def push(self, component: Component) -> None:
        """Show the component as it is now; after the work is committed, what has changed since is kept, too."""
        if self._work.void:
            raise asyncio.CancelledError("the method was ended, and nothing of it counts")
        if self._work.over:
            await self._screen.later(component)
        elif not self._screen.gone:  # the method may finish, though nobody looks
            await self._show()

    async def ask(self, name: str, arguments: list[Any], seconds: float) -> Any:
        """The browser's answer. Raises NoAnswer."""
        if self._work.void:
            raise NoAnswer(name, "the method has ended")
        return await self._asking.ask(name, arguments, seconds)

    def undo(self, component: Component) -> None:
        """Nothing of the work counts: what it wanted to run is not started, what it has started writes nothing."""
        self._work.void = True
        self._screen.drop_step(self._joined.token.instance)
        for task in surroundings_of(component).tasks:
            task.close()

    def end(self) -> None:
        """No more states are shown on the way."""
        self._show = no_step
