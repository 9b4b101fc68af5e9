"""Who may connect, and the conversations that are open: the same for all that carries them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.types import Scope

from asok.conversation import LiveSession
from asok.crowding import Seat
from asok.ending import end_of_server
from asok.errors import Busy
from asok.middleware import session_cookie
from asok.mounting import Engine
from asok.observing import Observer
from asok.origins import allowed_origin, host_allowed, host_of
from asok.outbox import Closing
from asok.protocol import CLOSE
from asok.sessions import META, open_session
from asok.timing import TimeLimit, within

__all__ = ["GOING_AWAY", "LOST", "Connections", "Wire", "cut"]

log = logging.getLogger("asok")

GOING_AWAY = 1001
LOST = 1006
LAST_WORD = 0.1
FAREWELL = 1.0  # seconds; some servers do not tell that a close was answered, or close only when the app returns
LOOK_SECONDS = 0.25
AGAIN = 1.0  # seconds, before a store that was busy is asked again


class Wire(Protocol):
    """What carries a conversation's frames to the browser.

    heartbeat: `beat` is called after so many seconds without a frame; None for never. straight: sends a frame at once
    and tells whether it has, where it can be sent without waiting; None where that is not known. cut: end it at once,
    whatever has not been sent.
    """

    heartbeat: float | None
    straight: Callable[[str], bool] | None

    def send(self, frame: str) -> Coroutine[Any, Any, None]:
        """Send a frame; waits while the browser does not read."""
        ...

    def beat(self) -> Coroutine[Any, Any, None]:
        """Send a sign of life."""
        ...

    async def close(self, code: int) -> None:
        """Tell the browser why this is the end."""

    def cut(self) -> None:
        """End it at once, whatever waits."""


class Connections:
    """The open conversations of this process, each with the task that sends what it says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.open: dict[LiveSession, asyncio.Task[None]] = {}
        self.draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._doubted: set[str] = set()
        self._looking = False

    def is_foreign(self, scope: Scope) -> bool:
        """Whether it comes from another site's page, or for another host."""
        settings = self.engine.settings
        return not host_allowed(host_of(scope), settings) or not allowed_origin(scope, settings)

    def refusal(self, scope: Scope) -> int:
        """The HTTP status with which this handshake is refused; 0 where it is not."""
        if self.is_foreign(scope):
            log.warning("refused: a connection from %r", Headers(scope=scope).get("origin", "")[:80])
            self.engine.observers.tell(Observer.refused, "connection")
            return 403
        return 503 if self.draining else 0

    async def session_of(self, scope: Scope, seat: Seat) -> str | None:
        """The id of the browser's session, empty where it brings none; None for one that has ended.

        The seat is that session's from now on. Waits until it is this connection's turn. Raises Crowded.
        """
        await self.engine.crowd.turn()
        cookie = session_cookie(scope)
        session = await open_session(self.engine.backend, cookie) if cookie else None
        if session is None:
            return None if cookie else ""
        seat.belongs_to(session.owner)
        return session.id

    async def carry(self, session: LiveSession, read: Callable[[], Awaitable[int]], wire: Wire) -> None:
        """Carry a conversation to its end. read: takes what comes; returns the close code when nothing more can."""
        reader = asyncio.current_task()
        assert reader is not None
        writer = asyncio.create_task(self._write(session, wire, reader))
        self.open[session] = writer
        if self.draining:  # it was let in just before
            session.outbox.close(CLOSE.RESTART, "restart")
        timers = [
            asyncio.get_running_loop().call_later(
                self.engine.settings.limits.first_message,
                lambda: None if session.greeted else session.outbox.close(CLOSE.TIMEOUT, "no join came"),
            )
        ]
        writer.add_done_callback(lambda _: timers.extend(self._leave_later(session, reader)))
        code = GOING_AWAY
        try:
            code = await read()
        except asyncio.CancelledError:
            if not writer.done():
                raise
            code = LOST
        finally:
            for each in timers:
                each.cancel()
            del self.open[session]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await session.end(gone=code == GOING_AWAY)

    def _leave_later(self, session: LiveSession, reader: asyncio.Task[None]) -> list[asyncio.TimerHandle]:
        """Read no more after a farewell, where nobody tells that it is over."""
        return [asyncio.get_running_loop().call_later(FAREWELL, reader.cancel)] if session in self.open else []

    async def _write(self, session: LiveSession, wire: Wire, reader: asyncio.Task[None]) -> None:
        """Send what is in the outbox, and the close at its end. Who does not read is cut."""
        limit = self.engine.settings.limits.send_timeout
        session.outbox.straight = wire.straight
        try:
            while True:
                frame = await _next(session, wire)
                await within(TimeLimit(limit), wire.beat() if frame is None else wire.send(frame))
        except Closing as closing:
            log.info("closing %s: %s", closing.code, closing.reason)
            await _close(wire, closing.code, limit)
        except TimeoutError:
            log.warning("cut: a browser that does not read")
            await _close(wire, CLOSE.SLOW, LAST_WORD)
            reader.cancel()
        except Exception as error:
            log.info("the connection is gone: %s", type(error).__name__)
        finally:
            session.outbox.discard()  # nobody waits for room any more

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """See to a conversation that no request carries, until it ends or `close` is called."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def watch(self) -> None:
        """A server begins. Drain, too, where it ends without a word: no answer of a line would ever end."""
        self.draining = False
        ends = end_of_server()
        if ends is not None:
            self.own(self._watch(ends))

    async def _watch(self, ends: Callable[[], bool]) -> None:
        while not ends():  # noqa: ASYNC110  # a signal's handler sets it, and tells nobody
            await asyncio.sleep(LOOK_SECONDS)
        await self.drain(self.engine.settings.limits.drain)

    async def close(self) -> None:
        """End what no server ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kick(self, owner: str) -> None:
        """Close the connections of a session that has ended."""
        for session in [each for each in self.open if each.owner == owner]:
            session.outbox.close(CLOSE.SESSION, "the session has ended")

    def doubt(self) -> None:
        """See whether the sessions of all connections still stand: what told of an end may have been missed."""
        self._doubted |= {session.owner for session in self.open} - {""}
        if not self._looking:
            self._looking = True
            self.own(self._look())

    async def _look(self) -> None:
        try:
            while self._doubted:
                owner = self._doubted.pop()
                try:
                    if not await self.engine.backend.read(owner, [META]):
                        self.kick(owner)
                except Exception as error:
                    if not isinstance(error, Busy):  # who has logged out elsewhere must not stay because of it
                        log.error("whether a session has ended could not be read: %r; again in a moment", str(error))
                    self._doubted.add(owner)
                    await asyncio.sleep(AGAIN)
        finally:
            self._looking = False

    def refresh(self, what: str) -> None:
        """Development: tell every tab that a template or stylesheet has changed."""
        for session in list(self.open):
            session.refresh(what)

    async def drain(self, seconds: float) -> None:
        """Take no more connections, let running methods answer, then send every browser elsewhere."""
        self.draining = True
        settling = [session.settle(seconds) for session in self.open]
        await asyncio.gather(self.engine.trials.company.acquit(), *settling)
        writers = list(self.open.values())
        for session in list(self.open):
            session.outbox.close(CLOSE.RESTART, "restart")
        if writers:
            await asyncio.wait(writers, timeout=1)


def cut(scope: Scope) -> None:
    """Drop the connection beneath; where the server does not show it, it is closed when all has been sent."""
    transport = scope.get("asok.transport")
    if transport is not None:
        transport.abort()


async def _close(wire: Wire, code: int, seconds: float) -> None:
    """End it with a word if there is room for one in so many seconds, else without."""
    try:
        async with asyncio.timeout(seconds):
            await wire.close(code)
    except Exception:
        wire.cut()


async def _next(session: LiveSession, wire: Wire) -> str | None:
    """The next frame, or None when it is time for a heartbeat."""
    if wire.heartbeat is None:
        return await session.outbox.get()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wire.heartbeat):
            return await session.outbox.get()
    return None
