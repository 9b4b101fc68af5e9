"""What a form says to a person whose text it cannot take: plain sentences, each of which can be replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from asok.errors import Refusal

__all__ = ["WORDS", "FormError", "broken", "sentence"]

WORDS: Mapping[str, str] = {
    "required": "Please fill this in.",
    "choose": "Please choose one.",
    "tick": "Please tick this box.",
    "integer": "Please enter a whole number.",
    "number": "Please enter a number.",
    "date": "Please enter a date, such as 2026-03-31.",
    "time": "Please enter a time, such as 14:30.",
    "datetime": "Please enter a date and a time, such as 2026-03-31T14:30.",
    "choice": "Please choose one of the given values.",
    "characters": "This holds a character that cannot be kept.",
    "pattern": "This is not written as expected.",
    "min_length": "Please use at least {limit} characters.",
    "max_length": "Please use at most {limit} characters; these are {length}.",
    "fewest": "Please give at least {limit}.",
    "most": "Please give at most {limit}; these are {length}.",
    "ge": "Please enter {limit} or more.",
    "gt": "Please enter more than {limit}.",
    "le": "Please enter {limit} or less.",
    "lt": "Please enter less than {limit}.",
    "multiple_of": "Please enter a multiple of {limit}.",
    "tz": "Please enter this as the field offers it.",
    "other": "Please check this; it is not as expected.",
}

# In the order in which a person is told.
LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "min_length": lambda value, limit: len(value) >= limit,
    "max_length": lambda value, limit: len(value) <= limit,
    "pattern": lambda value, limit: re.search(limit, value) is not None,
    "ge": lambda value, limit: value >= limit,
    "gt": lambda value, limit: value > limit,
    "le": lambda value, limit: value <= limit,
    "lt": lambda value, limit: value < limit,
    "multiple_of": lambda value, limit: _divides(limit, value),
    "tz": lambda value, limit: (value.tzinfo is not None) == limit,
}
COUNTED = {"min_length": "fewest", "max_length": "most"}


class FormError(Refusal):
    """A rule of a form says, in words for a person, what is wrong: as a whole, or with the fields that are named.

    `FormError("Nothing is free on that day.")`, `FormError(email="This address is taken.")`; a field in a row is
    `FormError(**{"lines.1.price": "…"})`. A method that takes a form may raise it, too: nothing of it is kept.
    """

    code = "form"

    def __init__(self, text: str = "", /, **fields: str) -> None:
        self.text, self.fields = text, fields

    def __str__(self) -> str:
        return " ".join([*filter(None, [self.text]), *(f"{name}: {text}" for name, text in self.fields.items())])

    def by_path(self) -> dict[tuple[str | int, ...], str]:
        """What is wrong, by the path of the field; the empty one is the form as a whole."""
        found: dict[tuple[str | int, ...], str] = {(): self.text} if self.text else {}
        for name, text in self.fields.items():
            found[tuple(int(part) if part.isdecimal() else part for part in name.split("."))] = text
        return found


def broken(value: Any, limits: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The first limit that a value does not keep, by its rule's name; None where it keeps them all."""
    for rule, keeps in LIMITS.items():
        limit = limits.get(rule)
        if limit is not None and not keeps(value, limit):
            return (rule if isinstance(value, str) else COUNTED.get(rule, rule)), limit
    return None


def _divides(step: Any, value: Any) -> bool:
    """As people count: 0.29 is a multiple of 0.01, though not in binary."""
    try:
        return Decimal(str(value)) % Decimal(str(step)) == 0
    except ArithmeticError:  # beyond all digits
        return False


def sentence(
    rule: str, field: str, messages: Mapping[str, str], own: str, translate: Callable[[str], str], **values: Any
) -> str:
    """What is said about a field: the form's own words for the field's rule, for the field, the field's `message`,
    the form's words for the rule, or those of `WORDS`."""
    text = messages.get(f"{field}.{rule}") or messages.get(field) or own or messages.get(rule) or WORDS[rule]
    said = translate(text)
    for name, value in values.items():
        said = said.replace(f"{{{name}}}", str(value))
    return said
