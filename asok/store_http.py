"""Stores over plain HTTP: one address for each path, and the verbs that the socket has, with the same rules."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asok import protocol
from asok.addresses import root_of
from asok.browsing import SignedOut, committed_write, tree_of
from asok.crowding import Crowded
from asok.documents import Settled
from asok.errors import Busy, ProtocolError, StoreError, ValueTooLarge
from asok.mounting import Engine
from asok.openapi import described
from asok.origins import allowed_origin
from asok.sessions import Session, open_session, serve_session
from asok.shape import check_shape
from asok.stores import Tree
from asok.trees import freeze, parse_path

__all__ = ["StoreEndpoint"]

log = logging.getLogger("asok")

VERBS = {"PATCH": "update", "POST": "append", "PUT": "set", "DELETE": "delete"}
METHODS = ("GET", "HEAD", *VERBS)
DESCRIPTION = "openapi.json"
MOST_KEYS = 64
KEY = re.compile(r"[!-~]{1,64}")
TAGS = re.compile(r'\s*((?:W/)?"[!#-~]*")\s*')
VERSION = re.compile(r'"(\d{1,15})"')
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class RequestRefused(StoreError):
    """A request that says nothing to a store: its method, its headers or its body."""

    def __init__(self, status: int, code: str, problem: str) -> None:
        self.status, self.code, self.problem = status, code, problem

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True, slots=True)
class Keyed:
    """A write with an idempotency key. digest: of what it does, so that a key stands for one write only."""

    key: str
    digest: bytes
    cell: str = "http"

    def applied(self, kept: list[tuple[str, bytes]] | None) -> bool:
        """Whether it has been done. Raises RequestRefused where the key stands for another write."""
        done = dict(kept or ()).get(self.key)
        if done is not None and done != self.digest:
            raise RequestRefused(422, "key_reused", "this idempotency-key was sent with another write; use a new one")
        return done is not None

    def remembering(self, kept: list[tuple[str, bytes]] | None) -> list[tuple[str, bytes]]:
        """The keys of the session with this one, the newest at the end."""
        return [*(kept or ())[-MOST_KEYS + 1 :], (self.key, self.digest)]


class StoreEndpoint:
    """`{live}/store/…` as an ASGI app."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answered(request)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        try:
            if request.method not in METHODS:
                raise RequestRefused(405, "method", f"a store knows {', '.join(METHODS)}")
            return await (self._written(request) if request.method in VERBS else self._read(request))
        except StoreError as error:
            error.store = error.store or _place(request)[0]
            log.warning("refused: %r of a store: %r", request.method, str(error)[:200])
            return self._refusal(error.status, error.code, str(error))
        except Crowded as error:
            log.warning("refused: a write over HTTP: %s", error)
            return self._refusal(429, "slow_down", str(error), retry_after=error.retry_after)
        except Busy as error:
            return self._refusal(503, "busy", str(error))
        except Exception as error:
            log.error("%r of a store failed: %r", request.method, error, exc_info=error)
            return self._refusal(500, "failed", repr(error))

    def _refusal(self, status: int, code: str, text: str, *, retry_after: int = 1) -> Response:
        response = _json({"error": code, "text": text if self._engine.settings.debug else ""}, status)
        if status == 405:
            response.headers["allow"] = ", ".join(METHODS)
        if status in (429, 503):
            response.headers["retry-after"] = str(retry_after)
        return response

    # ---- reading

    async def _read(self, request: Request) -> Response:
        name, path = _place(request)
        if (name, path) == (DESCRIPTION, "") and self._engine.settings.debug:
            return _json(described(self._engine, root_of(request.scope)))
        tree = tree_of(self._engine, name, _stored(request.scope["session"]))
        value, version = shown(tree, path), tree.version
        known = _versions(request.headers, "if-none-match", weak=True)
        if known is not None and version in known:
            return Response(status_code=304, headers=_tagged(version))
        return _json({"value": value, "version": version}, headers=_tagged(version))

    # ---- writing

    async def _written(self, request: Request) -> Response:
        self._check_sender(request)
        self._engine.crowd.admit_message(request.scope["session"].owner, request.scope)
        name, path = _place(request)
        only_at = _versions(request.headers, "if-match", weak=False)
        if "if-none-match" in request.headers:
            raise RequestRefused(
                400, "bad_header", "a write takes if-match only; to write what is not there, read first"
            )
        value = None if request.method == "DELETE" else await self._body(request)
        write = protocol.Write(1, VERBS[request.method], name, path, value, request.headers.get("x-asok-grant", ""))
        once = _keyed(request.headers, write)
        # As over the socket: the session as it is now, and what a validator does to it is not kept.
        session = await open_session(self._engine.backend, request.scope["session"].id)
        if session is not None:
            serve_session(session.over_socket())
        try:
            tree = await committed_write(self._engine, session, write, once, only_at)
        except SignedOut:
            raise _foreign("the session has ended") from None
        answer: dict[str, Any] = {"version": tree.version}
        with suppress(StoreError):
            answer = {"value": shown(tree, path), **answer}
        return _json(answer, headers=_tagged(tree.version))

    def _check_sender(self, request: Request) -> None:
        """Raises RequestRefused unless a page of this app and of this session sends the write."""
        headers, session = request.headers, _stored(request.scope["session"])
        if "origin" in headers and not allowed_origin(request.scope, self._engine.settings):
            raise _foreign("a page of another origin sends it")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise _foreign("a page of another site sends it")
        if session is None:
            raise _foreign("a write needs a session; open a page of this app first")
        if not self._engine.ring.matches("csrf", session.id, headers.get("x-csrf-token", "")):
            raise _foreign("the header x-csrf-token lacks the page's token, which is data-csrf of its script")

    async def _body(self, request: Request) -> Any:
        """The one JSON value that is sent. Raises StoreError."""
        limits = self._engine.settings.limits
        kind, _, charset = request.headers.get("content-type", "").lower().replace(" ", "").partition(";")
        encoded = request.headers.get("content-encoding", "identity") != "identity"
        if kind != "application/json" or charset not in ("", "charset=utf-8") or encoded:
            raise RequestRefused(415, "not_json", "the body is one JSON value: content-type: application/json")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > limits.message):
            raise ValueTooLarge(f"a body may have {limits.message} bytes")
        try:
            async with asyncio.timeout(limits.first_message):
                body = await _received(request, limits.message)
        except (TimeoutError, ClientDisconnect):
            raise RequestRefused(408, "timeout", "the body did not come") from None
        try:
            text = body.decode()
            check_shape(text, limits)
            return msgspec.json.decode(text)
        except ProtocolError as error:
            raise ValueTooLarge(str(error)) from None
        except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError) as error:
            raise RequestRefused(400, "bad_json", str(error)) from None


def shown(tree: Tree, path: str) -> Any:
    """What a browser may see at a path of what has been committed. Raises StoreError."""
    return tree.rules.visible(tree.tree(Settled()), tree.within(parse_path(path)))


async def _received(request: Request, most: int) -> bytes:
    """The body. Raises ValueTooLarge as soon as it is."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ValueTooLarge(f"a body may have {most} bytes")
    return bytes(body)


def _place(request: Request) -> tuple[str, str]:
    """The name of the store and the path in it."""
    name, _, path = str(request.path_params["place"]).partition("/")
    return name, path


def _stored(session: Session) -> Session | None:
    return None if session.is_new else session


def _keyed(headers: Headers, write: protocol.Write) -> Keyed | None:
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise RequestRefused(400, "bad_header", "an idempotency-key has 1 to 64 visible ASCII characters")
    written = msgspec.msgpack.encode([write.verb, write.store, write.path, freeze(write.value)])
    return Keyed(key, hashlib.blake2b(written, digest_size=16).digest())


def _versions(headers: Headers, name: str, *, weak: bool) -> Collection[int] | None:
    """The versions that a header names, None where it is not there; `*` is any. Raises RequestRefused."""
    text = ",".join(headers.getlist(name)).strip()
    if not text:
        return None
    if text == "*":
        return None if name == "if-match" else range(1 << 62)
    found = [TAGS.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise RequestRefused(400, "bad_header", f'{name} names versions as `"7"`, in double quotes, or is `*`')
    tags = [each[1].removeprefix("W/") if weak else each[1] for each in found if each]
    return [int(version[1]) for version in map(VERSION.fullmatch, tags) if version]


def _tagged(version: int) -> dict[str, str]:
    return {"etag": f'"{version}"'}


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _foreign(problem: str) -> RequestRefused:
    return RequestRefused(403, "csrf", problem)
