"""Many hands on one thing: tabs of one session, one store, one order."""

from __future__ import annotations

import asyncio
import re

from tests.faults.chaos import chaos
from tests.faults.crowd import Crowd, crowd, percentile
from tests.faults.fleet import Fleet
from tests.faults.outages import shown_by
from tests.faults.outcome import Bench, Outcome
from tests.faults.person import Diary, Person
from tests.faults.wire import Address, fetch

__all__ = ["lost_updates", "order", "two_tabs"]


async def lost_updates(bench: Bench, *, tabs: int = 2, events: int = 1000) -> Outcome:
    """R17: tabs of one session write to one session and one store at the same time."""
    outcome = Outcome("two tabs of a session, 1,000 increments each: 2,000 in the session and in the store")
    async with bench.site() as site, crowd(site, site.address, 1) as people:
        first = people.persons[0]
        before = await total(site)
        people.method = "share"
        for number in range(1, tabs):
            tab = Person(f"tab{number}", site.address, people.diary)
            people.told[tab.name] = 0
            people.persons.append(await tab.visit("/", first.cookie))
        for person in people.persons:
            for _ in range(events):
                people.tell(person)
        outcome.expect(await people.settle(events), "not all was answered")
        stored, shared = await total(site) - before, await total(site, "shared", first.cookie)
        outcome.expect(stored == shared == tabs * events, f"the store has {stored}, the session {shared}")
        outcome.problems += people.diary.problems + [f"log: {line}" for line in site.said() if outcome.problems]
        outcome.figures |= {"increments": tabs * events, "store": stored, "session": shared}
        outcome.figures["refused"] = sum(len(person.refused) for person in people.persons)
    return outcome


async def total(site: Fleet, name: str = "total", cookie: str = "") -> int:
    """What a fresh board says."""
    board = (await fetch(site.address, "/board", cookie)).text
    return int(re.findall(rf"{name}=(\d+)", board)[0])


async def two_tabs(bench: Bench, *, rounds: int = 200, boards: int = 10, promised: float = 0.5) -> Outcome:
    """R16: what one tab writes to a store, the others show."""
    outcome = Outcome("others show a store's change 500 ms after it (p99), across workers")
    took = list[float]()
    async with bench.site() as site, crowd(site, site.address, 1) as people:
        people.method = "share"
        readers = [Person(f"board{n}", site.address, Diary()) for n in range(boards)]
        await asyncio.gather(*(reader.visit("/board") for reader in readers))
        await people.live(30)
        before = await total(site)
        for number in range(rounds):
            people.tell(people.persons[0])
            took.append(await shown_by(readers, before + number + 1))
            bench.say(f"{number + 1} rounds") if number % 50 == 49 else None
        await outcome.settle(people)
        for reader in readers:
            reader.leave()
    outcome.figures |= {"rounds": rounds, "shown by all, p99 ms": round(1000 * percentile(took, 0.99))}
    outcome.expect(percentile(took, 0.99) <= promised, f"{1000 * percentile(took, 0.99):.0f} ms")
    return outcome


async def order(bench: Bench, *, events: int = 1_000_000, seconds: float = 300.0, clients: int = 200) -> Outcome:
    """R15: as many events as come, in order, while a tenth of the connections is cut every two seconds."""
    outcome = Outcome(
        "as many events as come in 5 min (at most 1,000,000), over broken connections: none before an earlier one"
    )
    loop = asyncio.get_running_loop()
    async with (
        bench.site() as site,
        chaos(site.port) as proxy,
        crowd(site, Address(proxy.port), clients) as people,
    ):
        end, turn = loop.time() + seconds, 0
        while loop.time() < end and settled(people) < events:
            for person in people.persons:
                while person.waiting < 24:
                    people.tell(person)
            await asyncio.sleep(0.02)
            turn += 1
            if turn % 100 == 0:
                proxy.cut(0.1)
            if turn % 500 == 0:
                bench.say(f"{settled(people)} events")
        await outcome.settle(people)
        outcome.figures["cuts"] = proxy.ended
    return outcome


def settled(people: Crowd) -> int:
    return sum(person.settled for person in people.persons)
