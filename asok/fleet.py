"""The workers of `asok run`: each at its place, one more that waits to step in, and those that are on their way out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from multiprocessing import connection

from asok.log_lines import say
from asok.worker import Worker, stop

__all__ = ["RESPAWN_PAUSE", "Fleet", "say_died"]

RESPAWN_PAUSE = 1.0  # between the start of a worker that died at once and that of the next one, at first
LONGEST_PAUSE = 30.0
SAY_SECONDS = 30.0


class Place:
    """One worker's place: who serves there, who is to follow it, and when the next one may begin there."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.successor: Worker | None = None
        self.empty, self.due, self._deaths = False, 0.0, 0

    def died(self) -> None:
        """Its worker has. One that had served goes on at once in the next; one that dies at once, later and later."""
        lived = self.worker.is_ready() and self.worker.age >= RESPAWN_PAUSE
        self._deaths = 0 if lived else self._deaths + 1
        pause = min(RESPAWN_PAUSE * 2 ** (self._deaths - 1), LONGEST_PAUSE) if self._deaths else 0.0
        self.empty, self.due = True, time.monotonic() + pause

    def take(self, worker: Worker) -> None:
        """Give the place to a worker."""
        self.worker, self.empty = worker, False


class Fleet:
    """So many workers. `look` does what is to be done and never waits for one. make: makes one that has not begun.
    forget: told of each process that has ended.

    The spare one has everything imported but the app, so that who steps in serves as soon as the app is loaded.
    """

    def __init__(
        self, make: Callable[[], Worker], first: Worker, size: int, forget: Callable[[int], None] = lambda process: None
    ) -> None:
        self._make, self._forget = make, forget
        self._places = [Place(first), *(Place(make().begin()) for _ in range(1, size))]
        self._spare: Worker | None = None
        self._ending: list[Worker] = []
        self._outdated: deque[Place] = deque()
        self._said = -SAY_SECONDS

    def wait(self, seconds: float) -> None:
        """Wait until something may be to be done, at most so long."""
        workers = [place.worker for place in self._places if not place.empty]
        workers += [place.successor for place in self._places if place.successor is not None]
        pause = min((max(0.0, place.due - time.monotonic()) for place in self._places if place.empty), default=seconds)
        connection.wait([each for worker in (*workers, *self._ending) for each in worker.signs], min(pause, seconds))

    def renew(self) -> None:
        """Replace each worker as soon as its successor serves, one after the other."""
        self._outdated = deque(self._places)
        for place in self._places:
            if place.successor is not None:
                self._let_go(place.successor)
                place.successor = None
        if self._spare is not None:  # it has imported what may be of the old release
            self._let_go(self._spare)
            self._spare = None

    def look(self) -> None:
        """See to who has died, who is to follow, who takes too long to end, and whether somebody can step in.

        Where the system has no process, memory or file for one more now, those that serve go on until it has.
        """
        try:
            self._look()
        except OSError as error:
            if time.monotonic() >= self._said + SAY_SECONDS:
                self._said = time.monotonic()
                say(f"asok: no worker can be started now: {error.strerror or error}; trying again")

    def _look(self) -> None:
        for place in self._places:
            if not place.empty and not place.worker.is_alive:
                say_died(place.worker)
                self._forget(place.worker.pid)
                place.died()
            if place.empty and time.monotonic() >= place.due:
                place.take(self._next().begin())
        if self._outdated:
            self._succeed(self._outdated[0])
        for worker in [each for each in self._ending if each.has_ended]:
            self._ending.remove(worker)
            self._forget(worker.pid)
        if self._spare is not None and not self._spare.is_alive:
            self._spare = None
        if self._spare is None and not self._outdated and all(self._serves(place) for place in self._places):
            self._spare = self._make()

    def stop(self) -> None:
        """End all, and wait for it."""
        successors = [place.successor for place in self._places if place.successor is not None]
        spare = [self._spare] if self._spare is not None else []
        stop(*spare, *(place.worker for place in self._places), *successors, *self._ending)

    def _next(self) -> Worker:
        worker, self._spare = self._spare, None
        return worker if worker is not None and worker.is_alive else self._make()

    def _serves(self, place: Place) -> bool:
        return not place.empty and place.worker.is_ready()

    def _succeed(self, place: Place) -> None:
        """One step of replacing the worker of a place."""
        if place.successor is None:
            place.successor = self._make().begin()
        elif place.successor.is_ready():
            if not place.empty:
                self._let_go(place.worker)
            place.take(place.successor)
            place.successor = None
            self._outdated.popleft()
        elif not place.successor.is_alive or place.successor.is_late:
            say("asok: the new worker did not come up; the old one goes on")
            self._let_go(place.successor)
            place.successor = None
            self._outdated.clear()

    def _let_go(self, worker: Worker) -> None:
        worker.end()
        self._ending.append(worker)


def say_died(worker: Worker) -> None:
    """Say that a worker has ended by itself, and clear up after it."""
    say(f"asok: a worker died (exit code {worker.exitcode}); starting another one")
    worker.wait()
