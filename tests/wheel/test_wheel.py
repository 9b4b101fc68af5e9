"""What a stranger gets: the wheel in a clean environment, a new app from it, and that app in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Launch

REPOSITORY = Path(__file__).parents[2]
MOST_FILES = 14

# Installing from an index may take a while on a slow line.
pytestmark = pytest.mark.timeout(300)


def run(*command: str | Path, cwd: Path) -> str:
    """What the command printed; it fails with that when the command fails."""
    done = subprocess.run(command, cwd=cwd, env=ordinary_environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def ordinary_environment() -> dict[str, str]:
    """The environment without what points into this repository or configures an app."""
    foreign = ("ASOK_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "DEBUG", "SECRET_KEY")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def install(python: Path, *what: str) -> None:
    constrained = ("-c", str(REPOSITORY / "constraints.txt"), *what)
    if uv := shutil.which("uv", path=str(Path(sys.executable).parent)):
        run(uv, "pip", "install", "--quiet", "--python", python, *constrained, cwd=python.parent)
    else:
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *constrained, cwd=python.parent)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=REPOSITORY)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `python` and `asok` in an environment that holds the wheel and what it asks for."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    install(environment / "bin" / "python", f"{wheel}[testing]")
    return environment / "bin"


@pytest.fixture(scope="module")
def demo(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    run(commands / "asok", "new", "demo", cwd=folder)
    return folder / "demo"


def test_the_wheel_holds_the_runtime_the_templates_and_the_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"asok/static/alive.js", "asok/py.typed"} <= names
    assert any(name.startswith("asok/templates/project/") for name in names)
    assert not [name for name in names if not name.startswith(("asok/", "asok_live-"))]


def test_the_wheel_is_what_the_environment_imports(commands: Path, tmp_path: Path) -> None:
    where = run(commands / "python", "-c", "import asok; print(asok.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(commands.parent)


def test_a_new_app_is_small(commands: Path, tmp_path: Path) -> None:
    run(commands / "asok", "new", "fresh", cwd=tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) <= MOST_FILES


def test_the_tests_of_a_new_app_pass(commands: Path, demo: Path) -> None:
    assert "passed" in run(commands / "python", "-m", "pytest", "-p", "no:cacheprovider", cwd=demo)


async def test_a_new_app_counts_in_the_browser_and_a_reload_keeps_the_count(
    commands: Path, demo: Path, launch: Launch, page: Page
) -> None:
    server = await launch("dev", cwd=demo, asok=commands / "asok")
    await page.goto(server.url)
    await page.locator("html[data-alive=live]").wait_for()
    count = page.get_by_text("Count: ")
    before = int((await count.inner_text()).removeprefix("Count: "))
    await page.get_by_role("button", name="Add 1").click()
    await expect(count).to_have_text(f"Count: {before + 1}")
    await page.reload()
    await expect(count).to_have_text(f"Count: {before + 1}")
