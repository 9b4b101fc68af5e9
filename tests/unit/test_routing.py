"""Pages are found where Starlette would find them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Mount, Route, Router

from asok.routing import PageRoute, PageRouter

PATHS = ("/", "/a", "/b", "/a/b", "/{x}", "/a/{x}", "/{x:path}", "/root/a")
ASKED = ("/", "/a", "/b", "/a/b", "/c", "/a/c", "/a/", "/a\n", "/a/b/c")
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def route(number: int, kind: str, path: str) -> BaseRoute:
    async def endpoint(request: Request) -> PlainTextResponse:
        told = f"{number} {request.path_params} {request.scope['endpoint'] is endpoint} {request.scope['route'].name}"
        return PlainTextResponse(told)

    def stock() -> Route:
        return Route(path, endpoint, name=f"{number}", methods=["POST"] if kind == "post" else None)

    if kind == "page":
        return PageRoute(path, endpoint, name=f"{number}")
    if kind == "host":
        return Host("here", Router([stock()]))
    return Mount("/a", routes=[stock()], name=f"{number}") if kind == "mount" else stock()


async def answer(router: Router, method: str, path: str, root: str = "") -> tuple[Any, ...]:
    app = Starlette()
    app.router = router
    scope = {"type": "http", "method": method, "path": root + path, "root_path": root, "headers": [(b"host", b"here")]}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({**scope, "query_string": b"", "scheme": "http", "server": ("here", 80)}, receive, send)
    return sent[0]["status"], sorted(sent[0]["headers"]), sent[1]["body"]


KINDS = ("page", "page", "stock", "post", "mount", "host")


@example([("page", "/a"), ("post", "/a")], "POST", "/a", "")
@example([("host", "/a"), ("page", "/a")], "GET", "/a", "")
@example([("page", "/root/a"), ("page", "/a")], "GET", "/a", "/root")
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(PATHS)), max_size=6),
    st.sampled_from(METHODS),
    st.sampled_from(ASKED),
    st.sampled_from(("", "/root")),
)
async def test_whatever_stands_before_a_page_takes_what_it_takes_in_starlette(
    routes: list[tuple[str, str]], method: str, path: str, root: str
) -> None:
    made = [route(number, kind, where) for number, (kind, where) in enumerate(routes)]
    assert await answer(PageRouter(made), method, path, root) == await answer(Router(made), method, path, root)


async def test_a_route_that_comes_later_is_found_and_one_that_was_taken_out_is_not() -> None:
    router = PageRouter([route(0, "page", "/a")])
    assert (await answer(router, "GET", "/a"))[2].startswith(b"0 ")
    router.routes.insert(0, route(1, "page", "/a"))
    assert (await answer(router, "GET", "/a"))[2].startswith(b"1 ")
    router.routes.insert(0, route(2, "stock", "/{x}"))
    assert (await answer(router, "GET", "/a"))[2].startswith(b"2 ")
    router.routes.clear()
    assert (await answer(router, "GET", "/a"))[0] == 404


async def test_a_number_of_more_digits_than_python_reads_is_a_404() -> None:
    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    router = PageRouter([PageRoute("/a/{n:int}", endpoint)])
    assert [(await answer(router, "GET", f"/a/{'9' * digits}"))[0] for digits in (1, 5000)] == [200, 404]


async def test_what_a_page_raises_is_answered_by_the_handlers_of_the_app() -> None:
    async def endpoint(request: Request) -> PlainTextResponse:
        raise KeyError(request.scope["route"].path)

    async def answered(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(f"{error} at {request.path_params}", 418)

    app = Starlette(exception_handlers={KeyError: answered})
    app.router = PageRouter([PageRoute("/a", endpoint)])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/a", "root_path": "", "headers": [], "query_string": b""}
    await app(scope, pytest.fail, send)
    assert (sent[0]["status"], sent[1]["body"]) == (418, b"'/a' at {}")
