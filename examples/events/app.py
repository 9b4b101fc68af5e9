"""A garden for keyboard, mouse and time: most of what an attribute can hear, without a line of JavaScript."""

from asok import Asok, Component, exposed

WIDE, PLOTS = 6, 24
GROWTH = " ·♣✿"
STEPS = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -WIDE, "ArrowDown": WIDE}


class Events(Component):
    """Plant with a click or Enter, walk with the arrows, dig with Delete or the right button. Time does the rest."""

    css, scoped = "events.css", True
    plots: list[int] = [0] * PLOTS
    told: list[str] = []

    def load(self) -> None:
        self.growth, self.wide = GROWTH, WIDE

    def _tell(self) -> None:
        event = self.event
        where = f" at {event.x}, {event.y}" if event.x is not None else ""
        held = f" with {event.keys}" if event.keys else ""
        self.told = [
            f"{event.type} {event.key or ''}".strip() + f" on {event.current_target.id}{where}{held}",
            *self.told[:4],
        ]

    @exposed
    def plant(self, place: int) -> None:
        self.plots[place] = max(1, self.plots[place])
        self._tell()

    @exposed
    def dig(self, place: int) -> None:
        self.plots[place] = 0
        self._tell()

    @exposed
    def walk(self, place: int, key: str) -> None:
        self.focus(f"#plot-{(place + STEPS[key]) % PLOTS}")
        self._tell()

    @exposed
    def grow(self) -> None:
        self.plots = [min(3, stage + 1) if stage else 0 for stage in self.plots]

    @exposed
    def clear(self) -> None:
        self.plots = [0] * PLOTS
        self._tell()


app = Asok()
app.page("/", Events)
