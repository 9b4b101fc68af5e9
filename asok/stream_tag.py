"""The template tag `{% stream rows as row %}…{% endstream %}`: what one row of a stream looks like."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup

from asok.component import Component
from asok.errors import RenderError
from asok.frames import current_frame
from asok.rows import mark

__all__ = ["StreamTag"]

EXAMPLE = "{% stream rows as row %}"


class StreamTag(Extension):
    """Keeps what stands between the tags, to be rendered once for each row that is needed."""

    tags = {"stream"}

    def parse(self, parser: Parser) -> nodes.Node:
        """The tag with its body, which is called with a row."""
        line, stream = next(parser.stream).lineno, parser.stream
        names = [next(stream).value if stream.current.test("name") else "" for _ in range(3)]
        if not all(names) or names[1] != "as" or not stream.current.test("block_end"):
            parser.fail(f"a stream is shown by its name and that of one row, as in {EXAMPLE}", line)
        body = parser.parse_statements(("name:endstream",), drop_needle=True)
        call = self.call_method("_mark", [nodes.Name("this", "load"), nodes.Const(names[0])], lineno=line)
        return nodes.CallBlock(call, [nodes.Name(names[2], "param")], [], body).set_lineno(line)

    def _mark(self, component: Any, name: str, caller: Any) -> Markup:
        frame = current_frame()
        if frame is None or not isinstance(component, Component):
            raise RenderError(f"{EXAMPLE} stands in a component's template; the page has no stream {name!r}")
        return Markup(mark(frame, component, name, caller))
