"""Topics: messages to whoever listens, on any page, in any process of the app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from asok.bus import Bus
from asok.errors import AsokError

__all__ = ["Listener", "Topics"]

log = logging.getLogger("asok")

CHANNEL = "topic"
LONGEST = 64 * 1024


class Listener(Protocol):
    """Somebody who takes the messages of topics."""

    def hear(self, topic: str, message: Any) -> None:
        """It must be quick, and may raise: the others hear all the same."""
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
        self._listeners: dict[str, dict[Listener, None]] = {}
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

        Raises AsokError where the message is nothing that can be sent, or longer than 64 KiB.
        """
        try:
            packed = msgspec.msgpack.encode(Notice(topic, message))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise AsokError(f"push({topic!r}): {error}; send numbers, text, lists, dicts or Structs") from None
        if len(packed) > LONGEST:
            raise AsokError(
                f"push({topic!r}): {len(packed)} bytes, {LONGEST} are allowed; put the data into a store or a "
                "database, and push what tells where"
            )
        self._bus.publish(CHANNEL, packed)

    def listen(self, topic: str, listener: Listener) -> None:
        """Bring the topic's messages to the listener."""
        self._listeners.setdefault(topic, {})[listener] = None

    def unlisten(self, topic: str, listener: Listener) -> None:
        """Bring them no more."""
        listeners = self._listeners.get(topic, {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop(topic, None)

    def _hear(self, packed: bytes) -> None:
        notice = _notices.decode(packed)
        for listener in list(self._listeners.get(notice.topic, ())):
            try:
                listener.hear(notice.topic, notice.message)
            except Exception:
                log.exception("a listener of %r raised; the others hear it", notice.topic)
