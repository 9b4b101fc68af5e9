"""How an event finds its way from an element to the methods that it is wired to."""

from __future__ import annotations

import re
from typing import Any

from bs4.element import Tag

from asok.attributes import EVENT, attribute_of
from asok.errors import AsokError, nearest
from asok.testing_dom import Dom
from asok.testing_forms import CONTROLS, Forms, form_of, is_control, kind, option_value, text_of
from asok.testing_markup import opening, shown, summary, wired
from asok.testing_wires import Trigger, Wire, wires

__all__ = ["NotWired", "Unusable", "default_button", "event_data", "form_around", "link_of", "submits_alone"]
__all__ += ["surroundings"]

# What the browser leaves out as too long.
WORD, NAME, VALUE, ENTRIES = 64, 256, 1024, 32
DATA = re.compile(r"data-(?!asok).+")
POINTER = re.compile(r"(?:aux|dbl)?click|contextmenu|wheel|drop|(?:drag|mouse|pointer).*")
IMPLICIT_SUBMIT = ("text", "search", "email", "url", "tel", "password", "number", "date", "time")


class NotWired(AsokError):
    """A test acts on an element and no method hears of it; the text says which elements are wired."""

    def __init__(self, element: Tag, event: str, dom: Dom) -> None:
        self.element, self.event = element, event
        self.there = [summary(other) for other in dom.tree.find_all(True) if wired(other)]
        around = [wire for each in (element, *element.parents) for wire in wires(each)]
        self.deaf = [wire.attribute for wire in around if wire.event == event]

    def __str__(self) -> str:
        there = "\n  ".join(["the page has:", *shown(self.there)]) if self.there else "nothing on the page is wired"
        if self.deaf:
            heard = f"{', '.join(self.deaf)} did not hear it: for another key, with another held, at another place"
            return f"{opening(self.element)} had a {self.event}, but {heard}, or once and no more; {there}"
        others = [name.partition(".")[0] for name in wired(self.element)]
        misspelt = [name for name in others if attribute_of(name) is EVENT and nearest(name, [f"ws-{self.event}"])]
        same = [name for name in wired(self.element) if name.startswith(f"ws-{self.event}.")]
        hint = f"; is {misspelt[0]!r} meant to be 'ws-{self.event}'?" if misspelt else ""
        hint = f"; what follows the dot in {same[0]} is no modifier of it" if same else hint
        if is_control(self.element) and kind(self.element) == "submit" and form_of(self.element) is not None:
            hint += ", and its form has no ws-submit; one that the browser is to send has a method, <form method='get'>"
        return (
            f"{opening(self.element)} is not wired for {self.event}: no ws-{self.event} at or around it{hint}; {there}"
        )


class Unusable(AsokError):
    """A test acts on an element as no person could."""

    def __init__(self, element: Tag, reason: str) -> None:
        self.element, self.reason = element, reason

    def __str__(self) -> str:
        return f"{opening(self.element)} {self.reason}"


def event_data(forms: Forms, wire: Wire, trigger: Trigger) -> dict[str, Any]:
    """What the browser adds to an event: the control's value, its form's fields, the key."""
    clicked, key = trigger.event == "click", trigger.key
    control = wire.element if clicked else trigger.element
    data: dict[str, Any] = {}
    if control is not None and is_control(control):
        value = forms.value(control)
        if not (clicked and value == ""):
            data["value"] = value
    form = form_around(wire, trigger)
    if form is not None:
        data["form"] = forms.fields(form, trigger.submitter)
    if key is not None:
        data["key"] = key
    return data


def form_around(wire: Wire, trigger: Trigger) -> Tag | None:
    """The form whose fields go with an event."""
    if trigger.event == "submit":
        return trigger.element
    control = wire.element if trigger.event == "click" else trigger.element
    return form_of(control) if control is not None and is_control(control) else None


def surroundings(forms: Forms, wire: Wire, trigger: Trigger) -> dict[str, Any]:
    """What the browser tells of it. There is no layout: every pointer is at 0, 0."""
    target = {} if trigger.element is None else describe(forms, trigger.element)
    data: dict[str, Any] = {"type": trigger.event, "target": target}
    if wire.element is not trigger.element:
        data["current"] = describe(forms, wire.element)
    by_mouse = POINTER.fullmatch(trigger.event)
    if trigger.held and (by_mouse or trigger.event.startswith("key")):
        data["keys"] = trigger.held
    if by_mouse:
        data |= {"x": 0, "y": 0, "page_x": 0, "page_y": 0}
    return data


def describe(forms: Forms, element: Tag) -> dict[str, Any]:
    """An element as methods see it; what it does not have, a secret, and what is too long are left out."""
    found: dict[str, Any] = {"tag": element.name}
    for name in ("id", "name"):
        if element.has_attr(name) and len(text_of(element, name)) <= NAME:
            found[name] = text_of(element, name)
    value = shown_value(forms, element)
    if value is not None and len(value) <= VALUE:
        found["value"] = value
    if kind(element) in ("checkbox", "radio"):
        found["checked"] = forms.value(element)
    dataset = {camel(name): str(text) for name, text in element.attrs.items() if DATA.fullmatch(name)}
    fitting = [(name, text) for name, text in dataset.items() if len(name) <= WORD and len(text) <= NAME]
    return {**found, "dataset": dict(fitting[:ENTRIES])} if fitting else found


def shown_value(forms: Forms, element: Tag) -> str | None:
    """The text that is an element's value, if it has one that may be told."""
    if element.name == "option":
        return option_value(element)
    if not is_control(element) or kind(element) == "password" or "password" in text_of(element, "autocomplete"):
        return None
    if element.name == "button":
        return text_of(element, "value") or None
    value = forms.value(element)
    if isinstance(value, bool):
        return text_of(element, "value", "on")
    return value if isinstance(value, str) else next(iter(value), "")


def camel(attribute: str) -> str:
    """`data-row-id` is `rowId`."""
    return re.sub(r"-([a-z])", lambda found: found[1].upper(), attribute.removeprefix("data-"))


def default_button(form: Tag) -> Tag | None:
    """The button that Enter in a field presses."""
    top = ([form, *form.parents])[-1]
    for control in top.find_all(CONTROLS):
        if kind(control) in ("submit", "image") and form_of(control) is form:
            return control
    return None


def submits_alone(form: Tag, control: Tag) -> bool:
    """Whether Enter in a control submits a form without a button: it does where that is the only text field."""
    return [id(each) for each in form.find_all("input") if kind(each) in IMPLICIT_SUBMIT] == [id(control)]


def link_of(element: Tag) -> str | None:
    """Where a click on the element leads."""
    for candidate in (element, *element.parents):
        if candidate.name == "a" and candidate.has_attr("href"):
            return text_of(candidate, "href")
    return None
