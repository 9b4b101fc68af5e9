"""Many persons at one site: they come, they click, they wait until all is answered, and are asked what they saw."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Any

from tests.faults.fleet import Fleet, until
from tests.faults.ledger import Account, compare, effects, read_tally
from tests.faults.person import Diary, Person
from tests.faults.wire import Address, fetch

__all__ = ["Crowd", "crowd", "ended", "percentile"]

AT_ONCE = 50
NUMBERS = count(1)


class Crowd:
    """Persons with a Tally each, who tell it the numbers 1, 2, 3 …"""

    def __init__(self, site: Fleet, address: Address, *, seed: int = 1, twice: float = 0, posted: float = 0) -> None:
        self.site, self.address, self.twice, self.posted = site, address, twice, posted
        self.random, self.diary = Random(seed), Diary()
        self.persons: list[Person] = []
        self.told: dict[str, int] = {}
        self._come, self._prefix = 0, f"p{next(NUMBERS)}-"
        self.method, self.rest = "note", ""
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def gather(self, number: int, path: str = "/") -> None:
        """Let so many come, and wait until all have the page and have told a first number."""
        names = [f"{self._prefix}{self._come + place}" for place in range(number)]
        self._come += number
        fresh = [Person(name, self.address, self.diary, twice=self.twice, posted=self.posted) for name in names]
        for person in fresh:
            self.told[person.name] = 0
        await asyncio.gather(*(self._visit(person, path) for person in fresh))
        self.persons += fresh

    async def _visit(self, person: Person, path: str) -> None:
        async with self._gate:
            await person.visit(path)

    async def replace(self, going: Sequence[Person]) -> None:
        """Let some go, once it is seen that all of theirs was exact, and as many others come."""
        self.persons = [person for person in self.persons if person not in set(going)]
        for person in going:
            person.leave()
            self.diary.problems += await self._compare(person, None)
        await self.gather(len(going))

    def tell(self, person: Person) -> None:
        """Let a person tell the next number."""
        self.told[person.name] += 1
        person.fire(f"{self.method}('{person.name}', {self.told[person.name]}{self.rest})")

    @asynccontextmanager
    async def busy(self, every: float) -> AsyncIterator[None]:
        """Meanwhile each person tells a number every so many seconds."""
        tasks = [asyncio.create_task(self._tell_often(person, every)) for person in self.persons]
        try:
            yield
        finally:
            await ended(*tasks)

    @asynccontextmanager
    async def busy_together(self, rate: float) -> AsyncIterator[None]:
        """Meanwhile all together tell so many numbers a second."""
        task = asyncio.create_task(self._tell_in_turn(rate))
        try:
            yield
        finally:
            await ended(task)

    async def _tell_in_turn(self, rate: float) -> None:
        loop = asyncio.get_running_loop()
        began, told = loop.time(), 0
        while True:
            while told < (loop.time() - began) * rate:
                told += 1
                self.tell(self.random.choice(self.persons))
            await asyncio.sleep(0.01)

    async def _tell_often(self, person: Person, every: float) -> None:
        await asyncio.sleep(self.random.random() * every)
        while True:
            if person.waiting < 100:
                self.tell(person)
            await asyncio.sleep(every * (0.5 + self.random.random()))

    async def settle(self, seconds: float) -> bool:
        """Wait until every event is answered, at most so long."""
        return await self._until(seconds, lambda: not any(person.waiting for person in self.persons))

    async def live(self, seconds: float, *, share: float = 1.0) -> bool:
        """Wait until every page is live, or this share of them, at most so long."""
        wanted = share * len(self.persons)
        return await self._until(seconds, lambda: sum(person.is_live for person in self.persons) >= wanted)

    async def _until(self, seconds: float, reached: Callable[[], bool]) -> bool:
        try:
            await until(reached, seconds)
        except TimeoutError:
            return False
        return True

    async def judge(self) -> list[str]:
        """What is not exact; a fresh page of each person says what is stored."""
        noted = effects(self.site.ledger) if self.method in ("note", "jot", "slowly") else None
        found = list(self.diary.problems)
        for answers in await asyncio.gather(*(self._compare(person, noted) for person in self.persons)):
            found += answers
        return found

    async def _compare(self, person: Person, noted: dict[str, Counter[int]] | None) -> list[str]:
        told = self.told[person.name]
        if not told:
            return []
        async with self._gate:
            fresh = await fetch(self.site.address, person.path, person.cookie)
        try:
            shown, stored = read_tally(person.first.text), read_tally(fresh.text)
        except ValueError as error:
            return [f"{person.name}: {error}"]
        account = Account(person.name, told, person.settled, len(person.refused), shown, stored)
        return compare(account, None if noted is None else noted[person.name])

    def leave(self) -> None:
        """All close their tabs."""
        for person in self.persons:
            person.leave()


@asynccontextmanager
async def crowd(site: Fleet, address: Address, number: int, **options: Any) -> AsyncIterator[Crowd]:
    """So many persons at a site, reached at this address; options as those of Crowd."""
    people = Crowd(site, address, **options)
    try:
        await people.gather(number)
        yield people
    finally:
        people.leave()


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel what goes on for ever. Raises what it has failed with."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
