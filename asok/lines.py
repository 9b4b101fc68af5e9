"""The line of one instance: its events in their order, and what comes from elsewhere, gathered until it is its turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from logging import INFO, WARNING, getLogger
from typing import Any

import msgspec

from asok import protocol
from asok.carried import accepted
from asok.committing import Overtaken
from asok.component import Component, surroundings_of
from asok.errors import AsokError, Busy, ResetNeeded
from asok.exposing import Exposed
from asok.following import share_topic
from asok.live import Live
from asok.news import Called, Failed, Found, Given, Late, News, take_late
from asok.opening import SessionEnded
from asok.topics import UNMARKED, Mark
from asok.units import Joined, Unit

__all__ = ["TURN", "Line", "Turn", "Work", "take_turn"]

log = getLogger("asok")

MOST_NEWS = 1000
AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The place in a line at which all that has come from elsewhere is dealt with at once."""

    seq: int = 0


TURN = Turn()
Work = protocol.Event | protocol.JoinEntry | Turn


@dataclass(eq=False, slots=True)
class Line:
    """An instance and the work that waits for it. expected: the sequence to be taken next.

    member: its id in rooms. turn: asks for a turn; turning: one is due. news: for the next turn. changed:
    components that were changed after their work was committed. tasks: what goes on in the background. finding:
    of these what finds the value of a field, with its run. waiting: those who wait for the end of the next turn.
    pushing: components of which a task or thread waits until what it has set is kept. started: a task has been.
    """

    joined: Joined
    expected: int
    member: str
    turn: Callable[[Line], None]
    work: deque[Work] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    news: deque[News] = field(default_factory=deque)
    changed: list[Component] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    finding: dict[str, tuple[int, asyncio.Task[None]]] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    pushing: list[Component] = field(default_factory=list)
    turning: bool = False
    started: bool = False
    over: bool = False
    _lost: int = 0

    def __post_init__(self) -> None:
        self.joined.again, self.joined.soon = self.again, self.outdated_soon

    @property
    def instance(self) -> str:
        """Its name on the page."""
        return self.joined.token.instance

    @property
    def next(self) -> int:
        """The highest number that an event may have now: what the browser was told of will not come again."""
        return max(self.expected, self.joined.told + 1)

    def outdated(self) -> None:
        """What is shown may have changed."""
        if not self.over and not self.turning:
            self.turning = True
            self.turn(self)

    def outdated_soon(self) -> None:
        """As `outdated`, in a moment."""
        asyncio.get_running_loop().call_later(AGAIN, self.outdated)

    def look_again(self) -> None:
        """Something has been done to what is shown, and perhaps to its rows, of which nothing else tells."""
        self.joined.unsure |= self.joined.definition.streams.keys()
        self.outdated()

    def heard(self, topic: str, message: Any, mark: Mark = UNMARKED) -> None:
        """A message of a topic that the instance listens to."""
        definition, token = self.joined.definition, self.joined.token
        if topic == share_topic(token.slot):
            class_name, instance, member, names, state = message
            if class_name != definition.name or member == self.member:
                return
            if instance != token.instance:  # the record of the same one has it
                values = definition.fields.public.unpack(state)
                self._add(Given({name: values[name] for name in names}))
            return self.outdated()
        self.handles(topic, message, mark=mark)
        self.outdated()

    def hear(self, topic: str, message: Any) -> None:
        """Who was finding a value of a shared instance has gone: it is looked who does now."""
        self.again()

    def handles(self, name: str, message: Any, hops: int = 0, mark: Mark = UNMARKED) -> bool:
        """Give a message to the methods that take it; whether there are any."""
        methods = [method for method in self.joined.definition.methods.values() if method.takes(name)]
        for method in methods if not self.over else ():
            self._hear(method, message, hops, mark)
        return bool(methods)

    def _hear(self, method: Exposed, message: Any, hops: int, mark: Mark) -> None:
        try:
            first = method.parameters[:1]
            given = [msgspec.convert(message, each.type, strict=False, dec_hook=accepted) for each in first]
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            name = f"{self.joined.definition.name}.{method.name}"
            return log.error("%s does not take the message %.200r: %r", name, message, str(error))
        self._add(Called(method, (given, {}), hops, mark))
        self.outdated()

    def due(self, method: Exposed) -> None:
        """The clock calls a method; one that has not had its turn yet is not called twice."""
        if not any(isinstance(each, Called) and each.method is method for each in self.news):
            self._add(Called(method, ([], {})))
            self.outdated()

    def late(self, component: Component) -> None:
        """A component was changed after its work was committed."""
        if all(each is not component for each in self.changed):
            self.changed.append(component)
        self.outdated()

    def again(self) -> None:
        """A unit of work is wanted, though nothing has come: what it commits is looked at."""
        self._add(Given({}))
        self.outdated()

    def found(self, news: Found) -> None:
        """What was found for a field; there is one of it at a time, and it is never lost."""
        self.news.append(news)
        self.outdated()

    def out_of(self, room: str) -> None:
        """The instance may be in this room no more."""
        self._add(Late({}, (set(), {room}), ({}, {room}), [], [("leave", room)]))
        self.outdated()

    def _add(self, news: News) -> None:
        if len(self.news) < MOST_NEWS:
            self.news.append(news)
            return
        self._lost += 1
        if self._lost == 1:
            log.warning("%s is behind by %s messages, and loses more", self.joined.definition.name, MOST_NEWS)

    def take_news(self) -> tuple[deque[News], list[AsokError]]:
        """All that has come, and what could not be taken; what comes now is for the next turn."""
        news, self.news, changed, self.changed = self.news, deque(), self.changed, []
        self.turning, self._lost = False, 0
        problems: list[AsokError] = []
        for component in changed:
            try:
                late = take_late(component)
            except AsokError as error:
                problems.append(error)
            else:
                news.extend([late] if late is not None else [])
        return news, problems

    async def begin_tasks(self) -> None:
        """What tasks do before they first wait counts before the next event: it is done with what they have read."""
        if self.started:
            self.started = False
            await _settled()
            if self.changed:
                self.work.appendleft(TURN)

    @property
    def finds(self) -> bool:
        """Whether it is finding a value of a field, or has one that is not kept yet."""
        found = any(isinstance(each, Found) for each in self.news)
        return found or any(not task.done() for _, task in self.finding.values())

    def stop(self) -> None:
        """The instance is not shown any more."""
        self.over = True
        if self.joined.following is not None:
            self.joined.following.stop()
        for task in self.tasks:
            task.cancel()
        for waiting in self.waiting:
            waiting.cancel()
        self.news.clear()
        for component in self.changed:
            surroundings_of(component).late = None
        self.changed.clear()


async def take_turn(line: Line, live: Live, refuse: Callable[[Exception], None], gather: Callable[[], None]) -> None:
    """Deal with what has come from elsewhere, and let those go on who wait for that: one after the other, so that each
    reads what the one before it has set.

    Where the store cannot be had, another turn does it. refuse: told of what else does not work. gather: called
    before what many others may show at the same time. Raises as `Live.answer`, without Busy.
    """
    waiting, line.waiting = deque(line.waiting), []
    try:
        await _take_news(line, live, refuse, gather)
        while waiting:
            if _go_on(waiting.popleft()):
                await _settled()
            if line.changed:
                await _take_news(line, live, refuse, gather)
    except Busy as error:
        if not line.over:
            log.log(INFO if isinstance(error, Overtaken) else WARNING, "busy: %s; again in a moment", error)
            line.waiting[:0], waiting = waiting, deque()
            line.outdated_soon()
    else:
        if line.waiting:  # who has gone on waits again, for the next turn: others have theirs before
            line.outdated()
    finally:
        for each in waiting:
            _go_on(each)


def _go_on(waiting: asyncio.Future[None]) -> bool:
    """Whether somebody goes on now."""
    if waiting.done():
        return False
    waiting.set_result(None)
    return True


async def _settled() -> None:
    """What can go on has done so until it waits again, and its component's hook has told of what it has set."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _take_news(line: Line, live: Live, refuse: Callable[[Exception], None], gather: Callable[[], None]) -> None:
    """Deal with it in one unit of work, or just show what is new. Raises Busy, with the news kept for another turn."""
    news, problems = line.take_news()
    for problem in problems:
        refuse(problem)
    try:
        if news:
            await _deal(line, live, news, refuse)
        if not news or line.joined.unsure:
            unit = await live.open(line.joined)
            await asyncio.sleep(0)  # many read, then they render: 10 % less than each for itself, by the caches
            gather()
            await live.catch_up(unit)
    except Busy:
        line.news.extendleft(reversed(news))
        raise


async def _deal(line: Line, live: Live, news: deque[News], refuse: Callable[[Exception], None]) -> None:
    """All in one unit of work. Where one of them raises, those before it count first, and it does not begin again: it
    may have been cancelled. Where nobody can say which is at fault, each has a unit of its own."""
    together = most = len(news)
    while news:
        part, begun = list(islice(news, together)), [-1]
        together = most
        try:
            await _act(line, live, part, begun)
        except (Busy, ResetNeeded, SessionEnded):
            raise
        except Exception as error:
            at = begun[0]
            if len(part) == 1 or at == 0:
                await _settle(line, live, part[0], error, refuse)
                news.popleft()
            elif 0 < at < len(part):
                failed, together = part[at], at
                news[at] = failed if isinstance(failed, Failed) else Failed(failed, error)
            else:
                together = most = 1
        else:
            for _ in part:
                news.popleft()


async def _act(line: Line, live: Live, part: list[News], begun: list[int]) -> None:
    """One unit of work. begun: the place of the one that was begun last."""
    await live.act(line.joined, lambda unit: _apply(live, unit, part, begun))


async def _settle(line: Line, live: Live, news: News, error: Exception, refuse: Callable[[Exception], None]) -> None:
    """Something did not work. A value that cannot be shown becomes an error that can: nobody waits for it any more."""
    refuse(error)
    news = news.news if isinstance(news, Failed) else news
    instead = None
    if isinstance(news, Found):
        instead = news.instead(line.joined.definition, error, debug=live.engine.settings.debug)
    if instead is not None:
        try:
            await _act(line, live, [instead], [0])
        except (Busy, ResetNeeded, SessionEnded):
            raise
        except Exception as worse:
            await _settle(line, live, instead, worse, refuse)


async def _apply(live: Live, unit: Unit, part: list[News], begun: list[int]) -> None:
    before = live.acting.values_before(unit)
    for begun[0], each in enumerate(part):
        await each.apply(unit, live.acting.call)
    begun[0] = len(part)
    if before:
        await live.acting.tell_changed(unit, before)
