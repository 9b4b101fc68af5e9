"""Namespaces: state by namespace and key that Python and the scripts of a page share, told of changes both ways.

A namespace belongs to the session: nobody sees a stranger's. What Python sets for no session in particular is
what every session sees that has not set the key itself. One that is declared for the app or for users is a
store, with the rules of a store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from asok.access import Rules
from asok.documents import Document, Work
from asok.errors import ConfigurationError, StoreDenied, StoreError, ValueTooLarge
from asok.frozen import weigh
from asok.sessions import STORES, Session, current_session, owner_of
from asok.stores import AuthStore, Store, Tree
from asok.superstore import SuperStore
from asok.trees import Path, Write, freeze, parse_path, path_text
from asok.writing import Written

__all__ = ["ALL", "Namespaces", "SessionState"]

ALL = "~"
CELL = "state"
LARGEST = 256 * 1024


class SessionState(Tree):
    """The namespaces of one session, as a tree of namespaces and keys; or one of them."""

    def __init__(self, namespaces: Namespaces, owner: str, namespace: str = "") -> None:
        self.owner, self._namespaces, self._namespace = owner, namespaces, namespace

    @property
    def name(self) -> str:
        """How browsers call it."""
        return ALL + self._namespace

    @property
    def rules(self) -> Rules:
        """A session's own state is its own."""
        return self._namespaces.rules

    @property
    def document(self) -> Document:
        """What the session itself has set."""
        return self._namespaces.stores.replicas.get((self.owner, CELL), freeze({}), _check_size)

    @property
    def documents(self) -> list[Document]:
        """All that its tree is made of."""
        return [self.document, self._namespaces.defaults]

    def tree(self, work: Work | None = None) -> Any:
        """The whole tree; a key that was taken away hides the one that all sessions see."""
        own, common = (each.newest if work is None else work.tree(each) for each in self.documents)
        merged = {name: {**common.get(name, {}), **own.get(name, {})} for name in {**common, **own}}
        return {name: {key: value for key, value in keys.items() if value is not None} for name, keys in merged.items()}

    def within(self, path: Path) -> Path:
        """Where in the tree a path of this namespace is."""
        return (self._namespace, *path) if self._namespace else path

    def adapted(self, write: Write) -> Write:
        """Setting makes the namespace; what all sessions see is hidden, not taken away."""
        if len(write.path) < 2:
            raise StoreDenied(write.verb, path_text(write.path), "name a namespace and a key in it", self.name)
        if write.verb == "delete" and len(write.path) == 2:
            return Write("put", write.path, None)
        return Write("put", write.path, write.value) if write.verb == "set" else write


def _check_size(tree: Any) -> None:
    if weigh(tree)[2] > LARGEST:
        raise ValueTooLarge(f"the state of one session may have {LARGEST} bytes of text")


class Defaults(SessionState):
    """What every session sees that has not set it itself."""

    def __init__(self, namespaces: Namespaces, namespace: str) -> None:
        super().__init__(namespaces, STORES + ALL, namespace)

    @property
    def document(self) -> Document:
        """The stored tree."""
        return self._namespaces.defaults

    @property
    def documents(self) -> list[Document]:
        """All that its tree is made of."""
        return [self.document]

    def tree(self, work: Work | None = None) -> Any:
        """The whole tree."""
        return self.document.newest if work is None else work.tree(self.document)


class Namespaces:
    """The namespaces of an app."""

    def __init__(self, stores: SuperStore) -> None:
        self.stores = stores
        self.rules = Rules(ALL, True, {"**": lambda change: True})
        self._first: dict[str, dict[str, Any]] = {}
        self._declared: dict[str, Store] = {}

    @property
    def defaults(self) -> Document:
        """What every session sees that has not set it itself."""
        return self.stores.replicas.get((STORES + ALL, "doc"), freeze(self._first))

    def declare(self, namespace: str, scope: str, options: Mapping[str, Any]) -> None:
        """Make it a store for all (`app`) or for each user (`user`). Raises ConfigurationError."""
        if scope == "app" and "auth" not in options:
            self._declared[_part(namespace)] = Store(name=ALL + namespace, **options)
        elif scope == "user" and callable(options.get("auth")):
            self._declared[_part(namespace)] = AuthStore(name=ALL + namespace, **options)
        else:
            raise ConfigurationError(
                f'namespace({namespace!r}, scope={scope!r}): expected "app", or "user" with auth=, a function from a '
                "session to its user; a namespace of the session needs no declaration"
            )

    @property
    def used(self) -> bool:
        """Whether the app has said anything about namespaces."""
        return bool(self._first or self._declared)

    def find(self, name: str, session: Session) -> Tree:
        """What browsers call `~name`, for a visitor. Raises NotSignedIn."""
        declared = self._declared.get(name[len(ALL) :])
        if declared is not None:
            return declared.of(session)
        return SessionState(self, owner_of(session.id), name[len(ALL) :])

    def readable(self, session: Session) -> Iterator[Tree]:
        """All that a visitor's `~` consists of."""
        yield SessionState(self, owner_of(session.id))
        for store in self._declared.values():
            with suppress(StoreError):
                yield store.of(session)

    def get(self, namespace: str, key: str, default: Any, session: Session | None) -> Any:
        """The value of a key as a visitor sees it; for none, as every session does."""
        return self._of(namespace, session).read(_part(key), default)

    def set(self, namespace: str, key: str, value: Any, session: Session | None) -> Awaitable[int]:
        """Set a key for a visitor; for none, for every session that has not set it itself."""
        tree = self._of(namespace, session)
        if isinstance(tree, Defaults) and not self.stores.replicas.is_open:
            self._first.setdefault(namespace, {})[_part(key)] = freeze(value)
            return Written(0)
        return tree.set(_part(key), value)

    def remove(self, namespace: str, key: str, session: Session | None) -> Awaitable[int]:
        """Take a key away. Raises PathError where it is not there."""
        return self._of(namespace, session).delete(_part(key))

    def _of(self, namespace: str, session: Session | None) -> Tree:
        session = current_session() if session is None else session
        declared = self._declared.get(_part(namespace))
        if declared is not None:
            return declared if session is None else declared.of(session)
        if session is None:
            return Defaults(self, namespace)
        return SessionState(self, owner_of(session.id), namespace)


def _part(name: Any) -> str:
    if not isinstance(name, str) or len(parse_path(name)) != 1:
        raise ConfigurationError(f"{name!r} names no namespace or key: expected a text without `/`")
    return name
