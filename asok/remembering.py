"""The texts that a pure loop has made of its rows, kept for when the rows come again.

A row that cannot change is known by its identity; the kept row holds its id, so that no other object gets it. Any
other is known by the values that the body reads, as long as equal values have equal texts: `1 == True == 1.0` are
told apart by the types in the whole column. What is kept is bounded, and the loops rendered last keep theirs.
A loop that meets new rows all the time looks less and less often.

Measured, 1,000 rows of 4 values: 600 to 800 µs become 75 by identity and 350 by value.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from itertools import chain, count
from operator import attrgetter, is_, itemgetter
from sys import getsizeof
from types import NoneType
from typing import Any
from weakref import WeakSet

from asok.frozen import FrozenList
from asok.immutable import PLAIN, Immutable, is_frozen, plain_fields
from asok.purity import UNDEFINED, Body, function_of

__all__ = ["FEW", "KEPT", "LISTS", "Known", "Loop"]

log = logging.getLogger("asok")

# These can be gone through twice, and nobody notices.
LISTS = frozenset({list, tuple, FrozenList})
FEW = 16  # rows: fewer are rendered in the time in which they are looked up
KEPT = 16 * 1024 * 1024  # bytes of texts and rows, of all loops together
BESIDE = 300  # bytes that an entry takes beside its text and row
SLOW = 2.0  # milliseconds of processor: what frozen rows would have to save to be worth a hint
RECALLED = 0.08e-3  # milliseconds in which the text of a row is found by its identity
LONGEST = 64  # renderings without a look

# Values of one column, of types that stand together here, have the same text if they are equal.
_ALIKE = {"t": frozenset({str, int, NoneType}), "b": frozenset({bool, NoneType}), "f": frozenset({float, NoneType})}

_clock = count()
_loops = WeakSet["Loop"]()
_lock = threading.RLock()
_grown = 0

Columns = list[Sequence[Any]]
Keys = list[tuple[Any, ...]]


class Kept:
    """Texts by the identity of rows, with the rows; texts by the values of rows; and the bytes of all that.

    used: what the body called when they were made.
    """

    __slots__ = ("rows", "size", "texts", "used", "valued")

    def __init__(self, used: tuple[Any, ...] = ()) -> None:
        self.used = used
        self.rows: list[Any] = []
        self.texts: dict[int, str] = {}
        self.valued: dict[str, dict[Any, str]] = {}
        self.size = 0


class Loop:
    """A pure loop of a template, with the texts of the rows that it met. shown: which one, for a person."""

    def __init__(self, shown: str, body: Body) -> None:
        self.shown, self.told = shown, False
        names, values = frozenset(body.names), tuple(sorted(body.values))
        self.immutable = Immutable(names, values, whole=body.whole, computes=body.computes)
        self._by_value = not (body.whole and names)
        self._names, self._getters = sorted(names), dict[type, Any]()
        self._expected = [function_of(*call) for call in sorted(body.called)]
        self._failed = self._asleep = self.turn = 0
        self._sample: list[Any] = []
        self.kept = Kept()
        with _lock:
            _loops.add(self)

    def forget(self) -> None:
        """Keep nothing. A rendering that goes on in another thread keeps its rows where nobody looks any more."""
        self.kept = Kept(self.kept.used)

    def begin(self, rows: Sequence[Any], used: tuple[Any, ...], development: bool) -> Known | None:
        """What is known of the rows of a list; None if they are to be rendered as ever.

        used: the class of what is undefined, then the filters and tests that the body calls.
        """
        kept = self.kept
        if not kept.used or not all(map(is_, used, kept.used)):
            if not self._accepts(*used):
                return None
            kept = self.kept = Kept(used)
        watched = development and not self.told
        if self._asleep:
            self._asleep -= 1
            return Known(self, kept, rows, watched=True) if watched else None
        self.turn = next(_clock)
        known = self._look(Known(self, kept, rows, watched), rows)
        found = (len(rows) - len(known.missing)) * 4 >= len(rows)
        self._failed = 0 if found else min(self._failed + 1, 8)
        self._asleep = 2**self._failed // 4
        if self._asleep == LONGEST:
            self.forget()
        return known if known.of_use or watched else None

    def _accepts(self, undefined: Any, *called: Any) -> bool:
        """Whether the environment has what Jinja has under these names."""
        return undefined in UNDEFINED and all(map(is_, called, self._expected))

    def _look(self, known: Known, rows: Sequence[Any]) -> Known:
        sample = [rows[0], rows[len(rows) // 2], rows[-1]]
        known.again = sum(map(is_, sample, self._sample)) > 1
        self._sample = sample
        if known.kept.texts:
            known.fill(list(map(known.kept.texts.get, map(id, rows))))
        if len(known.missing) * 4 < len(rows):
            known.again = known.of_use = True
            return known
        known.strange = known.holes, known.missing
        self._look_by_value(known)
        known.of_use = known.keys is not None or self.immutable.weight(known.missing[:1]) is not None
        return known

    def _look_by_value(self, known: Known) -> None:
        columns = self._columns(known.missing) if self._by_value else None
        signature = "".join(map(_alike, columns or ()))
        if not columns or len(signature) < len(columns):
            return
        known.signature, known.keys = signature, list(zip(*columns, strict=True))
        known.fill(list(map(known.kept.valued.get(signature, {}).get, known.keys)))
        if known.missing and type(known.missing[0]) is dict:
            # Another thread may change a dict meanwhile. What is rendered, and kept, is what the dict is now.
            known.missing = [row.copy() for row in known.missing]
            columns = self._columns(known.missing)
            still = columns and "".join(map(_alike, columns, signature)) == signature
            known.keys = list(zip(*columns, strict=True)) if columns and still else None

    def _columns(self, rows: Sequence[Any]) -> Columns | None:
        """What the body reads, row by row for each name; None where reading might run somebody's code."""
        kinds = set(map(type, rows))
        try:
            if not self._names:
                return list(zip(*rows, strict=True)) if kinds == {tuple} else [rows]
            getters = self._getters_of(kinds.pop()) if len(kinds) == 1 else None
            return [list(map(getter, rows)) for getter in getters] if getters else None
        except (ValueError, KeyError, AttributeError):  # tuples of several lengths; what is missing in a row
            return None

    def _getters_of(self, kind: type) -> Any:
        if kind not in self._getters:
            if len(self._getters) == 64:  # classes that are made anew all the time are not kept alive
                self._getters.clear()
            self._getters[kind] = None
            if kind is dict:
                self._getters[kind] = [*map(itemgetter, self._names)]
            elif is_frozen(kind) and plain_fields(kind, frozenset(self._names)) is not None:
                self._getters[kind] = [*map(attrgetter, self._names)]
        return self._getters[kind]

    def keep(self, known: Known, texts: list[Any]) -> None:
        """Keep what was rendered, by identity if the same rows seem to come again or have no values to know them by."""
        if known.keys is None:
            known.strange = known.holes, known.missing
        holes, rows = known.strange
        # Plain values are known by their value for less.
        wanted = known.keys is None or (known.again and type(known.rows[0]) not in PLAIN)
        if wanted and rows and self.immutable.weight(rows[:1]) is not None:
            self._keep_frozen(known.kept, rows, [texts[hole] for hole in holes])
            return
        if known.keys:
            made = [texts[hole] for hole in known.holes]
            known.kept.valued.setdefault(known.signature, {}).update(zip(known.keys, made, strict=True))
            _grow(known.kept, sum(map(getsizeof, chain.from_iterable(known.keys))), made)

    def _keep_frozen(self, kept: Kept, rows: Sequence[Any], texts: list[str]) -> None:
        weight = self.immutable.weight(rows)
        if weight is None:
            sound = [place for place, row in enumerate(rows) if self.immutable.weight([row]) is not None]
            rows, texts = [rows[place] for place in sound], [texts[place] for place in sound]
            weight = self.immutable.weight(rows) or 0
        kept.rows += rows
        kept.texts.update(zip(map(id, rows), texts, strict=True))
        _grow(kept, weight, texts)


def _grow(kept: Kept, weight: int, texts: list[str]) -> None:
    global _grown
    grown = weight + sum(map(getsizeof, texts)) + BESIDE * len(texts)
    kept.size += grown
    _grown += grown
    if _grown > KEPT // 16:
        _grown = 0
        _trim()


def _trim() -> None:
    """Let the loops forget that were not rendered for the longest time."""
    with _lock:
        loops = list(_loops)
    size = 0
    for loop in sorted(loops, key=lambda loop: -loop.turn):
        size += loop.kept.size
        if size > KEPT:
            size -= loop.kept.size
            loop.forget()


def _alike(column: Sequence[Any], kinds: str = "tbf") -> str:
    """The first of these kinds that a column is of; empty if it is of none."""
    types = set(map(type, column))
    found = next((kind for kind in kinds if types <= _ALIKE[kind]), "")
    return "" if found == "f" and "-0.0" in [str(value) for value in column if value == 0] else found


class Known:
    """One rendering of a loop: what is known of its rows, and what is missing.

    kept: where its texts go. again: the rows seem to be those of the last time. of_use: what will be rendered can be
    kept. strange: what was not known by identity. signature, keys: what the missing ones are known by from now on.
    """

    __slots__ = (
        "_loop", "_made", "_started", "_texts", "again", "holes", "kept", "keys", "missing", "of_use", "rows",
        "signature", "strange",
    )  # fmt: skip

    def __init__(self, loop: Loop, kept: Kept, rows: Sequence[Any], watched: bool) -> None:
        self._loop, self.kept, self.rows = loop, kept, rows
        self.missing: Sequence[Any] = rows
        self.holes: Sequence[int] = range(len(rows))
        self._texts: list[str | None] = []
        self._made: list[str] = []
        self._started = time.thread_time() if watched else 0.0
        self.again = self.of_use = False
        self.strange: tuple[Sequence[int], Sequence[Any]] = (), ()
        self.signature = ""
        self.keys: list[tuple[Any, ...]] | None = None

    def fill(self, texts: list[str | None]) -> None:
        """What is known of the missing rows, each in its place."""
        places, place = list[int](), -1
        for _ in range(texts.count(None)):
            place = texts.index(None, place + 1)
            places.append(place)
        if not self._texts:
            self._texts = texts
        else:
            for hole, text in zip(self.holes, texts, strict=True):
                self._texts[hole] = text
        self.holes, self.missing = [self.holes[place] for place in places], [self.missing[place] for place in places]
        if self.keys is not None:
            self.keys = [self.keys[place] for place in places]

    def row(self, pieces: list[str]) -> None:
        """The pieces of the next row that was missing, which are taken away."""
        self._made.append("".join(pieces))
        pieces.clear()

    def text(self) -> str:
        """The text of all rows."""
        texts: list[Any] = self._texts or self._made
        if texts is not self._made:
            for hole, text in zip(self.holes, self._made, strict=True):
                texts[hole] = text
        if self.of_use and (self._made or self.keys is not None):
            self._loop.keep(self, texts)
        if self._started:
            self._tell((time.thread_time() - self._started) * 1000)
        return "".join(texts)

    def _tell(self, took: float) -> None:
        loop, saved = self._loop, took - RECALLED * len(self.rows)
        if saved > SLOW and loop.immutable.weight(self.rows[:1]) is None:
            loop.told = True
            log.warning(
                "%s: rendering %s rows took %.1f ms; frozen rows would save about %.1f ms of it when they come again: "
                "see Fast tables in docs/lists.md", loop.shown, len(self.rows), took, saved
            )  # fmt: skip
