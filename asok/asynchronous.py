"""Values that come later: `@async_` above the method that finds one, and the field that the method so becomes."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar, overload

import msgspec

from asok.errors import ComponentError, FieldError, MethodFailed, Refusal
from asok.exposing import Exposed, kind_of
from asok.fields import MISSING, Declared, Field

__all__ = ["Async", "Source", "async_", "find_anew", "is_loading", "sources_of", "worded"]

T = TypeVar("T")
PATIENCE = 60.0


class Async(msgspec.Struct, Generic[T], array_like=True):
    """A value that is found in the background.

    loading: it is being found. value: the newest that has come, which stays while another is on its way; ready:
    whether one has come. error: why none came the last time, in words in development and as a code otherwise.
    """

    loading: bool = True
    value: T | None = None
    error: str = ""
    ready: bool = False
    run: int = 0

    def reload(self) -> None:
        """Find it anew, once the method's work is committed; what is on its way meanwhile does not count."""
        self.loading, self.run = True, self.run + 1

    def found(self, value: T) -> Self:
        """The same with what has been found."""
        return msgspec.structs.replace(self, loading=False, value=value, error="", ready=True)

    def failed(self, error: str) -> Self:
        """The same with why nothing has."""
        return msgspec.structs.replace(self, loading=False, error=error)


@dataclass(frozen=True)
class Source(Declared):
    """What finds the value of a field."""

    method: Exposed = MISSING

    @property
    def source(self) -> Exposed:
        """The method."""
        return self.method

    def annotated(self, annotation: Any) -> Any:
        """`Async[…]` of what the class says, or else of what the method returns. Raises FieldError."""
        if annotation is MISSING:
            return Async[self._returned()]  # type: ignore[misc]  # known when the class is made
        if annotation is not Async and typing.get_origin(annotation) is not Async:
            name = getattr(annotation, "__name__", annotation)
            raise FieldError(f"async_({self.method.name}) makes an Async[{name}], and is declared as {name}")
        return annotation

    def _returned(self) -> Any:
        name = self.method.name
        try:
            hints = typing.get_type_hints(self.method.function, include_extras=True)
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            raise FieldError(f"an annotation of {name} cannot be read: {error}; import that name") from None
        if "return" not in hints:
            example = f"async def {name}(self) -> float"
            raise FieldError(f"@async_ above {name}: say what it returns, as in {example}; state has types")
        return hints["return"]


class Making(Protocol):
    """What makes the field, once it has been told how."""

    @overload
    def __call__(self, function: Callable[[Any], Awaitable[T]], /) -> Async[T]: ...
    @overload
    def __call__(self, function: Callable[[Any], T], /) -> Async[T]: ...


@overload
def async_(function: Callable[[Any], Awaitable[T]], /) -> Async[T]: ...
@overload
def async_(function: Callable[[Any], T], /) -> Async[T]: ...
@overload
def async_(*, timeout: float) -> Making: ...
def async_(function: Any = None, /, *, timeout: float = PATIENCE) -> Any:
    """Make a method that finds a value the field that shows it: `loading`, then `value` or `error`.

    It begins when a page shows the component, and after `reload()`; several run side by side, and each is shown when
    it is there. A `def` runs in a thread. It reads the component, and changes nothing. timeout: seconds that it may
    take.
    """
    if function is None:
        return lambda decorated: _source(decorated, timeout)
    return _source(function, timeout)


def _source(function: Any, timeout: float) -> Source:
    """The declaration of a field. Raises ComponentError for what cannot find a value."""
    if not inspect.isfunction(function):
        raise ComponentError(f"@async_ stands on a plain method, directly above its `def`, not on {function!r}")
    name, kind = function.__name__, kind_of(function)
    if "steps" in kind:
        raise ComponentError(f"@async_ above {name}: it yields, and has to return what it finds")
    required = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if len(required) != 1:
        raise ComponentError(f"@async_ above {name}: it is called with the component alone, as in def {name}(self)")
    return Source(Async(), method=Exposed(name, function, kind, timeout, (), called=False))


def sources_of(owner: str, fields: Mapping[str, Field]) -> dict[str, Exposed]:
    """The methods that find the values of fields. Raises FieldError for a field whose value nothing would find."""
    for field in fields.values():
        if Async in (field.type, typing.get_origin(field.type)) and field.source is None:
            raise FieldError(f"{owner}.{field.name} is an Async that nothing finds; make it with async_(function)")
    found = {name: field.source for name, field in fields.items() if field.source is not None}
    return {name: replace(method, name=name) for name, method in found.items()}


def find_anew(values: Mapping[str, Any], sources: Mapping[str, Exposed], *, failed: bool) -> None:
    """Let all values be found anew, or those that have failed."""
    for name in sources:
        if values[name].error or not failed:
            values[name].reload()


def worded(name: str, error: Exception, *, debug: bool) -> str:
    """Why a value did not come, as its `error` says it."""
    refusal = error if isinstance(error, Refusal) else MethodFailed(name, error)
    return str(refusal) if debug else refusal.code


def is_loading(values: Mapping[str, Any], sources: Mapping[str, Exposed]) -> bool:
    """Whether a value is still being found, or to be found."""
    return any(values[name].loading for name in sources)
