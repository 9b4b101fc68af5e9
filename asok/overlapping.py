"""A tab that is back before its older connection has noticed its end: it shows what that one still does, too."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from asok.lines import Line
from asok.topics import RESERVED, Topics

__all__ = ["Overlap"]

# A message of the bus takes no longer, nor does what was read just before it was sent.
RECENT = 2.0


class Overlap:
    """One connection of a tab. It tells the newer ones of what it commits, as soon as it knows that there are any.

    The others of a tab are those of its session that give the same name; all that they can do is to have it look again.
    """

    def __init__(self, topics: Topics, owner: str, lines: Mapping[str, Line]) -> None:
        self._topics, self._owner, self._lines = topics, owner, lines
        self._topic, self._id = "", secrets.token_hex(8)
        self._is_older = False
        # By instance, when it was last committed here: the newest last.
        self._recent: dict[str, float] = {}

    def begin(self, tab: str) -> None:
        """The tab has joined. To be called before anything is read for it."""
        if self._owner:  # nothing else is kept
            self._topic = f"{RESERVED}tab/{self._owner}/{tab}"
            self._topics.listen(self._topic, self)
            self._topics.announce(self._topic, [self._id, ""])

    def committed(self, instance: str) -> None:
        """Something of an instance has been committed."""
        now = asyncio.get_running_loop().time()
        self._recent.pop(instance, None)
        self._recent[instance] = now
        while (oldest := next(iter(self._recent))) != instance and self._recent[oldest] < now - RECENT:
            del self._recent[oldest]
        if self._is_older:
            self._topics.announce(self._topic, [self._id, instance])

    def hear(self, topic: str, message: Any) -> None:
        """Another connection of the tab begins, or has committed something."""
        by, instance = message
        if by == self._id:
            return
        if instance:
            if (line := self._lines.get(instance)) is not None:
                line.look_again()
            return
        self._is_older = True
        since = asyncio.get_running_loop().time() - RECENT
        for each in [each for each, at in self._recent.items() if at > since]:
            self._topics.announce(self._topic, [self._id, each])

    def leave(self) -> None:
        """The page has gone, though what was taken may still be done: it may be back already, and we not know of it."""
        self._is_older = bool(self._topic)

    def end(self) -> None:
        """Nothing more will be done here."""
        self._lines = {}
        if self._topic and self._recent:  # a newer connection may just be telling of itself
            asyncio.get_running_loop().call_later(RECENT, self._topics.unlisten, self._topic, self)
        elif self._topic:
            self._topics.unlisten(self._topic, self)
