"""What every test gets: a component registry of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from asok.component import Definition, registry


@pytest.fixture(autouse=True)
def own_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test knows the components of its own module and of the rigs, so that two tests may use one name."""
    own = request.module.__name__

    def keep(definition: Definition) -> bool:
        module = definition.cls.__module__
        return module == own or not module.rpartition(".")[2].startswith("test_")

    with registry.isolated(keep):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Just above pytest's closing line: the steps of `make test` that failed before it."""
    if failed := os.environ.get("ASOK_FAILED_STEPS"):
        terminalreporter.write_line(f"FAILED before pytest: {failed}", red=True, bold=True)
