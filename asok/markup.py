"""A component's HTML as text: one root element, attributes on it, and the places of its children."""

from __future__ import annotations

import re
from itertools import accumulate

from markupsafe import escape

__all__ = ["PLACEHOLDER", "SVG_PART", "children_in", "single_root", "with_attribute", "with_state"]

PLACEHOLDER = re.compile(r'<template data-asok="([A-Za-z0-9_-]{12})\.([0-9a-f]{8})"></template>')
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
COMMENTS = re.compile(r"\A(?:\s*<!--(?:(?!-->).)*-->)+", re.DOTALL)
ROOT = re.compile(r"<([A-Za-z][^\s/>]*)")
# Elements that a parser knows as SVG's only inside of an `<svg>`.
SVG_PART = re.compile(
    r"<(g|path|circle|ellipse|rect|line|polyline|polygon|text|tspan|use|defs|symbol|marker|mask|pattern|clipPath"
    r"|linearGradient|radialGradient|foreignObject)(?=[\s/>])"
)
_STEPS = {"": 1, "/": -1}
# Of these a browser makes no element inside of a page.
_OF_PAGES = {"html", "head", "body", "frameset", "frame"}
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = (
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp"
)
# At which tags a browser ends an element before its end tag comes, so that the rest stands beside it.
_ENDED_BY = {**dict.fromkeys(_HEADINGS, _HEADINGS), "p": _HEADINGS.union(_BLOCKS.split())}
# At another one of its own.
_ENDED_BY_THE_SAME = {same: re.compile(rf"<{same}(?=[\s/>])") for same in ("a", "button", "form")}
_TAGS = re.compile(r"<([A-Za-z][A-Za-z0-9]*)(?=[\s/>])")
# What is no part of a table is put before it, so its first element and what follows its last row tell of both.
_PARTS = r"\s*<(?:[!/]|(?:caption|col|colgroup|form|input|script|style|t[dhr]|tbody|template|tfoot|thead)(?=[\s/>]))"
_TABLE = re.compile(rf"<table(?:[^>\"']|\"[^\"]*\"|'[^']*')*>{_PARTS}", re.IGNORECASE)
_AFTER_ROWS = re.compile(_PARTS, re.IGNORECASE)
_FAR = 4096


def children_in(text: str) -> dict[str, str]:
    """Instance -> digest of its arguments, for each placeholder in a text."""
    return dict(PLACEHOLDER.findall(text)) if "<template data-asok" in text else {}


def single_root(html: str) -> str:
    """The HTML with one root element: as it stands if it has one, else inside a `<div>`."""
    html = html.strip()
    if html.startswith("<!--"):
        html = COMMENTS.sub("", html, 1).strip()
    root = ROOT.match(html)
    if root is None or PLACEHOLDER.match(html):
        return f"<div>{html}</div>"
    tag = root[1]
    if tag.lower() in VOID:
        return html if html.find(">") == len(html) - 1 else f"<div>{html}</div>"
    return html if _closes_at_end(html, tag) and _holds_all(html, tag.lower()) else f"<div>{html}</div>"


def _closes_at_end(html: str, tag: str) -> bool:
    if not html.endswith(f"</{tag}>"):
        return False
    # No other such tag. Python searches backwards in a third of the time: 13 µs for 80 KB.
    inside = len(html) - len(f"</{tag}>")
    if html.rfind(tag, 0, inside) == 1 or (html.rfind(f"<{tag}") == 0 and html.rfind(f"</{tag}", 0, inside) < 0):
        return True
    # Where the depth is 0 for the first time, the root ends. Half the time of a walk from match to match.
    ends = re.findall(rf"<(/?){re.escape(tag)}(?=[\s/>])", html, re.IGNORECASE)
    depths = list(accumulate(map(_STEPS.__getitem__, ends)))
    return 0 in depths and depths.index(0) == len(depths) - 1


def _holds_all(html: str, tag: str) -> bool:
    """Whether a browser, too, makes one element of it, with all of it inside."""
    if tag in _ENDED_BY:
        return _ENDED_BY[tag].isdisjoint(map(str.lower, _TAGS.findall(html, 2)))
    if tag in _ENDED_BY_THE_SAME:
        again = html.find(f"<{tag}", 2)  # a form may be long, and mostly has none
        return again < 0 or _ENDED_BY_THE_SAME[tag].search(html, again) is None
    if tag != "table":
        return tag not in _OF_PAGES
    last = max(html.rfind(end, -_FAR) for end in ("</tr>", "</tbody>", "</thead>"))
    ends_well = last < 0 or _AFTER_ROWS.match(html, html.find(">", last) + 1) is not None
    return ends_well and _TABLE.match(html) is not None


def with_attribute(html: str, attribute: str) -> str:
    """The HTML with one more attribute, such as ` id="a"`, on its root element."""
    root = ROOT.match(html) if attribute else None
    return html[: root.end()] + attribute + html[root.end() :] if root else html


def with_state(html: str, token: str) -> str:
    """The HTML with the token on its root element."""
    return with_attribute(html, f' data-asok-state="{escape(token)}"')
