"""Who watches an app from outside: told what happens in its process, as it happens, for metrics and traces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec

__all__ = ["Lag", "Observer", "Observers"]

log = logging.getLogger("asok")
P = ParamSpec("P")

LAG_EVERY = 0.5


class Observer:
    """Override what you want to be told of, and give it to `app.observe`.

    Each method is called on the app's loop: it must not wait. Names are those of classes and methods of the app,
    never what a browser has sent. An observer that raises is logged, and harms nobody.
    """

    def event(self, component: str, method: str, event: str) -> Callable[[str], None] | None:
        """An event begins to be answered; the result is called at its end with the outcome: `done`, `busy`, `reset`,
        `ended` (the session has), `cut` (the server ends), else the code of its refusal. method: empty where the
        event only sets fields. event: its id, as the component knows it."""

    def sent(self, size: int) -> None:
        """A rendering is on its way to a browser, as a message of so many bytes."""

    def rendered(self, component: str) -> None:
        """A component was rendered."""

    def refused(self, code: str) -> None:
        """A browser was refused something: an event, or a connection (`connection`), or was told to come again
        (`slow_down`, `busy`, `crowded`)."""

    def met_newer(self, component: str) -> None:
        """A commit met newer data, so that its work runs again."""

    def opened(self, transport: str) -> None:
        """A connection has begun: `websocket` or `post`."""

    def closed(self, transport: str) -> None:
        """It has ended."""

    def missed(self) -> None:
        """The bus between the processes may have lost messages; what they were about is read again."""

    def lagged(self, seconds: float) -> None:
        """Told each half second: so long the loop was kept from its work."""


class Observers(list[Observer]):
    """All of an app. While there are none, whoever has something to tell finds an empty list and goes on."""

    def tell(self, what: Callable[Concatenate[Observer, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell all of them."""
        for observer in self:
            try:
                getattr(observer, what.__name__)(*args, **kwargs)
            except Exception:
                log.exception("an observer raised; the app goes on")

    def event(self, component: str, method: str, event: str) -> Callable[[str], None]:
        """Tell all of them of an event; the result tells of its end, in the opposite order."""
        endings: list[Callable[[str], None]] = []
        for observer in self:
            try:
                ending = observer.event(component, method, event)
            except Exception:
                log.exception("an observer raised; the app goes on")
                continue
            endings += [ending] if ending is not None else []

        def end(outcome: str) -> None:
            for ending in reversed(endings):
                try:
                    ending(outcome)
                except Exception:
                    log.exception("an observer raised; the app goes on")

        return end


class Lag:
    """Tells the observers how late the loop comes to its work, from `begin` to `end`."""

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Measure from now on, where anybody wants to know."""
        if self._observers and self._task is None:
            self._task = asyncio.create_task(self._measure())

    async def end(self) -> None:
        """Measure no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._observers.tell(Observer.lagged, max(0.0, loop.time() - due))
