"""Asok: the ASGI application that puts everything together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, overload

import jinja2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute, compile_path
from starlette.types import Receive, Scope, Send

from asok.answers import WORDS
from asok.bus import Bus
from asok.checking import Mistakes, Served
from asok.component import Component, definition_of
from asok.connections import Connections
from asok.endpoints import LiveEndpoint
from asok.errors import ConfigurationError, Denied, RenderError
from asok.form_http import FormEndpoint
from asok.health import Health
from asok.hosting import Guard
from asok.journal import keep_journal
from asok.middleware import SessionMiddleware
from asok.origins import from_afar, host_allowed, host_of
from asok.pages import Pages, page_of, session_of
from asok.places import hook
from asok.posting import PostEndpoint
from asok.project import Files, Scripts, discover, folder_of_caller, forget_features, place_of_caller
from asok.protocol import CLOSE
from asok.rendering import Templates
from asok.routing import PageRoute, PageRouter, check_page, check_variables, not_variables
from asok.runtime import runtime_file
from asok.sessions import Backend
from asok.settings import Settings, development_key
from asok.shared_fields import SharedFields
from asok.sharing import Sharing, bus_of
from asok.statics import Statics
from asok.store_http import StoreEndpoint
from asok.sweeping import Sweeper
from asok.underneath import warn_of_weak_sockets
from asok.verdicts import refuses

__all__ = ["Asok"]

log = logging.getLogger("asok")

KICK = "kick"
F = TypeVar("F", bound=Callable[..., Any])


class Asok(Sharing):
    """An ASGI application with live pages.

    root: the project's folder; by default that of the module that makes the app. env: a Jinja environment
    of your own, with its loader, filters and extensions. backend: where sessions and stores are kept, instead
    of the database of the settings. bus: what connects the processes of the app. routes, middleware,
    lifespan: as Starlette's.

    Raises ConfigurationError where production lacks a good signing key.
    """

    def __init__(
        self,
        *,
        root: str | Path | None = None,
        settings: Settings | None = None,
        env: jinja2.Environment | None = None,
        backend: Backend | None = None,
        bus: Bus | None = None,
        routes: Sequence[BaseRoute] = (),
        middleware: Sequence[Middleware] = (),
        lifespan: Callable[[Any], Any] | None = None,
    ) -> None:
        self.root = Path(root) if root is not None else settings.root if settings else folder_of_caller(__name__)
        self.settings = settings or Settings.read(self.root)
        self._stays_here = self.settings.debug and development_key(self.settings.root) in self.settings.keys
        keep_journal(debug=self.settings.debug)
        discover(self.root)
        self.backend = backend or _backend(self.settings)
        self._templates = Templates(self.settings, Statics(self.settings.live, debug=self.settings.debug), env)
        self.mistakes = Mistakes(self._templates.env, debug=self.settings.debug)
        self.bus = bus or bus_of(self.settings)
        self._share(self.settings, self.backend, self.bus, self._templates)
        self._pages = Pages(self._engine, Scripts.of(self.root), lambda: self._namespaces.used or self._handlers.used)
        self._templates.inline, self._templates.script = self._pages.inline, self._pages.script
        self._connections = Connections(self._engine)
        self.bus.subscribe(KICK, lambda owner: self._connections.kick(owner.decode()))
        self.bus.on_gap(self._connections.doubt)
        self._lifespan = lifespan
        self._beginning = asyncio.Lock()
        self._sweeper = Sweeper(self.backend, self.settings.limits.session_age)
        self.starlette = Starlette(
            debug=self.settings.debug,
            routes=[*self._own_routes(), *routes],
            middleware=list(middleware),
            exception_handlers=WORDS,
            lifespan=self._run_lifespan,
        )
        self.starlette.router = PageRouter(self.starlette.routes, lifespan=self._run_lifespan)
        self._health = self._health_at(f"{self.settings.live}/health")
        self._app = SessionMiddleware(self.starlette, self.backend, self.settings, self._kick, self._namespaces.settled)

    def _health_at(self, path: str) -> Health:
        started, draining = lambda: self.stores.replicas.is_open, lambda: self._connections.draining
        return Health(path, self.backend, started=started, draining=draining)

    def _own_routes(self) -> list[BaseRoute]:
        live, statics = self.settings.live, self._engine.statics
        routes: list[BaseRoute] = [
            WebSocketRoute(live, LiveEndpoint(self._connections)),
            Route(live, PostEndpoint(self._connections, self._relay)),
            Route(statics.route, statics.serve),
            Route(f"{live}/store/{{place:path}}", StoreEndpoint(self._engine)),
            Route(f"{live}/form", FormEndpoint(self._engine)),
            Route(f"{live}/{{hash}}/{{file}}", runtime_file),
        ]
        for folder in (self.root / "src" / "static", self.root / "static"):
            if folder.is_dir():
                routes.append(Mount("/static", Files(directory=folder), name="static"))
                break
        return routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        asks_health = scope["type"] == "http" and self._health.is_asked(scope)
        if scope["type"] != "lifespan":
            # ASGI lets a server leave it out.
            scope.setdefault("scheme", {"websocket": "ws"}.get(scope["type"], "http"))
            if self._stays_here and (stranger := from_afar(scope)):
                return await _refuse_stranger(stranger, scope, receive, send)
            if not self._sweeper.runs and not (asks_health and self._beginning.locked()):
                await self._begin()
        if asks_health:
            return await self._health(scope, receive, send)
        if scope["type"] == "http":
            host = host_of(scope)
            if not host_allowed(host, self.settings):
                log.warning("refused: the host %r; set ASOK_HOSTS to the names that this app is reached by", host[:80])
                return await PlainTextResponse("This host is not served here.", 400)(scope, receive, send)
        # A mount among the app's own routes adds to the root path; the runtime lies where the app begins.
        scope["asok"], scope["asok.root"] = self, scope.get("root_path", "")
        with self.stores.here():
            await self._app(scope, receive, send)

    async def _begin(self) -> None:
        """Nobody is served before the app hears its other processes: without a lifespan the first request sees to it,
        and those that come meanwhile wait."""
        async with self._beginning:
            if not self._sweeper.runs:
                await self._connect()
                self._sweeper.begin()

    @property
    def env(self) -> jinja2.Environment:
        """The Jinja environment that renders pages and components."""
        return self._templates.env

    @property
    def routes(self) -> list[BaseRoute]:
        """The app's routes, by which `request.url_for` of an app around this one finds its pages."""
        return self.starlette.routes

    @overload
    def page(
        self, path: str, page: type[Component] | Component, *, guard: Guard | None = None, name: str | None = None
    ) -> None: ...
    @overload
    def page(
        self, path: str, page: str, *, guard: Guard | None = None, name: str | None = None
    ) -> Callable[[F], F]: ...
    def page(
        self,
        path: str,
        page: str | type[Component] | Component,
        *,
        guard: Guard | None = None,
        name: str | None = None,
    ) -> Callable[[F], F] | None:
        """Serve a page at `path`: a template, a component class, or, as a decorator, what a function returns.

        A decorated function takes the request and returns the template's variables, or a Response. A
        component class gets those path parameters that it declares as fields, and every visitor and tab an
        instance of its own; an instance of the class is shared: its fields are the same for all. guard: called
        with request and session before the page is rendered, at join and before every event; False or Denied
        refuses.
        """
        check_page(path, page, self.starlette.routes)
        if guard is not None:
            self._engine.guards[path] = guard
        variables: list[Callable[[Request], Any]] = []
        template = page if isinstance(page, str) else "asok/page.html"
        endpoint = self._page_endpoint(path, template, variables)
        self.starlette.router.routes.append(PageRoute(path, endpoint, name=name))
        shows = page if isinstance(page, str) else definition_of(page)
        self.mistakes.pages.append(Served(shows, *place_of_caller(__name__)))
        if isinstance(page, Component):
            own = frozenset(compile_path(path)[2])
            self._engine.shared[path] = SharedFields(self.stores.replicas, page, own)
        if not isinstance(page, str):
            variables.append(lambda request: page_of(page, request))
            return None

        def decorate(function: F) -> F:
            check_variables(path, function)
            variables[:] = [function]
            return function

        return decorate

    def _page_endpoint(self, path: str, template: str, variables: list[Callable[[Request], Any]]) -> Any:
        async def endpoint(request: Request) -> Response:
            guard = self._engine.guards.get(path)
            if guard is not None:
                verdict = await hook(guard, request, session_of(request))
                if refuses(verdict, guard, f"the guard of {path}"):
                    raise Denied(f"the guard of {path} said no")
            context = await hook(variables[0], request) if variables else {}
            if isinstance(context, Response):
                return context
            if not isinstance(context, Mapping | None):
                raise RenderError(f"{path}: {not_variables(variables[0], context)}")
            return await self._pages.respond(request, template, context or {}, path)

        return endpoint

    async def render(self, request: Request, template: str, /, **context: Any) -> HTMLResponse:
        """A template as a response, with every component in it mounted, loaded and rendered."""
        return await self._pages.respond(request, template, context, "")

    def add_route(self, path: str, endpoint: Any, **options: Any) -> None:
        """As Starlette's."""
        self.starlette.add_route(path, endpoint, **options)

    def mount(self, path: str, app: Any, name: str | None = None) -> None:
        """As Starlette's."""
        self.starlette.mount(path, app, name)

    async def drain(self, seconds: float) -> None:
        """Take no more sockets, let running methods answer for so long, then send every browser elsewhere."""
        await self._connections.drain(seconds)

    async def refresh(self, what: str) -> None:
        """Development: `template` or `css` files have changed; open pages follow without a restart."""
        self._templates.forget()
        forget_features()
        self._connections.refresh(what)
        self.mistakes.tell()

    @asynccontextmanager
    async def _run_lifespan(self, app: Starlette) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            await self.backend.open()
            stack.push_async_callback(self._close)
            self.stores.check()
            self.mistakes.begin()
            warn_of_weak_sockets()
            await self._connect()
            self._connections.watch()
            with self.stores.here():
                state = await stack.enter_async_context(self._lifespan(self)) if self._lifespan else {}
            yield state

    def _kick(self, owner: str) -> None:
        """Close the sockets of a session that has ended, in every process."""
        self.bus.publish(KICK, owner.encode())

    async def _close(self) -> None:
        await self._sweeper.end()
        self._beginning = asyncio.Lock()  # the next loop's
        await self._connections.close()
        await self._disconnect()
        await self.backend.close()


async def _refuse_stranger(stranger: str, scope: Scope, receive: Receive, send: Send) -> None:
    log.warning(
        "refused: %r reaches this app under development, whose key can be guessed; serve it on 127.0.0.1 only, or put "
        "SECRET_KEY=… with the output of `asok keys new` into .env",
        stranger[:80],
    )
    if scope["type"] == "http":
        return await PlainTextResponse("This app is under development.", 400)(scope, receive, send)
    await receive()
    await send({"type": "websocket.close", "code": CLOSE.REFUSED})


def _backend(settings: Settings) -> Backend:
    if settings.redis:
        from asok.backends.redis import RedisBackend

        return RedisBackend(settings.redis)
    if settings.database == ":memory:":
        from asok.backends.memory import MemoryBackend

        return MemoryBackend()
    # It would be a file below a folder of that name beside the app, and be gone with the next deployment.
    if "://" in settings.database or settings.database.startswith(("file:", "postgres", "redis:", "sqlite:", "~")):
        scheme = settings.database.partition(":")[0].partition("/")[0]
        raise ConfigurationError(
            f"ASOK_DATABASE begins with {scheme}, and must be the path of an SQLite file as it is, such as "
            "/data/sessions.db, or :memory:; the URL of a Redis belongs into ASOK_REDIS"
        )
    from asok.backends.sqlite import SQLiteBackend

    return SQLiteBackend(Path(settings.database))
