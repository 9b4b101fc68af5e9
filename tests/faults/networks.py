"""Networks that do not break but are bad: packets that vanish, a telephone on the edge, one who clicks like mad."""

from __future__ import annotations

import asyncio

from tests.faults.chaos import Fate, chaos
from tests.faults.crowd import Crowd, crowd, percentile
from tests.faults.fleet import until
from tests.faults.outcome import Bench, Outcome
from tests.faults.person import DEAD
from tests.faults.wire import Address

__all__ = ["burst", "half_open", "slow_network"]

SECOND_GENERATION = Fate(delay=0.4, rate=50_000 / 8, loss=0.05)
WINDOW = 32
ANSWERS = 20


async def half_open(
    bench: Bench, *, rounds: int = 3, clients: int = 200, patience: float = 60.0, promised: float = 5.0
) -> Outcome:
    """R02: packets vanish while events wait; the connections of before never come back."""
    outcome = Outcome("packets vanish, with events under way: found out in 5 s, exact")
    loop, found = asyncio.get_running_loop(), list[float]()
    async with (
        bench.site() as site,
        chaos(site.port) as proxy,
        crowd(site, Address(proxy.port), clients) as people,
    ):
        for turn in range(rounds):
            await people.live(patience)
            await answer_often(people, patience)
            proxy.open_hole()
            began = loop.time()
            for person in people.persons:
                people.tell(person)
            await missed(people, people.diary.seen[DEAD] + clients, patience)
            found.append(loop.time() - began)
            proxy.close_hole(forget=True)
            bench.say(f"{turn + 1} rounds, found out in {found[-1]:.1f} s")
            outcome.expect(await people.settle(patience), f"round {turn + 1}: not answered after {patience:.0f} s")
        await outcome.settle(people)
    outcome.figures |= {"rounds": rounds, "found out, worst s": round(max(found), 1)}
    outcome.expect(max(found) <= promised, f"found out after {max(found):.1f} s")
    return outcome


async def answer_often(people: Crowd, patience: float) -> None:
    """Let everybody be answered so often that they are as quick again to doubt a connection as they were at first."""
    for _ in range(ANSWERS):
        for person in people.persons:
            people.tell(person)
        await people.settle(patience)


async def missed(people: Crowd, wanted: int, patience: float) -> None:
    """Wait until so many have found out that nobody answers."""
    await until(lambda: people.diary.seen[DEAD] >= wanted, patience)


async def slow_network(
    bench: Bench, *, seconds: float = 60.0, clients: int = 20, every: float = 1.0, promised: float = 3.0
) -> Outcome:
    """R24: 50 kbit/s, 800 ms there and back, 5 % of the packets lost."""
    outcome = Outcome("50 kbit/s, 800 ms, 5 % loss: shown 3 s after the event (p95), order kept, at most 32 wait")
    most = 0
    async with (
        bench.site() as site,
        chaos(site.port, weather=lambda _: SECOND_GENERATION) as proxy,
        crowd(site, Address(proxy.port), clients) as people,
    ):
        await people.live(30)
        async with people.busy(every):
            for _ in range(int(seconds * 4)):
                await asyncio.sleep(0.25)
                most = max(most, *(person.waiting for person in people.persons))
        await outcome.settle(people)
        shown = percentile(people.diary.answers, 0.95)
    outcome.figures |= {"shown, p95 s": round(shown, 2), "most that waited": most}
    outcome.expect(shown <= promised and most <= WINDOW, f"p95 {shown:.2f} s, {most} events waited")
    return outcome


async def burst(bench: Bench, *, events: int = 1000, clients: int = 1) -> Outcome:
    """R18: a thousand events at once from one tab; each is answered, or told to come later, and then answered."""
    outcome = Outcome("1,000 events at once: each is answered, in order")
    async with bench.site() as site, crowd(site, site.address, clients) as people:
        await people.live(30)
        for person in people.persons:
            for _ in range(events):
                people.tell(person)
        await outcome.settle(people, events / 10 + 10)
        outcome.figures["told to slow down"] = people.diary.seen["slow_down"]
    return outcome
