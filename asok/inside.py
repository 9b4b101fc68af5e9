"""A context variable that has a value inside of a `with`, and the one of before after it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["Inside"]

T = TypeVar("T")


class Inside(Generic[T]):
    """For each variable a class of its own. That costs a third of what a generator does, and each event enters four."""

    __slots__ = ("_before", "_own")
    _variable: ClassVar[ContextVar[Any]]

    def __init__(self, own: T) -> None:
        self._own = own

    def __enter__(self) -> None:
        self._before = self._variable.set(self._own)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._variable.reset(self._before)
