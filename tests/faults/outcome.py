"""Where a scenario runs, and what it hands back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.faults.crowd import Crowd, percentile
from tests.faults.fleet import Fleet, fleet
from tests.redis_server import redis_server

__all__ = ["Bench", "Outcome"]

LONGEST_WAIT = 60.0


@dataclass
class Outcome:
    """What a scenario has found. promise: in words; figures: what was reached; problems: where it was not kept."""

    promise: str
    figures: dict[str, str | int | float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def expect(self, kept: bool, problem: str) -> None:
        """Note a problem where a promise was not kept."""
        if not kept:
            self.problems.append(problem)

    async def settle(self, people: Crowd, seconds: float = LONGEST_WAIT, *, parks: bool = False) -> None:
        """Wait until all is answered, then compare it with what is stored.

        parks: processes die, so that an event that was under way twice just then may be refused.
        """
        if not await people.settle(seconds):
            waiting = {person.name: person.waiting for person in people.persons if person.waiting}
            self.problems.append(f"not answered after {seconds:.0f} s: {dict(list(waiting.items())[:10])}")
        self.problems += await people.judge()
        refused = {kind: number for kind, number in people.diary.seen.items() if kind.startswith("refused: ")}
        parked = refused.pop("refused: parked", 0) if parks else 0
        self.expect(not refused, f"innocent events were {refused}")
        if parked:
            self.figures["under way at two deaths, and parked"] = parked
        if self.problems:
            self.problems += [f"log: {line}" for line in people.site.said()]
        seen, returns = people.diary.seen, people.diary.returns
        self.figures["events"] = sum(person.settled for person in people.persons)
        self.figures["resets and reloads"] = seen["reset"] + seen["reload"]
        if returns:
            self.figures["live again, p99 s"] = round(percentile(returns, 0.99), 2)


@dataclass
class Bench:
    """A folder for what a run leaves, the store that the workers share (`redis` or `sqlite`), and whom to tell.

    running: a site that the scenarios share.
    """

    folder: Path
    store: str = "sqlite"
    say: Callable[[str], None] = lambda text: None
    running: Fleet | None = None
    _numbers: count[int] = field(default_factory=count)

    def room(self) -> Path:
        """A folder of its own, for one more site or server."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir(parents=True)
        return folder

    @asynccontextmanager
    async def site(self, workers: int = 2, **environment: str) -> AsyncIterator[Fleet]:
        """A site that runs on the store of this bench, or the one that runs already."""
        if self.running is not None:
            yield self.running
            return
        folder = self.room()
        if self.store == "redis":
            with redis_server(folder / "redis") as redis:
                async with fleet(folder, workers=workers, redis=redis.url, **environment) as site:
                    yield site
        else:
            async with fleet(folder, workers=workers, **environment) as site:
                yield site
