"""A process with documents of its own, for tests: `store_child.py PLACE`, a folder or the URL of a Redis. It does what
it reads on stdin, a line each, and says on stdout what it has done, and each change that it hears of.

read PATH · add PATH N (N writes at once, outside of a unit) · count PATH N (N units, each of which reads and writes)
· swap NAME N (N units by each of four tasks, on three registers: most put NAME and a number in, some only read)
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from asok.backends.redis import RedisBackend
from asok.backends.redis_bus import RedisBus
from asok.backends.sockets import SocketBus
from asok.backends.sqlite import SQLiteBackend
from asok.bus import Bus
from asok.documents import Change, Work
from asok.replicas import Replicas
from asok.sessions import Backend
from asok.state import KeyRing
from asok.trees import Write, freeze, parse_path, read_at
from tests.rig import KEY as KEY_OF_TESTS

KEY = ("store/shared", "doc")
DEFAULT = freeze({"n": 0, "m": 0})
REGISTERS, EMPTY = ("store/registers", "doc"), freeze({"a": "", "b": "", "c": ""})


def say(*words: object) -> None:
    print(json.dumps(words), flush=True)


class Ear:
    def changed(self, change: Change) -> None:
        say("changed", change.version, ["/".join(path) for path in change.touched], change.origin)


async def count(replicas: Replicas, path: str, times: int) -> None:
    for _ in range(times):
        while True:
            work, document = Work(), replicas.get(KEY, DEFAULT)
            work.saw(document, parse_path(path))
            work.write(document, Write("set", parse_path(path), read_at(work.tree(document), parse_path(path)) + 1))
            if await replicas.commit(work):
                break


async def swap(replicas: Replicas, name: str, times: int) -> None:
    """Says of each unit: register, what was in it, what was put in (or null), begin and end."""
    for number in range(times):
        register, begin = (random.choice("abc"),), time.monotonic()
        new = f"{name}.{number}" if random.random() < 0.75 else None
        while True:
            work, document = Work(), replicas.get(REGISTERS, EMPTY)
            work.saw(document, register)
            old = read_at(work.tree(document), register)
            if new is not None:
                work.write(document, Write("set", register, new))
            if await replicas.commit(work):
                break
        say("unit", *register, old, new, begin, time.monotonic())


def place(where: str) -> tuple[Backend, Bus]:
    if where.startswith("redis:"):
        return RedisBackend(where, patience=60), RedisBus(where, KeyRing([KEY_OF_TESTS]))
    return SQLiteBackend(Path(where) / "db", patience=60), SocketBus(Path(where) / "bus")


async def main(where: str) -> None:
    backend, bus = place(where)
    replicas = Replicas(backend, bus, 1 << 20)
    await backend.open()
    await bus.open()
    await replicas.open()
    document = replicas.get(KEY, DEFAULT)
    replicas.watch(KEY, (), Ear())
    say("open")
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, path, *rest = line.decode().split()
        if verb == "add":
            await asyncio.gather(
                *(replicas.write(document, Write("update", parse_path(path), 1)) for _ in range(int(rest[0])))
            )
        elif verb == "count":
            await count(replicas, path, int(rest[0]))
        elif verb == "swap":
            await asyncio.gather(*(swap(replicas, f"{path}.{task}", int(rest[0])) for task in range(4)))
            say("swap")
            continue
        say(verb, path, read_at(document.tree, parse_path(path)))
    await replicas.close()
    await bus.close()
    await backend.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
