"""What begins anew in the child of a fork: the parent's locks, loops and connections are not the child's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["in_each_child"]

T = TypeVar("T")

# In the order in which they were made, so that each begins after what it is made of.
_begins: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def in_each_child(one: T, begin: Callable[[T], None]) -> None:
    """Call `begin` with it in each child that this process forks, as long as it lives."""
    _begins[one] = begin


def _begin_all() -> None:
    for one, begin in list(_begins.items()):
        begin(one)


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_all)
