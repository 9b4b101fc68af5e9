"""What every test gets: a component registry of its own."""

from __future__ import annotations

import os
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Just above pytest's closing line: the steps of `make test` that failed before it."""
    if failed := os.environ.get("ASOK_FAILED_STEPS"):
        terminalreporter.write_line(f"FAILED before pytest: {failed}", red=True, bold=True)
