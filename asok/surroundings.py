"""Where a component lives: its page, its visitor, the event that it answers, and what it wants of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import msgspec
from markupsafe import Markup
from msgspec import Struct

from asok.documents import Reads
from asok.presence import Presence
from asok.targets import NOWHERE, EventSurroundings, Target

if TYPE_CHECKING:
    from starlette.requests import Request

    from asok.sessions import Session

__all__ = ["ROOMS", "Event", "Renderer", "Surroundings", "Tab"]

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
    effect outside asok can be made once. attempt: 1, and more where the method may have begun before: a commit met
    newer data, or the connection was lost while the event was under way.

    origin: the elements, the keys and the pointer, sent for classes whose code looks at them.
    """

    id: str = ""
    attempt: int = 1
    value: Any = None
    key: str | None = None
    form: dict[str, str] = field(default_factory=dict)
    origin: EventSurroundings = NOWHERE

    @property
    def data(self) -> dict[str, Any]:
        """All that the browser sent with it, by the names of these properties; what it did not send is left out."""
        given = {"value": self.value, "key": self.key, "form": self.form or None}
        told = {name: getattr(self.origin, name) for name in self.origin.__slots__}
        return {name: value for name, value in {**given, **told}.items() if value not in (None, "", Target())}

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


class Surroundings(Struct):
    """Where an instance lives: who renders it, for whom, and what it asks of the browser and of others.

    path: the instances around it, outermost first, one after the other. weight: of the effects, in bytes.
    changes: what is to become of rows of its streams.
    reads: what it has read of stores and rooms in order to be shown; since: the count of all changes when it
    began to. topics, rooms: what it takes part in; heard: topics that load() subscribes to, each time anew.
    touched: the attributes that were set since the record was made. outgoing: what is told to others, and tasks:
    what is started, once the method's work is committed. committed: the record of then; late: to be called when
    something is changed or asked for after that. member: the tab's id in rooms.
    hops: of the emitted message that is being heard. finding: whether it is only read. content: what its parent
    has put into its slots, packed. foreign: fields of another release of the class, packed.
    """

    renderer: Renderer | None = None
    instance: str = ""
    path: str = ""
    session: Session | None = None
    request: Request | None = None
    route: str = ""
    event: Event = msgspec.field(default_factory=Event)
    effects: list[list[Any]] = []
    weight: int = 0
    changes: list[Any] = []
    loading: bool = False
    loaded: set[str] = set()
    reads: Reads = {}
    since: int = -1
    topics: set[str] = set()
    heard: set[str] = set()
    rooms: dict[str, Any] = {}
    outgoing: list[tuple[Any, ...]] = []
    tasks: list[Coroutine[Any, Any, Any]] = []
    touched: set[str] = set()
    late: Callable[[], None] | None = None
    committed: Any = None
    member: str = ""
    tab: Tab | None = None
    presence: Presence | None = None
    authorize: Callable[[Any, str, str], None] | None = None
    hops: int = 0
    finding: bool = False
    content: bytes = b""
    foreign: bytes = b""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a component is neither pickled nor copied deeply: it stands on a page of this process; give a function of "
            "another process the values that it needs, and no method of the component"
        )
