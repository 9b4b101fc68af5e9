"""Component: state, methods and hooks of one live piece of a page, as a class."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from markupsafe import Markup

from asok.asynchronous import sources_of
from asok.declaring import collect
from asok.errors import ComponentError, DuplicateComponent, FieldError, UnknownComponent, nearest
from asok.exposing import check_arguments, codes, every, exposed, marked_methods, mentions, on
from asok.fields import Apart, Fields
from asok.form_events import drafts_of, with_forms
from asok.links import check_statics
from asok.placed import Placed
from asok.streaming import streams_of
from asok.surroundings import Event, Renderer, Surroundings
from asok.targets import EventSurroundings
from asok.unknown import why_unknown
from asok.verdicts import check_hooks

if TYPE_CHECKING:
    from starlette.requests import Request

    from asok.sessions import Session

__all__ = [
    "Component",
    "Definition",
    "Event",
    "Registry",
    "Surroundings",
    "definition_of",
    "every",
    "exposed",
    "on",
    "registry",
    "surroundings_of",
]

PATTERN = re.compile(r"[*?\[]")
BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
HOOKS = ("mount", "load", "updated", "unmount", "guard", "render", "migrate")
OPTIONS = frozenset({"template", "css", "js", "scoped", "stateless", "placeholder", "error_template"})
# What `component()` takes beside fields, and what templates are given beside them.
RESERVED = ("key", "lazy", "placeholder", "error_template", "caller", "slot", "slots")
TAKEN = frozenset({*HOOKS, *(name for name in dir(Placed) if not name.startswith("_")), "html", *RESERVED})


class Definition:
    """What asok knows of a component class, worked out once when the class is made."""

    def __init__(self, cls: type[Component]) -> None:
        self.cls = cls
        self.name = cls.__name__
        self.origin = f"{cls.__module__}.{cls.__qualname__}"
        self.fields = Fields(self.name, collect(cls, Component, OPTIONS, TAKEN))
        self.sources = sources_of(self.name, self.fields.by_name)
        self.streams = streams_of(cls, TAKEN | OPTIONS)
        there = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        self.cached = [name for name, value in there.items() if isinstance(value, cached_property)]
        self.drafts = drafts_of(self.fields)
        self.methods = with_forms(cls, self.drafts, marked_methods(cls, TAKEN | OPTIONS))
        check_arguments(self.name, self.methods.values())
        self.exposed = MappingProxyType({name: method for name, method in self.methods.items() if method.called})
        self.periodic = [method for method in self.methods.values() if method.period]
        topics = {topic for method in self.methods.values() for topic in method.topics}
        self.topics = frozenset(topic for topic in topics if not PATTERN.search(topic))
        self.shares = mentions(cls, "update_all", Component)
        self.listens = bool(self.periodic or topics or self.shares)
        self.looks_at_target = mentions(cls, "event", Component) and any(
            mentions(cls, name, Component) for name in (*EventSurroundings.__slots__, "data", "origin")
        )
        check_hooks(cls, HOOKS)
        self.template_name = BETWEEN_WORDS.sub("_", self.name).lower() + ".html"
        self.overrides = frozenset(
            name for name in HOOKS if getattr(cls, name, None) is not getattr(Component, name, None)
        )
        hooks = {*HOOKS, *(each.filler for each in self.streams.values())}
        made_of = (code for name in hooks for code in codes(getattr(cls, name, None)))
        self.waits = any(code.co_flags & inspect.CO_COROUTINE for code in made_of)

    def rebuild(self, values: Mapping[str, Any]) -> Component:
        """An instance with these field values, and defaults for what they leave out; no hook runs."""
        whole = len(values) == len(self.fields.by_name)
        component = self.cls.__new__(self.cls)
        component.__dict__.update(values if whole else self.fields.initial(values))
        component.__dict__["_asok"] = Surroundings()
        return component

    def forget_computed(self, component: Component) -> None:
        """Let cached properties be worked out anew: what they were made of may have changed."""
        for name in self.cached:
            component.__dict__.pop(name, None)

    @property
    def folder(self) -> Path | None:
        """The folder of the class's file, where its templates stand."""
        file = getattr(sys.modules.get(self.cls.__module__), "__file__", None)
        return Path(file).resolve().parent if file else None


class Registry:
    """The component classes by name. A class of the same module and name replaces the older one.

    changes: how often it has become another.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._definitions: dict[str, Definition] = {}

    def add(self, definition: Definition) -> None:
        """Raises DuplicateComponent where another class has the name."""
        older = self._definitions.get(definition.name)
        if older is not None and older.origin != definition.origin:
            raise DuplicateComponent(definition.name, older.origin, definition.origin)
        self._definitions[definition.name] = definition
        self.changes += 1

    def find(self, name: str) -> Definition:
        """Raises UnknownComponent."""
        try:
            return self._definitions[name]
        except KeyError:
            raise UnknownComponent(name, self._definitions, why_unknown) from None

    def __iter__(self) -> Iterator[Definition]:
        return iter(list(self._definitions.values()))

    @contextmanager
    def isolated(self, keep: Callable[[Definition], bool] = lambda definition: True) -> Iterator[None]:
        """Begin with the classes to keep, and forget at the end those that were defined inside."""
        before = self._definitions
        self._definitions = {name: each for name, each in before.items() if keep(each)}
        self.changes += 1
        try:
            yield
        finally:
            self._definitions = before
            self.changes += 1


registry = Registry()


class _Said:
    """What the base's hooks give back: overridden by an `async def`, they are awaited, `await super().mount()`."""

    def __init__(self, value: bool | None) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __await__(self) -> Generator[None, None, bool | None]:
        yield from ()
        return self.value


_YES, _NOTHING = _Said(True), _Said(None)


class Component(Placed):
    """A live piece of a page. Class attributes are its fields; `@exposed` methods are what the browser calls.

    template: the template's source, instead of a file. stateless: nothing is kept in the session. css, js:
    files beside the class, or https links, for the page's head. scoped: the styles stay with the component.
    placeholder: the source of what stands there while a lazy one is on its way. error_template: of what does where
    the component has failed; it knows the `error`, which is empty in production.
    """

    template: ClassVar[str | None] = None
    stateless: ClassVar[bool] = False
    scoped: ClassVar[bool] = False
    placeholder: ClassVar[str | None] = None
    error_template: ClassVar[str | None] = None
    _definition: ClassVar[Definition]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_statics(cls, Component)
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
        if "_asok" not in self.__dict__ and not name.startswith("_"):
            if "__dataclass_fields__" in vars(type(self)):
                problem = f"{type(self).__name__} is decorated with @dataclass"
                raise FieldError(f"{problem}; leave it out: what a component's class declares are its fields already")
            raise FieldError(
                f"{type(self).__name__} sets {name} before Component.__init__ has run; give fields their defaults in "
                f"the class, and what is worked out in mount() or load(): for an event no __init__ runs"
            )
        fields = self._definition.fields
        if name in fields.by_name:
            value = fields.settled(name, value)
        elif not name.startswith("_"):
            surroundings: Surroundings = self.__dict__["_asok"]
            if surroundings.loading:
                surroundings.loaded.add(name)
            elif name not in surroundings.loaded and not isinstance(getattr(type(self), name, None), property | Apart):
                problem = f"{type(self).__name__} has no field {name!r}{nearest(name, fields.by_name)}"
                raise FieldError(
                    f"{problem}; declare it in the class to make it state, call it _{name} if it is not, or set it in "
                    f"load()"
                )
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            around = surroundings_of(self)
            around.touched.add(name)
            if around.late is not None:
                around.late()

    def mount(self) -> Any:
        """Called once, when the instance is first made. May be async, as the three that follow."""
        return _NOTHING

    def load(self) -> Any:
        """Called at every rebuild, and again before rendering: fetch here what is not state."""
        return _NOTHING

    def updated(self, changed: frozenset[str]) -> Any:
        """Called after a method, with the names of the fields that it changed."""
        return _NOTHING

    def unmount(self) -> Any:
        """Called when the instance leaves the page; best effort, as a killed server runs nothing."""
        return _NOTHING

    def guard(self, request: Request, session: Session) -> Any:
        """Called at the first rendering, at join and before every event; False or Denied refuses. May be async."""
        return _YES

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

    def _public(self) -> tuple[str, ...]:
        return self._definition.fields.public.names

    def _classes(self) -> Iterable[str]:
        return (definition.name for definition in registry)

    @property
    def _renderer(self) -> Renderer:
        renderer = self._surroundings.renderer
        if renderer is None:
            raise ComponentError(
                f"{type(self).__name__} is not on a page and cannot render; mount it with asok.testing, or show it "
                "with component() in a template"
            )
        return renderer


def definition_of(component: Component | type[Component]) -> Definition:
    """What asok knows of the class."""
    return component._definition


def surroundings_of(component: Component) -> Surroundings:
    """Where the instance lives."""
    try:
        surroundings: Surroundings = component.__dict__["_asok"]
    except KeyError:
        name = type(component).__name__
        raise ComponentError(
            f"{name}.__init__ has not called super().__init__(**fields); what is worked out belongs in mount() or "
            f"load(): for an event no __init__ runs"
        ) from None
    return surroundings
