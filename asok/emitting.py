"""Messages between the components of one page: what can be sent, and to whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asok.errors import ComponentError, nearest
from asok.topics import name_problem, unpacked

__all__ = ["Address", "Emitted", "Recipient", "address_of", "emitted"]

RELATIVES = ("parents", "siblings", "children")

Recipient = str | type | tuple[str | type, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Who is meant: a word of kinship, or the name of a class; key: of that class only those that have it."""

    whom: str
    key: Any = None

    def __str__(self) -> str:
        return repr(self.whom if self.key is None else (self.whom, self.key))


@dataclass(frozen=True, slots=True)
class Emitted:
    """A message on its way. hops: how many have handed it on, each because of what it had heard itself."""

    name: str
    message: Any
    to: Address
    hops: int


def address_of(to: Any, classes: Iterable[str]) -> Address:
    """The address that `emit` was given. Raises ComponentError where nobody can be meant by it."""
    keyed = isinstance(to, tuple) and len(to) == 2 and to[1] is not None
    whom, key = to if keyed else (to, None)
    name, known = whom.__name__ if isinstance(whom, type) else whom, list(classes)
    if not isinstance(name, str):
        raise ComponentError(f"emit(…, to={to!r:.80}): expected a text, a component class, or one of both and a key")
    if name not in known and (keyed or name not in RELATIVES):
        close = nearest(name, [*known, *RELATIVES])
        expected = "expected 'parents', 'siblings', 'children', or the name of a class"
        raise ComponentError(f"emit(…, to={to!r:.80}): no component is called {name!r:.80}{close}; {expected}")
    return Address(name, key)


def emitted(name: Any, message: Any, to: Address, hops: int) -> Emitted:
    """The message, apart from what the component goes on to change. Raises AsokError where it cannot be sent."""
    if problem := name_problem(name):
        raise ComponentError(f"emit({name!r:.80}): {problem}")
    return Emitted(name, unpacked("emit", name, message), to, hops)
