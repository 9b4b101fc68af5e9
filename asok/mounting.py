"""From placeholders to instances: restored or made, mounted, loaded and rendered, a level at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from markupsafe import Markup
from msgspec import Struct
from starlette.exceptions import HTTPException

from asok.addresses import root_of
from asok.asynchronous import find_anew
from asok.boundaries import boundary, waiting
from asok.calling import ends_all
from asok.component import Definition, registry, surroundings_of
from asok.errors import AsyncHook, Busy, Refusal, ResetNeeded
from asok.form_html import Posting, may_be_posted, postable
from asok.frames import Child, Frame
from asok.hosting import Host
from asok.markup import PLACEHOLDER, with_state
from asok.pending import must_be_kept, pending_record
from asok.places import Mounted, Place, hook
from asok.reviving import record_of, restore
from asok.rows import fill, with_rows
from asok.sessions import Record, pack, unpack_record
from asok.slots import pack_content
from asok.texts import Rendering
from asok.verdicts import check_hook
from asok.writing import at_once

__all__ = ["Engine"]

T = TypeVar("T")

# What is no failure of a component, but of the whole piece of work.
NEVER_SHOWN: tuple[type[Exception], ...] = (AsyncHook, Busy, ResetNeeded)
# What a component on a page may answer for the whole page.
PAGES_OWN: tuple[type[Exception], ...] = (Refusal, HTTPException)
# The page of one component has nothing else that could live on.
ALONE = "asok/page.html"
NOTHING: Mapping[str, str] = {}
NO_FORMS: Set[str] = frozenset()


def _unknown(instance: str) -> str:
    """The arguments of an instance of which nobody knows."""
    return ""


def _nothing_shown() -> Mapping[str, str]:
    """A page that shows nothing yet."""
    return NOTHING


class Bounds(Struct, frozen=True):
    """What a child raises out of its tree, instead of showing its boundary, and how long it may take."""

    through: tuple[type[Exception], ...]
    seconds: float | None


@dataclass(slots=True)
class Engine(Host):
    """Makes trees of components, and pages of them."""

    async def mount_tree(
        self,
        children: Mapping[str, Child],
        place: Place,
        shown: Callable[[], Mapping[str, str]] = _nothing_shown,
        *,
        raising: tuple[type[Exception], ...] = (),
        seconds: float | None = None,
        fresh: bool = False,
        given: Callable[[str], str] = _unknown,
    ) -> dict[str, Mounted]:
        """Every child, its children and theirs, breadth first; async siblings side by side.

        shown: tells the instances that the page shows already, with the marks that they have; what is at work there may
        change that meanwhile. raising: what one of the first level raises out of here, instead of showing its boundary.
        seconds: how long each may take. fresh: all get new instances, which nobody can have kept. given: the arguments
        of one that may be at work just now.
        """
        found: dict[str, Mounted] = {}
        level, bounds = list(children.values()), Bounds((*NEVER_SHOWN, *raising), seconds)
        while level:
            kept = await self._kept(level, place, fresh) if place.owner else _nothing
            marks = shown()
            before = (marks.get(child.instance) or given(child.instance) for child in level)
            showing = (self._show(*each, place, bounds) for each in zip(level, map(kept, level), before, strict=True))
            if len(level) > 1 and any(child.definition.waits for child in level):
                mounted = await _side_by_side(showing)
            else:
                mounted = [await each for each in showing]
            for each in mounted:
                found[each.child.instance] = each
            inside = [child for each in mounted for child in each.rendering.children.values()]
            marks = shown() if inside else NOTHING
            level = [child for child in inside if marks.get(child.instance) != child.mark]
            bounds = Bounds(NEVER_SHOWN, seconds)
        return found

    async def _kept(
        self, level: list[Child], place: Place, fresh: bool
    ) -> Callable[[Child], tuple[Record | None, Record | None]]:
        """What the session keeps of each child: its own record, and the last one of its slot."""
        slots = [f"slot/{child.slot}" for child in level]
        names = [] if fresh else [f"record/{child.instance}" for child in level]
        cells = await self.backend.read(place.owner, [*slots, *names])
        pointed = [cells[slot].value.decode() for slot in slots if slot in cells]
        cells |= await self.backend.read(place.owner, pointed) if pointed else {}

        def find(child: Child) -> tuple[Record | None, Record | None]:
            own = cells.get(f"record/{child.instance}")
            pointer = cells.get(f"slot/{child.slot}")
            last = cells.get(pointer.value.decode()) if pointer else None
            return unpack_record(own.value) if own else None, unpack_record(last.value) if last else None

        return find

    async def _show(
        self, child: Child, kept: tuple[Record | None, Record | None], before: str, place: Place, bounds: Bounds
    ) -> Mounted:
        """The child; in its place a placeholder where it is lazy and not begun, its boundary where it raises."""
        if not child.definition.cls.stateless:
            place.session.id  # noqa: B018  # asking makes the session, to which the token is bound
        own, last = kept
        begun = own is not None and own.state
        try:
            if child.lazy and not begun:
                return self._sealed(self._pending(child, place, own, "lazy", waiting(self.templates, child)), place)
            mounting = self._mount(child, place, own, last, before)
            mounted = await (mounting if bounds.seconds is None else _at_most(bounds.seconds, mounting))
            return self._sealed(mounted, place)
        except bounds.through:
            raise
        except BaseException as error:
            if ends_all(error):
                raise
            html = boundary(self.templates, child.definition, error)
            return self._sealed(self._pending(child, place, own, "failed", html), place)

    def _sealed(self, mounted: Mounted, place: Place) -> Mounted:
        token = self.token(mounted, place)
        mounted.sealed = token, self.seal(token)
        return mounted

    def _pending(
        self, child: Child, place: Place, own: Record | None, why: Literal["lazy", "failed"], html: str
    ) -> Mounted:
        """This HTML in the child's place, of which everything is kept that it needs in order to be mounted."""
        definition = child.definition
        rendering = Rendering(html, self.renderings.add(html), {}, {})
        version, born = (own.version, own.born) if own else (0, place.begins())
        pending = Mounted(
            child, definition.rebuild(definition.fields.defaults()), rendering, version, born, pending=why
        )
        record = pending_record(child, own, born)
        if record is not None:
            pending.version, pending.record = record.version, record
        return pending

    async def _mount(self, child: Child, place: Place, own: Record | None, last: Record | None, before: str) -> Mounted:
        definition, arguments = child.definition, bytes.fromhex(child.digest)
        component = definition.cls(**child.arguments)
        self.surround(component, child.instance, place, child.path)
        if "guard" in definition.overrides or place.mount.route in self.guards:
            await self.admit(component, place)
        of_this_page = last is not None and last.arguments == (bytes.fromhex(before) if before else arguments)
        begun = own if own is not None and own.state else None
        source = begun or (last if of_this_page else None)
        restored = source is not None and restore(component, definition, source)
        changed = source is not None and source.arguments != arguments
        if changed:
            component.__dict__.update(definition.fields.initial({**component.__dict__, **child.arguments}))
        if definition.sources and (changed or begun is None):
            find_anew(component.__dict__, definition.sources, failed=not changed)
        around = surroundings_of(component)
        around.content = pack_content(child.content)
        if begun is None and not restored and "mount" in definition.overrides:
            check_hook(await hook(component.mount), f"{definition.name}.mount")
        shared = self.shared_by(definition, place.mount, child.slot) if self.shared else None
        if shared is not None:
            shared.give(component, place.mount.path)
        if "load" in definition.overrides:
            await self.load(component)
        version, born = (own.version, own.born) if own else (0, place.begins())
        mounted = Mounted(child, component, self.render(component, child.slot), version, born)
        containers = mounted.rendering.containers
        if containers:
            mounted.rows = await fill(component, containers, list(containers), self.settings.limits.html)
        if begun is not None:
            news = changed or not restored or begun.content != around.content
        else:
            news = bool(own or before or must_be_kept(component, child))
        if news and not definition.cls.stateless:
            mounted.version += 1
            kept = (own.applied, own.effects, own.heard) if own else ()
            mounted.record = record_of(component, arguments, mounted.version, mounted.born, *kept)
        mounted.sequences = own.applied if own else {}
        return mounted

    async def page(self, name: str, context: Mapping[str, Any], place: Place) -> tuple[str, list[Definition]]:
        """A page's HTML, with every component in it mounted and rendered in full; and their classes."""
        frame = Frame(slot=place.mount.path)
        text = self.templates.page(name, context, frame)
        raising = (Exception,) if name == ALONE else PAGES_OWN
        mounted = await self.mount_tree(frame.children, place, raising=raising, fresh=True)
        return self._assemble(text, mounted, place), [each.child.definition for each in mounted.values()]

    def inline(self, child: Child, place: Place) -> tuple[Markup, list[Definition]]:
        """One component in full, at once, and the classes in it. Raises AsyncHook where one wants to wait."""
        return _at_once(self._inline(child, place), child.definition.name)

    async def _inline(self, child: Child, place: Place) -> tuple[Markup, list[Definition]]:
        mounted = await self.mount_tree({child.instance: child}, place, raising=PAGES_OWN, fresh=True)
        html = Markup(self._in_full(mounted[child.instance], mounted, place))
        return html, [each.child.definition for each in mounted.values()]

    def _assemble(self, text: str, mounted: Mapping[str, Mounted], place: Place, in_forms: Set[str] = NO_FORMS) -> str:
        """in_forms: the instances that stand inside of a form."""

        def whole(found: re.Match[str]) -> str:
            each = mounted.get(found[1])
            return found[0] if each is None else self._in_full(each, mounted, place, in_form=found[1] in in_forms)

        return PLACEHOLDER.sub(whole, text)

    def _in_full(self, each: Mounted, mounted: Mapping[str, Mounted], place: Place, *, in_form: bool = False) -> str:
        if each.record is not None:
            name = f"record/{each.child.instance}"
            place.session.staged[name] = pack(each.record)
        assert each.sealed is not None
        html, in_forms = with_rows(each.rendering.html, each.rendering.containers, each.rows), NO_FORMS
        if may_be_posted(html, inside=in_form):
            html, in_forms = postable(html, each.child.instance, self._posting(mounted, place), inside=in_form)
        html = with_state(html, each.sealed[1])
        return self._assemble(html, mounted, place, in_forms) if each.rendering.children else html

    def _posting(self, mounted: Mapping[str, Mounted], place: Place) -> Posting:
        def token(instance: str) -> str | None:
            each = mounted.get(instance)
            return each.sealed[1] if each is not None and each.sealed is not None else None

        csrf = self.ring.mac("csrf", place.session.id) if place.session.needed else ""
        return Posting(root_of(place.request.scope) + self.settings.live + "/form", csrf, token)


async def _at_most(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises TimeoutError, which says so, where it takes longer."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        raise TimeoutError(f"it took longer than {seconds:g} s") if limit.expired() else error from error


def _nothing(child: Child) -> tuple[None, None]:
    """What is kept of a child where nothing is stored."""
    return None, None


async def _side_by_side(work: Iterable[Coroutine[Any, Any, Mounted]]) -> list[Mounted]:
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
