"""The line to a Redis on which cells are asked for: it knows which server answers there."""

from __future__ import annotations

from collections.abc import Callable

from asok.backends.redis_calls import Line
from asok.backends.resp import command

__all__ = ["CellsLine", "facts_of"]


class CellsLine(Line):
    """met: told of the server before anybody asks it anything.

    server: a name of it that a restart or a failover changes, after which the last writes may be gone; "" where it
    does not say.
    """

    def __init__(self, met: Callable[[str], None]) -> None:
        super().__init__()
        self._met, self.server = met, ""

    async def begin(self) -> None:
        """Ask who it is."""
        info = await self.call(command(["INFO"]))
        if isinstance(info, bytes):
            facts = facts_of(info)
            self.server = "/".join(facts.get(name, "") for name in ("run_id", "master_replid"))
        self._met(self.server)


def facts_of(info: bytes) -> dict[str, str]:
    """What the reply to INFO says."""
    lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}
