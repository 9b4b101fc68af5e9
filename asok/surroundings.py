"""Where a component lives, and what its methods may ask of the page, of other pages, and of the clock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from markupsafe import Markup

from asok.documents import Reads, note
from asok.errors import ComponentError
from asok.presence import Member, Presence
from asok.targets import EventSurroundings, Target
from asok.window import Window

if TYPE_CHECKING:
    from starlette.requests import Request

    from asok.sessions import Session

__all__ = ["ROOMS", "Event", "Placed", "Renderer", "Rooms", "Surroundings", "Tab"]

# Who reads a room while rendering is told of its changes as of a document's: by this owner.
ROOMS = "rooms"


class Renderer(Protocol):
    """What a component needs of the rendering engine."""

    def html(self, component: Any, name: str, extra: Mapping[str, Any]) -> Markup:
        """The template file beside the component's class."""
        ...

    def source(self, component: Any, source: str) -> Markup:
        """A template given as text."""
        ...


class Tab(Protocol):
    """What a component needs of the open page that shows it."""

    loop: asyncio.AbstractEventLoop

    async def push(self, component: Any) -> None:
        """Show the component as it is now."""
        ...

    async def ask(self, name: str, arguments: list[Any], seconds: float) -> Any:
        """The browser's answer to a question."""
        ...


@dataclass(slots=True)
class Event:
    """What the browser said. id: the same for every attempt at this event, unique otherwise, so that an
    effect outside asok can be made once. attempt: 1, and more when a commit met newer data.

    origin: the elements, the keys and the pointer, sent for classes whose code looks at them.
    """

    id: str = ""
    attempt: int = 1
    value: Any = None
    key: str | None = None
    form: dict[str, str] = field(default_factory=dict)
    origin: EventSurroundings = field(default_factory=EventSurroundings)

    @property
    def type(self) -> str:
        """The DOM event's type, such as `click`."""
        return self.origin.type

    @property
    def target(self) -> Target:
        """The element where it happened."""
        return self.origin.target

    @property
    def current_target(self) -> Target:
        """The element with the `ws-` attribute."""
        return self.origin.current_target

    @property
    def keys(self) -> str:
        """The modifier keys that were held, such as `ctrl+shift`."""
        return self.origin.keys

    @property
    def x(self) -> int | None:
        """Where the pointer was in the viewport, in CSS pixels from the left."""
        return self.origin.x

    @property
    def y(self) -> int | None:
        """Where the pointer was in the viewport, in CSS pixels from the top."""
        return self.origin.y

    @property
    def page_x(self) -> int | None:
        """Where the pointer was on the page."""
        return self.origin.page_x

    @property
    def page_y(self) -> int | None:
        """Where the pointer was on the page."""
        return self.origin.page_y


@dataclass(slots=True)
class Surroundings:
    """Where an instance lives: who renders it, for whom, and what it asks of the browser and of others.

    reads: what it has read of stores and rooms in order to be shown. topics, rooms: what it takes part in;
    heard: topics that load() subscribes to, each time anew. outgoing: what is told to others once the method's work is
    committed. late: to be called when a field is set after that. committed: the record of then. member: the
    tab's id in rooms.
    """

    renderer: Renderer | None = None
    instance: str = ""
    session: Session | None = None
    request: Request | None = None
    route: str = ""
    event: Event = field(default_factory=Event)
    effects: list[list[Any]] = field(default_factory=list)
    loading: bool = False
    loaded: set[str] = field(default_factory=set)
    reads: Reads = field(default_factory=dict)
    topics: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)
    rooms: dict[str, Any] = field(default_factory=dict)
    outgoing: list[tuple[Any, ...]] = field(default_factory=list)
    tasks: list[Coroutine[Any, Any, Any]] = field(default_factory=list)
    late: Callable[[], None] | None = None
    committed: Any = None
    member: str = ""
    tab: Tab | None = None
    presence: Presence | None = None
    authorize: Callable[[Any, str, str], None] | None = None


class Placed:
    """What every component has by being on a page; the base of `Component`."""

    @property
    def _surroundings(self) -> Surroundings:
        surroundings: Surroundings = self.__dict__["_asok"]
        return surroundings

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
    def route(self) -> str:
        """The route of that page as `app.page` was given it, such as `/orders/{id}`; empty for other pages."""
        return self._surroundings.route

    @property
    def event(self) -> Event:
        """The event that is being answered."""
        return self._surroundings.event

    # ---- the page

    @property
    def window(self) -> Window:
        """The browser's window, to be asked in an `async def` method: `await self.window.confirm("Sure?")`."""
        return Window(self._tab.ask)

    def reset(self, *fields: str) -> None:
        """Put the named form fields back to what the template says, even where the person has typed."""
        self._ask("reset", *fields)

    def focus(self, selector: str) -> None:
        """Move the focus to the first element of the page that matches the CSS selector."""
        self._ask("focus", selector)

    def dispatch(self, name: str, detail: Any = None) -> None:
        """Fire a DOM event called `name` on the component's root element; it bubbles."""
        self._ask("dispatch", name, detail)

    def set_title(self, title: str) -> None:
        """Set the page's title."""
        self._ask("title", title)

    def redirect(self, path: str) -> None:
        """Send the browser to another page of this site. Raises ComponentError for anything but a path."""
        if not re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", path):
            raise ComponentError(f"redirect({path!r}): expected a path of this site, such as '/done'")
        self._ask("redirect", path)

    def reload(self) -> None:
        """Load the whole page again."""
        self._ask("reload")

    def _ask(self, *effect: Any) -> None:
        try:
            msgspec.json.encode(effect)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"{effect[0]} cannot be sent to the browser: {error}"
            raise ComponentError(f"{problem}; give it numbers, text, lists and dicts") from None
        self._surroundings.effects.append([*effect])

    # ---- later, and again

    def push(self) -> Awaitable[None]:
        """Show the state as it is now, in the middle of a method or after it: `await self.push()`.

        In a method that is a `def` it has happened on return. Nothing is committed before the method ends.
        """
        tab = self._tab
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run_coroutine_threadsafe(tab.push(self), tab.loop).result()
            return _Nothing()
        return tab.push(self)

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the background once the method is committed; what it sets is shown.

        It is cancelled when the page goes. Raises ComponentError where `work` is none.
        """
        if not asyncio.iscoroutine(work):
            raise ComponentError(f"run({work!r}): expected a coroutine, as in self.run(self.download())")
        self._surroundings.tasks.append(work)

    def update_all(self, *fields: str) -> Awaitable[None]:
        """Give what this method has changed to the same component on every open tab of the same page.

        fields: only these. It happens when the method's work is committed. Private fields stay.
        """
        self._surroundings.outgoing.append(("share", fields))
        return _Nothing()

    # ---- others

    def subscribe(self, topic: str) -> None:
        """Take the messages of a topic: the method marked @on(…) for it is called; without one, `load()`
        and the rendering show what is new."""
        around = self._surroundings
        (around.heard if around.loading else around.topics).add(_named("topic", topic))

    def unsubscribe(self, topic: str) -> None:
        """Take them no more."""
        self._surroundings.topics.discard(topic)

    def broadcast(self, room: str, message: Any = None) -> None:
        """Send a message to all who take part in a room or topic, once the method's work is committed.

        Raises Denied where an `app.authorize` function says no.
        """
        self._allowed(_named("room", room), "broadcast")
        self._surroundings.outgoing.append(("push", room, message))

    @property
    def presence(self) -> Rooms:
        """Who is in which room."""
        return Rooms(self)

    def _allowed(self, room: str, action: str) -> None:
        around = self._surroundings
        if around.authorize is not None:
            around.authorize(around.session, room, action)

    @property
    def _tab(self) -> Tab:
        tab = self._surroundings.tab
        if tab is None:
            raise ComponentError(
                f"{type(self).__name__} has no open page yet while it is first rendered; do that in a method"
            )
        return tab


class Rooms:
    """The rooms that a component's tab takes part in: `self.presence`. What is asked happens at the commit."""

    def __init__(self, component: Placed) -> None:
        self._component, self._around = component, component._surroundings

    def join(self, room: str, meta: Mapping[str, Any] | None = None) -> None:
        """Be seen in a room with this about you, as long as the tab is open. Raises Denied."""
        self._component._allowed(_named("room", room), "join")
        self._around.rooms[room] = dict(meta or {})
        self._around.topics.add(room)
        self._around.outgoing.append(("join", room, dict(meta or {})))

    def leave(self, room: str) -> None:
        """Be seen there no more."""
        self._around.rooms.pop(room, None)
        self._around.topics.discard(room)
        self._around.outgoing.append(("leave", room))

    def update(self, room: str, meta: Mapping[str, Any]) -> None:
        """Change what the others see about you. Raises ComponentError where you are not in the room."""
        if room not in self._around.rooms:
            raise ComponentError(f"presence.update({room!r}): join the room first")
        self._around.rooms[room] = dict(meta)
        self._around.outgoing.append(("join", room, dict(meta)))

    def typing(self, room: str, *, seconds: float = 3) -> None:
        """Be marked as typing; it ends by itself, or with seconds=0."""
        self._around.outgoing.append(("typing", room, seconds))

    def members(self, room: str) -> tuple[Member, ...]:
        """Who is there, the longest first. A component that asks while rendering follows who comes and goes."""
        note((ROOMS, room), ())
        presence = self._around.presence
        return presence.members(room) if presence is not None else ()

    @property
    def me(self) -> str:
        """This tab's `id` among the members; empty while the page is first rendered."""
        return self._around.member


class _Nothing:
    def __await__(self) -> Any:
        yield from ()


def _named(what: str, name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        raise ComponentError(f"a {what} is named by a text of at most 256 characters, not {name!r}")
    return name
