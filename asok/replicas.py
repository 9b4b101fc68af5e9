"""Replicas: the documents that this process has, kept up to date, committed, and watched.

A document is one cell of the backend, and its version counts its commits. The processes tell each other what
they have written; one that missed something reads again. A commit checks the version, so that a replica which
lags behind costs a second try and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any, TypeVar

import msgspec

from asok.bus import Bus
from asok.documents import Change, Document, Watcher, Work, at
from asok.errors import Busy, StoreError, ValueTooLarge
from asok.sessions import Backend, Cell, CellKey, Commit, pack
from asok.trees import Path, Write, apply, differences, freeze, overlaps, same

__all__ = ["Replicas", "at_once"]

log = logging.getLogger("asok")
T = TypeVar("T")

CHANNEL = "store"
LONGEST_NOTICE = 64 * 1024
MOST_KEPT = 4096
ATTEMPTS = 100
NOTHING: Mapping[CellKey, Any] = {}


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """What a process tells the others after a commit. writes: verb, path and value; none where they are large."""

    key: CellKey
    version: int
    writes: list[tuple[str, Path, Any]]
    origin: str


_notices = msgspec.msgpack.Decoder(Notice)


@dataclass(eq=False, slots=True)
class Flush:
    """A write outside of any unit of work that waits for its commit."""

    write: Write
    origin: str
    done: asyncio.Future[int]


@dataclass(frozen=True, slots=True)
class Written:
    """A write that has been committed; awaiting it gives the document's version."""

    version: int

    def __await__(self) -> Generator[Any, Any, int]:
        yield from ()
        return self.version


class Replicas:
    """The documents of an app in this process. limit: bytes that one may take."""

    def __init__(self, backend: Backend, bus: Bus, limit: int) -> None:
        self.backend, self.bus, self.limit = backend, bus, limit
        self.committed: Callable[[Document, Change], None] | None = None
        self._known: OrderedDict[CellKey, Document] = OrderedDict()
        self._waiting: dict[CellKey, list[Flush]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._undo: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Begin to hear the other processes."""
        if self._loop is None:
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
            self._undo = [self.bus.subscribe(CHANNEL, self._hear), self.bus.on_gap(self._catch_up)]

    @property
    def is_open(self) -> bool:
        """Whether it hears the other processes."""
        return self._loop is not None

    async def close(self) -> None:
        """Commit what waits, and hear no more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for undo in self._undo:
            undo()
        self._loop, self._undo = None, []
        self._known.clear()

    # ---- having

    def get(self, key: CellKey, default: Any, check: Callable[[Any], None] | None = None) -> Document:
        """The document of a cell; read at once where this process does not have it."""
        document = self._known.get(key)
        if document is not None:
            return document
        document = Document(key, default, check)
        self._take(document, at_once(self.backend.read(key[0], [key[1]])).get(key[1]))
        if self._loop is None:
            return document  # nobody would tell of changes, so that each look is a new one
        if len(self._known) >= MOST_KEPT:
            self._forget_some()
        return self._known.setdefault(key, document)

    def _forget_some(self) -> None:
        for key, document in list(self._known.items())[: MOST_KEPT // 8]:
            if document.watchers or document.pending:
                self._known.move_to_end(key)
            else:
                del self._known[key]

    def _take(self, document: Document, cell: Cell | None) -> bool:
        """Take over what is stored; whether it is newer."""
        if cell is None or cell.version <= document.version:
            return False
        stored, had = msgspec.msgpack.decode(cell.value)
        if isinstance(document.default, dict) and isinstance(stored, dict):
            # What a newer release has added to the default is there; what was deleted since stays away.
            stored = {**{name: value for name, value in document.default.items() if name not in had}, **stored}
        document.version, document.tree = cell.version, freeze(stored, nodes=self.limit, size=self.limit)
        return True

    # ---- writing

    def write(self, document: Document, write: Write, origin: str = "py") -> Awaitable[int]:
        """Write outside of any unit of work. Raises StoreError where it cannot be.

        On the loop it is committed in a moment, awaited or not; awaiting gives the document's version. In
        another thread, or where no loop runs, it is committed on return.
        """
        if self._loop is None or not self._loop.is_running():
            return Written(asyncio.run(self._write_alone(document, write, origin)))
        if threading.get_ident() == self._thread:
            return self._queue(document, write, origin)
        return Written(asyncio.run_coroutine_threadsafe(self._write_soon(document, write, origin), self._loop).result())

    async def _write_soon(self, document: Document, write: Write, origin: str) -> int:
        return await self._queue(document, write, origin)

    async def _write_alone(self, document: Document, write: Write, origin: str) -> int:
        work = Work(origin)
        work.write(document, write)
        await self.commit(work)
        return document.version

    def _queue(self, document: Document, write: Write, origin: str) -> asyncio.Future[int]:
        document.after(document.newest, write)
        flush = Flush(write, origin, asyncio.get_running_loop().create_future())
        document.pending.append(write)
        waiting = self._waiting.setdefault(document.key, [])
        waiting.append(flush)
        if len(waiting) == 1:
            self._track(self._flush(document, waiting))
        return flush.done

    async def _flush(self, document: Document, waiting: list[Flush]) -> None:
        """Commit what waits, in its order, as much as there is at a time."""
        while waiting:
            origin, tree, taken = waiting[0].origin, document.tree, []
            work = Work(origin)
            for flush in takewhile(partial(_is_of, origin), list(waiting)):
                try:
                    tree, _ = document.after(tree, flush.write)
                except StoreError as error:
                    self._settle(document, waiting, [flush], error)
                else:
                    work.writes.append((document, flush.write))
                    taken.append(flush)
            work.documents[document.key] = document
            try:
                if await self.commit(work):
                    self._settle(document, waiting, taken, None)
            except (StoreError, Busy) as error:
                self._settle(document, waiting, taken, error)
        del self._waiting[document.key]

    def _settle(self, document: Document, waiting: list[Flush], taken: list[Flush], error: Exception | None) -> None:
        for flush in taken:
            waiting.remove(flush)
            document.pending.remove(flush.write)
            if error is None:
                flush.done.set_result(document.version)
            else:
                log.error("%s of %s was not stored: %s", flush.write.verb, document.key[0], error)
                flush.done.set_exception(error)
                flush.done.exception()  # it is told here, whether somebody awaits it or not

    async def commit(
        self,
        work: Work,
        checks: Mapping[CellKey, int] = NOTHING,
        writes: Mapping[CellKey, bytes | None] = NOTHING,
    ) -> bool:
        """Commit a unit of work together with other cells, all or nothing.

        False where one of those cells, or what the unit has read, is newer: then it has to run again.
        """
        for _ in range(ATTEMPTS):
            made = self._apply(work)
            if made is None:
                return False
            versions = {key: document.version for key, document in work.documents.items()}
            packed = {key: self._pack(work.documents[key], tree) for key, (tree, _) in made.items()}
            if await self.backend.commit(Commit({**checks, **versions}, {**writes, **packed})):
                for key, (tree, touched) in made.items():
                    self._committed(work, work.documents[key], versions[key] + 1, tree, touched)
                return True
            await self._refresh(work.documents.values())
            if all(document.version == versions[key] for key, document in work.documents.items()):
                return False
            await asyncio.sleep(random.uniform(0, 0.002))
        raise Busy(f"{ATTEMPTS} commits in a row met newer data in a store")

    def _apply(self, work: Work) -> dict[CellKey, tuple[Any, list[Path]]] | None:
        """The trees that the unit's writes make of the newest ones; None where it has to run again."""
        for (key, path), value in work.read.items():
            if not same(at(work.documents[key].tree, path), value):
                return None
        made: dict[CellKey, tuple[Any, list[Path]]] = {}
        for document, write in work.writes:
            tree, before = made.get(document.key, (document.tree, []))
            try:
                tree, touched = document.after(tree, write)
            except StoreError:
                return None
            made[document.key] = tree, [*before, *touched]
        return made

    def _pack(self, document: Document, tree: Any) -> bytes:
        packed = pack([tree, list(document.default) if isinstance(document.default, dict) else []])
        if len(packed) > self.limit:
            raise ValueTooLarge(f"{document.key[0]} would take {len(packed)} bytes; {self.limit} are allowed")
        return packed

    def _committed(self, work: Work, document: Document, version: int, tree: Any, touched: list[Path]) -> None:
        writes = [(write.verb, write.path, write.value) for each, write in work.writes if each is document]
        notice = msgspec.msgpack.encode(Notice(document.key, version, writes, work.origin))
        if len(notice) > LONGEST_NOTICE:
            notice = msgspec.msgpack.encode(Notice(document.key, version, [], work.origin))
        self._advance(document, version, tree, touched, work.origin)
        self.bus.publish(CHANNEL, notice)
        if self.committed is not None:
            self.committed(document, Change(document.key, version, tuple(dict.fromkeys(touched)), work.origin))

    # ---- following

    def watch(self, key: CellKey, path: Path, watcher: Watcher) -> None:
        """Tell the watcher of changes at this path of a document that was read."""
        document = self._known.get(key)
        if document is not None:
            document.watchers.setdefault(path, {})[watcher] = None

    def unwatch(self, key: CellKey, path: Path, watcher: Watcher) -> None:
        """Tell it no more."""
        document = self._known.get(key)
        watchers = document.watchers.get(path, {}) if document is not None else {}
        watchers.pop(watcher, None)
        if document is not None and not watchers:
            document.watchers.pop(path, None)

    def _advance(self, document: Document, version: int, tree: Any, touched: Iterable[Path], origin: str) -> None:
        if version > document.version:
            document.version, document.tree = version, tree
            self._announce(document, touched, origin)

    def _announce(self, document: Document, touched: Iterable[Path], origin: str) -> None:
        change = Change(document.key, document.version, tuple(dict.fromkeys(touched)), origin)
        for path, watchers in list(document.watchers.items()):
            if any(overlaps(path, each) for each in change.touched):
                for watcher in list(watchers):
                    _tell(watcher, change)

    def _hear(self, message: bytes) -> None:
        notice = _notices.decode(message)
        document = self._known.get(notice.key)
        if document is None or notice.version <= document.version:
            return
        tree = document.tree
        touched: list[Path] = []
        try:
            for verb, path, value in notice.writes:
                tree, paths = apply(tree, Write(verb, path, value))
                touched += paths
        except StoreError:
            tree = document.tree
        if notice.version > document.version + 1 or tree is document.tree:
            self._track(self._refresh([document]))
        else:
            self._advance(document, notice.version, tree, touched, notice.origin)

    def _catch_up(self) -> None:
        self._track(self._refresh(list(self._known.values())))

    async def _refresh(self, documents: Iterable[Document]) -> None:
        """Read documents again, and tell those who watch them what has changed."""
        for document in list(documents):
            cells = await self.backend.read(document.key[0], [document.key[1]])
            before = document.tree
            if self._take(document, cells.get(document.key[1])):
                self._announce(document, differences(before, document.tree), "py")

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_of(origin: str, flush: Flush) -> bool:
    return flush.origin == origin


def _tell(watcher: Watcher, change: Change) -> None:
    try:
        watcher.changed(change)
    except Exception:
        log.exception("a watcher of %s raised; the others are told", change.key[0])


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that does not wait. Raises Busy where it does."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise Busy("the backend wants to wait")
