"""Documents, the stored trees as one process sees them, and what a unit of work reads of them and writes to them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import msgspec

from asok.audience import PathAudience
from asok.errors import PathError, StoreError
from asok.frozen import weigh
from asok.inside import Inside
from asok.sessions import CellKey, Commit, pack
from asok.trees import Path, Write, apply, overlaps, read_at, same

__all__ = [
    "GONE",
    "Change",
    "Check",
    "Document",
    "Reads",
    "Sent",
    "Settled",
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
OF_A_VALUE = 128  # bytes of memory, beside its text
Check = Callable[[Any, Any], None]
Reads = dict[CellKey, set[Path]]


class Change(NamedTuple):
    """A document has changed. touched: the paths; a watcher is told those that meet its own. origin: `js` where a
    browser did it, else `py`."""

    key: CellKey
    version: int
    touched: tuple[Path, ...]
    origin: str


class Watcher(Protocol):
    """Somebody who is told of changes at the paths that they watch."""

    def changed(self, change: Change) -> None:
        """It must be quick, and may raise: the others are told all the same."""
        ...


class Had:
    """Names of keys, in the form in which each write stores and tells them: it is made once."""

    __slots__ = ("checksum", "names", "packed")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.packed = msgspec.Raw(pack(sorted(self.names)))
        self.checksum = zlib.crc32(self.packed)

    def union(self, names: Iterable[str]) -> Had:
        """These and those."""
        all_ = self.names.union(names)
        return self if len(all_) == len(self.names) else Had(all_)


class Document:
    """One tree. key: its cell. check: raises StoreError where a write would make a tree, the second, that does not fit
    the store's type.

    tree and version: as committed. mark: a checksum of the cell, 0 where there is none; two cells of one version
    may differ where the database was emptied or put back. pending: the writes on their way to the backend. had: the
    keys that the defaults of this and of earlier releases had.
    """

    __slots__ = ("_newest", "_now", "check", "default", "had", "key", "mark", "version", "watchers")

    def __init__(self, key: CellKey, default: Any, check: Check | None = None) -> None:
        self.key, self.default, self.check = key, default, check
        self.version = self.mark = 0
        self.had = Had(default if isinstance(default, dict) else ())
        self.watchers = PathAudience[Watcher]()
        # Threads read while the loop writes: what belongs together is replaced at once.
        self._now: tuple[Any, tuple[Write, ...]] = (default, ())
        self._newest: tuple[Any, Any] = (self._now, default)

    @property
    def tree(self) -> Any:
        """The tree as it was committed last."""
        return self._now[0]

    @property
    def pending(self) -> tuple[Write, ...]:
        """The writes that wait for their commit, in their order."""
        return self._now[1]

    @property
    def newest(self) -> Any:
        """The tree with the pending writes in it."""
        now = tree, pending = self._now
        known, newest = self._newest
        if known is not now:
            newest = tree
            for write in pending:
                with suppress(StoreError):
                    newest, _ = self.after(newest, write)
            self._newest = now, newest
        return newest

    @property
    def size(self) -> int:
        """About the bytes of memory that its tree takes."""
        _, values, text = weigh(self.tree)
        return values * OF_A_VALUE + text

    def wait(self, write: Write) -> None:
        """One more pending write. Raises StoreError where it cannot be."""
        newest, _ = self.after(self.newest, write)
        self._now = now = self.tree, (*self.pending, write)
        self._newest = now, newest

    def drop(self, writes: Iterable[Write]) -> None:
        """These are pending no more."""
        self.become(self.version, self.tree, writes, self.mark)

    def become(self, version: int, tree: Any, done: Iterable[Write] = (), mark: int = 0) -> None:
        """This has been committed, and these writes with it: those that waited longest, or that wait no more."""
        over, pending = set(map(id, done)), self.pending
        left = next((at for at, write in enumerate(pending) if id(write) not in over), len(pending))
        self.version, self.mark, self._now = version, mark, (tree, pending[left:])

    def after(self, tree: Any, write: Write) -> tuple[Any, tuple[Path, ...]]:
        """The tree after a write, and the paths that it touches. Raises StoreError."""
        made, touched = apply(tree, write)
        if touched and self.check is not None:
            self.check(tree, made)
        return made, touched


class Sent(NamedTuple):
    """A unit's commit. made: by document, its new tree and the paths touched. marks: before and after it."""

    commit: Commit
    made: dict[CellKey, tuple[Any, list[Path]]]
    marks: dict[CellKey, tuple[int, int]]


class Work:
    """What one unit of work has read of the documents, and what it will write at its end.

    A document is to it as it was when it was first looked at, with its own writes. At the commit the writes are
    applied to the newest trees, if what was read is still as it was; so writes that looked at nothing, such as
    counting one up, never meet in conflict. over: it has ended. void: without effect. sent: what the backend was
    given of it and has not answered.
    """

    def __init__(self, origin: str = "py") -> None:
        self.origin = origin
        self.writes: list[tuple[Document, Write]] = []
        self.documents: dict[CellKey, Document] = {}
        self.over = self.void = False
        self.sent: Sent | None = None
        self._read: dict[tuple[CellKey, Path], None] = {}
        self._before: dict[CellKey, Any] = {}
        self._trees: dict[CellKey, Any] = {}
        self._loaded: dict[CellKey, tuple[Any, frozenset[Path]]] = {}

    def has_loaded(self, document: Document, paths: Iterable[Path]) -> None:
        """`load()` has looked at these paths: what is then put at one of them may follow from what was there.

        It counts as looked at only with such a write, so that a store which is shown and changes all the time
        starves nobody.
        """
        self._loaded[document.key] = document.newest, frozenset(paths)

    def tree(self, document: Document) -> Any:
        """The document's tree as this unit sees it."""
        return self._trees.get(document.key, document.newest)

    def saw(self, document: Document, path: Path) -> None:
        """What stands at a path has been looked at."""
        self._take_part(document)
        self._read[document.key, path] = None

    def write(self, document: Document, write: Write) -> None:
        """Remember a write. Raises StoreError where it cannot be; who is told so has looked at the tree."""
        self._take_part(document)
        try:
            self._trees[document.key], _ = document.after(self._trees[document.key], write)
        except StoreError as error:
            self.saw(document, write.path[:-1] if isinstance(error, PathError) else ())
            raise
        self.writes.append((document, write))
        if not _is_blind(write):
            _, paths = self._loaded.get(document.key, (None, ()))
            self._read.update(dict.fromkeys((document.key, path) for path in paths if overlaps(path, write.path)))

    def still_stands(self) -> bool:
        """Whether all that was looked at is in the committed trees as it was."""
        return all(same(at(self.documents[key].tree, path), at(self._before[key], path)) for key, path in self._read)

    def _take_part(self, document: Document) -> None:
        if document.key not in self.documents:
            self.documents[document.key] = document
            tree, _ = self._loaded.get(document.key, (document.newest, ()))
            self._trees[document.key] = self._before[document.key] = tree


class Settled(Work):
    """Looks at what has been committed, which is what a version counts."""

    def tree(self, document: Document) -> Any:
        """The document's tree without the writes that wait."""
        return document.tree


def _is_blind(write: Write) -> bool:
    """Whether it means the same whatever stands there: counting, merging, adding to a list."""
    adds = isinstance(write.value, (int, float, dict)) and not isinstance(write.value, bool)
    return write.verb == "append" or (write.verb == "update" and adds)


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


class reading_into(Inside[Reads]):  # used as a function
    """Note the paths that are read inside."""

    __slots__ = ()
    _variable = _reads


class working(Inside[Work]):  # used as a function
    """Let what is written inside belong to this unit of work."""

    __slots__ = ()
    _variable = _work

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._own.over, self._own.void = True, self._own.void or error is not None
        super().__exit__(kind, error, traceback)


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
