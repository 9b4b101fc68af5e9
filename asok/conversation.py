"""One browser tab's conversation: messages in, messages to a bounded outbox. It knows no socket.

Events of one instance run in order, one at a time; those of different instances run side by side. What
cannot be taken now is answered with `slow_down` or `busy`; nothing is dropped without a word.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from functools import partial
from itertools import count
from typing import Any

import msgspec

from asok import protocol
from asok.admission import Admission
from asok.calling import ends_all
from asok.component import registry
from asok.errors import Busy, MethodFailed, Refusal, ResetNeeded, TokenError, UnknownComponent
from asok.following import Following
from asok.lines import TURN, Line, Turn, Work, take_turn
from asok.live import Live
from asok.mounting import Engine
from asok.observing import Observer
from asok.opening import SessionEnded, member_of
from asok.outbox import Closing, Outbox
from asok.protocol import CLOSE
from asok.reaching import Reach
from asok.sessions import owner_of
from asok.showing import Screen
from asok.speaking import speaker_of
from asok.state import instance_of, unseal
from asok.timing import finish
from asok.traffic import StoreTraffic
from asok.units import Joined
from asok.watching import Watch, event_id, say_refused

__all__ = ["LiveSession"]

log = logging.getLogger("asok")

RETRY_MS = 100
BUSY_MS = 1000
MOST_ARREARS = 2.0
NUMBERS = count(1)


class LiveSession:
    """One tab. `receive` takes a message and never waits for a method; answers go to `outbox`."""

    def __init__(self, engine: Engine, scope: Mapping[str, Any], session_id: str) -> None:
        self._engine, self._limits, self._observers = engine, engine.settings.limits, engine.observers
        self._scope, self.outbox, self.number = scope, Outbox(self._limits), next(NUMBERS)
        self._lines: dict[str, Line] = {}
        self._speak_for(session_id)
        self._gone: dict[str, Refusal | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting, self._draining = 0, False
        self._admission = Admission(self._limits, engine.crowd.visitor(self.owner))
        self._transport = "websocket" if scope["type"] == "websocket" else "post"
        self._observers.tell(Observer.opened, self._transport)

    def _speak_for(self, session_id: str) -> None:
        self.session_id, engine = session_id, self._engine
        self.owner = owner_of(session_id) if session_id else ""
        self._named = f"connection {self.number} of session {self.owner[:8] or 'none'}"
        self._reach = Reach(engine, self.owner, self._lines, self._fail)
        self.screen = Screen(engine, self.outbox, self._reach.committed, self._reach.later)
        self.outbox.drained = self.screen.show_late_steps
        self._live = Live(engine, self._scope, session_id, self.screen)
        self._stores = StoreTraffic(engine, session_id, self.outbox)

    @property
    def greeted(self) -> bool:
        """Whether the first join has come."""
        return bool(self.screen.tab)

    async def ready(self, size: int = 0) -> None:
        """Wait until a message of this size may come: while an open tab does not read, or sent more than its share."""
        if not (self.outbox.has_room or self.outbox.closed):
            await self.outbox.room()
        pause = self._admission.count(1, size)
        if pause and self.greeted and not self.outbox.closed:
            await asyncio.sleep(pause)

    def affords(self, messages: int, size: int) -> bool:
        """Whether so many messages may come at once, and they are counted; for who cannot wait for `ready`."""
        if self.outbox.overflowing or self._admission.arrears > MOST_ARREARS:
            return False
        self._admission.count(messages, size)
        return True

    def receive(self, message: protocol.ClientMessage, size: int = 0) -> None:
        """Take a message, which should have waited for `ready`. Raises Closing where the connection must end."""
        match message:
            case protocol.Join():
                self._join(message)
            case _ if not self.greeted:
                raise Closing(CLOSE.PROTOCOL, "the first message must be a join")
            case protocol.Event():
                self._take(message)
            case protocol.Leave():
                if (line := self._forget(message.instance)) is not None:
                    self._track(self._unmount(line))
            case protocol.Cancel():
                self._cancel(message.instance)
            case protocol.Ping():
                self.outbox.put(protocol.Pong())
            case protocol.Answer():
                self.screen.answered(message)
            case _:
                self._admission.count(self._stores.receive(message, self.screen.tab, size))

    async def settle(self, seconds: float) -> None:
        """Take no more events, and wait for the methods that run; of one that takes longer nothing is kept."""
        self._draining = True
        for line in self._lines.values():
            self._start(line)
        await finish([line.task for line in self._lines.values() if line.task is not None], seconds)

    async def end(self, *, gone: bool) -> None:
        """The connection is over: what has been taken may finish, though nobody hears of it; steps end.

        gone: the page is, too, so that its instances unmount.
        """
        self._observers.tell(Observer.closed, self._transport)
        self.outbox.discard()
        self.screen.leave()
        self._stores.stop()
        self._reach.leave_all()
        seconds = self._limits.drain
        await finish([task for line in self._lines.values() for task in (line.task, *line.tasks) if task], seconds)
        await finish([*self._tasks, *self._stores.tasks], seconds)
        if gone:
            for line in self._lines.values():
                await self._unmount(line)
        self._reach.overlap.end()
        log.info("%s: ended", self._named)

    def refresh(self, what: str) -> None:
        """Development: tell the tab that a template or stylesheet has changed."""
        self.outbox.put(protocol.Refresh(what))

    def _join(self, message: protocol.Join) -> None:
        if message.protocol != protocol.PROTOCOL:
            self.outbox.put(protocol.Reload())
            return
        if self._draining:
            return  # the close is on its way, and who comes back joins with everything
        self._admission.count(len(message.instances))
        if not self.greeted:
            if (speaker := speaker_of(self._engine, self.session_id, message)) != self.session_id:
                self._speak_for(speaker)
            self.screen.tab = message.tab[:32] or "-"
            self._reach.overlap.begin(self.screen.tab)
            log.info("%s: joined with %s instances", self._named, len(message.instances))
        csrf = self._engine.ring.mac("csrf", self.session_id) if self.session_id else ""
        self.outbox.put(protocol.Joined(csrf))
        for entry in message.instances:
            self._join_instance(entry)

    def _join_instance(self, entry: protocol.JoinEntry) -> None:
        instance = instance_of(entry.token)
        line = self._lines.get(instance)
        if len(self._gone) > self._limits.instances:
            raise Closing(CLOSE.FLOOD, "too many joins that fail")
        if line is None and len(self._lines) >= self._limits.instances:
            self._gone.setdefault(instance, Refusal("too many instances on one connection"))
            return self._refuse(instance, entry.seq, self._gone[instance] or Refusal("told to reset"))
        try:
            token = unseal(text := self.screen.now(instance, entry.token), self._engine.ring, self._limits, time.time())
            definition = registry.find(token.component)
            if not self._engine.bound(token, definition, self.session_id, self._live.root):
                raise TokenError("the token is another session's, or another app's")
            if token.binding:  # made by the newest key, so that older ones may leave the ring
                token = msgspec.structs.replace(token, binding=self._engine.binding(self.session_id))
        except (TokenError, UnknownComponent, ResetNeeded) as error:
            return self._reset(instance, error)
        if line is None:
            line = self._add(Joined(token, text, definition, self.screen.shown(token), entry.held > 0, told=entry.seq))
        if not any(isinstance(each, protocol.JoinEntry) for each in line.work):
            self._queue(line, entry)

    def _add(self, joined: Joined) -> Line:
        member = member_of(joined.token.instance, self.screen.tab)
        line = Line(joined, joined.told + 1, member, lambda line: self._queue(line, TURN))
        due = self._reach.hold(line)
        engine = self._engine
        joined.following = Following(
            engine.stores.replicas, engine.topics, engine.rooms, outdated=line.outdated, heard=line.heard, due=due
        )
        self._lines[joined.token.instance] = line
        self.screen.add(joined)
        return line

    def _reset(self, instance: str, error: Exception) -> None:
        log.info("reset of %s: %r", instance or "a malformed token", str(error))
        self._gone.setdefault(instance, None)
        self._forget(instance)
        self.outbox.put(protocol.Reset(instance))

    def _forget(self, instance: str) -> Line | None:
        self.screen.let_go(instance)
        line = self._lines.pop(instance, None)
        if line is not None:
            self._reach.leave(line)
        return line

    def _queue(self, line: Line, work: Work) -> None:
        line.work.append(work)
        self._waiting += work is not TURN
        if work is TURN:
            self._engine.rota.enter(partial(self._start, line))
        else:
            self._start(line)

    def _start(self, line: Line) -> None:
        """Begin with the work of a line, if there is any, unless that has happened."""
        if line.work and line.task is None and not line.over:
            line.task = line.joined.task = asyncio.create_task(self._work(line))

    def _take(self, event: protocol.Event) -> None:
        """Queue an event, or say at once why not."""
        line = self._lines.get(event.instance)
        delay = RETRY_MS if self._draining else self._admission.delay()
        if delay:
            self._observers.tell(Observer.refused, "slow_down")
            self.outbox.put(protocol.SlowDown(event.instance, event.seq, delay))
        elif line is None:
            self._answer_stranger(event)
        elif event.seq > line.next or self._waiting >= self._limits.inbound:
            self.outbox.put(protocol.SlowDown(event.instance, min(event.seq, line.next), RETRY_MS))
        elif not any(isinstance(each, protocol.Event) and each.seq == event.seq for each in line.work):
            line.expected = max(line.next, event.seq + 1)
            self._queue(line, event)

    def _cancel(self, instance: str) -> None:
        line = self._lines.get(instance)
        if line is not None and line.joined.cancel is not None:
            line.joined.cancel()

    def _answer_stranger(self, event: protocol.Event) -> None:
        """An event of an instance that is not joined. One that was told why must not be asked to join again."""
        refusal = self._gone.get(event.instance, None)
        if refusal is not None:
            self._refuse(event.instance, event.seq, refusal)
        elif event.instance not in self._gone:
            self.outbox.put(protocol.NeedToken(event.instance))

    async def _work(self, line: Line) -> None:
        """Do the work of one instance, in its order."""
        while line.work:
            if not self.outbox.has_room:
                await self.outbox.room()
            work = line.work[0]
            try:
                await self._do(line, work)
            except BaseException as error:
                if ends_all(error):
                    raise
                if not self._continues(line, work, error):
                    break
            line.work.popleft()
            self._waiting -= not isinstance(work, Turn)
            await line.begin_tasks()
        line.task = None

    async def _do(self, line: Line, work: Work) -> None:
        with Watch(self._observers, line.joined.definition, work, self.screen.tab, self._named):
            match work:
                case _ if line.joined.token.pending:
                    await self._begin(line, work)
                case protocol.Event():
                    await self._live.answer(line.joined, work)
                case protocol.JoinEntry():
                    await self._enter(line, work)
                case Turn() if line.turning:
                    await take_turn(line, self._live, partial(self._fail, line.instance), self.outbox.gather)

    async def _begin(self, line: Line, work: Work) -> None:
        """Mount what has only its place on the page: a lazy one at its join, one that has failed at any event."""
        if not isinstance(work, protocol.Event) and (isinstance(work, Turn) or line.joined.token.pending == "failed"):
            line.take_news()
            return
        unit = await self._live.begin(line.joined, work.seq)
        if unit is not None:
            line.expected = max(line.expected, work.seq + 1)
            self._reach.enter(line, unit)

    async def _enter(self, line: Line, entry: protocol.JoinEntry) -> None:
        line.joined.held = line.joined.held and bool(entry.held)
        unit = await self._live.open(line.joined)
        line.expected = max(line.expected, unit.applied(self.screen.tab) + 1)
        self._reach.enter(line, unit)
        await self._live.enter(unit, entry.seq + 1, anew=bool(entry.seq and not entry.held))

    def _continues(self, line: Line, work: Work, error: BaseException) -> bool:
        """Answer what ended a piece of work; whether the instance can take the next one."""
        instance = line.instance
        joining = isinstance(work, protocol.JoinEntry)
        if not isinstance(error, (Busy, ResetNeeded, SessionEnded)):
            self._fail(instance, error, work.seq)
            return True
        self._waiting -= sum(not isinstance(each, Turn) for each in line.work)
        line.work.clear()
        turning, line.turning = line.turning, False
        match error:
            case Busy():
                log.warning("busy: %s", error)
                if turning:
                    line.outdated_soon()
                line.expected = work.seq + joining
                if joining and line.joined.token.listens:  # no event of its own would bring it back
                    asyncio.get_running_loop().call_later(BUSY_MS / 1000, self._enter_again, line, work)
                self._observers.tell(Observer.refused, "busy")
                self.outbox.put(protocol.Busy(instance, line.expected, BUSY_MS))
            case ResetNeeded():
                self._reset(instance, error)
            case SessionEnded():
                self.outbox.close(CLOSE.SESSION, str(error))
        return False

    def _enter_again(self, line: Line, entry: Work) -> None:
        if not line.over and not any(isinstance(each, protocol.JoinEntry) for each in line.work):
            self._queue(line, entry)

    def _fail(self, instance: str, error: BaseException, seq: int = 0) -> None:
        name = self._lines[instance].joined.definition.name if instance in self._lines else instance
        self._refuse(instance, seq, error if isinstance(error, Refusal) else MethodFailed(name, error))

    def _refuse(self, instance: str, seq: int, error: Refusal) -> None:
        debug, line = self._engine.settings.debug, self._lines.get(instance)
        name = line.joined.definition.name if line is not None else ""
        say_refused(self._observers, error, name, event_id(instance, self.screen.tab, seq) if seq else "", debug=debug)
        self.outbox.put(protocol.Refused(instance, seq, error.code, str(error) if debug else ""))

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unmount(self, line: Line) -> None:
        try:
            await self._live.unmount(line.joined)
        except Exception as error:
            log.warning("unmount of %s: %r", line.joined.definition.name, str(error)[:200])
