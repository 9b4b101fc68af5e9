"""Says when the event loop was kept from its work, and by whom: an async method that computes lets everybody wait."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from asok.component import Component

__all__ = ["Watchdog"]

log = logging.getLogger("asok.watchdog")

BEAT = 0.1
LIBRARIES = (str(Path(__file__).parent), str(Path(threading.__file__).parent), "site-packages", "<frozen")
LOOP = str(Path(asyncio.__file__).parent)  # under uvloop, whoever runs the loop stands there while it waits
ADVICE = "a plain def runs in a thread, and what can be awaited lets the others go on"


_one_at_a_time = threading.Lock()


class Watchdog:
    """Looks at the loop from a thread of its own, ten times a second. longest: seconds it may be late."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._beat = self._used = self._stood = 0.0
        self._loop_thread = 0
        self._said = False
        self._over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look at the loop that runs; a second time does nothing."""
        if self._timer is not None or not self._longest:
            return
        self._loop_thread, self._over = threading.get_ident(), threading.Event()
        self._schedule()
        looking = (asyncio.get_running_loop(), self._over)
        threading.Thread(target=self._look, args=looking, name="asok-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        self._beat, self._used, self._said = time.monotonic(), time.thread_time(), False
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beats)

    def _beats(self) -> None:
        late, ran = self._late(), self._stood <= self._beat
        # A machine that is busy with other things makes the loop late, too; then it has not computed.
        if ran and late > self._longest and not self._said and time.thread_time() - self._used > self._longest:
            log.warning("the event loop was blocked for %.1f s; %s", late, ADVICE)
        self._schedule()

    def _late(self) -> float:
        return time.monotonic() - self._beat - BEAT

    def _look(self, loop: asyncio.AbstractEventLoop, over: threading.Event) -> None:
        punctual, woken = 0, time.monotonic()
        while not (over.wait(BEAT) or loop.is_closed()):
            now = time.monotonic()
            # Where this thread has no processor in time either, it is not the loop that is at fault.
            punctual, woken = (punctual + 1 if now - woken < 2 * BEAT else 0), now
            if not loop.is_running():
                self._stood = now  # whoever has the thread then blocks nobody
            elif punctual > 1 and self._late() > self._longest and not self._said:
                self._say()

    def _say(self) -> None:
        frame = _frame_of(self._loop_thread)
        if frame is None or frame.f_code.co_name == "select" or frame.f_code.co_filename.startswith(LOOP):
            return  # it waits for events: it was not blocked, but had no processor
        self._said = True
        log.warning("the event loop is blocked for more than %.2f s%s; %s", self._longest, _place(frame), ADVICE)


def _frame_of(thread: int) -> FrameType | None:
    """Where a thread is. Without the garbage collector: what it ends may want the lock that Python holds meanwhile, and
    then all threads stand still for ever (python/cpython#106883)."""
    with _one_at_a_time:
        collects = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames().get(thread)
        finally:
            if collects:
                gc.enable()


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
