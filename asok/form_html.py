"""Forms for browsers without JavaScript: what a page holds beyond the text that is compared, so that a POST works.

It is there only when a page is first sent, and the first update takes it away: nothing of it is what the morph tells
elements apart by. A form whose `ws-submit` names a method, or in which a button has `ws-click`, is posted to
`{live}/form`; hidden inputs say for which instance. A button says in its address what it calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

from markupsafe import escape

from asok.markup import PLACEHOLDER
from asok.protocol import OWN

__all__ = ["CALL", "CSRF", "TOKEN", "Posting", "may_be_posted", "postable"]

CALL, TOKEN, CSRF = f"{OWN}call", f"{OWN}token", f"{OWN}csrf"
# What a browser reads as text up to its end tag is passed over as a whole. What does not end goes to the very end,
# and nothing is tried twice, so that each text takes time in proportion to its length.
INSIDE = r"""((?:[^>"']|"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))*+)(?:>|\Z)"""
TAG = re.compile(
    rf"<!--.*?(?:-->|\Z)|<(script|style|textarea|title)\b{INSIDE}.*?(?:</\1\s*>|\Z)|<(/?)([a-z][a-z0-9-]*){INSIDE}",
    re.DOTALL | re.IGNORECASE,
)
ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
# A button for Enter, which no update takes for another element.
ENTER = f'<span hidden ws-key="{OWN}enter"><button></button></span>'
ELSEWHERE = frozenset({"outside", "window", "document"})


@dataclass(frozen=True, slots=True)
class Posting:
    """Where forms of a page go, and what proves that they come from it. token: of an instance, if it is there."""

    path: str
    csrf: str
    token: Callable[[str], str | None]


@dataclass(slots=True)
class _Form:
    """The form that is open while a text is read. known: the instances whose tokens are in it."""

    known: set[str]


def may_be_posted(html: str, *, inside: bool) -> bool:
    """Whether anything of a component's text can be: it has a form, or stands in one."""
    return inside or "<form" in html


def postable(html: str, owner: str, posting: Posting, *, inside: bool) -> tuple[str, frozenset[str]]:
    """A component's text with forms that can be posted, and the children in it that stand inside of a form.

    inside: whether the component itself does.
    """
    if not may_be_posted(html, inside=inside):
        return html, frozenset()
    return _Reading(html, owner, posting, inside).read()


class _Reading:
    def __init__(self, html: str, owner: str, posting: Posting, inside: bool) -> None:
        self.html, self.posting = html, posting
        self.owners = [owner]
        self.form = _Form(set()) if inside else None
        self.ends_here = False
        self.out: list[str] = []
        self.within: set[str] = set()

    def read(self) -> tuple[str, frozenset[str]]:
        position = 0
        for found in TAG.finditer(self.html):
            name = (found[4] or "").lower()
            if not name or not found[0].endswith(">"):
                continue
            if name == "template" and self.form is not None:
                child = PLACEHOLDER.match(self.html, found.start())
                self.within |= {child[1]} if child else set()
            if found[3]:
                self._end(name)
                continue
            changed = self._start(name, found)
            if changed is not None:
                self.out += [self.html[position : found.start()], changed]
                position = found.end()
        return "".join(self.out) + self.html[position:], frozenset(self.within)

    def _end(self, name: str) -> None:
        if name == "slot" and len(self.owners) > 1:
            self.owners.pop()
        elif name == "form" and self.ends_here:
            self.form, self.ends_here = None, False

    def _start(self, name: str, found: re.Match[str]) -> str | None:
        if name not in ("slot", "form", "button", "input"):
            return None
        attributes = attributes_of(found[5])
        if name == "slot":
            self.owners.append(attributes.get("data-asok-slot", self.owners[-1]))
        elif name == "form" and self.form is None:
            return self._open(found, attributes)
        elif name != "form" and (self.form is not None or "form" in attributes):
            call = call_of(attributes, "ws-click")
            if call is not None and attributes.get("type", "submit").lower() in ("submit", "button", "image"):
                value = attributes.get("value", "")
                return self._button(found, name, call, value) if self.form is not None else _idle(found, name)
        return None

    def _open(self, found: re.Match[str], attributes: dict[str, str]) -> str | None:
        end = self.html.find("</form", found.end())
        text = self.html[found.end() : end if end >= 0 else None]
        call, owner = call_of(attributes, "ws-submit"), self.owners[-1]
        if {"action", "method", "enctype"} & attributes.keys() or (call is None and "ws-click" not in text):
            return None
        token = self.posting.token(owner)
        if token is None:
            return None
        self.form, self.ends_here = _Form({owner}), True
        hidden = _hidden(f"{TOKEN} {owner}", token) + _hidden(CSRF, self.posting.csrf)
        if call is not None:
            hidden += _hidden(CALL, f"{owner} {call}")
            hidden += ENTER if _first_button_calls(text) else ""
        start = found[0][:-1].rstrip("/")
        return f'{start} method="post" action="{escape(self.posting.path)}">{hidden}'

    def _button(self, found: re.Match[str], name: str, call: str, value: str) -> str | None:
        assert self.form is not None
        owner = self.owners[-1]
        token = self.posting.token(owner)
        if token is None:
            return None
        before = "" if owner in self.form.known else _hidden(f"{TOKEN} {owner}", token)
        self.form.known.add(owner)
        rest = _without_type(found)
        where = escape(f"{self.posting.path}?{urlencode({'call': f'{owner} {call}', 'value': value})}")
        return f'{before}<{name} type="submit" formnovalidate formaction="{where}"{rest}>'


def _idle(found: re.Match[str], name: str) -> str:
    """A button that stands outside of its form, which it would send for another call than its own."""
    return f'<{name} type="button"{_without_type(found)}>'


def _without_type(found: re.Match[str]) -> str:
    return ATTRIBUTE.sub(lambda each: "" if each[1].lower() == "type" else each[0], found[5].rstrip("/"))


def _first_button_calls(text: str) -> bool:
    """Whether the first button of a form, which Enter presses, has a call of its own, or may be a child's."""
    for found in TAG.finditer(text):
        if PLACEHOLDER.match(found[0] + "</template>"):
            return True
        if not found[3] and (found[4] or "").lower() in ("button", "input"):
            attributes = attributes_of(found[5])
            if found[4].lower() == "button" or attributes.get("type", "").lower() in ("submit", "button", "image"):
                return call_of(attributes, "ws-click") is not None
    return False


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def attributes_of(source: str) -> dict[str, str]:
    """The attributes of a start tag, unescaped."""
    found: dict[str, str] = {}
    for each in ATTRIBUTE.finditer(source):
        value = each[2] or ""
        found.setdefault(each[1].lower(), unescape(value[1:-1] if value[:1] in ("'", '"') else value))
    return found


def call_of(attributes: dict[str, str], event: str) -> str | None:
    """The call of an event's attribute, whatever its modifiers; None where there is none, or for what is elsewhere."""
    for name, value in attributes.items():
        kind, *modifiers = name.split(".")
        if kind == event and not ELSEWHERE & set(modifiers):
            return value
    return None
