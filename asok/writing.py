"""Writes outside of any unit of work: gathered for a moment, and committed in their order."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Protocol, TypeVar

from asok.documents import Document, Work
from asok.driven import driven
from asok.errors import Busy, StoreError
from asok.sessions import META, STORES, Backend, CellKey, Session, current_session, serve_session
from asok.trees import Write

__all__ = ["DirectWrites", "Written", "at_once"]

log = logging.getLogger("asok")
T = TypeVar("T")

MOST_AT_ONCE = 10_000
TRIES = 10
KNOWN = 40.0  # seconds; a Redis that took longer to come back might not know any more what it has done


@dataclass(frozen=True, slots=True)
class Written:
    """A write that has been committed; awaiting it gives the document's version."""

    version: int

    def __await__(self) -> Generator[Any, Any, int]:
        yield from ()
        return self.version


@dataclass(eq=False, slots=True)
class Waiting:
    """A write that waits for its commit. session: for whom it was made."""

    write: Write
    session: Session | None
    done: asyncio.Future[int]


class Committing(Protocol):
    """What commits a unit of work; False where it has to be made anew."""

    def __call__(self, work: Work, checks: Mapping[CellKey, int] = ..., /) -> Awaitable[bool]: ...


class DirectWrites:
    """The writes of one process. commit: commits a unit of work. failed: told of a write that is not to be."""

    def __init__(self, backend: Backend, commit: Committing, failed: Callable[[Document, Write], None]) -> None:
        self._backend, self._commit, self._failed = backend, commit, failed
        self._waiting: dict[CellKey, list[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def open(self) -> None:
        """From now on they are committed on this loop."""
        self._loop, self._thread, self._waiting = asyncio.get_running_loop(), threading.get_ident(), {}

    async def close(self) -> None:
        """Commit what waits."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._loop = None

    def write(self, document: Document, write: Write) -> Awaitable[int]:
        """On the loop it is committed in a moment, awaited or not; awaiting gives the document's version.

        In another thread, or where the app does not run, it is committed on return. Raises StoreError where it
        cannot be.
        """
        if self._loop is None or not self._loop.is_running():
            return Written(_apart(self._alone(document, write)))
        if threading.get_ident() == self._thread:
            return self._queue(document, write)
        return Written(asyncio.run_coroutine_threadsafe(self._soon(document, write), self._loop).result())

    async def settled(self, keys: Iterable[CellKey]) -> None:
        """Wait until what waits for these documents now is committed, or is not to be."""
        waiting = [each.done for key in keys for each in self._waiting.get(key, ())]
        if waiting:
            await asyncio.wait(waiting)

    async def _soon(self, document: Document, write: Write) -> int:
        return await self._queue(document, write)

    async def _alone(self, document: Document, write: Write) -> int:
        done = False
        while not done:  # what others have written meanwhile may make it impossible
            work = Work()
            work.write(document, write)
            done = await self._commit(work)
        return document.version

    def _queue(self, document: Document, write: Write) -> asyncio.Future[int]:
        document.wait(write)
        one = Waiting(write, current_session(), asyncio.get_running_loop().create_future())
        waiting = self._waiting.setdefault(document.key, [])
        waiting.append(one)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._work(document, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return one.done

    async def _work(self, document: Document, waiting: list[Waiting]) -> None:
        """Commit what waits, as much of one visitor as there is at a time."""
        most = MOST_AT_ONCE
        while waiting:
            session = waiting[0].session
            taken = list(takewhile(lambda each: each.session is session, islice(waiting, most)))  # noqa: B023  # used at once
            serve_session(session)
            try:
                done = await self._try(_work_of(document, taken))
            except Exception as error:
                if len(taken) > 1 and not isinstance(error, Busy):
                    most = len(taken) // 2  # one of them is at fault, and the others shall count
                else:
                    for _ in taken:
                        self._refuse(document, waiting.pop(0), error)
            else:
                if done:
                    del waiting[: len(taken)]
                    document.drop(each.write for each in taken)
                    for each in taken:
                        if not each.done.done():  # who awaited it may have been cancelled
                            each.done.set_result(document.version)
                    most = min(most * 2, MOST_AT_ONCE)
        del self._waiting[document.key]

    async def _try(self, work: Work) -> bool:
        """Commit it. Several that somebody counts on are tried for longer: all of them again, since nobody knows
        whether they are done."""
        left, give_up = TRIES if len(work.writes) > 1 else 1, time.monotonic() + KNOWN
        while True:
            try:
                return await self._commit(work, await self._still_there(next(iter(work.documents))[0]))
            except Busy:
                left -= 1
                if not left or time.monotonic() > give_up:
                    raise

    async def _still_there(self, owner: str) -> dict[CellKey, int]:
        """What must be so that a session's own state is not put where the session was before it got another id."""
        session = current_session()
        if session is None or session.is_new or owner.startswith(STORES):
            return {}
        cells = await self._backend.read(owner, [META])
        if META not in cells:
            raise StoreError("the session has ended, or was given another id meanwhile; nothing was set for it")
        return {(owner, META): cells[META].version}

    def _refuse(self, document: Document, one: Waiting, error: Exception) -> None:
        document.drop([one.write])
        cause = None if isinstance(error, (StoreError, Busy)) else error
        log.error("%s of %s was not stored: %r", one.write.verb, document.key[0], str(error), exc_info=cause)
        if not one.done.done():
            one.done.set_exception(error)
            one.done.exception()  # it is told here, whether somebody awaits it or not
        self._failed(document, one.write)


def _work_of(document: Document, taken: list[Waiting]) -> Work:
    """The unit of work that they are, seen from the committed tree. Raises StoreError where one cannot be."""
    work, tree = Work(), document.tree
    work.documents[document.key] = document
    for each in taken:
        tree, _ = document.after(tree, each.write)
        work.writes.append((document, each.write))
    return work


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that does not wait. Raises Busy where it does."""
    before, driven.at_once = driven.at_once, True  # of this thread, so that no task that begins here inherits it
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        driven.at_once = before
    work.close()
    raise Busy("the backend wants to wait")


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, where no app runs that could await it; what it has started ends before."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_with_all(work))
    return at_once(work)


async def _with_all(work: Coroutine[Any, Any, T]) -> T:
    result = await work
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
    return result
