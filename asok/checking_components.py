"""What is wrong with the components that a template shows, where it names them with a text: fields, options, slots."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import jinja2
from jinja2 import nodes

from asok.checking_files import missing_beside
from asok.component import Definition, registry
from asok.errors import FieldError, UnknownComponent, nearest
from asok.sources import Source
from asok.tags import slots_in

__all__ = ["Shown", "component_problems"]

LAZY = (True, False, "visible", "idle")


class Shown:
    """Which slots the templates of a class show."""

    def __init__(self, sources: Iterable[Source], env: jinja2.Environment) -> None:
        self._sources, self._env = list(sources), env
        self.slots = cache(self._slots)

    def _slots(self, definition: Definition) -> frozenset[str] | None:
        """The names of the slots, "" for `{{ slot }}`; None where only running the class would tell."""
        texts = [each.text for each in self._sources if definition in each.owners]
        if "render" in definition.overrides or not texts:
            return None
        try:
            found = [slots_in(self._env, text) for text in texts]
        except jinja2.TemplateSyntaxError:
            return None
        known = [each for each in found if each is not None]
        return frozenset().union(*known) if len(known) == len(found) else None


def component_problems(
    tree: nodes.Template, source: Source, env: jinja2.Environment, shown: Shown
) -> Iterator[tuple[int, str]]:
    """The lines and problems of `component('Name', …)`, and of `{% component 'Name', … %}` with its slots."""
    options = _options(env)
    for call in tree.find_all(nodes.Call):
        definition = _find(call)
        if isinstance(definition, Definition):
            yield from ((call.lineno, problem) for problem in _call_problems(call, definition, options))
            if problem := missing_beside(definition):
                yield call.lineno, problem
        elif definition:
            yield call.lineno, definition
        elif meant := _bare_name(call):
            yield call.lineno, f"component({meant}): the name of a class is a text; write component({meant!r})"
    for block in tree.find_all(nodes.CallBlock):
        definition = _find(block.call)
        if isinstance(definition, Definition):
            yield from _slot_problems(block, definition, shown.slots(definition))
    if source.owners:  # a part may be included where there is a component around it
        for slot in _filled(tree):
            name = _name(slot)
            yield slot.lineno, f"{{% slot {name!r} %}} stands outside of {{% component … %}}; put it into one"


def _options(env: jinja2.Environment) -> set[str]:
    function = env.globals.get("component")
    parameters = inspect.signature(function).parameters.values() if callable(function) else ()
    return {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}


def _find(call: nodes.Expr) -> Definition | str | None:
    """The class that a call shows, or what is wrong with its name; None where it is no such call, or has no text."""
    name = _name(call) if isinstance(call, nodes.Call) and _is_component(call) else None
    try:
        return registry.find(name) if isinstance(name, str) else None
    except UnknownComponent as error:
        return str(error)


def _bare_name(call: nodes.Call) -> str:
    """The class that a call names without quotes."""
    first = call.args[0] if _is_component(call) and call.args else None
    return first.name if isinstance(first, nodes.Name) and first.name in {each.name for each in registry} else ""


def _name(call: nodes.Call) -> object:
    return call.args[0].value if call.args and isinstance(call.args[0], nodes.Const) else None


# --- fields and options


def _call_problems(call: nodes.Call, definition: Definition, options: set[str]) -> Iterator[str]:
    name, fields = definition.name, definition.fields.by_name
    if len(call.args) > 1:
        example = next(iter(fields), "key")
        yield f"component({name!r}, …): its fields are given by name, as in component({name!r}, {example}=…)"
    given: Mapping[str, nodes.Expr] = {each.key: each.value for each in call.kwargs}
    for argument, value in given.items():
        if argument not in fields and argument not in options:
            yield f"component({name!r}, {argument}=…): {name} has no such field{nearest(argument, fields)}"
        elif isinstance(value, nodes.Const):
            yield from _literal_problems(definition, argument, value.value)


def _literal_problems(definition: Definition, argument: str, value: object) -> Iterator[str]:
    call = f"component({definition.name!r}, {argument}={value!r})"
    if argument in definition.fields.by_name:
        try:
            definition.fields.convert(argument, value)
        except FieldError as error:
            yield f"{call}: {error}"
    elif argument == "lazy" and value not in LAZY:
        yield f"{call}: expected True, 'visible' or 'idle'{nearest(str(value), ['visible', 'idle'])}"


# --- slots


def _slot_problems(
    block: nodes.CallBlock, definition: Definition, shown: frozenset[str] | None
) -> Iterator[tuple[int, str]]:
    if shown is None:
        return
    known = sorted(name for name in shown if name)
    for slot in _filled(block):
        name = str(_name(slot))
        if name not in shown:
            names = "; it shows " + (", ".join(f"slots.{each}" for each in known) or "none")
            yield slot.lineno, f"{definition.name} has no slot {name!r}{nearest(name, known) or names}"


def _filled(node: nodes.Node) -> Iterator[nodes.Call]:
    """The slots that are filled in a node, without those of components further in, and of macros."""
    for child in node.iter_child_nodes():
        call = child.call if isinstance(child, nodes.CallBlock) else None
        if isinstance(child, nodes.Macro) or (call is not None and _is_component(call)):
            continue
        if call is not None and isinstance(call.node, nodes.ImportedName):
            yield call
        yield from _filled(child)


def _is_component(call: nodes.Call) -> bool:
    return isinstance(call.node, nodes.Name) and call.node.name == "component"
