"""The app under test. Each event carries its number, and the component knows what came twice, late or never."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from asok import Asok, Component, Store, exposed

LEDGER = os.environ.get("FAULTS_LEDGER", "")
ledger = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if LEDGER else -1

votes = Store({"total": 0}, name="votes")


class Tally(Component):
    """Counts the numbers that it is told. check: proves that the text on the page was put together rightly."""

    who: str = ""
    count: int = 0
    last: int = 0
    gaps: int = 0
    doubles: int = 0

    template = """<section><h1>{{ who or "nobody" }}</h1><b>count={{ count }}</b>
        <p>It has heard {{ count }} times, of number {{ last }} last.</p>
        <i>last={{ last }} gaps={{ gaps }}</i><i>doubles={{ doubles }}</i><u>check={{ check }}</u></section>"""

    @property
    def check(self) -> int:
        """A number that goes with all others."""
        return (self.count * 31 + self.last * 17 + self.gaps * 7 + self.doubles) * 7919 % 99991

    @exposed
    def note(self, who: str, number: int) -> None:
        """Take down a number, here and outside of asok."""
        if ledger >= 0:
            os.write(ledger, f"{who} {number} {self.event.id}\n".encode())
        self._take(who, number)

    @exposed
    async def jot(self, who: str, number: int) -> None:
        """As `note`, without a thread."""
        self.note(who, number)

    @exposed
    async def slowly(self, who: str, number: int, seconds: float) -> None:
        """As `note`, after so long."""
        await asyncio.sleep(seconds)
        self.note(who, number)

    @exposed
    def fail(self, who: str, number: int) -> None:
        """Take the number, and raise: nothing of it may be kept."""
        self.note(who, number)
        raise ValueError("as it was asked")

    @exposed
    def share(self, who: str, number: int) -> None:
        """Take the number, and add one to what all see, and to what the visitor has."""
        self._take(who, number)
        votes.update("total", 1)
        self.session["shared"] = self.session.get("shared", 0) + 1

    def _take(self, who: str, number: int) -> None:
        self.who, self.count = who, self.count + 1
        self.doubles += number <= self.last
        self.gaps += max(0, number - self.last - 1)
        self.last = max(self.last, number)


class Board(Component):
    """Shows what all share."""

    template = "<section><b>total={{ total }}</b><i>shared={{ shared }}</i></section>"

    @property
    def total(self) -> int:
        """How often anybody has shared."""
        return int(votes.read("total"))

    @property
    def shared(self) -> int:
        """How often this visitor has."""
        return int(self.session.get("shared", 0))


@asynccontextmanager
async def counting(app: Asok) -> AsyncIterator[None]:
    """Note how many tasks this worker has, beside the ledger."""

    async def count() -> None:
        while True:
            Path(f"{LEDGER}.tasks-{os.getpid()}").write_text(str(len(asyncio.all_tasks())))
            await asyncio.sleep(1)

    task = asyncio.create_task(count()) if LEDGER else None
    yield
    if task is not None:
        task.cancel()


app = Asok(lifespan=counting)
app.page("/", Tally)
app.page("/board", Board)
