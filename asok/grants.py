"""Grants: what a page lets its visitor read or write of a store, signed, and that alone."""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

from asok.errors import ComponentError
from asok.sessions import Session, current_session
from asok.state import KeyRing
from asok.trees import freeze, parse_path

__all__ = ["Attributes", "Calls", "may_follow", "may_write", "region", "target_of", "text_of"]

MAC = 22  # characters, 132 bits
TAG = re.compile(r"[a-z][a-z0-9-]*")


def text_of(value: Any) -> str:
    """A value as a region shows it."""
    return "" if value is None else str(value)


def region(ring: KeyRing, owner: str, name: str, path: str, value: Any, tag: str) -> Markup:
    """An element whose text follows what stands at the path. owner: the user's part of the store, if it has such."""
    if not TAG.fullmatch(tag):
        raise ComponentError(f"react(tag={tag!r}): expected an element's name, such as 'span'")
    mac = ring.mac("region", _region(owner, name, path))[:MAC]
    return Markup('<{} data-asok-react="{}">{}</{}>').format(tag, f"{name}/{path}.{mac}", text_of(value), tag)


def target_of(key: str) -> tuple[str, str]:
    """The name and the path of the store that a region's key names."""
    name, _, path = key.rpartition(".")[0].partition("/")
    return name, path


def may_follow(ring: KeyRing, owner: str, key: str) -> bool:
    """Whether we have signed this region's key, for this owner."""
    return ring.matches("region", _region(owner, *target_of(key)), key.rpartition(".")[2], size=MAC)


def _region(owner: str, name: str, path: str) -> str:
    return json.dumps([owner, name, path])


def may_write(ring: KeyRing, session: Session, write: tuple[str, str, str, Any], grant: str) -> bool:
    """Whether the grant was made for this session and exactly this write: verb, name, path, value."""
    return ring.matches("write", _written(session, *write), grant, size=MAC)


def _written(session: Session, verb: str, name: str, path: str, value: Any) -> str:
    return json.dumps([session.id, session.meta.epoch, verb, name, path, _as_sent(value)], sort_keys=True)


def _as_sent(value: Any) -> Any:
    """The value as a browser sends it back: it writes 1.0 as 1."""
    match value:
        case dict():
            return {key: _as_sent(item) for key, item in value.items()}
        case list():
            return [_as_sent(item) for item in value]
        case float() if value.is_integer():
            return int(value)
    return value


class _Granted:
    """One write in four spellings; what it looks like in the page is up to the subclass."""

    def __init__(self, ring: KeyRing, name: str) -> None:
        self._ring, self._name = ring, name

    def set(self, path: str, value: Any) -> Markup:
        """Put a value at the path."""
        return self._grant("set", path, value)

    def update(self, path: str, value: Any) -> Markup:
        """Add to a number, merge into a dict, replace anything else."""
        return self._grant("update", path, value)

    def append(self, path: str, value: Any) -> Markup:
        """Add an item to a list."""
        return self._grant("append", path, value)

    def delete(self, path: str) -> Markup:
        """Take away what stands at the path."""
        return self._grant("delete", path, None)

    def _grant(self, verb: str, path: str, value: Any) -> Markup:
        session = current_session()
        if session is None:
            raise ComponentError(
                f"{self._name}.do and .js sign a write for the visitor who is being served; use them in a template"
            )
        parse_path(path)
        value = freeze(value)
        mac = self._ring.mac("write", _written(session, verb, self._name, path, value))[:MAC]
        return self._markup(verb, path, value, mac)

    def _markup(self, verb: str, path: str, value: Any, mac: str) -> Markup:
        raise NotImplementedError


class Attributes(_Granted):
    """The write as an attribute: it is done when the element is clicked."""

    def _markup(self, verb: str, path: str, value: Any, mac: str) -> Markup:
        write = json.dumps([verb, self._name, path, value, mac], ensure_ascii=False, separators=(",", ":"))
        return Markup('data-asok-do="{}"').format(write)


class Calls(_Granted):
    """The write as JavaScript, which may stand in a script and in an attribute between double quotes."""

    def _markup(self, verb: str, path: str, value: Any, mac: str) -> Markup:
        given = [path, mac] if verb == "delete" else [path, value, mac]
        call = {"delete": "remove"}.get(verb, verb)
        return Markup(f"alive.store({_literal(self._name)}).{call}({','.join(map(_literal, given))})")


def _literal(value: Any) -> str:
    """A value as a JavaScript literal without double quotes, angle brackets and ampersands."""
    text = json.dumps(value, separators=(",", ":")).replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
    for character in "'<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.replace('"', "'")
