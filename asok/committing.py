"""The end of a unit of work: one atomic commit of the record, the session, the stores and what became of children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from asok.component import surroundings_of
from asok.errors import AsokError, Busy, MethodFailed
from asok.evicting import with_room
from asok.late_sessions import settle
from asok.mounting import Engine
from asok.places import Mounted
from asok.reviving import record_of
from asok.rows import FILL, STREAM
from asok.rows import kept as kept_rows
from asok.sessions import CellKey, Commit, Record, pack
from asok.units import Unit

__all__ = ["REFUSED", "Overtaken", "commit", "keep", "record_after", "unchanged"]

TABS = 16
UNSETTLED = 32
SOURCES = 16
REFUSED = "refused"
NOTHING: Mapping[int, str] = {}


class Overtaken(Busy):
    """Something else has shown or changed this meanwhile, as it may; another attempt sees that."""


def record_after(unit: Unit, tab: str, seq: int, *, event: bool, refused: Mapping[int, str] = NOTHING) -> Record:
    """The record after the work: its sequence applied, an event's effects kept until they must have arrived.

    refused: the codes of events since the last that counted, which stand among the effects.
    """
    around = surroundings_of(unit.component)
    older, effects, around.touched = unit.record, around.effects if event else [], set()
    applied = dict([item for item in older.applied.items() if item[0] != tab][-TABS + 1 :]) if older else {}
    kept = older.effects if older else []
    if kept:
        kept = [each for each in kept if each[0] != tab or each[1] > seq - UNSETTLED][-2 * UNSETTLED :]
    last = unit.applied(tab)
    kept = [*kept, *((tab, each, [[REFUSED, code]]) for each, code in refused.items() if last < each < seq)]
    if effects:
        kept = [*kept, (tab, seq, kept_rows(effects, unit.component, kept))]
    if not event and (unasked := _unasked(unit)):
        # Behind what the page has seen settled, and before what it has not.
        kept = [*(each for each in kept if each != (tab, seq + 1, unasked)), (tab, seq + 1, unasked)]
    applied[tab] = seq
    born = unit.joined.token.born
    heard = older.heard if older else {}
    if unit.heard:  # the newest last
        heard = dict(
            [*((by, last) for by, last in heard.items() if by not in unit.heard), *unit.heard.items()][-SOURCES:]
        )
    # The token may be of before the record that was read.
    arguments = older.arguments if older else unit.token.arguments
    return record_of(unit.component, arguments, unit.version + 1, born, applied, kept, heard)


def _unasked(unit: Unit) -> list[list[Any]]:
    """What a record keeps of rows that no event has changed: that the page has to be filled when it is back, unless
    it would be anyway."""
    streams, around = unit.joined.definition.streams, surroundings_of(unit.component)
    if not streams or unit.token.listens:
        return []
    names = dict.fromkeys(each[1] for each in around.effects if each[0] == STREAM)
    return [[STREAM, name, FILL] for name in names if streams[name].filler]


def unchanged(unit: Unit, record: Record) -> bool:
    """Whether nothing has come of the work that would have to be kept, such as of a clock that only shows anew."""
    if unit.work.writes or unit.place.session.changes() or _unasked(unit):
        return False
    older, token = unit.record, unit.token
    if older is None:
        kept = record.topics or record.rooms or unit.joined.definition.fields.secret.names
        return not kept and token.state == record.state
    return msgspec.structs.replace(record, version=older.version, applied=older.applied, heard=older.heard) == older


async def commit(engine: Engine, owner: str, unit: Unit, record: Record | None, fresh: Mapping[str, Mounted]) -> bool:
    """Commit the unit's work; False where what it has read is newer, so that it has to run again.

    record: the unit's own where it has not changed.
    """
    session, token, name = unit.place.session, unit.joined.token, f"record/{unit.joined.token.instance}"
    changes = session.changes()
    if unit.joined.definition.cls.stateless:
        if changes or session.dirty or unit.work.writes:
            problem = AsokError("a stateless component writes neither session nor stores")
            raise MethodFailed(unit.joined.definition.name, problem)
        if unit.outdated:
            return False
        await keep(engine, owner, unit, fresh)
        return True
    if record is None or record is unit.record:
        await keep(engine, owner, unit, fresh)
        return True
    checks: dict[CellKey, int] = {**session.checks(owner), (owner, name): unit.version}
    settle(session, changes)
    writes: dict[CellKey, bytes | None] = {(owner, key): value for key, value in changes.items()}
    if fresh:
        checks |= _as_mounted(owner, fresh)
        writes |= _records(owner, fresh)
    writes[owner, name] = pack(record)
    if not unit.remembered:
        writes[owner, f"slot/{token.slot}"] = name.encode()
    if unit.record is None or _first(fresh):
        writes = await with_room(engine.backend, owner, session.meta, engine.settings.limits.records, writes)
    return await engine.stores.replicas.commit(unit.work, checks, writes)


def _as_mounted(owner: str, fresh: Mapping[str, Mounted]) -> dict[CellKey, int]:
    """The versions that children had when they were mounted; one that is not renewed may have changed since, too."""
    kept = (each for each in fresh.values() if not each.child.definition.cls.stateless)
    return {(owner, f"record/{each.child.instance}"): each.version - (each.record is not None) for each in kept}


def _records(owner: str, fresh: Mapping[str, Mounted]) -> dict[CellKey, bytes | None]:
    """What is to be kept of children that were renewed."""
    renewed = (each for each in fresh.values() if each.record is not None)
    return {(owner, f"record/{each.child.instance}"): pack(each.record) for each in renewed}


def _first(fresh: Mapping[str, Mounted]) -> bool:
    """Whether one of the children is kept for the first time, so that there is one record more."""
    return any(each.record is not None and each.version == 1 for each in fresh.values())


async def keep(engine: Engine, owner: str, unit: Unit, fresh: Mapping[str, Mounted]) -> None:
    """Commit the records of children that a rendering renewed which itself commits nothing, unless it is outdated."""
    if not fresh:
        return
    if unit.outdated:
        raise Overtaken("the instance was given other arguments meanwhile")
    checks, writes = _as_mounted(owner, fresh), _records(owner, fresh)
    if _first(fresh):
        session = unit.place.session
        made = await with_room(engine.backend, owner, session.meta, engine.settings.limits.records, writes)
        # What works just now goes on, however long ago it was written.
        made.pop((owner, f"record/{unit.joined.token.instance}"), None)
        checks, writes = checks if made == writes else {**session.checks(owner), **checks}, made
    # It may have been given other arguments, with which its children were shown.
    checks[owner, f"record/{unit.joined.token.instance}"] = unit.version
    if owner and not await engine.backend.commit(Commit(checks, writes)):
        raise Overtaken("the instance or a child has changed meanwhile")
