"""The open conversations of a process: whose session has ended is told, whatever else fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from asok import Component
from asok.backends.memory import MemoryBackend
from asok.sessions import Cell
from tests.rig import asok_app, rig

PATIENCE = 20
SESSION_ENDED = 4401


class Doubted(Component):
    template = "<p></p>"


class OnceBroken(MemoryBackend):
    """Fails once, and not as a backend should."""

    broken = False

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        if self.broken:
            self.broken = False
            raise OSError("it is broken")
        return await super().read(owner, names, prefix)


async def test_a_session_that_may_have_ended_is_looked_for_until_the_backend_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.connections.AGAIN", 0)
    backend = OnceBroken()
    app = asok_app(tmp_path, {"/": "{{ component('Doubted') }}"}, backend=backend)
    async with rig(app) as served:
        tab = await served.tab()
        await tab.event("")
        (session,) = app._connections.open
        await backend.delete(session.owner)
        backend.broken = True
        app._connections.doubt()  # as where the news from another process did not come
        async with asyncio.timeout(PATIENCE):
            assert await tab.closed() == SESSION_ENDED
