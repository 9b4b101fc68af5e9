"""For whom and on which page components are mounted, and what has been mounted there."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.routing import compile_path

from asok.asynchronous import is_loading
from asok.component import Component, definition_of, surroundings_of
from asok.frames import Child
from asok.sessions import Record, Session
from asok.state import Mount, Token
from asok.texts import Rendering

__all__ = ["Mounted", "Place", "hook", "listens", "page_request"]


class Place(Struct, frozen=True):
    """For whom, and on which page, components are mounted. owner: the session's name in the backend;
    empty while nothing of it is stored, so that nothing needs to be looked up."""

    request: Request
    session: Session
    mount: Mount
    owner: str

    def begins(self) -> float:
        """When an instance is born that is made now: never before what the session has forgotten, since else the
        clock, turned back, would void it as well."""
        return max(time.time(), math.ceil(self.session.meta.watermark))


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Mounted(Struct):
    """An instance with its rendering, and the rows of its streams by name."""

    child: Child
    component: Component
    rendering: Rendering
    version: int
    born: float
    record: Record | None = None
    pending: Literal["", "lazy", "failed"] = ""
    sealed: tuple[Token, str] | None = None
    sequences: Mapping[str, int] = NOTHING
    rows: Mapping[str, str] = NOTHING

    def applied(self, tab: str) -> int:
        """The last sequence of a tab that the instance has applied."""
        return self.sequences.get(tab, 0)


def listens(component: Component) -> bool:
    """Whether the component, as it was just shown, wants to hear of something that no event of its own brings."""
    around, definition = surroundings_of(component), definition_of(component)
    follows = definition.listens or around.reads or around.topics or around.heard
    return bool(follows or (definition.sources and is_loading(component.__dict__, definition.sources)))


async def hook(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a hook that may be async."""
    result = function(*arguments)
    return await result if inspect.isawaitable(result) else result


def page_request(scope: Mapping[str, Any], mount: Mount, session: Session) -> Request:
    """The request of the page that shows a component, as a socket's handshake and the token tell it."""
    return _PageRequest(scope, mount, session)


class _PageRequest(Request):
    """Made when something of it is looked at, which few components do: a tenth of an event's cost otherwise."""

    def __init__(self, handshake: Mapping[str, Any], mount: Mount, session: Session) -> None:
        self._of = handshake, mount, session

    def __getattr__(self, name: str) -> Any:
        if "scope" in self.__dict__ or "_of" not in self.__dict__:  # a copy is looked at while it is blank
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        handshake, mount, session = self._of
        page = {
            "type": "http",
            "method": "GET",
            "scheme": {"ws": "http", "wss": "https"}.get(handshake["scheme"], handshake["scheme"]),
            "path": mount.path,
            "raw_path": quote(mount.path).encode(),
            "query_string": mount.query.encode("latin-1"),
            "path_params": _converted(mount, handshake.get("root_path", "")),
        }
        super().__init__({**handshake, **page, "session": session})
        return getattr(self, name)


_compiled = lru_cache(maxsize=256)(compile_path)


def _converted(mount: Mount, root: str) -> dict[str, Any]:
    """The parameters of the page's path as its route converts them; the token has of an UUID only the text."""
    regex, _, convertors = _compiled(mount.route)
    path = mount.path
    found = regex.match(path[len(root) :] if f"{path}/".startswith(f"{root}/") else path) if convertors else None
    given = found.groupdict() if found else {}
    return mount.params | {name: convertors[name].convert(text) for name, text in given.items()}
