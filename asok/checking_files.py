"""Which templates are missing: what others extend, include and import, and those of pages and components."""

from __future__ import annotations

from collections.abc import Iterator

import jinja2
from jinja2 import nodes

from asok.component import Definition

__all__ = ["file_problems", "is_missing", "missing_beside"]


def file_problems(tree: nodes.Template, env: jinja2.Environment) -> Iterator[tuple[int, str]]:
    """The lines and problems of `{% extends %}`, `{% include %}` and `{% import %}` with a text for their target."""
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        target = next(node.iter_child_nodes(only=("template",)))
        if isinstance(node, nodes.Include) and node.ignore_missing:
            continue
        names = _names(target) if isinstance(target, nodes.Expr) else []
        missing = [problem for name in names if (problem := is_missing(name, env))]
        if names and len(missing) == len(names):  # of several, one is enough
            yield node.lineno, missing[0]


def _names(expression: nodes.Expr) -> list[str]:
    """The texts; none where only running the template would tell."""
    items = expression.items if isinstance(expression, nodes.List | nodes.Tuple) else [expression]
    names = [each.value for each in items if isinstance(each, nodes.Const) and isinstance(each.value, str)]
    return names if len(names) == len(items) else []


def is_missing(name: str, env: jinja2.Environment) -> str:
    """That no loader has a template of this name, in words; "" where there is one, readable or not."""
    if env.loader is None:
        return ""
    try:
        env.loader.get_source(env, name)
    except jinja2.TemplateNotFound as error:
        return str(error) if error.name == name else ""
    except Exception:  # what is wrong with it is told at the template itself
        return ""
    return ""


def missing_beside(definition: Definition) -> str:
    """That a class which shows the file named after it has none, in words."""
    folder, name = definition.folder, definition.template_name
    if definition.cls.template is not None or "render" in definition.overrides or folder is None:
        return ""
    problem = f"{definition.name} has no template {name!r} in {folder.name}"
    return "" if (folder / name).is_file() else f"{problem}, and no `template` in its class"
