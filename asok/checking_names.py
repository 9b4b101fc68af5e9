"""Names in a component's template that nothing gives it, and that are a slip away from one that it has."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import CodeType

import jinja2
from jinja2 import meta, nodes

from asok.component import Component, Definition
from asok.missing import COMPUTED
from asok.sources import Source
from asok.spelling import nearly

__all__ = ["name_problems"]

GIVEN = {"this", "session", "request", "slot", "slots", "caller", "self"}


def name_problems(tree: nodes.Template, source: Source, env: jinja2.Environment) -> Iterator[tuple[int, str]]:
    """The lines and problems of such names; none that are asked whether they are there."""
    if not source.owners:
        return
    shown = {name for each in source.owners for name in _shown(each)}
    known = GIVEN | shown | env.globals.keys() | {name for each in source.owners for name in _mentioned(each)}
    unknown = meta.find_undeclared_variables(tree) - known - set(_asked(tree))
    for name in sorted(unknown):
        if meant := nearly(name, shown):
            line = min(each.lineno for each in tree.find_all(nodes.Name) if each.name == name)
            yield line, f"{source.owners[0].name} has no {name!r}; did you mean {meant!r}?"


def _shown(definition: Definition) -> Iterator[str]:
    """What templates of the class show: its fields, its properties, and what load() sets."""
    yield from definition.fields.by_name
    yield from (name for name, _ in inspect.getmembers(definition.cls, lambda value: isinstance(value, COMPUTED)))
    if "load" in definition.overrides:
        yield from _words(definition.cls.load.__code__) if inspect.isfunction(definition.cls.load) else ()


def _mentioned(definition: Definition) -> Iterator[str]:
    """Whatever the class or its module calls by a name, since its code may give that to the template."""
    yield from dir(definition.cls)
    yield from vars(sys.modules.get(definition.cls.__module__, sys))
    for base in definition.cls.__mro__:
        if issubclass(base, Component) and base is not Component:
            for value in vars(base).values():
                if inspect.isfunction(value):
                    yield from _words(value.__code__)


def _words(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_varnames)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _words(each)
        else:  # a tuple has the names of arguments
            yield from (word for word in (each if isinstance(each, tuple) else (each,)) if isinstance(word, str))


def _asked(tree: nodes.Template) -> Iterator[str]:
    """The names of which the template knows that they may be missing."""
    kinds = (nodes.Test, nodes.Filter)
    for node in tree.find_all(kinds):
        if isinstance(node, kinds) and node.name in ("defined", "undefined", "default", "d"):
            yield from (each.name for each in node.find_all(nodes.Name))
