"""What set an event off: the elements, the pointer and the keys, as the browser tells it.

It is the browser's word: good for choosing what to do, never for deciding who may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["NOWHERE", "EventSurroundings", "SurroundingsData", "Target", "TargetData", "surroundings_from"]

# alive-js/src/target.js leaves out what is longer, so that no page breaks at a limit.
Word = Annotated[str, Meta(max_length=64)]
Name = Annotated[str, Meta(max_length=256)]
Value = Annotated[str, Meta(max_length=1024)]
Keys = Annotated[str, Meta(pattern=r"^(ctrl|alt|shift|meta)(\+(ctrl|alt|shift|meta)){0,3}\Z")]
Place = Annotated[int, Meta(ge=-(2**31), le=2**31)]


class TargetData(Struct, frozen=True):
    """An element; what it does not have is left out."""

    tag: Word = ""
    id: Name = ""
    name: Name = ""
    value: Value | None = None
    checked: bool | None = None
    dataset: Annotated[dict[Word, Name], Meta(max_length=32)] | None = None


class SurroundingsData(Struct, frozen=True, kw_only=True):
    """What the module `target` adds to an event's data. current: left out where it is the target."""

    type: Word = ""
    target: TargetData | None = None
    current: TargetData | None = None
    keys: Keys | None = None
    x: Place | None = None
    y: Place | None = None
    page_x: Place | None = None
    page_y: Place | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An element of the page. value: never of a password field. dataset: `data-row-id` is `dataset["rowId"]`."""

    tag: str = ""
    id: str = ""
    name: str = ""
    value: str | None = None
    checked: bool | None = None
    dataset: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class EventSurroundings:
    """How an event came about. target: where it happened; current_target: the element with the `ws-` attribute.

    keys: the modifiers that were held, such as "ctrl+shift". x, y: the pointer in the viewport; page_x,
    page_y: on the page. Without a pointer they are None.
    """

    type: str = ""
    target: Target = field(default_factory=Target)
    current_target: Target = field(default_factory=Target)
    keys: str = ""
    x: int | None = None
    y: int | None = None
    page_x: int | None = None
    page_y: int | None = None


NOWHERE = EventSurroundings()


def surroundings_from(data: SurroundingsData) -> EventSurroundings:
    """The surroundings of an event with this data; empty where the page does not tell."""
    target = _target(data.target)
    current = target if data.current is None else _target(data.current)
    place = (data.x, data.y, data.page_x, data.page_y)
    return EventSurroundings(data.type, target, current, data.keys or "", *place)


def _target(data: TargetData | None) -> Target:
    if data is None:
        return Target()
    dataset = MappingProxyType(dict(data.dataset or {}))
    return Target(data.tag, data.id, data.name, data.value, data.checked, dataset)
