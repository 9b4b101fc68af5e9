"""The line of one instance: its events in their order, and what comes from elsewhere, gathered until it is its turn."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asok import protocol
from asok.component import Component, Definition, surroundings_of
from asok.exposing import Exposed
from asok.following import share_topic
from asok.reviving import record_of, values_of
from asok.sessions import Record
from asok.showing import Joined, Unit

__all__ = ["Line", "News", "Turn", "Work"]

log = logging.getLogger("asok")

MOST_MESSAGES = 1000
Arguments = tuple[list[Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Turn:
    """The place in a line at which all that has come from elsewhere is dealt with at once."""

    seq: int = 0


Work = protocol.Event | protocol.JoinEntry | Turn


@dataclass(slots=True)
class News:
    """What has come from elsewhere. calls: methods for messages and for the clock. shared: fields that
    `update_all` gave. late: components that were changed after their work was committed, and what it was then."""

    calls: list[tuple[Exposed, Arguments]] = field(default_factory=list)
    shared: list[dict[str, Any]] = field(default_factory=list)
    late: list[tuple[Component, Record]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.calls or self.shared or self.late)

    def apply(self, unit: Unit) -> None:
        """Give the unit's component what was set elsewhere."""
        component, definition = unit.component, unit.joined.definition
        for fields in self.shared:
            component.__dict__.update(fields)
        for changed, before in self.late:
            component.__dict__.update(differing(definition, changed, before))


def differing(definition: Definition, component: Component, before: Record) -> dict[str, Any]:
    """Copies of the fields that are other than in a record."""
    old, now = values_of(definition, before), values_of(definition, record_of(component, b"", 0, 0, None))
    return {name: value for name, value in now.items() if name not in old or old[name] != value}


@dataclass(eq=False, slots=True)
class Line:
    """An instance and the work that waits for it. expected: the sequence to be taken next.

    member: its id in rooms. turn: asks for a turn; turning: one is due. tasks: what `self.run` has started.
    waiting: those who wait for the end of the next turn.
    """

    joined: Joined
    expected: int
    member: str
    turn: Callable[[Line], None]
    work: deque[Work] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    news: News = field(default_factory=News)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    turning: bool = False
    over: bool = False

    def outdated(self) -> None:
        """What is shown may have changed."""
        if not self.over and not self.turning:
            self.turning = True
            self.turn(self)

    def heard(self, topic: str, message: Any) -> None:
        """A message of a topic that the instance listens to."""
        definition = self.joined.definition
        if topic == share_topic(self.joined.token.slot):
            class_name, instance, names, state = message
            if class_name == definition.name and instance != self.joined.token.instance:
                values = definition.fields.public.unpack(state)
                self.news.shared.append({name: values[name] for name in names})
                self.outdated()
            return
        if len(self.news.calls) >= MOST_MESSAGES:
            return log.warning("%s is behind by %s messages; one of %r is lost", definition.name, MOST_MESSAGES, topic)
        for method in definition.methods.values():
            if method.takes(topic):
                self._add(method, message)
        self.outdated()

    def _add(self, method: Exposed, message: Any) -> None:
        definition = self.joined.definition
        try:
            parameters = method.parameters[:1]
            given = [msgspec.convert(message, parameter.type, strict=False) for parameter in parameters]
        except msgspec.ValidationError as error:
            return log.error("%s.%s does not take %r: %s", definition.name, method.name, message, error)
        self.news.calls.append((method, (given, {})))

    def due(self, method: Exposed) -> None:
        """The clock calls a method; one that has not had its turn yet is not called twice."""
        if all(each is not method for each, _ in self.news.calls):
            self.news.calls.append((method, ([], {})))
            self.outdated()

    def late(self, component: Component) -> None:
        """A component was changed after its work was committed."""
        if self.over:
            return log.warning("%s was changed after its page had gone", self.joined.definition.name)
        if all(each is not component for each, _ in self.news.late):
            self.news.late.append((component, surroundings_of(component).committed))
        self.outdated()

    def take_news(self) -> News:
        """All that has come; what comes now is for the next turn."""
        news, self.news, self.turning = self.news, News(), False
        for component, _ in news.late:
            around = surroundings_of(component)
            around.committed = record_of(component, b"", 0, 0, None)
        return news

    def put_back(self, news: News, waiting: list[asyncio.Future[None]]) -> None:
        """It was not dealt with: it comes before what has come since."""
        later = self.news
        self.news = News(news.calls + later.calls, news.shared + later.shared, news.late + later.late)
        self.waiting[:0] = waiting

    def stop(self) -> None:
        """The instance is not shown any more."""
        self.over = True
        if self.joined.following is not None:
            self.joined.following.stop()
        for task in self.tasks:
            task.cancel()
        for waiting in self.waiting:
            waiting.cancel()
