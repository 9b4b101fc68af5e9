"""The tags `{% component "Card" %}…{% endcomponent %}` and `{% slot "footer" %}…{% endslot %}`; who asks for slots."""

from __future__ import annotations

from jinja2 import Environment, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token
from jinja2.parser import Parser

__all__ = ["SlotTags", "slots_in"]

# A slot is over at its own end, and where the next one begins or its component ends.
SLOT_ENDS = ("name:endslot", "name:slot", "name:endcomponent")
# A template of which a part stands in another file.
ELSEWHERE: tuple[type[nodes.Node], ...] = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class SlotTags(Extension):
    """A component with content: `component(…)` and `fill_slot(…)` are called with what stands between the tags."""

    tags = {"component", "slot"}

    def parse(self, parser: Parser) -> nodes.Node:
        """One of the two, with its content."""
        token = next(parser.stream)
        call = _call(parser, token)
        if token.value == "component":
            body = parser.parse_statements(("name:endcomponent",), drop_needle=True)
        else:
            body = parser.parse_statements(SLOT_ENDS)
            _leave_slot(parser, token)
        return nodes.CallBlock(call, [], [], body).set_lineno(token.lineno)


def _call(parser: Parser, token: Token) -> nodes.Call:
    """What the tag calls, with the arguments that stand in it."""
    positional: list[nodes.Expr] = []
    named: list[nodes.Keyword] = []
    stream, spread = parser.stream, None
    while not stream.current.test("block_end"):
        if positional or named or spread:
            stream.expect("comma")
        if stream.skip_if("pow"):
            spread = parser.parse_expression()
        elif stream.current.test("name") and stream.look().test("assign"):
            name = next(stream).value
            next(stream)
            named.append(nodes.Keyword(name, parser.parse_expression()))
        else:
            positional.append(parser.parse_expression())
    if token.value == "component":
        return nodes.Call(nodes.Name("component", "load"), positional, named, None, spread)
    names = [each.value for each in positional if isinstance(each, nodes.Const) and isinstance(each.value, str)]
    if len(names) != 1 or len(positional) != 1 or named or spread:
        parser.fail("a slot is named by one text, as in {% slot 'footer' %}", token.lineno)
    return nodes.Call(nodes.ImportedName("asok.slots.fill_slot"), positional, [], None, None)


def _leave_slot(parser: Parser, token: Token) -> None:
    """Go behind `{% endslot %}`; where that is left out, stay before the tag that has ended the slot."""
    stream, end = parser.stream, parser.stream.current
    if end.value == "endslot":
        next(stream)
        return
    for each in (Token(end.lineno, "block_begin", "{%"), end):
        stream.push(each)
    stream.current = Token(end.lineno, "block_end", "%}")


def slots_in(env: Environment, source: str) -> frozenset[str] | None:
    """The slots that a template shows, "" for `{{ slot }}`; None where only running it would tell."""
    tree = env.parse(source)
    names = [node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"]
    asked = [
        *(node.attr for node in tree.find_all(nodes.Getattr) if _is_slots(node.node)),
        *(getattr(node.arg, "value", None) for node in tree.find_all(nodes.Getitem) if _is_slots(node.node)),
    ]
    elsewhere = any(tree.find(kind) for kind in ELSEWHERE)
    if elsewhere or len(asked) != names.count("slots"):
        return None
    default = [""] if "slot" in names else []
    return None if None in asked else frozenset([*default, *map(str, asked)])


def _is_slots(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name == "slots"
