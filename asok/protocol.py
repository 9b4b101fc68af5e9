"""The wire: one Struct a message, one JSON array a frame. This file is the specification.

The first item of a frame is the message's name; `docs/protocol.md` tells the same in prose and a test
compares the two. A delta is described in `asok.diff`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from asok.errors import ProtocolError
from asok.settings import Limits
from asok.shape import MAX_EXACT_INTEGER, check_shape, inexact
from asok.targets import SurroundingsData

__all__ = ["CLOSE", "MAX_EXACT_INTEGER", "OWN", "PROTOCOL", "decode", "encode"]
__all__ += ["Answer", "Cancel", "ClientMessage", "Event", "EventData", "Follow", "Join", "JoinEntry", "Leave", "Ping"]
__all__ += ["React", "Unfollow", "Write"]
__all__ += ["Ask", "Busy", "Changed", "Joined", "NeedToken", "Pong", "Refresh", "Refused", "Region", "ServerMessage"]
__all__ += ["Reload", "Reset", "SlowDown", "Statics", "Unfollowed", "Unwritten", "Update", "Written"]

PROTOCOL = 1
# The names of what asok itself puts into a form begin so.
OWN = "_asok-"
Delta = list[str | int | list[int]]
Sequence = Annotated[int, Meta(ge=1, le=MAX_EXACT_INTEGER)]
Settled = Annotated[int, Meta(ge=0, le=MAX_EXACT_INTEGER)]


class CLOSE:
    """Close codes of the socket. A client returns after all of them but REFUSED."""

    BINARY = 1003
    TOO_BIG = 1009
    RESTART = 1012
    SLOW = 1013
    PROTOCOL = 4400
    SESSION = 4401
    REFUSED = 4403
    TIMEOUT = 4408
    FLOOD = 4429


class JoinEntry(Struct, array_like=True, frozen=True):
    """An instance that the tab shows. held: the client has the exact text that belongs to the token."""

    token: str
    seq: Settled = 0
    held: int = 0


class Join(Struct, tag="join", array_like=True, frozen=True):
    """The first message of a connection, and later ones for more instances (then csrf may be empty)."""

    protocol: int
    csrf: str
    tab: str
    instances: list[JoinEntry] = field(default_factory=list)


class EventData(SurroundingsData, frozen=True):
    """What the browser adds to an event: the control's value, its form's fields, the key; on pages whose
    methods look at them, the elements and the pointer.

    fields: bound fields to be set. args: arguments after those of the call. result: 1 where the page waits for
    what the method returns. left: the fields of the form that the person has left. retry: 1 where a connection was
    lost while the event was under way, so that it may have begun before.
    """

    value: str | bool | list[str] | None = None
    form: list[tuple[str, str]] | None = None
    key: str | None = None
    fields: dict[str, Any] | None = None
    args: list[Any] | None = None
    result: int = 0
    left: list[str] | None = None
    retry: int = 0


class Event(Struct, tag="event", array_like=True, frozen=True):
    """`call` is the attribute's text, such as `add(1, 'two')`; `seq` counts 1, 2, 3 … per instance and tab."""

    instance: str
    seq: Sequence
    call: str
    data: EventData | None = None


class Leave(Struct, tag="leave", array_like=True, frozen=True):
    """The instance's element is gone from the page."""

    instance: str


class Cancel(Struct, tag="cancel", array_like=True, frozen=True):
    """The person wants the running method of the instance to stop."""

    instance: str


class Ping(Struct, tag="ping", array_like=True, frozen=True):
    """Is anybody there?"""


class Answer(Struct, tag="answer", array_like=True, frozen=True):
    """The answer to question `n` of event `seq`. error: why there is none, in words."""

    instance: str
    seq: Settled
    n: Sequence
    value: Any = None
    error: str = ""


class React(Struct, tag="react", array_like=True, frozen=True):
    """The regions that the page shows now, by their signed keys."""

    keys: Annotated[list[Annotated[str, Meta(max_length=2048)]], Meta(max_length=1024)]


class Write(Struct, tag="write", array_like=True, frozen=True):
    """Write to a store. `n` counts 1, 2, 3 … per tab; each is applied once. grant: the page's, if it has one."""

    n: Sequence
    verb: str
    store: str
    path: str
    value: Any = None
    grant: str = ""


class Follow(Struct, tag="follow", array_like=True, frozen=True):
    """Tell me of changes at a path of a store; `version` is the one that the client has, 0 for none."""

    store: str
    path: str = ""
    version: Settled = 0


class Unfollow(Struct, tag="unfollow", array_like=True, frozen=True):
    """Tell me no more."""

    store: str
    path: str = ""


ClientMessage = Join | Event | Leave | Cancel | Ping | Answer | React | Write | Follow | Unfollow


class Joined(Struct, tag="joined", array_like=True, frozen=True):
    """A join was taken. `csrf` is what the next join must bring."""

    csrf: str


class Update(Struct, tag="update", array_like=True, frozen=True):
    """A new rendering. Everything up to `seq` is settled.

    html: the whole text, or a delta over the one held. token: the whole, `[keep, tail]`, or `[]` where
    it has not changed, as after a step that commits nothing. effects: `[name, …]` each, run in order.
    """

    instance: str
    seq: int
    html: str | Delta
    token: str | list[int | str] = field(default_factory=list)
    effects: list[list[Any]] = field(default_factory=list)


class Refused(Struct, tag="refused", array_like=True, frozen=True):
    """Event `seq` is settled without effect. `text` is empty outside development."""

    instance: str
    seq: int
    code: str
    text: str = ""


class SlowDown(Struct, tag="slow_down", array_like=True, frozen=True):
    """Event `seq` and those after it were not taken: send them again in `ms` milliseconds."""

    instance: str
    seq: int
    ms: int


class Busy(Struct, tag="busy", array_like=True, frozen=True):
    """As `slow_down`, but it is the server's store that cannot follow."""

    instance: str
    seq: int
    ms: int


class NeedToken(Struct, tag="need_token", array_like=True, frozen=True):
    """This connection does not know the instance: join it, then send its unsettled events again."""

    instance: str


class Reset(Struct, tag="reset", array_like=True, frozen=True):
    """The instance cannot go on from what it holds: fetch it anew with the page."""

    instance: str


class Reload(Struct, tag="reload", array_like=True, frozen=True):
    """The client speaks another protocol than the server: reload the page."""


class Refresh(Struct, tag="refresh", array_like=True, frozen=True):
    """Development only: a template or a stylesheet (`what`) has changed on disk."""

    what: str


class Ask(Struct, tag="ask", array_like=True, frozen=True):
    """A method asks the window: do `name`, and answer as question `n` of event `seq`."""

    instance: str
    seq: int
    n: int
    name: str
    args: list[Any]


class Statics(Struct, tag="statics", array_like=True, frozen=True):
    """Files that what follows needs in the page's head: `[kind, url, attributes]` each, in order."""

    links: list[Any]


class Region(Struct, tag="text", array_like=True, frozen=True):
    """The text of a region."""

    key: str
    text: str


class Changed(Struct, tag="changed", array_like=True, frozen=True):
    """A followed store has changed: `[path, value]`, or `[path]` for what is gone. origin: js, py, or empty for
    the present value after a `follow`."""

    store: str
    version: int
    changes: list[list[Any]]
    origin: str


class Written(Struct, tag="written", array_like=True, frozen=True):
    """Write `n` is stored."""

    n: int
    version: int


class Unwritten(Struct, tag="refused", array_like=True, frozen=True):
    """Write `n` was refused. `text` is empty outside development."""

    n: int
    code: str
    text: str = ""


class Unfollowed(Struct, tag="unfollowed", array_like=True, frozen=True):
    """A `follow` was refused."""

    store: str
    path: str
    code: str
    text: str = ""


class Pong(Struct, tag="pong", array_like=True, frozen=True):
    """The answer to a ping."""


# These go as `["store", …]`, so that one module of the client takes them all.
StoreMessage = Region | Changed | Written | Unwritten | Unfollowed
Answering = Joined | Update | Refused | SlowDown | Busy | NeedToken | Reset | Reload | Pong
ServerMessage = Answering | Refresh | Ask | Statics

_decoder = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder()


def decode(frame: str, limits: Limits) -> ClientMessage:
    """A frame as a typed message. Raises ProtocolError with the path that is wrong."""
    if len(frame) > limits.message:
        raise ProtocolError(f"a message of {len(frame)} characters; {limits.message} are allowed")
    check_shape(frame, limits)
    try:
        message: ClientMessage = _decoder.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError) as error:
        raise ProtocolError(str(error)) from None
    if isinstance(message, Event) and message.data is not None:
        given = message.data
        # In JSON, a letter that is not itself is behind a backslash.
        if (OWN in frame or "\\" in frame) and any(name.startswith(OWN) for name, _ in given.form or ()):
            message = _without_own(message, given)
        found = inexact([given.fields, given.args]) if given.fields or given.args else None
        if found is not None:
            raise ProtocolError(f"$.data: {found} is beyond what a browser can hold exactly")
    return message


def _without_own(message: Event, data: EventData) -> Event:
    """What the page itself has put into a form, for browsers without JavaScript, is nothing that a person typed."""
    form = [(name, text) for name, text in data.form or () if not name.startswith(OWN)]
    return msgspec.structs.replace(message, data=msgspec.structs.replace(data, form=form))


def encode(message: ServerMessage | StoreMessage) -> str:
    """A message as a frame; an update leaves its empty tail out."""
    if isinstance(message, Update):
        items: list[Any] = ["update", message.instance, message.seq, message.html, message.token, message.effects]
        while not items[-1] and len(items) > 4:
            items.pop()
        return _encoder.encode(items).decode()
    if isinstance(message, StoreMessage):
        return f'["store",{_encoder.encode(message).decode()[1:]}'
    return _encoder.encode(message).decode()
