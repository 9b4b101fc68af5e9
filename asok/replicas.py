"""Replicas: the documents that this process has, kept up to date, committed, and watched.

A document is one cell of the backend, and its version counts its commits. The processes tell each other what
they have written; one that missed something reads again. A commit checks the version, so that a replica which
lags behind costs a second try and nothing else.

What the database holds counts. One that was emptied, or put back from a backup, begins again at a lower version and
may have come to the same one since: so each notice says by checksums of what it has made what, and every process
looks again at some of its documents now and then.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import secrets
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from asok.bus import Bus
from asok.documents import Change, Check, Document, Sent, Watcher, Work
from asok.errors import Busy, StoreError, ValueTooLarge
from asok.notices import Notice, encoded, notices
from asok.rereading import Rereading
from asok.sessions import STORES, Backend, Cell, CellKey, Commit, ReplaceableBackend, pack
from asok.trees import Path, Write, apply, differences, freeze
from asok.writing import DirectWrites, at_once

__all__ = ["UNSURE", "Replicas"]

log = logging.getLogger("asok")

CHANNEL = "store"
MOST_KEPT = 4096
HEAVIEST = 64 * 1024 * 1024  # bytes of memory that those may take which nobody watches, about
LOOK_EVERY = 64  # documents that are read between two looks at what all of them take
ATTEMPTS = 100
UNSURE = -1  # no checksum
COMPLAIN_EVERY = 60.0  # seconds
NOTHING: Mapping[CellKey, Any] = {}


class Replicas:
    """The documents of an app in this process. limit: bytes that one may take.

    committed: called with each document that this process has written. changes: counts what has changed.
    """

    def __init__(self, backend: Backend, bus: Bus, limit: int) -> None:
        self.backend, self.bus, self.limit = backend, bus, limit
        self.committed: Callable[[Document, Change], None] | None = None
        self.changes = 0
        self._known: OrderedDict[CellKey, Document] = OrderedDict()
        self._knowing, self._loaded = threading.Lock(), 0
        self.direct = DirectWrites(backend, self.commit, self._not_written)
        self._rereading = Rereading(lambda: list(self._known.values()), self._refresh)
        self._name, self._complained = "", -math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._undo: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Begin to hear the other processes."""
        if self._loop is None:
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
            self.direct.open()
            self._name = secrets.token_hex(8)
            self._rereading.open()
            self._undo = [self.bus.subscribe(CHANNEL, self._hear), self.bus.on_gap(self._rereading.add_all)]
            if isinstance(self.backend, ReplaceableBackend):
                self._undo.append(self.backend.on_replaced(self._replaced))

    @property
    def is_open(self) -> bool:
        """Whether it hears the other processes."""
        return self._loop is not None

    async def close(self) -> None:
        """Commit what waits, and hear no more."""
        await self.direct.close()
        for undo in self._undo:
            undo()
        await self._rereading.close()
        self._loop, self._undo = None, []
        self._known.clear()

    # ---- having

    def get(self, key: CellKey, default: Any, check: Check | None = None) -> Document:
        """The document of a cell; read at once where this process does not have it."""
        document = self._known.get(key)
        if document is None:
            document = self._load(key, default, check)
        elif threading.get_ident() == self._thread:
            self._known.move_to_end(key)
        if document.check != check:  # the module that makes the store was loaded again
            document.check, document.default = check, default
        return document

    def known(self, key: CellKey) -> Document | None:
        """The document of a cell, if this process has it."""
        return self._known.get(key)

    def _load(self, key: CellKey, default: Any, check: Check | None) -> Document:
        document = Document(key, default, check)
        self._take(document, at_once(self.backend.read(key[0], [key[1]])).get(key[1]))
        if self._loop is None:
            return document  # nobody would tell of changes, so that each look is a new one
        with self._knowing:
            self._loaded += 1
            if len(self._known) >= MOST_KEPT or self._loaded % LOOK_EVERY == 0:
                self._forget_some()
            document = self._known.setdefault(key, document)
        if threading.get_ident() != self._thread and self._loop.is_running():
            # What was told of it since the reading was told to nobody.
            self._loop.call_soon_threadsafe(self._rereading.add, document)
        return document

    def _forget_some(self) -> None:
        """Make room, beginning with those that were not asked for the longest."""
        known = list(self._known.items())
        looks, left = self._loaded % LOOK_EVERY == 0, len(known)
        size = sum(document.size for _, document in known) if looks else 0
        for place, (key, document) in enumerate(known[: MOST_KEPT // 8]):
            newest = place >= len(known) - LOOK_EVERY  # somebody may be about to watch those
            if left <= MOST_KEPT - MOST_KEPT // 8 and (newest or size <= HEAVIEST):
                break
            if document.watchers or document.pending:
                self._known.move_to_end(key)
            else:
                del self._known[key]
                size, left = size - document.size, left - 1

    def _take(self, document: Document, cell: Cell | None) -> bool:
        """Take over what is stored; whether it is something else than was known."""
        version, mark = (cell.version, zlib.crc32(cell.value)) if cell else (0, 0)
        if (version, mark) == (document.version, document.mark):
            return False
        if version < document.version and document.key[0].startswith(STORES):
            self._put_back(document, version)
        if cell is None:
            document.become(0, document.default)
            return True
        stored, names = msgspec.msgpack.decode(cell.value)
        had = frozenset(names)
        if isinstance(document.default, dict) and isinstance(stored, dict):
            # What a newer release has added to the default is there; what was deleted since stays away.
            stored = {**{name: value for name, value in document.default.items() if name not in had}, **stored}
        document.had = document.had.union(had)
        document.become(version, freeze(stored, nodes=self.limit, size=self.limit), mark=mark)
        return True

    def _replaced(self) -> None:
        """Another database answers: nothing is written over it before it was read."""
        for document in list(self._known.values()):
            document.mark = UNSURE
        assert self._loop is not None, "open"
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._rereading.add_all)

    def _put_back(self, document: Document, version: int) -> None:
        """The database is not what it was, nor then are the other documents."""
        if time.monotonic() - self._complained >= COMPLAIN_EVERY:
            self._complained = time.monotonic()
            self._rereading.add_all()
            log.warning(
                "%s is of version %s in the database, and was of %s here: the database was emptied, or put back from "
                "a backup or a replica; what it holds now counts, and the pages follow",
                *(document.key[0], version, document.version),
            )

    # ---- writing

    def write(self, document: Document, write: Write) -> Awaitable[int]:
        """Write outside of any unit of work. Raises StoreError where it cannot be.

        On the loop it is committed in a moment, awaited or not; awaiting gives the document's version. In
        another thread, or where the app does not run, it is committed on return.
        """
        return self.direct.write(document, write)

    def _not_written(self, document: Document, write: Write) -> None:
        # Who has read meanwhile has seen what is not to be.
        self._announce(document, [write.path], "py")

    async def commit(
        self,
        work: Work,
        checks: Mapping[CellKey, int] = NOTHING,
        writes: Mapping[CellKey, bytes | None] = NOTHING,
    ) -> bool:
        """Commit a unit of work together with other cells, all or nothing.

        False where one of those cells, or what the unit has read, is newer: then it has to run again. After Busy the
        same unit may be given once more: what was done of it meanwhile is not done twice.
        """
        if work.sent is not None and await self._send_again(work, work.sent):
            return True
        if not work.documents:
            return await self.backend.commit(Commit(checks, writes))
        if not work.still_stands():  # it has seen what others have written here and what is not stored yet
            await self.direct.settled(work.documents)
        for attempt in range(ATTEMPTS):
            for document in work.documents.values():
                if document.mark == UNSURE:
                    await self._refresh(document)
            made = self._apply(work)
            if made is None:
                return False
            versions = {key: document.version for key, document in work.documents.items()}
            packed = {key: self._pack(work.documents[key], tree) for key, (tree, _) in made.items()}
            marks = {key: (work.documents[key].mark, zlib.crc32(cell)) for key, cell in packed.items()}
            # Where something else is written, that tells whether it was done.
            commit = Commit({**checks, **versions}, {**writes, **packed}, id="" if writes else secrets.token_hex(12))
            if await self._send(work, Sent(commit, made, marks)):
                return True
            if attempt:  # before the reading: what is read and then waits is old again
                await asyncio.sleep(random.uniform(0, 0.002))
            for document in work.documents.values():
                await self._refresh(document)
            if all(document.version == versions[key] for key, document in work.documents.items()):
                return False
        raise Busy(f"{ATTEMPTS} commits in a row met newer data in a store")

    async def _send_again(self, work: Work, sent: Sent) -> bool:
        for key, (base, _) in sent.marks.items():
            document = work.documents[key]
            if document.mark == UNSURE:
                await self._refresh(document)
            if document.version == sent.commit.checks[key] and document.mark != base:
                work.sent = None  # another database answers, which has something else
                return False
        return await self._send(work, sent)

    async def _send(self, work: Work, sent: Sent) -> bool:
        work.sent = sent
        done = await self.backend.commit(sent.commit)
        work.sent = None
        for key, (tree, touched) in sent.made.items() if done else ():
            version = sent.commit.checks[key] + 1
            self._committed(work, work.documents[key], version, sent.marks[key], tree, touched)
        return done

    def _apply(self, work: Work) -> dict[CellKey, tuple[Any, list[Path]]] | None:
        """The trees that the unit's writes make of the newest ones; None where it has to run again."""
        if not work.still_stands():
            return None
        made: dict[CellKey, tuple[Any, list[Path]]] = {}
        for document, write in work.writes:
            tree, before = made.get(document.key, (work.documents[document.key].tree, []))
            try:
                tree, touched = document.after(tree, write)
            except StoreError:
                return None
            made[document.key] = tree, [*before, *touched]
        return {key: (tree, touched) for key, (tree, touched) in made.items() if touched}

    def _pack(self, document: Document, tree: Any) -> bytes:
        packed = pack([tree, document.had.packed])
        if len(packed) > self.limit:
            raise ValueTooLarge(f"{document.key[0]} would take {len(packed)} bytes; {self.limit} are allowed")
        return packed

    def _committed(
        self, work: Work, document: Document, version: int, marks: tuple[int, int], tree: Any, touched: list[Path]
    ) -> None:
        own = [write for each, write in work.writes if each.key == document.key]
        told = [(write.verb, write.path, write.value) for write in own]
        notice = encoded(Notice(document.key, version, told, work.origin, document.had.checksum, self._name, *marks))
        if version > document.version:
            document.become(version, tree, own, marks[1])
            self._announce(document, touched, work.origin)
        else:
            document.drop(own)
        self.bus.publish(CHANNEL, notice)
        known = self._known.get(document.key)
        if known is not None and known is not document:  # it was forgotten meanwhile, and others have read it anew
            self._rereading.add(known, work.origin)
        if self.committed is not None:
            self.committed(document, Change(document.key, version, tuple(dict.fromkeys(touched)), work.origin))

    # ---- following

    def watch(self, key: CellKey, path: Path, watcher: Watcher) -> bool:
        """Tell the watcher of changes at this path of a document that was read; False where it was forgotten since."""
        document = self._known.get(key)
        if document is not None:
            document.watchers.add(path, watcher)
        return document is not None

    def unwatch(self, key: CellKey, path: Path, watcher: Watcher) -> None:
        """Tell it no more."""
        document = self._known.get(key)
        if document is not None:
            document.watchers.remove(path, watcher)

    def _announce(self, document: Document, touched: Iterable[Path], origin: str) -> None:
        self.changes += 1
        for path, met in document.watchers.meeting(dict.fromkeys(touched)).items():
            change = Change(document.key, document.version, tuple(met), origin)
            for watcher in document.watchers.of(path):
                _tell(watcher, change)

    def _hear(self, message: bytes) -> None:
        notice = notices.decode(message)
        document = self._known.get(notice.key)
        if document is None or (self._name and notice.by == self._name):
            return
        if (notice.version, notice.mark) == (document.version, document.mark):
            return
        follows = (notice.version, notice.base) == (document.version + 1, document.mark)
        if follows and notice.writes and notice.had == document.had.checksum:
            tree, touched = document.tree, list[Path]()
            try:
                for verb, path, value in notice.writes:
                    tree, paths = apply(tree, Write(verb, path, value))
                    touched += paths
            except StoreError:
                return self._rereading.add(document)
            document.become(notice.version, tree, mark=notice.mark)
            return self._announce(document, touched, notice.origin)
        self._rereading.add(document, notice.origin if notice.version == document.version + 1 else "py")

    async def _refresh(self, document: Document, origin: str = "py") -> int:
        """Take over what is stored, and tell those who watch it; how many bytes that is."""
        known = document.version
        cells = await self.backend.read(document.key[0], [document.key[1]])
        cell = cells.get(document.key[1])
        if document.version != known and (cell is None or cell.version < document.version):
            return 0  # it was read before what has been heard meanwhile
        before = document.tree
        if self._take(document, cell):
            self._announce(document, differences(before, document.tree), origin)
        return len(cell.value) if cell else 0


def _tell(watcher: Watcher, change: Change) -> None:
    try:
        watcher.changed(change)
    except Exception:
        log.exception("a watcher of %s raised; the others are told", change.key[0])
