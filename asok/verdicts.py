"""What guards, hooks and methods give back, and the mistakes in it that would otherwise be silent."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from types import CodeType
from typing import Any

from starlette.responses import Response

from asok.errors import ComponentError

__all__ = ["ELSEWHERE", "check_answer", "check_hook", "check_hooks", "refuses"]

ELSEWHERE = "to send a visitor elsewhere, raise HTTPException(303, headers={'Location': '/login'})"
FILE = re.compile(r"\s*[\w./-]+\.(?:html?|jinja2?|j2)\s*")
GIVEN = {"updated": ("changed",), "guard": ("request", "session"), "migrate": ("old",)}


def refuses(verdict: Any, guard: Callable[..., Any], named: str) -> bool:
    """Whether a guard says no. Raises ComponentError where it says neither yes nor no: whoever returns a redirect, or
    `session.get("user")`, means to keep somebody out. named: as its author knows it."""
    if isinstance(verdict, bool) or (verdict is None and not _answers(guard)):
        return verdict is False
    wanted = ELSEWHERE if isinstance(verdict, Response) else "write a comparison, such as `return 'user' in session`"
    raise ComponentError(
        f"{named} returned {_kind(verdict)}; a guard returns True or False, or raises Denied: {wanted}"
    )


def _answers(guard: Callable[..., Any]) -> bool:
    """Whether it returns what it has worked out, so that None is an answer, and no silence."""
    function = inspect.unwrap(guard)
    code = getattr(function, "__code__", None) or getattr(function.__call__, "__code__", None)
    return code is not None and _returns_values(code)


@lru_cache(maxsize=256)
def _returns_values(code: CodeType) -> bool:
    steps = [each.opname for each in dis.get_instructions(code)]
    return any(step == "RETURN_VALUE" and before != "LOAD_CONST" for before, step in pairwise(steps))


def check_hook(result: Any, hook: str) -> None:
    """Raises ComponentError where `mount` or `load` gives back what is meant to be shown, and nobody takes."""
    if result is None:
        return
    if isinstance(result, Response):
        raise ComponentError(f"{hook} returned {_kind(result)}, which nobody takes; {ELSEWHERE}")
    if isinstance(result, Mapping):
        name = next(iter(result), "rows")
        raise ComponentError(
            f"{hook} returned {_kind(result)}, which nobody takes; set each value, as in self.{name} = …"
        )


def check_hooks(cls: type, names: Iterable[str]) -> None:
    """Raises ComponentError where a class has a hook that cannot run, or a file's name as its template's source."""
    for name in names:
        hook = getattr(cls, name)
        if name in ("render", "migrate") and inspect.iscoroutinefunction(hook):
            raise ComponentError(
                f"{cls.__name__}.{name} cannot be `async def`: fetch what has to be awaited in load(), and write "
                f"def {name}(self…)"
            )
        if inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
            raise ComponentError(
                f"{cls.__name__}.{name} has a `yield`, so nothing of it would run; only @exposed methods show steps"
            )
        _check_parameters(cls, name, GIVEN.get(name, ()))
    source = inspect.getattr_static(cls, "template", None)
    if source is not None and not isinstance(source, str):
        raise ComponentError(
            f"{cls.__name__}.template is the template's source, a text, and not a {_kind(source)}; for what a method "
            f"works out write def render(self)"
        )
    if source is not None and FILE.fullmatch(source):
        raise ComponentError(
            f"{cls.__name__}.template is the template itself, and {source!r} is the name of a file: leave it out where "
            f"the file is named after the class, else write def render(self): return self.html({source!r})"
        )


def _check_parameters(cls: type, name: str, given: tuple[str, ...]) -> None:
    """Raises ComponentError where a hook cannot be called with what it is given."""
    hook = inspect.getattr_static(cls, name)
    own = ("self", *given) if inspect.isfunction(hook) else given
    try:
        # What a decorator stands around takes may be another thing.
        inspect.signature(getattr(cls, name), follow_wrapped=False).bind(*own)
    except TypeError as error:
        wanted = f"def {name}({', '.join(('self', *given))})"
        raise ComponentError(
            f"{cls.__name__}.{name} cannot be called ({error}); write {wanted}, which is all that it is given"
        ) from None


def check_answer(result: Any, method: str) -> None:
    """Raises ComponentError where a method gives back a response: no request waits for one."""
    if isinstance(result, Response):
        place = result.headers.get("location")
        instead = f"self.redirect({place!r})" if place else "self.redirect('/…'), or set what the template shows"
        raise ComponentError(f"{method} returned {_kind(result)}, which nobody takes; write {instead}")


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
