"""A progress bar that an async generator moves."""

import asyncio
import os
import sysconfig
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterable
from itertools import chain
from pathlib import Path

from asok import Asok, Component, exposed

LIBRARY = Path(sysconfig.get_path("stdlib"))
STEPS = 100


def folders_of(root: Path) -> list[str]:
    return [folder for folder, _, _ in os.walk(root)]


def suffixes_in(folders: Iterable[str]) -> Tally[str]:
    """How many files of each suffix stand in the folders."""
    entries = chain.from_iterable(map(os.scandir, folders))
    files = (Path(entry) for entry in entries if entry.is_file())
    return Tally(file.suffix or "none" for file in files)


class Progress(Component):
    """Counts the files of this Python by suffix; each yield shows how far it is."""

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
            some = folders[self.done : self.done + share]
            found = await asyncio.to_thread(suffixes_in, some)
            self.files = dict(Tally(self.files) + found)
            self.done += len(some)
            yield


app = Asok()
app.page("/", Progress)
