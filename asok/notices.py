"""Notices: what a process tells the others after it has committed a document."""

from __future__ import annotations

from typing import Any

import msgspec

from asok.sessions import CellKey
from asok.trees import Path

__all__ = ["Notice", "encoded", "notices"]

LONGEST = 64 * 1024


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """writes: verb, path and value; none where they are large.

    had: the checksum of the document's `had`; a process of another release does not make the same of the writes.
    by: the process. base, mark: the document's `mark` before and after.
    """

    key: CellKey
    version: int
    writes: list[tuple[str, Path, Any]]
    origin: str
    had: int
    by: str = ""
    base: int = 0
    mark: int = 0


notices = msgspec.msgpack.Decoder(Notice)


def encoded(notice: Notice) -> bytes:
    """Its bytes; without the writes where they are long, so that the others read."""
    found = msgspec.msgpack.encode(notice)
    return found if len(found) <= LONGEST else msgspec.msgpack.encode(msgspec.structs.replace(notice, writes=[]))
