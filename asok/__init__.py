"""asok: interactive pages from Python classes and Jinja templates, without writing JavaScript."""

from __future__ import annotations

from asok.access import Change
from asok.app import Asok
from asok.asynchronous import Async, async_
from asok.component import Component, every, exposed, on
from asok.errors import AsokError, Denied
from asok.fields import bind, private
from asok.sessions import Session
from asok.settings import Limits, Settings
from asok.stores import AuthStore, Store
from asok.streaming import Stream
from asok.superstore import SuperStore

__all__ = [
    "Asok",
    "AsokError",
    "Async",
    "AuthStore",
    "Change",
    "Component",
    "Denied",
    "Limits",
    "Session",
    "Settings",
    "Store",
    "Stream",
    "SuperStore",
    "async_",
    "bind",
    "every",
    "exposed",
    "on",
    "private",
]

__version__ = "0.1.0"
