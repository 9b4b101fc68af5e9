"""Every `ws-*` attribute of Alive, and what may follow its name: the one list that there is.

The names that the runtime knows, the tables of docs/attributes.md, the template checker and the files for editors
come from here. To add an attribute, add an entry to ATTRIBUTES; to add a modifier, an entry to the attribute's
`modifiers`. Then `python -m tests.unit.written` writes what is derived, and the checker knows what to expect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = ["ATTRIBUTES", "DOM_EVENTS", "EVENT", "EVENTS", "HELD", "KEYS", "OTHER_KEYS"]
__all__ += ["Attribute", "Event", "Modifier", "Value", "attribute_of", "needs_features"]


class Value(Enum):
    """What the text of an attribute is, in the words of the docs page."""

    CALL = "a call, such as `save` or `add(1, 'two')`"
    PERIOD = "a period, and then a call if one is wanted"
    FIELD = "a field with `bind()`"
    STREAM = "a `Stream` field"
    METHODS = "methods, with commas"
    HINT = "`toggle:` or `class:` with classes, `text:` with text, or `remove`; several with `|`"
    TEXT = "text"
    CLASSES = "classes"
    HTML_ATTRIBUTE = "an attribute, such as `disabled`"
    NAME = "a name"
    NOTHING = "nothing"
    OPTIONAL = "nothing, or text"


@dataclass(frozen=True, slots=True)
class Modifier:
    """A word after the name of an attribute, with a dot before it.

    milliseconds: whether a number follows. value: what the attribute's text is with it, where that differs.
    clashes: modifiers that make no sense beside it.
    """

    name: str
    tells: str
    milliseconds: Literal["never", "optional", "required"] = "never"
    value: Value | None = None
    clashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that templates may use. core: whether Alive's core reads it, so that `features.js` is not needed."""

    name: str
    value: Value
    tells: str
    example: str
    modifiers: tuple[Modifier, ...] = ()
    core: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A DOM event that the docs page and the editors tell of. core: heard by the core, unless there is a modifier."""

    name: str
    tells: str
    core: bool = False


# --- events: `ws-<event>` for any of them, these or others

EVENTS = (
    Event("click", "the element, or something in it, is clicked", core=True),
    Event("dblclick", "it is clicked twice"),
    Event("input", "the text changes with every key; an input method, when it is done composing", core=True),
    Event(
        "change", "a control's value has changed and it is left; boxes, radio buttons and selects at once", core=True
    ),
    Event("submit", "the form is sent; the browser's own sending is always prevented", core=True),
    Event("keydown", "a key goes down while the element, or something in it, has the focus"),
    Event("keyup", "a key goes up again"),
    Event("focusin", "the element, or something in it, gets the focus"),
    Event("focusout", "it loses the focus"),
    Event("pointerdown", "a mouse button goes down, or a finger or pen touches"),
    Event("pointerup", "the button, finger or pen is lifted"),
    Event("pointerenter", "the pointer comes over the element"),
    Event("pointerleave", "the pointer leaves the element"),
    Event("contextmenu", "the menu of the right mouse button is asked for"),
    Event("paste", "something is pasted"),
    Event("dragstart", "the person begins to drag the element"),
    Event("dragover", "something is dragged over it"),
    Event("drop", "something is dropped on it"),
    Event("scroll", "the element is scrolled"),
    Event("toggle", "`<details>` or a popover opens or closes"),
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What else browsers send, for the speller and the editors; without the names of attributes, such as `cancel`. Events of
# any other name are heard as well.
DOM_EVENTS = frozenset(event.name for event in EVENTS) | _words(
    """
    abort animationcancel animationend animationiteration animationstart auxclick beforeinput beforematch
    beforetoggle blur canplay close compositionend compositionstart compositionupdate copy cuechange cut drag
    dragend dragenter dragleave durationchange ended error focus fullscreenchange gotpointercapture hashchange
    invalid keypress load loadeddata loadedmetadata lostpointercapture message mousedown mouseenter mouseleave
    mousemove mouseout mouseover mouseup online pause play playing pointercancel pointermove pointerout
    pointerover popstate progress ratechange reset resize scrollend seeked seeking select selectionchange
    slotchange storage timeupdate touchcancel touchend touchmove touchstart transitionend transitionstart
    visibilitychange volumechange wheel
    """
)

# Names of keys in templates, and the browser's.
KEYS = {
    "enter": "Enter",
    "escape": "Escape",
    "space": " ",
    "tab": "Tab",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "home": "Home",
    "end": "End",
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "backspace": "Backspace",
    "delete": "Delete",
}
# Other values of `KeyboardEvent.key` that are words, in lower case; a single character is a key, too.
OTHER_KEYS = frozenset(f"f{number}" for number in range(1, 25)) | _words(
    """
    again altgraph arrowdown arrowleft arrowright arrowup attn browserback browserforward cancel capslock clear
    compose contextmenu copy cut dead eject execute find fn fnlock help insert mediaplaypause mediastop
    mediatracknext mediatrackprevious numlock paste pause play print printscreen process props redo scrolllock
    select standby undo unidentified wakeup zoomin zoomout
    """
)

HELD = tuple(Modifier(key, f"only while the key {key} is held") for key in ("ctrl", "shift", "alt", "meta"))
DEBOUNCE = Modifier("debounce", "waits until there was none for 300 ms, or so many", "optional")

EVENT = Attribute(
    "ws-<event>",
    Value.CALL,
    "Calls the method at each such event.",
    'ws-keydown.enter.prevent="search"',
    (
        Modifier("prevent", "prevents what the browser would do", clashes=("passive",)),
        Modifier("stop", "keeps the event from elements further out"),
        Modifier("self", "only at the element itself, not at what is in it", clashes=("outside", "window", "document")),
        Modifier("once", "calls once in the life of the element"),
        Modifier("window", "hears the window's events instead of the element's", clashes=("document", "outside")),
        Modifier("document", "hears the document's events instead of the element's", clashes=("window", "outside")),
        Modifier("outside", "only where the event is neither at the element nor in it"),
        Modifier("passive", "lets the browser scroll at once, without waiting for Alive"),
        Modifier("capture", "before elements further in hear of it"),
        DEBOUNCE,
        Modifier("throttle", "calls, and then not again for 300 ms, or so many", "optional"),
        *HELD,
    ),
)


# --- everything else

SHOWING = (
    Modifier("class", "sets these classes instead", value=Value.CLASSES, clashes=("attr", "hide")),
    Modifier("attr", "sets this attribute instead", value=Value.HTML_ATTRIBUTE, clashes=("hide",)),
    Modifier("hide", "hides the element instead"),
)

ATTRIBUTES = (
    # with an event
    Attribute(
        "ws-confirm",
        Value.TEXT,
        "Asks before the call of an event at the same element, and calls only after a yes.",
        'ws-confirm="Delete it?"',
    ),
    Attribute("ws-cancel", Value.NOTHING, "A click stops the running method of the component.", "ws-cancel"),
    # without one
    Attribute("ws-init", Value.CALL, "Calls the method once, when the element has come.", 'ws-init="load_more"'),
    Attribute(
        "ws-visible",
        Value.CALL,
        "Calls the method each time the element comes into view.",
        'ws-visible.once="load_more"',
        (Modifier("once", "calls once in the life of the element"),),
    ),
    Attribute(
        "ws-poll",
        Value.PERIOD,
        "Calls the method, or just renders anew, in this rhythm while the page is in view.",
        'ws-poll="5s refresh"',
    ),
    # fields and forms
    Attribute(
        "ws-model",
        Value.FIELD,
        "Keeps the control and the field the same.",
        'ws-model.debounce.300="query"',
        (
            Modifier("lazy", "sends when the value has changed and the control is left"),
            Modifier("blur", "sends when the control is left"),
            DEBOUNCE,
            Modifier("number", "sends a number where the text is one"),
            Modifier("trim", "sends the text without space around it"),
        ),
    ),
    Attribute(
        "ws-dirty",
        Value.OPTIONAL,
        "Shows the element while its form, or the control that it stands at, holds what has not been sent.",
        'ws-dirty.class="unsaved"',
        SHOWING,
    ),
    Attribute(
        "ws-disable-with",
        Value.TEXT,
        "While its call runs, the button is disabled and reads so.",
        'ws-disable-with="Saving…"',
    ),
    # waiting
    Attribute(
        "ws-loading",
        Value.OPTIONAL,
        "Shows the element while its component waits, from 150 ms on.",
        'ws-loading.class.delay.400="busy"',
        (*SHOWING, Modifier("delay", "from so many milliseconds on", "required")),
    ),
    Attribute(
        "ws-target",
        Value.METHODS,
        "Limits `ws-loading` at the same element to these methods.",
        'ws-target="save, remove"',
    ),
    Attribute(
        "ws-optimistic",
        Value.HINT,
        "Shows at once what the answer is going to; taken back when the method fails.",
        'ws-optimistic="toggle:done"',
    ),
    Attribute("ws-offline", Value.NOTHING, "Shows the element while there is no connection.", "ws-offline"),
    Attribute(
        "ws-waiting", Value.NOTHING, "Inside `ws-offline`: its text is the number of waiting events.", "ws-waiting"
    ),
    # rows and what the update leaves alone
    Attribute(
        "ws-key",
        Value.TEXT,
        "Tells the rows of a list apart, so that they are moved instead of rewritten.",
        'ws-key="{{ row.id }}"',
        core=True,
    ),
    Attribute("ws-ignore", Value.NOTHING, "Leaves everything inside the element alone.", "ws-ignore"),
    Attribute(
        "ws-stream",
        Value.STREAM,
        "The container of a stream: its rows come one by one, and the server keeps none.",
        'ws-stream="messages"',
    ),
    Attribute(
        "ws-virtual",
        Value.CALL,
        "Keeps only the rows near those seen in the page: calls with the first row that is wanted.",
        'ws-virtual="show"',
    ),
    # JavaScript, movement, speech
    Attribute("ws-hook", Value.NAME, "Hands the element to this hook of your JavaScript.", 'ws-hook="Chart"'),
    Attribute(
        "ws-transition", Value.OPTIONAL, "Changes of the element are shown as a view transition.", 'ws-transition="row"'
    ),
)

_BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


def attribute_of(name: str) -> Attribute:
    """The entry of an attribute without its modifiers, such as `ws-poll`; EVENT for every other name."""
    return _BY_NAME.get(name, EVENT)


# --- which pages need `features.js`

_CALLED = "|".join(event.name for event in EVENTS if event.core)
_READ = "|".join(attribute.name.removeprefix("ws-") for attribute in ATTRIBUTES if attribute.core)
# A `{` after the name of an event may be the beginning of a modifier.
BEYOND_THE_CORE = re.compile(
    rf"(?<![^\s}}/])ws-(?!(?:{_CALLED})(?:[\s=>/]|\Z)|(?:{_READ})(?:[\s=>/{{]|\Z))", re.IGNORECASE
)


# A component that waits until it is seen, or until nothing else is to be done.
LATER = re.compile(r"\blazy\s*=\s*(?![TtFf])")


# Elements that a person changes without an attribute that tells, or that a search in the page brings to light; players,
# which do not follow their sources; templates, into which no browser compares; and of what a loaded page is another
# tree than an update: <noscript>, and rows that are components.
KEPT = re.compile(
    r"<(?:select|details|dialog|template|noscript|audio|video)\b|contenteditable|until-found"
    r"|type=.?(?:radio|number|date|time|month|week|range|color)"
    r"|<(?:table\b[^>]*|/(?:caption|colgroup|t(?:body|foot|head)))>"
    r"(?:\s|\{#.*?#\}|\{%(?!-?\s*component\b).*?%\}|<!--.*?-->)*+\{[{%]-?\s*component\b",
    re.IGNORECASE | re.DOTALL,
)


# The core knows by its disabled button that a form is on its way; this one has none.
BUTTONLESS = re.compile(
    r"<form\b(?=[^>]*\sws-submit)(?:(?!</form|<button|type=.?(?:submit|image)).)*</form", re.IGNORECASE | re.DOTALL
)


def needs_features(source: str) -> bool:
    """Whether a template, or a text of which one is made, has what is beyond the core: an attribute, or an element.

    It does not look where that stands: a page too many that loads `features.js` does no harm.
    """
    return any(each.search(source) for each in (BEYOND_THE_CORE, LATER, KEPT, BUTTONLESS))
