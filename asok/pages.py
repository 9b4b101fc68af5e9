"""Pages: templates as responses, with the components in them and what the runtime needs in their heads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from asok.addresses import root_of
from asok.component import Component, Definition, definition_of, registry
from asok.errors import FieldError, RenderError
from asok.frames import Child
from asok.mounting import Engine
from asok.places import Place
from asok.project import Scripts, needs_of_all
from asok.runtime import runtime_url, script_tags
from asok.sessions import Session
from asok.shape import MAX_EXACT_INTEGER
from asok.state import Mount
from asok.statics import head

__all__ = ["Pages", "page_of", "session_of"]

# Not to be guessed: text that a person wrote must not be turned into somebody's token.
CSRF_PLACE = f"asok-csrf-{secrets.token_hex(16)}"
HEAD_PLACE = f"<!--asok-head-{secrets.token_hex(16)}-->"
HTML = b"content-type", b"text/html; charset=utf-8"
LONGEST_ADDRESS = 8192  # bytes of path and query, which each token on the page holds; others allow no more either


class Pages:
    """What an app's pages are made with. scripts: what the project's own use. uses_state: whether anything of the app
    looks at the state of the session."""

    def __init__(self, engine: Engine, scripts: Scripts, uses_state: Callable[[], bool]) -> None:
        self._engine, self._settings, self._scripts, self._uses_state = engine, engine.settings, scripts, uses_state

    async def respond(self, request: Request, template: str, context: Mapping[str, Any], route: str) -> HTMLResponse:
        """A template as a response, with every component in it mounted, loaded and rendered. Raises RenderError."""
        place = _place(request, route, self._engine.guard_of(route))
        session = place.session
        html, shown = await self._engine.page(template, {"request": request, "session": session, **context}, place)
        if self._settings.debug:
            _check_runtime(template, html.count(CSRF_PLACE), session.needed)
        html = html.replace(CSRF_PLACE, self._csrf(session) if session.needed else "")
        return _Page(html.replace(HEAD_PLACE, self._head(shown, request)))

    def inline(self, child: Child, request: Request) -> Markup:
        """One component in full, in a template that another rendered, and what it is the first there to need."""
        html, shown = self._engine.inline(child, _place(request, ""))
        known: set[str] = request.scope.setdefault("asok.statics", set())
        news = [definition for definition in shown if definition.name not in known]
        known.update(definition.name for definition in news)
        return Markup(self._head(news, request)) + html

    def script(
        self, request: Request, nonce: str | None, stores: bool | None, features: bool | None, *, later: bool
    ) -> Markup:
        """The runtime's tags. later: the page as a whole is put together by `respond`."""
        scope, needs, scripts = request.scope, needs_of_all(registry.changes), self._scripts
        scope["asok.nonce"] = nonce
        writes = scripts.stores or scripts.state or self._uses_state()
        session = session_of(request)
        session.looked = True  # whether there is one stands in the tag: its socket brings the cookie as well
        if stores or writes or not session.is_new:
            session.id  # noqa: B018  # asking makes the session, without which no script writes
        # What nothing else would call for in time.
        with_features = scripts.features or needs.features if features is None else features
        with_stores = writes or self._engine.stores.used if stores is None else stores
        base = root_of(scope) + self._settings.live
        flags = {"target": needs.target, "post": not self._settings.websocket, "debug": self._settings.debug}
        tags = _tags(base, nonce, features=with_features, stores=with_stores, **flags)
        if later:
            return tags
        return Markup(tags.replace(CSRF_PLACE, self._csrf(session_of(request))).replace(HEAD_PLACE, ""))

    def _head(self, shown: list[Definition], request: Request) -> str:
        """The stylesheets and scripts of these classes, as tags."""
        root = root_of(request.scope)
        entries = self._engine.statics.entries(shown, root)
        if not entries:
            return ""
        swap = runtime_url(root + self._settings.live, "statics.js", debug=self._settings.debug)
        return head(entries, request.scope.get("asok.nonce"), swap=swap)

    def _csrf(self, session: Session) -> str:
        return self._engine.ring.mac("csrf", session.id)


def _check_runtime(template: str, times: int, needed: bool) -> None:
    if needed and not times:
        raise RenderError(f"{template} shows a component but not the runtime; put {{{{ alive() }}}} into its <head>")
    if times > 1:
        raise RenderError(
            f"{template} has {{{{ alive() }}}} {times} times, so each click counts as often; leave one, in the <head>"
        )


class _Page(HTMLResponse):
    """A page, whose headers need no questions: 2 µs less."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), HTML]


@lru_cache(maxsize=64)
def _tags(
    base: str, nonce: str | None, *, features: bool, stores: bool, target: bool, post: bool, debug: bool
) -> Markup:
    modules = [name for name, used in (("features", features), ("store", stores), ("speller", debug)) if used]
    flags = [name for name, used in (("target", target), ("features", features), ("post", post)) if used]
    return script_tags(base, CSRF_PLACE, modules, flags, nonce=nonce, debug=debug) + Markup(HEAD_PLACE)


def _place(request: Request, route: str, guard: bytes = b"") -> Place:
    session, scope = session_of(request), request.scope
    path, query = scope["path"], scope["query_string"].decode("latin-1")
    if len(path.encode()) + len(query) > LONGEST_ADDRESS:
        raise HTTPException(414)
    params = {name: value if _is_carried(value) else str(value) for name, value in request.path_params.items()}
    mount = Mount(route, path, query, params, scope.get("asok.root", ""), guard)
    return Place(request, session, mount, session.owner)


def _is_carried(value: Any) -> bool:
    """Whether a token can hold it; the route makes the rest anew from the path."""
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) <= MAX_EXACT_INTEGER)


def session_of(request: Request) -> Session:
    """The visitor's session. Raises RenderError where the route is not served through an Asok app, or where a session
    of somebody else stands in its place."""
    session = request.scope.get("session")
    if isinstance(session, Session):
        return session
    if session is not None and "asok" in request.scope:
        raise RenderError(
            f"a middleware between the Asok app and this page has put its own session, a {type(session).__name__}, in "
            "the place of asok's; leave Starlette's SessionMiddleware out, since request.session is there without it, "
            "or put it around the Asok app"
        )
    raise RenderError("this request has no asok session; serve the route through the Asok app, as app.add_route(…)")


def page_of(component: type[Component] | Component, request: Request) -> dict[str, Any]:
    """The variables of a page that shows one component. Raises HTTPException where the path is none of its fields."""
    definition = definition_of(component)
    fields = definition.fields
    params = {name: value for name, value in request.path_params.items() if name in fields.by_name}
    try:
        given = {name: fields.convert(name, value, strict=False) for name, value in params.items()}
    except FieldError as error:
        raise HTTPException(404) from error
    return {"name": definition.name, "arguments": given, "title": definition.name}
