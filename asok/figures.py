"""`ASOK_METRICS`: one address that tells the figures of all workers together."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator

from asok.errors import ConfigurationError

__all__ = ["SETTING", "told"]

SETTING = "ASOK_METRICS"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextlib.contextmanager
def told() -> Iterator[Callable[[int], None]]:
    """Inside, the address of `ASOK_METRICS` is served, and processes that begin share their figures in a folder.

    The result is to be told of each such process that has ended. Raises ConfigurationError.
    """
    address = os.environ.get(SETTING, "")
    if not address:
        yield lambda process: None
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"{SETTING}={address!r}: expected an address and a port, such as 127.0.0.1:9100")
    with _folder() as own:
        os.environ.setdefault(FOLDER, own)
        try:
            from asok.metrics import forget_process, serve_figures
        except ImportError:
            problem = f"{SETTING} needs the package prometheus-client; install asok-live[prometheus]"
            raise ConfigurationError(problem) from None
        try:
            serve_figures(host.strip("[]"), int(port))
        except (OSError, OverflowError, ValueError) as error:
            raise ConfigurationError(f"{SETTING}={address!r}: {error}") from None
        try:
            yield forget_process
        finally:
            if os.environ.get(FOLDER) == own:
                del os.environ[FOLDER]


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="asok-metrics-")
    except OSError as error:
        problem = f"{SETTING} needs a folder for the figures of the workers: {error.strerror or error}"
        raise ConfigurationError(f"{problem}; set TMPDIR to one that this process may write") from None
