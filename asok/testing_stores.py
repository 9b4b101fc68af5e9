"""The stores as one page has them: regions that show their texts, paths that it follows, and what it writes."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from asok.errors import AsokError
from asok.testing_dom import Dom
from asok.testing_instances import WINDOW, Refused

__all__ = ["Heard", "PageStore", "QueuedWrite", "StoreLink"]

LONGEST = 64 * 1024
GONE: Any = object()
Place = tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """What a listener is told beside the value. origin: js or py; empty for the value as it was at first."""

    store: str
    path: str
    version: int
    removed: bool
    origin: str


@dataclass
class QueuedWrite:
    """A write that waits for its answer. outcome: the store's new version, or why it was refused."""

    message: list[Any]
    outcome: int | Refused | None = None


@dataclass
class FollowedPath:
    """A path that the page follows. come: whether the app has answered. listeners: called with its origin."""

    store: str
    path: str
    version: int = 0
    come: bool = False
    value: Any = GONE
    refused: Refused | None = None
    listeners: list[Callable[[str], None]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where it is in what the page knows."""
        return place_of(self.store, self.path)


class StoreLink:
    """One loaded page's share in the stores. send: puts a message on the wire, and says whether there is one."""

    def __init__(self, dom: Dom, send: Callable[[list[Any]], bool], errors: list[AsokError]) -> None:
        self._dom, self._send, self._errors = dom, send, errors
        self.present = dom.loads("store")
        self._known: Any = {}
        self._texts: dict[str, str] = {}
        self._told: list[str] = []
        self._writes: deque[QueuedWrite] = deque()
        self._count = self._sent = 0
        self._followed: dict[tuple[str, str], FollowedPath] = {}

    @property
    def wanted(self) -> bool:
        """Whether the page needs a connection for it."""
        return bool(self._writes or self._followed or (self.present and self._dom.regions()))

    def open(self) -> None:
        """A new connection knows nothing yet."""
        self._sent, self._told = 0, []
        self._send_writes()
        for each in self._followed.values():
            self._send(["follow", each.store, each.path, each.version])
        self.look()

    def look(self) -> None:
        """After the page has changed: show the newest texts, and tell the app which regions there are."""
        if self.present:
            self._dom.show_in_regions(self._texts)
            keys = self._dom.regions()
            if keys != self._told and self._send(["react", keys]):
                self._told = keys

    def write(self, *items: Any) -> QueuedWrite:
        """Queue a write: verb, store, path, value, grant. It is sent again until it is answered."""
        message = ["write", self._count + 1, *items]
        size = len(json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
        if size > LONGEST:
            raise AsokError(f"a write of {size} characters: a page sends at most {LONGEST}")
        self._count += 1
        queued = QueuedWrite(message)
        self._writes.append(queued)
        self._send_writes()
        return queued

    def follow(self, store: str, path: str) -> FollowedPath:
        """Hear of changes at a path; the app first tells what stands there now."""
        followed = self._followed.get((store, path))
        if followed is None:
            followed = self._followed[store, path] = FollowedPath(store, path)
            self._send(["follow", store, path, 0])
        return followed

    def unfollow(self, followed: FollowedPath) -> None:
        """Hear no more, unless there are still listeners."""
        key = followed.store, followed.path
        if not followed.listeners and self._followed.get(key) is followed:
            del self._followed[key]
            self._send(["unfollow", *key])

    def give_up(self) -> None:
        """The connection ended for good: what went over it may have had its effect."""
        for followed in self._followed.values():
            followed.version = 0
        while self._sent:
            self._settle(self._writes[0].message[1], Refused("failed", "the connection has ended"))

    def take(self, kind: str, *rest: Any) -> None:
        """A message from the app."""
        match kind, rest:
            case "text", (key, text):
                self._texts[key] = text
                self._dom.show_in_regions(self._texts)
            case "changed", (store, version, changes, origin):
                self._change(store, version, changes, origin)
            case "written", (n, version):
                self._settle(n, version)
            case "refused", (n, code, *text):
                self._settle(n, Refused(code, *text))
            case "unfollowed", (store, path, code, *text):
                self._refuse(store, path, Refused(code, *text))

    def _send_writes(self) -> None:
        for queued in islice(self._writes, self._sent, WINDOW):
            if not self._send(queued.message):
                break
            self._sent += 1

    def _settle(self, n: int, outcome: int | Refused) -> None:
        if not self._writes or self._writes[0].message[1] != n:
            return
        self._writes.popleft().outcome = outcome
        self._sent -= 1
        if isinstance(outcome, Refused):
            self._errors.append(outcome)
        self._send_writes()

    def _refuse(self, store: str, path: str, refusal: Refused) -> None:
        self._errors.append(refusal)
        followed = self._followed.pop((store, path), None)
        if followed is not None:
            followed.refused = refusal

    def _change(self, store: str, version: int, changes: list[list[Any]], origin: str) -> None:
        places = [place_of(store, path) for path, *_ in changes]
        for place, (_, *given) in zip(places, changes, strict=True):
            self._known = put(self._known, place, given[0] if given else GONE)
        for followed in list(self._followed.values()):
            value, place = at(self._known, followed.place), followed.place
            if followed.come:
                if followed.value == value:
                    continue
            elif not any(place[: len(other)] == other for other in places):
                continue
            followed.come, followed.value = True, value
            if followed.store == store:
                followed.version = version
            for listener in list(followed.listeners):
                listener(origin)


class PageStore:
    """A store as the scripts of a page have it: `alive.store(name)` for tests. Refusals raise `Refused`.

    start: connects the page. until: waits for what messages bring about.
    """

    def __init__(
        self,
        name: str,
        link: StoreLink,
        start: Callable[[], Awaitable[None]],
        until: Callable[[Callable[[], bool], str], Awaitable[None]],
    ) -> None:
        self.name = name
        self._link, self._start, self._until = link, start, until

    async def get(self, path: str = "") -> Any:
        """The value that stands at a path now; None where there is none."""
        followed = await self._follow(path)
        self._link.unfollow(followed)
        return handed_out(followed.value)

    async def set(self, path: str, value: Any, grant: str = "") -> int:
        """Put a value at a path; the store's new version, as with the verbs that follow."""
        return await self._write("set", path, value, grant)

    async def update(self, path: str, value: Any, grant: str = "") -> int:
        """Add to a number, merge into a dict, replace anything else."""
        return await self._write("update", path, value, grant)

    async def append(self, path: str, value: Any, grant: str = "") -> int:
        """Add an item to the end of a list."""
        return await self._write("append", path, value, grant)

    async def remove(self, path: str, grant: str = "") -> int:
        """Take away what stands at a path."""
        return await self._write("delete", path, None, grant)

    async def subscribe(self, paths: str | Sequence[str], listener: Callable[[Any, Heard], None]) -> Callable[[], None]:
        """Call the listener with the present value, and with the new one after each change; the result ends it."""
        ends = [await self._subscribe(path, listener) for path in ([paths] if isinstance(paths, str) else paths)]

        def end() -> None:
            for each in ends:
                each()

        return end

    async def _subscribe(self, path: str, listener: Callable[[Any, Heard], None]) -> Callable[[], None]:
        followed = await self._follow(path)

        def hear(origin: str) -> None:
            value, version = followed.value, followed.version
            listener(handed_out(value), Heard(self.name, path, version, value is GONE, origin))

        def end() -> None:
            if hear in followed.listeners:
                followed.listeners.remove(hear)
                self._link.unfollow(followed)

        followed.listeners.append(hear)
        hear("")
        return end

    async def _follow(self, path: str) -> FollowedPath:
        await self._start()
        followed = self._link.follow(self.name, path)
        await self._until(lambda: followed.come or followed.refused is not None, f"{self.name}/{path} from the app")
        if followed.refused is not None:
            raise followed.refused
        return followed

    async def _write(self, verb: str, path: str, value: Any, grant: str) -> int:
        await self._start()
        queued = self._link.write(verb, self.name, path, value, grant)
        await self._until(lambda: queued.outcome is not None, f"the answer to {self.name}.{verb}({path!r})")
        if isinstance(queued.outcome, Refused):
            raise queued.outcome
        return queued.outcome or 0


def place_of(store: str, path: str) -> Place:
    """Where a store's path is among all that a page knows: the namespace `~cart` is `cart` in `~`."""
    return (*(["~", store[1:]] if store[:1] == "~" and store[1:] else [store]), *(path.split("/") if path else ()))


def at(tree: Any, place: Place) -> Any:
    """What stands at a place; GONE where nothing does."""
    for part in place:
        if isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = tree[part]
        else:
            return GONE
    return tree


def put(tree: Any, place: Place, value: Any) -> Any:
    """A copy of the tree with another value at a place; GONE takes away."""
    part, *rest = place
    inner = put(at(tree, (part,)), tuple(rest), value) if rest else value
    if not isinstance(tree, list):
        members = {**tree, part: inner} if isinstance(tree, dict) else {part: inner}
        return {name: each for name, each in members.items() if each is not GONE}
    index = int(part)
    return [*tree[:index], *([] if inner is GONE else [inner]), *tree[index + 1 :]]


def handed_out(value: Any) -> Any:
    """A copy that a test may change."""
    return None if value is GONE else copy.deepcopy(value)
