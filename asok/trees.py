"""Reading a store's tree, and the writes that make a new tree out of an old one.

A write copies the containers on its path and shares all others. Trees are what `freeze` makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from asok.errors import PathError, UnknownVerb, ValueRefused, ValueTooLarge
from asok.frozen import (
    FROZEN,
    Weight,
    check_weight,
    freeze,
    frozen_dict,
    frozen_list,
    weigh,
)
from asok.paths import MAX_PARTS, Path, fault, overlaps, parse_path, path_text
from asok.shape import MAX_EXACT_INTEGER

__all__ = [
    "VERBS",
    "Path",
    "Write",
    "apply",
    "differences",
    "freeze",
    "overlaps",
    "parse_path",
    "path_text",
    "read_at",
    "same",
]

MISSING: Any = object()
NOTHING: Weight = (0, 0, 0)
TREE_NODES, TREE_SIZE = 100_000, 8 << 20
Touched = tuple[Path, ...]


# ---- writing


@dataclass(frozen=True, slots=True)
class Write:
    """One write: `set`, `update`, `append` or `delete` at a path; `put` sets and makes the dicts on the way."""

    verb: str
    path: Path
    value: Any = None


def apply(
    tree: Any, write: Write, *, depth: int = MAX_PARTS, nodes: int = TREE_NODES, size: int = TREE_SIZE
) -> tuple[Any, Touched]:
    """The tree after a write, and the touched paths; none when nothing changed, and then it is the same tree.

    The value is frozen within the limits of `freeze`; `depth`, `nodes` and `size` bound the whole tree.
    Raises PathError, ValueRefused, ValueTooLarge, UnknownVerb, and the tree is as it was.
    """
    verb = VERBS.get(write.verb)
    if verb is None:
        raise UnknownVerb(write.verb, VERBS)
    try:
        before = tree if isinstance(tree, FROZEN) else freeze(tree, depth=depth, nodes=nodes, size=size)
        value = write.value if isinstance(write.value, FROZEN) else freeze(write.value)
        after, touched = verb(before, write.path, value)
        _check_growth(weigh(before), weigh(after), (depth, nodes, size))
    except (ValueRefused, ValueTooLarge) as error:
        error.path = "/".join(filter(None, (path_text(write.path), error.path)))
        raise
    return after, touched


def _check_growth(before: Weight, after: Weight, limits: Weight) -> None:
    # A tree beyond its limits, since they were lowered, may still be made smaller.
    check_weight(after, *map(max, before, limits))


def _set(tree: Any, path: Path, value: Any) -> tuple[Any, Touched]:
    if not path:
        return _set_root(tree, value)
    before = _at_end(read_at(tree, path[:-1]), path)
    if before is not MISSING and same(before, value):
        return tree, ()
    return _put(tree, path, value), (path,)


def _set_root(tree: Any, value: Any) -> tuple[Any, Touched]:
    if not isinstance(value, (dict, list)):
        raise ValueRefused(f"the whole of a store is a dict or a list, and this is {type(value).__name__}")
    return (tree, ()) if same(tree, value) else (value, ((),))


def _update(tree: Any, path: Path, value: Any) -> tuple[Any, Touched]:
    before = _at_end(read_at(tree, path[:-1]), path) if path else tree
    if isinstance(before, dict) and isinstance(value, dict):
        return _merge(tree, path, before, value)
    if _is_number(before) and _is_number(value):
        value = _added(before, value)
    return _set(tree, path, value)


def _merge(tree: Any, path: Path, before: dict[str, Any], value: dict[str, Any]) -> tuple[Any, Touched]:
    new = {key: item for key, item in value.items() if key not in before or not same(before[key], item)}
    if len(new) < 2:
        return _set(tree, (*path, *new), *new.values()) if new else (tree, ())
    return _put(tree, path, frozen_dict({**before, **new})), tuple((*path, key) for key in new)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _added(before: Any, value: Any) -> Any:
    total = before + value
    if math.isfinite(total) and (isinstance(total, float) or abs(total) <= MAX_EXACT_INTEGER):
        return total
    raise ValueRefused(f"{before} + {value} is beyond what a browser holds exactly; keep such sums as text")


def _put_deep(tree: Any, path: Path, value: Any) -> tuple[Any, Touched]:
    """As set, and makes the dicts on the way that are missing."""
    for level in range(1, len(path)):
        if _at_end(read_at(tree, path[: level - 1]), path[:level]) is MISSING:
            inner = value
            for part in reversed(path[level:]):
                inner = frozen_dict({part: inner})
            return _put(tree, path[:level], inner), (path[:level],)
    return _set(tree, path, value)


def _append(tree: Any, path: Path, value: Any) -> tuple[Any, Touched]:
    before = read_at(tree, path)
    if not isinstance(before, list):
        kind = type(before).__name__
        raise PathError("not_a_list", path_text(path), f"append needs a list there, and this is {kind}; use set")
    place = (*path, str(len(before)))
    return _put(tree, place, value), (place,)


def _delete(tree: Any, path: Path, value: Any) -> tuple[Any, Touched]:
    if not path:
        raise PathError("bad_path", "", "the whole cannot be deleted; set it to {} or []")
    above, gone = read_at(tree, path[:-1]), read_at(tree, path)
    listed = isinstance(above, list)
    rest = _without(above, path[-1], weigh(gone))
    return _put(tree, path[:-1], rest), (path[:-1] if listed else path,)


VERBS: dict[str, Callable[[Any, Path, Any], tuple[Any, Touched]]] = {
    "set": _set,
    "update": _update,
    "append": _append,
    "delete": _delete,
    "put": _put_deep,
}


def _put(tree: Any, path: Path, value: Any) -> Any:
    """The tree with the value at a path whose containers exist: they are copied, all else is shared."""
    trail = [tree]
    for part in path[:-1]:
        trail.append(trail[-1][part] if isinstance(trail[-1], dict) else trail[-1][int(part)])
    for node, part in zip(reversed(trail), reversed(path), strict=False):
        value = _with(node, part, value)
    return value


def _with(node: Any, part: str, value: Any) -> Any:
    """A copy of one container with one child put in its place, or added."""
    if isinstance(node, dict):
        gone = weigh(node[part]) if part in node else (0, 0, -len(part.encode()))
        items = node.copy()
        items[part] = value
        return frozen_dict(items, _reweighed(weigh(node), gone, weigh(value), items.values()))
    at, listed = int(part), node[:]
    gone = weigh(node[at]) if at < len(node) else NOTHING
    listed[at : at + 1] = [value]
    return frozen_list(listed, _reweighed(weigh(node), gone, weigh(value), listed))


def _without(node: Any, part: str, gone: Weight) -> Any:
    """A copy of one container without one child that it has."""
    if isinstance(node, dict):
        items = node.copy()
        del items[part]
        gone = gone[0], gone[1], gone[2] + len(part.encode())
        return frozen_dict(items, _reweighed(weigh(node), gone, NOTHING, items.values()))
    listed = node[:]
    del listed[int(part)]
    return frozen_list(listed, _reweighed(weigh(node), gone, NOTHING, listed))


def _reweighed(all_: Weight, gone: Weight, new: Weight, items: Iterable[Any]) -> Weight:
    """The weight of a container after a child went and another came; it walks only where the deepest may be gone."""
    if new[0] + 1 >= all_[0] or gone[0] + 1 < all_[0]:
        depth = max(all_[0], new[0] + 1)
    else:
        depth = 1 + max((weigh(item)[0] for item in items), default=0)
    return depth, all_[1] - gone[1] + new[1], all_[2] - gone[2] + new[2]


# ---- reading


def read_at(tree: Any, path: Path) -> Any:
    """The value at a path. Raises PathError: missing, scalar or index."""
    for at in range(len(path)):
        tree = _child(tree, path, at)
    return tree


def _child(node: Any, path: Path, at: int) -> Any:
    """What the container holds at path[at]. Raises PathError."""
    if isinstance(node, dict):
        if path[at] in node:
            return node[path[at]]
        gone = path_text(path[: at + 1])
        raise PathError("missing", path_text(path), f"there is no {gone[:100]!r}; set it first")
    if isinstance(node, list):
        return node[_index(node, path, at, len(node))]
    above, kind = path_text(path[:at]), "None" if node is None else f"a {type(node).__name__}"
    raise PathError("scalar", path_text(path), f"{above!r} is {kind} and has nothing below it")


def _index(items: list[Any], path: Path, at: int, end: int) -> int:
    """The part as an index below `end`. Raises PathError: -1, 01 and ² are none."""
    part = path[at]
    if part.isascii() and part.isdecimal() and len(part) < 16 and (part == "0" or part[0] != "0") and int(part) < end:
        return int(part)
    above = path_text(path[:at])
    held = f"0 to {len(items) - 1}" if items else "none"
    raise PathError("index", path_text(path), f"{above!r} is a list with the indices {held}, and {part!r} is not there")


def _at_end(node: Any, path: Path) -> Any:
    """The value at the last part of a path, MISSING where a write may put one."""
    part, at = path[-1], len(path) - 1
    if isinstance(node, dict) and part not in node:
        problem = fault(part)
        if problem:
            raise PathError("bad_path", path_text(path), problem)
        return MISSING
    if isinstance(node, list) and _index(node, path, at, len(node) + 1) == len(node):
        return MISSING
    return _child(node, path, at)


def same(a: Any, b: Any) -> bool:
    """Whether nothing changed: equal in value, in type (True is not 1, 1 is not 1.0) and in the order of keys."""
    if a is b:
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(one == two and same(a[one], b[two]) for one, two in zip(a, b, strict=True))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def differences(old: Any, new: Any, path: Path = ()) -> list[Path]:
    """The paths at which two trees differ, as the writes between them would have touched them."""
    if same(old, new):
        return []
    if isinstance(old, dict) and isinstance(new, dict) and _in_order(old, new):
        keys = [*new, *(key for key in old if key not in new)]
        return [
            found for key in keys for found in _difference(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) <= len(new):
        padded = [*old, *[MISSING] * (len(new) - len(old))]
        return [found for at, item in enumerate(new) for found in _difference(padded[at], item, (*path, str(at)))]
    return [path]


def _difference(old: Any, new: Any, path: Path) -> list[Path]:
    return [path] if old is MISSING or new is MISSING else differences(old, new, path)


def _in_order(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether the keys that stayed stand as they stood, and the new ones behind them."""
    stayed = [key for key in old if key in new]
    return stayed == list(new)[: len(stayed)]
