"""One tab's traffic with the stores: regions that it shows, paths that it follows, and what it writes.

What the tab may read and write is said by the store's rules and by the page's grants; it is asked again at
each message. A tab that reads slowly is told of several changes at once, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from asok import protocol
from asok.browsing import SignedOut, browser_write, tree_of, trees_of
from asok.documents import Change
from asok.errors import Busy, StoreError
from asok.grants import may_follow, target_of
from asok.mounting import Engine
from asok.outbox import Closing, Outbox
from asok.protocol import CLOSE
from asok.regions import Region
from asok.sessions import Session, open_session, serve_session
from asok.stores import Tree
from asok.trees import Path, overlaps, parse_path

__all__ = ["StoreTraffic"]

log = logging.getLogger("asok")

MOST_FOLLOWED = 256
MOST_WAITING = 4096
Message = protocol.React | protocol.Write | protocol.Follow | protocol.Unfollow


class Followed:
    """A path of a store that the tab follows. told: called when there is something to tell."""

    def __init__(self, tree: Tree, path: Path, traffic: StoreTraffic) -> None:
        self.tree, self.path, self._traffic = tree, path, traffic
        self.touched: list[tuple[str, set[Path]]] = []

    def watch(self, replicas: Any) -> None:
        """Begin to hear of changes."""
        for document in self.tree.documents:
            replicas.watch(document.key, self.path, self)

    def unwatch(self, replicas: Any) -> None:
        """Hear no more."""
        for document in self.tree.documents:
            replicas.unwatch(document.key, self.path, self)

    def changed(self, change: Change) -> None:
        """A document has changed; consecutive changes of one origin are told together."""
        if not self.touched or self.touched[-1][0] != change.origin:
            self.touched.append((change.origin, set()))
        self.touched[-1][1].update(path for path in change.touched if overlaps(path, self.path))
        self._traffic.tell(self)

    def news(self) -> list[protocol.Changed]:
        """What the tab has not been told."""
        told, self.touched = self.touched, []
        found = []
        for origin, touched in told:
            changes = self.tree.rules.visible_changes(self.tree.tree(), touched)
            if changes:
                found.append(protocol.Changed(self.name, self.tree.version, changes, origin))
        return found

    @property
    def name(self) -> str:
        """The store's name, in which changes are told."""
        return self.tree.name


class StoreTraffic:
    """Takes the tab's messages about stores in their order, and tells it what changes."""

    def __init__(self, engine: Engine, session_id: str, outbox: Outbox) -> None:
        self._engine, self._session_id, self._outbox = engine, session_id, outbox
        self._waiting: deque[tuple[Message, str]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._telling: dict[Followed | Region, None] = {}
        self._followed: dict[tuple[str, str], list[Followed]] = {}
        self._regions: dict[str, Region] = {}

    def receive(self, message: Message, tab: str) -> None:
        """Take a message. Raises Closing where far too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise Closing(CLOSE.FLOOD, "too many writes")
        self._waiting.append((message, tab))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            await self._outbox.room()
            message, tab = self._waiting[0]
            try:
                session = await open_session(self._engine.backend, self._session_id)
                if session is not None:
                    serve_session(session.over_socket())
                await self._do(message, tab, session)
            except SignedOut:
                self._outbox.close(CLOSE.SESSION, "the session is not stored any more")
            except Exception as error:
                self._refuse(message, error)
            self._waiting.popleft()
        self._worker = None

    async def _do(self, message: Message, tab: str, session: Session | None) -> None:
        match message:
            case protocol.Write():
                version = await browser_write(self._engine, session, tab, message)
                self._outbox.put(protocol.Written(message.n, version))
            case protocol.Follow():
                self._follow(message, session)
            case protocol.Unfollow():
                for followed in self._followed.pop((message.store, message.path), []):
                    followed.unwatch(self._engine.stores.replicas)
            case protocol.React():
                self._react(message.keys, session)

    def _refuse(self, message: Message, error: Exception) -> None:
        code = error.code if isinstance(error, StoreError) else "busy" if isinstance(error, Busy) else "failed"
        text = str(error) if self._engine.settings.debug else ""
        if isinstance(error, (StoreError, Busy)):
            log.warning("refused: %r", str(error)[:200])
        else:
            log.error("a message about stores failed: %r", error, exc_info=error)
        match message:
            case protocol.Write():
                self._outbox.put(protocol.Unwritten(message.n, code, text))
            case protocol.Follow():
                self._outbox.put(protocol.Unfollowed(message.store, message.path, code, text))

    def _follow(self, message: protocol.Follow, session: Session | None) -> None:
        if len(self._followed) >= MOST_FOLLOWED:
            raise Closing(CLOSE.FLOOD, "too many paths are followed")
        if (message.store, message.path) in self._followed:
            return
        found = []
        for tree in trees_of(self._engine, message.store, session):
            path = tree.within(parse_path(message.path))
            found.append(self._present(tree, path, message))
        self._followed[message.store, message.path] = found

    def _present(self, tree: Tree, path: Path, message: protocol.Follow) -> Followed:
        """Tell the present value, unless the tab has it; and what changes from now on."""
        followed, version = Followed(tree, path, self), tree.version
        tree.rules.visible(tree.tree(), ()) if not path else None
        changes = tree.rules.visible_changes(tree.tree(), [path])
        followed.watch(self._engine.stores.replicas)
        if not message.version or message.version != version:
            self._outbox.put(protocol.Changed(followed.name, version, changes, ""))
        return followed

    def _react(self, keys: list[str], session: Session | None) -> None:
        for key in set(self._regions) - set(keys):
            self._regions.pop(key).leave(self)
        for key in keys:
            if key in self._regions:
                continue
            name, path = target_of(key)
            tree = tree_of(self._engine, name, session)
            if not may_follow(self._engine.ring, tree.owner, key):
                log.warning("refused: a region that was not signed here: %r", key[:80])
                continue
            region = self._regions[key] = self._engine.regions.enter(key, tree, parse_path(path), self)
            self._outbox.put_text(region.frame)

    def tell(self, news: Followed | Region) -> None:
        """Tell the tab, at once if it reads, else as soon as it does."""
        self._telling[news] = None
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._telling:
            await self._outbox.room()
            news = next(iter(self._telling))
            del self._telling[news]
            if isinstance(news, Region):
                self._outbox.put_text(news.frame)
                continue
            for message in news.news():
                self._outbox.put(message)
        self._teller = None

    def show(self, region: Region) -> None:
        """A region has another text."""
        if self._outbox.has_room:
            self._outbox.put_text(region.frame)
        else:
            self.tell(region)

    def stop(self) -> None:
        """Follow nothing any more; what has been taken is finished."""
        for region in self._regions.values():
            region.leave(self)
        for followed in (each for found in self._followed.values() for each in found):
            followed.unwatch(self._engine.stores.replicas)
        self._regions, self._followed = {}, {}
        if self._teller is not None:
            self._teller.cancel()
