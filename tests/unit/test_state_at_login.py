"""What is set for a session while it is given another id is there under the new one, or is refused in words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from asok.backends.memory import MemoryBackend
from asok.errors import StoreError
from asok.namespaces import CELL
from asok.sessions import Commit, owner_of
from tests.rig import asok_app


@pytest.mark.parametrize("database", [":memory:", "sessions.sqlite"])
@pytest.mark.parametrize("first", ["state", "id"])
async def test_what_a_login_sets_without_waiting_is_kept(tmp_path: Path, database: str, first: str) -> None:
    app = asok_app(tmp_path, database=database if database == ":memory:" else str(tmp_path / database))

    async def begin(request: Request) -> PlainTextResponse:
        request.session["begun"] = True
        return PlainTextResponse("")

    async def login(request: Request) -> PlainTextResponse:
        if first == "id":
            request.session.regenerate()  # type: ignore[attr-defined]  # asok's session
        app.set_state("visitor", "language", "de")
        if first == "state":
            request.session.regenerate()  # type: ignore[attr-defined]
        return PlainTextResponse("")

    async def language(request: Request) -> PlainTextResponse:
        return PlainTextResponse(app.get_state("visitor", "language", "none"))

    for path, answer in (("/begin", begin), ("/login", login), ("/language", language)):
        app.add_route(path, answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        await http.get("/begin")
        await http.get("/login")
        assert (await http.get("/language")).text == "de"
    await app._disconnect()


class Gated(MemoryBackend):
    """Lets the commits of a session's state wait."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def commit(self, commit: Commit) -> bool:
        if any(name == CELL for _, name in commit.writes):
            self.reached.set()
            await self.gate.wait()
        return await super().commit(commit)


async def test_what_is_set_while_another_request_gives_the_session_its_id_is_refused(tmp_path: Path) -> None:
    backend = Gated()
    app = asok_app(tmp_path, backend=backend)
    said: list[Any] = []

    async def begin(request: Request) -> PlainTextResponse:
        request.session["begun"] = True
        return PlainTextResponse("")

    async def choose(request: Request) -> PlainTextResponse:
        said.append(owner_of(request.session.id))  # type: ignore[attr-defined]
        try:
            await app.set_state("visitor", "language", "de")
        except StoreError as error:
            said.append(str(error))
        return PlainTextResponse("")

    for path, answer in (("/begin", begin), ("/choose", choose)):
        app.add_route(path, answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        await http.get("/begin")
        choosing = asyncio.create_task(http.get("/choose"))
        async with asyncio.timeout(10):
            await backend.reached.wait()
            owner = said[0]
            cells = await backend.read(owner, ["meta"])
            assert await backend.commit(
                Commit({("other", "meta"): cells["meta"].version}, {("other", "meta"): b""}, move=(owner, "other"))
            )
            backend.gate.set()
            await choosing
    assert said[1].startswith("the session has ended, or was given another id")
    assert not await backend.read(owner, [CELL])
    await app._disconnect()
