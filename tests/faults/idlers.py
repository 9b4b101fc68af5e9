"""So many persons who opened a page and went for lunch, in a process of their own: `python -m tests.faults.idlers`.

Arguments: the site's port, how many, a prefix for their names. It says how many are joined, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.faults.fleet import until
from tests.faults.person import Diary, Person
from tests.faults.vitals import allow_files
from tests.faults.wire import Address

AT_ONCE = 40
PATIENCE = 600.0


async def idle(port: int, number: int, prefix: str) -> None:
    gate, diary = asyncio.Semaphore(AT_ONCE), Diary()

    async def come(name: str) -> Person:
        async with gate:
            person = await Person(name, Address(port), diary).visit("/")
            person.fire(f"note('{name}', 1)")
            await until(lambda: not person.waiting, PATIENCE)
            return person

    persons = await asyncio.gather(*(come(f"{prefix}{place}") for place in range(number)))
    print(sum(person.is_live for person in persons), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(sum(person.is_live for person in persons), diary.lost, flush=True)


if __name__ == "__main__":
    allow_files()
    uvloop.run(idle(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
