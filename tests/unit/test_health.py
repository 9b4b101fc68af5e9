"""What a load balancer is told, and what a stranger is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asok.backends.memory import MemoryBackend
from asok.errors import Busy
from asok.sessions import Commit
from tests.rig import asok_app, rig

HEALTH = "/live/health"


class Away(MemoryBackend):
    """A store that takes no writes, as on a full disk: it hangs, or says so."""

    hangs = asks = 0

    async def commit(self, commit: Commit) -> bool:
        self.asks += 1
        if self.hangs:
            await asyncio.sleep(3600)
        raise Busy("away")


async def test_a_server_that_serves_is_ready_under_any_host_and_nothing_keeps_the_answer(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path)) as served:
        http = (await served.visitor()).http
        for headers in {}, {"Host": "10.0.0.7"}:
            response = await http.get(HEALTH, headers=headers)
            assert (response.status_code, response.json()) == (200, {"status": "ready"})
            assert response.headers["cache-control"] == "no-store"
            assert "set-cookie" not in response.headers
        assert (await http.get("/", headers={"Host": "10.0.0.7"})).status_code == 400, "all else asks for the host"
        assert (await http.post(HEALTH)).status_code == 405


@pytest.mark.parametrize("hangs", [0, 1])
async def test_a_store_that_takes_no_writes_makes_it_unavailable_and_is_asked_once_for_many(
    tmp_path: Path, hangs: int
) -> None:
    backend = Away()
    backend.hangs = hangs
    async with rig(asok_app(tmp_path, backend=backend)) as served:
        http = (await served.visitor()).http
        for response in await asyncio.gather(*(http.get(HEALTH) for _ in range(5))):
            assert (response.status_code, response.json()) == (503, {"status": "unavailable"})
        assert backend.asks == 1


async def test_a_server_that_drains_says_so(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    async with rig(app) as served:
        http = (await served.visitor()).http
        await app.drain(0)
        assert (await http.get(HEALTH)).json() == {"status": "draining"}


async def test_an_app_that_has_not_begun_is_starting(tmp_path: Path) -> None:
    app = asok_app(tmp_path)

    async def slowly() -> None:
        await asyncio.sleep(3600)

    app.bus.open = slowly  # type: ignore[method-assign]  # as a bus that cannot be had yet
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        first = asyncio.create_task(http.get("/"))
        await asyncio.sleep(0)
        response = await http.get(HEALTH)
        assert (response.status_code, response.json()) == (503, {"status": "starting"})
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_mounted_app_has_its_health_below_its_own_path(tmp_path: Path) -> None:
    async with rig(Starlette(routes=[Mount("/in", asok_app(tmp_path))])) as served:
        http = (await served.visitor()).http
        assert (await http.get("/in" + HEALTH)).json() == {"status": "ready"}
        assert (await http.get(HEALTH)).status_code == 404
