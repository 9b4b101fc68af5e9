"""A worker whose page shows all that crosses between workers, for tests: `crossing_child.py FOLDER REDIS`.

It says its port on stdout, and serves until its stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from asok import Asok, Component, Store, every, exposed, on
from asok.sessions import Session
from tests.rig import asok_app, rig

crossed = Store({"count": 0, "ticks": 0}, name="crossed", readable=True)


class CrossingDesk(Component):
    heard: list[str] = []
    copied: str = ""
    room: str = ""
    ticking: bool = False
    template = """<p>count {{ crossed.read('count') }}, ticks {{ crossed.read('ticks') }},
      colour {{ this.app.get_state('look', 'colour', 'none') }}, mine {{ this.session.get('mine', 0) }},
      heard {{ heard | join('+') }}, copied {{ copied }},
      here {% for each in this.presence.members('hall') %}{{ each.meta.name }}+{% endfor %}</p>"""

    @exposed
    def add(self) -> None:
        crossed.update("count", 1)

    @exposed
    def mine(self) -> None:
        self.session["mine"] = self.session.get("mine", 0) + 1

    @exposed
    def paint(self, colour: str) -> None:
        self.app.set_state("look", "colour", colour)

    @exposed
    def enter(self, name: str) -> None:
        self.presence.join("hall", {"name": name})

    @exposed
    def say(self, text: str) -> None:
        self.broadcast("hall", text)

    @exposed
    def follow(self, room: str) -> None:
        self.subscribe(f"room:{room}")

    @exposed
    def spread(self, text: str) -> None:
        self.copied = text
        self.update_all("copied")

    @exposed
    def tick(self) -> None:
        self.ticking = True

    @every(0.05)
    def clock(self) -> None:
        if self.ticking:
            crossed.update("ticks", 1)
            self.ticking = False

    @on("news", "hall", "room:*")
    def hear(self, message: str) -> None:
        self.heard = [*self.heard, message]


class CrossingBoard(Component):
    pins: list[str] = []
    template = "<p>{{ pins | join('+') }}</p>"

    @exposed
    def pin(self, text: str) -> None:
        self.pins = [*self.pins, text]


def crossing(folder: Path, redis: str) -> Asok:
    """One of several on the same Redis."""
    app = asok_app(folder, {"/": "{{ component('CrossingDesk') }}"}, redis=redis)
    app.env.globals["crossed"] = crossed
    app.namespace("look", scope="app", readable=True)
    app.page("/board", CrossingBoard())

    async def push(request: Request) -> PlainTextResponse:
        app.push(request.query_params["topic"], request.query_params["text"])
        return PlainTextResponse("said")

    async def count(request: Request) -> PlainTextResponse:
        for _ in range(int(request.query_params["times"])):
            await crossed.update("count", 1)
        return PlainTextResponse("counted")

    async def logout(request: Request) -> PlainTextResponse:
        session = request.session
        assert isinstance(session, Session)
        session.regenerate()
        return PlainTextResponse("bye")

    async def state(request: Request) -> JSONResponse:
        return JSONResponse({"count": crossed.read("count"), "look": app.get_state("look", "colour", "none")})

    for route in (push, count, logout, state):
        app.add_route(f"/{route.__name__}", route)
    return app


async def main(folder: str, redis: str) -> None:
    async with rig(crossing(Path(folder), redis)) as served:
        print(served.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
