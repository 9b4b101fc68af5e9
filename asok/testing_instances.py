"""What a browser tab knows of one component: its exact text, and which of its events are settled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bs4.element import Tag

from asok.diff import apply
from asok.errors import AsokError
from asok.testing_dom import LAZY, LIVE
from asok.testing_forms import text_of

__all__ = ["WINDOW", "Instance", "Patch", "Refused", "Sent"]


class Refused(AsokError):
    """The app refused an event. `text` is what it says in development."""

    def __init__(self, code: str, text: str = "") -> None:
        self.code, self.text = code, text

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


@dataclass(frozen=True)
class Patch:
    """One update as it came over the wire.

    html: a component's whole new text, or the list of a delta. frame_size: bytes of the whole message.
    """

    instance: str
    html: str | list[Any]
    effects: list[list[Any]]
    frame_size: int

    @property
    def size(self) -> int:
        """Bytes of the html part in the message."""
        return len(json.dumps(self.html, ensure_ascii=False, separators=(",", ":")).encode())


WINDOW = 32


@dataclass
class Sent:
    """An event that is not settled yet. via: the connection that took it, if any."""

    message: list[Any]
    via: int = 0


@dataclass
class Instance:
    """One component of the page.

    text: the exact text last received, None before the first update; the tree cannot give it back.
    held: that text belongs to the token. placed: the root has stood in the page. listens: it joins as soon as
    there is a connection. came: over this connection, so that the app hears it already. joined: the app knows it,
    on this connection. joining: a listening one that waits for the answer to its join. paused: the app asked for
    time. last: the sequence number of the newest event. lazy: it is not mounted before it joins.
    """

    id: str
    listens: bool = False
    lazy: bool = False
    came: bool = False
    joining: bool = False
    text: str | None = None
    held: bool = False
    placed: bool = False
    joined: bool = False
    paused: bool = False
    last: int = 0
    unsettled: dict[int, Sent] = field(default_factory=dict)

    @property
    def wants_to_join(self) -> bool:
        """Whether there is a reason to join, and it has not."""
        return not self.joined and bool(self.listens or self.unsettled)

    def look_at(self, root: Tag) -> None:
        """Note what its root says of when it joins."""
        when = text_of(root, LAZY) if root.has_attr(LAZY) else ""
        self.lazy = bool(when) or (root.has_attr(LIVE) and root.get("aria-busy") == "true")
        self.listens |= root.has_attr(LIVE) or when == "idle"

    def add(self, call: str, data: dict[str, Any]) -> int:
        """Give a new event its number."""
        self.last += 1
        self.unsettled[self.last] = Sent(["event", self.id, self.last, call, data])
        return self.last

    def to_send(self, connection: int) -> list[list[Any]]:
        """The messages that this connection has not taken yet; only so many are under way at once.

        One that went over another connection may have begun there, and says so.
        """
        waiting = [sent for sent in list(self.unsettled.values())[:WINDOW] if sent.via != connection]
        for sent in waiting:
            if sent.via:
                sent.message[4]["retry"] = 1
            sent.via = connection
        return [sent.message for sent in waiting]

    def take_back(self, since: int = 0) -> None:
        """Events from a number on were not taken: they go again."""
        for seq, sent in self.unsettled.items():
            if seq >= since:
                sent.via = 0

    def entry(self, token: str) -> list[Any]:
        """What a join says of this component.

        One that listens says that it shows an older text: the app then answers when it takes part, and a test
        need not guess from when on it hears.
        """
        if self.lazy or (self.listens and not self.came and not self.unsettled):
            self.last, self.joining = max(self.last, 1), True
        settled = min(self.unsettled) - 1 if self.unsettled else self.last
        return [token, settled, int(self.held and not self.joining)]

    def leave_connection(self) -> None:
        """The connection is gone, and what the app knew there."""
        self.joined = self.joining = self.came = self.paused = False

    def take_text(self, html: str | list[Any]) -> str:
        """The whole text after an update: its own, or a delta over the text held."""
        if not isinstance(html, str) and self.text is None:
            raise AsokError(f"a delta came for {self.id}, of which the page holds no exact text yet")
        self.text = html if isinstance(html, str) else apply(self.text or "", html)
        self.held = False  # until a token comes that it belongs to
        return self.text

    def settle(self, seq: int) -> bool:
        """Take everything up to `seq` as answered; whether that was news."""
        before = len(self.unsettled)
        self.unsettled = {number: sent for number, sent in self.unsettled.items() if number > seq}
        return len(self.unsettled) < before

    def refuse(self, seq: int) -> list[int]:
        """Take an event, and what stands before it, as refused; which they are. None for what no event has asked."""
        refused = [number for number in self.unsettled if number <= seq]
        for number in refused:
            del self.unsettled[number]
        return refused
