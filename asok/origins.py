"""Which hosts are this app's, and which pages may speak to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from asok.settings import Settings

__all__ = ["allowed_origin", "host_allowed", "host_of"]

PORTS = {"http": 80, "https": 443}


def host_of(scope: Scope) -> str:
    """The Host header, with its port; empty where there are none, or several, of which a proxy may mean another."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return hosts[0] if len(hosts) == 1 else ""


def host_allowed(host: str, settings: Settings) -> bool:
    """Whether a Host header names this app; neither port nor case matters, `*.name` allows subdomains."""
    name = (host if host.endswith("]") else host.rpartition(":")[0] or host).lower()
    known = [allowed.lower() for allowed in settings.hosts]
    return name in known or any(
        allowed == "*" or (allowed.startswith("*.") and name.endswith(allowed[1:])) for allowed in known
    )


def allowed_origin(scope: Scope, settings: Settings) -> bool:
    """Whether the page that connects is this app's: scheme, host and port compared whole."""
    headers = Headers(scope=scope)
    origin = _origin(headers.get("origin", ""))
    if origin is None or len(headers.getlist("origin")) != 1:
        return False
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    own = _origin(f"{scheme}://{host_of(scope)}")
    return origin == own or origin in [_origin(each) for each in settings.origins]


def _origin(text: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port
