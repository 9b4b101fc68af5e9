"""Costs as curves: how fast they grow, and a picture of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["STEEPEST", "Curve", "drawn", "exponent"]

STEEPEST = 1.15  # linear, and what a measurement may be off
LINEAR = 3
WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, FOOT = 84, 36, 24, 64
COLOURS = ("#00795c", "#b34700", "#5b3fd1", "#b0005b")
Point = Sequence[float]


@dataclass(frozen=True)
class Curve:
    """Processor time per event in microseconds, over something that grows. plot: the picture that it is in."""

    name: str
    plot: str
    points: Sequence[Point]

    @property
    def exponent(self) -> float:
        """Of the last points, where what is the same for all sizes weighs least."""
        return exponent([point for point in self.points if point[0] > 0][-LINEAR:])

    @property
    def kept(self) -> bool:
        """Whether it grows linearly or better."""
        return self.exponent <= STEEPEST


def exponent(points: Sequence[Point]) -> float:
    """k of the power x ** k that fits best, by least squares on logarithms; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    middle, mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    return sum((x - middle) * (y - mean) for x, y in zip(xs, ys, strict=True)) / spread


def drawn(axis: str, curves: Sequence[Curve]) -> str:
    """The curves as SVG, on a card that is white in the dark, too. Both scales are logarithmic; 0 stands at half the
    next.
    """
    places = sorted({point[0] for curve in curves for point in curve.points})
    least = places[0] or places[1] / 2
    across = Scale(least, places[-1], LEFT, WIDTH - RIGHT)
    costs = [point[1] for curve in curves for point in curve.points]
    up = Scale(10 ** math.floor(math.log10(min(costs))), 10 ** math.ceil(math.log10(max(costs))), HEIGHT - FOOT, TOP)
    return "\n".join(
        [*card(axis), *cost_lines(up), *place_marks(across, places, least), *lines(curves, across, up, least)]
    )


@dataclass(frozen=True)
class Scale:
    """From a value to its place on the paper, by logarithms."""

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.first) / (math.log(self.last / self.first) or 1)
        return round(self.start + share * (self.end - self.start), 1)


def card(axis: str) -> list[str]:
    """The paper, and what the axes are."""
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f"<title>Server CPU per event, in µs, against {axis}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>',
        f'<g fill="#444"><text x="{middle}" y="{HEIGHT - 26}" text-anchor="middle">{axis}</text>',
        f'<text x="18" y="{(TOP + HEIGHT - FOOT) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 18 {(TOP + HEIGHT - FOOT) / 2})">µs of server CPU per event</text></g>',
    ]


def cost_lines(up: Scale) -> list[str]:
    """A line across for each power of ten."""
    marks, cost = [], up.first
    while cost <= up.last * 1.01:
        y = up(cost)
        marks.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        marks.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#444">{cost:,.0f}</text>')
        cost *= 10
    return marks


def place_marks(across: Scale, places: Sequence[float], least: float) -> list[str]:
    """What was measured, below."""
    y = HEIGHT - FOOT + 18
    return [
        f'<text x="{across(place or least)}" y="{y}" text-anchor="middle" fill="#444">{place:,.0f}</text>'
        for place in places
    ]


def lines(curves: Sequence[Curve], across: Scale, up: Scale, least: float) -> list[str]:
    """Each curve with its points and, where there are several, its name at the foot."""
    out, room = [], (WIDTH - LEFT - RIGHT) / len(curves)
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        dots = [(across(x or least), up(y)) for x, y in curve.points]
        path = " ".join(f"{x},{y}" for x, y in dots)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in dots]
        if len(curves) == 1:
            break
        x = LEFT + number * room
        out.append(f'<rect x="{x}" y="{HEIGHT - 17}" width="18" height="4" fill="{colour}"/>')
        out.append(f'<text x="{x + 24}" y="{HEIGHT - 10}" fill="#222">{escape(curve.name)}</text>')
    return [*out, "</svg>\n"]
