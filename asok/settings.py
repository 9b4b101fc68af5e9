"""Every setting, read once from the environment and never changed afterwards."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asok.errors import ConfigurationError

__all__ = ["KEY_BYTES", "Limits", "Settings", "development_key", "read_dotenv", "templates_root", "words"]

KEY_BYTES = 32
DEVELOPMENT = "development:"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
# As it stands in the header, without a port: no scheme, no path.
HOST = re.compile(r"[^\s:/@?#]+|\[[^\s/@?#]+\]")
# A page comes from https, from http or from a scheme of a program's own, never from a socket's.
ORIGIN = re.compile(r"(?!wss?:)[a-z][a-z0-9+.-]*://(?:[^\s/@?#:*\[\]]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
REDIS = ("redis://", "rediss://", "unix://")
PLACEHOLDERS = (DEVELOPMENT, "change", "secret", "example", "insecure", "placeholder", "your-", "password", "xxxxxxxx")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one browser may ask for. Sizes in bytes, times in seconds. 0 lifts a limit of connections or rates,
    and `connections=0` means as many as the process may open files."""

    message: int = 64 * 1024
    token: int = 64 * 1024
    token_warning: int = 16 * 1024
    html: int = 1024 * 1024
    store: int = 1024 * 1024
    json_depth: int = 32
    json_nodes: int = 10_000
    arguments: int = 32
    instances: int = 1024
    records: int = 1024
    events_per_second: float = 50
    burst: int = 100
    strikes: int = 1000
    messages_per_second: float = 250
    messages_burst: int = 1000
    connections: int = 0
    session_connections: int = 32
    address_connections: int = 256
    connects_per_second: int = 20
    joins_per_second: float = 250
    inbound: int = 32
    outbox_messages: int = 32
    outbox_bytes: int = 1024 * 1024
    send_timeout: float = 10
    handler_timeout: float = 10
    loop_lag: float = 0.25
    first_message: float = 10
    drain: float = 10
    token_age: float = 12 * 3600
    token_lifetime: float = 7 * 86400
    session_age: float = 14 * 86400
    threads: int = 16
    rendering_cache: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What an app runs with.

    root: the project's folder. keys: the ring; the first signs, all verify. hosts: the Host names that
    are answered. origins: pages that may connect besides those of the hosts themselves, each written
    `scheme://host[:port]`. database: an SQLite file, or `:memory:`. redis: the URL of a Redis, which then keeps
    what the database would. live: the path of the endpoint. websocket: whether it
    takes WebSockets; without them all pages use POST and event streams.
    """

    root: Path
    debug: bool = False
    keys: tuple[str, ...] = field(default=(), repr=False)
    hosts: tuple[str, ...] = LOCAL_HOSTS
    origins: tuple[str, ...] = ()
    database: str = ""
    redis: str = field(default="", repr=False)
    live: str = "/live"
    websocket: bool = True
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.live.startswith("/") or self.live.endswith("/"):
            raise ConfigurationError(f"live={self.live!r} is no path for the endpoint; write it like '/live'")
        check_names(self.hosts, self.origins)
        check_redis(self.redis)
        if not self.debug:
            check_keys(self.keys)
        elif not self.keys:
            check_local(self.hosts)
            object.__setattr__(self, "keys", (development_key(self.root),))
        if not self.database:
            object.__setattr__(self, "database", str(self.root / ".asok" / "sessions.db"))

    @classmethod
    def read(cls, root: Path, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from `<root>/.env` and the environment, which wins.

        Raises ConfigurationError where production lacks a good key.
        """
        env = {**read_dotenv(root / ".env"), **(os.environ if environ is None else environ)}
        debug = is_on(env.get("DEBUG", ""))
        keys = words(env.get("ASOK_KEYS") or env.get("SECRET_KEY", ""))
        return cls(
            root=root,
            debug=debug,
            keys=keys,
            hosts=words(env.get("ASOK_HOSTS", "")) or LOCAL_HOSTS,
            origins=words(env.get("ASOK_ORIGINS", "")),
            database=env.get("ASOK_DATABASE", ""),
            redis=env.get("ASOK_REDIS", ""),
            live=env.get("ASOK_LIVE_PATH", "") or "/live",
            websocket=not is_on(env.get("ASOK_DISABLE_WS", "")),
        )


def is_on(text: str) -> bool:
    return text.lower() in {"1", "true", "yes", "on"}


def words(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def check_keys(keys: tuple[str, ...]) -> None:
    if not keys:
        raise ConfigurationError(
            "no signing key: set SECRET_KEY (or ASOK_KEYS) to the output of `asok keys new`, "
            "or DEBUG=true while you develop"
        )
    for position, key in enumerate(keys, 1):
        if len(key.encode()) < KEY_BYTES or len(set(key)) < 10:
            raise ConfigurationError(
                f"signing key {position} is too short or too uniform ({len(key.encode())} bytes, "
                f"{KEY_BYTES} random ones are needed); make one with `asok keys new`"
            )
        if any(word in key.lower() for word in PLACEHOLDERS):
            raise ConfigurationError(f"signing key {position} is a placeholder; make one with `asok keys new`")


def check_names(hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
    """Refuses what no browser ever sends: with it the app would start, and serve nobody."""
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ConfigurationError(
                f"ASOK_HOSTS names {host!r}, which is no name of a host; write it without scheme, port and path, "
                "like shop.example.org"
            )
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"ASOK_ORIGINS names {origin!r}, which is no origin; write scheme and host, and the port where it is "
                "not the usual one, like https://shop.example.org; each one whole, without stars"
            )


def check_redis(url: str) -> None:
    # Its password may stand anywhere in a URL that is none: no part of it is shown.
    if url and not url.startswith(REDIS):
        raise ConfigurationError(f"ASOK_REDIS is no URL of a Redis: it begins with none of {', '.join(REDIS)}")


def check_local(hosts: tuple[str, ...]) -> None:
    strange = [host for host in hosts if host not in LOCAL_HOSTS and not host.endswith(".localhost")]
    if strange:
        raise ConfigurationError(
            f"DEBUG=true signs with a key that is no secret, and ASOK_HOSTS names {strange[0]}; "
            "set SECRET_KEY to the output of `asok keys new`, or serve only localhost"
        )


def development_key(root: Path) -> str:
    """The same for a project on every start, so that state survives a restart; never used without DEBUG."""
    return DEVELOPMENT + hashlib.sha256(b"asok development key " + os.fsencode(root.resolve())).hexdigest()


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines of a file; blank lines, `#` comments, `export` and quotes are understood."""
    try:
        if not path.is_file():
            return {}
        # Editors on Windows begin a file with a mark, which is not part of the first name.
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; save it again with that encoding") from None
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(f"{problem}; let the user who runs this process read it, or remove it") from None
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found


def templates_root() -> Path:
    """The folder of asok's own templates: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"
