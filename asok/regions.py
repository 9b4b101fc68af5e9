"""Regions: elements whose text follows a value of a store. One text and one frame for all tabs that show it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from asok import protocol
from asok.documents import Change, at
from asok.grants import text_of
from asok.replicas import Replicas
from asok.stores import Tree
from asok.trees import Path

__all__ = ["Region", "Regions"]


class Shower(Protocol):
    """A tab that shows regions."""

    def show(self, region: Region) -> None: ...


class Region:
    """One path of one store, as text."""

    def __init__(self, regions: Regions, key: str, tree: Tree, path: Path) -> None:
        self.key, self._regions, self._tree, self.path = key, regions, tree, path
        self.document = tree.document
        self._tabs: dict[Shower, None] = {}
        self._due = False
        self._write()

    def _write(self) -> bool:
        """Write the frame; whether it is another one than before."""
        before = getattr(self, "frame", "")
        self.frame = protocol.encode(protocol.Region(self.key, text_of(at(self._tree.tree(), self.path))))
        return self.frame != before

    def enter(self, tab: Shower) -> None:
        """A tab shows it."""
        self._tabs[tab] = None

    def leave(self, tab: Shower) -> None:
        """A tab shows it no more."""
        self._tabs.pop(tab, None)
        if not self._tabs:
            self._regions.forget(self)

    def changed(self, change: Change) -> None:
        """The document has changed: once per burst all tabs are told."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        self._due = False
        if self._write():
            for tab in list(self._tabs):
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
            self._replicas.watch(region.document.key, path, region)
        region.enter(tab)
        return region

    def forget(self, region: Region) -> None:
        """Nobody shows it."""
        self._replicas.unwatch(region.document.key, region.path, region)
        self._known.pop(region.key, None)
