"""A component's CSS kept to itself: by `@scope`, by selectors where the browser has none, and `<style scoped>`.

A stylesheet is cut into rules by tokens, and every piece is put back letter for letter:

1. Comments, strings, urls and escapes are tokens; what is open at the end is closed, so that nothing runs on.
2. Runs of style rules get `@scope (component) to (component in it) { … }` around them, in their place. At-rules stay
   where they are, because not all may stand inside; in those that hold rules (`@media` …) the same is done again.
3. Each selector gets a condition on the element that it styles: with `@scope`, that the root counts too; for browsers
   without, all that `@scope` says. It stands in `:where()`, which weighs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from asok.errors import RenderError

__all__ = ["SCOPE", "flat_css", "scoped_css", "split_styles"]

SCOPE = "data-asok-scope"
STATE = "data-asok-state"

WORD = r"(?:[\w-]|[^\x00-\x7f]|\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \n\r\t\f])?|[^\n\r\f0-9a-fA-F]))+"
# However its letters are written, `url(` opens a token, not a bracket.
URL = "".join(
    rf"(?:\\?[{letter}{letter.upper()}]|\\0{{0,4}}[{high}{high - 2}]{low}(?:\r\n|[ \n\r\t\f])?)"
    for letter, high, low in (("u", 7, "5"), ("r", 7, "2"), ("l", 6, "[cC]"))
)
TOKEN = re.compile(
    rf"""(?P<comment>/\*(?:.*?\*/|.*))
    |(?P<space>[ \t\n\r\f]+)
    |(?P<string>"(?:[^"\\\n\r\f]|\\(?:\r\n|.))*"?|'(?:[^'\\\n\r\f]|\\(?:\r\n|.))*'?)
    |(?P<url>{URL}\((?![ \t\n\r\f]*["'])(?:[^)\\]|\\.)*\)?)
    |(?P<markup><!--|-->)
    |(?P<at>@{WORD})
    |(?P<word>{WORD})
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
CLOSERS = {"{": "}", "(": ")", "[": "]"}
# At-rules that hold style rules; `@scope` stays whole, as it is only for browsers that know it.
GROUPS = {"@media", "@supports", "@layer", "@container", "@starting-style", "@document", "@-moz-document"}
COMBINATORS = {">", "+", "~"}
# Pseudo-elements that one colon is enough for.
OLD_PSEUDOS = {"before", "after", "first-line", "first-letter"}


def scoped_css(text: str, name: str) -> str:
    """The stylesheet for the class `name`: its rules reach its elements and root, and no component inside of it."""
    sheet = _Sheet(text)
    return _wrapped(sheet, 0, len(sheet.tokens), f"@scope ({_root(name)}) to (:scope [{STATE}])")


def flat_css(text: str, name: str) -> str:
    """The same for browsers without `@scope`. A component in another in one of its own class stays unstyled."""
    sheet, root = _Sheet(text), _root(name)
    stranger = f"{root} [{STATE}]:not({root})"
    condition = f":where({root},{root} *):where(:not({stranger},{stranger} *))"
    return _flattened(sheet, 0, len(sheet.tokens), _Condition(condition, root))


def _root(name: str) -> str:
    return f'[{SCOPE}~="{name}"]'


# --- tokens and rules


class _Sheet:
    """The tokens of a text, complete, and for each bracket that opens the place of the one that closes it."""

    def __init__(self, text: str) -> None:
        if re.search(r"(?<!\\)(?:\\\\)*\\\Z", text):
            text = text[:-1]  # nothing follows that it could escape, and it must not escape what we add
        found = list(TOKEN.finditer(text))
        self.tokens = [each[0] for each in found]
        self.kinds = [each.lastgroup or "" for each in found]
        if found:
            self.tokens[-1] += _missing(self.kinds[-1], self.tokens[-1])
        self.partner: dict[int, int] = {}
        self._match()

    def _match(self) -> None:
        stack: list[int] = []
        for index, token in enumerate(self.tokens):
            if token in CLOSERS:
                stack.append(index)
            elif stack and token == CLOSERS[self.tokens[stack[-1]]]:
                self.partner[stack.pop()] = index
        for index in reversed(stack):
            self.partner[index] = len(self.tokens)
            self.tokens.append(CLOSERS[self.tokens[index]])
            self.kinds.append("other")

    def text(self, start: int, end: int) -> str:
        return "".join(self.tokens[start:end])

    def find(self, start: int, end: int, stops: str) -> int:
        """The next of these tokens outside of brackets, else the end."""
        while start < end and self.tokens[start] not in stops:
            start = self.partner.get(start, start) + 1
        return min(start, end)

    def rules(self, start: int, end: int, level: str) -> Iterator[_Piece]:
        """The pieces between two places, none left out. level: `top`, in a `group`, or in a `style` rule."""
        while start < end:
            piece = self._piece(start, end, level)
            yield piece
            start = piece.end

    def _piece(self, start: int, end: int, level: str) -> _Piece:
        if self.kinds[start] in ("space", "comment"):
            return _Piece("space", start, start + 1)
        if self.kinds[start] == "markup" and level == "top":
            return _Piece("raw", start, start + 1)
        if self.kinds[start] == "at":
            stop = self.find(start, end, ";{")
            kind = "group" if self.tokens[start].lower() in GROUPS else "at"
            return self._block(kind if self._opens(stop, end) else "at", start, stop, end)
        property_ = self._is_custom_property(start)
        if property_ and level == "style":
            return _Piece("raw", start, min(self.find(start, end, ";") + 1, end))
        stop = self.find(start, end, "{" if level == "top" else "{;")
        # CSS Syntax 3, 5.5: at the top a semicolon or a lone bracket spoils the rule; in ours it would end that.
        spoilt = property_ or self.find(start, stop, "};") < stop
        return self._block("raw" if spoilt or not self._opens(stop, end) else "rule", start, stop, end)

    def _opens(self, index: int, end: int) -> bool:
        return index < end and self.tokens[index] == "{"

    def _block(self, kind: str, start: int, stop: int, end: int) -> _Piece:
        return _Piece(kind, start, min(self.partner.get(stop, stop) + 1, end), stop)

    def _is_custom_property(self, start: int) -> bool:
        colon = start + 1
        while self.kinds[colon : colon + 1] and self.kinds[colon] in ("space", "comment"):
            colon += 1
        return self.tokens[start].replace("\\", "").startswith("--") and self.tokens[colon : colon + 1] == [":"]


class _Piece(NamedTuple):
    """A rule or what stands between rules. body: where its `{` is, if it has one that matters."""

    kind: str
    start: int
    end: int
    body: int = -1


def _missing(kind: str, token: str) -> str:
    """What the last token lacks to be whole."""
    if kind == "comment":
        whole = len(token) > 3 and token.endswith("*/")
        return "" if whole else "/" if token.endswith("*") and len(token) > 2 else "*/"
    if kind == "string":
        return "" if re.fullmatch(r"(['\"])(?:(?!\1)[^\\]|\\.)*\1", token, re.DOTALL) else token[0]
    return ")" if kind == "url" and not re.fullmatch(r"(?:[^)\\]|\\.)*\)", token, re.DOTALL) else ""


# --- selectors


class _Condition(NamedTuple):
    """What an element must fulfil to be styled. root: that of the component, where `:scope` is unknown."""

    text: str
    root: str = ""


# CSS Cascade 6: a selector in @scope means descendants of the root, unless it names the root.
NATIVE = _Condition(":where(:scope,:scope *)")


def _selectors(sheet: _Sheet, piece: _Piece, condition: _Condition, *, nested: bool) -> str:
    written, start = [], piece.start
    while (comma := sheet.find(start, piece.body, ",")) < piece.body:
        written.append(_selector(sheet, start, comma, condition, nested=nested))
        start = comma + 1
    return ",".join([*written, _selector(sheet, start, piece.body, condition, nested=nested)])


def _selector(sheet: _Sheet, start: int, end: int, condition: _Condition, *, nested: bool) -> str:
    """One selector, its last compound under the condition, and what `@scope` gives a meaning to in other words."""
    parts = sheet.tokens[start:end]
    for index in range(len(parts) if condition.root else 0):
        if [each.lower() for each in parts[index : index + 2]] == [":", "scope"] and parts[index - 1 : index] != [":"]:
            parts[index : index + 2] = [condition.root, ""]
        elif parts[index] == "&" and not nested:
            parts[index] = f":where({condition.root})"
    first = next((index for index in range(len(parts)) if sheet.kinds[start + index] not in ("space", "comment")), None)
    place = _end_of_subject(sheet, start, end)
    if first is None or place is None:
        return "".join(parts)
    relative = condition.root and not nested and sheet.tokens[start + first] in COMBINATORS
    parts[place - start : place - start] = [condition.text]
    parts[first:first] = [f":where({condition.root}) "] if relative else []
    return "".join(parts)


def _end_of_subject(sheet: _Sheet, start: int, end: int) -> int | None:
    """Where the last compound of a selector ends, its pseudo-elements left out."""
    place: int | None = None
    fresh, pseudo = True, False
    while start < end:
        token, kind = sheet.tokens[start], sheet.kinds[start]
        after = sheet.partner.get(start, start) + 1
        if kind == "space":
            fresh = True
        elif token in COMBINATORS:
            place, fresh = None, True
        elif kind != "comment":
            following = sheet.tokens[start + 1].lower() if start + 1 < end else ""
            pseudo = (pseudo and not fresh) or (token == ":" and (following == ":" or following in OLD_PSEUDOS))
            if fresh or not pseudo:
                place = start if pseudo else after
            fresh = False
        start = after
    return place


# --- the form for browsers with @scope


def _wrapped(sheet: _Sheet, start: int, end: int, scope: str, level: str = "top") -> str:
    written: list[str] = []
    run: list[str] = []
    gap = ""
    for piece in sheet.rules(start, end, level):
        text = sheet.text(piece.start, piece.end)
        if piece.kind == "space":
            gap += text
            continue
        if piece.kind == "raw" and level == "group":
            continue  # no rule; what follows has an `@scope` before it, which must not become a part of this
        (run or written).append(gap)
        gap = ""
        if piece.kind == "rule":
            run.append(_selectors(sheet, piece, NATIVE, nested=False) + sheet.text(piece.body, piece.end))
        elif sheet.tokens[piece.start].lower() == "@scope":
            run.append(text)
        else:
            written += [_scope_around(scope, run), _group(sheet, piece, scope) if piece.kind == "group" else text]
            run = []
    return "".join([*written, _scope_around(scope, run), gap])


def _scope_around(scope: str, run: list[str]) -> str:
    return f"{scope} {{{''.join(run)}}}" if run else ""


def _group(sheet: _Sheet, piece: _Piece, scope: str) -> str:
    inside = _wrapped(sheet, piece.body + 1, piece.end - 1, scope, "group")
    return f"{sheet.text(piece.start, piece.body + 1)}{inside}}}"


# --- the form for browsers without


def _flattened(sheet: _Sheet, start: int, end: int, condition: _Condition, level: str = "top") -> str:
    written = []
    for piece in sheet.rules(start, end, level):
        if piece.kind not in ("rule", "group"):
            written.append(sheet.text(piece.start, piece.end))
            continue
        before, inner = sheet.text(piece.start, piece.body), "style" if level == "style" else "group"
        if piece.kind == "rule":
            before, inner = _selectors(sheet, piece, condition, nested=level == "style"), "style"
        inside = _flattened(sheet, piece.body + 1, piece.end - 1, condition, inner)
        written.append(f"{before}{{{inside}}}")
    return "".join(written)


# --- `<style scoped>` in a template

PARTS_OF_TEMPLATE = re.compile(
    r"\{#.*?#\}|<!--.*?-->|<(script|textarea|title)\b.*?</\1\s*>"
    r"|<style(?P<attributes>\s[^>]*)>(?P<css>.*?)(?P<end></style\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
ATTRIBUTE = re.compile(r"([^\s=/\"'>]+)(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?")
JINJA = re.compile(r"\{\{|\{%|\{#.*?#\}", re.DOTALL)


def split_styles(source: str, where: str) -> tuple[str, str]:
    """A template without its `<style scoped>`, its lines where they were, and the CSS that stood there.

    Raises RenderError where that is not static.
    """
    styles: list[str] = []

    def take(found: re.Match[str]) -> str:
        names = [each[1].lower() for each in ATTRIBUTE.finditer(found["attributes"] or "")]
        if "scoped" not in names:
            return found[0]
        _check_style(found, names, where)
        styles.append(found["css"])
        return "\n" * found[0].count("\n")

    return PARTS_OF_TEMPLATE.sub(take, source) if "<style" in source.lower() else source, "\n".join(styles)


def _check_style(found: re.Match[str], names: list[str], where: str) -> None:
    if not found["end"]:
        raise RenderError(f"{where}: <style scoped> has no </style>")
    if names != ["scoped"]:
        odd = next((name for name in names if name != "scoped"), "scoped twice")
        raise RenderError(
            f"{where}: <style scoped> cannot have {odd}: it becomes a file of the class; write @media inside"
        )
    jinja = JINJA.search(found["css"])
    if jinja:
        shown = found["css"][jinja.start() : jinja.start() + 30].split("\n")[0]
        raise RenderError(
            f"{where}: {shown!r} stands in <style scoped>, which is served as one file for all and cannot change; put "
            "what changes into a class or a data- attribute of the element, and select that"
        )
