"""This machine's processor, memory and disk, once a second on every open page."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import psutil

from asok import Asok, Component, Store

SECONDS = 60
MEGA, GIGA = 1e6, 1e9

# second -> figure -> its value and what more there is to say
minute = Store({}, name="dashboard")


def figures(moved: float) -> dict[str, tuple[float, str]]:
    """moved: the megabytes that went to and from the disks in the last second."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    return {
        "cpu": (psutil.cpu_percent(), f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.2f}"),
        "memory": (memory.percent, f"{memory.used / GIGA:.1f} of {memory.total / GIGA:.1f} GB in use"),
        "disk": (round(moved, 2), f"{disk.used / GIGA:.1f} of {disk.total / GIGA:.1f} GB in use"),
    }


def transferred() -> float:
    counters = psutil.disk_io_counters()
    return (counters.read_bytes + counters.write_bytes) / MEGA if counters else 0


async def measure() -> None:
    """Add what is measured each second. Processes that do so side by side write the same second, not one more."""
    before = transferred()
    while True:
        await asyncio.sleep(1 - time.time() % 1)
        now, total = round(time.time()), transferred()
        recent = {second: each for second, each in minute.read().items() if now - SECONDS < int(second) < now}
        await minute.set("", {**recent, str(now): figures(total - before)})
        before = total


@asynccontextmanager
async def measuring(app: Asok) -> AsyncIterator[None]:
    task = asyncio.create_task(measure())
    yield
    task.cancel()


class Dashboard(Component):
    """What this machine is doing. One task measures each second, and every open page shows it."""

    css = "dashboard.css"
    scoped = True


class Figure(Component):
    css = "figure.css"
    scoped = True
    what: Literal["cpu", "memory", "disk"]

    def load(self) -> None:
        seconds = {int(second): figures[self.what] for second, figures in minute.read().items()}
        self.last = max(seconds, default=0)
        self.value, self.words = seconds.get(self.last, (0, "measuring"))
        values = [value for value, _ in seconds.values()]
        self.top = max([1 if self.what == "disk" else 100, *values])
        self.points = [
            (SECONDS - self.last + second, 100 * value / self.top) for second, (value, _) in sorted(seconds.items())
        ]


app = Asok(lifespan=measuring)
app.page("/", Dashboard)
