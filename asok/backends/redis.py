"""Cells in a Redis, which the processes of several machines may use at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from asok.sessions import Cell, Commit

__all__ = ["RedisBackend"]


class RedisBackend:
    """Keeps cells in the Redis at `url`."""

    def __init__(self, url: str, *, patience: float = 5.0) -> None:
        self._url, self._patience = url, patience

    async def open(self) -> None:
        raise NotImplementedError

    async def close(self) -> None: ...

    async def read(self, owner: str, names: Sequence[str], prefix: str | None = None) -> dict[str, Cell]:
        raise NotImplementedError

    async def commit(self, commit: Commit) -> bool:
        raise NotImplementedError

    async def count(self, owner: str, prefix: str) -> int:
        raise NotImplementedError

    async def oldest(self, owner: str, prefix: str, count: int) -> list[str]:
        raise NotImplementedError

    async def delete(self, owner: str) -> None:
        raise NotImplementedError

    async def sweep(self, before: float) -> int:
        raise NotImplementedError
