"""One browser tab's side of the wire: joins, resends, effects, and what to do when the socket goes."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from asok.errors import AsokError
from asok.testing_dom import Dom
from asok.testing_forms import text_of
from asok.testing_instances import Instance, Patch, Refused
from asok.testing_link import FINAL, RECONNECTS, REFUSED, RESTART, SESSION, UNREADABLE, Connect, ConnectionEnded, Link
from asok.testing_markup import STATE
from asok.testing_stores import QueuedWrite, StoreLink
from asok.testing_waiting import Waiting
from asok.testing_window import Window, add_statics

__all__ = ["Tab"]

PROTOCOL = 1
BATCH = 20


class Tab:
    """Speaks for one loaded page. `connect` makes its sockets; `fetch_anew` replaces the page in place.

    Messages are taken as they arrive: the page changes while a test awaits, never in between. frames: how many
    have come. on_effect, on_update: told of what a method asks to be done to an element, and of each change.
    """

    def __init__(
        self,
        dom: Dom,
        window: Window,
        csrf: str,
        connect: Connect,
        fetch_anew: Callable[[list[str]], Awaitable[None]],
        patience: float,
    ) -> None:
        self.name = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(16))
        self.dom, self.window, self.csrf = dom, window, csrf
        self.patches: list[Patch] = []
        self.steps: list[str] = []
        self.effects: list[list[Any]] = []
        self.errors: list[AsokError] = []
        self.frames = 0
        self.on_effect: Callable[[str, str, list[Any]], None] = lambda *effect: None
        self.on_update: Callable[[], None] = lambda: None
        self._link = Link(connect, self._heard, self._ended)
        self._send = self._link.send
        self.stores = StoreLink(dom, self._send, self.errors)
        self._fetch_anew, self._waiting = fetch_anew, Waiting(patience)
        self.until, self.work = self._waiting.until, self._waiting.work
        self.later = self._waiting.duties.append
        self._pongs = self._reconnects = 0
        self._wait = 0.0
        self._opening = asyncio.Lock()
        self._refusals: dict[tuple[str, int], Refused] = {}
        self._instances: dict[str, Instance] = {}
        self.take_page()

    def take_page(self) -> None:
        """Know the components of the page as it stands, and no others."""
        before, self._instances = self._instances, {}
        for name in self.dom.roots:
            self._instances[name] = before.pop(name) if name in before else Instance(name, placed=True)
            self._instances[name].look_at(self.dom.roots[name])
        for name in before:
            self._send(["leave", name])
        self.frames += 1

    async def listen(self) -> None:
        """Connect a page on which something listens, and wait until it hears."""
        if self._has_listeners():
            await self.open()
            await self.settle_joins()

    async def emit(self, instance: str, call: str, data: dict[str, Any]) -> int:
        """Send an event, joining first where that has not happened. Returns its sequence number."""
        await self.open(instance)
        item = self._instances[instance]
        if not item.unsettled:
            self.steps = []
        seq = item.add(call, data)
        self._flush(item)
        return seq

    async def begin(self, instance: str) -> None:
        """Have a component that waits to be seen come."""
        self._instances[instance].listens = True
        await self.open(instance)

    def cancel(self, instance: str) -> None:
        """Stop the component's running method; without a connection there is none."""
        self._send(["cancel", instance])

    def free(self, instance: str) -> bool:
        """Whether none of the component's events waits for its answer."""
        return instance not in self._instances or not self._instances[instance].unsettled

    async def settle(self, instance: str, seq: int) -> Refused | None:
        """Wait for the answer to an event. Returns its refusal if it was refused."""
        await self.until(lambda: not self.waits(instance, seq), f"the answer to event {seq} of {instance}")
        return self._refusals.pop((instance, seq), None)

    async def write(self, *items: Any) -> QueuedWrite:
        """Send a write to a store: verb, store, path, value and grant."""
        await self.open()
        return self.stores.write(*items)

    async def settle_write(self, queued: QueuedWrite) -> Refused | None:
        """Wait for the answer to a write, and for the texts that follow it. Returns its refusal if it was refused."""
        await self.until(lambda: queued.outcome is not None, f"the answer to {queued.message}")
        await self.settle_all()
        return queued.outcome if isinstance(queued.outcome, Refused) else None

    async def settle_all(self) -> None:
        """Wait until every event is answered and what the app had sent by now is shown."""
        await self.until(lambda: not any(item.unsettled for item in self._instances.values()), "open events")
        await self.settle_joins()
        if self._link.holds:
            wanted = self._pongs + 1
            self._send(["ping"])
            await self.until(lambda: self._pongs >= wanted or not self._link.holds, "the answer to a ping")
        await self._waiting.work()

    async def settle_joins(self) -> None:
        """Wait until all that join have got their answer."""
        await self.until(lambda: not self._joining(), "the components that listen to join")

    async def join_all(self) -> None:
        """Join every component that is not joined yet, so that pushes reach the page."""
        await self.open(*self._instances)
        await self.settle_all()

    async def drop(self, code: int = 1006) -> None:
        """Lose the socket; unsettled events are kept."""
        for item in self._instances.values():
            item.leave_connection()
        await self._link.close(code)

    async def reconnect(self) -> None:
        """Lose the socket and come back: join what was joined, send again what is unsettled."""
        items = [item.id for item in self._instances.values() if item.joined or item.unsettled]
        await self.drop()
        await self._come_back(items)
        await self.settle_all()

    async def _come_back(self, instances: list[str]) -> None:
        wait, self._wait = self._wait, 0.0
        await asyncio.sleep(wait)
        await self.open(*instances)

    async def open(self, *instances: str) -> None:
        """Have a connection, on which these components have joined, and those that listen."""
        async with self._opening:
            self._waiting.raise_fault()
            is_new = not self._link.holds
            if is_new:
                await self._link.open()
            items = [item for item in self._instances.values() if item.id in instances or item.wants_to_join]
            self._join([item for item in items if not item.joined], greets=is_new)
            for item in items:
                self._flush(item)
            if is_new:
                self.stores.open()

    def _flush(self, item: Instance) -> None:
        if self._link.holds and not item.paused:
            if item.wants_to_join:
                self._join([item])
            for message in item.to_send(self._link.number):
                self._send(message)

    def _join(self, items: list[Instance], *, greets: bool = False) -> None:
        """Join, so many at once. greets: the connection is new, and begins with a join in any case."""
        for start in range(0, len(items) or int(greets), BATCH):
            entries = [item.entry(text_of(self.dom.roots[item.id], STATE)) for item in items[start : start + BATCH]]
            self._send(["join", PROTOCOL, self.csrf, self.name, entries])
        for item in items:
            item.joined = True

    def _has_listeners(self) -> bool:
        return self.stores.wanted or any(item.listens for item in self._instances.values())

    def _joining(self) -> bool:
        return any(item.joining for item in self._instances.values())

    def waits(self, instance: str, seq: int) -> bool:
        """Whether an event has no answer yet."""
        return instance in self._instances and seq in self._instances[instance].unsettled

    def _heard(self, frame: str) -> None:
        self.frames += 1
        try:
            self._take(frame, *json.loads(frame))
        except Exception as error:
            self._waiting.fault = error  # raised where the test waits, not inside the app that is sending
        self._waiting.ring()

    def _take(self, frame: str, kind: str, *rest: Any) -> None:
        match kind, rest:
            case "joined", (csrf,):
                self.csrf = csrf
            case "update", (instance, seq, html, *tail):
                patch = Patch(instance, html, tail[1] if len(tail) > 1 else [], len(frame.encode()))
                self._update(seq, patch, tail[0] if tail else [])
            case "refused", (instance, seq, code, *text):
                self._refuse(instance, seq, Refused(code, *text))
            case (("slow_down" | "busy"), (instance, seq, ms)):
                self._pause(instance, seq, ms / 1000)
            case "need_token", (instance,):
                self._join_again(instance)
            case "reset", (instance,):
                self._start_anew([instance], Refused("reset", "the app cannot continue this component's state"))
            case "reload", ():
                self._start_anew(list(self._instances), Refused("reload", "the app speaks another protocol"))
            case "pong", ():
                self._pongs += 1
            case "store", (about, *told):
                self.stores.take(about, *told)
            case "statics", (entries,):
                add_statics(self.dom, self.window.url, entries)
            case "ask", (instance, seq, n, name, arguments):
                self._answer([instance, seq, n], name, arguments)
            case "refresh", _:
                pass
            case _:
                self.errors.append(AsokError(f"a message that the page does not know: {frame[:200]}"))

    def _update(self, seq: int, patch: Patch, token: str | list[Any]) -> None:
        instance, html = patch.instance, patch.html
        item = self._instances.get(instance)
        if item is None:
            if not (isinstance(html, str) and isinstance(token, str)):
                return  # of one that has left
            item = self._instances[instance] = Instance(instance, came=True, last=seq)
        if html:
            self.dom.update(instance, item.take_text(html))
        root = self.dom.roots[instance]
        if token:
            root[STATE] = token if isinstance(token, str) else text_of(root, STATE)[: token[0]] + token[1]
            item.held = item.text is not None
        item.look_at(root)
        if not item.settle(seq) and item.unsettled:
            self.steps.append(item.text or "")
        if not item.joining or patch.effects:
            self.patches.append(patch)
        item.joining, self._reconnects = False, 0
        self._leave_what_is_gone()
        for effect in patch.effects:
            self.effects.append(effect)
            self._perform(instance, *effect)
        self.on_update()
        self._flush(item)
        self.stores.look()

    def _perform(self, instance: str, name: str, *arguments: Any) -> None:
        try:
            self.window.apply(self.dom, instance, name, *arguments)
            self.on_effect(instance, name, list(arguments))
        except AsokError as error:
            self.errors.append(AsokError(f"{name}: {error}"))  # the others go on

    def _leave_what_is_gone(self) -> None:
        for item in list(self._instances.values()):
            shown = self.dom.shows(item.id)
            if item.placed and not shown:
                del self._instances[item.id], self.dom.roots[item.id]
                self._send(["leave", item.id])
            item.placed = shown

    def _answer(self, question: list[Any], name: str, arguments: list[Any]) -> None:
        try:
            answer = self.window.answer(self.dom, name, arguments)
        except Exception as error:
            self._waiting.complaints.append(error)
            answer = (None, "the test does not say")
        self._send(["answer", *question, *answer])

    def _refuse(self, instance: str, seq: int, refusal: Refused) -> None:
        self.errors.append(refusal)
        self._reconnects = 0
        item = self._instances.get(instance)
        if item is not None:
            item.joining = False
            for number in item.refuse(seq):
                self._refusals[instance, number] = refusal
            self._flush(item)

    def _pause(self, instance: str, seq: int, seconds: float) -> None:
        item = self._instances.get(instance)
        if item is None:
            self._wait = seconds  # the whole connection: come back only then
            return
        item.joining = False
        item.take_back(seq)
        if not item.paused:
            item.paused = True
            self.later(lambda: self._resume(item, seconds))

    async def _resume(self, item: Instance, seconds: float) -> None:
        await asyncio.sleep(seconds)
        item.paused = False
        self._flush(item)

    def _join_again(self, instance: str) -> None:
        item = self._instances.get(instance)
        if item is not None:
            item.joined = False
            item.take_back()
            self._flush(item)

    def _give_up(self, instance: str, reason: Refused) -> None:
        for seq in list(self._instances[instance].unsettled) if instance in self._instances else ():
            self._refuse(instance, seq, reason)

    def _start_anew(self, instances: list[str], reason: Refused) -> None:
        for instance in instances:
            self._give_up(instance, reason)
        self.later(lambda: self._begin_again(instances))

    async def _begin_again(self, instances: list[str]) -> None:
        await self._fetch_anew(instances)
        self.on_update()
        if self._has_listeners():
            await self.open()

    def _ended(self, code: int, error: Exception | None) -> None:
        items = [item for item in self._instances.values() if item.joined or item.unsettled]
        if code in FINAL:
            self.stores.give_up()
        for item in items:
            item.leave_connection()
            if code in UNREADABLE:
                self._give_up(item.id, Refused("failed", str(ConnectionEnded(code))))
        if code != RESTART:
            self.errors.append(ConnectionEnded(code))
        self._reconnects += 1
        if code == SESSION:
            self._start_anew(list(self._instances), Refused("session", "the session has ended"))
        elif error is not None or code == REFUSED or self._reconnects > RECONNECTS:
            self._waiting.fault = error or ConnectionEnded(code)
        elif items or self.stores.wanted:
            self.later(lambda: self._come_back([item.id for item in items]))
        self._waiting.ring()
