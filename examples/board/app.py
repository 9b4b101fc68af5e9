"""A shopping list in pieces that tell each other what happens to them."""

from msgspec import Struct
from msgspec.structs import replace

from asok import Asok, Component, exposed, on


class Thing(Struct, frozen=True):
    number: int
    name: str
    price: float = 1


class Board(Component):
    """A shopping list in pieces: a row tells the list around it, the rows beside it, and the bin that can undo."""

    css = "board.css"
    things: list[Thing] = [Thing(1, "Bread", 3.2), Thing(2, "Olives", 4.5), Thing(3, "Tea", 6)]

    @exposed
    def add(self, name: str) -> None:
        number = 1 + max((thing.number for thing in self.things), default=0)
        self.keep(Thing(number, name))
        self.reset("name")

    @on("saved")
    def keep(self, thing: Thing) -> None:
        self.remove(thing)
        self.things = sorted([*self.things, thing], key=lambda each: each.number)

    @on("removed")
    def remove(self, thing: Thing) -> None:
        self.things = [each for each in self.things if each.number != thing.number]


class BoardRow(Component):
    """One thing to buy."""

    thing: Thing
    first: bool = False

    @exposed
    def price(self, value: float) -> None:
        self.thing = replace(self.thing, price=value)
        self.emit("saved", self.thing)

    @exposed
    def star(self) -> None:
        self.first = not self.first
        self.emit("starred", to="siblings")

    @on("starred")
    def unstar(self) -> None:
        self.first = False

    @exposed
    def drop(self) -> None:
        self.emit("removed", self.thing)
        self.emit("removed", self.thing, to="BoardBin")


class BoardBin(Component):
    """Keeps what was removed last."""

    last: Thing | None = None

    @on("removed")
    def take(self, thing: Thing) -> None:
        self.last = thing
        self.focus("button")

    @exposed
    def undo(self) -> None:
        self.emit("saved", self.last)
        self.last = None


app = Asok()
app.page("/", Board)
