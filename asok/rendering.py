"""Jinja as asok uses it: the environment, `component()` and `alive()`, and text with placeholders.

A component in a template leaves `<template data-asok="INSTANCE.ARGUMENTS"></template>`, which may stand
anywhere in HTML. So a parent's text never holds a child's: each is rendered, compared and sent alone.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from jinja2.runtime import Context
from jinja2.utils import missing
from markupsafe import Markup, escape

from asok import compiling
from asok.component import Component, Definition, definition_of, registry, surroundings_of
from asok.errors import FieldError, RenderError, nearest
from asok.scoping import split_styles
from asok.settings import Settings, templates_root
from asok.statics import Statics, template_without_styles
from asok.stores import Store
from asok.superstore import connected

__all__ = [
    "Child",
    "Frame",
    "Templates",
    "children_in",
    "page_slot",
    "placeholder",
    "single_root",
    "with_attribute",
    "with_state",
]

PLACEHOLDER = re.compile(r'<template data-asok="([A-Za-z0-9_-]{12})\.([0-9a-f]{8})"></template>')
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
COMMENTS = re.compile(r"\A(?:\s*<!--(?:(?!-->).)*-->)+", re.DOTALL)
ROOT = re.compile(r"<([A-Za-z][^\s/>]*)")


@dataclass(frozen=True, slots=True)
class Child:
    """A `component()` met while rendering: which class, with which arguments, in which place."""

    instance: str
    definition: Definition
    arguments: dict[str, Any]
    digest: str
    slot: str


@dataclass(slots=True)
class Frame:
    """One template being rendered: a page (no instance) or an instance, and the children met so far."""

    slot: str
    instance: str = ""
    children: dict[str, Child] = field(default_factory=dict)

    def add(self, definition: Definition, key: Any, arguments: dict[str, Any]) -> Child:
        """The child in the next place of its class, or in that of its key. Raises RenderError, FieldError."""
        ordinal = sum(child.definition is definition for child in self.children.values())
        place = f"{definition.name}\x00{f'#{ordinal}' if key is None else f'={key}'}"
        slot = _short(f"{self.slot}\x00{place}")
        if any(child.slot == slot for child in self.children.values()):
            raise RenderError(f"two {definition.name} have key={key!r} here; give each a key of its own")
        instance = _short(f"{self.instance}\x00{place}") if self.instance else secrets.token_urlsafe(9)
        child = Child(instance, definition, arguments, _arguments_digest(definition, arguments), slot)
        self.children[instance] = child
        return child


_frame: ContextVar[Frame | None] = ContextVar("asok_frame", default=None)


@contextmanager
def rendering_into(frame: Frame) -> Iterator[None]:
    """Let `component()` put what it meets into this frame."""
    before = _frame.set(frame)
    try:
        yield
    finally:
        _frame.reset(before)


def page_slot(path: str, definition: Definition) -> str:
    """The slot of the first component of its class on a page."""
    return _short(f"{path}\x00{definition.name}\x00#0")


def _short(text: str) -> str:
    return urlsafe_b64encode(hashlib.blake2b(text.encode(), digest_size=9).digest()).decode()


def _arguments_digest(definition: Definition, arguments: dict[str, Any]) -> str:
    try:
        packed = msgspec.msgpack.encode(sorted(arguments.items()), enc_hook=repr)
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(f"component('{definition.name}', …): an argument cannot be state: {error}") from None
    return hashlib.blake2b(packed, digest_size=4).hexdigest()


def placeholder(child: Child) -> str:
    """What stands for the child in its parent's text."""
    return f'<template data-asok="{child.instance}.{child.digest}"></template>'


def children_in(text: str) -> dict[str, str]:
    """Instance -> digest of its arguments, for each placeholder in a text."""
    return dict(PLACEHOLDER.findall(text)) if "<template data-asok" in text else {}


class Templates:
    """The Jinja environment of an app, and the Renderer of its components."""

    def __init__(self, settings: Settings, statics: Statics, env: jinja2.Environment | None = None) -> None:
        self.statics = statics
        self.inline: Callable[[Child, Any], Markup] | None = None
        self.script: Callable[..., Markup] | None = None
        folders = [settings.root / "src" / "templates", settings.root / "templates"]
        ours = [
            jinja2.FunctionLoader(_beside_the_class),
            jinja2.FileSystemLoader([folder for folder in folders if folder.is_dir()]),
            jinja2.PrefixLoader({"asok": jinja2.FileSystemLoader(templates_root() / "asok")}),
        ]
        given = env or jinja2.Environment(auto_reload=settings.debug)
        loaders = ([given.loader] if given.loader else []) + ours
        self.env = given.overlay(autoescape=True, loader=jinja2.ChoiceLoader(loaders), auto_reload=settings.debug)
        self.env.context_class = _ComponentContext
        compiling.install(self.env)
        self.limit = settings.limits.html
        for environment in (given, self.env):
            environment.globals["component"] = self._component
            environment.globals["alive"] = self._alive
            environment.globals["store"] = _store
        self._sources: dict[str, jinja2.Template] = {}

    @jinja2.pass_context
    def _component(self, context: Context, name: str, /, *, key: Any = None, **arguments: Any) -> Markup:
        definition = registry.find(name)
        known = definition.fields.by_name
        for argument in arguments:
            if argument not in known:
                raise FieldError(
                    f"component('{name}', {argument}=…): {name} has no such field{nearest(argument, known)}"
                )
        frame = _frame.get()
        if frame is not None:
            return Markup(placeholder(frame.add(definition, key, arguments)))
        request = context.get("request")
        if self.inline is None or request is None:
            raise RenderError(f"component('{name}') needs `request` in the template's context")
        page = request.scope.setdefault("asok.frame", Frame(slot=request.scope["path"]))
        return self.inline(page.add(definition, key, arguments), request)

    @jinja2.pass_context
    def _alive(self, context: Context, *, nonce: str | None = None, stores: bool | None = None) -> Markup:
        assert self.script is not None
        request = context.get("request")
        if request is None:
            raise RenderError("alive() needs `request` in the template's context")
        return self.script(request, nonce, stores, later=_frame.get() is not None)

    def page(self, name: str, context: Mapping[str, Any], frame: Frame) -> str:
        """A page's template as text; the components in it are left in the frame as placeholders."""
        with rendering_into(frame):
            return compiling.render(self.env.get_template(name), context)

    def text(self, component: Component, frame: Frame) -> str:
        """A component as HTML with one root element; its children are left in the frame. Raises RenderError."""
        with rendering_into(frame):
            html: object = component.render()
        name = type(component).__name__
        if not isinstance(html, str):
            got = type(html).__name__
            raise RenderError(f"{name}.render() returned {got}; return HTML, such as self.html('x.html')")
        if len(html) > self.limit:
            raise RenderError(f"{name} rendered {len(html)} characters; {self.limit} are allowed: page the list")
        if not html.isascii():
            _check_characters(name, html)
        return with_attribute(single_root(str(html)), self.statics.scope_attribute(definition_of(component)))

    def html(self, component: Component, name: str, extra: Mapping[str, Any]) -> Markup:
        """The template file beside the component's class."""
        cls = type(component)
        beside = f"@{cls.__name__}/{name}"
        try:
            template = self.env.get_template(beside)
        except jinja2.TemplateNotFound as error:
            if error.name != beside:
                raise
            raise RenderError(f"{cls.__name__} has no template {name!r} beside {_module_file(cls)}") from None
        return self._render(template, component, extra)

    def source(self, component: Component, source: str) -> Markup:
        """A template given as text in the class."""
        template = self._sources.get(source)
        if template is None:
            html, _ = split_styles(source, type(component).__name__)
            template = self._sources[source] = self.env.from_string(html)
        return self._render(template, component, {})

    def _render(self, template: jinja2.Template, component: Component, extra: Mapping[str, Any]) -> Markup:
        around = surroundings_of(component)
        public = {name: value for name, value in component.__dict__.items() if name != "_asok"}
        own = {"this": component, "session": around.session, "request": around.request}
        return Markup(compiling.render(template, {**own, **public, **extra}))

    def forget(self) -> None:
        """Read every template again; for development."""
        if self.env.cache is not None:
            self.env.cache.clear()
        self._sources.clear()


class _ComponentContext(Context):
    """A template's variables; what is not among them may be a property of the component, or a store of its module."""

    def resolve_or_missing(self, key: str) -> Any:
        found = super().resolve_or_missing(key)
        if found is missing and not key.startswith("_"):
            component = super().resolve_or_missing("this")
            if isinstance(getattr(type(component), key, None), property):
                return getattr(component, key)
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


def _beside_the_class(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    """`@Counter/counter.html` is the file of that name in the folder of the class Counter."""
    class_name, slash, file = name.removeprefix("@").partition("/")
    if not name.startswith("@") or not slash:
        return None
    folder = registry.find(class_name).folder
    path = (folder / file).resolve() if folder else Path()
    if folder is None or not path.is_relative_to(folder) or not path.is_file():
        return None
    changed = path.stat().st_mtime_ns
    source = template_without_styles(registry.find(class_name), file, path.read_text("utf-8"))
    return source, str(path), lambda: path.is_file() and path.stat().st_mtime_ns == changed


def _check_characters(name: str, html: str) -> None:
    try:
        html.encode()
    except UnicodeEncodeError as error:
        shown = ascii(html[max(0, error.start - 20) : error.end])
        raise RenderError(
            f"{name} rendered half a character, at {shown}; decode file names with errors='replace'"
        ) from None


def single_root(html: str) -> str:
    """The HTML with one root element: as it stands if it has one, else inside a `<div>`."""
    html = COMMENTS.sub("", html).strip()
    root = ROOT.match(html)
    if root is None or PLACEHOLDER.match(html):
        return f"<div>{html}</div>"
    tag = root[1]
    if tag.lower() in VOID:
        return html if html.find(">") == len(html) - 1 else f"<div>{html}</div>"
    return html if _closes_at_end(html, tag) else f"<div>{html}</div>"


def _closes_at_end(html: str, tag: str) -> bool:
    if not html.endswith(f"</{tag}>"):
        return False
    if html.count(f"</{tag}") == html.count(f"<{tag}") == 1:
        return True
    depth = 0
    for found in re.finditer(rf"<(/?){re.escape(tag)}(?=[\s/>])", html, re.IGNORECASE):
        depth += -1 if found[1] else 1
        if depth == 0:
            return found.start() == len(html) - len(tag) - 3
    return False


def with_attribute(html: str, attribute: str) -> str:
    """The HTML with one more attribute, such as ` id="a"`, on its root element."""
    root = ROOT.match(html) if attribute else None
    return html[: root.end()] + attribute + html[root.end() :] if root else html


def with_state(html: str, token: str) -> str:
    """The HTML with the token on its root element."""
    return with_attribute(html, f' data-asok-state="{escape(token)}"')
