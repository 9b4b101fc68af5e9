"""Which loops of a template depend on nothing but their rows.

A body is pure if its text follows from its row alone: it names nothing but the row, calls and assigns nothing,
includes nothing, does not ask for `loop`, and its filters and tests are those of Jinja that always give the same
for the same. Whatever is not known to be pure is taken for impure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from asok.missing import TellingUndefined

__all__ = ["UNDEFINED", "Body", "function_of", "pure_body", "shown"]

# None of these needs the context, or looks into the environment, when it is called.
_FILTERS = (
    "abs capitalize center d default e escape float forceescape int length count lower round safe string striptags "
    "title trim upper wordcount"
)
_TESTS = (
    "odd even divisibleby defined undefined boolean false true integer float lower upper string mapping number "
    "sequence iterable none escaped in == eq equalto != ne > gt greaterthan ge >= < lt lessthan <= le"
)
# As they were when asok was imported; what an environment has under these names may be another function.
_OWN = {
    "filters": {name: FILTERS[name] for name in _FILTERS.split()},
    "tests": {name: TESTS[name] for name in _TESTS.split()},
}
# The classes that a loop may meet: Jinja's, and ours, which tells only once. Another may log what is missing.
UNDEFINED = frozenset(
    {
        jinja2.Undefined,
        jinja2.ChainableUndefined,
        jinja2.DebugUndefined,
        jinja2.StrictUndefined,
        TellingUndefined,
    }
)


def function_of(kind: str, name: str) -> Any:
    """Jinja's own filter or test of that name; kind: "filters" or "tests"."""
    return _OWN[kind].get(name)


_WORTH = 3  # values: fewer are written in the time in which a row is looked up


@dataclass(slots=True)
class Body:
    """What a pure body reads.

    names: every attribute that it asks for. values: the dotted ones, from the row on, whose values it uses. whole: it
    uses the row itself. computes: it does more than to write values and test them. called: its filters and tests by
    kind and name. work: about how many values it writes or computes.
    """

    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    whole: bool = False
    computes: bool = False
    called: set[tuple[str, str]] = field(default_factory=set)
    work: int = 0


def pure_body(loop: nodes.For) -> Body | None:
    """What the loop's body reads of its row, if that is all it depends on, and worth remembering; else None."""
    target, body = loop.target, Body()
    if loop.test is not None:
        return None
    bound = _bound(target)
    # The names of a tuple's items are no rows with attributes; only the tuple as a whole is looked at.
    reader = _Reader(body, target.name if isinstance(target, nodes.Name) else "")
    body.whole = isinstance(target, nodes.Tuple)
    pure = bool(bound) and all(reader.reads(node, bound) for node in loop.body)
    return body if pure and body.work >= _WORTH else None


def shown(loop: nodes.For, template: str | None) -> str:
    """What a person knows the loop by."""
    targets = [name.name for name in [loop.target, *loop.target.find_all(nodes.Name)] if isinstance(name, nodes.Name)]
    rows = loop.iter.name if isinstance(loop.iter, nodes.Name) else "…"
    place = f"line {loop.lineno}" + (f" of {template!r}" if template else "")
    return f"{{% for {', '.join(targets)} in {rows} %}}, {place}"


def _bound(target: nodes.Node) -> frozenset[str]:
    """The names that a loop's target gives; none if it is of an unknown kind."""
    items = target.items if isinstance(target, nodes.Tuple) else [target]
    names = [item.name for item in items if isinstance(item, nodes.Name) and item.name != "loop"]
    return frozenset(names) if len(names) == len(items) else frozenset()


class _Reader:
    """One walk through a body. row: the name of the row."""

    def __init__(self, body: Body, row: str) -> None:
        self._body, self._row = body, row

    def reads(self, node: nodes.Node, bound: frozenset[str]) -> bool:
        """Notes what the node reads; whether it is pure where these names are bound."""
        body = self._body
        match node:
            case nodes.Name():
                body.whole |= node.name == self._row
                return node.ctx == "load" and node.name in bound
            case nodes.Getattr() | nodes.Getitem():
                return self._attribute(node, bound)
            case nodes.For():
                return self._loop(node, bound)
            case nodes.Filter() | nodes.Test():
                if not self._calls(node):
                    return False
            case nodes.Output():
                body.work += sum(not isinstance(child, nodes.TemplateData | nodes.Const) for child in node.nodes)
            case nodes.TemplateData() | nodes.Const() | nodes.If() | nodes.And() | nodes.Or() | nodes.Not():
                pass
            case nodes.BinExpr() | nodes.UnaryExpr() | nodes.Concat() | nodes.Compare() | nodes.Operand():
                body.computes = True
            case nodes.CondExpr() | nodes.Tuple() | nodes.List() | nodes.Dict() | nodes.Pair():
                body.computes = True
            case nodes.Slice() | nodes.Keyword():
                body.computes = True
            case _:
                return False
        return all(self.reads(child, bound) for child in node.iter_child_nodes())

    def _attribute(self, node: nodes.Getattr | nodes.Getitem, bound: frozenset[str]) -> bool:
        steps, owner = _steps(node)
        if not steps:  # an item by a number, or by what only a rendering tells
            self._body.computes = True
            return all(self.reads(child, bound) for child in node.iter_child_nodes())
        self._body.names.update(steps)
        if isinstance(owner, nodes.Name) and owner.name == self._row and owner.name in bound:
            self._body.values.add(".".join(steps))
            return True
        return self.reads(owner, bound)

    def _loop(self, node: nodes.For, bound: frozenset[str]) -> bool:
        inner = _bound(node.target)
        if node.test is not None or not inner:
            return False
        self._body.work += 2
        after = all(self.reads(child, bound) for child in [node.iter, *node.else_])
        return after and all(self.reads(child, bound | inner) for child in node.body)

    def _calls(self, node: nodes.Filter | nodes.Test) -> bool:
        kind = "filters" if isinstance(node, nodes.Filter) else "tests"
        self._body.computes = True
        self._body.work += 1
        self._body.called.add((kind, node.name))
        plain = node.node is not None and node.dyn_args is None and node.dyn_kwargs is None
        return plain and function_of(kind, node.name) is not None


def _steps(node: nodes.Node) -> tuple[list[str], nodes.Node]:
    """The attributes that are asked for one after the other, and of what."""
    steps: list[str] = []
    while True:
        match node:
            case nodes.Getattr():
                steps.insert(0, node.attr)
            case nodes.Getitem(arg=nodes.Const(value=str(name))):
                steps.insert(0, name)
            case _:
                return steps, node
        node = node.node
