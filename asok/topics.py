"""Topics: messages to whoever listens, on any page, in any process of the app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from asok.audience import Audience
from asok.bus import Bus
from asok.errors import AsokError

__all__ = ["RESERVED", "Listener", "Topics", "name_problem", "unpacked"]

log = logging.getLogger("asok")

CHANNEL = "topic"
LONGEST = 64 * 1024
LONGEST_NAME = 256
# Topics that begin so are asok's own: no app names them, so that nobody listens to them or speaks there.
RESERVED = "\0"


class Listener(Protocol):
    """Somebody who takes the messages of topics."""

    def hear(self, topic: str, message: Any) -> None:
        """It must be quick, leaves the message as it is, and may raise: the others hear all the same."""
        ...


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """A message to a topic, as it goes over the bus."""

    topic: str
    message: Any


_notices = msgspec.msgpack.Decoder(Notice)


class Topics:
    """Who listens to which topic in this process."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._listeners = Audience[str, Listener]()
        self._stop: Callable[[], None] | None = None

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
        self._bus.publish(CHANNEL, _packed("push", topic, message))

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


def _packed(verb: str, topic: str, message: Any) -> bytes:
    try:
        packed = msgspec.msgpack.encode(Notice(topic, message))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise AsokError(f"{verb}({topic!r}): {error}; send numbers, text, lists, dicts or Structs") from None
    if len(packed) > LONGEST:
        raise AsokError(
            f"{verb}({topic!r}): {len(packed)} bytes, {LONGEST} are allowed; put the data into a store or a "
            f"database, and {verb} what tells where"
        )
    return packed
