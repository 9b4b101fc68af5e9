"""The pytest plugin of asok: the fixture `live`, a browser for tests at the app of the option `asok_app`.

In `pyproject.toml`:

    [tool.pytest.ini_options]
    asyncio_mode = "auto"
    asok_app = "app:app"

pytest loads this for everybody who has asok installed, so nothing of asok is imported before a test asks.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asok.testing import LiveClient

__all__ = ["asok_app", "live", "load_app", "pytest_addoption", "pytest_configure"]

# Tests leave the project's database alone, and run before anybody has made a key.
ENVIRONMENT = {"DEBUG": "true", "ASOK_DATABASE": ":memory:", "ASOK_REDIS": ""}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option `asok_app`."""
    parser.addini("asok_app", 'the app that the fixture `live` starts, as "module:attribute"', default="")


def pytest_configure(config: pytest.Config) -> None:
    """Have the environment of tests before a test file imports the app."""
    if config.getini("asok_app"):
        patch = pytest.MonkeyPatch()
        config.add_cleanup(patch.undo)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, os.environ.get(name, value))


@pytest.fixture(scope="session")
def asok_app(pytestconfig: pytest.Config) -> Any:
    """The app under test; override this fixture to make it yourself. None where the option is not set."""
    where = str(pytestconfig.getini("asok_app"))
    if not where:
        return None
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pytestconfig.rootpath))
        return load_app(where)


def async_fixture(function: Callable[..., AsyncIterator[Any]]) -> Any:
    """A fixture for coroutines in every mode of pytest-asyncio; other plugins take a plain one."""
    try:
        import pytest_asyncio
    except ModuleNotFoundError:
        return pytest.fixture(function)
    return pytest_asyncio.fixture(function)


@async_fixture
async def live(asok_app: Any) -> AsyncIterator[LiveClient]:
    """A browser for tests; the app is started for each test anew, and every test is a person of its own.

    What the test before it left in a database in memory is forgotten.
    """
    from asok.testing import LiveClient

    forget = getattr(getattr(asok_app, "backend", None), "forget", None)
    if forget is not None:
        forget()
    async with LiveClient(asok_app) as client:
        yield client


def load_app(where: str) -> Any:
    """The app that `module:attribute` names. Raises UsageError where it names none."""
    module, colon, attribute = where.partition(":")
    if not colon or not attribute:
        raise pytest.UsageError(f'asok_app = "{where}": expected "module:attribute", such as "app:app"')
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError:
        raise pytest.UsageError(f'asok_app = "{where}": {module} has no {attribute!r}') from None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise pytest.UsageError(f'asok_app = "{where}": no module {module!r} here') from None
