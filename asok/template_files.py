"""Where Jinja's templates come from: files beside classes, and those of the project."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import defaults
from jinja2.utils import internalcode

from asok.component import registry
from asok.errors import RenderError, nearest
from asok.sources import OWN, template_names
from asok.statics import template_without_styles, text_of

__all__ = ["Loaders", "MissingTemplate", "OwnFiles", "PageFiles", "beside_the_class"]

DELIMITERS = "BLOCK_START_STRING BLOCK_END_STRING VARIABLE_START_STRING VARIABLE_END_STRING COMMENT_START_STRING "
DELIMITERS += "COMMENT_END_STRING LINE_STATEMENT_PREFIX LINE_COMMENT_PREFIX"
STOCK: dict[str, Any] = {name.lower(): getattr(defaults, name) for name in DELIMITERS.split()}


def beside_the_class(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    """`@Counter/counter.html` is the file of that name in the folder of the class Counter."""
    class_name, slash, file = name.removeprefix("@").partition("/")
    if not name.startswith("@") or not slash:
        return None
    folder = registry.find(class_name).folder
    path = (folder / file).resolve() if folder else Path()
    if folder is None or not path.is_relative_to(folder) or not path.is_file():
        return None
    changed = path.stat().st_mtime_ns
    source = template_without_styles(registry.find(class_name), file, text_of(path))
    return source, str(path), lambda: path.is_file() and path.stat().st_mtime_ns == changed


class PageFiles(jinja2.FileSystemLoader):
    """The project's pages, and what they share."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """As Jinja's, but a file of another encoding is named."""
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError:
            raise RenderError(f"the template {template} is not UTF-8; save it again with that encoding") from None


class OwnFiles(jinja2.FileSystemLoader):
    """asok's own templates, which are written with Jinja's delimiters whatever those of the project are."""

    @internalcode
    def load(
        self, environment: jinja2.Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> jinja2.Template:
        """As Jinja's, for the same environment."""
        if all(getattr(environment, each) == delimiter for each, delimiter in STOCK.items()):
            return super().load(environment, name, globals)
        source, filename, uptodate = self.get_source(environment, name)
        code = environment.overlay(**STOCK).compile(source, name, filename)
        return environment.template_class.from_code(environment, code, globals or {}, uptodate)


class Loaders(jinja2.ChoiceLoader):
    """One after the other."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As Jinja's, with the same words."""
        try:
            return super().get_source(environment, template)
        except jinja2.TemplateNotFound:
            raise MissingTemplate(template, self) from None

    @internalcode
    def load(
        self, environment: jinja2.Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> jinja2.Template:
        """As Jinja's, but what is missing is told with the name that comes nearest."""
        try:
            return super().load(environment, name, globals)
        except jinja2.TemplateNotFound:
            raise MissingTemplate(name, self) from None


class MissingTemplate(jinja2.TemplateNotFound):
    """No loader has a template of this name."""

    # A template may be included only where there is one: the files are listed when somebody reads the text.
    def __init__(self, name: str, loader: jinja2.BaseLoader) -> None:
        super().__init__(name)
        self._loader = loader

    def __str__(self) -> str:
        name = str(self.name)
        known = [each for each in template_names(self._loader) if each.startswith(OWN) == name.startswith(OWN)]
        close = nearest(name, known)
        return f"there is no template {self.name!r} in src/templates or templates{close}"
