"""A process on a bus, for tests: it does what it reads on stdin and says on stdout what it hears, a line each.

publish CHANNEL TEXT · count N (publish N numbers) · close
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

from asok.backends.sockets import SocketBus


def say(*words: object) -> None:
    print(json.dumps(words), flush=True)


async def main(folder: str) -> None:
    bus = SocketBus(folder)
    bus.subscribe("words", lambda message: say("heard", message[:64].decode()))
    bus.on_gap(lambda: say("gap"))
    bus.on_peer_gone(lambda peer: say("gone", peer))
    await bus.open()
    say("open", bus.id)

    def count(name: str, total: str) -> None:
        for number in range(int(total)):
            bus.publish("words", f"{name} {number}".encode())

    commands: dict[str, Callable[..., None]] = {
        "publish": lambda channel, text: bus.publish(channel, text.encode()),
        "count": count,
        "peers": lambda: say("peers", sorted(bus.peers)),
    }
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        name, *rest = line.decode().split()
        if name == "close":
            break
        commands[name](*rest)
    await bus.close()
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
