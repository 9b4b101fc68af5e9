"""What a browser does when a person clicks, types and presses keys."""

from __future__ import annotations

from bs4.element import Tag

from asok.errors import nearest
from asok.testing_events import Unusable, default_button, link_of, submits_alone
from asok.testing_firing import Firing, Outcome
from asok.testing_forms import BUTTONS, form_of, is_control, is_disabled, is_editable, kind, option_value, text_of
from asok.testing_markup import opening
from asok.testing_wires import held_keys

__all__ = ["Gestures"]

DATES = ("date", "time", "datetime-local", "month", "week")
TEXT_KINDS = ("text", "search", "email", "url", "tel", "password", "number", "range", "color", *DATES)
FOCUSABLE = ("a", "summary", "iframe")


class Gestures:
    """One page's mouse and keyboard."""

    def __init__(self, firing: Firing) -> None:
        self._firing, self._fire = firing, firing.fire
        self.dom, self.forms = firing.dom, firing.forms
        self._at_first: object = None

    async def click(self, element: Tag, keys: str = "") -> Outcome:
        """Press the mouse on an element: its methods, then what the browser does by itself."""
        usable(element)
        outcome = Outcome(held_keys(keys))
        await self._click(element, outcome)
        return outcome

    async def activate(self, element: Tag) -> Outcome:
        """What a click does, without a mouse."""
        outcome = Outcome()
        await self._activate(outcome, element)
        return outcome

    async def type(self, control: Tag, text: str) -> Outcome:
        """Replace a field's text, and leave the field."""
        usable(control)
        if not takes_text(control):
            raise Unusable(control, "takes no text; see `check`, `select` and `click`")
        outcome = Outcome(acted=True)
        await self.enter(outcome, control)
        key = text[-1:] or "Backspace"
        await self._fire(outcome, control, "keydown", key=key)
        self.forms.set(control, text)
        await self._fire(outcome, control, "input")
        await self._fire(outcome, control, "keyup", key=key)
        await self._change(outcome, control)
        await self.leave(outcome)
        return outcome

    async def press(self, element: Tag, key: str, keys: str = "") -> Outcome:
        """Press and release a key while the element has the focus."""
        usable(element)
        outcome = Outcome(held_keys(keys))
        await self.enter(outcome, element)
        prevented = await self._fire(outcome, element, "keydown", key=key)
        if not prevented:
            await self._key_default(outcome, element, key)
        await self._fire(outcome, element, "keyup", key=key)
        if key == " " and not prevented and is_pressed_by_space(element):
            await self._activate(outcome, element)
        return outcome

    async def trigger(self, element: Tag | None, event: str, key: str | None = None, keys: str = "") -> Outcome:
        """Fire one event, and nothing of what a browser does before or after it."""
        outcome = Outcome(held_keys(keys))
        await self._fire(outcome, element, event, key=key)
        return outcome

    async def enter(self, outcome: Outcome, element: Tag) -> None:
        """Bring the focus to an element; another one is left first."""
        if self.forms.focused is element:
            return
        acted = outcome.acted
        await self.leave(outcome)
        self.forms.focused, self._at_first = element, self.forms.value(element)
        await self._fire(outcome, element, "focus")
        await self._fire(outcome, element, "focusin")
        outcome.acted = acted

    async def leave(self, outcome: Outcome) -> None:
        """Take the focus from what has it; a text that was changed there counts from now on."""
        element, self.forms.focused = self.forms.focused, None
        if element is None or not any(parent is self.dom.tree for parent in element.parents):
            return
        if is_control(element) and takes_text(element) and self.forms.value(element) != self._at_first:
            await self._change(outcome, element)
        await self._fire(outcome, element, "blur")
        form = form_of(element) if is_control(element) else None
        if form is not None:
            self._firing.leave(form, element)
        await self._fire(outcome, element, "focusout")

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
        await self.enter(outcome, control)
        self.forms.set(control, values)
        await self._fire(outcome, control, "input")
        await self._change(outcome, control)
        return outcome

    async def submit(self, form: Tag, submitter: Tag | None = None) -> Outcome:
        """Send a form."""
        outcome = Outcome()
        await self._submit(outcome, form, submitter)
        return outcome

    async def _change(self, outcome: Outcome, control: Tag) -> None:
        self._at_first = self.forms.value(control)
        if is_control(control):
            await self._fire(outcome, control, "change")

    async def _click(self, element: Tag, outcome: Outcome) -> None:
        for event in ("pointerdown", "mousedown"):
            await self._fire(outcome, element, event)
        await self._focus_by_mouse(outcome, element)
        for event in ("pointerup", "mouseup"):
            await self._fire(outcome, element, event)
        await self._activate(outcome, element)

    async def _activate(self, outcome: Outcome, element: Tag) -> None:
        tickable = is_control(element) and kind(element) in ("checkbox", "radio")
        before = self.forms.value(element) if tickable else None
        if tickable:
            # A browser ticks first and takes it back if the click is prevented.
            self.forms.set(element, kind(element) == "radio" or not before)
        prevented = await self._fire(outcome, element, "click")
        prevented = await self._firing.write(outcome, element) or prevented
        if prevented and before is not None:
            self.forms.set(element, before)
        elif tickable and self.forms.value(element) != before:
            outcome.acted = True
            await self._fire(outcome, element, "input")
            await self._change(outcome, element)
        elif not prevented:
            await self._click_default(outcome, element)

    async def _focus_by_mouse(self, outcome: Outcome, element: Tag) -> None:
        acted = outcome.acted
        focusable = next((each for each in (element, *element.parents) if is_focusable(each)), None)
        if focusable is None:
            await self.leave(outcome)
        else:
            await self.enter(outcome, focusable)
        outcome.acted = acted

    async def _click_default(self, outcome: Outcome, element: Tag) -> None:
        button = next(
            (each for each in (element, *element.parents) if each.name in ("button", "input", "summary")), None
        )
        label = element if element.name == "label" else element.find_parent("label")
        form = form_of(button) if button is not None else None
        dialog = commanded(button)
        if button is not None and button.name == "summary":
            await self._toggle(outcome, button)
        elif button is not None and dialog is not None:
            await self._open_or_close(outcome, dialog, button)
        elif button is not None and form is not None and kind(button) == "reset":
            for control in form.find_all(is_control):
                self.forms.clear(control)
            outcome.acted = True
            await self._fire(outcome, form, "reset")
        elif button is not None and form is not None and kind(button) in ("submit", "image"):
            await self._submit(outcome, form, button)
        elif label is not None and not is_control(element):
            labelled = labelled_by(label)
            if labelled is not None and not is_off(labelled):
                await self._focus_by_mouse(outcome, labelled)
                await self._activate(outcome, labelled)
        elif link_of(element) is not None:
            outcome.leads_to, outcome.acted = link_of(element), True

    async def _toggle(self, outcome: Outcome, summary: Tag) -> None:
        details = summary.find_parent("details")
        if details is None:
            return
        outcome.acted = True
        if details.has_attr("open"):
            del details["open"]
        else:
            details["open"] = ""
        await self._fire(outcome, details, "toggle")

    async def _open_or_close(self, outcome: Outcome, dialog: Tag, button: Tag) -> None:
        """What a button with `command` does with its dialog: the focus goes into it, and back to the button."""
        opens, outcome.acted = text_of(button, "command") == "show-modal", True
        if opens == dialog.has_attr("open"):
            return
        if opens:
            dialog["open"], self.forms.openers[id(dialog)] = "", (dialog, button)
            able = dialog.find_all(is_focusable)
            first = next((each for each in able if each.has_attr("autofocus")), able[0] if able else None)
        else:
            del dialog["open"]
            _, first = self.forms.openers.pop(id(dialog), (dialog, None))
        if first is not None and any(parent is self.dom.tree for parent in first.parents):
            await self.enter(outcome, first)
        if not opens:
            await self._fire(outcome, dialog, "close")

    async def _key_default(self, outcome: Outcome, element: Tag, key: str) -> None:
        form = form_of(element) if is_control(element) else None
        if key == "Enter" and is_pressed_by_enter(element):
            await self._activate(outcome, element)
        elif takes_text(element) and types(element, key, outcome.held):
            text = str(self.forms.value(element))
            self.forms.set(element, text[:-1] if key == "Backspace" else text + key.replace("Enter", "\n"))
            outcome.acted = True
            await self._fire(outcome, element, "input")
        elif key == "Tab":
            outcome.acted = True
            await self.leave(outcome)
        elif element.name == "input" and key == "Enter":
            await self._enter_default(outcome, element, form)

    async def _enter_default(self, outcome: Outcome, element: Tag, form: Tag | None) -> None:
        """What was typed counts, and the form is sent."""
        if takes_text(element) and self.forms.value(element) != self._at_first:
            await self._change(outcome, element)
        if form is not None:
            button = default_button(form)
            if button is not None and not is_disabled(button):
                await self._activate(outcome, button)
            elif button is None and submits_alone(form, element):
                await self._submit(outcome, form, None)

    async def _submit(self, outcome: Outcome, form: Tag, submitter: Tag | None) -> None:
        prevented = await self._fire(outcome, form, "submit", submitter=submitter)
        posts = form.has_attr("action") or form.has_attr("method") or not self._firing.hears
        if not prevented and (posts or (submitter is not None and submitter.has_attr("formaction"))):
            outcome.submits, outcome.acted = (form, submitter), True


def usable(element: Tag) -> None:
    for each in (element, *element.parents):
        if is_off(each):
            raise Unusable(element, "is disabled" if each is element else f"is in {opening(each)}, which is disabled")


def is_off(element: Tag) -> bool:
    return is_control(element) and is_disabled(element)


def takes_text(control: Tag) -> bool:
    field = control.name == "textarea" or (control.name == "input" and kind(control) in TEXT_KINDS)
    return is_editable(control) or (field and not control.has_attr("readonly"))


def types(control: Tag, key: str, held: str) -> bool:
    """Whether a key changes the text: with Ctrl it is a command."""
    letter = len(key) == 1 and not {"ctrl", "alt", "meta"} & set(held.split("+"))
    return letter or key == "Backspace" or (key == "Enter" and has_lines(control))


def has_lines(control: Tag) -> bool:
    return control.name == "textarea" or is_editable(control)


def is_pressed_by_enter(element: Tag) -> bool:
    return is_button(element) or element.name == "summary" or (element.name == "a" and element.has_attr("href"))


def is_pressed_by_space(element: Tag) -> bool:
    return is_button(element) or element.name == "summary" or kind(element) in ("checkbox", "radio")


def is_button(element: Tag) -> bool:
    return is_control(element) and kind(element) in BUTTONS


def commanded(button: Tag | None) -> Tag | None:
    """The dialog that a button opens or closes."""
    if button is None or text_of(button, "command") not in ("show-modal", "close", "request-close"):
        return None
    top = ([button, *button.parents])[-1]
    return top.find("dialog", id=text_of(button, "commandfor"))


def is_focusable(element: Tag) -> bool:
    return (
        (is_control(element) and not is_disabled(element))
        or element.name in FOCUSABLE
        or element.has_attr("tabindex")
        or is_editable(element)
    )


def labelled_by(label: Tag) -> Tag | None:
    named = text_of(label, "for")
    top = ([label, *label.parents])[-1]
    return top.find(id=named) if named else label.find(is_control)


def is_barred(option: Tag) -> bool:
    group = option.find_parent("optgroup")
    return option.has_attr("disabled") or (group is not None and group.has_attr("disabled"))


def option_named(select: Tag, wanted: str) -> str:
    """The value of the option with this value or text."""
    found = select.find_all("option")
    options = {" ".join(option.get_text().split()): option_value(option) for option in found}
    value = wanted if wanted in options.values() else options.get(wanted)
    if value is not None:
        if all(is_barred(option) for option in found if option_value(option) == value):
            raise Unusable(select, f"has the option {wanted!r}, which is disabled")
        return value
    raise Unusable(
        select, f"has no option {wanted!r}{nearest(wanted, options)}; it has {', '.join(map(repr, options))}"
    )
