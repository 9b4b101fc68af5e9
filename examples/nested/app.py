"""Cards and tabs that take content, and children that keep what they are wherever they go."""

from asok import Asok, Component, exposed

PLACES = {
    "Oslo": "Fjords, saunas and very good bread.",
    "Porto": "Steep streets, tiles and the sea.",
    "Kyoto": "Temples, moss and small bars.",
}


class Tabs(Component):
    """One button for each slot that it is given, and the content of the one that is chosen."""

    chosen: str = ""

    @exposed
    def choose(self, name: str) -> None:
        self.chosen = name


class Card(Component):
    """A title, what it is given, and a footer if there is one."""

    title: str
    folded: bool = False

    @exposed
    def fold(self) -> None:
        self.folded = not self.folded


class Place(Component):
    """What is known of a place; of a few, nothing is."""

    name: str
    stars: int = 0

    def load(self) -> None:
        self.about = PLACES[self.name]

    @exposed
    def star(self) -> None:
        self.stars += 1


class Nested(Component):
    """Components in components: cards take content, keep their notes, change places, and one may fail alone."""

    css = "nested.css"
    names: list[str] = ["Oslo", "Porto", "Atlantis", "Kyoto"]
    seen: list[str] = []

    @exposed
    def up(self, name: str) -> None:
        place = max(self.names.index(name), 1)
        self.names.insert(place - 1, self.names.pop(place))

    @exposed
    def see(self, name: str) -> None:
        self.seen.remove(name) if name in self.seen else self.seen.append(name)


app = Asok()
app.page("/", Nested)
