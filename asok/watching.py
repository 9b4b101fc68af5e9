"""One piece of work of an instance, as the log and the observers are told of it."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from asok import protocol
from asok.component import Definition
from asok.errors import Busy, MethodFailed, Refusal, ResetNeeded
from asok.lines import Work
from asok.observing import Observer, Observers
from asok.opening import SessionEnded
from asok.trials import Parked

__all__ = ["Watch", "event_id", "say_refused"]

log = logging.getLogger("asok")

OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (Busy, "busy"),
    (ResetNeeded, "reset"),
    (SessionEnded, "ended"),
    (Exception, "failed"),
)


def event_id(instance: str, tab: str, seq: int) -> str:
    """An event as its component knows it: the same however often it is sent."""
    return f"{instance}-{tab}-{seq}"


class Watch:
    """From the beginning of the work to its end, as a context manager. named: the connection, for the log."""

    __slots__ = ("_began", "_definition", "_end", "_named", "_observers", "_tab", "_work")

    def __init__(self, observers: Observers, definition: Definition, work: Work, tab: str, named: str) -> None:
        self._observers, self._definition, self._work = observers, definition, work
        self._tab, self._named = tab, named
        self._began = time.perf_counter()

    def __enter__(self) -> None:
        work, definition = self._work, self._definition
        self._end = None
        if self._observers and isinstance(work, protocol.Event):
            method = work.call.partition("(")[0].strip()
            known = method if method in definition.exposed else ""
            self._end = self._observers.event(definition.name, known, event_id(work.instance, self._tab, work.seq))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._end is not None:
            self._end(outcome_of(error))
        if log.isEnabledFor(logging.DEBUG):
            work, taken = self._work, (time.perf_counter() - self._began) * 1000
            what = work.call[:200] if isinstance(work, protocol.Event) else type(work).__name__.lower()
            log.debug("%s: %s %r in %.1f ms", self._named, self._definition.name, what, taken)


def outcome_of(error: BaseException | None) -> str:
    if error is None:
        return "done"
    if isinstance(error, Refusal):
        return error.code
    return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), "cut")


def say_refused(observers: Observers, error: Refusal, component: str, event: str, *, debug: bool) -> None:
    """Write it into the log, and tell the observers."""
    if observers:
        observers.tell(Observer.refused, error.code)
    about = {"code": error.code, "component": component, "event": event}
    if isinstance(error, MethodFailed | Parked):
        cause = error.cause if debug and isinstance(error, MethodFailed) else None
        log.error("%r", str(error), exc_info=cause, extra=about)
    else:
        log.warning("refused: %r", str(error)[:200], extra=about)
