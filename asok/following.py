"""What an instance on an open page follows: store paths, rooms, topics and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asok.component import Component, definition_of, surroundings_of
from asok.documents import Change, Reads
from asok.exposing import Exposed
from asok.presence import Member
from asok.replicas import Replicas
from asok.surroundings import ROOMS
from asok.topics import Topics
from asok.trees import Path

__all__ = ["Following", "RoomWatchers", "share_topic"]


def share_topic(slot: str) -> str:
    """The topic on which the instances of one place share what `update_all` gives; no text of a user names it."""
    return f"\0share/{slot}"


class RoomWatchers:
    """Who in this process shows which room."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[Following, None]] = {}

    def watch(self, room: str, following: Following) -> None:
        """Tell it when the room changes."""
        self._watchers.setdefault(room, {})[following] = None

    def unwatch(self, room: str, following: Following) -> None:
        """Tell it no more."""
        watchers = self._watchers.get(room, {})
        watchers.pop(following, None)
        if not watchers:
            self._watchers.pop(room, None)

    def changed(self, room: str, joined: tuple[Member, ...], left: tuple[Member, ...]) -> None:
        """Somebody has come, gone, or changed."""
        for following in list(self._watchers.get(room, ())):
            following.outdated()


class Following:
    """Keeps what one instance follows in accord with what it last read.

    outdated: called when what is shown may have changed. heard: called with topic and message. due: called
    with the method whose time has come.
    """

    def __init__(
        self,
        replicas: Replicas,
        topics: Topics,
        rooms: RoomWatchers,
        *,
        outdated: Callable[[], None],
        heard: Callable[[str, Any], None],
        due: Callable[[Exposed], None],
    ) -> None:
        self._replicas, self._topics, self._rooms = replicas, topics, rooms
        self.outdated, self._heard, self._due = outdated, heard, due
        self._reads: Reads = {}
        self._listening: frozenset[str] = frozenset()
        self._timers: list[asyncio.TimerHandle] | None = None

    def follow(self, component: Component, slot: str) -> None:
        """From now on follow what the component has read and subscribed to."""
        around, definition = surroundings_of(component), definition_of(component)
        if around.reads != self._reads:
            self._read(around.reads)
        topics = definition.topics.union(around.topics, around.heard)
        if definition.shares:
            topics |= {share_topic(slot)}
        if topics != self._listening:
            self._listen(topics)
        if definition.periodic and self._timers is None:
            self._timers = []
            for method in definition.periodic:
                self._schedule(method)

    def _read(self, reads: Reads) -> None:
        old, new = set(_pairs(self._reads)), set(_pairs(reads))
        for (owner, name), path in new - old:
            if owner == ROOMS:
                self._rooms.watch(name, self)
            else:
                self._replicas.watch((owner, name), path, self)
        for (owner, name), path in old - new:
            if owner == ROOMS:
                self._rooms.unwatch(name, self)
            else:
                self._replicas.unwatch((owner, name), path, self)
        self._reads = reads

    def _listen(self, topics: frozenset[str]) -> None:
        for topic in topics - self._listening:
            self._topics.listen(topic, self)
        for topic in self._listening - topics:
            self._topics.unlisten(topic, self)
        self._listening = topics

    def _schedule(self, method: Exposed) -> None:
        def due() -> None:
            if self._timers is not None:
                self._timers[:] = [timer for timer in self._timers if timer.when() > loop.time()]
                self._schedule(method)
                self._due(method)

        loop = asyncio.get_running_loop()
        assert self._timers is not None
        self._timers.append(loop.call_later(method.period, due))

    def changed(self, change: Change) -> None:
        """A document that it reads has changed."""
        self.outdated()

    def hear(self, topic: str, message: Any) -> None:
        """A message of a topic that it listens to."""
        self._heard(topic, message)

    def stop(self) -> None:
        """Follow nothing any more."""
        self._read({})
        self._listen(frozenset())
        for timer in self._timers or ():
            timer.cancel()
        self._timers = None


def _pairs(reads: Reads) -> list[tuple[tuple[str, str], Path]]:
    return [(key, path) for key, paths in reads.items() for path in paths]
