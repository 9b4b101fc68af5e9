"""The proxies that are believed, as the command line names them."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from asok.errors import ConfigurationError
from asok.settings import words

__all__ = ["named_proxies"]

ANYBODY = "*"


def named_proxies(text: str) -> str:
    """The same list of addresses and networks, with commas; `*` is all. Raises ConfigurationError where it is none."""
    names = words(text)
    return ANYBODY if ANYBODY in names else ",".join(map(_network, names))


def _network(name: str) -> str:
    try:
        return str(ip_network(name))
    except ValueError:
        pass
    try:
        instead = f"; that network is {ip_interface(name).network}"
    except ValueError:
        instead = ", like 10.0.0.7 or 10.0.0.0/24; a name is none"
    raise ConfigurationError(f"--forwarded-allow-ips names {name!r}, which is no address or network{instead}")
