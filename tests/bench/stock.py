"""A page from Starlette and Jinja alone: the HTML in the folder's `page.html`, with its one number filled in."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

__all__ = ["app"]

templates = Jinja2Templates(directory=os.environ.get("ASOK_BENCH", "."))


async def page(request: Request) -> Response:
    """The page."""
    return templates.TemplateResponse(request, "page.html", {"count": 0})


app = Starlette(routes=[Route("/counter", page)])
