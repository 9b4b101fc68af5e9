"""From a path on the command line to the app that stands in that file."""

from __future__ import annotations

import errno
import importlib.util
import inspect
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType

from starlette.types import ASGIApp

from asok.app import Asok
from asok.errors import ConfigurationError

__all__ = ["Loaded", "app_file", "load", "print_failure"]


FACTORIES = ("create_app", "make_app", "get_app")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file serves, and the Asok apps in it: the served one, or those that it mounts."""

    app: ASGIApp
    asoks: tuple[Asok, ...]


def app_file(argument: str) -> Path:
    """The app's file. Raises ConfigurationError when it is not there, or may not be read."""
    try:
        path = _app_file(argument)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        problem = f"{argument} cannot be read: {error.strerror}"
        raise ConfigurationError(f"{problem}; let the user who runs this process read it and its folder") from None
    return path


def _app_file(argument: str) -> Path:
    path = Path(argument)
    if path.is_dir():
        path = path / "app.py"
    if not path.is_file() and (meant := _file_of_module(argument)):
        problem = f"{argument} names a module, and asok takes the file that makes the app: {meant.as_posix()}"
        module = ".".join(meant.with_suffix("").parts)
        package = f"; or put an app.py above the package: `from {module} import app`" if "." in module else ""
        raise ConfigurationError(problem + package)
    if not path.is_file():
        raise ConfigurationError(
            f"there is no {path} here; change to the project's folder, name the file, or start with `asok new NAME`"
        )
    if path.suffix != ".py":
        raise ConfigurationError(f"{path} is no Python file; name the one that makes the app, like `asok dev app.py`")
    return path.resolve()


def _file_of_module(argument: str) -> Path | None:
    """The file that `shop.web:app` or `shop/web.py:app` means, as other servers are told, where it is there."""
    module = argument.partition(":")[0].removesuffix(".py").replace(".", "/")
    found = (Path(f"{module}.py"), Path(module) / "__init__.py")
    return next((path for path in found if path.is_file()), None)


def load(path: Path) -> Loaded:
    """Import the file, as `python` would run it, and find its app.

    Raises ConfigurationError when there is none, and whatever the file raises.
    """
    sys.path.insert(0, str(path.parent))
    found = vars(import_file(path))
    asoks = {name: value for name, value in found.items() if isinstance(value, Asok)}
    app = found.get("app")
    factory = "app" if is_factory(app) else next((name for name in FACTORIES if is_factory(found.get(name))), "")
    if factory and not asoks:
        raise ConfigurationError(
            f"{path.name} makes no app, but {factory}() would; write `app = {factory}()` at its end"
        )
    if callable(app):
        return Loaded(app, tuple(asoks.values()))
    distinct = list({id(value): value for value in asoks.values()}.values())
    if not distinct:
        raise ConfigurationError(f"{path.name} makes no app; write `app = Asok()` in it")
    if len(distinct) > 1:
        raise ConfigurationError(f"{path.name} makes several apps ({', '.join(asoks)}); call the one to serve `app`")
    return Loaded(distinct[0], (distinct[0],))


def is_factory(value: object) -> bool:
    """Whether it is a function that is called without arguments, which no ASGI app is."""
    if not inspect.isfunction(value):
        return False
    needed = [each for each in inspect.signature(value).parameters.values() if each.default is each.empty]
    return all(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in needed) and len(needed) < 2


def import_file(path: Path) -> ModuleType:
    # A file called like a module that is already there must not replace it: `random.py`, `select.py`.
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_app"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "it ends in .py"
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SystemExit:
        raise ConfigurationError(f"{path.name} ends Python with sys.exit() instead of making an app") from None
    return module


def print_failure(error: BaseException, path: Path) -> None:
    """The traceback of what a file raised, from that file on: how it came to be imported is no news."""
    traceback.print_exception(type(error), error, frames_from(error.__traceback__, path))


def frames_from(frames: TracebackType | None, path: Path) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_code.co_filename != str(path):
        frames = frames.tb_next
    return frames
