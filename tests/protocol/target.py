"""The app that the conversations are held with, and a component with everything that may not be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import DictLoader, Environment

from asok import Asok, Component, Denied, Limits, Settings, exposed

TOUCHED: list[str] = []
HEAD = "<!doctype html><html><head>{{ alive() }}</head><body>"


def touch(name: str) -> None:
    """Note that code ran which no browser may reach."""
    TOUCHED.append(name)


class Exposing(Component):
    """A base whose exposed method the subclass overrides without exposing it again."""

    @exposed
    def was_exposed(self) -> None:
        touch("Exposing.was_exposed")


class Target(Exposing):
    """A counter, and around it what must stay out of reach."""

    count: int = 0
    name: str = "nobody"
    constant: ClassVar[str] = "constant"
    callback: ClassVar[Any] = staticmethod(lambda: touch("callback"))
    template = """<div><p>{{ count }}</p><b>{{ name }}</b>
      <span>A text that is long enough for a delta to pay. {{ 1 // (name != 'broken') }}</span></div>"""

    class Nested:
        """A class in the class."""

        def __init__(self) -> None:
            touch("Nested")

    def hidden(self) -> None:
        touch("hidden")

    def was_exposed(self) -> None:
        touch("was_exposed")

    def _private(self) -> None:
        touch("_private")

    @property
    def total(self) -> int:
        touch("total")
        return 0

    @exposed
    async def increment(self) -> None:
        self.count += 1

    @exposed
    def add(self, number: int) -> None:
        self.count += number

    @exposed
    async def rename(self, name: str) -> None:
        self.name = name

    @exposed
    async def switch(self, on: bool) -> None:
        self.name = "on" if on else "off"

    @exposed
    async def tags(self, tags: list[str]) -> None:
        self.name = "+".join(tags)

    @exposed
    async def both(self, number: int, name: str = "default") -> None:
        self.count, self.name = number, name

    @exposed
    async def scale(self, factor: float) -> None:
        self.name = str(factor)

    @exposed
    async def clear(self) -> None:
        self.count = 0
        self.reset("name")

    @exposed
    async def slowly(self) -> AsyncIterator[None]:
        self.name = "saving"
        yield
        self.name = "saved"

    @exposed
    async def boom(self) -> None:
        self.count += 1000
        raise RuntimeError("the secret reason")

    @exposed
    async def breaks_rendering(self) -> None:
        self.name = "broken"

    @exposed
    async def forbidden(self) -> None:
        raise Denied("the vault")

    @exposed(timeout=0.05)
    async def endless(self) -> None:
        self.count += 1000
        await asyncio.Event().wait()


PAGES = {
    "one.html": HEAD + "{{ component('Target') }}</body></html>",
    "two.html": HEAD + "{{ component('Target', key=1) }}{{ component('Target', key=2) }}</body></html>",
}


def target_app(**limits: Any) -> Asok:
    """A production app with its pages at `/` and `/two`."""
    settings = Settings(
        root=Path(__file__).parent,
        keys=("0123456789abcdef-for-these-conversations-only",),
        database=":memory:",
        limits=Limits(**limits),
    )
    app = Asok(settings=settings, env=Environment(loader=DictLoader(PAGES)))
    app.page("/", "one.html")
    app.page("/two", "two.html")
    return app
