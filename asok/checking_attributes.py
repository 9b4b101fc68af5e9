"""What is wrong with one `ws-*` attribute of a template: its name, its modifiers, its text."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asok.attributes import ATTRIBUTES, DOM_EVENTS, EVENT, KEYS, OTHER_KEYS, Attribute, Modifier, Value, attribute_of
from asok.calls import Call, Parameter, bind_arguments, parse_call
from asok.checking_markup import BRANCH, HOLE
from asok.checking_markup import Attribute as Written
from asok.component import Definition
from asok.errors import BadArguments, NotExposed, nearest
from asok.fields import NO_PART
from asok.spelling import misspelt, nearly

__all__ = ["Known", "problems"]

ALL_KEYS = KEYS.keys() | OTHER_KEYS
NAMED_KEY = "ws-key"
NAMES = {attribute.name.removeprefix("ws-") for attribute in ATTRIBUTES}
OTHER_PREFIX = re.compile(r"ws[:_]?(?!-)")
CONTROLS = ("button", "input", "select", "textarea")
PERIOD = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)(?:\s+(.*))?", re.DOTALL)
HINT = re.compile(r"(?:(?:toggle|class):\s*[^\s@].*|text:.*|remove)(?:\s@\S+)?", re.DOTALL)
HINTS = ("toggle", "class", "text", "remove")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
PART = re.compile(r"[A-Za-z_]\w*[./\[]", re.ASCII)
# In a call: a text, which may hold Jinja, or what stands there and is made by Jinja at least in part.
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ARGUMENT = re.compile(rf"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|[^\s,()='"]*{HOLE}[^,()'"]*""", re.DOTALL)


class Known:
    """What the attributes of a template may name: the methods and fields of the classes that render it."""

    def __init__(self, definitions: tuple[Definition, ...]) -> None:
        self.name = definitions[0].name
        self.methods = {name: method for each in definitions for name, method in each.exposed.items()}
        self.fields = {name: field for each in definitions for name, field in each.fields.by_name.items()}
        self.streams = {name for each in definitions for name in each.streams}
        self._classes = [each.cls for each in definitions]

    def has(self, name: str) -> bool:
        """Whether a class has anything of this name."""
        return any(hasattr(cls, name) for cls in self._classes)


def problems(written: Written, known: Known | None, tag: str = "") -> Iterator[str]:
    """What is wrong with the attribute, in sentences. known: None where nobody can tell which class it is for. tag: of
    the element that has it."""
    name = written.name
    base, *words = name.split(".")
    if (other := OTHER_PREFIX.match(base)) and (base[other.end() :] in DOM_EVENTS or base[other.end() :] in NAMES):
        yield f"there is no {base}; did you mean 'ws-{base[other.end() :]}'?"
        return
    if base == "ws-submit" and tag in CONTROLS:
        yield "ws-submit: a submit is an event of the form; put it on the <form>"
        return
    if not name.startswith("ws-") or HOLE in name or base == "ws-":
        return
    entry = attribute_of(base)
    if entry is EVENT and (meant := misspelt(base)):
        yield f"there is no {base}; did you mean {meant!r}?"
        return
    used = _Modifiers(entry, base, words)
    yield from used.problems()
    if written.value is None and written.open:
        return
    yield from (f"{name}: {problem}" for problem in _value_problems(entry, used.value, written.value, known))


# --- what follows the name


class _Modifiers:
    """The words after the name of an attribute."""

    def __init__(self, entry: Attribute, base: str, words: list[str]) -> None:
        self.entry, self.base, self.words = entry, base, words
        self.allowed = {modifier.name: modifier for modifier in entry.modifiers}
        self.used = [self.allowed[word] for word in words if word in self.allowed]
        self.value = next((modifier.value for modifier in self.used if modifier.value), entry.value)
        self.has_keys = entry is EVENT and base.startswith(NAMED_KEY)

    def problems(self) -> Iterator[str]:
        before: Modifier | None = None
        for word in self.words:
            after, before = before, self.allowed.get(word)
            if before is None and not (after and after.milliseconds != "never" and _is_number(word)):
                yield from self._unknown(word, after)
        for modifier in self.used:
            yield from self._misused(modifier)

    def _misused(self, modifier: Modifier) -> Iterator[str]:
        following = [*self.words, ""][self.words.index(modifier.name) + 1]
        if modifier.milliseconds == "required" and not following[:1].isdigit():
            yield f"{self.base}.{modifier.name} needs a number of milliseconds, as in .{modifier.name}.400"
        for other in modifier.clashes:
            if other in self.words:
                yield f"{self.base}: .{modifier.name} and .{other} contradict each other; leave one out"

    def _unknown(self, word: str, after: Modifier | None) -> Iterator[str]:
        shown = f"{self.base}.{word}"
        if after is not None and after.milliseconds != "never" and word[:1].isdigit():
            yield f"{self.base}.{after.name}.{word}: expected whole milliseconds, as in .{after.name}.300"
        elif self.has_keys and (word in ALL_KEYS or len(word) == 1):
            return
        elif self.has_keys:
            meant = nearly(word, ALL_KEYS | self.allowed.keys())
            if meant or not word or word.isdigit():
                hint = f"; did you mean {meant!r}?" if meant else ""
                yield f"{shown}: {word!r} is neither a key nor a modifier{hint}"
        elif self.entry is EVENT and self.base.removeprefix("ws-") not in DOM_EVENTS:
            if meant := nearly(word, self.allowed):  # else it may belong to the name, as in `ws-shown.bs.modal`
                yield f"{self.base} has no modifier {word!r}; did you mean {meant!r}?"
        elif self.entry is EVENT and word in KEYS:
            yield f"{shown}: only events of the keyboard have keys, such as ws-keydown.{word}"
        elif word.isdigit():
            timed = [f".{each.name}" for each in self.entry.modifiers if each.milliseconds != "never"]
            yield f"{shown}: a number stands only after {' or '.join(timed) or 'some modifiers of other attributes'}"
        else:
            yield f"{self.base} has no modifier {word!r}{nearest(word, self.allowed)}"


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and int(word) > 0


# --- the text


def _value_problems(entry: Attribute, kind: Value, value: str | None, known: Known | None) -> Iterator[str]:
    text = html.unescape(value or "").strip()
    if kind is Value.NOTHING and text:
        yield f"takes no value, got {_shown(text)}"
    elif kind in (Value.NOTHING, Value.OPTIONAL) or BRANCH in text:
        return
    elif not text:
        wanted = "the method to call" if kind is Value.CALL else kind.value.replace("`", "")
        yield f"expected {wanted}, as in {entry.example if entry is not EVENT else 'save or add(1)'}"
    elif kind is Value.CALL:
        yield from _call_problems(text, known)
    elif kind is Value.PERIOD:
        yield from _period_problems(text, known)
    elif kind in (Value.FIELD, Value.STREAM):
        yield from _field_problems(kind, text, known)
    elif kind is Value.METHODS:
        for method in re.split(r"[\s,]+", text.strip(", ")):
            yield from _method_problems(method, known)
    elif kind is Value.HINT:
        for hint in text.split("|"):
            yield from _hint_problems(hint.strip())


def _hint_problems(hint: str) -> Iterator[str]:
    verb = hint.partition(":")[0].partition("@")[0]
    if HOLE not in verb and not HINT.fullmatch(hint):
        close = nearest(verb, HINTS) if verb not in HINTS else ""
        yield f"expected toggle:… or class:… with classes, text:… or remove, got {_shown(hint)}{close}"


def _period_problems(text: str, known: Known | None) -> Iterator[str]:
    if HOLE in text.split()[0]:
        return
    period = PERIOD.fullmatch(text)
    if period is None or float(period[1]) == 0:
        yield f"expected a period such as 500ms, 5s or 2m, and then a call if one is wanted; got {_shown(text)}"
    elif period[3]:
        yield from _call_problems(period[3].strip(), known)


def _method_problems(method: str, known: Known | None) -> Iterator[str]:
    if HOLE in method:
        return
    if not IDENTIFIER.fullmatch(method):
        yield f"expected names of methods with commas between them, got {_shown(method)}"
    elif known is not None and method not in known.methods:
        if known.has(method):
            yield f"{known.name}.{method} is not exposed; decorate it with @exposed to allow calls from the browser"
        else:
            exposed = f"; it exposes {', '.join(sorted(known.methods)) or 'none'}"
            yield f"{known.name} has no method {method!r}{nearest(method, known.methods) or exposed}"


def _field_problems(kind: Value, text: str, known: Known | None) -> Iterator[str]:
    if kind is Value.FIELD and PART.match(text):
        yield f"expected the name of a field, got {_shown(text)}; {NO_PART}"
    elif HOLE in text:
        return
    elif not IDENTIFIER.fullmatch(text):
        yield f"expected the name of a field, got {_shown(text)}"
    elif known is None:
        return
    elif kind is Value.STREAM:
        if text not in known.streams:
            yield f"{known.name} has no Stream {text!r}{nearest(text, known.streams)}"
    elif (field := known.fields.get(text)) is None:
        yield f"{known.name} has no field {text!r}{nearest(text, known.fields)}"
    elif not field.bound:
        name = f"{known.name}.{field.name}"
        yield f"{name} cannot be written by the browser; declare it as {field.name} = bind(…) to allow it"


# --- calls


def _call_problems(text: str, known: Known | None) -> Iterator[str]:
    if HOLE in text.partition("(")[0]:
        return
    try:
        call = parse_call(ARGUMENT.sub(lambda found: found[1] or f"'{HOLE}'", text))
    except NotExposed:
        yield f"expected a call such as save or add(1, 'two'), got {_shown(text)}"
        return
    except BadArguments as error:
        yield _readable(str(error))
        return
    wrong = list(_method_problems(call.method, known))
    yield from wrong
    if known is not None and not wrong:
        try:
            bind_arguments(call, _lenient(call, known.methods[call.method].parameters), None)
        except BadArguments as error:
            yield _readable(str(error))


def _lenient(call: Call, parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The parameters without what only the event can give, and without the type of what only Jinja knows."""
    unknown = {name for name, value in call.named if _is_unknown(value)}
    unknown |= {each.name for each, value in zip(parameters, call.positional, strict=False) if _is_unknown(value)}
    return tuple(
        replace(each, required=False, type=Any if each.name in unknown or each.kind in VARIADIC else each.type)
        for each in parameters
    )


def _is_unknown(value: object) -> bool:
    return isinstance(value, str) and HOLE in value


def _shown(text: str) -> str:
    """What stands in the template, for a sentence."""
    return repr(_readable(text if len(text) <= 80 else f"{text[:79]}…"))


def _readable(text: str) -> str:
    """Text with what Jinja writes as `{{…}}`."""
    return (
        text.replace(repr(HOLE)[1:-1], HOLE).replace(f"'{HOLE}'", HOLE).replace(HOLE, "{{…}}").replace(BRANCH, "{%…%}")
    )
