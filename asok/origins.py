"""Which hosts are this app's, and which pages may speak to it."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from unicodedata import normalize
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from asok.settings import Settings

__all__ = ["allowed_origin", "from_afar", "host_allowed", "host_of"]

OTHER_LETTERS = re.compile(r"(?=[^/.:]*[^\x00-\x7f])[^/.:]+")
PORTS = {"http": 80, "https": 443}
# What follows a `/` or an `@` is no part of the name, whatever an app makes of the header.
HOST = re.compile(r"([^\s:/@?#\\\[\]]+|\[[^\s/@?#\\\[\]]+\])(?::[0-9]*)?")


def host_of(scope: Scope) -> str:
    """The Host header, with its port; empty where there are none, or several, of which a proxy may mean another."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return hosts[0] if len(hosts) == 1 else ""


def from_afar(scope: Scope) -> str:
    """The address of another machine that sends this, itself or by a tunnel or proxy here that names it; else empty.

    What is no address of the internet, such as a Unix socket's, is here.
    """
    peer = (scope.get("client") or ("",))[0]
    if _is_far(peer, unknown=False):
        return str(peer)
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return next((each for each in ",".join(named).split(",") if each.strip() and _is_far(each, unknown=True)), "")


def _is_far(text: str, *, unknown: bool) -> bool:
    """Whether it is no address of this machine. unknown: what is said of that which is none at all."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return unknown
    return not (getattr(address, "ipv4_mapped", None) or address).is_loopback


def host_allowed(host: str, settings: Settings) -> bool:
    """Whether a Host header names this app; neither port nor case matters, `*.name` allows subdomains."""
    written = HOST.fullmatch(host)
    if written is None:
        return False
    name = written[1].lower()
    known = [_as_sent(allowed) for allowed in settings.hosts]
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
    own = _origin(f"{scheme}://{host_of(scope)}") if scheme in PORTS else None
    return origin == own or origin in [_origin(_as_sent(each)) for each in settings.origins]


@lru_cache(maxsize=64)
def _as_sent(name: str) -> str:
    """A host or an origin as browsers write it: in lower case, and other letters than ASCII's in Punycode."""
    # The codec `idna` is of 2003: it takes a German sharp s for two others, which is somebody else's name today.
    name = normalize("NFC", name.lower())
    return OTHER_LETTERS.sub(lambda label: f"xn--{label[0].encode('punycode').decode()}", name)


def _origin(text: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(text)
        port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port
