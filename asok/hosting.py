"""Where one component is at home: it is surrounded, let in, loaded and rendered, and its token is sealed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request

from asok.component import Component, Definition, definition_of, surroundings_of
from asok.crowding import Crowd
from asok.diff import Delta
from asok.documents import reading_into
from asok.errors import Denied, FieldError
from asok.following import RoomWatchers
from asok.frames import Frame, page_slot
from asok.markup import children_in, with_attribute
from asok.namespaces import Namespaces
from asok.observing import Observer, Observers
from asok.pending import pending_state
from asok.places import Mounted, Place, hook, listens
from asok.presence import Presence
from asok.regions import Regions
from asok.rendering import Templates
from asok.rota import Rota
from asok.rows import containers_in
from asok.sessions import Backend, Session
from asok.settings import Settings
from asok.shared_fields import SharedFields
from asok.slots import unpack_content
from asok.state import KeyRing, Mount, Token, coarse, digest, seal
from asok.statics import Statics
from asok.superstore import SuperStore
from asok.texts import Rendering, Renderings
from asok.threads import Threads
from asok.topics import Topics
from asok.trials import Trials
from asok.verdicts import check_hook, refuses

__all__ = ["Guard", "Host"]

log = logging.getLogger("asok")

BINDING = 24
Guard = Callable[[Request, Session], Any]
RoomGuard = Callable[[Any, str, str], Any]


@dataclass(slots=True)
class Host:
    """What all connections and pages of a process share, and what each component on them needs of it.

    guards: route -> the guard of its page. crowd: who is connected. steps: of each class what the last page was sent
    that went from one text to another, by their digests; when a store changes, many take the same step.
    """

    settings: Settings
    ring: KeyRing
    backend: Backend
    templates: Templates
    renderings: Renderings
    stores: SuperStore
    namespaces: Namespaces
    topics: Topics
    presence: Presence
    rooms: RoomWatchers
    regions: Regions
    statics: Statics
    trials: Trials
    guards: dict[str, Guard] = field(default_factory=dict)
    shared: dict[str, SharedFields] = field(default_factory=dict)
    observers: Observers = field(default_factory=Observers)
    room_guards: list[tuple[str, RoomGuard]] = field(default_factory=list)
    _bound: tuple[str, bytes] = "", b""
    crowd: Crowd = field(init=False)
    threads: Threads = field(init=False)
    rota: Rota = field(default_factory=Rota)
    steps: dict[str, tuple[tuple[bytes, bytes], str | Delta]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.crowd = Crowd(self.settings.limits)
        self.threads = Threads(self.settings.limits.threads)

    def guard_of(self, route: str) -> bytes:
        """What stands for the guard of a page's route in tokens; empty where it has none."""
        guard = self.guards.get(route)
        if guard is None:
            return b""
        named = guard if hasattr(guard, "__qualname__") else type(guard)
        return digest(f"{getattr(named, '__module__', '')}.{named.__qualname__}")

    def shared_by(self, definition: Definition, mount: Mount, slot: str) -> SharedFields | None:
        """What keeps the fields of this component, where its page was given an instance to share."""
        shared = self.shared.get(mount.route)
        if shared is None or shared.definition is not definition or slot != page_slot(mount.path, definition):
            return None
        return shared

    def authorize(self, session: Session | None, room: str, action: str) -> None:
        """Ask the functions that `app.authorize` was given. Raises Denied."""
        for pattern, guard in self.room_guards:
            if fnmatchcase(room, pattern) and refuses(guard(session, room, action), guard, f"the rule of {pattern}"):
                raise Denied(f"the rule of {pattern} keeps this visitor from it: {action} {room}")

    async def admit(self, component: Component, place: Place) -> None:
        """Run the guards of the page and of the component. Raises Denied."""
        guard = self.guards.get(place.mount.route)
        if guard is not None:
            verdict = await hook(guard, place.request, place.session)
            if refuses(verdict, guard, f"the guard of {place.mount.route}"):
                raise Denied(f"the guard of {place.mount.route} said no")
        name = type(component).__name__
        verdict = await hook(component.guard, place.request, place.session)
        if refuses(verdict, component.guard, f"{name}.guard"):
            raise Denied(f"{name}.guard said no")

    def surround(self, component: Component, instance: str, place: Place, path: str) -> None:
        """Tell a component where it lives. path: the instances around it."""
        around = surroundings_of(component)
        around.renderer, around.instance, around.path = self.templates, instance, path
        around.route = place.mount.route
        around.session, around.request = place.session, place.request
        around.presence, around.authorize = self.presence, self.authorize

    async def load(self, component: Component) -> None:
        """Run the hook that fetches what is not state, and note what it reads of stores."""
        definition, around = definition_of(component), surroundings_of(component)
        if "load" not in definition.overrides:
            return
        definition.forget_computed(component)
        around.loading = True
        try:
            with reading_into(around.reads):
                check_hook(await hook(component.load), f"{type(component).__name__}.load")
        finally:
            around.loading = False

    def render(self, component: Component, slot: str) -> Rendering:
        """The component's text, and the children that stand in it as placeholders."""
        if self.observers:
            self.observers.tell(Observer.rendered, type(component).__name__)
        definition, around = definition_of(component), surroundings_of(component)
        if "load" not in definition.overrides:
            definition.forget_computed(component)
        frame = Frame(slot, around.instance, around.path, unpack_content(around.content))
        with reading_into(around.reads):
            html = self.templates.text(component, frame)
        html, containers = containers_in(html, frame, type(component).__name__) if frame.streams else (html, {})
        if listens(component):
            html = with_attribute(html, ' data-live="0"')
        given = frame.content.children
        shown = children_in(html) if given else ()
        children = {**frame.children, **{name: given[name] for name in shown if name in given}}
        return Rendering(html, self.renderings.add(html), children, containers)

    def seal(self, token: Token) -> str:
        """The token as text. Raises FieldError where the state is larger than a token may be."""
        text, limits = seal(token, self.ring), self.settings.limits
        if len(text) > limits.token:
            raise FieldError(
                f"the state of {token.component} makes a token of {len(text)} bytes; {limits.token} are allowed: "
                "keep the query in the state, and fetch the rows in load()"
            )
        if self.settings.debug and len(text) > limits.token_warning:
            log.warning("the state of %s travels as %s bytes; fetch large data in load()", token.component, len(text))
        return text

    def token(self, mounted: Mounted, place: Place) -> Token:
        """What the browser is to carry for a mounted instance."""
        definition, child = mounted.child.definition, mounted.child
        stateless = definition.cls.stateless
        return Token(
            instance=child.instance,
            component=definition.name,
            schema=definition.fields.schema,
            binding=b"" if stateless else self.binding(place.session.id),
            epoch=0 if stateless else place.session.meta.epoch,
            slot=child.slot,
            arguments=bytes.fromhex(child.digest),
            mount=place.mount,
            born=int(mounted.born),
            issued=coarse(time.time()),
            state=pending_state(child)
            if mounted.pending
            else definition.fields.public.pack(mounted.component.__dict__),
            version=mounted.version,
            rendering=mounted.rendering.digest,
            listens=bool(mounted.pending) or listens(mounted.component),
            path=child.path,
            pending=mounted.pending,
            streams={name: digest(mounted.rows.get(name, "")) for name in mounted.rendering.containers},
        )

    def binding(self, session_id: str) -> bytes:
        """What ties a token to a session without telling its id."""
        known, binding = self._bound
        if known != session_id:  # all components of a page are one visitor's
            binding = self.ring.mac("bind", session_id)[:BINDING].encode()
            self._bound = session_id, binding
        return binding

    def bound(self, token: Token, definition: Definition, session_id: str, root: str) -> bool:
        """Whether the token may be used in this session, that of a stateless class in any, by the app at this root."""
        if token.mount.root != root or token.mount.guard not in (b"", self.guard_of(token.mount.route)):
            return False
        if definition.cls.stateless:
            return True
        return self.ring.matches("bind", session_id, token.binding, size=BINDING)
