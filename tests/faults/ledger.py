"""The oracle: what was applied, against what was acknowledged; told by persons, pages and a file, not by asok."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Account", "Tally", "compare", "effects", "read_tally"]

VALUES = re.compile(r"\b(count|last|gaps|doubles|check)=(-?\d+)")


@dataclass(frozen=True, slots=True)
class Tally:
    """What an instance of the site's Tally says on its page."""

    count: int = 0
    last: int = 0
    gaps: int = 0
    doubles: int = 0

    @property
    def check(self) -> int:
        """What stands beside these values where the page was put together rightly."""
        return (self.count * 31 + self.last * 17 + self.gaps * 7 + self.doubles) * 7919 % 99991


def read_tally(text: str) -> Tally:
    """The tally in a text. Raises ValueError where the text contradicts itself."""
    values = {name: int(value) for name, value in VALUES.findall(text)}
    check = values.pop("check", None)
    tally = Tally(**values)
    if len(values) != 4 or check != tally.check:
        raise ValueError(f"no tally, or one that is put together wrongly: {text[-300:]!r}")
    return tally


@dataclass(frozen=True, slots=True)
class Account:
    """One person's side: how many numbers were told, how many events were settled, and which had no effect.

    shown: what the page shows; stored: what a fresh page shows.
    """

    name: str
    told: int
    settled: int
    refused: int
    shown: Tally
    stored: Tally


def compare(account: Account, noted: Counter[int] | None = None) -> list[str]:
    """What is not exact. noted: how often each number has reached the world outside of asok."""
    expected = account.settled - account.refused
    found = []
    if account.told != account.settled:
        found.append(f"{account.told - account.settled} of {account.told} events were never answered")
    if account.stored.count != expected:
        found.append(f"{account.stored.count} applied, {expected} acknowledged")
    if account.stored.doubles or account.stored.gaps > account.refused:
        found.append(f"{account.stored.doubles} doubles or inversions, {account.stored.gaps} gaps")
    if account.shown != account.stored:
        found.append(f"the page shows {account.shown}, the store has {account.stored}")
    if noted is not None:
        missing = [number for number in range(1, account.told + 1) if not noted[number]]
        if len(missing) > account.refused:
            found.append(f"acknowledged without an effect outside: {missing[:10]}")
    return [f"{account.name}: {each}" for each in found]


def effects(file: Path) -> dict[str, Counter[int]]:
    """Who has noted which number how often. A line that was cut by a kill is none."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for words in _lines(file):
        found[words[0]][int(words[1])] += 1
    return found


def _lines(file: Path) -> Iterable[list[str]]:
    with file.open() as lines:
        for line in lines:
            words = line.split(" ")
            if line.endswith("\n") and len(words) == 3:
                yield words
