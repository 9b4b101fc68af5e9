"""A worker with a page of forms, lazy components, streams and messages, for tests: `worker_child.py FOLDER`.

It says its port on stdout, and serves until its stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from asok import Asok, Component, Stream, async_, exposed, on
from asok.forms import Form, Meta, form_of
from tests.rig import asok_app, rig


class Wish(Form):
    text: Annotated[str, Meta(min_length=3)]


class WishBoard(Component):
    wish = form_of(Wish)
    cheers: int = 0
    rows: Stream[str] = Stream(key=str)
    template = """<main><form ws-submit="save"><input {{ wish.text.attributes }}><i>{{ wish.text.error }}</i></form>
      <b>{{ cheers }}</b><ul ws-stream="rows">{% stream rows as row %}<li ws-key="{{ row }}">{{ row }}</li>
      {% endstream %}</ul>{{ component("WishCheer", lazy=True) }}</main>"""

    @rows.fill
    def wishes(self) -> list[str]:
        return list(self.session.get("wishes", []))

    @exposed
    async def save(self, form: Wish) -> None:
        self.session["wishes"] = [*self.session.get("wishes", []), form.text]
        self.rows.append(form.text)
        self.dispatch("saved", form.text)
        self.wish = form_of(Wish)
        await asyncio.sleep(0)

    @on("cheered")
    def cheered(self, by: int) -> None:
        self.cheers += by


class WishCheer(Component):
    times: int = 0
    template = "<p>{{ times }} {{ air.value }}</p>"

    @async_
    async def air(self) -> str:
        return "fresh"

    @exposed
    def cheer(self) -> None:
        self.times += 1
        self.emit("cheered", 1)


def worker(folder: Path) -> Asok:
    """One of several on the same files."""
    return asok_app(folder, {"/": "{{ component('WishBoard') }}"}, database=str(folder / "state.db"))


async def main(folder: str) -> None:
    async with rig(worker(Path(folder))) as served:
        print(served.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
