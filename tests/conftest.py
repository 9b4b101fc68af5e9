"""What every test gets: a component registry of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    """Components that a test defines are forgotten after it, so that two tests may use one name."""
    try:
        from asok.component import registry
    except ImportError:
        yield
        return
    with registry.isolated():
        yield
