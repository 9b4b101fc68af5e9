"""Documents, the stored trees as one process sees them, and what a unit of work reads of them and writes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from asok.errors import PathError, StoreError
from asok.sessions import CellKey
from asok.trees import Path, Write, apply, read_at

__all__ = [
    "GONE",
    "Change",
    "Document",
    "Reads",
    "Watcher",
    "Work",
    "at",
    "current_work",
    "note",
    "noting",
    "reading_into",
    "working",
]

GONE: Any = object()
Reads = dict[CellKey, set[Path]]


class Change(NamedTuple):
    """A document has changed. touched: the paths. origin: `js` where a browser did it, else `py`."""

    key: CellKey
    version: int
    touched: tuple[Path, ...]
    origin: str


class Watcher(Protocol):
    """Somebody who is told of changes at the paths that they watch."""

    def changed(self, change: Change) -> None:
        """It must be quick, and may raise: the others are told all the same."""
        ...


class Document:
    """One tree. key: its cell. check: raises StoreError where a tree does not fit the store's type.

    tree and version: as committed. pending: the writes on their way to the backend.
    """

    __slots__ = ("_newest", "_of", "check", "default", "key", "pending", "tree", "version", "watchers")

    def __init__(self, key: CellKey, default: Any, check: Callable[[Any], None] | None = None) -> None:
        self.key, self.default, self.check = key, default, check
        self.version, self.tree = 0, default
        self.pending: list[Write] = []
        self.watchers: dict[Path, dict[Watcher, None]] = {}
        self._newest, self._of = default, (default, 0)

    @property
    def newest(self) -> Any:
        """The tree with the pending writes in it."""
        if not self.pending:
            return self.tree
        if self._of[0] is not self.tree or self._of[1] != len(self.pending):
            tree = self.tree
            for write in self.pending:
                with suppress(StoreError):
                    tree, _ = self.after(tree, write)
            self._newest, self._of = tree, (self.tree, len(self.pending))
        return self._newest

    def after(self, tree: Any, write: Write) -> tuple[Any, tuple[Path, ...]]:
        """The tree after a write, and the paths that it touches. Raises StoreError."""
        made, touched = apply(tree, write)
        if touched and self.check is not None:
            self.check(made)
        return made, touched


class Work:
    """What one unit of work has read of the documents, and what it will write at its end.

    Reading sees its own writes. At the commit the writes are applied to the newest trees, if what was read is
    still as it was; so writes that looked at nothing, such as counting one up, never meet in conflict.
    over: it has ended. void: without effect.
    """

    def __init__(self, origin: str = "py") -> None:
        self.origin = origin
        self.read: dict[tuple[CellKey, Path], Any] = {}
        self.writes: list[tuple[Document, Write]] = []
        self.documents: dict[CellKey, Document] = {}
        self.over = self.void = False
        self._trees: dict[CellKey, Any] = {}

    def tree(self, document: Document) -> Any:
        """The document's tree as this unit sees it."""
        return self._trees.get(document.key, document.newest)

    def saw(self, document: Document, path: Path) -> None:
        """What stands at a path has been looked at; it was as it is outside of this unit."""
        self.documents[document.key] = document
        self.read.setdefault((document.key, path), at(document.newest, path))

    def write(self, document: Document, write: Write) -> None:
        """Remember a write. Raises StoreError where it cannot be."""
        self._trees[document.key], _ = document.after(self.tree(document), write)
        self.documents[document.key] = document
        self.writes.append((document, write))


_work: ContextVar[Work | None] = ContextVar("asok_work", default=None)
_reads: ContextVar[Reads | None] = ContextVar("asok_reads", default=None)


def current_work() -> Work | None:
    """The unit of work that runs here; None outside of any, and in a task that has outlived its own.

    Raises StoreError in a thread that goes on after its method was cut.
    """
    work = _work.get()
    if work is not None and work.void:
        raise StoreError("the method that used the store was ended, and nothing of it counts")
    return None if work is None or work.over else work


@contextmanager
def working(work: Work) -> Iterator[None]:
    """Let what is written inside belong to this unit of work."""
    before = _work.set(work)
    try:
        yield
    except BaseException:
        work.void = True
        raise
    finally:
        work.over = True
        _work.reset(before)


@contextmanager
def reading_into(reads: Reads) -> Iterator[None]:
    """Note the paths that are read inside."""
    before = _reads.set(reads)
    try:
        yield
    finally:
        _reads.reset(before)


def noting() -> bool:
    """Whether what is read here is noted, because it is about to be shown."""
    return _reads.get() is not None


def note(key: CellKey, path: Path) -> None:
    """Note a path as read, where somebody notes them."""
    reads = _reads.get()
    if reads is not None:
        reads.setdefault(key, set()).add(path)


def at(tree: Any, path: Path) -> Any:
    """What stands at a path, or GONE."""
    try:
        return read_at(tree, path)
    except PathError:
        return GONE
