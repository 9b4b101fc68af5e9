"""Marks on a component's methods: what a browser may call, and what a topic or the clock calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import CodeType
from typing import Any, TypeVar, overload

from asok.calls import Parameter, parameters_of
from asok.errors import ComponentError

__all__ = ["Exposed", "every", "exposed", "marked_methods", "mentions", "on"]

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__asok_marks__"
SHORTEST_PERIOD = 0.05


@dataclass(frozen=True, slots=True)
class Exposed:
    """A marked method. kind: `sync`, `async` or `steps` (an async generator).

    called: whether the browser may call it. topics: patterns of topics whose messages it takes. period:
    seconds between two calls by the clock; 0 for none.
    """

    name: str
    function: Callable[..., Any]
    kind: str
    timeout: float | None
    parameters: tuple[Parameter, ...]
    called: bool = True
    topics: tuple[str, ...] = ()
    period: float = 0

    def takes(self, topic: str) -> bool:
        """Whether a message of this topic is for it."""
        return any(fnmatchcase(topic, pattern) for pattern in self.topics)


@overload
def exposed(function: F, /) -> F: ...
@overload
def exposed(*, timeout: float | None = None) -> Callable[[F], F]: ...
def exposed(function: Any = None, /, *, timeout: float | None = None) -> Any:
    """Allow the browser to call this method.

    timeout: seconds that it may run, instead of the app's limit. A `def` runs in a thread, an `async def`
    on the loop; of an async generator each `yield` shows the state so far.
    """
    mark = _marking("exposed", called=True, timeout=timeout)
    return mark if function is None else mark(function)


def on(*topics: str) -> Callable[[F], F]:
    """Call this method with each message of these topics, as long as a page shows the component.

    A topic may be a pattern, such as `room:*`, for what `self.subscribe("room:1")` brings. The message is
    given as the type that the method's first parameter is annotated with.
    """
    if not topics or not all(isinstance(topic, str) and topic for topic in topics):
        raise ComponentError("@on stands with the topics that the method takes, as in @on('orders')")
    return _marking("on", topics=topics)


def every(seconds: float) -> Callable[[F], F]:
    """Call this method every so many seconds, as long as a page shows the component."""
    if not isinstance(seconds, (int, float)) or not seconds >= SHORTEST_PERIOD:
        raise ComponentError(f"@every({seconds!r}): expected {SHORTEST_PERIOD} seconds or more, as in @every(2)")
    return _marking("every", period=float(seconds))


def _marking(name: str, **marks: Any) -> Callable[[Any], Any]:
    def mark(target: Any) -> Any:
        if not inspect.isfunction(target):
            raise ComponentError(f"@{name} stands on a plain method, directly above its `def`, not on {target!r}")
        setattr(target, MARK, {**getattr(target, MARK, {}), **marks})
        return target

    return mark


def marked_methods(cls: type, forbidden: frozenset[str]) -> dict[str, Exposed]:
    """The marked methods of a class and its bases by name. Raises ComponentError."""
    methods = {}
    for name in dict.fromkeys(name for base in cls.__mro__ for name in base.__dict__):
        value = next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)
        marks = getattr(value, MARK, None)
        if marks is None:
            continue
        called = marks.get("called", False)
        if name in forbidden or (called and name.startswith("_")):
            raise ComponentError(f"{cls.__name__}.{name} cannot be @exposed: it is a hook or a private name; rename it")
        kind = (
            "steps" if inspect.isasyncgenfunction(value) else "async" if inspect.iscoroutinefunction(value) else "sync"
        )
        try:
            parameters = parameters_of(value)
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            problem = f"an annotation of {cls.__name__}.{name} cannot be read: {error}"
            raise ComponentError(f"{problem}; import that name") from None
        if marks.get("period") and any(each.required for each in parameters):
            raise ComponentError(f"{cls.__name__}.{name} is called by the clock, which gives it no arguments")
        rest = {"called": called, "topics": marks.get("topics", ()), "period": marks.get("period", 0)}
        methods[name] = Exposed(name, value, kind, marks.get("timeout"), parameters, **rest)
    return methods


def mentions(cls: type, word: str, stop: type) -> bool:
    """Whether the code of a class, or of a base below `stop`, uses an attribute of this name."""
    bases = [base for base in cls.__mro__ if issubclass(base, stop) and base is not stop]
    return any(_uses(body.__code__, word) for base in bases for body in vars(base).values() if inspect.isfunction(body))


def _uses(code: CodeType, word: str) -> bool:
    return word in code.co_names or any(_uses(each, word) for each in code.co_consts if isinstance(each, CodeType))
