"""Regions: elements whose text follows a value of a store. One text and one frame for all tabs that show it."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Protocol

from asok import protocol
from asok.documents import GONE, Change, at
from asok.grants import text_of
from asok.replicas import Replicas
from asok.stores import Tree
from asok.trees import Path

__all__ = ["Region", "Regions"]

AT_ONCE = 200  # tabs that are told before others get the loop: about 2 ms


class Shower(Protocol):
    """A tab that shows regions."""

    def show(self, region: Region) -> None: ...


class Region:
    """One path of one store, as text."""

    def __init__(self, regions: Regions, key: str, tree: Tree, path: Path) -> None:
        self.key, self.tree, self.path, self._regions = key, tree, tree.within(path), regions
        self._tabs: dict[Shower, None] = {}
        # Who shows an older text. At the next change, who has been told comes after who has not.
        self._behind: dict[Shower, None] = {}
        self._due = False
        self.frame = self._written()

    def _written(self) -> str:
        value = at(self.tree.tree(), self.path)
        return protocol.encode(protocol.Region(self.key, "" if value is GONE else text_of(value)))

    def enter(self, tab: Shower) -> None:
        """A tab shows it."""
        self._tabs[tab] = None

    def leave(self, tab: Shower) -> None:
        """A tab shows it no more."""
        self._tabs.pop(tab, None)
        self._behind.pop(tab, None)
        if not self._tabs:
            self._regions.forget(self)

    def changed(self, change: Change) -> None:
        """The document has changed: once per burst all tabs are told."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        before, self._due = self.frame, False
        if not self._tabs:
            return
        self.frame = self._written()
        if self.frame != before:
            telling, self._behind = bool(self._behind), {**self._behind, **self._tabs}
            if not telling:
                self._tell()

    def _tell(self) -> None:
        try:
            for tab in list(islice(self._behind, AT_ONCE)):
                self.catch_up(tab)
        finally:
            if self._behind:
                asyncio.get_running_loop().call_soon(self._tell)

    def catch_up(self, tab: Shower) -> None:
        """Tell the tab now, if it has not been told of the last change."""
        if self._due:
            self._show()
        if tab in self._behind:
            del self._behind[tab]
            tab.show(self)


class Regions:
    """The regions that tabs of this process show, by their signed keys."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._known: dict[str, Region] = {}

    def enter(self, key: str, tree: Tree, path: Path, tab: Shower) -> Region:
        """The region of a key, which the tab shows from now on."""
        region = self._known.get(key)
        if region is None:
            region = self._known[key] = Region(self, key, tree, path)
            for document in tree.documents:
                self._replicas.watch(document.key, region.path, region)
        region.enter(tab)
        return region

    def forget(self, region: Region) -> None:
        """Nobody shows it."""
        for document in region.tree.documents:
            self._replicas.unwatch(document.key, region.path, region)
        self._known.pop(region.key, None)

    def __len__(self) -> int:
        """How many are shown."""
        return len(self._known)
