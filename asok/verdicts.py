"""What guards, hooks and methods give back, and the mistakes in it that would otherwise be silent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

from starlette.responses import Response

from asok.errors import ComponentError

__all__ = ["check_answer", "check_hook", "refuses"]


def refuses(verdict: Any, guard: str) -> bool:
    """Whether a guard says no. Raises ComponentError where it says neither yes nor no: whoever returns a redirect, or
    `session.get("user")`, means to keep somebody out."""
    if verdict is None or isinstance(verdict, bool):
        return verdict is False
    if isinstance(verdict, Response):
        wanted = "where somebody is to be sent elsewhere, return that from the page's own function"
    else:
        wanted = "write a comparison, such as `return 'user' in session`"
    raise ComponentError(
        f"{guard} returned {_kind(verdict)}; a guard returns True or False, or raises Denied: {wanted}"
    )


def check_hook(result: Any, hook: str) -> None:
    """Raises ComponentError where `mount` or `load` gives back what is meant to be shown, and nobody takes."""
    if result is None:
        return
    if isinstance(result, Response):
        raise ComponentError(
            f"{hook} returned {_kind(result)}, which nobody takes; return it from the page's own function"
        )
    if isinstance(result, Mapping):
        name = next(iter(result), "rows")
        raise ComponentError(
            f"{hook} returned {_kind(result)}, which nobody takes; set each value, as in self.{name} = …"
        )
    if isinstance(result, Generator | AsyncGenerator):
        raise ComponentError(f"{hook} has a `yield`, so nothing of it runs; only @exposed methods show steps")


def check_answer(result: Any, method: str) -> None:
    """Raises ComponentError where a method gives back a response: no request waits for one."""
    if isinstance(result, Response):
        place = result.headers.get("location")
        instead = f"self.redirect({place!r})" if place else "self.redirect('/…'), or set what the template shows"
        raise ComponentError(f"{method} returned {_kind(result)}, which nobody takes; write {instead}")


def _kind(value: Any) -> str:
    return type(value).__name__
