"""The elements of a template and their attributes, line by line, with Jinja anywhere between or inside them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import jinja2

__all__ = ["BRANCH", "HOLE", "Attribute", "Element", "elements"]

# What stands for Jinja once it is taken out: text that nobody knows yet, and a tag such as `{% if %}`.
HOLE, BRANCH = "\ue000", "\ue001"
OPENING = re.compile(rf"<(?:!--|[!?/]|([A-Za-z{HOLE}][^\s/>{BRANCH}]*))")
BETWEEN = re.compile(rf"[\s/{BRANCH}]*")
NAME = re.compile(rf"=?[^\s/>={BRANCH}]*")
VALUE = re.compile(r"""\s*=\s*(?:"([^"]*)"?|'([^']*)'?|([^\s>"'][^\s>]*)?)""")
# In these there is text, and no element.
TEXT_ONLY = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
TEXT_FOLLOWS = {"variable_begin": HOLE, "block_begin": BRANCH, "linestatement_begin": BRANCH}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as it is written. open: a `{% … %}` touches the name and may lengthen it."""

    name: str
    value: str | None
    line: int
    open: bool = False


@dataclass(slots=True)
class Element:
    """The beginning of an element. line: where it stands."""

    tag: str
    line: int
    attributes: list[Attribute] = field(default_factory=list)


def elements(env: jinja2.Environment, source: str) -> Iterator[Element]:
    """The elements that the template writes itself; none in comments, scripts, styles or `{% raw %}`.

    Raises jinja2.TemplateSyntaxError where Jinja cannot read the template.
    """
    return _Reader(_Html.of(env, source)).elements()


class _Html:
    """The HTML of a template without its Jinja, and on which line of the template each part of it stands."""

    def __init__(self) -> None:
        self.text = ""
        self._parts: list[str] = []
        self._starts, self._lines = [0], [1]
        self._breaks: list[int] = []
        self._length = 0

    @classmethod
    def of(cls, env: jinja2.Environment, source: str) -> _Html:
        html, raw = cls(), False
        for line, kind, text in env.lexer.tokeniter(env.preprocess(source), None):
            if kind in ("raw_begin", "raw_end"):
                raw = kind == "raw_begin"
                html._add(line, BRANCH)
            elif kind == "data":
                html._add(line, HOLE if raw else text)
            elif kind in TEXT_FOLLOWS:
                html._add(line, TEXT_FOLLOWS[kind])
        html.text = "".join(html._parts)
        html._breaks = [found.start() for found in re.finditer("\n", html.text)]
        return html

    def _add(self, line: int, text: str) -> None:
        self._starts.append(self._length)
        self._lines.append(line)
        self._parts.append(text)
        self._length += len(text)

    def line(self, position: int) -> int:
        part = bisect_right(self._starts, position) - 1
        before = bisect_left(self._breaks, self._starts[part])
        return self._lines[part] + bisect_left(self._breaks, position) - before


class _Reader:
    def __init__(self, html: _Html) -> None:
        self.html, self.text = html, html.text

    def elements(self) -> Iterator[Element]:
        position = 0
        while (opening := OPENING.search(self.text, position)) is not None:
            position = opening.end()
            if opening[0] == "<!--":
                position = self._after("-->", position)
            elif opening[1] is None:
                position = self._after(">", position)
            else:
                element = Element(opening[1].lower(), self.html.line(opening.start()))
                position = self._attributes(element, position)
                yield element
                if element.tag in TEXT_ONLY:
                    end = re.compile(rf"</{re.escape(element.tag)}(?=[\s/>])", re.IGNORECASE).search(
                        self.text, position
                    )
                    position = end.start() if end else len(self.text)

    def _after(self, what: str, position: int) -> int:
        found = self.text.find(what, position)
        return len(self.text) if found < 0 else found + len(what)

    def _attributes(self, element: Element, position: int) -> int:
        """Where the element's beginning ends."""
        while True:
            position = BETWEEN.match(self.text, position).end()  # type: ignore[union-attr]  # may match nothing
            if position == len(self.text) or self.text[position] == ">":
                return position
            name = NAME.match(self.text, position)
            assert name is not None and name[0], "neither space nor the end stands here"
            value = VALUE.match(self.text, name.end())
            given = None if value is None else next((each for each in value.groups() if each is not None), "")
            is_open = self.text.startswith(BRANCH, name.end())
            element.attributes.append(Attribute(name[0].lower(), given, self.html.line(position), is_open))
            position = value.end() if value else name.end()
