"""Somebody before a browser: what alive-js does of docs/protocol.md, in Python, and a memory of what became of it."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

from tests.faults.posted import PollLine, PostLine
from tests.faults.remembered import Diary, Sent, Shown
from tests.faults.wire import CONNECT_SECONDS, Address, Page, Refusal, WebSocket, fetch
from tests.rig import patched

__all__ = ["DEAD", "Diary", "Person"]

WINDOW, BATCH = 32, 20
FIRST_DELAY, LONGEST_DELAY = 0.25, 15.0
RESTART, RESTART_DELAY = 1012, 1.0
TICK, QUIET, IDLE, LATEST = 1.0, 1.5, 25.0, 10.0
TOO_BIG, SESSION_ENDED, REFUSED, PROTOCOL = 1009, 4401, 4403, 4400
FINAL = (TOO_BIG, PROTOCOL, SESSION_ENDED, REFUSED)
AGAIN = 1.0
PROVEN = 3
DEAD = "nobody answered"
EVER = float("inf")


class Person:
    """One tab at a page. `fire` is a click; what is not settled is kept until it is, over any number of connections.

    twice: the share of events that are sent twice over. posted: the share of connections that are no WebSockets.
    """

    def __init__(self, name: str, address: Address, diary: Diary, *, twice: float = 0, posted: float = 0) -> None:
        self.name, self.address, self.diary = name, address, diary
        self.twice, self.posted = twice, posted
        self.random = Random(name)
        self.page, self.path, self.cookie, self.csrf = Page("", ""), "", "", ""
        self.shown: dict[str, Shown] = {}
        self.settled, self.refused = 0, set[tuple[str, int]]()
        self._tab = f"{self.random.random()}"
        self._loop = asyncio.get_running_loop()
        self._line: WebSocket | PostLine | None = None
        self._open, self._attempt, self._gone = False, 0, False
        self._born = self._lost = self._heard_at = self._loop.time()
        self._tested, self._quiet, self._pause = 0.0, QUIET, 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None

    # --- the page

    async def visit(self, path: str, cookie: str = "") -> Person:
        """Open the page, once it can be had, and its connection."""
        self.path, self.cookie = path, cookie
        self._take(await self._fetch())
        self._connect()
        return self

    async def _fetch(self) -> Page:
        while True:
            try:
                return await fetch(self.address, self.path, self.cookie)
            except (OSError, TimeoutError, Refusal, UnicodeDecodeError) as error:
                self.diary.seen[f"a page again: {type(error).__name__}"] += 1
            await asyncio.sleep(AGAIN * (0.5 + self.random.random()))

    def _take(self, page: Page) -> None:
        self.page, self.cookie, self.csrf = page, page.cookie, page.csrf
        for token in page.tokens:
            instance = token.partition(".")[0]
            self.shown[instance] = Shown(instance, token, sent=0 if instance in page.listens else None)

    @property
    def first(self) -> Shown:
        """The instance that stands first on the page."""
        return next(iter(self.shown.values()))

    @property
    def is_live(self) -> bool:
        """Whether the server has taken this page's join."""
        return self._open and self._lost == 0

    @property
    def waiting(self) -> int:
        """How many events are not settled."""
        return sum(len(shown.queue) for shown in self.shown.values())

    def leave(self) -> None:
        """Close the tab."""
        self._gone = True
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()
        if self._line is not None:
            self._line.leave()

    # --- the connection

    def _connect(self) -> None:
        if self._gone:
            return
        kind: type[WebSocket | PostLine] = WebSocket
        patience = CONNECT_SECONDS * (PROVEN if self._lost != self._born else 1)
        if self.posted and self.random.random() < self.posted:
            kind = self.random.choice([PostLine, PollLine])
        self._line = kind(self.address, self.cookie, self._opened, self._receive, self._closed, patience)

    def _opened(self) -> None:
        self._open, self._heard_at, self._tested = True, self._loop.time(), 0.0
        self._watch()
        joined = [each for each in self.shown.values() if each.sent is not None]
        if not joined:
            self._live()
        for start in range(0, len(joined), BATCH):
            self._join(joined[start : start + BATCH])
        for each in joined:
            self._flush(each)

    def _live(self) -> None:
        if self._lost:
            self.diary.returns.append(self._loop.time() - self._lost)
            self._lost = 0.0

    def _closed(self, code: int) -> None:
        self.diary.seen[f"closed {code}"] += 1
        self.diary.lost += self._open
        self._open, self._line = False, None
        self._lost = self._lost or self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
        for shown in self.shown.values():
            shown.joining = False
            for event in shown.queue:
                if not event.went:
                    break
                event.data["retry"] = 1
        if self._gone:
            return
        if code in FINAL:
            self.diary.problems.append(f"{self.name}: closed with {code}")
            if code == SESSION_ENDED:
                self._reset()
            return
        first = RESTART_DELAY if code == RESTART else FIRST_DELAY
        delay = self.random.random() * min(first * 2**self._attempt, LONGEST_DELAY)
        self._attempt += 1
        pause, self._pause = self._pause, 0
        self._timer = self._loop.call_later(max(delay, pause), self._connect)

    def _watch(self) -> None:
        """Ask whether anybody is there when nothing is heard; who does not answer is dead.

        It may take longer after each connection that was given up: the network may only be slow.
        """
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        if self._tested and now - self._tested >= self._quiet:
            self.diary.seen[DEAD] += 1
            self._quiet = min(self._quiet * 2, LATEST)
            assert self._line is not None
            return self._line.drop()
        if not self._tested and now - self._heard_at >= (QUIET if self.waiting else IDLE):
            self._tested = now
            self._send(["ping"])
        busy = self._tested or self.waiting
        self._timer = self._loop.call_later(TICK if busy else IDLE - (now - self._heard_at), self._watch)

    def _send(self, message: list[Any]) -> None:
        if self._open and self._line is not None:
            self._line.send(json.dumps(message).encode())

    def change(self) -> None:
        """Go over to another connection, of another kind maybe, as if this one had been lost."""
        if self._open and self._line is not None:
            self._line.drop()

    # --- what goes

    def fire(self, call: str, shown: Shown | None = None) -> None:
        """Let something happen in an instance."""
        shown = shown or self.first
        now = self._loop.time()
        if self._open and self._timer is not None and self._timer.when() > now + TICK:
            self._timer.cancel()
            self._timer = self._loop.call_later(TICK, self._watch)
        shown.last += 1
        shown.queue.append(Sent(shown.last, call, {}, now))
        self._flush(shown)

    def _join(self, instances: list[Shown]) -> None:
        entries = []
        for each in instances:
            each.sent = 0
            entries.append([each.token, each.last - len(each.queue), int(each.held)])
        self._send(["join", 1, self.csrf, self._tab, entries])

    def _flush(self, shown: Shown) -> None:
        """Send what has not gone over this connection; without one, into the void: it goes again over the next."""
        if shown.sent is None and shown.queue:
            self._join([shown])
        sent = shown.sent
        if sent is None or (shown.queue and sent >= shown.queue[-1].seq):
            return
        for place, event in enumerate(shown.queue):
            if place == WINDOW:
                break
            if event.seq > sent:
                shown.sent = event.seq
                self._send_event(shown, event)

    def _send_event(self, shown: Shown, event: Sent) -> None:
        event.went = event.went or self._open
        message = ["event", shown.id, event.seq, event.call, *([event.data] if event.data else [])]
        self._send(message)
        if self.twice and self.random.random() < self.twice:
            self._send(message)

    # --- what comes

    def _receive(self, frame: bytes) -> None:
        kind, *args = json.loads(frame)
        self._heard_at, self._tested = self._loop.time(), 0.0
        if kind == "joined":
            self.csrf = args[0]
            for shown in self.shown.values():
                shown.joining = False
            return self._live()
        if kind == "pong":
            return
        self._attempt, self._quiet = 0, max(QUIET, self._quiet * 0.9)
        if kind != "update":
            self.diary.seen[kind] += 1
        match kind:
            case "update":
                self._update(*args)
            case "refused":
                self._refused(*args)
            case "slow_down" | "busy":
                self._later(*args)
            case "need_token":
                self._need_token(*args)
            case "reset" | "reload":
                self.diary.problems.append(f"{self.name}: {kind}")
                self._reset()
            case _:
                pass

    def _update(
        self, instance: str, seq: int, change: Any, token: str | list[Any] = "", effects: object = None
    ) -> None:
        shown = self.shown.get(instance)
        if shown is None:
            return
        self._settle(shown, seq)
        if change:
            shown.text = patched(shown.text, change)
        shown.held = True if token else False if change else shown.held
        if token:
            shown.token = token if isinstance(token, str) else shown.token[: token[0]] + token[1]
        self._flush(shown)

    def _settle(self, shown: Shown, seq: int) -> None:
        now = self._loop.time()
        while shown.queue and shown.queue[0].seq <= seq:
            event = shown.queue.popleft()
            self.settled += 1
            self.diary.answers.append(now - event.since)
            if not event.went:
                self.diary.problems.append(f"{self.name}: event {event.seq} was settled and never sent")

    def _refused(self, instance: str, seq: int, code: str, text: str = "") -> None:
        shown = self.shown.get(instance)
        if shown is None or not seq:
            return
        # What a rejoin has shown to be settled may be told only afterwards to have been refused.
        if (instance, seq) not in self.refused:
            self.refused.add((instance, seq))
            self.diary.seen[f"refused: {code}"] += 1
        self._settle(shown, seq)
        self._flush(shown)

    def _later(self, instance: str, seq: int, milliseconds: int) -> None:
        delay, shown = milliseconds / 1000 * (1 + self.random.random()), self.shown.get(instance)
        if shown is None:
            self._pause = delay
        elif shown.sent != EVER:
            shown.sent = EVER
            self._loop.call_later(delay, self._go_on, shown, seq)

    def _go_on(self, shown: Shown, seq: int) -> None:
        if shown.sent == EVER:
            shown.sent = seq - 1
            self._flush(shown)

    def _need_token(self, instance: str) -> None:
        shown = self.shown.get(instance)
        if shown is not None and not shown.joining:
            shown.joining, shown.sent = True, None
            self._flush(shown)

    # --- what cannot go on

    def _reset(self) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = self._loop.create_task(self._renew())

    async def _renew(self) -> None:
        """Take new instances from the page, in their order; what had been sent may have happened, and is given up."""
        page, old = await self._fetch(), list(self.shown.values())
        self.shown.clear()
        self._take(page)
        for before, after in zip(old, self.shown.values(), strict=False):
            unsent = [event for event in before.queue if not event.went]
            self.diary.seen["given up"] += len(before.queue) - len(unsent)
            for event in unsent:
                after.last += 1
                event.seq = after.last
                after.queue.append(event)
            self._flush(after)
        if self._line is None:
            self._connect()
