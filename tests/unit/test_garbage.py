"""What an event was run on is gone with its answer: nothing of it waits for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from asok import Component, exposed
from tests.rig import asok_app, rig

PAGE = {"/": "{{ component('Loaded') }}"}


@pytest.fixture
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
async def test_a_component_is_gone_once_its_event_is_answered(tmp_path: Path) -> None:
    met = list[ref[Component]]()

    class Loaded(Component):
        count = 0
        template = "<p>{{ count }}{% for row in rows %}{{ row }}{% endfor %}</p>"

        def load(self) -> None:
            self.rows = ["row"] * 100
            met.append(ref(self))

        @exposed
        async def up(self) -> None:
            self.count += 1

        @exposed
        def slowly(self) -> None:
            self.count += 1
            self.push()

    async with rig(asok_app(tmp_path, PAGE)) as served:
        tab = await served.tab()
        for _ in range(3):
            for call in ("up", "slowly"):
                await tab.event(call)
        assert [each() for each in met[:-4] if each() is not None] == []
        assert len(met) > 12
