"""Messages that come together, of which one is ended: the others count, and nothing begins again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from asok import Component, Limits, exposed, on
from tests.rig import asok_app, rig


@pytest.mark.parametrize("ended", ["by the page", "by its time limit"])
async def test_a_message_that_was_ended_does_not_begin_again(tmp_path: Path, ended: str) -> None:
    began: list[int] = []
    busy, go_on, begun = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class EndedMessage(Component):
        taken: list[int] = []
        template = "<p>{{ taken | join(' ') }}</p>"

        @exposed
        async def hold(self) -> None:
            busy.set()
            await go_on.wait()

        @on("number")
        async def number(self, number: int) -> None:
            began.append(number)
            if number == 2:
                begun.set()
                await asyncio.Event().wait()
            self.taken = [*self.taken, number]

    limits = Limits(handler_timeout=60 if ended == "by the page" else 1)
    app = asok_app(tmp_path, {"/": "{{ component('EndedMessage') }}"}, limits=limits)
    async with rig(app) as served, asyncio.timeout(10):
        tab = await served.tab()
        await tab.send("event", tab.only, 1, "hold")
        await busy.wait()
        for number in (1, 2, 3, 4):
            app.push("number", number)
        go_on.set()
        await begun.wait()
        if ended == "by the page":
            await tab.send("cancel", tab.only)
        await tab.shows("1 3 4")
        assert began.count(2) == 1
        assert began[-2:] == [3, 4]
