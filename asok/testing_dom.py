"""A page as a browser holds it: a tree that updates change in place, and the components in it.

An update is morphed into the tree, as in the browser: an element that stays is the same object afterwards,
so what was typed into it stays with it. Children are matched by tag, key (`id` or `ws-key`) and name, in
order. `<template data-asok="INSTANCE.…">` in new text stands for the root of that component, which is moved
there and never entered.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Collection, Mapping

from bs4 import BeautifulSoup
from bs4.element import PageElement, Tag

from asok.errors import AsokError, nearest
from asok.protocol import OWN
from asok.testing_forms import Forms, is_control, is_editable, text_of
from asok.testing_markup import STATE, parse, shown, summary, text_in, wired

__all__ = ["LAZY", "LIVE", "REACT", "STREAM", "AmbiguousElement", "Dom", "MissingElement", "is_there"]

LIVE = "data-live"
SLOT = "data-asok-slot"
# The content of a slot is no component, whatever says whose it is.
ROOT = f"[{STATE}]:not(slot)"
LAZY = "data-asok-lazy"
REACT = "data-asok-react"
STREAM = "ws-stream"
PLACEHOLDER = "data-asok"
# What a control is known by to `self.reset`.
NAMING = re.compile(r"name|ws-model(?:\..*)?")
UNSEEN = ("template", "script", "style", "head", "noscript")


class MissingElement(AsokError):
    """A test named an element that the page does not have; the text says what it has."""

    def __init__(self, wanted: str, candidates: list[Tag]) -> None:
        self.wanted, self.candidates = wanted, candidates

    def __str__(self) -> str:
        lines = [summary(element) for element in self.candidates]
        there = "\n  ".join(["the page has:", *shown(lines)]) if lines else "the page has none that is wired (ws-…)"
        return f"no element is {self.wanted}{nearest(self.wanted, lines)}; {there}"


class AmbiguousElement(AsokError):
    """A test named one element and the page has several; the text lists them."""

    def __init__(self, wanted: str, found: list[Tag]) -> None:
        self.wanted, self.found = wanted, found

    def __str__(self) -> str:
        lines = "\n  ".join(shown([summary(element) for element in self.found]))
        return f"{len(self.found)} elements are {self.wanted}; name one of them:\n  {lines}"


class Dom:
    """One loaded page: its tree, the state of its controls, and the roots of its components.

    javascript: whether the scripts of the page run; what it holds for browsers without them is gone then.
    """

    def __init__(self, html: str, *, javascript: bool = True) -> None:
        self.tree = parse(html) if not javascript else without_noscript(parse(html))
        for each in self.tree.select(f'input[name^="{OWN}"], [ws-key^="{OWN}"]') if javascript else ():
            each.decompose()
        self.forms = Forms()
        self.roots: dict[str, Tag] = {}
        self._collect_roots()

    def find(self, selector: str) -> list[Tag]:
        """All elements of a CSS selector, in the document's order."""
        return list(self.tree.select(selector))

    def one(self, selector: str, text: str | None = None) -> Tag:
        """The element that a selector and, if given, its text name. Raises where it is none, or several."""
        return self._single(self.find(selector), selector, text)

    def meant(self, selector: str, text: str | None = None) -> Tag:
        """As `one`, for what a person does something to: of what nobody can see, none is meant if another is there."""
        found = self.find(selector)
        return self._single([element for element in found if is_seen(element)] or found, selector, text)

    def sought(self, instance: str, selector: str) -> Tag:
        """The first element that a selector finds in a component, or else on the page. Raises where it is none."""
        found = [*self.roots[instance].select(selector), *self.find(selector)]
        if not found:
            raise MissingElement(repr(selector), self.likely(selector))
        return found[0]

    def _single(self, found: list[Tag], selector: str, text: str | None) -> Tag:
        if text is not None:
            exact = [element for element in found if text_in(element) == text]
            found = exact or [element for element in found if text in text_in(element)]
        wanted = repr(selector) if text is None else f"{selector!r} with the text {text!r}"
        if not found:
            raise MissingElement(wanted, self.likely(selector))
        if len(found) > 1:
            raise AmbiguousElement(wanted, found)
        return found[0]

    def likely(self, selector: str) -> list[Tag]:
        """What a test may have meant: the elements of the selector, else everything wired."""
        return self.find(selector) or [element for element in self.tree.find_all(True) if wired(element)]

    def instance_of(self, element: Tag) -> str | None:
        """The component that an element belongs to: the nearest root at or above it, or who has put it into a slot."""
        for candidate in (element, *element.parents):
            if candidate.has_attr(SLOT):
                return text_of(candidate, SLOT)
            if candidate.has_attr(STATE):
                return text_of(candidate, STATE).partition(".")[0]
        return None

    def shows(self, instance: str) -> bool:
        """Whether the component's root stands in the page."""
        return any(parent is self.tree for parent in self.roots[instance].parents)

    def update(self, instance: str, html: str) -> None:
        """Show a component's new text. One that is not known yet is kept ready for its place."""
        new = root_of(html)
        root = self.roots.get(instance)
        if root is None:
            self._arrive(instance, new)
        elif root.name == new.name:
            self._morph(root, new)
        else:
            new[STATE] = text_of(root, STATE)
            self._adopt(new)
            root.replace_with(new)
            self.roots[instance] = new

    def make_equal(self, old: Tag, new: Tag) -> None:
        """Make an element equal to a new one; what was typed into it stays."""
        self._morph(old, new)

    def reset_controls(self, instance: str, names: Collection[str]) -> None:
        """Put a component's controls of these names back to what the server wrote."""
        for control in self.roots[instance].find_all(True):
            named = any(str(value) in names for name, value in control.attrs.items() if NAMING.fullmatch(name))
            if named and self.instance_of(control) == instance:
                self.forms.clear(control)

    def set_title(self, text: str) -> None:
        """Change the page's title."""
        for title in self.find("title")[:1]:
            title.string = text

    @property
    def head(self) -> Tag:
        """Where what the page loads is put."""
        return next(iter(self.find("head")), self.tree)

    @property
    def body(self) -> Tag:
        """What the page shows."""
        return next(iter(self.find("body")), self.tree)

    def new(self, tag: str, **attributes: str) -> Tag:
        """An element that stands nowhere yet."""
        return self.tree.new_tag(tag, attrs=attributes)

    def loads(self, module: str) -> bool:
        """Whether the page has a script tag for this module of the runtime."""
        return bool(self.find(f'script[src$="/{module}.js"]'))

    def regions(self) -> list[str]:
        """The keys of the elements whose text follows a store, each once and sorted."""
        return sorted({text_of(region, REACT) for region in self.find(f"[{REACT}]")})

    def show_in_regions(self, texts: Mapping[str, str]) -> None:
        """Bring regions to their newest text."""
        for region in self.find(f"[{REACT}]"):
            text = texts.get(text_of(region, REACT))
            if text is not None and text != region.get_text():
                region.string = text

    def replace_components(self, fresh: Dom, instances: Collection[str]) -> bool:
        """Take these components from the page fetched anew, by their place among all; False if that has changed."""
        old, new = self.find(ROOT), fresh.find(ROOT)
        if [root.name for root in old] != [root.name for root in new]:
            return False
        for before, after in zip(old, new, strict=True):
            if text_of(before, STATE).partition(".")[0] in instances:
                self._morph(before, after, whole=True)
        self._collect_roots()
        return True

    def replace_page(self, fresh: Dom) -> None:
        """Morph the page into one fetched anew; what was typed stays where its control is still there."""
        self._morph(self.tree, fresh.tree, whole=True)
        self._collect_roots()

    def _collect_roots(self) -> None:
        roots = self.find(ROOT)
        self.roots = {text_of(root, STATE).partition(".")[0]: root for root in roots}

    def _arrive(self, instance: str, new: Tag) -> None:
        new[STATE] = instance
        self.roots[instance] = new
        self._adopt(new)
        for place in self.find(f"template[{PLACEHOLDER}]"):
            if placeheld(place) == instance:
                place.replace_with(new)

    def _morph(self, old: Tag, new: Tag, *, whole: bool = False) -> None:
        if is_control(old):
            self.forms.before_update(old)
        kept = {name: old.attrs[name] for name in self._kept(old) if name in old.attrs and not whole}
        old.attrs = {**new.attrs, **kept}
        if is_editable(old) and self.forms.touched(old):
            # What a person has written there is theirs, until the server says the same.
            return self.forms.agree(old) if old.get_text() == new.get_text() else None
        if not old.has_attr("ws-ignore") and (whole or not old.has_attr(STREAM)):
            self._morph_children(old, new, whole)

    def _kept(self, element: Tag) -> tuple[str, ...]:
        """The attributes that an update leaves: whether a <details> is open, or a dialog that a button opened."""
        return (STATE, "open") if element.name == "details" or id(element) in self.forms.openers else (STATE,)

    def _morph_children(self, old: Tag, new: Tag, whole: bool) -> None:
        known = labelled(old, whole)
        children: list[PageElement] = []
        for child in list(new.contents):
            if not isinstance(child, Tag):
                children.append(child)
                continue
            root = self._placed(child)
            match = root or next_of(known[label(child)])
            if match is None:
                self._adopt(child)
            elif root is None:
                self._morph(match, child, whole=whole)
            children.append(match or child)
        if [id(child) for child in children] != [id(child) for child in old.contents]:
            old.clear()
            for each in children:
                old.append(each)

    def _placed(self, child: Tag) -> Tag | None:
        instance = placeheld(child)
        return self.roots.get(instance) if instance is not None else None

    def _adopt(self, new: Tag) -> None:
        """Put known components in the place of their placeholders below an element that is new."""
        for place in new.select(f"template[{PLACEHOLDER}]"):
            root = self._placed(place)
            if root is not None:
                place.replace_with(root.extract())


def without_noscript(tree: BeautifulSoup) -> BeautifulSoup:
    """The tree as browsers have it that run scripts."""
    for each in tree.find_all("noscript"):
        each.clear()
    return tree


def is_there(element: Tag) -> bool:
    """Whether the element takes part in the page, and does not just wait in a template."""
    return not any(parent.name == "template" for parent in element.parents)


def is_seen(element: Tag) -> bool:
    """Whether a person can see or use the element, as far as its markup tells."""
    if element.name == "input" and text_of(element, "type").lower() == "hidden":
        return False
    return not any(
        each.name in UNSEEN or each.has_attr("hidden") or _is_shut(each) for each in (element, *element.parents)
    )


def _is_shut(element: Tag) -> bool:
    """Whether it is a dialog that is not open, or what such a `<details>` holds beside its summary."""
    if element.name == "dialog":
        return not element.has_attr("open")
    around = element.parent
    if around is None or around.name != "details" or around.has_attr("open"):
        return False
    return element is not around.find("summary", recursive=False)


def root_of(html: str) -> Tag:
    roots = [child for child in without_noscript(parse(html)).contents if isinstance(child, Tag)]
    if len(roots) != 1:
        raise ValueError(f"a component's text must have one root element, and this has {len(roots)}: {html[:200]!r}")
    return roots[0].extract()


def labelled(parent: Tag, whole: bool) -> dict[tuple[str, ...], deque[Tag]]:
    """The child elements that new ones may continue, by their label; components are not among them."""
    known: dict[tuple[str, ...], deque[Tag]] = defaultdict(deque)
    for child in parent.contents:
        if isinstance(child, Tag) and (whole or child.name == "slot" or not child.has_attr(STATE)):
            known[label(child)].append(child)
    return known


def label(element: Tag) -> tuple[str, ...]:
    """What an element must share with another to be taken for the same: tag, key and name."""
    return element.name, text_of(element, "id", text_of(element, "ws-key")), text_of(element, "name")


def next_of(waiting: deque[Tag]) -> Tag | None:
    return waiting.popleft() if waiting else None


def placeheld(element: Tag) -> str | None:
    """The instance that a placeholder stands for."""
    if element.name == "template" and element.has_attr(PLACEHOLDER):
        return text_of(element, PLACEHOLDER).partition(".")[0]
    return None
