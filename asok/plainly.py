"""A mapping whose keys are no attributes, and which says so to whoever writes or reads one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

__all__ = ["PlainMapping"]


class PlainMapping(MutableMapping[str, Any]):
    """A mapping with the attributes that its class declares and no others: `session.user = 3` would be kept nowhere."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__ and not hasattr(type(self), name):
            raise AttributeError(f"{self._called} is a mapping: write {self._called}[{name!r}] = …, which saves it")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self._called} is a mapping and has no .{name}: write {self._called}.get({name!r})")

    @property
    def _called(self) -> str:
        return type(self).__name__.lower()
