"""What a browser tab knows of one component: its exact text, and which of its events are settled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asok.diff import apply
from asok.errors import AsokError

__all__ = ["Instance", "Patch", "Refused", "Sent"]


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


class Sent(NamedTuple):
    """An event that is not settled yet."""

    call: str
    data: dict[str, Any]


@dataclass
class Instance:
    """One component of the page.

    text: the exact text last received, None before the first update; the tree cannot give it back.
    held: that text belongs to the token. placed: the root has stood in the page. paused: the app asked to wait.
    last, settled: the highest sequence number given out, and the highest that was answered or refused.
    """

    id: str
    text: str | None = None
    held: bool = False
    placed: bool = False
    joined: bool = False
    paused: bool = False
    last: int = 0
    settled: int = 0
    unsettled: dict[int, Sent] = field(default_factory=dict)

    def add(self, call: str, data: dict[str, Any]) -> int:
        """Give a new event its number."""
        self.last += 1
        self.unsettled[self.last] = Sent(call, data)
        return self.last

    def frames(self, since: int = 0) -> list[list[Any]]:
        """The unsettled events from a number on, as messages."""
        return [
            ["event", self.id, seq, sent.call, *([sent.data] if sent.data else [])]
            for seq, sent in sorted(self.unsettled.items())
            if seq >= since
        ]

    def entry(self, token: str) -> list[Any]:
        """What a join says of this component."""
        return [token, self.settled, int(self.held)]

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
        self.settled = max(self.settled, seq)
        return len(self.unsettled) < before

    def refuse(self, seq: int) -> list[int]:
        """Take one event as refused, or all of them where it is the join that was refused; which they are."""
        self.joined = self.joined and seq in self.unsettled
        refused = [seq] if seq in self.unsettled else list(self.unsettled)
        for number in refused:
            del self.unsettled[number]
        self.settled = max(self.settled, seq)
        return refused
