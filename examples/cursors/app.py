"""A board on which everybody sees the pointers of all others."""

import secrets
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, convert

from asok import Asok, Component, Store
from asok.access import Change

NAMES = ("Badger", "Crane", "Dormouse", "Finch", "Hare", "Lynx", "Marten", "Newt", "Otter", "Plover", "Stoat", "Wren")
COLOURS = 6


@dataclass
class Point:
    """In thousandths of the board, so that it is the same place on every screen."""

    x: Annotated[int, Meta(ge=0, le=1000)]
    y: Annotated[int, Meta(ge=0, le=1000)]


def own(change: Change) -> bool:
    """Everybody moves their own pointer, and no further than the board goes."""
    if change.new is not None:
        convert(change.new, Point)
    return bool(change.path == change.session.get("pointer", {}).get("id"))


pointers = Store({}, name="pointers", readable=True, writable={"*": own})


class Cursors(Component):
    """Move your pointer over the board: the others see it, up to 20 times a second."""

    css = "cursors.css"
    js = {"src": "cursors.js", "type": "module"}
    scoped = True

    def mount(self) -> None:
        here = {member.meta["id"]: member.meta["name"] for member in self.presence.members("board")}
        if "pointer" not in self.session:
            name = secrets.choice([name for name in NAMES if name not in here.values()] or NAMES)
            self.session["pointer"] = {"id": secrets.token_hex(8), "name": name, "colour": NAMES.index(name) % COLOURS}
        self.presence.join("board", self.session["pointer"])
        for left in pointers.read().keys() - here:
            pointers.delete(left)

    def load(self) -> None:
        self.me = self.session["pointer"]
        self.people = {member.meta["id"]: member.meta for member in self.presence.members("board")}
        self.others = [person for id, person in self.people.items() if id != self.me["id"]]


app = Asok()
app.page("/", Cursors)
