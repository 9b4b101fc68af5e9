"""Who is in which room, the same answer in every process of the app."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

import msgspec

from asok.bus import Bus, Listeners, Mailbox, PeerBus, RemoteBus
from asok.errors import Refusal, StoreError
from asok.forks import in_each_child
from asok.frozen import freeze
from asok.roster import Member, Roster

__all__ = ["Member", "Presence", "PresenceRefused", "checked_meta"]

_log = logging.getLogger("asok")

_CHANNEL = "presence"
_NAME = 256  # characters of a room's, a member's or a user's name
_META = 4096  # bytes, packed
_MEMBERS = 10_000  # in a room
_ROOMS = 100  # of a member
_COMPLAINT = 1.0

Listener = Callable[[str, tuple[Member, ...], tuple[Member, ...]], None]


class PresenceRefused(Refusal):
    """A name, a meta or a number of members that presence does not take."""

    code = "bad_value"

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __str__(self) -> str:
        return f"presence: {self.problem}"


class Presence:
    """Who is in which room. Every call may come from any thread; listeners are called on the loop that opened it.

    A process that dies takes its members with it: at once where the bus sees its processes, else when it was not
    heard for `patience` seconds. One that only stood still comes back whole with its next heartbeat. While the bus
    itself is away, everybody stays.

    heartbeat, patience: in seconds; by default 0.3 and 0.9, over a bus whose server may be away 0.5 and 1.5.
    clock: measures silence and typing. wall_clock: the time of a joining, by which all processes sort.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        heartbeat: float = 0,
        patience: float = 0,
    ) -> None:
        self._bus, self._clock, self._wall_clock = bus, clock, wall_clock
        usual = (0.5, 1.5) if isinstance(bus, RemoteBus) else (0.3, 0.9)
        self._heartbeat, self._patience = heartbeat or usual[0], patience or usual[1]
        self._listeners: Listeners[[str, tuple[Member, ...], tuple[Member, ...]]] = Listeners()
        self._news: Mailbox[tuple[str, tuple[Member, ...], tuple[Member, ...]]]
        self._news = Mailbox(lambda news: self._listeners.tell(*news))
        self._endings: list[Callable[[], None]] = []
        self._start_afresh()
        in_each_child(self, Presence._start_in_child)

    def _start_afresh(self) -> None:
        self._lock = RLock()
        self._timer: asyncio.TimerHandle | None = None
        self._complained = float("-inf")
        self._rooms_of: defaultdict[str, set[str]] = defaultdict(set)
        self._roster = Roster(
            secrets.token_hex(8),
            lambda message: self._bus.publish(_CHANNEL, message),
            lambda room, joined, left: self._news.put((room, joined, left)),
            heartbeat=self._heartbeat,
            patience=self._patience,
        )

    async def open(self) -> None:
        """Tell the other processes who is here, and ask them. The bus is open before."""
        if self._news.is_open:
            return
        self._news.open()
        self._endings.append(self._bus.subscribe(_CHANNEL, self._hear))
        if isinstance(self._bus, PeerBus):
            self._roster.peer = self._bus.id
            self._endings.append(self._bus.on_peer_gone(self._lose))
        if isinstance(self._bus, RemoteBus):
            self._endings.append(self._bus.on_gap(self._forgive))
        with self._lock:
            self._roster.hello()
        self._beat_later()

    async def close(self) -> None:
        """All members of this process leave, and the others are forgotten. The bus is closed after."""
        if not self._news.is_open:
            return
        if self._timer is not None:
            self._timer.cancel()
        for end in self._endings:
            end()
        self._endings.clear()
        with self._lock:
            self._roster.bye()
            self._rooms_of.clear()
        self._news.close()

    # --- members of this process

    def join(self, room: str, member_id: str, user: str, meta: Mapping[str, Any] | None = None) -> None:
        """Be in the room; who is there already has its user and meta changed. Raises PresenceRefused."""
        _check_name("room", room)
        _check_name("member", member_id)
        if user:
            _check_name("user", user)
        checked = checked_meta(meta or {})
        with self._lock:
            if known := self._roster.own(room, member_id):
                self._roster.put(room, replace(known, user=user, meta=checked))
                return
            if len(self._rooms_of.get(member_id, ())) >= _ROOMS:
                raise PresenceRefused(f"{member_id!r} is in {_ROOMS} rooms already; leave one first")
            if self._roster.size(room) >= _MEMBERS:
                raise PresenceRefused(f"room {room!r} has {_MEMBERS} members, which is the most; split it")
            self._rooms_of[member_id].add(room)
            self._roster.put(room, Member(member_id, user, checked, False, self._wall_clock()))

    def update(self, room: str, member_id: str, meta: Mapping[str, Any]) -> None:
        """Change what the others know of it. Raises PresenceRefused, also where it is not in the room."""
        checked = checked_meta(meta)
        with self._lock:
            known = self._roster.own(room, member_id)
            if known is None:
                raise PresenceRefused(f"{member_id!r} is not in room {room!r}; let it join first")
            self._roster.put(room, replace(known, meta=checked))

    def typing(self, room: str, member_id: str, seconds: float = 3.0) -> None:
        """Mark it as typing for so long, to a heartbeat; again prolongs, 0 ends. Nothing for who is not there."""
        with self._lock:
            self._roster.type(room, member_id, self._clock() + seconds if seconds > 0 else None)

    def leave(self, room: str, member_id: str) -> None:
        """Be there no more; nothing for who is not there."""
        with self._lock:
            rooms = self._rooms_of.get(member_id)
            if rooms is not None:
                rooms.discard(room)
                if not rooms:
                    del self._rooms_of[member_id]
            self._roster.drop(room, member_id)

    def leave_all(self, member_id: str) -> None:
        """Be nowhere any more."""
        with self._lock:
            for room in sorted(self._rooms_of.get(member_id, ())):
                self.leave(room, member_id)

    # --- members of all processes

    def members(self, room: str) -> tuple[Member, ...]:
        """Who is there, in every process in the same order: the longest first."""
        with self._lock:
            return self._roster.members(room)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with a room, who has joined and who has left, after `members` shows it.

        A change of meta or typing has neither. The result ends it.
        """
        return self._listeners.add(listener)

    # --- the bus

    def _hear(self, message: bytes) -> None:
        try:
            with self._lock:
                self._roster.hear(message, self._clock())
        except (msgspec.DecodeError, UnicodeDecodeError, StoreError, RecursionError) as error:
            if self._clock() - self._complained >= _COMPLAINT:
                self._complained = self._clock()
                _log.warning("ignored a message on the bus' channel %r that is none of asok's: %s", _CHANNEL, error)

    def _lose(self, peer: str) -> None:
        with self._lock:
            self._roster.lose(peer)

    def _forgive(self) -> None:
        with self._lock:
            self._roster.forgive(self._clock())

    def _beat(self) -> None:
        self._beat_later()
        with self._lock:
            # Who hears not even the echo of the last two beats cannot blame the others for their silence.
            if isinstance(self._bus, RemoteBus) and self._bus.silence > 2 * self._heartbeat:
                self._roster.forgive(self._clock())
            self._roster.beat(self._clock())

    def _beat_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._heartbeat, self._beat)

    def _start_in_child(self) -> None:
        """Begin without members: those that a fork has copied are the parent's."""
        for end in self._endings:
            end()
        self._endings.clear()
        self._start_afresh()


def _check_name(kind: str, name: str) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _NAME:
        got = f"{len(name)} characters" if isinstance(name, str) else type(name).__name__
        raise PresenceRefused(f"a {kind} is text of 1 to {_NAME} characters, got {got}")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise PresenceRefused(f"a {kind} is text, got half of a character in {name!a}")


def checked_meta(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """A frozen copy of what the others may know. Raises PresenceRefused."""
    if not isinstance(meta, Mapping):
        raise PresenceRefused(f"meta is a dict of JSON values, got {type(meta).__name__}")
    try:
        frozen: Mapping[str, Any] = freeze(dict(meta))
        size = len(msgspec.msgpack.encode(frozen))
    except (StoreError, UnicodeError) as error:
        raise PresenceRefused(f"meta is a dict of JSON values: {getattr(error, 'problem', error)}") from None
    if size > _META:
        raise PresenceRefused(f"meta has {size} bytes packed, {_META} are the most; store the rest and name it here")
    return frozen
