"""What a browser may do with a store: which paths it reads, which it writes, and what may stand there.

A pattern is a path whose part `*` stands for any one part, and whose end `**` stands for everything at and below.
For reading, a pattern covers what is below it too; for writing, exactly its own paths.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from asok.errors import ConfigurationError, PathError, StoreDenied, ValueRefused
from asok.fitting import is_type, misfit, type_fault
from asok.trees import Path, Write, parse_path, path_text, read_at, same

__all__ = ["Change", "Rules", "Validator"]

MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Change:
    """What a validator is asked about: one write, as it would change one path.

    value: what was sent. old, new: what stands at the path before and would stand there after; None for nothing.
    """

    store: str
    verb: str
    path: str
    value: Any
    old: Any
    new: Any
    session: Any


# A type that the new value must fit; or a function: None or True allows, False denies, ValueError tells why not.
Validator = Any


class Rules:
    """What one store lets a browser read and write. Raises ConfigurationError for what cannot be a rule."""

    def __init__(
        self, store_name: str, readable: bool | Iterable[str] = False, writable: Mapping[str, Validator] | None = None
    ) -> None:
        self.store = store_name
        self._readable = [_pattern(store_name, text) for text in _readable_texts(store_name, readable)]
        if writable is not None and not isinstance(writable, Mapping):
            raise ConfigurationError(
                f"the store {store_name!r} has writable={writable!r}; "
                "expected paths with their validators: writable={'todo/*/done': bool}"
            )
        rules = [(_pattern(store_name, text), validator) for text, validator in (writable or {}).items()]
        # The nearest rule judges: plain parts come before `*`, and that before `**`.
        self._writable = sorted(
            (_Rule(store_name, pattern, validator) for pattern, validator in rules), key=lambda rule: rule.pattern.rank
        )

    def may_read(self, path: Path) -> bool:
        """Whether all that stands at a path may be read."""
        return any(pattern.covers(path) for pattern in self._readable)

    def visible(self, tree: Any, path: Path) -> Any:
        """What may be read of the value at a path.

        Above readable paths it is only their part of the value: a list stays a list where `*` reads its items,
        and becomes a dict of its readable indices where it does not. Raises StoreDenied where no readable path is
        at, above or below; PathError where there is no value.
        """
        value = self._pruned(read_at(tree, path), path) if self._may_show(path) else MISSING
        if value is MISSING:
            raise StoreDenied("read", path_text(path), _remedy("readable=[…]", path), self.store)
        return value

    def visible_changes(self, tree: Any, touched: Iterable[Path]) -> list[list[Any]]:
        """What a follower is sent: `[path, value]`, or `[path]` for what is gone.

        For a touched path above readable ones the value is what `visible` shows of it, so that what went with the
        old value is gone for the follower too. A path below another one is left out: its value is in the other's.
        The order among equally long ones is kept, since items that were appended must arrive one after the other.
        """
        kept = set[Path]()
        found: list[list[Any]] = []
        for path in sorted(dict.fromkeys(touched), key=len):
            if self._may_show(path) and not any(path[:length] in kept for length in range(len(path))):
                kept.add(path)
                value = self._pruned(_at(tree, path, MISSING), path)
                found.append([path_text(path)] if value is MISSING else [path_text(path), value])
        return found

    def _may_show(self, path: Path) -> bool:
        return self.may_read(path) or any(pattern.is_below(path) for pattern in self._readable)

    def permit(self, write: Write) -> None:
        """Raises StoreDenied where no rule can allow the write, whatever the tree holds: ask before `apply`."""
        if self._rule(write.path) is None and not (
            write.verb in ("append", "update")
            and any(rule.pattern.is_just_below(write.path) for rule in self._writable)
        ):
            self._deny(write.verb, write.path)

    def check(self, write: Write, old: Any, new: Any, session: Any) -> None:
        """Raises StoreDenied or ValueRefused unless the rules allow the write that makes the new tree of the old."""
        for path, value in self._places(write, old):
            rule = self._rule(path)
            if rule is None or (write.verb == "delete" and not self._covers_what_moves(rule, old, path)):
                self._deny(write.verb, path)
            gone = write.verb == "delete"
            after = None if gone else read_at(new, path)
            rule.judge(
                Change(self.store, write.verb, path_text(path), value, _at(old, path), after, session), gone=gone
            )
            for place in self._nearer_places(rule, path, old, new):
                self._judge_part(write, place, (_at(old, place, MISSING), _at(new, place, MISSING)), session)

    def _nearer_places(self, rule: _Rule, path: Path, old: Any, new: Any) -> list[Path]:
        """Where below the path a rule is nearer than this one, which is for all that is below."""
        patterns = [other.pattern for other in self._writable if rule.pattern.open and other.pattern.is_below(path)]
        found = [place for pattern in patterns for tree in (old, new) for place in _expanded(tree, path, pattern.parts)]
        return [place for place in dict.fromkeys(found) if self._rule(place) is not rule]

    def _judge_part(self, write: Write, place: Path, values: tuple[Any, Any], session: Any) -> None:
        """Ask the rule of a place below the one that is written, if that changes it. values: before and after."""
        rule, (old, new) = self._rule(place), (None if each is MISSING else each for each in values)
        if rule is not None and not same(*values):
            change = Change(self.store, write.verb, path_text(place), new, old, new, session)
            rule.judge(change, gone=values[1] is MISSING)

    def _places(self, write: Write, old: Any) -> Iterator[tuple[Path, Any]]:
        """The paths that a write is judged at: its own where a rule stands, else what it adds or merges."""
        before = _at(old, write.path)
        if self._rule(write.path) is not None:
            yield write.path, write.value
        elif write.verb == "append" and isinstance(before, list):
            yield (*write.path, str(len(before))), write.value
        elif write.verb == "update" and isinstance(before, dict) and isinstance(write.value, dict) and write.value:
            for key, value in write.value.items():
                yield (*write.path, key), value
        else:
            self._deny(write.verb, write.path)

    def _covers_what_moves(self, rule: _Rule, old: Any, path: Path) -> bool:
        """Whether the places are the rule's too to which a list's items move when the one at the path goes."""
        at, above = len(path) - 1, path[:-1]
        if not path or not isinstance(_at(old, above), list):
            return True
        if at < len(rule.pattern.parts) and rule.pattern.parts[at] != "*":
            return False
        named = {other.pattern.parts[at] for other in self._writable if at < len(other.pattern.parts)}
        behind = [(*above, part) for part in named if part.isdecimal() and int(part) > int(path[at])]
        return all(self._rule(place) is rule or _at(old, place, MISSING) is MISSING for place in behind)

    def _rule(self, path: Path) -> _Rule | None:
        return next((rule for rule in self._writable if rule.pattern.names(path)), None)

    def _deny(self, verb: str, path: Path) -> NoReturn:
        raise StoreDenied(verb, path_text(path), _remedy("writable={…}", path), self.store)

    def _pruned(self, value: Any, path: Path) -> Any:
        """The readable part of a value; MISSING for a value of which nothing may be read."""
        if self.may_read(path):
            return value
        below = [pattern for pattern in self._readable if pattern.is_below(path)]
        if not below or not isinstance(value, (dict, list)):
            return MISSING
        if isinstance(value, dict):
            parts = ((key, self._pruned(item, (*path, key))) for key, item in value.items())
            return {key: part for key, part in parts if part is not MISSING}
        items = [self._pruned(item, (*path, str(at))) for at, item in enumerate(value)]
        if any(pattern.parts[len(path)] == "*" for pattern in below):
            return [None if item is MISSING else item for item in items]
        return {str(at): item for at, item in enumerate(items) if item is not MISSING}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The parts of a pattern, without a `**` at the end; that makes it open."""

    parts: Path
    open: bool

    @property
    def rank(self) -> tuple[int, ...]:
        return (*(int(part == "*") for part in self.parts), *([2] if self.open else []))

    def covers(self, path: Path) -> bool:
        """Whether the pattern names the path or one above it."""
        return len(path) >= len(self.parts) and _fit(self.parts, path)

    def names(self, path: Path) -> bool:
        return (self.open or len(path) == len(self.parts)) and self.covers(path)

    def is_below(self, path: Path) -> bool:
        return len(path) < len(self.parts) and _fit(self.parts, path)

    def is_just_below(self, path: Path) -> bool:
        return len(path) + 1 == len(self.parts) and _fit(self.parts, path)


def _fit(parts: Path, path: Path) -> bool:
    """Whether they agree as far as the shorter one goes."""
    return all(part in ("*", given) for part, given in zip(parts, path, strict=False))


class _Rule:
    """A writable pattern with its validator, which is a type or a function."""

    def __init__(self, store: str, pattern: _Pattern, validator: Validator) -> None:
        self.pattern, self.validator = pattern, validator
        self.is_type = is_type(validator)
        problem = type_fault(validator) if self.is_type else _function_fault(validator)
        if problem:
            place = f"writable={{{path_text(pattern.parts)!r}: …}}"
            raise ConfigurationError(
                f"the store {store!r}, {place}: {problem}; expected a type such as int, or a function of the Change"
            )

    def judge(self, change: Change, *, gone: bool) -> None:
        """Raises StoreDenied or ValueRefused unless the validator allows the change."""
        if self.is_type:
            problem = misfit(self.validator, change.new)
            if problem and gone:
                remedy = "its rule is a type without None; a rule that allows deleting is a function, or `… | None`"
                raise StoreDenied("delete", change.path, remedy, change.store)
        else:
            problem = self._asked(change)
        if problem:
            raise ValueRefused(problem, change.path, change.store)

    def _asked(self, change: Change) -> str:
        try:
            answer = self.validator(change)
        except ValueError as error:
            return str(error) or "its validator refused it"
        if answer is False:
            raise StoreDenied(change.verb, change.path, "its validator said no", change.store)
        if answer is not None and answer is not True:
            name = getattr(self.validator, "__qualname__", repr(self.validator))
            raise TypeError(
                f"the validator {name} of {change.store}/{change.path} returned {type(answer).__name__}; "
                "expected None or True to allow, False to deny, or a ValueError that says why not"
            )
        return ""


# ---- what can be a rule


def _pattern(store: str, text: Any) -> _Pattern:
    if not isinstance(text, str):
        raise ConfigurationError(f"the store {store!r}: a path in a rule is text such as 'todo/*/done', not {text!r}")
    try:
        parts = parse_path(text)
    except PathError as error:
        raise ConfigurationError(f"the store {store!r}, rule {text!r}: {error.problem}") from None
    is_open = bool(parts) and parts[-1] == "**"
    parts = parts[:-1] if is_open else parts
    if any("*" in part and part != "*" for part in parts):
        raise ConfigurationError(
            f"the store {store!r}, rule {text!r}: `*` stands for a whole part, and `**` for all at and below, "
            "at the end only; write it as 'todo/*/done' or 'votes/**'"
        )
    return _Pattern(parts, is_open)


def _readable_texts(store: str, readable: bool | Iterable[str]) -> Iterable[str]:
    if isinstance(readable, bool):
        return ["**"] if readable else []
    if isinstance(readable, str) or not isinstance(readable, Iterable):
        raise ConfigurationError(
            f"the store {store!r} has readable={readable!r}; expected True or a list of paths: readable=['votes/**']"
        )
    return readable


def _function_fault(validator: Any) -> str:
    if not callable(validator):
        return f"{validator!r} is no validator"
    if inspect.iscoroutinefunction(validator) or inspect.iscoroutinefunction(getattr(validator, "__call__", None)):  # noqa: B004  # it is the method that is asked about
        return "an async function cannot judge, since a write is atomic"
    return ""


def _remedy(argument: str, path: Path) -> str:
    return f"name {path_text(path)!r} in the store's {argument} to open it"


# ---- walking


def _at(tree: Any, path: Path, default: Any = None) -> Any:
    try:
        return read_at(tree, path)
    except PathError:
        return default


def _expanded(tree: Any, path: Path, parts: Path) -> list[Path]:
    """The paths of a pattern below a path: a `*` is each part that the tree has there."""
    paths = [path]
    for part in parts[len(path) :]:
        if part == "*":
            paths = [(*above, key) for above in paths for key in _keys(_at(tree, above))]
        else:
            paths = [(*above, part) for above in paths]
    return paths


def _keys(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        return node
    return map(str, range(len(node))) if isinstance(node, list) else ()
