"""From placeholders to instances: restored or made, mounted, loaded and rendered, a level at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import anyio
from markupsafe import Markup
from starlette.requests import Request

from asok.component import Component, Definition, definition_of, registry, surroundings_of
from asok.documents import reading_into
from asok.errors import AsyncHook, Busy, Denied, FieldError
from asok.following import RoomWatchers
from asok.frames import Child, Frame, page_slot
from asok.markup import PLACEHOLDER, with_attribute, with_state
from asok.namespaces import Namespaces
from asok.places import Mounted, Place, hook, listens, page_request
from asok.presence import Presence
from asok.regions import Regions
from asok.rendering import Templates
from asok.reviving import record_of, restore
from asok.sessions import Backend, Record, Session, pack, unpack_record
from asok.settings import Settings
from asok.shared_fields import SharedFields
from asok.state import KeyRing, Mount, Token, coarse, seal
from asok.statics import Statics
from asok.superstore import SuperStore
from asok.texts import Rendering, Renderings
from asok.topics import Topics
from asok.writing import at_once

__all__ = [
    "Engine",
    "Mounted",
    "Place",
    "Rendering",
    "Renderings",
    "hook",
    "listens",
    "page_request",
]

log = logging.getLogger("asok")
T = TypeVar("T")

BINDING = 24
NOTHING: Mapping[str, str] = {}
Guard = Callable[[Request, Session], Any]
RoomGuard = Callable[[Any, str, str], Any]


@dataclass(slots=True)
class Engine:
    """What all connections and pages of a process share. guards: route -> the guard of its page."""

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
    guards: dict[str, Guard] = field(default_factory=dict)
    shared: dict[str, SharedFields] = field(default_factory=dict)
    room_guards: list[tuple[str, RoomGuard]] = field(default_factory=list)
    _threads: anyio.CapacityLimiter | None = None

    @property
    def threads(self) -> anyio.CapacityLimiter:
        """The bound that all sync methods of the process share."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(self.settings.limits.threads)
        return self._threads

    def shared_by(self, definition: Definition, mount: Mount, slot: str) -> SharedFields | None:
        """What keeps the fields of this component, where its page was given an instance to share."""
        shared = self.shared.get(mount.route)
        if shared is None or shared.definition is not definition or slot != page_slot(mount.path, definition):
            return None
        return shared

    def authorize(self, session: Session | None, room: str, action: str) -> None:
        """Ask the functions that `app.authorize` was given. Raises Denied."""
        for pattern, guard in self.room_guards:
            if fnmatchcase(room, pattern) and guard(session, room, action) is False:
                raise Denied(f"{action} {room}")

    async def admit(self, component: Component, place: Place) -> None:
        """Run the guards of the page and of the component. Raises Denied."""
        guard = self.guards.get(place.mount.route)
        if guard is not None and await hook(guard(place.request, place.session)) is False:
            raise Denied(place.mount.route)
        if await hook(component.guard(place.request, place.session)) is False:
            raise Denied(type(component).__name__)

    def surround(self, component: Component, instance: str, place: Place, path: str) -> None:
        """Tell a component where it lives. path: the instances around it."""
        around = surroundings_of(component)
        around.renderer, around.instance, around.path = self.templates, instance, path
        around.route = place.mount.route
        around.session, around.request = place.session, place.request
        around.presence, around.authorize = self.presence, self.authorize

    async def load(self, component: Component) -> None:
        """Run the hook that fetches what is not state, and note what it reads of stores."""
        if "load" not in definition_of(component).overrides:
            return
        around = surroundings_of(component)
        around.loading = True
        try:
            with reading_into(around.reads):
                await hook(component.load())
        finally:
            around.loading = False

    def render(self, component: Component, slot: str) -> Rendering:
        """The component's text, and the children that stand in it as placeholders."""
        around = surroundings_of(component)
        frame = Frame(slot, around.instance, around.path)
        with reading_into(around.reads):
            html = self.templates.text(component, frame)
        if listens(component):
            html = with_attribute(html, ' data-live="0"')
        return Rendering(html, self.renderings.add(html), frame.children)

    async def mount_tree(
        self, children: Mapping[str, Child], place: Place, shown: Mapping[str, str] = NOTHING
    ) -> dict[str, Mounted]:
        """Every child, its children and theirs, breadth first; async siblings side by side.

        shown: the instances that the page shows already, with the digest of the arguments that they had.
        """
        found: dict[str, Mounted] = {}
        level = list(children.values())
        while level:
            kept = await self._kept(level, place)
            waits = len(level) > 1 and any(child.definition.waits for child in level)
            work = [self._mount(child, place, *kept(child), shown.get(child.instance, "")) for child in level]
            mounted = await _side_by_side(work, waits=waits)
            found.update({each.child.instance: each for each in mounted})
            level = [child for each in mounted for child in each.rendering.children.values()]
        return found

    async def _kept(self, level: list[Child], place: Place) -> Callable[[Child], tuple[Record | None, Record | None]]:
        """What the session keeps of each child: its own record, and the last one of its slot."""
        if not place.owner:
            return lambda child: (None, None)
        slots = [f"slot/{child.slot}" for child in level]
        names = [f"record/{child.instance}" for child in level]
        cells = await self.backend.read(place.owner, [*slots, *names])
        pointed = [cells[slot].value.decode() for slot in slots if slot in cells]
        cells |= await self.backend.read(place.owner, pointed) if pointed else {}

        def find(child: Child) -> tuple[Record | None, Record | None]:
            own = cells.get(f"record/{child.instance}")
            pointer = cells.get(f"slot/{child.slot}")
            last = cells.get(pointer.value.decode()) if pointer else None
            return unpack_record(own.value) if own else None, unpack_record(last.value) if last else None

        return find

    async def _mount(self, child: Child, place: Place, own: Record | None, last: Record | None, before: str) -> Mounted:
        definition = child.definition
        if not definition.cls.stateless:
            place.session.id  # noqa: B018  # asking makes the session, to which the token is bound
        component = definition.cls(**child.arguments)
        self.surround(component, child.instance, place, child.path)
        await self.admit(component, place)
        of_this_page = last is not None and last.arguments == bytes.fromhex(before or child.digest)
        source = own or (last if of_this_page else None)
        restored = source is not None and restore(component, definition, source)
        changed = source is not None and source.arguments != bytes.fromhex(child.digest)
        if changed:
            component.__dict__.update(definition.fields.initial({**component.__dict__, **child.arguments}))
        if own is None and not restored:
            await hook(component.mount())
        shared = self.shared_by(definition, place.mount, child.slot)
        if shared is not None:
            shared.give(component, place.mount.path)
        await self.load(component)
        version, born = (own.version, own.born) if own else (0, time.time())
        mounted = Mounted(child, component, self.render(component, child.slot), version, born)
        around = surroundings_of(component)
        kept = definition.fields.secret.names or around.topics or around.rooms
        news = changed or not restored if own else before or kept
        if news and not definition.cls.stateless:
            mounted.version += 1
            mounted.record = record_of(component, bytes.fromhex(child.digest), mounted.version, mounted.born, own)
        mounted.sequences = own.applied if own else {}
        return mounted

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
            state=definition.fields.public.pack(mounted.component.__dict__),
            version=mounted.version,
            rendering=mounted.rendering.digest,
            listens=listens(mounted.component),
            path=child.path,
        )

    def binding(self, session_id: str) -> bytes:
        """What ties a token to a session without telling its id."""
        return self.ring.mac("bind", session_id)[:BINDING].encode()

    def bound(self, token: Token, definition: Definition, session_id: str) -> bool:
        """Whether the token may be used in this session; that of a stateless class in any."""
        if definition.cls.stateless:
            return True
        return self.ring.matches("bind", session_id, token.binding, size=BINDING)

    async def page(self, name: str, context: Mapping[str, Any], place: Place) -> tuple[str, list[Definition]]:
        """A page's HTML, with every component in it mounted and rendered in full; and their classes."""
        frame = Frame(slot=place.mount.path)
        text = self.templates.page(name, context, frame)
        mounted = await self.mount_tree(frame.children, place)
        return self._assemble(text, mounted, place), [each.child.definition for each in mounted.values()]

    def inline(self, child: Child, place: Place) -> tuple[Markup, list[Definition]]:
        """One component in full, at once, and the classes in it. Raises AsyncHook where one wants to wait."""
        return _at_once(self._inline(child, place), child.definition.name)

    async def _inline(self, child: Child, place: Place) -> tuple[Markup, list[Definition]]:
        mounted = await self.mount_tree({child.instance: child}, place)
        html = Markup(self._in_full(mounted[child.instance], mounted, place))
        return html, [each.child.definition for each in mounted.values()]

    def _assemble(self, text: str, mounted: Mapping[str, Mounted], place: Place) -> str:
        return PLACEHOLDER.sub(
            lambda found: self._in_full(mounted[found[1]], mounted, place) if found[1] in mounted else found[0], text
        )

    def _in_full(self, each: Mounted, mounted: Mapping[str, Mounted], place: Place) -> str:
        if each.record is not None:
            name = f"record/{each.child.instance}"
            place.session.staged[name] = pack(each.record)
        token = self.token(each, place)
        return self._assemble(with_state(each.rendering.html, self.seal(token)), mounted, place)


async def _side_by_side(work: list[Coroutine[Any, Any, Mounted]], *, waits: bool) -> list[Mounted]:
    if not waits:
        return [await each for each in work]
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _at_once(work: Coroutine[Any, Any, T], name: str) -> T:
    """Run a coroutine that never waits. Raises AsyncHook if a hook does, Busy if the backend must."""
    try:
        return at_once(work)
    except Busy:
        raise AsyncHook(name) if any(each.waits for each in registry) else Busy("the backend wants to wait") from None
