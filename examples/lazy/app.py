"""Slow parts of a page that come later: at once, when the browser is idle, or when somebody scrolls to them."""

import asyncio
import unicodedata
from collections import Counter

from asok import Asok, Component

KINDS = {"L": "letters", "M": "marks", "N": "numbers", "P": "punctuation", "S": "symbols"}


def letters(first: int, last: int) -> Counter[str]:
    """How many characters of each kind Unicode has between two code points; slow enough to be waited for."""
    return Counter(unicodedata.category(chr(number))[0] for number in range(first, last))


class Report(Component):
    """Counts characters, which takes a while."""

    placeholder = "<div class='report'><h2>{{ title }}</h2><p>Counting …</p></div>"
    title: str
    first: int
    last: int

    async def load(self) -> None:
        found = await asyncio.to_thread(letters, self.first, self.last)
        self.rows = [(name, found[kind]) for kind, name in KINDS.items()]
        self.most = max(count for _, count in self.rows) or 1


class Lazy(Component):
    """The page is there at once; its slow parts follow side by side, and the last when you scroll down to it."""

    css = "lazy.css"


app = Asok()
app.page("/", Lazy)
