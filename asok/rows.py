"""Rows of streams as HTML: where they go in a component's text, and what becomes of them in the page.

`{% stream rows as row %}…{% endstream %}` leaves a mark where rows go, and the template's own code for one row. The
mark is taken out again, so the container is empty in the text that is compared and sent. Rows are rendered only
where they are needed: for the first HTML of the page, and for what a method has changed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any, NamedTuple

from markupsafe import escape

from asok.component import Component, definition_of, surroundings_of
from asok.errors import RenderError, nearest
from asok.frames import Frame, rendering_into
from asok.markup import SVG_PART, single_root
from asok.streaming import Change, Stream

__all__ = [
    "FILL",
    "STREAM",
    "Container",
    "containers_in",
    "fill",
    "kept",
    "mark",
    "refills",
    "render_changes",
    "reset_of",
    "with_rows",
]

STREAM = "stream"
# What a record keeps of rows that are many: the page is to be filled anew.
FILL = "fill"
LONG = 4096
# So much may wait in a record until it must have arrived.
TOGETHER = 1024 * 1024
Effect = list[Any]

# Nobody can write it into a row or a text.
MARK = f"<!--asok {secrets.token_hex(8)} "
MARKS = re.compile(re.escape(MARK) + r"(\w+)-->")
OPENING = re.compile(r"""<[A-Za-z](?:[^>"']|"[^"]*"|'[^']*')*>""")


class Container(NamedTuple):
    """Where rows of a stream go: so many characters before the text's end. body: what renders one of them."""

    tail: int
    body: Callable[[Any], str]


def mark(frame: Frame, component: Component, name: str, body: Callable[[Any], str]) -> str:
    """What stands for the rows while the component is rendered. Raises RenderError."""
    definition = definition_of(component)
    if name not in definition.streams:
        problem = f"{{% stream {name} as … %}}: {definition.name} has no stream {name!r}"
        problem += nearest(name, definition.streams)
        raise RenderError(f"{problem}; declare it in the class: {name}: Stream[Row] = Stream(key='id')")
    if name in frame.streams:
        raise RenderError(f"{{% stream {name} as … %}} stands twice in {definition.name}; its rows have one place")
    frame.streams[name] = body
    return f"{MARK}{name}-->"


def containers_in(html: str, frame: Frame, component: str) -> tuple[str, dict[str, Container]]:
    """The text with empty containers, and where they are. Raises RenderError where rows stand not alone in one."""
    containers: dict[str, Container] = {}
    for found in reversed(list(MARKS.finditer(html))):
        before, after, name = html[: found.start()].rstrip(), html[found.end() :].lstrip(), found[1]
        container = before[before.rfind("<") :]
        if not _says(container, "ws-stream", name) or not container.endswith(">") or not after.startswith("</"):
            tag = f"{{% stream {name} as … %}}"
            example = f'<ul ws-stream="{name}">{tag}<li ws-key="…">…</li>{{% endstream %}}</ul>'
            raise RenderError(f"{component}: {tag} must stand alone in the element with its name, as in {example}")
        # Told apart from its siblings, it is never taken for one of them, which would cost it its rows.
        key = "" if re.search(r"""\s(?:id|ws-key)=""", container) else f' ws-key="{name}"'
        html, containers[name] = f"{before[:-1]}{key}>{after}", Container(len(after), frame.streams[name])
    for name in frame.streams.keys() - containers.keys():
        problem = f"{component}: the rows of {{% stream {name} as … %}} are not in its own text"
        raise RenderError(f"{problem}; show them in its template, not in what it gives another component")
    return html, containers


def with_rows(html: str, containers: Mapping[str, Container], rows: Mapping[str, str]) -> str:
    """The text with its containers filled; attributes may have been added to its root."""
    for name in sorted(rows, key=lambda name: -containers[name].tail):
        tail = len(html) - containers[name].tail
        html = html[:tail] + rows[name] + html[tail:]
    return html


async def fill(
    component: Component, containers: Mapping[str, Container], names: Iterable[str], limit: int
) -> dict[str, str]:
    """The rows that the page is to show now, of these streams as far as they have a place and a fill."""
    definition, around, rows = definition_of(component), surroundings_of(component), {}
    for name in names:
        stream = definition.streams[name]
        if name not in containers or not stream.filler:
            continue
        around.loading = True
        try:
            found = getattr(component, stream.filler)()
            items = tuple(await found if isawaitable(found) else found)
        finally:
            around.loading = False
        if stream.limit and len(items) > stream.limit:
            problem = f"{definition.name}.{stream.filler} gives {len(items)} rows, and {name} has limit={stream.limit}"
            raise RenderError(f"{problem}; give the rows that the page is to show")
        rows[name] = _checked(definition.name, _rows(component, stream, containers[name], items, distinct=True), limit)
    return rows


def render_changes(component: Component, containers: Mapping[str, Container], limit: int) -> list[Effect]:
    """What the browser is to do for what has become of streams. Raises RenderError.

    A stream that the page does not show is filled when it does.
    """
    around, definition = surroundings_of(component), definition_of(component)
    changes, around.changes = around.changes, []
    effects = []
    for change in changes:
        stream = definition.streams[change.stream]
        if change.stream in containers:
            effects.append(_effect(component, stream, containers[change.stream], change))
        elif not stream.filler:
            raise RenderError(
                f"{definition.name}.{stream.name} was changed, and its template shows no {{% stream {stream.name} as "
                f"… %}} now; show it always, or say by @{stream.name}.fill what it shows when it comes"
            )
    _checked(definition.name, "".join(each[3] for each in effects if isinstance(each[3], str)), limit)
    return effects


def _effect(component: Component, stream: Stream[Any], container: Container, change: Change) -> Effect:
    verb, place = change.verb, change.place
    if verb in ("delete", "move"):
        return [STREAM, stream.name, verb, list(change.items), *([place] if verb == "move" else [])]
    html = _rows(component, stream, container, change.items)
    if verb == "reset":
        return reset_of(stream.name, html)
    return [STREAM, stream.name, verb, html, *([place, change.limit] if verb == "put" else [])]


def reset_of(name: str, rows: str) -> Effect:
    """The effect that shows these rows and no others."""
    return [STREAM, name, "reset", rows, 0]


def kept(effects: list[Effect], component: Component, older: Iterable[tuple[str, int, list[Effect]]]) -> list[Effect]:
    """These effects as a record keeps them beside older ones: where many rows can be had again from a fill, it does
    not hold them. Raises RenderError where they would be too many."""
    streams = definition_of(component).streams
    if not streams:
        return effects
    effects = [
        [STREAM, each[1], FILL] if each[0] == STREAM and len(each[3]) > LONG and streams[each[1]].filler else each
        for each in effects
    ]
    held = [each for _, _, some in older for each in some] + effects
    size = sum(len(each[3]) for each in held if each[0] == STREAM and each[2:] != [FILL])
    if size > TOGETHER:
        name = type(component).__name__
        problem = f"{name}: the rows of its last events are {size} characters, and {TOGETHER} may wait for a bad line"
        raise RenderError(f"{problem}; give the stream a method that says by @….fill what it shows, or send fewer rows")
    return effects


def refills(effects: Iterable[Effect]) -> set[str]:
    """The streams among kept effects whose rows have to be had again."""
    return {each[1] for each in effects if each[:1] == [STREAM] and each[2] == FILL}


def _rows(
    component: Component, stream: Stream[Any], container: Container, items: tuple[Any, ...], *, distinct: bool = False
) -> str:
    name, frame, keys = type(component).__name__, Frame(""), set()
    with rendering_into(frame):
        rows = []
        for item in items:
            key = stream.key_of(item)
            rows.append(_one_root(name, stream.name, str(container.body(item)).strip(), key))
            keys.add(key)
    if frame.children or frame.streams:
        raise RenderError(
            f"{name}.{stream.name}: a row holds a component or a stream; the server keeps no rows, so it cannot keep "
            "what lives in them: put buttons and fields there, and show components in a list with ws-key"
        )
    if distinct and len(keys) < len(items):
        raise RenderError(f"{name}.{stream.filler} gives two rows of one key; each needs a key of its own")
    return "".join(rows)


def _says(opening: str, attribute: str, text: str) -> bool:
    """Whether a tag has the attribute with this text, in whichever of HTML's ways it is written."""
    if f' {attribute}="{text}"' in opening:
        return True
    found = re.search(rf"""\s{attribute}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", opening)
    return found is not None and text in found.groups()


def _one_root(component: str, stream: str, html: str, key: str) -> str:
    opening = OPENING.match(html)
    if opening is None or single_root(html) != html:
        raise RenderError(f"a row of {component}.{stream} must have one root element, and is {html[:80]!r}")
    if part := SVG_PART.match(html):
        problem = f"a row of {component}.{stream} is <{part[1]}>, which a browser draws inside of an <svg> only"
        raise RenderError(f"{problem}: a row that comes later would not be seen; show them by {{% for %}}")
    if not _says(opening[0], "ws-key", str(escape(key))):
        problem = f"a row of {component}.{stream} has the key {key!r}, and its root element is {opening[0][:80]!r}"
        raise RenderError(f'{problem}; write the key there: ws-key="{{{{ row.id }}}}"')
    return html


def _checked(component: str, html: str, limit: int) -> str:
    if len(html) > limit:
        problem = f"{component} sends {len(html)} characters of rows at once, and {limit} are allowed"
        raise RenderError(f"{problem}; send fewer, and more when they are wanted")
    try:
        html.encode()
    except UnicodeEncodeError:
        raise RenderError(f"{component} rendered half a character in a row; decode with errors='replace'") from None
    return html
