"""SuperStore: all stores of the process, by name, and the app whose data they show."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from asok.errors import ConfigurationError, UnknownStore
from asok.inside import Inside
from asok.replicas import Replicas
from asok.state import KeyRing

__all__ = ["SuperStore", "connected", "declare", "isolated"]

NUMBERS = count()


class Named(Protocol):
    """A store. home: the module that made it. held: whether it can be meant."""

    home: str

    @property
    def name(self) -> str: ...

    @property
    def held(self) -> bool: ...

    def of(self, session: Any) -> Any: ...


class SuperStore:
    """Connects the stores to an app; `Asok` makes one by itself, and `SuperStore(app)` gives that."""

    ring: KeyRing
    replicas: Replicas

    def __new__(cls, app: Any) -> SuperStore:
        """The stores of an Asok app. Raises ConfigurationError for any other."""
        made = getattr(app, "stores", None)
        if isinstance(made, SuperStore):
            return made
        raise ConfigurationError(f"SuperStore(app) connects the stores to an Asok app, not to a {type(app).__name__}")

    @classmethod
    def connecting(cls, ring: KeyRing, replicas: Replicas) -> SuperStore:
        """The one of a new app."""
        self = object.__new__(cls)
        self.ring, self.replicas = ring, replicas
        _latest[:] = [self]
        return self

    def check(self) -> None:
        """Raises ConfigurationError where two stores have one name, or one has none."""
        if len({store.name for store in _meant()}) < len(_stores):
            gc.collect()  # one of them may be left over from a module that was loaded again
        found: dict[str, Named] = {}
        for store in sorted(_stores, key=_stores.__getitem__, reverse=True):
            other = found.setdefault(store.name, store)
            if other is not store and other.held and store.held:
                raise ConfigurationError(
                    f"two stores are called {store.name!r}, in {other.home} and in {store.home}; "
                    "rename one, since browsers and other processes know a store by its name"
                )

    @property
    def used(self) -> bool:
        """Whether there are any stores."""
        for meant in _stores.keyrefs():
            store = meant()
            if store is not None and store.held:
                return True
        return False

    def find(self, name: str) -> Named:
        """The store of a name; the newest, where a module was loaded again. Raises UnknownStore."""
        for meant in reversed(_stores.keyrefs()):
            store = meant()
            if store is not None and store.name == name and store.held:
                return store
        raise UnknownStore(name, {store.name: store for store in _meant()})

    def here(self) -> Here:
        """Let stores that are used inside be those of this app."""
        return Here(self)


_stores: WeakKeyDictionary[Named, int] = WeakKeyDictionary()
_latest: list[SuperStore] = []
_here: ContextVar[SuperStore | None] = ContextVar("asok_super_store", default=None)


class Here(Inside[SuperStore]):
    """While this is entered, a store is that of these."""

    __slots__ = ()
    _variable = _here


def declare(store: Named) -> None:
    """Make a store known to every app of the process."""
    _stores[store] = next(NUMBERS)


@contextmanager
def isolated(keep: Callable[[str], bool] = lambda home: True) -> Iterator[None]:
    """Begin with the stores of the modules to keep, and forget at the end those that were made inside."""
    before = dict(_stores)
    _replace({store: number for store, number in before.items() if keep(store.home)})
    try:
        yield
    finally:
        _replace(before)


def _replace(stores: Mapping[Named, int]) -> None:
    _stores.clear()
    _stores.update(stores)


def connected() -> SuperStore:
    """The app's stores: of the app that is serving, else of the one made last. Raises ConfigurationError."""
    found = _here.get() or (_latest[0] if _latest else None)
    if found is None:
        raise ConfigurationError("a store is used before there is an app; make the Asok app first")
    return found


def _meant() -> list[Named]:
    """The stores that can be meant, the oldest first."""
    return sorted((store for store in _stores if store.held), key=_stores.__getitem__)
