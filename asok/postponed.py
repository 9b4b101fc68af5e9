"""A property that raised, as a template has it: its error is raised where the template uses it.

Jinja asks for all names of a template before it begins, also for those in a branch that is not taken, as in
`{% if prices %}{{ average }}{% endif %}`. Plain values do not mind; a property may.
"""

from __future__ import annotations

from typing import Any, NoReturn

from asok.errors import RenderError

__all__ = ["Postponed", "property_of"]

# Jinja, and who asks whether something can be done with a value, take these for a no.
_ANSWERS = (TypeError, LookupError, AttributeError, ValueError)
_USES = (
    "str repr format bytes bool int float index complex len iter next reversed contains getitem call hash eq ne lt le "
    "gt ge add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow neg pos abs round"
)


def property_of(component: object, name: str) -> Any:
    """The value of a component's property, or what raises the property's error when it is used."""
    try:
        return getattr(component, name)
    except _ANSWERS as error:
        told = RenderError(f"{type(component).__name__}.{name} raised {type(error).__name__}: {error}")
        told.__cause__ = error
        return Postponed(told)
    except Exception as error:
        return Postponed(error)


class Postponed:
    """Raises an error whatever is done with it."""

    __slots__ = ("_error",)

    def __init__(self, error: Exception) -> None:
        object.__setattr__(self, "_error", error)

    def __getattribute__(self, name: str) -> NoReturn:
        raise object.__getattribute__(self, "_error")


def _use(self: Postponed, *args: object) -> NoReturn:
    raise object.__getattribute__(self, "_error")


for _name in _USES.split():
    setattr(Postponed, f"__{_name}__", _use)
