"""What a person has entered where `ws-model` stands, as it goes to the field."""

from __future__ import annotations

import math
import re

from bs4.element import Tag

from asok.testing_dom import Dom
from asok.testing_forms import Value, is_control, is_editable, kind, text_of
from asok.testing_wires import Wire

__all__ = ["as_number", "entered"]

# Beyond that it would be another number to the server.
EXACT = 2**53
WHOLE = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def entered(dom: Dom, wire: Wire) -> Value | int | float:
    """The value of a control; of several boxes with values, those that are ticked."""
    control, words = wire.element, wire.attribute.split(".")[1:]
    value = dom.forms.value(control)
    if is_editable(control) and not is_control(control):
        return value
    if kind(control) == "checkbox" and control.has_attr("value"):
        return [text_of(box, "value") for box in _boxes(dom, wire) if dom.forms.value(box) is True]
    if kind(control) == "radio":
        return text_of(control, "value", "on")
    if not isinstance(value, str):
        return value
    text = value.strip() if "trim" in words else value
    return as_number(text) if "number" in words else text


def as_number(text: str) -> str | int | float:
    """The number that JavaScript reads in a text, or the text where it reads none."""
    digits = text.strip()
    if WHOLE.fullmatch(digits):
        number = float(int(digits, 0))
    elif DECIMAL.fullmatch(digits):
        number = float(digits)
    else:
        return text
    if not math.isfinite(number) or abs(number) >= EXACT:
        return text
    return int(number) if number.is_integer() else number


def _boxes(dom: Dom, wire: Wire) -> list[Tag]:
    """The boxes of the same component with the same field."""
    instance = dom.instance_of(wire.element)
    boxes = dom.tree.find_all("input", attrs={wire.attribute: wire.text})
    return [box for box in boxes if dom.instance_of(box) == instance]
