"""What a misspelt name was probably meant to be, where a name that nobody knows may be right as well."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from asok.attributes import ATTRIBUTES, DOM_EVENTS

__all__ = ["misspelt", "nearly"]

KNOWN = sorted({attribute.name.removeprefix("ws-") for attribute in ATTRIBUTES} | DOM_EVENTS)
LONG_WORD = 10


@lru_cache(maxsize=1024)
def misspelt(name: str) -> str:
    """What an attribute such as `ws-clik` was meant to be; "" where the name may be that of somebody's own event."""
    word = name.removeprefix("ws-")
    if word.removeprefix("on") in DOM_EVENTS and word not in KNOWN:
        return f"ws-{word.removeprefix('on')}"
    past = any(word in (f"{known}d", f"{known}ed") for known in KNOWN)  # as many name the events of their own
    close = "" if past else nearly(word, KNOWN)
    return f"ws-{close}" if close else ""


def nearly(word: str, known: Iterable[str]) -> str:
    """The known word that is a slip away, or two if it is long; "" if the word is known itself, or far from all."""
    likely = [each for each in sorted(known) if each[:1] == word[:1]]
    close = min(likely, key=lambda each: _slips(word, each), default="")
    return close if close and 0 < _slips(word, close) <= (1 if len(word) < LONG_WORD else 2) else ""


def _slips(one: str, other: str) -> int:
    """How many letters were left out, added, mistaken or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted)))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                row[j] = min(row[j], above[j - 2] + 1)
    return row[-1]
