"""An hour of everyday life: people come and go, click now and then, and the memory of the workers stays flat."""

from __future__ import annotations

import asyncio

from tests.faults.crowd import Crowd, crowd, ended, percentile
from tests.faults.fleet import Fleet
from tests.faults.outcome import Bench, Outcome
from tests.faults.vitals import allow_files, memory, open_files

__all__ = ["drawn", "slope", "soak"]

MEGABYTE = 1024 * 1024
EVERY = 10.0
SETTLED = 600.0
ALLOWED = 1.0  # MB in ten minutes
MORE = 1.1  # how many more tasks or files the second half may have, since persons come and go by chance


async def soak(
    bench: Bench,
    *,
    minutes: float = 60.0,
    clients: int = 1000,
    rate: float = 200.0,
    churn: float = 10.0,
    every: float = EVERY,
) -> Outcome:
    """R23: 1,000 connections, 200 events a second, ten a second leave and ten come."""
    outcome = Outcome("60 min, 1,000 connections, 200 events/s, 10 joins and leaves a second: memory and files flat")
    allow_files()
    async with bench.site() as site, crowd(site, site.address, clients) as people:
        await people.live(120)
        samples = Samples(site, every)
        churning = asyncio.create_task(come_and_go(people, churn))
        async with people.busy_together(rate):
            for minute in range(1, int(minutes) + 1):
                await samples.take_for(60)
                bench.say(f"{minute} min: {await samples.counted()}")
            await samples.take_for(minutes % 1 * 60)
        await ended(churning)
        await outcome.settle(people)
        outcome.figures["p99 ms"] = round(1000 * percentile(people.diary.answers, 0.99), 1)
    outcome.figures |= {"minutes": minutes, **samples.figures}
    if minutes * 60 > 2 * SETTLED:
        outcome.problems += samples.growing()
    (bench.folder / "soak.svg").write_text(drawn(samples.megabytes, every))
    return outcome


class Samples:
    """What the workers of a site take: memory and files every so many seconds, the rest each minute."""

    def __init__(self, site: Fleet, every: float) -> None:
        self._site, self._every = site, every
        self.megabytes = list[float]()
        self._counts: dict[str, list[int]] = {"files": [], "tasks": [], "clients of Redis": []}

    async def take_for(self, seconds: float) -> None:
        """Look so long."""
        for _ in range(int(seconds / self._every)):
            await asyncio.sleep(self._every)
            pids = self._site.pids()
            self.megabytes.append(sum(memory(pid) for pid in pids) / MEGABYTE)
            self._counts["files"].append(sum(open_files(pid) for pid in pids))

    async def counted(self) -> str:
        """Count what takes a question; how all stands, in words."""
        self._counts["tasks"].append(self._site.tasks())
        self._counts["clients of Redis"].append(await self._site.redis_clients())
        counted = [f"{counts[-1]} {name}" for name, counts in self._counts.items()]
        return ", ".join([f"{self.megabytes[-1]:.1f} MB", *counted])

    @property
    def rise(self) -> float:
        """Megabytes in ten minutes, after the first ten; of a short run the second half has to do."""
        late = self.megabytes[min(int(SETTLED / self._every), len(self.megabytes) // 2) :]
        return slope(late) * SETTLED / self._every

    @property
    def figures(self) -> dict[str, str | int | float]:
        """For the table."""
        extent = {f"{name}, least and most": f"{min(c)}, {max(c)}" for name, c in self._counts.items() if c}
        return {"MB at the end": round(self.megabytes[-1], 1), "MB in ten minutes": round(self.rise, 2), **extent}

    def growing(self) -> list[str]:
        """What is not flat."""
        found = [f"memory rises by {self.rise:.2f} MB in ten minutes"] if self.rise >= ALLOWED else []
        for name, counts in self._counts.items():
            half = len(counts) // 2
            before, after = sum(counts[:half]) / half, sum(counts[half:]) / (len(counts) - half)
            if after > before * MORE + 1:
                found.append(f"{name} grow from {before:.0f} to {after:.0f}")
        return found


async def come_and_go(people: Crowd, churn: float) -> None:
    """So many a second close their tab, when they have been answered, and as many open one."""
    while True:
        await asyncio.sleep(1)
        going = [person for person in people.random.sample(people.persons, int(churn)) if not person.waiting]
        await people.replace(going)


def slope(values: list[float]) -> float:
    """By how much they rise from one to the next, by least squares; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((place - middle) ** 2 for place in range(len(values)))
    return sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread


def drawn(megabytes: list[float], every: float) -> str:
    """The memory of the workers as a picture: a line over the minutes, from zero."""
    most, width, height = max(megabytes, default=1.0) * 1.1, 720, 240
    points = " ".join(
        f"{60 + place * (width - 80) / max(1, len(megabytes) - 1):.1f},{height - 30 - each / most * (height - 50):.1f}"
        for place, each in enumerate(megabytes)
    )
    minutes = len(megabytes) * every / 60
    right, foot = width - 20, height - 10
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">
<title>Memory of two workers, in MB</title>
<rect width="{width}" height="{height}" fill="#fff"/>
<path d="M60 20V{height - 30}H{right}" fill="none" stroke="#888"/>
<text x="52" y="{height - 26}" text-anchor="end">0</text><text x="52" y="28" text-anchor="end">{most:.0f} MB</text>
<text x="60" y="{foot}">0</text><text x="{right}" y="{foot}" text-anchor="end">{minutes:.0f} min</text>
<polyline points="{points}" fill="none" stroke="#0a6" stroke-width="2"/>
</svg>
"""
