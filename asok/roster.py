"""Who is in which room, as one process knows it: what it tells the others, and what it learns from them.

A process owns its own members and counts their changes. It tells each change with its number; a beat carries the
last number. Who finds a number missing asks for the whole. A process that is not heard for a while, or whose
connection has ended, is forgotten with all of its members; its next beat brings it back whole. No clock and no
socket is used here: times come in, messages go out through `say`, and what changed through `tell`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from asok.frozen import freeze

__all__ = ["Member", "Roster"]

_ROWS = 100  # in one message: at most 8 KiB each, and a bus carries a mebibyte

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a room.

    id: one per tab and instance. meta: what the others may know. since: the Unix time of the joining.
    """

    id: str
    user: str
    meta: Mapping[str, Any]
    typing: bool
    since: float


Tell = Callable[[str, tuple[Member, ...], tuple[Member, ...]], object]


class _Row(msgspec.Struct, frozen=True, array_like=True):
    room: str
    id: str
    user: str
    meta: dict[str, Any]
    typing: bool
    since: float


class _Whole(msgspec.Struct, frozen=True, array_like=True, tag="whole"):
    """All members of a process, or a part of them; who is new asks the others for theirs."""

    process: str
    peer: str
    count: int
    part: int
    parts: int
    rows: list[_Row]
    asks: bool


class _Changed(msgspec.Struct, frozen=True, array_like=True, tag="changed"):
    process: str
    peer: str
    count: int
    room: str
    id: str
    row: _Row | None


class _Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    process: str
    peer: str
    count: int


class _Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    process: str
    of: str


class _Bye(msgspec.Struct, frozen=True, array_like=True, tag="bye"):
    process: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Whole | _Changed | _Beat | _Ask | _Bye).decode


@dataclass(slots=True)
class _Other:
    """What is known of another process. count: the last change of it that is known; it began with none at 0."""

    peer: str
    heard: float
    count: int = 0
    asked: float = -math.inf
    members: dict[_Key, Member] = field(default_factory=dict)
    coming: tuple[int, dict[int, list[_Row]]] = (-1, {})


class _Changes:
    """What has become different, room by room, until all of a message is taken in."""

    def __init__(self) -> None:
        self.rooms: dict[str, tuple[list[Member], list[Member]]] = {}

    def note(self, room: str, before: Member | None, after: Member | None) -> None:
        if before == after:
            return
        joined, left = self.rooms.setdefault(room, ([], []))
        if before is None and after is not None:
            joined.append(after)
        elif before is not None and after is None:
            left.append(before)


class Roster:
    """The members of all processes, those of `process` being its own. Not for several threads at once.

    peer: its id on the bus, empty where the bus has none.
    """

    def __init__(
        self, process: str, say: Callable[[bytes], None], tell: Tell, *, heartbeat: float, patience: float
    ) -> None:
        self.process, self.peer = process, ""
        self._say, self._tell = say, tell
        self._heartbeat, self._patience = heartbeat, patience
        self._count = 0
        self._own: dict[_Key, Member] = {}
        self._others: dict[str, _Other] = {}
        self._rooms: dict[str, dict[str, dict[str, Member]]] = {}
        self._sorted: dict[str, tuple[Member, ...]] = {}
        self._typing: dict[_Key, float] = {}
        self._last_beat: float | None = None

    # --- reading

    def members(self, room: str) -> tuple[Member, ...]:
        """Who is there, the longest first."""
        if (known := self._sorted.get(room)) is None:
            if room not in self._rooms:
                return ()
            shown = (_shown(by_process) for by_process in self._rooms[room].values())
            known = self._sorted[room] = tuple(sorted(shown, key=lambda member: (member.since, member.id)))
        return known

    def size(self, room: str) -> int:
        """How many are there."""
        return len(self._rooms.get(room, ()))

    def own(self, room: str, id: str) -> Member | None:
        """That member, where it is one of this process."""
        return self._own.get((room, id))

    # --- its own members

    def put(self, room: str, member: Member) -> None:
        """Let it be there, or be there changed."""
        if self._own.get((room, member.id)) != member:
            self._change((room, member.id), member)

    def drop(self, room: str, id: str) -> None:
        """Let it be there no more."""
        if (room, id) in self._own:
            self._typing.pop((room, id), None)
            self._change((room, id), None)

    def type(self, room: str, id: str, until: float | None) -> None:
        """Mark it as typing until then; None ends it."""
        member = self._own.get((room, id))
        if member is None:
            return
        if until is None:
            self._typing.pop((room, id), None)
        else:
            self._typing[room, id] = until
        self.put(room, replace(member, typing=until is not None))

    def _change(self, key: _Key, member: Member | None) -> None:
        self._count += 1
        if member is None:
            del self._own[key]
        else:
            self._own[key] = member
        changes = _Changes()
        self._set(self.process, key, member, changes)
        row = None if member is None else _row(key[0], member)
        self._send(_Changed(self.process, self.peer, self._count, *key, row))
        self._announce(changes)

    # --- speaking

    def hello(self) -> None:
        """Tell the others all, and ask them for theirs."""
        self._send_whole(asks=True)

    def bye(self) -> None:
        """Tell the others that this process goes, and forget everybody."""
        self._send(_Bye(self.process))
        self._own.clear()
        self._typing.clear()
        self._others.clear()
        self._rooms.clear()
        self._sorted.clear()
        self._last_beat = None

    def beat(self, now: float) -> None:
        """What is due each heartbeat: end what has run out, forget who is silent, and be heard."""
        self._forgive_our_own_stall(now)
        for (room, id), until in tuple(self._typing.items()):
            if now >= until:
                self.type(room, id, None)
        for process, other in tuple(self._others.items()):
            if now - other.heard > self._patience:
                self._forget(process)
        if self._rooms:
            self._send(_Beat(self.process, self.peer, self._count))

    def forgive(self, now: float) -> None:
        """Nobody could be heard until now: what was silence before does not count."""
        for other in self._others.values():
            other.heard = max(other.heard, now)

    def _forgive_our_own_stall(self, now: float) -> None:
        """While this loop stood still it heard nobody: that is not their silence."""
        if self._last_beat is not None:
            late = max(0.0, now - self._last_beat - self._heartbeat)
            for other in self._others.values():
                other.heard += late
        self._last_beat = now

    def _send_whole(self, *, asks: bool) -> None:
        rows = [_row(room, member) for (room, _), member in self._own.items()]
        parts = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)] or [[]]
        for part, some in enumerate(parts):
            self._send(_Whole(self.process, self.peer, self._count, part, len(parts), some, asks and part == 0))

    def _send(self, message: _Whole | _Changed | _Beat | _Ask | _Bye) -> None:
        self._say(_encode(message))

    # --- hearing

    def hear(self, message: bytes, now: float) -> None:
        """Take in what was said. Raises DecodeError, UnicodeDecodeError or StoreError for what is none of ours."""
        said = _decode(message)
        if said.process == self.process:
            return
        if isinstance(said, _Ask):
            if said.of == self.process:
                self._send_whole(asks=False)
            return
        if isinstance(said, _Bye):
            self._forget(said.process)
            return
        # Nothing is believed before all of it is read.
        rows = [said.row] if isinstance(said, _Changed) and said.row else said.rows if isinstance(said, _Whole) else []
        members = {(row.room, row.id): _member(row) for row in rows}
        other = self._others.setdefault(said.process, _Other(said.peer, now))
        # What was heard during a stall of ours may lie in the future of the last beat.
        other.heard = max(other.heard, now)
        if isinstance(said, _Whole):
            self._take_whole(said, other)
        elif isinstance(said, _Changed) and said.count == other.count + 1:
            other.count = said.count
            self._take(said.process, other, {(said.room, said.id): members.get((said.room, said.id))})
        elif said.count > other.count and now - other.asked >= self._heartbeat:
            other.asked = now
            self._send(_Ask(self.process, said.process))

    def lose(self, peer: str) -> None:
        """Forget those whose connection has ended."""
        for process, other in tuple(self._others.items()):
            if other.peer == peer:
                self._forget(process)

    def _take_whole(self, whole: _Whole, other: _Other) -> None:
        if whole.asks and (self._own or self._count):
            self._send_whole(asks=False)
        if whole.count <= other.count:
            return
        if other.coming[0] != whole.count:
            other.coming = whole.count, {}
        parts = other.coming[1]
        parts[whole.part] = whole.rows
        if len(parts) < whole.parts:
            return
        news: dict[_Key, Member | None] = dict.fromkeys(other.members)
        news |= {(row.room, row.id): _member(row) for rows in parts.values() for row in rows}
        other.count, other.coming = whole.count, (-1, {})
        self._take(whole.process, other, news)

    def _take(self, process: str, other: _Other, news: Mapping[_Key, Member | None]) -> None:
        changes = _Changes()
        for key, member in news.items():
            if member is None:
                other.members.pop(key, None)
            else:
                other.members[key] = member
            self._set(process, key, member, changes)
        self._announce(changes)

    def _forget(self, process: str) -> None:
        if other := self._others.pop(process, None):
            self._take(process, other, dict.fromkeys(other.members))

    # --- all together

    def _set(self, process: str, key: _Key, member: Member | None, changes: _Changes) -> None:
        room, id = key
        by_process = self._rooms.setdefault(room, {}).setdefault(id, {})
        before = _shown(by_process) if by_process else None
        if member is None:
            by_process.pop(process, None)
        else:
            by_process[process] = member
        changes.note(room, before, _shown(by_process) if by_process else None)
        if not by_process:
            del self._rooms[room][id]
        if not self._rooms[room]:
            del self._rooms[room]
        self._sorted.pop(room, None)

    def _announce(self, changes: _Changes) -> None:
        for room, (joined, left) in changes.rooms.items():
            self._tell(room, _ordered(joined), _ordered(left))


def _shown(by_process: Mapping[str, Member]) -> Member:
    """The one to show where two processes have it: a tab that has moved is where it joined last."""
    return max(by_process.items(), key=lambda item: (item[1].since, item[0]))[1]


def _ordered(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: (member.since, member.id)))


def _row(room: str, member: Member) -> _Row:
    return _Row(room, member.id, member.user, dict(member.meta), member.typing, member.since)


def _member(row: _Row) -> Member:
    if not math.isfinite(row.since):
        raise msgspec.ValidationError("a member's time is no number")
    return Member(row.id, row.user, freeze(row.meta), row.typing, row.since)
