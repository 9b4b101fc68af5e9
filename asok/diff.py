"""What has changed between two texts, as a short list that turns the old one into the new one.

A delta is walked from left to right with a cursor into the old text:

    "text"   append it                    n > 0   append the next n units and move past them
    [p]      put the cursor at p          n < 0   move past the next -n units

and at the end what is left after the cursor is appended, so `[]` changes nothing. Offsets are UTF-16 code
units, because that is what JavaScript counts. The other half of this file is `alive-js/src/patch.js`.

How it is found. The common head and tail go first. In what is between, `_edits` walks both texts side by
side and looks for the place nearby where they agree again, a dozen times at most: its cost grows with the
number of edits, not with the text. If that leads nowhere (rows sorted, filtered, all of them touched),
`_moves` cuts both texts where rows begin, looks every new row up among the old ones, and trims the rows
that it does not find. It knows tags only as good places to cut. Nothing measures time: every part has a
fixed number of steps, and what is not found by then is sent as new text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Literal

__all__ = ["Delta", "apply", "change", "diff"]

Delta = list[int | str | list[int]]

# New text, or a stretch (start, end) of the old one, in code points.
_Piece = str | tuple[int, int]

_MAX_EDITS = 12
_PROBE = 24  # characters that must agree before two places count as the same
_REACHES = (0, 8, 40, 200)  # how far into a changed stretch the probes are taken
_WINDOW = 8192  # how far away a probe is looked for
_CLEAR = 256  # an agreement this long needs no second opinion
_AT_ONCE = 256  # characters that are compared as one number
_LONG = 1024
_NEAR = 48  # in so little text nothing more is looked for
_WORTH = 8  # a shorter copy costs as much as its text
_MAX_ROWS = 16_384
_ROWS = 16, 1024  # how long rows may be on average to be worth looking up
_TRIMMED = 12  # what the copies around a trimmed row cost
# From coarse to fine: where a row, a card or a line begins.
_MARKS = ("<tr", "<li", "<article", "<section", "<p", "<div", "\n", "<")


def change(old: str | None, new: str) -> str | Delta:
    """What to send to a browser that holds `old`: a delta, or all of `new` where a delta does not pay."""
    if old is None or len(old) * 2 < len(new):
        return new
    delta = diff(old, new)
    return delta if _size(delta) * 2 <= len(new) else new


def diff(old: str, new: str) -> Delta:
    """A delta that makes `new` out of `old`: short where it can be, right in any case."""
    if old == new:
        return []
    shorter = min(len(old), len(new))
    head = _agree(old, new, 0, 0, shorter)
    tail = _agree_backwards(old, new, len(old), len(new), shorter - head)
    if len(new) - head - tail <= _NEAR and old.isascii():
        # One small change, as most are. By the general way below it would be the same, at three times the cost.
        gone, text = len(old) - head - tail, new[head : len(new) - tail]
        return [*([head] if head else []), *([text] if text else []), *([-gone] if gone else [])]
    pieces = _edits(old, new, head, tail) or _moves(old, new, head, tail) or _replace(old, new, head, tail)
    return _encode(old, pieces)


def apply(old: str, delta: Delta) -> str:
    """The text that `delta` makes out of `old`; the reference for what the browser does."""
    units = old.encode("utf-16-le", "surrogatepass")
    cursor, made = 0, []
    for part in delta:
        if isinstance(part, str):
            made.append(part.encode("utf-16-le", "surrogatepass"))
        elif isinstance(part, list):
            cursor = part[0]
        else:
            if part > 0:
                made.append(units[2 * cursor : 2 * (cursor + part)])
            cursor += abs(part)
    made.append(units[2 * cursor :])
    return b"".join(made).decode("utf-16-le", "surrogatepass")


def _size(delta: Delta) -> int:
    """About how many characters the delta takes as JSON."""
    return sum(len(part) + 3 if isinstance(part, str) else 6 for part in delta)


def _replace(old: str, new: str, head: int, tail: int) -> list[_Piece]:
    return [(0, head), new[head : len(new) - tail], (len(old) - tail, len(old))]


# ---- side by side


def _edits(old: str, new: str, head: int, tail: int) -> list[_Piece] | None:
    """A few edits that keep the order of the text; None if they are many, or too far apart."""
    i = j = head
    old_end, new_end = len(old) - tail, len(new) - tail
    pieces: list[_Piece] = [(0, head)]
    for _ in range(_MAX_EDITS):
        if i == old_end or new_end - j <= _NEAR:
            return [*pieces, new[j:new_end], (old_end, len(old))]
        met = _meet(old, new, i, j, old_end, new_end)
        if met is None:
            return None
        to_i, to_j, length = met
        pieces += (new[j:to_j], (to_i, to_i + length))
        i, j = to_i + length, to_j + length
    return None


def _meet(old: str, new: str, i: int, j: int, old_end: int, new_end: int) -> tuple[int, int, int] | None:
    """Where after `i` and `j` both texts agree again, and for how long; None if nowhere near.

    It must agree for longer than the new text that it skips. For rows resemble each other, and with a
    probe that fits the wrong row one cheap edit would become many dear ones.
    """
    best = None
    for to_i, to_j in _candidates(old, new, i, j, old_end, new_end):
        back = _agree_backwards(old, new, to_i, to_j, min(to_i - i, to_j - j))
        to_i, to_j = to_i - back, to_j - back
        length = _agree(old, new, to_i, to_j, min(old_end - to_i, new_end - to_j))
        if length > to_j - j and (best is None or length > best[2]):
            best = to_i, to_j, length
            if length >= _CLEAR:
                break
    return best


def _candidates(old: str, new: str, i: int, j: int, old_end: int, new_end: int) -> Iterator[tuple[int, int]]:
    """Pairs of places that agree for `_PROBE` characters: overwritten, put in, taken out."""
    for reach in _REACHES:
        from_old = old[i + reach : min(i + reach + _PROBE, old_end)]
        from_new = new[j + reach : min(j + reach + _PROBE, new_end)]
        if from_old and from_old == from_new:
            yield i + reach, j + reach
        if len(from_old) == _PROBE and (at := new.find(from_old, j, min(j + _WINDOW, new_end))) >= 0:
            yield i + reach, at
        if len(from_new) == _PROBE and (at := old.find(from_new, i, min(i + _WINDOW, old_end))) >= 0:
            yield at, j + reach


# ---- row by row


def _moves(old: str, new: str, head: int, tail: int) -> list[_Piece] | None:
    """The new text as rows of the old one in any order; None if that leaves most of it unknown."""
    mark = _mark(new[head : len(new) - tail])
    if mark is None:
        return None
    old_rows = _rows(old, mark)
    starts = list(accumulate(map(len, old_rows), initial=0))
    places = {row: place for place, row in reversed(list(enumerate(old_rows)))}
    pieces: list[_Piece] = []
    place, patience = 0, (len(new) - tail - head) // 2
    for row in _rows(new, mark):
        if place < len(old_rows) and old_rows[place] == row:
            found: int | None = place
        else:
            found = places.get(row)
        if found is not None:
            pieces.append((starts[found], starts[found + 1]))
            place = found + 1
            continue
        at = min(place, len(old_rows) - 1)
        patience -= _trim(pieces, row, old, starts[at], starts[at + 1])
        if patience < 0:
            return None
        place += 1
    return pieces


def _mark(changed: str) -> str | None:
    """Where to cut: the coarsest mark that is frequent enough in what has changed."""
    least, most = (len(changed) / length for length in reversed(_ROWS))
    return next((mark for mark in _MARKS if least <= changed.count(mark) <= most), None)


def _rows(text: str, mark: str) -> list[str]:
    first, *others = text.split(mark, _MAX_ROWS)
    return [first, *[mark + row for row in others]]


def _trim(pieces: list[_Piece], row: str, old: str, start: int, end: int) -> int:
    """Write `row` with the head and tail of old[start:end]; what that costs in characters."""
    shorter = min(len(row), end - start)
    head = _agree(row, old, 0, start, shorter)
    tail = _agree_backwards(row, old, len(row), end, shorter - head)
    head, tail = (0 if same < _WORTH else same for same in (head, tail))
    pieces += ((start, start + head), row[head : len(row) - tail], (end - tail, end))
    return len(row) - head - tail + _TRIMMED


# ---- comparing


def _agree(a: str, b: str, i: int, j: int, limit: int) -> int:
    """How many characters from a[i:] and b[j:] are the same, at most `limit`.

    Slices are compared in C: eight times as much each time until they differ, then half as much each time.
    """
    same, step = 0, _AT_ONCE
    while b.startswith(a[i + same : i + min(same + step, limit)], j + same):
        same += step
        if same >= limit:
            return limit
        step *= 8
    step = min(step, limit - same)
    while step > _AT_ONCE:
        step -= step // 2
        if b.startswith(a[i + same : i + min(same + step, limit)], j + same):
            same += step
    end = min(same + step, limit)
    return same + _agree_at_once(a[i + same : i + end], b[j + same : j + end], "big")


def _agree_backwards(a: str, b: str, i: int, j: int, limit: int) -> int:
    """How many characters before a[i] and b[j] are the same, at most `limit`."""
    same, step = 0, _AT_ONCE
    if limit > _LONG and b.endswith(a[i - limit + _NEAR : i], 0, j):
        # One small change in a long text, as most are: a fifth of the steps.
        same = limit - _NEAR
    while b.endswith(a[i - min(same + step, limit) : i - same], 0, j - same):
        same += step
        if same >= limit:
            return limit
        step *= 8
    step = min(step, limit - same)
    while step > _AT_ONCE:
        step -= step // 2
        if b.endswith(a[i - min(same + step, limit) : i - same], 0, j - same):
            same += step
    end = min(same + step, limit)
    return same + _agree_at_once(a[i - end : i - same], b[j - end : j - same], "little")


def _agree_at_once(a: str, b: str, order: Literal["big", "little"]) -> int:
    """How many characters two short texts of one length share at their beginning, or "little": at their end.

    They differ. As numbers, they are compared in a third of the time of halving them again and again.
    """
    if a.isascii() and b.isascii():
        differs, bits = int.from_bytes(a.encode(), order) ^ int.from_bytes(b.encode(), order), 8
    else:
        one, two = (text.encode(f"utf-32-{order[0]}e", "surrogatepass") for text in (a, b))
        differs, bits = int.from_bytes(one, order) ^ int.from_bytes(two, order), 32
    return len(a) - (differs.bit_length() + bits - 1) // bits


# ---- writing it down


def _encode(old: str, pieces: Iterable[_Piece]) -> Delta:
    end, pieces = _in_units(old, list(pieces))
    delta: Delta = []
    cursor = 0
    for piece in _merged(pieces):
        if isinstance(piece, str):
            delta.append(piece)
            continue
        start, stop = piece
        if start != cursor:
            delta.append(cursor - start if start > cursor else [start])
        delta.append(stop - start)
        cursor = stop
    if cursor != end:
        delta.append(cursor - end)
    elif delta and isinstance(delta[-1], int):
        delta.pop()
    return delta


def _merged(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """The same with neighbours in one: texts that follow each other, stretches that continue each other."""
    texts: list[str] = []
    start = stop = 0
    for piece in pieces:
        if isinstance(piece, str):
            if start < stop and piece:
                yield start, stop
                start = stop = 0
            texts.append(piece)
        elif piece[0] == stop and start < stop:
            stop = piece[1]
        elif piece[0] < piece[1]:
            if start < stop:
                yield start, stop
            elif text := "".join(texts):
                yield text
            texts = []
            start, stop = piece
    if start < stop:
        yield start, stop
    elif text := "".join(texts):
        yield text


def _in_units(old: str, pieces: list[_Piece]) -> tuple[int, list[_Piece]]:
    """The length of `old` and the pieces, counted in UTF-16 code units."""
    if old.isascii():
        return len(old), pieces
    ends = sorted({len(old), *(end for piece in pieces if not isinstance(piece, str) for end in piece)})
    widths = (len(old[a:b].encode("utf-16-le", "surrogatepass")) // 2 for a, b in zip([0, *ends], ends, strict=False))
    units = dict(zip(ends, accumulate(widths), strict=True))
    counted = [piece if isinstance(piece, str) else (units[piece[0]], units[piece[1]]) for piece in pieces]
    return units[len(old)], counted
