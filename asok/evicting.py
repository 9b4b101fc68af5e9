"""Room in a session that is full: its oldest records go, and nothing that they knew can come back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from asok.sessions import META, TRIED, Backend, CellKey, Meta, pack, unpack_record

__all__ = ["evicted", "with_room"]


async def evicted(backend: Backend, owner: str, meta: Meta, limit: int) -> dict[CellKey, bytes | None]:
    """The writes that make room for more records: none below the limit; at it, the oldest quarter goes, and all that
    are more than twice as many, where pages keep so many at once.

    What an evicted record knew cannot come back: the watermark rises, so that no token of before is new again.
    """
    kept = await backend.count(owner, "record/")
    if kept < limit:
        return {}
    pointers = await backend.oldest(owner, "slot/", max(0, await backend.count(owner, "slot/") - limit))
    oldest = await backend.oldest(owner, "record/", max(limit // 4 + 1, kept - 2 * limit))
    cells = await backend.read(owner, oldest)
    born = max((unpack_record(cell.value).born for cell in cells.values()), default=0)
    raised = msgspec.structs.replace(meta, watermark=max(meta.watermark, int(born) + 1.0))
    tried = [TRIED + name.removeprefix("record/") for name in oldest]
    return {(owner, META): pack(raised), **{(owner, name): None for name in [*oldest, *pointers, *tried]}}


async def with_room(
    backend: Backend, owner: str, meta: Meta, limit: int, writes: Mapping[CellKey, bytes | None]
) -> dict[CellKey, bytes | None]:
    """The writes, and those that make room for them: a record that is written stays, and the watermark rises."""
    room = await evicted(backend, owner, meta, limit)
    return {**room, **writes, **{key: value for key, value in room.items() if key[1] == META}}
