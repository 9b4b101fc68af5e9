"""A slow office: what is shown while Python works, before it has answered, and when nobody is there."""

import asyncio
from collections.abc import AsyncIterator

from asok import Asok, Component, exposed

GUESTS = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra"]


class Waiting(Component):
    """The office takes its time, and refuses Edsger. The page does not wait, and takes back what did not happen."""

    css, scoped = "waiting.css", True
    guests: list[str] = GUESTS
    here: list[str] = []
    printed: int = 0

    @exposed
    async def tick(self, name: str) -> None:
        await asyncio.sleep(0.6)
        if name.startswith("Edsger"):
            raise PermissionError(f"{name} is not invited")
        self.here = [each for each in self.guests if (each in self.here) != (each == name)]

    @exposed
    async def remove(self, name: str) -> None:
        await asyncio.sleep(0.6)
        self.guests = [each for each in self.guests if each != name]

    @exposed
    async def print_badges(self) -> AsyncIterator[None]:
        for number, _ in enumerate(self.guests, 1):
            self.printed = number
            yield
            await asyncio.sleep(0.8)
        self.printed = 0

    @exposed
    def start_over(self) -> None:
        self.guests, self.here = list(GUESTS), []


app = Asok()
app.page("/", Waiting)
