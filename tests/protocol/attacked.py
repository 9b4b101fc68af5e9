"""A served app that is attacked: afterwards an honest visitor is served as ever, and the log is short and calm."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import PlainTextResponse

from asok import Asok, Component, Limits, bind, exposed, private
from asok.journal import OneLine
from asok.state import KeyRing, Token, unseal
from tests.rig import KEY, Rig, Tab, asok_app, rig

__all__ = ["EVIL", "HONEST", "ONE", "OTHER_KEY", "RING", "HonestVisitors", "Log", "asok_app", "attacked", "define"]
__all__ += ["members", "opened", "ran", "reset_or_refused", "unharmed"]

RING = KeyRing([KEY])
OTHER_KEY = "an0ther-K3y_of-the-tests-zyxwvutsrqponmlkjih"
ONE = {"/": "{{ component('Counter') }}"}
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
HONEST = "/honest"
SOON = 20

ran: list[str] = []


class HonestVisitors(Component):
    """What stands beside the attacked page, for those who only want to use it."""

    times = 0
    template = "<p>{{ times }}</p>"

    @exposed
    async def use(self) -> None:
        self.times += 1


def define() -> None:
    """Define the components that are attacked; each test gets classes of its own."""
    ran.clear()

    class Counter(Component):
        count = 0
        label: str = ""
        draft: str = bind("")
        tags: list[str] = []
        secret: str = private("hidden-from-everyone")
        _note = "transient"
        shown_nowhere = "only-in-state"
        template = "<p title='{{ label }}'>{{ count }} {{ label }} {{ draft }}</p>"

        @property
        def peek(self) -> int:
            ran.append("peek")
            return 1

        @exposed
        def add(self, by: int = 1) -> None:
            ran.append("add")
            self.count += by

        @exposed
        def name(self, label: str) -> None:
            self.label = label

        @exposed
        def retag(self, tags: list[str]) -> None:
            self.tags = tags

        @exposed
        def any(self, value) -> None:  # type: ignore[no-untyped-def]  # on purpose: no annotation
            ran.append(type(value).__name__)

        @exposed
        def fail(self) -> None:
            raise RuntimeError(f"/etc/secret {KEY}\r\nFAKE log line")

        def helper(self) -> None:
            ran.append("helper")

        def mount(self) -> None:
            ran.append("mount")

    class Other(Component):
        count = 0
        template = "<p>{{ count }}</p>"

        @exposed
        def add(self) -> None:
            self.count += 1


class Log(logging.Handler):
    """What production's log would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(OneLine())
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        """What asok has to say, at production's level."""
        said = [each for each in self.records if each.name.startswith("asok") and each.levelno >= logging.WARNING]
        return [each.getMessage() for each in said]

    def check(self) -> None:
        """No traceback, and each record one line."""
        for record in self.records:
            assert not (record.exc_info and record.exc_info[0]), f"a traceback: {record.getMessage()}"
            assert not set("\r\n") & set(record.getMessage()), f"more than one line: {record.getMessage()!r}"


@contextlib.contextmanager
def listening() -> Iterator[Log]:
    log, root = Log(), logging.getLogger()
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)


@contextlib.asynccontextmanager
async def attacked(app: Asok) -> AsyncIterator[Rig]:
    """The app, served; what has been done to it in the block must have harmed nobody."""
    app.page(HONEST, HonestVisitors)
    with listening() as log:
        async with rig(app) as served:
            yield served
            await unharmed(served)
        log.check()


async def unharmed(served: Rig) -> None:
    """An honest visitor on the same server is answered at once, on a socket of their own."""
    async with asyncio.timeout(SOON):
        tab = await served.tab(HONEST)
        assert await tab.text_after("use") == "<p>1</p>"


def opened(text: str) -> Token:
    """What a token says."""
    return unseal(text, RING, Limits(), time.time())


async def reset_or_refused(tab: Tab, token: str) -> str:
    """How a join with this token is answered."""
    await tab.send("join", 1, tab.csrf, tab.name, [[token, 0, 0]])
    await tab.until("joined")
    await tab.send("ping")
    return str((await tab.until("reset", "refused", "pong"))[0])


def members(app: Asok) -> None:
    """Let visitors of the app log in at `/in` and out at `/out`."""

    async def log_in(request: Any) -> Any:
        request.session["user"] = "ann"
        return PlainTextResponse("in")

    async def log_out(request: Any) -> Any:
        request.session.clear()
        request.session.regenerate()
        return PlainTextResponse("out")

    app.add_route("/in", log_in, methods=["POST"])
    app.add_route("/out", log_out, methods=["POST"])
