"""Mistakes in the templates of an app, found before anybody meets them: `asok check`, and the start in development."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jinja2

from asok.checking_attributes import Known, problems
from asok.checking_components import Shown, component_problems
from asok.checking_files import file_problems, is_missing, missing_beside
from asok.checking_markup import elements
from asok.checking_names import name_problems
from asok.component import Definition, registry
from asok.sources import Source, sources

__all__ = ["Finding", "Mistakes", "Served", "check", "findings", "page_findings"]

log = logging.getLogger("asok")

INSTALLED = "site-packages"
AROUND = ("slot", "extends", "include", "import", "component")


class Finding(NamedTuple):
    """A mistake in a template, and where it stands."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}: {self.problem}"


Checked = dict[Source, tuple[Finding, ...]]


class Served(NamedTuple):
    """A page of an app: its template, or the class that it shows, and where the app says so."""

    shows: str | Definition
    file: str
    line: int


def findings(definitions: Iterable[Definition], *envs: jinja2.Environment) -> tuple[list[Finding], int]:
    """The mistakes in all templates of these classes and environments, and how many templates that were."""
    known, checked = list(definitions), Checked()
    for env in envs:
        checked |= _check_all(_own_sources(known, env), env, {})
    return sorted({finding for found in checked.values() for finding in found}), len(checked)


def page_findings(pages: Iterable[Served], env: jinja2.Environment) -> Iterator[Finding]:
    """The pages whose template is missing."""
    for shows, file, line in pages:
        problem = is_missing(shows, env) if isinstance(shows, str) else missing_beside(shows)
        if problem:
            yield Finding(file, line, problem)


def _own_sources(definitions: Iterable[Definition], env: jinja2.Environment) -> list[Source]:
    """What the project itself has, without what comes with libraries."""
    return [source for source in sources(definitions, env) if INSTALLED not in Path(source.file).parts]


def _check_all(sources: list[Source], env: jinja2.Environment, before: Checked) -> Checked:
    """The mistakes in each template. before: what is known of those that have not changed."""
    shown = Shown(sources, env)
    # What a slot is called, and whether a file is there, depends on other templates.
    same = {source: found for source, found in before.items() if not any(word in source.text for word in AROUND)}
    return {source: same[source] if source in same else tuple(check(source, env, shown)) for source in sources}


def check(source: Source, env: jinja2.Environment, shown: Shown) -> Iterator[Finding]:
    """The mistakes in one template; none in a stray file that Jinja cannot read, which may be of another kind."""
    found: list[tuple[int, str]] = []
    try:
        for each in _problems(source, env, shown):
            found.append(each)
    except jinja2.TemplateSyntaxError as error:
        if source.stray:
            return
        found.append((error.lineno, f"Jinja cannot read this: {error.message}"))
    for line, problem in found:
        yield Finding(source.file, source.line + (line - 1 if source.whole else 0), problem)


def _problems(source: Source, env: jinja2.Environment, shown: Shown) -> Iterator[tuple[int, str]]:
    if source.problem:
        yield 1, source.problem
    known = Known(source.owners) if source.owners else None
    for element in elements(env, source.text):
        for attribute in element.attributes:
            yield from ((attribute.line, problem) for problem in problems(attribute, known, element.tag))
    tree = env.parse(source.text)
    yield from file_problems(tree, env)
    yield from component_problems(tree, source, env, shown)
    yield from name_problems(tree, source, env)
    env.compile(tree, raw=True)  # it alone knows which filters and tests there are


# --- in development


class Mistakes:
    """What has been told of the mistakes in an app's templates, so that each is told once. debug: else none is."""

    def __init__(self, env: jinja2.Environment, *, debug: bool) -> None:
        self._env, self._debug = env, debug
        self._checked: Checked | None = None
        self._told = set[Finding]()
        self.pages: list[Served] = []

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

    def _tell(self, before: Checked) -> None:
        self._checked = _check_all(_own_sources(registry, self._env), self._env, before)
        before_that, self._told = self._told, {finding for found in self._checked.values() for finding in found}
        self._told.update(page_findings(self.pages, self._env))
        for finding in sorted(self._told - before_that):
            log.warning("%s", finding)
