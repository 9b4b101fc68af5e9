"""What a component class declares for the head of its pages: `css` and `js`, files beside it or links elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asok.errors import ComponentError

__all__ = ["Link", "check_statics", "links_of"]

# Each part begins with a letter, a digit or `_`: no `..`, no hidden file, no backslash, no drive.
PARTS = r"\w[\w.-]*(?:/\w[\w.-]*)*"
FILES = {"css": re.compile(rf"{PARTS}\.css"), "js": re.compile(rf"{PARTS}\.m?js")}
EXTERNAL = re.compile(r"https://[^\s/?#\"'<>\\]+(?:[/?#][^\s\"'<>\\]*)?")
TARGETS = {"css": "href", "js": "src"}
ATTRIBUTES = {
    "css": {"href", "media", "integrity", "crossorigin", "referrerpolicy"},
    "js": {"src", "type", "integrity", "crossorigin", "referrerpolicy"},
}
ABROAD = {"integrity", "crossorigin", "referrerpolicy"}


@dataclass(frozen=True, slots=True)
class Link:
    """One stylesheet or script. target: a file beside the class, or a URL. scoped: its rules stay with the class."""

    kind: str
    target: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    scoped: bool = False

    @property
    def external(self) -> bool:
        """Whether another server has it."""
        return self.target.startswith("https://")


def check_statics(cls: type, stop: type) -> None:
    """Refuse a class whose `css`, `js` or `scoped` say nothing that can be done. stop: the base that declares none.

    Raises ComponentError.
    """
    if not isinstance(getattr(cls, "scoped", False), bool):
        raise ComponentError(f"{cls.__name__}.scoped is {cls.scoped!r}; write scoped = True")  # type: ignore[attr-defined]  # it is there, or False
    links_of(cls)
    for base in cls.__mro__:
        declared = [kind for kind in FILES if kind in vars(base)]
        if declared and not issubclass(base, stop):
            raise ComponentError(
                f"{cls.__name__} takes its {declared[0]} from {base.__name__}, which is no component and has no "
                f"address for files; make {base.__name__} a Component, or declare {declared[0]} in {cls.__name__}"
            )


def links_of(cls: type) -> list[Link]:
    """What the class itself declares, stylesheets first; its bases have their own. Raises ComponentError."""
    found = []
    for kind in FILES:
        declared = vars(cls).get(kind)
        for each in declared if isinstance(declared, (list, tuple)) else [] if declared is None else [declared]:
            found.append(_link(cls, kind, each))
    return found


def _link(cls: type, kind: str, declared: Any) -> Link:
    where, key = f"{cls.__name__}.{kind}", TARGETS[kind]
    given = {key: declared} if isinstance(declared, str) else declared
    if not isinstance(given, Mapping) or not all(isinstance(part, str) for item in given.items() for part in item):
        raise ComponentError(
            f"{where} holds {declared!r}: expected a file such as 'chart.{kind}', an 'https://…' link, a dict such as "
            f"{{'{key}': 'chart.{kind}'}}, or a list of these"
        )
    target, attributes = given.get(key, ""), {name: value for name, value in given.items() if name != key}
    odd = sorted(given.keys() - ATTRIBUTES[kind])
    if odd:
        raise ComponentError(f"{where}: no attribute {odd[0]!r} is known; write {', '.join(sorted(ATTRIBUTES[kind]))}")
    if attributes.get("type", "module") != "module":
        raise ComponentError(f"{where}: type={attributes['type']!r} is no script that runs; write 'module' or nothing")
    if EXTERNAL.fullmatch(target):
        return Link(kind, target, attributes)
    if not FILES[kind].fullmatch(target):
        raise ComponentError(
            f"{where} names {target!r}: expected a file beside the class, such as 'chart.{kind}' or "
            f"'parts/chart.{kind}', or a link that begins with 'https://'"
        )
    if attributes.keys() & ABROAD:
        name = sorted(attributes.keys() & ABROAD)[0]
        raise ComponentError(f"{where}: {name} is for links to other servers; {target} is this app's own, leave it out")
    return Link(kind, target, attributes, scoped=kind == "css" and getattr(cls, "scoped", False) is True)
