"""What an app shares between its pages and processes: stores, namespaces, topics and rooms."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from asok.backends import sockets
from asok.bus import Bus, LocalBus
from asok.errors import ConfigurationError
from asok.following import RoomWatchers
from asok.handlers import StateHandlers
from asok.mounting import Engine
from asok.namespaces import Namespaces
from asok.observing import Lag, Observer
from asok.presence import Presence
from asok.regions import Regions
from asok.relay import Relay
from asok.rendering import Templates
from asok.replicas import Replicas
from asok.sessions import Backend, Session
from asok.settings import Settings
from asok.state import KeyRing
from asok.superstore import SuperStore
from asok.texts import Renderings
from asok.topics import Topics
from asok.trials import Trials
from asok.watchdog import Watchdog

__all__ = ["Sharing", "bus_of"]

F = TypeVar("F", bound=Callable[..., Any])


class Sharing:
    """The part of an app that speaks to all of its pages; the base of `Asok`."""

    stores: SuperStore
    bus: Bus

    def _share(self, settings: Settings, backend: Backend, bus: Bus, templates: Templates) -> None:
        ring = KeyRing(settings.keys)
        replicas, rooms = Replicas(backend, bus, settings.limits.store), RoomWatchers()
        self.bus, self._relay, self.stores = bus, Relay(bus), SuperStore.connecting(ring, replicas)
        self._namespaces = Namespaces(self.stores)
        self._handlers = StateHandlers()
        replicas.committed = self._handlers.committed
        presence = Presence(bus)
        presence.on_change(rooms.changed)
        self._engine = Engine(
            settings,
            ring,
            backend,
            templates,
            Renderings(settings.limits.rendering_cache),
            self.stores,
            self._namespaces,
            Topics(bus),
            presence,
            rooms,
            Regions(replicas),
            templates.statics,
            Trials(backend, bus),
        )
        observers = self._engine.observers
        bus.on_gap(lambda: observers.tell(Observer.missed))
        self._lag, self._watchdog = Lag(observers), Watchdog(settings.limits.loop_lag)

    async def _connect(self) -> None:
        """Begin to hear the other processes of the app."""
        self._lag.begin()
        self._watchdog.start()
        if not self.stores.replicas.is_open:
            await self.bus.open()
            await self.stores.replicas.open()
            self._engine.topics.open()
            await self._engine.presence.open()
            self._relay.open()

    async def _disconnect(self) -> None:
        await self._lag.end()
        self._watchdog.stop()
        await self.stores.replicas.close()
        await self._handlers.settle()
        await self._engine.trials.close()
        self._engine.topics.close()
        await self._engine.presence.close()
        await self._relay.close()
        await self.bus.close()

    def observe(self, observer: Observer) -> None:
        """Tell the observer what happens in this process, such as for metrics and traces. Call it where the app is
        made; the same observer is told once, however often it is given."""
        if not any(each is observer for each in self._engine.observers):
            self._engine.observers.append(observer)

    def limit_connections(self, number: int) -> None:
        """This process has room for so many connections, where the settings do not say it."""
        crowd = self._engine.crowd
        crowd.most = crowd.most or number

    def push(self, topic: str, message: Any = None) -> None:
        """Send a message to every component that listens to the topic, in every process of the app.

        From any thread, task, route or process; it never waits. Raises AsokError for what cannot be sent.
        """
        self._engine.topics.push(topic, message)

    def authorize(self, *rooms: str) -> Callable[[F], F]:
        """Ask the decorated function `(session, room, action)` before a component joins or broadcasts to these
        rooms, which may be patterns such as `team:*`; False or Denied refuses. action: "join" or "broadcast".

        Raises ConfigurationError for an async function: the coroutine that it returns would refuse nobody.
        """

        def decorate(function: F) -> F:
            if inspect.iscoroutinefunction(function):
                problem = "@app.authorize asks in the middle of a method, and cannot wait"
                raise ConfigurationError(f"{problem}; make {function.__name__} a plain def")
            self._engine.room_guards.extend((room, function) for room in rooms)
            return function

        return decorate

    def namespace(self, namespace: str, *, scope: str, **options: Any) -> None:
        """Declare that a namespace belongs to the whole app (`scope="app"`), or to each user (`scope="user"`, with
        `auth=`), instead of to each session. options: as those of a Store, such as readable and writable."""
        self._namespaces.declare(namespace, scope, options)

    def set_state(self, namespace: str, key: str, value: Any, *, session: Session | None = None) -> Awaitable[int]:
        """Set a key of a namespace, and tell the pages and handlers.

        It is set for `session`, else for the visitor who is being served; where nobody is, for every session
        that has not set the key itself.
        """
        return self._namespaces.set(namespace, key, value, session)

    def get_state(self, namespace: str, key: str, default: Any = None, *, session: Session | None = None) -> Any:
        """The value of a key, for the same visitor; `default` where there is none."""
        return self._namespaces.get(namespace, key, default, session)

    def remove_state(self, namespace: str, key: str, *, session: Session | None = None) -> Awaitable[int]:
        """Take a key away, and tell the pages and handlers."""
        return self._namespaces.remove(namespace, key, session)

    def add_state_handler(self, handler: Any, namespaces: Sequence[str]) -> None:
        """Tell `handler.update_state(namespace, key, value)`, sync or async, when a key of these changes.

        A handler that takes `source` is told "javascript" or "python". One without update_state warns and is
        ignored. Each change is told once, in the process that took it.
        """
        self._handlers.add(handler, namespaces)


def bus_of(settings: Settings) -> Bus:
    """What connects the processes that share a Redis or a database file; nothing else is shared without one.

    Raises ConfigurationError for the URL of a Redis that is none.
    """
    if settings.redis:
        from asok.backends.redis_bus import RedisBus

        return RedisBus(settings.redis, KeyRing(settings.keys))
    if settings.database == ":memory:" or not sockets.available():
        return LocalBus()
    return sockets.SocketBus(Path(settings.database + ".bus"))
