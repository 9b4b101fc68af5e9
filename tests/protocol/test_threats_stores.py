"""Threats T17, T36 and T38: what visitors share, and what stays theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from asok import Component, exposed
from tests.protocol.attacked import (
    asok_app,
    attacked,
    define,
)
from tests.rig import Tab


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t36_no_write_to_the_session_is_lost_between_tabs_and_requests(tmp_path: Path) -> None:
    class Adds(Component):
        template = "<p>{{ session.get('n', 0) }}</p>"

        @exposed
        async def add(self) -> None:
            n = self.session.get("n", 0)
            await asyncio.sleep(0)
            self.session["n"] = n + 1

    async def plus(request: Any) -> Any:
        n = request.session.get("n", 0)
        await asyncio.sleep(0)
        request.session["n"] = n + 1
        return PlainTextResponse("")

    app = asok_app(tmp_path, {"/": "{{ component('Adds') }}"}, database=str(tmp_path / "s.db"))
    app.add_route("/plus", plus, methods=["POST"])
    async with attacked(app) as served:
        visitor = await served.visitor()
        tabs = [await visitor.tab() for _ in range(2)]

        async def click(tab: Tab) -> int:
            done = 0
            for seq in range(1, 31):
                while (await tab.event("add", seq=seq))[0] != "update":
                    pass
                done += 1
            return done

        async def post() -> int:
            return sum([(await visitor.http.post("/plus")).status_code == 200 for _ in range(30)])

        done = sum(await asyncio.gather(*map(click, tabs), post()))
        assert f">{done}</p>" in (await visitor.open()).text
