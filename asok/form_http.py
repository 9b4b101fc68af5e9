"""`{live}/form`: a plain POST of a form runs its method, commits as an event does, and leads back to the page."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from asok import protocol
from asok.addresses import written
from asok.component import registry
from asok.conversation import LiveSession
from asok.crowding import Crowded
from asok.errors import AsokError, ProtocolError, ResetNeeded, TokenError, UnknownComponent
from asok.form_html import CALL, CSRF, TOKEN
from asok.form_shapes import place_of
from asok.mounting import Engine
from asok.origins import allowed_origin
from asok.outbox import Closing
from asok.protocol import OWN
from asok.sessions import Session
from asok.state import Token, unseal
from asok.window import is_site_path

__all__ = ["FormEndpoint"]

log = logging.getLogger("asok")

MOST_FIELDS = 1000
EXPIRED = 409
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
STATUSES = {"denied": 403, "bad_args": 400, "refused": 400, "form": 400, "timeout": 504, "busy": 503, "slow_down": 503}
STATUSES |= {"reset": 409, "need_token": 409, "reload": 409}
WORDS = {
    400: "This form could not be read.",
    403: "You may not do this here. Load the page again, and send the form once more.",
    405: "Forms are sent with POST.",
    408: "The form did not come through. Load the page again, and send it once more.",
    409: "This page has expired, and nothing was done. Load it again, and send the form once more.",
    413: "This is more text than a form may hold, and nothing was saved. Please send less than 64 KiB.",
    415: "This form is sent in a way that is not understood here.",
    429: "That was too much at once, and nothing was done. Wait a moment, and send the form once more.",
    500: "That did not work, and nothing was changed.",
    503: "Busy just now. Load the page again, and send the form once more.",
    504: "That took too long, and nothing was changed.",
}


class FormRefused(AsokError):
    """A posted form that is not taken. problem: for the log, and the page in development. typed: what the person has
    written, who must not lose it; path: of the page that the form stood on. retry_after: seconds."""

    def __init__(self, status: int, problem: str, *, retry_after: int = 1) -> None:
        self.status, self.problem, self.retry_after = status, problem, retry_after
        self.typed: list[tuple[str, str]] = []
        self.path = ""

    def __str__(self) -> str:
        return self.problem


class FormEndpoint:
    """`{live}/form` as an ASGI app."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        async with AsyncExitStack() as after:
            try:
                response = await self._posted(request, after)
            except FormRefused as error:
                log.warning("refused: a form: %r", str(error)[:200])
                response = self._refusal(error)
            response.headers.update({"cache-control": "no-store", "x-content-type-options": "nosniff"})
            await response(scope, receive, send)

    def _refusal(self, error: FormRefused) -> Response:
        page = self._engine.templates.env.get_template("asok/form_refused.html")
        problem = str(error) if self._engine.settings.debug else ""
        html = page.render(words=WORDS[error.status], problem=problem, path=error.path, typed=error.typed)
        later = {"retry-after": str(error.retry_after)}
        return HTMLResponse(html, error.status, {405: {"allow": "POST"}, 429: later, 503: later}.get(error.status))

    async def _posted(self, request: Request, after: AsyncExitStack) -> Response:
        """after: ends, when the answer is on its way, what it has left running."""
        if request.method != "POST":
            raise FormRefused(405, f"{request.method} of a form")
        self._check_sender(request)
        self._check_pace(request)
        entries = await self._entries(request)
        own = {name: value for name, value in entries if name.startswith(OWN)}
        asked = request.query_params.get("call") or own.get(CALL, "")
        instance, _, call = asked.partition(" ")
        if not call:
            raise FormRefused(400, "the form names no call; load the page again")
        session: Session = request.scope["session"]
        text = own.get(f"{TOKEN} {instance}", "")
        typed = [(name, text) for name, text in entries if not name.startswith(OWN)]
        token: Token | None = None
        value = request.query_params.get("value") or None
        event = protocol.Event(instance, 1, call, protocol.EventData(value=value, form=typed))
        try:
            token = self._token(text)
            session_id = self._check_csrf(token, session, own.get(CSRF, ""))
            csrf = self._engine.ring.mac("csrf", session_id) if session_id else ""
            conversation = LiveSession(self._engine, request.scope, session_id)
            after.push_async_callback(conversation.end, gone=False)
            return RedirectResponse(_location(token, await _answered(conversation, csrf, text, event), request), 303)
        except FormRefused as error:
            # Nothing is shown of what no page of this app has sent.
            if token is not None or error.status == EXPIRED:
                error.typed = [entry for entry in typed if not is_secret(entry[0])]
                error.path = _path(token, request) if token else ""
            raise

    def _check_sender(self, request: Request) -> None:
        """Raises FormRefused unless a page of this app sends it."""
        headers = request.headers
        site = headers.get("sec-fetch-site", "same-origin")
        if site != "same-origin" or not allowed_origin(request.scope, self._engine.settings):
            raise FormRefused(403, f"a page of another origin sends it: {headers.get('origin', 'none is named')[:80]}")

    def _check_pace(self, request: Request) -> None:
        """Raises FormRefused where the visitor sends more than a person does."""
        try:
            self._engine.crowd.admit_event(request.scope["session"].owner, request.scope)
        except Crowded as error:
            raise FormRefused(429, str(error), retry_after=error.retry_after) from None

    async def _entries(self, request: Request) -> list[tuple[str, str]]:
        limits = self._engine.settings.limits
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoded = request.headers.get("content-encoding", "identity") != "identity"
        if kind not in (URLENCODED, MULTIPART) or encoded:
            raise FormRefused(415, f"content-type {kind[:80]!r}; expected {URLENCODED} or {MULTIPART}")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > limits.message):
            raise FormRefused(413, f"{declared[:20]} bytes; {limits.message} are allowed")
        try:
            async with asyncio.timeout(limits.first_message):
                body = await _received(request, limits.message)
        except (TimeoutError, ClientDisconnect):
            raise FormRefused(408, "the body did not come") from None
        try:
            entries = _read(body) if kind == URLENCODED else await _read_parts(request.headers, body)
        except (ValueError, MultiPartException, KeyError) as error:
            raise FormRefused(400, f"the body cannot be read: {error}") from None
        # Browsers post two characters for the end of a line, of which a person and a script see one.
        return [(name, value.replace("\r\n", "\n")) for name, value in entries]

    def _token(self, text: str) -> Token:
        """The token, verified before anything else is done with it. Raises FormRefused."""
        engine = self._engine
        try:
            token = unseal(text, engine.ring, engine.settings.limits, time.time())
            registry.find(token.component)
        except (TokenError, UnknownComponent) as error:
            raise FormRefused(403, str(error)) from None
        except ResetNeeded as error:
            raise FormRefused(EXPIRED, str(error)) from None
        return token

    def _check_csrf(self, token: Token, session: Session, csrf: str) -> str:
        """The id of the session that the page was made for. Raises FormRefused for any other."""
        if session.is_new:
            if token.binding:
                raise FormRefused(403, "no session")
            return ""
        matches = self._engine.ring.matches("csrf", session.id, csrf)
        if not matches and (token.binding or csrf):
            raise FormRefused(403, "the CSRF token is not this session's")
        return session.id


async def _answered(session: LiveSession, csrf: str, token: str, event: protocol.Event) -> list[list[Any]]:
    """The effects of the event, in a conversation that has no other. Raises FormRefused.

    A form that is sent twice is the same event of the same tab, and so has its effect once.
    """
    tab = "form" + hashlib.blake2b(msgspec.json.encode(event), digest_size=12).hexdigest()
    try:
        session.receive(protocol.Join(protocol.PROTOCOL, csrf, tab, [protocol.JoinEntry(token, 0, 1)]))
        session.receive(event)
        while True:
            match msgspec.json.decode(await session.outbox.get()):
                case ["update", event.instance, int(seq), *rest] if seq >= event.seq:
                    return rest[2] if len(rest) > 2 else []
                case ["refused", event.instance, _, str(code), *text]:
                    raise FormRefused(STATUSES.get(code, 500), " ".join([code, *map(str, text)]))
                case [("busy" | "slow_down" | "reset" | "need_token" | "reload") as kind, *_]:
                    raise FormRefused(STATUSES[kind], kind)
                case ["ask", instance, seq, n, *_]:
                    session.receive(protocol.Answer(instance, seq, n, None, "this browser has no JavaScript"))
    except Closing as closing:
        raise FormRefused(403, closing.reason) from None
    except ProtocolError as error:
        raise FormRefused(400, str(error)) from None


def _location(token: Token, effects: list[list[Any]], request: Request) -> str:
    """Where a method has redirected to, else the page that the form stands on."""
    for effect in effects:
        if effect[0] == "redirect" and is_site_path(effect[1]):
            return str(effect[1])
    return _path(token, request)


def is_secret(name: str) -> bool:
    """Whether a field is not to be shown again, in whatever form it stands."""
    found = [place_of(draft.kind_.shape, name) for each in registry for draft in each.drafts.values()]
    return "pass" in name.lower() or any(place and place[0].secret for place in found)


def _path(token: Token, request: Request) -> str:
    root, path = request.scope.get("root_path", ""), token.mount.path
    path = written(path if f"{path}/".startswith(f"{root}/") else root + path)
    return path + (f"?{token.mount.query}" if token.mount.query else "")


async def _received(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise FormRefused(413, f"more than {most} bytes")
    return bytes(body)


def _read(body: bytes) -> list[tuple[str, str]]:
    text = body.decode("ascii")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


async def _read_parts(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    async def stream() -> Any:
        yield body

    given = Headers(raw=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()])
    # Browsers name none, and some of Python's take seconds for what fits into a form.
    encoding = parse_options_header(given["content-type"])[1].get(b"charset", b"utf-8")
    if encoding.lower() != b"utf-8":
        raise ValueError("it is in another encoding than UTF-8")
    parser = MultiPartParser(given, stream(), max_files=0, max_fields=MOST_FIELDS, max_part_size=len(body))
    parts = (await parser.parse()).multi_items()
    return [(name, value) for name, value in parts if isinstance(value, str)]
