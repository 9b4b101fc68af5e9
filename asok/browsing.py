"""What a browser asks of stores, over the socket or plain HTTP: which store it means, and whether it may write."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from asok import protocol
from asok.documents import Document, Work
from asok.errors import AsokError, Busy, StoreConflict, StoreDenied, StoreError, UnknownStore, UnknownVerb
from asok.grants import may_write
from asok.mounting import Engine
from asok.namespaces import ALL
from asok.sessions import META, CellKey, Session, open_session, owner_of, pack, serve_session
from asok.stores import Tree
from asok.trees import Write, freeze, parse_path

__all__ = ["Once", "SignedOut", "browser_write", "committed_write", "tree_of", "trees_of"]

TABS = 16
MOST_REFUSED = 64
ATTEMPTS = 100
VERBS = ("set", "update", "append", "delete")


class SignedOut(AsokError):
    """The visitor's session is gone."""


class Once(Protocol):
    """What a session remembers of the writes that it has done, so that one sent again is not done again."""

    @property
    def cell(self) -> str:
        """The cell of the session that holds it."""
        ...

    def applied(self, kept: Any) -> bool:
        """Whether the write has been done before. kept: what the cell holds, None for nothing."""
        ...

    def remembering(self, kept: Any) -> Any:
        """What the cell holds with this write in it."""
        ...


Numbers = dict[str, tuple[int, list[int]]]


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The writes of a tab, which count from 1 and come in their order: one that was passed over was refused.

    A session keeps, by tab, the last number that was done and those refused before it.
    """

    tab: str
    n: int
    cell: str = "written"

    def applied(self, kept: Numbers | None) -> bool:
        last, refused = (kept or {}).get(self.tab, (0, ()))
        if self.n in refused:
            raise StoreError(f"write {self.n} was refused before")
        return self.n <= last

    def remembering(self, kept: Numbers | None) -> Numbers:
        others = [item for item in (kept or {}).items() if item[0] != self.tab]
        last, refused = (kept or {}).get(self.tab, (0, []))
        refused = [*refused, *range(max(last + 1, self.n - MOST_REFUSED), self.n)][-MOST_REFUSED:]
        return {**dict(others[-TABS + 1 :]), self.tab: (self.n, refused)}


def tree_of(engine: Engine, name: str, session: Session | None) -> Tree:
    """The tree that a visitor means by a name. Raises UnknownStore, NotSignedIn."""
    if not name.startswith(ALL):
        tree: Tree = engine.stores.find(name).of(session)
        return tree
    if session is None:
        raise UnknownStore(name, [])
    return engine.namespaces.find(name, session)


def trees_of(engine: Engine, name: str, session: Session | None) -> Iterable[Tree]:
    """The same, and for `~` all namespaces of the visitor."""
    if name == ALL and session is not None:
        return list(engine.namespaces.readable(session))
    return [tree_of(engine, name, session)]


def permitted(
    engine: Engine, tree: Tree, session: Session, message: protocol.Write, work: Work, held: _Held | None = None
) -> None:
    """Put the write into the unit of work, if its grant or the store's rules allow it. Raises StoreError."""
    if message.verb not in VERBS:
        raise UnknownVerb(message.verb, VERBS)
    given = Write(message.verb, tree.within(parse_path(message.path)), freeze(message.value))
    written = (message.verb, message.store, message.path, message.value)
    granted = bool(message.grant) and may_write(engine.ring, session, written, message.grant)
    if message.grant and not granted:
        raise StoreDenied(message.verb, message.path, "the grant is not for this write and session", tree.name)
    if not granted:
        tree.rules.permit(given)
    if held is not None:
        held.demand()
    if not granted:
        work.saw(tree.document, given.path)
    old = tree.tree(work)
    write = tree.adapted(given, work)
    work.write(tree.document, write)
    if not granted:
        tree.rules.check(given, old, tree.tree(work), session)


class _Held(Document):
    """Stands among the writes of a unit of work: a write that changes nothing, and fails at another version.

    Writes are applied in the moment of the commit, and the commit holds for the versions of that moment.
    """

    __slots__ = ("_documents", "_name", "_versions")

    def __init__(self, tree: Tree, versions: Collection[int]) -> None:
        super().__init__(tree.document.key, None)
        self._documents, self._name, self._versions = tree.documents, tree.name, versions

    def demand(self) -> None:
        """Raises StoreConflict at another version."""
        found = sum(document.version for document in self._documents)
        if found not in self._versions:
            raise StoreConflict(max(self._versions, default=0), found, self._name)

    def after(self, tree: Any, write: Write) -> tuple[Any, tuple[()]]:
        self.demand()
        return tree, ()

    def join(self, work: Work) -> None:
        """Take part in the unit's commit, behind its writes."""
        work.documents.update({document.key: document for document in self._documents})
        work.writes.append((self, Write("update", (), {})))


async def _up_to_date(engine: Engine, tree: Tree) -> None:
    """See to it that this process does not lag behind: a commit of nothing fails if it does, and reads again."""
    look = Work()
    for document in tree.documents:
        look.saw(document, ())
    await engine.stores.replicas.commit(look)


async def browser_write(engine: Engine, session: Session | None, tab: str, message: protocol.Write) -> int:
    """Apply a tab's write, once; the store's version with it.

    Raises StoreError where it may not be, Busy where it cannot be now, SignedOut.
    """
    return (await committed_write(engine, session, message, _Numbered(tab, message.n))).version


async def committed_write(
    engine: Engine,
    session: Session | None,
    message: protocol.Write,
    once: Once | None,
    only_at: Collection[int] | None = None,
) -> Tree:
    """Apply a visitor's write, and remember it in the same commit; the tree that has it.

    It counts only if the session is still there, and what the rules asked of it is as it was. only_at: the
    versions that the tree may have before. Raises StoreError, Busy and SignedOut.
    """
    for _ in range(ATTEMPTS):
        if session is None:
            raise SignedOut("only a visitor with a session writes to stores")
        tree = await _attempt(engine, session, message, once, only_at)
        if tree is not None:
            return tree
        # Somebody else commits, perhaps in this process: let them.
        await asyncio.sleep(random.uniform(0, 0.002))
        session = await open_session(engine.backend, session.id)
        if session is not None:
            serve_session(session.over_socket())
    raise Busy(f"{ATTEMPTS} commits in a row met newer data")


async def _attempt(
    engine: Engine,
    session: Session,
    message: protocol.Write,
    once: Once | None,
    only_at: Collection[int] | None,
) -> Tree | None:
    owner = owner_of(session.id)
    cells = await engine.backend.read(owner, [META, once.cell] if once else [META])
    if META not in cells:
        raise SignedOut("the session is not stored any more")
    tree = tree_of(engine, message.store, session)
    checks: dict[CellKey, int] = {}
    writes: dict[CellKey, bytes | None] = {}
    if once is not None:
        cell = cells.get(once.cell)
        kept = None if cell is None else msgspec.msgpack.decode(cell.value)
        if once.applied(kept):
            await _up_to_date(engine, tree)  # another process may just have done it
            return tree
        checks[owner, once.cell] = 0 if cell is None else cell.version
        writes[owner, once.cell] = pack(once.remembering(kept))
    work, held = Work("js"), None
    if only_at is not None:
        await _up_to_date(engine, tree)
        held = _Held(tree, only_at)
    permitted(engine, tree, session, message, work, held)
    if held is not None:
        held.join(work)
    done = await engine.stores.replicas.commit(work, {**session.checks(owner), **checks}, writes)
    return tree if done else None
