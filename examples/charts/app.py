"""Charts without a script: an office's climate, measured each second and drawn by the server as SVG."""

import math
import time

from asok import Asok, Component, every

SECONDS = 60
ROOMS = {"Archive": (17.5, 3), "Library": (20.5, 7), "Studio": (22.0, 13)}


def temperature(room: str, second: int) -> float | None:
    """A sensor that is made up, and silent now and then; the same for everybody who looks."""
    usual, period = ROOMS[room]
    if (second * period) % 97 < 4:
        return None
    return round(usual + 1.5 * math.sin(second / period) + math.sin(second * period) / 4, 1)


class Charts(Component):
    """Lines, bars and sparklines that follow the clock. No script draws them, and a strict policy lets them pass."""

    css = "charts.css"
    scoped = True

    def load(self) -> None:
        now = int(time.time())
        seconds = range(now - SECONDS + 1, now + 1)
        times = [time.strftime("%H:%M:%S", time.localtime(second)) for second in seconds]
        self.rooms = {room: [temperature(room, second) for second in seconds] for room in ROOMS}
        self.timed = {room: dict(zip(times, values, strict=True)) for room, values in self.rooms.items()}
        self.silent = {room: values.count(None) for room, values in self.rooms.items()}

    @every(1)
    def tick(self) -> None:
        """What load() reads is new each second."""


app = Asok()
app.page("/", Charts)
