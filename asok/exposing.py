"""Marks on a component's methods: what a browser may call, and what a topic or the clock calls."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import CellType, CodeType, FunctionType
from typing import Any, TypeVar, overload

from asok.calls import Parameter, parameters_of
from asok.carried import unmade
from asok.errors import ComponentError
from asok.topics import name_problem

__all__ = [
    "Exposed",
    "below",
    "check_arguments",
    "codes",
    "every",
    "exposed",
    "kind_of",
    "marked_methods",
    "mentions",
    "on",
]

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__asok_marks__"
_MADE_OF_FUNCTIONS = frozenset({property, classmethod, staticmethod, functools.cached_property})
_HELD = ("fget", "fset", "__func__", "func")
SHORTEST_PERIOD = 0.05


@dataclass(frozen=True, slots=True)
class Exposed:
    """A marked method. kind: `sync`, `async`, or for generators `sync steps` and `steps`.

    called: whether the browser may call it. topics: patterns of topics whose messages it takes. period:
    seconds between two calls by the clock; 0 for none. renders: whether the component is shown anew after it.
    form: the parameter that takes a form, which is none of `parameters`.
    """

    name: str
    function: Callable[..., Any]
    kind: str
    timeout: float | None
    parameters: tuple[Parameter, ...]
    called: bool = True
    topics: tuple[str, ...] = ()
    period: float = 0
    renders: bool = True
    form: Any = None

    def takes(self, topic: str) -> bool:
        """Whether a message of this topic is for it."""
        return any(fnmatchcase(topic, pattern) for pattern in self.topics)


@overload
def exposed(function: F, /) -> F: ...
@overload
def exposed(*, timeout: float | None = None, render: bool = True) -> Callable[[F], F]: ...
def exposed(function: Any = None, /, *, timeout: float | None = None, render: bool = True) -> Any:
    """Allow the browser to call this method.

    timeout: seconds that it may run, instead of the app's limit. render: whether the component is shown anew
    after it; what it changes is kept all the same, and shown with the next update. A `def` runs in a thread, an
    `async def` on the loop; of a generator each `yield` shows the state so far.
    """
    mark = _marking("exposed", called=True, timeout=timeout, renders=render)
    return mark if function is None else mark(function)


def on(*topics: str) -> Callable[[F], F]:
    """Call this method with each message of these topics, as long as a page shows the component.

    A topic may be a pattern, such as `room:*`, for what `self.subscribe("room:1")` brings. The message is
    given as the type that the method's first parameter is annotated with.
    """
    if not topics or any(callable(topic) for topic in topics):
        raise ComponentError("@on stands with the topics that the method takes, as in @on('orders')")
    for topic in topics:
        if problem := name_problem(topic):
            raise ComponentError(f"@on({topic!r:.80}): {problem}")
    return _marking("on", topics=topics)


def every(seconds: float) -> Callable[[F], F]:
    """Call this method every so many seconds, as long as a page shows the component; never two calls at once."""
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not number or seconds < SHORTEST_PERIOD:
        raise ComponentError(f"@every({seconds!r}): expected {SHORTEST_PERIOD} seconds or more, as in @every(2)")
    return _marking("every", period=float(seconds))


def _marking(name: str, **marks: Any) -> Callable[[Any], Any]:
    def mark(target: Any) -> Any:
        if not inspect.isfunction(target):
            raise ComponentError(f"@{name} stands on a plain method, directly above its `def`, not on {target!r}")
        older = getattr(target, MARK, {})
        topics = (*older.get("topics", ()), *marks.get("topics", ()))
        setattr(target, MARK, {**older, **marks, "topics": topics})
        return target

    return mark


def marked_methods(cls: type, forbidden: frozenset[str]) -> dict[str, Exposed]:
    """The marked methods of a class and its bases by name. Raises ComponentError."""
    methods = {}
    for name in dict.fromkeys(name for base in cls.__mro__ for name in base.__dict__):
        value = next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)
        marks = getattr(value, MARK, None)
        if type(value) in _MADE_OF_FUNCTIONS and any(hasattr(getattr(value, each, None), MARK) for each in _HELD):
            kind = type(value).__name__
            raise ComponentError(f"{cls.__name__}.{name} is a {kind}, which nobody can call; take @{kind} away")
        if marks is None and _hides_a_mark(name, value):
            raise ComponentError(
                f"{cls.__name__}.{name}: the decorator above its mark, such as @exposed, hides it; write the mark on "
                f"top, or @functools.wraps in the decorator"
            )
        if marks is not None:
            methods[name] = _marked(cls, name, value, marks, forbidden)
    return methods


def _hides_a_mark(name: str, value: Any) -> bool:
    """Whether a decorator has put a function of its own, without a mark, in the place of a marked one."""
    held = [cell.cell_contents for cell in getattr(value, "__closure__", None) or () if _is_code(cell)]
    return any(each.__name__ == name and hasattr(each, MARK) for each in held)


def _marked(cls: type, name: str, value: Any, marks: Mapping[str, Any], forbidden: frozenset[str]) -> Exposed:
    called, topics, period = marks.get("called", False), marks["topics"], marks.get("period", 0)
    if name in forbidden or (called and name.startswith("_")):
        word = "@exposed" if called else "called by a topic or the clock"
        reason = f"every component has its own {name}" if name in forbidden else "it is a private name"
        raise ComponentError(f"{cls.__name__}.{name} cannot be {word}: {reason}; rename it")
    if called and not name.isascii():
        raise ComponentError(f"{cls.__name__}.{name} cannot be @exposed: ws-* call names of ASCII letters; rename it")
    if inspect.isfunction(value) and not (value.__code__.co_argcount or value.__code__.co_flags & inspect.CO_VARARGS):
        raise ComponentError(f"{cls.__name__}.{name} has no place for its component; write def {name}(self)")
    try:
        parameters = parameters_of(value)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        problem = f"an annotation of {cls.__name__}.{name} cannot be read: {error}"
        raise ComponentError(f"{problem}; import that name") from None
    if period and any(each.required for each in parameters):
        raise ComponentError(f"{cls.__name__}.{name} is called by the clock, which gives it no arguments")
    if topics and (any(each.required for each in parameters[1:]) or any(map(_named_only, parameters[:1]))):
        raise ComponentError(
            f"{cls.__name__}.{name} is called with a topic's message and nothing else; let it take one argument, "
            f"as in def {name}(self, message: str)"
        )
    renders = marks.get("renders", True)
    return Exposed(name, value, kind_of(value), marks.get("timeout"), parameters, called, topics, period, renders)


def check_arguments(owner: str, methods: Iterable[Exposed]) -> None:
    """Raises ComponentError where a method needs an argument of a type that nobody can give it."""
    for method in methods:
        for each in [each for each in method.parameters if each.required]:
            try:
                problem = unmade(each.type) and f"nothing makes a {unmade(each.type)} of what it is sent"
            except TypeError as error:
                problem = str(error)
            if problem:
                raise ComponentError(
                    f"{owner}.{method.name} could never be called: {each.name}: {problem}; annotate it with what is "
                    f"sent, such as str, and make the other of it in the method"
                )


def kind_of(function: Any) -> str:
    """How a method runs, as `Exposed.kind` says it."""
    if inspect.isasyncgenfunction(function):
        return "steps"
    if inspect.isgeneratorfunction(function):
        return "sync steps"
    return "async" if inspect.iscoroutinefunction(function) else "sync"


def _named_only(parameter: Parameter) -> bool:
    return parameter.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def mentions(cls: type, word: str, stop: type) -> bool:
    """Whether the code of a class, or of a base or mixin below `stop`, uses an attribute of this name."""
    return any(_uses(code, word) for base in below(cls, stop) for value in vars(base).values() for code in codes(value))


def below(cls: type, stop: type) -> list[type]:
    """The class, its bases and its mixins, without those of `stop`."""
    return [base for base in cls.__mro__ if base not in stop.__mro__]


def codes(value: Any) -> Iterator[CodeType]:
    """The code of a method, of what a property or the like is made of, and of what decorators stand around."""
    waiting, seen = [value], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType):
            yield each.__code__
            waiting += [cell.cell_contents for cell in each.__closure__ or () if _is_code(cell)]
        elif type(each) in _MADE_OF_FUNCTIONS:
            waiting += [getattr(each, name, None) for name in _HELD]
        if "__wrapped__" in getattr(each, "__dict__", ()):
            waiting.append(each.__wrapped__)


def _is_code(cell: CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, FunctionType)
    except ValueError:  # it is empty as long as the class is being made
        return False


def _uses(code: CodeType, word: str) -> bool:
    return word in code.co_names or any(_uses(each, word) for each in code.co_consts if isinstance(each, CodeType))
