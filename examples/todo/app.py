"""A todo list that lives in the visitor's session."""

from itertools import pairwise
from typing import Any, Literal

from asok import Asok, Component, exposed


class Todo(Component):
    """A list to add to, edit in place, filter and reorder; your session keeps it."""

    show: Literal["all", "open", "done"] = "all"
    editing: int = 0

    def load(self) -> None:
        self.items: list[dict[str, Any]] = self.session.get("todo", [])
        self.shown = [item for item in self.items if self.show in ("all", "done" if item["done"] else "open")]

    def _change(self, number: int, **values: Any) -> None:
        self.session["todo"] = [item | values if item["number"] == number else item for item in self.items]

    @exposed
    def add(self, text: str) -> None:
        if text.strip():
            number = 1 + max((item["number"] for item in self.items), default=0)
            self.session["todo"] = [*self.items, {"number": number, "text": text.strip(), "done": False}]
            self.reset("text")

    @exposed
    def mark(self, number: int, done: bool) -> None:
        self._change(number, done=done)

    @exposed
    def edit(self, number: int) -> None:
        self.editing = number
        self.focus("#new-text")

    @exposed
    def save(self, number: int, text: str) -> None:
        if text.strip():
            self._change(number, text=text.strip())
        self.editing = 0
        self.focus(f"#edit-{number}")

    @exposed
    def delete(self, number: int) -> None:
        self.session["todo"] = [item for item in self.items if item["number"] != number]

    @exposed
    def move(self, number: int, step: Literal[-1, 1]) -> None:
        for above, below in pairwise(self.shown):
            if number == (above if step == 1 else below)["number"]:
                other = {above["number"]: below, below["number"]: above}
                self.session["todo"] = [other.get(item["number"], item) for item in self.items]

    @exposed
    def only(self, show: Literal["all", "open", "done"]) -> None:
        self.show = show


app = Asok()
app.page("/", Todo)
