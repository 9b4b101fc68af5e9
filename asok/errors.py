"""Everything that asok raises, as one tree.

AsokError
├── ConfigurationError      a setting that is missing, malformed or unsafe
├── ComponentError          a mistake in a component class or its template
│   ├── DuplicateComponent  two classes with one name
│   ├── UnknownComponent    a name that no class carries
│   ├── FieldError          a field that cannot be state, or a value that does not fit it
│   ├── AsyncHook           an async hook where only a sync one can run
│   └── RenderError         a template that is missing, or output that is no component
├── Refusal                 what a browser asked for and does not get
│   ├── NotExposed          a method that is not marked `@exposed`
│   ├── BadArguments        arguments that do not fit the method
│   ├── Denied              a guard or a method said no
│   ├── MethodFailed        the method raised
│   ├── MethodTimeout       the method ran into its time limit
│   ├── MethodCancelled     the person has stopped the method
│   └── StoreError          what a store does not read or write
│       ├── UnknownStore    a name that no store carries
│       ├── UnknownVerb     a verb that is none of set, update, append and delete
│       ├── PathError       a path that leads nowhere, or cannot be one
│       ├── StoreDenied     no rule of the store allows it
│       ├── StoreConflict   the store is newer than the version that was expected
│       ├── ValueRefused    a value that the store cannot hold, or that its validator refused
│       ├── ValueTooLarge   a value, or the tree with it, beyond a limit
│       └── NotSignedIn     an AuthStore was asked for a person, and nobody is signed in
├── ProtocolError           bytes that are no message
├── TokenError              a token that is forged, foreign or malformed
├── ResetNeeded             a state that can no longer be continued
└── Busy                    the store cannot be had just now
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

__all__ = [
    "AsokError",
    "AsyncHook",
    "BadArguments",
    "Busy",
    "ComponentError",
    "ConfigurationError",
    "Denied",
    "DuplicateComponent",
    "FieldError",
    "MethodCancelled",
    "MethodFailed",
    "MethodTimeout",
    "NotExposed",
    "NotSignedIn",
    "PathError",
    "ProtocolError",
    "Refusal",
    "RenderError",
    "ResetNeeded",
    "StoreConflict",
    "StoreDenied",
    "StoreError",
    "TokenError",
    "UnknownComponent",
    "UnknownStore",
    "UnknownVerb",
    "ValueRefused",
    "ValueTooLarge",
    "nearest",
]


class AsokError(Exception):
    """The root: `except AsokError` catches whatever asok raises."""


class ConfigurationError(AsokError):
    """A setting is missing, malformed or unsafe; nothing starts."""


class ComponentError(AsokError):
    """A mistake in a component class or its template."""


class DuplicateComponent(ComponentError):
    """Two component classes carry one name."""

    def __init__(self, name: str, first: str, second: str) -> None:
        self.name, self.first, self.second = name, first, second

    def __str__(self) -> str:
        return (
            f"two components are called {self.name}: {self.first} and {self.second}; "
            f"rename one, since component('{self.name}') must mean one class"
        )


class UnknownComponent(ComponentError):
    """`component('…')` names a class that does not exist."""

    def __init__(self, name: str, known: Iterable[str], why: Callable[[str], str] = lambda name: "") -> None:
        self.name, self.known, self._why = name, sorted(known), why

    def __str__(self) -> str:
        bare = self.name.removesuffix(".html").rpartition(".")[2]
        meant = nearest(self.name, self.known) or nearest(bare.title().replace("_", ""), self.known)
        return f"no component is called {self.name!r}{meant}; {self._why(self.name) or 'is its module imported?'}"


class FieldError(ComponentError):
    """A field cannot be state, or a value does not fit it."""


class AsyncHook(ComponentError):
    """An async hook was met where rendering cannot wait."""

    def __init__(self, component: str) -> None:
        self.component = component

    def __str__(self) -> str:
        return (
            f"the component {self.component} has an async hook or guard, and this template is rendered synchronously; "
            "render the page with `await app.render(request, 'page.html')` instead of a TemplateResponse"
        )


class RenderError(ComponentError):
    """A template is missing, or what was rendered is no component."""


class Refusal(AsokError):
    """What a browser asked for and does not get; `code` is all that it learns in production."""

    code = "refused"


class NotExposed(Refusal):
    """A browser called a method that is not marked `@exposed`."""

    def __init__(self, component: str, method: str, known: Iterable[str] = ()) -> None:
        self.component, self.method, self.known = component, method, sorted(known)

    def __str__(self) -> str:
        return (
            f"{self.component}.{self.method} is not exposed{nearest(self.method, self.known)}; "
            "decorate it with @exposed to allow calls from the browser"
        )


class BadArguments(Refusal):
    """The arguments of a call do not fit the method's signature."""

    code = "bad_args"

    def __init__(self, method: str, problem: str) -> None:
        self.method, self.problem = method, problem

    def __str__(self) -> str:
        return f"{self.method}: {self.problem}"


class Denied(Refusal):
    """This visitor may not. Raise it in a guard or a method, with why for the log; or return False in a guard."""

    code = "denied"

    def __init__(self, why: str = "this visitor may not") -> None:
        self.why = why

    def __str__(self) -> str:
        return self.why


class MethodFailed(Refusal):
    """An exposed method, or the rendering after it, raised; nothing of it was kept."""

    code = "failed"

    def __init__(self, method: str, cause: BaseException) -> None:
        self.method, self.cause = method, cause

    def __str__(self) -> str:
        return f"{self.method} raised {type(self.cause).__name__}: {self.cause}"


class MethodTimeout(Refusal):
    """An exposed method ran into its time limit and was cut; nothing of it was kept."""

    code = "timeout"

    def __init__(self, method: str, seconds: float, mark: str = "exposed") -> None:
        self.method, self.seconds, self.mark = method, seconds, mark

    def __str__(self) -> str:
        return (
            f"{self.method} ran longer than {self.seconds:g} s and was cut; "
            f"allow more with @{self.mark}(timeout={self.seconds * 2:g})"
        )


class MethodCancelled(Refusal):
    """The person has stopped the running method; nothing of it was kept."""

    code = "cancelled"

    def __init__(self, method: str) -> None:
        self.method = method

    def __str__(self) -> str:
        return f"{self.method} was cancelled by the page"


class StoreError(Refusal):
    """What a store does not read or write. status: the answer over plain HTTP. store: its name, "" where unknown."""

    status = 400
    store = ""

    @property
    def place(self) -> str:
        """`the store 'votes'`, or `the store` while its name is not known."""
        return f"the store {self.store!r}" if self.store else "the store"


class UnknownStore(StoreError):
    """No store carries the name."""

    code, status = "unknown_store", 404

    def __init__(self, store: str, known: Iterable[str] = ()) -> None:
        self.store, self.known = store, sorted(known)

    def __str__(self) -> str:
        close = nearest(self.store, self.known)
        return f"no store is called {self.store!r}{close}; is the module that makes it imported?"


class UnknownVerb(StoreError):
    """A store was asked to do what no store does."""

    code = "unknown_verb"

    def __init__(self, verb: str, known: Iterable[str]) -> None:
        self.verb, self.known = verb, tuple(known)

    def __str__(self) -> str:
        return f"{self.place} cannot {self.verb!r}{nearest(self.verb, self.known)}; it knows {', '.join(self.known)}"


class PathError(StoreError):
    """A path leads nowhere (missing, scalar, index, not_a_list), or cannot be a path (bad_path)."""

    STATUSES = {"missing": 404, "scalar": 409, "index": 409, "not_a_list": 409, "bad_path": 400}

    def __init__(self, kind: str, path: str, problem: str) -> None:
        self.kind = self.code = kind
        self.status = self.STATUSES[kind]
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"{self.place}{_at_path(self.path)}: {self.problem}"


class StoreDenied(StoreError):
    """No rule of the store allows it, or its validator said no."""

    code, status = "denied", 403

    def __init__(self, verb: str, path: str, remedy: str, store: str = "") -> None:
        self.verb, self.path, self.remedy, self.store = verb, path, remedy, store

    def __str__(self) -> str:
        return f"{self.place} lets no browser {self.verb} {self.path[:100]!r} here; {self.remedy}"


class StoreConflict(StoreError):
    """The store is newer than the version that was expected; nothing was written."""

    code, status = "conflict", 409

    def __init__(self, expected: int, found: int, store: str = "") -> None:
        self.expected, self.found, self.store = expected, found, store

    def __str__(self) -> str:
        return (
            f"{self.place} is at version {self.found}, and the write was meant for version {self.expected}; "
            "read it again and decide anew"
        )


class ValueRefused(StoreError):
    """A store cannot hold the value, or the validator of its place refused it."""

    code, status = "bad_value", 422

    def __init__(self, problem: str, path: str = "", store: str = "") -> None:
        self.problem, self.path, self.store = problem, path, store

    def __str__(self) -> str:
        return f"{self.place}{_at_path(self.path)}: {self.problem}"


class ValueTooLarge(StoreError):
    """A value, or the tree with it, is beyond a limit."""

    code, status = "too_big", 413
    path = ""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.place}{_at_path(self.path)}: {self.problem}"


class NotSignedIn(StoreError):
    """An AuthStore was asked for a person's copy, and nobody is signed in."""

    code, status = "not_signed_in", 403

    def __init__(self, store: str) -> None:
        self.store = store

    def __str__(self) -> str:
        problem = f"the AuthStore {self.store!r} has no copy for this session: its function returned None for it"
        return f"{problem}; sign the person in first, or ask for a copy only where somebody is signed in"


class ProtocolError(AsokError):
    """Bytes from the browser are no message of the protocol."""


class TokenError(AsokError):
    """A token is forged, foreign, truncated or malformed; the browser learns none of these apart."""


class ResetNeeded(AsokError):
    """A component's state can no longer be continued: expired, evicted, or of another release."""


class Busy(AsokError):
    """The store cannot be had just now, or five commits in a row met newer data; the browser tries again."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when something known is close to `name`, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _at_path(path: str) -> str:
    return f", path {path[:100]!r}" if path else ""
