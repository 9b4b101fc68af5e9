"""The app whose pages are measured: with room for one machine that plays all the visitors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import jinja2

from asok import Asok, Limits, Settings, Store

__all__ = ["made"]

KEY = "k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz"
PLENTY = Limits(
    events_per_second=1e9,
    burst=10**9,
    handler_timeout=60,
    session_connections=0,
    address_connections=0,
    connects_per_second=0,
    messages_per_second=0,
    joins_per_second=0,
    html=8 * 1024 * 1024,
)
PAGE = "<!doctype html><html lang='en'><head><title>Bench</title>{{ alive() }}</head><body>%s</body></html>"


def made(pages: Mapping[str, str], **stores: Store) -> Asok | None:
    """An app of these bodies by path, which may name the stores; its sessions are in the folder ASOK_BENCH, if set."""
    if "ASOK_BENCH" not in os.environ:
        return None
    folder = Path(os.environ["ASOK_BENCH"])
    env = jinja2.Environment(loader=jinja2.DictLoader({path: PAGE % body for path, body in pages.items()}))
    env.globals.update(stores)
    app = Asok(root=folder, settings=Settings(folder, keys=(KEY,), limits=PLENTY), env=env)
    for path in pages:
        app.page(path, path)
    return app
