"""What becomes of the site when its Redis is gone, stands still, or cannot be reached; and when messages get lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.chaos import Chaos, chaos
from tests.faults.crowd import Crowd, crowd
from tests.faults.fleet import Fleet, fleet, until
from tests.faults.outcome import Bench, Outcome
from tests.faults.person import Diary, Person
from tests.faults.wire import Page, fetch
from tests.redis_server import RedisServer, redis_server

__all__ = ["deaf_workers", "redis_outages"]

TOTAL = re.compile(r"total=(\d+)")
KINDS = ("killed", "standing still", "out of reach")


@asynccontextmanager
async def outage(kind: str, redis: RedisServer, way: Chaos) -> AsyncIterator[None]:
    """Meanwhile nobody gets an answer of this Redis."""
    begin, end = {
        "killed": (redis.kill, redis.start),
        "standing still": (redis.pause, redis.resume),
        "out of reach": (way.open_hole, lambda: way.close_hole(forget=True)),
    }[kind]
    begin()
    try:
        yield
    finally:
        await asyncio.to_thread(end) if end == redis.start else end()


async def redis_outages(
    bench: Bench,
    *,
    outages: int = 20,
    seconds: float = 30.0,
    clients: int = 200,
    every: float = 0.25,
    promised: float = 3.0,
) -> Outcome:
    """R11: no Redis for half a minute; nothing is lost of what it had acknowledged."""
    outcome = Outcome("20 Redis outages of 30 s: exact after the return, everybody answered 3 s after it")
    back, pages = list[float](), 0
    folder = bench.room()
    with redis_server(folder / "redis", durable=True) as redis:
        async with (
            chaos(redis.port) as way,
            fleet(folder, redis=f"redis://127.0.0.1:{way.port}/0") as site,
            crowd(site, site.address, clients) as people,
        ):
            for number in range(outages):
                kind = KINDS[number % len(KINDS)]
                async with people.busy(every):
                    await asyncio.sleep(1)
                    async with outage(kind, redis, way):
                        pages += await opens(site, seconds / 2)
                        await asyncio.sleep(seconds / 2)
                    back.append(await answered(people))
                bench.say(f"{number + 1} outages, {kind}; all answered after {back[-1]:.1f} s")
            await outcome.settle(people)
    outcome.figures |= {"outages": outages, "all answered again, worst s": round(max(back), 1), "pages opened": pages}
    outcome.expect(max(back) <= promised, f"not everybody was answered until {max(back):.1f} s after Redis was back")
    return outcome


async def opens(site: Fleet, seconds: float) -> bool:
    """Whether a page can be had now; it takes so long to tell."""
    asking = asyncio.wait_for(fetch(site.address, "/"), seconds)
    asked, _ = await asyncio.gather(asking, asyncio.sleep(seconds), return_exceptions=True)
    return isinstance(asked, Page)


async def answered(people: Crowd, patience: float = 60.0) -> float:
    """Wait until everybody has been answered once more; how many seconds it took."""
    loop = asyncio.get_running_loop()
    before, began = {person: person.settled for person in people.persons}, loop.time()

    def everybody() -> bool:
        return all(person.settled > settled for person, settled in before.items())

    try:
        await until(everybody, patience)
    except TimeoutError:
        return patience
    return loop.time() - began


async def deaf_workers(bench: Bench, *, kills: int = 1000, boards: int = 20, promised: float = 2.0) -> Outcome:
    """R13: the connections on which workers hear of each other are killed; each board shows the newest all the same."""
    outcome = Outcome("1,000 kills of the pub/sub connections: all pages show the newest 2 s later")
    folder, slowest, late = bench.room(), 0.0, 0
    with redis_server(folder / "redis") as redis:
        async with fleet(folder, redis=redis.url) as site, crowd(site, site.address, 2) as people:
            people.method = "share"
            readers = [Person(f"board{n}", site.address, Diary()) for n in range(boards)]
            await asyncio.gather(*(reader.visit("/board") for reader in readers))
            await until(lambda: all(reader.is_live for reader in readers))
            for kill in range(kills):
                await kill_listeners(redis.port)
                for person in people.persons:
                    people.tell(person)
                took = await shown_by(readers, 2 * (kill + 1))
                slowest, late = max(slowest, took), late + (took > promised)
                if kill % 50 == 49:
                    bench.say(f"{kill + 1} kills, slowest {slowest:.2f} s")
            await outcome.settle(people)
            for reader in readers:
                reader.leave()
    outcome.figures |= {"kills": kills, "shown everywhere, worst s": round(slowest, 2)}
    outcome.expect(not late, f"{late} times somebody saw the newest later than after 2 s, {slowest:.1f} s at worst")
    return outcome


async def shown_by(readers: list[Person], total: int, patience: float = 30.0) -> float:
    """Wait until every board shows this total; how many seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await until(lambda: all(total_of(reader) == total for reader in readers), patience)
    except TimeoutError:
        return patience
    return loop.time() - began


def total_of(reader: Person) -> int:
    found = TOTAL.search(reader.first.text or reader.page.text)
    return int(found[1]) if found else -1


async def kill_listeners(port: int) -> None:
    """Let this Redis end every connection that has subscribed to something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"CLIENT KILL TYPE pubsub\r\n")
    await reader.readline()
    writer.close()
