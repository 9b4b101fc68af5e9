"""What a loop's body reads of many rows, a column for each name, and which values of a column have equal texts.

Everything here goes through all rows each time, and so it is done in C: nothing takes more than 30 ns a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, eq, is_, itemgetter
from types import NoneType
from typing import Any, NamedTuple

from asok.immutable import is_frozen, plain_fields

__all__ = ["Columns", "Last", "Reader", "places_of", "signature_of"]

Columns = Sequence[Sequence[Any]]

# Values of one column, of types that stand together here, have the same text if they are equal.
_ALIKE = {"t": frozenset({str, int, NoneType}), "b": frozenset({bool, NoneType}), "f": frozenset({float, NoneType})}


class Reader:
    """Reads these names of rows; without names, the rows themselves or the items of tuples."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names, self._getters = sorted(names), dict[type, list[Callable[[Any], Any]] | None]()

    def columns(self, rows: Sequence[Any]) -> Columns | None:
        """What is read, row by row for each name; None where reading might run somebody's code."""
        kind = type(rows[0])
        one = frozenset((kind,)).issuperset(map(type, rows))
        try:
            if not self._names:
                return list(zip(*rows, strict=True)) if one and kind is tuple else [list(rows)]
            getters = self._getters_of(kind) if one else None
            return [list(map(getter, rows)) for getter in getters] if getters else None
        except (ValueError, KeyError, AttributeError):  # tuples of several lengths; what is missing in a row
            return None

    def _getters_of(self, kind: type) -> list[Callable[[Any], Any]] | None:
        if kind not in self._getters:
            if len(self._getters) == 64:  # classes that are made anew all the time are not kept alive
                self._getters.clear()
            self._getters[kind] = None
            if kind is dict:
                self._getters[kind] = [*map(itemgetter, self._names)]
            elif is_frozen(kind) and plain_fields(kind, frozenset(self._names)) is not None:
                self._getters[kind] = [*map(attrgetter, self._names)]
        return self._getters[kind]


def signature_of(columns: Columns, kinds: str = "") -> str:
    """A letter for each column in which equal values have equal texts; empty where one is not of these kinds."""
    found = "".join(map(_alike, columns, kinds or ["tbf"] * len(columns)))
    return found if len(found) == len(columns) else ""


def _alike(column: Sequence[Any], kinds: str) -> str:
    found = next((kind for kind in kinds if _ALIKE[kind].issuperset(map(type, column))), "")
    return "" if found == "f" and "-0.0" in [str(value) for value in column if value == 0] else found


class Last(NamedTuple):
    """The last rendering of rows: their texts, and what they are known by.

    signature: of the columns; empty where these are one, and in it the rows themselves, which are told by identity.
    """

    signature: str
    columns: Columns
    texts: list[str | None]

    def differing(self, signature: str, columns: Columns) -> list[int] | None:
        """Where other rows stand; None if that is nearly everywhere, or nobody knows."""
        if signature != self.signature or len(columns[0]) != len(self.texts):
            return None
        found, alike, many = set[int](), eq if signature else is_, len(self.texts) // 4
        some = slice(None, None, len(self.texts) // 8 + 1)
        for new, old in zip(columns, self.columns, strict=True):
            if signature and new == old:
                continue
            if sum(map(alike, new[some], old[some])) * 4 < len(new[some]) * 3:
                return None
            same = bytes(map(alike, new, old))
            if same.count(0) > many:
                return None
            found.update(places_of(0, same))
        return sorted(found) if len(found) <= many else None

    def after(self, columns: Columns, places: Sequence[int]) -> Columns:
        """Its columns with what stands now in these places. They share what is equal, so that one of both can go."""
        if not places:
            return self.columns
        changed = [list(column) for column in self.columns]
        for old, new in zip(changed, columns, strict=True):
            for place in places:
                old[place] = new[place]
        return changed


def places_of(value: Any, sequence: Sequence[Any]) -> list[int]:
    """Where a value stands in what is not asked for any other."""
    places, place = list[int](), -1
    for _ in range(sequence.count(value)):
        place = sequence.index(value, place + 1)
        places.append(place)
    return places
