"""Says when the event loop was kept from its work, and by whom: an async method that computes lets everybody wait."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from asok.component import Component

__all__ = ["Watchdog"]

log = logging.getLogger("asok.watchdog")

BEAT = 0.1
LIBRARIES = (str(Path(__file__).parent), str(Path(threading.__file__).parent), "site-packages", "<frozen")
LOOP = str(Path(asyncio.__file__).parent)  # under uvloop, whoever runs the loop stands there while it waits
ADVICE = "a plain def runs in a thread, and what can be awaited lets the others go on"


class Watchdog:
    """Looks at the loop from a thread of its own, ten times a second, and asks it for a sign of life while it works.

    A loop that waits for events is left alone, so an app that nobody uses costs next to nothing. longest: seconds that
    a sign of life may take.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._asked: float | None = None  # when; None where the last sign of life has come
        self._computed = 0.0
        self._told = float("-inf")
        self._loop_thread = 0
        self._used: Callable[[], float] = time.process_time
        self._over: threading.Event | None = None

    def start(self) -> None:
        """Begin to look at the loop that runs; a second time does nothing."""
        if self._over is not None or not self._longest:
            return
        self._loop_thread, self._over = threading.get_ident(), threading.Event()
        self._used, self._asked = _processor_time(self._loop_thread), None
        looking = (asyncio.get_running_loop(), self._over)
        threading.Thread(target=self._look, args=looking, name="asok-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        if self._over is not None:
            self._over.set()
            self._over = None

    def _look(self, loop: asyncio.AbstractEventLoop, over: threading.Event) -> None:
        punctual, woken, used = 0, time.monotonic(), self._used()
        while not (over.wait(BEAT) or loop.is_closed()):
            now, before, used_before = time.monotonic(), woken, used
            woken = now
            if not loop.is_running():
                continue
            used = self._used()
            # Where this thread has no processor in time either, it is not the loop that is at fault.
            punctual = punctual + 1 if now - before < 2 * BEAT else 0
            if punctual > 1:
                self._see(loop, now)
            elif now - before - BEAT > self._longest < used - used_before:
                self._say_afterwards(now - before - BEAT)  # whoever computed let not even this thread run

    def _see(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None or frame.f_code.co_name == "select" or frame.f_code.co_filename.startswith(LOOP):
            return  # it waits for events: it is not blocked, but may have no processor
        asked = self._asked  # the loop may answer meanwhile
        if asked is None:
            self._asked, self._computed = now, self._used()
            with suppress(RuntimeError):  # it was closed just now
                loop.call_soon_threadsafe(self._answer, now)
        elif now - asked > self._longest and self._told < asked:
            self._told = now
            problem = f"the event loop is blocked for more than {self._longest:.2f} s{_place(frame)}"
            log.warning("%s; %s", problem, ADVICE)

    def _answer(self, asked: float) -> None:
        """The loop's sign of life."""
        late, self._asked = time.monotonic() - asked, None
        # A machine that is busy with other things makes the loop late, too; then it has not computed.
        if late > self._longest < self._used() - self._computed:
            self._say_afterwards(late)

    def _say_afterwards(self, late: float) -> None:
        now = time.monotonic()
        if self._told < now - late:
            self._told = now
            log.warning("the event loop was blocked for %.1f s; %s", late, ADVICE)


def _processor_time(thread: int) -> Callable[[], float]:
    """Tells for how many seconds a living thread has computed; all threads, where the system does not know of one."""
    if hasattr(time, "pthread_getcpuclockid"):
        return partial(time.clock_gettime, time.pthread_getcpuclockid(thread))
    return time.process_time


def _place(frame: FrameType) -> str:
    """Which component's method runs there, and in which line of the app's own code."""
    own = [each for each in _outwards(frame) if not any(part in each.f_code.co_filename for part in LIBRARIES)]
    line = f"{Path(own[0].f_code.co_filename).name}:{own[0].f_lineno}" if own else ""
    owners = ((each.f_locals.get("self"), each.f_code.co_name) for each in [*own, *_outwards(frame)])
    method = next((f"{type(owner).__name__}.{name}" for owner, name in owners if isinstance(owner, Component)), "")
    return (f" by {method}" if method else "") + (f" at {line}" if line else "")


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
