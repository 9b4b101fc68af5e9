"""The session over HTTP: found by its cookie, there as `request.session`, written before the response goes out."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asok.errors import AsokError, Busy
from asok.evicting import with_room
from asok.sessions import (
    META,
    Backend,
    Commit,
    Session,
    current_session,
    open_session,
    owner_of,
    pack,
    serve_session,
)
from asok.settings import Settings

__all__ = ["SessionMiddleware", "cookie_name", "session_cookie"]

SAFE = ("GET", "HEAD")
ATTEMPTS = 5
FAILED = 500
# What a person does on a live page counts, so that no other site may lay it under its own.
FRAMING = b"content-security-policy", b"frame-ancestors 'self'"
UNKEPT = b"cache-control", b"no-store"
REPLACED = frozenset({b"cache-control", b"vary"})
UNSHARED = re.compile(rb"\b(no-store|private)\b", re.IGNORECASE)
Header = tuple[bytes, bytes]


def cookie_name(scheme: str) -> str:
    """The session cookie's name; over https the browser itself keeps it to this host and path."""
    return "__Host-asok" if scheme in ("https", "wss") else "asok"


def _in_a_sentence(send: Send) -> Send:
    """A server logs why an app does not start: of what an error of ours explains, without the traceback."""

    async def say(message: Message) -> None:
        error = sys.exc_info()[1]
        if message["type"] == "lifespan.startup.failed" and isinstance(error, AsokError):
            message = {**message, "message": str(error)}
        await send(message)

    return say


def _said_of_caches(headers: list[Header]) -> bytes:
    """What an answer says of who may keep it; empty where it says nothing."""
    return b",".join(value for name, value in headers if name == UNKEPT[0])


def session_cookie(scope: Scope) -> str:
    """The session id that the browser brings; empty if none."""
    wanted, found = cookie_name(scope["scheme"]).encode(), b""
    for header, cookies in scope["headers"]:
        for cookie in cookies.split(b";") if header == b"cookie" else ():
            name, _, value = cookie.partition(b"=")
            # Nothing but what browsers themselves cut off: any site beneath the same domain can set a cookie with
            # another sort of space before `__Host-`.
            if name.strip(b" \t") == wanted:
                found = value.strip(b" \t")
    return found.decode("latin-1")


class SessionMiddleware:
    """Gives every request its session and saves what changed.

    A response whose session met a newer write is not sent: a GET or HEAD runs again on the newer session,
    another method is answered 409. A response 500 writes nothing.
    kick: called with the owner of a session that has been given a new id. settled: waits for what is being written
    for an owner.
    """

    def __init__(
        self,
        app: ASGIApp,
        backend: Backend,
        settings: Settings,
        kick: Callable[[str], None],
        settled: Callable[[str], Awaitable[None]],
    ) -> None:
        self.app, self.backend, self.settings = app, backend, settings
        self.kick, self.settled = kick, settled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        carrier, bringer = (getattr(each, "__self__", None) for each in (send, receive))
        # ASGI has no word for it, but who does not read must not keep a connection for ever. An app around this one
        # looks at what is sent, and seldom at what comes.
        scope["asok.transport"] = getattr(carrier, "transport", None) or getattr(bringer, "transport", None)
        # Nor for a text that can be sent without waiting: see `asok.wire`.
        scope["asok.straight"] = getattr(carrier, "send_straight", None)
        if scope["type"] == "lifespan":
            send = _in_a_sentence(send)
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        before = current_session()
        try:
            await self._answer(scope, receive, send)
        finally:
            serve_session(before)  # who has called the app in this task, as a test does, is no visitor

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await _Response(self, dict(scope), send).run(receive)
            except _Stop as stop:
                if stop.status == 409 and scope["method"] in SAFE and attempt < ATTEMPTS:
                    continue
                response = PlainTextResponse("Busy just now; try again.", stop.status, {"retry-after": "1"})
                return await response(scope, receive, send)


class _Stop(BaseException):
    """Nothing of the response may go out. No handler of the app must catch it."""

    def __init__(self, status: int) -> None:
        self.status = status


class _Response:
    """One run of the app for a request; nothing is sent before the session is written."""

    def __init__(self, middleware: SessionMiddleware, scope: Scope, send: Send) -> None:
        self.middleware, self.scope, self._send = middleware, scope, send
        self.cookie = session_cookie(scope)
        self.session = Session()
        self.found, self.asked = False, scope["asok"]

    async def run(self, receive: Receive) -> None:
        try:
            found = await open_session(self.middleware.backend, self.cookie) if self.cookie else None
        except Busy:
            raise _Stop(503) from None
        self.found = found is not None
        self.session = self.scope["session"] = self.session if found is None else found
        serve_session(self.session)
        await self.middleware.app(self.scope, receive, self.send)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] == FAILED:
                self.session, self.found = Session(), True
            if self.session.dirty:
                await self._commit()
            slides = self.found and self.session.needed and await self._slides()
            # Posts come all the time: one that is answered after a login must not take its cookie away.
            if not self._is_live():
                # A copy: an app may send the same message to everybody, and it may be without headers.
                message = {**message, "headers": self._with_ours(message.get("headers", ()), slides=slides)}
        await self._send(message)

    async def _slides(self) -> bool:
        """Whether a session in use is past half its age, and nobody has given it another id meanwhile.

        Then it is written, too, so that it is not swept while its cookie lives.
        """
        now, backend, owner = time.time(), self.middleware.backend, owner_of(self.cookie)
        if now - self.session.meta.created < self.middleware.settings.limits.session_age / 2:
            return False
        try:
            found = await open_session(backend, self.cookie)
            if found is None:
                return False
            renewed = pack(msgspec.structs.replace(found.meta, created=now))
            return await backend.commit(Commit(found.checks(owner), {(owner, META): renewed}))
        except Busy:
            return False  # the next one does it

    async def _commit(self) -> None:
        if self.session.regenerated:
            await self.middleware.settled(self.session.home)
        try:
            for _ in range(ATTEMPTS):
                if await self._committed():
                    break
                newer = await open_session(self.middleware.backend, self.cookie)
                if newer is None or not self.session.takes_over(newer):
                    raise _Stop(409)
            else:
                raise _Stop(409)
        except Busy:
            raise _Stop(503) from None
        self.session.moved = True
        if self.session.regenerated:
            self.middleware.kick(owner_of(self.cookie))

    async def _committed(self) -> bool:
        backend, commit = self.middleware.backend, self.session.commit(time.time())
        if self.session.staged:
            records = self.middleware.settings.limits.records
            owner = owner_of(self.session.id)
            writes = await with_room(backend, owner, self.session.meta, records, commit.writes)
            commit = Commit(commit.checks, writes, commit.move)
        return await backend.commit(commit)

    def _with_ours(self, headers: Iterable[Header], *, slides: bool) -> list[Header]:
        session, kept = self.session, list(headers)
        if session.needed or session.looked:
            kept = self._personal(kept)
        if session.needed and (session.is_new or session.regenerated or slides):
            kept.append(self._cookie(session.id, int(self.middleware.settings.limits.session_age)))
        elif self.cookie and not self.found and self.scope["asok"] is self.asked:  # else one beneath may know it
            said = _said_of_caches(kept)
            # Whoever got it from a cache would lose a session that is none of this visitor's.
            if not said or UNSHARED.search(said):
                kept += [self._cookie("", 0), *([] if said else [UNKEPT])]
        return kept

    def _personal(self, headers: list[Header]) -> list[Header]:
        """What depends on the session is for one visitor, or for all without one. Where the session was only looked at,
        the app may say itself who keeps it."""
        session, names = self.session, [name for name, _ in headers]
        vary = b"Cookie"
        if not REPLACED.isdisjoint(names):
            vary = b", ".join([*(value for name, value in headers if name == b"vary"), b"Cookie"])
            replaced = REPLACED if session.needed else {b"vary"}
            headers = [each for each in headers if each[0] not in replaced]
        headers.append((b"vary", vary))
        if session.needed or (self.found and UNKEPT[0] not in names):
            headers.append(UNKEPT)
        if session.needed and FRAMING[0] not in names:  # an app's own policy says all itself
            headers.append(FRAMING)
        return headers

    def _cookie(self, value: str, age: int) -> Header:
        scheme = self.scope["scheme"]
        flags = "HttpOnly; SameSite=Lax" + ("; Secure" if scheme == "https" else "")
        return b"set-cookie", f"{cookie_name(scheme)}={value}; Path=/; Max-Age={age}; {flags}".encode()

    def _is_live(self) -> bool:
        path: str = self.scope["path"]
        return path.removeprefix(self.scope["asok.root"]) == self.middleware.settings.live
