"""A progress bar that an async generator moves: `asok dev examples/progress/app.py`."""

import asyncio
import os
import sysconfig
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from asok import Asok, Component, exposed

LIBRARY = Path(sysconfig.get_path("stdlib"))
STEPS = 100


def folders_of(root: Path) -> list[str]:
    return [folder for folder, _, _ in os.walk(root)]


def suffixes_in(folders: Iterable[str]) -> Tally[str]:
    """How many files of each suffix stand in the folders."""
    entries = (entry for folder in folders for entry in os.scandir(folder))
    return Tally(Path(entry.name).suffix or "none" for entry in entries if entry.is_file())


class Progress(Component):
    """Counts the files of the Python installation by suffix; each yield shows how far it is."""

    files: dict[str, int] = {}
    done: int = 0
    total: int = 0

    @property
    def most(self) -> list[tuple[str, int]]:
        return sorted(self.files.items(), key=lambda each: -each[1])[:12]

    @exposed(timeout=90)
    async def count(self) -> AsyncIterator[None]:
        self.files, self.done, self.total = {}, 0, 0
        folders = await asyncio.to_thread(folders_of, LIBRARY)
        self.total = len(folders)
        share = max(1, self.total // STEPS)
        while self.done < self.total:
            found = await asyncio.to_thread(suffixes_in, folders[self.done : self.done + share])
            self.files = dict(Tally(self.files) + found)
            self.done = min(self.done + share, self.total)
            yield


app = Asok()
app.page("/", Progress)
