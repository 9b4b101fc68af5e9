"""The `ws-…` attributes of a page as the browser's side reads them: which event each hears, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bs4.element import Tag

from asok.attributes import EVENT, HELD, attribute_of, needs_features
from asok.testing_forms import is_control, is_editable, kind, text_of
from asok.testing_markup import wired

__all__ = ["Trigger", "Wire", "bubbles", "held_keys", "question_of", "wires"]

MODIFIERS = {modifier.name: modifier for modifier in EVENT.modifiers}
HELD_NAMES = tuple(modifier.name for modifier in HELD)
# As the browser lists them.
HELD_ORDER = sorted(HELD_NAMES, key=("ctrl", "alt", "shift", "meta").index)
ELSEWHERE = ("window", "document", "outside")
# Of the browsers' own events these are heard at their target only, and nowhere around it.
STAYING = re.compile(
    "abort|beforetoggle|blur|cancel|canplay.*|close|cuechange|durationchange|ended|error|focus|invalid|load.*|mouseenter"
    "|mouseleave|pause|play|playing|pointerenter|pointerleave|progress|ratechange|resize|scroll|scrollend|seeked|seeking"
    "|timeupdate|toggle|volumechange"
)


@dataclass
class Trigger:
    """What happens. element: where; None for the window itself. key: of a key's event. held: such as "ctrl+shift"."""

    event: str
    element: Tag | None
    key: str | None = None
    submitter: Tag | None = None
    held: str = ""


@dataclass(frozen=True)
class Wire:
    """One attribute of an element that hears an event.

    does: calls a method, sets a field, or cancels what runs; text: the call, or the field.
    """

    element: Tag
    attribute: str
    event: str
    does: Literal["call", "model", "cancel"]
    text: str
    keys: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it listens: at the element, the document or the window."""
        elsewhere = [word for word in ELSEWHERE if word in self.modifiers]
        return elsewhere[0].replace("outside", "document") if elsewhere else "element"

    @property
    def needs_features(self) -> bool:
        """Whether Alive's core leaves it to the module `features`."""
        asks = " ws-confirm" if self.element.has_attr("ws-confirm") else ""
        return needs_features(f"<a {self.attribute}{asks}>")

    def hears(self, trigger: Trigger) -> bool:
        """Whether the attribute is for such an event: its name, where it happens, its key, and the keys held."""
        within = trigger.element is not None and self.element in (trigger.element, *trigger.element.parents)
        return (
            self.event == trigger.event
            and not ("self" in self.modifiers and trigger.element is not self.element)
            and not ("outside" in self.modifiers and within)
            and self._takes_key(trigger.key or "")
            and all(key in trigger.held.split("+") for key in self.modifiers if key in HELD_NAMES)
        )

    def prevents(self) -> bool:
        """Whether the browser then does not do what it would do by itself."""
        if self.does == "model":
            return False
        # A button with a call of its own does not send its form.
        button = self.event == "click" and is_control(self.element) and kind(self.element) in ("submit", "image")
        return self.event == "submit" or button or "prevent" in self.modifiers

    def _takes_key(self, key: str) -> bool:
        name = key.lower().replace(" ", "space")
        return not self.keys or name in self.keys or name.replace("arrow", "") in self.keys


def wires(element: Tag) -> Iterator[Wire]:
    """The attributes of an element that hear events."""
    for attribute, text in wired(element).items():
        base, *words = attribute.split(".")
        if base == "ws-model" and text:
            yield Wire(element, attribute, model_event(element, words), "model", text)
        elif base == "ws-cancel":
            yield Wire(element, attribute, "click", "cancel", text)
        elif base.startswith("ws-") and attribute_of(base) is EVENT and text:
            yield listening(element, attribute, base.removeprefix("ws-"), words, text)


def listening(element: Tag, attribute: str, event: str, words: list[str], call: str) -> Wire:
    """An attribute that calls a method: in any order, modifiers, their milliseconds, and keys or parts of the name."""
    modifiers, others = list[str](), list[str]()
    before = ""
    for word in words:
        timed = before in MODIFIERS and MODIFIERS[before].milliseconds != "never"
        if word in MODIFIERS:
            modifiers.append(word)
        elif not (timed and word.isdigit() and int(word)):
            others.append(word)
        before = word
    if event.startswith("key"):
        return Wire(element, attribute, event, "call", call, tuple(others), tuple(modifiers))
    # Somebody's own event may have dots in its name.
    return Wire(element, attribute, ".".join([event, *others]), "call", call, (), tuple(modifiers))


def model_event(control: Tag, words: list[str]) -> str:
    """The event after which a control's value is sent."""
    chosen = is_control(control) and (kind(control) in ("checkbox", "radio", "file") or control.name == "select")
    lazy = "lazy" in words or chosen
    if "blur" in words or (lazy and is_editable(control)):
        return "blur"
    return "change" if lazy else "input"


def bubbles(event: str) -> bool:
    """Whether elements around its target hear the event, too."""
    return not STAYING.fullmatch(event)


def held_keys(keys: str) -> str:
    """Modifier keys as the browser lists them. Raises ValueError for others."""
    given = keys.split("+") if keys else []
    if any(key not in HELD_ORDER for key in given):
        raise ValueError(f"keys={keys!r}: expected {', '.join(HELD_ORDER)}, with + between them")
    return "+".join(key for key in HELD_ORDER if key in given)


def question_of(wire: Wire, trigger: Trigger) -> str:
    """What the person is asked before the call: at the element, or at the button that sends the form."""
    asking = [each for each in (wire.element, trigger.submitter) if each is not None and each.has_attr("ws-confirm")]
    return text_of(asking[0], "ws-confirm") if asking and wire.does == "call" else ""
