"""One browser tab's conversation: messages in, messages to a bounded outbox. It knows no socket.

Events of one instance run in order, one at a time; those of different instances run side by side. What
cannot be taken now is answered with `slow_down` or `busy`; nothing is dropped without a word.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asok import protocol
from asok.component import registry
from asok.errors import Busy, MethodFailed, Refusal, ResetNeeded, TokenError, UnknownComponent
from asok.live import Live, SessionEnded
from asok.mounting import Engine
from asok.outbox import Closing, Outbox
from asok.protocol import CLOSE
from asok.sessions import owner_of
from asok.showing import Joined
from asok.state import instance_of, unseal

__all__ = ["LiveSession"]

log = logging.getLogger("asok")

RETRY_MS = 100
BUSY_MS = 1000
LOG_LINES = 10


@dataclass(slots=True)
class Line:
    """An instance and the work that waits for it. expected: the sequence to be taken next."""

    joined: Joined
    expected: int
    work: deque[protocol.Event | protocol.JoinEntry] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class LiveSession:
    """One tab. `receive` takes a message and never waits for a method; answers go to `outbox`."""

    def __init__(self, engine: Engine, scope: Mapping[str, Any], session_id: str) -> None:
        self._engine, self._limits = engine, engine.settings.limits
        self.outbox = Outbox(self._limits)
        self.session_id = session_id
        self.owner = owner_of(session_id) if session_id else ""
        self._live = Live(engine, scope, session_id, self.outbox.put)
        self._lines: dict[str, Line] = {}
        self._gone: dict[str, Refusal | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting, self._draining = 0, False
        self._logged = (0, 0)
        self._tokens, self._refilled, self._strikes = float(self._limits.burst), time.monotonic(), 0

    @property
    def greeted(self) -> bool:
        """Whether the first join has come."""
        return bool(self._live.screen.tab)

    def receive(self, message: protocol.ClientMessage) -> None:
        """Take a message. Raises Closing where the connection must end."""
        if self.outbox.overflowing:
            raise Closing(CLOSE.FLOOD, "nothing is read")
        match message:
            case protocol.Join():
                self._join(message)
            case _ if not self.greeted:
                raise Closing(CLOSE.PROTOCOL, "the first message must be a join")
            case protocol.Event():
                self._take(message)
            case protocol.Leave():
                line = self._forget(message.instance)
                if line is not None:
                    self._track(self._unmount(line))
            case protocol.Ping():
                self.outbox.put(protocol.Pong())

    async def settle(self, seconds: float) -> None:
        """Take no more events, and wait for the methods that run, at most so long."""
        self._draining = True
        running = [line.task for line in self._lines.values() if line.task is not None]
        if running:
            await asyncio.wait(running, timeout=seconds)

    async def end(self, *, gone: bool) -> None:
        """The connection is over: what has been taken may finish, though nobody hears of it; steps end.

        gone: the page is, too, so that its instances unmount.
        """
        self.outbox.discard()
        self._live.screen.gone = True
        tasks = [line.task for line in self._lines.values() if line.task is not None] + list(self._tasks)
        if tasks:
            _, running = await asyncio.wait(tasks, timeout=self._limits.drain)
            for task in running:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if gone:
            for line in self._lines.values():
                await self._unmount(line)

    def refresh(self, what: str) -> None:
        """Development: tell the tab that a template or stylesheet has changed."""
        self.outbox.put(protocol.Refresh(what))

    def _join(self, message: protocol.Join) -> None:
        if message.protocol != protocol.PROTOCOL:
            self.outbox.put(protocol.Reload())
            return
        if not self._admitted():
            self.outbox.put(protocol.SlowDown("", 0, BUSY_MS))
            raise Closing(CLOSE.FLOOD, "too many joins")
        if not self.greeted:
            self._check_csrf(message.csrf)
            self._live.screen.tab = message.tab[:32] or "-"
        csrf = self._engine.ring.mac("csrf", self.session_id) if self.session_id else ""
        self.outbox.put(protocol.Joined(csrf))
        for entry in message.instances:
            self._join_instance(entry)

    def _check_csrf(self, csrf: str) -> None:
        if self.session_id and not self._engine.ring.matches("csrf", self.session_id, csrf):
            raise Closing(CLOSE.SESSION, "the CSRF token is not this session's")
        if csrf and not self.session_id:
            raise Closing(CLOSE.SESSION, "no session")

    def _join_instance(self, entry: protocol.JoinEntry) -> None:
        instance = instance_of(entry.token)
        line = self._lines.get(instance)
        if len(self._gone) > self._limits.instances:
            raise Closing(CLOSE.FLOOD, "too many joins that fail")
        if line is None and len(self._lines) >= self._limits.instances:
            self._gone.setdefault(instance, Refusal("too many instances on one connection"))
            return self._refuse(instance, entry.seq, self._gone[instance] or Refusal("told to reset"))
        try:
            token = unseal(entry.token, self._engine.ring, self._limits, time.time())
            definition = registry.find(token.component)
            if not self._engine.bound(token, definition, self.session_id):
                raise TokenError("the token is another session's")
            if token.binding:  # made by the newest key, so that older ones may leave the ring
                token = msgspec.structs.replace(token, binding=self._engine.binding(self.session_id))
        except (TokenError, UnknownComponent, ResetNeeded) as error:
            return self._reset(instance, error)
        if line is None:
            joined = Joined(token, entry.token, definition, token.rendering, bool(entry.held))
            line = self._lines[instance] = Line(joined, entry.seq + 1)
            self._live.screen.joined[instance] = joined
        if not any(isinstance(each, protocol.JoinEntry) for each in line.work):
            self._queue(line, entry)

    def _reset(self, instance: str, error: Exception) -> None:
        if self._may_log():
            log.info("reset of %s: %r", instance or "a malformed token", str(error))
        self._gone.setdefault(instance, None)
        self._forget(instance)
        self.outbox.put(protocol.Reset(instance))

    def _forget(self, instance: str) -> Line | None:
        self._live.screen.joined.pop(instance, None)
        return self._lines.pop(instance, None)

    def _queue(self, line: Line, work: protocol.Event | protocol.JoinEntry) -> None:
        line.work.append(work)
        self._waiting += 1
        if line.task is None:
            line.task = asyncio.create_task(self._work(line))

    def _take(self, event: protocol.Event) -> None:
        """Queue an event, or say at once why not."""
        line = self._lines.get(event.instance)
        if not self._admitted() or self._draining:
            self.outbox.put(protocol.SlowDown(event.instance, event.seq, RETRY_MS))
        elif line is None:
            self._answer_stranger(event)
        elif event.seq > line.expected or self._waiting >= self._limits.inbound:
            self.outbox.put(protocol.SlowDown(event.instance, min(event.seq, line.expected), RETRY_MS))
        elif not any(isinstance(each, protocol.Event) and each.seq == event.seq for each in line.work):
            line.expected = max(line.expected, event.seq + 1)
            self._queue(line, event)

    def _answer_stranger(self, event: protocol.Event) -> None:
        """An event of an instance that is not joined. One that was told why must not be asked to join again."""
        refusal = self._gone.get(event.instance, None)
        if refusal is not None:
            self._refuse(event.instance, event.seq, refusal)
        elif event.instance not in self._gone:
            self.outbox.put(protocol.NeedToken(event.instance))

    def _admitted(self) -> bool:
        """A token bucket. Who goes on though it is empty is a flood. Raises Closing."""
        now = time.monotonic()
        refill = (now - self._refilled) * self._limits.events_per_second
        self._tokens, self._refilled = min(self._limits.burst, self._tokens + refill), now
        if self._tokens == self._limits.burst:
            self._strikes = 0
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        self._strikes += 1
        if self._strikes > self._limits.strikes:
            raise Closing(CLOSE.FLOOD, "too many events")
        return False

    async def _work(self, line: Line) -> None:
        """Do the work of one instance, in its order."""
        while line.work:
            await self.outbox.room()
            work = line.work[0]
            try:
                await self._do(line, work)
            except Refusal as error:
                self._refuse(line.joined.token.instance, work.seq, error)
            except Exception as error:
                if not self._continues(line, work, error):
                    break
            line.work.popleft()
            self._waiting -= 1
        line.task = None

    async def _do(self, line: Line, work: protocol.Event | protocol.JoinEntry) -> None:
        if isinstance(work, protocol.Event):
            return await self._live.answer(line.joined, work)
        line.joined.held = line.joined.held and bool(work.held)
        unit = await self._live.open(line.joined)
        line.expected = max(line.expected, unit.applied(self._live.screen.tab) + 1)
        if (work.seq and not work.held) or self._live.screen.is_outdated(unit):
            await self._live.renew(unit, work.seq + 1)

    def _continues(self, line: Line, work: protocol.Event | protocol.JoinEntry, error: Exception) -> bool:
        """Answer what ended a piece of work; whether the instance can take the next one."""
        instance = line.joined.token.instance
        joining = isinstance(work, protocol.JoinEntry)
        if not isinstance(error, (Busy, ResetNeeded, SessionEnded)):
            self._refuse(instance, work.seq, MethodFailed(line.joined.definition.name, error))
            return True
        self._waiting -= len(line.work)
        line.work.clear()
        match error:
            case Busy():
                log.warning("busy: %s", error)
                line.expected = work.seq + joining
                self.outbox.put(protocol.Busy(instance, line.expected, BUSY_MS))
            case ResetNeeded():
                self._reset(instance, error)
            case SessionEnded():
                self.outbox.close(CLOSE.SESSION, str(error))
        return False

    def _refuse(self, instance: str, seq: int, error: Refusal) -> None:
        if not self._may_log():
            pass
        elif isinstance(error, MethodFailed):
            log.error("%r", str(error), exc_info=error.cause if self._engine.settings.debug else None)
        else:
            log.warning("refused: %r", str(error)[:200])
        self.outbox.put(protocol.Refused(instance, seq, error.code, self._shown(str(error))))

    def _may_log(self) -> bool:
        """Not more than some lines a second: a browser must not fill the log."""
        second = int(time.monotonic())
        self._logged = (second, self._logged[1] + 1 if self._logged[0] == second else 1)
        return self._logged[1] <= LOG_LINES

    def _shown(self, text: str) -> str:
        return text if self._engine.settings.debug else ""

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unmount(self, line: Line) -> None:
        try:
            await self._live.unmount(line.joined)
        except Exception as error:
            log.warning("unmount of %s: %r", line.joined.definition.name, str(error)[:200])
