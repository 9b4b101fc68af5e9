"""A worker that takes posts of lines, its own or another's, for tests: `line_child.py FOLDER [REDIS]`.

It says its port on stdout, and serves until its stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import jinja2

from asok import Asok, Component, Settings, exposed
from tests.rig import KEY, PAGE, rig

LONG = 400_000


class RelayCounter(Component):
    count: int = 0
    long: int = 0
    template = "<p>{{ count }}{{ '\\n' * long }}</p>"

    @exposed
    def add(self, by: int = 1) -> None:
        self.count += by

    @exposed
    def grow(self) -> None:
        self.long = LONG


def line_worker(folder: Path, redis: str = "") -> Asok:
    """One of several on the same files, or on the same Redis."""
    env = jinja2.Environment(loader=jinja2.DictLoader({"page.html": PAGE % "{{ component('RelayCounter') }}"}))
    settings = Settings(folder, keys=(KEY,), database=str(folder / "state.db"), redis=redis)
    app = Asok(root=folder, settings=settings, env=env)
    app.page("/", "page.html")
    return app


def in_this_folder() -> Asok:
    """For servers that are told where the app is."""
    return line_worker(Path.cwd())


async def main(folder: str, redis: str = "") -> None:
    async with rig(line_worker(Path(folder), redis)) as served:
        print(served.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
