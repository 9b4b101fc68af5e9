"""What an event asks for: the text of a `ws-*` attribute as a call, and its arguments as the method's types."""

from __future__ import annotations

import inspect
import itertools
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

import msgspec

from asok.carried import accepted
from asok.duplicating import own_copy
from asok.entered import as_entered, holds_nul, is_flag, takes_several
from asok.errors import BadArguments, NotExposed
from asok.protocol import EventData
from asok.shape import inexact

__all__ = ["Call", "Parameter", "bind_arguments", "parameters_of", "parse_call"]

CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]{0,99})\s*(?:\((.*)\)\s*)?", re.ASCII | re.DOTALL)
NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=", re.ASCII)
LITERAL = re.compile(
    r"""\s*(?: '((?:[^'\\]|\\.)*)' | "((?:[^"\\]|\\.)*)"
      | (-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,4})?)
      | (true|false|null|True|False|None)\b )\s*""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Call:
    """A method's name and the literals given to it."""

    method: str
    positional: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def with_more(self, args: list[Any], most: int) -> Call:
        """The call with these arguments after its own. Raises BadArguments."""
        positional = (*self.positional, *args)
        if self.named or len(positional) > most:
            raise BadArguments(self.method, f"takes at most {most} arguments, and none after named ones")
        return Call(self.method, positional)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an exposed method."""

    name: str
    type: Any
    required: bool
    kind: Any


def parse_call(text: str, most: int = 32) -> Call:
    """`add(1, 'two', key=true)` as a Call of at most so many arguments.

    Raises BadArguments, or NotExposed where no method is named.
    """
    return _remembered(text, most) if len(text) <= REMEMBERED else _parse(text, most)


def _parse(text: str, most: int) -> Call:
    whole = CALL.fullmatch(text)
    if whole is None:
        raise NotExposed("the component", text[:40])
    method, inside = whole[1], whole[2]
    positional: list[Any] = []
    named: dict[str, Any] = {}
    position, more = 0, bool(inside and inside.strip())
    while more:
        name = NAME.match(inside, position)
        literal = LITERAL.match(inside, name.end() if name else position)
        if literal is None or len(positional) + len(named) == most:
            problem = f"cannot read {inside[position : position + 20]!r}"
            raise BadArguments(method, f"{problem}; only literals may stand there")
        value = _value(method, literal)
        if name is not None and name[1] not in named:
            named[name[1]] = value
        elif name is None and not named:
            positional.append(value)
        else:
            raise BadArguments(method, "named arguments come last, each once")
        position = literal.end()
        more = position < len(inside)
        if more and inside[position] != ",":
            raise BadArguments(method, f"expected a comma before {inside[position : position + 20]!r}")
        position += 1
    return Call(method, tuple(positional), tuple(named.items()))


# Only short ones: a browser must not be able to fill the memory with long ones.
_remembered = lru_cache(maxsize=4096)(_parse)


def _value(method: str, literal: re.Match[str]) -> Any:
    single, double, number, word = literal.groups()
    if word is not None:
        return WORDS[word]
    if number is not None:
        return check_numbers(method, float(number) if set(number) & set(".eE") else int(number))
    return _unescape(single if single is not None else double)


def _unescape(text: str) -> str:
    """Also as `tojson` writes it: a character beyond U+FFFF is two of the form `\\uXXXX`."""
    plain = ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else SHORT.get(m[2], m[2]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else plain


def check_numbers(method: str, value: Any) -> Any:
    found = inexact(value)
    if found is not None:
        raise BadArguments(method, f"{found} is not a number that a browser can hold exactly")
    return value


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a method after `self`, with their annotated types."""
    hints = _types_of_parameters(function)
    signature = list(inspect.signature(function).parameters.values())[1:]
    return tuple(
        Parameter(
            p.name, hints.get(p.name, Any), p.default is inspect.Parameter.empty and p.kind not in _VARIADIC, p.kind
        )
        for p in signature
    )


def _types_of_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """What it returns need not be read: the names in that may be imported for type checkers only."""
    written: dict[str, Any] = getattr(function, "__annotations__", {})
    own: Any = FunctionType((lambda: None).__code__, getattr(inspect.unwrap(function), "__globals__", {}))
    own.__annotations__ = {name: kind for name, kind in written.items() if name != "return"}
    own.__type_params__ = getattr(function, "__type_params__", ())
    return typing.get_type_hints(own, include_extras=True)


_BY_NAME, _ONLY_BY_PLACE = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY
_MORE, _MORE_NAMED = _VARIADIC = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
_BY_PLACE = frozenset({_ONLY_BY_PLACE, inspect.Parameter.POSITIONAL_OR_KEYWORD})
_NOTHING = EventData()


def bind_arguments(
    call: Call, parameters: tuple[Parameter, ...], data: EventData | None
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for a method, each of its annotated type.

    Literals bind by position and name, strictly; what is left binds by name to the form's fields, then to
    the control's `value` and the `key`, laxly, since a browser sends text. A `value` that no name took goes
    to the first required parameter still open. Raises BadArguments.
    """
    given = call.positional
    if not parameters and not given and not call.named:
        return [], {}
    if not call.named and len(given) == len(parameters) and all(p.kind in _BY_PLACE for p in parameters):
        return [_converted(call, p, value, strict=True) for p, value in zip(parameters, given, strict=True)], {}
    return _Binding(call, parameters, data or _NOTHING).arguments()


class _Binding:
    def __init__(self, call: Call, parameters: tuple[Parameter, ...], data: EventData) -> None:
        self.call, self.data = call, data
        self.open = [p for p in parameters if p.kind not in _VARIADIC]
        self.rest = {p.kind: p for p in parameters if p.kind in _VARIADIC}
        self.positional = [p for p in self.open if p.kind is not _BY_NAME]
        taken = {p.name for p in self.positional[: len(call.positional)]}
        # Those that no positional literal has taken.
        self.unfilled = {p.name: p for p in self.open if p.name not in taken}
        self.form: dict[str, list[str]] = {}
        for name, value in data.form or ():
            if name in self.unfilled or self.rest:
                self.form.setdefault(name, []).append(value)

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = self._literals() if self.call.positional or self.call.named else ([], {})
        offered = self._offered(kwargs)
        for name, parameter in self.unfilled.items():
            if name in kwargs:
                continue
            if name in offered:
                kwargs[name] = self._lax(parameter, offered[name])
            elif parameter.required:
                raise BadArguments(self.call.method, f"the argument {name!r} is missing")
        extra = self.rest.get(_MORE_NAMED)
        if extra is not None:
            free = self.form.keys() - self._names - kwargs.keys()
            kwargs.update({name: self._lax(extra, self.form[name][-1]) for name in self.form if name in free})
        only_by_place = [p for p in self.unfilled.values() if p.kind is _ONLY_BY_PLACE]
        args += [kwargs.pop(p.name) for p in itertools.takewhile(lambda p: p.name in kwargs, only_by_place)]
        return args, kwargs

    @property
    def _names(self) -> set[str]:
        return {"self", *(p.name for p in self.open)}

    def _literals(self) -> tuple[list[Any], dict[str, Any]]:
        extra, extra_named = self.rest.get(_MORE), self.rest.get(_MORE_NAMED)
        given, positional = self.call.positional, self.positional
        if len(given) > len(positional) and extra is None:
            named = [f"{each.name}=…" for each in self.open if each.kind is _BY_NAME]
            hint = f"; by name it takes {', '.join(named)}" if named else ""
            raise BadArguments(self.call.method, f"takes {len(positional)} arguments, got {len(given)}{hint}")
        wanted = [*positional, *([extra] * (len(given) - len(positional)) if extra else [])]
        args = [_converted(self.call, p, value, strict=True) for p, value in zip(wanted, given, strict=False)]
        kwargs = {}
        for name, value in self.call.named:
            parameter = self.unfilled.get(name) or (extra_named if name not in self._names else None)
            if parameter is None:
                raise BadArguments(self.call.method, f"there is no free argument called {name!r}")
            kwargs[name] = _converted(self.call, parameter, value, strict=True)
        return args, kwargs

    def _offered(self, taken: Mapping[str, Any]) -> dict[str, Any]:
        """What the event brings, by the name of the parameter that it fits."""
        waiting = [p for name, p in self.unfilled.items() if name not in taken]
        offered: dict[str, Any] = {}
        for parameter in waiting:
            if parameter.name in self.form:
                values = self.form[parameter.name]
                offered[parameter.name] = values if takes_several(parameter.type) else values[-1]
            elif parameter.name in ("value", "key") and getattr(self.data, parameter.name) is not None:
                offered[parameter.name] = getattr(self.data, parameter.name)
            elif self.data.form is not None and parameter.required and is_flag(parameter.type):
                offered[parameter.name] = False
            elif self._sent_whole and parameter.required and takes_several(parameter.type):
                offered[parameter.name] = []
        if self.data.value is not None and "value" not in offered:
            first = next((p for p in waiting if p.required and p.name not in offered), None)
            if first is not None:
                offered[first.name] = self.data.value
        return offered

    @property
    def _sent_whole(self) -> bool:
        """Whether it is a form that was sent, and no control of it: then what it leaves out has nothing chosen."""
        return self.data.form is not None and self.data.value is None

    def _lax(self, parameter: Parameter, value: Any) -> Any:
        return _converted(self.call, parameter, as_entered(value, parameter.type), strict=False)


def _converted(call: Call, parameter: Parameter, value: Any, *, strict: bool) -> Any:
    if holds_nul(value):
        raise BadArguments(call.method, f"{parameter.name} holds a NUL character")
    try:
        # A method that has to run again gets what it was given the first time.
        converted = msgspec.convert(own_copy(value), parameter.type, strict=strict, dec_hook=accepted)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise BadArguments(call.method, f"{parameter.name}: {error}") from None
    return check_numbers(call.method, converted)
