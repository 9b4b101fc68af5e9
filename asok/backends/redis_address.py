"""Where a Redis is and how one gets in, read from its URL, whose password is never shown."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from asok.errors import ConfigurationError, nearest

__all__ = ["Address"]

_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_QUERY = ("prefix", "db", *_FILES, "ssl_cert_reqs", "ssl_check_hostname")
_CHOICES = {"ssl_cert_reqs": ("required", "none"), "ssl_check_hostname": ("true", "false", "yes", "no", "1", "0")}
_SCHEMES = {"redis", "rediss", "unix"}
_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis. name: how it is called in errors and logs. path: its Unix socket, "" for host and port.

    prefix: what its keys begin with, `asok:` or that of the URL.
    """

    name: str
    host: str
    port: int
    path: str
    database: int
    prefix: str
    tls: ssl.SSLContext | None = field(repr=False)
    user: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a URL tells. Raises ConfigurationError, which does not show it."""
        try:
            parts = urlsplit(url)
            if parts.scheme not in _SCHEMES:
                raise ValueError("another protocol, which this would not speak")
            if parts.fragment or "@" in parts.query:
                raise ValueError("a password with # or ? in it")
            query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            port = parts.port or _PORT
            database = int(query.get("db") or (parts.path.strip("/") if parts.scheme != "unix" else "") or "0")
            if database < 0:
                raise ValueError("no number of a database")
            host = parts.hostname or "localhost"
            host.encode("idna")  # as the system will do
            if parts.scheme == "unix" and (parts.hostname or not parts.path.strip("/")):
                raise ValueError("no path of a socket, or half of one")
            if re.search(r"[\s,]", host):
                raise ValueError("several hosts")
        except ValueError:
            raise ConfigurationError(
                "ASOK_REDIS is no URL that can be read; write it as redis://user:password@host:6379/0 with one host, "
                "or unix:///path/redis.sock, with %40 for an @ in the password and so on"
            ) from None
        _check_query(query, parts.scheme)
        path = unquote(parts.path) if parts.scheme == "unix" else ""
        shown = f"[{host}]" if ":" in host else host
        return cls(
            name=f"unix://{path}" if path else f"{parts.scheme}://{shown}:{port}/{database}",
            host=host,
            port=port,
            path=path,
            database=database,
            prefix=query.get("prefix", "asok") + ":",
            tls=_tls(query) if parts.scheme == "rediss" else None,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def greetings(self) -> list[list[str]]:
        """The commands with which a connection begins."""
        login = ["AUTH", *([self.user] if self.user else []), self.password]
        return [
            *([login] if self.user or self.password else []),
            *([["SELECT", str(self.database)]] if self.database else []),
            ["PING"],
        ]


def _check_query(query: dict[str, str], scheme: str) -> None:
    for name, value in query.items():
        if name not in _QUERY:
            known = f"and may name {', '.join(_QUERY)}{nearest(name, _QUERY)}"
            raise ConfigurationError(f"the query of ASOK_REDIS names {name!r}, {known}")
        if name.startswith("ssl_") and scheme != "rediss":
            raise ConfigurationError(f"ASOK_REDIS names {name!r} and speaks no TLS; write it as rediss://…")
        if name in _CHOICES and value.lower() not in _CHOICES[name]:
            raise ConfigurationError(f"{name}={value!r} in ASOK_REDIS is none of {', '.join(_CHOICES[name])}")
    if "ssl_keyfile" in query and not query.get("ssl_certfile"):
        raise ConfigurationError("ASOK_REDIS names 'ssl_keyfile' without the certificate; name that in ssl_certfile")
    if "prefix" in query and not _PREFIX.fullmatch(query["prefix"]):
        raise ConfigurationError("the prefix in ASOK_REDIS is not made of at most 64 letters, digits, `_`, `.` and `-`")


def _tls(query: dict[str, str]) -> ssl.SSLContext:
    """As the query says, in the words of other clients of Redis."""
    for name in _FILES:
        if name in query:
            _check_file(name, query[name])
    try:
        what = f"ssl_ca_certs={query.get('ssl_ca_certs')}"
        context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
        if certificate := query.get("ssl_certfile"):
            key = query.get("ssl_keyfile") or None
            what = f"ssl_certfile={certificate} with the key in {key or 'the same file'}"
            # Without the last argument it would ask the terminal.
            context.load_cert_chain(certificate, key, lambda: "")
    except (OSError, ssl.SSLError) as error:
        doubt = "; is it a certificate, and a key without a password, as PEM?"
        raise ConfigurationError(f"the TLS of ASOK_REDIS: {what} is of no use: {error}{doubt}") from error
    if query.get("ssl_check_hostname", "").lower() in {"0", "no", "false"} or _checks_nothing(query):
        context.check_hostname = False
    if _checks_nothing(query):
        context.verify_mode = ssl.CERT_NONE
    return context


def _checks_nothing(query: dict[str, str]) -> bool:
    return query.get("ssl_cert_reqs", "").lower() == "none"


def _check_file(name: str, path: str) -> None:
    """Refuse a file that cannot be read: what OpenSSL says does not name it."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise ConfigurationError(f"{name}={path!r} in ASOK_REDIS cannot be read: {error.strerror}") from error
