"""Where the lines, bars and words of an SVG chart stand; `asok/charts.html` draws what is worked out here.

A plot is `SPAN` units high, and one unit wide for a step from point to point or ten for a bar; the browser stretches
it. Paths go on in relative whole steps: when one value changes, or a point leaves at the left and another comes at
the right, most of the path's text is as before, and the patch is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise, zip_longest
from numbers import Real
from typing import Any

from asok.errors import ComponentError
from asok.ticks import Scale, scale, words

__all__ = ["SPAN", "Chart", "Mark", "Plotted", "Text", "bar_chart", "line_chart", "spark_line"]

SPAN = 1000
BAR = 10
LARGEST = 1e300
# So many words fit below a chart on a phone, and so many characters in all.
LABELS, LONGEST, CHARACTERS = 6, 14, 43


@dataclass(frozen=True, slots=True)
class Text:
    """A word at an axis. at: its place from 0 to 1, from the left or from the top."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One value, with its words: a point of a line, or a bar. key: stays the same while the value changes."""

    key: str
    x: int
    y: int
    width: int
    height: int
    title: str


@dataclass(frozen=True, slots=True)
class Plotted:
    """One series as it is drawn. path, area: the `d` of a line and of what lies below it."""

    name: str
    path: str
    area: str
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart worked out. width: of the plot, in its own units. zero: where nothing is, from the top. rows: all values
    in words, under their labels."""

    width: int
    zero: int
    ticks: list[Text]
    labels: list[Text]
    series: list[Plotted]
    summary: str
    rows: list[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    labels: list[str]
    values: list[float | None]


def line_chart(data: Any, *, unit: str = "", low: float | None = None, high: float | None = None) -> Chart:
    """A line for each series. low, high: what the axis reaches to at least. Raises ComponentError for odd data."""
    series = _series(data)
    count = max(len(each.values) for each in series)
    scaled = _scale(series, low, high)
    width = max(count - 1, 1) if count != 1 else 2
    xs = [*range(count)] if count != 1 else [1]
    plotted = [_line(each, xs, scaled, unit) for each in series]
    return _chart(series, plotted, width, scaled, [x / width for x in xs], unit)


def bar_chart(data: Any, *, unit: str = "", low: float | None = None, high: float | None = None) -> Chart:
    """Bars from zero, side by side for several series. Raises ComponentError for odd data."""
    series = _series(data)
    count = max(len(each.values) for each in series)
    scaled = _scale(series, 0 if low is None else min(low, 0), 0 if high is None else max(high, 0))
    step = (BAR - 2) * len(series) + 2
    plotted = [_bars(each, place, step, scaled, unit) for place, each in enumerate(series)]
    centres = [(place + 0.5) / count for place in range(count)]
    return _chart(series, plotted, max(count, 1) * step, scaled, centres, unit)


def spark_line(data: Any, *, unit: str = "", low: float | None = None, high: float | None = None) -> Chart:
    """One line without axes, from the lowest value to the highest. Raises ComponentError for odd data."""
    series = _series(data)[:1]
    values = _numbers(series, low, high)
    bottom, top = (min(values), max(values)) if values else (0.0, 1.0)
    scaled = Scale(bottom, top, []) if bottom < top else Scale(bottom - 1, top + 1, [])
    count = len(series[0].values)
    xs = [*range(count)] if count != 1 else [1]
    line = _line(series[0], xs, scaled, unit)
    return _chart(series, [line], max(count - 1, 1) if count != 1 else 2, scaled, [0.0] * count, unit)


def _chart(
    series: list[Series], plotted: list[Plotted], width: int, scaled: Scale, places: list[float], unit: str
) -> Chart:
    labels = max((each.labels for each in series), key=len)
    fitting = min(LABELS, CHARACTERS // (max(map(len, map(_shortened, labels)), default=0) + 2))
    shown = range(0, len(labels), max(1, -(-len(labels) // fitting)))
    return Chart(
        width,
        _zero(scaled),
        [Text(_y(scaled, value) / SPAN, text) for value, text in scaled.ticks],
        [Text(places[each], _shortened(labels[each])) for each in shown if labels[each]],
        plotted,
        _summary(series, unit),
        _rows(series, labels, unit),
    )


def _line(series: Series, xs: list[int], scaled: Scale, unit: str) -> Plotted:
    points = [(x, None if value is None else _y(scaled, value)) for x, value in zip(xs, series.values, strict=False)]
    runs = [[*run] for there, run in groupby(points, key=lambda point: point[1] is not None) if there]
    marks = [
        Mark(str(place), x, y, 0, 0, _title(series, place, unit))
        for place, (x, y) in enumerate(points)
        if y is not None
    ]
    zero = _zero(scaled)
    area = "".join(f"M{run[0][0]} {zero}V{run[0][1]}{_steps(run)}V{zero}z" for run in runs)
    return Plotted(series.name, _path(runs), area, marks)


def _path(runs: list[list[Any]]) -> str:
    found, before = "", None
    for run in runs:
        x, y = run[0]
        found += f"M{x} {y}" if before is None else f"m{x - before[0]} {y - before[1]}"
        # A step of nothing makes a dot of a point that has no neighbours.
        found += _steps(run) or "h0"
        before = run[-1]
    return found


def _steps(run: list[Any]) -> str:
    steps = [f"{x - older_x} {y - older_y}".replace(" -", "-") for (older_x, older_y), (x, y) in pairwise(run)]
    return "l" + " ".join(steps) if steps else ""


def _bars(series: Series, place: int, step: int, scaled: Scale, unit: str) -> Plotted:
    zero, marks = _zero(scaled), []
    for index, value in enumerate(series.values):
        if value is not None:
            y = _y(scaled, value)
            left = index * step + 1 + place * (BAR - 2)
            marks.append(Mark(str(index), left, min(y, zero), BAR - 2, abs(y - zero), _title(series, index, unit)))
    return Plotted(series.name, "", "", marks)


def _y(scaled: Scale, value: float) -> int:
    return SPAN - round(SPAN * scaled.part(value))


def _zero(scaled: Scale) -> int:
    """Where nothing is, or the end of the axis that is nearest to it."""
    return _y(scaled, 0.0)


def _scale(series: list[Series], low: float | None, high: float | None) -> Scale:
    values = _numbers(series, low, high)
    return scale(min(values, default=0.0), max(values, default=0.0))


def _numbers(series: list[Series], *more: float | None) -> list[float]:
    """All values there are, and the ends that the axis has to reach."""
    given = [_number(each, "low or high") for each in more if each is not None]
    return [value for each in [*(one.values for one in series), given] for value in each if value is not None]


# --- what is given


def _series(data: Any) -> list[Series]:
    """`[1, None, 3]`, `[("Mon", 1), …]`, `{"Mon": 1, …}`, or a dict of a name and one of these for each series."""
    if isinstance(data, Mapping) and data and all(isinstance(each, Sequence | Mapping) for each in data.values()):
        return [_one(str(name), each) for name, each in data.items()]
    return [_one("", data)]


def _one(name: str, data: Any) -> Series:
    given = [*data.items()] if isinstance(data, Mapping) else data
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise ComponentError(f"a chart draws a list of numbers, got {data!r:.80}")
    labels, values = [], []
    for place, each in enumerate(given):
        label, value = each if isinstance(each, tuple | list) and len(each) == 2 else ("", each)
        labels.append(str(label))
        values.append(_number(value, f"place {place}"))
    return Series(name, labels, values)


def _number(value: Any, where: str) -> float | None:
    """Not a number and infinity are gaps, too: they have no place."""
    if value is None:
        return None
    if not isinstance(value, Real | Decimal):
        problem = f"a chart draws numbers, None for a gap, or pairs of a label and one of these; at {where} is"
        raise ComponentError(f"{problem} {value!r:.80}")
    try:
        found = float(value)
    except OverflowError:
        found = 2 * LARGEST
    except ValueError:  # a Decimal may be no number that even says so
        return None
    if not abs(found) <= float("inf") or abs(found) == float("inf"):
        return None
    if abs(found) > LARGEST:
        raise ComponentError(f"a chart draws numbers up to {LARGEST:.0e}; at {where} is a larger one")
    return found if abs(found) >= 1 / LARGEST else 0.0


# --- in words


def _title(series: Series, place: int, unit: str) -> str:
    return ": ".join(part for part in (series.name, series.labels[place], _said(series.values[place], unit)) if part)


def _said(value: float | None, unit: str) -> str:
    return "" if value is None else words(value) + unit


def _summary(series: list[Series], unit: str) -> str:
    return "; ".join(_told(each, unit) for each in series)


def _told(series: Series, unit: str) -> str:
    values = [value for value in series.values if value is not None]
    name = f"{series.name}: " if series.name else ""
    if not values:
        return f"{name}no values"
    ends = f"from {_said(min(values), unit)} to {_said(max(values), unit)}, last {_said(values[-1], unit)}"
    return f"{name}{len(values)} values {ends}" if len(values) > 1 else f"{name}{_said(values[0], unit)}"


def _rows(series: list[Series], labels: list[str], unit: str) -> list[tuple[str, list[str]]]:
    columns: Iterator[tuple[float | None, ...]] = zip_longest(*(each.values for each in series))
    return [
        (label or str(place + 1), [_said(value, unit) for value in row])
        for place, (label, row) in enumerate(zip(labels, columns, strict=True))
    ]


def _shortened(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
