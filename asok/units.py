"""An instance as the connection knows it that shows it, and one attempt at something with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asok.asynchronous import is_loading
from asok.component import Component, Definition
from asok.documents import Reads, Work
from asok.following import Following
from asok.places import Place
from asok.sessions import Record
from asok.state import Token

__all__ = ["Effects", "Joined", "Unit"]

Effects = list[list[Any]]


@dataclass(slots=True)
class Joined:
    """An instance as this connection knows it.

    text: the token as the browser has it. shown: the digest of the rendering on the page. held: whether the
    browser has the exact text of that, so that a delta can be sent. following: what it follows. cancel: stops
    the method that runs. task: what works on it. again: asks for a unit of work. told: the last event that
    is settled for the browser, which was sent its effects. unsure: streams that are filled once more in a moment;
    soon: asks for that.
    """

    token: Token
    text: str
    definition: Definition
    shown: bytes
    held: bool
    following: Following | None = None
    again: Callable[[], None] | None = None
    cancel: Callable[[], None] | None = None
    task: asyncio.Task[None] | None = None
    told: int = 0
    unsure: set[str] = field(default_factory=set)
    soon: Callable[[], None] | None = None

    def follow(self, component: Component) -> None:
        """From now on follow what the component, as it is shown now, has read."""
        if self.following is not None:
            self.following.follow(component, self.token.slot)

    def find(self, component: Component) -> None:
        """Let somebody find the values that the component waits for."""
        if self.again is not None and is_loading(component.__dict__, self.definition.sources):
            self.again()


@dataclass(slots=True)
class Unit:
    """One attempt at one event: what was read, the component rebuilt from it, and where it stands.

    remembered: a reload of the page restores this instance already. token: the browser's, at that time.
    streams: what the token is to say of those that the page shows otherwise after it. work: what is read of
    stores and written to them. given: what was read to rebuild it. renders: whether it is shown anew at its end.
    heard: the messages that it takes, as a record has them.
    """

    joined: Joined
    place: Place
    component: Component
    record: Record | None
    remembered: bool
    token: Token
    streams: dict[str, bytes] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    given: Reads = field(default_factory=dict)
    renders: bool = True
    heard: dict[str, int] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """How many commits the instance has seen."""
        return self.record.version if self.record else 0

    @property
    def outdated(self) -> bool:
        """Whether one that has no record, which would tell, was given other arguments since it was opened."""
        return self.joined.definition.cls.stateless and self.joined.token is not self.token

    def applied(self, tab: str) -> int:
        """The last sequence of a tab that the instance has applied."""
        return self.record.applied.get(tab, 0) if self.record else 0
