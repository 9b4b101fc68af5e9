"""The session: a set of versioned cells that change together or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from asok.errors import AsokError
from asok.plainly import PlainMapping
from asok.roundtrip import packed_key
from asok.state import random_id

__all__ = [
    "KEY",
    "META",
    "STORES",
    "TRIED",
    "Backend",
    "Cell",
    "CellKey",
    "Commit",
    "Meta",
    "Record",
    "ReplaceableBackend",
    "Session",
    "current_session",
    "open_session",
    "owner_of",
    "pack",
    "serve_session",
    "unpack_record",
]

CellKey = tuple[str, str]


class Cell(NamedTuple):
    """A stored value and its version, which counts its writes from 1."""

    version: int
    value: bytes


class Commit(Struct, frozen=True):
    """Writes that happen together, and only if what was read has not changed.

    checks: (owner, name) -> the version that was read, 0 for a cell that was not there.
    writes: (owner, name) -> the new value, None to delete; a write makes the version one more.
    move: (old owner, new owner): every cell changes its owner first; checks and writes name the new one.
    id: where one that ended in `Busy` may be sent again, as it was: it is applied once.
    """

    checks: Mapping[CellKey, int]
    writes: Mapping[CellKey, bytes | None]
    move: tuple[str, str] | None = None
    id: str = ""


class Backend(Protocol):
    """Where cells are kept. An owner is a session or a store; a name is unique within it.

    A call that would wait for a network blocks instead where `driven.at_once` is set, as in a template.
    """

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        """The cells of `owner` with these names, and those whose name starts with `prefix`."""
        ...

    async def commit(self, commit: Commit) -> bool:
        """Apply all of it, or nothing and return False. Raises `Busy` after 5 s without the store."""
        ...

    async def count(self, owner: str, prefix: str) -> int: ...

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        """The names of at most `count` cells, least recently written first."""
        ...

    async def delete(self, owner: str) -> None: ...

    async def sweep(self, before: float) -> int:
        """Forget the sessions whose newest write is older than this Unix time; return how many. Stores stay."""
        ...


@runtime_checkable
class ReplaceableBackend(Backend, Protocol):
    """A backend that notices when it holds something else than before, such as after a failover."""

    def on_replaced(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when that is so; what was read before is to be read again. Any thread may call it."""
        ...


META = "meta"
KEY = "session/"
# Before the id of an instance: events of it that run though they may have begun before.
TRIED = "tried/"
# Owners that begin so are no sessions: nothing of theirs is ever swept.
STORES = "store/"
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class Meta(Struct, array_like=True, frozen=True):
    """What a session is beside its keys. epoch: raised at login and logout; tokens of another are void.
    watermark: no token without a record is taken if it was born before this time."""

    created: float
    epoch: int = 0
    watermark: float = 0


class Record(Struct, array_like=True, frozen=True):
    """What the session keeps of an instance: it decides, the browser's token only proves.

    applied: tab -> the last sequence applied. effects: (tab, sequence, effects) that may not have arrived.
    topics, rooms: what the instance takes part in, wherever it is shown. content: what its parent has put into its
    slots. state: empty before it is mounted. heard: process and method -> the last message that it took. foreign: the
    fields that only another release of the class has.
    """

    version: int
    schema: bytes
    state: bytes
    private: bytes
    arguments: bytes
    born: float
    applied: dict[str, int]
    effects: list[tuple[str, int, list[list[Any]]]] = []
    topics: list[str] = []
    rooms: dict[str, Any] = {}
    content: bytes = b""
    heard: dict[str, int] = {}
    foreign: bytes = b""


_NEW = Meta(0)
_values = msgspec.msgpack.Encoder()
_meta = msgspec.msgpack.Decoder(Meta)
_record = msgspec.msgpack.Decoder(Record)


def pack(value: Any) -> bytes:
    """A value as a cell carries it."""
    return _values.encode(value)


def unpack_record(value: bytes) -> Record:
    """The record in a cell."""
    return _record.decode(value)


def owner_of(session_id: str) -> str:
    """The name under which a session is stored, which does not tell the id that opens it."""
    return hashlib.sha256(session_id.encode()).hexdigest()[:32]


class Session(PlainMapping):
    """A visitor's own mapping of names to plain values, kept on the server.

    It behaves like `request.session`: assigning a name saves it; after changing something inside a value,
    set `session.modified = True`. What was read and what was written is remembered key by key, so that two
    tabs never undo each other.
    """

    _old_id = ""
    modified = needed = looked = moved = _socket = False
    _id: str
    _meta_version: int
    meta: Meta
    _cells: dict[str, Cell]
    _values: dict[str, Any]
    _read: set[str]
    _written: set[str]
    _deleted: set[str]
    staged: dict[str, bytes]

    def __init__(self, session_id: str = "", meta: Cell | None = None, cells: Mapping[str, Cell] | None = None) -> None:
        # Not one by one, by the way that is for what others write: each event makes one of these.
        self.__dict__.update(
            _id=session_id,
            _meta_version=meta.version if meta else 0,
            meta=_meta.decode(meta.value) if meta else _NEW,
            _cells={name[len(KEY) :]: cell for name, cell in (cells or {}).items() if name.startswith(KEY)},
            _values={},
            _read=set(),
            _written=set(),
            _deleted=set(),
            staged={},
        )

    @property
    def id(self) -> str:
        """The session's id. Asking makes the session: its row is written and its cookie set."""
        self.needed = True
        if not self._id:
            self._id = random_id(32)
        return self._id

    @property
    def owner(self) -> str:
        """The name under which it is stored; empty while nothing is, or after it was given a new id."""
        return "" if self.is_new or self._old_id else owner_of(self._id)

    @property
    def home(self) -> str:
        """Where its cells are: under the old id, until a response has given it the new one (`moved`)."""
        return owner_of(self._old_id if self._old_id and not self.moved else self.id)

    @property
    def is_new(self) -> bool:
        """Whether nothing of it is stored yet."""
        return self._meta_version == 0

    @property
    def regenerated(self) -> bool:
        """Whether its id has changed since it was opened."""
        return bool(self._old_id)

    def regenerate(self) -> None:
        """Give the session a new id and void every token of the old one. Call it at login and at logout.

        Raises AsokError in a component's method: a cookie can be set only by an HTTP response.
        """
        if self._socket:
            raise AsokError(
                "session.regenerate() needs an HTTP response to set the cookie; call it in a route, "
                "for example one that a plain <form method=post> reaches"
            )
        if not self.is_new and not self._old_id:
            self._old_id = self._id
        self._id = random_id(32)
        self.meta = msgspec.structs.replace(self.meta, epoch=self.meta.epoch + 1)
        self.needed = True

    def over_socket(self) -> Session:
        """The same session, as a method sees it that no HTTP response follows."""
        self._socket = True
        return self

    def __getitem__(self, name: str) -> Any:
        self.looked = True
        self._read.add(name)
        if name in self._deleted:
            raise KeyError(name)
        if name not in self._values:
            self._values[name] = msgspec.msgpack.decode(self._cells[name].value)
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._written.add(name)
        self._deleted.discard(name)

    def __delitem__(self, name: str) -> None:
        self[name]
        self._values.pop(name, None)
        self._written.discard(name)
        self._deleted.add(name)

    def __iter__(self) -> Iterator[str]:
        self.looked = True
        self._read.update(self._cells)
        return iter([name for name in {**self._cells, **self._values} if name not in self._deleted])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"<Session with {len(self._cells)} stored keys>"

    def changes(self) -> dict[str, bytes | None]:
        """Cell name -> new value, for every key that was assigned, deleted, or changed inside; a deletion renews META.

        Raises AsokError where a value is nothing that can be stored.
        """
        found: dict[str, bytes | None] = {}
        if not (self._written or self._deleted or self.modified):
            return found
        for name in self._values if self.modified else self._written:
            packed = packed_key(name, self._values[name])
            if name in self._written or packed != self._cells[name].value:
                found[KEY + name] = packed
        gone = {KEY + name: None for name in self._deleted if name in self._cells}
        if gone:  # a key that comes back counts from 1 again: who has read it before is told by the session's own cell
            found |= {**gone, META: pack(self.meta)}
        return found

    @property
    def dirty(self) -> bool:
        """Whether a response must write it."""
        return bool((self.needed and self.is_new) or self._old_id or self.staged or self.changes())

    def checks(self, owner: str) -> dict[CellKey, int]:
        """What must still be as it was read: the session itself, and each key that was looked at."""
        checks = {(owner, META): self._meta_version}
        for name in self._read:
            checks[owner, KEY + name] = self._cells[name].version if name in self._cells else 0
        return checks

    def takes_over(self, newer: Session) -> bool:
        """Whether all that was looked at is as it was; then the session's own cell, which is newer, is taken over."""
        seen = any(self._cells.get(name) != newer._cells.get(name) for name in self._read)
        if seen or self.is_new or self._old_id or self.meta.epoch != newer.meta.epoch:
            return False
        self.meta, self._meta_version = newer.meta, newer._meta_version
        return True

    def commit(self, now: float) -> Commit:
        """Everything that the session has to write at the end of a request."""
        owner = owner_of(self.id)
        writes: dict[CellKey, bytes | None] = {(owner, name): value for name, value in self.changes().items()}
        if self.is_new or self._old_id:
            self.meta = Meta(self.meta.created or now, self.meta.epoch, self.meta.watermark)
            writes[owner, META] = pack(self.meta)
        checks = self.checks(owner)
        for name, value in self.staged.items():
            writes[owner, name], checks[owner, name] = value, 0
        return Commit(checks, writes, move=(owner_of(self._old_id), owner) if self._old_id else None)


_session: ContextVar[Session | None] = ContextVar("asok_session", default=None)


def current_session() -> Session | None:
    """The session of the visitor who is being served."""
    return _session.get()


def serve_session(session: Session | None) -> None:
    """From here on, in this task, this visitor is being served; or none."""
    _session.set(session)


async def open_session(backend: Backend, session_id: str) -> Session | None:
    """The session with this id, or None: an id that the server did not make is never adopted."""
    if not SESSION_ID.fullmatch(session_id):
        return None
    cells = await backend.read(owner_of(session_id), [META], KEY)
    return Session(session_id, cells[META], cells) if META in cells else None
