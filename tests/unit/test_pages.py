"""What a page asks of the session store: no more than what can be there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asok import Component
from asok.backends.sqlite import SQLiteBackend
from asok.sessions import META, Cell, Commit
from tests.rig import asok_app, rig


class PagesNumber(Component):
    """Shows a number."""

    number = 1
    template = "<p>{{ number }}</p>"


class Noting(SQLiteBackend):
    """Notes what it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[object] = []

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        self.asked.append(["read", [name.partition("/")[0] for name in names], prefix])
        return await super().read(owner, names, prefix)

    async def commit(self, commit: Commit) -> bool:
        self.asked.append(["write", [name for _, name in commit.writes]])
        return await super().commit(commit)


async def test_a_new_visitor_costs_one_write_and_one_who_is_known_two_reads(tmp_path: Path) -> None:
    backend = Noting(tmp_path / "app.db")
    app = asok_app(tmp_path, backend=backend)
    app.page("/", PagesNumber)
    async with rig(app) as served:
        visitor = await served.visitor()
        backend.asked.clear()
        await visitor.open()
        assert backend.asked == [["write", [META]]]
        backend.asked.clear()
        await visitor.open()
        assert backend.asked == [["read", [META], "session/"], ["read", ["slot"], None]]
