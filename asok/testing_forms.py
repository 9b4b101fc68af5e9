"""What a person has typed, ticked and chosen, kept apart from what the server wrote."""

from __future__ import annotations

from collections.abc import Iterator

from bs4.element import Tag

from asok.testing_values import given_value

__all__ = [
    "BUTTONS",
    "CONTROLS",
    "Forms",
    "Value",
    "default",
    "form_of",
    "is_control",
    "is_disabled",
    "is_editable",
    "kind",
    "option_value",
    "text_of",
]

Value = str | bool | list[str]
CONTROLS = ("input", "textarea", "select", "button")
BUTTONS = ("submit", "button", "reset", "image")
TYPES = (*BUTTONS, "hidden", "text", "search", "tel", "url", "email", "password", "number", "range", "color")
MORE_TYPES = ("date", "month", "week", "time", "datetime-local", "checkbox", "radio", "file")


class Forms:
    """The state of a page's controls that stands in no attribute: values, ticks, choices and the focus.

    openers: dialogs that are open, each with the button that has opened it, by the id of the dialog.
    """

    def __init__(self) -> None:
        self.focused: Tag | None = None
        self.openers: dict[int, tuple[Tag, Tag]] = {}
        self._held: dict[int, tuple[Tag, Value]] = {}
        self._given: dict[int, str] = {}

    def value(self, control: Tag) -> Value:
        """What the control shows now: text, ticked or not, the chosen value or values."""
        held = self._held.get(id(control))
        if held is None or not is_control(control):
            return default(control)
        if control.name == "select":
            return chosen(control, held[1])
        return held[1]

    def set(self, control: Tag, value: Value) -> None:
        """A person changes the control; ticking a radio button clears the others of its group."""
        self._held[id(control)] = (control, value)
        if not is_control(control):
            self._given.setdefault(id(control), control.get_text())
            control.string = str(value)
        if value is True and kind(control) == "radio":
            for other in same_group(control):
                self._held[id(other)] = (other, False)

    def clear(self, control: Tag) -> None:
        """Back to what the server wrote, typed or not."""
        held = self._held.pop(id(control), None)
        if held is not None and not is_control(control):
            control.string = self._given.pop(id(control), "")

    def touched(self, control: Tag) -> bool:
        """Whether a person has changed it."""
        return id(control) in self._held

    def agree(self, control: Tag) -> None:
        """What the person has entered is what the server has."""
        self._held.pop(id(control), None)
        self._given.pop(id(control), None)

    def before_update(self, control: Tag) -> None:
        """The server is about to rewrite this control: hold what is focused or dirty, let the rest follow."""
        if control is self.focused:
            self._held[id(control)] = (control, self.value(control))
        elif self.value(control) == default(control):
            self.clear(control)

    def fields(self, form: Tag, submitter: Tag | None = None) -> list[list[str]]:
        """The form's entries as FormData lists them; files are left out."""
        return [[name, value] for control in controls(form) for name, value in self._entries(control, submitter)]

    def _entries(self, control: Tag, submitter: Tag | None) -> Iterator[tuple[str, str]]:
        name, value = text_of(control, "name"), self.value(control)
        if not name or is_disabled(control) or kind(control) == "file":
            return
        if kind(control) in BUTTONS:
            if control is submitter:
                yield name, text_of(control, "value")
        elif isinstance(value, bool):
            if value:
                yield name, text_of(control, "value", "on")
        elif control.name == "select":
            offered = {option_value(option) for option in control.find_all("option") if not _is_off(option)}
            yield from ((name, item) for item in ([value] if isinstance(value, str) else value) if item in offered)
        else:
            yield name, str(value)


def default(control: Tag) -> Value:
    """What the server wrote: the control's state when nobody has touched it."""
    if control.name == "textarea":
        return control.get_text().removeprefix("\n").replace("\r\n", "\n").replace("\r", "\n")
    if not is_control(control):
        return control.get_text()
    if control.name == "select":
        return chosen(control, None)
    if kind(control) in ("checkbox", "radio"):
        return control.has_attr("checked") and not _gives_way(control)
    limits = {name: text_of(control, name) for name in ("min", "max", "step")}
    return given_value(kind(control), text_of(control, "value"), limits)


def _gives_way(box: Tag) -> bool:
    """Whether it is a radio button, and a later one of its group has the tick."""
    if kind(box) != "radio":
        return False
    ticked = [id(other) for other in (*same_group(box), box) if other.has_attr("checked")]
    return any(id(other) in ticked for other in box.find_all_next("input"))


def chosen(select: Tag, held: Value | None) -> Value:
    """The chosen options: of those held if they still exist, else as the attributes say."""
    options = select.find_all("option")
    wanted = [held] if isinstance(held, str) else held
    values = [option_value(option) for option in options]
    if select.has_attr("multiple"):
        marked = [option_value(option) for option in options if option.has_attr("selected")]
        return marked if not isinstance(wanted, list) else [value for value in values if value in wanted]
    if isinstance(wanted, list) and wanted and wanted[0] in values:
        return wanted[0]
    marked = [option_value(option) for option in options if option.has_attr("selected")]
    # One of a list that is open needs no choice.
    enabled = [] if is_open_list(select) else [option_value(option) for option in options if not _is_off(option)]
    return next(reversed(marked), next(iter(enabled), ""))


def is_open_list(select: Tag) -> bool:
    """Whether several options are seen at once."""
    return text_of(select, "size").isdecimal() and int(text_of(select, "size")) > 1


def _is_off(option: Tag) -> bool:
    group = option.find_parent("optgroup")
    return option.has_attr("disabled") or (group is not None and group.has_attr("disabled"))


def option_value(option: Tag) -> str:
    """An option's value: its attribute, or its text where there is none."""
    return text_of(option, "value", " ".join(option.get_text().split()))


def is_control(element: Tag) -> bool:
    """Whether the element is one that holds a value."""
    return element.name in CONTROLS


def is_editable(element: Tag) -> bool:
    """Whether a person can write into the element itself."""
    return element.has_attr("contenteditable") and text_of(element, "contenteditable").lower() != "false"


def is_disabled(control: Tag) -> bool:
    """Whether the control, or a fieldset around it, is disabled; what stands in the fieldset's legend is not."""
    off = [each for each in control.parents if each.name == "fieldset" and each.has_attr("disabled")]
    legends = [each.find("legend", recursive=False) for each in off]
    return control.has_attr("disabled") or any(
        legend is None or not any(parent is legend for parent in control.parents) for legend in legends
    )


def kind(control: Tag) -> str:
    """The control's type as the browser understands it."""
    if control.name not in ("button", "input"):
        return control.name
    usual = "submit" if control.name == "button" else "text"
    named = text_of(control, "type", usual).lower()
    return named if named in (BUTTONS if control.name == "button" else (*TYPES, *MORE_TYPES)) else usual


def form_of(element: Tag) -> Tag | None:
    """The form that an element belongs to, by its `form` attribute or by standing in it."""
    named = text_of(element, "form") if is_control(element) else ""
    if named:
        top = list(element.parents)[-1]
        return top.find("form", id=named)
    return element if element.name == "form" else element.find_parent("form")


def controls(form: Tag) -> list[Tag]:
    """The form's controls in the document's order."""
    top = ([form, *form.parents])[-1]
    found = [control for control in top.find_all(CONTROLS) if form_of(control) is form]
    return [control for control in found if control.find_parent("template") is None]


def same_group(radio: Tag) -> list[Tag]:
    form, name = form_of(radio), text_of(radio, "name")
    top = list(radio.parents)[-1]
    buttons = [other for other in top.find_all("input") if kind(other) == "radio" and other is not radio]
    return [other for other in buttons if name and text_of(other, "name") == name and form_of(other) is form]


def text_of(element: Tag, attribute: str, otherwise: str = "") -> str:
    """An attribute as text."""
    value = element.get(attribute)
    return otherwise if value is None else str(value)
