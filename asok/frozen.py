"""Dicts and lists that nobody can change in place, checked for what a store can hold.

Every frozen container knows its weight: how deep it is, how many values it holds, how much text. So the limits of
a whole tree are known without a walk through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from asok.errors import ValueRefused, ValueTooLarge
from asok.paths import MAX_PARTS, encodes, fault
from asok.shape import MAX_EXACT_INTEGER

__all__ = [
    "FROZEN",
    "FrozenDict",
    "FrozenList",
    "Weight",
    "check_weight",
    "freeze",
    "frozen_dict",
    "frozen_list",
    "thaw",
    "weigh",
]

Weight = tuple[int, int, int]  # levels of containers, values, bytes of text
VALUE_NODES, VALUE_SIZE = 10_000, 1 << 20


def _refusing(method: str, instead: str) -> Any:
    def refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(f"what a store holds is not changed in place ({method}): write {instead}")

    refuse.__name__ = method
    return refuse


class FrozenDict(dict[str, Any]):
    """A dict of a store's tree: reads like any dict, and is never changed. `freeze` makes it."""

    __slots__ = ("_weight",)
    _weight: Weight

    __init__: Any = _refusing("__init__", "freeze({…}), which makes one")
    __setitem__: Any = _refusing("[…] =", "store.set('settings/theme', …)")
    __delitem__: Any = _refusing("del", "store.delete('settings/theme')")
    __ior__: Any = _refusing("|=", "store.update('settings', {…})")
    update: Any = _refusing("update", "store.update('settings', {…})")
    setdefault: Any = _refusing("setdefault", "store.set('settings/theme', …)")
    pop: Any = _refusing("pop", "store.delete('settings/theme')")
    popitem: Any = _refusing("popitem", "store.delete('settings/theme')")
    clear: Any = _refusing("clear", "store.set('settings', {})")

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (self.copy(),)


class FrozenList(list[Any]):
    """A list of a store's tree: reads like any list, and is never changed. `freeze` makes it."""

    __slots__ = ("_weight",)
    _weight: Weight

    __init__: Any = _refusing("__init__", "freeze([…]), which makes one")
    __setitem__: Any = _refusing("[…] =", "store.set('todo/0', …)")
    __delitem__: Any = _refusing("del", "store.delete('todo/0')")
    __iadd__: Any = _refusing("+=", "store.append('todo', …)")
    __imul__: Any = _refusing("*=", "store.set('todo', todo * 2)")
    append: Any = _refusing("append", "store.append('todo', …)")
    extend: Any = _refusing("extend", "store.append('todo', …) for each")
    insert: Any = _refusing("insert", "store.set('todo', [first, *todo])")
    pop: Any = _refusing("pop", "store.delete('todo/0')")
    remove: Any = _refusing("remove", "store.delete('todo/0')")
    clear: Any = _refusing("clear", "store.set('todo', [])")
    sort: Any = _refusing("sort", "store.set('todo', sorted(todo))")
    reverse: Any = _refusing("reverse", "store.set('todo', todo[::-1])")

    def __copy__(self) -> list[Any]:
        return self[:]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return thaw(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (self.copy(),)


FROZEN = (FrozenDict, FrozenList)


# ---- from plain to frozen and back


def freeze(value: Any, *, depth: int = MAX_PARTS, nodes: int = VALUE_NODES, size: int = VALUE_SIZE) -> Any:
    """A checked deep copy that nobody can change; what is frozen already is returned as it is.

    Raises ValueRefused for what a store cannot hold, ValueTooLarge beyond `depth` levels, `nodes` values or
    `size` bytes of text.
    """
    if not isinstance(value, FROZEN):
        value = _Freezing(depth, nodes, size).copied(value, 0)
    check_weight(weigh(value), depth, nodes, size)
    return value


def thaw(tree: Any) -> Any:
    """A plain deep copy: dicts and lists that are yours to change."""
    if isinstance(tree, dict):
        return {key: thaw(item) for key, item in tree.items()}
    return [thaw(item) for item in tree] if isinstance(tree, list) else tree


class _Freezing:
    """One walk through a value, ended at the first limit: what is refused is never built to its end."""

    def __init__(self, depth: int, nodes: int, size: int) -> None:
        self.depth, self.nodes, self.size = depth, nodes, size
        self.deepest = self.seen = self.read = 0
        self.keys: set[str] = set()  # those that are found good: rows have the same ones

    def copied(self, value: Any, above: int) -> Any:
        """The frozen copy of what has so many containers above it."""
        if isinstance(value, FROZEN):
            deep, seen, read = value._weight
            self.deepest = max(self.deepest, deep)
            self._count(seen, read)
        elif isinstance(value, (dict, list, tuple)):
            value = self._container(value, above + 1)
        else:
            value = _scalar(value)
            self._count(1, _text_size(value))
        return value

    def _container(self, value: Any, above: int) -> Any:
        """The copy of a container; its weight is what the walk has counted meanwhile."""
        if above > self.depth:
            _refuse_depth(self.depth)
        outside, seen, read = self.deepest, self.seen, self.read
        self.deepest = 0
        self._count(1, 0)
        items: Any = self._dict(value, above) if isinstance(value, dict) else self._list(value, above)
        weight = self.deepest + 1, self.seen - seen, self.read - read
        self.deepest = max(outside, weight[0])
        return frozen_dict(items, weight) if isinstance(items, dict) else frozen_list(items, weight)

    def _list(self, items: Sequence[Any], above: int) -> list[Any]:
        copies: list[Any] = []
        try:
            copies.extend(self.copied(item, above) for item in items)
        except ValueRefused as error:
            raise _below(str(len(copies)), error) from None
        return copies

    def _dict(self, items: dict[Any, Any], above: int) -> dict[str, Any]:
        copies: dict[str, Any] = {}
        for key, item in items.items():
            if type(key) is not str or key not in self.keys:
                key = self._key(key)
            self._count(0, _text_size(key))
            try:
                copies[key] = self.copied(item, above)
            except ValueRefused as error:
                raise _below(key, error) from None
        return copies

    def _key(self, key: Any) -> str:
        problem = fault(key) if isinstance(key, str) else f"one is a {type(key).__name__}"
        if problem:
            raise ValueRefused(f"a key is short text, one part of a path, and {problem}")
        plain = str.__str__(key)
        self.keys.add(plain)
        return plain

    def _count(self, nodes: int, size: int) -> None:
        self.seen += nodes
        self.read += size
        if self.seen > self.nodes or self.read > self.size:
            check_weight((0, self.seen, self.read), self.depth, self.nodes, self.size)


def _below(part: str, error: ValueRefused) -> ValueRefused:
    """The refusal with the place told from one container further up."""
    error.path = f"{part}/{error.path}" if error.path else part
    return error


def _scalar(value: Any) -> Any:
    """The value as exactly str, int, float, bool or None."""
    match value:
        case None | bool():
            return value
        case str():
            if value.isascii() or encodes(value):
                return str.__str__(value)
            problem = "the text has half a surrogate pair, which UTF-8 cannot carry"
        case int():
            if abs(value) <= MAX_EXACT_INTEGER:
                return int(value)
            problem = "the integer is beyond ±(2**53 - 1), what a browser holds exactly; write it as text"
        case float():
            if math.isfinite(value):
                return float(value)
            problem = f"{value} is no finite number; write None"
        case _:
            problem = f"a store holds dict, list, str, int, float, bool and None, and this is {type(value).__name__}"
    raise ValueRefused(problem)


def _text_size(value: Any) -> int:
    if not isinstance(value, str):
        return 0
    return len(value) if value.isascii() else len(value.encode())


def weigh(value: Any) -> Weight:
    """Levels, values and bytes of text of what is frozen."""
    return value._weight if isinstance(value, FROZEN) else (0, 1, _text_size(value))


def check_weight(weight: Weight, depth: int, nodes: int, size: int) -> None:
    """Raises ValueTooLarge naming the first limit that the weight is beyond."""
    if weight[0] > depth:
        _refuse_depth(depth)
    if weight[1] > nodes:
        raise ValueTooLarge(f"more than {nodes} values; write less at once, or keep it in a database")
    if weight[2] > size:
        raise ValueTooLarge(f"more than {size} bytes of text; write less at once, or keep it in a database")


def _refuse_depth(depth: int) -> NoReturn:
    raise ValueTooLarge(f"nested deeper than {depth} levels; keep such a thing in a flat list, or as text")


def frozen_dict(items: dict[str, Any], weight: Weight | None = None) -> FrozenDict:
    """A frozen dict of frozen items, which the caller vouches for."""
    made: FrozenDict = FrozenDict.__new__(FrozenDict)
    dict.update(made, items)
    made._weight = weight or _sum(items.values(), sum(map(_text_size, items)))
    return made


def frozen_list(items: list[Any], weight: Weight | None = None) -> FrozenList:
    """A frozen list of frozen items, which the caller vouches for."""
    made: FrozenList = FrozenList.__new__(FrozenList)
    list.extend(made, items)
    made._weight = weight or _sum(items, 0)
    return made


def _sum(items: Iterable[Any], keys: int) -> Weight:
    depth, nodes, size = 0, 1, keys
    for item in items:
        below = weigh(item)
        depth, nodes, size = max(depth, below[0]), nodes + below[1], size + below[2]
    return depth + 1, nodes, size
