"""A process with members of its own, for tests: `presence_child.py PLACE ROOM MEMBER…`; it says what it is told.

PLACE: a folder, or the URL of a Redis.
"""

from __future__ import annotations

import asyncio
import json
import sys

from asok.backends.redis_bus import RedisBus
from asok.backends.sockets import SocketBus
from asok.presence import Member, Presence
from asok.state import KeyRing
from tests.rig import KEY


async def main(place: str, room: str, *members: str) -> None:
    bus = RedisBus(place, KeyRing([KEY])) if place.startswith("redis:") else SocketBus(place)
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
