"""asok: interactive pages from Python classes and Jinja templates, without writing JavaScript."""

from __future__ import annotations

from asok.app import Asok
from asok.component import Component, exposed
from asok.errors import AsokError, Denied
from asok.fields import bind, private
from asok.settings import Limits, Settings

__all__ = ["Asok", "AsokError", "Component", "Denied", "Limits", "Settings", "bind", "exposed", "private"]

__version__ = "0.1.0"
