"""What the model of the protocol is made of: two workers on one store, browsers that lose connections, and an oracle.

Nothing here has a network: frames go straight to the app, so that a connection is cut exactly where a rule says so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets
from jinja2 import DictLoader, Environment

from asok import Asok, Component, Limits, Settings, exposed
from asok.backends.memory import MemoryBackend
from asok.backends.sqlite import SQLiteBackend
from asok.bus import LocalBus
from asok.errors import Busy
from asok.sessions import Backend, Commit
from asok.testing_asgi import Lifespan, Socket, browser, socket_scope
from tests.rig import KEY, STATE, Frame, Tab

__all__ = ["BusyBackend", "Event", "Instance", "Person", "Window", "Workers", "numbers_in"]

BODY = "{% for key in ('a', 'b') %}{{ component('ModelLedger', key=key) }}{% endfor %}"
PAGE = "<!doctype html><head>{{ alive() }}</head>" + BODY
TEXT = "<section><p>A sentence that is long enough for a delta to pay: {}</p><i>and an end</i></section>"
NUMBERS = re.compile(r"<p>[^<]*?([\d ]*)</p>")
PATIENCE = 60
RECORDS = 6
TRIES = 60
MANY = 1e6


class ModelLedger(Component):
    """Numbers, in the order in which they were added."""

    numbers: list[int] = []
    template = TEXT.format("{{ numbers|join(' ') }}")

    @exposed
    async def add(self, number: int) -> None:
        self.numbers = [*self.numbers, number]
        await asyncio.sleep(0)

    @exposed
    async def fail(self, number: int) -> None:
        self.numbers = [*self.numbers, number]
        raise RuntimeError("after it has changed something")


def numbers_in(text: str) -> list[int]:
    """The numbers that a ledger's text shows. The text must be exactly what the template makes of them."""
    found = NUMBERS.search(text)
    assert found is not None, text
    numbers = list(map(int, found[1].split()))
    assert text == TEXT.format(" ".join(map(str, numbers))), text
    return numbers


class BusyBackend:
    """A backend that is busy for so many commits."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.busy = backend, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    async def commit(self, commit: Commit) -> bool:
        if self.busy and commit.writes:
            self.busy -= 1
            raise Busy("the model says so")
        return await self._backend.commit(commit)


class Workers:
    """Two apps that share their sessions. store: `memory`, `sqlite`, or the URL of a Redis."""

    def __init__(self, folder: Path, store: str) -> None:
        self.backends = [BusyBackend(each) for each in backends(folder, store)]
        self.bus = LocalBus()
        limits = Limits(
            events_per_second=MANY, burst=int(MANY), joins_per_second=0, session_connections=0, records=RECORDS
        )
        settings = Settings(folder, keys=(KEY,), database=":memory:", limits=limits)
        self.apps = [self._app(settings, backend) for backend in self.backends]
        self.lifespans = [Lifespan(app) for app in self.apps]

    def _app(self, settings: Settings, backend: Any) -> Asok:
        env = Environment(loader=DictLoader({"page.html": PAGE}))
        app = Asok(settings=settings, env=env, backend=backend, bus=self.bus)
        app.page("/", "page.html")
        return app

    async def start(self) -> None:
        for lifespan in self.lifespans:
            await lifespan.start()

    async def stop(self) -> None:
        for lifespan in self.lifespans:
            await lifespan.stop()


def backends(folder: Path, store: str) -> list[Backend]:
    """What each of the two workers keeps sessions in."""
    if store == "memory":
        return [MemoryBackend()] * 2
    if store == "sqlite":
        return [SQLiteBackend(folder / "sessions.db") for _ in range(2)]
    from asok.backends.redis import RedisBackend

    return [RedisBackend(f"{store}?prefix={folder.name}") for _ in range(2)]


@dataclass(eq=False)
class Event:
    """One event of a window. sure: whether it must be applied; None where nobody can know."""

    seq: int
    call: str
    number: int
    sure: bool | None = None


@dataclass(eq=False)
class Instance:
    """What the oracle knows of an instance. base: what it was restored with. events: by window, in their order."""

    owner: Person
    slot: str
    base: list[int]
    events: dict[str, list[Event]] = field(default_factory=dict)
    gone: bool = False

    @property
    def acknowledged(self) -> list[int]:
        return [event.number for each in self.events.values() for event in each if event.sure]

    @property
    def sent(self) -> set[int]:
        return {event.number for each in self.events.values() for event in each if event.sure is not False}

    def allows(self, shown: list[int], *, all_of: list[Event] | None = None) -> None:
        """Check that this can be its state. all_of: events that must be in it."""
        assert shown[: len(self.base)] == self.base, (shown, self.base)
        added = shown[len(self.base) :]
        assert len(set(shown)) == len(shown), f"applied twice: {shown}"
        assert set(added) <= self.sent, f"never sent here: {set(added) - self.sent}"
        assert {event.number for event in all_of or () if event.sure} <= set(added), f"lost: {shown}"
        for events in self.events.values():
            own = [event.number for event in events if event.number in added]
            assert [number for number in added if number in own] == own, f"out of order: {added}, sent {own}"


class Connection:
    """What a `Tab` needs of a socket, in this process."""

    def __init__(self) -> None:
        self.close_code = 0
        self.heard: asyncio.Queue[str | None] = asyncio.Queue()
        self.line: Socket | None = None

    async def open(self, person: Person, worker: int) -> None:
        scope = socket_scope(person.https[worker], person.workers.lifespans[worker], "/live")
        self.line = Socket(person.workers.apps[worker], scope, self.heard.put_nowait, self._ended)
        await self.line.open()

    def _ended(self, code: int, error: Exception | None) -> None:
        assert error is None, error
        self.close_code = code
        self.heard.put_nowait(None)

    async def send(self, frame: str) -> None:
        assert self.line is not None
        self.line.send(frame)

    async def recv(self) -> str:
        frame = await self.heard.get()
        if frame is None:
            raise websockets.ConnectionClosedError(None, None)
        return frame

    async def cut(self) -> None:
        """The connection breaks: what has not been read is lost."""
        if self.line is not None and not self.close_code:
            await self.line.close(1006)


class ModelTab(Tab):
    """A tab that notes what it is told to give up, whatever it is waiting for."""

    def __init__(self, connection: Any, name: str) -> None:
        super().__init__(connection, name)
        self.given_up: set[str] = set()

    async def receive(self) -> Frame:
        frame = await super().receive()
        if frame[0] == "reset":
            self.given_up.add(frame[1])
        return frame


class Person:
    """One session, in the eyes of both workers."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.https = [
            browser(app, lifespan, "http://localhost")
            for app, lifespan in zip(workers.apps, workers.lifespans, strict=True)
        ]
        self.instances: dict[str, Instance] = {}
        self.resets = 0

    async def open(self, worker: int) -> httpx.Response:
        """The page, whose cookie both workers are then shown."""
        for _ in range(TRIES):
            answer = await self.https[worker].get("/")
            if answer.status_code != 503:
                break
        assert answer.status_code == 200, answer.text
        for http in self.https:
            http.cookies.update(self.https[worker].cookies)
        return answer

    async def close(self) -> None:
        for http in self.https:
            await http.aclose()


class Window:
    """A tab that keeps what is not settled and sends it again, as the browser's runtime does."""

    def __init__(self, person: Person, name: str) -> None:
        self.person, self.connection = person, Connection()
        self.connections: list[Connection] = []
        line: Any = self.connection
        self.tab = ModelTab(line, name)
        self.queues: dict[str, list[Event]] = {}
        self.old_tokens: dict[str, list[str]] = {}

    async def load(self, worker: int) -> None:
        """Load the page: instances of its own, restored from what the session keeps of their places."""
        answer = await self.person.open(worker)
        found = re.search(r'data-csrf="([^"]*)"', answer.text)
        assert found is not None
        self.tab.csrf, self.tab.shown, self.queues, self.old_tokens = found[1], {}, {}, {}
        tokens = STATE.findall(answer.text)
        texts = re.findall(r"<section[^>]*>.*?</section>", answer.text, re.DOTALL)
        for token, text, slot in zip(tokens, texts, "ab", strict=True):
            bare = re.sub(r' data-asok-state="[^"]*"', "", text)
            self.adopt(token, slot, numbers_in(bare))
            self.tab.shown[token.partition(".")[0]].text = ""

    def adopt(self, token: str, slot: str, base: list[int]) -> None:
        instance = token.partition(".")[0]
        self.person.instances[instance] = Instance(self.person, slot, base)
        self.take(token)

    def take(self, token: str) -> None:
        """Show this instance, too."""
        from tests.rig import Shown

        instance = token.partition(".")[0]
        self.tab.shown[instance] = Shown(token)
        self.queues[instance] = []
        self.person.instances[instance].events.setdefault(self.tab.name, [])
        self.old_tokens[instance] = [token]

    async def connect(self, worker: int) -> None:
        """A new connection that joins everything; the old one stays as it is."""
        self.connection = Connection()
        self.connections.append(self.connection)
        await self.connection.open(self.person, worker)
        line: Any = self.connection
        self.tab.socket = line
        await self.join(*filter(self.is_alive, list(self.tab.shown)))

    async def close(self) -> None:
        """Every connection that it ever had is gone."""
        for connection in self.connections:
            await connection.cut()

    async def join(self, *instances: str) -> None:
        await self.tab.rejoin(*instances)

    def add(self, instance: str, number: int, call: str = "add") -> Event:
        """An event that waits to be sent."""
        events = self.person.instances[instance].events[self.tab.name]
        event = Event(len(events) + 1, call, number)
        events.append(event)
        self.queues[instance].append(event)
        return event

    async def send(self, instance: str, event: Event) -> None:
        await self.tab.send("event", instance, event.seq, f"{event.call}({event.number})", {})

    async def deliver(self) -> None:
        """Send what is not settled, in order, until it is."""
        for instance in list(self.queues):
            for _ in range(TRIES):
                if not self.is_alive(instance) or not self.queues[instance]:
                    break
                await self._deliver_first(instance)
            else:
                raise AssertionError(f"not settled after {TRIES} tries: {self.tab.frames[-5:]}")

    async def _deliver_first(self, instance: str) -> None:
        event = self.queues[instance][0]
        await self.send(instance, event)
        await self._heed(instance, event, await self.answer(instance, event))

    async def answer(self, instance: str, event: Event) -> Frame:
        """What the server says to the event, or why it does not take it."""
        while True:
            try:
                frame = await self.tab.receive()
            except TimeoutError:
                said = [[str(part)[:12] for part in frame[:4]] for frame in self.tab.frames[-12:]]
                raise AssertionError(f"no answer to {event} of {instance}; the last frames: {said}") from None
            if len(frame) < 2 or frame[1] != instance:
                continue
            if frame[0] == "update" and frame[2] < event.seq:
                self.look(instance)
            elif frame[0] == "refused" and frame[2] < event.seq:
                assert not self.of(instance, frame[2]).sure
            else:
                assert frame[0] in ("need_token", "reset") or frame[2] >= event.seq, (event.seq, frame)
                return frame

    def of(self, instance: str, seq: int) -> Event:
        return self.person.instances[instance].events[self.tab.name][seq - 1]

    async def _heed(self, instance: str, event: Event, frame: Frame) -> None:
        match frame[0]:
            case "update":
                self.settle(instance, frame[2])
            case "refused":
                assert (event.call, frame[3]) == ("fail", "failed"), frame
                event.sure = False
                self.queues[instance].remove(event)
                shown = self.tab.shown[instance]
                shown.settled = max(shown.settled, event.seq)
            case "need_token":
                await self.join(instance)
            case "reset":
                self.is_alive(instance)
            case kind:
                assert kind in ("busy", "slow_down"), frame

    def settle(self, instance: str, seq: int) -> None:
        """Everything up to `seq` is acknowledged."""
        queue = self.queues[instance]
        for event in [each for each in queue if each.seq <= seq]:
            event.sure = event.call == "add"
            queue.remove(event)
        self.look(instance)

    def is_alive(self, instance: str) -> bool:
        """Whether it is shown still: an instance that was reset gets no more answers."""
        if instance in self.tab.given_up and instance in self.queues:
            self.forget(instance)
        return instance in self.queues

    def forget(self, instance: str) -> None:
        """The server does not know it any more: what was not settled may or may not have been applied."""
        del self.tab.shown[instance], self.queues[instance]
        self.person.instances[instance].gone = True
        self.person.resets += 1

    def look(self, instance: str) -> None:
        """What is shown must be a state that the oracle allows, with everything that this window knows of."""
        shown, known = self.tab.shown[instance], self.person.instances[instance]
        if shown.text:
            own = [event for event in known.events[self.tab.name] if event.seq <= shown.settled]
            known.allows(numbers_in(shown.text), all_of=own)
            if shown.token not in self.old_tokens[instance]:
                self.old_tokens[instance].append(shown.token)


async def at_once(*work: Callable[[], Awaitable[None]]) -> None:
    """Side by side."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(each() for each in work))
