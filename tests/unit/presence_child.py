"""A process with members of its own, for tests: `presence_child.py FOLDER ROOM MEMBER…`; it says what it is told."""

from __future__ import annotations

import asyncio
import json
import sys

from asok.backends.sockets import SocketBus
from asok.presence import Member, Presence


async def main(folder: str, room: str, *members: str) -> None:
    bus = SocketBus(folder)
    presence = Presence(bus)

    def say(room: str, joined: tuple[Member, ...], left: tuple[Member, ...]) -> None:
        print(json.dumps([member.id for member in presence.members(room)]), flush=True)

    presence.on_change(say)
    await bus.open()
    await presence.open()
    for member in members:
        presence.join(room, member, member, {})
    await asyncio.to_thread(sys.stdin.read)
    await presence.close()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
