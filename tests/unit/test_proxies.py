"""Whose word about a visitor's address and scheme is believed."""

from __future__ import annotations

from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from asok.errors import ConfigurationError
from asok.proxies import named_proxies


async def scheme_told_by(peer: str, named: str) -> str:
    """The scheme of a request over http, of which this peer says that it was https."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["scheme"])

    scope: Any = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": [(b"x-forwarded-proto", b"https")]}
    await ProxyHeadersMiddleware(app, named_proxies(named))(scope, None, None)  # type: ignore[arg-type]  # nobody calls them
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "named", "told"),
    [
        ("10.0.0.7", "10.0.0.7", "https"),
        ("10.0.0.7", "192.0.2.1, 10.0.0.0/24", "https"),
        ("10.0.1.7", "192.0.2.1, 10.0.0.0/24", "http"),
        ("2001:db8::7", "2001:db8::/32", "https"),
        ("2001:db8::7", "10.0.0.0/8", "http"),
        ("203.0.113.9", "*", "https"),
    ],
)
async def test_a_proxy_is_believed_that_is_named_or_in_a_network_that_is(peer: str, named: str, told: str) -> None:
    assert await scheme_told_by(peer, named) == told


@pytest.mark.parametrize(
    ("named", "remedy"),
    [
        ("nginx", "a name is none"),
        ("127.0.0.1,proxy.internal", "'proxy.internal'"),
        ("10.0.0.7/24", "that network is 10.0.0.0/24"),
        ("10.0.0.0/33", "no address or network"),
    ],
)
def test_what_would_let_nobody_be_believed_is_told_at_the_start(named: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        named_proxies(named)


def test_without_a_name_nobody_is_believed() -> None:
    assert named_proxies("") == named_proxies(" , ") == ""
