"""What breaks under the persons' hands: connections at any byte, workers, all workers, and releases."""

from __future__ import annotations

import asyncio
from random import Random

from tests.faults.chaos import Fate, chaos, cuts
from tests.faults.crowd import crowd, ended, percentile
from tests.faults.fleet import Fleet
from tests.faults.outcome import Bench, Outcome
from tests.faults.wire import Address

__all__ = ["all_killed", "cut_at_any_byte", "kill_now_and_then", "killed_workers"]
__all__ += ["mixed_transports", "rolling_restarts"]


async def cut_at_any_byte(
    bench: Bench, *, number: int = 10_000, clients: int = 200, most: int = 4000, every: float = 0.25
) -> Outcome:
    """R01, R09: connections end at random bytes of both directions; every tenth event goes twice."""
    outcome = Outcome("10,000 cuts at random bytes: none lost, none double")
    async with (
        bench.site() as site,
        chaos(site.port, weather=cuts(most)) as proxy,
        crowd(site, Address(proxy.port), clients, twice=0.1) as people,
    ):
        async with people.busy(every):
            while proxy.ended < number:
                await asyncio.sleep(1)
                bench.say(f"{proxy.ended} cuts")
        proxy.weather = lambda _: Fate()
        proxy.cut()
        await outcome.settle(people)
        outcome.figures["cuts"] = proxy.ended
    return outcome


async def killed_workers(
    bench: Bench,
    *,
    kills: int = 100,
    clients: int = 200,
    pause: float = 6.0,
    every: float = 0.25,
    promised: float = 2.0,
) -> Outcome:
    """R04: a worker after the other is killed under load, and stood in for."""
    outcome = Outcome("100 kill -9 of workers in 10 min: exact; live again in 2 s (p99); another worker in 1 s")
    respawns = list[float]()
    async with bench.site() as site, crowd(site, site.address, clients) as people:
        async with people.busy(every):
            for kill in range(kills):
                pid = people.random.choice(site.pids())
                site.kill(pid)
                respawns.append(await site.replaced(pid))
                await asyncio.sleep(max(0.0, pause - respawns[-1]))
                bench.say(f"{kill + 1} kills, {sum(person.settled for person in people.persons)} events")
        returned = percentile(people.diary.returns, 0.99)
        await outcome.settle(people, parks=True)
    outcome.figures |= {"kills": kills, "another worker, p99 s": round(percentile(respawns, 0.99), 2)}
    outcome.expect(percentile(respawns, 0.99) <= promised / 2, "another worker took long")
    outcome.expect(returned <= promised, f"live again after {returned:.1f} s (p99)")
    return outcome


async def all_killed(
    bench: Bench, *, rounds: int = 20, clients: int = 200, every: float = 0.25, promised: float = 5.0
) -> Outcome:
    """R05: the supervisor and all workers are killed at once, and started again."""
    outcome = Outcome("all workers killed, 20 times: exact; live again 5 s after the start (p99)")
    returns = list[float]()
    loop = asyncio.get_running_loop()
    async with bench.site() as site, crowd(site, site.address, clients) as people:
        for turn in range(rounds):
            async with people.busy(every):
                await asyncio.sleep(1)
                await site.kill_all()
                await site.start()
            began = loop.time()
            await people.live(30, share=0.99)
            returns.append(loop.time() - began)
            outcome.expect(await people.live(30), f"round {turn + 1}: not all live again after 30 s")
            bench.say(f"{turn + 1} rounds")
        await outcome.settle(people, parks=True)
    outcome.figures |= {"rounds": rounds, "99 % live after the start, worst s": round(max(returns), 2)}
    outcome.expect(max(returns) <= promised, f"99 % were live only {max(returns):.1f} s after the start")
    return outcome


async def rolling_restarts(bench: Bench, *, restarts: int = 50, clients: int = 200, every: float = 0.25) -> Outcome:
    """R06, R07: the workers are replaced one by one under load; some events take seconds and are answered."""
    outcome = Outcome("50 rolling restarts under load: exact, no page reloads")
    took = list[float]()
    async with bench.site() as site, crowd(site, site.address, clients) as people:
        async with people.busy(every):
            for restart in range(restarts):
                took.append(await site.renew())
                bench.say(f"{restart + 1} restarts, the last in {took[-1]:.1f} s")
        await outcome.settle(people)
    outcome.figures |= {"restarts": restarts, "each, worst s": round(max(took), 1)}
    return outcome


async def mixed_transports(
    bench: Bench, *, changes: int = 2000, clients: int = 100, most: int = 8000, every: float = 0.25, pause: float = 10.0
) -> Outcome:
    """R25, T11: persons change between WebSocket, event stream and polls; connections are cut, workers killed."""
    outcome = Outcome("2,000 changes between WebSocket, event stream and polls, with cuts and kills: exact")
    made = 0
    async with (
        bench.site() as site,
        chaos(site.port, weather=cuts(most)) as proxy,
        crowd(site, Address(proxy.port), clients, twice=0.1, posted=0.6) as people,
    ):
        killing = asyncio.create_task(kill_now_and_then(site, people.random, pause))
        async with people.busy(every):
            while made < changes:
                await asyncio.sleep(0.05)
                for person in people.random.sample(people.persons, max(1, clients // 50)):
                    person.change()
                    made += 1
                if made % 100 == 0:
                    bench.say(f"{made} changes, {proxy.ended} cuts")
        proxy.weather = lambda _: Fate()
        proxy.cut()
        await ended(killing)
        await outcome.settle(people, parks=True)
        outcome.figures |= {"changes": made, "cuts": proxy.ended}
    return outcome


async def kill_now_and_then(site: Fleet, random: Random, pause: float) -> None:
    """A worker after each pause, until cancelled."""
    while True:
        await asyncio.sleep(pause)
        if pids := site.pids():
            site.kill(random.choice(pids))
