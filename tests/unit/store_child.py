"""A process with documents of its own, for tests: `store_child.py FOLDER`. It does what it reads on stdin, a line each,
and says on stdout what it has done, and each change that it hears of.

read PATH · add PATH N (N writes at once, outside of a unit) · count PATH N (N units, each of which reads and writes)
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from asok.backends.sockets import SocketBus
from asok.backends.sqlite import SQLiteBackend
from asok.documents import Change, Work
from asok.replicas import Replicas
from asok.trees import Write, freeze, parse_path, read_at

KEY = ("store/shared", "doc")
DEFAULT = freeze({"n": 0, "m": 0})


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


async def main(folder: str) -> None:
    backend, bus = SQLiteBackend(Path(folder) / "db", patience=60), SocketBus(Path(folder) / "bus")
    replicas = Replicas(backend, bus, 1 << 20)
    await backend.open()
    await bus.open()
    await replicas.open()
    document = replicas.get(KEY, DEFAULT)
    replicas.watch(KEY, (), Ear())
    say("open", bus.id)
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
        say(verb, path, read_at(document.tree, parse_path(path)))
    await replicas.close()
    await bus.close()
    await backend.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
