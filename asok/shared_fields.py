"""One component instance for everybody: a page that was given an instance keeps its fields in a document of its own."""

from __future__ import annotations

from typing import Any

import msgspec

from asok.carried import dissolve
from asok.component import Component, definition_of, surroundings_of
from asok.documents import Document, Work
from asok.errors import ConfigurationError, FieldError
from asok.replicas import Replicas
from asok.sessions import STORES
from asok.trees import Write, freeze, same

__all__ = ["SharedFields"]


class SharedFields:
    """The fields of the instance that a route was given; each page of the route has a document.

    own: fields that the path of the page gives, which are not shared.
    """

    def __init__(self, replicas: Replicas, component: Component, own: frozenset[str]) -> None:
        self._replicas, self.definition = replicas, definition_of(component)
        if self.definition.cls.stateless:
            name = self.definition.name
            raise ConfigurationError(f"{name} is stateless and cannot be shared; pass the class: app.page(…, {name})")
        self._names = [name for name in self.definition.fields.by_name if name not in own]
        self._default = freeze({name: _plain(component.__dict__[name]) for name in self._names})

    def give(self, component: Component, path: str, work: Work | None = None) -> None:
        """Set the shared fields to what they are now; the component follows them."""
        document = self._document(path)
        surroundings_of(component).reads.setdefault(document.key, set()).add(())
        if work is not None:
            work.saw(document, ())
        newest = document.newest
        for name in self._names:
            component.__dict__[name] = self._revived(name, newest[name])

    def take(self, component: Component, path: str, work: Work) -> None:
        """Make what the component has changed part of the unit of work."""
        document = self._document(path)
        for name in self._names:
            value: Any = freeze(_plain(component.__dict__[name]))
            if not same(value, work.tree(document)[name]):
                work.write(document, Write("set", (name,), value))

    def _revived(self, name: str, stored: Any) -> Any:
        """The value of a field; the default where an earlier release has left what does not fit any more."""
        convert = self.definition.fields.convert
        try:
            return convert(name, msgspec.to_builtins(stored))
        except FieldError:
            return convert(name, msgspec.to_builtins(self._default[name]))

    def _document(self, path: str) -> Document:
        # Two slashes: what somebody asks for is never the name of a store, nor of a user's part of one.
        return self._replicas.get((f"{STORES}/page{path}", "doc"), self._default)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=dissolve)
