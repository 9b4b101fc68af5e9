"""Addresses on this site as they stand in a page: a path is never more than a path, whoever has asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

__all__ = ["root_of", "written"]


def written(path: str) -> str:
    """A path as an address. Two slashes would begin the name of another site."""
    address = quote(path)
    return f"/.{address}" if address.startswith("//") else address


def root_of(scope: Mapping[str, Any]) -> str:
    """The address below which the app lies; empty at the top. A mount may have taken it from the request."""
    root = scope.get("asok.root", "")
    return written(root) if root else ""
