"""The streams of a unit of work: what its page is sent of them, so that it never shows too little or too much."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from asok.calling import ends_all
from asok.component import surroundings_of
from asok.errors import MethodFailed
from asok.mounting import Engine
from asok.opening import guarded
from asok.rows import STREAM, fill, refills, render_changes, reset_of
from asok.state import digest
from asok.texts import Rendering
from asok.units import Effects, Unit

__all__ = ["NONE", "filled", "look_again", "missed", "take_changes"]

NONE: frozenset[str] = frozenset()


def missed(unit: Unit, tab: str, *, debug: bool) -> Set[str]:
    """The streams of which a page that joins may show something else, by what no event of its own has done.

    debug: in development, a template may have changed.
    """
    token = unit.token
    elsewhere = unit.version != token.version and not unit.applied(tab)
    return unit.joined.definition.streams.keys() if token.listens or elsewhere or debug else NONE


async def take_changes(engine: Engine, unit: Unit, rendering: Rendering) -> None:
    """Put what a method has done to streams before its other effects."""
    component, around = unit.component, surroundings_of(unit.component)
    try:
        changes = render_changes(component, rendering.containers, engine.settings.limits.html)
    except BaseException as error:
        if ends_all(error):
            raise
        raise MethodFailed(f"{unit.joined.definition.name}.render", error) from error
    around.effects = await filled(engine, unit, rendering, [*changes, *around.effects])


async def filled(
    engine: Engine, unit: Unit, rendering: Rendering, effects: Effects, wanted: Set[str] = NONE
) -> Effects:
    """These effects, and before them a reset of each stream that is new in the page, or whose rows were not kept.

    wanted: streams that get one if their rows are not those that the page was filled with.
    """
    containers, before = rendering.containers, unit.token.streams
    needed = (containers.keys() - before.keys()) | refills(effects)
    asked = containers.keys() & (needed | wanted)
    if not asked and not any(_is_of_stream(each) for each in effects):
        return effects
    work = fill(unit.component, containers, asked, engine.settings.limits.html)
    rows: dict[str, str] = await guarded(engine, f"a fill of {unit.joined.definition.name}", work)
    rest = [each for each in effects if not _is_of_stream(each) or (each[1] in containers and each[1] not in rows)]
    unit.streams = {name: digest(html) for name, html in rows.items()}
    unit.streams |= {each[1]: b"" for each in rest if _is_of_stream(each)}
    resets = [name for name in rows if name in needed or before[name] != unit.streams[name]]
    return [*(reset_of(name, rows[name]) for name in resets), *rest]


def look_again(unit: Unit, effects: Effects) -> None:
    """Compare the rows of what was filled now with those of a moment later.

    An event may still be under way from a connection that was lost: what it has done lies in the database already,
    so in these rows, and it is done to them once more when the event is answered, perhaps only after that moment.
    """
    joined, streams = unit.joined, [each for each in effects if _is_of_stream(each)]
    joined.unsure |= {each[1] for each in streams if each[2] == "reset" or unit.token.streams.get(each[1])}
    if joined.unsure and joined.soon is not None:
        joined.soon()


def _is_of_stream(effect: list[Any]) -> bool:
    return bool(effect[0] == STREAM)
