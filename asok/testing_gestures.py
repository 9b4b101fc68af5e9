"""What a browser does when a person clicks, types and presses keys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bs4.element import Tag

from asok.errors import AsokError, nearest
from asok.testing_dom import Dom
from asok.testing_events import (
    Trigger,
    Unusable,
    Wire,
    default_button,
    event_data,
    link_of,
    modifiers,
    submits_alone,
    surroundings,
    wires,
)
from asok.testing_forms import form_of, is_control, is_disabled, kind, option_value, text_of
from asok.testing_markup import DO, STATE, opening
from asok.testing_stores import QueuedWrite
from asok.testing_tab import Tab

__all__ = ["Gestures", "Outcome"]

TEXT_KINDS = ("text", "search", "email", "url", "tel", "password", "number", "date", "time", "range", "color")


@dataclass
class Outcome:
    """What a gesture came to: the events and writes it sent, and where it leads.

    acted: something happened, be it only in the browser. leads_to: a link's target. submits: a form to send by
    HTTP. held: the modifier keys that were down meanwhile.
    """

    held: str = ""
    sent: list[tuple[str, int]] = field(default_factory=list)
    writes: list[QueuedWrite] = field(default_factory=list)
    acted: bool = False
    leads_to: str | None = None
    submits: tuple[Tag, Tag | None] | None = None


class Gestures:
    """One page's mouse and keyboard. Events go through `tab` and are not awaited here."""

    def __init__(self, dom: Dom, tab: Tab) -> None:
        self.dom, self.tab, self.forms = dom, tab, dom.forms
        self._spent: dict[tuple[int, str], Tag] = {}
        self._tells_target = bool(dom.find("script[data-target]"))

    async def click(self, element: Tag, keys: str = "") -> Outcome:
        """Press the mouse on an element: its methods, then what the browser does by itself."""
        usable(element)
        outcome = Outcome(modifiers(keys))
        await self._click(element, outcome)
        return outcome

    async def type(self, control: Tag, text: str) -> Outcome:
        """Replace a field's text, and leave the field."""
        usable(control)
        if not takes_text(control):
            raise Unusable(control, "takes no text; see `check`, `select` and `click`")
        outcome = Outcome(acted=True)
        self.forms.focused = control
        key = text[-1:] or "Backspace"
        await self._fire(outcome, control, "keydown", key=key)
        self.forms.set(control, text)
        for event, pressed in (("input", None), ("keyup", key), ("change", None)):
            await self._fire(outcome, control, event, key=pressed)
        return outcome

    async def press(self, element: Tag, key: str, keys: str = "") -> Outcome:
        """Press and release a key while the element has the focus."""
        usable(element)
        outcome = Outcome(modifiers(keys))
        self.forms.focused = element
        if not await self._fire(outcome, element, "keydown", key=key):
            await self._key_default(outcome, element, key)
        await self._fire(outcome, element, "keyup", key=key)
        return outcome

    async def tick(self, control: Tag, checked: bool) -> Outcome:
        """Bring a checkbox or radio button to a state, by a click where it is not in it."""
        if kind(control) not in ("checkbox", "radio"):
            raise Unusable(control, "can not be ticked; it is no checkbox or radio button")
        if self.forms.value(control) is checked:
            return Outcome(acted=True)
        if kind(control) == "radio" and not checked:
            raise Unusable(control, "is a radio button; tick another one of its group instead")
        return await self.click(control)

    async def choose(self, control: Tag, wanted: tuple[str, ...]) -> Outcome:
        """Choose options by value or text."""
        usable(control)
        if control.name != "select":
            raise Unusable(control, "has no options; it is no <select>")
        values = [option_named(control, name) for name in wanted]
        if len(values) != 1 and not control.has_attr("multiple"):
            raise Unusable(control, f"takes one option, not {len(values)}")
        outcome = Outcome(acted=True)
        self.forms.focused = control
        self.forms.set(control, values)
        await self._fire(outcome, control, "input")
        await self._fire(outcome, control, "change")
        return outcome

    async def submit(self, form: Tag, submitter: Tag | None = None) -> Outcome:
        """Send a form."""
        outcome = Outcome()
        await self._submit(outcome, form, submitter)
        return outcome

    async def _click(self, element: Tag, outcome: Outcome) -> None:
        if is_control(element):
            self.forms.focused = element
        tickable = is_control(element) and kind(element) in ("checkbox", "radio")
        before = self.forms.value(element) if tickable else None
        if tickable:
            # A browser ticks first and takes it back if the click is prevented.
            self.forms.set(element, kind(element) == "radio" or not before)
        prevented = await self._fire(outcome, element, "click")
        prevented = await self._write(outcome, element) or prevented
        if prevented and before is not None:
            self.forms.set(element, before)
        elif tickable and self.forms.value(element) != before:
            outcome.acted = True
            await self._fire(outcome, element, "input")
            await self._fire(outcome, element, "change")
        elif not prevented:
            await self._click_default(outcome, element)

    async def _click_default(self, outcome: Outcome, element: Tag) -> None:
        button = next(
            (each for each in (element, *element.parents) if each.name in ("button", "input", "summary")), None
        )
        label = element if element.name == "label" else element.find_parent("label")
        form = form_of(button) if button is not None else None
        if button is not None and button.name == "summary":
            toggle(button, outcome)
        elif button is not None and form is not None and kind(button) in ("submit", "image"):
            await self._submit(outcome, form, button)
        elif label is not None and not is_control(element):
            labelled = labelled_by(label)
            if labelled is not None:
                await self._click(labelled, outcome)
        elif link_of(element) is not None:
            outcome.leads_to, outcome.acted = link_of(element), True

    async def _key_default(self, outcome: Outcome, element: Tag, key: str) -> None:
        form = form_of(element) if is_control(element) else None
        if element.name == "button" and key in ("Enter", " "):
            await self._click(element, outcome)
        elif takes_text(element) and (len(key) == 1 or key == "Backspace"):
            text = str(self.forms.value(element))
            self.forms.set(element, text[:-1] if key == "Backspace" else text + key)
            outcome.acted = True
            await self._fire(outcome, element, "input")
        elif element.name == "input" and key == "Enter" and form is not None:
            button = default_button(form)
            if button is not None and not is_disabled(button):
                await self._click(button, outcome)
                self.forms.focused = element
            elif button is None and submits_alone(form):
                await self._submit(outcome, form, None)

    async def _submit(self, outcome: Outcome, form: Tag, submitter: Tag | None) -> None:
        prevented = await self._fire(outcome, form, "submit", submitter=submitter)
        if not prevented and (form.has_attr("action") or form.has_attr("method")):
            outcome.submits, outcome.acted = (form, submitter), True

    async def _fire(
        self, outcome: Outcome, target: Tag, event: str, *, key: str | None = None, submitter: Tag | None = None
    ) -> bool:
        """Send an event to the methods at the element and around it; whether the default is prevented."""
        prevented = stopped = False
        for element in (target, *target.parents):
            for wire in wires(element):
                if wire.hears(event, key):
                    # A button with a call of its own does not send its form.
                    button = event == "click" and is_control(wire.element) and kind(wire.element) == "submit"
                    prevented = prevented or event == "submit" or button or "prevent" in wire.modifiers
                    stopped = stopped or "stop" in wire.modifiers
                    await self._call(outcome, wire, Trigger(event, target, key, submitter, outcome.held))
            if stopped:
                break
        return prevented

    async def _call(self, outcome: Outcome, wire: Wire, trigger: Trigger) -> None:
        if (id(wire.element), wire.attribute) in self._spent:
            return
        if "once" in wire.modifiers:
            self._spent[id(wire.element), wire.attribute] = wire.element
        outcome.acted = True
        instance = self.dom.instance_of(wire.element)
        if instance is None:
            raise AsokError(f"{opening(wire.element)} stands in no component: no element around it has {STATE}")
        data = event_data(self.forms, wire, trigger)
        if self._tells_target:
            data |= surroundings(self.forms, wire, trigger)
        outcome.sent.append((instance, await self.tab.emit(instance, wire.call, data)))

    async def _write(self, outcome: Outcome, clicked: Tag) -> bool:
        """Do the write that an element at or around the clicked one has; whether the default is prevented."""
        element = next((each for each in (clicked, *clicked.parents) if each.has_attr(DO)), None)
        if element is None:
            return False
        if not self.tab.stores.present:
            raise AsokError(f"{opening(element)} needs the module of the stores; write {{{{ alive(stores=True) }}}}")
        outcome.acted = True
        outcome.writes.append(await self.tab.write(*json.loads(text_of(element, DO))))
        return is_control(element) and kind(element) == "submit"


def usable(element: Tag) -> None:
    if is_control(element) and is_disabled(element):
        raise Unusable(element, "is disabled")


def takes_text(control: Tag) -> bool:
    return not control.has_attr("readonly") and (
        control.name == "textarea" or (control.name == "input" and kind(control) in TEXT_KINDS)
    )


def toggle(summary: Tag, outcome: Outcome) -> None:
    details = summary.find_parent("details")
    if details is not None:
        outcome.acted = True
        if details.has_attr("open"):
            del details["open"]
        else:
            details["open"] = ""


def labelled_by(label: Tag) -> Tag | None:
    named = text_of(label, "for")
    top = ([label, *label.parents])[-1]
    return top.find(id=named) if named else label.find(is_control)


def option_named(select: Tag, wanted: str) -> str:
    """The value of the option with this value or text."""
    options = {" ".join(option.get_text().split()): option_value(option) for option in select.find_all("option")}
    if wanted in options.values():
        return wanted
    if wanted in options:
        return options[wanted]
    raise Unusable(
        select, f"has no option {wanted!r}{nearest(wanted, options)}; it has {', '.join(map(repr, options))}"
    )
