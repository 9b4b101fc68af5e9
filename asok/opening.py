"""From a token to a component: who asks is let in, what the session keeps is read, the instance is rebuilt."""

from __future__ import annotations

import hashlib
from collections.abc import Coroutine, Mapping
from functools import lru_cache
from typing import Any

from starlette.exceptions import HTTPException

from asok import protocol
from asok.calling import ends_all
from asok.component import Component, Event, definition_of, surroundings_of
from asok.errors import AsokError, Busy, Denied, MethodFailed, MethodTimeout, Refusal, ResetNeeded
from asok.mounting import Engine
from asok.places import Place, page_request
from asok.reviving import revive, take_part, values_of
from asok.sessions import META, Record, Session, open_session, owner_of, serve_session, unpack_record
from asok.state import Token
from asok.targets import NOWHERE, surroundings_from
from asok.timing import TimeLimit, within
from asok.units import Joined, Unit

__all__ = ["Opener", "SessionEnded", "guarded", "load", "member_of"]


class SessionEnded(AsokError):
    """The visitor's session is gone or has been given another id; the page must be fetched anew."""


class Opener:
    """Opens the instances of one tab, for one visitor; `scope` is the handshake's."""

    def __init__(self, engine: Engine, scope: Mapping[str, Any], session_id: str) -> None:
        self.engine, self.session_id = engine, session_id
        self.owner = owner_of(session_id) if session_id else ""
        self._scope = dict(scope)

    async def open(
        self, joined: Joined, event: protocol.Event | None = None, *, tab: str = "", attempt: int = 1
    ) -> Unit:
        """The instance as the session has it now, guarded and loaded.

        Raises Denied and what a hook raises, ResetNeeded, SessionEnded.
        """
        token, definition = joined.token, joined.definition
        unit = await self.rebuilt(joined, tab)
        place, component = unit.place, unit.component
        if event is not None:
            event_id = f"{event.instance}-{tab}-{event.seq}"
            again = event.data is not None and event.data.retry > 0
            surroundings_of(component).event = _event(event_id, attempt + again, event.data)
        if "guard" in definition.overrides or token.mount.route in self.engine.guards:
            await self._admit(component, place)
        shared = self.engine.shared_by(definition, token.mount, token.slot)
        if shared is not None:
            shared.give(component, token.mount.path, unit.work)
        around = surroundings_of(component)
        unit.given = {key: set(paths) for key, paths in around.reads.items()}
        around.since = joined.following.changes if joined.following is not None else -1
        await load(self.engine, component)
        for key, paths in around.reads.items():
            document = self.engine.stores.replicas.known(key)
            if document is not None:
                unit.work.has_loaded(document, paths)
        return unit

    async def rebuilt(self, joined: Joined, tab: str) -> Unit:
        """The instance as the session has it now; who asks is not let in yet. Raises ResetNeeded, SessionEnded."""
        token, definition = joined.token, joined.definition
        if token.pending:
            raise ResetNeeded(f"{definition.name} is not mounted yet")
        place, record, remembered = await self.place(joined)
        component = definition.rebuild(
            values_of(definition, record) if record else revive(definition, token.schema, token.state)
        )
        self.engine.surround(component, token.instance, place, token.path)
        surroundings_of(component).member = member_of(token.instance, tab)
        serve_session(place.session)
        if record is not None:
            take_part(component, record)
        return Unit(joined, place, component, record, remembered, token)

    async def _admit(self, component: Component, place: Place) -> None:
        """Ask the guards. Who would be sent to another page is refused here, where no page is asked for."""
        name = f"{type(component).__name__}.guard"
        try:
            await guarded(self.engine, name, self.engine.admit(component, place))
        except MethodFailed as error:
            if isinstance(error.cause, HTTPException):
                raise Denied(f"{name} said no") from error
            raise

    async def place(self, joined: Joined) -> tuple[Place, Record | None, bool]:
        """Where the instance stands, what the session keeps of it, and whether a reload restores just that.

        Raises ResetNeeded, SessionEnded.
        """
        token = joined.token
        if joined.definition.cls.stateless:
            found, record = await open_session(self.engine.backend, self.session_id), None
            session, remembered = Session() if found is None else found.over_socket(), True
        else:
            session, record, remembered = await self._read(token)
        request = page_request(self._scope, token.mount, session)
        return Place(request, session, token.mount, self.owner), record, remembered

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


def _event(event_id: str, attempt: int, data: protocol.EventData | None) -> Event:
    if data is None:
        return Event(event_id, attempt)
    origin = surroundings_from(data) if data.type else NOWHERE
    return Event(event_id, attempt, data.value, data.key, dict(data.form or ()), origin)


@lru_cache(maxsize=4096)
def member_of(instance: str, tab: str) -> str:
    """The id of a tab's instance in rooms; it tells neither."""
    return hashlib.blake2b(f"{instance}/{tab}".encode(), digest_size=9).hexdigest()


async def load(engine: Engine, component: Component) -> None:
    """Run the component's `load`, never longer than a method may. Raises Refusal, Busy."""
    definition = definition_of(component)
    if "load" in definition.overrides:
        await guarded(engine, f"{definition.name}.load", engine.load(component))


async def guarded(engine: Engine, what: str, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a hook, never longer than a method may. Raises Refusal, Busy."""
    seconds = engine.settings.limits.handler_timeout
    limit = TimeLimit(seconds)
    try:
        return await within(limit, work)
    except (Refusal, Busy):
        raise
    except TimeoutError as error:
        raise MethodTimeout(what, seconds) if limit.expired() else MethodFailed(what, error) from error
    except BaseException as error:
        if ends_all(error):
            raise
        raise MethodFailed(what, error) from error
