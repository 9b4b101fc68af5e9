"""Elements of a page as a test reads them: made from HTML, and written as HTML or in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

try:
    from bs4 import BeautifulSoup
    from bs4.dammit import EntitySubstitution
    from bs4.element import Tag
    from bs4.formatter import HTMLFormatter
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"asok.testing needs {error.name}: install it with `pip install 'asok-live[testing]'`", name=error.name
    ) from None

__all__ = ["DO", "STATE", "opening", "outer", "parse", "shown", "summary", "text_in", "wired"]

STATE = "data-asok-state"
DO = "data-asok-do"
SHOWN = 12


class AsBrowsers(HTMLFormatter):
    """Writes void elements without a slash and attributes in their order."""

    def __init__(self) -> None:
        super().__init__(entity_substitution=EntitySubstitution.substitute_xml, void_element_close_prefix="")

    def attributes(self, tag: Tag) -> Iterable[tuple[str, Any]]:
        """An element's attributes as they stand."""
        return list(tag.attrs.items())


BROWSER = AsBrowsers()


def parse(html: str) -> BeautifulSoup:
    """A tree whose attributes are plain strings; the first of two equal ones counts, as in a browser."""
    return BeautifulSoup(html, "html.parser", multi_valued_attributes=None, on_duplicate_attribute="ignore")


def text_in(element: Tag) -> str:
    """An element's text as it reads: runs of white space are one space."""
    return " ".join(element.get_text().split())


def outer(element: Tag) -> str:
    """An element as HTML."""
    return element.decode(formatter=BROWSER)


def wired(element: Tag) -> dict[str, str]:
    """The attributes of an element that make something of what is done to it."""
    return {name: str(value) for name, value in element.attrs.items() if name.startswith("ws-") or name == DO}


def opening(element: Tag) -> str:
    """An element's start tag, without the token."""
    attributes = [f'{name}="{value}"' if value else name for name, value in element.attrs.items() if name != STATE]
    return f"<{' '.join([element.name, *attributes])}>"


def summary(element: Tag) -> str:
    """An element in one line: its start tag and the beginning of its text."""
    text = text_in(element)
    return f"{opening(element)} {text[:40]}{'…' if len(text) > 40 else ''}".rstrip()


def shown(lines: list[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"… and {len(lines) - SHOWN} more"]
