"""A log of 10,000 messages, of which the page shows some at a time and the server keeps none for it."""

from itertools import count
from typing import NamedTuple

from asok import Asok, Component, Stream, exposed, on

SHOWN, MORE = 150, 50
WORDS = ["harbour", "lantern", "meadow", "river", "winter", "bridge", "orchard", "thunder", "willow", "compass"]


class Message(NamedTuple):
    id: int
    text: str


def message(number: int, text: str = "") -> Message:
    places = (number, number // 7, number * 7 // 3)
    return Message(number, text or " ".join(WORDS[place % len(WORDS)] for place in places).capitalize() + ".")


LOG = {number: message(number) for number in range(1, 10_001)}
NUMBERS = count(10_001)


def between(first: int, last: int) -> list[Message]:
    return [LOG[number] for number in range(first, last + 1) if number in LOG]


class Feed(Component):
    """A log of 10,000 messages that grows at both ends as you scroll, with at most 150 of them in the page."""

    css = "feed.css"
    scoped = True
    first: int = 1
    last: int = MORE
    pins: list[int] = []
    rows: Stream[Message] = Stream(limit=SHOWN)
    pinned: Stream[Message] = Stream()

    @rows.fill
    def in_sight(self) -> list[Message]:
        return between(self.first, self.last)[-SHOWN:]

    @pinned.fill
    def kept(self) -> list[Message]:
        return [LOG[number] for number in self.pins if number in LOG]

    @exposed
    def older(self) -> None:
        self.rows.prepend(*between(self.first - MORE, self.first - 1))
        self.first = max(1, self.first - MORE)
        self.last = min(self.last, self.first + SHOWN - 1)

    @exposed
    def newer(self) -> None:
        self.rows.append(*between(self.last + 1, self.last + MORE))
        self.last = min(max(LOG), self.last + MORE)
        self.first = max(self.first, self.last - SHOWN + 1)

    @exposed
    def jump(self, number: int) -> None:
        number = min(number, max(LOG))
        self.first, self.last = max(1, number - MORE), min(max(LOG), number + MORE)
        self.rows.reset(self.in_sight())
        self.scroll_into_view(f".log [ws-key='{number}']")

    @exposed
    def write(self, text: str) -> None:
        if text.strip():
            number = next(NUMBERS)
            LOG[number] = message(number, text.strip()[:200])
            self.broadcast("feed", number)
            self.jump(number)
            self.reset("text")

    @on("feed")
    def changed(self, number: int) -> None:
        if number not in LOG:
            self.rows.delete(number)
            self.pinned.delete(number)
        elif self.last >= number - 1:
            self.rows.append(LOG[number])
            self.last, self.first = number, max(self.first, number - SHOWN + 1)

    @exposed
    def delete(self, number: int) -> None:
        LOG.pop(number, None)
        self.broadcast("feed", number)

    @exposed
    def pin(self, number: int) -> None:
        if number not in self.pins:
            self.pins.append(number)
            self.pinned.append(LOG[number])

    @exposed
    def up(self, number: int) -> None:
        place = max(0, self.pins.index(number) - 1)
        self.pins.remove(number)
        self.pins.insert(place, number)
        self.pinned.move(number, at=place)

    @exposed
    def unpin(self, *numbers: int) -> None:
        self.pins = [number for number in self.pins if number not in numbers]
        self.pinned.delete(*numbers)


app = Asok()
app.page("/", Feed)
