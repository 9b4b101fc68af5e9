"""What a component's methods may ask of the page, of other pages, and of the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from asok.documents import note
from asok.effects import Effects
from asok.emitting import Recipient, address_of, emitted
from asok.errors import ComponentError, nearest
from asok.presence import Member, checked_meta
from asok.surroundings import ROOMS, Event, Tab
from asok.topics import name_problem, unpacked
from asok.window import Window

if TYPE_CHECKING:
    from starlette.requests import Request

    from asok.sessions import Session

__all__ = ["Placed", "Rooms"]


class Placed(Effects):
    """What every component has by being on a page; the base of `Component`."""

    @property
    def session(self) -> Session:
        """The visitor's session, as `request.session`."""
        session = self._surroundings.session
        if session is None or getattr(self, "stateless", False):
            raise ComponentError(f"{type(self).__name__} is stateless or not on a page, and has no session")
        return session

    @property
    def request(self) -> Request:
        """The request of the page that shows the component."""
        request = self._surroundings.request
        if request is None:
            raise ComponentError(f"{type(self).__name__} is not on a page, and has no request")
        return request

    @property
    def app(self) -> Any:
        """The Asok app that serves the page: `self.app.push("orders", 3)`."""
        return self.request.scope["asok"]

    @property
    def route(self) -> str:
        """The route of that page as `app.page` was given it, such as `/orders/{id}`; empty for other pages."""
        return self._surroundings.route

    @property
    def event(self) -> Event:
        """The event that is being answered."""
        return self._surroundings.event

    @property
    def window(self) -> Window:
        """The browser's window, to be asked in an `async def` method: `await self.window.confirm("Sure?")`."""
        return Window(self._tab.ask)

    # ---- later, and again

    def push(self) -> Awaitable[None]:
        """Show the state as it is now, in the middle of a method or after it: `await self.push()`.

        In a method that is a `def` it has happened on return. Nothing is committed before the method ends; what
        is changed after that is kept, too.
        """
        tab = self._tab
        try:
            here = asyncio.get_running_loop() is tab.loop
        except RuntimeError:
            _wait_in_thread(tab, _on_the_loop(tab, self))
            return _Nothing()
        return tab.push(self) if here else asyncio.wrap_future(_on_the_loop(tab, self))

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the background once the method is committed; what it sets is shown and kept.

        It is cancelled when the page goes. Raises ComponentError where `work` is none, and in mount().
        """
        if not asyncio.iscoroutine(work):
            raise ComponentError(f"run({work!r}): expected a coroutine, as in self.run(self.fetch())")
        try:
            self._page_for("run")
        except ComponentError:
            work.close()
            raise
        self._surroundings.tasks.append(work)
        self._asked()

    def update_all(self, *fields: str) -> Awaitable[None]:
        """Give what this method has changed to the same component on every open tab of the same page.

        fields: only these, changed or not. It happens when the method's work is committed. Private fields stay. Raises
        ComponentError for a name that is no field, or a private one.
        """
        self._page_for("update_all")
        public = self._public()
        for name in fields:
            if name not in public:
                problem = f"update_all({name!r}): {type(self).__name__} has no public field of that name"
                raise ComponentError(problem + nearest(name, public))
        self._surroundings.outgoing.append(("share", fields))
        self._asked()
        return _Nothing()

    # ---- others

    def subscribe(self, topic: str) -> None:
        """Take the messages of a topic: the method marked @on(…) for it is called; without one, `load()`
        and the rendering show what is new.

        In mount() or a method it stays until `unsubscribe`, also after a reload; in load() it is for what is
        shown then.
        """
        around = self._surroundings
        _check_name("subscribe", topic)
        if around.loading:
            around.heard.add(topic)
            return
        self._keeps("subscribe")
        around.topics.add(topic)
        self._asked()

    def unsubscribe(self, topic: str) -> None:
        """Take them no more."""
        self._surroundings.topics.discard(topic)
        self._asked()

    def broadcast(self, room: str, message: Any = None) -> None:
        """Send a message to all who take part in a room or topic, once the method's work is committed.

        Raises Denied where an `app.authorize` function says no, AsokError for what cannot be sent.
        """
        self._page_for("broadcast")
        _check_name("broadcast", room)
        # As it is now: the method may go on to change what it has given.
        message = unpacked("broadcast", room, message)
        self._allowed(room, "broadcast")
        self._surroundings.outgoing.append(("push", room, message))
        self._asked()

    def emit(self, name: str, message: Any = None, *, to: Recipient = "parents") -> None:
        """Send a message to other components of this page, once the method's work is committed.

        Those hear it that have a method marked @on(name). to: "parents" (all that stand around this one),
        "siblings" (inside the same one), "children"; a class or its name, or `("Row", key)`. Raises AsokError for
        what cannot be sent, and for an address that nobody can have.
        """
        self._page_for("emit")
        around = self._surroundings
        message = emitted(name, message, address_of(to, self._classes()), around.hops + 1)
        around.outgoing.append(("emit", message))
        self._asked()

    @property
    def presence(self) -> Rooms:
        """Who is in which room."""
        return Rooms(self)

    def _public(self) -> tuple[str, ...]:
        """The names of the fields that are not private."""
        return ()

    def _classes(self) -> Iterable[str]:
        """The names of all component classes."""
        return ()

    def _allowed(self, room: str, action: str) -> None:
        around = self._surroundings
        if around.authorize is not None:
            around.authorize(around.session, room, action)

    def _keeps(self, what: str) -> None:
        if getattr(self, "stateless", False):
            name = type(self).__name__
            raise ComponentError(f"{name} is stateless, and nothing remembers its {what}; subscribe in load() instead")

    def _page_for(self, what: str) -> Tab:
        around = self._surroundings
        if around.tab is None or around.loading:
            where = "while it is first rendered" if not around.finding else "in what finds an async_ value"
            where = "in load(), which runs at every rendering" if around.loading else where
            raise ComponentError(
                f"{type(self).__name__}.{what} {where} would reach no open page; do that in a method"
                + (", or use app.push, which sends at once" if what == "broadcast" else "")
            )
        return around.tab

    @property
    def _tab(self) -> Tab:
        return self._page_for("push or window")


class Rooms:
    """The rooms that a component takes part in, once for each tab: `self.presence`. What is asked happens at the
    commit, and for what `mount()` joins as soon as the page is open."""

    def __init__(self, component: Placed) -> None:
        self._component, self._around = component, component._surroundings

    def join(self, room: str, meta: Mapping[str, Any] | None = None) -> None:
        """Be seen in a room with this about you, as long as the tab is open, and take its messages.

        Raises Denied where an `app.authorize` function says no, PresenceRefused for a meta that is too large.
        """
        self._be("join", room, meta or {})

    def leave(self, room: str) -> None:
        """Be seen there no more."""
        self._around.rooms.pop(room, None)
        self._around.topics.discard(room)
        self._around.outgoing.append(("leave", room))
        self._component._asked()

    def update(self, room: str, meta: Mapping[str, Any]) -> None:
        """Change what the others see about you. Raises ComponentError where you are not in the room."""
        if room not in self._around.rooms:
            raise ComponentError(f"presence.update({room!r}): join the room first, in this component")
        self._be("update", room, meta)

    def typing(self, room: str, *, seconds: float = 3) -> None:
        """Be marked as typing; it ends by itself, or with seconds=0. Nothing where you are not in the room."""
        self._component._page_for("presence.typing")
        self._around.outgoing.append(("typing", room, seconds))
        self._component._asked()

    def members(self, room: str) -> tuple[Member, ...]:
        """Who is there, the longest first. A component that asks while rendering follows who comes and goes."""
        note((ROOMS, room), ())
        presence = self._around.presence
        return presence.members(room) if presence is not None else ()

    @property
    def me(self) -> str:
        """This component's `id` among the members; empty while the page is first rendered."""
        return self._around.member

    def _be(self, what: str, room: str, meta: Mapping[str, Any]) -> None:
        around, component = self._around, self._component
        _check_name(f"presence.{what}", room)
        checked = dict(checked_meta(meta))
        if around.loading:
            raise ComponentError(f"presence.{what} in load(), which runs at every rendering; do that in a method")
        component._keeps("rooms")
        component._allowed(room, "join")
        around.rooms[room] = checked
        around.topics.add(room)
        around.outgoing.append(("join", room, checked))
        component._asked()


class _Nothing:
    def __await__(self) -> Any:
        yield from ()


def _on_the_loop(tab: Tab, component: Placed) -> Future[None]:
    if not tab.loop.is_running():
        raise ComponentError(f"{type(component).__name__}.push: the server has ended, and nobody looks any more")
    return asyncio.run_coroutine_threadsafe(tab.push(component), tab.loop)


def _wait_in_thread(tab: Tab, shown: Future[None]) -> None:
    # A loop that stops meanwhile would leave the thread, and with it the process, waiting for ever.
    while not wait([shown], timeout=1).done:
        if not tab.loop.is_running():
            return
    shown.result()


def _check_name(what: str, name: Any) -> None:
    if problem := name_problem(name):
        raise ComponentError(f"{what}({name!r:.80}): {problem}")
