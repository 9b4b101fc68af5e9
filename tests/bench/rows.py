"""The people in the tables that are measured, twice: as frozen rows, and as the dicts that many databases give.

They lie in memory: what is measured is asok, not the time that a database takes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["SIZES", "Person", "dicts", "dicts_edited", "frozen", "frozen_edited"]

SIZES = (10, 100, 1000, 10_000)


@dataclass(frozen=True, slots=True)
class Person:
    """A row that cannot change, so that what was rendered of it holds."""

    id: int
    name: str
    city: str
    count: int


PEOPLE = {size: [Person(n, f"Person {n}", f"City {n % 97}", n * 7 % 1000) for n in range(size)] for size in SIZES}
NEW = [Person(-n, f"New {n}", "Here", n) for n in range(100, 0, -1)]
DICTS = {size: [asdict(person) for person in people] for size, people in PEOPLE.items()}
NEW_DICTS = [asdict(person) for person in NEW]


def frozen(size: int, changed: int) -> list[Person]:
    """So many rows; the one in the middle has this number."""
    rows, middle = list(PEOPLE[size]), size // 2
    rows[middle] = replace(rows[middle], count=changed)
    return rows


def dicts(size: int, changed: int) -> list[dict[str, Any]]:
    """The same as dicts."""
    rows, middle = list(DICTS[size]), size // 2
    rows[middle] = {**rows[middle], "count": changed}
    return rows


def frozen_edited(edits: int) -> list[Person]:
    """A thousand rows after at most a hundred edits: each has put one on top, and taken one from the middle."""
    return [*NEW[len(NEW) - edits :], *PEOPLE[1000][:500], *PEOPLE[1000][500 + edits :]]


def dicts_edited(edits: int) -> list[dict[str, Any]]:
    """The same as dicts."""
    return [*NEW_DICTS[len(NEW) - edits :], *DICTS[1000][:500], *DICTS[1000][500 + edits :]]
