"""A badge that follows what one enters: each control is a field of the component, of the type that it declares."""

from datetime import date
from typing import Literal

from asok import Asok, Component, bind, exposed

COURSES = ("Bread", "Soup", "Salad", "Cake")


class Binding(Component):
    """Every kind of control, bound to a typed field. The badge is what Python has of them."""

    css, scoped = "binding.css", True
    name: str = bind("Ada Lovelace")
    day: date | None = bind(date(2026, 12, 10))
    seats: int = bind(2)
    table: Literal["window", "garden", "kitchen"] = bind("window")
    courses: list[str] = bind(["Soup"])
    size: int = bind(100)
    hungry: bool = bind(True)
    note: str = bind("")

    def load(self) -> None:
        self.menu = COURSES

    @exposed
    def start_over(self) -> None:
        fresh = ("name", "day", "seats", "note")
        self.name, self.day, self.seats, self.note = "", None, 1, ""
        self.reset(*fresh)


app = Asok()
app.page("/", Binding)
