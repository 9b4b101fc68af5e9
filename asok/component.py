"""Component: state, methods and hooks of one live piece of a page, as a class."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, overload

import msgspec
from markupsafe import Markup

from asok.calls import Parameter, parameters_of
from asok.errors import ComponentError, DuplicateComponent, FieldError, UnknownComponent, nearest
from asok.fields import Fields, collect

if TYPE_CHECKING:
    from starlette.requests import Request

    from asok.sessions import Session

__all__ = [
    "Component",
    "Definition",
    "Event",
    "Exposed",
    "Registry",
    "Renderer",
    "Surroundings",
    "definition_of",
    "exposed",
    "registry",
    "surroundings_of",
]

F = TypeVar("F", bound=Callable[..., Any])

BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
HOOKS = ("mount", "load", "updated", "unmount", "guard", "render", "migrate")
OPTIONS = frozenset({"template", "css", "js", "scoped", "stateless"})
TAKEN = frozenset(
    {*HOOKS, "session", "request", "event", "html", "reset", "redirect", "focus", "dispatch", "set_title", "key"}
)


class Renderer(Protocol):
    """What a component needs of the rendering engine."""

    def html(self, component: Component, name: str, extra: Mapping[str, Any]) -> Markup:
        """The template file beside the component's class."""
        ...

    def source(self, component: Component, source: str) -> Markup:
        """A template given as text."""
        ...


@dataclass(slots=True)
class Event:
    """What the browser said. id: the same for every attempt at this event, unique otherwise, so that an
    effect outside asok can be made once. attempt: 1, and more when a commit met newer data."""

    id: str = ""
    attempt: int = 1
    value: Any = None
    key: str | None = None
    form: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Surroundings:
    """Where an instance lives: who renders it, for whom, and what it asks of the browser."""

    renderer: Renderer | None = None
    instance: str = ""
    session: Session | None = None
    request: Request | None = None
    event: Event = field(default_factory=Event)
    effects: list[list[Any]] = field(default_factory=list)
    loading: bool = False
    loaded: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Exposed:
    """A method that the browser may call. kind: `sync`, `async` or `steps` (an async generator)."""

    name: str
    function: Callable[..., Any]
    kind: str
    timeout: float | None
    parameters: tuple[Parameter, ...]


@overload
def exposed(function: F, /) -> F: ...
@overload
def exposed(*, timeout: float | None = None) -> Callable[[F], F]: ...
def exposed(function: Any = None, /, *, timeout: float | None = None) -> Any:
    """Allow the browser to call this method.

    timeout: seconds that it may run, instead of the app's limit. A `def` runs in a thread, an `async def`
    on the loop; of an async generator each `yield` shows the state so far.
    """

    def mark(target: Any) -> Any:
        if not inspect.isfunction(target):
            raise ComponentError(f"@exposed stands on a plain method, directly above its `def`, not on {target!r}")
        target.__asok_exposed__ = {"timeout": timeout}  # type: ignore[attr-defined]  # a mark on a function
        return target

    return mark if function is None else mark(function)


class Definition:
    """What asok knows of a component class, worked out once when the class is made."""

    def __init__(self, cls: type[Component]) -> None:
        self.cls = cls
        self.name = cls.__name__
        self.origin = f"{cls.__module__}.{cls.__qualname__}"
        self.fields = Fields(self.name, collect(cls, Component, OPTIONS, TAKEN))
        self.exposed = _exposed_methods(cls)
        self.template_name = BETWEEN_WORDS.sub("_", self.name).lower() + ".html"
        self.overrides = frozenset(
            name for name in HOOKS if getattr(cls, name, None) is not getattr(Component, name, None)
        )
        self.waits = any(inspect.iscoroutinefunction(getattr(cls, name, None)) for name in HOOKS)

    def rebuild(self, values: Mapping[str, Any]) -> Component:
        """An instance with these field values, and defaults for what they leave out; no hook runs."""
        whole = len(values) == len(self.fields.by_name)
        component = self.cls.__new__(self.cls)
        component.__dict__.update(values if whole else self.fields.initial(values))
        component.__dict__["_asok"] = Surroundings()
        return component

    @property
    def folder(self) -> Path | None:
        """The folder of the class's file, where its templates stand."""
        file = getattr(sys.modules.get(self.cls.__module__), "__file__", None)
        return Path(file).resolve().parent if file else None


def _exposed_methods(cls: type[Component]) -> dict[str, Exposed]:
    methods = {}
    for name in dict.fromkeys(name for base in cls.__mro__ for name in base.__dict__):
        value = next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)
        mark = getattr(value, "__asok_exposed__", None)
        if mark is None:
            continue
        if name in TAKEN | OPTIONS or name.startswith("_"):
            raise ComponentError(f"{cls.__name__}.{name} cannot be @exposed: it is a hook or a private name; rename it")
        kind = (
            "steps" if inspect.isasyncgenfunction(value) else "async" if inspect.iscoroutinefunction(value) else "sync"
        )
        try:
            methods[name] = Exposed(name, value, kind, mark["timeout"], parameters_of(value))
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            problem = f"an annotation of {cls.__name__}.{name} cannot be read: {error}"
            raise ComponentError(f"{problem}; import that name") from None
    return methods


class Registry:
    """The component classes by name. A class of the same module and name replaces the older one."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}

    def add(self, definition: Definition) -> None:
        """Raises DuplicateComponent where another class has the name."""
        older = self._definitions.get(definition.name)
        if older is not None and older.origin != definition.origin:
            raise DuplicateComponent(definition.name, older.origin, definition.origin)
        self._definitions[definition.name] = definition

    def find(self, name: str) -> Definition:
        """Raises UnknownComponent."""
        try:
            return self._definitions[name]
        except KeyError:
            raise UnknownComponent(name, self._definitions) from None

    def __iter__(self) -> Iterator[Definition]:
        return iter(list(self._definitions.values()))

    @contextmanager
    def isolated(self, keep: Callable[[Definition], bool] = lambda definition: True) -> Iterator[None]:
        """Begin with the classes to keep, and forget at the end those that were defined inside."""
        before = self._definitions
        self._definitions = {name: each for name, each in before.items() if keep(each)}
        try:
            yield
        finally:
            self._definitions = before


registry = Registry()


class Component:
    """A live piece of a page. Class attributes are its fields; `@exposed` methods are what the browser calls.

    template: the template's source, instead of a file. stateless: nothing is kept in the session.
    """

    template: ClassVar[str | None] = None
    stateless: ClassVar[bool] = False
    _definition: ClassVar[Definition]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._definition = Definition(cls)
        registry.add(cls._definition)

    def __init__(self, **fields: Any) -> None:
        definition = self._definition
        for name in fields:
            if name not in definition.fields.by_name:
                known = definition.fields.by_name
                problem = f"{definition.name} has no field {name!r}{nearest(name, known)}"
                raise FieldError(f"{problem}; declare it in the class")
        self.__dict__.update(definition.fields.initial(fields))
        self.__dict__["_asok"] = Surroundings()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._definition.fields.by_name and not name.startswith("_"):
            surroundings: Surroundings = self.__dict__["_asok"]
            if surroundings.loading:
                surroundings.loaded.add(name)
            elif name not in surroundings.loaded and not isinstance(getattr(type(self), name, None), property):
                known = self._definition.fields.by_name
                raise FieldError(
                    f"{type(self).__name__} has no field {name!r}{nearest(name, known)}; declare it in the class to "
                    f"make it state, call it _{name} if it is not, or set it in load()"
                )
        object.__setattr__(self, name, value)

    def mount(self) -> Any:
        """Called once, when the instance is first made. May be async, as the three that follow."""

    def load(self) -> Any:
        """Called at every rebuild, and again before rendering: fetch here what is not state."""

    def updated(self, changed: frozenset[str]) -> Any:
        """Called after a method, with the names of the fields that it changed."""

    def unmount(self) -> Any:
        """Called when the instance leaves the page; best effort, as a killed server runs nothing."""

    def guard(self, request: Request, session: Session) -> Any:
        """Called at the first rendering, at join and before every event; False or Denied refuses. May be async."""

    def migrate(self, old: dict[str, Any]) -> dict[str, Any]:
        """Turn the field values of an older release of the class into those of this one."""
        return old

    def render(self) -> str:
        """The HTML of the component: by default its `template`, else the file named after the class."""
        renderer, definition = self._renderer, self._definition
        if self.template is not None:
            return renderer.source(self, self.template)
        return renderer.html(self, definition.template_name, {})

    def html(self, name: str, **extra: Any) -> Markup:
        """Render the template file `name` that stands beside the class, with `extra` variables."""
        return self._renderer.html(self, name, extra)

    @property
    def _renderer(self) -> Renderer:
        renderer = self._surroundings.renderer
        if renderer is None:
            raise ComponentError(
                f"{type(self).__name__} is not on a page and cannot render; mount it with asok.testing, or show it "
                "with component() in a template"
            )
        return renderer

    @property
    def _surroundings(self) -> Surroundings:
        surroundings: Surroundings = self.__dict__["_asok"]
        return surroundings

    @property
    def session(self) -> Session:
        """The visitor's session, as `request.session`."""
        session = self._surroundings.session
        if session is None or self.stateless:
            raise ComponentError(f"{type(self).__name__} is stateless or not on a page, and has no session")
        return session

    @property
    def request(self) -> Request:
        """The request of the page that shows the component."""
        request = self._surroundings.request
        if request is None:
            raise ComponentError(f"{type(self).__name__} is not on a page, and has no request")
        return request

    @property
    def event(self) -> Event:
        """The event that is being answered."""
        return self._surroundings.event

    def reset(self, *fields: str) -> None:
        """Put the named form fields back to what the template says, even where the person has typed."""
        self._ask("reset", *fields)

    def focus(self, selector: str) -> None:
        """Move the focus to the first element of the page that matches the CSS selector."""
        self._ask("focus", selector)

    def dispatch(self, name: str, detail: Any = None) -> None:
        """Fire a DOM event called `name` on the component's root element; it bubbles."""
        self._ask("dispatch", name, detail)

    def set_title(self, title: str) -> None:
        """Set the page's title."""
        self._ask("title", title)

    def redirect(self, path: str) -> None:
        """Send the browser to another page of this site. Raises ComponentError for anything but a path."""
        if not re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", path):
            raise ComponentError(f"redirect({path!r}): expected a path of this site, such as '/done'")
        self._ask("redirect", path)

    def _ask(self, *effect: Any) -> None:
        try:
            msgspec.json.encode(effect)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"{effect[0]} cannot be sent to the browser: {error}"
            raise ComponentError(f"{problem}; give it numbers, text, lists and dicts") from None
        self._surroundings.effects.append([*effect])


def definition_of(component: Component | type[Component]) -> Definition:
    """What asok knows of the class."""
    return component._definition


def surroundings_of(component: Component) -> Surroundings:
    """Where the instance lives."""
    return component._surroundings
