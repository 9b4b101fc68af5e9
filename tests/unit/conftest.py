"""Fixtures that several modules of the unit tests share."""

from tests.unit.scripted import opened

__all__ = ["opened"]
