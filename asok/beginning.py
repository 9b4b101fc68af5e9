"""The beginning of what stands on a page only as a placeholder: it is mounted once, however often it is asked for."""

from __future__ import annotations

import msgspec

from asok.committing import commit
from asok.component import surroundings_of
from asok.documents import Work, working
from asok.errors import Busy
from asok.opening import Opener, member_of
from asok.pending import pending_child
from asok.sessions import serve_session
from asok.showing import Screen
from asok.units import Joined, Unit

__all__ = ["ATTEMPTS", "begin"]

ATTEMPTS = 5


async def begin(opener: Opener, screen: Screen, joined: Joined, seq: int) -> Unit | None:
    """Mount the instance in one unit of work, and show it; None where it has failed, and its boundary is shown.

    seq: of the event or the join that asks for it, which is settled by that. Raises ResetNeeded, SessionEnded, Busy.
    """
    engine, name = opener.engine, joined.token.instance
    seconds = engine.settings.limits.handler_timeout
    for _ in range(ATTEMPTS):
        token, work = joined.token, Work()
        place, record, remembered = await opener.place(joined)
        serve_session(place.session)
        child = pending_child(token, joined.definition, record)
        with working(work):
            mounted = await engine.mount_tree({name: child}, place, {name: child.digest}.copy, seconds=seconds)
        top, rest = mounted[name], {key: each for key, each in mounted.items() if key != name}
        top.sequences = {**top.sequences, screen.tab: seq}
        if top.record is not None:
            top.record = msgspec.structs.replace(top.record, applied=dict(top.sequences))
        unit = Unit(joined, place, top.component, record, remembered, token, work=work)
        if top.pending:
            screen.show_children(unit, mounted)
            return None
        surroundings_of(top.component).member = member_of(name, screen.tab)
        if await commit(engine, opener.owner, unit, top.record, rest) and joined.token is token:
            screen.show_children(unit, mounted)
            return unit
    raise Busy(f"{joined.definition.name}: {ATTEMPTS} commits in a row met newer data")
