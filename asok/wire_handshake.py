"""The HTTP at the beginning of a WebSocket: checked by the `websockets` library, told as ASGI says it."""

from __future__ import annotations

import email.utils
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.types import Message
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

__all__ = ["Refused", "accepted", "asgi_request", "denial", "shaken", "written"]

Pairs = list[tuple[bytes, bytes]]


class Refused(Exception):
    """What came is no handshake; `answer` says so over HTTP."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


def shaken(data: bytes) -> tuple[Request, Response]:
    """The request in these bytes, and the answer 101 for it. Extensions are never agreed to. Raises Refused."""
    protocol = ServerProtocol()
    protocol.receive_data(data)
    request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
    if request is None:
        raise Refused(b"".join(protocol.data_to_send()) or written(denial(400)))
    response = protocol.accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise Refused(response.serialize())
    return request, response


def asgi_request(request: Request, data: bytes, root_path: str) -> dict[str, Any]:
    """What the scope says about the request, whose bytes the server has put together."""
    path, _, query = request.path.partition("?")
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    lines = (line.partition(b":") for line in data.split(b"\r\n")[1:] if line)
    return {
        "http_version": "1.1",
        "root_path": root_path,
        "path": root_path + unquote(path),
        "raw_path": (root_path + path).encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [(name, value.strip(b" \t")) for name, _, value in lines],
        "subprotocols": [name.strip() for name in offered.split(",")] if offered else [],
        "extensions": {"websocket.http.response": {}},
    }


def accepted(response: Response, message: Message, default_headers: Pairs) -> bytes:
    """The answer 101 with what the app has put into `websocket.accept`."""
    del response.headers["Date"]  # it is among the default headers, unless the server was told to leave it out
    for name, value in [*default_headers, *message.get("headers", ())]:
        response.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    if message.get("subprotocol"):
        response.headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
    return response.serialize()


def denial(status: int, headers: Pairs = [], body: bytes = b"") -> Response:  # noqa: B006  # it is only read
    """An answer instead of a WebSocket. Raises RuntimeError where HTTP has no such status."""
    if not 100 <= status < 600:
        raise RuntimeError(f"an HTTP status lies between 100 and 599, this one is {status}")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return Response(status, phrase, Headers([(n.decode("latin-1"), v.decode("latin-1")) for n, v in headers]), body)


def written(response: Response) -> bytes:
    """The whole denial, with the headers that it lacks."""
    body = response.body or b""
    response.headers.setdefault("Date", email.utils.formatdate(usegmt=True))
    response.headers.setdefault("Connection", "close")
    response.headers.setdefault("Content-Length", str(len(body)))
    response.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    return response.serialize()
