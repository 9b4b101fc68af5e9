"""Namespaces: state by namespace and key that Python and the scripts of a page share, told of changes both ways.

A namespace belongs to the session: nobody sees a stranger's. What Python sets for no session in particular is
what every session sees that has not set the key itself. One that is declared for the app or for users is a
store, with the rules of a store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

from asok.access import Rules
from asok.documents import GONE, Document, Work, at
from asok.errors import ConfigurationError, StoreDenied, StoreError, UnknownStore, ValueTooLarge
from asok.frozen import weigh
from asok.sessions import STORES, Session, current_session, serve_session
from asok.stores import AuthStore, Store, Tree
from asok.superstore import SuperStore
from asok.trees import Path, Write, apply, freeze, parse_path, path_text, read_at
from asok.writing import Written

__all__ = ["ALL", "CELL", "Namespaces", "SessionState"]

ALL = "~"
CELL = "state"
LARGEST, MOST_VALUES = 256 * 1024, 10_000


class SessionState(Tree):
    """The namespaces of one session, as a tree of namespaces and keys; or one of them.

    It lies in layers: what was set before the app started, what was set for every session, what the session has
    set. A key whose value is None hides what lies beneath.
    """

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
        """The whole tree, without the keys that were taken away."""
        return self.part((), work)

    def part(self, path: Path, work: Work | None = None) -> Any:
        """As much of it as stands on the way to the path: of thousands of keys one."""
        return _merged(self._layers(path, work))

    def within(self, path: Path) -> Path:
        """Where in the tree a path of this namespace is."""
        return (self._namespace, *path) if self._namespace else path

    def adapted(self, write: Write, work: Work | None = None) -> Write:
        """Setting makes the namespace; what lies in a lower layer is hidden or copied, and stays as it is."""
        key = write.path[:2]
        if len(key) < 2:
            raise StoreDenied(write.verb, path_text(write.path), "name a namespace and a key in it", self.name)
        if write.verb == "set" and write.path == key:
            return Write("put", key, write.value)
        if work is not None:
            for document in self.documents:
                work.saw(document, key)
        layers = self._layers(key, work)
        shown = _merged(layers)
        if write.verb == "delete" and write.path == key:
            read_at(shown, key)
            return write if at(_merged(layers[:-1]), key) is GONE else Write("put", key, None)
        if at(layers[-1], key) not in (GONE, None):
            return write
        makes = at(shown, key) is GONE and write.verb in ("set", "update")
        whole, _ = apply(shown, Write("put", write.path, write.value) if makes else write)
        return Write("put", key, read_at(whole, key))

    def _layers(self, path: Path, work: Work | None) -> list[Any]:
        trees = [each.newest if work is None else work.tree(each) for each in self.documents]
        return [_on_the_way(tree, path) for tree in (self._namespaces.first, *reversed(trees))]


def _on_the_way(layer: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """What of a layer stands on the way to a path: its namespace and its key, as far as it names them."""
    if not path or path[0] not in layer:
        return {} if path else layer
    keys = layer[path[0]]
    if len(path) > 1:
        keys = {path[1]: keys[path[1]]} if path[1] in keys else {}
    return {path[0]: keys}


def _merged(layers: list[Any]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for name, keys in layer.items():
            merged[name] = {**merged.get(name, {}), **keys}
    return {name: {key: value for key, value in keys.items() if value is not None} for name, keys in merged.items()}


def _check_size(before: Any, tree: Any) -> None:
    _, values, text = weigh(tree)
    if text > LARGEST:
        raise ValueTooLarge(f"the state of one session may have {LARGEST} bytes of text")
    if values > max(MOST_VALUES, weigh(before)[1]):  # an empty list has no text
        raise ValueTooLarge(f"the state of one session may have {MOST_VALUES} values")


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
        """All that is stored of it."""
        return [self.document]


class Namespaces:
    """The namespaces of an app. first: what was set before it started."""

    def __init__(self, stores: SuperStore) -> None:
        self.stores = stores
        self.rules = Rules(ALL, True, {"**": lambda change: True})
        self.first: dict[str, dict[str, Any]] = {}
        self._declared: dict[str, Store] = {}

    @property
    def defaults(self) -> Document:
        """What every session sees that has not set it itself."""
        return self.stores.replicas.get((STORES + ALL, "doc"), freeze({}))

    async def settled(self, owner: str) -> None:
        """Wait until what Python has set for a session is stored, or is not to be."""
        await self.stores.replicas.direct.settled([(owner, CELL)])

    def declare(self, namespace: str, scope: str, options: Mapping[str, Any]) -> None:
        """Make it a store for all (`app`) or for each user (`user`). Raises ConfigurationError."""
        if _part(namespace) in self._declared:
            raise ConfigurationError(f"the namespace {namespace!r} is declared twice")
        if scope == "app" and "auth" not in options:
            self._declared[namespace] = Store(name=ALL + namespace, **options)
        elif scope == "user" and callable(options.get("auth")):
            self._declared[namespace] = AuthStore(name=ALL + namespace, **options)
        else:
            raise ConfigurationError(
                f'namespace({namespace!r}, scope={scope!r}): expected "app", or "user" with auth=, a function from a '
                "session to its user; a namespace of the session needs no declaration"
            )

    @property
    def used(self) -> bool:
        """Whether the app has said anything about namespaces."""
        return bool(self.first or self._declared)

    def find(self, name: str, session: Session) -> Tree:
        """What browsers call `~name`, for a visitor. Raises NotSignedIn, PathError, UnknownStore."""
        namespace = name.removeprefix(ALL)
        declared = self._declared.get(namespace)
        if declared is not None:
            return declared.of(session)
        if len(parse_path(namespace)) > 1:
            raise UnknownStore(name)
        return SessionState(self, session.home, namespace)

    def readable(self, session: Session) -> Iterator[Tree]:
        """All that a visitor's `~` consists of."""
        yield SessionState(self, session.home)
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
            self.first.setdefault(namespace, {})[_part(key)] = freeze(value)
            return Written(0)
        return _for(session, partial(tree.set, _part(key), value))

    def remove(self, namespace: str, key: str, session: Session | None) -> Awaitable[int]:
        """Take a key away. Raises PathError where it is not there."""
        tree, keys = self._of(namespace, session), self.first.get(namespace, {})
        if isinstance(tree, Defaults) and not self.stores.replicas.is_open and key in keys:
            del keys[key]
            return Written(0)
        return _for(session, partial(tree.delete, _part(key)))

    def _of(self, namespace: str, session: Session | None) -> Tree:
        session = current_session() if session is None else session
        declared = self._declared.get(_part(namespace))
        if declared is not None:
            return declared if session is None else declared.of(session)
        if session is None:
            return Defaults(self, namespace)
        return SessionState(self, session.home, namespace)


def _for(session: Session | None, write: Callable[[], Awaitable[int]]) -> Awaitable[int]:
    """Write for this visitor; who is told of it serves the same one."""
    context = copy_context()
    if session is not None:
        context.run(serve_session, session)
    return context.run(write)


def _part(name: Any) -> str:
    if not isinstance(name, str) or len(parse_path(name)) != 1:
        raise ConfigurationError(f"{name!r} names no namespace or key: expected a text without `/`")
    return name
