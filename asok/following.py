"""What an instance on an open page follows: store paths, rooms, topics and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asok.audience import Audience
from asok.component import Component, definition_of, surroundings_of
from asok.documents import Change
from asok.exposing import Exposed
from asok.presence import Member
from asok.replicas import Replicas
from asok.sessions import CellKey
from asok.surroundings import ROOMS
from asok.topics import RESERVED, Mark, Topics
from asok.trees import Path

__all__ = ["Following", "RoomWatchers", "find_topic", "share_topic"]

Read = tuple[CellKey, Path]


def share_topic(slot: str) -> str:
    """The topic on which the instances of one place share what `update_all` gives; no text of an app names it."""
    return f"{RESERVED}share/{slot}"


def find_topic(slot: str) -> str:
    """The topic on which a tab tells the others of a shared instance that it has left what it was finding."""
    return f"{RESERVED}find/{slot}"


class RoomWatchers:
    """Who in this process shows which room, and which lines of it stand behind a member. changes: counts them."""

    def __init__(self) -> None:
        self.changes = 0
        self._watchers = Audience[str, Following]()
        self._holders = Audience[str, object]()

    def watch(self, room: str, following: Following) -> None:
        """Tell it when the room changes."""
        self._watchers.add(room, following)

    def unwatch(self, room: str, following: Following) -> None:
        """Tell it no more."""
        self._watchers.remove(room, following)

    def changed(self, room: str, joined: tuple[Member, ...], left: tuple[Member, ...]) -> None:
        """Somebody has come, gone, or changed."""
        self.changes += 1
        for following in self._watchers.of(room):
            following.outdated()

    def hold(self, member: str, line: object) -> None:
        """The line shows the member: a tab that has come back before its old socket ended is shown by two."""
        self._holders.add(member, line)

    def release(self, member: str, line: object) -> bool:
        """The line shows it no more; whether none does."""
        self._holders.remove(member, line)
        return not self._holders.of(member)

    def newest(self, member: str) -> object:
        """The line that has shown the member for the shortest time."""
        return next(reversed(self._holders.of(member)), None)

    def __len__(self) -> int:
        """How many rooms and members are of interest here."""
        return len(self._watchers) + len(self._holders)


class Following:
    """Keeps what one instance follows in accord with what it last read.

    outdated: called when what is shown may have changed. heard: called with topic, message and mark. due: called
    with the method whose time has come.
    """

    def __init__(
        self,
        replicas: Replicas,
        topics: Topics,
        rooms: RoomWatchers,
        *,
        outdated: Callable[[], None],
        heard: Callable[[str, Any, Mark], None],
        due: Callable[[Exposed], None],
    ) -> None:
        self._replicas, self._topics, self._rooms = replicas, topics, rooms
        self.outdated, self._heard, self._due = outdated, heard, due
        self._reads: frozenset[Read] = frozenset()
        self._listening: frozenset[str] = frozenset()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._over = False

    @property
    def changes(self) -> int:
        """The count of all changes of what can be read."""
        return self._replicas.changes + self._rooms.changes

    def follow(self, component: Component, slot: str) -> None:
        """From now on follow what the component has read and subscribed to. Nothing after `stop`."""
        around, definition = surroundings_of(component), definition_of(component)
        follows = definition.listens or around.reads or around.topics or around.heard
        if self._over or not (follows or self._reads or self._listening):
            return
        reads = frozenset((key, path) for key, paths in around.reads.items() for path in paths)
        if reads - self._reads and around.since != self.changes:
            self.outdated()  # it may have changed after it was read, when nobody told us yet
        self._read(reads)
        topics = definition.topics.union(around.topics, around.heard)
        self._listen(topics | {share_topic(slot)} if definition.shares else topics)
        if not self._timers:
            for method in definition.periodic:
                self._schedule(method)

    def _read(self, reads: frozenset[Read]) -> None:
        forgotten = set[Read]()
        for key, path in reads - self._reads:
            if key[0] == ROOMS:
                self._rooms.watch(key[1], self)
            elif not self._replicas.watch(key, path, self):
                forgotten.add((key, path))
        for key, path in self._reads - reads:
            if key[0] == ROOMS:
                self._rooms.unwatch(key[1], self)
            else:
                self._replicas.unwatch(key, path, self)
        self._reads = reads - forgotten
        if forgotten:  # nobody would tell of it; who reads it once more has it again
            self.outdated()

    def _listen(self, topics: frozenset[str]) -> None:
        for topic in topics - self._listening:
            self._topics.listen(topic, self)
        for topic in self._listening - topics:
            self._topics.unlisten(topic, self)
        self._listening = topics

    def _schedule(self, method: Exposed) -> None:
        def due() -> None:
            self._schedule(method)
            self._due(method)

        self._timers[method.name] = asyncio.get_running_loop().call_later(method.period, due)

    def changed(self, change: Change) -> None:
        """A document that it reads has changed."""
        self.outdated()

    def hear(self, topic: str, message: Any) -> None:
        """A message of a topic that it listens to."""
        self._heard(topic, message, self._topics.mark)

    def stop(self) -> None:
        """Follow nothing any more."""
        self._over = True
        self._read(frozenset())
        self._listen(frozenset())
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
