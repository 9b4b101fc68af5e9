"""Lists whose rows only the page keeps: `rows: Stream[Message] = Stream(key="id", limit=200)`.

A method says what becomes of rows; each that is new is rendered once and sent, and neither the state nor the session
holds it. So a list costs the server what changes in it, however long it is. What the page shows at first is what the
method marked `@rows.fill` returns; it is called again where a page may have missed something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Self, TypeVar, overload

from asok.errors import ComponentError, FieldError
from asok.fields import Apart
from asok.placed import Placed

__all__ = ["Change", "Rows", "Stream", "streams_of"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Key = str | int
END = -1


class Change(NamedTuple):
    """What is to become of a stream's rows.

    verb: `put`, `update`, `move`, `delete` or `reset`. items: rows, or keys to move or delete. place: the key before
    which they go, or how many rows stand before them; END for the end. limit: so many rows stay, counted from the
    front, or from the end where it is negative; 0 for all.
    """

    stream: str
    verb: str
    items: tuple[Any, ...]
    place: Key = END
    limit: int = 0


class Stream(Apart, Generic[T]):
    """Declares a list whose rows are kept by the page alone.

    key: the item's attribute, its entry in a dict or tuple, or a function, that tells rows apart. limit: so many rows
    stay in the page; those farthest from where rows come in go.
    """

    def __init__(self, *, key: str | int | Callable[[T], Key] = "id", limit: int | None = None) -> None:
        if limit is not None and (type(limit) is not int or limit < 1):
            raise FieldError(f"Stream(limit={limit!r}): expected how many rows stay in the page, such as 200")
        self.key, self.limit = key, limit or 0
        self.name = self.filler = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def fill(self, function: F) -> F:
        """Let this method return the rows that the page is to show now, for its first HTML and whenever it needs them.

        It may be async. It reads what `mount()` and `load()` have set, and changes nothing.
        """
        self.filler = function.__name__
        return function

    def key_of(self, item: T) -> str:
        """What tells the row of this item apart. Raises ComponentError for an item that has no key."""
        try:
            if callable(self.key):
                found: Any = self.key(item)
            elif isinstance(item, Mapping) or isinstance(self.key, int):
                found = item[self.key]  # type: ignore[index]  # what has no items raises
            else:
                found = getattr(item, self.key)
        except (AttributeError, LookupError, TypeError) as error:
            problem = f"{self.name}: a row has no key {self.key!r}: {item!r:.80} ({error})"
            raise ComponentError(f"{problem}; name what tells rows apart, as in Stream(key='id')") from None
        return key_text(self.name, found)

    @overload
    def __get__(self, component: None, owner: type) -> Self: ...
    @overload
    def __get__(self, component: Placed, owner: type) -> Rows[T]: ...
    def __get__(self, component: Placed | None, owner: type) -> Self | Rows[T]:
        return self if component is None else Rows(component, self)

    def __set__(self, component: Placed, value: Any) -> None:
        name = f"{type(component).__name__}.{self.name}"
        raise FieldError(f"{name} is a stream, and keeps no rows to replace; write self.{self.name}.reset(items)")


class Rows(Generic[T]):
    """The rows of one component's stream, as its methods change them: `self.rows.append(message)`.

    All that a method asks for happens in the page with its answer, each exactly once and in this order. A row whose
    key is there already is changed and moved, not doubled. A key that the page does not have is no mistake, as
    the row may be beyond the limit: nothing happens then.
    """

    def __init__(self, component: Placed, stream: Stream[T]) -> None:
        self._component, self._stream = component, stream

    def append(self, *items: T) -> None:
        """Add rows at the end; beyond the limit, rows at the front go."""
        self._put("append", items, END, -self._stream.limit)

    def prepend(self, *items: T) -> None:
        """Add rows at the front, in this order; beyond the limit, rows at the end go."""
        self._put("prepend", items, 0, self._stream.limit)

    def insert(self, *items: T, before: Key | None = None, at: int | None = None) -> None:
        """Add rows before the row of a key, or `at` so many rows from the front; beyond the limit, the end goes."""
        self._put("insert", items, self._place("insert", before, at), self._stream.limit)

    def update(self, *items: T) -> None:
        """Show these rows anew, where they are; one that the page does not have is not added."""
        self._put("update", items, END, 0, verb="update")

    def move(self, key: Key, *, before: Key | None = None, at: int | None = None) -> None:
        """Move the row of a key before that of another, or to a place; `at=-1` is the end."""
        self._ask("move", (key_text(self._stream.name, key),), self._place("move", before, at))

    def delete(self, *keys: Key) -> None:
        """Take away the rows of these keys."""
        if keys:
            self._ask("delete", tuple(key_text(self._stream.name, key) for key in keys))

    def reset(self, items: Iterable[T] = ()) -> None:
        """Show these rows and no others; those that stay keep focus and typed text."""
        rows, limit = self._checked("reset", tuple(items)), self._stream.limit
        if limit and len(rows) > limit:
            raise ComponentError(f"{self._stream.name}.reset: {len(rows)} rows, and limit={limit}; give those to show")
        self._ask("reset", rows)

    def _put(self, word: str, items: tuple[T, ...], place: Key, limit: int, *, verb: str = "put") -> None:
        if items:
            self._ask(verb, self._checked(word, items), place, limit)

    def _checked(self, word: str, items: tuple[T, ...]) -> tuple[T, ...]:
        keys: set[str] = set()
        for item in items:
            key = self._stream.key_of(item)
            if key in keys:
                name = f"{type(self._component).__name__}.{self._stream.name}.{word}"
                raise ComponentError(f"{name}: two rows have the key {key!r}; each row needs a key of its own")
            keys.add(key)
        return items

    def _place(self, word: str, before: Key | None, at: int | None) -> Key:
        if (before is None) == (at is None):
            example = "move(7, before=3) or move(7, at=0)" if word == "move" else "insert(row, before=3) or at=0"
            raise ComponentError(f"{self._stream.name}.{word}: say where, once: {example}")
        if before is not None:
            return key_text(self._stream.name, before)
        if type(at) is not int or at < END:
            raise ComponentError(f"{self._stream.name}.{word}(at={at!r}): expected 0 or more, or -1 for the end")
        return at

    def _ask(self, verb: str, items: tuple[Any, ...], place: Key = END, limit: int = 0) -> None:
        component, name = self._component, self._stream.name
        component._page_for(f"{name}.{verb}")
        component._surroundings.changes.append(Change(name, verb, items, place, limit))
        component._asked()


def key_text(stream: str, key: Any) -> str:
    """A key as it stands in `ws-key`. Raises ComponentError."""
    if isinstance(key, str) and key and key.isprintable():
        return key
    if type(key) is int and math.log2(abs(key) + 1) < 128:
        return str(key)
    raise ComponentError(f"{stream}: {key!r:.80} is no key of a row; expected a number or a text, such as 7 or 'a7'")


def streams_of(cls: type, taken: frozenset[str]) -> dict[str, Stream[Any]]:
    """The streams that a class and its bases declare, by name. Raises FieldError for a name that is taken."""
    found: dict[str, Stream[Any]] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            found.pop(name, None)
            if isinstance(value, Stream):
                found[name] = value
    for name in taken & found.keys():
        raise FieldError(f"{cls.__name__}.{name} cannot be a stream: every component has its own {name}; rename it")
    return found
