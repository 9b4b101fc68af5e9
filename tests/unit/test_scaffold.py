"""Which names a project may have, and what is left when it cannot be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asok.errors import ConfigurationError
from asok.scaffold import create_project


@pytest.mark.parametrize("name", ["demo", "my-shop", "my_shop", "Shop2", "a", "app", "calendar", "x" * 64])
def test_a_good_name_becomes_the_folder(tmp_path: Path, name: str) -> None:
    assert create_project(tmp_path, name) == tmp_path / name
    assert f'name = "{name}"' in (tmp_path / name / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a b", "../demo", "/tmp/demo", "a/b", "a\\b", "1st", "é", "demo-", "_", "x" * 65, "a\n"]
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name for a project"):
        create_project(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["class", "None", "asok", "asok-live", "Asok_Live", "con", "COM1", "starlette", "Python_Multipart"]
)
def test_a_reserved_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="is a reserved name"):
        create_project(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written: Not a directory"):
        create_project(tmp_path / "file", "demo")


def test_its_types_can_be_checked_where_a_file_of_src_is_imported_by_its_name(tmp_path: Path) -> None:
    project = create_project(tmp_path, "typed")
    (project / "src/words.py").write_text('HELLO: str = "hello"\n')
    with (project / "app.py").open("a") as file:
        file.write("from src.words import HELLO\n\nassert HELLO\n")
    mypy = (sys.executable, "-m", "mypy", "--no-site-packages", "--ignore-missing-imports", ".")
    checked = subprocess.run(mypy, cwd=project, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
