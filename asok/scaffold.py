"""A new project: the files of `templates/project`, with its name and a fresh key filled in."""

from __future__ import annotations

import keyword
import os
import re
import secrets
import shutil
from importlib.metadata import requires
from pathlib import Path

from asok.errors import ConfigurationError
from asok.settings import KEY_BYTES, templates_root

__all__ = ["create_project", "fresh_key"]

NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
PACKAGE = re.compile(r"[\w-]+")
# A project that depends on a package of its own name cannot be installed; Windows keeps the devices' names.
RESERVED = {
    "asok",
    "asok-live",
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}
OURS = 0o600


def fresh_key() -> str:
    """32 random bytes as hexadecimal digits."""
    return secrets.token_hex(KEY_BYTES)


def create_project(parent: Path, name: str) -> Path:
    """Make the folder `parent/name` with a project in it. Raises ConfigurationError and leaves nothing half made."""
    check_name(name)
    folder = parent / name
    if os.path.lexists(folder):
        raise ConfigurationError(f"{name} already exists here; choose another name, or remove it first")
    try:
        write_project(folder, {"PROJECT_NAME": name, "PROJECT_KEY": fresh_key()})
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name for a project: use letters, digits, - and _, starting with a letter, like 'my-shop'"
        )
    if keyword.iskeyword(name) or name.lower().replace("_", "-") in RESERVED | needed():
        raise ConfigurationError(f"{name!r} is a reserved name; choose another, like '{name}-app'")


def needed() -> set[str]:
    """The packages that asok depends on, and so every project, by the names that pip compares."""
    found = [PACKAGE.match(each) for each in requires("asok-live") or ()]
    return {each[0].lower().replace("_", "-") for each in found if each}


def write_project(folder: Path, words: dict[str, str]) -> None:
    template = templates_root() / "project"
    folder.mkdir()
    for source in sorted(path for path in template.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        text = source.read_text("utf-8")
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)
        write(folder / project_path(source.relative_to(template)), text)


def project_path(path: Path) -> Path:
    """`dot.env` stands for `.env`: asok's own git and packaging would obey or leave out the real names."""
    return path.with_name(path.name.replace("dot.", ".", 1) if path.name.startswith("dot.") else path.name)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = OURS if path.name == ".env" else 0o666
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
