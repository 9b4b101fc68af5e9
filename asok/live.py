"""The heart: verify → rebuild → call → render → diff → seal → commit → answer.

The session's record decides what an event runs on and whether it has run already; the token only proves
that the browser may ask. Nothing that a method does to state or session is kept unless all of it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from asok import protocol
from asok.calling import run_method
from asok.calls import bind_arguments, parse_call
from asok.component import Component, Definition, Event, definition_of, surroundings_of
from asok.errors import (
    AsokError,
    BadArguments,
    Busy,
    FieldError,
    MethodFailed,
    MethodTimeout,
    NotExposed,
    Refusal,
    ResetNeeded,
)
from asok.mounting import Engine, Mounted, Place, Rendering, hook, page_request
from asok.rendering import children_in
from asok.reviving import record_of, revive, values_of
from asok.sessions import META, CellKey, Commit, Record, Session, evicted, open_session, owner_of, pack, unpack_record
from asok.showing import Joined, Screen, Unit
from asok.state import Token

__all__ = ["Live", "SessionEnded"]

ATTEMPTS = 5
TABS = 16
UNSETTLED = 32


class SessionEnded(AsokError):
    """The visitor's session is gone or has been given another id; the page must be fetched anew."""


class Live:
    """The instances of one tab, for one visitor. `send` takes messages for the browser.

    scope: the ASGI scope of the handshake, from which a component's `request` is made. session_id: empty
    for a visitor without a session, who can use stateless components only.
    """

    def __init__(
        self,
        engine: Engine,
        scope: Mapping[str, Any],
        session_id: str,
        send: Callable[[protocol.ServerMessage], None],
    ) -> None:
        self.engine, self.session_id, self.send = engine, session_id, send
        self.screen = Screen(engine, send)
        self.owner = owner_of(session_id) if session_id else ""
        self._scope = dict(scope)

    async def answer(self, joined: Joined, event: protocol.Event) -> None:
        """Run an event and send what came of it.

        Raises Refusal where it settles without effect (and shows the last good rendering again), Busy
        where it was not taken, ResetNeeded and SessionEnded where the instance or the page cannot go on.
        """
        try:
            await self._answer(joined, event)
        except (Busy, ResetNeeded, SessionEnded):
            raise
        except Exception:
            if joined.shown != joined.token.rendering:
                await self.renew(await self.open(joined), event.seq)
            raise

    async def _answer(self, joined: Joined, event: protocol.Event) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            call = self._verify(joined, event)
            unit = await self._open(joined, event, attempt)
            if unit.record is not None and event.seq <= unit.applied(self.screen.tab):
                return await self.renew(unit, event.seq)
            await self._call(unit, event, call)
            rendering = await self._render(unit)
            fresh = await self._mount_children(unit, rendering)
            record = self._record(unit, event.seq)
            sealed = self.screen.seal(unit, rendering, record)
            if await self._commit(unit, record, fresh):
                self.screen.show_children(unit, fresh)
                return self.screen.show(unit, event.seq, rendering, sealed, surroundings_of(unit.component).effects)
        raise Busy(f"{joined.definition.name}: {ATTEMPTS} commits in a row met newer data")

    def _verify(self, joined: Joined, event: protocol.Event) -> tuple[Any, Any] | None:
        """The method and its typed arguments, before anything is read; None where only fields are set."""
        definition = joined.definition
        if not event.call and event.data is not None and event.data.fields:
            return None
        call = parse_call(event.call, self.engine.settings.limits.arguments)
        method = definition.exposed.get(call.method)
        if method is None:
            raise NotExposed(definition.name, call.method, definition.exposed)
        return method, bind_arguments(call, method.parameters, event.data)

    async def open(self, joined: Joined) -> Unit:
        """The instance as the session has it now, guarded."""
        return await self._open(joined, None, 1)

    async def _open(self, joined: Joined, event: protocol.Event | None, attempt: int) -> Unit:
        token, definition = joined.token, joined.definition
        if definition.cls.stateless:
            found, record = await open_session(self.engine.backend, self.session_id), None
            session, remembered = Session() if found is None else found.over_socket(), True
        else:
            session, record, remembered = await self._read(token)
        values = values_of(definition, record) if record else revive(definition, token.schema, token.state)
        component = definition.rebuild(values)
        place = Place(page_request(self._scope, token.mount, session), session, token.mount, self.owner)
        self.engine.surround(component, token.instance, place)
        if event is not None:
            surroundings_of(component).event = self._event(event, attempt)
        if "guard" in definition.overrides or token.mount.route in self.engine.guards:
            await self._guarded(f"{definition.name}.guard", self.engine.admit(component, place))
        await self._load(component)
        return Unit(joined, place, component, record, remembered, token)

    async def _read(self, token: Token) -> tuple[Session, Record | None, bool]:
        name, slot = f"record/{token.instance}", f"slot/{token.slot}"
        cells = await self.engine.backend.read(self.owner, [META, name, slot], "session/") if self.owner else {}
        if META not in cells:
            raise SessionEnded("the session is not stored any more")
        session = Session(self.session_id, cells[META], cells).over_socket()
        if session.meta.epoch != token.epoch:
            raise SessionEnded("the token is of before a login or logout")
        if name in cells:
            return session, unpack_record(cells[name].value), slot in cells and cells[slot].value == name.encode()
        if token.version or token.born < session.meta.watermark:
            raise ResetNeeded("the record is not stored any more")
        return session, None, False

    def _event(self, event: protocol.Event, attempt: int) -> Event:
        data = event.data or protocol.EventData()
        event_id = f"{event.instance}-{self.screen.tab}-{event.seq}"
        return Event(event_id, attempt, data.value, data.key, dict(data.form or ()))

    async def _call(self, unit: Unit, event: protocol.Event, call: tuple[Any, Any] | None) -> None:
        component, definition = unit.component, unit.joined.definition
        tracked = "updated" in definition.overrides
        before = definition.fields.public.unpack(definition.fields.public.pack(component.__dict__)) if tracked else {}
        if event.data is not None and event.data.fields:
            self._set_fields(component, definition, event.data.fields)
        if call is not None:
            method, arguments = call
            await run_method(
                component,
                method,
                arguments,
                seconds=method.timeout or self.engine.settings.limits.handler_timeout,
                threads=self.engine.threads,
                step=lambda: self._step(unit, event.seq),
            )
        changed = frozenset(name for name, value in before.items() if component.__dict__[name] != value)
        if changed:
            await self._guarded(f"{definition.name}.updated", hook(component.updated(changed)))

    def _set_fields(self, component: Component, definition: Definition, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name not in definition.fields.bound:
                raise BadArguments(
                    name, f"{definition.name}.{name} is not for the browser to write; declare it with bind()"
                )
            try:
                component.__dict__[name] = definition.fields.convert(name, value, strict=False)
            except FieldError as error:
                raise BadArguments(name, str(error)) from None

    async def _guarded(self, what: str, work: Any) -> Any:
        """Run a hook, never longer than a method may."""
        seconds = self.engine.settings.limits.handler_timeout
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work
        except (Refusal, Busy):
            raise
        except TimeoutError as error:
            raise MethodTimeout(what, seconds) if limit.expired() else MethodFailed(what, error) from error
        except Exception as error:
            raise MethodFailed(what, error) from error

    async def _render(self, unit: Unit) -> Rendering:
        await self._load(unit.component)
        try:
            return self.engine.render(unit.component, unit.joined.token.slot)
        except Exception as error:
            raise MethodFailed(f"{unit.joined.definition.name}.render", error) from error

    async def _load(self, component: Component) -> None:
        definition = definition_of(component)
        if "load" in definition.overrides:
            await self._guarded(f"{definition.name}.load", self.engine.load(component))

    async def _step(self, unit: Unit, seq: int) -> None:
        """Show the state so far; nothing is committed, and the event is not settled."""
        if self.screen.gone:
            raise asyncio.CancelledError("nobody looks at the steps any more")
        rendering = await self._render(unit)
        fresh = await self._mount_children(unit, rendering)
        joined = unit.joined
        await self._keep(fresh)
        self.screen.show_children(unit, fresh)
        self.send(protocol.Update(joined.token.instance, seq - 1, self.screen.change(unit, rendering)))
        joined.shown, joined.held = rendering.digest, True

    async def _mount_children(self, unit: Unit, rendering: Rendering) -> dict[str, Mounted]:
        """The children that the page does not show yet, or shows with other arguments."""
        if not rendering.children:
            return {}
        shown = children_in(self.screen.known(unit) or "")
        fresh = {name: child for name, child in rendering.children.items() if shown.get(name) != child.digest}
        work = self.engine.mount_tree(fresh, unit.place, shown=shown)
        mounted: dict[str, Mounted] = await self._guarded(f"a child of {unit.joined.definition.name}", work)
        return mounted

    def _record(self, unit: Unit, seq: int) -> Record:
        """The record after the event: its sequence applied, its effects kept until they must have arrived."""
        older, effects = unit.record, surroundings_of(unit.component).effects
        made = record_of(unit.component, unit.token.arguments, unit.version + 1, unit.joined.token.born, older)
        tab = self.screen.tab
        others = dict([item for item in made.applied.items() if item[0] != tab][-TABS + 1 :])
        kept = [each for each in made.effects if each[0] != tab or each[1] > seq - UNSETTLED][-2 * UNSETTLED :]
        kept = [*kept, (tab, seq, effects)] if effects else kept
        return msgspec.structs.replace(made, applied={**others, tab: seq}, effects=kept)

    async def _commit(self, unit: Unit, record: Record, fresh: Mapping[str, Mounted]) -> bool:
        session, token = unit.place.session, unit.joined.token
        changes = session.changes()
        if unit.joined.definition.cls.stateless:
            if changes or session.dirty:
                raise MethodFailed(unit.joined.definition.name, AsokError("a stateless component writes no session"))
            await self._keep(fresh)
            return True
        owner, name = self.owner, f"record/{token.instance}"
        checks: dict[CellKey, int] = {**session.checks(owner), (owner, name): unit.version}
        writes: dict[CellKey, bytes | None] = {(owner, key): value for key, value in changes.items()}
        for each in fresh.values():
            if each.record is not None:
                checks[owner, f"record/{each.child.instance}"] = each.version - 1
                writes[owner, f"record/{each.child.instance}"] = pack(each.record)
        writes[owner, name] = pack(record)
        if not unit.remembered:
            writes[owner, f"slot/{token.slot}"] = name.encode()
        if unit.record is None:
            limit = self.engine.settings.limits.records
            writes.update(await evicted(self.engine.backend, owner, session.meta, limit))
        return await self.engine.backend.commit(Commit(checks, writes))

    async def _keep(self, fresh: Mapping[str, Mounted]) -> None:
        """Commit the records of children that a rendering renewed which itself commits nothing."""
        records = {each.child.instance: each for each in fresh.values() if each.record is not None}
        checks = {(self.owner, f"record/{name}"): each.version - 1 for name, each in records.items()}
        writes = {(self.owner, f"record/{name}"): pack(each.record) for name, each in records.items()}
        if records and not await self.engine.backend.commit(Commit(checks, writes)):
            raise Busy("a child has changed meanwhile")

    async def renew(self, unit: Unit, since: int) -> None:
        """Send the newest rendering of the record, and the effects from `since` on that may not have arrived."""
        rendering = await self._render(unit)
        fresh = await self._mount_children(unit, rendering)
        await self._keep(fresh)
        self.screen.show_children(unit, fresh)
        record, tab = unit.record, self.screen.tab
        kept = record.effects if record else []
        effects = [effect for of, seq, each in kept if of == tab and seq >= since for effect in each]
        self.screen.show(unit, unit.applied(tab), rendering, self.screen.seal(unit, rendering, record), effects)

    async def unmount(self, joined: Joined) -> None:
        """Run the hook of an instance that has left the page, and keep what it changed."""
        if "unmount" not in joined.definition.overrides:
            return
        unit = await self.open(joined)
        await hook(unit.component.unmount())
        await self._commit(unit, self._record(unit, unit.applied(self.screen.tab)), {})
