"""One tab's traffic with the stores: regions that it shows, paths that it follows, and what it writes.

What the tab may read and write is said by the store's rules and by the page's grants; it is asked again at
each message, and before a user's own data are told. A tab that reads slowly is told of several changes at once,
and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import groupby

from asok import protocol
from asok.browsing import SignedOut, browser_write, tree_of, trees_of
from asok.documents import Change, Settled
from asok.errors import Busy, PathError, StoreDenied, StoreError
from asok.grants import may_follow, target_of
from asok.mounting import Engine
from asok.namespaces import ALL
from asok.outbox import Closing, Outbox
from asok.protocol import CLOSE
from asok.regions import Region
from asok.replicas import Replicas
from asok.sessions import Session, open_session, serve_session
from asok.stores import Tree
from asok.trees import Path, parse_path

__all__ = ["StoreTraffic"]

log = logging.getLogger("asok")

MOST_FOLLOWED = 256
MOST_WAITING = 4096
MOST_WAITING_SIZE = 4 << 20  # characters: a page has no more than 32 writes of 64 KiB under way
NEW_KEYS = 4  # of regions cost what a message does
AT_ONCE = 50  # of them, then others have their turn
PAUSE = 1.0  # seconds, before a backend that failed is asked again
Message = protocol.React | protocol.Write | protocol.Follow | protocol.Unfollow


class Followed:
    """A path of a store that the tab follows. asked: the store and the path as the tab has named them."""

    def __init__(self, tree: Tree, asked: protocol.Follow, tell: Callable[[Followed], None]) -> None:
        self.tree, self.asked, self._tell = tree, asked, tell
        self.path = tree.within(parse_path(asked.path))
        # Each path with the origin of its last change, in the order of the changes.
        self._touched: dict[Path, str] = {}

    def watch(self, replicas: Replicas) -> None:
        """Begin to hear of changes."""
        for document in self.tree.documents:
            replicas.watch(document.key, self.path, self)

    def unwatch(self, replicas: Replicas) -> None:
        """Hear no more."""
        for document in self.tree.documents:
            replicas.unwatch(document.key, self.path, self)

    def changed(self, change: Change) -> None:
        """A document has changed."""
        for path in change.touched:
            at_or_below = max(path, self.path, key=len)
            self._touched.pop(at_or_below, None)
            self._touched[at_or_below] = change.origin
        self._tell(self)

    def present(self) -> protocol.Changed:
        """The value that stands there now. Raises StoreDenied where it may not be read."""
        with suppress(PathError):
            self.tree.rules.visible(self.tree.tree(Settled()), self.path)
        return self._message([self.path], "")

    def news(self) -> list[protocol.Changed]:
        """What the tab has not been told; consecutive changes of one origin are told together."""
        told, self._touched = self._touched, {}
        messages = [self._message(paths, origin) for origin, paths in groupby(told, key=told.__getitem__)]
        return [message for message in messages if message.changes]

    def _message(self, paths: Iterable[Path], origin: str) -> protocol.Changed:
        within = len(self.tree.within(()))
        # Who comes back with this version is told nothing, perhaps by a process that never had what waits here.
        changes = self.tree.rules.visible_changes(self.tree.tree(Settled()), paths)
        named = [["/".join(text.split("/")[within:]), *value] for text, *value in changes]
        return protocol.Changed(self.tree.name, self.tree.version, named, origin)


class StoreTraffic:
    """Takes the tab's messages about stores in their order, and tells it what changes."""

    def __init__(self, engine: Engine, session_id: str, outbox: Outbox) -> None:
        self._engine, self._session_id, self._outbox = engine, session_id, outbox
        self._waiting: deque[tuple[Message, str, int]] = deque()
        self._waiting_size = 0
        self._worker: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._telling: dict[Followed | Region, None] = {}
        self._followed: dict[tuple[str, str], list[Followed]] = {}
        self._regions: dict[str, Region] = {}
        self._over = False

    def receive(self, message: Message, tab: str, size: int = 0) -> int:
        """Take a message; how many it is worth beside itself. Raises Closing where far too much waits."""
        if len(self._waiting) >= MOST_WAITING or self._waiting_size + size > MOST_WAITING_SIZE:
            raise Closing(CLOSE.FLOOD, "too many writes")
        self._waiting.append((message, tab, size))
        self._waiting_size += size
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return len(set(message.keys) - self._regions.keys()) // NEW_KEYS if isinstance(message, protocol.React) else 0

    async def _work(self) -> None:
        while self._waiting:
            await self._outbox.room()
            message, tab, size = self._waiting[0]
            try:
                await self._do(message, tab)
            except SignedOut:
                self._outbox.close(CLOSE.SESSION, "the session is not stored any more")
            except Busy as error:
                log.warning("busy: %s; again in a moment", error)
                if not self._over:  # else the tab sends it again over its next connection
                    await asyncio.sleep(PAUSE)
                    continue
            except Exception as error:
                self._refuse(message, error)
            self._waiting.popleft()
            self._waiting_size -= size
            await asyncio.sleep(0)  # many writes of one tab let those of the others pass
        self._worker = None

    async def _do(self, message: Message, tab: str) -> None:
        session = await open_session(self._engine.backend, self._session_id)
        serve_session(session and session.over_socket())
        match message:
            case protocol.Write():
                if not self._session_id:
                    remedy = "this page has no session; write alive(stores=True) in its head"
                    raise StoreDenied(message.verb, message.path, remedy, message.store)
                version = await browser_write(self._engine, session, tab, message)
                for region in list(self._regions.values()):
                    region.catch_up(self)
                if self._teller is not None:  # who is told of a write has been told what it changed
                    await asyncio.wait([self._teller])
                self._outbox.put(protocol.Written(message.n, version))
            case _ if self._over:
                return
            case protocol.Follow():
                self._follow(message, session)
            case protocol.Unfollow():
                self._unfollow(self._followed.pop((message.store, message.path), []))
            case protocol.React():
                await self._react(message.keys, session)

    def _refuse(self, message: Message, error: Exception) -> None:
        expected = isinstance(error, StoreError)
        if isinstance(error, StoreError) and not isinstance(message, protocol.React):
            error.store = error.store or message.store
        code = error.code if isinstance(error, StoreError) else "failed"
        text = str(error) if self._engine.settings.debug else ""
        log.log(logging.WARNING if expected else logging.ERROR, "refused: %r", str(error)[:200])
        if not expected and self._engine.settings.debug:
            log.error("a message about stores failed", exc_info=error)
        match message:
            case protocol.Write():
                self._outbox.put(protocol.Unwritten(message.n, code, text))
            case protocol.Follow():
                self._outbox.put(protocol.Unfollowed(message.store, message.path, code, text))

    # ---- what it follows

    def _follow(self, message: protocol.Follow, session: Session | None) -> None:
        asked = message.store, message.path
        if asked in self._followed:
            return
        if len(self._followed) >= MOST_FOLLOWED:
            raise StoreDenied("follow", message.path, f"{MOST_FOLLOWED} paths are followed already", message.store)
        found = list(self._present(message, session))
        for followed in found:
            followed.watch(self._engine.stores.replicas)
        self._followed[asked] = found

    def _present(self, message: protocol.Follow, session: Session | None) -> Iterable[Followed]:
        """What is meant; its present value is told, unless the tab has it."""
        for tree in trees_of(self._engine, message.store, session):
            followed = Followed(tree, message, self.tell)
            try:
                present = followed.present()
            except StoreDenied:
                if message.store == ALL:  # a namespace that is a store for itself, and not to be read
                    continue
                raise
            if not message.version or message.version != present.version:
                self._outbox.put(present)
            yield followed

    def _unfollow(self, found: Iterable[Followed]) -> None:
        for followed in found:
            followed.unwatch(self._engine.stores.replicas)
            self._telling.pop(followed, None)

    async def _react(self, keys: list[str], session: Session | None) -> None:
        for key in set(self._regions) - set(keys):
            self._leave(self._regions[key])
        for number, key in enumerate([key for key in keys if key not in self._regions], 1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if self._over:  # meanwhile
                return
            if key not in self._regions:
                try:
                    self._enter(key, session)
                except StoreError as error:
                    self._refuse(protocol.React([key]), error)

    def _enter(self, key: str, session: Session | None) -> None:
        name, path = target_of(key)
        tree = tree_of(self._engine, name, session)
        if not may_follow(self._engine.ring, tree.owner, key):
            raise StoreDenied("follow", path, "the region was not signed for this visitor", name)
        region = self._regions[key] = self._engine.regions.enter(key, tree, parse_path(path), self)
        self._outbox.put_text(region.frame)

    def _leave(self, region: Region) -> None:
        del self._regions[region.key]
        self._telling.pop(region, None)
        region.leave(self)

    # ---- telling

    def show(self, region: Region) -> None:
        """A region has another text."""
        if self._outbox.has_room and not region.tree.owner:
            self._outbox.put_text(region.frame)
        else:
            self.tell(region)

    def tell(self, news: Followed | Region) -> None:
        """Tell the tab, as soon as it reads."""
        if self._over:
            return
        self._telling[news] = None
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._telling:
            await self._outbox.room()
            news = next(iter(self._telling), None)
            if news is None:
                break
            try:
                may = await self._still_may_read(news.tree)
                if self._telling.pop(news, self) is None:  # it was not left meanwhile
                    self._say(news) if may else self._end(news)
            except Busy as error:
                log.warning("busy: %s; a change is told in a moment", error)
                await self._later(news)
            except Exception:
                self._telling.pop(news, None)
                log.exception("a change of %s cannot be told", news.tree.name)
        self._teller = None

    async def _later(self, news: Followed | Region) -> None:
        """Let the others have their turn, and wait for the backend, unless it was left meanwhile."""
        if self._telling.pop(news, self) is None:
            self._telling[news] = None
            await asyncio.sleep(PAUSE)

    async def _still_may_read(self, tree: Tree) -> bool:
        """Whether a user's own tree is still the visitor's: a person may have signed out."""
        if not tree.owner:
            return True
        session = await open_session(self._engine.backend, self._session_id)
        try:
            return tree_of(self._engine, tree.name, session).owner == tree.owner
        except StoreError:
            return False

    def _say(self, news: Followed | Region) -> None:
        if isinstance(news, Region):
            return self._outbox.put_text(news.frame)
        for message in news.news():
            self._outbox.put(message)

    def _end(self, news: Followed | Region) -> None:
        if isinstance(news, Region):
            return self._leave(news)
        asked = news.asked
        self._unfollow([news])
        self._followed[asked.store, asked.path].remove(news)
        if not self._followed[asked.store, asked.path]:
            del self._followed[asked.store, asked.path]
            self._outbox.put(protocol.Unfollowed(asked.store, asked.path, "denied", ""))

    # ---- the end

    def stop(self) -> None:
        """Follow nothing any more; what has been taken is finished."""
        self._over = True
        for region in list(self._regions.values()):
            self._leave(region)
        for found in self._followed.values():
            self._unfollow(found)
        self._followed.clear()
        self._telling.clear()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What is still being done."""
        return [task for task in (self._worker, self._teller) if task is not None]
