"""What a template puts into a component: HTML by the names of its slots, and the components that stand in it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from asok.errors import RenderError

__all__ = ["fill_slot", "filling"]

_filling: ContextVar[dict[str, str] | None] = ContextVar("asok_filling", default=None)


def fill_slot(name: str, *, caller: Callable[[], str]) -> str:
    """`{% slot 'footer' %}…{% endslot %}`: what stands in it goes into that slot of the component around it."""
    contents = _filling.get()
    if contents is None:
        raise RenderError(f"{{% slot {name!r} %}} stands outside of {{% component … %}}; put it into one")
    contents[name] = contents.get(name, "") + caller()
    return ""


def filling(caller: Callable[[], str]) -> dict[str, str]:
    """The content between `{% component … %}` and its end, by slot; what stands in none is that of the slot ""."""
    contents: dict[str, str] = {}
    token = _filling.set(contents)
    try:
        rest = caller()
    finally:
        _filling.reset(token)
    return {name: each for name, each in {"": rest, **contents}.items() if each.strip()}
