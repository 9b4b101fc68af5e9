"""Many at once: all come back at the same time, all sit idle, all click; and clicking goes on while things break."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.breaking import kill_now_and_then
from tests.faults.chaos import chaos
from tests.faults.crowd import Crowd, crowd, ended, percentile
from tests.faults.fleet import Fleet, until
from tests.faults.outcome import Bench, Outcome
from tests.faults.vitals import allow_files, cpu_seconds, memory
from tests.faults.wire import Address

__all__ = ["idle_connections", "reconnect_storm", "throughput", "throughput_under_fault"]

WARM = 50
KILOBYTE = 1024


async def reconnect_storm(
    bench: Bench, *, clients: int = 2000, stayers: int = 100, rounds: int = 3, calm: float = 5.0, promised: float = 15.0
) -> Outcome:
    """R19: all connections but a few are cut at once; those who stayed feel little of it."""
    outcome = Outcome("2,000 clients cut at once: all live again in 15 s; stayers wait 5 times as long at most")
    allow_files()
    loop, back, waits = asyncio.get_running_loop(), list[float](), list[float]()
    async with (
        bench.site() as site,
        chaos(site.port) as proxy,
        crowd(site, site.address, stayers) as staying,
        crowd(site, Address(proxy.port), clients) as people,
    ):
        for person in people.persons:
            people.tell(person)
        outcome.expect(await people.settle(120), "not all were live before the storm")
        async with staying.busy(0.5):
            await asyncio.sleep(calm)
            before = percentile(staying.diary.answers, 0.99)
            for turn in range(rounds):
                del staying.diary.answers[:]
                began, lost = loop.time(), people.diary.lost + clients
                proxy.cut()
                await lose(people, lost)
                outcome.expect(await people.live(60), "not all were live again after 60 s")
                back.append(loop.time() - began)
                waits.append(percentile(staying.diary.answers, 0.99))
                bench.say(f"{turn + 1} storms, all live again after {back[-1]:.1f} s")
        await outcome.settle(people)
        outcome.problems += [] if await staying.settle(30) else ["stayers were not answered"]
        outcome.problems += await staying.judge()
    outcome.figures |= {"all live again, worst s": round(max(back), 1)}
    outcome.figures["stayers p99 ms, before and in it"] = f"{1000 * before:.0f}, {1000 * max(waits):.0f}"
    outcome.expect(max(back) <= promised, f"all were live again only after {max(back):.1f} s")
    outcome.expect(max(waits) <= max(5 * before, promised / 60), "those who stayed waited long")
    return outcome


async def lose(people: Crowd, wanted: int) -> None:
    """Wait until so many connections have been lost."""
    await until(lambda: people.diary.lost >= wanted)


async def idle_connections(
    bench: Bench,
    *,
    connections: int = 10_000,
    processes: int = 2,
    seconds: float = 60.0,
    most: float = 60.0,
    beats: float = 0.1,
) -> Outcome:
    """R20: so many pages that nobody touches, each joined with one component."""
    outcome = Outcome(f"{connections:,} idle connections on 2 workers: {most:.0f} KB each, heartbeats 10 % of a core")
    async with bench.site() as site, crowd(site, site.address, WARM) as people:
        for person in people.persons:
            people.tell(person)
        await people.settle(30)
        empty = sum(memory(pid) for pid in site.pids())
        async with idlers(site, connections, processes) as live:
            bench.say(f"{live} are joined")
            outcome.expect(live == connections, f"{live} of {connections} are joined")
            await asyncio.sleep(5)
            pids = site.pids()
            full, before = sum(memory(pid) for pid in pids), sum(cpu_seconds(pid) for pid in pids)
            await asyncio.sleep(seconds)
            busy = (sum(cpu_seconds(pid) for pid in pids) - before) / seconds
    each = (full - empty) / connections / KILOBYTE
    outcome.figures |= {"connections": live, "KB each": round(each, 1), "of a core for heartbeats": f"{busy:.1%}"}
    outcome.expect(each <= most, f"{each:.1f} KB each")
    outcome.expect(busy <= beats, f"heartbeats take {busy:.1%} of a core")
    return outcome


@asynccontextmanager
async def idlers(site: Fleet, number: int, processes: int) -> AsyncIterator[int]:
    """So many idle persons in some processes; yields how many are joined."""
    share, running = number // processes, list[asyncio.subprocess.Process]()
    try:
        for place in range(processes):
            command = [sys.executable, "-m", "tests.faults.idlers", str(site.port), str(share), f"idle{place}-"]
            running.append(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
        joined = await asyncio.gather(*(process.stdout.readline() for process in running if process.stdout))
        yield sum(int(line or 0) for line in joined)
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def throughput(bench: Bench, *, clients: int = 500, rate: float = 2000.0, seconds: float = 30.0) -> Outcome:
    """R21: so many events a second on one worker, which has a core; the persons have the other one."""
    outcome = Outcome("2,000 counter events a second on one worker by 500 persons: answered in 50 ms (p99)")
    async with bench.site(workers=1) as site, crowd(site, site.address, clients) as people:
        await people.live(60)
        people.method = "jot"
        figures = await measured(people, rate, seconds)
        await people.settle(60)
        people.method = "note"
        threaded = await measured(people, rate, seconds / 3)
        await outcome.settle(people)
    outcome.figures |= figures | {"events/s of a def, in a thread": threaded["events/s"]}
    outcome.expect(figures["events/s"] >= 0.95 * rate, f"{figures['events/s']:.0f} events a second")
    outcome.expect(figures["p99 ms"] <= 50, f"p99 {figures['p99 ms']:.0f} ms")
    return outcome


async def throughput_under_fault(
    bench: Bench,
    *,
    clients: int = 500,
    rate: float = 2000.0,
    seconds: float = 60.0,
    pause: float = 10.0,
    share: float = 0.6,
) -> Outcome:
    """R22: the same, while one in a hundred connections is cut each second and a worker is killed each 10 s."""
    outcome = Outcome("1 % cuts a second and a kill each 10 s: 60 % of the throughput without")
    async with (
        bench.site() as site,
        chaos(site.port) as proxy,
        crowd(site, Address(proxy.port), clients) as people,
    ):
        await people.live(60)
        fair = await measured(people, rate, seconds / 3)
        breaking = asyncio.create_task(kill_now_and_then(site, people.random, pause))
        cutting = asyncio.create_task(cut_now_and_then(proxy.cut))
        poor = await measured(people, rate, seconds)
        await ended(breaking, cutting)
        await outcome.settle(people, parks=True)
    outcome.figures |= {"events/s without fault": fair["events/s"], "events/s under fault": poor["events/s"]}
    outcome.expect(poor["events/s"] >= share * fair["events/s"], "it collapsed under fault")
    return outcome


async def cut_now_and_then(cut: object) -> None:
    assert callable(cut)
    while True:
        cut(0.01)
        await asyncio.sleep(1)


async def measured(people: Crowd, rate: float, seconds: float) -> dict[str, float]:
    """Events at this rate, by all in turn; how many were answered a second, how late, and what they cost."""
    loop, diary = asyncio.get_running_loop(), people.diary
    pids, settled = people.site.pids(), len(diary.answers)
    spent, began, told = sum(cpu_seconds(pid) for pid in pids), loop.time(), 0
    while (now := loop.time() - began) < seconds:
        while told < now * rate:
            person = people.persons[told % len(people.persons)]
            told += 1
            if person.waiting < 8:
                people.tell(person)
        await asyncio.sleep(0.002)
    number = len(diary.answers) - settled
    took = diary.answers[settled:]
    alive = [pid for pid in pids if pid in people.site.pids()]
    figures = {"events/s": round(number / seconds), "p50 ms": round(1000 * percentile(took, 0.5), 1)}
    figures["p99 ms"] = round(1000 * percentile(took, 0.99), 1)
    if alive == pids:
        used = sum(cpu_seconds(pid) for pid in pids) - spent
        figures["server CPU per event, us"] = round(1e6 * used / max(1, number))
    return figures
