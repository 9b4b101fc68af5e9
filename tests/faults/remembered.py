"""What a tab remembers of the page that it shows, and what persons remember of their day."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Diary", "Sent", "Shown"]


@dataclass(eq=False, slots=True)
class Sent:
    """An event. went: it was sent over a connection, so that it may have happened."""

    seq: int
    call: str
    data: dict[str, Any]
    since: float
    went: bool = False


@dataclass(eq=False, slots=True)
class Shown:
    """An instance on the page. sent: the newest number that went over this connection; None: it has not joined,
    EVER: it waits."""

    id: str
    token: str
    text: str = ""
    held: bool = False
    queue: deque[Sent] = field(default_factory=deque)
    last: int = 0
    sent: float | None = None
    joining: bool = False


@dataclass(slots=True)
class Diary:
    """What some persons have been through: seconds and numbers. lost: connections that they had and lost."""

    answers: array[float] = field(default_factory=lambda: array("f"))
    returns: array[float] = field(default_factory=lambda: array("f"))
    seen: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lost: int = 0
