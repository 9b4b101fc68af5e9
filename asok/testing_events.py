"""How an event finds its way from an element to the methods that it is wired to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bs4.element import Tag

from asok.errors import AsokError, nearest
from asok.testing_dom import Dom, opening, shown, summary, wired
from asok.testing_forms import CONTROLS, Forms, form_of, is_control, kind, text_of

__all__ = ["EVENTS", "NotWired", "Unusable", "Wire", "default_button", "event_data", "wires"]

EVENTS = ("click", "input", "change", "submit", "keydown", "keyup")
PLAIN_MODIFIERS = ("prevent", "stop", "once")
TIMED_MODIFIERS = ("debounce", "throttle")
IMPLICIT_SUBMIT = ("text", "search", "email", "url", "tel", "password", "number", "date", "time")


class NotWired(AsokError):
    """A test acts on an element and no method hears of it; the text says which elements are wired."""

    def __init__(self, element: Tag, event: str, dom: Dom) -> None:
        self.element, self.event = element, event
        self.there = [summary(other) for other in dom.tree.find_all(True) if wired(other)]

    def __str__(self) -> str:
        misspelt = [name for name in wired(self.element) if nearest(name, [f"ws-{self.event}"])]
        hint = f"; is {misspelt[0]!r} meant to be 'ws-{self.event}'?" if misspelt else ""
        there = "\n  ".join(["the page has:", *shown(self.there)]) if self.there else "nothing on the page is wired"
        return (
            f"{opening(self.element)} is not wired for {self.event}: no ws-{self.event} at or around it{hint}; {there}"
        )


class Unusable(AsokError):
    """A test acts on an element as no person could."""

    def __init__(self, element: Tag, reason: str) -> None:
        self.element, self.reason = element, reason

    def __str__(self) -> str:
        return f"{opening(self.element)} {self.reason}"


@dataclass(frozen=True)
class Wire:
    """One `ws-<event>…` attribute of an element."""

    element: Tag
    attribute: str
    event: str
    keys: tuple[str, ...]
    modifiers: tuple[str, ...]
    call: str

    def hears(self, event: str, key: str | None) -> bool:
        """Whether the attribute is for this event and, where it names keys, for this key."""
        named = {key_name(each) for each in self.keys}
        return self.event == event and (not named or key_name(key or "") in named)


def wires(element: Tag) -> Iterator[Wire]:
    """The attributes of an element that call methods."""
    for attribute, call in wired(element).items():
        event, *segments = attribute.removeprefix("ws-").split(".")
        if event in EVENTS:
            keys, modifiers = split_segments(segments)
            yield Wire(element, attribute, event, keys, modifiers, call)


def split_segments(segments: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Key names, which stand first, and modifiers. Times are dropped: a test's events are sent at once."""
    for position, segment in enumerate(segments):
        if segment in PLAIN_MODIFIERS or segment in TIMED_MODIFIERS:
            return tuple(segments[:position]), tuple(segments[position:])
    return tuple(segments), ()


def key_name(key: str) -> str:
    """`ArrowUp` is `up`, and a space has a name."""
    return "space" if key == " " else key.lower().replace("arrow", "")


def event_data(forms: Forms, wire: Wire, target: Tag, key: str | None, submitter: Tag | None) -> dict[str, Any]:
    """What the browser adds to an event: the control's value, its form's fields, the key."""
    control = wire.element if wire.event == "click" else target
    data: dict[str, Any] = {}
    if is_control(control) and (control.name != "button" or control.has_attr("value")):
        data["value"] = forms.value(control)
    form = form_of(control) if is_control(control) or wire.event == "submit" else None
    if form is not None:
        data["form"] = forms.fields(form, submitter)
    if key is not None:
        data["key"] = key
    return data


def default_button(form: Tag) -> Tag | None:
    """The button that Enter in a field presses."""
    top = ([form, *form.parents])[-1]
    for control in top.find_all(CONTROLS):
        if kind(control) in ("submit", "image") and form_of(control) is form:
            return control
    return None


def submits_alone(form: Tag) -> bool:
    """Whether Enter submits a form without a button: it does where there is one text field."""
    return len([field for field in form.find_all("input") if kind(field) in IMPLICIT_SUBMIT]) == 1


def link_of(element: Tag) -> str | None:
    """Where a click on the element leads."""
    for candidate in (element, *element.parents):
        if candidate.name == "a" and candidate.has_attr("href"):
            return text_of(candidate, "href")
    return None
