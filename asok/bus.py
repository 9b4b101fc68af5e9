"""Publish and subscribe between the processes of an app, and the bus of an app that is one process."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from threading import RLock
from typing import Generic, ParamSpec, Protocol, TypeVar, runtime_checkable

from asok.errors import AsokError
from asok.forks import in_each_child

__all__ = [
    "CHANNEL_LIMIT",
    "MESSAGE_LIMIT",
    "Bus",
    "Channels",
    "Listeners",
    "LocalBus",
    "Mailbox",
    "MessageTooLarge",
    "PeerBus",
    "RemoteBus",
    "check_message",
]

_log = logging.getLogger("asok")
_P = ParamSpec("_P")
_Item = TypeVar("_Item")

MESSAGE_LIMIT = 1024 * 1024
CHANNEL_LIMIT = 256


class Bus(Protocol):
    """Messages between the processes of an app. Each is heard at most once; who missed some is told of a gap.

    Open it first, then read what the messages are about: before `open` and after `close` nobody in this
    process hears anything.
    """

    async def open(self) -> None:
        """Begin to hear, on the running loop. Does nothing when the bus is open."""

    async def close(self) -> None:
        """Hand out what was published before, then hear no more. The bus may be opened again."""

    def publish(self, channel: str, message: bytes) -> None:
        """Send to every subscriber of every process, this one included, later and in the order of the calls.

        From any thread, with or without a loop; it never waits for a subscriber. Raises MessageTooLarge.
        """

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call the listener on the loop that opened the bus with each message; the result unsubscribes.

        A listener that raises is logged, the others still hear.
        """

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when messages may have been missed: time to read again what they are about."""


@runtime_checkable
class PeerBus(Bus, Protocol):
    """A bus whose processes see each other."""

    @property
    def id(self) -> str:
        """This process on the bus: random, another one after a fork."""

    @property
    def peers(self) -> frozenset[str]:
        """The ids of the other processes that are connected now."""

    def on_peer_gone(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call the listener with the id of a process whose connection has just ended."""


@runtime_checkable
class RemoteBus(Bus, Protocol):
    """A bus over a server that may be away: then the others are silent, and it is not their fault."""

    @property
    def silence(self) -> float:
        """Seconds since anything has come from the server, which says something each second; infinite without one."""


class MessageTooLarge(AsokError):
    """A message that is larger than a bus carries."""

    def __init__(self, channel: str, size: int) -> None:
        self.channel, self.size = channel, size

    def __str__(self) -> str:
        return (
            f"the message for {self.channel!r} has {self.size} bytes, the bus carries {MESSAGE_LIMIT}; "
            "store the value and publish where it is"
        )


class LocalBus:
    """The bus of an app that runs as one process: nothing is ever missed, and there are no peers.

    What is published before `open` or after `close` is dropped: nobody listens then.
    """

    def __init__(self) -> None:
        self._channels = Channels()
        self._mailbox: Mailbox[tuple[str, bytes]] = Mailbox(lambda said: self._channels.deliver(*said))

    @property
    def id(self) -> str:
        """This process on the bus."""
        return self._mailbox.id

    @property
    def peers(self) -> frozenset[str]:
        """Nobody: this process is the whole app."""
        return frozenset()

    async def open(self) -> None:
        """Begin to hear, on the running loop."""
        self._mailbox.open()

    async def close(self) -> None:
        """Hand out what was published before, then hear no more."""
        self._mailbox.close()

    def publish(self, channel: str, message: bytes) -> None:
        """Send to every subscriber, later, on the loop."""
        check_message(channel, message)
        self._mailbox.put((channel, message))

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call the listener with each message of the channel; the result unsubscribes."""
        return self._channels.subscribe(channel, listener)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Never calls the listener."""
        return _nothing

    def on_peer_gone(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Never calls the listener."""
        return _nothing


def check_message(channel: str, message: bytes) -> None:
    """Raise where no bus would carry this."""
    if not isinstance(message, bytes):
        raise TypeError(f"a message is bytes, got {type(message).__name__}; pack it, for example with msgspec.msgpack")
    if not 0 < len(channel) <= CHANNEL_LIMIT:
        raise ValueError(f"a channel has a name of 1 to {CHANNEL_LIMIT} characters, got {len(channel)}")
    if len(message) > MESSAGE_LIMIT:
        raise MessageTooLarge(channel, len(message))


# --- what buses are made of


class Listeners(Generic[_P]):
    """Functions that are told of something. Any thread may add, any may tell."""

    def __init__(self) -> None:
        # Each step on it is one that threads cannot come between, so it needs no lock that a fork could copy held.
        self._entries: dict[object, Callable[_P, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, listener: Callable[_P, None]) -> Callable[[], None]:
        """Tell it from now on; the result ends that, and may be called twice."""
        entry = object()
        self._entries[entry] = listener

        def remove() -> None:
            self._entries.pop(entry, None)

        return remove

    def tell(self, *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call each with these arguments; one that raises is logged."""
        for entry, listener in tuple(self._entries.items()):
            if entry not in self._entries:  # removed by one that was told before it
                continue
            try:
                listener(*args, **kwargs)
            except Exception:
                _log.exception("a listener raised; the others are told all the same")


class Channels:
    """The subscribers of this process, by channel."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listeners[[bytes]]] = {}
        self.renew()
        in_each_child(self, Channels.renew)

    def renew(self) -> None:
        """Be usable in a child, though another thread may have been subscribing at the fork."""
        self._lock = RLock()

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Let the listener hear the channel; the result unsubscribes."""
        with self._lock:
            listeners = self._listeners.setdefault(channel, Listeners())
            remove = listeners.add(listener)

        def unsubscribe() -> None:
            with self._lock:
                remove()
                if not listeners and self._listeners.get(channel) is listeners:
                    del self._listeners[channel]

        return unsubscribe

    def deliver(self, channel: str, message: bytes) -> None:
        """Tell all who hear the channel."""
        if listeners := self._listeners.get(channel):
            listeners.tell(message)


class Mailbox(Generic[_Item]):
    """Hands what any thread puts in to `take`: later, in order, on the loop that opened it.

    id: this process on the bus; another one after a fork.
    """

    id: str
    _lock: RLock
    _loop: asyncio.AbstractEventLoop | None
    _waiting: list[_Item]

    def __init__(self, take: Callable[[_Item], None]) -> None:
        self._take = take
        self.forget()
        in_each_child(self, Mailbox.forget)

    @property
    def is_open(self) -> bool:
        """Whether what is put in will be taken."""
        return self._loop is not None

    def open(self) -> None:
        """Hand out on the running loop from now on."""
        with self._lock:
            self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Hand out what is in it, then take in no more."""
        with self._lock:
            self._loop = None
        self._hand_out()

    def forget(self) -> None:
        """Drop what is in it and close; after a fork, whose other side hands it out."""
        # A signal's handler or a finaliser may put something in while its own thread is just doing so.
        self._lock, self._loop, self._waiting = RLock(), None, []
        self.id = secrets.token_hex(8)

    def put(self, item: _Item) -> bool:
        """Have it taken soon; False when the mailbox is closed."""
        with self._lock:
            if self._loop is None:
                return False
            self._waiting.append(item)
            if len(self._waiting) == 1:
                try:
                    self._loop.call_soon_threadsafe(self._hand_out)
                except RuntimeError:  # that loop was closed without closing us
                    self._loop, self._waiting = None, []
            return self._loop is not None

    def _hand_out(self) -> None:
        # What is put in meanwhile has its turn after the loop's other work.
        with self._lock:
            batch, self._waiting = self._waiting, []
        for item in batch:
            self._take(item)


def _nothing() -> None:
    pass
