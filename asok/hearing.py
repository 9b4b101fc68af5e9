"""Who on a page hears what a component emits: those around it, beside it or in it, or all of a class."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache

from asok.component import registry
from asok.emitting import Address, Emitted
from asok.errors import ComponentError, nearest
from asok.exposing import Exposed
from asok.frames import having_key
from asok.lines import Line
from asok.state import Token
from asok.topics import Mark

__all__ = ["MOST_HOPS", "deliver"]

log = logging.getLogger("asok")

MOST_HOPS = 32


def deliver(emitted: Emitted, mark: Mark, sender: Token, lines: Mapping[str, Line], *, warn: bool) -> None:
    """Bring a message to all that it is meant for and that have joined, the nearest first; never to its sender.

    warn: say in the log, once, where nobody takes it. Raises ComponentError where it goes round and round.
    """
    if emitted.hops > MOST_HOPS:
        raise ComponentError(
            f"{sender.component}.emit({emitted.name!r}) is cut: it answers a message that answers a message, and so on "
            f"{MOST_HOPS} times; components that hear each other need a message at which one of them falls silent"
        )
    hearers = [line for line in _meant(emitted.to, sender, lines) if line.joined.token.instance != sender.instance]
    # All of them, since each has to be told.
    if any([line.handles(emitted.name, emitted.message, emitted.hops, mark) for line in hearers]) or not warn:
        return
    others = {line.joined.definition.name for line in lines.values() if _takes(line, emitted.name)}
    if emitted.to.whom == "parents" or not others:
        _warn(sender.component, emitted.name, str(emitted.to), tuple(sorted(others - {sender.component})))


def _meant(to: Address, sender: Token, lines: Mapping[str, Line]) -> Iterable[Line]:
    match to.whom:
        case "parents":
            return [lines[instance] for instance in sender.around if instance in lines]
        case "siblings":
            return [line for line in lines.values() if line.joined.token.path == sender.path]
        case "children":
            inside = sender.path + sender.instance
            return [line for line in lines.values() if line.joined.token.path == inside]
    found = [line for line in lines.values() if line.joined.definition.name == to.whom]
    if to.key is None:
        return found
    has_key = having_key(to.whom, to.key)
    return [line for line in found if has_key(line.joined.token)]


def _takes(line: Line, name: str) -> bool:
    return any(method.takes(name) for method in line.joined.definition.methods.values())


@lru_cache(maxsize=1024)
def _warn(sender: str, name: str, to: str, others: tuple[str, ...]) -> None:
    """Once for each: a page may emit it many times."""
    said = f"{sender} has emitted {name!r} to {to}, and nobody there takes it"
    if others:
        return log.warning("%s; %s on this page does: emit(…, to=%r)", said, " and ".join(others), others[0])
    methods: list[Exposed] = [method for each in registry for method in each.methods.values()]
    close = nearest(name, {topic for method in methods for topic in method.topics})
    log.warning("%s%s; mark a method of the component that is to hear it with @on(%r)", said, close, name)
