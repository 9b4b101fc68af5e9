"""A Starlette WebSocket for each page; the pages and their JavaScript lie beside."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.bench.rows import PEOPLE

__all__ = ["app"]

env = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
ROWS = PEOPLE[1000]
together: set[WebSocket] = set()
counts = Counter[str]()


async def page(request: Request) -> HTMLResponse:
    """The page that is called like its path."""
    path = request.url.path
    return HTMLResponse(env.get_template(f"{path}.html").render(rows=ROWS, count=counts[path]))


async def counter(socket: WebSocket) -> None:
    """Each message adds one."""
    await socket.accept()
    count = 0
    async for _ in socket.iter_text():
        count += 1
        await socket.send_json({"count": count})


async def table(socket: WebSocket) -> None:
    """Each message changes a cell of the row in the middle."""
    await socket.accept()
    count = 0
    async for _ in socket.iter_text():
        count += 1
        await socket.send_json({"id": 500, "count": count})


async def search(socket: WebSocket) -> None:
    """Each message is what is looked for."""
    await socket.accept()
    async for query in socket.iter_text():
        await socket.send_json({"found": [row.name for row in ROWS if query in row.name]})


async def everybody(socket: WebSocket) -> None:
    """Each message adds one for all."""
    await socket.accept()
    together.add(socket)
    try:
        async for _ in socket.iter_text():
            counts["/shared"] += 1
            for each in together:
                await each.send_json({"count": counts["/shared"]})
    finally:
        together.discard(socket)


app = Starlette(
    routes=[
        route
        for name, socket in (("counter", counter), ("table", table), ("search", search), ("shared", everybody))
        for route in (Route(f"/{name}", page, name=name), WebSocketRoute(f"/ws/{name}", socket))
    ]
)
