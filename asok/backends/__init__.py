"""Places to keep cells: in memory, in a SQLite file; each is the only module that imports its technology."""

from __future__ import annotations

__all__: list[str] = []
