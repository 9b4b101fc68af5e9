"""A list of 100,000 rows with a true scrollbar, of which at most 80 are in the page."""

import sys
import unicodedata
from itertools import islice
from typing import NamedTuple

from asok import Asok, Component, exposed

SHOWN = 80


class Character(NamedTuple):
    place: int
    glyph: str
    name: str


def characters() -> list[Character]:
    named = ((each, unicodedata.name(each, "")) for each in map(chr, range(0x20, sys.maxunicode + 1)))
    found = islice((each for each in named if each[1]), 100_000)
    return [Character(place, glyph, name) for place, (glyph, name) in enumerate(found)]


ALL = characters()


class Virtual(Component):
    """A list of 100,000 rows. Scroll, drag the scrollbar or press End: only what is near is in the page."""

    css = "virtual.css"
    scoped = True
    first: int = 0

    def load(self) -> None:
        self.rows, self.total = ALL[self.first : self.first + SHOWN], len(ALL)

    @exposed
    def show(self, first: int) -> None:
        self.first = max(0, min(first, len(ALL) - SHOWN))

    @exposed
    def go(self, row: int) -> None:
        self.show(row - 1)


app = Asok()
app.page("/", Virtual)
