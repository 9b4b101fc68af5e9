"""What comes to an instance from elsewhere: messages, the clock, shared fields, and changes after a commit."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asok import late_sessions
from asok.asynchronous import Async, worded
from asok.component import Component, Definition, definition_of, surroundings_of
from asok.exposing import Exposed
from asok.reviving import record_of, values_of
from asok.sessions import Record, Session
from asok.topics import UNMARKED, Mark
from asok.units import Unit

__all__ = ["Arguments", "Called", "Failed", "Found", "Given", "Late", "News", "catch_up", "changed_since", "take_late"]

Arguments = tuple[list[Any], dict[str, Any]]
Call = Callable[[Unit, Exposed, Arguments], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Called:
    """A method that a message or the clock calls. hops: those of an emitted message. mark: of any."""

    method: Exposed
    arguments: Arguments
    hops: int = 0
    mark: Mark = UNMARKED

    async def apply(self, unit: Unit, call: Call) -> None:
        """Call it, with arguments of its own: others hear the same message, and the unit may run again.

        Not where the instance has heard it: over another connection, which has not noticed its end yet, or in a unit
        that was committed though nobody could say so.
        """
        by, number = self.mark
        if by and not _is_new(unit, f"{by}/{self.method.name}", number):
            return
        surroundings_of(unit.component).hops = self.hops
        await call(unit, self.method, copy.deepcopy(self.arguments))


def _is_new(unit: Unit, source: str, number: int) -> bool:
    """Whether the instance has not heard this message of a source, nor a later one; the unit notes it."""
    before = unit.record.heard.get(source, 0) if unit.record else 0
    if number <= max(before, unit.heard.get(source, 0)):
        return False
    unit.heard[source] = number
    return True


@dataclass(frozen=True, slots=True)
class Given:
    """Fields that `update_all` gave."""

    fields: Mapping[str, Any]

    async def apply(self, unit: Unit, call: Call) -> None:
        """Set them."""
        unit.component.__dict__.update(copy.deepcopy(dict(self.fields)))


@dataclass(frozen=True, slots=True)
class Late:
    """What became of a component after its work was committed: the fields that were set, and what was asked for.

    topics: those begun and those ended. rooms: the same, with what is known there. changes: of streams. session: of
    its keys.
    """

    fields: Mapping[str, Any]
    topics: tuple[set[str], set[str]]
    rooms: tuple[Mapping[str, Any], set[str]]
    effects: list[list[Any]]
    outgoing: list[tuple[Any, ...]]
    changes: list[Any] = field(default_factory=list)
    session: Mapping[str, bytes | None] = field(default_factory=dict)

    async def apply(self, unit: Unit, call: Call) -> None:
        """Make it so for the instance as it is now."""
        around = surroundings_of(unit.component)
        unit.component.__dict__.update(copy.deepcopy(dict(self.fields)))
        around.topics = (around.topics | self.topics[0]) - self.topics[1]
        kept = {room: meta for room, meta in around.rooms.items() if room not in self.rooms[1]}
        around.rooms = {**kept, **self.rooms[0]}
        around.effects += self.effects
        around.outgoing += self.outgoing
        around.changes += self.changes
        late_sessions.give(unit.place.session, self.session)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for an `Async`, or why nothing was. run: that of which it came; an older one does not count."""

    field: str
    run: int
    value: Any
    error: str = ""

    async def apply(self, unit: Unit, call: Call) -> None:
        """Show it, where it is still waited for."""
        values = unit.component.__dict__
        now: Async[Any] = values[self.field]
        if now.loading and now.run == self.run:
            values[self.field] = now.failed(self.error) if self.error else now.found(copy.deepcopy(self.value))

    def instead(self, definition: Definition, error: Exception, *, debug: bool) -> Found | None:
        """What can be shown where the value cannot; None where that was not possible either."""
        if self.error:
            return None
        return Found(self.field, self.run, None, worded(f"{definition.name}.{self.field}", error, debug=debug))


@dataclass(frozen=True, slots=True)
class Failed:
    """What has raised, and does not begin again: those before it are to count first."""

    news: Called | Given | Late | Found
    error: Exception

    async def apply(self, unit: Unit, call: Call) -> None:
        """Raise that."""
        raise self.error


News = Called | Given | Late | Found | Failed


def changed_since(component: Component, record: Record) -> bool:
    """Whether a thread or task has changed the component since the record was made of it."""
    fields, around = definition_of(component).fields, surroundings_of(component)
    if around.topics != set(record.topics) or around.rooms != record.rooms:
        return True
    if around.session is not None and late_sessions.is_late(around.session):
        return True
    values = component.__dict__
    if around.changes or not _taken(around.touched):
        return bool(around.changes)
    return fields.public.pack(values) != record.state or fields.secret.pack(values) != record.private


def take_late(component: Component) -> Late | None:
    """What is new of a component since this was last asked, or since its commit; None where that did not count.

    Raises FieldError where a field was set to what it cannot hold.
    """
    definition, around = definition_of(component), surroundings_of(component)
    before: Record | None = around.committed
    if before is None:
        return None
    keys = {} if around.session is None else late_sessions.take(around.session)
    touched, now = _taken(around.touched), record_of(component, b"", 0, 0)
    around.committed = now
    effects, around.effects = around.effects, []
    outgoing, around.outgoing = around.outgoing, []
    changes, around.changes = around.changes, []
    old, new = set(before.topics), set(now.topics)
    met = {room: meta for room, meta in now.rooms.items() if before.rooms.get(room) != meta}
    rooms = met, set(before.rooms) - set(now.rooms)
    given = _differing(definition, before, now, touched)
    return Late(given, (new - old, old - new), rooms, effects, outgoing, changes, keys)


def catch_up(component: Component, record: Record, session: Session) -> None:
    """Let a component whose work was committed long ago read what has been committed since. What it has set stays."""
    definition, around = definition_of(component), surroundings_of(component)
    before: Record | None = around.committed
    if before is None:
        return
    if around.session is not None and around.session is not session:
        late_sessions.renew(around.session, session)
    old, own = values_of(definition, before), values_of(definition, record_of(component, b"", 0, 0))
    for name, value in values_of(definition, record).items():
        if name not in around.touched and own.get(name) == old.get(name) != value:
            component.__dict__[name] = value
    around.committed = msgspec.structs.replace(record, topics=before.topics, rooms=before.rooms)


def _taken(names: set[str]) -> set[str]:
    """The names, which are taken out one by one: a thread may put in others meanwhile."""
    taken = set()
    while names:
        taken.add(names.pop())
    return taken


def _differing(definition: Definition, before: Record, now: Record, touched: set[str]) -> dict[str, Any]:
    """Fields with another value, and those that were set to the one that they had: others may have changed it."""
    old, new = values_of(definition, before), values_of(definition, now)
    return {name: value for name, value in new.items() if name in touched or name not in old or old[name] != value}
