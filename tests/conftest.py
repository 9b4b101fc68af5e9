"""What every test gets: components and stores of its own."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from asok import superstore
from asok.component import Definition, registry
from asok.journal import keep_journal
from tests.redis_server import RedisServer, redis_server

# How long an example takes says more about the machine than about asok.
settings.register_profile("asok", deadline=None)
settings.load_profile("asok")

WATCHDOG = "asok.watchdog"
LOGS = ("", "asok", WATCHDOG, "uvicorn", "uvicorn.error", "uvicorn.access")
# On a slow machine it speaks of apps that other tests keep running; its own tests give it a log of their own.
logging.getLogger(WATCHDOG).setLevel(logging.CRITICAL)


@pytest.fixture(autouse=True)
def own_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test knows the components and stores of its own module and of the rigs, so that two may use one name."""
    own = request.module.__name__

    def keep(module: str) -> bool:
        return module == own or not module.rpartition(".")[2].startswith("test_")

    def keep_class(definition: Definition) -> bool:
        return keep(definition.cls.__module__)

    with registry.isolated(keep_class), superstore.isolated(keep):
        yield


@pytest.fixture(autouse=True)
def the_log_begins_anew() -> Iterator[None]:
    """What other tests have just logged keeps no line of this one back, and who sets up a log does so for himself."""
    keep_journal(debug=True)
    logs = [logging.getLogger(name) for name in LOGS]
    before = [(log.level, log.propagate, log.disabled, list(log.handlers)) for log in logs]
    yield
    for log, (level, propagate, disabled, handlers) in zip(logs, before, strict=True):
        log.setLevel(level)
        log.propagate, log.disabled, log.handlers = propagate, disabled, handlers


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the tests of one process share; what breaks it starts its own with `redis_server`."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def pytest_collection_finish() -> None:
    """What all the tests' modules hold is looked at once: else each `gc.collect` of a test would take 0.15 s for it."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Just above pytest's closing line: the steps of `make test` that failed before it."""
    if failed := os.environ.get("ASOK_FAILED_STEPS"):
        terminalreporter.write_line(f"FAILED before pytest: {failed}", red=True, bold=True)
