"""Topics: messages to whoever listens, on any page, in any process of the app."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Any, Protocol

import msgspec

from asok.audience import Audience
from asok.bus import Bus
from asok.errors import AsokError

__all__ = ["RESERVED", "UNMARKED", "Listener", "Mark", "Topics", "name_problem", "unpacked"]

log = logging.getLogger("asok")

CHANNEL = "topic"
LONGEST = 64 * 1024
LONGEST_NAME = 256
# Topics that begin so are asok's own: no app names them, so that nobody listens to them or speaks there.
RESERVED = "\0"
# Who has sent a message, and which one of theirs it is: each process counts what it sends, in its order.
Mark = tuple[str, int]
UNMARKED: Mark = ("", 0)
FIRST = 2**32  # so that each number takes as many bytes


class Listener(Protocol):
    """Somebody who takes the messages of topics."""

    def hear(self, topic: str, message: Any) -> None:
        """It must be quick, leaves the message as it is, and may raise: the others hear all the same."""
        ...


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """A message to a topic, as it goes over the bus. by, number: its mark."""

    topic: str
    message: Any
    by: str = ""
    number: int = 0


_notices = msgspec.msgpack.Decoder(Notice)


class Topics:
    """Who listens to which topic in this process. mark: of the message that is being heard."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self.mark = bus, UNMARKED
        self._listeners = Audience[str, Listener]()
        self._stop: Callable[[], None] | None = None
        self._begin_to_count()

    def _begin_to_count(self) -> None:
        self._process, self._by = os.getpid(), secrets.token_hex(4)
        self._numbers, self._numbering, self._emitted = count(FIRST), Lock(), count(1)

    def _count_for_this_process(self) -> None:
        if self._process != os.getpid():  # after a fork
            self._begin_to_count()

    def next_emitted(self) -> Mark:
        """The mark of the next message that is emitted here; those do not wait behind what goes over the bus."""
        self._count_for_this_process()
        return f"{self._by}+", next(self._emitted)

    def open(self) -> None:
        """Begin to hear."""
        self._stop = self._stop or self._bus.subscribe(CHANNEL, self._hear)

    def close(self) -> None:
        """Hear no more."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def push(self, topic: str, message: Any) -> None:
        """Send a message to all who listen to the topic; from any thread or process, and it never waits.

        Raises AsokError where the name or the message is nothing that can be sent, or longer than 64 KiB.
        """
        if problem := name_problem(topic):
            raise AsokError(f"push({topic!r:.80}): {problem}")
        self.announce(topic, message)

    def announce(self, topic: str, message: Any) -> None:
        """As `push`, for asok's own topics, too."""
        self._count_for_this_process()
        with self._numbering:  # so that threads send in the order of the numbers
            self._bus.publish(CHANNEL, _packed("push", topic, message, self._by, next(self._numbers)))

    def listen(self, topic: str, listener: Listener) -> None:
        """Bring the topic's messages to the listener."""
        self._listeners.add(topic, listener)

    def unlisten(self, topic: str, listener: Listener) -> None:
        """Bring them no more."""
        self._listeners.remove(topic, listener)

    def __len__(self) -> int:
        """How many topics are listened to in this process."""
        return len(self._listeners)

    def _hear(self, packed: bytes) -> None:
        notice = _notices.decode(packed)
        self.mark = notice.by, notice.number
        for listener in self._listeners.of(notice.topic):
            try:
                listener.hear(notice.topic, notice.message)
            except Exception:
                log.exception("a listener of %r raised; the others hear it", notice.topic)


def name_problem(name: Any) -> str:
    """Why this cannot be the name of a topic or room; empty where it can."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        return f"expected a text of 1 to {LONGEST_NAME} characters, such as 'orders'"
    if name.startswith(RESERVED):
        return "names that begin with a NUL character are asok's own; choose another"
    return ""


def unpacked(verb: str, name: str, message: Any) -> Any:
    """The message as those hear it who are sent it, with nothing of the original. Raises AsokError."""
    return _notices.decode(_packed(verb, name, message)).message


def _packed(verb: str, topic: str, message: Any, by: str = "", number: int = 0) -> bytes:
    try:
        packed = msgspec.msgpack.encode(Notice(topic, message, by, number))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise AsokError(f"{verb}({topic!r}): {error}; send numbers, text, lists, dicts or Structs") from None
    size = len(packed) - len(msgspec.msgpack.encode((by, number))) + 1
    if size > LONGEST:
        raise AsokError(
            f"{verb}({topic!r}): {size} bytes, {LONGEST} are allowed; put the data into a store or a "
            f"database, and {verb} what tells where"
        )
    return packed
