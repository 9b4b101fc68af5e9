"""Mistakes in the templates of an app, found before anybody meets them: `asok check`, and the start in development."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jinja2
from jinja2 import nodes

from asok.checking_attributes import Known, problems
from asok.checking_markup import elements
from asok.component import Definition, registry
from asok.errors import FieldError, UnknownComponent, nearest
from asok.sources import Source, sources

__all__ = ["Finding", "Mistakes", "check", "findings"]

log = logging.getLogger("asok")

INSTALLED = "site-packages"


class Finding(NamedTuple):
    """A mistake in a template, and where it stands."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}: {self.problem}"


def findings(definitions: Iterable[Definition], *envs: jinja2.Environment) -> tuple[list[Finding], int]:
    """The mistakes in all templates of these classes and environments, and how many templates that were."""
    known = list(definitions)
    checked = {source: tuple(check(source, env)) for env in envs for source in _own_sources(known, env)}
    return sorted({finding for found in checked.values() for finding in found}), len(checked)


def _own_sources(definitions: Iterable[Definition], env: jinja2.Environment) -> Iterator[Source]:
    """What the project itself has, without what comes with libraries."""
    return (source for source in sources(definitions, env) if INSTALLED not in Path(source.file).parts)


def check(source: Source, env: jinja2.Environment) -> Iterator[Finding]:
    """The mistakes in one template; none in a stray file that Jinja cannot read, which may be of another kind."""
    found: list[tuple[int, str]] = []
    try:
        for each in _problems(source, env):
            found.append(each)
    except jinja2.TemplateSyntaxError as error:
        if source.stray:
            return
        found.append((error.lineno, f"Jinja cannot read this: {error.message}"))
    for line, problem in found:
        yield Finding(source.file, source.line + (line - 1 if source.whole else 0), problem)


def _problems(source: Source, env: jinja2.Environment) -> Iterator[tuple[int, str]]:
    if source.problem:
        yield 1, source.problem
    known = Known(source.owners) if source.owners else None
    for element in elements(env, source.text):
        for attribute in element.attributes:
            yield from ((attribute.line, problem) for problem in problems(attribute, known))
    tree = env.parse(source.text)
    yield from _component_problems(tree, env)
    env.compile(tree, raw=True)  # it alone knows which filters and tests there are


# --- component('Name', …)


def _component_problems(tree: nodes.Template, env: jinja2.Environment) -> Iterator[tuple[int, str]]:
    """What is wrong with the components that a template shows, where it names them with a text."""
    function = env.globals.get("component")
    parameters = inspect.signature(function).parameters.values() if callable(function) else ()
    options = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "component":
            yield from ((call.lineno, problem) for problem in _call_problems(call, options))


def _call_problems(call: nodes.Call, options: set[str]) -> Iterator[str]:
    name = call.args[0].value if call.args and isinstance(call.args[0], nodes.Const) else None
    if not isinstance(name, str):
        return
    try:
        definition = registry.find(name)
    except UnknownComponent as error:
        yield str(error)
        return
    fields = definition.fields.by_name
    given = {each.key: each.value for each in call.kwargs if each.key in fields or each.key not in options}
    if len(call.args) > 1:
        yield f"component({name!r}, …): its fields are given by name, as in component({name!r}, {_example(fields)}=…)"
    for argument, value in given.items():
        if argument not in fields:
            yield f"component({name!r}, {argument}=…): {name} has no such field{nearest(argument, fields)}"
        elif isinstance(value, nodes.Const):
            try:
                definition.fields.convert(argument, value.value)
            except FieldError as error:
                yield f"component({name!r}, {argument}={value.value!r}): {error}"


def _example(fields: Iterable[str]) -> str:
    return next(iter(fields), "key")


# --- in development


class Mistakes:
    """What has been told of the mistakes in an app's templates, so that each is told once. debug: else none is."""

    def __init__(self, env: jinja2.Environment, *, debug: bool) -> None:
        self._env, self._debug = env, debug
        self._checked: dict[Source, tuple[Finding, ...]] | None = None

    def begin(self) -> None:
        """Tell of them once, however often the app is started."""
        if self._checked is None:
            self.tell()

    def tell(self) -> None:
        """Log the mistakes that are new; whatever happens, the app goes on."""
        if self._debug:
            try:
                self._tell(self._checked or {})
            except Exception:
                log.warning("the templates cannot be checked", exc_info=True)

    def _tell(self, before: dict[Source, tuple[Finding, ...]]) -> None:
        now: dict[Source, tuple[Finding, ...]] = {}
        for source in _own_sources(registry, self._env):
            now[source] = before[source] if source in before else tuple(check(source, self._env))
        self._checked = now
        told = {finding for found in before.values() for finding in found}
        for finding in sorted({finding for found in now.values() for finding in found} - told):
            log.warning("%s", finding)
