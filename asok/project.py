"""What of the project lies on disk: its components, its scripts, its files for browsers."""

from __future__ import annotations

import errno
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from starlette.staticfiles import StaticFiles

from asok.attributes import needs_features
from asok.component import Definition, registry
from asok.errors import ConfigurationError
from asok.sources import texts_in_code
from asok.unknown import projects

__all__ = ["Files", "Scripts", "discover", "folder_of_caller", "forget_features", "needs_of_all"]
__all__ += ["place_of_caller", "uses_features"]

IN_A_CIRCLE = (
    "asok: Asok() in {0}.py imports the components, so none of them can import from {0} what is made after it. Move "
    "what both need, such as a database, to a file of its own; in a method the app is self.app."
)
LONGEST_SCRIPT = 512 * 1024
USED = re.compile(r"\balive\s*\.\s*(store|appState|call|hooks|resync)\b")
OF_STORES = {"store", "appState"}
WRITTEN = ("templates", "src/templates", "src/components")


class Files(StaticFiles):
    """The project's files for browsers; what begins with a dot is none of them."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """As Starlette's."""
        return ("", None) if any(part.startswith(".") for part in Path(path).parts) else super().lookup_path(path)


def check_readable(root: Path) -> None:
    """Raise ConfigurationError where this user may not read a component or a template, as in an image that was built
    from a checkout of its owner's eyes only: what cannot be listed would not be there, without a word."""

    def refuse(error: OSError) -> None:
        if isinstance(error, PermissionError):
            problem = f"{error.filename} cannot be read: {error.strerror}"
            raise ConfigurationError(f"{problem}; let the user who runs this process read it: chmod -R a+rX {root}")

    for folder, _, names in (found for each in WRITTEN for found in os.walk(root / each, onerror=refuse)):
        for file in (os.path.join(folder, name) for name in names if name.endswith((".py", ".html"))):
            if os.path.isfile(file) and not os.access(file, os.R_OK):
                refuse(PermissionError(errno.EACCES, os.strerror(errno.EACCES), file))


def discover(root: Path) -> None:
    """Import every component module of a project, as `src.components.<name>`. Raises ConfigurationError where one, or
    a template, may not be read."""
    check_readable(root)
    projects.add(root.resolve())
    folder = root / "src" / "components"
    for file in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        name = f"src.components.{file.stem}"
        known = sys.modules.get(name)
        if file.name.startswith("_") or (known is not None and getattr(known, "__file__", None) == str(file)):
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if isinstance(error, ImportError) and _is_running(error.name):
                error.add_note(IN_A_CIRCLE.format(error.name))
            raise


def _is_running(name: str | None) -> bool:
    """Whether this module is on its way: it is what has led here."""
    known = vars(sys.modules[name]) if name in sys.modules else None
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals is not known:
        frame = frame.f_back
    return frame is not None


@dataclass(frozen=True, slots=True)
class Scripts:
    """What the project's scripts and templates use: the stores of the page, the state of the session, and what
    is beyond the runtime's core."""

    stores: bool
    state: bool
    features: bool

    @classmethod
    def of(cls, root: Path) -> Scripts:
        """Look through them all."""
        used, features = set[str](), False
        for file in scripts_of(root):
            text = file.read_text("utf-8", errors="replace")
            used.update(USED.findall(text))
            features = features or needs_features(text)
        return cls(bool(used & OF_STORES), "appState" in used, features or bool(used - OF_STORES))


# By class, which must be free to go.
_features = WeakKeyDictionary[Definition, bool]()


def uses_features(definition: Definition) -> bool:
    """Whether the templates of a class, or the texts in its code, use an attribute beyond the runtime's core."""
    if definition not in _features:
        _features[definition] = _looks_for_features(definition)
    return _features[definition]


class Needs(NamedTuple):
    """What pages need of the runtime: what is beyond its core, and what an event's target was."""

    features: bool
    target: bool


@lru_cache(maxsize=1)
def needs_of_all(changes: int) -> Needs:
    """What all registered classes need together. changes: those of the registry, which are counted."""
    return Needs(any(map(uses_features, registry)), any(each.looks_at_target for each in registry))


def forget_features() -> None:
    """Look again; for development."""
    _features.clear()
    needs_of_all.cache_clear()


def _looks_for_features(definition: Definition) -> bool:
    folder = definition.folder
    files = folder.glob("*.html") if folder else ()
    texts = (file.read_text("utf-8", errors="replace") for file in files)
    # A draft is told which of its fields the person has left.
    return (
        definition.looks_at_target
        or bool(definition.drafts)
        or any(map(needs_features, (*texts_in_code(definition.cls), *texts)))
    )


def scripts_of(root: Path) -> Iterator[Path]:
    """The project's own scripts and templates; what is very long is a library."""
    for folder in ("static", "src/static", *WRITTEN):
        for suffix in ("*.js", "*.mjs", "*.html"):
            for file in (root / folder).rglob(suffix):
                if file.is_file() and file.stat().st_size <= LONGEST_SCRIPT and os.access(file, os.R_OK):
                    yield file


def folder_of_caller(module: str) -> Path:
    """The folder of the module that calls the named one."""
    frame = _caller(module)
    file = frame.f_globals.get("__file__") if frame else None
    return Path(file).resolve().parent if file else Path.cwd()


def place_of_caller(module: str) -> tuple[str, int]:
    """File and line from which the named module was called."""
    frame = _caller(module)
    return (frame.f_code.co_filename, frame.f_lineno) if frame else (str(Path.cwd()), 1)


def _caller(module: str) -> FrameType | None:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in (module, __name__):
        frame = frame.f_back
    return frame
