"""The rows of streams in a page as a test holds it: they come, change and go as in the browser."""

from __future__ import annotations

from typing import Any

from bs4.element import Tag

from asok.errors import AsokError
from asok.testing_dom import STREAM, Dom
from asok.testing_forms import text_of
from asok.testing_markup import STATE, parse

__all__ = ["change_rows"]

KEY = "ws-key"


def change_rows(
    dom: Dom, instance: str, name: str, verb: str, what: str | list[str], place: str | int = -1, limit: int = 0
) -> None:
    """Do what an effect `["stream", name, verb, …]` says of a component's rows."""
    box = _container(dom.roots[instance], name)
    known = {text_of(row, KEY): row for row in _rows(box)}
    news = _rows(parse(what)) if isinstance(what, str) else [known[key] for key in what if key in known]
    if isinstance(place, str) and place not in known:
        return
    keys = {text_of(each, KEY) for each in news}
    others = [row for key, row in known.items() if key not in keys]
    before: Tag | None = known[place] if isinstance(place, str) else next(iter(others[place:]), None)
    if verb == "reset":
        for row in others:
            row.extract()
        before = next(iter(_rows(box)), None)
    elif place == -1:
        before = None
    for each in news:
        row = known.get(text_of(each, KEY), each)
        if row is not each:
            dom.make_equal(row, each)
        if verb == "delete":
            row.extract()
        elif row is before:
            before = next(iter(row.find_next_siblings(True)), None)
        elif verb != "update":
            row.extract()
            box.append(row) if before is None else before.insert_before(row)
    if limit:
        for row in _rows(box)[limit:] if limit > 0 else _rows(box)[:limit]:
            row.extract()


def _container(root: Tag, name: str) -> Tag:
    for each in (root, *root.find_all(True)):
        owner = next((around for around in (each, *each.parents) if around.has_attr(STATE)), None)
        if text_of(each, STREAM) == name and owner is root:
            return each
    raise AsokError(f'the page shows no rows of {name!r}; its container has ws-stream="{name}"')


def _rows(box: Any) -> list[Tag]:
    return [child for child in box.contents if isinstance(child, Tag)]
