"""One browser tab's side of the wire: joins, resends, effects, and what to do when the socket goes."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from asok.errors import AsokError
from asok.testing_asgi import Socket
from asok.testing_dom import STATE, Dom
from asok.testing_forms import text_of
from asok.testing_instances import Instance, Patch, Refused

__all__ = ["Connect", "ConnectionEnded", "Tab"]

Connect = Callable[[Callable[[str], None], Callable[[int, Exception | None], None]], Socket]
PROTOCOL = 1
REFUSED, SESSION, RESTART = 4403, 4401, 1012
UNREADABLE = (1003, 1009, 4400)  # the app would not take the same message a second time either
RECONNECTS = 3


class ConnectionEnded(AsokError):
    """The app closed the WebSocket."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __str__(self) -> str:
        return f"the app closed the WebSocket with {self.code}"


class Tab:
    """Speaks for one loaded page. `connect` makes its sockets; `fetch_anew` replaces the page in place.

    Messages are taken as they arrive: the page changes while a test awaits, never in between.
    """

    def __init__(
        self, dom: Dom, csrf: str, connect: Connect, fetch_anew: Callable[[list[str]], Awaitable[None]], patience: float
    ) -> None:
        self.name = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(16))
        self.dom, self.csrf = dom, csrf
        self.patches: list[Patch] = []
        self.steps: list[str] = []
        self.effects: list[list[Any]] = []
        self.errors: list[AsokError] = []
        self.redirect: str | None = None
        self._connect, self._fetch_anew, self._patience = connect, fetch_anew, patience
        self._socket: Socket | None = None
        self._fault: BaseException | None = None
        self._connection = self._pongs = self._reconnects = 0
        self._wait = 0.0
        self._duties: deque[Callable[[], Awaitable[None]]] = deque()
        self._working, self._bell = asyncio.Lock(), asyncio.Event()
        self._refusals: dict[tuple[str, int], Refused] = {}
        self._instances: dict[str, Instance] = {}
        self.take_page()

    def take_page(self) -> None:
        """Know the components of the page as it stands, and no others."""
        before, self._instances = self._instances, {}
        for name in self.dom.roots:
            self._instances[name] = before.pop(name) if name in before else Instance(name, placed=True)
        self._send(*(["leave", name] for name in before))

    async def emit(self, instance: str, call: str, data: dict[str, Any]) -> int:
        """Send an event, joining first where that has not happened. Returns its sequence number."""
        await self._open()
        item = self._instances[instance]
        if not item.unsettled:
            self.steps = []
        seq = item.add(call, data)
        self._flush(item)
        return seq

    async def settle(self, instance: str, seq: int) -> Refused | None:
        """Wait for the answer to an event. Returns its refusal if it was refused."""
        await self.until(lambda: not self._waits(instance, seq), f"the answer to event {seq} of {instance}")
        return self._refusals.pop((instance, seq), None)

    async def settle_all(self) -> None:
        """Wait until every event is answered and what the app had sent by now is shown."""
        await self.until(lambda: not any(item.unsettled for item in self._instances.values()), "open events")
        if self._socket is not None:
            wanted = self._pongs + 1
            self._send(["ping"])
            await self.until(lambda: self._pongs >= wanted or self._socket is None, "the answer to a ping")
        await self._work()

    async def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for what messages bring about. Raises what went wrong meanwhile, or TimeoutError."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    bell = self._bell
                    self._raise_fault()
                    await self._work()
                    if done():
                        return
                    await bell.wait()
        except TimeoutError:
            raise TimeoutError(f"waited {self._patience:g} s for {what}") from None

    async def join_all(self) -> None:
        """Join every component that is not joined yet, so that pushes reach the page."""
        await self._open()
        items = [item for item in self._instances.values() if not item.joined]
        if items:
            self._join(items)
        await self.settle_all()

    async def drop(self, code: int = 1006) -> None:
        """Lose the socket; unsettled events are kept."""
        socket, self._socket = self._socket, None
        for item in self._instances.values():
            item.joined = item.paused = False
        if socket is not None:
            await socket.close(code)

    async def reconnect(self) -> None:
        """Lose the socket and come back: join what was joined, send again what is unsettled."""
        items = [item for item in self._instances.values() if item.joined or item.unsettled]
        await self.drop()
        await self._come_back(items)
        await self.settle_all()

    async def _come_back(self, items: list[Instance]) -> None:
        wait, self._wait = self._wait, 0.0
        await asyncio.sleep(wait)
        await self._open()
        items = [item for item in items if item.id in self._instances]
        if items:
            self._join(items)
        for item in items:
            self._flush(item)

    async def _open(self) -> None:
        self._raise_fault()
        if self._socket is None:
            self._connection += 1
            self._socket = self._connect(self._heard, self._ended)
            try:
                await self._socket.open()
            except Exception:
                self._socket = None
                raise

    def _flush(self, item: Instance) -> None:
        if self._socket is not None and not item.paused:
            if not item.joined:
                self._join([item])
            self._send(*item.to_send(self._connection))

    def _join(self, items: list[Instance]) -> None:
        entries = [item.entry(text_of(self.dom.roots[item.id], STATE)) for item in items]
        self._send(["join", PROTOCOL, self.csrf, self.name, entries])
        for item in items:
            item.joined = True

    def _send(self, *messages: list[Any]) -> None:
        for message in messages:
            if self._socket is not None:
                self._socket.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def _waits(self, instance: str, seq: int) -> bool:
        return instance in self._instances and seq in self._instances[instance].unsettled

    def _heard(self, frame: str) -> None:
        try:
            self._take(frame, *json.loads(frame))
        except Exception as error:
            self._fault = error  # raised where the test waits, not inside the app that is sending
        self._ring()

    def _take(self, frame: str, kind: str, *rest: Any) -> None:
        match kind, rest:
            case "joined", (csrf,):
                self.csrf = csrf
            case "update", (instance, seq, html, *tail):
                self._update(instance, seq, html, tail[0] if tail else [])
                self._finish_update(Patch(instance, html, tail[1] if len(tail) > 1 else [], len(frame.encode())))
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
            case "refresh", _:
                pass
            case _:
                self.errors.append(AsokError(f"a message that the page does not know: {frame[:200]}"))

    def _update(self, instance: str, seq: int, html: str | list[Any], token: str | list[Any]) -> None:
        item = self._instances.setdefault(instance, Instance(instance, joined=True))
        if html:
            self.dom.update(instance, item.take_text(html))
        if token:
            root = self.dom.roots[instance]
            root[STATE] = token if isinstance(token, str) else text_of(root, STATE)[: token[0]] + token[1]
            item.held = item.text is not None
        if not item.settle(seq) and item.unsettled:
            self.steps.append(item.text or "")
        self._flush(item)

    def _finish_update(self, patch: Patch) -> None:
        self._reconnects = 0
        self.patches.append(patch)
        self._leave_what_is_gone()
        for effect in patch.effects:
            self._apply_effect(patch.instance, *effect)

    def _leave_what_is_gone(self) -> None:
        for item in list(self._instances.values()):
            shown = self.dom.shows(item.id)
            if item.placed and not shown:
                del self._instances[item.id], self.dom.roots[item.id]
                self._send(["leave", item.id])
            item.placed = shown

    def _apply_effect(self, instance: str, name: str, *arguments: Any) -> None:
        self.effects.append([name, *arguments])
        match name, arguments:
            case "reset", names:
                self.dom.reset_controls(instance, names)
            case "focus", (selector,):
                self.dom.focus(instance, selector)
            case "title", (text,):
                self.dom.set_title(text)
            case "redirect", (url,):
                self.redirect = url

    def _refuse(self, instance: str, seq: int, refusal: Refused) -> None:
        self.errors.append(refusal)
        self._reconnects = 0
        if instance in self._instances:
            for number in self._instances[instance].refuse(seq):
                self._refusals[instance, number] = refusal

    def _pause(self, instance: str, seq: int, seconds: float) -> None:
        item = self._instances.get(instance)
        if item is None:
            self._wait = seconds  # the whole connection: come back only then
            return
        item.take_back(seq)
        if not item.paused:
            item.paused = True
            self._duties.append(lambda: self._resume(item, seconds))

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
        self._duties.append(lambda: self._fetch_anew(instances))

    def _ended(self, code: int, error: Exception | None) -> None:
        if self._socket is None:
            return  # it was this side that hung up
        self._socket = None
        items = [item for item in self._instances.values() if item.joined or item.unsettled]
        for item in items:
            item.joined = item.paused = False
            if code in UNREADABLE:
                self._give_up(item.id, Refused("failed", str(ConnectionEnded(code))))
        if code != RESTART:
            self.errors.append(ConnectionEnded(code))
        self._reconnects += 1
        if code == SESSION:
            self._start_anew(list(self._instances), Refused("session", "the session has ended"))
        elif error is not None or code == REFUSED or self._reconnects > RECONNECTS:
            self._fault = error or ConnectionEnded(code)
        elif items:
            self._duties.append(lambda: self._come_back(items))
        self._ring()

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    async def _work(self) -> None:
        async with self._working:
            while self._duties:
                await self._duties.popleft()()
                self._ring()
