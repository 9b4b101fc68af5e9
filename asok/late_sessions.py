"""A session after its commit: what tasks and threads set in it is noticed, and put on the newest one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from weakref import ref

import msgspec

from asok.component import Component, surroundings_of
from asok.errors import AsokError
from asok.roundtrip import packed_key
from asok.sessions import KEY, Cell, Session

__all__ = ["apart", "give", "is_late", "renew", "settle", "take", "tell"]

Changes = Mapping[str, bytes | None]


class _Told(set[str]):
    """Names; each that is added is told. It knows the component only by a weak ref: what begins in the context of an
    event keeps that one's session."""

    def __init__(self, names: set[str], component: Component) -> None:
        super().__init__(names)
        self._known = ref(component)

    def add(self, name: str) -> None:
        super().add(name)
        component = self._known()
        late = surroundings_of(component).late if component is not None else None
        if late is not None:
            late()


def settle(session: Session, changes: Changes) -> None:
    """These count; what differs from them, or comes now, is late. It is not for a session that may be committed."""
    for cell, value in changes.items():
        name = cell.removeprefix(KEY)
        if name == cell:
            continue
        if value is None:
            session._deleted.discard(name)
            session._cells.pop(name, None)
            continue
        session._cells[name] = Cell(0, value)
        if _packed(session, name) == value:  # a thread may just have put another there
            session._written.discard(name)
    session.modified = False


def _packed(session: Session, name: str) -> bytes | None:
    try:
        return packed_key(name, session._values[name])
    except (AsokError, KeyError):
        return None


def is_late(session: Session) -> bool:
    """Whether it was changed after its commit."""
    return bool(session._written or session._deleted or session.modified)


def tell(session: Session, component: Component) -> None:
    """Tell that the component has changed when a key is set or deleted from now on."""
    session._written, session._deleted = _Told(session._written, component), _Told(session._deleted, component)


def take(session: Session) -> Changes:
    """What was changed since this was last asked, or since the commit. Raises AsokError where nothing stores it."""
    if not is_late(session):
        return {}
    try:
        changes = {cell: value for cell, value in session.changes().items() if cell.startswith(KEY)}
    except AsokError:
        session._written.clear()
        session._values.clear()
        session.modified = False
        raise
    settle(session, changes)
    return changes


def give(session: Session, changes: Changes) -> None:
    """Make these changes of another one."""
    for cell, value in changes.items():
        name = cell.removeprefix(KEY)
        if value is None:
            session.pop(name, None)
        else:
            session[name] = msgspec.msgpack.decode(value)


def renew(session: Session, newest: Session) -> None:
    """Let it read what the newest one has. What it has set itself and nobody has taken yet stays."""
    session._cells = dict(newest._cells)
    for name in [name for name in session._values if name not in session._written]:
        session._values.pop(name, None)


def apart(session: Session) -> Session:
    """The same for somebody else, whose changes are not this one's."""
    other = copy.copy(session)
    other._values, other._read, other._written, other._deleted = {}, set(), set(), set()
    return other
