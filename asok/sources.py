"""Every template of an app: files beside component classes, texts in classes, and what Jinja's loaders list."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2

from asok.component import Component, Definition
from asok.errors import AsokError
from asok.exposing import below, codes
from asok.scoping import split_styles

__all__ = ["OWN", "Source", "sources", "template_names", "texts_in_code"]

SUFFIXES = frozenset({".html", ".htm", ".jinja", ".jinja2", ".j2"})
FILE = re.compile(r"[\w. /-]{1,200}\.(?:html?|jinja2?|j2)")
OWN = "asok/"
UNREADABLE = (OSError, UnicodeError, AsokError, jinja2.TemplateError)


@dataclass(frozen=True, slots=True)
class Source:
    """A template as Jinja is given it.

    file, line: where its first line stands. owners: the classes that render it; none for pages, macros and parts.
    problem: why there is no text. stray: nobody names the file, so it may be no template at all. whole: its lines
    follow each other in the file.
    """

    file: str
    text: str
    owners: tuple[Definition, ...] = ()
    line: int = 1
    problem: str = ""
    stray: bool = False
    whole: bool = True


def sources(definitions: Iterable[Definition], env: jinja2.Environment) -> Iterator[Source]:
    """The templates of these classes, then those that the environment's loaders can list; each file once."""
    known, seen = list(definitions), set[str]()
    for owner in known:
        if isinstance(vars(owner.cls).get("template"), str):
            yield inline(owner, known)
    for source in (*beside_classes(known, env), *listed_templates(env)):
        if source.file not in seen:
            seen.add(source.file)
            yield source


def texts_in_code(cls: type) -> Iterator[str]:
    """The text constants in a class and its methods, which may be made into HTML."""
    for base in below(cls, Component):
        for value in vars(base).values():
            if isinstance(value, str):
                yield value
            for code in codes(value):
                yield from _constants(code)


def _constants(code: CodeType) -> Iterator[str]:
    for each in code.co_consts:
        if isinstance(each, str):
            yield each
        elif isinstance(each, CodeType):
            yield from _constants(each)


# --- files beside a class


def beside_classes(known: list[Definition], env: jinja2.Environment) -> Iterator[Source]:
    """The template files in the folders of the classes, with the classes that name them."""
    namers = _namers(known)
    strays = [
        (path.resolve(), each)
        for each in {each.folder: each for each in known if each.folder}.values()
        for path in sorted((each.folder or Path()).glob("*.html"))
    ]
    for path, owners in namers.items():
        if path.is_file():
            yield _read(env, _beside(path, owners[0]), str(path), owners)
    for path, neighbour in strays:
        if path not in namers:
            yield _read(env, _beside(path, neighbour), str(path), (), stray=True)


def _namers(known: list[Definition]) -> dict[Path, tuple[Definition, ...]]:
    """The classes that may render a file, and those derived from them, by the file."""
    found: dict[Path, dict[str, Definition]] = {}
    for owner in known:
        if owner.folder is None:
            continue
        named = {text for text in texts_in_code(owner.cls) if FILE.fullmatch(text)}
        if owner.cls.template is None:
            named.add(owner.template_name)
        for name in sorted(named):
            path = (owner.folder / name).resolve()
            if path.is_relative_to(owner.folder):
                found.setdefault(path, {}).update(_family(owner, known))
    return {path: tuple(owners.values()) for path, owners in found.items()}


def _family(owner: Definition, known: list[Definition]) -> dict[str, Definition]:
    """The class and those derived from it: its template may use a method that only they have."""
    return {owner.name: owner} | {each.name: each for each in known if issubclass(each.cls, owner.cls)}


def _beside(path: Path, owner: Definition) -> str:
    return f"@{owner.name}/{path.relative_to(owner.folder or path.parent)}"


# --- what the loaders list


def listed_templates(env: jinja2.Environment) -> Iterator[Source]:
    """The pages and parts of the environment, as far as its loaders can list them."""
    names = {} if env.loader is None else dict.fromkeys(template_names(env.loader))
    for name in names:
        if Path(name).suffix in SUFFIXES and not name.startswith(OWN):
            yield _read(env, name, name, ())


def template_names(loader: jinja2.BaseLoader) -> Iterator[str]:
    """What a loader can list."""
    if isinstance(loader, jinja2.ChoiceLoader):
        for each in loader.loaders:
            yield from template_names(each)
        return
    try:
        yield from loader.list_templates()
    except (TypeError, OSError):  # many loaders cannot tell
        return


def _read(
    env: jinja2.Environment, name: str, shown: str, owners: tuple[Definition, ...], *, stray: bool = False
) -> Source:
    assert env.loader is not None
    try:
        text, file, _ = env.loader.get_source(env, name)
    except UNREADABLE as error:
        return Source(shown, "", owners, problem=str(error), stray=stray)
    return Source(str(Path(file).resolve()) if file else shown, text, owners, stray=stray)


# --- texts in classes


def inline(owner: Definition, known: list[Definition]) -> Source:
    """The `template` of a class, and where in its module that text begins."""
    owners = tuple(_family(owner, known).values())
    text = str(vars(owner.cls)["template"])
    file, line, whole = _place(owner.cls, text)
    try:
        return Source(file, split_styles(text, owner.name)[0], owners, line, whole=whole)
    except AsokError as error:
        return Source(file, "", owners, line, problem=str(error))


def _place(cls: type, text: str) -> tuple[str, int, bool]:
    """File and line of the text, and whether its lines follow each other there; else the line of the class."""
    file = _or(lambda: inspect.getsourcefile(cls)) or cls.__module__
    tree = _or(lambda: ast.parse(Path(file).read_text("utf-8"))) or ast.parse("")
    classes = [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    for each in (each for each in classes if each.name == cls.__name__):
        for node in each.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Constant) and value.value == text:
                breaks = (value.end_lineno or value.lineno) - value.lineno
                # A backslash after the opening quotes hides the first line break.
                hidden = breaks - text.count("\n")
                return file, value.lineno + (hidden if hidden == 1 else 0), hidden in (0, 1)
        return file, each.lineno, False
    return file, 1, False


def _or(find: Callable[[], Any]) -> Any:
    """What is found, or None: a class may be made where there is no file, or its file may have gone."""
    try:
        return find()
    except (OSError, TypeError, UnicodeError, SyntaxError, ValueError):
        return None
