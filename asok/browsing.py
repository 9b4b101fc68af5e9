"""What a browser asks of stores, over the socket or plain HTTP: which store it means, and whether it may write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from asok import protocol
from asok.documents import Work
from asok.errors import AsokError, Busy, StoreDenied, UnknownStore, UnknownVerb
from asok.grants import may_write
from asok.mounting import Engine
from asok.namespaces import ALL
from asok.sessions import META, Session, owner_of, pack
from asok.stores import Tree
from asok.trees import Write, freeze, parse_path

__all__ = ["SignedOut", "browser_write", "tree_of", "trees_of"]

WRITTEN = "written"
TABS = 16
ATTEMPTS = 100
VERBS = ("set", "update", "append", "delete")


class SignedOut(AsokError):
    """The visitor's session is gone."""


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


def permitted(engine: Engine, tree: Tree, session: Session, message: protocol.Write, work: Work) -> tuple[Tree, Write]:
    """The write, checked by its grant or by the store's rules and put into the unit of work. Raises StoreError."""
    if message.verb not in VERBS:
        raise UnknownVerb(message.verb, VERBS)
    given = Write(message.verb, tree.within(parse_path(message.path)), freeze(message.value))
    written = (message.verb, message.store, message.path, message.value)
    granted = bool(message.grant) and may_write(engine.ring, session, written, message.grant)
    if message.grant and not granted:
        raise StoreDenied(message.verb, message.path, "the grant is not for this write and session", tree.name)
    if not granted:
        tree.rules.permit(given)
        work.saw(tree.document, given.path)
    old = tree.tree(work)
    write = tree.adapted(given)
    work.write(tree.document, write)
    if not granted:
        tree.rules.check(given, old, tree.tree(work), session)
    return tree, write


async def browser_write(engine: Engine, session: Session | None, tab: str, message: protocol.Write) -> int:
    """Apply a tab's write, once; the store's version with it.

    Raises StoreError where it may not be, Busy where it cannot be now, SignedOut.
    """
    if session is None:
        raise SignedOut("only a visitor with a session writes to stores")
    owner = owner_of(session.id)
    for _ in range(ATTEMPTS):
        cells = await engine.backend.read(owner, [META, WRITTEN])
        if META not in cells:
            raise SignedOut("the session is not stored any more")
        done: dict[str, int] = msgspec.msgpack.decode(cells[WRITTEN].value) if WRITTEN in cells else {}
        tree = tree_of(engine, message.store, session)
        if message.n <= done.get(tab, 0):
            return tree.version
        work = Work("js")
        permitted(engine, tree, session, message, work)
        others = dict([item for item in done.items() if item[0] != tab][-TABS + 1 :])
        checks = {(owner, WRITTEN): cells[WRITTEN].version if WRITTEN in cells else 0}
        writes: dict[Any, Any] = {(owner, WRITTEN): pack({**others, tab: message.n})}
        if await engine.stores.replicas.commit(work, checks, writes):
            return tree.version
    raise Busy(f"{ATTEMPTS} commits in a row met newer data")
