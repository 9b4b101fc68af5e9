"""A charting library through a hook: Python has the data, dygraphs draws them, and each asks the other."""

import math
import time
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse

from asok import Asok, Component, every, exposed

SECONDS = 120


def level(second: float) -> float:
    """The water in a harbour, made up; the same for everybody who looks."""
    return round(2 + math.sin(second / 23) + 0.4 * math.sin(second / 5) + 0.08 * math.sin(second * 7), 3)


class Hooks(Component):
    """A library draws on its canvas; a hook of 30 lines hands it the data and tells Python what you look at."""

    css = "hooks.css"
    js = {"src": "hooks.js", "type": "module"}
    scoped = True
    looked = ""

    def load(self) -> None:
        now = int(time.time())
        self.points = [[second, level(second)] for second in range(now - SECONDS + 1, now + 1)]

    @every(1)
    def tick(self) -> None:
        """What load() reads is new each second."""

    @exposed
    def look(self, start: float, end: float) -> dict[str, float]:
        """What is between two moments; the hook calls it when the person has zoomed, and gets the mean."""
        values = [level(second) for second in range(math.ceil(start), math.floor(end) + 1)] or [level(start)]
        self.looked = f"{len(values)} values, from {min(values):.2f} to {max(values):.2f} m"
        return {"mean": sum(values) / len(values)}

    @exposed
    def show(self, seconds: int) -> None:
        now = int(time.time())
        self.dispatch("show", {"start": now - min(max(seconds, 5), SECONDS), "end": now})


async def library(request: Request) -> FileResponse:
    """The script of dygraphs, as its package brings it; the page fetches it when a chart is there."""
    package = find_spec("dygraphs")
    assert package is not None and package.origin is not None, "pip install 'asok-live[examples]'"
    return FileResponse(Path(package.origin).with_name("assets") / "dygraph-combined.js")


def serve_library(app: Asok) -> None:
    app.add_route("/library/dygraph.js", library)


app = Asok()
serve_library(app)
app.page("/", Hooks)
