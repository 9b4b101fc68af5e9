"""The numbers at an axis: 1, 2 or 5 times a power of ten apart, exact, and written as short as they can be."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

__all__ = ["Scale", "scale", "short", "words"]

ABOUT = 4
SUFFIXES = ("", "k", "M", "G", "T")
FITS = 5
BEYOND = 10**15
# What is closer together has no numbers between that could be written, or told apart.
ONE_VALUE = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from low to high, and the numbers at it with their texts, from below."""

    low: float
    high: float
    ticks: list[tuple[float, str]]

    def part(self, value: float) -> float:
        """Where a value stands, from 0 at the low end to 1 at the high one."""
        # Halves: the whole way from one end to the other may be more than a float can hold.
        way = self.high / 2 - self.low / 2
        return min(max((value / 2 - self.low / 2) / way, 0.0), 1.0) if way else 0.5


def scale(low: float, high: float) -> Scale:
    """The axis that shows all from low to high; for a single value it goes to zero, for zero to one."""
    if high / 2 - low / 2 <= ONE_VALUE * max(abs(low), abs(high)):
        low, high = (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)
    mantissa, exponent = _step(Fraction(high) - Fraction(low))
    step = mantissa * Fraction(10) ** exponent
    places = range(floor(Fraction(low) / step), ceil(Fraction(high) / step) + 1)
    numbers = [place * mantissa for place in places]
    values = [float(number * Fraction(10) ** exponent) for number in numbers]
    return Scale(values[0], values[-1], [*zip(values, short(numbers, exponent), strict=True)])


def _step(way: Fraction) -> tuple[int, int]:
    """The smallest of 1, 2 and 5 times a power of ten that takes about `ABOUT` steps for the way."""
    least = way / ABOUT
    exponent = len(str(floor(least))) - 1 if least >= 1 else -len(str(floor(1 / least)))
    for mantissa in (1, 2, 5):
        if mantissa * Fraction(10) ** exponent >= least:
            return mantissa, exponent
    return 1, exponent + 1


def short(numbers: list[int], exponent: int) -> list[str]:
    """Texts of numbers times a power of ten, all in one unit: plain where they are short, else `1.5k`, `2M`, `3e20`."""
    ways = [
        [_plain(number, exponent - 3 * power, suffix) for number in numbers] for power, suffix in enumerate(SUFFIXES)
    ]
    longest = [max(map(len, texts)) for texts in ways]
    found = ways[0] if longest[0] <= FITS else ways[longest.index(min(longest))]
    scientific = [_scientific(number, exponent) for number in numbers]
    return found if max(map(len, found)) <= FITS else min(found, scientific, key=lambda texts: max(map(len, texts)))


def _plain(number: int, exponent: int, suffix: str) -> str:
    if not number:
        return "0"
    digits = str(abs(number)) + "0" * max(exponent, 0)
    whole, part = (digits, "") if exponent >= 0 else (digits[:exponent], digits[exponent:].rjust(-exponent, "0"))
    part = part.rstrip("0")
    return f"{'-' if number < 0 else ''}{int(whole or 0):,}{'.' if part else ''}{part}{suffix}"


def _scientific(number: int, exponent: int) -> str:
    if not number:
        return "0"
    digits = str(abs(number))
    first, rest = digits[0], digits[1:].rstrip("0")
    return f"{'-' if number < 0 else ''}{first}{'.' if rest else ''}{rest}e{exponent + len(digits) - 1}"


def words(number: float) -> str:
    """A number for a reader: whole ones exactly, others with six digits."""
    if number == int(number) and abs(number) < BEYOND:
        return f"{int(number):,}"
    return f"{number:,.6g}".replace("e+", "e")
