"""Jinja as asok uses it: the environment, and `component()` and `alive()` in its templates."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any
from weakref import WeakKeyDictionary

import jinja2
from jinja2.runtime import Context
from jinja2.utils import internalcode, missing
from markupsafe import Markup, escape

from asok import compiling
from asok.charts import bar_chart, line_chart, spark_line
from asok.component import Component, Definition, definition_of, registry, surroundings_of
from asok.errors import ConfigurationError, FieldError, RenderError, nearest
from asok.frames import NO_CONTENT, Child, Frame, current_frame, rendering_into
from asok.frames import placeholder as place_of
from asok.markup import PLACEHOLDER, SVG_PART, single_root, with_attribute
from asok.missing import COMPUTED, TellingUndefined
from asok.postponed import property_of
from asok.scoping import split_styles
from asok.settings import Settings, templates_root
from asok.slots import Slots, given, unasked
from asok.statics import Statics
from asok.stores import Store
from asok.stream_tag import StreamTag
from asok.superstore import connected
from asok.tags import SlotTags, slots_in
from asok.template_files import Loaders, OwnFiles, PageFiles, beside_the_class
from asok.unescaping import as_text

__all__ = ["Templates"]

log = logging.getLogger("asok")

# When a lazy component is mounted, by what a template says.
LAZY = {False: "", True: "now", "visible": "visible", "idle": "idle"}

# The tags of asok's own, one class for each idea.
EXTENSIONS = (SlotTags, StreamTag)

PLACE = "<template data-asok="
# Of an environment: the Templates whose it is.
OWNER = "asok_templates"

_NO_SLOTS, _NO_SLOT = Slots(NO_CONTENT), Markup()


class Templates:
    """The Jinja environment of an app, and the Renderer of its components."""

    def __init__(self, settings: Settings, statics: Statics, env: jinja2.Environment | None = None) -> None:
        self.statics = statics
        self.inline: Callable[[Child, Any], Markup] | None = None
        self.script: Callable[..., Markup] | None = None
        folders = [settings.root / "src" / "templates", settings.root / "templates"]
        ours = [
            jinja2.FunctionLoader(beside_the_class),
            PageFiles(folders, encoding="utf-8-sig"),
            jinja2.PrefixLoader({"asok": OwnFiles(templates_root() / "asok")}),
        ]
        given = env or jinja2.Environment(auto_reload=settings.debug)
        if given.is_async:
            problem = "Asok(env=…): templates are rendered at once, and the environment has enable_async=True"
            raise ConfigurationError(f"{problem}; give it one without, and fetch in load() what has to be awaited")
        for extension in EXTENSIONS:
            given.add_extension(extension)
        loaders = ([given.loader] if given.loader else []) + ours
        self.env = given.overlay(autoescape=True, loader=Loaders(loaders), auto_reload=settings.debug)
        self.env.context_class = _ComponentContext
        vars(self.env)[OWNER] = self
        if settings.debug and self.env.undefined is jinja2.Undefined:
            self.env.undefined = TellingUndefined
        compiling.install(self.env)
        self.limit, self.debug = settings.limits.html, settings.debug
        for environment in (given, self.env):
            environment.globals["component"] = _Function(self._component)
            environment.globals["alive"] = _Function(self._alive)
            environment.globals["store"] = _store
        self.env.globals["asok_charts"] = {"line": line_chart, "bar": bar_chart, "spark": spark_line}
        self._sources: dict[str, jinja2.Template] = {}
        self._slots = WeakKeyDictionary[jinja2.Template, frozenset[str] | None]()
        self._told = set[str]()

    def _component(
        self,
        context: Context,
        name: Any = None,
        /,
        *more: Any,
        key: Any = None,
        lazy: Any = False,
        placeholder: str = "",
        caller: Callable[[], str] | None = None,
        **arguments: Any,
    ) -> Markup:
        _check_name(name, more)
        definition = registry.find(name)
        _check_call(definition, arguments, lazy)
        arguments = as_text(definition.name, arguments)
        frame = into = current_frame()
        if into is None:
            request = context.get("request")
            if self.inline is None or request is None:
                raise RenderError(f"component('{name}') needs `request` in the template's context")
            into = request.scope.setdefault("asok.frame", Frame(slot=request.scope["path"]))
        seat = into.seat(definition, key)
        content = given(caller, into, seat[0], self.limit) if caller else NO_CONTENT
        if content.texts and definition.cls.stateless:
            raise RenderError(f"{name} is stateless and keeps no content; give it arguments, or a state")
        waiting = str(escape(placeholder)) if placeholder else ""
        child = into.add(seat, definition, arguments, content, LAZY[lazy], waiting)
        if frame is None and self.inline is not None:
            return self.inline(child, request)
        return Markup(place_of(child))

    def _alive(
        self, context: Context, *, nonce: str | None = None, stores: bool | None = None, features: bool | None = None
    ) -> Markup:
        assert self.script is not None
        request = context.resolve_or_missing("request")
        if request is missing:
            raise RenderError("alive() needs `request` in the template's context")
        return self.script(request, nonce, stores, features, later=current_frame() is not None)

    def page(self, name: str, context: Mapping[str, Any], frame: Frame) -> str:
        """A page's template as text; the components in it are left in the frame as placeholders."""
        with rendering_into(frame):
            html = compiling.render(self.env.get_template(name), context)
        _check_places(f"the page {name}", frame, html)
        return html

    def text(self, component: Component, frame: Frame) -> str:
        """A component as HTML with one root element; its children are left in the frame. Raises RenderError."""
        name, definition = type(component).__name__, definition_of(component)
        with rendering_into(frame):
            # Text that nobody else sees needs no Markup around it: two copies less.
            html: object = component.render() if "render" in definition.overrides else self._own(component)
        if not isinstance(html, str):
            got = type(html).__name__
            raise RenderError(f"{name}.render() returned {got}; return HTML, such as self.html('x.html')")
        if len(html) > self.limit:
            raise RenderError(f"{name} rendered {len(html)} characters; {self.limit} are allowed: page the list")
        if not html.isascii():
            _check_characters(name, html)
        if frame.content.texts:
            self._check_content(component, frame, html)
        _check_places(name, frame, html)
        html, scope = single_root(str(html)), self.statics.scope_attribute(definition)
        if part := SVG_PART.match(html):
            problem = f"the root of {name} is <{part[1]}>, which a browser draws inside of an <svg> only"
            raise RenderError(f"{problem}: an update would show nothing; let the component render the whole <svg>")
        return with_attribute(html, scope) if scope else html

    def html(self, component: Component, name: str, extra: Mapping[str, Any]) -> Markup:
        """The template file beside the component's class."""
        return Markup(self._from_file(component, name, extra))

    def source(self, component: Component, source: str) -> Markup:
        """A template given as text in the class."""
        return Markup(self._from_source(component, source))

    def _own(self, component: Component) -> str:
        """What `Component.render` returns."""
        if component.template is not None:
            return self._from_source(component, component.template)
        return self._from_file(component, definition_of(component).template_name, {})

    def _from_file(self, component: Component, name: str, extra: Mapping[str, Any]) -> str:
        cls = type(component)
        beside = f"@{cls.__name__}/{name}"
        try:
            template = self.env.get_template(beside)
        except jinja2.TemplateNotFound as error:
            if error.name != beside:
                raise
            there = _like(cls, name)
            raise RenderError(f"{cls.__name__} has no template {name!r} beside {_module_file(cls)}{there}") from None
        return self._render(template, component, extra, "")

    def _from_source(self, component: Component, source: str) -> str:
        template = self._sources.get(source)
        if template is None:
            html, _ = split_styles(source, type(component).__name__)
            template = self._sources[source] = self.env.from_string(html)
        return self._render(template, component, {}, source)

    def stand_in(self, source: str | None, name: str, variables: Mapping[str, Any]) -> str:
        """What stands in a component's place, with one root element: from this source, else from a template file."""
        template = self.env.get_template(name) if source is None else self.env.from_string(source)
        return single_root(compiling.render(template, variables))

    def _note_slots(self, frame: Frame, template: jinja2.Template, source: str) -> None:
        """Which slots the template asks for. source: empty for a file."""
        if template not in self._slots:
            loader = self.env.loader
            if not source and loader is not None:
                source = loader.get_source(self.env, template.name or "")[0]
            self._slots[template] = slots_in(self.env, source)
        shown = self._slots[template]
        frame.asked = None if frame.asked is None or shown is None else frame.asked | shown

    def _check_content(self, component: Component, frame: Frame, html: str) -> None:
        name = type(component).__name__
        found = PLACEHOLDER.findall(html) if frame.content.children else []
        if len(found) != len(set(found)):
            raise RenderError(f"{name} shows a slot twice in which a component stands; show it once")
        if frame.asked is None or "render" in definition_of(component).overrides:
            return
        problem = unasked(name, frame.content, frame.asked)
        if problem and self.debug:
            raise RenderError(problem)
        if problem and problem not in self._told:
            self._told.add(problem)
            log.warning("%s", problem)

    def _render(self, template: jinja2.Template, component: Component, extra: Mapping[str, Any], source: str) -> str:
        around, frame = surroundings_of(component), current_frame()
        slots, slot = _NO_SLOTS, _NO_SLOT
        if frame is not None and frame.content.texts:
            self._note_slots(frame, template, source)
            slots = Slots(frame.content)
            slot = slots[""]
        surroundings = {"this": component, "session": around.session, "request": around.request}
        variables: dict[str, Any] = {**surroundings, "slot": slot, "slots": slots, **component.__dict__}
        del variables["_asok"]
        variables.update(extra)
        return compiling.render(template, variables)

    def forget(self) -> None:
        """Read every template again; for development."""
        if self.env.cache is not None:
            self.env.cache.clear()
        self._sources.clear()


def _check_name(name: Any, more: tuple[Any, ...]) -> None:
    if not isinstance(name, str):
        meant = name.__name__ if isinstance(name, type) else getattr(name, "_undefined_name", None) or "Counter"
        raise RenderError(f"component() needs the name of a class as a text; write component({str(meant)!r})")
    if more:
        raise RenderError(f"component({name!r}, …): its fields are given by name, as in component({name!r}, count=…)")


def _check_call(definition: Definition, arguments: Mapping[str, Any], lazy: Any) -> None:
    name, known = definition.name, definition.fields.by_name
    for argument in arguments:
        if argument not in known:
            raise FieldError(f"component('{name}', {argument}=…): {name} has no such field{nearest(argument, known)}")
    if not isinstance(lazy, (bool, str)) or lazy not in LAZY:
        problem = f"component('{name}', lazy={lazy!r})"
        raise RenderError(f"{problem}: expected True, 'visible' or 'idle'{nearest(str(lazy), ['visible', 'idle'])}")


class _Function:
    """`component` and `alive`. The context calls them without Jinja's eight questions first, a third of their time.

    Apps that were given the same environment have the same globals, which are those of the last one.
    """

    def __init__(self, function: Callable[..., Markup]) -> None:
        self.function = function
        update_wrapper(self, function)

    @jinja2.pass_context
    def __call__(self, context: Context, /, *args: Any, **kwargs: Any) -> Markup:
        return self.of(context.environment)(context, *args, **kwargs)

    def of(self, environment: jinja2.Environment) -> Callable[..., Markup]:
        """The function of the app whose environment it is."""
        owner = vars(environment).get(OWNER)
        own: Callable[..., Markup] = self.function if owner is None else getattr(owner, self.function.__name__)
        return own


class _ComponentContext(Context):
    """A template's variables; what is not among them may be a property of the component, or a store of its module."""

    @internalcode
    def call(self, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(called) is not _Function or kwargs.get("_loop_vars") or kwargs.get("_block_vars"):
            return super().call(called, *args, **kwargs)
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        return called.of(self.environment)(self, *args, **kwargs)

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        found = self.parent.get(key, missing)
        if found is missing and not key.startswith("_"):
            component = super().resolve_or_missing("this")
            if isinstance(getattr(type(component), key, None), COMPUTED):
                return property_of(component, key)
            beside = getattr(sys.modules.get(type(component).__module__), key, None)
            if isinstance(beside, Store):
                return beside
        return found


def _store(name: str) -> Any:
    """`store('votes')` in a template. Raises UnknownStore."""
    return connected().find(name)


def _module_file(cls: type[Component]) -> str:
    folder = registry.find(cls.__name__).folder
    return f"its module in {folder}" if folder else "its module"


def _like(cls: type[Component], name: str) -> str:
    """The file that is probably meant."""
    folder = registry.find(cls.__name__).folder
    there = [path.name for path in folder.glob("*.html")] if folder else []
    close = [each for each in there if each.lower().replace("_", "") == name.lower().replace("_", "")]
    return f"; {close[0]!r} is there; rename it to {name!r}" if close else nearest(name, there)


def _check_places(shower: str, frame: Frame, html: str) -> None:
    """Raises RenderError where a child stands twice: it is one element, and only one of both would be live."""
    if not frame.children or html.count(PLACE) <= len(frame.children) + len(frame.content.children):
        return
    met = [name for name, _ in PLACEHOLDER.findall(html)]
    twice = next((child for name, child in frame.children.items() if met.count(name) > 1), None)
    if twice is not None:
        shown = f"component({twice.definition.name!r})"
        raise RenderError(f"{shower} shows what one {shown} has given in two places; call it once for each")


def _check_characters(name: str, html: str) -> None:
    try:
        html.encode()
    except UnicodeEncodeError as error:
        shown = ascii(html[max(0, error.start - 20) : error.end])
        raise RenderError(
            f"{name} rendered half a character, at {shown}; decode file names with errors='replace'"
        ) from None
