"""The texts that a pure loop has made of its rows, kept for when the rows come again.

A row that cannot change is known by its identity; the kept row holds its id, so that no other object gets it. Any
other is known by the values that the body reads, as long as equal values have equal texts: `1 == True == 1.0` are
told apart by the types in the whole column. What is kept is bounded, and the loops rendered last keep theirs.
A loop that meets new rows all the time looks less and less often.

Most rows stand where they stood the last time, and there each is looked for first: lists are compared in C, in a third
of the time of as many look-ups. Measured, 1,000 rows of 4 values: 600 to 800 µs become 55 by identity and 255 by value.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain, count
from operator import is_
from sys import getsizeof
from typing import Any
from weakref import WeakSet

from asok.columns import Columns, Last, Reader, places_of, signature_of
from asok.frozen import FrozenList
from asok.immutable import PLAIN, Immutable
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

_clock = count()
_loops = WeakSet["Loop"]()
_lock = threading.RLock()
_grown = 0

Keys = list[tuple[Any, ...]]

# A dict has methods where other rows have values, and the text of ("a",) is not that of "a".
_HOLDING: dict[type, str] = {dict: "{", tuple: "("}


class Kept:
    """Texts by the identity of rows, with the rows; texts by the values of rows; and the bytes of all that.

    used: what the body called when they were made. last: the last rendering of which all rows are known.
    """

    __slots__ = ("last", "rows", "size", "texts", "used", "valued")

    def __init__(self, used: tuple[Any, ...] = ()) -> None:
        self.used = used
        self.last = Last("", [()], [])
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
        self._reader = Reader(names)
        self._expected = [function_of(*call) for call in sorted(body.called)]
        self._failed = self._asleep = self.turn = 0
        self._seen: list[Any] = []
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
        # What is rendered and kept is what the list holds now: another thread may put other rows into it meanwhile.
        held = rows.copy() if type(rows) is list else rows
        known = self._look(Known(self, kept, held, watched), held)
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
        if known.kept.texts:
            find = known.kept.texts.get
            known.recall("", [rows], lambda keys: list(map(find, map(id, keys))))
        if len(known.missing) * 4 < len(rows):
            known.of_use = True
            return known
        known.again = self._are_again(rows)
        known.strange = known.holes, known.missing
        self._look_by_value(known)
        known.of_use = known.keys is not None or self.immutable.weight(known.missing[:1]) is not None
        return known

    def _are_again(self, rows: Sequence[Any]) -> bool:
        """Whether these seem to be the rows of the last time, or have moved by one or two."""
        middle = len(rows) // 2
        seen = [*rows[:2], *rows[middle : middle + 3], *rows[-2:]]
        before, self._seen = set(map(id, self._seen)), seen
        return sum(map(before.__contains__, map(id, seen))) * 2 > len(seen)

    def _look_by_value(self, known: Known) -> None:
        columns = self._reader.columns(known.missing) if self._by_value else None
        kinds = signature_of(columns) if columns else ""
        if not columns or not kinds:
            return
        signature = _HOLDING.get(type(known.missing[0]), "") + kinds
        find = known.kept.valued.get(signature, {}).get
        known.recall(signature, columns, lambda keys: list(map(find, keys)))
        if known.missing and type(known.missing[0]) is dict:
            # Another thread may change a dict meanwhile. What is rendered, and kept, is what the dict is now.
            known.missing = [row.copy() for row in known.missing]
            columns = self._reader.columns(known.missing)
            still = columns and signature_of(columns, kinds)
            keys = list(zip(*columns, strict=True)) if columns and still else None
            known.columns = known.columns if keys == known.keys else []
            known.keys = keys

    def keep(self, known: Known, texts: list[Any]) -> None:
        """Keep what was rendered, by identity if the same rows seem to come again or have no values to know them by."""
        kept = known.kept
        if known.keys is None:
            known.strange = known.holes, known.missing
        holes, rows = known.strange
        # Plain values are known by their value for less.
        wanted = known.keys is None or (known.again and type(known.rows[0]) not in PLAIN)
        weight = self.immutable.weight(rows[:1]) if wanted else None
        if weight is not None:
            weight = weight if len(rows) < 2 else self.immutable.weight(rows)
            if self._keep_frozen(kept, rows, [texts[hole] for hole in holes], weight):
                kept.last = Last("", [known.rows], texts)
        elif known.keys is not None:
            made = [texts[hole] for hole in known.holes]
            kept.valued.setdefault(known.signature, {}).update(zip(known.keys, made, strict=True))
            # Twice, since the values of the last rendering are equal, but may be others.
            _grow(kept, 2 * sum(map(getsizeof, chain.from_iterable(known.keys))), made)
            if known.columns and len(rows) == len(texts):
                kept.last = Last(known.signature, known.columns, texts)

    def _keep_frozen(self, kept: Kept, rows: Sequence[Any], texts: list[str], weight: int | None) -> bool:
        """Keep those rows that cannot change; whether these are all. weight: of all, None if they are not."""
        whole = weight is not None
        if not whole:
            sound = [place for place, row in enumerate(rows) if self.immutable.weight([row]) is not None]
            rows, texts = [rows[place] for place in sound], [texts[place] for place in sound]
            weight = self.immutable.weight(rows)
        kept.rows += rows
        kept.texts.update(zip(map(id, rows), texts, strict=True))
        _grow(kept, weight or 0, texts)
        return whole


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


class Known:
    """One rendering of a loop: what is known of its rows, and what is missing.

    kept: where its texts go. again: the rows seem to be those of the last time. of_use: what will be rendered can be
    kept. strange: what was not known by identity. signature, keys: what the missing ones are known by from now on;
    columns: the same of all that are strange.
    """

    __slots__ = (
        "_loop", "_made", "_started", "_texts", "again", "columns", "holes", "kept", "keys", "missing", "of_use",
        "rows", "signature", "strange",
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
        self.keys: Keys | None = None
        self.columns: Columns = []

    def recall(self, signature: str, columns: Columns, find: Callable[[Sequence[Any]], list[str | None]]) -> None:
        """Fill in what stands where it stood in the last rendering, and what is found of the rest.

        columns: what the missing rows are known by; without a signature, the rows themselves.
        """
        last = self.kept.last
        rest = last.differing(signature, columns)
        self.columns, places = columns, range(len(columns[0])) if rest is None else rest
        if rest is None:
            keys = list(zip(*columns, strict=True)) if signature else columns[0]
            texts = find(keys)
            unknown = places_of(None, texts)
        else:
            self.columns, texts = last.after(columns, rest), last.texts.copy()
            keys = [tuple(column[place] for column in columns) if signature else columns[0][place] for place in rest]
            found = find(keys)
            unknown = places_of(None, found)
            for place, text in zip(rest, found, strict=True):
                texts[place] = text
        if signature:
            self.signature, self.keys = signature, [keys[place] for place in unknown]
        self.fill(texts, [places[place] for place in unknown])

    def fill(self, texts: list[str | None], places: list[int]) -> None:
        """What is known of the missing rows, each in its place. places: where nothing is."""
        if not self._texts:
            self._texts = texts
        else:
            for hole, text in zip(self.holes, texts, strict=True):
                self._texts[hole] = text
        self.holes, self.missing = [self.holes[place] for place in places], [self.missing[place] for place in places]

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
        if self.of_use:
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
